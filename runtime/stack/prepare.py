"""What `make up` does before and between the processes, in steps for systemd's units. Each is taken at each start.

`python -m runtime.stack.prepare check`, `account`, `databases` or `pipelines`.
"""

import argparse
import os
import sys

from blocks.gateway.config import gateway_config
from blocks.gateway.template import render_gateway
from blocks.settings import ProcessSettings, process_settings
from blocks.stored.api_password import OF_SERVER, keep_password, prefect_api
from pool.errors import DockerDriverError, GatewayTrouble
from pool.printable import how_many
from runtime.api_servers.programs import check_api_servers, log_of_server
from runtime.databases.databases import check_databases, check_moved
from runtime.databases.own_database import wait_for_database
from runtime.stack.origin import note_origin
from runtime.stack.service import environment_of
from runtime.stack.several_machines import check_machines
from runtime.stack.start import SERVER_SECONDS, wait_for_gateway
from runtime.supervision.account import check_reach, have_account, let_read, take_over
from runtime.supervision.environment import take_on
from runtime.supervision.processes import Processes


def check(settings: ProcessSettings) -> None:
    """Look whether the processes are to be started with these settings; nothing is changed.

    Raises:
        BadRequest: the gateway would not start; the sentence names the setting.
        Refused: the databases, several servers of the API, or several machines cannot be as the settings say; or the
            records would be left behind in another database.
    """
    check_here(settings)
    check_moved(settings)


def check_here(settings: ProcessSettings) -> None:
    """Look at what is on this machine: at a boot the databases may not be there yet.

    Raises:
        BadRequest: as of `check`.
        Refused: likewise.
    """
    check_databases(settings)
    check_api_servers(settings)
    check_machines(settings)
    render_gateway(gateway_config(settings))


def account(settings: ProcessSettings) -> None:
    """As root, first of all: have the account, the password, and all files and folders as they must be."""
    check_here(settings)
    have_account(settings, print)
    check_reach(settings)
    keep_password(settings, os.environ.get(OF_SERVER, ""))
    let_read(settings, os.environ, print)
    note_origin(settings)
    take_over(settings)


def databases(settings: ProcessSettings) -> None:
    """As root, once the stack's own PostgreSQL is started: wait until it answers, have both databases in it."""
    wait_for_database(settings, Processes(settings))


def pipelines(settings: ProcessSettings) -> None:
    """Once Prefect's server and the gateway are started: tables, blocks, deployments, and the keys of links."""
    take_on(environment_of(settings))
    prefect_api(settings).wait_until_it_answers(SERVER_SECONDS, log_of_server(settings))
    from runtime.stack.registration import provision  # noqa: PLC0415 - it reads its environment when it is imported
    from tasks.sessions.links import give_keys  # noqa: PLC0415 - as above

    print(f"deployed {how_many(len(provision(settings.identity, settings.cloud)), 'pipeline')}")
    wait_for_gateway(settings)
    try:
        give_keys()
    except GatewayTrouble as trouble:  # of several, the one that is away gets them by the first tick after it is back
        if not settings.gateway_relays:
            raise
        print(f"not every gateway has the keys of links yet: {trouble}")


STEPS = {step.__name__: step for step in (check, account, databases, pipelines)}


def main() -> None:
    """Take one step; the exit status is 1 where it cannot be, and the sentence says why."""
    parser = argparse.ArgumentParser(description="Take one step of what comes before the processes.")
    parser.add_argument("step", choices=STEPS)
    try:
        STEPS[parser.parse_args().step](process_settings())
    except DockerDriverError as error:
        sys.exit(f"dockerdriver: {error}")


if __name__ == "__main__":
    main()
