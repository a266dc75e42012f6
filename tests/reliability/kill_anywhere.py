"""Kill each part of a running stack at each step boundary of each pipeline, and judge what two ticks leave of it.

Run: `make kill-anywhere JSON=file`. The stack is the real one: local cloud, PostgreSQL, supervisor.
"""

import argparse
import json
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pool.errors import DockerDriverError
from pool.records import Instance
from pool.states import ENDED, HostState, InstanceState
from pool.store.pool_store import PoolStore
from tests.reliability.judging import Judgement, judge
from tests.reliability.points import POINTS, Point, Victim
from tests.reliability.victims import Battlefield
from tests.reliability.works import WORKS, Work
from tests.rigs.ports import free_ports
from tests.rigs.services.postgres import PostgresServer, postgres_server
from tests.rigs.stacks.stack import CHECKOUT, Stack
from tests.rigs.waiting import until

DATA = CHECKOUT / "build" / "kill-anywhere"
HOOKS = CHECKOUT / "tests" / "reliability" / "hooks"
REACH_SECONDS = 180  # for a pipeline to come to the point
QUIET_SECONDS = 400  # for the pool to be as before: a host that died is replaced
TICK_SECONDS = 30
ON_THE_HOST = {Victim.ENGINE, Victim.HOST, Victim.REBOOT}


@dataclass(frozen=True)
class Outcome:
    """One row of the table."""

    point: Point
    found: Judgement
    became: str  # of the thing that was worked on
    seconds: float  # from the blow until all was back and two ticks had passed


