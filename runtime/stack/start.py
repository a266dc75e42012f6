"""Start the stack: engine, server, what the server must know, images, gateway, workers. Every step may be repeated."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from blocks.engine.local_api import answers
from blocks.env_file import read_env_file
from blocks.gateway.all_gateways import gateway_of, without_lock
from blocks.gateway.config import gateway_config, prepare_gateway
from blocks.settings import ProcessSettings
from blocks.stored.api_password import OF_CLIENTS, OF_SERVER, keep_password, own_pair, prefect_api
from pool.errors import DockerDriverError, EngineTrouble
from pool.printable import how_many
from runtime.api_servers.front_process import end_front
from runtime.api_servers.programs import (
    api_programs,
    check_api_servers,
    first_programs,
    later_programs,
    log_of_server,
)
from runtime.databases.databases import check_databases, check_moved, say_which_databases
from runtime.databases.own_database import end_database, wait_for_database
from runtime.stack.local_engine import (
    Say,
    find_engine,
    note_forwarding,
    own_engine_command,
    own_engine_url,
    wait_for_engine,
)
from runtime.stack.origin import note_origin
from runtime.stack.ports import check_ports
from runtime.supervision.account import check_reach, have_account, let_read, take_over
from runtime.supervision.environment import fingerprint, not_passed_on, stack_environment, take_on
from runtime.supervision.failover import WARM_STANDBY
from runtime.supervision.gateway_process import end_orphaned_workers
from runtime.supervision.processes import PYTHON, Processes, Program
from runtime.supervision.proxies import left_out

SERVER_SECONDS = 120
ENGINE_SECONDS = 60
GATEWAY_SECONDS = 30
WARM = ("-p", "warm", "-t", "dockerdriver-warm", "-n")
LONG = ("-p", "long", "-t", "process", "-n", "long")
PASSWORDS = (OF_SERVER, OF_CLIENTS)


def start_stack(settings: ProcessSettings, say: Say) -> str:
    """Have everything running; take over what already does.

    Returns:
        URL of the engine.

    Raises:
        DockerDriverError: a step failed; the sentence says which. What was started stays.
    """
    names_given = list(os.environ)
    check_databases(settings)
    check_moved(settings)
    check_api_servers(settings)
    have_account(settings, say)
    check_reach(settings)
    settings.images_dir.mkdir(parents=True, exist_ok=True)
    settings.courses_dir.mkdir(parents=True, exist_ok=True)
    say_which_databases(settings, say)
    url = find_engine(settings, say)
    ours, url = url is None, url or own_engine_url(settings)
    engine_note(settings).write_text(url)
    keep_password(settings, os.environ.get(OF_SERVER, ""))
    environment = stack_environment(settings, url)
    tell_not_passed_on(environment, say)
    let_read(settings, environment, say)
    take_on(environment)  # this process provisions: it sees what all others see
    tell_misspelt(names_given, say)
    while_it_serves(Processes(settings), url, lambda: _build_images(settings, url, say))
    processes = start_processes(settings, environment, ours, say)
    if ours:
        start_own_engine(settings, processes, say)
    prepare(settings, url, say)
    take_over(settings)  # what was made meanwhile
    processes.start(*at_last(settings))
    wait_for_gateway(settings)
    from tasks.sessions.links import give_keys  # noqa: PLC0415 - Prefect takes a second to import

    give_keys()
    return url


def while_it_serves(processes: Processes, engine_url: str, build: Callable[[], object]) -> None:
    """Build what a new version's recipes want before the version before is stopped.

    For the rest of an upgrade its gateway must end, and an image takes minutes. Where nothing runs, or no engine does,
    images are built later, while the server starts.
    """
    if processes.alive() and answers(engine_url):
        build()


def tell_not_passed_on(environment: dict[str, str], say: Say) -> None:
    """Name what the operator's environment says and the stack's does not."""
    if others := not_passed_on(environment):
        say(f"the stack has settings of its own for Prefect; not passed on to it: {', '.join(others)}")
    for sentence in left_out(os.environ):
        say(sentence)


def tell_misspelt(names_given: list[str], say: Say) -> None:
    """Name the settings that nothing reads.

    Only after the environment is the stack's: Prefect, which is imported here, reads its server's address once.
    """
    from runtime.stack.misspelt import known_settings, misspelt  # noqa: PLC0415 - Prefect takes a second to import

    for sentence in misspelt(read_env_file(), names_given, known_settings()):
        say(sentence)


def wait_for_gateway(settings: ProcessSettings) -> None:
    """Ask the gateway until it answers; one of them, where there are several.

    Raises:
        DockerDriverError: it does not.
    """
    gateway = gateway_of(settings, without_lock)
    deadline = time.monotonic() + GATEWAY_SECONDS
    while not gateway.alive():
        if time.monotonic() > deadline:
            raise DockerDriverError(f"the gateway does not start; see {settings.data / 'logs' / 'gateway.log'}")
        time.sleep(0.1)


def engine_note(settings: ProcessSettings) -> Path:
    """Return the file that says which engine this installation uses: `down` must find what is on it."""
    return settings.data / "engine.url"


def start_processes(settings: ProcessSettings, environment: dict[str, str], own_engine: bool, say: Say) -> Processes:
    """Have supervisord run with today's configuration and code, and the server start."""
    processes, all_programs = Processes(settings), programs(settings, own_engine)
    prepare_gateway(gateway_config(settings))  # what nginx refuses is said while the version before serves
    print_of_it = fingerprint(processes.render(all_programs), repr(sorted(that_matters(environment).items())))
    if processes.runs(print_of_it):
        say("the stack runs already; taking it over")
    else:
        processes.stop_all()
        end_orphaned_workers(gateway_config(settings))
        end_front(settings)
        end_database(settings)
        check_ports(settings)
        take_over(settings)
        note_origin(settings)
        say("starts Prefect's server, the gateway and the workers")
        processes.begin(all_programs, environment | dict.fromkeys(PASSWORDS, own_pair()), print_of_it)
    if settings.runs_postgresql:
        start_own_database(settings, processes)
    processes.start(*first_programs(settings))
    return processes


