"""A cloud of machines that the operator lists: creating a server is taking a free one, deleting it is giving it back.

Who has which machine is remembered in a small SQLite file: taking is one guarded INSERT, which two callers cannot both
win and which is there after any crash. The file belongs to one installation, and its managers must share it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn

from pydantic import BaseModel, Field, field_validator

from blocks.clouds.port import Cloud, Server, ServerRequest, ServerStatus
from blocks.settings import process_settings
from blocks.stored.pictures.kinds import picture_of_its_kind
from pool.errors import CloudRefused, CloudTrouble
from pool.hosts.host_images import HostImage
from pool.housekeeping.orphans import CloudPart
from pool.printable import how_many
from pool.records import Headroom

ASSIGNMENTS = """
CREATE TABLE IF NOT EXISTS assignments (
    machine TEXT NOT NULL PRIMARY KEY,  -- its name in the operator's list; a machine serves one host at a time
    namespace TEXT NOT NULL,
    pool TEXT NOT NULL,
    host TEXT NOT NULL,
    UNIQUE (namespace, host)
)
"""
TAKE = "INSERT OR IGNORE INTO assignments (machine, namespace, pool, host) VALUES (?, ?, ?, ?)"
GIVE_BACK = "DELETE FROM assignments WHERE namespace = ? AND host = ?"
TAKEN = "SELECT machine FROM assignments"
OF_NAMESPACE = "SELECT machine, pool, host FROM assignments WHERE namespace = ? ORDER BY host"
LOCK_SECONDS = 20


class StaticMachine(BaseModel):
    """A machine that is there already: Debian, Ubuntu or of the Red Hat family, with sshd.

    The login block's user must exist on it, take the login's public key and use sudo without a password.
    """

    name: str = Field(
        description="What this machine is called; unique in the list.", title="Name", examples=["lab-pc-7"]
    )
    address: str = Field(
        description="IPv4, IPv6 or DNS name that its sshd answers at.", title="Address", examples=["192.0.2.7"]
    )
    host_key: str = Field(
        pattern=r"^ssh-ed25519 [A-Za-z0-9+/=]+",
        description="What it proves itself with: /etc/ssh/ssh_host_ed25519_key.pub",
        title="Host key",
        examples=["ssh-ed25519 AAAA…"],
    )
    flavor: str = Field(
        "", description="Serves requests for this flavor only; empty: for every flavor.", title="Flavor"
    )


class StaticCloud(Cloud):
    """Machines that the operator lists; user data and image of a request are not for them."""

    _block_type_name = "Static cloud"
    _block_type_slug = "static-cloud"
    _logo_url = picture_of_its_kind()
    _description = "Hosts are machines that you list: existing servers, reached over ssh."

    machines: list[StaticMachine] = Field(
        [], description="The machines, in the order in which they are taken.", title="Machines"
    )
    namespace: str = Field(
        "",
        description="Whose machines these are, as in teaching; empty: this installation's own name.",
        title="Namespace",
    )
    assignments: str = Field(
        "",
        description="SQLite file of machines in use, as in /srv/dockerdriver/machines.db; empty: below the data"
        " directory.",
        title="File of machines in use",
    )

    @field_validator("machines")
    @classmethod
    def _are_different(cls, value: list[StaticMachine]) -> list[StaticMachine]:
        for attribute in ("name", "address"):
            given = [getattr(machine, attribute) for machine in value]
            if twice := {one for one in given if given.count(one) > 1}:
                raise ValueError(f"two machines have the {attribute} {', '.join(sorted(twice))}")
        return value

    def headroom(self, flavor: str, data_volume_gb: int = 0) -> Headroom:  # noqa: ARG002 - machines bring their disks
        """Return the free machines that serve the flavor."""
        serving = {machine.name for machine in self._serving(flavor)}
        with self._remembered() as memory:
            taken = serving & {name for (name,) in memory.execute(TAKEN)}
        are = "is" if len(taken) == 1 else "are"
        because = f"{len(taken)} of {how_many(len(serving), 'machine')} for flavor {flavor} {are} taken"
        return Headroom(len(serving - taken), because)

    def create(self, request: ServerRequest) -> Server:
        """Take the first free machine that serves the flavor, or return the one that the host has."""
        candidates = self._serving(request.flavor)
        with self._remembered() as memory:
            for machine in candidates:
                memory.execute(TAKE, (machine.name, self._namespace, request.pool, request.host))
                if server := self._servers(memory).get(request.host):
                    return server
        names = ", ".join(machine.name for machine in candidates)
        raise CloudRefused(f"host {request.host}: every machine for flavor {request.flavor} is taken: {names}")

    def find(self, host: str) -> Server | None:
        """Return the host's machine."""
        with self._remembered() as memory:
            return self._servers(memory).get(host)

    def list_servers(self) -> list[Server]:
        """All machines that hosts of the namespace have."""
        with self._remembered() as memory:
            return [*self._servers(memory).values()]

    def delete(self, host: str) -> None:  # type: ignore[override]  # see Cloud
        """Give the host's machine back; nothing on it is touched."""
        with self._remembered() as memory:
            memory.execute(GIVE_BACK, (self._namespace, host))

    def console_log(self, host: str, lines: int = 20) -> str:  # noqa: ARG002 - the port's
        """Return an empty text: these machines' consoles cannot be read."""
        return ""

    def parts(self) -> tuple[CloudPart, ...]:
        """List the machines that hosts use: no other resource exists here."""
        return tuple(
            CloudPart("server", server.id, server.id, server.pool, server.host) for server in self.list_servers()
        )

    def remove_part(self, part: CloudPart) -> None:
        """Give the machine back."""
        if part.host:
            self.delete(part.host)

    def own_machines(self) -> list[Server]:
        """List all machines of the operator's list, free ones too: they let us in before a host is on them."""
        return [_server(machine.name, machine, pool="", host="") for machine in self.machines]

    def check_snapshots(self) -> NoReturn:
        """Refuse: no image is made of machines that the operator owns."""
        raise CloudRefused(
            "the static cloud makes no host images: its machines are the operator's, and stay as they are"
        )

    def image_id(self, image: str) -> str:
        """Return the name itself: a machine is taken as it is."""
        return image

    def snapshot(self, host: str, name: str, recipe: str) -> HostImage:  # noqa: ARG002 - the port's
        """Refuse: no image is made of machines that the operator owns."""
        self.check_snapshots()

    def snapshots(self) -> list[HostImage]:
        """Return an empty list: there are no host images."""
        return []

    def delete_snapshot(self, image: HostImage) -> None:
        """Nothing to do."""

    @property
    def _namespace(self) -> str:
        return self.namespace or process_settings().identity

    def _serving(self, flavor: str) -> list[StaticMachine]:
        serving = [machine for machine in self.machines if machine.flavor in ("", flavor)]
        if not serving:
            known = ", ".join(sorted({machine.flavor for machine in self.machines})) or "no machine at all"
            raise CloudRefused(f"the static cloud has no machine for flavor {flavor!r}; it has: {known}")
        return serving

    def _servers(self, memory: sqlite3.Connection) -> dict[str, Server]:
        listed = {machine.name: machine for machine in self.machines}
        rows = memory.execute(OF_NAMESPACE, (self._namespace,))
        return {host: _server(name, listed.get(name), pool, host) for name, pool, host in rows}

    @contextmanager
    def _remembered(self) -> Iterator[sqlite3.Connection]:
        """Return the assignments; each statement is a transaction of its own."""
        file = Path(self.assignments or process_settings().assignments_file)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(file, timeout=LOCK_SECONDS, isolation_level=None)) as memory:
                memory.execute(ASSIGNMENTS)
                yield memory
        except (OSError, sqlite3.Error) as error:
            raise CloudTrouble(f"the static cloud's file {file} cannot be used: {error}") from error


def _server(name: str, machine: StaticMachine | None, pool: str, host: str) -> Server:
    if machine is None:
        return Server(name, host, pool, ServerStatus.ERROR, fault=f"machine {name} is no longer in the list")
    return Server(name, host, pool, ServerStatus.ACTIVE, machine.address, host_key=machine.host_key)
