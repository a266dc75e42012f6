"""`dockerdriver session …`, on an API that answers from memory, and without a stack."""

import json

import pytest

from blocks.prefect.api import PrefectApi
from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError
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
    assert said == {"command": session.logs, "instance_id": "ada-1", "lines": 7, "as_json": False}


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


def test_no_log_is_read_while_the_stack_is_down(tmp_path):
    settings = ProcessSettings(data=tmp_path, prefect_port=1, _env_file=None)  # nothing listens on port 1
    with pytest.raises(DockerDriverError, match="does not answer"):
        session.logs(settings, "ada-1", 100)
