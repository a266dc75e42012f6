"""An image registry on the manager's own machine: the playbook that installs it, run here and not over ssh."""

import json
import subprocess
from tempfile import NamedTemporaryFile

from blocks.engine.of_host import authority
from blocks.resources import PLAYBOOKS
from blocks.stored.authority import Issued
from pool.errors import BadRequest, PlaybookFailed

DAYS = 365
PLAYBOOK = PLAYBOOKS / "image_registry.yml"


def install_registry(address: str) -> None:
    """Install Debian's docker-registry and start it, with a certificate of our authority for *address*.

    Run again, it renews the certificate.

    Args:
        address: "manager.example:5000", as hosts reach this machine.

    Raises:
        BadRequest: the address is not of that form.
        PlaybookFailed: a step failed.
    """
    name, port = split_address(address)
    issued = authority().issue_server(name, name, days=DAYS)
    with NamedTemporaryFile("w", suffix=".json") as variables:  # only we can read it
        json.dump(variables_of(issued, port), variables)
        variables.flush()
        ran = subprocess.run(playbook_command(variables.name), check=False, cwd=PLAYBOOK.parent)
    if ran.returncode:
        raise PlaybookFailed("the registry is not installed: the playbook failed at the step that is named above")


def split_address(address: str) -> tuple[str, int]:
    """Name and port of "manager.example:5000" or "[2001:db8::1]:5000".

    Raises:
        BadRequest: it is not of that form.
    """
    name, _, port = address.rpartition(":")
    if not name or not port.isdecimal():
        raise BadRequest(f"{address!r} is no address of a registry such as manager.example:5000")
    return name.strip("[]"), int(port)


def variables_of(issued: Issued, port: int) -> dict[str, object]:
    """The variables of ``image_registry.yml``."""
    return {
        "registry_server_certificate": issued.certificate,
        "registry_server_key": issued.private_key,
        "registry_port": port,
    }


def playbook_command(variables: str) -> list[str]:
    """Runs the playbook on this machine with the variables of a file."""
    return ["ansible-playbook", "-i", "localhost,", "-c", "local", str(PLAYBOOK), "-e", f"@{variables}"]
