"""How long one tick of housekeeping takes, how that grows with the hosts, and how much memory it needs.

The flow, its task runs, its artifacts and Prefect's server are the real ones, SQL is a real PostgreSQL. Cloud, engines
and gateway are simulated behind their ports; an engine takes 3 ms to answer. Every session is used; at each tick one in
a thousand is over, and is ended. Core-seconds are those of the process that ticks, without the servers, so that a busy
machine counts for little. Run: `make bench NAME=tick`, or `make bench NAME=tick HOSTS=10000` for that many and a
tenth of them.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from prefect.client.schemas.objects import State
from pydantic import PrivateAttr
from sqlalchemy import Connection, create_engine, func, insert, select

from blocks.clouds.port import Cloud, Server, ServerRequest, ServerStatus
from blocks.engine.client import HostEngine
from blocks.engine.of_host import Engines
from blocks.gateway.activity import Activity, GatewayActivity
from blocks.gateway.client import Gateway
from blocks.outside import outside, standing_in
from blocks.stored.documents.stored_blocks import StoredBlocks
from blocks.stored.link_keys import LinkKeys
from blocks.stored.lookup import SomeBlock
from blocks.stored.pool_config import PoolConfig
from flows.housekeeping.housekeep import housekeep
from pool.hosts.host_images import HostImage
from pool.housekeeping.found import Probe, SeenContainer
from pool.housekeeping.orphans import CloudPart
from pool.records import FlavorSize, Host, Image, Instance, Notice, Route
from pool.states import HostState, InstanceState
from pool.store.pool_store import PoolStore
from pool.store.schema import hosts, instances
from runtime.stack.deployments import deploy_all
from runtime.supervision.garbage import pass_over_imported
from runtime.worker.prefect_internals import remember_result_storage, share_csrf_tokens, share_tls_contexts
from tasks.gateway.routes import route_of
from tests.rigs.pool_data import a_blueprint, place
from tests.rigs.services.postgres import postgres_server
from tests.rigs.services.prefect_server import PrefectServer, running

HOSTS = 1000
SESSIONS, SLOTS = 20, 24  # of each host
TICKS = 3  # each size; the first one of a process is not counted
ENGINE_SECONDS = 0.003
NOT_ASKED = "a quiet tick asks no such thing of the cloud"
OVER = 1000  # one in so many sessions is over at each tick


def main() -> None:
    """Measure each size in a process of its own, and print seconds, MB and how the time grows."""
    parser = argparse.ArgumentParser(prog="make bench NAME=tick", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument(
        "--hosts", type=int, default=HOSTS, help="of the larger pool; the other one has a tenth of them"
    )
    parser.add_argument("--size", type=int, help="only measure this many hosts, in this process")
    parser.add_argument("--database", help="with --size: URL of an empty database")
    arguments = parser.parse_args()
    if arguments.size:
        print(json.dumps(measure(arguments.size, arguments.database)))
        return
    figures = measure_all((arguments.hosts // 10, arguments.hosts))
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def measure_all(sizes: tuple[int, int]) -> dict[str, float]:
    """The figures of both sizes, numbers of hosts."""
    with (
        tempfile.TemporaryDirectory(prefix="dd-bench-") as home,
        postgres_server() as postgres,
        running(PrefectServer(Path(home))) as server,
    ):
        (Path(home) / "data" / "logs").mkdir(parents=True, exist_ok=True)  # which each tick looks at
        for pool in ("warm", "long"):
            server.pool(pool)
        small, large = (_in_a_process(size, postgres.new_database(), server) for size in sizes)
    return {
        f"seconds_{sizes[0]}": small["seconds"],
        f"seconds_{sizes[1]}": large["seconds"],
        "ratio_10x": round(large["seconds"] / small["seconds"], 1),
        f"core_seconds_{sizes[0]}": small["core_seconds"],
        f"core_seconds_{sizes[1]}": large["core_seconds"],
        "ratio_10x_core_seconds": round(large["core_seconds"] / small["core_seconds"], 1),
        "peak_mb": large["peak_mb"],
    }


def _in_a_process(size: int, database: str, server: PrefectServer) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.tick", "--size", str(size), "--database", database]
    quiet = {"PREFECT_LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(command, env=server.env | quiet, text=True, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(size: int, database: str) -> dict[str, float]:
    """What a warm tick takes at this many hosts, the median of some: seconds, core-seconds of this process, and MB."""
    as_a_warm_worker()
    store = PoolStore.open(database)
    store.upgrade()
    fill(store, database, size)
    seconds, core_seconds = [], []
    with simulated_outside(store):
        pass_over_imported()  # nor does a warm worker hold what the simulated parts do
        for number in range(TICKS + 1):
            end_some(database, number)
            began, used = time.monotonic(), time.process_time()
            tick()
            seconds.append(time.monotonic() - began)
            core_seconds.append(time.process_time() - used)
    store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    medians = (round(statistics.median(taken[1:]), 2) for taken in (seconds, core_seconds))
    return {**dict(zip(("seconds", "core_seconds"), medians, strict=True)), "peak_mb": round(peak)}


def as_a_warm_worker() -> None:
    """Have this process share between Prefect's clients what a warm worker does, which runs the ticks."""
    share_tls_contexts()
    share_csrf_tokens()
    remember_result_storage()


