"""Secrets of a session: which requests may name some, and when those for one use are dropped."""

from datetime import timedelta

import pytest

from pool.errors import BadRequest, Refused
from pool.records import KeptWork
from pool.sessions.moving import check_can_move
from pool.sessions.secrets import check_secrets, check_value, no_longer_needed
from pool.standbys.spec import may_have_standby
from tests.rigs.pool_data import NOW, a_blueprint, an_instance

pytestmark = pytest.mark.unit

OWN = a_blueprint(container_user="session:1000")
CLEAR = "Correct-Horse-Battery"
OLD = NOW - timedelta(hours=2)


def wanted(**secrets) -> dict:
    return {"secrets": secrets}


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ("text", "must map at most 20 names"),
        ({f"S{number}": "a" for number in range(21)}, "must map at most 20 names"),
        ({"../KEY": "a"}, "a name of a secret has letters"),
        ({"KEY": CLEAR}, "KEY must name a Secret block .*, and never hold the secret itself"),
        ({"KEY": 7}, "KEY must name a Secret block"),
        ({"KEY": ""}, "KEY must name a Secret block"),
    ],
)
def test_an_option_that_names_no_blocks_is_refused_and_what_it_holds_is_not_repeated(secrets, said):
    with pytest.raises(BadRequest, match=said) as refused:
        check_secrets({"secrets": secrets}, OWN)
    assert CLEAR not in str(refused.value)


@pytest.mark.parametrize("user", ["", "jovyan", "jovyan:1000"])
def test_a_blueprint_whose_user_is_not_known_by_number_gives_no_secrets(user):
    with pytest.raises(Refused, match="set its container_user"):
        check_secrets(wanted(KEY="hub-token"), a_blueprint(container_user=user))


def test_a_blueprint_whose_sessions_are_read_only_gives_no_secrets():
    with pytest.raises(Refused, match="nothing can be put into them"):
        check_secrets(wanted(KEY="hub-token"), a_blueprint(container_user="1000:1000", read_only=True))


@pytest.mark.parametrize("path", ["/run", "/run/secrets", "/run/secrets/KEY"])
def test_secrets_never_come_into_a_backup(path):
    with pytest.raises(Refused, match="its backups would hold /run/secrets"):
        check_secrets(wanted(KEY="hub-token"), a_blueprint(container_user="0:0", keep=KeptWork(("/home", path))))


@pytest.mark.parametrize("options", [{}, wanted(), wanted(HUB_TOKEN="hub-token", ssl="once-3f0c")])
def test_names_of_blocks_are_taken(options):
    check_secrets(options, a_blueprint(container_user="1000:1000", keep=KeptWork(("/home", "/running"))))


@pytest.mark.parametrize("value", [None, {"a": "b"}, "", "x" * 65537])
def test_a_block_that_holds_no_text_of_a_fair_length_is_refused(value):
    with pytest.raises(Refused, match="secret KEY: its Secret block holds no text of at most 65536 bytes"):
        check_value("KEY", value)
    assert check_value("KEY", "häuser\n") == "häuser\n".encode()


def test_a_session_with_secrets_is_given_no_standby():
    blueprint = a_blueprint(standby=1)
    assert may_have_standby(blueprint, {})
    assert not may_have_standby(blueprint, wanted(KEY="hub-token"))


def test_a_session_that_had_a_secret_for_one_use_is_not_moved():
    session = an_instance(options=wanted(KEY="once-1"), keep=KeptWork(("/home",)))
    with pytest.raises(Refused, match="had a secret for one use, which it could not be given elsewhere"):
        check_can_move(session)


def test_a_secret_for_one_use_that_no_session_begins_with_is_dropped_an_hour_after_it_was_saved():
    saved = {"once-new": NOW, "once-old": OLD, "once-needed": OLD}
    assert no_longer_needed(saved, [an_instance(options=wanted(KEY="once-needed"))], NOW) == ["once-old"]
