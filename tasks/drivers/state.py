"""Tasks that read and write the state of a driver. What they take and refuse is told by `DriverStateStore`."""

from blocks.outside import now, outside
from pool.drivers.state import StateRecord
from tasks.base import look_up, pool_task


@look_up()
def read_state(namespace: str, key: str) -> StateRecord | None:
    """The record of this key; None: there is none, or it has expired."""
    return outside().store.driver_state.find(namespace, key, now())


@pool_task(publishes=False, task_run_name="write state {namespace} {key}")
def write_state(
    namespace: str, key: str, value: object, version: int | None = None, expires_in: float | None = None
) -> StateRecord:
    """Write a record for so many seconds, or for good, where it has this version (0: is not there; None: any)."""
    return outside().store.driver_state.put(namespace, key, value, now(), expires_in, version)


@pool_task(publishes=False, task_run_name="delete state {namespace} {key}")
def delete_state(namespace: str, key: str, version: int | None = None) -> bool:
    """Delete a record; whether it was there."""
    return outside().store.driver_state.delete(namespace, key, now(), version)


@look_up()
def list_state(namespace: str, prefix: str = "", limit: int = 100, after: str = "") -> list[StateRecord]:
    """The records whose keys begin so, by key, after the last key of the answer before."""
    return outside().store.driver_state.list(namespace, now(), prefix, limit, after)
