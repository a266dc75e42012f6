"""What Prefect keeps for a simulated installation: blocks, keys, the authority."""

from datetime import datetime
from functools import cache
from typing import Any

from prefect.blocks.core import Block

from blocks.clouds.port import Cloud
from blocks.settings import ProcessSettings
from blocks.stored.authority import CertificateAuthority, Issued
from blocks.stored.blueprint import Blueprint
from blocks.stored.change_webhook import ChangeWebhook
from blocks.stored.course import CourseBlock
from blocks.stored.documents.stored_blocks import StoredBlocks
from blocks.stored.host_keys import HostKey, HostLogin
from blocks.stored.link_keys import LinkKeys
from blocks.stored.lookup import SomeBlock
from blocks.stored.pool_config import PoolConfig
from pool.errors import NotFound
from pool.records import BlueprintSpec

SETTINGS = ProcessSettings(_env_file=None, poll_seconds=0.5)  # ten looks a second cost real ones


class SimulatedBlocks(StoredBlocks):
    """What the world keeps, by kind and name."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._specs: dict[str, tuple[Blueprint, BlueprintSpec]] = {}

    def blueprint(self, name: str) -> BlueprintSpec:
        """Read a block, which is never changed but replaced by another one, only once: each tick reads all of them."""
        block = self.load(Blueprint, name, "blueprint")
        if name not in self._specs or self._specs[name][0] is not block:
            self._specs[name] = block, block.spec(name)
        return self._specs[name][1]

    def load(self, kind: type[SomeBlock], name: str, noun: str) -> SomeBlock:
        here = self._world.check_open()
        here.prefect.check_up()
        known = here.stored[Cloud if issubclass(kind, Cloud) else kind]
        if name not in known:
            raise NotFound(f"no {noun} is named {name!r}; known: {', '.join(known)}")
        return known[name]

    def names(self, kind: type[Block]) -> list[str]:
        return sorted(self._world.stored[kind])

    def sealed(self) -> dict[str, datetime]:
        return {}  # no session of a simulated world has secrets

    def authority(self) -> CertificateAuthority:
        return SimulatedAuthority(certificate="CA", private_key=self._world.secrets.keys[0])


class SimulatedAuthority(CertificateAuthority):
    """Issues certificates whose key is its own, a secret of the world's."""

    _block_type_slug = "simulated-authority"

    def issue_server(self, name: str, address: str, days: int) -> Issued:
        return Issued("certificate", self.private_key.get_secret_value())


@cache
def _link_keys() -> LinkKeys:
    return LinkKeys.create()


def unguessable(world: Any) -> str:
    """A route or a token, which the world remembers as a secret."""
    return world.secrets.remember(f"{world.random.getrandbits(160):032x}")


def stored_blocks(
    config: PoolConfig, cloud: Cloud, blueprints: dict[str, Blueprint], login_key: str
) -> dict[type, dict[str, Any]]:
    """What Prefect keeps, by kind and name."""
    return {
        PoolConfig: {"main": config},
        Cloud: {"main": cloud},
        Blueprint: blueprints,
        CourseBlock: {},
        ChangeWebhook: {},
        HostLogin: {"main": HostLogin(private_key=login_key, public_key="ssh-ed25519 0")},
        LinkKeys: {"main": _link_keys()},
    }


def a_host_key(number: int, secret: str) -> HostKey:
    return HostKey(private=secret, public=f"ssh-ed25519 {number}")
