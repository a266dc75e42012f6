"""The stack that launches are measured on: one host that holds them all, and a blueprint with and without standbys."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blocks.stored.blueprint import Blueprint
from pool.records import BlueprintSpec
from pool.standbys.standby import StandbyState
from pool.states import InstanceState
from tests.rigs.stacks.stack import CHECKOUT, Stack
from tests.rigs.waiting import until
from tests.system.conftest import fresh_installation

DATA = CHECKOUT / "build" / "launch"
SLOTS = 100  # of the one host: 60 sessions and 20 standbys, and some to spare
BLUEPRINT, WARM, LARGE = "launch", "launch-warm", "launch-large"
FIT = 4  # sessions by the blueprint LARGE, beside which there is no room for another
POOL = {
    "DD_MAX_HOSTS": "1",
    "DD_FREE_SLOT_TARGET": "1",
    "DD_HOST_FLAVOR_NAME_SMALL": "standard.xlarge",  # 14 GB and all processors, of the local cloud
    "DD_HOST_FLAVOR_SLOTS_SMALL": str(SLOTS),
    "DD_HOST_FLAVOR_SLOTS_LARGE": str(SLOTS),
}
ENDS = (signal.SIGTERM, signal.SIGHUP)
REST_SECONDS = 900
FLOWS = ["provision-instance", "deprovision-instance", "start-standby"]


@contextmanager
def launch_stack(data: Path = DATA, **settings: str) -> Iterator[Stack]:
    """Bring it up, with blueprints and no session; bring it down, whatever happened meanwhile."""
    for number in ENDS:
        signal.signal(number, lambda *_: sys.exit("was asked to end"))  # or what was started would be left running
    stack = fresh_installation(data, **POOL | settings)
    try:
        up = stack.command("up")
        assert up.returncode == 0, f"{up.stdout}\n{stack.logs()}"
        for first in stack.records.instances.all(states=[InstanceState.RUNNING]):
            stack.run("deprovision-instance/on-demand", instance_id=first.id)
        for name, more in {BLUEPRINT: {}, WARM: {}, LARGE: {"slots": SLOTS // FIT}}.items():
            stack.save_blueprint(name, sign_in="open", **more)
        yield stack
    finally:
        for number in (*ENDS, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # asked twice, it still ends what it started
        stack.command("down")


def spec_of(stack: Stack) -> BlueprintSpec:
    """Return how the notebooks of all ways are made."""
    found = stack.api("GET", f"/block_types/slug/blueprint/block_documents/name/{BLUEPRINT}").json()["data"]
    return Blueprint(**found).spec(BLUEPRINT)


def stand_by(stack: Stack, count: int) -> None:
    """Have so many containers stand by, and come to rest."""
    stack.save_blueprint(WARM, sign_in="open", standby=count)
    rest(stack, count)


def rest(stack: Stack, standbys: int) -> None:
    """Wait until no run is under way, and so many containers stand by: what is measured next has the machine.

    Ticks are asked for meanwhile, so that no minute is spent on waiting for those of the schedule.
    """
    until(lambda: _rests(stack, standbys), f"{standbys} standbys and no run", REST_SECONDS, lambda: _tick(stack))


def _rests(stack: Stack, standbys: int) -> bool:
    ready = stack.records.standbys.all("main", [StandbyState.READY])
    return len(ready) == standbys and not stack.runs_under_way(FLOWS)


def _tick(stack: Stack) -> None:
    stack.run("housekeep/scheduled")
    time.sleep(1)
