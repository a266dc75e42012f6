"""A whole run of the lanes: what it runs, what is run again, and that all it started ends when it is interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from blocks.resources import home
from tests.rigs.beside import LANES
from tests.rigs.lanes.turns import SLOTS, SLOTS_BEHIND, TURNS
from tests.rigs.waiting import until

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

#: One slot has nothing to do until the stacks are over.
AT_FIRST = SLOTS - 1 + SLOTS_BEHIND
#: In place of Python: it runs the program of the lanes, and stands in for what that starts.
PYTHON = f"""#!/bin/bash
[ "$*" != "-m tests.rigs.lanes" ] || exec {sys.executable} -m tests.rigs.lanes --python "$0"
"""
LANE = """
trap 'sleep 0.1; echo cleaned >>lanes; exit 2' TERM
echo started >>lanes
for n in {1..500}; do sleep 0.02; done  # not for ever, in case nothing ends it
"""
#: Each lane has one test, which fails the first time in the lane that is to fail, and the second time if it is to.
TESTS = """
name=again; file=${*: -1}; outcome=passed
[[ $* != *--lane=* ]] || name=$(sed 's/.*--lane=//; s/ .*//' <<<"$*")
case "$*" in
  "-m tests.rigs.openstack") name=rig;; "-m mypy") name=types;; "-m ansiblelint "*) name=recipes;;
  "-m tests.rigs.lanes.covered "*) name=coverage;;
esac
echo "$name" >>lanes
[[ " $FAILING " != *" $name "* ]] || outcome="failed in call: a race"
[[ $* != *--outcomes=* ]] || echo "{\\"t.py::one\\": \\"$outcome\\"}" >"${file#--outcomes=}"
[ "$outcome" = passed ]
"""


def make_lanes(where: Path, in_place_of_python: str, **more: str) -> subprocess.Popen:
    """The lanes, the checks and the preparation of OpenStack, each in place of Python."""
    (where / "python").write_text(PYTHON + in_place_of_python)
    (where / "python").chmod(0o755)
    # That of a make that no other make runs.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment |= {"PYTHONPATH": str(home()), **more}
    words = ("make", "-s", "-f", home() / "Makefile", "test-lanes", f"BIN={where}")
    return subprocess.Popen(
        words, cwd=where, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize(("ending", "send"), [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill)])
def test_what_runs_has_cleaned_up_when_make_is_over_and_nothing_else_begins(tmp_path, ending, send):
    lanes = tmp_path / "lanes"
    with make_lanes(tmp_path, LANE) as make:
        until(lambda: lanes.exists() and lanes.read_text().split() == ["started"] * AT_FIRST, "all are begun that may")
        send(make.pid, ending)
        assert make.wait(10) != 0
        assert lanes.read_text().split() == ["started"] * AT_FIRST + ["cleaned"] * AT_FIRST


def test_a_run_that_is_told_to_end_stops_what_its_fixtures_started():
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):  # for which pytest ends all fixtures
        signal.raise_signal(signal.SIGTERM)


def ran(where: Path, **more: str) -> tuple[int, str, list[str]]:
    """Exit code of a whole run, what it said, and what it ran."""
    with make_lanes(where, TESTS, **more) as make:
        said = make.communicate(timeout=30)[0]
    return make.returncode, said, (where / "lanes").read_text().split()


def test_all_lanes_run_with_the_checks_and_the_rig_of_openstack(tmp_path):
    code, said, lanes = ran(tmp_path, FAILING="")
    assert (code, sorted(lanes)) == (0, sorted(turn.name for turn in TURNS))
    assert f"= {len(LANES)} passed in" in said.splitlines()[-1]
    assert (tmp_path / "build" / "flaky.txt").read_text() == ""


def test_a_test_that_fails_is_run_again_alone_when_all_is_over_and_told_when_it_passes(tmp_path):
    code, said, lanes = ran(tmp_path, FAILING="hosts")
    assert (code, lanes[-1], lanes.count("again")) == (0, "again", 1)
    assert "passed only the second time: t.py::one (failed in call: a race the first time)\n" in said
    assert (tmp_path / "build" / "flaky.txt").read_text() == "t.py::one\tfailed in call: a race\tpassed\n"


@pytest.mark.parametrize(
    "failing", [{"FAILING": "hosts again"}, {"FAILING": "rig"}, {"FAILING": "hosts", "FLAKY": "fail"}]
)
def test_a_test_that_fails_twice_fails_the_run_as_the_rig_does_and_a_flaky_one_that_may_not_be(tmp_path, failing):
    assert ran(tmp_path, **failing)[0] != 0


@pytest.mark.parametrize("check", ["types", "recipes", "coverage"])
def test_a_check_that_fails_fails_the_run_and_is_named_at_its_end(tmp_path, check):
    code, said, lanes = ran(tmp_path, FAILING=check)
    assert (code != 0, lanes.count(check), lanes.count("again")) == (True, 1, 0)
    *_, named, closing = said.splitlines()
    assert named == f"not good: {check} (exit code 1; build/{check}.log)"
    assert f"= {len(LANES)} passed, 1 lanes not good in" in closing


def test_python_keeps_what_it_compiled_though_the_machines_environment_forbids_it(tmp_path):
    told = 'echo "${PYTHONDONTWRITEBYTECODE-may keep it}" >>lanes'
    with make_lanes(tmp_path, told, PYTHONDONTWRITEBYTECODE="1") as make:
        make.communicate(timeout=30)
    assert set((tmp_path / "lanes").read_text().splitlines()) == {"may keep it"}
