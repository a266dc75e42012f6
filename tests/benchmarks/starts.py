"""How many containers one host should start at once: many starts on one engine, held back to so many, in turns.

On a stack of its own, with one host. For each bound, containers of the notebook image are asked for together; each is
created and started as sessions are, when it is its turn by the line that sessions stand in, and asked until it answers.
With "answering" behind the bound, a turn ends only then. Run: `make bench NAME=starts JSON=file`.
"""

import argparse
import asyncio
import json
import os
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median

from blocks.engine.client import HostEngine
from blocks.engine.connection import EngineIdentity
from blocks.turns import Turns
from pool.records import BlueprintSpec, ContainerSpec
from pool.sessions.containers import container_user
from tasks.base import blocking
from tests.rigs.launches.engine_access import EngineAccess
from tests.rigs.launches.floor import PORTS
from tests.rigs.launches.launch_stack import launch_stack, rest, spec_of
from tests.rigs.launches.launcher import PATIENCE, Asking
from tests.rigs.stacks.stack import Stack

BOUNDS = (1, 2, 4, 8, 0)
UNTIL_ANSWERING = (2, 4)
STARTS, ROUNDS = 20, 3


@dataclass(frozen=True)
class Start:
    """Seconds of one: from the asking of all to its turn, to its start, to its answer."""

    turn: float
    started: float
    answering: float


def main() -> None:
    """Measure, and print the figures, in seconds."""
    parser = argparse.ArgumentParser(prog="make bench NAME=starts", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures and all samples are written to")
    parser.add_argument("--starts", type=int, default=STARTS, help="containers at once")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="with each bound")
    arguments = parser.parse_args()
    with launch_stack() as stack:
        report = measure(stack, arguments.starts, arguments.rounds)
    print(json.dumps({name: each for name, each in report.items() if name != "samples"}, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2))


def measure(stack: Stack, starts: int, rounds: int) -> dict:
    """Figures by bound; the first start of all, for which the engine reads the image, counts nowhere."""
    kinds = {str(bound or "none"): (bound, False) for bound in BOUNDS}
    kinds |= {f"{bound} answering": (bound, True) for bound in UNTIL_ANSWERING}
    taken: dict[str, list[list[Start]]] = {name: [] for name in kinds}
    with tempfile.TemporaryDirectory(prefix="dd-starts-") as folder:
        blueprint = spec_of(stack)
        host = StartingHost(EngineAccess.to(stack, blueprint.image, Path(folder) / "tls"), blueprint)
        asyncio.run(host.burst(1, 0, answering=False))
        for _ in range(rounds):
            for name, (bound, answering) in kinds.items():
                rest(stack, 0)
                taken[name].append(asyncio.run(host.burst(starts, bound, answering)))
                print(f"{name}: {summary(taken[name][-1:])}", flush=True)
    by_bound = {name: summary(bursts) for name, bursts in taken.items()}
    samples = {name: [[asdict(one) for one in burst] for burst in bursts] for name, bursts in taken.items()}
    return {"starts": starts, "load": os.getloadavg(), "cores": os.cpu_count(), "bounds": by_bound, "samples": samples}


def summary(bursts: list[list[Start]]) -> dict[str, float]:
    """Figures of some bursts: of its first and its last one the median, and the mean of all."""
    figures = {
        "last_answering_s": median(max(one.answering for one in burst) for burst in bursts),
        "first_answering_s": median(min(one.answering for one in burst) for burst in bursts),
        "mean_answering_s": mean(one.answering for burst in bursts for one in burst),
        "last_started_s": median(max(one.started for one in burst) for burst in bursts),
        "mean_of_a_start_s": mean(one.started - one.turn for burst in bursts for one in burst),
    }
    return {name: round(seconds, 2) for name, seconds in figures.items()}


class StartingHost(Asking):
    """A host on which containers are started by the engine's client of the house."""

    def __init__(self, access: EngineAccess, blueprint: BlueprintSpec) -> None:
        super().__init__(threading.Event())
        self._blueprint, self._access = blueprint, access
        read = [(access.certificates / f"{name}.pem").read_text() for name in ("ca", "cert", "key")]
        self._engine = HostEngine.connect(access.address, EngineIdentity(*read))

    async def burst(self, starts: int, bound: int, answering: bool) -> list[Start]:
        """Ask for so many together; what each took. They are removed."""
        turns, begun = Turns(), time.monotonic()
        specs = [self._spec(number) for number in range(starts)]
        try:
            return await asyncio.gather(*(self._one(spec, turns, bound, answering, begun) for spec in specs))
        finally:
            for spec in specs:
                self._engine.remove(spec.name)

    async def _one(self, spec: ContainerSpec, turns: Turns, bound: int, answering: bool, begun: float) -> Start:
        url = f"http://{self._access.address}:{spec.host_port}/{spec.name}/api"
        async with turns.one_of("starts", bound, PATIENCE):
            turn = time.monotonic()
            await blocking(self._engine.run, spec)
            started = time.monotonic()
            if answering:
                await blocking(self.first_ok, url, turn)
        await blocking(self.first_ok, url, turn)
        return Start(turn - begun, started - begun, time.monotonic() - begun)

    def _spec(self, number: int) -> ContainerSpec:
        name = f"start-{number}"
        return ContainerSpec(
            name=name,
            image=self._access.image,
            port=self._blueprint.port,
            host_port=PORTS[number],
            memory_mb=self._blueprint.memory_mb,
            command=self._blueprint.command,
            environment={"DD_BASE_URL": f"/{name}/", "JUPYTER_TOKEN": "made-up"},
            user=container_user(name, self._blueprint.container_user),
            pids_limit=self._blueprint.pids_limit,
        )


if __name__ == "__main__":
    main()
