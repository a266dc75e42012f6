"""Launch links of two sessions that open by a link alone, and the addresses that they lead to."""

from datetime import UTC, datetime, timedelta

from blocks.stored.link_keys import LinkKeys
from tests.rigs.gateways.gateway import RunningGateway, route_to

KEYS = LinkKeys.create()
ALICE, BOB = route_to(0, "alice").id, route_to(0, "bob").id


def link(gateway: RunningGateway, route_id: str = ALICE, keys: LinkKeys = KEYS, seconds: int = 60) -> str:
    """A link that is good for so many seconds."""
    return keys.launch_link(gateway.origin(route_id), route_id, datetime.now(UTC) + timedelta(seconds=seconds))


def address(gateway: RunningGateway, route_id: str = ALICE) -> str:
    """Where a session is."""
    return f"{gateway.origin(route_id)}/notebooks/{route_id}/"
