"""A warm worker whose engines and gateway are of paper: `python -m tests.rigs.launches.paper_worker -p warm …`.

All else is real: Prefect's server, the pool's database, the flows, and what is told. A container answers so many
seconds after it began to run as `ANSWERS_AFTER` in the environment says; and so many after the one that was started
before it as `ANSWERS_APART` says, as on a machine whose processors all of them share.
"""

import os
import runpy
import sys
import time
from dataclasses import replace

from blocks.outside import outside, replace_outside
from pool.records import ContainerSpec, Host
from tests.rigs.stacks.paper_stack import PaperEngine, PaperGateway

ANSWERS_AFTER, ANSWERS_APART = "PAPER_ANSWERS_AFTER", "PAPER_ANSWERS_APART"


class TimedEngine(PaperEngine):
    """Knows since when a container runs."""

    def __init__(self) -> None:
        super().__init__()
        self._answers_after = float(os.environ.get(ANSWERS_AFTER, "0"))
        self._apart = float(os.environ.get(ANSWERS_APART, "0"))
        self._answers_from: dict[int, float] = {}
        self._last = 0.0

    def run_on(self, host: Host, spec: ContainerSpec) -> None:
        super().run_on(host, spec)
        self._last = max(time.monotonic() + self._answers_after, self._last + self._apart)
        self._answers_from[spec.host_port] = self._last

    def answers_at(self, _address: str, port: int, _path: str, _header: str) -> bool:
        """Whether what runs behind the port is not frozen, and began to run long enough ago."""
        return self.answers(port) and time.monotonic() >= self._answers_from.get(port, float("inf"))


def main() -> None:
    """Become `prefect worker start`."""
    engine = TimedEngine()
    replace_outside(replace(outside(), engines=engine, gateway=PaperGateway(), session_answers=engine.answers_at))
    sys.argv = ["prefect", "worker", "start", *sys.argv[1:]]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
