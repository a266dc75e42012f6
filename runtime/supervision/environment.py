"""The environment that every process of the stack gets, and how a process of ours is known by it."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from blocks.gateway.settings import RelaySettings
from blocks.resources import ROOT
from blocks.settings import ProcessSettings, process_settings
from blocks.stored.api_password import OF_CLIENTS, OF_SERVER, api_password
from runtime.supervision.proxies import without_unreadable

#: In the environment of every process that the stack starts, and so of all that those start.
MARK = "DD_STACK"
#: How much the command itself prints; no matter of the stack's.
OF_THE_COMMAND = "PREFECT_LOGGING_LEVEL"
DAYS_OF_HISTORY = 14
SELDOM = "30"  # seconds; Prefect's own are 5
CONNECTIONS_OF_SERVER = 15  # to PostgreSQL; SQLite's are not pooled by these settings
HOURS_OF_RUN_EVENTS = 2
FILES_OF_OPENSTACK = {"OS_CLIENT_CONFIG_FILE": "clouds", "OS_CLIENT_SECURE_FILE": "secure"}
IN_HOME = Path.home() / ".config" / "openstack"
#: What is not there does not count: an installed package has no lock, but packages with their versions beside it.
SOURCES = ("blocks", "flows", "nginx", "playbooks", "pool", "runtime", "tasks", "prefect.yaml", "requirements.lock")


def stack_environment(settings: ProcessSettings, engine_url: str) -> dict[str, str]:
    """Return the machine's environment, with our settings in place of any DD_* and PREFECT_* variables."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "PREFECT_"))}
    inherited = without_unreadable(others)
    tools = {"PATH": f"{Path(sys.executable).parent}:{inherited['PATH']}"}  # python, ansible-playbook: our own first
    prefects = _prefects(settings) | _spared() | _shared_events(settings) | _guards(settings)
    ours = _ours(settings, engine_url) | prefects | {MARK: settings.identity}
    return inherited | _files_of_openstack(inherited) | tools | ours


def take_on(environment: dict[str, str]) -> None:
    """Apply the stack's environment to this process; settings that it read before are forgotten."""
    unreadable = set(os.environ) - set(without_unreadable(os.environ))
    for name in set(_of_prefect(os.environ)) - {OF_THE_COMMAND} | unreadable:
        del os.environ[name]
    os.environ.update(environment)
    process_settings.cache_clear()  # and with it the ports that were made from them


def not_passed_on(environment: Mapping[str, str]) -> list[str]:
    """Which settings of Prefect's the operator has set that do not count in *environment*, which the stack gets."""
    ours = {OF_SERVER, OF_THE_COMMAND}
    return sorted(n for n, value in _of_prefect(os.environ).items() if n not in ours and environment.get(n) != value)


