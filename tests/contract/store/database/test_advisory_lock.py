"""The advisory lock of all machines: two never hold it at once, and it ends with the process that has it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pool.errors import Refused
from pool.store.pool_store import PoolStore
from tests.rigs.pool_data import NOW
from tests.rigs.services.at_once import at_once

pytestmark = pytest.mark.contract
HOLD = """
import sys, time
from pool.store.pool_store import PoolStore
with PoolStore.open(sys.argv[1]).leases.advisory_lock("gateways"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def kind():
    return "postgresql"


def test_what_is_under_it_is_done_by_one_at_a_time_and_by_all(store_url):
    stores, inside, most = [PoolStore.open(store_url) for _ in range(3)], [0], [0]

    def act(number: int) -> None:
        store = stores[number % 3]  # each is another process, to the database
        with store.leases.advisory_lock("gateways"):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            store.leases.holders(["any"], NOW)  # who has it needs a connection beside the lock's
            time.sleep(0.002)
            inside[0] -= 1

    assert at_once(90, act) == [None] * 90
    assert most == [1]
    for store in stores:
        store.close()


def test_another_name_is_another_lock(store):
    held = []
    with store.leases.advisory_lock("gateways"), store.leases.advisory_lock("other"):
        held.append("both")
    assert held == ["both"]


def test_a_process_that_is_killed_gives_it_back(store, store_url):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, store_url], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    began = time.monotonic()
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with store.leases.advisory_lock("gateways"):
        assert time.monotonic() - began < 20
    holder.stdout.close()


def test_what_is_raised_under_it_gives_it_back(store):
    for _ in range(2):
        with pytest.raises(ValueError, match="of the block"), store.leases.advisory_lock("gateways"):
            raise ValueError("of the block")


def test_sqlite_is_of_one_machine_and_refuses(tmp_path):
    with (
        pytest.raises(Refused, match="need PostgreSQL"),
        PoolStore.open(f"sqlite:///{tmp_path}/p").leases.advisory_lock("gateways"),
    ):
        pass
