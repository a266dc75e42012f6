"""`dockerdriver session …`, as far as it goes without a stack."""

import pytest

from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError
from runtime.command import cli, session

pytestmark = pytest.mark.unit


def test_logs_takes_a_session_and_a_number_of_lines():
    said = vars(cli._parser().parse_args(["session", "logs", "ada-1", "--lines", "7"]))
    assert (said.pop("command"), said) == (session.logs, {"instance_id": "ada-1", "lines": 7})


def test_no_log_is_read_while_the_stack_is_down(tmp_path):
    settings = ProcessSettings(data=tmp_path, prefect_port=1, _env_file=None)  # nobody listens on port 1
    with pytest.raises(DockerDriverError, match="does not answer"):
        session.logs(settings, "ada-1", 100)
