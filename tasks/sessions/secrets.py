"""Secrets of sessions: looked for when they are asked for, read when the container is made, dropped once used."""

from collections.abc import Iterable, Mapping
from typing import Any

from blocks.engine.client import HostEngine
from blocks.files.secret_files import secrets_tar
from blocks.outside import log, now, outside
from pool.errors import BadRequest, NotFound
from pool.printable import how_many
from pool.records import BlueprintSpec, ContainerSpec, Instance
from pool.sessions.secrets import (
    FOLDER,
    check_secrets,
    check_value,
    missing_secret,
    no_longer_needed,
    sealed_of,
    secrets_of,
)
from pool.states import BEGINNING
from tasks.base import look_up, pool_task


def look_for_secrets(blueprint: BlueprintSpec, options: Mapping[str, Any], sessions: int = 1) -> None:
    """Refuse a request whose secrets are not there, or that has one for one use given to several sessions.

    Raises:
        Refused: in one sentence, without the name of the block: it may be the secret itself.
    """
    check_secrets(options, blueprint)
    for name, block in secrets_of(options).items():
        _value(name, block)
    sealed = sealed_of(options)
    others = outside().store.instances.all(blueprint.pool, BEGINNING) if sealed else []
    if sealed and (sessions > 1 or any(sealed & sealed_of(one.options) for one in others)):
        raise BadRequest("option secrets: a secret whose name begins with once- is for one session alone")


def put_secrets(engine: HostEngine, spec: ContainerSpec, instance: Instance) -> None:
    """Read the secrets of a session, and put them into its container, which has not started yet.

    Raises:
        Refused: one is not there any more.
    """
    if wanted := secrets_of(instance.options):
        values = {name: _value(name, block) for name, block in wanted.items()}
        engine.write_files(spec.name, secrets_tar(FOLDER, values, spec.user))


def _value(name: str, block: str) -> bytes:
    try:
        return check_value(name, outside().stored.secret(block))
    except NotFound:
        raise missing_secret(name) from None


@pool_task(
    publishes=False, retries=1, retry_delay_seconds=1, task_run_name="drop the secrets for one use of {instance.id}"
)
def drop_sealed(instance: Instance) -> None:
    """Delete the blocks of a session that are for one use: it has them, or is over. Absent is success."""
    _drop(sealed_of(instance.options))


@look_up()
def secrets_are_left() -> bool:
    """Whether a secret for one use is there that no session will begin with: its run died, or no request named it."""
    return bool(_left())


@pool_task(publishes=False, task_run_name="drop secrets that were for one use")
def drop_left_secrets() -> str:
    """Delete secrets for one use that no session will begin with any more; says how many."""
    left = _left()
    _drop(left)
    return f"{how_many(len(left), 'secret')} for one use {'was' if len(left) == 1 else 'were'} deleted"


def _left() -> list[str]:
    sealed = outside().stored.sealed()
    return no_longer_needed(sealed, outside().store.instances.all(states=BEGINNING), now()) if sealed else []


def _drop(blocks: Iterable[str]) -> None:
    for block in sorted(blocks):
        outside().stored.drop_secret(block)
        log().info("a secret for one use was deleted")
