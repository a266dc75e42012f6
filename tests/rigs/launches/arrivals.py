"""Launches in a rhythm: one after the other, many at once, one each second."""

import os
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.rigs.launches.figures import Run
from tests.rigs.launches.launcher import Launcher
from tests.rigs.launches.manager_cpu import Meter, spent


def arrive(
    launcher: Launcher,
    occasion: str,
    names: Sequence[str],
    gap: float,
    over: threading.Event,
    meter: Meter | None = None,
) -> Run:
    """Launch these, each so many seconds after the one before, and end them; what each took, and cost the manager."""
    launcher.prepare(names)
    load, before = os.getloadavg(), meter() if meter else Counter[str]()
    threads = ThreadPoolExecutor(len(names), thread_name_prefix=launcher.kind)
    try:
        asked = []
        for name in names:
            asked.append(threads.submit(launcher.timed, name))
            over.wait(gap)
        taken = [one.result() for one in asked]
    finally:
        threads.shutdown(wait=False, cancel_futures=True)  # where it was interrupted, what waits gives up by itself
    cpu = spent(meter, before) if meter else {}
    if not over.is_set():
        launcher.end(names)
    seconds, failed = [one for one in taken if isinstance(one, float)], [one for one in taken if isinstance(one, str)]
    return Run(occasion, launcher.kind, seconds, failed, load, cpu)
