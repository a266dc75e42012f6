"""The nginx before Prefect's API servers: `python -m runtime.api_servers.front_process` becomes it.

It takes the port that one server alone would have. Who may come in is for the servers to say: it passes all on.
"""

import os
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from blocks.addresses.loopback_twin import take_twin
from blocks.files.private_files import guard_folder
from blocks.resources import ROOT
from blocks.settings import ProcessSettings, process_settings
from runtime.supervision.gateway_process import end_nginx, without_secrets

TEMPLATE = "api.conf.j2"


def main() -> None:
    """Clear what a killed nginx left, write the configuration, become nginx."""
    settings = process_settings()
    end_front(settings)
    command = prepare_front(settings)
    _held = take_twin("127.0.0.1", settings.prefect_port)  # nginx inherits it
    os.execvpe(command[0], command, without_secrets(os.environ))  # noqa: S606 - to be the process that the supervisor watches


def prepare_front(settings: ProcessSettings) -> list[str]:
    """Write the configuration; return the command that runs nginx in the foreground."""
    folder = place(settings)
    if not folder.exists():  # an account of the servers' own has it already
        guard_folder(folder, "")
    file = folder / "nginx.conf"
    file.write_text(render_front(settings))
    return ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(file)]


def render_front(settings: ProcessSettings) -> str:
    """Return the text of its nginx.conf."""
    environment = Environment(  # noqa: S701 - nginx's configuration is no HTML, and holds ports alone
        loader=FileSystemLoader(ROOT / "nginx"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(TEMPLATE).render(port=settings.prefect_port, servers=settings.api_ports) + "\n"


def place(settings: ProcessSettings) -> Path:
    """Return nginx's folder: its configuration, its process id, bodies that are too large for memory."""
    return settings.data / "prefect" / "front"


def end_front(settings: ProcessSettings) -> None:
    """End the workers that a killed master left."""
    end_nginx(place(settings) / "nginx.pid")


if __name__ == "__main__":
    main()
