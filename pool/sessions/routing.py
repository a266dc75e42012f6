"""What the gateway's table has of a session."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pool.errors import HostUnreachable
from pool.open_pages.extending import extendable_from
from pool.open_pages.messages import SessionMessage
from pool.records import Instance, ProxyOptions, Route
from pool.sessions.filling import auth_header_of
from pool.states import EndCause

#: Of a session, what its open page is told by.
OF_PAGE = ("id", "expires_at", "idle_timeout", "extend_by", "extensions")


@dataclass(frozen=True)
class RoutedSession:
    """What of a session its route is made of. All of twenty thousand sessions is a second's work to read."""

    route: str
    host: str  # its name
    port: int
    user: str
    token: str = field(repr=False)
    proxy: ProxyOptions
    id: str = ""
    expires_at: datetime | None = None
    idle_timeout: int = 0
    extend_by: int = 0
    extensions: int = 0

    @classmethod
    def of(cls, instance: Instance) -> "RoutedSession":
        """The same of a session that is read already.

        Raises:
            NotFound: it holds room nowhere.
        """
        place = instance.get_placement()
        told = {name: getattr(instance, name) for name in OF_PAGE}
        return cls(instance.route, place.host, place.port, instance.user, instance.token, instance.proxy, **told)


def route_to(session: RoutedSession, address: str | None) -> Route:
    """What the gateway must know of a session. Holds its token: never log it.

    Args:
        session: that runs.
        address: of its host.

    Raises:
        HostUnreachable: it has none yet.
    """
    if address is None:
        raise HostUnreachable(f"host {session.host} has no address yet")
    proxy = session.proxy
    return Route(
        id=session.route,
        address=address,
        port=session.port,
        token_header=auth_header_of(proxy, session.token, session.user),
        strip_prefix=proxy.strip_prefix,
        rewrite_redirects=proxy.rewrite_redirects,
        max_upload_mb=proxy.max_upload_mb,
        sign_in=proxy.sign_in,
    )


def with_page(route: Route, session: RoutedSession, deadline: datetime | None, message: SessionMessage | None) -> Route:
    """Return the route with what the session's open page is told.

    Args:
        route: to the session.
        session: that runs.
        deadline: until when the drain of its host has, if it drains and has a deadline.
        message: what its user is told by an operator.
    """
    return replace(route, **_end_of(session, deadline), **_message_of(message))


def _end_of(session: RoutedSession, deadline: datetime | None) -> Mapping[str, Any]:
    ends = [(at, why) for at, why in ((session.expires_at, EndCause.EXPIRED), (deadline, EndCause.DRAINED)) if at]
    if not ends:
        return {"idle_timeout": session.idle_timeout}
    at, why = min(ends)
    offered = extendable_from(session.expires_at, session.extend_by, session.extensions)
    extend_from = math.ceil(offered.timestamp()) if offered and why is EndCause.EXPIRED else 0
    return {
        "ends_at": int(at.timestamp()),
        "ends_because": str(why),
        "idle_timeout": session.idle_timeout,
        "extend_by": session.extend_by if extend_from else 0,
        "extend_from": extend_from,
    }


def _message_of(message: SessionMessage | None) -> Mapping[str, Any]:
    if message is None:
        return {}
    until = int(message.until.timestamp())
    return {"message": message.words, "message_level": str(message.level), "message_until": until}
