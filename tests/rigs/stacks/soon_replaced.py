"""A warm worker that its memory limit may end a few seconds after it began to serve: `python -m … soon_replaced`.

It is `python -m prefect` but for that: a worker serves for a quarter of an hour at least, which no test waits for.
"""

import runpy

from runtime.worker import memory_limit

SERVES_SECONDS = 3.0

if __name__ == "__main__":
    memory_limit.SERVES_SECONDS = SERVES_SECONDS
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
