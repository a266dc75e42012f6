"""The private directory of a playbook run: who may read it, and that it goes away."""

import os
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from blocks.files.private_files import write_private
from blocks.host_setup.run_directory import LOCK, clear_abandoned, private_directory
from pool.errors import Refused

pytestmark = pytest.mark.unit


@pytest.fixture
def parent():
    with TemporaryDirectory(prefix="dd-") as short:
        yield Path(short)


def make_old(private):
    an_hour_ago = time.time() - 3600
    os.utime(private, (an_hour_ago, an_hour_ago))


def process_of(private):
    """A process that carries the directory in its environment, and can be seen to."""
    process = subprocess.Popen(["sleep", "60"], env={"PRIVATE": str(private)}, start_new_session=True)
    while str(private).encode() not in Path(f"/proc/{process.pid}/environ").read_bytes():
        time.sleep(0.01)
    return process


def abandoned(parent):
    """What a manager that was killed leaves behind."""
    private = parent / "playbook-abandoned"
    private.mkdir()
    (private / LOCK).touch()
    make_old(private)
    return private


def test_only_we_may_read_it(parent):
    with private_directory(parent) as private:
        key = write_private(private / "login", "secret")
        assert (private.stat().st_mode & 0o777, key.stat().st_mode & 0o777) == (0o700, 0o600)


def test_it_goes_away_after_a_failure(parent):
    with pytest.raises(ZeroDivisionError), private_directory(parent):
        1 / 0  # noqa: B018
    assert list(parent.iterdir()) == []


def test_processes_that_carry_its_name_go_away(parent):
    with private_directory(parent) as private:
        process = process_of(private)
    assert process.wait(30) == -9


def test_other_processes_stay(parent):
    with private_directory(parent):
        process = subprocess.Popen(["sleep", "60"])
    assert process.poll() is None
    process.kill()
    process.wait()


def test_what_a_killed_manager_left_is_cleared_away(parent):
    private = abandoned(parent)
    process = process_of(private)
    clear_abandoned(parent)
    assert not private.exists()
    assert process.wait(30) == -9


def test_what_another_run_uses_is_left_alone(parent):
    with private_directory(parent) as private:
        make_old(private)
        clear_abandoned(parent)
        assert private.exists()


def test_what_is_not_ours_is_left_alone(parent):
    other = parent / "prefect"
    other.mkdir()
    make_old(other)
    clear_abandoned(parent)
    assert other.exists()


def test_a_path_too_long_for_a_socket_is_refused(parent):
    with pytest.raises(Refused, match="too long a path for an ssh socket"), private_directory(parent / ("x" * 60)):
        pass
