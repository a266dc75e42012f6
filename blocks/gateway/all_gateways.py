"""Several gateways, or one on another machine, behind the port of one: each change goes to all, by their relays.

Which change comes first is decided once for all machines, by a lock of the pool's database, as the snapshot's lock does
it on one. A gateway that is away keeps no session from starting: it is made equal to SQL by the first tick after it is
back. Until then it has the table of before, and leads where that says.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import reduce
from time import monotonic
from typing import TypeVar

from blocks.gateway.activity import Activity, GatewayActivity
from blocks.gateway.client import Gateway, RouteRefused, ThatHold, as_they_are
from blocks.gateway.relayed import Relay
from blocks.gateway.settings import RelaySettings
from blocks.settings import ProcessSettings
from pool.errors import GatewayTrouble
from pool.records import Notice, Route

#: Seconds for which this process does not ask a relay again that did not answer: each change would wait for it.
AWAY_SECONDS = 10.0
#: As many times the seconds that it was waited for, where that is longer, and at most so many: one that is frozen takes
#: ten to be given up, and the changes of all machines wait behind the one that asks it.
AWAY_TIMES, LONGEST_AWAY = 5, 60.0
LOCK = "gateways"
Answer = TypeVar("Answer")
_logger = logging.getLogger("dockerdriver.gateways")


class AllGateways(Gateway):
    """All gateways of an installation. Safe to use from many threads, processes and machines at once.

    Args:
        relays: of each gateway.
        lock: lends a lock that all machines share, by its name.
        uptime: a clock that only grows, in seconds.
    """

    def __init__(
        self,
        relays: Sequence[Relay],
        lock: Callable[[str], AbstractContextManager[None]],
        uptime: Callable[[], float] = monotonic,
    ) -> None:
        self._relays, self._lock, self._uptime = relays, lock, uptime
        self._away: dict[str, float] = {}  # by address, until when it is not asked

    def add_route(self, route: Route, still_holds: Callable[[], bool] = lambda: True) -> bool:
        """Publish a session at every gateway that answers; one is enough."""
        with self._lock(LOCK):
            if not still_holds():
                return False
            self._ask_reachable(lambda relay: relay.put_route(route))
        return True

    def remove_route(self, route_id: str) -> None:
        """Forget a session at every gateway that answers."""
        with self._lock(LOCK):
            self._ask_reachable(lambda relay: relay.drop_route(route_id))

    def list_routes(self) -> list[Route]:
        """Every route that one of them has; one that not all have alike leads nowhere, and so differs from SQL's."""
        tables = [{one.id: one for one in routes} for routes in self._ask_reachable(lambda it: it.list_routes())]
        known = reduce(lambda all_of_them, table: all_of_them | table, tables)
        alike = {name for name, route in known.items() if all(table.get(name) == route for table in tables)}
        return [route if name in alike else replace(route, address="") for name, route in known.items()]

    def change_routes(self, add: Collection[Route], remove: Collection[str], that_hold: ThatHold = as_they_are) -> None:
        """Publish some sessions and forget others, at every gateway that answers."""
        with self._lock(LOCK):
            held = that_hold(add)
            self._ask_reachable(lambda relay: relay.change_routes(held, remove))

    def put_keys(self, keys: list[dict]) -> None:
        """Have links and cookies checked with these keys, everywhere: a key that was taken away is to open nothing.

        Raises:
            GatewayTrouble: one of them does not answer; all others have the keys.
        """
        with self._lock(LOCK):
            self._ask_all(lambda relay: relay.put_keys(keys))

    def key_ids(self) -> list[str]:
        """Ids of the keys that all check with; empty: not all with the same, or one is away and its keys are not known.

        Raises:
            GatewayTrouble: none of them answers.
        """
        answers, silent = self._answers(self._relays, lambda relay: relay.key_ids())
        if not answers:
            raise silent[0]
        return answers[0] if not silent and all(other == answers[0] for other in answers) else []

    def put_notices(self, notices: list[Notice]) -> None:
        """Tell visitors why, at every gateway that answers."""
        self._ask_reachable(lambda relay: relay.put_notices(notices))

    def count_notices(self) -> int:
        """How many notices the gateway has that has the fewest: none, where one of them was started again."""
        return min(self._ask_reachable(lambda relay: relay.count_notices()))

    def requested_extensions(self) -> dict[str, datetime]:
        """When users requested at any of them that their sessions go on; the last time, where at several."""
        requested: dict[str, datetime] = {}
        for of_one in self._ask_reachable(lambda relay: relay.requested_extensions()):
            requested |= {route: max(at, requested.get(route, at)) for route, at in of_one.items()}
        return requested

    def put_pool_page(self, html: str) -> None:
        """Show it at every gateway that answers."""
        self._ask_reachable(lambda relay: relay.put_pool_page(html))

    def activity(self) -> GatewayActivity:
        """What all of them saw.

        Raises:
            GatewayTrouble: one does not answer. Who uses a session there is not known, and unknown is not idle.
        """
        return reduce(merged, self._ask_all(lambda relay: relay.activity()))

    def alive(self) -> bool:
        """Whether one of them answers."""
        try:
            self._ask_reachable(lambda relay: relay.alive())
        except GatewayTrouble:
            return False
        return True

    def troubles(self) -> dict[str, str]:
        """Say of each, by its address, why it does not answer; empty: it does."""
        return {relay.url: _trouble(relay) for relay in self._relays}

    def _ask_reachable(self, ask: Callable[[Relay], Answer]) -> list[Answer]:
        """Ask each gateway that is not known to be away, and log which of them did not answer.

        Raises:
            GatewayTrouble: none of them answers.
            RouteRefused: one refuses.
        """
        there = [one for one in self._relays if self._away.get(one.url, 0.0) <= self._uptime()]
        answers, silent = self._answers(there or self._relays, ask)
        if not answers:
            raise silent[0]
        for trouble in silent:
            _logger.warning("%s; the others were told, and a tick tells it when it is back", trouble)
        return answers

    def _ask_all(self, ask: Callable[[Relay], Answer]) -> list[Answer]:
        """Ask each gateway, also those that are known to be away.

        Raises:
            GatewayTrouble: one does not answer; all others were asked.
        """
        answers, silent = self._answers(self._relays, ask)
        if silent:
            raise silent[0]
        return answers

    def _answers(
        self, relays: Sequence[Relay], ask: Callable[[Relay], Answer]
    ) -> tuple[list[Answer], list[GatewayTrouble]]:
        answers, silent = list[Answer](), list[GatewayTrouble]()
        for relay in relays:
            asked_at = self._uptime()
            try:
                answers.append(ask(relay))
                self._away.pop(relay.url, None)
            except RouteRefused:
                raise
            except GatewayTrouble as trouble:
                now = self._uptime()
                self._away[relay.url] = now + max(AWAY_SECONDS, min(LONGEST_AWAY, AWAY_TIMES * (now - asked_at)))
                silent.append(trouble)
        return answers, silent