def tick() -> None:
    """One run of the flow, as the warm worker makes it; it must have found nothing that it could not do."""
    state = asyncio.run(_housekept())
    assert state.is_completed(), state.message
    assert state.message
    assert "left for the next tick" not in state.message, state.message
    assert re.match(r"main: \d+ decisions", state.message), state.message  # it was looked at, and in time
    if os.environ.get("DD_BENCH_SAY"):
        print(state.message, file=sys.stderr)


async def _housekept() -> State:
    return await housekeep("main", return_state=True)


def fill(store: PoolStore, database: str, size: int) -> None:
    """Record *size* active hosts with their sessions, all like the first."""
    now = datetime.now(UTC)
    store.images.put(Image("main", "jupyter", "sha256:aa", 1000))
    first = store.hosts.claim("main", FlavorSize.LARGE, SLOTS, "run-1", size, now)
    store.hosts.move(first.name, HostState.CONFIGURING, now)
    store.hosts.move(first.name, HostState.ACTIVE, now)
    store.hosts.note(first.name, address="10.0.0.1", server_id="server-1")
    one = store.instances.request("s-1", a_blueprint(), "alice", {}, now)[0]
    place(store, one.id, first.name, now)
    store.instances.begin_to_run(one.id, now, now + timedelta(hours=3), {})
    _multiply(database, size)


@contextmanager
def _connected(database: str) -> Iterator[Connection]:
    engine = create_engine(database)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _multiply(database: str, size: int) -> None:
    with _connected(database) as connection:
        host, session = ({**connection.execute(select(table)).one()._mapping} for table in (hosts, instances))
        connection.execute(hosts.update().values(reserved=SESSIONS))
        connection.execute(insert(hosts), [_host(host, number) for number in range(2, size + 1)])
        places = [(h, n) for h in range(1, size + 1) for n in range(SESSIONS) if (h, n) != (1, 0)]
        connection.execute(insert(instances), [_session(session, h, n) for h, n in places])
        connection.exec_driver_sql("ANALYZE")


def _host(host: dict, number: int) -> dict:
    name, address = f"main-{number:02d}", f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"
    own = {"name": name, "number": number, "address": address, "spawned_by": f"run-{number}", "server_id": name}
    return host | own | {"reserved": SESSIONS}


def _session(session: dict, host: int, number: int) -> dict:
    key = f"s-{host}-{number}"
    return session | {
        "id": key, "route": f"r-{key}", "token": f"t-{key}", "host": f"main-{host:02d}", "port": 20000 + number,
    }  # fmt: skip


