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
MODULES = ("test_spawner", "test_named_servers", "test_api", "test_app")
CHOSEN = "test_spawner or spawn or server or progress or stop or user_options or resume"
_PROCESS = "it looks at a process of this machine: its signals, its pid, its shell"
_UNDER_THE_HUB = "it reads what the user's program answers under the Hub's name: ours sends the browser on"
_WORDS = "it compares the words of another spawner's progress: ours tells how far the session is"
_FORM = "it compares the options of a form of another spawner: ours has one of its own"
LEFT_OUT = {
    "test_stop_spawner_sigint_fails": _PROCESS,
    "test_stop_spawner_stop_now": _PROCESS,
    "test_spawner_poll": _PROCESS,
    "test_popen_kwargs": _PROCESS,
    "test_shell_cmd": _PROCESS,
    "test_resume_spawners": _PROCESS,
    "test_spawner_routing": _UNDER_THE_HUB,
    "test_create_or_start_named_server": _UNDER_THE_HUB,
    "test_named_server_spawn_form": _UNDER_THE_HUB,
    "test_named_server_spawn_with_opts": _UNDER_THE_HUB,
    "test_user_redirect_default_server_name": _UNDER_THE_HUB,
    "(test_spawn and test_api and not test_spawn_)": _UNDER_THE_HUB,
    "test_spawn_handler": _UNDER_THE_HUB,
    "(test_progress and not test_progress_)": _WORDS,
    "test_progress_bad_slow": _WORDS,
    "(test_predefined_options_from_form and default)": _FORM,
}


def command(more: list[str]) -> list[str]:
    """What runs them."""
    modes = ["asyncio_mode=auto", *(f"asyncio_default_{kind}_loop_scope=module" for kind in ("fixture", "test"))]
    options = [word for mode in modes for word in ("-o", mode)]
    names = [f"jupyterhub.tests.{module}" for module in MODULES]
    without = ["-k", f"({CHOSEN}) and not ({' or '.join(LEFT_OUT)})"]
    plugins = ["-p", "tests.rigs.hub.suite_plugin", "-p", "no:cacheprovider", "-c", os.devnull]
    return [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--disable-warnings",
        *plugins,
        *options,
        *without,
        "--pyargs",
        *names,
        *more,
    ]


def main() -> int:
    """Run them; the status is pytest's."""
    paths = [f"{CHECKOUT / 'runtime' / 'client'}", f"{CHECKOUT}"]
    program = proxy_program().parent
    environment = os.environ | {"PYTHONPATH": ":".join(paths), "PATH": f"{program}:{os.environ['PATH']}"}
    return subprocess.run(command(sys.argv[1:]), env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
