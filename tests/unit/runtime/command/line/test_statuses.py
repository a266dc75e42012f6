"""The exit statuses that `dockerdriver --help` lists, of the very program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from blocks.resources import home
from runtime.command.nouns import STATUSES
from tests.rigs.ports import free_port

pytestmark = [pytest.mark.unit, pytest.mark.thorough]


def run(data: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a command of an installation that was never started."""
    ours = {"DD_DATA": str(data), "DD_DATABASE": "sqlite", "DD_PREFECT_PORT": str(free_port())}
    words = [sys.executable, "-m", "runtime.command.cli", *line.split()]
    return subprocess.run(words, cwd=home(), env=os.environ | ours, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("completion bash", 0, ""),
        ("pool list", 1, "dockerdriver: Prefect's server at"),
        ("frobnicate", 2, "invalid choice: 'frobnicate'"),
        ("plan --pool main", 2, "dockerdriver plan: error: unrecognized arguments: --pool"),
        ("why user ada", 3, "dockerdriver: no user was ever named 'ada'"),
    ],
)
def test_a_command_ends_with_the_status_that_is_documented_and_one_sentence(tmp_path, line, status, said):
    done = run(tmp_path, line)
    assert (done.returncode, said in done.stderr, bool(done.stderr)) == (status, True, status != 0)
    assert f"\n  {status}    " in STATUSES


def test_of_an_installation_that_was_never_started_it_says_so_and_where_it_looked(tmp_path):
    done = run(tmp_path, "sessions --json")
    assert done.stderr == f"dockerdriver: no installation was ever started with its data in {tmp_path}\n"
    assert (done.returncode, done.stdout) == (0, "[]\n")


def test_the_doctor_of_one_prints_no_warning_of_a_library(tmp_path):
    assert run(tmp_path / "no" / "folder", "doctor").stderr == ""


def test_a_file_is_named_as_in_the_folder_that_the_command_is_run_in(tmp_path):
    (tmp_path / "lab.yaml").write_text("image: lab\ncolour: red\n")
    words = [sys.executable, "-m", "runtime.command.cli", "blueprint", "save", "lab.yaml"]
    ours = {"DD_DATA": str(tmp_path / "data"), "PYTHONPATH": str(home())}
    done = subprocess.run(words, cwd=tmp_path, env=os.environ | ours, capture_output=True, text=True, check=False)
    assert done.stderr == f"dockerdriver: {tmp_path}/lab.yaml: a blueprint has no field 'colour'; port: must be given\n"


def test_a_reader_that_has_read_enough_is_no_failure(tmp_path):
    program = f"{sys.executable} -m runtime.command.cli completion bash | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", program], cwd=home(), capture_output=True, text=True, check=True)
    assert done.stdout[1:].strip() == "0"
