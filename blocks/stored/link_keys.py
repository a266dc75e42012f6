"""The keys that sign launch links: one click on such a link, in its time, signs a browser in to one session."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr

from blocks.stored.lookup import with_changes
from blocks.stored.pictures.kinds import picture_of_its_kind
from blocks.stored.titles import LINK_KEYS, titled

KEY_BYTES = 32
COOKIE_SECONDS = 86400  # that a cookie of the gateway is good for, as in nginx/lua/gateway/signing.lua


class LinkKeys(Block):
    """Signs launch links; the gateway checks them with the same keys.

    The gateway accepts all of them: the next one before anything is signed with it, the one before until it is retired.
    """

    _block_type_name = "Launch link keys"
    _block_type_slug = "launch-link-keys"
    _logo_url = picture_of_its_kind()
    _description = "Keys that sign the links by which users open their sessions."
    model_config = ConfigDict(field_title_generator=titled(LINK_KEYS))

    current: SecretStr = Field(description="64 hex digits: signs new links and cookies.")
    previous: SecretStr = Field(SecretStr(""), description="64 hex digits: still accepted; empty: none.")
    next: SecretStr = Field(SecretStr(""), description="64 hex digits: accepted already; signs nothing yet.")
    promoted_at: datetime | None = Field(None, description="When the current one began to sign; empty: not known.")
    link_seconds: int = Field(120, ge=10, le=86400, description="How long a launch link is good for, in seconds.")

    @classmethod
    def create(cls) -> "LinkKeys":
        """Make a fresh key; not saved."""
        return cls(current=SecretStr(secrets.token_hex(KEY_BYTES)))

    def with_next(self) -> "LinkKeys":
        """Return these with a fresh key that is to follow; not saved. Keys that have one stay so."""
        if self.next.get_secret_value():
            return self
        return with_changes(self, next=SecretStr(secrets.token_hex(KEY_BYTES)))

    def promoted(self, now: datetime) -> "LinkKeys":
        """Return these with the next key as the current one; not saved. Without a next one they stay so."""
        if not self.next.get_secret_value():
            return self
        return with_changes(self, current=self.next, previous=self.current, next=SecretStr(""), promoted_at=now)

    def retired(self) -> "LinkKeys":
        """Return these without the previous key: what it signed opens nothing; not saved."""
        return with_changes(self, previous=SecretStr(""))

    def opens_by_previous(self, now: datetime) -> bool:
        """Whether something that the previous key signed may still be good."""
        signed_until = (self.promoted_at or now) + timedelta(seconds=max(self.link_seconds, COOKIE_SECONDS))
        return bool(self.previous.get_secret_value()) and now < signed_until

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
        keys = (self.current, self.next, self.previous)
        return [{"id": _id_of(secret), "secret": secret} for key in keys if (secret := key.get_secret_value())]


def _id_of(secret: str) -> str:
    return hashlib.sha256(bytes.fromhex(secret)).hexdigest()[:8]


def _sign(secret: str, text: str) -> str:
    signature = hmac.digest(bytes.fromhex(secret), text.encode(), "sha256")
    return base64.urlsafe_b64encode(signature).decode().rstrip("=")
