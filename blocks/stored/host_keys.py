"""ed25519 keys for ssh: what a host proves itself with, and what we log in with."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr

from blocks.stored.lookup import with_changes
from blocks.stored.pictures.kinds import picture_of_its_kind
from blocks.stored.titles import HOST_LOGIN, titled

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
    _logo_url = picture_of_its_kind()
    _description = "The user and the ssh key that DockerDriver logs in to its hosts with."
    model_config = ConfigDict(field_title_generator=titled(HOST_LOGIN))

    user: str = Field(LOGIN_USER, description="User on the hosts; may use sudo without a password.")
    private_key: SecretStr = Field(description="OpenSSH private key (PEM, no passphrase).")
    public_key: str = Field(description='Its public half: "ssh-ed25519 AAAA…".')
    next_private_key: SecretStr = Field(SecretStr(""), description="The key that follows, while it is rotated.")
    next_public_key: str = Field("", description="Its public half; empty: none follows.")
    previous_public_key: str = Field("", description="Of the key before, until no host takes it; empty: none.")

    @classmethod
    def create(cls) -> "HostLogin":
        """Make a login with a fresh key; not saved."""
        key = new_host_key()
        return cls(private_key=SecretStr(key.private), public_key=key.public)

    @property
    def public_keys(self) -> list[str]:
        """List the keys that a host is to let in."""
        return [key for key in (self.public_key, self.next_public_key) if key]

    @property
    def next_login(self) -> "HostLogin":
        """Return the login by the key that follows."""
        return HostLogin(user=self.user, private_key=self.next_private_key, public_key=self.next_public_key)

    def with_next(self) -> "HostLogin":
        """Return this login with a fresh key that is to follow; not saved. One that has it stays so."""
        if self.next_public_key:
            return self
        key = new_host_key()
        return with_changes(self, next_private_key=SecretStr(key.private), next_public_key=key.public)

    def promoted(self) -> "HostLogin":
        """Return the login by the key that follows, with this one's as the one before. Without such a key: itself."""
        if not self.next_public_key:
            return self
        used = {"private_key": self.next_private_key, "public_key": self.next_public_key}
        return with_changes(
            self, **used, next_private_key=SecretStr(""), next_public_key="", previous_public_key=self.public_key
        )

    def retired(self) -> "HostLogin":
        """Return this login without the key before; not saved."""
        return with_changes(self, previous_public_key="")


def authorized_keys(present: str, wanted: Iterable[str], unwanted: str) -> str:
    """Return what a file ``authorized_keys`` is to hold: what it holds, with *wanted* and without *unwanted*.

    Args:
        present: its text now; lines of others stay as they are.
        wanted: keys, as in "ssh-ed25519 AAAA…".
        unwanted: a key; empty: none.
    """
    lines = [line for line in present.splitlines() if line.strip() and not (unwanted and unwanted in line)]
    return "".join(f"{line}\n" for line in [*lines, *(key for key in wanted if not any(key in one for one in lines))])
