"""The stack's own Redis as a supervised process: `python -m runtime.api_servers.redis_process` becomes it.

What is in it is on its way from one server to another: events, and work that a server does later. Runs, their states
and all that a platform was told is in PostgreSQL. It is written to disk each second, and read again after a kill.
"""

import os
from pathlib import Path

from blocks.files.private_files import guard_folder
from blocks.settings import ProcessSettings, process_settings
from runtime.databases.own_database import plain_environment


def main() -> None:
    """Have its folders, become it."""
    settings = process_settings()
    for folder in (place(settings), settings.redis_socket.parent):
        if not folder.exists():  # an account of the servers' own has them already, and may not make them
            guard_folder(folder, "")
    command = redis_command(settings)
    os.execvpe(command[0], command, plain_environment(os.environ))  # noqa: S606 - to be the process that the supervisor watches


def place(settings: ProcessSettings) -> Path:
    """Return the folder of its files, which belongs to its account."""
    return settings.data / "redis"


def redis_command(settings: ProcessSettings) -> list[str]:
    """Return the words of a Redis that its own account alone reaches, by a unix socket."""
    options = {
        "port": "0",
        "unixsocket": str(settings.redis_socket),
        "unixsocketperm": "700",
        "dir": str(place(settings)),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        # A title of its own would be written over the environment, which has the mark of the stack.
        "set-proc-title": "no",
    }
    return ["redis-server", *(word for name, value in options.items() for word in (f"--{name}", value))]


if __name__ == "__main__":
    main()
