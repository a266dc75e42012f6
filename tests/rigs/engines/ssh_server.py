"""OpenSSH's server inside the network of a light host, unpacked from Debian's package and not installed."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rigs.engines.light_host import LightHost

PACKAGES = ("openssh-server", "libwrap0")
CONFIG = """
ListenAddress {address}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/login.pub
PermitRootLogin prohibit-password
StrictModes no
PidFile none
UsePAM no
"""
# sshd wants a user to separate its privileges; it alone sees this one.
START = """
set -e
mount --bind {directory}/passwd /etc/passwd
mkdir -p -m 755 /run/sshd
export LD_LIBRARY_PATH={libraries}
exec {directory}/root/usr/sbin/sshd -D -e -f {config}
"""


def unpack_ssh_server(directory: Path) -> None:
    """Fetch the package into *directory*, make keys for hosts and login."""
    directory.chmod(0o755)
    get = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", *PACKAGES]
    subprocess.run(get, cwd=directory, check=True, stdout=subprocess.DEVNULL)
    for package in directory.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, directory / "root"], check=True)
    for key in ("host_key", "login"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / key], check=True)
    users = [line for line in Path("/etc/passwd").read_text().splitlines() if not line.startswith("sshd:")]
    (directory / "passwd").write_text("\n".join([*users, "sshd:*:65533:65534::/run/sshd:/usr/sbin/nologin", ""]))


@contextmanager
def ssh_server(host: LightHost, directory: Path) -> Iterator[list[str]]:
    """The beginning of a command line that runs the rest on the host, over ssh."""
    config = directory / f"sshd-{host.netns}"
    config.write_text(CONFIG.format(address=host.address, directory=directory))
    libraries = next(directory.glob("root/**/libwrap.so.0")).parent
    script = START.format(directory=directory, libraries=libraries, config=config)
    inside = ["nsenter", f"--net=/run/netns/{host.netns}", "unshare", "--mount", "--propagation", "private"]
    with config.with_suffix(".log").open("wb") as log:
        server = subprocess.Popen([*inside, "sh", "-c", script], stderr=log)
    login = ["ssh", "-i", str(directory / "login"), *_known(directory, host), f"root@{host.address}"]
    try:
        _wait(login, config.with_suffix(".log"))
        yield login
    finally:
        server.terminate()
        server.wait()


def _known(directory: Path, host: LightHost) -> list[str]:
    known = directory / f"known-{host.netns}"
    known.write_text(f"{host.address} {(directory / 'host_key.pub').read_text()}")
    return ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"]


def _wait(login: list[str], log: Path) -> None:
    deadline = time.monotonic() + 20
    while (tried := subprocess.run([*login, "true"], check=False, capture_output=True, text=True)).returncode:
        if time.monotonic() > deadline:
            raise AssertionError(f"sshd does not answer: {tried.stderr} {log.read_text()}")
        time.sleep(0.2)
