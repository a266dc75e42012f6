"""The form of a blueprint: what it takes, and one that cannot be read among others that can."""

import pytest
from pydantic import ValidationError

from blocks.stored.blueprint import Blueprint
from blocks.stored.default_blueprints import default_blueprints
from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest
from pool.records import BlueprintSpec
from tests.rigs.fakes import FakeBlocks

pytestmark = pytest.mark.unit

DIGEST = "sha256:" + "a" * 64
BROKEN = BadRequest("blueprint 'lab': image: image lab@latest: after the @ there must be a digest, sha256:…")


def form(**values) -> BlueprintSpec:
    return Blueprint(**{"image": "jupyter", "port": 8888} | values).spec("jupyter")


def test_the_blueprints_of_a_new_installation_can_be_read():
    assert [blueprint.spec(name).name for name, blueprint in default_blueprints().items()]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"image": "lab@latest"}, "after the @ there must be a digest"),
        ({"auth_header": "Basic {usr}"}, "{usr} is not filled into this header; {token} and {user} are"),
        ({"auth_header": "token {token}\r\nX-Admin: 1"}, "a header is one line"),
        ({"environment": {"A=B": "x"}}, "'A=B' is no name of a variable"),
        ({"start_timeout": 3601}, "less than or equal to 3600"),
        ({"lifetime": 10**12}, "less than or equal to"),
        ({"keep_before": ["sh", "a\0b"]}, "the command before a backup has a NUL character"),
        ({"keep_before": [" "]}, "begins with an empty word"),
        ({"keep_before_seconds": 0}, "greater than or equal to 1"),
        ({"read_only": True, "keep": ["/home"]}, "with read_only there is nothing to keep"),
        ({"stop_seconds": 601}, "less than or equal to 600"),
        ({"network": "none"}, "'open', 'closed' or 'list'"),
        ({"network": "list"}, "needs a network or an address in network_list"),
        ({"network_list": ["10.0.0.0/8"]}, "network_list counts with network: list alone"),
        ({"network": "list", "network_list": ["pypi.org"]}, "'pypi.org' is no network or address of IPv4"),
        ({"standby": 2, "command": ["{user}"]}, "its sessions cannot stand by: its command names {user}"),
        ({"standby": 2, "keep": ["/home"]}, "set standby to 0"),
        ({"standby_timetable": ["Mon 8-9: 3"]}, "standby_timetable: 'Mon 8-9: 3' cannot be read; write it like"),
        ({"standby_timetable": "Mon 08:00-09:00: 2000"}, "wants more than 1000 standbys"),
        ({"standby_by_demand": 1001}, "less than or equal to 1000"),
        ({"standby_by_demand": 9, "standby": 2, "keep": ["/home"]}, "set standby to 0 and standby_by_demand to 0"),
    ],
)
def test_the_form_refuses_what_no_session_could_be_made_by(values, said):
    with pytest.raises(ValidationError) as refused:
        form(**values)
    assert said in str(refused.value)


def test_what_is_kept_and_the_command_before_it_go_along_with_the_session():
    hook = {"keep_before": ["sh", "-c", "dump"], "keep_before_seconds": 9}
    keep = form(keep=["/home"], keep_every=600, stop_seconds=90, **hook).keep
    assert (keep.paths, keep.every, keep.before, keep.before_seconds) == (("/home",), 600, ("sh", "-c", "dump"), 9)
    assert keep.stop_seconds == 90


def test_what_sessions_reach_is_read_once_and_in_one_spelling():
    made = form(network="list", network_list=["192.0.2.7:443", "10.0.0.0/8"])
    assert (made.network, made.network_list) == ("list", ("10.0.0.0/8", "192.0.2.7/32:443"))


def test_a_timetable_of_standbys_is_written_as_lines_or_as_one_text():
    lines = ("Mon,Wed 08:00-12:00: 10", "Fri 09:00-10:00: 4")
    assert form(standby_timetable=", ".join(lines)).standby_timetable == lines
    assert form(standby_timetable=[*lines]).standby_timetable == lines


def test_how_long_and_how_often_a_user_may_extend_goes_along_with_the_session():
    extended = form(extend_by=1800, extensions=3)
    assert (extended.extend_by, extended.extensions) == (1800, 3)
    assert form().extend_by == 0


@pytest.mark.parametrize("header", ["", "token {token}", "Basic {user}", "Bearer {}", "{token.x}", "{", "{0[x]}"])
def test_the_form_takes_every_header_that_can_be_filled_in(header):
    assert form(auth_header=header).proxy.auth_header == header


def test_the_form_says_all_that_makes_no_sense_at_once():
    with pytest.raises(ValidationError) as refused:
        form(shm_mb=9999, memory_mb=512, extend_by=5, keep=["home"], command=["{prt}", "{usr}"])
    for said in ("shared memory", "an extension of 5 s", "'home' cannot be kept", "{prt} is not", "{usr} is not"):
        assert said in str(refused.value)


def test_a_blueprint_that_cannot_be_read_takes_nothing_from_the_others():
    good = Blueprint(image=f"lab@{DIGEST}", port=8888)
    stored = FakeBlocks({Blueprint: {"broken": BROKEN, "lab": good}, PoolConfig: {}})
    assert stored.pinned_versions("main") == {("lab", DIGEST)}
    assert stored.blueprints().unreadable == {"broken": str(BROKEN)}


@pytest.mark.parametrize("spelling", ["jupyter-minimal:latest", "docker.io/library/jupyter-minimal", "jupyter-minimal"])
def test_an_image_in_any_spelling_is_the_catalogues_own(spelling):
    assert form(image=spelling).image == "jupyter-minimal"
