"""Prefect's engine for one flow run, which waits while Prefect's server is away: what `process_run` starts and watches.

So does a warm worker whose work pool wants a process for each run. `python -m runtime.worker.process_engine`
"""

import ctypes
import os
import runpy
import signal
import sys

from runtime.worker.prefect_internals import share_tls_contexts
from runtime.worker.process_run import PR_SET_PDEATHSIG
from runtime.worker.server_outage import wait_through_outages

#: Environment variable with the id of the process that this one is to end with; without it, it ends by itself.
DIES_WITH = "DD_DIES_WITH"


def main() -> None:
    """Become `python -m prefect.engine`."""
    if parent := os.environ.pop(DIES_WITH, ""):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # it died before that
            sys.exit(f"the worker process {parent} is no more")
    wait_through_outages()
    share_tls_contexts()
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
