"""One process of the stack for systemd, which keeps it alive in supervisord's place.

`python -m runtime.stack.service warm` becomes the warm worker. Its environment is what `make up` gives, made from its
unit's. The command is replaced by the process: no process of ours stays between the two.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from functools import partial

from blocks.settings import ProcessSettings, process_settings
from pool.errors import DockerDriverError, Refused
from runtime.stack.local_engine import DEFAULT
from runtime.stack.several_machines import QUEUE, check_files, check_tables, trouble_with_api, wait_for_api
from runtime.stack.start import programs
from runtime.supervision.environment import stack_environment, take_on
from runtime.supervision.processes import PYTHON

WORKERS = ("warm", "long")
#: Settings of Prefect's that a unit may have beside ours: where a browser finds the API, if not on loopback.
PASSED_ON = ("PREFECT_UI_API_URL",)
#: Beside gateways that workers of other machines tell of routes; `make up` is for one machine, and starts none.
RELAY = {"gateway-relay": (*PYTHON, "-m", "runtime.supervision.gateway_relay")}

OF_A_GATEWAY = ("gateway", "gateway-logs", *RELAY)


def main() -> None:
    """Become the process that the command line names."""
    settings = process_settings()
    known = {program.name: program.command for program in programs(settings, own_engine=False)} | RELAY
    parser = argparse.ArgumentParser(description="Become one process of the stack.")
    parser.add_argument("name", choices=sorted(known))
    parser.add_argument("--as", dest="called", default="", help="what a worker is called; no two may have one name")
    said = parser.parse_args()
    if settings.api_url and said.name == "warm":  # before its environment is made: the password may be new by then
        wait_for_api(partial(trouble_with_api, settings))
    environment = environment_of(settings)
    command = named(known[said.name], said.called) if said.name in WORKERS else known[said.name]
    if settings.api_url:
        try:
            command = of_a_worker_machine(settings, said.name, command, environment)
        except DockerDriverError as error:
            sys.exit(f"dockerdriver: {error}")
    os.execvpe(command[0], command, environment)  # noqa: S606 - to be the process that systemd watches


def named(command: tuple[str, ...], called: str) -> tuple[str, ...]:
    """Return the command of a worker with another name, which is its last word."""
    return (*command[:-1], called) if called else command


def of_a_worker_machine(
    settings: ProcessSettings, name: str, command: tuple[str, ...], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the command of a warm worker that leaves the manager's own runs to the manager's workers.

    Raises:
        Refused: it is another process, the manager has another version, or sessions need files of the manager; the
            sentence says which.
        DockerDriverError: the pool's database does not answer.
    """
    if name in OF_A_GATEWAY:  # which may be on the same machine
        return command
    if name != "warm":
        raise Refused(f"DD_API_URL is set: this machine has warm workers alone, and {name} runs on the manager")
    check_tables(settings)  # first: it is started every few seconds until they are there, and Prefect imports slowly
    take_on(dict(environment))
    from blocks.stored.documents.stored_blocks import StoredBlocks  # noqa: PLC0415 - Prefect reads its environment once

    check_files(settings, StoredBlocks())
    return (*command[:-2], "-q", QUEUE, *command[-2:])


def environment_of(settings: ProcessSettings, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the stack's environment, and of Prefect's settings those that may be passed on."""
    passed_on = {name: inherited[name] for name in PASSED_ON if name in inherited}
    return stack_environment(settings, settings.engine_url or DEFAULT) | passed_on


if __name__ == "__main__":
    main()
