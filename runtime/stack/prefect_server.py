"""Prefect's own server, which refuses blocks that make no sense, with a change for SQLite and our passwords.

`python -m runtime.stack.prefect_server --port 4200`
"""

import os
import runpy
import sys
from functools import partial
from typing import Any

import uvicorn

from blocks.clouds.local.cloud import LocalCloud
from blocks.clouds.static import StaticCloud
from blocks.prefect_database import begin_immediately
from blocks.settings import ProcessSettings, process_settings
from blocks.stored.api_password import OF_SERVER, accepted_pairs
from blocks.stored.blueprint import Blueprint
from blocks.stored.pool_config import PoolConfig
from blocks.stored.refusing import refuse_nonsense
from blocks.stored.registry_login import RegistryLogin
from runtime.stack.passwords import Passwords


def main() -> None:
    """Become `prefect server start` with the same arguments."""
    settings = process_settings()
    if settings.prefect_server_url.startswith("sqlite"):
        begin_immediately()
    refuse_nonsense((PoolConfig, Blueprint, RegistryLogin, LocalCloud, StaticCloud))
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
