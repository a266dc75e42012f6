"""Stop the stack and leave nothing of it outside the data directory, whatever of it still works."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blocks.engine.local_api import answers, sweep
from blocks.gateway.config import gateway_config
from blocks.gateway.session_ports import let_others_in
from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import DockerDriverError, EngineTrouble, NotFound
from pool.printable import how_many
from pool.records import Host
from pool.states import LIVING_HOSTS
from runtime.api_servers.front_process import end_front
from runtime.databases.databases import NOT_MADE, pool_database_running, trouble_with
from runtime.databases.own_database import end_database, remove_sockets
from runtime.databases.records import records
from runtime.stack.host_removal import REASON, Removal, close_records, remove_hosts, unknown_cloud
from runtime.stack.kept_work import end_with_backups, refuse_to_lose
from runtime.stack.local_engine import (
    DEFAULT,
    Say,
    clear_after_own_engine,
    own_engine_command,
    own_engine_ran,
    own_engine_url,
    wait_for_engine,
)
from runtime.stack.start import engine_note
from runtime.supervision.environment import marked_processes, stack_environment, take_on
from runtime.supervision.gateway_process import end_orphaned_workers
from runtime.supervision.processes import Processes, end_marked_processes

if TYPE_CHECKING:
    from blocks.clouds.port import Cloud
    from pool.store.pool_store import PoolStore


def take_down(settings: ProcessSettings, say: Say, lose_work: bool = False) -> list[str]:
    """Stop everything. Each step is tried, whatever became of the ones before it.

    Args:
        settings: of this installation.
        say: told of each step.
        lose_work: whether the work of sessions that cannot be backed up is given up.

    Returns:
        What could not be done, one sentence each; empty: nothing is left.

    Raises:
        Refused: the work of a session could not be backed up, and is not given up: everything goes on, but the sessions
            that were ended until then.
    """
    processes, troubles = Processes(settings), list[str]()

    def attempt(step: Callable[[], list[str] | None]) -> None:
        try:
            troubles.extend(step() or [])
        except Exception as error:  # noqa: BLE001 - told at the end; no error may keep the later steps from being tried
            troubles.append(str(error) if isinstance(error, DockerDriverError) else repr(error))

    lost: list[str] = []
    attempt(lambda: lost.extend(keep_work(settings, say)))
    if not lose_work:
        refuse_to_lose(lost)
    troubles += lost
    say("stops the workers")
    attempt(processes.stop_workers)
    say("cancels the runs that are under way")
    attempt(lambda: cancel_runs(settings))
    say("removes the hosts")
    attempt(lambda: remove_all_hosts(settings, say))
    say("stops the gateway, Prefect's server and the databases")
    attempt(processes.stop_all)
    attempt(lambda: end_orphaned_workers(gateway_config(settings)))
    attempt(lambda: end_front(settings))
    attempt(lambda: let_others_in(settings.identity))
    attempt(lambda: end_database(settings))
    attempt(lambda: remove_sockets(settings))
    attempt(lambda: settings.gateway_snapshot.unlink(missing_ok=True))
    attempt(lambda: end_marked_processes(settings.identity, shims=True))
    attempt(lambda: clear_after_own_engine(settings))
    for folder in (settings.run_dir, settings.downloads_dir, settings.redis_socket.parent):
        shutil.rmtree(folder, ignore_errors=True)
    return troubles


def keep_work(settings: ProcessSettings, say: Say) -> list[str]:
    """End the sessions that keep their work by runs that back it up; one sentence for each that was not backed up.

    Raises:
        Refused: the tables are of another version, which the workers that run do not know: `make up` comes first.
    """
    with records(settings) as store:
        return end_with_backups(store, prefect_api(settings), say) if store else []


def cancel_runs(settings: ProcessSettings) -> None:
    """Cancel scheduled and running flow runs: they must not begin at the next start."""
    api = prefect_api(settings)
    if api.healthy():
        api.cancel_all(REASON)


def remove_all_hosts(settings: ProcessSettings, say: Say) -> list[str]:
    """Remove the hosts, on our engine and in the clouds, and close the records of those that are gone.

    Returns:
        What could not be removed, one sentence each, with what to do.
    """
    with _records(settings) as store:
        living = store.hosts.all(states=LIVING_HOSTS) if store else []
        troubles, swept = _swept(settings, bool(living), say)
        gone = {host.name for host in living if swept and f"{settings.identity}-{host.name}" in swept}
        removal = _removed_from_clouds(
            settings, [host for host in living if host.name not in gone], swept is not None, say
        )
        if store:
            say(f"marked {how_many(close_records(store, gone | removal.gone), 'host')} as removed")
    return troubles + removal.troubles


@contextmanager
def _records(settings: ProcessSettings) -> Iterator["PoolStore | None"]:
    """Open the pool's database; None where none was ever made."""
    from pool.store.pool_store import PoolStore  # noqa: PLC0415 - SQLAlchemy is not needed to stop processes

    url = settings.pool_database_url
    if trouble_with(settings, url) == NOT_MADE:
        yield None
        return
    with pool_database_running(settings):
        store = PoolStore.open(url)
        try:
            store.upgrade()
            yield store
        finally:
            store.close()


