"""Return a host to service: a drain that is taken back."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import HostName, Reason
from flows.steps.outcome import pipeline
from flows.steps.queue import serve_queue
from pool.printable import how_many
from tasks.hosts.operator import put_back_into_service


@flow(name="return-host", flow_run_name="return {host}")
@pipeline
async def return_host(host: HostName, reason: Reason = "returned to service by the operator") -> State:
    """Put a draining host back to active: no errors counted, no deadline, and its lifetime begins anew.

    Args:
        host: Name of the host, for example main-01.
        reason: Why; kept with the host.
    """
    returned = await put_back_into_service(host, reason)
    await serve_queue(returned.pool)
    return Completed(message=f"host {host} is {returned.state} again, with {how_many(returned.free, 'free slot')}")
