"""Which blueprints and requests are started cold, and when a standby is outdated."""

from dataclasses import replace

import pytest

from pool.records import KeptWork
from pool.sessions.containers import container_spec
from pool.standbys.spec import StandbySpec, digest_of, may_have_standby, why_cold
from pool.standbys.standby import Standby, StandbyState
from tests.rigs.pool_data import NOW, a_blueprint, an_instance

pytestmark = pytest.mark.unit

WARM = a_blueprint(standby=2, environment={"TOKEN": "{token}", "PATH_": "{base_url}"}, container_user="session:100")


def test_a_blueprint_that_fills_in_route_token_and_a_uid_of_its_own_can_stand_by():
    assert (why_cold(WARM), StandbySpec(WARM, "", {}).wanted_at(NOW).standbys) == ("", 2)


@pytest.mark.parametrize(
    ("cold", "words"),
    [
        ({"command": ("lab", "--name={user}")}, "its command names {user}"),
        ({"environment": {"ID": "{instance_id}"}}, "its environment names {instance_id}"),
        ({"keep": KeptWork(("/home/ada",))}, "is brought back before it starts"),
    ],
)
def test_a_blueprint_that_must_know_its_session_is_started_cold_and_says_why(cold, words):
    blueprint = replace(WARM, **cold)
    assert words in why_cold(blueprint)
    assert StandbySpec(blueprint, "", {}).wanted_at(NOW).standbys == 0
    assert not may_have_standby(blueprint, {})


def test_a_request_with_an_environment_of_its_own_is_started_cold():
    assert may_have_standby(WARM, {"lifetime": 60})
    assert not may_have_standby(WARM, {"environment": {"COURSE": "bio"}})
    assert not may_have_standby(a_blueprint(), {})


def test_any_change_but_of_their_number_makes_standbys_old():
    today = digest_of(WARM, "UTC")
    more = replace(WARM, standby=5, standby_timetable=("Mon 08:00-09:00: 9",), standby_by_demand=7, standby_warm_up=9)
    assert digest_of(more, "UTC") == today
    others = [replace(WARM, memory_mb=600), replace(WARM, standby_frozen=True)]
    assert today not in (digest_of(WARM, "Europe/Berlin"), *(digest_of(one, "UTC") for one in others))


def test_the_container_of_a_session_from_a_standby_is_the_standbys_own():
    standby = Standby("standby.a", "main", "jupyter", StandbyState.READY, 1, "route", "t", "r", "i", NOW, NOW)
    place = an_instance().placement
    before = replace(standby.as_session(), placement=place)
    after = an_instance("ada-1", route="route", token="t", standby="standby.a", user="ada")
    assert container_spec(before, WARM, "i", "ours") == container_spec(after, WARM, "i", "ours")
