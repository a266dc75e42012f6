"""`dockerdriver rotate-secrets`: has the flow of the same name run, and says how it ended."""

from typing import TYPE_CHECKING

from pool.errors import BadRequest
from pool.keys.rotation import RotatedKey
from runtime.verbs.output import say, show_json

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

FLOW = "rotate-secrets/on-demand"
SECONDS = 2 * 3600  # hosts that are being made are waited for


def rotate(api: "PrefectApi", what: list[str], retire: bool, as_json: bool = False) -> None:
    """Rotate these keys, or all; print how each rotation ended.

    Raises:
        BadRequest: there is no such key.
        DockerDriverError: one of them is not done, or the stack does not run.
    """
    if unknown := sorted(set(what) - set(RotatedKey)):
        raise BadRequest(f"{', '.join(unknown)} cannot be rotated: what can is {', '.join(RotatedKey)}")
    said = api.run_to_its_end(FLOW, SECONDS, what=what, retire=retire)
    if as_json:
        show_json({"deployment": FLOW, "parameters": {"what": what, "retire": retire}, "message": said})
    else:
        say(said.replace("; ", "\n"))
