"""nginx/nginx.conf with its ``${…}`` filled in.

The variables of the template are the keys of :func:`_values`; a variable that is not among them is an error.
"""

import ipaddress
import json
import re
import resource
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from blocks.gateway.settings import GatewayConfig
from blocks.resources import NGINX
from pool.errors import BadRequest

#: The kernel's limit for the path of a unix socket, in bytes.
LONGEST_SOCKET = 107
MOST_OPEN_FILES = 65536
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - recognised, not bound
_DEFAULT_PORTS = {"http": 80, "https": 443}


def render_gateway(config: GatewayConfig) -> str:
    """The text of nginx.conf.

    Raises:
        BadRequest: a value holds a character that nginx would read as syntax, or is not of its form.
    """
    values = _values(config)
    return re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], (NGINX / "nginx.conf").read_text())


def _values(config: GatewayConfig) -> dict[str, str]:
    public = urlsplit(_public_url(config))
    return {
        **_paths(config),
        "user": _plain(config.settings.user),
        "workers": str(config.settings.workers),
        "open_files": str(_open_files()),
        "connections": str(_open_files() // 2),
        "lua_settings": json.dumps(_lua_settings(config)),
        "listen": _lines(_listen(config)),
        "redirect_server": _redirect_server(config),
        "hsts": _lines(_hsts(config)),
        "limit_zones": _lines(_limit_zones(config), indent=4),
        "limits": _lines(_limits(config)),
        "trusted_proxies": _lines(_trusted_proxies(config)),
        "pool_passwords": _lines(_pool_passwords(config), indent=12),
        "public_host": _plain(_public_host(config)),
        "public_scheme": _plain(public.scheme),
        "public_port": str(public.port or _DEFAULT_PORTS[public.scheme]),
        "also_known_as": _lines(_also_known_as(config)),
    }


def _paths(config: GatewayConfig) -> dict[str, str]:
    return {
        "modules": _plain(config.modules),
        "pid_file": _plain(config.pid_file),
        "directory": _plain(config.directory),
        "logs": _plain(config.logs),
        "socket": _plain(_short_enough(config.admin_socket)),
        "lua": _plain(NGINX / "lua"),
    }


def _lua_settings(config: GatewayConfig) -> dict:
    return {
        "snapshot": _plain(config.snapshot),
        "pages": _plain(NGINX / "pages"),
        "session_authority": _session_authority(config) if config.session_domain else "",
        "public_scheme": urlsplit(_public_url(config)).scheme,
        "pool_passwords": bool(config.settings.pool_passwords),
        "platform_url": _platform_url(config.settings.platform_url),
        "networks": [_network(text) for text in config.settings.networks],
        "refused": _refused(config),
        "first_port": config.ports[0],
        "last_port": config.ports[-1],
    }


def _platform_url(url: str) -> str:
    if url and not re.fullmatch(r"https?://[\w./:@%+,~?&=;#-]+", url):
        raise BadRequest(f"DD_GATEWAY_PLATFORM_URL is {url!r}, which is not an address like https://my.example.org/")
    return url


def _pool_passwords(config: GatewayConfig) -> list[str]:
    """nginx reads the file at each request and refuses everyone while it is missing."""
    file = config.settings.pool_passwords
    return ['auth_basic "Pools of hosts"', f"auth_basic_user_file {_plain(file)}"] if file else []


def _open_files() -> int:
    """As many as the machine lets the workers have, within reason: a websocket holds two."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MOST_OPEN_FILES, hard)


def own_addresses() -> tuple[str, ...]:
    """This machine's own addresses: no route may lead to the manager."""
    said = subprocess.run(["ip", "-json", "address"], capture_output=True, check=True, text=True).stdout
    return tuple(sorted({entry["local"] for link in json.loads(said) for entry in link.get("addr_info", ())}))


def _refused(config: GatewayConfig) -> list[str]:
    if config.refused is not None:
        return [_network(text) for text in config.refused]
    named = {_network(text) for text in config.settings.networks}
    return [address for address in map(_network, own_addresses()) if address not in named]


def _authority(config: GatewayConfig, port: int) -> str:
    address = f"[{config.address}]" if ":" in config.address else config.address
    return f"{_plain(address)}:{port}"


def _public_url(config: GatewayConfig) -> str:
    url = config.public_url or f"http://{_authority(config, config.port)}"
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.netloc or parts.path.strip("/"):
        raise BadRequest(f"the public URL {url!r} is not of the form https://notebooks.example.org")
    if config.settings.certificate and parts.scheme != "https":
        raise BadRequest("the gateway has a certificate, so DD_PUBLIC_URL must be set and begin with https://")
    return url.rstrip("/")


def _public_host(config: GatewayConfig) -> str:
    """What the session is told that it is called. Open to the world without a public URL, only the client knows it."""
    if config.public_url:
        return urlsplit(_public_url(config)).netloc
    return "$http_host" if config.address in _WILDCARDS else _authority(config, config.port)


def _session_authority(config: GatewayConfig) -> str:
    """Domain and, where it is not the usual one, port of the sessions' own host names."""
    domain = config.session_domain.lower()
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", domain):
        raise BadRequest(f"DD_SESSION_DOMAIN is {domain!r}, which is not a domain like notebooks.example.org")
    port = urlsplit(_public_url(config)).port
    return f"{domain}:{port}" if port else domain


def _also_known_as(config: GatewayConfig) -> list[str]:
    """A session must hear the name that its browser says, or it refuses its websockets: its own, or "localhost"."""
    names = (
        [f'"~*^[a-z0-9_-]+{re.escape("." + _session_authority(config))}$" $http_host'] if config.session_domain else []
    )
    if config.public_url or not config.address.startswith("127."):
        return names
    return [*names, f'"localhost:{config.port}" "localhost:{config.port}"']


def _listen(config: GatewayConfig) -> list[str]:
    where = _authority(config, config.port)
    if not config.settings.certificate:
        return [f"listen {where} so_keepalive=60s:15s:4"]
    if not config.settings.certificate_key:
        raise BadRequest("the gateway has a certificate without a key: set DD_GATEWAY_CERTIFICATE_KEY")
    return [
        f"listen {where} ssl http2 so_keepalive=60s:15s:4",
        f"ssl_certificate {_plain(config.settings.certificate)}",
        f"ssl_certificate_key {_plain(config.settings.certificate_key)}",
        "ssl_protocols TLSv1.2 TLSv1.3",
        "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20",
        "ssl_session_cache shared:tls:10m",
        "ssl_session_timeout 1d",
        "ssl_session_tickets off",
    ]


def _hsts(config: GatewayConfig) -> list[str]:
    """nginx forgets a server's headers in a location that adds its own, so both places say it."""
    seconds = config.settings.hsts_seconds if config.settings.certificate else 0
    return [f'add_header Strict-Transport-Security "max-age={seconds}" always'] if seconds else []


def _redirect_server(config: GatewayConfig) -> str:
    """The other port knows one thing: where the gateway is. The name comes from the settings, never from the client."""
    if not config.settings.redirect_port:
        return ""
    where = _authority(config, config.settings.redirect_port)
    inside = [f"listen {where}", "access_log off", f"return 308 {_plain(_public_url(config))}$request_uri"]
    return f"server {{\n        {_lines(inside)}\n    }}\n"


def _limit_zones(config: GatewayConfig) -> list[str]:
    """Ten megabytes remember about 80,000 addresses or sessions; the least used one is forgotten first."""
    settings = config.settings
    zones = []
    for what, key in (("address", "$binary_remote_addr"), ("session", "$limited_route")):
        if rate := getattr(settings, f"{what}_requests"):
            zones.append(f"limit_req_zone {key} zone={what}_requests:10m rate={rate}r/s")
        if getattr(settings, f"{what}_connections"):
            zones.append(f"limit_conn_zone {key} zone={what}_connections:10m")
    return zones


def _limits(config: GatewayConfig) -> list[str]:
    """A page of JupyterLab asks for a hundred files at once, so five seconds' worth may come in a burst."""
    settings = config.settings
    limits = ["limit_req_status 429", "limit_conn_status 429"]
    for what in ("address", "session"):
        if rate := getattr(settings, f"{what}_requests"):
            limits.append(f"limit_req zone={what}_requests burst={5 * rate} nodelay")
        if connections := getattr(settings, f"{what}_connections"):
            limits.append(f"limit_conn {what}_connections {connections}")
    return limits


def _trusted_proxies(config: GatewayConfig) -> list[str]:
    networks = [f"set_real_ip_from {_network(text)}" for text in config.settings.trusted_proxies]
    return [*networks, "real_ip_header X-Forwarded-For", "real_ip_recursive on"] if networks else []


def _lines(directives: list[str], indent: int = 8) -> str:
    """Directives, one a line; the template holds the indentation of the first."""
    return ("\n" + " " * indent).join(f"{directive};" for directive in directives)


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise BadRequest(f"{text!r} is not a network that the gateway could know (write it as 10.1.0.0/16)") from None


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
