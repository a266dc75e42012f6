"""One flow run in a process of its own, and another one that has it run again where the first was killed.

`python -m runtime.worker.process_run` is the command of the work pool of long flows. Prefect's worker calls a run
crashed whose process was killed, by a machine that is short of memory, say, and nothing would run it again. So this
process only waits for Prefect's engine, which is its child, and knows nothing of Prefect until that was killed.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect.client.schemas.objects import State

ENGINE = "runtime.worker.process_engine"
DIED = "its process was killed while it ran"
RETRY_SECONDS = 2.0  # while Prefect's server or the pool's database is away
CLOCKS = timedelta(seconds=5)  # that the server's may be ahead of this machine's
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>: the signal that a process gets when its parent dies
PASSED_ON = (signal.SIGTERM, signal.SIGINT)


def main() -> int:
    """Run the engine, pass on what it is told, and settle its run if it was killed; the status to end with."""
    started, told, engines = datetime.now(UTC), list[int](), list[subprocess.Popen]()

    def pass_on(number: int, _frame: object) -> None:
        told.append(number)
        for engine in engines:
            engine.send_signal(number)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    # A session of its own: what is sent to this one's whole group reaches the engine once, by us.
    engines.append(subprocess.Popen([sys.executable, "-m", ENGINE], start_new_session=True, preexec_fn=_die_with_us))  # noqa: PLW1509 - no thread runs yet
    for early in told:  # before there was an engine
        engines[0].send_signal(early)
    status = engines[0].wait()
    for number in PASSED_ON:
        signal.signal(number, signal.SIG_DFL)
    if status >= 0:
        return status
    if told:  # it was stopped: end in the same way
        os.kill(os.getpid(), -status)
    settle(UUID(os.environ["PREFECT__FLOW_RUN_ID"]), started)
    return 0


def settle(run_id: UUID, started: datetime) -> None:
    """Have a run whose process was killed run again, or end; goes on until server and database have taken it.

    Args:
        run_id: of the flow run.
        started: when the process did. A run that was taken since is another process's by now.
    """
    while True:
        try:
            follows = asyncio.run(_settle(run_id, started))
        except Exception as error:  # noqa: BLE001 - what is away comes back; what it is stands in the worker's log
            print(f"flow run {run_id} is not settled yet: {error!r}", file=sys.stderr, flush=True)
            time.sleep(RETRY_SECONDS)
        else:
            print(f"flow run {run_id}: {DIED}; {follows or 'nothing is left to do'}", file=sys.stderr, flush=True)
            return


async def _settle(run_id: UUID, started: datetime) -> object:
    # Seconds and 100 MB, which a run that ends by itself does not need.
    from prefect.client.orchestration import get_client  # noqa: PLC0415
    from prefect.client.schemas.objects import StateType  # noqa: PLC0415

    from blocks.outside import outside  # noqa: PLC0415
    from blocks.prefect.reruns import settle_lost_run  # noqa: PLC0415

    def is_ours(states: "Sequence[State]") -> bool:
        takes = [state.timestamp for state in states if state.type is StateType.PENDING]
        return not takes or takes[-1] <= started + CLOCKS

    async with get_client() as client:
        return await settle_lost_run(client, outside().store, run_id, DIED, is_ours, datetime.now(UTC))


def _die_with_us() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
