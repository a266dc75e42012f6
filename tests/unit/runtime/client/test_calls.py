"""What each method asks for, and what it makes of the answers."""

import json

import pytest

from dockerdriver_client import (
    EndCause,
    Failed,
    NotFound,
    NotYet,
    Options,
    QueuedSession,
    Refused,
    RunningSession,
    State,
    Unavailable,
)

from .conftest import COMPLETED, answer

pytestmark = pytest.mark.unit

START = "POST /deployments/provision-instance/create_flow_run"
END = "POST /deployments/deprovision-instance/create_flow_run"
REFUSED = {"type": "FAILED", "name": "Failed", "message": "pool main is full"}
CRASHED = {"type": "CRASHED", "name": "Crashed", "message": "its process died"}
PENDING = {"type": "RUNNING", "name": "Running", "message": None}


def test_a_start_sends_what_was_asked_and_leaves_out_what_was_not(call, api):
    api.session(answer("running"))
    call("start", "ada-1", user="ada", options=Options(wait=0))
    said = {"instance_id": "ada-1", "blueprint": "jupyter-minimal", "user": "ada", "options": {"wait": 0}}
    assert api.bodies(START) == [{"parameters": said, "idempotency_key": "provision-ada-1"}]


def test_a_start_follows_its_run_to_the_end_with_pauses_that_grow(call, api):
    api.ends("provision-instance", *[PENDING] * 4, COMPLETED)
    api.session(answer("queued", position=3, estimated_wait=40.0))
    assert call("start", "ada-1").position == 3
    assert api.pauses == pytest.approx([0.4, 0.6, 0.9, 1.35])


def test_the_request_id_of_the_caller_makes_another_key(call, api):
    api.session(answer("running"))
    call("start", "ada-1", request_id="second-try")
    assert api.bodies(START)[0]["idempotency_key"] == "provision-ada-1:second-try"


def test_no_two_requests_have_the_same_key_however_their_ids_are_cut(kind, api):
    api.ends("provision-instance", CRASHED)
    for instance_id, request_id in (("ada", "1"), ("ada-1", None), ("ada", "1.1"), ("ada-1", ".1")):
        with pytest.raises(Unavailable):
            kind(api)("start", instance_id, request_id=request_id)
    keys = [body["idempotency_key"] for body in api.bodies(START)]
    assert len({*keys}) == len(keys) == 12


def test_a_link_for_one_session_is_not_asked_for_with_the_key_of_another(kind, api):
    api.says("POST /artifacts/filter", [answer("running")])
    for instance_id, request_id in (("ada", "1-2"), ("ada-1", "2")):
        kind(api)("link", instance_id, request_id=request_id)
    first, second = api.bodies("POST /deployments/issue-link/create_flow_run")
    assert first["idempotency_key"] != second["idempotency_key"]


def test_a_start_whose_id_another_request_had_is_refused_and_not_answered_with_that_ones_session(call, api):
    known = {"instance_id": "ada-1", "blueprint": "jupyter-minimal", "user": "ada"}
    api.says(START, {"id": "run-of-provision-instance", "parameters": known})
    api.session(answer("running"))
    assert call("start", "ada-1", user="ada").state == "running"
    with pytest.raises(Refused, match="made before, of provision-instance with another options, user: give it an id"):
        call("start", "ada-1", user="eve", options=Options(wait=0))


def test_what_is_refused_leaves_its_reason(call, api):
    api.ends("provision-instance", REFUSED)
    with pytest.raises(Refused) as refused:
        call("start", "ada-1")
    assert refused.value.reason == "pool main is full"


def test_a_session_that_could_not_start_has_failed_with_its_cause(call, api):
    api.ends("provision-instance", REFUSED)
    api.session(answer("failed", end_cause="no-room"))
    with pytest.raises(Failed, match="pool main is full") as failed:
        call("start", "ada-1")
    assert failed.value.cause is EndCause.NO_ROOM


def test_a_start_that_is_repeated_after_the_end_does_not_take_the_session_for_a_living_one(call, api):
    api.session(answer("deleted", end_cause="requested", reason="asked for"))
    with pytest.raises(Failed, match=r"ada-1 is deleted \(asked for\)"):
        call("start", "ada-1")


def test_another_request_for_a_session_that_runs_is_refused(call, api):
    api.ends("provision-instance", REFUSED)
    api.session(answer("running"))
    with pytest.raises(Refused):
        call("start", "ada-1")


def test_a_run_that_crashed_is_asked_for_again_by_the_next_key_of_its_request(call, api):
    api.ends("provision-instance", CRASHED, COMPLETED)
    api.session(answer("running"))
    call("start", "ada-1")
    assert [body["idempotency_key"] for body in api.bodies(START)] == ["provision-ada-1", "1.provision-ada-1"]


def test_a_run_that_crashes_each_time_is_given_up(call, api):
    api.ends("provision-instance", CRASHED)
    with pytest.raises(Unavailable, match="died 3 times: give another request_id to ask again") as gone:
        call("start", "ada-1")
    assert len(api.bodies(START)) == 3
    assert (api.pauses, gone.value.seconds) == ([0.5, 1], 1.5)


