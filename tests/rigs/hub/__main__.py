"""JupyterHub's own tests of spawners, from its wheel, on ours: ``make test-jupyterhub``. More arguments are pytest's.

What is left out tests a process of the machine, or that the user's own program answers under the Hub's name, which is
what ours does not do: each with its reason.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.rigs.hub.running_hub import proxy_program

CHECKOUT = Path(__file__).parents[3]
MODULES = ("test_spawner", "test_named_servers", "test_api")
CHOSEN = "test_spawner or spawn or server or progress or stop or resume"
LEFT_OUT: dict[str, str] = {}


def command(more: list[str]) -> list[str]:
    """What runs them."""
    modes = ["asyncio_mode=auto", *(f"asyncio_default_{kind}_loop_scope=module" for kind in ("fixture", "test"))]
    options = [word for mode in modes for word in ("-o", mode)]
    names = [f"jupyterhub.tests.{module}" for module in MODULES]
    without = ["-k", f"({CHOSEN}) and not ({' or '.join(LEFT_OUT)})" if LEFT_OUT else CHOSEN]
    plugins = ["-p", "tests.rigs.hub.suite_plugin", "-p", "no:cacheprovider", "-c", os.devnull]
    return [sys.executable, "-m", "pytest", "-q", "--disable-warnings", *plugins, *options, *without, "--pyargs", *names, *more]


def main() -> int:
    """Run them; the status is pytest's."""
    paths = [f"{CHECKOUT / 'runtime' / 'client'}", f"{CHECKOUT}"]
    program = proxy_program().parent
    environment = os.environ | {"PYTHONPATH": ":".join(paths), "PATH": f"{program}:{os.environ['PATH']}"}
    return subprocess.run(command(sys.argv[1:]), env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
