"""Every flow that has a deployment: what it does, when it runs by itself, what it takes."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import yaml

from docs.reference.tables import code, table
from runtime.stack.deployments import DESCRIPTION
from runtime.worker.loaded_flows import load_flow

HEADS = ("parameter", "default", "meaning")


def of_flows() -> str:
    """Return a section for each flow, in the order of `prefect.yaml`."""
    entries = yaml.safe_load(DESCRIPTION.read_text())["deployments"]
    by_flow = groupby(entries, key=lambda entry: entry["entrypoint"])
    return "\n".join(_section(entrypoint, list(its)) for entrypoint, its in by_flow)


def _section(entrypoint: str, entries: list[dict[str, Any]]) -> str:
    flow = load_flow(entrypoint)
    lines = [f"### {flow.name}\n"]
    lines += [f"- `{flow.name}/{entry['name']}`{_schedule(entry)}: {entry['description']}" for entry in entries]
    rows = list(_rows(flow.parameters.model_dump()))
    return "\n".join(lines) + "\n\n" + (table(HEADS, rows) if rows else "It takes no parameters.\n")


def _schedule(entry: dict[str, Any]) -> str:
    return "".join(f", every {one['interval']} s" for one in entry.get("schedules", []))


def _rows(schema: dict[str, Any], before: str = "") -> Iterator[tuple[str, str, str]]:
    """Give the parameters of a schema, those within one under its name and a dot."""
    wanted = schema.get("required") or []
    for name, field in schema["properties"].items():
        default = "(must be given)" if name in wanted else code(field.get("default"))
        yield f"`{before}{name}`", "" if before else default, _meaning(field)
        yield from _rows(field, f"{before}{name}.") if "properties" in field else ()


def _meaning(field: dict[str, Any]) -> str:
    said = [field.get("description") or field.get("title", "")]
    said += ["One of " + ", ".join(map(code, field["enum"])) + "."] if "enum" in field else []
    said += [f"Such as {code(field['examples'][0])}."] if field.get("examples") else []
    return " ".join(said)
