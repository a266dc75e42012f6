"""An image registry on the manager's own machine: the playbook that installs it, run here and not over ssh."""

import secrets
from ipaddress import ip_address

import bcrypt

from blocks.host_setup.playbook import on_this_machine, run_playbook
from blocks.outside import outside
from blocks.resources import PLAYBOOKS
from blocks.stored.authority import AUTHORITY_DAYS, Issued
from blocks.stored.registry_login import RegistryLogin
from pool.errors import BadRequest
from pool.origins import canonical_host

SECONDS = 1800  # that the playbook may take; a package comes from afar
PLAYBOOK = PLAYBOOKS / "image_registry.yml"
LOGIN = "own-registry"  # the block registry-login/<name>
USER = "dockerdriver"
LOOPBACK = "127.0.0.1"
DIGITS, LAST_PORT = 5, 65535


def install_registry(address: str, listen: str = LOOPBACK) -> None:
    """Install Debian's docker-registry and start it, with a certificate of our authority for *address*, and a login.

    Run again, it renews the certificate; the login stays. The certificate holds as long as the authority, which another
    one follows two years before its end: that rotation names the registries that are to be installed again.

    Args:
        address: "manager.example:5000", as hosts reach this machine.
        listen: the address of this machine that it listens on.

    Raises:
        BadRequest: one of the two is not of its form.
        PlaybookFailed: a step failed; the message names it.
    """
    (name, port), listen = split_address(address), one_address(listen)
    issued = issued_for(name)
    run = on_this_machine(PLAYBOOK, variables_of(issued, listen, port, login(address)))
    run_playbook(run, print, SECONDS, outside().settings.run_dir)


def issued_for(name: str) -> Issued:
    """Issue the registry's certificate. Only root could renew it, so it ends with the authority's and not before."""
    return outside().stored.authority().issue_server(name, name, days=AUTHORITY_DAYS)


def login(address: str) -> RegistryLogin:
    """Find the login that the registry lets in, or make it at the first time, for the registry at *address*."""
    if LOGIN in outside().stored.names(RegistryLogin):
        return outside().stored.load(RegistryLogin, LOGIN, "registry login")
    made = RegistryLogin(registry=address, username=USER, password=secrets.token_urlsafe(32))
    made.save(LOGIN, _sync=True)  # type: ignore[call-arg]  # Prefect adds it; its types do not say so
    return made


def one_address(text: str) -> str:
    """Return an address of this machine as it is written in full.

    Raises:
        BadRequest: it is none, or stands for all of them.
    """
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        raise BadRequest(f"--listen {text!r} is no address such as 10.0.0.5: give the one that hosts reach") from None
    if address.is_unspecified:
        raise BadRequest(f"--listen {text} stands for every address of this machine: give the one that hosts reach")
    return str(address)


def split_address(address: str) -> tuple[str, int]:
    """Name and port of "manager.example:5000" or "[2001:db8::1]:5000".

    Raises:
        BadRequest: it is not of that form, or no host could be called so.
    """
    name, _, port = address.rpartition(":")
    if not (name and port.isdecimal() and len(port) <= DIGITS and 0 < int(port) <= LAST_PORT):
        raise BadRequest(f"{address[:80]!r} is no address of a registry such as manager.example:5000")
    return canonical_host(name.strip("[]")), int(port)


def variables_of(issued: Issued, listen: str, port: int, login: RegistryLogin) -> dict[str, object]:
    """Return the variables of ``image_registry.yml``."""
    word = bcrypt.hashpw(login.password.get_secret_value().encode(), bcrypt.gensalt())
    return {
        "registry_server_certificate": issued.certificate,
        "registry_server_key": issued.private_key,
        "registry_address": listen,
        "registry_port": port,
        "registry_htpasswd": f"{login.username}:{word.decode()}",
    }
