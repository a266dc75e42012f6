"""What commands have the stack do: they start the flow that a platform would start, and wait for its answer."""

import json
from typing import TYPE_CHECKING, Any

from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.faults import read_each
from pool.notation import read_assignment
from runtime.verbs.output import say, show_json

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

SECONDS = 600
LONG_SECONDS = 3600  # an image of gigabytes for many hosts


def run(settings: ProcessSettings, flow: str, assignments: list[str], as_json: bool) -> int:
    """Start any flow, wait for its end, and print its sentence.

    Example: dockerdriver run bake-host-image pool=main
    """
    parameters = read_parameters(assignments)
    run_and_tell(prefect_api(settings), f"{flow}/on-demand", as_json, LONG_SECONDS, **parameters)
    return 0


def read_parameters(assignments: list[str]) -> dict[str, object]:
    """Read ``name=value`` words; a value that is JSON is read as such, and any other is a text.

    Raises:
        BadRequest: names all that are of another form.
    """
    pairs = read_each(lambda word: read_assignment(word, "pool=main"), assignments)
    return {name: _value(text) for name, text in pairs}


def _value(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value


def run_and_tell(
    api: "PrefectApi", deployment: str, as_json: bool, seconds: float = SECONDS, **parameters: Any
) -> None:
    """Start a flow, wait for its end, and print its one sentence.

    Raises:
        DockerDriverError: it ended otherwise than as asked, with its own sentence; or the stack does not run.
    """
    said = api.run_to_its_end(deployment, seconds, **parameters)
    if as_json:
        show_json({"deployment": deployment, "parameters": parameters, "message": said})
    else:
        say(said)


def run_and_show(api: "PrefectApi", deployment: str, artifact: str, as_json: bool, **parameters: Any) -> None:
    """Start a flow, wait for its end, and print the answer that it leaves: one row, as ``name: value`` lines.

    Raises:
        DockerDriverError: as :func:`run_and_tell`.
    """
    api.run_to_its_end(deployment, SECONDS, **parameters)
    (answer,) = api.table(artifact)
    if as_json:
        show_json(answer)
    else:
        say("\n".join(f"{name}: {value}" for name, value in answer.items() if value not in (None, "")))
