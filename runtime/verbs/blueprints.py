"""`dockerdriver blueprint …`: save blueprints, change them, and look whether their sessions could start."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import BadRequest, NotFound
from pool.faults import Faults
from pool.notation import read_assignments
from runtime.verbs.output import show, show_json
from runtime.verbs.saving import save_files

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

EXAMPLE = "keep=/home/jovyan"
DOCUMENT = "/block_types/slug/blueprint/block_documents/name/{name}"


def check(settings: ProcessSettings, name: str | None, as_json: bool) -> int:
    """Look whether sessions of a blueprint, or of all, could start: its pool, its image, its room; status 1 if not.

    Example: dockerdriver blueprint check jupyter-minimal

    Raises:
        NotFound: there is no such blueprint; the message lists those that exist.
        DockerDriverError: the stack does not run.
    """
    known = prefect_api(settings).block_names("blueprint")
    if name and name not in known:
        raise _no_blueprint(name, known)
    from runtime.supervision.environment import stack_environment, take_on  # noqa: PLC0415 - Prefect imports slowly

    take_on(stack_environment(settings, settings.engine_url))
    from tasks.sessions.blueprints import trouble_with_blueprint  # noqa: PLC0415 - after the environment is set

    rows = [{"blueprint": one, "trouble": trouble_with_blueprint(one)} for one in ([name] if name else known)]
    told = [row | {"trouble": row["trouble"] or "ok"} for row in rows]
    show(rows if as_json else told, {"blueprint": "Blueprint", "trouble": "Trouble"}, "there is no blueprint", as_json)
    return 1 if any(row["trouble"] for row in rows) else 0


def save(settings: ProcessSettings, files: list[Path], replace: bool, as_json: bool) -> int:
    """Save the blueprint of each file, a YAML or JSON object of its fields, under the file's name without its ending.

    Example: dockerdriver blueprint save docs/applications/streamlit.yaml

    Raises:
        BadRequest: a file holds no blueprint, or one of that name is there; none of the files is saved.
        DockerDriverError: the stack does not run.
    """
    from blocks.stored.blueprint import Blueprint  # noqa: PLC0415 - Prefect takes a second to import

    return save_files(prefect_api(settings), Blueprint, "blueprint", files, replace, as_json)


def get(settings: ProcessSettings, name: str, as_json: bool) -> int:
    """Print all fields of a blueprint.

    Example: dockerdriver blueprint get jupyter-minimal

    Raises:
        NotFound: there is no such blueprint; the message lists those that exist.
        DockerDriverError: the stack does not run.
    """
    values = _document(prefect_api(settings), name)["data"]
    rows = [{"field": field, "value": value} for field, value in values.items()]
    show_json(values) if as_json else show(rows, {"field": "Field", "value": "Value"}, "")
    return 0


def set_(settings: ProcessSettings, name: str, assignments: list[str], as_json: bool) -> int:
    """Change fields of a blueprint, together; they count for sessions that are asked for from then on.

    Example: dockerdriver blueprint set jupyter-minimal keep=/home/jovyan lifetime=2h

    Raises:
        NotFound: there is no such blueprint, or it has no such field.
        BadRequest: a value cannot be; nothing is changed.
        DockerDriverError: the stack does not run.
    """
    from blocks.stored.blueprint import Blueprint  # noqa: PLC0415 - Prefect takes a second to import
    from blocks.stored.documents.reading import changed  # noqa: PLC0415 - as above

    api = prefect_api(settings)
    found = _document(api, name)
    faults = Faults()
    words = read_assignments(assignments, EXAMPLE, Blueprint.model_fields, "a blueprint has no field", faults)
    asked: dict[str, Any] = {}
    for field, word in words.items():
        with faults.gathered():
            asked[field] = _value(field, word)
    with faults.gathered():
        after = changed(Blueprint, found["data"], asked)
    faults.refuse()
    values = {field: after[field] for field in asked}
    api.call("PATCH", f"/block_documents/{found['id']}", data=values, merge_existing_data=True)
    rows = [{"field": field, "before": found["data"].get(field, ""), "after": values[field]} for field in asked]
    show(rows, {"field": "Field", "before": "Before", "after": "Now"}, "", as_json)
    return 0


def _value(field: str, value: str) -> Any:
    """Read the value of a field; a list or an object is JSON."""
    try:
        return json.loads(value) if value.startswith(("[", "{")) else value
    except ValueError as error:
        raise BadRequest(f"{field}: {value[:60]!r} is no JSON: {error}") from None


def _document(api: "PrefectApi", name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = api.call("GET", DOCUMENT.format(name=name))
    except NotFound:
        raise _no_blueprint(name, api.block_names("blueprint")) from None
    return found


def _no_blueprint(name: str, known: list[str]) -> NotFound:
    return NotFound(f"no blueprint is named {name!r}; known: {', '.join(known) or 'none'}")
