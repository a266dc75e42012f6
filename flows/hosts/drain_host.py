"""Drain a host: it keeps its sessions, takes no new ones, and is removed when the last has left."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.confirming import confirm
from flows.steps.forms import Confirmed, Deadline, HostName, Reason
from flows.steps.outcome import pipeline
from pool.moments import check_deadline, minute
from pool.printable import how_many
from tasks.hosts.operator import sessions_on, take_out_of_service


@flow(name="drain-host", flow_run_name="drain {host}")
@pipeline
async def drain_host(
    host: HostName,
    deadline: Deadline = None,
    reason: Reason = "asked for by the operator",
    confirmed: Confirmed = False,
) -> State:
    """Take one host out of service. Asked again, reason and deadline are replaced.

    Args:
        host: Name of the host, for example main-01.
        deadline: Minutes after which the sessions that are left on it are ended. Empty: they live out their time.
        reason: Why; kept with the host, and with each session that is ended.
        confirmed: Where sessions would be ended, the run pauses for a confirmation first; not so if this is set.
    """
    check_deadline(deadline)
    there = await sessions_on(host)
    if deadline is not None and there and not confirmed:
        run = how_many(len(there), "session runs", "sessions run")
        await confirm(f"{run} on {host}; those that are left in {how_many(deadline, 'minute')} are ended")
    drained = await take_out_of_service(host, deadline, reason)
    left = len(await sessions_on(host))
    until = minute(drained.drain_deadline) if drained.drain_deadline else ""
    fate = f"they are ended at {until}" if until else "they live out their time"
    return Completed(message=f"host {host} drains; {how_many(left, 'session is', 'sessions are')} left on it, {fate}")
