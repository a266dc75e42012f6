"""A login at a registry: the block ``registry-login/<name>``. Its password is in no parameter, log or message."""

from dataclasses import dataclass, field

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, field_validator

from blocks.stored.pictures.kinds import picture_of_its_kind
from pool.errors import BadRequest
from pool.images.names import DOCKER_HUB, HUB_NAMES
from pool.origins import registry_address


@dataclass(frozen=True)
class RegistryCredentials:
    """A login at one registry."""

    username: str
    password: str = field(repr=False)


class RegistryLogin(Block):
    """Who we are at a registry."""

    _block_type_name = "Registry login"
    _block_type_slug = "registry-login"
    _logo_url = picture_of_its_kind()
    _description = "User and password at one registry that images are pulled from; sent to no other."

    registry: str = Field(
        "",
        description="The one registry that it is for, as in registry.example:5000; docker.io for Docker Hub. It is sent"
        " to no other.",
        title="Registry",
        examples=["registry.example:5000", "docker.io"],
    )
    username: str = Field(description="User or robot account at the registry, as in robot$teaching.", title="User")
    password: SecretStr = Field(description="Password or token; stored encrypted.", title="Password or token")

    @field_validator("registry")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        """Take an address that was pasted from a browser, or from the configuration of Docker, as well."""
        bare = value.strip().lower().removeprefix("http://")
        try:
            name = registry_address(bare)
        except BadRequest:
            return bare.removeprefix("https://").rstrip("/")
        return DOCKER_HUB if name in (*HUB_NAMES, "hub.docker.com") else name
