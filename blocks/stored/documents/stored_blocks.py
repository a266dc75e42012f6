"""The blocks that Prefect keeps for this installation: what is loaded by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from prefect.blocks.core import Block
from prefect.blocks.system import Secret

from blocks.stored import lookup
from blocks.stored.authority import CertificateAuthority
from blocks.stored.backup_store import BackupPlace
from blocks.stored.blueprint import Blueprint
from blocks.stored.change_webhook import ChangeWebhook
from blocks.stored.course import CourseBlock
from blocks.stored.documents.kept_blocks import KeptBlocks
from blocks.stored.host_keys import HostLogin
from blocks.stored.link_keys import LinkKeys
from blocks.stored.lookup import SomeBlock
from blocks.stored.pool_config import PoolConfig
from blocks.stored.registry_login import RegistryCredentials, RegistryLogin
from pool.courses.course import Course
from pool.errors import NotFound, Refused
from pool.names import check_pool_name
from pool.records import BlueprintSpec
from pool.sessions.secrets import SEALED

#: The name of the one authority, login and set of link keys of an installation.
MAIN = "main"


@dataclass(frozen=True)
class Courses:
    """All courses of an installation."""

    known: tuple[Course, ...]
    unreadable: Mapping[str, str]  # by name, why: a sentence for the operator

    def of(self, pool: str) -> tuple[Course, ...]:
        """List those of a pool, by name."""
        return tuple(one for one in self.known if one.pool == pool)


@dataclass(frozen=True)
class Blueprints:
    """All blueprints of an installation."""

    specs: tuple[BlueprintSpec, ...]
    unreadable: Mapping[str, str]  # by name, why: a sentence for the operator

    def pinned(self, pool: str) -> set[tuple[str, str]]:
        """List the versions that the pool's blueprints pin, as far as they can be read: name of the image, digest."""
        return {(one.image, one.image_digest) for one in self.specs if one.pool == pool and one.image_digest}

    def limits_network(self, pool: str) -> bool:
        """Whether sessions of the pool are held to a rate of the network by any blueprint that can be read."""
        return any(one.network_mbit for one in self.specs if one.pool == pool)


