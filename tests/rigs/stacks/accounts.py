"""Whom the processes of a stack run as."""

import pwd
from pathlib import Path

from blocks.settings import ProcessSettings
from runtime.supervision.environment import marked_processes

#: By a word of each kind of process that is the workers' account's where hosts are machines: who runs it.
OF_THE_ACCOUNT = {"-n warm": {"dockerdriver"}, "-n long": {"dockerdriver"}, "prefect_server": {"dockerdriver"}}


def users_by_word(settings: ProcessSettings, *words: str) -> dict[str, set[str]]:
    """Whom the processes run as whose command line holds a word, by word."""
    processes = marked_processes(settings.identity)
    return {
        word: {
            pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name for pid, said in processes.items() if word in said
        }
        for word in words
    }
