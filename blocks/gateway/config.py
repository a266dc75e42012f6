"""What must exist before nginx starts, and how it takes a new certificate or new settings while it runs."""

import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime

from blocks.files.private_files import guard_folder
from blocks.gateway.settings import GatewayConfig, GatewaySettings
from blocks.gateway.template import render_gateway
from blocks.gateway.tls.served import put_in_service, refusal_of_files
from blocks.settings import ProcessSettings
from pool.errors import BadRequest, GatewayTrouble


def gateway_config(settings: ProcessSettings) -> GatewayConfig:
    """Return the gateway of this installation.

    Raises:
        BadRequest: one of its settings cannot be; the sentence names it.
    """
    return GatewayConfig(
        directory=settings.data / "gateway" / "nginx",
        admin_socket=settings.gateway_socket,
        snapshot=settings.gateway_snapshot,
        logs=settings.data / "logs",
        downloads=settings.downloads_dir,
        settings=GatewaySettings.given(),
        address=settings.gateway_address,
        port=settings.gateway_port,
        public_url=settings.public_url,
        session_domain=settings.session_domain,
        account=settings.account,
    )


def prepare_gateway(config: GatewayConfig) -> list[str]:
    """Write the configuration and make what nginx needs to start; again is harmless, also while it runs.

    Returns:
        The command that runs nginx in the foreground.

    Raises:
        BadRequest: nginx would not start with it; the message is nginx's own, or names the value.
    """
    for directory in (config.directory / "temp", config.logs, config.snapshot.parent):
        directory.mkdir(parents=True, exist_ok=True)
    guard_folder(config.admin_socket.parent, config.account)
    put_in_service(config, datetime.now(UTC))
    _write_checked(config)
    return config.command


def forget_stale_socket(config: GatewayConfig) -> None:
    """Remove the admin socket that a killed nginx left behind; call it before a start, never while one runs."""
    config.admin_socket.unlink(missing_ok=True)


def reload_gateway(config: GatewayConfig) -> None:
    """Take a new certificate or new settings. Open websockets stay with the old workers until they close.

    Raises:
        BadRequest: nginx refuses the new configuration, or the certificate cannot be used; it goes on with the old one.
        GatewayTrouble: no gateway runs.
    """
    if refused := refusal_of_files(config, datetime.now(UTC)):
        raise BadRequest(refused)
    prepare_gateway(config)
    hang_up(config)


def hang_up(config: GatewayConfig) -> None:
    """Have nginx read its configuration and its certificate anew; where it refuses them, it goes on with the old ones.

    Raises:
        GatewayTrouble: no gateway runs.
    """
    try:
        os.kill(int(config.pid_file.read_text()), signal.SIGHUP)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        said = f"the gateway does not run: {config.pid_file} names no process; `make up` starts it"
        raise GatewayTrouble(said) from None


def _write_checked(config: GatewayConfig) -> None:
    """Replace the file only by what nginx accepts: a broken one would stay unnoticed until the next restart."""
    candidate = config.file.with_suffix(".new")
    candidate.write_text(render_gateway(config))
    if not shutil.which("nginx"):
        raise BadRequest("nginx is not installed")
    check = subprocess.run(config.nginx("-t", "-q", "-c", str(candidate)), capture_output=True, text=True, check=False)
    if check.returncode:
        raise BadRequest(f"nginx refuses the gateway's configuration: {_first_complaint(check.stderr)}")
    candidate.replace(config.file)


def _first_complaint(said: str) -> str:
    lines = [line for line in said.splitlines() if "[emerg]" in line] or said.splitlines() or ["nginx gave no reason"]
    return lines[0].partition("[emerg]")[2].strip() or lines[0]
