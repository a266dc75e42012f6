"""Where backups are kept and what they are encrypted with: the block ``backup-store/main``."""

import secrets
from typing import Self

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.stored.lookup import with_changes
from blocks.stored.pictures.kinds import picture_of_its_kind

KEY_BYTES = 32


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

    @classmethod
    def create(cls) -> Self:
        """Make one with a fresh key, in the data directory; not saved."""
        return cls(key=_fresh())

    def with_next(self) -> Self:
        """Return it with a fresh key that is to follow; not saved. One that has one stays so."""
        return self if self.next.get_secret_value() else with_changes(self, next=_fresh())

    def promoted(self) -> Self:
        """Return it with the next key as the key; not saved. Without a next one it stays so."""
        if not self.next.get_secret_value():
            return self
        return with_changes(self, key=self.next, previous=self.key, next=SecretStr(""))

    def retired(self) -> Self:
        """Return it without the key before; not saved."""
        return with_changes(self, previous=SecretStr(""))


def _fresh() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(KEY_BYTES))
