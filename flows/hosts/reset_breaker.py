"""Reset a pool's circuit breaker: what made its hosts fail was put right."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import Pool
from flows.steps.outcome import pipeline
from pool.printable import how_many
from tasks.hosts.operator import forgive_faults


@flow(name="reset-breaker", flow_run_name="reset the breaker of {pool}")
@pipeline
async def reset_breaker(pool: Pool = "main") -> State:
    """Let the pool spawn hosts again, at once: failed configurations and a cloud that refused are forgiven.

    Args:
        pool: Name of the pool.
    """
    forgiven = how_many(await forgive_faults(pool), "failed host is", "failed hosts are")
    return Completed(message=f"pool {pool} may spawn hosts again; {forgiven} forgiven")
