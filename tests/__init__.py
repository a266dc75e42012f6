"""Tests by their cost, and the rigs and benchmarks that stand beside them."""

import signal

import pytest

# Their assertions are to explain themselves as those of tests do; it must be said before a rig is imported.
pytest.register_assert_rewrite("tests.rigs")

# A shell has what it starts in the background ignore SIGINT, and every process of the tests would inherit that:
# Prefect's workers, which stop by sending it to themselves, would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