def without_lock(_name: str) -> AbstractContextManager[None]:
    """Take no lock: for commands that only read."""
    return nullcontext()


def gateway_of(settings: ProcessSettings, lock: Callable[[str], AbstractContextManager[None]]) -> Gateway:
    """Return the gateway of an installation: all of them together, or the one of this machine.

    Args:
        settings: of the installation.
        lock: as for `AllGateways`.

    Raises:
        BadRequest: a setting of relays cannot be.
    """
    if not settings.gateway_relays:
        return Gateway(settings.gateway_socket, settings.gateway_snapshot)
    secret = RelaySettings.given().secret.get_secret_value()
    return AllGateways([Relay(url, secret, settings.authorities) for url in settings.gateway_relays], lock)


def _trouble(relay: Relay) -> str:
    try:
        relay.alive()
    except GatewayTrouble as trouble:
        return str(trouble)
    return ""


def merged(one: GatewayActivity, other: GatewayActivity) -> GatewayActivity:
    """Merge what two gateways saw: a session is idle for no longer than the younger one has watched."""
    routes = {
        route: _merged_use(one.routes.get(route, Activity()), other.routes.get(route, Activity()))
        for route in one.routes.keys() | other.routes.keys()
    }
    return GatewayActivity(max(one.since, other.since), routes)


def _merged_use(one: Activity, other: Activity) -> Activity:
    requests = filter(None, (one.last_request, other.last_request))
    traffic = filter(None, (one.last_traffic, other.last_traffic))
    sockets, cut_off = one.websockets + other.websockets, one.cut_off + other.cut_off
    return Activity(max(requests, default=None), sockets, max(traffic, default=None), cut_off)
