"""Drain a host: it keeps its sessions, takes no new ones, and is removed when the last has left."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.steps.outcome import pipeline
from pool.moments import LONGEST_SPAN
from tasks.hosts.operator import sessions_on, take_out_of_service

#: What the form offers, and Prefect's API takes; who gets past both is refused by the task, in one sentence.
Minutes = Annotated[int, Field(json_schema_extra={"minimum": 1, "maximum": LONGEST_SPAN // 60})]


@flow(name="drain-host", flow_run_name="drain {host}")
@pipeline
async def drain_host(host: str, deadline: Minutes | None = None, reason: str = "asked for by the operator") -> State:
    """Take one host out of service. Asked again, reason and deadline are replaced.

    Args:
        host: Name of the host, for example main-01.
        deadline: Minutes after which the sessions that are left on it are ended. Empty: they live out their time.
        reason: Why; kept with the host, and with each session that is ended.
    """
    drained = await take_out_of_service(host, deadline, reason)
    left = len(await sessions_on(host))
    until = f"{drained.drain_deadline:%Y-%m-%d %H:%M} UTC" if drained.drain_deadline else ""
    fate = f"they are ended at {until}" if until else "they live out their time"
    return Completed(message=f"host {host} drains; {left} sessions are left on it, {fate}")
