"""The values of nginx/nginx.conf.j2.

Whatever the template prints has to be one word for nginx: a path, an address or a number with a character that nginx
would read as syntax is refused, wherever in the file it is to stand.
"""

import ipaddress
import json
import re
import resource
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from blocks.addresses.own_addresses import own_addresses
from blocks.gateway.settings import GatewayConfig
from blocks.gateway.tls.served import served_files
from blocks.resources import NGINX
from pool.errors import BadRequest

#: The kernel's limit for the path of a unix socket, in bytes.
LONGEST_SOCKET = 107
MOST_OPEN_FILES = 65536
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - recognised, not bound
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: KB of one header line of a request, and of the whole head of an answer: 64 KB of headers and the line before them.
HEADER_KB = 72
#: Settings that are limits; 0: none.
LIMITS = ("address_requests", "address_connections", "session_requests", "session_connections")
#: Headers of an answer that browsers keep for the whole origin, or beyond it: a session answers for itself alone.
ORIGIN_HEADERS = (
    "Clear-Site-Data",
    "Strict-Transport-Security",
    "Public-Key-Pins",
    "Public-Key-Pins-Report-Only",
    "Expect-CT",
    "Alt-Svc",
    "NEL",
    "Report-To",
    "Reporting-Endpoints",
    "Accept-CH",
    "Accept-CH-Lifetime",
    "Critical-CH",
    "Origin-Agent-Cluster",
    "Set-Login",
    "Use-As-Dictionary",
    "Supports-Loading-Mode",
    "Activate-Storage-Access",
    "Shared-Storage-Write",
    "Observe-Browsing-Topics",
    "Attribution-Reporting-Register-Source",
    "Attribution-Reporting-Register-Trigger",
    "Sec-Session-Registration",
    "Sec-Session-Challenge",
    "Secure-Session-Registration",
    "Secure-Session-Challenge",
)


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
        "header_kb": HEADER_KB,
        "usual_port": _DEFAULT_PORTS[public.scheme],
        "session_domain": _session_domain(config),
        "own_names": _own_names(config),
        "origin_headers": ORIGIN_HEADERS,
    }


def _paths(config: GatewayConfig) -> dict[str, Path]:
    return {
        "modules": config.modules,
        "pid_file": config.pid_file,
        "directory": config.directory,
        "logs": config.logs,
        "downloads": config.downloads,
        "socket": _short_enough(config.admin_socket),
        "lua": NGINX / "lua",
    }


def _tls(config: GatewayConfig) -> dict[str, object]:
    settings = config.settings
    if settings.certificate and not settings.certificate_key:
        raise BadRequest("the gateway has a certificate without a key: set DD_GATEWAY_CERTIFICATE_KEY")
    certificate, key = served_files(config)
    return {
        "certificate": settings.certificate and certificate,
        "certificate_key": key,
        "hsts_seconds": settings.hsts_seconds if settings.certificate else 0,
    }


def _lua_settings(config: GatewayConfig) -> dict:
    return {
        "snapshot": _word(config.snapshot),
        "pages": _word(NGINX / "pages"),
        "session_domain": _session_domain(config),
        "header_bytes": HEADER_KB * 1024,
        "limits": {name: getattr(config.settings, name) for name in LIMITS},
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
        return _as_browsers_say(urlsplit(_public_url(config)))
    return "$http_host" if config.address in _WILDCARDS else _authority(config, config.port)


def _as_browsers_say(url: SplitResult) -> str:
    """Return the URL's host in lower case, with its port where that is not the scheme's usual one."""
    host = url.netloc.lower()
    return host.removesuffix(f":{_DEFAULT_PORTS[url.scheme]}")


def _session_domain(config: GatewayConfig) -> str:
    """Domain of the sessions' own host names; empty: they have none."""
    domain = config.session_domain.lower()
    if not domain:
        return ""
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", domain):
        raise BadRequest(f"DD_SESSION_DOMAIN is {domain!r}, which is not a domain like notebooks.example.org")
    return domain


def _own_names(config: GatewayConfig) -> list[str]:
    """Names under which browsers reach the gateway; a session is told the one that its browser uses, with its port."""
    if config.public_url:
        named = urlsplit(_public_url(config)).netloc.lower()
        public = [re.sub(r":\d+$", "", named)]
    else:
        public = ["localhost", "127.0.0.1", "[::1]"] if config.address.startswith("127.") else []
    return list(dict.fromkeys([*public, *(f"[{name}]" if ":" in name else name for name in config.settings.names)]))


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
