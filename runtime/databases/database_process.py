"""The stack's own PostgreSQL as a supervised process: `python -m runtime.databases.database_process` becomes it."""

import os

from blocks.settings import process_settings
from runtime.databases.own_database import end_database, plain_environment, prepare_database


def main() -> None:
    """End what a killed server left, have a cluster, become its server."""
    settings = process_settings()
    end_database(settings)
    command = prepare_database(settings)
    os.chdir("/")  # the account may not enter the folder that the stack works in
    os.execvpe(command[0], command, plain_environment(os.environ))  # noqa: S606 - to be the process that the supervisor watches


if __name__ == "__main__":
    main()
