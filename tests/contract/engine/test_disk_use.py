"""What a real engine says of what sessions wrote, and of a limit for it."""

from dataclasses import replace

import pytest

from blocks.engine.probes.disk import layers_on, no_disk_limit, written_mb
from blocks.host_setup.disk_looks import files_in, look_for_files
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


def test_the_files_that_a_session_wrote_are_counted(host, run):
    run()
    until(lambda: written_mb(host.engine, "dd-disk") == {"alice": 31}, "30 MiB are written")
    folders = layers_on(host.engine, "dd-disk")
    said = host.answer(look_for_files(folders.values()))
    assert 1 < int(said.split()[2]) < 20
    assert files_in(said, folders) == {"alice": 0}


def test_a_session_runs_without_a_limit_where_the_storage_has_none(host, run):
    """As here, where the engine's data is not on xfs with project quotas."""
    run(disk_mb=100)
    assert host.engine.find("dd-alice").running
    with host.engine.client("say how it was made") as client:
        assert not client.inspect_container("dd-alice")["HostConfig"].get("StorageOpt")
    assert "pquota" in no_disk_limit(host.engine)
