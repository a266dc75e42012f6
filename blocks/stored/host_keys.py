"""ed25519 keys for ssh: what a host proves itself with, and what we log in with."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from prefect.blocks.core import Block
from pydantic import Field, SecretStr

LOGIN_USER = "dockerdriver"


@dataclass(frozen=True)
class HostKey:
    """An ssh host key, made by us so that its public half is known before the host exists."""

    private: str = field(repr=False)  # OpenSSH PEM, no passphrase; secret
    public: str  # "ssh-ed25519 AAAA…", no comment


def new_host_key() -> HostKey:
    """Make a fresh ed25519 key pair in OpenSSH's own formats."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return HostKey(private.decode(), public.decode())


class HostLogin(Block):
    """The user and the key that DockerDriver logs in to its hosts with."""

    _block_type_name = "Host login"
    _block_type_slug = "host-login"
    _description = "The user and the ssh key that DockerDriver logs in to its hosts with."

    user: str = Field(LOGIN_USER, description="User on the hosts; may use sudo without a password.")
    private_key: SecretStr = Field(description="OpenSSH private key (PEM, no passphrase).")
    public_key: str = Field(description='Its public half: "ssh-ed25519 AAAA…".')

    @classmethod
    def create(cls) -> "HostLogin":
        """Make a login with a fresh key; not saved."""
        key = new_host_key()
        return cls(private_key=SecretStr(key.private), public_key=key.public)
