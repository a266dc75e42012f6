"""A request for several sessions: what of it is taken, and what is refused; and what ends with a cancelled request."""

import pytest

from pool.errors import BadRequest
from pool.sessions.requests import MOST_SESSIONS, Wanted, ends_with_run, read_wanted
from pool.states import InstanceState
from tests.rigs.pool_data import NOW, an_instance, later

pytestmark = pytest.mark.unit

ADA = {"instance_id": "bio101-ada", "user": "ada"}


def test_each_session_has_an_id_and_may_have_a_user():
    assert read_wanted([ADA, {"instance_id": "b-2"}]) == ([Wanted("bio101-ada", "ada"), Wanted("b-2")], {})


@pytest.mark.parametrize(
    ("sessions", "said"),
    [
        ([], "for 1 to 500 sessions, not for 0"),
        ([ADA] * (MOST_SESSIONS + 1), "not for 501"),
        ([ADA, "bob"], "session 2 of the request is not of the form"),
        ([{"user": "ada"}], "session 1 of the request is not of the form"),
        ([ADA | {"flavor": "large"}], "session 1 of the request is not of the form"),
        ([{"instance_id": 7}], "session 1 of the request is not of the form"),
    ],
)
def test_a_request_of_another_form_is_refused_as_a_whole(sessions, said):
    with pytest.raises(BadRequest, match=said):
        read_wanted(sessions)


def test_an_id_of_no_valid_form_keeps_no_other_session_from_its_place():
    wanted, refused = read_wanted([{"instance_id": "Bio 101"}, ADA])
    assert (wanted, list(refused)) == ([Wanted("bio101-ada", "ada")], ["Bio 101"])


def test_two_spellings_of_one_user_are_one_user():
    asked = [ADA | {"user": name} for name in ("Ce\u0301line", "C\u00e9line")]
    assert read_wanted(asked) == ([Wanted("bio101-ada", "C\u00e9line")], {})


def test_a_session_that_is_named_twice_is_wanted_once_and_for_two_users_not_at_all():
    assert read_wanted([ADA, ADA]) == ([Wanted("bio101-ada", "ada")], {})
    wanted, refused = read_wanted([ADA, ADA | {"user": "bob"}])
    assert (wanted, refused) == ([], {"bio101-ada": "instance bio101-ada is in the request twice, for 'ada' and 'bob'"})


@pytest.mark.parametrize(
    ("state", "holder", "ends"),
    [
        ("starting", "run-1", True),
        ("running", "run-1", True),
        ("stopping", "run-1", False),
        ("starting", None, True),
        ("queued", None, True),
        ("running", None, False),
        ("starting", "run-2", False),
        ("queued", "run-2", False),
    ],
)
def test_what_a_cancelled_run_had_begun_ends_with_it_and_what_another_run_is_at_does_not(state, holder, ends):
    assert ends_with_run(an_instance(state=InstanceState(state)), "run-1", NOW, holder) is ends


def test_a_session_that_was_in_the_queue_before_is_not_ended_by_a_second_request_that_is_cancelled():
    assert not ends_with_run(an_instance(state=InstanceState.QUEUED, host=None), "run-2", later(1), None)