class StoredBlocks:
    """Blocks by kind and name. A fake replaces :meth:`load` and :meth:`names`; all else follows from them."""

    def __init__(self) -> None:
        self.kept = KeptBlocks()  # nothing, but in a process that hears of changes

    def load(self, kind: type[SomeBlock], name: str, noun: str) -> SomeBlock:
        """Load one block.

        Raises:
            NotFound: "no blueprint is named 'x'; known: jupyter-minimal, rstudio".
            BadRequest: what is stored makes no sense any more; names the fields.
        """
        return self.kept.get((kind, name), lambda: lookup.load(kind, name, noun))

    def names(self, kind: type[Block]) -> list[str]:
        """List the names of all saved blocks of this kind, sorted."""
        return [*self.kept.get(("names", kind), lambda: lookup.names(kind))]

    def pools(self) -> list[str]:
        """List the names of all pools."""
        return self.names(PoolConfig)

    def config(self, pool: str) -> PoolConfig:
        """Load the pool's configuration as it is now.

        Raises:
            NotFound: no pool has this name; the message lists those that exist.
            BadRequest: the name cannot be a pool's.
        """
        check_pool_name(pool)
        return self.load(PoolConfig, pool, "pool")

    def blueprint(self, name: str) -> BlueprintSpec:
        """Load the blueprint of this name, as it is now.

        Raises:
            NotFound: no blueprint has this name; the message lists those that exist.
            BadRequest: what is stored makes no sense; the message names the blueprint and the field.
        """
        return self.load(Blueprint, name, "blueprint").spec(name)

    def blueprints(self) -> Blueprints:
        """Load all blueprints; one that cannot be read takes nothing from the others."""
        specs: list[BlueprintSpec] = []
        unreadable: dict[str, str] = {}
        for name in self.names(Blueprint):
            try:
                specs.append(self.blueprint(name))
            except NotFound:  # deleted this moment
                continue
            except Refused as error:
                unreadable[name] = str(error)
        return Blueprints(tuple(specs), unreadable)

    def course(self, name: str) -> Course:
        """Load the course of this name, as it is now.

        Raises:
            NotFound: no course has this name, or there is no such blueprint or pool as it names.
            BadRequest: what is stored makes no sense; the message names the course and the field.
        """
        block = self.load(CourseBlock, name, "course")
        made_by = self.blueprint(block.blueprint)
        return block.course(name, made_by, self.config(made_by.pool).DD_TIMEZONE)

    def courses(self) -> Courses:
        """Load all courses; one that cannot be read takes nothing from the others."""
        known: list[Course] = []
        unreadable: dict[str, str] = {}
        for name in self.names(CourseBlock):
            try:
                known.append(self.course(name))
            except Refused as error:
                unreadable[name] = f"course {name}: {error}"
        return Courses(tuple(known), unreadable)

    def pinned_versions(self, pool: str) -> set[tuple[str, str]]:
        """List the versions that the pool's blueprints pin, as far as they can be read: name of the image, digest."""
        return self.blueprints().pinned(pool)

    def authority(self) -> CertificateAuthority:
        """Load the installation's certificate authority."""
        return self.load(CertificateAuthority, MAIN, "certificate authority")

    def login(self) -> HostLogin:
        """Load the key that the manager logs in to hosts with."""
        return self.load(HostLogin, MAIN, "login key")

    def link_keys(self) -> LinkKeys:
        """Load the keys that launch links are signed with.

        Raises:
            NotFound: the block was never saved, or an operator deleted it.
        """
        return self.load(LinkKeys, MAIN, "block of launch link keys")

    def webhook(self) -> ChangeWebhook | None:
        """Load where a platform hears of changes; None where it does not want to.

        Raises:
            BadRequest: what is stored makes no sense; names the fields.
        """
        if MAIN not in self.names(ChangeWebhook):
            return None
        return self.load(ChangeWebhook, MAIN, "webhook of changes")

    def backup_place(self) -> BackupPlace:
        """Load where backups are kept, and the keys that open them.

        Raises:
            NotFound: the block was never saved, or an operator deleted it.
        """
        return self.load(BackupPlace, MAIN, "block of the backup store")

    def fresh(self, kind: type[SomeBlock], name: str, noun: str) -> SomeBlock:
        """Load one block as it is at this moment, and keep nothing of it.

        Raises:
            NotFound: no block of this kind has the name; the message lists those that exist.
        """
        return lookup.load(kind, name, noun)

    def secret(self, name: str) -> object:
        """Read the value of Prefect's block ``secret/<name>``; it is kept nowhere. Never log it.

        Raises:
            NotFound: no such block has the name.
        """
        return self.fresh(Secret, name, "secret").get()

    def sealed(self) -> dict[str, datetime]:
        """Say when each Secret block for one use was saved, by its name; where none is known, none is asked for."""
        if not any(name.startswith(SEALED) for name in self.names(Secret)):
            return {}
        return {name: at for name, at in lookup.saved(Secret).items() if name.startswith(SEALED)}

    def drop_secret(self, name: str) -> None:
        """Delete the block ``secret/<name>``; absent is success."""
        lookup.delete(Secret, name)

    def replace(self, block: Block) -> None:
        """Save the installation's one block of its kind in place of the one that is there."""
        block.save(MAIN, overwrite=True, _sync=True)  # type: ignore[call-arg]  # Prefect adds it; its types do not say so
        self.kept.forget()

    def registry_login(self, name: str, registry: str, of_pool: bool = False) -> RegistryCredentials | None:
        """Load the login of this name, for one registry; None when the name is empty.

        Args:
            name: of the block.
            registry: that it is to be sent to.
            of_pool: whether an operator named both together, in a pool's configuration: then a login that was saved
                before logins named their registry is taken to be for that one.

        Raises:
            NotFound: no login has this name; the message lists those that exist.
            Refused: it is for another registry, or does not say for which.
        """
        if not name:
            return None
        login = self.load(RegistryLogin, name, "registry login")
        if login.registry != registry.lower() and (login.registry or not of_pool):
            of = (
                f"for registry {login.registry}"
                if login.registry
                else "for no registry yet: fill in its field registry"
            )
            raise Refused(f"the login {name} is not sent to registry {registry}: it is {of}")
        return RegistryCredentials(login.username, login.password.get_secret_value())
