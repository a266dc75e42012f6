"""A PostgreSQL of the tests' own: Debian's, in a temporary folder, on a unix socket that only root can reach."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

_FAST = "-c fsync=off -c full_page_writes=off -c max_connections=200"


@contextmanager
def postgres_server() -> Iterator["PostgresServer"]:
    """Start a server, give it, and leave nothing of it behind."""
    folder = Path(tempfile.mkdtemp(prefix="dd-postgres-"))
    server = PostgresServer(folder)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


class PostgresServer:
    """One server; each database in it is as empty as a new installation."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bin = _newest_bin()
        self._made = 0

    def make(self) -> None:
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self._folder, "postgres", "postgres")
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        options = f"{_FAST} -c listen_addresses= -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "start", "--wait", f"--options={options}", f"--log={self._folder / 'log'}")

    def stop(self) -> None:
        """End it as a crash would; its databases are there when it is started again."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--wait", "--mode=immediate")

    @property
    def socket(self) -> Path:
        """The unix socket that it listens on."""
        return self._folder / ".s.PGSQL.5432"

    def new_database(self) -> str:
        """Make an empty database; return its SQLAlchemy URL."""
        return self._new_database()

    def copy_of(self, url: str) -> str:
        """Make a database with what another one holds, to which no client is connected; return its SQLAlchemy URL."""
        return self._new_database(f"TEMPLATE {make_url(url).database}")

    def _new_database(self, made_of: str = "") -> str:
        self._made += 1
        name = f"pool_{self._made}"
        with psycopg.connect(host=str(self._folder), user="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} {made_of}")
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"

    def end_all_connections(self) -> None:
        """As a cut network would."""
        with psycopg.connect(host=str(self._folder), user="postgres", autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def _run(self, tool: str, *arguments: str) -> None:
        user = "postgres" if os.geteuid() == 0 else None
        command = [str(self._bin / tool), f"--pgdata={self._folder / 'data'}", *arguments]
        done = subprocess.run(
            command, user=user, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, f"{tool} failed: {done.stdout}"


def _newest_bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    assert found, "PostgreSQL is not installed here: apt-get install postgresql"
    return found[-1].parent
