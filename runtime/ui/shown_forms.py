"""The forms of flows as Prefect's UI shows them: with the choices that there are now, and fields in place of "None".

Prefect keeps a form as it was when its deployment was made, and shows a parameter that may be left out as a choice
between its fields and "None". What a browser reads of a deployment is completed on its way. What programs read, and
what a request is held to, stays as it is: a browser's form is filled in by that, too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

#: In the schema of a parameter: which of the choices are its own. Prefect keeps it, and shows it nowhere.
CHOICES = "choices"
NOTHING = {"type": "null"}
Schema = dict[str, Any]


def completed(schema: Mapping[str, Any], choices: Mapping[str, Sequence[str]]) -> Schema:
    """Return the schema of a flow's parameters as a form shows it.

    Args:
        schema: as the deployment has it.
        choices: names that there are now, by what they are names of; where there is none, the field stays a text.
    """
    properties = {name: _field(field, choices) for name, field in schema.get("properties", {}).items()}
    return {**schema, "properties": properties}


def _field(field: Mapping[str, Any], choices: Mapping[str, Sequence[str]]) -> Schema:
    shown = _without_nothing(field)
    if "properties" in shown:
        shown = completed(shown, choices)
    names = list(choices.get(shown.pop(CHOICES, ""), ()))
    if not names:
        return shown
    if shown.get("type") == "array":
        return shown | {"items": {**shown["items"], "enum": names}}
    may_be_empty = shown.get("default") == "" and "" not in names
    return shown | {"enum": ["", *names] if may_be_empty else names}


def _without_nothing(field: Mapping[str, Any]) -> Schema:
    """A field that may be None as the fields that it is otherwise; left alone, it is left out, and so None."""
    kinds = [kind for kind in field.get("anyOf", ()) if kind != NOTHING]
    if len(kinds) != 1 or len(field["anyOf"]) != 2 or field.get("default") is not None:
        return dict(field)
    return {**kinds[0], **{name: value for name, value in field.items() if name not in ("anyOf", "default")}}
