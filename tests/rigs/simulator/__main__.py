"""Live many random lives and say which did not hold: `make simulate RUNS=20000 JSON=file`, `… --seed 4711`."""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.rigs.simulator.lives import live_batch, lives

BATCH = 10  # lives of a process before it says which broke


def main() -> int:
    """Live them, in two processes; print each broken one with what did not hold."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500, help="how many lives")
    parser.add_argument("--first", type=int, default=1, help="seed of the first one; each next one is one more")
    parser.add_argument("--json", type=Path, help="file that the counts are written to")
    parser.add_argument("--seed", type=int, help="live this one alone, and say all that happens in it")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return 1 if tell(arguments.seed) else 0
    broken = live_all(range(arguments.first, arguments.first + arguments.runs))
    counts = {"runs": arguments.runs, "broken": len(broken), "broken_seeds": broken}
    if arguments.json:
        arguments.json.write_text(json.dumps(counts, indent=2))
    return 1 if broken else 0


def tell(seed: int) -> dict[str, str]:
    """Live one life again and print it."""
    with lives() as ours:
        broken = ours.live(seed, say=print)
    for sentence, traceback in broken.items():
        print(f"seed {seed}: {sentence}\n{traceback}".rstrip())
    return broken


def live_all(seeds: range) -> list[int]:
    """Seeds whose lives did not hold."""
    batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
    broken, done, began = [], 0, time.monotonic()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        for batch, found in zip(batches, processes.map(live_batch, batches), strict=True):
            done += len(batch)
            broken += found
            print(f"{done} lives, {len(broken)} broken, {done / (time.monotonic() - began):.0f} a second", flush=True)
    return broken


if __name__ == "__main__":
    sys.exit(main())
