"""Clients that tests make trust one authority of all that are known everywhere: each client reads them all, in 30 ms.

No test asks what any of them vouches for. What a process of its own trusts (a server, a command) is as in a stack.
"""

import tempfile
from pathlib import Path

import certifi
import pytest

END = "-----END CERTIFICATE-----\n"
_file = pytest.StashKey[tempfile.TemporaryDirectory]()


def pytest_configure(config: pytest.Config) -> None:
    """Have httpx and Prefect find the first one alone."""
    folder = config.stash[_file] = tempfile.TemporaryDirectory(prefix="dd-authority-")
    file = Path(folder.name) / "one.pem"
    file.write_text(Path(certifi.where()).read_text().partition(END)[0] + END)
    certifi.where = lambda: str(file)


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_file].cleanup()
