"""What a worker of another machine does for a session, without a host: it asks SQL, and tells the gateways."""

from prefect import flow

from blocks.outside import outside
from pool.records import Route
from tasks.base import blocking


@flow
async def publish(route: str, port: int) -> list[str]:
    """Publish a route to a program of this machine; the pools that SQL knows."""
    where = Route(route, "127.0.0.1", port, sign_in="open")
    await blocking(lambda: outside().gateway.add_route(where))
    return await blocking(outside().store.hosts.pools)
