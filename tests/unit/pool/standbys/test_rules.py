"""Which standbys a request may have, which are given up, which end, and where others begin."""

from dataclasses import replace
from typing import Any

import pytest

from pool.records import Host, Placement
from pool.settings import PoolSettings
from pool.standbys.rules import AT_ONCE, LONGEST_LIFE, PAUSE, Standbys, adoptable, to_end, to_give_up, to_start
from pool.standbys.spec import StandbySpec
from pool.standbys.standby import Standby, StandbyState
from pool.states import HostState
from tests.rigs.pool_data import NOW, a_blueprint, a_host, later

pytestmark = pytest.mark.unit

READY, STARTING = StandbyState.READY, StandbyState.STARTING


def a_standby(name: str = "a", state: StandbyState = READY, host: str = "main-01", **values) -> Standby:
    """One of the blueprint jupyter, made by its spec of today."""
    usual: dict[str, Any] = {
        "pool": "main",
        "blueprint": "jupyter",
        "slots": 1,
        "route": "route",
        "token": "secret",
        "made_by": "spec",
        "image": "sha256:jupyter",
        "created_at": NOW,
        "state_since": NOW,
        "placement": Placement(host, 20000),
    }
    return Standby(f"standby.{name}", state=state, **usual | values)


def standbys(*there: Standby, hosts: list[Host] | None = None, wanted: int = 1, settings=None, now=NOW, **case):
    hosts = [a_host(standby=len(there))] if hosts is None else hosts
    images = dict.fromkeys((host.name for host in hosts), "sha256:jupyter")
    specs = {"jupyter": StandbySpec(a_blueprint(standby=wanted), "spec", images)} if wanted else {}
    named = {host.name: host for host in hosts}
    return Standbys(there, specs, named, PoolSettings(**settings or {}), now, **case)


def names(found: list[Standby]) -> list[str]:
    return [one.id.removeprefix("standby.") for one in found]


# Which a request may have


def test_a_request_may_have_those_that_are_ready():
    case = standbys(a_standby("a"), a_standby("b", STARTING), a_standby("c", StandbyState.ENDING))
    assert names(adoptable(case, "jupyter", 60)) == ["a"]
    assert adoptable(case, "rstudio", 60) == []


def test_the_one_on_the_fullest_host_comes_first_and_one_that_its_host_outlives_not_last():
    hosts = [
        a_host("main-01"),
        a_host("main-02", reserved=3),
        a_host("main-03", reserved=4, first_used_at=later(-9000)),
    ]
    case = standbys(*(a_standby(str(number), host=f"main-0{number}") for number in (1, 2, 3)), hosts=hosts)
    assert names(adoptable(case, "jupyter", 60)) == ["3", "2", "1"]
    assert names(adoptable(case, "jupyter", 6000)) == ["2", "1", "3"]


@pytest.mark.parametrize(
    "host",
    [
        a_host(state=HostState.DRAINING),
        a_host(unreachable_since=NOW),
        a_host(disk_low_since=NOW),
        a_host(first_used_at=later(-14300)),
    ],
)
def test_none_is_given_on_a_host_that_takes_no_new_sessions(host):
    assert adoptable(standbys(a_standby(), hosts=[host]), "jupyter", 60) == []


@pytest.mark.parametrize("other", [{"made_by": "older"}, {"image": "sha256:older"}])
def test_none_is_given_that_is_not_what_a_cold_one_would_be(other):
    assert adoptable(standbys(a_standby(**other)), "jupyter", 60) == []


# Which make room


def test_as_few_make_room_as_must_and_those_that_are_ready_before_those_that_start():
    three = [a_standby("a", STARTING), a_standby("b", created_at=later(-5)), a_standby("c")]
    host = a_host(reserved=2, standby=3)
    assert names(to_give_up(three, [host], 2)) == ["b"]
    assert names(to_give_up(three, [host], 4)) == ["b", "c", "a"]


def test_those_of_the_first_host_make_room_on_which_it_is_enough():
    hosts = [a_host("main-01", slots=2, standby=1, reserved=1), a_host("main-02", slots=2, standby=2)]
    two = [a_standby("a"), a_standby("b", host="main-02"), a_standby("c", host="main-02")]
    assert names(to_give_up(two, hosts, 2)) == ["b", "c"]


