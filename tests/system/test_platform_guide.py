"""The platform's guide, followed to the letter on a running stack: each example as it is printed, in its order."""

import os
import subprocess
import sys

import pytest

from tests.rigs.printed_examples import blocks, commands
from tests.rigs.stacks.stack import CHECKOUT

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

GUIDE = CHECKOUT / "docs" / "platform.md"


@pytest.fixture
def surroundings(stack) -> dict[str, str]:
    """What the guide takes for given: the API's address and a file with the password."""
    address = f"http://127.0.0.1:{stack.prefect_port}/api"
    return os.environ | {"PREFECT": address, "PASSWORD_FILE": str(stack.data / "api-password")}


def test_all_commands_do_what_the_guide_says(surroundings):
    script = "set -e\n" + "".join(commands(console) for console in blocks(GUIDE, "console"))
    shell = subprocess.run(["bash"], input=script, text=True, capture_output=True, check=False, env=surroundings)
    assert shell.returncode == 0, shell.stderr
    wanted = ("the flow run is ", '"state": "running"', "provision alice · jupyter-minimal · alice-7: Completed")
    for said in wanted:
        assert said in shell.stdout


def test_the_program_does_what_the_guide_says(surroundings):
    (program,) = blocks(GUIDE, "python")
    done = subprocess.run(
        [sys.executable, "-c", program], text=True, capture_output=True, check=False, env=surroundings
    )
    assert done.returncode == 0, done.stderr
    assert "send bob to http" in done.stdout
    assert "because it was asked for" in done.stdout
