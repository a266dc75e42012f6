"""Where a platform hears of changes of its sessions: the block ``change-webhook/main``. Without it nothing is sent."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from blocks.stored.pictures.kinds import picture_of_its_kind
from pool.errors import BadRequest
from pool.reports.webhooks import check_url, key_of


class ChangeWebhook(Block):
    """An address that each change of a session is posted to, signed."""

    _block_type_name = "Webhook of changes"
    _block_type_slug = "change-webhook"
    _logo_url = picture_of_its_kind()
    _description = "Address that each change of a session is posted to, with a signature. The one called main counts."

    url: str = Field(
        description="Address of the receiver, as in https://my.example.org/hooks/sessions: https, or http on this"
        " machine. No redirect is followed.",
        title="Address",
        examples=["https://my.example.org/hooks/sessions"],
    )
    secret: SecretStr = Field(
        description="Signs what is sent: base64 of 24 to 64 random bytes, as `openssl rand -base64 32` makes them.",
        title="Secret",
    )
    previous: SecretStr = Field(
        SecretStr(""),
        description="The secret before; signs as well while the receiver is given the new one. Empty: none.",
        title="Secret before",
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        with _told_in_the_form():
            check_url(value.strip())
        return value.strip()

    @field_validator("secret", "previous")
    @classmethod
    def _is_a_key(cls, value: SecretStr, field: ValidationInfo) -> SecretStr:
        if field.field_name == "secret" or value.get_secret_value():
            with _told_in_the_form():
                key_of(value.get_secret_value())
        return value

    def keys(self) -> list[bytes]:
        """Return the keys that sign, the present one first."""
        secrets = (self.secret.get_secret_value(), self.previous.get_secret_value())
        return [key_of(secret) for secret in secrets if secret]


@contextmanager
def _told_in_the_form() -> Iterator[None]:
    try:
        yield
    except BadRequest as error:
        raise ValueError(str(error)) from None
