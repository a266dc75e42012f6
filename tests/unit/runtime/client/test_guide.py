"""The client's programs in the platform's guide run as they are printed."""

import json

import pytest

import dockerdriver_client
from docs import generate
from tests.rigs.printed_examples import blocks

from .conftest import PASSWORD, QuickAsyncClient, QuickClient, answer

pytestmark = pytest.mark.unit

SYNC, ASYNC = (each for each in blocks(generate.HERE / "platform.md", "python") if "dockerdriver_client" in each)


@pytest.fixture
def run(api, monkeypatch, tmp_path):
    """Run a program, with the API of the tests behind its client."""
    (file := tmp_path / "password").write_text(PASSWORD)
    monkeypatch.setenv("PREFECT", "http://prefect.test/api")
    monkeypatch.setenv("PASSWORD_FILE", str(file))
    for name, kind in (("Client", QuickClient), ("AsyncClient", QuickAsyncClient)):
        monkeypatch.setattr(dockerdriver_client, name, lambda _, kind=kind, **said: kind(api, password=None, **said))
    return lambda program: exec(compile(program, "platform.md", "exec"), {})  # noqa: S102 - ours, as printed


def test_the_program_for_threads_opens_a_session_uses_it_and_ends_it(run, api, capsys):
    link = {"instance_id": "carol-1", "launch_url": "http://l.test"}
    api.says("POST /artifacts/filter", [{"data": json.dumps([link])}], [])
    api.says("GET /artifacts/logs-carol-1/latest", {"data": json.dumps([{"line": "Jupyter is running"}])})
    carol = answer("running", instance_id="carol-1", user="carol", host="main-01")
    api.says("POST /artifacts/latest/filter", [carol])
    api.says("GET /artifacts/instance-carol-1/latest", *[carol] * 4, answer("deleted", instance_id="carol-1"))
    run(SYNC)
    said, wanted = capsys.readouterr().out, ("main-01", "http://l.test", "Jupyter is running", "['carol-1']", "DELETED")
    assert [word for word in wanted if word not in said] == []


def test_the_program_for_asyncio_opens_a_session_and_ends_it(run, api, capsys):
    api.says("GET /artifacts/instance-dave-1/latest", answer("running", instance_id="dave-1"))
    run(ASYNC)
    assert "send dave to http://s.test/dd-launch" in capsys.readouterr().out
    assert "POST /deployments/deprovision-instance/create_flow_run" in api.calls()


@pytest.mark.parametrize(("state", "said"), [("failed", r"over \(no-room\)"), ("queued", "still waits")])
def test_the_program_for_threads_says_why_a_session_does_not_run(run, api, state, said):
    api.says("GET /artifacts/instance-carol-1/latest", answer(state, instance_id="carol-1", end_cause="no-room"))
    with pytest.raises(SystemExit, match=said):
        run(SYNC)
