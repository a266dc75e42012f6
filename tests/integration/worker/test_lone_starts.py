"""A session that is asked for alone: what its worker does beside the taking of its run, on a real server and worker."""

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from pool.records import Instance
from pool.sessions.timings import Phase
from pool.states import InstanceState
from pool.store.pool_store import PoolStore
from tests.reliability.orders import Orders
from tests.reliability.points import TAKE
from tests.rigs.launches.paper_installation import BLUEPRINT, WORKER, PaperInstallation
from tests.rigs.services.prefect_server import ROOT, running
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.nightly, pytest.mark.timeout(600)]

HOOKS = ROOT / "tests" / "reliability" / "hooks"


class Starts:
    """Sessions of an installation whose starts can be held."""

    def __init__(self, installation: PaperInstallation, orders: Orders) -> None:
        self.installation, self.orders = installation, orders
        self.store: PoolStore = installation.store

    def ask(self, name: str) -> str:
        """Id of its run."""
        said = {"instance_id": name, "blueprint": BLUEPRINT}
        path = f"/deployments/{self.installation.start_deployment}/create_flow_run"
        return self.installation.call("POST", path, parameters=said, idempotency_key=uuid4().hex)["id"]

    def held(self, name: str, step: str) -> str:
        """Ask for a session; return once it is held after this step."""
        self.orders.hold(name, step, "after")
        run = self.ask(name)
        until(lambda: self.orders.is_held(name), "it is held", 60)
        return run

    def is_(self, name: str, *states: InstanceState) -> Instance | None:
        """Return the session where it is in one of these states."""
        found = self.store.instances.find(name)
        return found if found and found.state in states else None

    def began_to_run(self, run: str) -> list[datetime]:
        """When the server had it as running, each time."""
        states = self.installation.call("GET", f"/flow_run_states/?flow_run_id={run}")
        return [datetime.fromisoformat(state["timestamp"]) for state in states if state["type"] == "RUNNING"]

    @property
    def reserved(self) -> int:
        """How much room sessions have."""
        return sum(host.reserved for host in self.store.hosts.all())


@pytest.fixture(scope="module")
def starts() -> Iterator[Starts]:
    with tempfile.TemporaryDirectory(prefix="dd-lone-") as folder:
        home = Path(folder)
        installation, order = PaperInstallation(home, answers_after=0.0), home / "kill.order"
        path = f"{HOOKS}{os.pathsep}{installation.env['PYTHONPATH']}"
        installation.env |= {"KILL_ORDER": str(order), "PYTHONPATH": path}
        with running(installation):
            starts = Starts(installation, Orders(order))
            installation.wait(starts.ask("earlier"), "COMPLETED")  # what runs ask for, a worker knows by then
            yield starts


def test_it_is_recorded_before_its_run_is_running_and_told_as_any_other(starts):
    asked_at, run = datetime.now(UTC), starts.ask("first")
    until(lambda: starts.is_("first", InstanceState.RUNNING), "it runs", 60)
    (timings,) = [one for one in starts.store.timings.since(asked_at) if one.instance == "first"]
    assert timings.moments[Phase.PICKED_UP] < starts.began_to_run(run)[0]
    starts.installation.wait(run, "COMPLETED")


@pytest.mark.parametrize("step", ["record_ahead", "give_out_room"])
def test_one_whose_run_is_cancelled_while_it_is_recorded_and_given_room_ends_with_it(starts, step):
    name = f"cancelled-after-{step.replace('_', '-')}"
    run = starts.held(name, step)
    starts.installation.cancel(run)
    starts.installation.wait(run, "CANCELLED")
    starts.orders.go_on()
    ended = until(lambda: starts.is_(name, InstanceState.STOPPING, InstanceState.FAILED), "it ends", 60)
    assert ended.reason == "cancelled"


def test_one_whose_worker_is_killed_once_it_has_room_and_before_its_run_is_running_is_started_once_by_the_next(starts):
    before, run = starts.reserved, starts.held("survivor", TAKE)
    until(lambda: starts.is_("survivor", InstanceState.STARTING), "it has room", 60)
    starts.installation.processes["warm"].kill()
    starts.installation.processes["warm"].wait()
    starts.orders.go_on()
    starts.installation.processes["warm"] = starts.installation.spawn(WORKER, "warm-2.log")
    until(lambda: starts.is_("survivor", InstanceState.RUNNING), "it runs", 120)
    starts.installation.wait(run, "COMPLETED")
    assert (starts.reserved, len(starts.began_to_run(run))) == (before + 1, 1)
