"""One flow run in a process of its own: Prefect's engine, which waits while Prefect's server is away.

`python -m runtime.worker.process_run` is the command of the work pool of long flows.
"""

import runpy

from runtime.worker.server_outage import wait_through_outages


def main() -> None:
    """Become `python -m prefect.engine`."""
    wait_through_outages()
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
