"""An image registry on the manager's own machine: the playbook that installs it, run here and not over ssh."""

from blocks.host_setup.playbook import on_this_machine, run_playbook
from blocks.outside import outside
from blocks.resources import PLAYBOOKS
from blocks.stored.authority import Issued
from pool.errors import BadRequest

DAYS = 365
SECONDS = 1800  # that the playbook may take; a package comes from afar
PLAYBOOK = PLAYBOOKS / "image_registry.yml"


def install_registry(address: str) -> None:
    """Install Debian's docker-registry and start it, with a certificate of our authority for *address*.

    Run again, it renews the certificate.

    Args:
        address: "manager.example:5000", as hosts reach this machine.

    Raises:
        BadRequest: the address is not of that form.
        PlaybookFailed: a step failed; the message names it.
    """
    name, port = split_address(address)
    issued = outside().stored.authority().issue_server(name, name, days=DAYS)
    run = on_this_machine(PLAYBOOK, variables_of(issued, port))
    run_playbook(run, print, SECONDS, outside().settings.run_dir)


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
    """Return the variables of ``image_registry.yml``."""
    return {
        "registry_server_certificate": issued.certificate,
        "registry_server_key": issued.private_key,
        "registry_port": port,
    }
