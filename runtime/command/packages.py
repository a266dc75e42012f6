"""The Debian packages that the stack's tools are in. A checkout's bootstrap installs them; here they are only named."""

import os
import subprocess
from pathlib import Path

from blocks.resources import BOOTSTRAP
from pool.errors import Refused


def check_packages(bootstrap: Path = BOOTSTRAP, engine: bool = True) -> None:
    """Look for every Debian package that the stack needs; the list is the bootstrap's.

    Args:
        bootstrap: the script.
        engine: whether a Docker Engine of this machine is needed: `make up` builds images by it.

    Raises:
        Refused: some are not installed; the sentence names each, what it is for, and the command that installs them.
    """
    environment = os.environ | ({} if engine else {"DD_ENGINE_URL": "none"})
    asked = ["bash", str(bootstrap), "missing"]
    lines = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout
    if missing := dict(line.split("  ", 1) for line in lines.splitlines()):
        named = ", ".join(f"{package} ({why})" for package, why in missing.items())
        command = f"apt-get install --no-install-recommends {' '.join(missing)}"
        raise Refused(f"Debian packages are missing: {named}; install them with `{command}`")
