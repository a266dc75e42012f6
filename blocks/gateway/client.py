"""The client of the gateway's admin socket: which session is behind which route, and who uses it.

A change is live when the gateway has answered. It is then written to the snapshot, which nginx reads when it starts
with an empty table; the snapshot's lock is held around both, so the order of changes is the same in the two places.
"""

from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from blocks.gateway.activity import GatewayActivity, activity_of, silences_of_connections
from blocks.gateway.snapshot import Snapshot
from pool.errors import GatewayTrouble, Refused
from pool.records import Notice, Route

ANSWER_SECONDS = 10
TABLE_SECONDS = 60  # for the whole table: 10,000 routes take a busy machine some seconds
#: How gateways before 0.3.0 call the requests for extensions: one is upgraded after its manager.
REQUESTED_BEFORE = "wished"
#: Of routes, returns those that hold by the moment at which no other change can come between.
ThatHold = Callable[[Collection[Route]], Collection[Route]]


class RouteRefused(GatewayTrouble, Refused):
    """The gateway does not take this route, however often it is asked: its address, port or id is not allowed."""


def as_they_are(routes: Collection[Route]) -> Collection[Route]:
    """Publish routes as they were given."""
    return routes


class Gateway:
    """The gateway's table of routes. Safe to use from many threads and processes at once."""

    def __init__(self, admin_socket: Path, snapshot: Path) -> None:
        self._socket = admin_socket
        self._snapshot = Snapshot(snapshot)

    def add_route(self, route: Route, still_holds: Callable[[], bool] = lambda: True) -> bool:
        """Publish a session, or change where its route leads; twice is once.

        Args:
            route: of the session.
            still_holds: asked when no other change can come between any more; when it says no, nothing is changed.

        Returns:
            Whether it is published.

        Raises:
            RouteRefused: the address is outside the pool's networks, or port or id is not of a session.
            GatewayTrouble: the gateway does not answer, or its table is full. Nothing was changed.
        """
        with self._snapshot.locked():
            if not still_holds():
                return False
            self._ask("PUT", f"/routes/{route.id}", asdict(route))
            self._snapshot.put(route, otherwise=self.list_routes)
        return True

    def remove_route(self, route_id: str) -> None:
        """Forget a session; absent is success. Its open connections end when the session does.

        Raises:
            GatewayTrouble: the gateway does not answer. Nothing was changed.
        """
        with self._snapshot.locked():
            self._ask("DELETE", f"/routes/{route_id}")
            self._snapshot.drop(route_id, otherwise=self.list_routes)

    def list_routes(self) -> list[Route]:
        """Every route that the gateway has, in no order. Holds tokens: never log it.

        Raises:
            GatewayTrouble: the gateway does not answer.
        """
        answer = self._ask("GET", "/routes", seconds=TABLE_SECONDS)
        return [Route(**record) for record in answer["routes"]] if answer["count"] else []

    def change_routes(self, add: Collection[Route], remove: Collection[str], that_hold: ThatHold = as_they_are) -> None:
        """Publish some sessions and forget others in one step, however many; drops no open connection.

        Args:
            add: routes to publish.
            remove: ids of routes to forget.
            that_hold: asked when no other change can come between any more; of *add*, what it returns is published.

        Raises:
            RouteRefused: one of the routes is not allowed. Nothing was changed.
            GatewayTrouble: the gateway does not answer, or its table is full.
        """
        with self._snapshot.locked():  # what others publish or withdraw meanwhile waits: it is not undone by this
            kept = {route.id: route for route in self.list_routes() if route.id not in remove}
            routes = [*(kept | {route.id: route for route in that_hold(add)}).values()]
            self._ask("PUT", "/routes", [asdict(route) for route in routes], TABLE_SECONDS)
            self._snapshot.put_all(routes)

    def put_keys(self, keys: list[dict]) -> None:
        """Have links and cookies checked with these keys (``LinkKeys.for_gateway()``), the current one first.

        Raises:
            RouteRefused: a key is too short. Nothing was changed.
            GatewayTrouble: the gateway does not answer.
        """
        with self._snapshot.locked():
            self._ask("PUT", "/keys", keys)
            self._snapshot.put_keys(keys, otherwise=self.list_routes)

    def key_ids(self) -> list[str]:
        """Ids of the keys that the gateway checks with, the current one first; empty: no link is accepted.

        Raises:
            GatewayTrouble: the gateway does not answer.
        """
        answer = self._ask("GET", "/keys")
        return answer["ids"] if answer["count"] else []

    def put_notices(self, notices: list[Notice]) -> None:
        """Tell visitors of sessions that have no route why; a route takes its notice away.

        Raises:
            RouteRefused: one of the notices is not of its form. Nothing was changed.
            GatewayTrouble: the gateway does not answer.
        """
        self._ask("PUT", "/notices", [asdict(notice) for notice in notices])

    def count_notices(self) -> int:
        """How many notices the gateway has; none after a restart: they are in no snapshot.

        Raises:
            GatewayTrouble: the gateway does not answer.
        """
        return self._ask("GET", "/notices")["count"]

    def requested_extensions(self) -> dict[str, datetime]:
        """When the users of sessions requested in their open pages that these go on, by route id; of the last hour.

        A request stays there after it was granted: it then lies before the moment from which on the next one is due.

        Raises:
            GatewayTrouble: the gateway does not answer.
        """
        answer = self._ask("GET", "/extensions")
        requested = answer.get("requested", answer.get(REQUESTED_BEFORE, {}))
        return {route: datetime.fromtimestamp(at, UTC) for route, at in requested.items()}

    def put_pool_page(self, html: str) -> None:
        """Show this at ``/pool/``, to operators alone.

        Raises:
            GatewayTrouble: the gateway does not answer, or the page is too large.
        """
        self._ask("PUT", "/pool-page", {"html": html})

    def activity(self) -> GatewayActivity:
        """Last requests and open websockets of all sessions, in one call; on the gateway's own machine.

        Raises:
            GatewayTrouble: the gateway does not answer.
        """
        answer = self._ask("GET", "/activity")
        return activity_of(answer, silences_of_connections(), datetime.now(UTC))

    def alive(self) -> bool:
        """Whether the gateway answers on its admin socket."""
        try:
            self._ask("GET", "/health")
        except GatewayTrouble:
            return False
        return True

    def _ask(self, method: str, path: str, body: Any = None, seconds: float = ANSWER_SECONDS) -> Any:
        """One request on a connection of its own: after a reload, a kept one would end in a worker that is leaving."""
        transport = httpx.HTTPTransport(uds=str(self._socket), verify=False)  # no TLS here: spare loading the CAs
        try:
            with httpx.Client(transport=transport, trust_env=False, timeout=seconds) as client:
                answer = client.request(method, f"http://gateway{path}", json=body)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise GatewayTrouble(f"the gateway does not answer on {self._socket}: {reason}") from None
        return _checked(answer)


def _checked(answer: httpx.Response) -> Any:
    if answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
        raise RouteRefused(f"the gateway refused the route: {answer.json()['error']}")
    if answer.status_code != HTTPStatus.OK:
        raise GatewayTrouble(f"the gateway did not take a change of its routes: status {answer.status_code}")
    return answer.json()
