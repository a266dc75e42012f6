"""Prefect's server, PostgreSQL and one warm worker as in a stack, and one host with room whose engine is of paper."""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import yaml
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from blocks.stored.blueprint import Blueprint
from blocks.stored.pool_config import PoolConfig
from pool.records import FlavorSize, Image
from pool.states import HostState
from pool.store.pool_store import PoolStore
from runtime.databases.own_database import cluster, processes_in
from runtime.stack.deployments import DESCRIPTION, deploy
from runtime.stack.registration import KINDS, POOL, make_work_pools
from tests.rigs.launches.manager_cpu import seconds_of
from tests.rigs.launches.paper_worker import ANSWERS_AFTER, ANSWERS_APART
from tests.rigs.services.api_servers import ApiServers
from tests.rigs.services.saved_blocks import register_block, save_block
from tests.rigs.waiting import until

IMAGE, ADDRESS = "sha256:paper", "10.0.0.1"
BLUEPRINT = "paper"
SLOTS = 5000
FLOW = "flows.sessions.provision_instance.provision_instance"
WORKER = [sys.executable, "-m", "tests.rigs.launches.paper_worker", "-p", "warm", "-n", "warm"]


class PaperInstallation(ApiServers):
    """One pool ``main`` with a blueprint ``paper`` of one slot.

    Args:
        home: a new folder.
        answers_after: seconds after which a container answers.
        apart: seconds after the one before it at the least.
    """

    def __init__(self, home: Path, answers_after: float, apart: float = 0.0) -> None:
        super().__init__(home, 1)
        self.env |= {ANSWERS_AFTER: str(answers_after), ANSWERS_APART: str(apart)}
        self.start_deployment = ""

    @property
    def store(self) -> PoolStore:
        """The pool's database."""
        return PoolStore.open(self.settings.pool_database_url)

    def start(self) -> None:
        super().start()
        with temporary_settings({PREFECT_API_URL: self.url, PREFECT_API_AUTH_STRING: self.password}):
            make_work_pools()
            for kind in KINDS:
                register_block(kind)
            save_block(PoolConfig(), POOL)
            save_block(Blueprint(image="paper", port=8888, sign_in="open"), BLUEPRINT)
            entries = yaml.safe_load(DESCRIPTION.read_text())["deployments"]
            name = deploy(next(entry for entry in entries if entry["entrypoint"] == FLOW))
        self.start_deployment = self.call("GET", f"/deployments/name/{name}")["id"]
        self._add_host()
        self.processes["warm"] = self.spawn(WORKER, "warm.log")
        until(lambda: self.call("POST", "/work_pools/warm/workers/filter"), f"a worker (see {self.home}/warm.log)", 120)

    def _add_host(self) -> None:
        store, now = self.store, datetime.now(UTC)
        host = store.hosts.claim(POOL, FlavorSize.LARGE, SLOTS, "paper", 1, now)
        for state in (HostState.CONFIGURING, HostState.ACTIVE):
            store.hosts.move(host.name, state, now)
        store.hosts.note(host.name, address=ADDRESS)
        store.images.put(Image(POOL, "paper", IMAGE, 1))
        store.images.mark(host.name, IMAGE, now)

    def meter(self) -> Callable[[], Mapping[str, float]]:
        """Return what reads the processor seconds of each part until now."""

        def read() -> Mapping[str, float]:
            parts = {part: seconds_of(self.processes[part].pid) for part in ("server", "warm")}
            return parts | {"database": sum(map(seconds_of, processes_in(cluster(self.settings))))}

        return read
