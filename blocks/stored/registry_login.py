"""A login at a registry: the block ``registry-login/<name>``. Its password is in no parameter, log or message."""

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.images.references import RegistryCredentials
from blocks.stored.lookup import load


class RegistryLogin(Block):
    """Who we are at a registry."""

    _block_type_name = "Registry login"
    _block_type_slug = "registry-login"

    username: str = Field(description="User or robot account at the registry.")
    password: SecretStr = Field(description="Password or token; stored encrypted.")


def credentials_of(name: str) -> RegistryCredentials | None:
    """The login of this name; None when the name is empty.

    Raises:
        NotFound: no login has this name; the message lists those that exist.
    """
    if not name:
        return None
    login = load(RegistryLogin, name, "registry login")
    return RegistryCredentials(login.username, login.password.get_secret_value())
