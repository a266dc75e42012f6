"""The values of nginx/nginx.conf.j2.

Whatever the template prints has to be one word for nginx: a path, an address or a number with a character that nginx
would read as syntax is refused, wherever in the file it is to stand.
"""

import ipaddress
import json
import re
import resource
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from blocks.gateway.settings import GatewayConfig
from blocks.own_addresses import own_addresses
from blocks.resources import NGINX
from pool.errors import BadRequest

#: The kernel's limit for the path of a unix socket, in bytes.
LONGEST_SOCKET = 107
MOST_OPEN_FILES = 65536
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - recognised, not bound
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Verbatim(str):
    """Text for nginx that is more than one word and is known to be well-formed."""

    __slots__ = ()


def render_gateway(config: GatewayConfig) -> str:
    """Return the text of nginx.conf.

    Raises:
        BadRequest: a value holds a character that nginx would read as syntax, or is not of its form.
    """
    return _templates().get_template("nginx.conf.j2").render(_values(config))


def _templates() -> Environment:
    environment = Environment(  # noqa: S701 - nginx's configuration is no HTML; _word() guards what is printed
        loader=FileSystemLoader(NGINX),
        undefined=StrictUndefined,
        finalize=_word,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["in_a_pattern"] = lambda text: Verbatim(re.escape(text))
    return environment


def _values(config: GatewayConfig) -> dict[str, object]:
    settings, public = config.settings, urlsplit(_public_url(config))
    return {
        **_paths(config),
        **_tls(config),
        "user": settings.user,
        "workers": settings.workers,
        "open_files": _open_files(),
        "connections": _open_files() // 2,
        "lua_settings": Verbatim(json.dumps(_lua_settings(config))),
        "listen": _authority(config, config.port),
        "redirect_from": _authority(config, settings.redirect_port) if settings.redirect_port else "",
        "limits": settings,
        "trusted_proxies": [_network(text) for text in settings.trusted_proxies],
        "pool_passwords": settings.pool_passwords,
        "public_url": _public_url(config),
        "public_host": _public_host(config),
        "public_scheme": public.scheme,
        "public_port": public.port or _DEFAULT_PORTS[public.scheme],
        "session_authority": _session_authority(config),
        "localhost": _localhost(config),
    }


def _paths(config: GatewayConfig) -> dict[str, Path]:
    return {
        "modules": config.modules,
        "pid_file": config.pid_file,
        "directory": config.directory,
        "logs": config.logs,
        "socket": _short_enough(config.admin_socket),
        "lua": NGINX / "lua",
    }


def _tls(config: GatewayConfig) -> dict[str, object]:
    settings = config.settings
    if settings.certificate and not settings.certificate_key:
        raise BadRequest("the gateway has a certificate without a key: set DD_GATEWAY_CERTIFICATE_KEY")
    return {
        "certificate": settings.certificate,
        "certificate_key": settings.certificate_key,
        "hsts_seconds": settings.hsts_seconds if settings.certificate else 0,
    }


def _lua_settings(config: GatewayConfig) -> dict:
    return {
        "snapshot": _word(config.snapshot),
        "pages": _word(NGINX / "pages"),
        "session_authority": _session_authority(config),
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


def _open_files() -> int:
    """As many as the machine lets the workers have, within reason: a websocket holds two."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MOST_OPEN_FILES, hard)


def _refused(config: GatewayConfig) -> list[str]:
    if config.refused is not None:
        return [_network(text) for text in config.refused]
    named = {_network(text) for text in config.settings.networks}
    return [address for address in map(_network, own_addresses()) if address not in named]


def _authority(config: GatewayConfig, port: int) -> str:
    address = f"[{config.address}]" if ":" in config.address else config.address
    return f"{address}:{port}"


def _public_url(config: GatewayConfig) -> str:
    url = config.public_url or f"http://{_authority(config, config.port)}"
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.netloc or parts.path.strip("/"):
        raise BadRequest(f"the public URL {url!r} is not of the form https://notebooks.example.org")
    if config.settings.certificate and parts.scheme != "https":
        raise BadRequest("the gateway has a certificate, so DD_PUBLIC_URL must be set and begin with https://")
    return url.rstrip("/")


def _public_host(config: GatewayConfig) -> str:
    """Return the Host header sent to the session: the client's own, on all addresses without a public URL."""
    if config.public_url:
        return urlsplit(_public_url(config)).netloc
    return "$http_host" if config.address in _WILDCARDS else _authority(config, config.port)


def _session_authority(config: GatewayConfig) -> str:
    """Domain and, where it is not the usual one, port of the sessions' own host names; empty: they have none."""
    domain = config.session_domain.lower()
    if not domain:
        return ""
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", domain):
        raise BadRequest(f"DD_SESSION_DOMAIN is {domain!r}, which is not a domain like notebooks.example.org")
    port = urlsplit(_public_url(config)).port
    return f"{domain}:{port}" if port else domain


def _localhost(config: GatewayConfig) -> str:
    """Return the other name of loopback: a session refuses websockets under another name than its browser's."""
    return f"localhost:{config.port}" if config.address.startswith("127.") and not config.public_url else ""


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise BadRequest(f"{text!r} is not a network (write it as 10.1.0.0/16)") from None


def _short_enough(path: Path) -> Path:
    if len(str(path).encode()) > LONGEST_SOCKET:
        raise BadRequest(f"the gateway's admin socket {path} has a path of more than {LONGEST_SOCKET} bytes")
    return path


def _word(value: object) -> str:
    """Return the value as nginx reads it: one word, or well-formed text."""
    text = str(value)
    if not isinstance(value, Verbatim) and not re.fullmatch(r"[\w./:@%+,~\[\]-]+|\$http_host", text):
        raise BadRequest(f"nginx.conf cannot hold {text!r}: it has a character that nginx would misread")
    return text
