"""A checkout of its own, whose code changes under a running stack as `git pull` changes it."""

import io
import subprocess
import sys
import tarfile
import tomllib
from itertools import starmap
from pathlib import Path

from tests.rigs.stacks.stack import CHECKOUT


class MovingCheckout:
    """A folder with the code of one version, later of another; with the packages that these tests run with.

    It comes first on the path of every process, before the checkout that is tested, and declares its entry points as
    an installation of it does: Prefect finds the worker by them.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._script = folder / ".venv" / "bin" / "dockerdriver"
        self._said = folder / "dockerdriver-0.dist-info"
        self.program = (sys.executable, str(self._script))
        self.environment = {"PYTHONPATH": str(folder)}
        self._files: list[Path] = []

    def take_commit(self, commit: str) -> None:
        """Have the code of a commit.

        Raises:
            AssertionError: the history does not reach back to it.
        """
        self._clear()
        with tarfile.open(fileobj=io.BytesIO(archive_of(commit))) as archive:
            archive.extractall(self.folder, filter="data")
            self._files = [self.folder / member.name for member in archive if member.isfile()]
        self._declare()

    def take_these_files(self) -> None:
        """Have the code that is tested, with what is not committed yet."""
        self._clear()
        self.copy_these_files()
        self._declare()

    def copy_these_files(self) -> None:
        """Copy them, and declare nothing: they are installed as an operator does."""
        for name in _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0"):
            if name and (CHECKOUT / name).is_file():
                self._put(name)

    def _put(self, name: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((CHECKOUT / name).read_bytes())
        file.chmod((CHECKOUT / name).stat().st_mode)
        self._files.append(file)

    def _clear(self) -> None:
        """Remove what a version brought. Byte-code stays where it is, as `git pull` leaves it."""
        for file in self._files:
            file.unlink()
        self._files = []

    def _declare(self) -> None:
        """Write what installing this version would: its command, and the entry points that others find it by."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]
        module, _, function = project["scripts"]["dockerdriver"].partition(":")
        _write(self._script, f"from {module} import {function}\n{function}()\n")
        _write(self._said / "METADATA", "Metadata-Version: 2.1\nName: dockerdriver\nVersion: 0\n")
        _write(self._said / "entry_points.txt", "".join(starmap(_section, project["entry-points"].items())))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _section(group: str, entries: dict[str, str]) -> str:
    return "".join([f"[{group}]\n", *(f"{name} = {where}\n" for name, where in entries.items())])


def archive_of(commit: str) -> bytes:
    """The files of a commit of this project, as a tar archive.

    Raises:
        AssertionError: the history does not reach back to it.
    """
    try:
        return _git("archive", commit)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode().strip()
        raise AssertionError(
            f"the code of {commit}, which is to be upgraded from, is not in this clone's history ({said}): "
            "a shallow clone gets it by `git fetch --unshallow`"
        ) from None


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, check=True).stdout
