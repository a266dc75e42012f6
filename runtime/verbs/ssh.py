"""`dockerdriver host ssh`: onto a host as the workers log in, with the one host key that is on record."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from blocks.files.private_files import write_private
from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import Refused
from pool.states import HostState


def ssh(settings: ProcessSettings, host: str, words: list[str]) -> int:
    """Open a shell on a host, or run one command there, as the workers log in; its status is the command's.

    Example: dockerdriver host ssh main-07 sudo docker ps

    Raises:
        NotFound: there is no such host; the message lists those that exist.
        Refused: it is removed, or has no address or no ssh host key yet.
        DockerDriverError: the stack does not run.
    """
    prefect_api(settings).block_names("host-login")  # says at once when the stack does not run
    from runtime.supervision.environment import stack_environment, take_on  # noqa: PLC0415 - Prefect imports slowly

    take_on(stack_environment(settings, settings.engine_url))
    from blocks.outside import outside  # noqa: PLC0415 - after the environment is set

    found, login = outside().store.hosts.get(host), outside().stored.login()
    if found.state is HostState.REMOVED:
        raise Refused(f"host {host} is removed: `dockerdriver why host {host}` tells why")
    if not found.address or not found.host_key:
        raise Refused(f"host {host} is {found.state}: it has no address or no ssh host key yet")
    with TemporaryDirectory(prefix="dockerdriver-ssh-") as folder:  # of mode 0700
        known_hosts = write_private(Path(folder) / "known_hosts", f"{found.address} {found.host_key}\n")
        key = write_private(Path(folder) / "login", login.private_key.get_secret_value().rstrip("\n") + "\n")
        return subprocess.run(command(f"{login.user}@{found.address}", key, known_hosts, words), check=False).returncode


def command(where: str, key: Path, known_hosts: Path, words: list[str]) -> list[str]:
    """Compose ssh's command line: it takes one host key and offers one login key, whatever its configuration says."""
    options = {
        "UserKnownHostsFile": f'"{known_hosts}"',
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "LogLevel": "ERROR",
    }
    said = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", "-i", str(key), *said, where, *words]
