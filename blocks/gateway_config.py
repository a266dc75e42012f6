"""The gateway's configuration: nginx/nginx.conf with its ``${…}`` filled in, and what must exist before nginx starts.

The variables of the template are the keys of :func:`_values`; a variable that is not among them is an error.
"""

import ipaddress
import json
import re
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from blocks.settings import ProcessSettings
from pool.errors import BadRequest

NGINX = Path(__file__).resolve().parent.parent / "nginx"
#: The kernel's limit for the path of a unix socket, in bytes.
LONGEST_SOCKET = 107
MOST_OPEN_FILES = 65536
#: Where hosts are unless the operator says otherwise: the private networks.
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - recognised, not bound


@dataclass(frozen=True)
class GatewayConfig:
    """All that nginx is told. Paths are absolute."""

    directory: Path  # nginx's prefix: the rendered configuration and its temporary directories
    admin_socket: Path  # its directory is made 0700: nginx makes its sockets 0666
    snapshot: Path  # written by blocks.gateway, read by nginx's master when it starts with an empty table
    logs: Path
    address: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""  # what browsers use, e.g. "https://notebooks.example.org"; empty: address and port
    networks: tuple[str, ...] = PRIVATE_NETWORKS  # that routes may lead to
    refused: tuple[str, ...] | None = None  # exceptions; None: this machine's own, unless networks name just that one
    first_port: int = 20000  # of sessions on their hosts
    last_port: int = 20999
    user: str = "www-data"  # of the workers; the master is root
    workers: int = 2
    modules: Path = Path("/usr/lib/nginx/modules")

    @property
    def file(self) -> Path:
        """The rendered configuration."""
        return self.directory / "nginx.conf"

    @property
    def pid_file(self) -> Path:
        """Holds the master's process id while it runs."""
        return self.directory / "nginx.pid"

    @property
    def command(self) -> list[str]:
        """nginx in the foreground, for a supervisor; HUP reloads, QUIT ends it when the last connection has closed."""
        return ["nginx", "-p", str(self.directory), "-c", str(self.file), "-e", str(self.logs / "gateway-error.log")]


def own_addresses() -> tuple[str, ...]:
    """This machine's own addresses: no route may lead to the manager."""
    said = subprocess.run(["ip", "-json", "address"], capture_output=True, check=True, text=True).stdout
    return tuple(sorted({entry["local"] for link in json.loads(said) for entry in link.get("addr_info", ())}))


def gateway_config(settings: ProcessSettings) -> GatewayConfig:
    """The gateway of this installation."""
    return GatewayConfig(
        directory=settings.data / "gateway" / "nginx",
        admin_socket=settings.gateway_socket,
        snapshot=settings.gateway_snapshot,
        logs=settings.data / "logs",
        address=settings.gateway_address,
        port=settings.gateway_port,
        public_url=settings.public_url,
    )


def prepare_gateway(config: GatewayConfig) -> list[str]:
    """Write the configuration and make what nginx needs to start; again is harmless, also while it runs.

    Returns:
        The command that runs nginx in the foreground.

    Raises:
        BadRequest: a value that nginx could not take, e.g. a socket path that is too long.
    """
    for directory in (config.directory / "temp", config.logs, config.admin_socket.parent, config.snapshot.parent):
        directory.mkdir(parents=True, exist_ok=True)
    config.admin_socket.parent.chmod(0o700)
    config.file.write_text(render_gateway(config))
    return config.command


def forget_stale_socket(config: GatewayConfig) -> None:
    """Remove the admin socket that a killed nginx left behind; call it before a start, never while one runs."""
    config.admin_socket.unlink(missing_ok=True)


def render_gateway(config: GatewayConfig) -> str:
    """The text of nginx.conf.

    Raises:
        BadRequest: a value holds a character that nginx would read as syntax, or is not of its form.
    """
    values = _values(config)
    return re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], (NGINX / "nginx.conf").read_text())


def _values(config: GatewayConfig) -> dict[str, str]:
    public = urlsplit(config.public_url or f"http://{_authority(config)}")
    return {
        "modules": _plain(config.modules),
        "user": _plain(config.user),
        "workers": str(config.workers),
        "open_files": str(_open_files()),
        "connections": str(_open_files() // 2),
        "pid_file": _plain(config.pid_file),
        "directory": _plain(config.directory),
        "logs": _plain(config.logs),
        "socket": _plain(_short_enough(config.admin_socket)),
        "lua": _plain(NGINX / "lua"),
        "lua_settings": json.dumps(_lua_settings(config)),
        "listen": f"        listen {_authority(config)} so_keepalive=60s:15s:4;\n",
        "public_host": _plain(_public_host(config)),
        "public_scheme": _plain(public.scheme),
        "public_port": str(public.port or {"https": 443}.get(public.scheme, 80)),
        "also_known_as": _also_known_as(config),
    }


def _open_files() -> int:
    """As many as the machine lets the workers have, within reason: a websocket holds two."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MOST_OPEN_FILES, hard)


def _lua_settings(config: GatewayConfig) -> dict:
    return {
        "snapshot": str(config.snapshot),
        "pages": str(NGINX / "pages"),
        "networks": [_network(text) for text in config.networks],
        "refused": _refused(config),
        "first_port": config.first_port,
        "last_port": config.last_port,
    }


def _refused(config: GatewayConfig) -> list[str]:
    if config.refused is not None:
        return [_network(text) for text in config.refused]
    named = {_network(text) for text in config.networks}
    return [address for address in map(_network, own_addresses()) if address not in named]


def _authority(config: GatewayConfig) -> str:
    address = f"[{config.address}]" if ":" in config.address else config.address
    return f"{_plain(address)}:{config.port}"


def _public_host(config: GatewayConfig) -> str:
    """What the session is told that it is called. Open to the world without a public URL, only the client knows it."""
    if config.public_url:
        return urlsplit(config.public_url).netloc
    return "$http_host" if config.address in _WILDCARDS else _authority(config)


def _also_known_as(config: GatewayConfig) -> str:
    """On loopback a browser may say "localhost"; a session must hear the same, or it refuses its websockets."""
    if config.public_url or not config.address.startswith("127."):
        return ""
    return f'        "localhost:{config.port}" "localhost:{config.port}";\n'


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise BadRequest(
            f"{text!r} is not a network that the gateway could lead to (write it as 10.1.0.0/16)"
        ) from None


def _short_enough(path: Path) -> Path:
    if len(str(path).encode()) > LONGEST_SOCKET:
        raise BadRequest(f"the gateway's admin socket {path} has a path of more than {LONGEST_SOCKET} bytes")
    return path


def _plain(value: object) -> str:
    """The value, when nginx reads it as one word."""
    text = str(value)
    if not re.fullmatch(r"[\w./:@%+,~\[\]-]+|\$http_host", text):
        raise BadRequest(f"the gateway cannot be told {text!r}: it holds a character that nginx would misread")
    return text
