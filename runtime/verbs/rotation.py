"""`dockerdriver rotate-secrets`: has the flow of the same name run, and says how it ended."""

from typing import TYPE_CHECKING, Any

from pool.errors import BadRequest
from pool.keys.rotation import RotatedKey
from runtime.verbs.output import say, show_json

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

FLOW = "rotate-secrets/on-demand"
SECONDS = 2 * 3600  # hosts that are being made are waited for


def rotate(api: "PrefectApi", what: list[str], retire: bool, yes: bool = False, as_json: bool = False) -> None:
    """Rotate these keys, or all; print how each rotation ended.

    Raises:
        BadRequest: there is no such key.
        DockerDriverError: one of them is not done, or it waits for a confirmation, or the stack does not run.
    """
    if unknown := sorted(set(what) - set(RotatedKey)):
        raise BadRequest(f"{', '.join(unknown)} cannot be rotated: what can is {', '.join(RotatedKey)}")
    wanted: dict[str, Any] = {"what": what, "retire": retire, "confirmed": yes}
    said = api.run_to_its_end(FLOW, SECONDS, **wanted)
    if as_json:
        show_json({"deployment": FLOW, "parameters": wanted, "message": said})
    else:
        say(said.replace("; ", "\n"))
