"""What `dockerdriver --help` waits for: the modules of the command, and none of what is slow to import."""

import subprocess
import sys

import pytest

from blocks.resources import home

pytestmark = pytest.mark.unit

SLOW = {"sqlalchemy", "httpx", "prefect"}


def test_the_command_line_is_parsed_without_what_is_slow_to_import() -> None:
    program = "import sys, runtime.command.cli as cli; cli._parser(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=home(), check=True, capture_output=True, text=True, timeout=60
    ).stdout.split()
    assert "runtime.command.cli" in loaded
    assert not SLOW & set(loaded)