def main() -> None:
    """Strike at every point, print the table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--table", type=Path, help="file that the table is written to, as Markdown")
    parser.add_argument("--only", default="", help="points whose name matches this pattern")
    arguments = parser.parse_args()
    points = [point for point in POINTS if re.search(arguments.only, str(point))]
    with postgres_server() as database:
        outcomes = Campaign(database).run(points)
    figures = summary(outcomes)
    print(json.dumps(figures, indent=2))
    for file, text in ((arguments.json, json.dumps(figures, indent=2)), (arguments.table, table(outcomes))):
        if file:
            file.write_text(text + "\n")
    missed = [str(point) for point in points if point not in {outcome.point for outcome in outcomes}]
    print("\n".join(f"not struck: {point}" for point in missed))
    sys.exit(bool(missed) or any(figures[key] for key in ("orphans", "sessions_lost", "slots_wrong")))


def summary(outcomes: list[Outcome]) -> dict[str, int]:
    """The figures: points, and over all of them what should be nothing."""
    kinds = ("orphans", "sessions_lost", "slots_wrong")
    return {"points": len(outcomes)} | {kind: sum(len(getattr(o.found, kind)) for o in outcomes) for kind in kinds}


def table(outcomes: list[Outcome]) -> str:
    """One row a point, as Markdown."""
    head = "| pipeline | struck | who dies | what became of it | s | wrong after two ticks |\n|---|---|---|---|---|---|"
    rows = [
        f"| {o.point.pipeline} | {o.point.when} `{o.point.step}` | {o.point.victim} | {o.became} | {o.seconds:.0f} "
        f"| {o.found} |"
        for o in outcomes
    ]
    return "\n".join([head, *rows])


class Campaign:
    """A stack that is struck again and again."""

    def __init__(self, database: PostgresServer):
        self._order = DATA / "kill.order"
        url = database.new_database()
        self._stack = Stack(DATA, *free_ports(2), settings=_environment(self._order) | {"DD_DATABASE_URL": url})
        self._field = Battlefield(self._stack, database)
        self._url = url

    def run(self, points: list[Point]) -> list[Outcome]:
        """Bring the stack up, strike at each point, bring it down."""
        self._stack.command("down")
        self._order.unlink(missing_ok=True)
        for remembers in ("prefect", "postgres"):  # runs of a pool that is no more
            shutil.rmtree(DATA / remembers, ignore_errors=True)
        up = self._stack.command("up")
        try:
            assert up.returncode == 0, f"{up.stdout}\n{self._stack.logs()}"
            self._store = PoolStore.open(self._url)
            self._stack.set_pool(DD_MAX_HOSTS=4, DD_FREE_SLOT_TARGET=4)
            return list(filter(None, map(self._strike_or_say, points)))
        finally:
            self._stack.command("down")

    def _strike_or_say(self, point: Point) -> Outcome | None:
        """The outcome, or None where the point was never come to; the others are struck all the same."""
        try:
            return self._strike(point)
        except Exception as error:  # noqa: BLE001 - half an hour of other points must not be lost
            print(f"    could not be judged: {type(error).__name__}: {error}", flush=True)
            return None
        finally:
            self._order.unlink(missing_ok=True)

    def _strike(self, point: Point) -> Outcome:
        print(f"{time.strftime('%H:%M:%S')} {point}", flush=True)
        bystanders = self._calm()
        work = WORKS[point.pipeline](self._stack, self._store)
        victim_host = self._order_the_blow(point, work)
        work.begin()
        self._wait_for_the_blow(point)
        start = time.monotonic()
        found = self._two_ticks_later([b.id for b in bystanders if b.host != victim_host])
        outcome = Outcome(point, found, work.became(), time.monotonic() - start)
        print(f"    {outcome.became}; wrong: {found} ({outcome.seconds:.0f} s)", flush=True)
        work.clean_up()
        return outcome

    def _calm(self) -> list[Instance]:
        """Wait until there is room on an active host and nothing is on its way; the sessions that run."""
        self._field.wait_until_back()
        until(self._is_calm, "the pool is calm", QUIET_SECONDS, meanwhile=self._tick)
        running = self._store.instances.all("main", [InstanceState.RUNNING])
        if len(running) < 2:
            self._stack.provision(f"by-{uuid4().hex[:8]}")
        return self._store.instances.all("main", [InstanceState.RUNNING])

    def _is_calm(self) -> bool:
        hosts = [host for host in self._store.hosts.all("main") if host.state is not HostState.REMOVED]
        between = [i for i in self._store.instances.all("main") if i.state not in (*ENDED, InstanceState.RUNNING)]
        return bool(hosts) and {h.state for h in hosts} == {HostState.ACTIVE} and not between

    def _tick(self) -> None:
        try:
            self._stack.run("housekeep/scheduled", seconds=150)
        except Exception as error:  # noqa: BLE001 - a tick that the blow took with it; the next one counts
            print(f"    a tick did not end: {error}", flush=True)

    def _order_the_blow(self, point: Point, work: Work) -> str:
        """Write the order; the name of the host that it hits, if it hits one."""
        host = work.host or next(h.name for h in self._store.hosts.all("main", [HostState.ACTIVE]))
        command = self._field.command_against(point.victim, host)
        order = {"pipeline": point.pipeline, "step": point.step, "when": point.when, "command": command}
        self._order.with_suffix(".taken").unlink(missing_ok=True)
        self._order.write_text(json.dumps(order))
        return host if point.victim in ON_THE_HOST else ""

    def _wait_for_the_blow(self, point: Point) -> None:
        until(self._order.with_suffix(".taken").exists, f"a run comes to: {point}", REACH_SECONDS)

    def _two_ticks_later(self, bystanders: list[str]) -> Judgement:
        self._field.wait_until_back()
        self._tick()
        time.sleep(TICK_SECONDS)
        self._tick()
        return judge(self._field, self._store, bystanders)


def _environment(order: Path) -> dict[str, str]:
    """Every Python process of the stack loads the hooks."""
    path = os.pathsep.join(filter(None, [str(HOOKS), os.environ.get("PYTHONPATH", "")]))
    return {"PYTHONPATH": path, "KILL_ORDER": str(order)}


if __name__ == "__main__":
    try:
        main()
    except (DockerDriverError, AssertionError) as error:
        sys.exit(f"kill-anywhere: {error}")
