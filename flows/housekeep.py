"""Keep house: observe, diagnose, act on everything at once, report."""

from asyncio import gather, wait_for
from collections.abc import Awaitable, Callable

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.acting import act
from flows.outcome import says_why
from pool.decisions import Decision
from pool.errors import DockerDriverError
from pool.housekeeping import plan
from pool.tables import decision_rows
from tasks.catalogue import why_distribute
from tasks.leases import Held, lease
from tasks.links import repair_keys
from tasks.notices import repair_notices
from tasks.observing import list_pools, observe
from tasks.pool_page import draw_pool_page
from tasks.recording import note_left, read_settings, record_tick, show_decisions, show_hosts
from tasks.retrying import now
from tasks.routes import repair_routes
from tasks.runs import trigger
from tasks.telling import tell_changes

ACT_SECONDS = 120
DONE = "done"


def run_name() -> str:
    """What the UI calls a run."""
    return f"housekeep {flow_run.parameters['pool'] or 'all pools'}"


@flow(name="housekeep", flow_run_name=run_name)
@says_why
async def housekeep(pool: str = "") -> State:
    """Bring each pool nearer its target, end what is over, remove what nobody uses.

    Args:
        pool: Pool to look after. Empty: all of them.
    """
    pools = [pool] if pool else await list_pools()
    reports = await gather(
        *(tend_or_say(name) for name in pools),
        say_trouble(repair_routes),
        say_trouble(repair_keys),
        say_trouble(repair_notices),
    )
    await tell_changes()  # of those that died before they told
    drawn = await say_trouble(draw_pool_page)  # after all that it shows
    return Completed(message="; ".join(filter(None, (*reports, drawn))))


async def tend_or_say(pool: str) -> str:
    """Tend one pool; trouble in it never touches another."""
    try:
        async with lease(f"housekeeping of {pool}", holder=f"flow run {flow_run.id}"):
            return await tend(pool)
    except Held as held:
        return str(held)
    except DockerDriverError as error:
        get_run_logger().error("%s: %s", pool, error)
        return f"{pool}: {error}"


async def tend(pool: str) -> str:
    """One tick of one pool. What is decided is recorded before it is done."""
    settings = await read_settings(pool)
    decisions = plan(await observe(pool), settings, now())
    tick = await record_tick(pool, decisions)
    outcomes = await gather(*(do_or_say(decision, number) for number, decision in enumerate(decisions)))
    said = await report(pool, tick, decisions, outcomes)
    await bring_images(pool)
    return said


async def bring_images(pool: str) -> None:
    """Start a distribution when an archive came or went, or a host lacks an image."""
    key = await why_distribute(pool)
    if key:
        await trigger("distribute-images/on-demand", {"pool": pool}, key=key)


async def do_or_say(decision: Decision, number: int) -> str:
    """Do one thing, in its own time; how it ended, for the report."""
    try:
        await wait_for(act(decision, number), ACT_SECONDS)
    except TimeoutError:
        return f"not done in {ACT_SECONDS} s"
    except DockerDriverError as error:
        return str(error)
    return DONE


async def report(pool: str, tick: int, decisions: list[Decision], outcomes: list[str]) -> str:
    """Say what was done in the log, leave the tables, and keep what was left undone; the pool's part of the summary."""
    for row in decision_rows(decisions, outcomes):
        get_run_logger().info("%(what)s %(of)s: %(why)s (%(outcome)s)", row)
    left = [
        f"{d.kind} {d.subject}: {outcome}" for d, outcome in zip(decisions, outcomes, strict=True) if outcome != DONE
    ]
    await note_left(tick, left)
    await show_decisions(pool, tick, decisions, outcomes)
    await show_hosts(pool)
    return f"{pool}: {len(decisions)} decisions" + (f", {len(left)} left for the next tick" if left else "")


async def say_trouble(repair: Callable[[], Awaitable[str]]) -> str:
    """One repair of the gateway; one that is away is told at the next tick."""
    try:
        return await repair()
    except DockerDriverError as error:
        get_run_logger().error("%s", error)
        return str(error)
