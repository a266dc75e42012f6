"""What the gateway's table has of a session."""

from dataclasses import dataclass, field

from pool.errors import HostUnreachable
from pool.records import Instance, ProxyOptions, Route
from pool.sessions.filling import auth_header_of


@dataclass(frozen=True)
class RoutedSession:
    """What of a session its route is made of. All of twenty thousand sessions is a second's work to read."""

    route: str
    host: str  # its name
    port: int
    user: str
    token: str = field(repr=False)
    proxy: ProxyOptions

    @classmethod
    def of(cls, instance: Instance) -> "RoutedSession":
        """The same of a session that is read already.

        Raises:
            NotFound: it holds room nowhere.
        """
        place = instance.get_placement()
        return cls(instance.route, place.host, place.port, instance.user, instance.token, instance.proxy)


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
