"""What the tests of clouds share: what is asked of them, and OpenSSH's own client to look at the servers with."""

import os
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from blocks.clouds.port import Cloud, Server, ServerRequest
from blocks.clouds.user_data import cloud_config
from blocks.stored.host_keys import HostKey, HostLogin, new_host_key

NAMESPACE = f"dd-test-cloud-{os.getpid()}"
KEY, LOGIN = new_host_key(), HostLogin.create()
SSH_SECONDS = 60


def server_request(host: str, key: HostKey = KEY, flavor: str = "small", image: str = "bare") -> ServerRequest:
    return ServerRequest(host, "main", flavor, image, cloud_config(host, LOGIN.public_keys, key.private, key.public))


@dataclass
class Rig:
    """A cloud to be tested: the factory opens it for one namespace."""

    open: Callable[[str], Cloud]
    cloud: Cloud
    quiet: str = "small"  # a flavor whose servers need not answer ssh, where they then cost less

    def request(self, host: str) -> ServerRequest:
        return server_request(host, flavor=self.quiet)


def emptied(cloud: Cloud) -> None:
    delete_all(cloud, {server.host for server in cloud.list_servers()})


def delete_all(cloud: Cloud, hosts: Iterable[str]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(cloud.delete, hosts))


def ssh(server: Server, key: str, where: Path, command: str = "true") -> subprocess.CompletedProcess:
    """Log in as OpenSSH's own client does that believes this host key and no other."""
    (where / "known").write_text(f"{server.address} {key}\n")
    (where / "login").write_text(LOGIN.private_key.get_secret_value())
    (where / "login").chmod(0o600)
    options = ["StrictHostKeyChecking=yes", f"UserKnownHostsFile={where}/known", "ConnectTimeout=5", "BatchMode=yes"]
    client = ["ssh", "-i", str(where / "login"), *(word for option in options for word in ("-o", option))]
    return subprocess.run(
        [*client, f"{LOGIN.user}@{server.address}", command], capture_output=True, text=True, check=False
    )


def ssh_when_it_answers(server: Server, key: str, where: Path, command: str = "true") -> subprocess.CompletedProcess:
    until = time.monotonic() + SSH_SECONDS
    while (done := ssh(server, key, where, command)).returncode == 255 and time.monotonic() < until:
        time.sleep(0.1)
    return done
