"""Making an image of a host, on the host's side: what is taken off it, and the mark that says what it was made by."""

import hashlib
import io
import json
import shlex
import tarfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from blocks.host_setup.playbook import host_variables
from blocks.host_setup.shell import CommandFailed, HostShell
from blocks.resources import PLAYBOOKS
from pool.settings import PoolSettings

MARK = "/etc/notebook-host-image"
SYSPREP = PLAYBOOKS / "sysprep.sh"
SYSPREP_SECONDS = 300
LOOK_SECONDS = 30
BLOCKED = "/etc/notebook-firewall/blocked"  # as in the role firewall
TLS = "etc/docker/tls"  # as in the role docker
START_SECONDS = 120
#: Variables that differ from host to host; what they stand for is done on every host, also on one that was baked.
OF_ONE_HOST = (
    "system_hostname",
    "storage_",
    "docker_server_",
    "docker_ca_certificate",
    "docker_registry",
    "firewall_networks",
)


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


def todays_playbook(settings: PoolSettings) -> str:
    """Digest of the playbook as this installation runs it now on hosts of a pool with these settings."""
    return playbook_digest(
        host_variables(
            host="",
            ca_certificate="",
            server_certificate="",
            server_key="",
            gpus=settings.gpus,
            network=settings.host_network,
        )
    )


def read_mark(shell: HostShell) -> str:
    """Digest of the playbook that the machine's image was configured by; empty when it booted from a bare image."""
    try:
        return shell.run(f"cat {MARK}", LOOK_SECONDS).strip()
    except CommandFailed:
        return ""


def sysprep(shell: HostShell, digest: str, data_root: str = "/var/lib/docker") -> None:
    """Stop the engine and take off the machine what must not be in an image. No login works afterwards.

    Args:
        digest: of the playbook; `read_mark` finds it on every machine that boots from the image.

    Raises:
        CommandFailed: something could not be removed; the machine is of no use for anything.
    """
    arguments = shlex.join([data_root, digest])
    shell.run(f"sudo -n sh -s {arguments}", SYSPREP_SECONDS, stdin=SYSPREP.read_text())


def give_certificate(shell: HostShell, authority: str, certificate: str, key: str) -> None:
    """Give a machine that booted from an image its own certificate, and start its engine: the image has neither on.

    Harmless when repeated. The firewall's rules come with the engine.

    Args:
        authority: PEM of the certificate that signs the engine's clients.
        certificate: PEM; its names hold the host's address.
        key: PEM, private; it travels on the command's input.

    Raises:
        CommandFailed: the engine did not start.
    """
    _put_certificate(shell, authority, certificate, key, "systemctl enable --quiet --now docker")


def renew_certificate(shell: HostShell, authority: str, certificate: str, key: str) -> None:
    """Give a host in service a fresh certificate. Its engine reads it at a restart, which its containers outlive.

    Raises:
        CommandFailed: the engine did not come back.
    """
    # systemd gives up on a service that is restarted more often in a minute than it likes, until it is told to forget.
    restart = "{ systemctl reset-failed docker || true; } && systemctl restart docker"
    _put_certificate(shell, authority, certificate, key, restart)


def knows_authorities(shell: HostShell, authorities: str) -> bool:
    """Whether the engine was started with exactly these; False also where the machine has no engine yet.

    The files must be older than the engine: a renewal may have died before it restarted it.

    Args:
        authorities: PEM, one after the other.

    Raises:
        HostUnreachable: ssh did not answer.
    """
    look = f"sha256sum < /{TLS}/ca.pem && find /{TLS} -newer /run/docker.pid"
    try:
        said = shell.run(f"sudo -n sh -c {shlex.quote(look)}", LOOK_SECONDS).split()
    except CommandFailed:
        return False
    return said == [hashlib.sha256(authorities.encode()).hexdigest(), "-"]


def _put_certificate(shell: HostShell, authority: str, certificate: str, key: str, then: str) -> None:
    command = f"mkdir -p -m 0700 /{TLS} && tar -x -m -C /{TLS} --no-same-owner -f - && {then}"
    files = {"ca.pem": (authority, 0o640), "server.pem": (key + certificate, 0o600)}
    shell.run(f"sudo -n sh -c {shlex.quote(command)}", START_SECONDS, stdin=_archive(files))


def block_networks(shell: HostShell, networks: Iterable[str]) -> None:
    """Write down what containers may not reach, on a machine that booted from an image: its rules come with its engine.

    Raises:
        CommandFailed: it could not be written.
    """
    command = f"umask 0027 && mkdir -p {Path(BLOCKED).parent} && cat > {BLOCKED}"
    shell.run(f"sudo -n sh -c {shlex.quote(command)}", LOOK_SECONDS, stdin="\n".join(networks) + "\n")


def trust_registry(shell: HostShell, registry: str, authority: str) -> None:
    """Have the engine believe the registry that images are pulled from; as the playbook does, on a baked host.

    Args:
        registry: "registry.example:5000".
        authority: PEM of the certificate that signs the registry's.

    Raises:
        CommandFailed: it could not be written.
    """
    folder = shlex.quote(f"/etc/docker/certs.d/{registry}")
    command = f"umask 0027 && mkdir -p {folder} && cat > {folder}/ca.crt"
    shell.run(f"sudo -n sh -c {shlex.quote(command)}", LOOK_SECONDS, stdin=authority)


def _archive(files: Mapping[str, tuple[str, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (text, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(text.encode()), mode, int(time.time())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()