def _of_prefect(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PREFECT_")}


def _files_of_openstack(inherited: Mapping[str, str]) -> dict[str, str]:
    """Where ``clouds.yaml`` is. openstacksdk looks in the working directory and at home; some of ours have others."""
    found = {}
    for variable, name in FILES_OF_OPENSTACK.items():
        usual = [folder / f"{name}.{kind}" for folder in (Path(), IN_HOME) for kind in ("yaml", "yml", "json")]
        named = (inherited[variable],) if variable in inherited else usual
        if file := next(filter(Path.is_file, map(Path, named)), None):
            found[variable] = str(file.absolute())
    return found


def _ours(settings: ProcessSettings, engine_url: str) -> dict[str, str]:
    resolved = {"engine_url": engine_url, "namespace": settings.identity, "database_url": settings.pool_database_url}
    values = settings.model_dump(mode="json", exclude={"prefect_database_url"}) | resolved
    return {f"DD_{name.upper()}": str(value) for name, value in values.items()} | _relays(settings)


def _relays(settings: ProcessSettings) -> dict[str, str]:
    """Return by what relays are asked: a run in a process of its own has another working directory than its worker."""
    secret = RelaySettings.given().secret.get_secret_value() if settings.gateway_relays else ""
    return {"DD_RELAY_SECRET": secret} if secret else {}


def prefects_home(settings: ProcessSettings, user: str) -> dict[str, str]:
    """Where Prefect keeps what is its own, for a process of *user*; empty: root.

    It looks there for settings and for how to log, which may name any function to call: what a process of root's reads,
    the workers' account must not write. Its server copies the UI before it serves it, beside the package unless told;
    that is root's to write.
    """
    if settings.account and not user:
        return {"PREFECT_HOME": str(settings.data / "prefect-as-root")}
    home = settings.data / "prefect"
    return {"PREFECT_HOME": str(home)} | ({"PREFECT_UI_STATIC_DIRECTORY": str(home / "ui")} if user else {})


def _prefects(settings: ProcessSettings) -> dict[str, str]:
    return prefects_home(settings, settings.account if os.geteuid() else "") | {
        **_trust(settings),
        "PREFECT_API_URL": settings.prefect_api_url,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": settings.prefect_server_url,
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_CLI_COLORS": "false",
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
        # A tick every 30 seconds is 2880 runs a day: what is too old to be read is dropped. Housekeeping itself deletes
        # the completed runs of ticks, which are old within hours (tasks/housekeeping/retention.py).
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "900",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(DAYS_OF_HISTORY * 86400),
        "PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES": json.dumps(_seconds_of_events()),
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P2D",
        # The process worker polls; ten seconds, its default, would be most of the time that a host takes.
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_WORKER_PREFETCH_SECONDS": "0",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }


def _trust(settings: ProcessSettings) -> dict[str, str]:
    """Return which authorities Prefect's clients believe, where they ask the API of another machine."""
    return {"PREFECT_API_SSL_CERT_FILE": settings.authorities} if settings.api_url and settings.authorities else {}


def _spared() -> dict[str, str]:
    """Return what spares Prefect's server work that a burst of starts would wait for."""
    return {
        # States of task runs are written down together. Prefect's own batch is 1: each state is then a transaction of
        # its own, a tenth of what a start costs the server. The UI shows a step a second later at the most.
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "20",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        # All connections to PostgreSQL that it may have stay open. Of Prefect's own fifteen, ten are closed after each
        # use: in a burst most requests pay for a new one, on which each statement is prepared anew.
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": str(CONNECTIONS_OF_SERVER),
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "0",
        # Looks that mostly find nothing: for runs that are late, for pauses that are over, for clean-ups that a worker
        # left. Each costs as much as a small request; every five seconds they are an eighth of an idle server's work.
        "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": SELDOM,
        "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": SELDOM,
        "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": SELDOM,
    }


def _shared_events(settings: ProcessSettings) -> dict[str, str]:
    """Return how several servers hand events and later work to each other; one alone does it in memory."""
    if not settings.several_servers:
        return {}
    url = f"unix://{settings.redis_socket}"
    return {
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_URL": url,
        # It would keep back four of five events for ten seconds, and a worker is woken by each.
        "PREFECT_REDIS_MESSAGING_PUBLISHER_BATCH_SIZE": "1",
        "PREFECT_SERVER_DOCKET_URL": url,
        "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE": "prefect_redis.cleanup_queue",
        "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL": url,
    }


def _seconds_of_events() -> dict[str, int]:
    """Return how long Prefect's own events of runs are kept: a run's states say the same, and last longer."""
    states = ("Scheduled", "Late", "Pending", "Running", "Completed", "heartbeat")
    kinds = [f"prefect.{noun}.{state}" for noun in ("flow-run", "task-run") for state in states]
    return dict.fromkeys(kinds, HOURS_OF_RUN_EVENTS * 3600)


def _guards(settings: ProcessSettings) -> dict[str, str]:
    """Return what keeps other users of this machine, and web pages in an operator's browser, out of Prefect's API."""
    own_origins = ",".join(f"http://{name}:{settings.prefect_port}" for name in ("127.0.0.1", "localhost"))
    pair = api_password(settings)
    passwords = {OF_SERVER: pair, OF_CLIENTS: pair} if pair else {}
    return passwords | {"PREFECT_SERVER_CORS_ALLOWED_ORIGINS": own_origins}


def fingerprint(*texts: str) -> str:
    """Digest of the code and of *texts*: a stack that was started from another one is started anew."""
    digest = hashlib.sha256("\0".join(texts).encode())
    for source in SOURCES:
        for file in sorted(_files(ROOT / source)):
            digest.update(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}\n".encode())
    digest.update("\n".join(sorted(path.name for path in ROOT.glob("*.dist-info"))).encode())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in path.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    return [path] if path.exists() else []


def marked_processes(identity: str) -> dict[int, str]:
    """Process id and command line of every process that carries this installation's mark."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _carries_mark(entry, identity):
            found[int(entry.name)] = command_line(int(entry.name))
    return found


def _carries_mark(process: Path, identity: str) -> bool:
    try:
        return f"{MARK}={identity}".encode() in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # ended meanwhile
        return False


def command_line(pid: int) -> str:
    """Return the process's command line; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
