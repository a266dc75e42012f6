"""`dockerdriver session …`, on an API that answers from memory, and without a stack."""

import json

import pytest

from blocks.prefect.api import PrefectApi
from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError
from pool.sessions.log_lines import LEFT_OUT
from runtime.command import cli, session

pytestmark = pytest.mark.unit


class AnsweringApi(PrefectApi):
    """Runs nothing: keeps what was asked for, and has a log for each session."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict]] = []

    def run_to_its_end(self, deployment, seconds, key=None, watch=lambda _: None, **parameters) -> str:
        self.asked.append((deployment, parameters))
        return "run-1"

    def table(self, key: str) -> list[dict]:
        return [{"line": "it begins"}, {"line": key}]


def test_logs_takes_a_session_and_a_number_of_lines():
    said = vars(cli._parser().parse_args(["session", "logs", "ada-1", "--lines", "7"]))
    assert said == {"command": session.logs, "instance_id": "ada-1", "lines": 7, "follow": False, "as_json": False}


def test_the_log_is_printed_as_lines(capsys):
    session.show_log(api := AnsweringApi(), "ada-1", 7, as_json=False)
    assert capsys.readouterr().out == "it begins\nlogs-ada-1\n"
    assert api.asked == [("instance-logs/on-demand", {"instance_id": "ada-1", "lines": 7})]


def test_a_program_gets_the_lines_as_a_list(capsys):
    session.show_log(AnsweringApi(), "ada-1", 100, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"instance_id": "ada-1", "lines": ["it begins", "logs-ada-1"]}


def test_of_a_session_that_printed_nothing_stderr_says_so(capsys, monkeypatch):
    monkeypatch.setattr(AnsweringApi, "table", lambda _, key: [])
    session.show_log(AnsweringApi(), "ada-1", 100, as_json=False)
    assert capsys.readouterr() == ("", "ada-1 printed nothing yet\n")


class TalkingApi(PrefectApi):
    """Each run finds what was written after the line that it names; at last the session is over."""

    def __init__(self, *said: list[tuple[str, str]]) -> None:
        self.said = [[{"at": at, "line": line} for at, line in rows] for rows in said]
        self.asked: list[tuple[int, str]] = []

    def trigger(self, deployment, key=None, **parameters) -> str:
        self.asked.append((parameters["lines"], parameters["since"]))
        return str(len(self.asked) - 1)

    def await_end(self, run, deployment, seconds, watch=lambda _: None) -> str:
        if int(run) == len(self.said):
            raise DockerDriverError("instance ada-1 is deleted: it has no container whose log could be read")
        return "done"

    def table_of(self, run: str, key: str) -> list[dict]:
        return self.said[int(run)]


def followed(api: TalkingApi, *, as_json: bool = False) -> None:
    with pytest.raises(DockerDriverError, match="ada-1 is deleted"):
        session.follow_log(api, "ada-1", 7, as_json, pause=lambda _: None)


def test_a_log_is_followed_by_reads_after_its_last_line_until_the_session_ends(capsys):
    followed(api := TalkingApi([("t1", "10 %"), ("t1", "20 %"), ("t2", "two")], [], [("t3", "three")]))
    assert capsys.readouterr().out == "10 %\n20 %\ntwo\nthree\n"
    assert api.asked == [(7, ""), (1000, "t2"), (1000, "t2"), (1000, "t3")]


def test_what_was_printed_is_not_printed_again_where_a_run_leaves_the_rows_of_the_one_before(capsys):
    rows = [("t1", "one"), ("t2", "two")]
    followed(TalkingApi(rows, rows, [("t2", LEFT_OUT), ("t3", "three")]))
    assert capsys.readouterr().out == f"one\ntwo\n{LEFT_OUT}\nthree\n"


def test_a_program_that_follows_gets_an_object_for_each_line(capsys):
    followed(TalkingApi([("t1", "grüße")]), as_json=True)
    assert json.loads(capsys.readouterr().out) == {"at": "t1", "line": "grüße"}


def test_no_log_is_read_while_the_stack_is_down(tmp_path):
    settings = ProcessSettings(data=tmp_path, prefect_port=1, _env_file=None)  # nothing listens on port 1
    with pytest.raises(DockerDriverError, match="does not answer"):
        session.logs(settings, "ada-1", 100)
