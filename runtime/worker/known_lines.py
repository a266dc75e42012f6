"""Lines of a run's log that Prefect itself writes and that say what its UI shows beside the log.

Each line is printed, sent, kept as a row and streamed. A start of a session had ten, two from the worker and one for
each step that succeeded: a twentieth of what the start costs the worker.
"""

import logging

#: By logger: how lines begin that are left out. A step or run that fails says so all the same.
KNOWN = {
    "prefect.flow_runs.worker": ("Worker '", "Running on worker id: "),
    "prefect.task_runs": ("Finished in state Completed(",),
}


def leave_out_known_lines() -> None:
    """Leave them out for the life of the process."""
    for name, beginnings in KNOWN.items():
        logging.getLogger(name).addFilter(KnownLines(beginnings))


class KnownLines(logging.Filter):
    """Lets pass all but lines that only inform and begin so."""

    def __init__(self, beginnings: tuple[str, ...]) -> None:
        super().__init__()
        self._beginnings = beginnings

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        return record.levelno > logging.INFO or not str(record.msg).startswith(self._beginnings)