def end_some(database: str, number: int) -> None:
    """Let the time of a few more sessions be over."""
    is_running = instances.c.state == InstanceState.RUNNING
    with _connected(database) as connection:
        count = connection.scalar(select(func.count()).where(is_running))
        running = select(instances.c.id).where(is_running).order_by(instances.c.id)
        some = connection.scalars(running.offset(number * 7).limit(max(1, (count or 0) // OVER))).all()
        over = {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}
        connection.execute(instances.update().where(instances.c.id.in_(some)).values(**over))


@contextmanager
def simulated_outside(store: PoolStore) -> Iterator[None]:
    """Cloud, engines and gateway behind their ports; the blocks are Prefect's."""
    deploy_all()
    PoolConfig(DD_MAX_HOSTS=10_000, DD_FREE_SLOT_TARGET=4).save("main", overwrite=True)
    LinkKeys.create().save("main", overwrite=True)
    living = {host.name: host for host in store.hosts.all("main")}
    sessions = store.instances.all("main")
    containers = _containers(sessions)
    engines = {name: QuietEngine(tuple(containers[name])) for name in living}
    gateway, cloud = (
        QuietGateway([route_of(s, living[s.get_placement().host]) for s in sessions]),
        QuietCloud().serving(living.values()),
    )
    door = replace(
        outside(),
        store=store,
        stored=QuietBlocks(cloud),
        engines=QuietEngines(engines),
        gateway=gateway,
    )
    with standing_in(door), door.stored.kept.told_of_changes():  # as a warm worker is
        yield


class QuietBlocks(StoredBlocks):
    """Prefect's own blocks, but for the cloud."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        self._cloud = cloud

    def load(self, kind: type[SomeBlock], name: str, noun: str) -> SomeBlock:
        return cast("SomeBlock", self._cloud) if issubclass(kind, Cloud) else super().load(kind, name, noun)


class QuietEngines(Engines):
    """One engine for each host."""

    def __init__(self, engines: dict[str, "QuietEngine"]) -> None:
        self._of_host = engines

    def of(self, host: Host) -> "QuietEngine":
        return self._of_host[host.name]

    def probe(self, host: Host) -> Probe:
        return look(self.of(host), "")


def _containers(sessions: list[Instance]) -> dict[str | None, list[SeenContainer]]:
    """What runs, by host."""
    found: dict[str | None, list[SeenContainer]] = defaultdict(list)
    for session in sessions:
        found[session.host].append(SeenContainer(session.container, session.id))
    return found


class QuietCloud(Cloud):
    """Lists a server for every host."""

    _block_type_slug = "quiet-cloud"
    _servers: tuple[Server, ...] = PrivateAttr(())

    def serving(self, hosts: Iterable[Host]) -> "QuietCloud":
        self._servers = tuple(Server(h.server_id or "", h.name, h.pool, ServerStatus.ACTIVE, h.address) for h in hosts)
        return self

    def list_servers(self) -> list[Server]:
        return list(self._servers)

    def parts(self) -> tuple[CloudPart, ...]:
        return tuple(CloudPart("server", server.id, server.host, server.pool, server.host) for server in self._servers)

    def create(self, request: ServerRequest) -> Server:
        raise NotImplementedError(NOT_ASKED)

    def find(self, host: str) -> Server | None:
        raise NotImplementedError(NOT_ASKED)

    def delete(self, host: str) -> None:  # type: ignore[override]  # as in the port
        raise NotImplementedError(NOT_ASKED)

    def console_log(self, host: str, lines: int = 20) -> str:
        raise NotImplementedError(NOT_ASKED)

    def image_id(self, image: str) -> str:
        raise NotImplementedError(NOT_ASKED)

    def snapshot(self, host: str, name: str, recipe: str) -> HostImage:
        raise NotImplementedError(NOT_ASKED)

    def snapshots(self) -> list[HostImage]:
        raise NotImplementedError(NOT_ASKED)

    def delete_snapshot(self, image: HostImage) -> None:
        raise NotImplementedError(NOT_ASKED)

    def remove_part(self, part: CloudPart) -> None:
        raise NotImplementedError(NOT_ASKED)


class QuietEngine(HostEngine):
    """Runs what SQL has on its host; answers after a while, as over a wire."""

    def __init__(self, containers: tuple[SeenContainer, ...]) -> None:
        self.seen = containers

    def remove(self, name: str) -> None:
        time.sleep(ENGINE_SECONDS)
        self.seen = tuple(container for container in self.seen if container.name != name)


def look(engine: QuietEngine, _namespace: str) -> Probe:
    """What a probe of such an engine gives."""
    time.sleep(ENGINE_SECONDS)
    return Probe(True, engine.seen)


class QuietGateway(Gateway):
    """Has the route of every session, and saw each used just now."""

    def __init__(self, routes: list[Route]) -> None:
        self.routes = {route.id: route for route in routes}
        self.keys: list[dict] = []

    def list_routes(self) -> list[Route]:
        return list(self.routes.values())

    def remove_route(self, route_id: str) -> None:
        self.routes.pop(route_id, None)

    def activity(self) -> GatewayActivity:
        now = datetime.now(UTC)
        return GatewayActivity(now - timedelta(days=1), {route: Activity(last_request=now) for route in self.routes})

    def requested_extensions(self) -> dict[str, datetime]:
        return {}

    def key_ids(self) -> list[str]:
        return [key["id"] for key in self.keys]

    def put_keys(self, keys: list[dict]) -> None:
        self.keys = keys

    def count_notices(self) -> int:
        return 1

    def put_notices(self, notices: list[Notice]) -> None:
        pass

    def put_pool_page(self, html: str) -> None:
        pass


if __name__ == "__main__":
    main()
