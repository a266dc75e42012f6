"""What becomes of a run of tests that is interrupted: all that it started ends, cleanly."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from blocks.resources import home
from tests.rigs.waiting import until

pytestmark = pytest.mark.unit

LANE = """#!/bin/bash
trap 'sleep 0.1; echo cleaned >>lanes; exit 2' TERM
echo started >>lanes
for n in {1..500}; do sleep 0.02; done  # not for ever, in case nothing ends it
"""


def make_test_real(where: Path) -> subprocess.Popen:
    """The lanes and the preparation of OpenStack, each in place of Python."""
    (where / "python").write_text(LANE)
    (where / "python").chmod(0o755)
    words = ("make", "-f", home() / "Makefile", "test-real", f"BIN={where}")
    return subprocess.Popen(words, cwd=where, env=environment(), stderr=subprocess.DEVNULL, start_new_session=True)


def environment() -> dict[str, str]:
    """That of a make that no other make runs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


@pytest.mark.parametrize(("ending", "send"), [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill)])
def test_what_runs_has_cleaned_up_when_make_is_over_and_nothing_else_begins(tmp_path, ending, send):
    lanes = tmp_path / "lanes"
    with make_test_real(tmp_path) as make:
        until(lambda: lanes.exists() and lanes.read_text().split() == ["started"] * 3, "all three run")
        send(make.pid, ending)
        assert make.wait(10) != 0
        assert lanes.read_text().split() == ["started"] * 3 + ["cleaned"] * 3


def test_a_run_that_is_told_to_end_stops_what_its_fixtures_started():
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):  # for which pytest ends all fixtures
        signal.raise_signal(signal.SIGTERM)


def test_all_lanes_run_and_one_that_fails_makes_the_whole_fail(tmp_path):
    (tmp_path / "python").write_text('#!/bin/bash\necho "${*: -1}" >>lanes\n[ "${*: -1}" != "$FAILING" ]\n')
    (tmp_path / "python").chmod(0o755)
    words = ("make", "-s", "-f", home() / "Makefile", "test-real", f"BIN={tmp_path}")
    lanes = {"--lane=light", "--lane=stacks", "--lane=hosts", "--lane=openstack"}
    for failing in ("none", "--lane=light", "--lane=stacks"):
        (tmp_path / "lanes").unlink(missing_ok=True)
        done = subprocess.run(words, cwd=tmp_path, env=environment() | {"FAILING": failing}, check=False)
        assert (done.returncode == 0) == (failing == "none")
        assert set((tmp_path / "lanes").read_text().split()) == lanes | {"tests.rigs.openstack"}
