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
from blocks.loopback_twin import take_twin
from blocks.prefect_database import begin_immediately
from blocks.settings import ProcessSettings, process_settings
from blocks.stored.api_password import OF_SERVER, accepted_pairs
from blocks.stored.blueprint import Blueprint
from blocks.stored.change_webhook import ChangeWebhook
from blocks.stored.course import CourseBlock
from blocks.stored.pool_config import PoolConfig
from blocks.stored.refusing import refuse_nonsense
from blocks.stored.registry_login import RegistryLogin
from runtime.stack.passwords import Passwords
from runtime.stack.ui_headers import WithHeaders


def main() -> None:
    """Become `prefect server start` with the same arguments."""
    settings = process_settings()
    if settings.prefect_server_url.startswith("sqlite"):
        begin_immediately()
    refuse_nonsense((PoolConfig, Blueprint, CourseBlock, RegistryLogin, ChangeWebhook, LocalCloud, StaticCloud))
    guard_what_is_served(settings, os.environ.get(OF_SERVER, ""))
    _held = take_twin("127.0.0.1", settings.prefect_port)  # as long as the server runs
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def guard_what_is_served(settings: ProcessSettings, own: str) -> None:
    """Have what `prefect server start` serves take the pairs of the files too, where it has a password, *own*.

    It serves by ``uvicorn.run``. Browsers are told what other pages may not do with its own.
    """
    serve, accepted = uvicorn.run, partial(accepted_pairs, settings)

    def run(app: Any, **options: Any) -> None:
        serve(WithHeaders(Passwords(app, own, accepted) if own else app), **options)

    uvicorn.run = run  # its caller names all but the first argument


if __name__ == "__main__":
    main()
