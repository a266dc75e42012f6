"""What a process needs to know before it can ask anything: where its data, its database and its ports are.

Read from the environment (``DD_…``) and from the file ``dockerdriver.env`` in the working directory. What an operator
turns while the pool runs is not here but in the block ``pool-config/<name>``.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from blocks.field_types import Address, HostName, Url
from blocks.installation_paths import InstallationPaths
from pool.origins import authority

#: Owner of both databases in the stack's own PostgreSQL; only root becomes it.
DATABASE_USER = "dockerdriver"


class ProcessSettings(InstallationPaths):
    """Paths, addresses and ports of one DockerDriver installation."""

    database: Literal["", "postgresql", "sqlite"] = Field(
        "", description="Kind of the databases; empty: a PostgreSQL of the stack's own, or the SQLite that is in use."
    )
    database_url: str = Field("", description="SQLAlchemy URL of the pool's database; empty: as `database` says.")
    prefect_database_url: str = Field(
        "",
        validation_alias="PREFECT_SERVER_DATABASE_CONNECTION_URL",  # as Prefect calls it, and so operators, too
        description="SQLAlchemy URL of the database of Prefect's server; empty: as `database` says.",
    )
    database_wait: float = Field(
        90, ge=0, description="Seconds that work waits for the pool's database to come back: a minute, and its start."
    )
    engine_url: str = Field("", description="Docker Engine of this machine; empty: found or started by `make up`.")
    gateway_address: Address = Field("127.0.0.1", description="Address that the gateway listens on; 0.0.0.0 opens it.")
    gateway_port: int = Field(8000, description="Port that the gateway listens on.")
    public_url: Url = Field(
        "",
        description="What users' browsers reach the gateway under; empty: its own address. Kept as browsers say it: in"
        " lower case, IDNA, without the default port.",
    )
    session_domain: HostName = Field(
        "", description="Gives each session a host name of its own below this domain; empty: all share the gateway's."
    )
    cloud: Literal["local", "static", "openstack"] = Field("local", description="Where hosts of pool main come from.")
    worker_user: str = Field(
        "dockerdriver",
        pattern=r"^[a-z_][a-z0-9_-]{0,31}$",
        description="Account of the workers and of Prefect's server where `cloud` is not `local`; `make up` makes it."
        " root: they have none of their own.",
    )
    poll_seconds: float = Field(
        0.025, gt=0, description="Seconds between the first looks at a session that starts; later ones are rarer."
    )
    prefect_port: int = Field(4200, description="Port of Prefect's server, on loopback.")
    api_url: str = Field(
        "",
        pattern=r"^(https://\S+/api)?$",
        description="Prefect's API on the manager, as in https://api.example.org:4443/api, of a machine that has warm"
        " workers alone; empty: the one of this machine.",
    )
    gateways: str = Field(
        "",
        pattern=r"^(https://[^\s,/]+([\s,]+https://[^\s,/]+)*)?$",
        description="Relays of the gateways, as in https://10.0.0.5:8445, where workers or gateways are on several"
        " machines; empty: the one gateway of this machine, by its socket.",
    )
    authorities: str = Field(
        "",
        description="PEM file of the authorities that the certificates of `api_url` and of `gateways` are of; empty:"
        " those that are known everywhere.",
    )
    api_servers: int = Field(
        1,
        ge=1,
        le=16,
        description="How many processes serve Prefect's API. From 2 on they have the ports after `prefect_port`, an"
        " nginx before them has that one, and a Redis carries events from one to another.",
    )
    warm_workers: int = Field(1, ge=1, le=16, description="How many warm workers `make up` starts.")
    warm_memory_mb: int = Field(
        1500,
        ge=0,
        description="Memory, in MB, above which a warm worker ends and is started anew, when it has no run under way;"
        " at half as much again in any case. 0: never.",
    )
    isolated_runs: bool = Field(
        False,
        description="Whether each run of the work pool `warm` has a process of its own: what a run does to its process,"
        " it does to no other run; and it begins some seconds later.",
    )
    standby_processes: bool = Field(
        True,
        description="Whether a second process of Prefect's server and of the warm worker stands by, imported and ready,"
        " and takes over within seconds where the active one ends.",
    )
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of metrics for Prometheus, on loopback; 0: none are served."
    )

    kept_results_hours: int = Field(
        24, ge=1, le=8760, description="Hours that results of flow runs are kept as files; launch links are in them."
    )
    kept_records_days: int = Field(
        90, ge=1, le=3650, description="Days that records of ended sessions and of removed hosts are kept."
    )
    kept_visits_days: int = Field(
        400,
        ge=1,
        le=3650,
        description="Days that visits are kept: when sessions came and how long they stayed, no names.",
    )
    usage_hash_names: bool = Field(
        False, description="Whether `dockerdriver usage` names users by hashes alone, as with `--hash-names`."
    )

    @property
    def pool_database_url(self) -> str:
        """SQLAlchemy URL of the pool's database."""
        if self.database_url or not self._uses(self.pool_sqlite):
            return self.database_url or self.own_pool_url
        return f"sqlite:///{self.pool_sqlite}"

    @property
    def prefect_server_url(self) -> str:
        """SQLAlchemy URL of the database of Prefect's server."""
        if self.prefect_database_url or not self._uses(self.prefect_sqlite):
            named = re.sub("^postgres(ql)?://", "postgresql+asyncpg://", self.prefect_database_url)
            return named or self.own_prefect_url
        return f"sqlite+aiosqlite:///{self.prefect_sqlite}"

    def _uses(self, file: Path) -> bool:
        """Tell whether this SQLite file is the database: an installation stays with it until it is moved."""
        return self.database == "sqlite" or (not self.database and file.exists())

    @property
    def own_pool_url(self) -> str:
        """The pool's database in the stack's own PostgreSQL."""
        return f"postgresql+psycopg://{DATABASE_USER}@/pool?host={self.database_socket}"

    @property
    def own_prefect_url(self) -> str:
        """The database of Prefect's server in the stack's own PostgreSQL."""
        return f"postgresql+asyncpg://{DATABASE_USER}@/prefect?host={self.database_socket}"

    @property
    def runs_postgresql(self) -> bool:
        """Whether the stack has a PostgreSQL of its own: at least one of the two databases is in it."""
        own = self.pool_database_url == self.own_pool_url or self.prefect_server_url == self.own_prefect_url
        return own and not self.api_url  # a machine of workers alone has no database

    @property
    def account(self) -> str:
        """Account of the workers and of Prefect's server; empty: they are root's, like all else.

        Hosts of the local cloud are made by root alone, and SQLite writes beside its file, where root alone may.
        """
        as_root = self.cloud == "local" or self.worker_user == "root" or self.pool_database_url.startswith("sqlite")
        return "" if as_root else self.worker_user

    @property
    def gateway_url(self) -> str:
        """What users' browsers reach the gateway under, without a slash at the end."""
        return self.public_url or f"http://{authority(self.gateway_address, self.gateway_port)}"

    def session_origin(self, route: str) -> str:
        """Scheme, host and port that browsers reach this session under, without a slash at the end."""
        if not self.session_domain:
            return self.gateway_url
        public = urlsplit(self.gateway_url)
        port = f":{public.port}" if public.port else ""
        return f"{public.scheme}://{route}.{self.session_domain}{port}"

    @property
    def api_ports(self) -> range:
        """Ports of the processes that serve Prefect's API, on loopback."""
        first = self.prefect_port + self.several_servers
        return range(first, first + self.api_servers)

    @property
    def several_servers(self) -> bool:
        """Whether more than one process serves Prefect's API: then its background services are in another one."""
        return self.api_servers > 1

    @property
    def prefect_api_url(self) -> str:
        """Prefect's API: on loopback, or on the manager where this machine has workers alone."""
        return self.api_url or f"http://127.0.0.1:{self.prefect_port}/api"

    @property
    def gateway_relays(self) -> tuple[str, ...]:
        """Addresses of the relays of all gateways; none: there is one gateway, on this machine."""
        return tuple(self.gateways.replace(",", " ").split())


@lru_cache(maxsize=1)
def process_settings() -> ProcessSettings:
    """Return the settings of this process, read once.

    Raises:
        BadRequest: one of them cannot be; the sentence names it.
    """
    return ProcessSettings.given()
