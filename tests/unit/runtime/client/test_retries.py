"""What is asked again, how often, and what is not."""

import httpx
import pytest

from dockerdriver_client import ClientError, NotFound, NotYet, Pauses, Refused, Unauthorized, Unavailable
from dockerdriver_client.asking import Asking
from dockerdriver_client.password import Password
from dockerdriver_client.runs import Runs
from dockerdriver_client.steps import Answer, Ask, Heard, Listen, Pause, Step, Steps

from .conftest import ADDRESS, PASSWORD, answer, settings_of

pytestmark = pytest.mark.unit

START = "POST /deployments/provision-instance/create_flow_run"
READ = "GET /artifacts/instance-ada-1/latest"
LOST = [503, 502, 429, httpx.ConnectError("connection refused"), httpx.ReadTimeout("")]


@pytest.mark.parametrize("lost", LOST, ids=repr)
def test_a_request_that_got_no_answer_is_asked_again_with_the_same_idempotency_key(call, api, lost):
    api.says(START, lost, lost, {"id": "run-of-provision-instance"})
    api.session(answer("running"))
    assert call("start", "ada-1", user="ada").state == "running"
    assert [body["idempotency_key"] for body in api.bodies(START)] == ["provision-ada-1"] * 3


def test_pauses_between_tries_double_up_to_the_longest(call, api):
    api.session(*[503] * 7, answer("running"))
    call("get", "ada-1")
    assert api.pauses == [0.5, 1, 2, 4, 8, 15, 15]


def test_chance_shortens_a_pause_to_no_less_than_half():
    assert [Pauses(first=4).after(1, chance) for chance in (0, 0.5, 1)] == [2, 3, 4]


def test_a_pause_after_very_many_tries_is_still_a_number():
    assert Pauses(longest=15).after(100_000, 1) == 15


def test_the_server_says_itself_after_how_long_it_wants_to_be_asked(call, api):
    api.session(httpx.Response(503, headers={"retry-after": "7"}), answer("running"))
    call("get", "ada-1")
    assert api.pauses == [7]


def test_a_call_gives_up_when_its_time_would_be_over_and_says_after_how_long_and_why(call, api):
    api.session(httpx.ConnectError("connection refused"))
    with pytest.raises(Unavailable, match=r"gave up after 8 s and 5 tries \(ConnectError: connection refused\)"):
        call("get", "ada-1", timeout=10)
    assert api.now <= 10


def test_no_try_may_take_longer_than_what_is_left_of_the_call(call, api):
    api.session(answer("running"))
    call("get", "ada-1", timeout=3)
    assert api.asked[-1].extensions["timeout"]["read"] == 3


def test_a_wrong_password_is_not_tried_again_and_is_named_without_being_told(kind, api, tmp_path):
    (file := tmp_path / "password").write_text(PASSWORD + "\n")
    api.session(401)
    with pytest.raises(Unauthorized) as refused:
        kind(api, password=None, password_file=file)("get", "ada-1")
    assert str(refused.value).endswith(f"does not take the password of user 'platform' in {file}")
    assert api.calls() == [READ]


def test_a_password_that_was_rotated_is_read_again_from_its_file(kind, api, tmp_path):
    (file := tmp_path / "password").write_text("platform:before")
    client = kind(api, password=None, password_file=file)
    file.write_text("platform:after")
    api.session(401, answer("running"))
    client("get", "ada-1")
    sent = [httpx.BasicAuth("platform", secret)._auth_header for secret in ("before", "after")]
    assert [each.headers["authorization"] for each in api.asked] == sent


def test_two_requests_that_were_under_way_at_a_rotation_are_both_asked_again(api, tmp_path):
    (file := tmp_path / "password").write_text("platform:before")
    asking = Asking(ADDRESS, Password(None, file), settings_of(api))
    both = [asking.ask("GET", "/admin/version", None, until=60) for _ in range(2)]
    for each in both:
        next(each)
    file.write_text("platform:after")
    assert [type(each.send(Answer(401, "{}"))) for each in both] == [Pause, Pause]


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_parameter_that_the_server_does_not_take_is_refused_with_its_own_words(call, api, status):
    api.says(START, status)
    with pytest.raises(Refused, match="as the test says"):
        call("start", "ada-1")
    assert api.pauses == []


