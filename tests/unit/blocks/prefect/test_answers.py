"""Answers to platforms are artifacts that last; one that Prefect's server refuses holds up none after it."""

import json
import time
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient

from blocks.prefect.answers import (
    MOST_ASKED,
    MOST_TOGETHER,
    TOGETHER,
    Answer,
    AskingRuns,
    WrittenAnswers,
    create_all,
    write_changed,
)

pytestmark = pytest.mark.unit

ANSWERS = [Answer(f"instance-{name}", f"Session {name}", {"state": "running"}) for name in ("ada", "ben", "eve")]


class FakeClient(SyncPrefectClient):
    """A server that answers for some keys as it is told to."""

    def __init__(self, troubles: dict[str, Exception], takes_several: bool = True) -> None:
        self.troubles, self.takes_several = troubles, takes_several
        self.requests = 0
        self.created: list[str] = []
        self.runs: dict[str, str | None] = {}

    def request(self, method: str, path: str, json: Any) -> Any:  # type: ignore[override]  # all that is asked of it
        assert (method, path) in (("POST", "/artifacts/"), ("POST", TOGETHER))
        if path == TOGETHER and not self.takes_several:
            raise refusal(404)
        several = json if path == TOGETHER else [json]
        for artifact in several:
            if trouble := self.troubles.get(artifact["key"]):
                raise trouble
        time.sleep(0.001)  # as an answer takes
        self.requests += 1
        for artifact in several:
            self.created.append(artifact["key"])
            self.runs[artifact["description"]] = artifact.get("flow_run_id")


