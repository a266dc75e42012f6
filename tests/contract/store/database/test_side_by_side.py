"""Workers of the version before beside those of this one: its code on today's tables, as in the midst of an upgrade."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pool.states import InstanceState
from tests.rigs.pool_data import NOW, ask, claim_active, later, place
from tests.rigs.stacks.moving_checkout import archive_of
from tests.rigs.stacks.stack import CHECKOUT

pytestmark = pytest.mark.contract

#: Where no release is before this commit: one with seven migrations less.
EARLIEST = "6f6a21e"
#: A worker's life: a session is asked for, gets room and runs; another one, of the other version, is ended.
LIVES = """
import sys
from pool.states import InstanceState
from pool.store.pool_store import PoolStore
from tests.rigs.pool_data import NOW, ask, place
from tests.rigs.pool_data import run as begin_to_run
store = PoolStore.open(sys.argv[1])
ask(store, "old-1")
assert place(store, "old-1"), "no room"
begin_to_run(store, "old-1")
store.instances.move("new-1", InstanceState.STOPPING, NOW)
store.instances.move("new-1", InstanceState.DELETED, NOW)
assert store.leases.take("housekeeping of main", "old", 60, NOW) is None
print(sorted((one.id, str(one.state)) for one in store.instances.all("main")))
"""


def version_before() -> str:
    """The newest release before this commit, else the earliest whose code is known to go on beside this one's."""
    asked = ["git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^"]
    said = subprocess.run(asked, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return said.stdout.strip() or EARLIEST


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> Path:
    """A checkout of the version before; where the clone's history does not reach back to it, nothing is tried."""
    folder = tmp_path_factory.mktemp("before")
    version = version_before()
    if subprocess.run(["git", "cat-file", "-e", f"{version}^{{commit}}"], cwd=CHECKOUT, check=False).returncode:
        pytest.skip(f"this clone's history does not reach back to {version}")
    with tarfile.open(fileobj=io.BytesIO(archive_of(version))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def lived(before: Path, url: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(before)}
    done = subprocess.run(
        [sys.executable, "-c", LIVES, url], cwd=before, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_worker_of_the_version_before_works_on_today_s_tables_beside_one_of_today(store, store_url, before):
    claim_active(store)
    ask(store, "new-1")
    place(store, "new-1")
    assert "('old-1', 'running')" in lived(before, store_url)
    known = {one.id: one.state for one in store.instances.all("main")}
    assert known == {"new-1": InstanceState.DELETED, "old-1": InstanceState.RUNNING}
    assert store.leases.take("housekeeping of main", "new", 60, NOW) == "old"
    assert store.leases.take("housekeeping of main", "new", 60, later(61)) is None
    store.instances.move("old-1", InstanceState.STOPPING, NOW)
    store.instances.move("old-1", InstanceState.DELETED, NOW)
    assert store.hosts.get("main-01").reserved == 0
