"""Prefect's own server, begun with one change for SQLite: `python -m runtime.stack.prefect_server --port 4200`."""

import runpy
import sys

from blocks.prefect_database import begin_immediately


def main() -> None:
    """Become `prefect server start` with the same arguments."""
    begin_immediately()
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
