"""Prefect's own server, which refuses blocks that make no sense, with a change for SQLite and our passwords.

`python -m runtime.stack.prefect_server --port 4200`; with `--no-services` one of several. A second process of one port
stands by: what takes most of a start, the imports and the making of the application, it has behind it, and it serves as
soon as the first one ends.
"""

import argparse
import asyncio
import fcntl
import os
import runpy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import uvicorn
from prefect.server.database import provide_database_interface
from prefect.settings import PREFECT_UI_STATIC_DIRECTORY, temporary_settings

from blocks.addresses.loopback_twin import take_twin
from blocks.addresses.ui import ui_address
from blocks.clouds.local.cloud import LocalCloud
from blocks.clouds.openstack_project.login.credentials import OpenStackCredentials
from blocks.clouds.static import StaticCloud
from blocks.files.private_files import open_lock
from blocks.prefect.choices import present_choices
from blocks.prefect.database import begin_immediately
from blocks.prefect.naming import name_runs_at_once
from blocks.prefect.polling import poll_for_less
from blocks.prefect.serving import pass_requests_on, serve_at_once
from blocks.prefect.sparing import spare_the_server
from blocks.prefect.taking import take_runs_once
from blocks.prefect.telling import take_answers_together
from blocks.settings import ProcessSettings, process_settings
from blocks.stored.api_password import OF_SERVER, accepted_pairs
from blocks.stored.blueprint import Blueprint
from blocks.stored.change_webhook import ChangeWebhook
from blocks.stored.course import CourseBlock
from blocks.stored.documents.form_errors import show_in_forms
from blocks.stored.documents.refusing import refuse_nonsense
from blocks.stored.pictures.kinds import served_pictures
from blocks.stored.pool_config import PoolConfig
from blocks.stored.registry_login import RegistryLogin
from runtime.stack.passwords import Passwords
from runtime.supervision.failover import Failover, server_lock
from runtime.supervision.garbage import pass_over_imported
from runtime.ui.browsers import WithForms, WithHeaders, WithPictures

HOST = "127.0.0.1"
#: Kinds of blocks that are looked at before they are kept: those that people fill in, and that hold no other block.
LOOKED_AT = (
    PoolConfig,
    Blueprint,
    CourseBlock,
    RegistryLogin,
    ChangeWebhook,
    LocalCloud,
    StaticCloud,
    OpenStackCredentials,
)


def main() -> None:
    """Become `prefect server start`."""
    settings = process_settings()
    said = arguments(settings, sys.argv[1:])
    if settings.prefect_server_url.startswith("sqlite"):
        begin_immediately()
    refuse_nonsense(LOOKED_AT)
    take_runs_once()
    spare_the_server()
    take_answers_together()
    name_runs_at_once()  # after it: what records a run is replaced by both
    poll_for_less()
    serve_at_once()
    show_in_forms(LOOKED_AT)
    failover = Failover(server_lock(settings, said.port))
    guard_what_is_served(settings, os.environ.get(OF_SERVER, ""), said.port, failover)
    # It refuses to start on a port that is taken: the one that stands by starts beside the active one, on any port.
    port = said.port if failover.try_active() else 0
    no_services = ["--no-services"] if said.no_services else []
    sys.argv = ["prefect", "server", "start", "--host", HOST, "--port", str(port), *no_services]
    with beside_others(settings, said.port) if settings.several_servers else nullcontext():
        runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def arguments(settings: ProcessSettings, words: Sequence[str]) -> argparse.Namespace:
    """Return the port that the command line names, and whether the background services are in another process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=settings.prefect_port)
    parser.add_argument("--no-services", action="store_true")
    return parser.parse_args(words)


@contextmanager
def beside_others(settings: ProcessSettings, port: int) -> Iterator[None]:
    """Have what servers that start at the same time would do into each other's way done by each alone.

    Migrations are one server's at a time. Each copies the UI before it serves it, to a folder of its own.
    """
    home = settings.data / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    with open_lock(home / "migrations.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asyncio.run(provide_database_interface().create_db())
    with temporary_settings({PREFECT_UI_STATIC_DIRECTORY: str(home / f"ui-{port}")}):
        yield


def guard_what_is_served(settings: ProcessSettings, own: str, port: int, failover: Failover) -> None:
    """Have what `prefect server start` serves take the pairs of the files too, where it has a password, *own*.

    It serves by ``uvicorn.run``, when all is imported and made: there it waits until it is the active one. Browsers are
    told what other pages may not do with its own. Events are not compressed: they come from this machine or its
    network, and each is packed by its worker and unpacked here for nothing.
    """
    serve, accepted = uvicorn.run, partial(accepted_pairs, settings)

    def run(app: Any, **options: Any) -> None:
        where = f"http://{HOST}:{port}/api"
        pass_over_imported()  # before it is the active one: that takes a moment
        failover.wait_until_active(lambda: print(f"stands by: another process serves {where}", flush=True))
        _held = take_twin(HOST, port)  # as long as the server runs
        pass_requests_on(app.api_app)
        print(f"serves {where}", flush=True)
        options |= {"host": HOST, "port": port, "ws_per_message_deflate": False}
        shown = WithForms(app, present_choices)
        guarded = Passwords(shown, own, accepted) if own else shown
        serve(WithHeaders(WithPictures(guarded, served_pictures()), ui_address()), **options)

    uvicorn.run = run  # its caller names all but the first argument


if __name__ == "__main__":
    main()
