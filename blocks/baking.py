"""Making an image of a host, on the host's side: what is taken off it, and the mark that says what it was made by."""

import hashlib
import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from blocks.playbook import PLAYBOOKS, host_variables
from blocks.shell import CommandFailed, HostShell

MARK = "/etc/notebook-host-image"
SYSPREP = PLAYBOOKS / "sysprep.sh"
SYSPREP_SECONDS = 300
LOOK_SECONDS = 30
#: Variables that differ from host to host; baked_host.yml deals with them on every host.
OF_ONE_HOST = ("system_hostname", "storage_", "docker_server_", "docker_ca_certificate")


def playbook_digest(variables: Mapping[str, object], folder: Path = PLAYBOOKS) -> str:
    """Digest of the playbook and of the variables that all hosts share: 12 hexadecimal digits.

    A host that was configured by another playbook, or with other settings, differs; one of another name or with another
    certificate does not.
    """
    digest = hashlib.sha256()
    shared = {name: value for name, value in variables.items() if not name.startswith(OF_ONE_HOST)}
    digest.update(json.dumps(shared, sort_keys=True).encode())
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix != ".md":
            content = file.read_bytes()
            digest.update(f"{file.relative_to(folder)} {len(content)} ".encode() + content)
    return digest.hexdigest()[:12]


def todays_playbook() -> str:
    """Digest of the playbook as this installation runs it now."""
    return playbook_digest(host_variables(host="", ca_certificate="", server_certificate="", server_key=""))


def read_mark(shell: HostShell) -> str:
    """Digest of the playbook that the machine's image was configured by; empty when it booted from a bare image."""
    try:
        return shell.run(f"cat {MARK}", LOOK_SECONDS).strip()
    except CommandFailed:
        return ""


def sysprep(shell: HostShell, digest: str, data_root: str = "/var/lib/docker") -> None:
    """Stop the engine and take off the machine what must not be in an image. Nobody can log in to it afterwards.

    Args:
        digest: of the playbook; `read_mark` finds it on every machine that boots from the image.

    Raises:
        CommandFailed: something could not be removed; the machine is of no use for anything.
    """
    arguments = shlex.join([data_root, digest])
    shell.run(f"sudo -n sh -s {arguments}", SYSPREP_SECONDS, stdin=SYSPREP.read_text())
