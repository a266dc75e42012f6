"""What the rig needs on the machine: Debian's MariaDB and RabbitMQ, and a virtual environment with the services."""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
PROGRAMS = {"mariadbd": "mariadb-server", "rabbitmq-server": "rabbitmq-server"}
PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def check_packages() -> None:
    """Refuse to begin without the programs that runtime/bootstrap.sh installs for the tests."""
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program, path=PLACES)]
    if missing:
        raise RuntimeError(f"the OpenStack rig needs {', '.join(missing)}: run `runtime/bootstrap.sh test`")


def install_services(venv: Path) -> None:
    """Make the services' virtual environment, unless the one that stands there was made from this very lock."""
    install_locked(venv, LOCK)


def install_locked(venv: Path, lock: Path) -> None:
    """Make a virtual environment of what a lock names, unless the one that stands there was made from this very lock.

    Nothing is compiled beforehand: of all these packages the services import a part, and keep what they compile.

    Raises:
        RuntimeError: pip failed; the end of what it said is in the message.
    """
    made_from = venv / "made-from.lock"
    if made_from.exists() and made_from.read_text() == lock.read_text():
        return
    shutil.rmtree(venv, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(venv))
    quietly = ("--quiet", "--no-deps", "--no-compile", "--disable-pip-version-check", "--require-hashes")
    _run(str(venv / "bin/pip"), "install", *quietly, "-r", str(lock))
    made_from.write_text(lock.read_text())


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
