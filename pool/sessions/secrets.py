"""Secrets that a session is given: its request names where each is kept, and never holds one."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pool.errors import BadRequest, Refused
from pool.records import BlueprintSpec, Instance
from pool.sessions.containers import OWN_UID, uid_of

OPTION = "secrets"
#: Folder in the session: a file for each, which its own user alone may read.
FOLDER = "/run/secrets"
#: Begins the name of a Secret block for one use: it is deleted once its session runs, or is over.
SEALED = "once-"
#: So long one for one use waits for the request that names it.
SEALED_WAITS = timedelta(hours=1)
MOST_SECRETS = 20
MOST_BYTES = 64 * 1024  # of one
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_BLOCK = re.compile(r"[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?")


def secrets_of(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of Secret blocks by those that their values have in the session; none where none is wanted."""
    return dict(options.get(OPTION) or {})


def sealed_of(options: Mapping[str, Any]) -> set[str]:
    """Return the names of those blocks that are for one use."""
    return {block for block in secrets_of(options).values() if block.startswith(SEALED)}


def check_secrets(options: Mapping[str, Any], blueprint: BlueprintSpec) -> None:
    """Refuse what names no secrets, or what no session by this blueprint can be given. What it holds is never repeated.

    Raises:
        BadRequest: names what is wrong with the option.
        Refused: files of the blueprint's session could belong to no user that is known, or would come into its backups.
    """
    wanted = options.get(OPTION)
    if not wanted:
        return
    if not isinstance(wanted, Mapping) or len(wanted) > MOST_SECRETS:
        raise BadRequest(f"option secrets must map at most {MOST_SECRETS} names to names of Secret blocks")
    for name, block in wanted.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise BadRequest("option secrets: a name of a secret has letters, digits, _, - and ., like HUB_TOKEN")
        if not isinstance(block, str) or not _BLOCK.fullmatch(block):
            raise BadRequest(
                f"option secrets: {name} must name a Secret block (a-z, 0-9 and -), and never hold the secret itself"
            )
    _check_blueprint(blueprint)


def _check_blueprint(blueprint: BlueprintSpec) -> None:
    user = blueprint.container_user
    if uid_of(user) is None and user.partition(":")[0] != OWN_UID:
        raise Refused(
            f"blueprint {blueprint.name} gives its sessions no secrets: set its container_user, as session:1000 or"
            " 1000:1000, so that it is known whose files they are"
        )
    if blueprint.read_only:
        raise Refused(
            f"blueprint {blueprint.name} gives its sessions no secrets: nothing can be put into them (read_only)"
        )
    if any(path == FOLDER or f"{FOLDER}/".startswith(f"{path}/") for path in _around(blueprint.keep.paths)):
        raise Refused(f"blueprint {blueprint.name} gives its sessions no secrets: its backups would hold {FOLDER}")


def _around(paths: Iterable[str]) -> Iterable[str]:
    return (FOLDER if path.startswith(f"{FOLDER}/") else path for path in paths)


def missing_secret(name: str) -> Refused:
    """Return the refusal of a request whose secret is not there."""
    return Refused(f"secret {name}: there is no Secret block of the name that the request gives; save it first")


def check_value(name: str, value: object) -> bytes:
    """Return a secret's value as the session has it.

    Raises:
        Refused: it is no text, or too long; it is not repeated.
    """
    content = value.encode() if isinstance(value, str) else b""
    if not content or len(content) > MOST_BYTES:
        raise Refused(f"secret {name}: its Secret block holds no text of at most {MOST_BYTES} bytes")
    return content


def no_longer_needed(sealed: Mapping[str, datetime], beginning: Iterable[Instance], now: datetime) -> list[str]:
    """List the blocks for one use that are to be deleted: no session begins with them, and none will any more.

    Args:
        sealed: when each was saved, by its name.
        beginning: sessions that wait or start.
        now: the moment of deciding.
    """
    needed: Collection[str] = {block for one in beginning for block in sealed_of(one.options)}
    return sorted(name for name, at in sealed.items() if name not in needed and at < now - SEALED_WAITS)
