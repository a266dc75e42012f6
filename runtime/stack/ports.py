"""Whether the stack's ports are free, and who has them if not."""

import re
import socket
import subprocess

from blocks.addresses.loopback_twin import take_twin
from blocks.settings import ProcessSettings
from pool.errors import Refused

USER = re.compile(r'\("([^"]+)",pid=(\d+)')


def check_ports(settings: ProcessSettings, gateway: bool = True) -> None:
    """Look before anything is started.

    Args:
        settings: of this installation.
        gateway: whether one is on this machine.

    Raises:
        Refused: another process has a port; the sentence names the port, the process and the setting.
    """
    if gateway:
        _check("the gateway", settings.gateway_address, settings.gateway_port, "DD_GATEWAY_PORT")
    for port in sorted({settings.prefect_port, *settings.api_ports}):
        _check("Prefect's server", "127.0.0.1", port, "DD_PREFECT_PORT")


def _check(what: str, address: str, port: int, setting: str) -> None:
    try:
        if twin := take_twin(address, port):
            twin.close()
    except Refused as refusal:
        who = f" ({found})" if (found := holder(port)) else ""
        raise Refused(f"{what} cannot start: {refusal}{who}; free it, or choose another one with {setting}") from None
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise Refused(
                f"{what} cannot have port {port} of {address}: {holder(port) or error.strerror}; "
                f"free it, or choose another one with {setting}"
            ) from None


def holder(port: int) -> str:
    """Who listens on the port: "nginx (process 123) has it"; empty when that cannot be seen."""
    listed = subprocess.run(["ss", "-Htlnp", f"sport = :{port}"], capture_output=True, text=True, check=False).stdout
    found = USER.search(listed)
    return f"{found[1]} (process {found[2]}) has it" if found else ""
