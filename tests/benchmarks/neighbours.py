"""How fast a session works beside one that uses up all it can, and without: ``make bench NAME=neighbours JSON=file``.

On a real host, with its data on a volume of 1 GB. Pieces of work take turns: with no other session, beside one that
merely computes on each processor, as it may, and beside the abuse; so what else the machine does counts for all three.
Run as root, on a machine that does nothing else: where its processors are taken, a session beside another has half of
what is left, whatever that does. What holds there too is the processor time that the same work takes.
"""

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

from blocks.host_setup.playbook import run_playbook
from tests.rigs.engines.engine import some_engine
from tests.rigs.hosts.configured_host import Configured
from tests.rigs.hosts.playbook_host import playbook_host
from tests.rigs.neighbours.neighbourhood import ABUSES, BUSY, Neighbourhood, neighbourhood

PLAYBOOK_SECONDS = 300
GETS_GOING = 2  # seconds from letting it go to the first piece of work
PIECES = 4  # of work in a turn
KINDS = ("work", "processor", "answer", "write")

Seconds = dict[str, list[float]]  # by kind


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--rounds", type=int, default=4, help="turns of each of the three")
    parser.add_argument("--only", nargs="*", default=sorted(ABUSES), help="these abuses alone")
    options = parser.parse_args()
    with some_engine() as url, playbook_host(url, "bench") as bare:
        report = run_playbook(bare.run, lambda _line: None, PLAYBOOK_SECONDS, bare.directory)
        with neighbourhood(Configured(**vars(bare), report=report, lines=[])) as host, host.neighbour():
            found = {abuse: compared(host, abuse, options.rounds) for abuse in options.only}
    figures = {f"worst_{name}": max(one[name] for one in found.values()) for name in WORST} | {"beside": found}
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


#: The goal is 1.2 of the first, on a machine that does nothing else.
WORST = ("work_vs_quiet", "work_vs_busy", "processor_vs_quiet")


def compared(host: Neighbourhood, abuse: str, rounds: int) -> dict[str, float]:
    """Return how many times longer each kind of work takes beside this abuse; 1: no longer."""
    quiet: Seconds = defaultdict(list)
    busy: Seconds = defaultdict(list)
    beside: Seconds = defaultdict(list)
    for _ in range(rounds):
        work(host, quiet)
        for other, seconds in ((BUSY, busy), (abuse, beside)):
            with host.abuser(other):
                time.sleep(GETS_GOING)
                work(host, seconds)
    ratios = {
        f"{kind}_vs_{name}": round(median(beside[kind]) / median(others[kind]), 2)
        for kind in KINDS
        for name, others in (("quiet", quiet), ("busy", busy))
        if beside[kind]
    }
    print(abuse, json.dumps(ratios | {f"{kind}_seconds": round(median(quiet[kind]), 3) for kind in KINDS}), flush=True)
    return ratios


def work(host: Neighbourhood, seconds: Seconds) -> None:
    """Have some pieces of work done. A write that finds no room is left out."""
    for _ in range(PIECES):
        parts = [host.work(part) for part in ("compute", "begin")]
        seconds["work"].append(sum(part["seconds"] for part in parts))
        seconds["processor"].append(sum(part["processor"] for part in parts))
        begun = time.monotonic()
        host.work("nothing")
        seconds["answer"].append(time.monotonic() - begun)
        if "seconds" in (said := host.work("write")):
            seconds["write"].append(said["seconds"])


if __name__ == "__main__":
    main()
