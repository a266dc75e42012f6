"""Provision several sessions at once: record them, give out room, and have each started by a run of its own."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.sessions.provision_instance import give_up
from flows.steps.forms import BlueprintName, Options, Sessions
from flows.steps.outcome import pipeline
from flows.steps.queue import ask_to_start_all, serve_queue
from pool.errors import Refused
from pool.printable import how_many
from pool.records import Instance
from pool.states import InstanceState
from tasks.base import run_parameters
from tasks.sessions.classes import show_class
from tasks.sessions.instances import get_instances
from tasks.sessions.queue import check_waiting
from tasks.sessions.requests import read_blueprint, record_instances


def run_name() -> str:
    """What the UI calls a run: how many sessions, by which blueprint."""
    said = run_parameters()
    return f"provision {how_many(len(said['sessions']), 'session')} · {said.get('blueprint', '')}".removesuffix(" · ")


@flow(name="provision-instances", flow_run_name=run_name)
@pipeline
async def provision_instances(
    sessions: Sessions, blueprint: BlueprintName = "jupyter-minimal", options: Options = None
) -> State:
    """Ask for the sessions of a class by one request. Each is as if it were asked for alone; asked twice, there is one.

    All are recorded in one transaction, in the order of the list, and those that there is room for are started at once,
    by a run each; the others wait in the queue. One that is refused keeps no other from its place. The answer of each
    is its artifact `instance-<instance_id>`; the run's message counts them, and has the reason of each refusal, and so
    has the table that the run leaves, `class-<its own id>`.

    Args:
        sessions: The sessions, 1 to 500, each with its instance_id and its user.
        blueprint: Name of the blueprint that says how they are made.
        options: lifetime, wait, course, secrets and environment, the same for each; see provision-instance.
    """
    recorded, refused = await record_instances(sessions, blueprint, options or {})
    await place(recorded, blueprint)
    placed = await get_instances([one.id for one in recorded])
    await show_class(placed, refused)
    if not placed:
        instance_id, reason = next(iter(refused.items()))
        raise Refused(f"none of {how_many(len(refused), 'session')} was taken; {instance_id}: {reason}")
    return Completed(message=told(placed, refused))


def told(recorded: Iterable[Instance], refused: Mapping[str, str]) -> str:
    """Count the sessions by what became of them, and say why those that were refused were: "2 starting, 1 queued"."""
    counts = Counter(str(one.state) for one in recorded) | Counter({"refused": len(refused)})
    words = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    return "; ".join([words, *(f"{instance_id}: {reason}" for instance_id, reason in refused.items())])


async def place(recorded: list[Instance], blueprint: str) -> None:
    """Give out room in the order of the queue; end the wait of all where one would wait for nothing.

    Those that were given a standby have their room: they are started first.
    """
    await ask_to_start_all([one for one in recorded if one.standby and one.state is InstanceState.STARTING])
    queued = [one for one in recorded if one.state is InstanceState.QUEUED]
    if not queued:
        return
    await serve_queue(queued[0].pool)
    now = await get_instances([one.id for one in queued])
    waiting = [one for one in now if one.state is InstanceState.QUEUED]
    if not waiting:
        return
    try:
        await check_waiting(waiting[0], await read_blueprint(blueprint))
    except Refused as refusal:
        for one in waiting:
            with suppress(Refused):  # it has failed by that, and its artifact says why
                await give_up(one, refusal)
