"""Which processes serve Prefect's API: one alone, or several with what they share."""

import importlib.util
import shutil
from pathlib import Path

from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError, Refused
from runtime.supervision.failover import SERVER_STANDBY
from runtime.supervision.processes import PYTHON, Program

SETTING = "DD_API_SERVERS"
#: From 2 on: what is asked for the API, and the first of those that answer, which also brings the tables up.
FRONT, FIRST = "api", "api-1"
SERVER = (*PYTHON, "-m", "runtime.stack.prefect_server")


def check_api_servers(settings: ProcessSettings) -> None:
    """Look before anything is started.

    Raises:
        Refused: one database for all of them is needed, and SQLite is in use.
        DockerDriverError: a part that they share is not installed.
    """
    if not settings.several_servers:
        return
    if settings.prefect_server_url.startswith("sqlite"):
        raise Refused(f"{SETTING} is {settings.api_servers}, and Prefect's database is SQLite, which serves one alone")
    if not shutil.which("redis-server"):
        raise DockerDriverError(f"{SETTING} is {settings.api_servers}: `apt-get install redis-server`")
    if importlib.util.find_spec("prefect_redis") is None:
        raise DockerDriverError(f"{SETTING} is {settings.api_servers}: the Python package prefect-redis is missing")


def api_programs(settings: ProcessSettings) -> list[Program]:
    """Return them in the order of their start."""
    # A port below 1024 is root's to open.
    account = settings.account if settings.prefect_port >= 1024 else ""
    ports = settings.api_ports
    if not settings.several_servers:
        command, standby = (*SERVER, "--port", str(ports[0])), [SERVER_STANDBY] if settings.standby_processes else []
        names = ["server", *standby]
        return [Program(name, command, 20 + at, stop_seconds=15, user=account) for at, name in enumerate(names)]
    redis = (*PYTHON, "-m", "runtime.api_servers.redis_process")
    services = (*PYTHON, "-m", "prefect", "server", "services", "start")
    front = (*PYTHON, "-m", "runtime.api_servers.front_process")
    return [
        Program("redis", redis, 6, user=settings.account),
        *(api_server(number, port, account) for number, port in enumerate(ports, 1)),
        Program("services", services, 21, stop_seconds=15, user=settings.account),
        Program(FRONT, front, 22, user=account),
    ]


def api_server(number: int, port: int, account: str) -> Program:
    """Return one of several."""
    command = (*SERVER, "--port", str(port), "--no-services")
    return Program(f"api-{number}", command, 20, stop_seconds=15, user=account)


def first_programs(settings: ProcessSettings) -> list[str]:
    """Names of those that answer what the stack must tell Prefect before it starts all else."""
    return ["redis", FIRST, FRONT] if settings.several_servers else ["server"]


def later_programs(settings: ProcessSettings) -> list[str]:
    """Names of the others: they find the tables as they must be."""
    return [program.name for program in api_programs(settings) if program.name not in first_programs(settings)]


def answering(settings: ProcessSettings) -> str:
    """Name of the one that is asked for Prefect's API."""
    return first_programs(settings)[-1]


def log_of_server(settings: ProcessSettings) -> Path:
    """Return the log of the server that is started first, for when it does not answer."""
    return settings.data / "logs" / f"{FIRST if settings.several_servers else 'server'}.log"
