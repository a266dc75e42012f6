"""What Prefect's UI calls flow runs of which there are many."""

from collections.abc import Callable, Mapping
from typing import Any


def name_of_start(parameters: Mapping[str, Any]) -> str:
    """Return who gets what, and under which id."""
    user, instance_id = parameters.get("user", ""), parameters["instance_id"]
    words = (f"provision {user or instance_id}", parameters.get("blueprint", ""), instance_id if user else "")
    return " · ".join(filter(None, words))


#: By the name of a flow; the others' runs are named when they begin.
NAMES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "provision-instance": name_of_start,
    "deprovision-instance": "deprovision {instance_id}".format_map,
}
