"""What an engine is told that a session may use."""

import pytest

from blocks.engine.limits import limits_of
from pool.records import ContainerSpec

pytestmark = pytest.mark.unit


def told(**values) -> dict:
    return limits_of(ContainerSpec("dd-alice", "sha256:aa", 8888, 20001, 64, **values))


def test_a_session_has_its_memory_and_no_swap():
    assert (told()["mem_limit"], told()["memswap_limit"]) == ("64m", "64m")


@pytest.mark.parametrize(("cpus", "quota"), [(0.5, 50_000), (2, 200_000), (0.0001, 1_000)])
def test_cpus_are_a_quota_of_the_time_of_one_so_that_no_host_has_too_few(cpus, quota):
    assert (told(cpus=cpus)["cpu_period"], told(cpus=cpus)["cpu_quota"]) == (100_000, quota)


def test_without_a_limit_of_cpus_none_is_asked_for():
    assert not {"cpu_period", "cpu_quota", "nano_cpus"} & told().keys()


def test_no_session_gets_more_rights_than_it_has():
    assert (told()["cap_drop"], told()["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
