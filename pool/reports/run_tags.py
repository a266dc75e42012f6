"""Which tags a flow run has, by which Prefect's UI and API find all runs about one thing."""

from collections.abc import Mapping
from typing import Any

from pool.names import one_spelling

#: By parameter, what the tag calls it.
TAGGED = {"pool": "pool", "host": "host", "instance_id": "instance", "user": "user", "image": "image"}

#: Of runs that housekeeping asks for ahead of any request: they take no place from what users wait for.
BACKGROUND = "background"


def tags_of_run(parameters: Mapping[str, Any]) -> list[str]:
    """Return the tags of a run with these parameters: "pool:main", "user:ada"."""
    said = {noun: parameters.get(name) for name, noun in TAGGED.items()}
    texts = {noun: value for noun, value in said.items() if value and isinstance(value, str)}
    return [f"{noun}:{one_spelling(value) if noun == 'user' else value}" for noun, value in texts.items()]
