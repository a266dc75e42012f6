"""Housekeeping of all pools, one tick: observe, plan, act on everything at once, report."""

from asyncio import gather, wait_for
from functools import partial

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.acting import act
from flows.steps.forms import AnyPool
from flows.steps.outcome import pipeline
from flows.steps.pace import Outcome, Pace
from flows.steps.queue import refresh_queue
from pool.decisions import Decision, DecisionKind
from pool.errors import DockerDriverError
from pool.hosts.reach import unfit_hosts
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.housekeeping.reconciliation import found_orphans
from pool.printable import how_many
from pool.reports.tables import decision_rows
from tasks.base import PoolTask, log, now, run_parameters, this_run
from tasks.gateway.routes import repair_routes, routes_differ
from tasks.housekeeping.certificates import (
    authority_ends,
    certificate_warnings,
    follow_authority,
    gateway_certificate_waits,
    keep_gateway_certificate,
)
from tasks.housekeeping.findings import look_at_blocks
from tasks.housekeeping.lost_runs import rerun_lost_runs, runs_are_lost
from tasks.housekeeping.observing import list_pools, observe
from tasks.housekeeping.orphans import note_orphans
from tasks.housekeeping.recording import (
    note_left,
    read_settings,
    record_tick,
    show_decisions,
    show_hosts,
    tell_troubles,
)
from tasks.housekeeping.retention import forget_old, forget_old_answers, forget_old_ticks
from tasks.housekeeping.showing import show_pools
from tasks.images.catalogue import why_distribute
from tasks.leases import Held, Hold, lease
from tasks.publishing.missed import changes_are_left, publish_missed
from tasks.publishing.pool_page import draw_pool_page
from tasks.publishing.visitors import notices_are_lost, repair_notices
from tasks.runs import trigger
from tasks.sessions.extensions import extensions_are_requested, grant_extensions
from tasks.sessions.links import keys_differ, repair_keys
from tasks.sessions.secrets import drop_left_secrets, secrets_are_left

TICK_SECONDS = 240  # for all that one tick does to one pool
OBSERVE_SECONDS = 90
LONGEST_SECONDS = TICK_SECONDS + 60  # with its report
REPAIR_SECONDS = 120


def run_name() -> str:
    """What the UI calls a run."""
    return f"housekeep {run_parameters()['pool'] or 'all pools'}"


@flow(name="housekeep", flow_run_name=run_name)
@pipeline
async def housekeep(pool: AnyPool = "") -> State:
    """Bring each pool nearer its target, end what is over, remove what is not used.

    Args:
        pool: Pool to look after. Empty: all of them.
    """
    pools = [pool] if pool else await list_pools()
    extended = await run_repair(grant_extensions, extensions_are_requested)  # before rules look for expired sessions
    reports = await gather(
        *(tend_safely(name) for name in pools),
        run_repair(repair_routes, routes_differ),
        run_repair(repair_keys, keys_differ),
        run_repair(follow_authority, authority_ends),
        run_repair(keep_gateway_certificate, gateway_certificate_waits),
        run_repair(repair_notices, notices_are_lost),
        run_repair(rerun_lost_runs, runs_are_lost),
        run_repair(forget_old),
        run_repair(look_at_blocks),
        run_repair(drop_left_secrets, secrets_are_left),
        run_repair(forget_old_ticks),
        run_repair(forget_old_answers),
    )
    told = await run_repair(publish_missed, changes_are_left)
    drawn = await run_repair(draw_pool_page)  # after all that it shows
    shown = await run_repair(show_pools)  # likewise
    return Completed(message="; ".join(filter(None, (extended, *reports, told, drawn, shown))))


async def tend_safely(pool: str) -> str:
    """Tend one pool; trouble in it never touches another."""
    try:
        async with lease(f"housekeeping of {pool}", holder=this_run()) as hold:
            return await wait_for(tend(pool, hold), LONGEST_SECONDS)
    except Held as held:
        return str(held)
    except TimeoutError:
        return f"{pool}: the tick did not finish within {LONGEST_SECONDS} s"
    except DockerDriverError as error:
        log().error("%s: %s", pool, error)
        return f"{pool}: {error}"
    except Exception as error:  # noqa: BLE001 - a broken row, a block of another version: the other pools go on
        log().exception("%s: unexpected error", pool)
        return f"{pool}: {type(error).__name__}: {error}"


