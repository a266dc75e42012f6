"""The files that Swift's four servers read: one device, one copy of everything, and one account with a key."""

from collections.abc import Mapping
from configparser import RawConfigParser
from pathlib import Path

HOST = "127.0.0.1"
REGION = "us-east-1"
#: As an operator has them in the block. Swift's access key is "account:user".
ACCESS_KEY, SECRET_KEY = "backups:manager", "a-secret-of-the-store"
SERVERS = ("account", "container", "object")
#: Small numbers of everything: one process each, and no daemon that repairs or expires.
COMMON = {
    "bind_ip": HOST,
    "user": "root",
    "workers": "0",
    "mount_check": "false",
    "disable_fallocate": "true",
    "log_level": "WARNING",
    "node_timeout": "30",
}
PIPELINE = "catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth slo proxy-server"
FILTERS = ("catch_errors", "gatekeeper", "healthcheck", "listing_formats", "slo")

Sections = Mapping[str, Mapping[str, str]]


def write_all(folder: Path, ports: Mapping[str, int]) -> None:
    """Write every configuration file below a folder.

    Args:
        folder: of the store.
        ports: by the server's name; that of "cache" is one that no process listens on: there is no memcached.
    """
    _write(
        folder / "swift.conf", {"swift-hash": dict.fromkeys(("swift_hash_path_suffix", "swift_hash_path_prefix"), "x")}
    )
    _write(folder / "proxy.conf", _proxy(folder, ports))
    for name in SERVERS:
        _write(folder / f"{name}.conf", _server(folder, name, ports[name]))


def _defaults(folder: Path, port: int) -> dict[str, str]:
    places = {"swift_dir": folder, "devices": folder / "devices"}
    return COMMON | {name: str(place) for name, place in places.items()} | {"bind_port": str(port)}


def _server(folder: Path, name: str, port: int) -> Sections:
    return {
        "DEFAULT": _defaults(folder, port),
        "pipeline:main": {"pipeline": f"{name}-server"},
        f"app:{name}-server": {"use": f"egg:swift#{name}"},
    }


def _proxy(folder: Path, ports: Mapping[str, int]) -> Sections:
    account, user = ACCESS_KEY.split(":")
    return {
        "DEFAULT": _defaults(folder, ports["proxy"]),
        "pipeline:main": {"pipeline": PIPELINE},
        "app:proxy-server": {"use": "egg:swift#proxy", "account_autocreate": "true"},
        "filter:cache": {"use": "egg:swift#memcache", "memcache_servers": f"{HOST}:{ports['cache']}"},
        "filter:s3api": {"use": "egg:swift#s3api", "location": REGION},
        "filter:tempauth": {"use": "egg:swift#tempauth", f"user_{account}_{user}": f"{SECRET_KEY} .admin"},
    } | {f"filter:{name}": {"use": f"egg:swift#{name}"} for name in FILTERS}


def _write(file: Path, sections: Sections) -> None:
    parser = RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names are as Swift has them
    parser.read_dict(sections)
    with file.open("w") as out:
        parser.write(out)
