"""Prepare the OpenStack rig while other tests run: its tests come last, and then find it installed and seeded."""

import subprocess
import sys

import pytest

STOP_SECONDS = 60
_preparation = pytest.StashKey[subprocess.Popen]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that want OpenStack last; the order is otherwise as it was."""
    items.sort(key=_wants_openstack)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin, if any of the tests that are left wants it."""
    if session.config.option.collectonly or not any(map(_wants_openstack, session.items)):
        return
    log_file = session.config.rootpath / "build" / "openstack" / "preparing.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.rigs.openstack"]
    with log_file.open("w") as log:
        started = subprocess.Popen(command, cwd=session.config.rootpath, stdout=log, stderr=log)
    session.config.stash[_preparation] = started


def pytest_unconfigure(config: pytest.Config) -> None:
    """End it, in case nobody waited for it."""
    if (preparation := config.stash.get(_preparation, None)) and preparation.poll() is None:
        preparation.terminate()
        preparation.wait(STOP_SECONDS)


def _wants_openstack(item: pytest.Item) -> bool:
    return item.get_closest_marker("openstack") is not None