def at_last(settings: ProcessSettings) -> list[str]:
    """Names of what is started once Prefect's server knows all that it must know."""
    logs = ["gateway-logs"] if settings.account else []
    return [*later_programs(settings), "gateway", *warm_workers(settings), "long", *logs, *warm_standby(settings)]


def warm_workers(settings: ProcessSettings) -> list[str]:
    """Names of the warm workers."""
    return ["warm", *(f"warm-{number}" for number in range(2, settings.warm_workers + 1))]


def warm_standby(settings: ProcessSettings) -> list[str]:
    """Name of the process that stands by for the warm worker; none where there are several."""
    return [WARM_STANDBY] if settings.standby_processes and settings.warm_workers == 1 else []


def start_own_database(settings: ProcessSettings, processes: Processes) -> None:
    """Start our own PostgreSQL and wait for it: it is the first, all others ask it.

    Raises:
        DockerDriverError: it does not answer.
    """
    processes.start("database")
    wait_for_database(settings, processes)


def that_matters(environment: dict[str, str]) -> dict[str, str]:
    """Return what a running stack is compared by: our settings, the cloud's credentials, Prefect's settings.

    No password: the server reads what is on file at each request.
    """
    ours = {name: value for name, value in environment.items() if name.startswith(("DD_", "OS_", "PREFECT_"))}
    return {name: value for name, value in ours.items() if name not in PASSWORDS}


def programs(settings: ProcessSettings, own_engine: bool) -> list[Program]:
    """All processes of the stack."""
    prefect = (*PYTHON, "-m", "prefect")
    worker = (*prefect, "worker", "start", "--install-policy", "never")
    own_database = (*PYTHON, "-m", "runtime.databases.database_process")
    # INT is PostgreSQL's fast shutdown: TERM would wait until the last connection is closed.
    account = settings.account
    database = [Program("database", own_database, 5, stop_seconds=30, stop_signal="INT")]
    logs = [Program("gateway-logs", (*PYTHON, "-m", "runtime.supervision.gateway_logs"), 31)]
    standby = Program(WARM_STANDBY, (*worker, *WARM, "warm"), 41, stop_seconds=40, user=account)
    engine = [Program("engine", tuple(own_engine_command(settings)), 10, stop_seconds=30)]
    return [
        *(database if settings.runs_postgresql else []),
        *(engine if own_engine else []),
        *api_programs(settings),
        Program("gateway", (*PYTHON, "-m", "runtime.supervision.gateway_process"), 30),
        *(logs if account else []),
        *(Program(name, (*worker, *WARM, name), 40, stop_seconds=40, user=account) for name in warm_workers(settings)),
        Program("long", (*worker, *LONG), 40, stop_seconds=20, user=account),
        *([standby] if warm_standby(settings) else []),
    ]


def start_own_engine(settings: ProcessSettings, processes: Processes, say: Say) -> None:
    """Start our own dockerd and wait for it.

    Raises:
        EngineTrouble: it does not answer.
    """
    say("no Docker Engine answers: starts one of its own")
    note_forwarding(settings)
    processes.start("engine")
    if not wait_for_engine(own_engine_url(settings), ENGINE_SECONDS):
        raise EngineTrouble(f"our own Docker Engine did not start; see {settings.data / 'logs' / 'engine.log'}")


def prepare(settings: ProcessSettings, engine_url: str, say: Say) -> None:
    """Build the images while the server starts and learns what it must know; workers would find nothing to do yet."""
    provisioning = Aside(lambda: _provision(settings))
    host_image = _build_images(settings, engine_url, say)
    say(f"deployed {how_many(len(provisioning.result()), 'pipeline')}")
    if host_image:
        from runtime.stack.registration import offer_host_image  # noqa: PLC0415 - Prefect takes a second to import

        offer_host_image(host_image)


def _provision(settings: ProcessSettings) -> list[str]:
    prefect_api(settings).wait_until_it_answers(SERVER_SECONDS, log_of_server(settings))
    from runtime.stack.registration import provision  # noqa: PLC0415 - Prefect takes a second to import

    return provision(settings.identity, settings.cloud)


def _build_images(settings: ProcessSettings, engine_url: str, say: Say) -> str | None:
    """Have the notebook image, and where hosts are containers theirs, too; the host image's tag."""
    from runtime.builds.host_image import build_host_image  # noqa: PLC0415 - see above
    from runtime.builds.notebook_image import build_notebook_image  # noqa: PLC0415

    work = settings.data / "build"
    host_image = build_host_image(engine_url, work, say) if settings.cloud == "local" else None
    build_notebook_image(engine_url, work, settings.images_dir, say)
    return host_image


class Aside:
    """Work done in a daemon thread, which does not delay the end when the command is interrupted."""

    def __init__(self, work: Callable[[], list[str]]) -> None:
        self._work = work
        self._result: list[str] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error

    def result(self) -> list[str]:
        """Wait for it; what it returned, or raise what it raised."""
        self._thread.join()
        if isinstance(self._error, DockerDriverError):
            raise self._error
        if self._error:
            raise DockerDriverError(f"Prefect's server could not be provisioned: {self._error!r}") from self._error
        return self._result
