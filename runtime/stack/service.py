"""One process of the stack for systemd, which keeps it alive in supervisord's place.

`python -m runtime.stack.service warm` becomes the warm worker. Its environment is what `make up` gives, made from its
unit's. The command is replaced by the process: no process of ours stays between the two.
"""

import argparse
import os
from collections.abc import Mapping

from blocks.settings import ProcessSettings, process_settings
from runtime.stack.local_engine import DEFAULT
from runtime.stack.start import programs
from runtime.supervision.environment import stack_environment

WORKERS = ("warm", "long")
#: Settings of Prefect's that a unit may have beside ours: where a browser finds the API, if not on loopback.
PASSED_ON = ("PREFECT_UI_API_URL",)


def main() -> None:
    """Become the process that the command line names."""
    settings = process_settings()
    known = {program.name: program.command for program in programs(settings, own_engine=False)}
    parser = argparse.ArgumentParser(description="Become one process of the stack.")
    parser.add_argument("name", choices=sorted(known))
    parser.add_argument("--as", dest="called", default="", help="what a worker is called; no two may have one name")
    said = parser.parse_args()
    command = named(known[said.name], said.called) if said.name in WORKERS else known[said.name]
    os.execvpe(command[0], command, environment_of(settings))  # noqa: S606 - to be the process that systemd watches


def named(command: tuple[str, ...], called: str) -> tuple[str, ...]:
    """Return the command of a worker with another name, which is its last word."""
    return (*command[:-1], called) if called else command


def environment_of(settings: ProcessSettings, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the stack's environment, and of Prefect's settings those that may be passed on."""
    passed_on = {name: inherited[name] for name in PASSED_ON if name in inherited}
    return stack_environment(settings, settings.engine_url or DEFAULT) | passed_on


if __name__ == "__main__":
    main()
