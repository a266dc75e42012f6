"""A gateway that goes away, and comes back with nothing in its memory."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from blocks.gateway.activity import Activity, GatewayActivity
from blocks.gateway.client import Gateway, ThatHold, as_they_are
from pool.errors import GatewayTrouble
from pool.records import Notice, Route


class SimulatedGateway(Gateway):
    """The table of routes in memory."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self.down_until = 0.0
        self.restart()

    def restart(self) -> None:
        """Forget everything, as without a snapshot."""
        self.routes: dict[str, Route] = {}
        self.notices: dict[str, Notice] = {}
        self.keys: list[dict] = []
        self.used: dict[str, datetime] = {}
        self.since = self._world.clock.now()
        self.extension_requests: dict[str, datetime] = {}

    def add_route(self, route: Route, still_holds: Callable[[], bool] = lambda: True) -> bool:
        self._be_asked()
        if not still_holds():
            return False
        self.routes[route.id] = route
        self.notices.pop(route.id, None)
        return True

    def remove_route(self, route_id: str) -> None:
        self._be_asked()
        self._world.check_may_withdraw(route_id)
        self.routes.pop(route_id, None)

    def list_routes(self) -> list[Route]:
        self._be_asked()
        return list(self.routes.values())

    def change_routes(self, add: Collection[Route], remove: Collection[str], that_hold: ThatHold = as_they_are) -> None:
        self._be_asked()
        for route_id in remove:
            self._world.check_may_withdraw(route_id)
        kept = {route_id: route for route_id, route in self.routes.items() if route_id not in remove}
        self.routes = kept | {route.id: route for route in that_hold(add)}

    def put_keys(self, keys: list[dict]) -> None:
        self._be_asked()
        self.keys = keys

    def key_ids(self) -> list[str]:
        self._be_asked()
        return [key["id"] for key in self.keys]

    def put_notices(self, notices: list[Notice]) -> None:
        self._be_asked()
        self.notices |= {notice.id: notice for notice in notices}

    def count_notices(self) -> int:
        self._be_asked()
        return len(self.notices)

    def requested_extensions(self) -> dict[str, datetime]:
        self._be_asked()
        return dict(self.extension_requests)

    def put_pool_page(self, html: str) -> None:
        self._be_asked()
        self._world.secrets.check("the pool page", html)

    def activity(self) -> GatewayActivity:
        self._be_asked()
        return GatewayActivity(self.since, {route: Activity(last_request=at) for route, at in self.used.items()})

    def alive(self) -> bool:
        return self._world.time >= self.down_until

    def _be_asked(self) -> None:
        self._world.lag()
        if self._world.time < self.down_until:
            raise GatewayTrouble("the gateway does not answer")
