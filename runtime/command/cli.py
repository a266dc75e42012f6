"""The `dockerdriver` command; `_commands` lists what it can do."""

import argparse
import fcntl
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain
from typing import Any

from blocks.files.private_files import open_lock
from blocks.resources import home, is_checkout
from blocks.settings import ProcessSettings, process_settings
from blocks.stored.api_password import password_file
from pool.errors import DockerDriverError, NotFound, Refused
from pool.keys.rotation import RotatedKey
from runtime.command import backups, foresight, gateway, looking
from runtime.command.line.completion import SHELLS, script
from runtime.command.line.version import SayVersion
from runtime.command.nouns import (
    AS_JSON,
    NOUNS,
    RUN,
    STATUSES,
    YES,
    Commands,
    name_of,
    texts_of,
)
from runtime.command.packages import check_packages
from runtime.command.progress import Progress, complain
from runtime.verbs.flows import run

INTERRUPTED = 130  # what a shell calls the end by Ctrl-C


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says; the exit status is one of `STATUSES`."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    warnings.filterwarnings("ignore", "Failed to create the Prefect home")  # of an installation that was never started
    said = vars(_parser().parse_args(arguments))
    os.chdir(home())  # of a checkout: its data and dockerdriver.env are in it, wherever the command is run
    command = said.pop("command")
    try:
        status = command(process_settings(), **said)
        sys.stdout.flush()
    except DockerDriverError as error:
        complain(str(error))
        status = 3 if isinstance(error, NotFound) else 1
    except BrokenPipeError:  # what reads the answer has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        complain("interrupted; `make up` goes on from here, `make down` removes everything")
        status = INTERRUPTED
    os._exit(status)  # a thread that still provisions must not hold up the end; all it does may be done again


class _Parser(argparse.ArgumentParser):
    """Refuses what a command does not know with the usage of that command, not with that of all."""

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        """Read the command line, of which nothing may be left over."""
        said, unknown = super().parse_known_args(*args, **kwargs)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return said, unknown


@cache
def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dockerdriver",
        description="Notebook sessions on a pool of hosts.",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=SayVersion)
    commands = parser.add_subparsers(required=True, metavar="command")
    for noun, (text, table) in groups().items():
        if not noun:
            _add(commands, table)
            continue
        of_noun = commands.add_parser(noun, help=text, description=text)
        _add(of_noun.add_subparsers(required=True, metavar="verb"), table)
    return parser


def _add(commands: "argparse._SubParsersAction", table: Commands) -> None:
    for command, its_arguments in table.items():
        text, example = texts_of(command)
        its_parser = commands.add_parser(name_of(command), help=text, description=text, epilog=example or None)
        its_parser.set_defaults(command=command)
        for argument, how in its_arguments.items():
            its_parser.add_argument(argument, **how)


def groups() -> dict[str, tuple[str, Commands]]:
    """All commands by their noun, in the order of `--help`; those that have none come first, under an empty one."""
    return {
        "": ("", _commands()),
        "gateway": ("Reload the gateway, make it a certificate.", gateway.COMMANDS),
        **NOUNS,
        "backup": ("Show what was kept of sessions, bring files back.", backups.commands()),
    }


def _commands() -> Commands:
    return {
        up: {},
        down: {
            "--lose-work": {
                "action": "store_true",
                "help": "also where the work of sessions cannot be backed up: it is lost, and each is named",
            },
        },
        move_to_postgresql: {},
        **looking.COMMANDS,
        **foresight.COMMANDS,
        run: RUN,
        doctor: AS_JSON,
        rotate_secrets: {
            "what": {
                "nargs": "*",
                "metavar": "KEY",
                "help": f"{', '.join(RotatedKey)}; all when none is named",
            },
            "--retire": {"action": "store_true", "help": "end what the link keys and the password before still open"},
            **YES,
            **AS_JSON,
        },
        registry: {
            "address": {"help": "name or address that hosts reach this machine under, and the port"},
            "--listen": {"default": "127.0.0.1", "help": "address of this machine that it listens on; 127.0.0.1"},
        },
        completion: {"shell": {"choices": SHELLS, "help": "for which shell"}},
    }


def up(settings: ProcessSettings) -> int:
    """Start everything, wait for a host, open a first session and print its URL.

    Example: sudo .venv/bin/dockerdriver up
    """
    _need_root()
    with alone(settings, "up"):
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")  # of this command; it says what matters itself
        progress = Progress()
        if not is_checkout():  # there `make up` has installed what was missing
            check_packages()
        from runtime.stack.start import start_stack  # noqa: PLC0415 - fast answers first: Prefect takes a second to import

        with progress.step("starts the stack"):
            start_stack(settings, progress.say)
        if settings.cloud == "openstack":
            from runtime.command.doctor.pools import examine_pools  # noqa: PLC0415 - after the environment is set
            from runtime.command.doctor.told import tell  # noqa: PLC0415 - as above

            tell(examine_pools(), progress.say)
        from runtime.command.first_session import of_origins, open_session  # noqa: PLC0415 - after the environment is set

        words, ui = open_session(settings, progress).words, settings.prefect_api_url.removesuffix("/api")
        login = f"(log in with the line in {password_file(settings)}, user:password)"
        progress.say(f"ready\n\n  notebook   {words}\n  Prefect UI {ui}\n             {login}\n{of_origins(settings)}")
    return 0


