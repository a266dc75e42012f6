"""Run all lanes, some beside each other, and look a second time at the few tests that failed: `make test-lanes`."""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from tests.rigs.lanes import second_look
from tests.rigs.lanes.outcomes import read_outcomes
from tests.rigs.lanes.processes import Processes
from tests.rigs.lanes.second_look import Lane, Look, look_again
from tests.rigs.lanes.turns import BUILD, SLOTS, SLOTS_BEHIND, TURNS, Turn, Turns, coverage_file

FLAKY = BUILD / "flaky.txt"


class Run:
    """One run of all lanes."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._began = time.monotonic()
        self._saying = Lock()

    def all_lanes(self) -> list[Lane]:
        """Run the lanes, so many at once; then what failed in them, lane after lane, while nothing else runs."""
        first = self._first_looks()
        return [Lane(name, look, self._second_look(name, look)) for name, look in first.items()]

    def _first_looks(self) -> dict[str, Look]:
        turns, looks = Turns(TURNS), dict[str, Look]()

        def work(behind: bool) -> None:
            while turn := turns.take(behind):
                try:
                    looks[turn.name] = self._look(turn.name, turn)
                finally:
                    turns.end(turn)

        of_slots = [False] * SLOTS + [True] * SLOTS_BEHIND
        with ThreadPoolExecutor(len(of_slots)) as slots:
            list(slots.map(work, of_slots))
        return looks

    def _second_look(self, name: str, first: Look) -> Look | None:
        again = look_again(first)
        if not again or self._processes.told_to_end:
            return None
        return self._look(f"{name}-again", Turn(name, ("-m", "pytest", *again)))

    def _look(self, name: str, turn: Turn) -> Look:
        log, outcomes = BUILD / f"{name}.log", BUILD / f"{name}.json"
        for file in (log, outcomes):
            file.unlink(missing_ok=True)
        self._say(f"{name}: begins")
        is_of_tests = "pytest" in turn.words
        words = (*turn.words, f"--outcomes={outcomes}") if is_of_tests else turn.words
        code = self._processes.run(words, log, turn.niceness, COVERAGE_FILE=str(coverage_file(name)))
        self._say(f"{name}: exit code {code}", log.read_text(errors="replace"))
        return Look(code, read_outcomes(outcomes))

    def _say(self, line: str, log: str = "") -> None:
        with self._saying:
            print(f"{log}== {time.monotonic() - self._began:.0f} s, {line}", flush=True)

    def judge(self, lanes: list[Lane]) -> int:
        """Say what came of it, and note what passed only the second time; the exit code."""
        FLAKY.write_text(second_look.table(lanes))
        for sentence in second_look.sentences(lanes):
            print(sentence)
        print(second_look.closing_line(lanes, time.monotonic() - self._began))
        return second_look.exit_code(lanes, flaky_fails=os.environ.get("FLAKY") == "fail")


def main() -> int:
    """Run them, with the main thread free for signals; 0 when all is well."""
    parser = argparse.ArgumentParser(prog="make test-lanes", description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="what runs the lanes")
    processes = Processes(parser.parse_args().python)
    processes.take_signals()
    BUILD.mkdir(exist_ok=True)
    run = Run(processes)
    with ThreadPoolExecutor(1) as beside:
        code = run.judge(beside.submit(run.all_lanes).result())
    return 1 if processes.told_to_end else code


if __name__ == "__main__":
    sys.exit(main())
