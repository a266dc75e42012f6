"""Files that stand for what is locked: an account that may read one may keep it locked."""

import fcntl
import subprocess
import tempfile
from pathlib import Path

import pytest

from blocks.files.private_files import open_lock
from blocks.gateway.snapshot import Snapshot
from blocks.images.layer_files import locked
from blocks.settings import ProcessSettings
from runtime.command.cli import alone

pytestmark = pytest.mark.unit

AS_A_LOCAL_ACCOUNT = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture
def folder():
    """A folder that every account may enter: those above pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="dd-test-locks-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def takes(folder, name: str) -> bool:
    """Whether a local account can lock a file."""
    return subprocess.run([*AS_A_LOCAL_ACCOUNT, "flock", str(folder / name), "true"], check=False).returncode == 0


@pytest.mark.parametrize("mode", [None, 0o644, 0o666], ids=["new", "of an older version", "open to all"])
def test_no_local_account_keeps_a_lock_from_its_owner(folder, mode):
    if mode:
        (folder / "lock").touch()
        (folder / "lock").chmod(mode)
        assert takes(folder, "lock")
    with open_lock(folder / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not takes(folder, "lock")


def test_every_lock_of_an_installation_is_such_a_file(folder):
    settings = ProcessSettings(data=folder, _env_file=None)
    with Snapshot(folder / "routes.json").locked(), locked(folder / "layers", fcntl.LOCK_EX), alone(settings, "up"):
        modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
    assert modes == dict.fromkeys(("routes.lock", "layers", "command.lock"), 0o600)
