"""A gateway of another machine: what its relay is asked over TLS, and what the relay answers.

The relay (runtime/supervision/gateway_relay.py) is beside the gateway. It does there what a worker beside it does by
itself: change the table, keep the snapshot, and ask the kernel how long connections are silent.
"""

import ssl
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from blocks.gateway.activity import Activity, GatewayActivity
from blocks.gateway.client import ANSWER_SECONDS, TABLE_SECONDS, RouteRefused
from pool.errors import GatewayTrouble
from pool.records import Notice, Route

CONNECT_SECONDS = 2
UNKNOWN_TO_US = "CERTIFICATE_VERIFY_FAILED"
KEPT_SECONDS = 60  # that a relay keeps a connection open that nothing is asked on


class Relay:
    """The relay of one gateway. Safe to use from many threads. Each call may be made again.

    All raise `GatewayTrouble` where it, or its gateway, does not answer, and `RouteRefused` for what is not allowed.

    Args:
        url: as in "https://10.0.0.5:8445".
        secret: that relays and workers share.
        authorities: PEM file of what its certificate is of; empty: authorities that are known everywhere.
    """

    def __init__(self, url: str, secret: str, authorities: str = "") -> None:
        self.url, self._secret, self._authorities = url, secret, authorities

    def put_route(self, route: Route) -> None:
        """Publish a session."""
        self._ask("PUT", "/route", asdict(route))

    def drop_route(self, route_id: str) -> None:
        """Forget a session; absent is success."""
        self._ask("PUT", "/changes", {"add": [], "remove": [route_id]})

    def change_routes(self, add: Collection[Route], remove: Collection[str]) -> None:
        """Publish some sessions and forget others in one step."""
        body = {"add": [asdict(route) for route in add], "remove": sorted(remove)}
        self._ask("PUT", "/changes", body, TABLE_SECONDS)

    def list_routes(self) -> list[Route]:
        """Every route that the gateway has. Holds tokens: never log it."""
        return [Route(**record) for record in self._ask("GET", "/routes", seconds=TABLE_SECONDS)]

    def put_keys(self, keys: list[dict]) -> None:
        """Have links and cookies checked with these keys."""
        self._ask("PUT", "/keys", keys)

    def key_ids(self) -> list[str]:
        """Ids of the keys that it checks with."""
        ids: list[str] = self._ask("GET", "/keys")
        return ids

    def put_notices(self, notices: Sequence[Notice]) -> None:
        """Tell visitors of sessions that have no route why."""
        self._ask("PUT", "/notices", [asdict(notice) for notice in notices])

    def count_notices(self) -> int:
        """How many notices it has."""
        count: int = self._ask("GET", "/notices")
        return count

    def requested_extensions(self) -> dict[str, datetime]:
        """When the users of sessions requested at this gateway that these go on, by route id."""
        requested: dict[str, str] = self._ask("GET", "/extensions")
        return {route: datetime.fromisoformat(moment) for route, moment in requested.items()}

    def put_pool_page(self, html: str) -> None:
        """Show this at ``/pool/``."""
        self._ask("PUT", "/pool-page", {"html": html})

    def activity(self) -> GatewayActivity:
        """Last requests and open websockets of all sessions at this gateway."""
        return read_activity(self._ask("GET", "/activity", seconds=TABLE_SECONDS))

    def alive(self) -> None:
        """Say that the gateway behind it answers."""
        self._ask("GET", "/health")

    @cached_property
    def _client(self) -> httpx.Client:
        """Connections stay open: a handshake costs more than a change of the table.

        The file of authorities is read once, and anew after a relay's certificate was not of any of them.
        """
        try:
            trust = ssl.create_default_context(cafile=self._authorities or None)
        except OSError as error:
            raise GatewayTrouble(f"DD_AUTHORITIES: {Path(self._authorities)} cannot be read: {error}") from None
        headers = {"Authorization": f"Bearer {self._secret}"}
        limits = httpx.Limits(keepalive_expiry=KEPT_SECONDS / 2)  # before the relay closes them
        return httpx.Client(base_url=self.url, headers=headers, verify=trust, trust_env=False, limits=limits)

    def _ask(self, method: str, path: str, body: Any = None, seconds: float = ANSWER_SECONDS) -> Any:
        times = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            answer = self._client.request(method, path, json=body, timeout=times)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            if UNKNOWN_TO_US in reason:  # it may have got a new one, and the file with it
                vars(self).pop("_client", None)
            raise GatewayTrouble(f"the gateway's relay {self.url} does not answer: {reason}") from None
        return self._checked(answer)

    def _checked(self, answer: httpx.Response) -> Any:
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise GatewayTrouble(f"the gateway's relay {self.url} has another DD_RELAY_SECRET than this machine")
        if answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise RouteRefused(answer.json()["error"])
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise GatewayTrouble(f"{answer.json()['error']} (of {self.url})")
        if answer.status_code != HTTPStatus.OK:
            raise GatewayTrouble(f"the gateway's relay {self.url} answers {answer.status_code} to {method_of(answer)}")
        return answer.json()


def method_of(answer: httpx.Response) -> str:
    """Return what was asked, as in "PUT /route"; it holds no secret."""
    return f"{answer.request.method} {answer.request.url.path}"


def written_activity(seen: GatewayActivity) -> dict[str, Any]:
    """Write what was seen as JSON has it; moments are in UTC."""
    routes = {
        route: [_written(one.last_request), one.websockets, _written(one.last_traffic), one.cut_off]
        for route, one in seen.routes.items()
    }
    return {"since": seen.since.isoformat(), "routes": routes}


def read_activity(said: dict[str, Any]) -> GatewayActivity:
    """Read what `written_activity` wrote."""
    routes = {
        route: Activity(_read(last_request), websockets, _read(last_traffic), cut_off)
        for route, (last_request, websockets, last_traffic, cut_off) in said["routes"].items()
    }
    return GatewayActivity(datetime.fromisoformat(said["since"]), routes)


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _read(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
