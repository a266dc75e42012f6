"""Prefect's own server, which refuses blocks that make no sense, with a change for SQLite and our passwords.

`python -m runtime.stack.prefect_server`. A second such process stands by: what takes most of a start, the imports and
the making of the application, it has behind it, and it serves as soon as the first one ends.
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
from runtime.supervision.failover import Failover, server_lock

HOST = "127.0.0.1"


def main() -> None:
    """Become `prefect server start`."""
    settings = process_settings()
    if settings.prefect_server_url.startswith("sqlite"):
        begin_immediately()
    refuse_nonsense((PoolConfig, Blueprint, CourseBlock, RegistryLogin, ChangeWebhook, LocalCloud, StaticCloud))
    failover = Failover(server_lock(settings))
    guard_what_is_served(settings, os.environ.get(OF_SERVER, ""), failover)
    # It refuses to start on a port that is taken: the one that stands by starts beside the active one, on any port.
    port = settings.prefect_port if failover.try_active() else 0
    sys.argv = ["prefect", "server", "start", "--host", HOST, "--port", str(port)]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def guard_what_is_served(settings: ProcessSettings, own: str, failover: Failover) -> None:
    """Have what `prefect server start` serves take the pairs of the files too, where it has a password, *own*.

    It serves by ``uvicorn.run``, when all is imported and made: there it waits until it is the active one. Browsers are
    told what other pages may not do with its own. Events are not compressed: they come from this machine or its
    network, and each is packed by its worker and unpacked here for nothing.
    """
    serve, accepted = uvicorn.run, partial(accepted_pairs, settings)

    def run(app: Any, **options: Any) -> None:
        where = settings.prefect_api_url
        failover.wait_until_active(lambda: print(f"stands by: another process serves {where}", flush=True))
        _held = take_twin(HOST, settings.prefect_port)  # as long as the server runs
        print(f"serves {where}", flush=True)
        options |= {"host": HOST, "port": settings.prefect_port, "ws_per_message_deflate": False}
        serve(WithHeaders(Passwords(app, own, accepted) if own else app), **options)

    uvicorn.run = run  # its caller names all but the first argument


if __name__ == "__main__":
    main()
