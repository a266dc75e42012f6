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
    """Both lanes, each in place of pytest."""
    (where / "python").write_text(LANE)
    (where / "python").chmod(0o755)
    words = ("make", "-f", home() / "Makefile", "test-real", f"BIN={where}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.Popen(words, cwd=where, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)


@pytest.mark.parametrize(("ending", "send"), [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill)])
def test_both_lanes_have_cleaned_up_when_make_is_over(tmp_path, ending, send):
    lanes = tmp_path / "lanes"
    with make_test_real(tmp_path) as make:
        until(lambda: lanes.exists() and lanes.read_text().split() == ["started"] * 2, "both run")
        send(make.pid, ending)
        assert make.wait(10) != 0
        assert lanes.read_text().split() == ["started"] * 2 + ["cleaned"] * 2


def test_a_run_that_is_told_to_end_stops_what_its_fixtures_started():
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):  # for which pytest ends all fixtures
        signal.raise_signal(signal.SIGTERM)
