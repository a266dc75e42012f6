"""The gateway as a supervised process: `python -m runtime.supervision.gateway_process` becomes nginx."""

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from blocks.gateway.config import forget_stale_socket, gateway_config, prepare_gateway
from blocks.gateway.settings import GatewayConfig
from blocks.settings import process_settings


def main() -> None:
    """Clear what a killed nginx left, write the configuration, become nginx."""
    config = gateway_config(process_settings())
    end_orphaned_workers(config)
    command = prepare_gateway(config)
    forget_stale_socket(config)
    os.execvpe(command[0], command, without_secrets(os.environ))  # noqa: S606 - to be the process that the supervisor watches


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for nginx: it needs no credentials of the cloud, of Prefect or of a database."""
    theirs = ("OS_", "PREFECT_", "DD_DATABASE_URL")
    return {name: value for name, value in environment.items() if not name.startswith(theirs)}


def end_orphaned_workers(config: GatewayConfig) -> None:
    """When nginx's master is killed, its workers go on and keep the port. They are still in their master's group."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        for worker in nginx_of_group(int(config.pid_file.read_text())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        time.sleep(0.1)  # the kernel closes their sockets


def nginx_of_group(group: int) -> list[int]:
    """Process ids of every nginx in the process group; another program may have got the number since."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(entry.name)
            if os.getpgid(pid) == group and (entry / "comm").read_text().strip() == "nginx":
                found.append(pid)
    return found


if __name__ == "__main__":
    main()
