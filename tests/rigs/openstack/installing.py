"""What the rig needs on the machine: Debian's MariaDB and RabbitMQ, and a virtual environment with the services."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
PACKAGES = ("mariadb-server", "rabbitmq-server", "iproute2")
POLICY = Path("/usr/sbin/policy-rc.d")
NO_STARTS = "#!/bin/sh\nexit 101\n"


def install_packages() -> None:
    """Install the Debian packages that are missing; apt does not start their services."""
    missing = [package for package in PACKAGES if not _is_installed(package)]
    if not missing:
        return
    ours = not POLICY.exists()  # a machine that has a policy keeps it
    if ours:
        POLICY.write_text(NO_STARTS)
        POLICY.chmod(0o755)
    try:
        apt = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600")
        _run(*apt, "update")
        _run(*apt, "install", "-y", "--no-install-recommends", *missing)
    finally:
        if ours:
            POLICY.unlink()


def install_services(venv: Path) -> None:
    """Make the services' virtual environment, unless the one that stands there was made from this very lock."""
    made_from = venv / "made-from.lock"
    if made_from.exists() and made_from.read_text() == LOCK.read_text():
        return
    shutil.rmtree(venv, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(venv))
    _run(str(venv / "bin/pip"), "install", "-q", "--no-deps", "--disable-pip-version-check", "-r", str(LOCK))
    made_from.write_text(LOCK.read_text())


def _is_installed(package: str) -> bool:
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True, check=False
    )
    return "install ok installed" in asked.stdout


def _run(*command: str) -> None:
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
