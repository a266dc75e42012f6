"""The rotation of sessions' tokens: another one for each session that runs, and then the end of the one before.

Each program accepts both from before the gateway presents the new one until after it does, so that no request is turned
away. What a run leaves that died, the next one ends: it gives each session another token again.
"""

from asyncio import Semaphore, gather, sleep

from pool.errors import DockerDriverError
from pool.keys.session_tokens import TokenOutcome, TokenReport, said_of_tokens
from pool.records import Instance
from tasks.base import log
from tasks.gateway.routes import publish_route, repair_routes
from tasks.keys.session_tokens import (
    end_old_token,
    renew_token,
    report_tokens,
    sessions_with_tokens,
    standbys_with_tokens,
)
from tasks.leases import Hold
from tasks.sessions.standbys import end_standby

AT_ONCE = 32
UNDER_WAY_SECONDS = 5  # for requests that the gateway has begun to pass on with the old one


async def rotate_session_tokens(hold: Hold) -> str:
    """Give every session that runs another token; a sentence on how that ended. Standbys are made anew.

    Args:
        hold: the lease under which keys are rotated.

    Raises:
        DockerDriverError: not every session could be given one; the others were.
    """
    for standby in await standbys_with_tokens():
        await end_standby(standby.id, "its token is rotated")
    if await repair_routes():  # the gateway may have what was before a run that died
        await sleep(UNDER_WAY_SECONDS)
    places = Semaphore(AT_ONCE)
    renewed = await gather(*(_renewed(one, places) for one in await sessions_with_tokens()))
    await repair_routes()
    await sleep(UNDER_WAY_SECONDS)
    hold.check()
    reports = await gather(*(_ended(report, instance, places) for report, instance in renewed))
    await report_tokens(reports)
    said = said_of_tokens(reports)
    if trouble := [f"{one.session}: {one.outcome}" for one in reports if not isinstance(one.outcome, TokenOutcome)]:
        raise DockerDriverError(f"{said}; rotate them again for {'; '.join(trouble)}")
    return said


async def _renewed(instance: Instance, places: Semaphore) -> tuple[TokenReport, Instance]:
    """Give one session another token, and have the gateway present it."""
    outcome: TokenOutcome | str
    try:
        async with places:
            outcome, instance = await renew_token(instance)
            if outcome is TokenOutcome.RENEWED:
                await publish_route(instance)
    except DockerDriverError as error:
        log().error("the token of %s is not rotated: %s", instance.id, error)
        outcome = str(error)
    return TokenReport(instance.id, instance.blueprint, outcome), instance


async def _ended(report: TokenReport, instance: Instance, places: Semaphore) -> TokenReport:
    """Have one session's program forget the token before, once the gateway presents the new one."""
    if report.outcome is not TokenOutcome.RENEWED:
        return report
    try:
        async with places:
            await end_old_token(instance)
    except DockerDriverError as error:
        log().error("the token before of %s is accepted still: %s", instance.id, error)
        return TokenReport(instance.id, instance.blueprint, str(error))
    return report