def test_a_server_without_the_deployment_is_told_from_a_session_that_is_unknown(call, api):
    api.says("GET /deployments/name/provision-instance/on-demand", 404)
    with pytest.raises(NotFound, match="no deployment provision-instance/on-demand"):
        call("start", "ada-1")


def path_of(step: Step) -> str:
    assert isinstance(step, Ask)
    return step.path


def test_a_deployment_that_was_made_anew_is_looked_up_again(kind, api):
    client = kind(api)
    api.says("GET /deployments/name/provision-instance/on-demand", {"id": "old"}, {"id": "provision-instance"})
    api.says("POST /deployments/old/create_flow_run", {"id": "run-of-provision-instance"}, 404)
    api.session(answer("running"))
    assert [client("start", "ada-1").state for _ in range(2)] == ["running", "running"]
    assert len(api.bodies(START)) == 1


def test_a_deployment_that_was_made_anew_is_looked_up_again_by_each_of_two_requests_at_once(api):
    runs = Runs(Asking(ADDRESS, Password(PASSWORD, None), settings_of(api)))
    one, other, first = (runs.run("f", key, {}, until=60) for key in ("one", "other", "first"))
    next(first)
    first.send(Answer(200, '{"id": "old"}'))
    assert [path_of(next(each)) for each in (one, other)] == ["/deployments/old/create_flow_run"] * 2
    again = [each.send(Answer(404, "{}")) for each in (one, other)]
    assert [path_of(each) for each in again] == ["/deployments/name/f/on-demand"] * 2


def listened(runs: Runs, *heard: bool) -> list[tuple[float, float]]:
    """How long a wait listens, and pauses where it cannot, when there is nothing to see and so many times an event."""

    def nothing() -> Steps[int | None]:
        yield from ()
        return None

    wait = runs.watch(nothing, "resource", 600, lambda: NotYet("", 0))
    steps = [next(wait), *(wait.send(Heard(event=event)) for event in heard)]
    return [(step.seconds, step.without_events) for step in steps if isinstance(step, Listen)]


def test_a_wait_that_hears_events_looks_seldom_but_a_second_time_soon_after_each(api):
    runs = Runs(Asking(ADDRESS, Password(PASSWORD, None), settings_of(api)))
    heard = [seconds for seconds, _ in listened(runs, True, False, False, False, False, True)]
    assert heard == pytest.approx([0.4, 0.4, 20, 30, 45, 60, 0.4])


def test_a_wait_that_hears_none_looks_after_pauses_that_grow_to_ten_seconds(api):
    runs = Runs(Asking(ADDRESS, Password(PASSWORD, None), settings_of(api)))
    pauses = [without for _, without in listened(runs, *[False] * 9)]
    assert [*pauses[:3], pauses[-1]] == pytest.approx([0.4, 0.6, 0.9, 10])


def test_an_address_that_is_no_api_is_said_to_be_none(call, api):
    api.session(httpx.Response(200, text="<html>"))
    with pytest.raises(Refused, match="ends in /api"):
        call("get", "ada-1")


def test_an_answer_of_another_form_is_told_without_the_secrets_in_it(call, api):
    api.session(answer("running", url=None))
    with pytest.raises(ClientError, match="instance-ada-1 is not of the form") as told:
        call("get", "ada-1")
    assert "ticket" not in str(told.value)


@pytest.mark.parametrize("method", ["link", "logs"])
@pytest.mark.parametrize("data", ['[{"launch_url": "ticket", "line": ["ticket"]}]', '["ticket"]', "ticket", None])
def test_a_table_of_another_form_is_told_without_what_is_in_it(call, api, method, data):
    api.says("POST /artifacts/filter", [{"key": f"{method}-ada-1", "data": data}])
    with pytest.raises(ClientError, match=f"{method}[^ ]*-ada-1 is not of the form") as told:
        call(method, "ada-1")
    assert "ticket" not in str(told.value)


@pytest.mark.parametrize("address", ["", "prefect.test/api", "ftp://prefect.test", "http://a:b@prefect.test/api"])
def test_an_address_of_no_server_is_refused_at_once(kind, address):
    with pytest.raises(ValueError, match="form http://host:port/api"):
        kind.__base__(address, password=PASSWORD)


@pytest.mark.parametrize("given", [{}, {"password": "no-pair"}, {"password": PASSWORD, "password_file": "x"}])
def test_a_client_is_given_one_pair_in_one_way(kind, given):
    with pytest.raises(ValueError, match="user:password"):
        kind.__base__("http://prefect.test/api", **given)
