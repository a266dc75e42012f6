"""Prefect's own server, with one change for SQLite: `python -m runtime.stack.prefect_server --port 4200`."""

import runpy
import sys

from blocks.prefect_database import begin_immediately
from blocks.settings import process_settings


def main() -> None:
    """Become `prefect server start` with the same arguments."""
    if process_settings().prefect_server_url.startswith("sqlite"):
        begin_immediately()
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
