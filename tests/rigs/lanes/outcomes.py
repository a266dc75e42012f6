"""What each test of a run came to, written to a file for the program that runs the lanes."""

import json
from pathlib import Path

import pytest

PASSED, SKIPPED, FAILED = "passed", "skipped", "failed"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path, help="JSON file to be written: what each test came to, by its id")


def pytest_configure(config: pytest.Config) -> None:
    if file := config.getoption("--outcomes"):
        config.pluginmanager.register(Outcomes(file))


class Outcomes:
    """Of each test: passed, skipped, or in which phase it failed first and with what words."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.of: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        known = self.of.get(report.nodeid, "")
        if known.startswith(FAILED):
            return
        if report.failed:
            self.of[report.nodeid] = f"{FAILED} in {report.when}: {_words(report)}"
        elif report.skipped:
            self.of[report.nodeid] = SKIPPED
        elif report.when == "call":
            self.of[report.nodeid] = PASSED

    def pytest_sessionfinish(self) -> None:
        self._file.write_text(json.dumps(self.of, indent=0))


def read_outcomes(file: Path) -> dict[str, str]:
    """What a run wrote; empty if it did not come that far."""
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _words(report: pytest.TestReport) -> str:
    """The first line of what was raised, or else the last of all that was said."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message if crash else report.longreprtext).strip().splitlines() or [""]
    return lines[0] if crash else lines[-1]
