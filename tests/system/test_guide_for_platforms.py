"""The examples of the platform's guide, run as they are printed, against a whole stack."""

import json
import os
import subprocess
import sys

import pytest

from pool.states import InstanceState
from tests.rigs.printed_examples import blocks, commands
from tests.rigs.stacks.stack import CHECKOUT, Stack
from tests.rigs.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

GUIDE = CHECKOUT / "docs" / "platform.md"
CLIENT = CHECKOUT / "runtime" / "client"
#: What the guide says between the request for a log and the look at it, as a comment.
ONCE_IT_IS_THERE = "until ask $PREFECT/artifacts/logs-alice-7/latest > /dev/null 2>&1; do sleep 0.3; done\n"
LOOK_AT_LOG = "ask $PREFECT/artifacts/logs-"


def run(stack: Stack, *words: str, **more: str) -> str:
    """Run a program as a platform's developer would, with the two variables of the guide; what it printed."""
    environment = os.environ | more
    environment |= {"PREFECT": f"http://127.0.0.1:{stack.prefect_port}/api"}
    environment |= {"PASSWORD_FILE": str(stack.data / "api-password")}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}\n{stack.logs()}"
    return done.stdout


def program(word: str) -> str:
    """The one program of the guide that has this word in it."""
    (found,) = [one for one in blocks(GUIDE, "python") if word in one]
    return found


def test_all_that_is_typed_in_a_shell_opens_a_session_reads_it_and_ends_it(stack):
    typed = [commands(console) for console in blocks(GUIDE, "console") if "pip install" not in console]
    script = "".join(typed).replace(LOOK_AT_LOG, ONCE_IT_IS_THERE + LOOK_AT_LOG)
    told = run(stack, "bash", "-euo", "pipefail", "-c", script)
    wanted = ("the flow run is ", '"state": "running"', "provision alice · jupyter-minimal · alice-7: Completed")
    assert [word for word in wanted if word not in told] == []
    until(lambda: stack.answer("alice-7")["state"] == InstanceState.DELETED, "the session is ended", 60)


@pytest.mark.parametrize(
    ("word", "said"), [("with Client(", "State.DELETED"), ("import asyncio\nimport os", "send dave to")]
)
def test_the_programs_with_the_client_run_to_their_end(stack, word, said):
    assert said in run(stack, sys.executable, "-c", program(word), PYTHONPATH=str(CLIENT))


def test_the_program_without_the_client_runs_to_its_end(stack):
    told = run(stack, sys.executable, "-c", program("import httpx"), PYTHONPATH="")
    assert "send bob to http://" in told
    assert "deleted at" in told


def test_the_request_for_a_class_gives_each_of_its_users_a_session(stack):
    (body,) = [json.loads(one) for one in blocks(GUIDE, "json") if "bio101-monday" in one]
    state, message = stack.run("provision-instances/on-demand", **body["parameters"])
    assert (state, "refused" in message) == ("COMPLETED", False), message
    ids = [one["instance_id"] for one in body["parameters"]["sessions"]]
    until(lambda: all(stack.answer(one)["state"] == InstanceState.RUNNING for one in ids), "both run", 180)
    stack.end(*ids)
