"""The keys that sign launch links: one click on such a link, in its time, signs a browser in to one session."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.stored.lookup import load

KEY_BYTES = 32
NAME = "main"  # of the one block that there is


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
        """A fresh key; not saved."""
        return cls(current=SecretStr(secrets.token_hex(KEY_BYTES)))

    def rotated(self) -> "LinkKeys":
        """A fresh current key, with the present one as the previous; not saved."""
        fresh = SecretStr(secrets.token_hex(KEY_BYTES))
        return LinkKeys(current=fresh, previous=self.current, link_seconds=self.link_seconds)

    def expiry(self, now: datetime) -> datetime:
        """Until when a link that is made *now* is good."""
        return now + timedelta(seconds=self.link_seconds)

    def launch_link(self, origin: str, route_id: str, expires: datetime) -> str:
        """An address that opens the session once, until *expires*. Secret as long as it is good: never log it."""
        secret, seconds, nonce = self.current.get_secret_value(), int(expires.timestamp()), secrets.token_urlsafe(16)
        text = f"launch:{route_id}:{seconds}:{nonce}"
        ticket = f"{seconds}.{nonce}.{_id_of(secret)}.{_sign(secret, text)}"
        return f"{origin}/notebooks/{route_id}/dd-launch?ticket={ticket}"

    def for_gateway(self) -> list[dict]:
        """What the gateway must know, the current key first. Secret."""
        secrets_in_use = filter(None, (self.current.get_secret_value(), self.previous.get_secret_value()))
        return [{"id": _id_of(secret), "secret": secret} for secret in secrets_in_use]


def link_keys() -> LinkKeys:
    """The keys of this installation.

    Raises:
        NotFound: the block was never saved, or somebody deleted it.
    """
    return load(LinkKeys, NAME, "block of launch link keys")


def rotate_link_keys() -> LinkKeys:
    """Save a fresh current key; the one before is accepted until the next rotation.

    Raises:
        NotFound: as link_keys() says.
    """
    rotated = link_keys().rotated()
    rotated.save(NAME, overwrite=True, _sync=True)
    return rotated


def _id_of(secret: str) -> str:
    return hashlib.sha256(bytes.fromhex(secret)).hexdigest()[:8]


def _sign(secret: str, text: str) -> str:
    signature = hmac.digest(bytes.fromhex(secret), text.encode(), "sha256")
    return base64.urlsafe_b64encode(signature).decode().rstrip("=")
