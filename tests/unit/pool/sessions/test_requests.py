"""A request for several sessions: what of it is taken, and what is refused; and what ends with a cancelled request."""

import pytest

from pool.errors import BadRequest
from pool.sessions.requests import MOST_SESSIONS, Wanted, read_wanted

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
