"""How long until a notebook answers: without a manager, by ours cold and from a standby, and by JupyterHub.

On one stack of its own, with one host, whose engine runs all of them, of one image, in turns: the floor (`docker run`),
ours (from the request on Prefect's API), and JupyterHub with DockerSpawner and configurable-http-proxy (from the
request on its API), each to the first 200, through its proxy where it has one. One at a time, 10 and 20 at once, and 60
that come one each second; then 20 at once of which there is room for 4: how soon are the others told that they wait?

Run: `make bench NAME=launch JSON=file`. It needs root, a network for pip and npm, and 40 minutes; ``--quick`` takes 8.
Where the peer cannot be installed, the report says so, and its figures are absent.
"""

import argparse
import json
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.rigs.launches.arrivals import arrive
from tests.rigs.launches.engine_access import EngineAccess
from tests.rigs.launches.figures import CLASS, COLD, ONE, STANDBY, TEN, TWENTY, Run, by_occasion, figures
from tests.rigs.launches.floor import Floor
from tests.rigs.launches.launch_stack import BLUEPRINT, WARM, launch_stack, rest, spec_of, stand_by
from tests.rigs.launches.launcher import Launcher
from tests.rigs.launches.manager_cpu import meter_of
from tests.rigs.launches.ours import Ours
from tests.rigs.launches.peer import PeerMissingError, install_peer, running_peer, versions_of
from tests.rigs.launches.versions import versions_here
from tests.rigs.launches.waiting_sessions import told_to_wait
from tests.rigs.spreads import picture
from tests.rigs.stacks.stack import CHECKOUT, Stack

HUB_HOME = CHECKOUT / "build" / "launch-hub"  # what pip and npm install, for the next time
PICTURE = CHECKOUT / "docs" / "pictures" / "launch.svg"


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    singles: int = 20
    rounds: int = 3  # of each burst
    ten: int = 10
    twenty: int = 20
    course: int = 60


QUICK = Sizes(singles=3, rounds=1, ten=4, twenty=6, course=8)


def main() -> None:
    """Measure, print the figures, write the report and the picture."""
    parser = argparse.ArgumentParser(prog="make bench NAME=launch", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that figures, versions and all samples are written to")
    parser.add_argument("--picture", type=Path, help="SVG file of all samples; that of the docs, unless --quick")
    parser.add_argument("--quick", action="store_true", help="few launches, to try it: the figures mean nothing")
    parser.add_argument("--without-peer", action="store_true", help="ours and the floor alone")
    arguments = parser.parse_args()
    sizes = QUICK if arguments.quick else Sizes()
    with launch_stack() as stack:
        report = measure(stack, sizes, not arguments.without_peer)
    print(json.dumps({name: value for name, value in report.items() if not isinstance(value, list | dict)}, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2))
    if drawn := arguments.picture or (None if arguments.quick else PICTURE):
        runs = [Run(**one) for one in report["samples"]]
        drawn.write_text(picture("Seconds from the request to the first answer", by_occasion(runs)))


def measure(stack: Stack, sizes: Sizes, with_peer: bool) -> dict:
    """All of it, on a stack that runs; nothing else is left running."""
    over = threading.Event()
    with ExitStack() as ending:
        home = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="dd-launch-")))
        engine = EngineAccess.to(stack, spec_of(stack).image, home / "tls")
        ways = [Floor(engine, spec_of(stack), over), Ours(stack, COLD, BLUEPRINT, over)]
        ways.append(Ours(stack, STANDBY, WARM, over))
        report = versions_here(engine) | {"sizes": asdict(sizes)}
        if with_peer:
            try:
                python, program = install_peer(HUB_HOME)
                peer = running_peer(home, python, program, engine, spec_of(stack), over)
                ways.append(ending.enter_context(peer))
                report["peer_versions"] = versions_of(python)
            except PeerMissingError as reason:
                report["peer_missing"] = str(reason)
        ending.callback(over.set)
        runs = all_runs(stack, ways, sizes, over)
        told = told_to_wait(stack, sizes.twenty, over)
    report |= {"told_to_wait": asdict(told), "samples": [asdict(run) for run in runs]}
    return figures(runs, told) | report


def all_runs(stack: Stack, ways: list[Launcher], sizes: Sizes, over: threading.Event) -> list[Run]:
    """The ways in turns; before each, the machine comes to rest. One launch of each comes first, and counts nowhere."""
    plan = [(ONE, 1, 0.0, 1)] * (sizes.singles + 1)
    plan += [(TEN, sizes.ten, 0.0, sizes.ten)] * sizes.rounds
    plan += [(TWENTY, sizes.twenty, 0.0, sizes.twenty)] * sizes.rounds
    plan += [(CLASS, sizes.course, 1.0, sizes.twenty)]
    runs: list[Run] = []
    meter = meter_of(stack)
    for turn, (occasion, count, gap, standbys) in enumerate(plan):
        stand_by(stack, standbys)
        for way in ways:
            rest(stack, standbys)
            names = [f"{way.kind}-{turn}-{number}" for number in range(count)]
            runs.append(arrive(way, occasion, names, gap, over, meter if count > 1 else None))
            print(f"{occasion}, {way.kind}: {runs[-1].seconds} {runs[-1].failed}", flush=True)
    stand_by(stack, 0)
    return runs[len(ways) :]


if __name__ == "__main__":
    main()
