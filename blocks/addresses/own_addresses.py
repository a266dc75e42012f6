"""The addresses of the machine that this process runs on."""

import json
import subprocess
from ipaddress import ip_address


def own_addresses() -> tuple[str, ...]:
    """Return this machine's own addresses, IPv4 and IPv6, those on loopback too."""
    said = subprocess.run(["ip", "-json", "address"], capture_output=True, check=True, text=True).stdout
    return tuple(sorted({entry["local"] for link in json.loads(said) for entry in link.get("addr_info", ())}))


def reachable_addresses() -> list[str]:
    """List those of them that another machine could reach it under: neither on loopback nor of one link alone."""
    addresses = [ip_address(address) for address in own_addresses()]
    return [str(address) for address in addresses if not (address.is_loopback or address.is_link_local)]