def test_none_makes_room_where_there_is_some_or_where_all_of_them_would_not_do():
    assert to_give_up([a_standby()], [a_host(standby=1)], 5) == []
    assert to_give_up([a_standby()], [a_host(standby=1, reserved=3)], 4) == []


# Which end


def ends(*there: Standby, **case) -> list[str]:
    return [one.removeprefix("standby.") for one in to_end(standbys(*there, **case))]


def test_one_that_is_as_it_should_be_stays():
    assert ends(a_standby(), a_standby("b", STARTING), wanted=2) == []


def test_the_youngest_stay_where_fewer_are_wanted():
    assert ends(a_standby("a"), a_standby("b", created_at=later(5)), wanted=1) == ["a"]
    assert ends(a_standby("a"), a_standby("b", STARTING), wanted=0) == ["a", "b"]


@pytest.mark.parametrize("other", [{"made_by": "older"}, {"image": "sha256:older"}])
def test_one_of_an_older_blueprint_or_image_ends(other):
    assert ends(a_standby(**other)) == ["a"]


@pytest.mark.parametrize("state", [HostState.DRAINING, HostState.FAILED, HostState.REMOVED])
def test_those_on_a_host_that_goes_end(state):
    assert ends(a_standby(), hosts=[a_host(state=state)]) == ["a"]
    assert ends(a_standby(), hosts=[]) == ["a"]


def test_one_on_a_host_near_its_end_makes_way_for_one_elsewhere():
    assert ends(a_standby(), hosts=[a_host(first_used_at=later(-14300))]) == ["a"]


def test_one_whose_host_does_not_answer_is_unknown_and_not_gone():
    assert ends(a_standby(), hosts=[a_host(unreachable_since=NOW)]) == []


def test_one_that_is_unwell_or_old_or_starts_for_too_long_ends():
    assert ends(a_standby(), ailing={"standby.a": "it does not answer"}) == ["a"]
    assert ends(a_standby(), now=later(LONGEST_LIFE)) == []
    assert ends(a_standby(), now=later(LONGEST_LIFE + 1)) == ["a"]
    assert ends(a_standby(state=STARTING), now=later(181)) == ["a"]


def test_an_end_that_was_not_finished_is_gone_on_with_and_so_are_all_in_shutdown_mode():
    assert ends(a_standby(state=StandbyState.ENDING)) == ["a"]
    assert ends(a_standby(), settings={"shutdown_mode": True}) == ["a"]


# Where others begin


def begun(*there: Standby, gone: tuple[str, ...] = (), **case) -> list[tuple[str, str]]:
    return to_start(standbys(*there, **case), gone)


def test_as_many_begin_as_are_missing():
    assert begun(a_standby(), wanted=3) == [("main-01", "jupyter")] * 2
    assert begun(a_standby(), wanted=1) == []
    assert begun(a_standby(), wanted=1, gone=("standby.a",)) == [("main-01", "jupyter")]


def test_they_begin_on_the_fullest_hosts_that_have_room():
    hosts = [a_host("main-01", reserved=2), a_host("main-02", reserved=5), a_host("main-03", reserved=6)]
    assert [host for host, _ in begun(hosts=hosts, wanted=3)] == ["main-02", "main-01", "main-01"]


def test_they_begin_in_no_room_that_a_standby_has():
    assert begun(hosts=[a_host(reserved=3, standby=3)]) == []


def test_few_start_at_once():
    assert len(begun(hosts=[a_host(slots=24)], wanted=9)) == AT_ONCE
    assert len(begun(a_standby(state=STARTING), hosts=[a_host(slots=24)], wanted=9)) == AT_ONCE - 1


def test_none_begins_while_sessions_wait_or_the_pool_shuts_down():
    assert begun(queue=True) == begun(settings={"shutdown_mode": True}) == []


def test_none_begins_for_a_while_after_one_failed():
    failed = a_standby(state=StandbyState.FAILED, placement=None)
    assert begun(failed, now=later(PAUSE - 1)) == []
    assert begun(failed, now=later(PAUSE)) == [("main-01", "jupyter")]


def test_none_begins_on_a_host_that_lacks_the_image_or_takes_no_sessions():
    case = standbys(hosts=[a_host(unreachable_since=NOW)])
    assert to_start(case, ()) == []
    without = {"jupyter": replace(case.specs["jupyter"], images={})}
    assert to_start(replace(case, hosts={"main-01": a_host()}, specs=without), ()) == []
