"""An application as the container of a session would run it, by its blueprint, but as a process of this machine."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import yaml

from blocks.stored.blueprint import Blueprint
from pool.records import SESSION_PORTS, BlueprintSpec, ContainerSpec, Instance, Placement, Route
from pool.sessions.containers import container_spec
from tasks.gateway.routes import route_of
from tests.rigs.applications.installing import programs_of
from tests.rigs.pool_data import a_host, an_instance
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

BLUEPRINTS = Path(__file__).parents[3] / "docs" / "applications"
PROGRAMS = Path(__file__).parent / "programs"
START_SECONDS, STOP_SECONDS = 120, 20
ROUTE = "alice-0123456789abcdef"
HOST = a_host(address="127.0.0.1")


@dataclass
class Application:
    """A session's program that runs."""

    name: str
    route: Route
    home: Path  # its working directory, where its files are

    @property
    def log(self) -> str:
        return (self.home.parent / "log").read_text()


@contextlib.contextmanager
def running_application(name: str) -> Iterator[Application]:
    """Run it until the end of the block, ready as its blueprint says.

    Raises:
        NotToBeHad: it cannot be installed.
    """
    programs = programs_of(name)
    blueprint = blueprint_of(name)
    instance = an_instance(route=ROUTE, placement=Placement(HOST.name, free_port(SESSION_PORTS)), proxy=blueprint.proxy)
    blueprint = replace(blueprint, port=instance.get_placement().port)  # no container maps it to another one
    with tempfile.TemporaryDirectory(prefix="gw-application-", dir="/tmp") as directory:
        home = Path(directory) / "home"
        shutil.copytree(PROGRAMS / name, home) if (PROGRAMS / name).exists() else home.mkdir()
        application = Application(name, route_of(instance, HOST), home)
        with _process(container_spec(instance, blueprint, "", "tests"), application, programs) as process:
            until(lambda: _is_ready(instance, blueprint) or process.poll() is not None, name, START_SECONDS)
            assert process.poll() is None, f"{name} ended at once"
            yield application


def blueprint_of(name: str) -> BlueprintSpec:
    """What ``docs/applications`` has of it."""
    return Blueprint(**yaml.safe_load((BLUEPRINTS / f"{name}.yaml").read_text())).spec(name)


@contextlib.contextmanager
def _process(container: ContainerSpec, application: Application, programs: str) -> Iterator[subprocess.Popen]:
    environment = {
        "HOME": str(application.home),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "TMPDIR": str(application.home.parent),  # goes with it: editors leave sockets there
        **{name: _on_loopback(value) for name, value in container.environment.items()},
    }
    command = [_on_loopback(word) for word in container.command]
    with (application.home.parent / "log").open("w") as log:
        process = subprocess.Popen(
            ["nice", *command], cwd=application.home, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield process
        except AssertionError as error:
            error.add_note(application.log)
            raise
        finally:
            _end(process)


def _on_loopback(word: str) -> str:
    """All addresses of a container are its own; of this machine's, loopback alone is a test's."""
    return word.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - it is what is not to be


def _end(process: subprocess.Popen) -> None:
    """With its children: kernels and editors have processes of their own in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)


def _is_ready(instance: Instance, blueprint: BlueprintSpec) -> bool:
    """As the flow asks: past the gateway, at the path below what the session takes for its root."""
    root = "/" if blueprint.proxy.strip_prefix else instance.base_url
    headers = {"Authorization": blueprint.proxy.auth_header.replace("{token}", instance.token)}
    with contextlib.suppress(httpx.HTTPError):
        address = f"http://127.0.0.1:{instance.get_placement().port}{root}{blueprint.ready_path}"
        return httpx.get(address, headers=headers, trust_env=False, timeout=5).status_code < 400
    return False
