"""What every tier may ask for. Nothing is started before a test asks for it, only prepared."""

import signal

from tests.rigs.engine import engine_url

__all__ = ["engine_url"]

pytest_plugins = ("tests.rigs.beside",)

# A shell has what it starts in the background ignore SIGINT, and every process of the tests would inherit that:
# Prefect's workers, which stop by sending it to themselves, would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