def refusal(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError(str(status), request=httpx.Request("POST", "/"), response=httpx.Response(status))


def test_answers_of_one_moment_are_one_request():
    client = FakeClient({})
    create_all(client, ANSWERS, AskingRuns())
    assert (client.requests, client.created) == (1, [answer.key for answer in ANSWERS])


def test_very_many_are_some_requests_the_first_ones_first():
    client, many = FakeClient({}), [Answer(f"instance-{number}", "", {}) for number in range(MOST_TOGETHER + 1)]
    create_all(client, many, AskingRuns())
    assert (client.requests, client.created) == (2, [answer.key for answer in many])


def test_a_server_of_prefects_own_is_given_one_after_the_other():
    client = FakeClient({}, takes_several=False)
    create_all(client, ANSWERS, AskingRuns())
    assert (client.requests, sorted(client.created)) == (3, sorted(answer.key for answer in ANSWERS))


def test_one_that_is_refused_holds_up_no_other_and_is_told():
    client = FakeClient({"instance-ben": refusal(422)})
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        create_all(client, ANSWERS, AskingRuns())
    assert sorted(client.created) == ["instance-ada", "instance-eve"]


def test_one_that_is_refused_holds_up_none_of_a_later_request():
    client, many = FakeClient({"instance-0": refusal(422)}), [Answer(f"instance-{n}", "", {}) for n in range(120)]
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        create_all(client, many, AskingRuns())
    assert sorted(client.created) == sorted(answer.key for answer in many[1:])


def test_a_server_that_is_away_is_not_asked_for_each_of_the_others():
    client = FakeClient({"instance-ada": httpx.ConnectError("away")})
    many = [Answer(f"instance-{number}", "", {}) for number in range(100)]
    with pytest.raises(httpx.ConnectError):
        create_all(client, [*ANSWERS[:1], *many], AskingRuns())
    assert len(client.created) < 50


def test_programs_read_a_row_of_values_and_people_one_value_to_a_line():
    row: dict[str, object] = {
        "instance_id": "ada-1",
        "phases": {"room": 0.2, "routed": 1.4},
        "notice": "a line\n![seen](http://x/)",
    }
    data = Answer("instance-ada-1", "Session ada-1: running", row).data
    assert json.loads(data) == [row]
    lines = data.splitlines()
    assert all(line.startswith("    ") for line in lines), "Prefect's UI shows code as it is"
    assert '"room": 0.2,' in [line.strip() for line in lines]


def answers(*states: str) -> list[Answer]:
    """What is told of one session, one after the other."""
    return [Answer("instance-ada-1", state, {"state": state}, state in ("queued", "starting")) for state in states]


def test_the_page_of_the_run_that_asked_shows_the_first_answer_alone():
    client, asking = FakeClient({}), AskingRuns()
    asking.note(["instance-ada-1"], "the-run")
    create_all(client, answers("queued", "starting", "running"), asking)
    assert client.runs == {"queued": "the-run", "starting": None, "running": None}


def test_an_answer_that_may_be_the_last_one_is_no_run_s_for_it_would_be_deleted_with_it():
    client, asking = FakeClient({}), AskingRuns()
    asking.note(["instance-ada-1"], "the-run")
    create_all(client, answers("running", "starting"), asking)
    assert client.runs == {"running": None, "starting": None}


def test_a_process_remembers_no_more_runs_than_it_needs():
    asking = AskingRuns()
    asking.note([f"instance-{n}" for n in range(MOST_ASKED + 1)], "the-run")
    oldest, newest = (Answer(f"instance-{n}", "", {}, is_followed=True) for n in (0, MOST_ASKED))
    assert (asking.run_of(oldest), asking.run_of(newest)) == ("", "the-run")


class LookingClient(FakeClient):
    """Also says what the newest answers are, and keeps which it was asked for."""

    def __init__(self) -> None:
        super().__init__({})
        self.newest: dict[str, str] = {}
        self.looks: list[list[str]] = []

    def request(self, method: str, path: str, json: dict) -> Any:  # type: ignore[override]  # as above
        if path in ("/artifacts/", TOGETHER):
            super().request(method, path, json)
            self.newest |= {one["key"]: one["data"] for one in (json if path == TOGETHER else [json])}
            return None
        keys = json["artifacts"]["key"]["any_"]
        self.looks.append(keys)
        return httpx.Response(200, json=[{"key": key, "data": self.newest[key]} for key in keys if key in self.newest])


def test_the_newest_is_not_looked_at_for_an_answer_that_this_process_knows_to_be_another():
    client, written = LookingClient(), WrittenAnswers()
    for state in ("queued", "starting", "running"):
        write_changed(client, answers(state), AskingRuns(), written)
    assert (client.looks, len(client.created)) == ([["instance-ada-1"]], 3)


def test_the_same_answer_is_written_once_and_again_where_another_process_wrote_another_after_it():
    client, written = LookingClient(), WrittenAnswers()
    for _ in range(2):
        write_changed(client, answers("running"), AskingRuns(), written)
    assert len(client.created) == 1
    client.newest["instance-ada-1"] = answers("moving")[0].data
    write_changed(client, answers("running"), AskingRuns(), written)
    assert (len(client.created), len(client.looks)) == (2, 3)


def test_an_answer_that_was_refused_is_written_at_the_next_try():
    client, written = LookingClient(), WrittenAnswers()
    client.troubles["instance-ada-1"] = refusal(503)
    with pytest.raises(httpx.HTTPStatusError):
        write_changed(client, answers("running"), AskingRuns(), written)
    client.troubles.clear()
    write_changed(client, answers("running"), AskingRuns(), written)
    assert client.created == ["instance-ada-1"]


def test_answers_of_one_moment_whose_request_got_no_answer_are_all_written_at_the_next_try():
    client, written = LookingClient(), WrittenAnswers()
    client.troubles["instance-eve"] = httpx.ReadError("the server was killed")
    with pytest.raises(httpx.ReadError):
        write_changed(client, ANSWERS, AskingRuns(), written)
    assert client.created == []
    client.troubles.clear()
    write_changed(client, ANSWERS, AskingRuns(), written)
    assert client.created == [answer.key for answer in ANSWERS]


def test_answers_that_a_publisher_wrote_before_it_died_are_not_written_again_by_the_next_one():
    client = LookingClient()
    for _ in range(2):  # each with the memory of a new process
        write_changed(client, ANSWERS, AskingRuns(), WrittenAnswers())
    assert client.created == [answer.key for answer in ANSWERS]
