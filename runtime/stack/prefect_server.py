"""Prefect's own server, with a change for SQLite and our passwords: `python -m runtime.stack.prefect_server`."""

import os
import runpy
import sys
from functools import partial
from typing import Any

import uvicorn

from blocks.prefect_database import begin_immediately
from blocks.settings import ProcessSettings, process_settings
from blocks.stored.api_password import OF_SERVER, accepted_pairs
from runtime.stack.passwords import Passwords


def main() -> None:
    """Become `prefect server start` with the same arguments."""
    settings = process_settings()
    if settings.prefect_server_url.startswith("sqlite"):
        begin_immediately()
    if own := os.environ.get(OF_SERVER, ""):
        take_passwords_of_files(settings, own)
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def take_passwords_of_files(settings: ProcessSettings, own: str) -> None:
    """Have what `prefect server start` serves take the pairs of the files too; it serves by ``uvicorn.run``."""
    serve, accepted = uvicorn.run, partial(accepted_pairs, settings)

    def run(app: Any, **options: Any) -> None:
        serve(Passwords(app, own, accepted), **options)

    uvicorn.run = run  # its caller names all but the first argument


if __name__ == "__main__":
    main()