async def tend(pool: str, hold: Hold) -> str:
    """One tick of one pool. What is decided is recorded before it is done, and done as long as the lease is held."""
    pace = Pace(TICK_SECONDS)
    settings = await read_settings(pool)
    seen = await observe_in_time(pool)
    decisions = plan(seen, settings, now())
    tick = await record_tick(pool, decisions)
    await note_orphans(pool, [orphan for orphan, _ in found_orphans(seen)])
    hosts = {instance.id: instance.host for instance in seen.instances}
    acts = [partial(act_if_held, hold, decision, number) for number, decision in enumerate(decisions)]
    places = [hosts.get(decision.subject) or decision.subject for decision in decisions]
    _, *outcomes = await gather(
        pace.do(f"queue of {pool}", partial(refresh_queue, pool)),
        *(pace.do(where, do) for where, do in zip(places, acts, strict=True)),
    )
    said = "; ".join([await report(pool, tick, decisions, outcomes), *unfit_hosts(seen.hosts, settings.host_grace)])
    await bring_images(pool)
    return said


async def act_if_held(hold: Hold, decision: Decision, number: int) -> None:
    """Do what was decided, unless another housekeeper has taken over meanwhile."""
    hold.check()
    await act(decision, number)


async def bring_images(pool: str) -> None:
    """Start a distribution when an archive came or went, or a host lacks an image."""
    key = await why_distribute(pool)
    if key:
        await trigger("distribute-images/on-demand", {"pool": pool}, key=key)


async def _repair(repair: PoolTask[[], str], is_wanted: PoolTask[[], bool] | None) -> str:
    return await repair() if is_wanted is None or await is_wanted() else ""


async def observe_in_time(pool: str, seconds: float = OBSERVE_SECONDS) -> Observation:
    """Look at the pool.

    Raises:
        DockerDriverError: it took too long; without a look nothing is decided.
    """
    try:
        return await wait_for(observe(pool), seconds)
    except TimeoutError as error:
        raise DockerDriverError(f"it could not be looked at within {seconds} s; nothing is decided") from error


async def report(pool: str, tick: int, decisions: list[Decision], outcomes: list[Outcome]) -> str:
    """Say what was done in the log, leave the tables, and keep what was left undone; the pool's part of the summary."""
    words = [outcome.words for outcome in outcomes]
    for row in decision_rows(decisions, words):
        log().info("%(what)s %(of)s: %(why)s (%(outcome)s)", row)
    left = [(d, how.words) for d, how in zip(decisions, outcomes, strict=True) if not how.done]
    warnings = await certificate_warnings(pool) or []
    await note_left(tick, [*warnings, *(f"{d.kind} {d.subject}: {became}" for d, became in left)])
    await tell_troubles(pool, decisions, left, warnings)
    await show_decisions(pool, tick, decisions, words)
    await show_hosts(pool)
    waits = "".join(f"; it waits: {d.reason}" for d in decisions if d.kind is DecisionKind.WAIT)
    waits += "".join(f"; {d.reason}" for d in decisions if d.kind is DecisionKind.CUT_OFF)
    acts = sum(d.kind not in (DecisionKind.WAIT, DecisionKind.CUT_OFF) for d in decisions)
    unfinished = f", {len(left)} left for the next tick" if left else ""
    return "; ".join([f"{pool}: {how_many(acts, 'decision')}{unfinished}{waits}", *warnings])


async def run_repair(repair: PoolTask[[], str], is_wanted: PoolTask[[], bool] | None = None) -> str:
    """One repair, where a look finds that it is wanted; trouble in it is said, and the next tick tries again."""
    try:
        return await wait_for(_repair(repair, is_wanted), REPAIR_SECONDS)
    except TimeoutError:
        return f"{repair.name}: not done within {REPAIR_SECONDS} s"
    except DockerDriverError as error:
        log().error("%s", error)
        return str(error)
    except Exception as error:  # noqa: BLE001 - the pools and the other repairs go on
        log().exception("%s: unexpected error", repair.name)
        return f"{repair.name}: {type(error).__name__}: {error}"
