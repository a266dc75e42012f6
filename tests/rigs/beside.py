"""What is in which lane of tests, and long work on what they leave of the machine.

A lane is a run of pytest: ``--lane=stacks``, say; `tests.rigs.lanes` runs them all, some beside each other. Tests that
want long work come last in theirs. The OpenStack rig is installed with its databases, and random lives are lived in
virtual time, which no busy machine disturbs.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
APPLICATIONS = TESTS / "applications"
STOP_SECONDS = 60
#: Places in the order of tests. A stack has an engine of its own while the others' does not run yet.
SYSTEM, OTHERS, SIMULATION, LIVED_BESIDE, OPENSTACK = range(5)
#: Random lives of each run of all tests, the same each time; `make test-nightly` goes on from there.
LIVES = 12
#: Lanes of whole folders and files, whatever a test there is marked with. All but images and configured, whose tests
#: share one configured host, are light: they start no engine of the whole machine and no stack. The first two are the
#: unit tests: each reads half of the files, where two workers of one run would both read all.
FOLDERS = {
    "rules": tuple(f"unit/{name}" for name in ("flows", "pool", "tasks")),
    "parts": (
        *(f"unit/{name}" for name in ("benchmarks", "blocks", "docs", "lanes", "reliability", "runtime")),
        *(f"unit/test_{name}.py" for name in ("dependencies", "interrupted_tests", "ports", "release")),
    ),
    "contracts": (
        *(f"contract/{name}" for name in ("engine", "gateway", "store", "worker")),
        *(f"contract/images/test_image_{name}.py" for name in ("archive", "build", "fanout", "push", "registry")),
        "contract/images/test_manifest_ids.py",
        *(f"integration/{name}" for name in ("accounts", "backups", "databases")),
        "integration/hosts/test_blame.py",
    ),
    "gateway": ("integration/gateway",),
    "servers": tuple(f"integration/{name}" for name in ("jupyterhub", "packaging", "prefect_api", "worker")),
    "demand": tuple(
        f"simulation/test_{name}.py" for name in ("arrivals", "class_life", "courses", "demand", "demand_rows")
    ),
    "simulation": tuple(
        f"simulation/test_{name}.py"
        for name in ("lives", "moves", "moves_killed", "neighbours", "pool_states", "replay", "simulator")
    ),
    "images": ("integration/images",),
    "configured": (
        *(f"integration/hosts/test_{name}.py" for name in ("neighbours", "network_rate", "reboots")),
        *(f"integration/hosts/test_playbook{name}.py" for name in ("", "_escapes", "_firewall")),
        "integration/hosts/test_sysprep.py",
    ),
}
#: Those, and what is left: tests with OpenStack's services, tests of the whole stack, and all others that start hosts.
LANES = (*FOLDERS, "openstack", "stacks", "hosts")


@dataclass
class Job:
    """A process that was begun before the first test."""

    process: subprocess.Popen
    log: Path

    def wait(self) -> str:
        """What it wrote, once it has ended well.

        Raises:
            AssertionError: it failed; what it wrote is in the message.
        """
        status = self.process.wait()
        said = self.log.read_text()
        assert status == 0, said
        return said

    def stop(self) -> None:
        """End it with all its children, in case no test waited for it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(STOP_SECONDS)


_jobs = pytest.StashKey[dict[str, Job]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lane", choices=LANES, help="run the tests of one lane alone; others run beside it")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not read for a lane what is in no case of it: that takes longer than some lanes do.

    Tests that install applications are read where a command names their folder, and by no run of all tests.
    """
    if collection_path == APPLICATIONS:
        named = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
        return not any(path.is_relative_to(APPLICATIONS) for path in named)
    lane = config.getoption("--lane")
    if not lane or TESTS not in collection_path.parents:
        return None
    return None if may_hold(collection_path.relative_to(TESTS).as_posix(), lane) else True


def may_hold(path: str, lane: str) -> bool:
    """Whether a file or folder, by its path below ``tests``, has tests of a lane, or may have."""
    if lane in FOLDERS:
        return any(path.startswith(folder) or folder.startswith(f"{path}/") for folder in FOLDERS[lane])
    return not path.startswith(tuple(chain.from_iterable(FOLDERS.values())))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the other lanes' tests out. The order is otherwise as it was."""
    if lane := config.getoption("--lane"):
        of_another = [item for item in items if _lane(item) != lane]
        config.hook.pytest_deselected(items=of_another)
        items[:] = [item for item in items if _lane(item) == lane]
    items.sort(key=_place)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin what any of the tests that are left wants."""
    jobs = session.config.stash[_jobs] = {}
    if session.config.option.collectonly:
        return
    for name, (is_wanted, niceness, command) in JOBS.items():
        if any(map(is_wanted, session.items)):
            jobs[name] = _begin(session.config.rootpath, name, niceness, command)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End them."""
    for job in config.stash.get(_jobs, {}).values():
        job.stop()


@pytest.fixture(scope="session")
def random_lives(request: pytest.FixtureRequest) -> Job:
    """The random lives of this run."""
    return request.config.stash[_jobs]["random-lives"]


def _begin(root: Path, name: str, niceness: int, command: tuple[str, ...]) -> Job:
    log = root / "build" / "beside" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        words = ("nice", "-n", str(niceness), sys.executable, *command)
        environment = os.environ | {"PYTHONHASHSEED": "0"}  # a seed is the same life each time
        process = subprocess.Popen(words, cwd=root, env=environment, stdout=out, stderr=out, start_new_session=True)
    with suppress(OSError):  # a kernel that groups processes by session counts only the niceness of the group
        Path(f"/proc/{process.pid}/autogroup").write_text(str(niceness))
    return Job(process, log)


def _wants_openstack(item: pytest.Item) -> bool:
    return item.get_closest_marker("openstack") is not None


def _wants_lives(item: pytest.Item) -> bool:
    return "random_lives" in getattr(item, "fixturenames", ())


def _lane(item: pytest.Item) -> str:
    path = item.path.relative_to(TESTS).as_posix()
    if lane := next((lane for lane, folders in FOLDERS.items() if path.startswith(folders)), None):
        return lane
    if _wants_openstack(item):
        return "openstack"
    return "stacks" if item.get_closest_marker("system") else "hosts"


def _place(item: pytest.Item) -> int:
    if _wants_openstack(item):
        return OPENSTACK
    if item.get_closest_marker("system"):
        return SYSTEM
    if _wants_lives(item):
        return LIVED_BESIDE
    return SIMULATION if item.get_closest_marker("simulation") else OTHERS


#: name: who wants it, how far it stands back (as in nice), what it is
JOBS: dict[str, tuple[Callable[[pytest.Item], bool], int, tuple[str, ...]]] = {
    "openstack": (_wants_openstack, 10, ("-m", "tests.rigs.openstack")),
    "random-lives": (_wants_lives, 19, ("-m", "tests.rigs.simulator", f"--runs={LIVES}")),
}
