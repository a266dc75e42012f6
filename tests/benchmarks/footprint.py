"""What an idle tick of housekeeping leaves in Prefect's database: task runs, events, bytes.

The flow, its deployment's runs and Prefect's server, on SQLite, are the real ones; cloud, engine and gateway are
simulated behind their ports. The pool has two hosts with sessions on them, and nothing to do. A day is not waited for:
it is extrapolated from these ticks, one every 30 seconds. ``written_mb_per_day`` is all that they write;
``idle_mb_per_day`` is what is left of it at the day's end, when whatever is older than completed runs of ticks are kept
is deleted (their events go sooner, which is not counted). Run: `make bench NAME=footprint`.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow_async
from prefect.states import Pending

from flows.housekeeping.housekeep import housekeep
from pool.store.pool_store import PoolStore
from tasks.housekeeping.retention import TICKS_KEPT
from tests.benchmarks.tick import fill, simulated_outside
from tests.rigs.services.postgres import postgres_server
from tests.rigs.services.prefect_server import PrefectServer, running

TICKS = 20
HOSTS = 2
WARM_UP = 3  # ticks that are not counted: the first leave tables, keys and deployments
TICKS_A_DAY = 24 * 60 * 2
COUNTED = {"task_runs": "task_run", "events": "events", "event_resources": "event_resources", "artifacts": "artifact"}
QUIET_SECONDS = 12  # the server writes events in batches, some seconds later


def main() -> None:
    """Measure in a process of its own, and print the figures."""
    parser = argparse.ArgumentParser(prog="make bench NAME=footprint", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--ticks", type=int, default=TICKS, help="idle ticks that are counted")
    parser.add_argument("--database", help="only run the ticks, in this process: URL of an empty database of the pool")
    arguments = parser.parse_args()
    if arguments.database:
        run_ticks(arguments.database, arguments.ticks)
        return
    figures = measure(arguments.ticks)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def measure(ticks: int) -> dict[str, float]:
    """What one tick adds, on a server of its own, and what that makes in a day."""
    with (
        tempfile.TemporaryDirectory(prefix="dd-bench-") as home,
        postgres_server() as postgres,
        running(PrefectServer(Path(home))) as server,
    ):
        for pool in ("warm", "long"):
            server.pool(pool)
        before, after = _run(server, postgres.new_database(), ticks)
    added = {name: (after[name] - before[name]) / ticks for name in after}
    return {
        "ticks": ticks,
        **{f"{name}_per_tick": round(added[name], 2) for name in COUNTED},
        "kb_per_tick": round(added["bytes"] / 1000, 1),
        "written_mb_per_day": round(added["bytes"] * TICKS_A_DAY / 1e6, 1),
        "idle_mb_per_day": round(added["bytes"] * TICKS_A_DAY * (TICKS_KEPT / timedelta(days=1)) / 1e6, 1),
    }


def _run(server: PrefectServer, database: str, ticks: int) -> tuple[dict[str, int], dict[str, int]]:
    """The counts before the ticks that count, and after them."""
    command = [sys.executable, "-m", "tests.benchmarks.footprint", "--database", database, "--ticks", str(ticks)]
    env = server.env | {"PREFECT_LOGGING_LEVEL": os.environ.get("DD_BENCH_LEVEL", "INFO")}
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()  # warm
        before = _settled(server)
        process.stdin.write("go on\n")
        process.stdin.flush()
    assert process.returncode == 0, "the ticks ended with an error"
    return before, _settled(server)


def _settled(server: PrefectServer) -> dict[str, int]:
    """The counts, once the server writes no more."""
    seen, since = count(server.home), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        time.sleep(1)
        now = count(server.home)
        if now["events"] != seen["events"]:
            seen, since = now, time.monotonic()
    return count(server.home)


def count(home: Path) -> dict[str, int]:
    """Rows, and bytes in pages that are in use, of Prefect's database."""
    connection = sqlite3.connect(f"file:{home / 'prefect.db'}?mode=ro", uri=True, timeout=60)
    try:
        one: Callable[[str], int] = lambda sql: connection.execute(sql).fetchone()[0]  # noqa: E731 - short
        rows = {name: one(f"SELECT count(*) FROM {table}") for name, table in COUNTED.items()}  # noqa: S608 - our own names
        pages = one("PRAGMA page_count") - one("PRAGMA freelist_count")
        return rows | {"bytes": pages * one("PRAGMA page_size")}
    finally:
        connection.close()


def run_ticks(database: str, ticks: int) -> None:
    """Run the ticks that warm up, say so, and the others when a line comes."""
    store = PoolStore.open(database)
    store.upgrade()
    fill(store, database, HOSTS)
    with simulated_outside(store):
        asyncio.run(_ticks(WARM_UP))
        print("warm", flush=True)
        sys.stdin.readline()
        asyncio.run(_ticks(ticks))
    store.close()


async def _ticks(number: int) -> None:
    """Runs of the deployment, one after the other, each carried out as the warm worker does."""
    async with get_client() as client:
        deployment = await client.read_deployment_by_name("housekeep/scheduled")
        for schedule in deployment.schedules:
            await client.update_deployment_schedule(deployment.id, schedule.id, active=False)
        for _ in range(number):
            run = await client.create_flow_run_from_deployment(deployment.id)
            await client.set_flow_run_state(run.id, Pending())
            run = await client.read_flow_run(run.id)
            await run_flow_async(housekeep, flow_run=run, parameters=run.parameters)
            ended = await client.read_flow_run(run.id)
            assert ended.state
            assert ended.state.is_completed(), ended.state.message
            print(ended.state.message, file=sys.stderr)


if __name__ == "__main__":
    main()
