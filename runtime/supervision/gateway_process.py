"""The gateway as a supervised process: `python -m runtime.supervision.gateway_process` becomes nginx."""

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from blocks.addresses.loopback_twin import take_twin
from blocks.gateway.config import forget_stale_socket, gateway_config, prepare_gateway
from blocks.gateway.session_ports import keep_others_out, let_in
from blocks.gateway.settings import GatewayConfig
from blocks.settings import ProcessSettings, process_settings
from pool.errors import GatewayTrouble


def main() -> None:
    """Clear what a killed nginx left, write the configuration, become nginx."""
    settings = process_settings()
    config = gateway_config(settings)
    end_orphaned_workers(config)
    guard_sessions(config, settings)
    command = prepare_gateway(config)
    forget_stale_socket(config)
    _held = take_twin(config.address, config.port)  # nginx inherits it
    os.execvpe(command[0], command, without_secrets(os.environ))  # noqa: S606 - to be the process that the supervisor watches


def guard_sessions(config: GatewayConfig, settings: ProcessSettings) -> None:
    """Keep other accounts of this machine from the sessions on it; where that cannot be, the log says why.

    A manager of another cloud may have uses of its own for these ports of other machines: it lets its own accounts in,
    past what an installation of the local cloud beside it refuses.
    """
    gateway, networks = config.settings.user, config.settings.networks
    try:
        if settings.cloud == "local":
            keep_others_out(networks, gateway, settings.identity, settings.worker_user)
        else:
            let_in(networks, (gateway, settings.account), settings.identity)
    except GatewayTrouble as error:
        print(f"which accounts of this machine reach the ports of sessions is left as it was: {error}", flush=True)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for nginx: it needs no credentials of the cloud, of Prefect or of a database."""
    theirs = ("OS_", "PREFECT_", "DD_DATABASE_URL", "DD_RELAY_SECRET")
    return {name: value for name, value in environment.items() if not name.startswith(theirs)}


def end_orphaned_workers(config: GatewayConfig) -> None:
    """End what a killed gateway left."""
    end_nginx(config.pid_file)


def end_nginx(pid_file: Path) -> None:
    """When nginx's master is killed, its workers go on and keep the port. They are still in their master's group."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        for worker in nginx_of_group(int(pid_file.read_text())):
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
