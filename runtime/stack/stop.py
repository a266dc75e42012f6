"""Stop the stack and leave nothing of it outside the data directory, whatever of it still works."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from blocks.engine.local_api import answers, sweep
from blocks.gateway.config import gateway_config
from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError, EngineTrouble
from pool.records import Host, Instance
from pool.states import LIVING_HOSTS, LIVING_INSTANCES, HostState, InstanceState
from runtime.stack.api_password import prefect_api
from runtime.stack.environment import marked_processes, stack_environment, take_on
from runtime.stack.gateway_process import end_orphaned_workers
from runtime.stack.local_engine import (
    DEFAULT,
    Say,
    clear_after_own_engine,
    own_engine_command,
    own_engine_url,
    wait_for_engine,
)
from runtime.stack.processes import Processes, end_marked_processes
from runtime.stack.start import engine_note

if TYPE_CHECKING:
    from pool.store.pool_store import PoolStore

REASON = "the installation was taken down"


def take_down(settings: ProcessSettings, say: Say) -> list[str]:
    """Stop everything. Each step is tried, whatever became of the ones before it.

    Returns:
        What could not be done, one sentence each; empty: nothing is left.
    """
    processes, troubles = Processes(settings), []

    def attempt(step: Callable[[], object]) -> None:
        try:
            step()
        except DockerDriverError as error:
            troubles.append(str(error))

    say("stops the workers")
    attempt(lambda: processes.stop("warm", "long"))
    attempt(lambda: cancel_runs(settings))
    attempt(lambda: remove_cloud_hosts(settings, say))
    attempt(lambda: sweep_engine(settings, say))
    attempt(lambda: close_records(settings, say))
    say("stops the gateway and Prefect's server")
    processes.stop_all()
    end_orphaned_workers(gateway_config(settings))
    settings.gateway_snapshot.unlink(missing_ok=True)
    end_marked_processes(settings.identity, shims=True)
    clear_after_own_engine(settings)
    shutil.rmtree(settings.run_dir, ignore_errors=True)
    return troubles


def cancel_runs(settings: ProcessSettings) -> None:
    """Cancel scheduled and running flow runs: they must not begin at the next start."""
    api = prefect_api(settings)
    if api.healthy():
        api.cancel_all(REASON)


def remove_cloud_hosts(settings: ProcessSettings, say: Say) -> None:
    """Have the clouds delete the hosts that only they know how to: machines that are not containers of our engine.

    Raises:
        DockerDriverError: a cloud did not; what it said.
    """
    api = prefect_api(settings)
    if not api.healthy():
        return
    api.call("GET", "/admin/version")  # does it take our password? what follows would say so in worse words
    take_on(stack_environment(settings, engine_url(settings)))
    from blocks.outside import outside  # noqa: PLC0415 - Prefect takes a second to import, and needs the line above

    for pool in outside().stored.pools():
        cloud = outside().cloud(pool)
        for server in cloud.list_servers():
            say(f"removes host {server.host}")
            cloud.delete(server.host)


def engine_url(settings: ProcessSettings) -> str:
    """Return the engine that this installation last used."""
    note = engine_note(settings)
    return note.read_text().strip() if note.exists() else settings.engine_url or DEFAULT


def sweep_engine(settings: ProcessSettings, say: Say) -> None:
    """Remove all that carries our label from the engine; the hosts of the local cloud among it.

    Raises:
        EngineTrouble: the engine does not answer.
    """
    with engine_to_sweep(settings) as url:
        if url is None:
            return
        for name in sweep(url, settings.identity):
            say(f"removed {name}")


@contextmanager
def engine_to_sweep(settings: ProcessSettings) -> Iterator[str | None]:
    """Find the engine that may hold containers of ours; None when none can. Our own one is started again if it died."""
    url = engine_url(settings)
    if answers(url):
        yield url
    elif url != own_engine_url(settings):
        if engine_note(settings).exists():
            raise EngineTrouble(f"the Docker Engine at {url} does not answer: what is left on it could not be removed")
        yield None
    elif not any("containerd-shim" in command for command in marked_processes(settings.identity).values()):
        yield None
    else:
        with own_engine_for_a_moment(settings):
            yield url


@contextmanager
def own_engine_for_a_moment(settings: ProcessSettings) -> Iterator[None]:
    """Run our own dockerd: containers of one that was killed go on without it, and only it can remove them."""
    url = own_engine_url(settings)
    environment = stack_environment(settings, url)
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    (settings.run_dir / "engine.pid").unlink(missing_ok=True)
    engine = subprocess.Popen(
        own_engine_command(settings),
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        if not wait_for_engine(url, 60):
            raise EngineTrouble("our own Docker Engine died and does not start again: its containers are left")
        yield
    finally:
        engine.terminate()
        try:
            engine.wait(30)
        except subprocess.TimeoutExpired:  # the steps that are left must be tried all the same
            engine.kill()
            engine.wait()


def close_records(settings: ProcessSettings, say: Say) -> None:
    """Write into the pool's database that nothing exists any more; the history stays."""
    from pool.store.pool_store import PoolStore  # noqa: PLC0415 - SQLAlchemy is not needed to stop processes

    url = settings.pool_database_url
    if url.startswith("sqlite:///") and not os.path.exists(url.removeprefix("sqlite:///")):  # noqa: PTH110 - a URL
        return
    store = PoolStore.open(url)
    store.upgrade()
    for instance in store.instances.all(states=LIVING_INSTANCES):
        close_instance(store, instance)
    hosts = store.hosts.all(states=LIVING_HOSTS)
    for host in hosts:
        close_host(store, host)
    store.close()
    say(f"marked {len(hosts)} hosts as removed")


def close_instance(store: "PoolStore", instance: Instance) -> None:
    """Walk a living instance to deleted, by the moves that its life cycle has."""
    for state in (InstanceState.STOPPING, InstanceState.DELETED):
        store.instances.move(instance.id, state, datetime.now(UTC), REASON)


def close_host(store: "PoolStore", host: Host) -> None:
    """Walk the host to removed, by the moves that its life cycle has."""
    gives_up = host.state not in (HostState.DRAINING, HostState.FAILED, HostState.REMOVING)
    for state in (*([HostState.FAILED] if gives_up else []), HostState.REMOVING, HostState.REMOVED):
        store.hosts.move(host.name, state, datetime.now(UTC), REASON)
