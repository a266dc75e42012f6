"""Where backups are kept and what they are encrypted with: the block ``backup-store/main``."""

import secrets
from typing import Self

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, field_validator

from blocks.stored.bounds import is_reading_stored, reading_stored
from blocks.stored.lookup import with_changes
from blocks.stored.pictures.kinds import picture_of_its_kind

KEY_BYTES = 32
#: Stores whose secrets restic takes from its environment alone, where other processes of the account read them.
BY_ENVIRONMENT = ("azure:", "b2:", "gs:", "rclone:", "swift:")


class BackupPlace(Block):
    """The repository that sessions are backed up to. Its key opens every backup; without it none can be read."""

    _block_type_name = "Backup store"
    _block_type_slug = "backup-store"
    _logo_url = picture_of_its_kind()
    _description = "Where backups of sessions are kept, and the key that they are encrypted with."

    location: str = Field(
        "",
        description="Repository as restic names it: a directory, or one like s3:https://s3.example.org/bucket/folder."
        " Empty: the folder backups of the data directory.",
        title="Place",
        examples=["/srv/backups", "s3:https://s3.example.org/bucket/folder"],
    )
    key: SecretStr = Field(
        description="Encrypts all backups. Keep a copy elsewhere: without it they are lost.", title="Key"
    )
    next: SecretStr = Field(SecretStr(""), description="Opens all backups; is to be the key.", title="Next key")
    previous: SecretStr = Field(
        SecretStr(""), description="The key before; it opens all backups until it is retired.", title="Key before"
    )
    access_key: SecretStr = Field(
        SecretStr(""), description="Access key of an S3 store; empty: none is asked for.", title="Access key"
    )
    secret_key: SecretStr = Field(SecretStr(""), description="Secret key of an S3 store.", title="Secret key")
    region: str = Field("", description="Region of an S3 store, where it has some, as in eu-central-1.", title="Region")

    @field_validator("location")
    @classmethod
    def _is_a_place(cls, value: str) -> str:
        """Refuse in the form what restic would find wanting at the first backup only."""
        if is_reading_stored() or not value:
            return value
        if value.startswith(BY_ENVIRONMENT):
            kind = value.partition(":")[0]
            raise ValueError(f"a store {kind}: is not taken: use an S3 API, as OpenStack Swift has, or a directory")
        if not value.startswith("/") and ":" not in value:
            raise ValueError("a directory is written from the root, as in /srv/backups")
        return value

    @classmethod
    def create(cls) -> Self:
        """Make one with a fresh key, in the data directory; not saved."""
        return cls(key=_fresh())

    def with_next(self) -> Self:
        """Return it with a fresh key that is to follow; not saved. One that has one stays so."""
        return self if self.next.get_secret_value() else self._with(next=_fresh())

    def promoted(self) -> Self:
        """Return it with the next key as the key; not saved. Without a next one it stays so."""
        if not self.next.get_secret_value():
            return self
        return self._with(key=self.next, previous=self.key, next=SecretStr(""))

    def _with(self, **changes: SecretStr) -> Self:
        with reading_stored():  # its place is as it was saved
            return with_changes(self, **changes)

    def retired(self) -> Self:
        """Return it without the key before; not saved."""
        return self._with(previous=SecretStr(""))


def _fresh() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(KEY_BYTES))
