"""Hosts out of reach: whether it is their own fault."""

import pytest

from pool.hosts.reach import many_silent, reach_troubles
from pool.states import HostState
from tests.rigs.pool_data import NOW, a_host

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("silent", "asked", "many"),
    [(0, 0, False), (1, 1, False), (1, 2, False), (2, 2, True), (2, 4, False), (3, 5, True)],
)
def test_many_are_two_or_more_and_most_of_those_that_were_asked(silent, asked, many):
    assert many_silent(silent, asked) is many


def test_the_status_names_each_pool_that_is_cut_off():
    main = [a_host(f"main-0{n}", unreachable_since=NOW) for n in (1, 2)]
    gpu = [a_host("gpu-01", pool="gpu", unreachable_since=NOW), a_host("main-03", state=HostState.SPAWNING)]
    (told,) = reach_troubles([*main, *gpu])
    assert told.startswith("Pool main: 2 of 2 hosts are out of reach at once")
