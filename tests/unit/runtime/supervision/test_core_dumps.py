"""No process of the stack leaves its memory, with all secrets in it, in a file when it crashes."""

import subprocess
import sys
from pathlib import Path

import pytest

from runtime.supervision.processes import leave_no_core_dump

pytestmark = pytest.mark.unit

UNITS = sorted((Path(__file__).parents[4] / "deploy" / "systemd").glob("*.service"))
LIMIT = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE)[0])"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_process_that_systemd_keeps_leaves_none(unit):
    assert "LimitCORE=0" in unit.read_text().partition("[Service]")[2].splitlines()


def test_what_is_started_after_it_leaves_none_either():
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {LIMIT!r}])"
    said = subprocess.run(
        [sys.executable, "-c", child], preexec_fn=leave_no_core_dump, check=True, capture_output=True, text=True
    )
    assert said.stdout.strip() == "0"
