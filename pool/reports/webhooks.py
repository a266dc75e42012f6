"""What a platform's webhook is told of a session, and the signature that shows who said so.

As the specification Standard Webhooks has it: HMAC-SHA256 over id, timestamp and body, in the header webhook-signature.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from pool.changes import Change
from pool.errors import BadRequest

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a key, as the specification says


@dataclass(frozen=True)
class Message:
    """One change, as it is sent; each try sends the same."""

    id: str  # the same at each try: by it a receiver knows what it has already
    body: bytes


def message_of(change: Change, sender: str) -> Message:
    """Tell of a session's change; *sender* is the installation."""
    data = {
        "instance_id": change.subject,
        "state": change.state,
        "reason": change.reason,
        "pool": change.pool,
        "host": change.host,
        "user": change.user,
    }
    told = {"type": change.event, "timestamp": change.at.isoformat(), "data": data}
    return Message(f"{sender}-{change.id}", json.dumps(told).encode())


def headers(message: Message, keys: Iterable[bytes], now: datetime) -> dict[str, str]:
    """The headers of one try: a signature by each key, so that a receiver may know the old or the new one."""
    moment = str(int(now.timestamp()))
    signed = b".".join((message.id.encode(), moment.encode(), message.body))
    signatures = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
    return {
        "content-type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def key_of(secret: str) -> bytes:
    """Read a secret, which is never quoted.

    Raises:
        BadRequest: it is not base64 of as many bytes as a key has.
    """
    try:
        key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not SHORTEST <= len(key) <= LONGEST:
        raise BadRequest(f"a secret is base64 of {SHORTEST} to {LONGEST} bytes: openssl rand -base64 32 makes one")
    return key


def check_url(url: str) -> None:
    """Refuse an address that changes of sessions are not sent to: with TLS, or to this machine.

    Raises:
        BadRequest: it is no https address, nor an http address on loopback, or there is a password in it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    allowed = host and "@" not in parts.netloc and url.isprintable() and " " not in url
    if not allowed or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))):
        raise BadRequest("a webhook's address begins with https:// and has no password, as https://my.example.org/hook")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
