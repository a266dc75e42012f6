"""A checkout that every account of this machine may enter, with an environment of a Python that every account may run.

Where tests run, neither need be so: in root's home, say. It is kept between runs, so that packages are installed once.
"""

import os
import subprocess
from pathlib import Path

from tests.rigs.stacks.moving_checkout import MovingCheckout
from tests.rigs.stacks.stack import Stack

PLACE = Path("/var/tmp/dockerdriver-checkout")
KEPT = (".venv", ".dockerdriver")
PYTHON = "/usr/bin/python3"


def open_checkout(place: Path) -> None:
    """Have the code that is tested there, and what `make up` installs for it."""
    place.mkdir(mode=0o755, exist_ok=True)
    for stale in (entry for entry in place.iterdir() if entry.name not in KEPT):
        subprocess.run(["rm", "-rf", stale], check=True)
    MovingCheckout(place).copy_these_files()
    environment = os.environ | {"PYTHONS": PYTHON}
    subprocess.run(["bash", place / "runtime" / "bootstrap.sh", "run"], check=True, env=environment)


def opened(stack: Stack) -> Stack:
    """Have the installation be run from the folder that its data directory is in; others may run beside it."""
    place = stack.data.parent
    open_checkout(place)
    stack.program = (str(place / ".venv" / "bin" / "dockerdriver"),)
    stack.settings |= {"PYTHONPATH": ""}
    return stack
