"""`dockerdriver --version`: which release this is, and of a checkout which commit."""

import argparse
import subprocess
from importlib.metadata import version
from typing import Any, Never

from blocks.resources import home

GIT_SECONDS = 5


class SayVersion(argparse.Action):
    """Prints it and ends; git is asked only then."""

    def __init__(self, option_strings: list[str], dest: str) -> None:  # noqa: ARG002 - argparse names it
        nothing = argparse.SUPPRESS  # commands are called with all that was parsed
        super().__init__(option_strings, nothing, nargs=0, default=nothing, help="print which version this is")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> Never:
        """Print it and end."""
        print(f"dockerdriver {version_here()}")
        parser.exit()


def version_here() -> str:
    """Return the release, and of a checkout its commit: "0.1.0 (v0.1.0-12-g3f2fa1b)"; "-dirty" where files changed."""
    release = version("dockerdriver")
    asked = ("git", "-C", str(home()), "describe", "--tags", "--always", "--dirty")
    try:
        said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=GIT_SECONDS).stdout.strip()
    except (OSError, subprocess.SubprocessError):  # an archive, or a package
        return release
    return f"{release} ({said})"
