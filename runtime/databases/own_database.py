"""The stack's own PostgreSQL: Debian's programs, a cluster below the data directory, a unix socket for root alone.

The server runs as Debian's account ``postgres``, for it refuses to run as root. Where that account may not enter the
folders above the data directory (a checkout in /root), it is shown the cluster in a mount namespace of its own, which
ends with it.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from blocks.files.private_files import guard_folder
from blocks.settings import DATABASE_USER, ProcessSettings
from pool.errors import DockerDriverError, Refused
from runtime.supervision.environment import MARK
from runtime.supervision.processes import Processes

ACCOUNT = "postgres"
PROGRAMS = Path("/usr/lib/postgresql")  # Debian has a folder for each version below it
#: The warm worker has 48 at the most, Prefect's server 15, and a process of a single run keeps 16: enough for twenty.
MAX_CONNECTIONS = 400
START_SECONDS = 60  # after a crash it replays its log first
STOP_SECONDS = 30
#: Written into postgresql.conf once; from then on the file is the operator's.
MEMORY = """
# What DockerDriver begins with; a cluster of this size needs no more.
shared_buffers = 64MB
work_mem = 4MB
maintenance_work_mem = 64MB
effective_cache_size = 512MB
max_wal_size = 512MB
jit = off
"""
#: Root, the server's own account and that of the workers, if they have one: by what the kernel says of the other end.
WHO_MAY = "local all all peer map=stack\n"
AS_WHOM = "".join(f"stack {account} {role}\n" for account in ("root", ACCOUNT) for role in (ACCOUNT, DATABASE_USER))
DATABASES = ("pool", "prefect")


def place(settings: ProcessSettings) -> Path:
    """Return the folder of the cluster, which belongs to its account."""
    return settings.data / "postgres"


def cluster(settings: ProcessSettings) -> Path:
    """Return PostgreSQL's data directory."""
    return place(settings) / "cluster"


def programs_of(settings: ProcessSettings, installed: Path = PROGRAMS) -> Path:
    """Return the folder with the programs that the cluster was made by; the newest ones where there is none yet.

    Raises:
        DockerDriverError: these are not installed.
    """
    versions = {found.parts[-3]: found.parent for found in installed.glob("*/bin/postgres")}
    if not versions:
        raise DockerDriverError("there is no PostgreSQL on this machine: `apt-get install postgresql`")
    mark = cluster(settings) / "PG_VERSION"
    version = mark.read_text().strip() if mark.exists() else max(versions, key=float)
    if version not in versions:
        raise DockerDriverError(
            f"{cluster(settings)} is of PostgreSQL {version}, which is not installed here: "
            f"`apt-get install postgresql-{version}`, or bring it to {max(versions, key=float)} with pg_upgrade"
        )
    return versions[version]


def prepare_database(settings: ProcessSettings) -> list[str]:
    """Have a cluster; return the command that becomes its server."""
    programs, folder, socket = programs_of(settings), place(settings), settings.database_socket
    _shown_at(settings).mkdir(parents=True, exist_ok=True)
    for its_own in (folder, socket):
        its_own.mkdir(parents=True, exist_ok=True)
        its_own.chmod(0o700)
        shutil.chown(its_own, ACCOUNT, ACCOUNT)
    guard_folder(socket, settings.account)
    if not cluster(settings).exists():
        _make_cluster(settings, programs)
    _write(settings, "cluster/pg_hba.conf", WHO_MAY)
    _write(settings, "cluster/pg_ident.conf", AS_WHOM + _of_workers(settings))
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket),
        # Its folder lets in root, its own account and the workers'; then the kernel says who asks.
        "unix_socket_permissions": "0777" if settings.account else "0700",
        "max_connections": str(MAX_CONNECTIONS),
        "log_error_verbosity": "terse",  # the detail of a refused row would show a session's token in the log
        "log_min_error_statement": "panic",
    }
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return _as_account(settings, str(programs / "postgres"), "-D", str(_seen(settings) / "cluster"), *words)