def test_a_start_whose_run_is_not_over_in_time_says_so(call, api):
    api.ends("provision-instance", PENDING)
    with pytest.raises(NotYet, match="gave up after 5 s"):
        call("start", "ada-1", timeout=5)
    assert api.now == 5


def test_a_wait_ends_when_the_session_runs(call, api):
    api.session(answer("queued"), answer("starting"), answer("running", host="main-01"))
    assert isinstance(found := call("wait", "ada-1"), RunningSession)
    assert (found.host, len(api.pauses)) == ("main-01", 2)


def test_a_wait_looks_ever_less_often_but_every_ten_seconds(call, api):
    api.session(*[answer("queued")] * 12, answer("running"))
    call("wait", "ada-1", timeout=600)
    assert api.pauses == sorted(api.pauses)
    assert api.pauses[-1] == 10


def test_a_wait_whose_time_is_over_tells_how_the_session_was_last(call, api):
    api.session(answer("queued", position=7))
    with pytest.raises(NotYet, match="ada-1 is still queued: gave up after 5 s") as late:
        call("wait", "ada-1", timeout=5)
    assert isinstance(late.value.session, QueuedSession)
    assert late.value.session.position == 7


@pytest.mark.parametrize("state", ["stopping", "deleted", "failed"])
def test_a_wait_for_a_session_that_will_not_run_ends_at_once(call, api, state):
    api.session(answer("queued"), answer(state, end_cause="pool-shut-down"))
    with pytest.raises(Failed) as failed:
        call("wait", "ada-1")
    assert (failed.value.cause, failed.value.session.state) == ("pool-shut-down", state)


def test_a_wait_for_what_was_never_asked_for_ends_at_once(call, api):
    with pytest.raises(NotFound, match="'ada-1'"):
        call("wait", "ada-1")
    assert api.pauses == []


def test_a_wait_stays_while_the_run_that_starts_the_session_has_not_begun(call, api):
    api.says("POST /flow_runs/filter", [{"state_type": "SCHEDULED"}])
    api.session(404, 404, answer("running"))
    assert call("wait", "ada-1").state == "running"


def test_a_session_that_was_recorded_between_two_looks_is_found(call, api):
    api.says("POST /flow_runs/filter", [{"state_type": "COMPLETED"}])
    api.session(404, answer("running"))
    assert call("wait", "ada-1").state == "running"


def test_a_link_is_the_one_of_its_own_run_for_it_works_once(call, api):
    row = {"instance_id": "ada-1", "launch_url": "http://s.test/dd-launch?ticket=2"}
    api.says("POST /artifacts/filter", [{"key": "link-ada-1", "data": json.dumps([row])}])
    assert call("link", "ada-1").launch_url.endswith("ticket=2")
    (asked,) = api.bodies("POST /artifacts/filter")
    assert asked["artifacts"]["flow_run_id"] == {"any_": ["run-of-issue-link"]}


def test_a_link_that_is_the_same_each_time_was_written_by_an_earlier_run(call, api):
    row = {"instance_id": "ada-1", "launch_url": "http://s.test/"}
    api.says("POST /artifacts/filter", [])
    api.says("GET /artifacts/link-ada-1/latest", {"key": "link-ada-1", "data": json.dumps([row])})
    assert call("link", "ada-1").launch_url == "http://s.test/"


def test_two_links_are_two_requests(kind, api):
    api.says("POST /artifacts/filter", [answer("running")])
    for _ in range(2):
        kind(api)("link", "ada-1")
    first, second = api.bodies("POST /deployments/issue-link/create_flow_run")
    assert first["idempotency_key"] != second["idempotency_key"]


def test_extending_answers_with_the_session_as_it_is_then(call, api):
    api.session(answer("running", expires_at="2026-11-23T13:45:00+00:00"))
    assert call("extend", "ada-1", 30).expires_at.hour == 13
    (asked,) = api.bodies("POST /deployments/extend-instance/create_flow_run")
    assert asked["parameters"] == {"instance_id": "ada-1", "minutes": 30}


def test_logs_are_the_lines_of_their_own_run(call, api):
    mine, others = (json.dumps([{"line": line}]) for line in ("mine", "another's"))
    api.says("POST /artifacts/filter", [{"key": "logs-ada-1", "data": mine}])
    api.says("GET /artifacts/logs-ada-1/latest", {"key": "logs-ada-1", "data": others})
    assert call("logs", "ada-1") == ["mine"]


def test_logs_that_did_not_change_were_written_by_an_earlier_run(call, api):
    rows = [{"line": "it begins"}, {"line": "it goes on"}]
    api.says("POST /artifacts/filter", [])
    api.says("GET /artifacts/logs-ada-1/latest", {"key": "logs-ada-1", "data": json.dumps(rows)})
    assert call("logs", "ada-1", lines=2) == ["it begins", "it goes on"]