def down(settings: ProcessSettings, lose_work: bool = False) -> int:
    """End all sessions, remove all hosts, stop everything. Data, images and logs stay.

    Example: sudo .venv/bin/dockerdriver down

    Raises:
        Refused: the work of a session could not be backed up, and *lose_work* is not said: everything goes on.
    """
    _need_root()
    with alone(settings, "down"):
        from runtime.stack.stop import take_down  # noqa: PLC0415 - as above

        progress = Progress()
        troubles = take_down(settings, progress.say, lose_work)
        for trouble in troubles:
            complain(trouble)
        ended = "all processes are stopped, but not all is removed" if troubles else "everything is stopped"
        progress.say(f"{ended}; data, images and logs stay in {settings.data}")
    return 1 if troubles else 0


def move_to_postgresql(settings: ProcessSettings) -> int:
    """Move an installation from SQLite to PostgreSQL: the pool's records, and what Prefect's server keeps.

    Example: sudo .venv/bin/dockerdriver move-to-postgresql && make up

    Sessions live on; the stack's own processes are stopped, and `make up` starts them again.

    Raises:
        DockerDriverError: it was not moved; the SQLite files are in use as before.
    """
    _need_root("PostgreSQL is run by an account of its own")
    with alone(settings, "move-to-postgresql"):
        from runtime.databases.moving import move  # noqa: PLC0415 - as below: Prefect takes a second to import

        move(settings, Progress().say)
    return 0


def doctor(settings: ProcessSettings, as_json: bool = False) -> int:
    """Check this machine, the databases, and that each pool's cloud has what its hosts need; say what to mend, and how.

    Example: DD_CLOUD=openstack dockerdriver doctor

    While the stack does not run, what is checked is what the first `make up` is going to configure.
    """
    from blocks.stored.api_password import prefect_api  # noqa: PLC0415 - as above
    from runtime.supervision.environment import stack_environment, take_on  # noqa: PLC0415 - as above

    runs = prefect_api(settings).answers()
    take_on(stack_environment(settings, settings.engine_url))
    from runtime.command.doctor.machines import examine_machines  # noqa: PLC0415 - after the environment is set
    from runtime.command.doctor.manager import examine_manager  # noqa: PLC0415 - as above
    from runtime.command.doctor.pools import examine_what_pools_need  # noqa: PLC0415 - as above
    from runtime.command.doctor.told import tell, tell_program  # noqa: PLC0415 - as above

    of_machines = chain(examine_manager(settings, runs), examine_machines(settings, runs))
    found = chain(of_machines, examine_what_pools_need(settings, runs))
    return 1 if (tell_program(found) if as_json else tell(found)) else 0


def rotate_secrets(
    settings: ProcessSettings, what: list[str], retire: bool, yes: bool = False, as_json: bool = False
) -> int:
    """Replace keys by new ones while everything runs; run again, it goes on from where it was.

    Example: dockerdriver rotate-secrets api-password

    Raises:
        BadRequest: there is no such key; the sentence names those that there are.
        DockerDriverError: a rotation is not done; the sentence says why.
    """
    from blocks.stored.api_password import prefect_api  # noqa: PLC0415 - as above
    from runtime.verbs.rotation import rotate  # noqa: PLC0415 - as above

    rotate(prefect_api(settings), what, retire, yes, as_json)
    return 0


def registry(settings: ProcessSettings, address: str, listen: str = "127.0.0.1") -> int:
    """Install an image registry on this machine, over TLS and with a login, for pools whose hosts are to pull from it.

    Example: sudo .venv/bin/dockerdriver registry manager.example.org:5000 --listen 10.0.0.5

    Raises:
        BadRequest: the address is not of the form name:port, or it cannot listen there.
        Refused: not root, or the stack is down.
        PlaybookFailed: a step failed; the message names it.
    """
    _need_root("a package and a service are installed on this machine")
    from blocks.prefect.api import PrefectApi  # noqa: PLC0415 - as above
    from runtime.supervision.environment import stack_environment, take_on  # noqa: PLC0415 - as above

    if not PrefectApi(settings.prefect_api_url).healthy():
        raise Refused("the stack does not run; its authority signs the registry's certificate: run `make up` first")
    take_on(stack_environment(settings, settings.engine_url))
    from runtime.command.install_registry import LOGIN, install_registry  # noqa: PLC0415 - after the environment is set

    install_registry(address, listen)
    print(f"the registry listens on {listen}; set DD_IMAGE_REGISTRY of a pool to {address}")
    print(f"and DD_IMAGE_REGISTRY_LOGIN to {LOGIN}; its hosts are configured again by the next ticks")
    return 0


def completion(settings: ProcessSettings, shell: str) -> int:  # noqa: ARG001 - as every command takes them
    """Print what has a shell complete commands, verbs and options.

    Example: source <(.venv/bin/dockerdriver completion bash)
    """
    sys.stdout.write(script(groups(), shell))
    return 0


def _need_root(why: str = "hosts are containers with networks of their own") -> None:
    if os.geteuid() != 0:
        raise Refused(f"root is needed ({why}): run it with sudo")


@contextmanager
def alone(settings: ProcessSettings, command: str) -> Iterator[None]:
    """Hold the installation's lock; the kernel releases it, however the command ends.

    Raises:
        Refused: another command is at work; the sentence names it.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    with open_lock(settings.data / "command.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"dockerdriver {lock.read()} is at work on {settings.data}: wait for its end") from None
        lock.truncate(0)
        lock.write(f"{command} (process {os.getpid()})")
        lock.flush()
        yield


if __name__ == "__main__":
    main()
