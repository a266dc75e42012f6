"""What a real engine says of what sessions wrote, and of a limit for it."""

from dataclasses import replace

import pytest

from blocks.engine.disk import written_mb
from pool.records import ContainerSpec
from tests.rigs.waiting import until

pytest_plugins = ("tests.rigs.engines.light_engine",)
pytestmark = pytest.mark.contract

LABELS = {"dockerdriver.namespace": "dd-disk", "dockerdriver.pool": "main", "dockerdriver.instance": "alice"}
WRITES = ("sh", "-c", "dd if=/dev/zero of=/big bs=1M count=30 2>/dev/null; sleep 600")


@pytest.fixture
def run(host, image):
    """Run a session's container with this command."""
    specs = []

    def run_one(**values) -> None:
        spec = ContainerSpec("dd-alice", image.id, 8888, 20001, 64, command=WRITES, labels=LABELS)
        specs.append(replace(spec, **values))
        host.engine.run(specs[-1])

    yield run_one
    for spec in specs:
        host.engine.remove(spec.name)


def test_what_a_session_wrote_is_measured_and_that_of_others_is_not_told(host, run):
    run()
    run(name="dd-bob", host_port=20002, labels=LABELS | {"dockerdriver.namespace": "dd-other"})
    until(lambda: written_mb(host.engine, "dd-disk") == {"alice": 31}, "30 MiB are written")


def test_a_session_runs_without_a_limit_where_the_storage_has_none(host, run):
    """As here, where the engine's data is not on xfs with project quotas."""
    run(disk_mb=100)
    assert host.engine.find("dd-alice").running
    with host.engine.client("say how it was made") as client:
        assert not client.inspect_container("dd-alice")["HostConfig"].get("StorageOpt")