@pytest.mark.parametrize(("method", "flow"), [("logs", "instance-logs"), ("link", "issue-link")])
def test_what_a_session_cannot_give_is_refused_and_an_unknown_one_is_not_found(kind, api, method, flow):
    api.ends(flow, REFUSED)
    with pytest.raises(NotFound, match="pool main is full"):
        kind(api)(method, "ada-1")
    api.session(answer("queued"))
    with pytest.raises(Refused, match="pool main is full"):
        kind(api)(method, "ada-1")


def test_an_end_answers_with_the_session_as_it_is_then_or_none(kind, api):
    assert kind(api)("end", "ada-1") is None
    api.session(answer("running"), answer("deleted"))
    assert kind(api)("end", "ada-1").state is State.DELETED


def test_an_end_waits_for_a_start_that_has_not_begun_or_it_would_end_nothing(call, api):
    api.says("POST /flow_runs/filter", [{"state_type": "SCHEDULED"}])
    api.session(404, 404, answer("starting"), answer("deleted"))
    assert call("end", "ada-1").state == "deleted"
    assert api.calls().index(END) > len(api.calls()) - 4
    assert len(api.pauses) == 2


def test_an_end_that_is_asked_for_once_more_is_another_request(kind, api):
    for _ in range(2):
        kind(api)("end", "ada-1")
    first, second = api.bodies(END)
    assert first["idempotency_key"] != second["idempotency_key"]


def test_a_list_has_the_living_sessions_of_one_user_and_leaves_out_what_is_no_session(call, api):
    foreign = {"key": "my-instance-x", "data": "[]"}
    bob, over = answer("running", instance_id="bob-1", user="bob"), answer("deleted", instance_id="ada-0")
    api.says("POST /artifacts/latest/filter", [over, answer("queued"), bob, foreign])
    assert [each.instance_id for each in call("list", user="ada")] == ["ada-1"]


def test_a_list_has_a_users_sessions_by_either_spelling_of_the_name(call, api):
    api.says("POST /artifacts/latest/filter", [answer("running", user="C\u00e9line")])
    assert [each.instance_id for each in call("list", user="Ce\u0301line")] == ["ada-1"]


def test_a_list_reads_every_page(call, api):
    pages = [[answer("running", instance_id=f"ada-{n}") for n in numbers] for numbers in (range(200), range(200, 201))]
    api.says("POST /artifacts/latest/filter", *pages)
    assert len(call("list")) == 201
    assert [body["offset"] for body in api.bodies("POST /artifacts/latest/filter")] == [0, 200]


@pytest.mark.parametrize("name", ["", "-a", "Ada", "a/b", "a" * 64, "a?b", "a\n"])
def test_an_id_that_no_session_can_have_is_refused_before_anything_is_asked(call, api, name):
    with pytest.raises(Refused, match="is not 1 to 63 of"):
        call("start", name)
    assert api.asked == []


CLASS = "POST /deployments/provision-instances/create_flow_run"
TABLE = "GET /artifacts/class-run-of-provision-instances/latest"


def class_table(**refused: str) -> dict:
    """The table that the run leaves, of ada-1, bob-1 and whom it refused."""
    taken = [{"instance_id": name, "state": "queued", "refused": ""} for name in ("ada-1", "bob-1")]
    rows = [*taken, *({"instance_id": name, "state": None, "refused": why} for name, why in refused.items())]
    return {"key": "class-run-of-provision-instances", "data": json.dumps(rows)}


def test_a_class_is_one_request_with_a_key_of_its_own_and_answers_for_each_session(call, api):
    api.says(TABLE, class_table(eve="instance eve was asked for with user 'ada', not 'eve'"))
    api.says("POST /artifacts/latest/filter", [answer("queued", instance_id="bob-1"), answer("running")])
    got = call("start_class", {"ada-1": "ada", "bob-1": "bob", "eve": "eve"}, request_id="bio101-monday")
    assert [(one.instance_id, one.state) for one in got.sessions] == [("ada-1", "running"), ("bob-1", "queued")]
    assert got.refused == {"eve": "instance eve was asked for with user 'ada', not 'eve'"}
    (sent,) = api.bodies(CLASS)
    assert sent["idempotency_key"] == "provision-class:bio101-monday"
    assert sent["parameters"]["sessions"][1] == {"instance_id": "bob-1", "user": "bob"}


def test_a_class_of_which_none_is_taken_says_why_for_each(call, api):
    api.ends("provision-instances", REFUSED)
    row = {"instance_id": "No", "state": None, "refused": "No is no id"}
    api.says(TABLE, {"data": json.dumps([row])})
    got = call("start_class", {"No": "ada"}, request_id="1")
    assert (got.sessions, got.refused) == ([], {"No": "No is no id"})


def test_a_class_that_the_pool_does_not_take_is_refused_as_a_whole(call, api):
    api.ends("provision-instances", REFUSED)
    with pytest.raises(Refused, match="pool main is full"):
        call("start_class", {"ada-1": "ada"}, request_id="1")
