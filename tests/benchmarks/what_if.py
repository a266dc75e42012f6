"""Fourteen days of a thousand sessions a day, lived twice by the replay: how long `dockerdriver what-if` computes.

The demand is that of six teaching sites at once (`tests/benchmarks/arrivals.py`), from a seed. Seconds are those of one
core (`time.process_time`), so that a busy machine counts for little. Run: `make bench NAME=what_if`.
"""

import argparse
import json
import time
from datetime import timedelta
from pathlib import Path
from random import Random

from pool.sessions.visits import Visit
from pool.settings import PoolSettings
from pool.what_if.study import Past, compare
from tests.benchmarks.arrivals import SEED, WEEK, week_of
from tests.rigs.pool_data import NOW, later

SITES, WEEKS = 6, 2
TODAY = PoolSettings(max_hosts=80, free_slot_target=6)
THEN = PoolSettings(max_hosts=80, free_slot_target=40)


def main() -> None:
    """Live the days under two settings, and print how long that took."""
    parser = argparse.ArgumentParser(prog="make bench NAME=what_if", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    arguments = parser.parse_args()
    figures = measure(Random(SEED))
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def measure(random: Random) -> dict[str, float]:
    """How many sessions came, and what the comparison took."""
    past = past_of(random)
    begun = time.process_time()
    today, then = compare(past, TODAY, THEN).figures
    seconds = time.process_time() - begun
    days = WEEKS * 7
    return {
        "days": days,
        "sessions_a_day": round(len(past.visits) / days),
        "hosts_at_the_peak": then.hosts_at_the_peak,
        "refused": today.refused + then.refused,
        "core_seconds": round(seconds, 1),
    }


def past_of(random: Random) -> Past:
    """What all sites had to serve."""
    visits, boots = list[Visit](), list[float]()
    for week in range(WEEKS):
        for _ in range(SITES):
            came, boots = week_of(random)
            begins = timedelta(seconds=week * WEEK)
            visits += [Visit(later(one.at) + begins, 1, stayed=one.seconds, allowed=one.seconds) for one in came]
    visits.sort(key=lambda visit: visit.at)
    return Past("main", visits, boots, NOW, later(WEEKS * WEEK))


if __name__ == "__main__":
    main()
