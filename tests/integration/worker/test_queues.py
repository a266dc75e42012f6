"""A worker of another machine than the manager's: what is for the manager's own workers it leaves to them."""

from uuid import uuid4

import pytest

from tests.rigs.services.prefect_server import stop
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

FLOWS = "tests.rigs.stacks.warm_flows"


@pytest.fixture
def pool(prefect_server):
    """A pool with one worker, which takes from the queue `default` alone, as on a machine of workers."""
    name = prefect_server.pool(f"warm-{uuid4().hex[:6]}")
    worker = prefect_server.worker(name, f"{name}-elsewhere", "dockerdriver-warm", "-q", "default")
    until(lambda: prefect_server.call("POST", f"/work_pools/{name}/workers/filter"), "the worker is online", 60)
    yield name
    stop(worker)


def test_a_run_of_the_manager_s_queue_waits_for_a_worker_that_takes_all(prefect_server, pool):
    own = prefect_server.deployment(f"{FLOWS}:stamp", pool, work_queue_name="manager")
    waits = prefect_server.trigger(own)
    anyones = prefect_server.trigger(prefect_server.deployment(f"{FLOWS}:plain", pool))
    assert prefect_server.wait(anyones)["type"] == "COMPLETED"
    assert (
        prefect_server.state(waits)["type"] == "SCHEDULED"
    )  # neither by the event, which tells of both, nor by a poll
    manager = prefect_server.worker(pool, f"{pool}-manager")
    try:
        assert prefect_server.wait(waits, seconds=60)["type"] == "COMPLETED"
    finally:
        stop(manager)
