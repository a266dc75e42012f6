"""A run of tests that is told to end by SIGTERM ends as by Ctrl-C: its fixtures stop what they started."""

import signal
import threading


def pytest_configure() -> None:
    """Take SIGTERM for Ctrl-C; a worker of pytest-xdist is ended by the run that started it."""
    end_by_sigterm_as_by_interrupt()


def end_by_sigterm_as_by_interrupt() -> None:
    """Have SIGTERM end this process as Ctrl-C does, where it is told so at all."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
