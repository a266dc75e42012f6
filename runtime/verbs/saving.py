"""Save blocks from files: `dockerdriver blueprint save`, `dockerdriver course save`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pool.errors import BadRequest
from pool.faults import read_each
from runtime.verbs.output import show

if TYPE_CHECKING:
    from prefect.blocks.core import Block

    from blocks.prefect.api import PrefectApi


def save_files(
    api: "PrefectApi", kind: "type[Block]", noun: str, files: list[Path], replace: bool, as_json: bool
) -> int:
    """Save the block of each file, a YAML or JSON object of its fields, under the file's name without its ending.

    Args:
        api: of Prefect's server.
        kind: of the blocks.
        noun: what operators call one, which is the slug of its kind.
        files: their paths.
        replace: whether one that is there is replaced.
        as_json: whether a program reads the answer.

    Raises:
        BadRequest: a file holds no such block, or one of that name is there; names all of them, and none is saved.
        DockerDriverError: the stack does not run.
    """
    from blocks.stored.documents.block_file import read_block  # noqa: PLC0415 - Prefect takes a second to import

    read = read_each(lambda file: read_block(kind, noun, file), files)  # without the server, which may not run
    given = {file.stem: values for file, values in zip(files, read, strict=True)}
    known = set(api.block_names(noun))
    if there := sorted(given.keys() & known) if not replace else []:
        found = ", ".join(map(repr, there))
        raise BadRequest(f"there is a {noun} {found} already: --replace has it be as its file says")
    for name, values in given.items():
        _save(api, kind, name, values, name in known)
    rows = [{noun: name, "saved": "replaced" if name in known else "new"} for name in given]
    show(rows, {noun: noun.title(), "saved": "Saved"}, "", as_json)
    return 0


def _save(api: "PrefectApi", kind: "type[Block]", name: str, values: dict[str, Any], is_known: bool) -> None:
    if not is_known:
        save_new(api, kind, name, values)
        return
    found = api.call("GET", f"/block_types/slug/{kind.get_block_type_slug()}/block_documents/name/{name}")
    api.call("PATCH", f"/block_documents/{found['id']}", data=values, merge_existing_data=False)


def save_new(api: "PrefectApi", kind: "type[Block]", name: str, values: dict[str, Any]) -> None:
    """Save a block that is not there yet, with all its fields.

    Raises:
        BadRequest: the server refuses it, with its sentence.
        DockerDriverError: there is one of this name, or the stack does not run.
    """
    slug = kind.get_block_type_slug()
    of = api.call("GET", f"/block_types/slug/{slug}")["id"]
    schema = api.call("GET", f"/block_schemas/checksum/{kind._calculate_schema_checksum()}")["id"]  # noqa: SLF001
    api.call("POST", "/block_documents/", name=name, data=values, block_type_id=of, block_schema_id=schema)