def _of_workers(settings: ProcessSettings) -> str:
    """Let the workers' account be the owner of the databases, and nothing more."""
    return f"stack {settings.account} {DATABASE_USER}\n" if settings.account else ""


def _make_cluster(settings: ProcessSettings, programs: Path) -> None:
    """Make it under another name first: what a kill leaves half-made is never taken for a cluster."""
    for left in place(settings).glob("new-*"):
        shutil.rmtree(left, ignore_errors=True)
    draft = f"new-{os.getpid()}"
    words = ("--encoding=UTF8", "--locale=C.UTF-8", "--auth=peer", f"--username={ACCOUNT}")
    _do_as_account(settings, str(programs / "initdb"), f"--pgdata={_seen(settings) / draft}", *words)
    _write(settings, f"{draft}/postgresql.conf", MEMORY, ">>")
    (place(settings) / draft).rename(cluster(settings))


def _write(settings: ProcessSettings, file: str, text: str, how: str = ">") -> None:
    """Have the account write it: in a folder that belongs to another, root could be led astray by a link."""
    _do_as_account(settings, "sh", "-c", f'umask 077 && cat {how} "$0"', str(_seen(settings) / file), text=text)


def _do_as_account(settings: ProcessSettings, *command: str, text: str = "") -> None:
    environment = plain_environment(os.environ)
    words = _as_account(settings, *command)
    done = subprocess.run(words, env=environment, cwd="/", input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DockerDriverError(f"the PostgreSQL in {place(settings)} is not prepared: {done.stderr.strip()[-500:]}")


def _shown_at(settings: ProcessSettings) -> Path:
    """Return the folder that the cluster's is mounted on where its account cannot reach it."""
    return settings.run_dir.with_name(f"{settings.identity}-cluster")


def _seen(settings: ProcessSettings) -> Path:
    return place(settings) if _lets_in(place(settings)) else _shown_at(settings)


def _lets_in(folder: Path) -> bool:
    return subprocess.run([*_become(), "test", "-x", str(folder)], check=False).returncode == 0


def _become() -> list[str]:
    return ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups", "--"]


def _as_account(settings: ProcessSettings, *command: str) -> list[str]:
    """Return words that become this command, run by the account, in a process of the same id."""
    if _lets_in(place(settings)):
        return [*_become(), *command]
    show = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"']
    return [*show, str(place(settings)), str(_shown_at(settings)), *_become(), *command]


def plain_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return what PostgreSQL needs of an environment: no password and no credentials are for its account."""
    return {name: inherited[name] for name in ("PATH", "TZ", MARK) if name in inherited} | {"LC_ALL": "C.UTF-8"}


def database_answers(settings: ProcessSettings) -> bool:
    """Whether the server takes a query."""
    with suppress(DockerDriverError, subprocess.TimeoutExpired):
        return _query(settings, "SELECT 1").returncode == 0
    return False


def _query(settings: ProcessSettings, statements: str) -> subprocess.CompletedProcess[str]:
    where = (f"--host={settings.database_socket}", f"--username={ACCOUNT}", "--dbname=postgres")
    command = [str(programs_of(settings) / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *where]
    return subprocess.run(command, input=statements, capture_output=True, text=True, check=False, timeout=20)


def make_databases(settings: ProcessSettings) -> None:
    """Have both databases, and the role that they belong to.

    Raises:
        DockerDriverError: the server refused.
    """
    role = f"SELECT 'CREATE ROLE {DATABASE_USER} LOGIN' WHERE to_regrole('{DATABASE_USER}') IS NULL \\gexec\n"
    done = _query(settings, role + "".join(map(_make_unless_there, DATABASES)))
    if done.returncode != 0:
        raise DockerDriverError(f"the stack's PostgreSQL did not take its databases: {done.stderr.strip()[:500]}")


def _make_unless_there(name: str) -> str:
    there = f"SELECT FROM pg_database WHERE datname = '{name}'"
    return f"SELECT 'CREATE DATABASE {name} OWNER {DATABASE_USER}' WHERE NOT EXISTS ({there}) \\gexec\n"


@contextmanager
def database_running(settings: ProcessSettings) -> Iterator[None]:
    """Have the server run: the stack's, or where the stack is stopped one for this moment.

    Raises:
        Refused: this user may not reach it.
        DockerDriverError: it does not start; the sentence names its log.
    """
    if os.geteuid() != 0:
        raise Refused(f"only root reaches the databases in {place(settings)}: run it with sudo")
    processes = Processes(settings)
    if processes.alive():
        processes.start("database")
        wait_for_database(settings, processes)
        yield
    else:
        with _database_for_a_moment(settings):
            yield


@contextmanager
def _database_for_a_moment(settings: ProcessSettings) -> Iterator[None]:
    end_database(settings)
    log = settings.data / "logs" / "database.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = plain_environment(os.environ | {MARK: settings.identity})
    with log.open("a") as out:
        server = subprocess.Popen(
            prepare_database(settings), env=environment, cwd="/", start_new_session=True, stdout=out, stderr=out
        )
    try:
        _wait_until_it_answers(settings, lambda: server.poll() is None)
        make_databases(settings)
        yield
    finally:
        end_database(settings)
        server.wait()
        remove_sockets(settings)


def wait_for_database(settings: ProcessSettings, processes: Processes) -> None:
    """Wait until the server that the supervisor started answers, and have both databases in it.

    Raises:
        DockerDriverError: it does not start; the sentence names its log.
    """
    _wait_until_it_answers(settings, lambda: processes.states().get("database") != "FATAL")
    make_databases(settings)


def _wait_until_it_answers(settings: ProcessSettings, lives: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not database_answers(settings):
        if time.monotonic() > deadline or not lives():
            log = settings.data / "logs" / "database.log"
            raise DockerDriverError(f"the stack's PostgreSQL does not start; see {log}")
        time.sleep(0.1)


def end_database(settings: ProcessSettings) -> None:
    """Stop a server that outlived the supervisor, and end what outlived a server that was killed.

    Its processes are known by the folder that they work in: PostgreSQL writes over the environment that has our mark.
    """
    with suppress(OSError, ValueError):
        postmaster = int((cluster(settings) / "postmaster.pid").read_text().split()[0])
        if postmaster in processes_in(cluster(settings)):
            os.kill(postmaster, signal.SIGINT)  # a fast shutdown
            _gone(settings, STOP_SECONDS)
    for pid in processes_in(cluster(settings)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if _gone(settings, 5):  # or the next server would take another process that got the number for this one
        for lock in (cluster(settings) / "postmaster.pid", *_sockets(settings)):
            lock.unlink(missing_ok=True)


def _gone(settings: ProcessSettings, seconds: float) -> bool:
    """Wait until no server works in the cluster; whether that came true."""
    deadline = time.monotonic() + seconds
    while there := processes_in(cluster(settings)):
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return not there


def processes_in(folder: Path) -> list[int]:
    """Process ids of every PostgreSQL that works in this folder, whatever name it has in their mount namespace."""
    if not folder.exists():
        return []
    found, here = [], folder.stat()
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            pid = int(entry.name)
            if (entry / "comm").read_text().strip() == "postgres" and os.path.samestat((entry / "cwd").stat(), here):
                found.append(pid)
    return found


def _sockets(settings: ProcessSettings) -> list[Path]:
    return list(settings.database_socket.glob(".s.PGSQL.*"))


def remove_sockets(settings: ProcessSettings) -> None:
    """Remove the folder of a stopped server's socket; empty folders alone: one of them may have shown a cluster."""
    for file in _sockets(settings):
        file.unlink()
    for folder in (settings.database_socket, _shown_at(settings)):
        with suppress(OSError):
            folder.rmdir()
