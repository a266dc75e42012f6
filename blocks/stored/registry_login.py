"""A login at a registry: the block ``registry-login/<name>``. Its password is in no parameter, log or message."""

from dataclasses import dataclass, field

from prefect.blocks.core import Block
from pydantic import Field, SecretStr


@dataclass(frozen=True)
class RegistryCredentials:
    """A login at one registry."""

    username: str
    password: str = field(repr=False)


class RegistryLogin(Block):
    """Who we are at a registry."""

    _block_type_name = "Registry login"
    _block_type_slug = "registry-login"

    username: str = Field(description="User or robot account at the registry.")
    password: SecretStr = Field(description="Password or token; stored encrypted.")
