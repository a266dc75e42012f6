"""What the test that is the gate of a host costs one that is warm: the last step before it is active, with and without.

On a real host of its own, which the playbook has configured and which has its image. Its engine is asked by turns for
what ``configure-host`` asks last: to answer and to run the image (without), and beside that to try the ways out of a
container (with); then again with the way that is tried where a blueprint of the pool has a rate of the network. CPU
seconds are those of this process and of all that the host runs. Run: ``make bench NAME=self_test JSON=file``.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from docker import APIClient

from blocks.engine.client import HostEngine
from blocks.engine.probes.escape import open_doors
from blocks.host_setup.playbook import run_playbook
from blocks.settings import ProcessSettings
from pool.hosts.escapes import Door
from tests.rigs.engines.engine import some_engine
from tests.rigs.engines.tiny_image import busybox_image
from tests.rigs.hosts.configured_host import Configured
from tests.rigs.hosts.playbook_host import PLAYBOOK_SECONDS, playbook_host

ROUNDS = 15
SERIES = {"gate": False, "gate_with_a_rate": True}
Figures = dict[str, float]  # of one round: seconds


def main() -> None:
    """Measure, and print the figures, in seconds."""
    parser = argparse.ArgumentParser(prog="make bench NAME=self_test", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures and all samples are written to")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each")
    said = parser.parse_args()
    with warm_host() as host:
        samples = {name: host.by_turns(said.rounds, limited) for name, limited in SERIES.items()}
    figures = {name: summary(*series) for name, series in samples.items()}
    report = {"rounds": said.rounds, "load": os.getloadavg(), "cores": os.cpu_count(), **figures}
    print(json.dumps(report, indent=2))
    if said.json:
        said.json.write_text(json.dumps(report | {"samples": samples}, indent=2))


def summary(without: list[Figures], test: list[Figures]) -> Figures:
    """Medians of each; and the median of how much more a round with the test took than the one before it."""
    usual = {f"{name}_without": median(one[name] for one in without) for name in without[0]}
    more = {f"{name}_more": median(w[name] - o[name] for w, o in zip(test, without, strict=True)) for name in test[0]}
    return {name: round(seconds, 2) for name, seconds in (usual | more).items()}


@dataclass
class WarmHost:
    """A host that has its image."""

    engine: HostEngine
    image: str
    doors: tuple[Door, ...]  # that are tried
    machine: str
    own_engine: str  # URL of the engine that runs it

    def by_turns(self, rounds: int, limited: bool) -> tuple[list[Figures], list[Figures]]:
        """Do each so many times, by turns: without, with. The first turn, which opens connections, counts nowhere."""
        without, test = list[Figures](), list[Figures]()
        for _ in range(rounds + 1):
            without.append(self._timed(self._run_image))
            test.append(self._timed(lambda: self._run_image_and_try(limited)))
        return without[1:], test[1:]

    def _run_image(self) -> None:
        self.engine.ping()
        self.engine.try_image(self.image)

    def _run_image_and_try(self, limited: bool) -> None:
        with ThreadPoolExecutor() as beside:
            tried = beside.submit(open_doors, self.engine, self.doors, limited)
            self._run_image()
            assert tried.result() == []

    def _timed(self, step: Callable[[], None]) -> Figures:
        used, own, begun = self._cpu_seconds(), time.process_time(), time.monotonic()
        step()
        seconds, cpu = time.monotonic() - begun, time.process_time() - own
        return {"s": seconds, "manager_cpu_s": cpu, "host_cpu_s": self._cpu_seconds() - used}

    def _cpu_seconds(self) -> float:
        with closing(APIClient(base_url=self.own_engine, version="auto")) as client:
            said = client.stats(self.machine, stream=False, one_shot=True)
        return float(said["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9


@contextmanager
def warm_host() -> Iterator[WarmHost]:
    """Boot one and run the playbook on it; it is gone afterwards."""
    with some_engine() as own_engine, playbook_host(own_engine, "self-test") as bare:
        report = run_playbook(bare.run, lambda _line: None, PLAYBOOK_SECONDS, bare.directory)
        configured, image = Configured(**vars(bare), report=report, lines=[]), busybox_image("tiny", ("true",))
        engine, settings = configured.engine(), ProcessSettings(_env_file=None)
        engine.load([image.archive()])
        doors = configured.doors(settings.gateway_port, settings.prefect_port)
        yield WarmHost(engine, image.id, doors, bare.host.container, own_engine)


if __name__ == "__main__":
    main()
