"""`dockerdriver --version`: which release this is, and of a checkout which commit."""

import argparse
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any, Never

from blocks.resources import ROOT, is_checkout

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


def version_here(root: Path = ROOT) -> str:
    """Return the release, and of a checkout its commit: "0.2.0 (v0.2.0-12-g3f2fa1b)"; "-dirty" where files changed."""
    commit = _commit(root)
    return f"{release_of(root)} ({commit})" if commit else release_of(root)


def release_of(root: Path) -> str:
    """Return the release of the code there: what the environment was made from may be an older one until `make up`."""
    if not is_checkout(root):
        return version("dockerdriver")
    release: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return release


def _commit(root: Path) -> str:
    """Return how git calls what is checked out; empty for an archive or a package, also one within another checkout."""
    if not (root / ".git").exists():
        return ""
    asked = ("git", "-C", str(root), "describe", "--tags", "--always", "--dirty")
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=GIT_SECONDS).stdout.strip()
    except (OSError, subprocess.SubprocessError):  # there is no git, or the checkout is another account's
        return ""
