"""What an engine is told that a session may use."""

import pytest

from blocks.engine.limits import limits_of
from pool.records import ContainerSpec

pytestmark = pytest.mark.unit


def told(**values) -> dict:
    return limits_of(ContainerSpec("dd-alice", "sha256:aa", 8888, 20001, 64, **values))


@pytest.mark.parametrize(("swap", "together"), [(0, "64m"), (100, "164m")])
def test_a_session_has_its_memory_and_no_more_swap_than_its_blueprint_says(swap, together):
    assert (told(swap_mb=swap)["mem_limit"], told(swap_mb=swap)["memswap_limit"]) == ("64m", together)


@pytest.mark.parametrize(("cpus", "quota"), [(0.5, 50_000), (2, 200_000), (0.0001, 1_000)])
def test_cpus_are_a_quota_of_the_time_of_one_so_that_no_host_has_too_few(cpus, quota):
    assert (told(cpus=cpus)["cpu_period"], told(cpus=cpus)["cpu_quota"]) == (100_000, quota)


def test_without_a_limit_of_cpus_none_is_asked_for():
    assert not {"cpu_period", "cpu_quota", "nano_cpus"} & told().keys()


def test_a_process_may_have_as_many_files_open_as_its_blueprint_says_and_none_writes_a_core():
    core = {"Name": "core", "Soft": 0, "Hard": 0}
    assert told()["ulimits"] == [core]
    assert told(open_files=4096)["ulimits"] == [core, {"Name": "nofile", "Soft": 4096, "Hard": 4096}]


def test_a_session_that_changes_nothing_of_its_image_writes_into_memory_alone():
    assert not {"read_only", "tmpfs"} & told().keys()
    asked = told(read_only=True, shm_mb=48)
    assert (asked["read_only"], sorted(asked["tmpfs"])) == (True, ["/run", "/tmp", "/var/tmp"])
    assert {options.rpartition(",")[2] for options in asked["tmpfs"].values()} == {"size=48m"}


def test_no_session_gets_more_rights_than_it_has():
    assert (told()["cap_drop"], told()["security_opt"]) == (["ALL"], ["no-new-privileges:true"])


def test_the_engine_is_asked_for_the_gpus_that_a_session_has_and_for_no_others():
    (asked,) = told(gpus=(1, 3))["device_requests"]
    assert (asked["DeviceIDs"], asked["Capabilities"]) == (["1", "3"], [["gpu"]])
    assert "device_requests" not in told()
