"""How many sessions there may be at once, and what the one that is too many is told."""

import pytest

from pool.errors import TooManySessions
from pool.sessions.limits import SessionLimit, limits_of
from pool.settings import PoolSettings
from tests.rigs.pool_data import a_blueprint

pytestmark = pytest.mark.unit

TWO_EACH = SessionLimit(2, pool="main", user="ada")


def test_without_settings_nothing_is_limited():
    assert limits_of(PoolSettings(), a_blueprint(), "ada") == ()


def test_a_pool_and_a_blueprint_limit_each_user_and_all_together():
    settings = PoolSettings(max_sessions_per_user=3, max_sessions=60)
    blueprint = a_blueprint(name="rstudio", max_sessions_per_user=1, max_sessions=20)
    assert [(one.most, one.scope, one.user) for one in limits_of(settings, blueprint, "ada")] == [
        (1, "blueprint rstudio", "ada"),
        (3, "pool main", "ada"),
        (20, "blueprint rstudio", None),
        (60, "pool main", None),
    ]


def test_a_request_for_no_user_is_counted_among_all_alone():
    limits = limits_of(PoolSettings(max_sessions_per_user=1, max_sessions=9), a_blueprint(), "")
    assert [limit.most for limit in limits] == [9]


def test_one_more_is_let_in_below_the_limit_and_refused_at_it_and_above():
    TWO_EACH.check(["ada-1"])
    for there in (["ada-1", "ada-2"], ["ada-1", "ada-2", "ada-3"]):
        with pytest.raises(TooManySessions):
            TWO_EACH.check(there)


def test_a_user_is_told_which_sessions_to_end():
    with pytest.raises(TooManySessions) as refused:
        TWO_EACH.check(["ada-1", "ada-2"])
    assert str(refused.value) == (
        "user 'ada' has 2 sessions of pool main (ada-1, ada-2), and may have 2: end one first"
    )


def test_the_refusal_of_a_user_with_many_sessions_stays_a_sentence():
    with pytest.raises(TooManySessions, match=r"\(s-0, s-1, s-2, s-3, s-4, …\)"):
        TWO_EACH.check([f"s-{number}" for number in range(900)])


def test_the_refusal_of_a_limit_for_all_names_no_session_of_another_user():
    with pytest.raises(TooManySessions) as refused:
        SessionLimit(1, blueprint="rstudio").check(["bob-1"])
    assert str(refused.value) == "blueprint rstudio has 1 session, and may have 1: ask again when one has ended"
