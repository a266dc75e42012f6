"""Prefect's engine for one flow run, which waits while Prefect's server is away: what `process_run` starts and watches.

`python -m runtime.worker.process_engine`
"""

import runpy

from runtime.worker.server_outage import wait_through_outages


def main() -> None:
    """Become `python -m prefect.engine`."""
    wait_through_outages()
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