def _swept(settings: ProcessSettings, has_hosts: bool, say: Say) -> tuple[list[str], set[str] | None]:
    """Sweep our engine; say what went wrong, and what was removed by name (None: it was not swept)."""
    try:
        return [], sweep_engine(settings, has_hosts, say)
    except DockerDriverError as error:
        return [str(error)], None


def _removed_from_clouds(settings: ProcessSettings, hosts: list[Host], swept: bool, say: Say) -> Removal:
    """Have the clouds delete the hosts that are not containers of our engine.

    Args:
        settings: of this installation.
        hosts: that are on record as living, and were not on our engine.
        swept: whether our engine was rid of all that is ours: the local cloud on it need not be asked.
        say: told of each host.
    """
    try:
        clouds = _clouds(settings)
    except Exception as error:  # noqa: BLE001 - unknown is not gone, whatever it was
        return Removal(troubles=unknown_cloud(hosts, str(error) or repr(error)))
    lost = [host for host in hosts if host.pool not in clouds]
    asked = {pool: cloud for pool, cloud in clouds.items() if not (swept and _is_on_our_engine(cloud))}
    removal = remove_hosts(asked, hosts, say)
    removal.gone |= {host.name for host in hosts if host.pool in clouds and host.pool not in asked}
    removal.troubles += unknown_cloud(lost, "no cloud is known of their pool")
    return removal


def _clouds(settings: ProcessSettings) -> dict[str, "Cloud"]:
    """Load the cloud of every pool that has one; pools that name the same block share the object.

    Raises:
        DockerDriverError: Prefect's server does not answer, or does not take the password.
    """
    api = prefect_api(settings)
    if not api.healthy():
        raise DockerDriverError("Prefect's server does not answer, which keeps what their cloud is asked with")
    api.call("GET", "/admin/version")  # does it take our password? what follows would say so in worse words
    take_on(stack_environment(settings, engine_url(settings)))
    from blocks.outside import outside  # noqa: PLC0415 - Prefect takes a second to import, and needs the line above

    names = {pool: outside().config(pool).cloud for pool in outside().stored.pools()}
    clouds = {name: _cloud(pool) for pool, name in names.items()}
    return {pool: cloud for pool, name in names.items() if (cloud := clouds[name])}


def _cloud(pool: str) -> "Cloud | None":
    from blocks.outside import outside  # noqa: PLC0415 - as above

    try:
        return outside().cloud(pool)
    except NotFound:  # its block was deleted: what it had is told of as not removed
        return None


def _is_on_our_engine(cloud: "Cloud") -> bool:
    """Whether the cloud's hosts are containers of the engine that was swept, with the mark that was swept."""
    from blocks.clouds.local.cloud import LocalCloud  # noqa: PLC0415 - as above

    return isinstance(cloud, LocalCloud) and not cloud.engine_url and not cloud.namespace


def engine_url(settings: ProcessSettings) -> str:
    """Return the engine that this installation last used."""
    note = engine_note(settings)
    return note.read_text().strip() if note.exists() else settings.engine_url or DEFAULT


def sweep_engine(settings: ProcessSettings, has_hosts: bool, say: Say) -> set[str] | None:
    """Remove all that carries our label from the engine; the hosts of the local cloud among it.

    Returns:
        What was removed, by name; None when no engine was found that could hold anything.

    Raises:
        EngineTrouble: the engine does not answer.
    """
    with engine_to_sweep(settings, has_hosts) as url:
        if url is None:
            return None
        removed = sweep(url, settings.identity)
        for name in removed:
            say(f"removed {name}")
        return set(removed)


@contextmanager
def engine_to_sweep(settings: ProcessSettings, has_hosts: bool) -> Iterator[str | None]:
    """Find the engine that may hold containers of ours; None when none can.

    Our own one is started again if it died and left containers that run, or where hosts are on record that may be
    stopped containers of it: nothing else can say whether they are.
    """
    url = engine_url(settings)
    if answers(url):
        yield url
    elif url != own_engine_url(settings):
        if engine_note(settings).exists():
            raise EngineTrouble(f"the Docker Engine at {url} does not answer: what is left on it could not be removed")
        yield None
    elif not (_runs_containers(settings) or (has_hosts and own_engine_ran(settings))):
        yield None
    else:
        with own_engine_for_a_moment(settings):
            yield url


def _runs_containers(settings: ProcessSettings) -> bool:
    return any("containerd-shim" in command for command in marked_processes(settings.identity).values())


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
