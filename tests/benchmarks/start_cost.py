"""What a start costs the manager: processor time of Prefect's server, warm worker and PostgreSQL; and what it takes.

Engines and gateway are of paper: no container takes a processor from what is measured. Starts one after the other, and
bursts; between two of either, the installation comes to rest, and what it takes when idle is left out. Run:
`make bench NAME=start_cost JSON=file`; it needs root, and four minutes.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from pool.sessions.timings import Phase, seconds_since_accepted
from tests.rigs.launches.paper_installation import BLUEPRINT, PaperInstallation
from tests.rigs.services.prefect_server import running
from tests.rigs.waiting import until

SINGLES, BURSTS, AT_ONCE = 10, 4, 20
REST_SECONDS = 7.0  # that what follows a start may take: events, steps and logs are written by then
PHASES = (Phase.PICKED_UP, Phase.ROOM, Phase.STARTED, Phase.ANSWERING, Phase.ROUTED, Phase.TOLD)


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="make bench NAME=start_cost", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures and all samples are written to")
    parser.add_argument("--singles", type=int, default=SINGLES, help="starts one after the other")
    parser.add_argument("--bursts", type=int, default=BURSTS, help=f"of {AT_ONCE} starts each")
    parser.add_argument("--answers-after", type=float, default=0.0, help="seconds after which a container answers")
    parser.add_argument("--apart", type=float, default=0.0, help="seconds from one answer to the next, as in a burst")
    said = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="dd-bench-") as home,
        running(PaperInstallation(Path(home), said.answers_after, said.apart)) as installation,
    ):
        report = Starts(installation).measure(said.singles, said.bursts)
    print(json.dumps({name: each for name, each in report.items() if name != "samples"}, indent=2))
    if said.json:
        said.json.write_text(json.dumps(report, indent=2))


class Starts:
    """Asks for sessions and reads what became of them."""

    def __init__(self, installation: PaperInstallation) -> None:
        self._installation = installation
        self._store = installation.store
        self._meter = installation.meter()
        self._numbers = count()

    def measure(self, singles: int, bursts: int) -> dict:
        """Return the figures, and all samples; the first start and the first burst count nowhere."""
        self._burst(1)
        self._burst(AT_ONCE)
        time.sleep(REST_SECONDS)
        idle = self._idle()
        alone = [self._burst(1)[0] for _ in range(singles)]
        costs, last = [], []
        for _ in range(bursts):
            time.sleep(REST_SECONDS)
            before, began = self._meter(), time.monotonic()
            sessions = self._burst(AT_ONCE)
            time.sleep(REST_SECONDS)
            costs.append(self._cost(before, idle, time.monotonic() - began))
            last.append({phase: max(one[phase] for one in sessions) for phase in PHASES})
            print(json.dumps({"ms": costs[-1], "last": last[-1], "load": os.getloadavg()[0]}), flush=True)
        figures = {
            "cpu_ms_per_start": _medians(costs),
            "one_s": _medians(alone),
            f"last_of_{AT_ONCE}_s": _medians(last),
            "idle_ms_per_s": {part: round(1000 * each, 1) for part, each in idle.items()},
        }
        samples = {"cpu_ms_per_start": costs, "one_s": alone, "last_s": last}
        return figures | {"load": os.getloadavg(), "cores": os.cpu_count(), "samples": samples}

    def _idle(self) -> dict[str, float]:
        """Processor seconds of each part in a second in which nothing is asked for."""
        before = self._meter()
        time.sleep(2 * REST_SECONDS)
        return {part: (spent - before[part]) / (2 * REST_SECONDS) for part, spent in self._meter().items()}

    def _cost(self, before: Mapping[str, float], idle: Mapping[str, float], seconds: float) -> dict[str, float]:
        spent = {part: now - before[part] - idle[part] * seconds for part, now in self._meter().items()}
        return {part: round(1000 * each / AT_ONCE, 1) for part, each in spent.items()}

    def _burst(self, size: int) -> list[dict[str, float]]:
        """Ask for so many at once; by session, after how many seconds it came through each phase."""
        names = {f"paper-{next(self._numbers)}" for _ in range(size)}
        began = datetime.now(UTC)
        with ThreadPoolExecutor(size) as threads:
            list(threads.map(self._ask, names))

        def told() -> list[dict[str, float]] | None:
            moments = [one.moments for one in self._store.timings.since(began) if one.instance in names]
            done = sum(Phase.TOLD in one for one in moments) == size
            return [*map(seconds_since_accepted, moments)] if done else None

        return until(told, f"{size} sessions run and their platform is told", 120)

    def _ask(self, name: str) -> None:
        said = {"instance_id": name, "blueprint": BLUEPRINT, "user": f"user of {name}"}
        path = f"/deployments/{self._installation.start_deployment}/create_flow_run"
        self._installation.call("POST", path, parameters=said, idempotency_key=uuid4().hex)


def _medians(samples: Sequence[Mapping[Any, float]]) -> dict[str, float]:
    return {name: round(median(one[name] for one in samples), 3) for name in samples[0]} if samples else {}


if __name__ == "__main__":
    main()
