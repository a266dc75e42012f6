"""`dockerdriver config …`: a pool's settings, as the form in Prefect's UI has them."""

import sys
from typing import TYPE_CHECKING

from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import NotFound
from pool.faults import Faults
from pool.notation import check_known, read_assignments
from runtime.verbs.output import show, show_json

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

EXAMPLE, HAS_NONE = "DD_MAX_HOSTS=8", "a pool has no setting"
DOCUMENT = "/block_types/slug/pool-config/block_documents/name/{pool}"


def get(settings: ProcessSettings, name: str | None, pool: str, as_json: bool) -> int:
    """Print a setting of a pool, or all of them.

    Example: dockerdriver config get DD_MAX_HOSTS
    """
    values = kept(prefect_api(settings), pool)
    if name:
        check_known([name], values, HAS_NONE)
        sys.stdout.write(f"{values[name]}\n") if not as_json else show_json({name: values[name]})
    else:
        show_values(values, as_json)
    return 0


def set_(settings: ProcessSettings, assignments: list[str], pool: str, as_json: bool) -> int:
    """Change settings of a pool, together; they count from the next tick, within 30 seconds.

    Example: dockerdriver config set DD_MAX_HOSTS=8 DD_HOST_LIFETIME=6h
    """
    from blocks.stored.documents.reading import changed  # noqa: PLC0415 - as above
    from blocks.stored.pool_config import PoolConfig  # noqa: PLC0415 - Prefect takes a second to import

    api = prefect_api(settings)
    found = document(api, pool)
    before = _with_defaults(found)
    faults = Faults()
    asked = read_assignments(assignments, EXAMPLE, before, HAS_NONE, faults)
    with faults.gathered():
        after = changed(PoolConfig, before, asked)
    faults.refuse()
    body = {"data": {name: after[name] for name in asked}, "merge_existing_data": True}
    api.call("PATCH", f"/block_documents/{found['id']}", **body)
    rows = [{"setting": name, "before": before[name], "after": after[name]} for name in asked]
    show(rows, {"setting": "Setting", "before": "Before", "after": "Now"}, "", as_json)
    return 0


def diff(settings: ProcessSettings, pool: str, as_json: bool) -> int:
    """Print the settings of a pool that are not the defaults of this version.

    Example: dockerdriver config diff --pool gpu
    """
    from blocks.stored.pool_config import PoolConfig  # noqa: PLC0415 - as above

    values, usual = kept(prefect_api(settings), pool), PoolConfig().model_dump(mode="json")
    rows = [
        {"setting": name, "default": usual[name], "here": value}
        for name, value in values.items()
        if name in usual and value != usual[name]
    ]
    columns = {"setting": "Setting", "default": "Default", "here": "Here"}
    show(rows, columns, f"pool {pool} has every setting's default", as_json)
    return 0


def kept(api: "PrefectApi", pool: str) -> dict[str, object]:
    """Return the pool's settings as they are kept, with the defaults of those that it was saved without.

    Raises:
        NotFound: there is no such pool; the message lists those that exist.
        DockerDriverError: the stack does not run.
    """
    return _with_defaults(document(api, pool))


def _with_defaults(found: dict) -> dict[str, object]:
    from blocks.stored.pool_config import PoolConfig  # noqa: PLC0415 - as above

    usual = PoolConfig().model_dump(mode="json")
    return {**usual, **{name: value for name, value in found["data"].items() if name in usual}}


def document(api: "PrefectApi", pool: str) -> dict:
    """Return the pool's block as Prefect keeps it.

    Raises:
        NotFound: there is no such pool; the message lists those that exist.
    """
    try:
        found: dict = api.call("GET", DOCUMENT.format(pool=pool))
    except NotFound:
        names = ", ".join(api.block_names("pool-config")) or "none"
        said = f"no pool is named {pool!r}; known: {names}; `dockerdriver pool add {pool}` makes one"
        raise NotFound(said) from None
    return found


def show_values(values: dict[str, object], as_json: bool) -> None:
    """Print all settings: an object for programs, a table for people."""
    if as_json:
        show_json(values)
    else:
        rows = [{"setting": name, "value": value} for name, value in values.items()]
        show(rows, {"setting": "Setting", "value": "Value"}, "")
