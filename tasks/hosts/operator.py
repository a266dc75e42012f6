"""Tasks for operators: take a host out of service, put it back, let a pool spawn again."""

from blocks.outside import now, outside
from pool.errors import ShuttingDown
from pool.moments import after, check_deadline
from pool.records import Host, Instance
from tasks.base import look_up, pool_task


@pool_task(task_run_name="drain host {name}")
def take_out_of_service(name: str, deadline: int | None, reason: str) -> Host:
    """Drain the host.

    Args:
        name: the host.
        deadline: minutes from now after which what is left on it is ended; None: never.
        reason: kept with the host.

    Raises:
        BadRequest: the deadline is not after now, or longer ahead than ten years.
        RefusedMove: it is in a state that has nothing to drain.
        NotFound: no host has this name.
    """
    check_deadline(deadline)
    until = after(now(), deadline * 60) if deadline is not None else None
    return outside().store.hosts.drain(name, now(), reason, until)


@look_up()
def sessions_on(host: str) -> list[Instance]:
    """The sessions that hold room on the host."""
    return outside().store.instances.all(host=host)


@pool_task(task_run_name="return host {name} to service")
def put_back_into_service(name: str, reason: str) -> Host:
    """Put a draining host back to active.

    Raises:
        ShuttingDown: its pool is in shutdown mode, so the next tick would drain it again.
        RefusedMove: it does not drain, or was never active.
        NotFound: no host has this name.
    """
    pool = outside().store.hosts.get(name).pool
    if outside().config(pool).DD_SHUTDOWN_MODE:
        raise ShuttingDown(f"host {name} cannot return: pool {pool} is in shutdown mode")
    return outside().store.hosts.return_to_service(name, now(), reason)


@pool_task(task_run_name="forgive the failed hosts of {pool}")
def forgive_faults(pool: str) -> int:
    """Hold failed hosts no longer against the pool; says how many there were.

    Raises:
        NotFound: there is no such pool.
    """
    outside().config(pool)
    return outside().store.hosts.forgive_faults(pool)
