"""The keys that sign launch links: one click on such a link, in its time, signs a browser in to one session."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

KEY_BYTES = 32


class LinkKeys(Block):
    """Signs launch links; the gateway checks them with the same keys.

    Rotate by saving ``rotated()`` and giving it to the gateway: links and cookies of the previous key stay good until
    the next rotation.
    """

    _block_type_name = "Launch link keys"
    _block_type_slug = "launch-link-keys"
    _description = "Keys that sign the links by which users open their sessions."

    current: SecretStr = Field(description="64 hex digits: signs new links and cookies.")
    previous: SecretStr = Field(SecretStr(""), description="64 hex digits: still accepted; empty: none.")
    link_seconds: int = Field(120, ge=10, le=86400, description="How long a launch link is good for, in seconds.")

    @classmethod
    def create(cls) -> "LinkKeys":
        """Make a fresh key; not saved."""
        return cls(current=SecretStr(secrets.token_hex(KEY_BYTES)))

    def rotated(self) -> "LinkKeys":
        """Make a fresh current key, with the present one as the previous; not saved."""
        fresh = SecretStr(secrets.token_hex(KEY_BYTES))
        return LinkKeys(current=fresh, previous=self.current, link_seconds=self.link_seconds)

    def expiry(self, now: datetime) -> datetime:
        """Until when a link that is made *now* is good."""
        return now + timedelta(seconds=self.link_seconds)

    def launch_link(self, origin: str, route_id: str, expires: datetime) -> str:
        """Make an address that opens the session once, until *expires*. Secret while it is valid: never log it."""
        secret, seconds, nonce = self.current.get_secret_value(), int(expires.timestamp()), secrets.token_urlsafe(16)
        text = f"launch:{route_id}:{seconds}:{nonce}"
        ticket = f"{seconds}.{nonce}.{_id_of(secret)}.{_sign(secret, text)}"
        return f"{origin}/notebooks/{route_id}/dd-launch?ticket={ticket}"

    def for_gateway(self) -> list[dict]:
        """Return the keys with their ids for the gateway, the current one first. Secret."""
        secrets_in_use = filter(None, (self.current.get_secret_value(), self.previous.get_secret_value()))
        return [{"id": _id_of(secret), "secret": secret} for secret in secrets_in_use]


def _id_of(secret: str) -> str:
    return hashlib.sha256(bytes.fromhex(secret)).hexdigest()[:8]


def _sign(secret: str, text: str) -> str:
    signature = hmac.digest(bytes.fromhex(secret), text.encode(), "sha256")
    return base64.urlsafe_b64encode(signature).decode().rstrip("=")
