"""Where backups are kept and what they are encrypted with: the block ``backup-store/main``."""

import secrets
from typing import Self

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

KEY_BYTES = 32


class BackupPlace(Block):
    """The repository that sessions are backed up to. Its key opens every backup; without it none can be read."""

    _block_type_name = "Backup store"
    _block_type_slug = "backup-store"
    _description = "Where backups of sessions are kept, and the key that they are encrypted with."

    location: str = Field(
        "",
        description="Repository as restic names it: a directory, or s3:https://s3.example.org/bucket/folder."
        " Empty: the folder backups of the data directory.",
        title="Place",
        examples=["/srv/backups", "s3:https://s3.example.org/bucket/folder"],
    )
    key: SecretStr = Field(
        description="Encrypts all backups. Keep a copy elsewhere: without it they are lost.", title="Key"
    )
    access_key: SecretStr = Field(
        SecretStr(""), description="Access key of an S3 store; empty: none is asked for.", title="Access key"
    )
    secret_key: SecretStr = Field(SecretStr(""), description="Secret key of an S3 store.", title="Secret key")
    region: str = Field("", description="Region of an S3 store, where it has some.", title="Region")

    @classmethod
    def create(cls) -> Self:
        """Make one with a fresh key, in the data directory; not saved."""
        return cls(key=SecretStr(secrets.token_urlsafe(KEY_BYTES)))
