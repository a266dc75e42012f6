"""Tasks on routes: publish, withdraw, repair."""

from collections.abc import Callable, Collection, Sequence

from blocks.gateway.client import Gateway, RouteRefused
from blocks.outside import log, now, outside
from pool.errors import DatabaseAway, DockerDriverError
from pool.open_pages.messages import SessionMessage, message_for
from pool.printable import how_many
from pool.records import Host, Instance, Route
from pool.sessions.drain import deadline_of
from pool.sessions.routing import RoutedSession, route_to, with_page
from pool.sessions.timings import Phase
from pool.states import InstanceState
from tasks.base import look_up, pool_task


def route_of(instance: Instance, host: Host, said: Collection[SessionMessage] = ()) -> Route:
    """What the gateway must know of a session. Holds its token: never log it."""
    session = RoutedSession.of(instance)
    message = message_for(session.id, session.host, said)
    return with_page(route_to(session, host.get_address()), session, deadline_of(host), message)


@pool_task(retries=3, retry_delay_seconds=[0.5, 2, 5], task_run_name="publish the route of {instance.id}")
def publish_route(instance: Instance) -> None:
    """Tell the gateway where the session is; telling it twice is harmless.

    SQL is looked at again when no withdrawal can come between any more: a session that was ended meanwhile gets no
    route, which would be left when its port is another session's.
    """
    host = outside().store.hosts.get(instance.get_placement().host)
    if not outside().gateway.add_route(_current_route(instance, host), lambda: _runs_there(instance)):
        log().warning("instance %s went on meanwhile: its route as it was is not published", instance.id)
    else:
        _note_routed(instance)


def _current_route(instance: Instance, host: Host) -> Route:
    return route_of(instance, host, outside().store.messages.current(now()))


def _note_routed(instance: Instance) -> None:
    """Write down when the route was live. That it cannot be written turns no running session into a failure."""
    try:
        outside().store.timings.note_first(instance.id, Phase.ROUTED, now())
    except DatabaseAway as error:
        log().warning("when the route of %s was live is not known: %s", instance.id, error)


def _runs_there(instance: Instance) -> bool:
    current = outside().store.instances.get(instance.id)
    known = (instance.placement, instance.token)  # another token may have been given meanwhile, and published
    return current.state is InstanceState.RUNNING and (current.placement, current.token) == known


@look_up()
def tell_open_page(instance: Instance) -> None:
    """Publish the route again with what the session's open page shows now; where that fails, the next tick does it."""
    try:
        host = outside().store.hosts.get(instance.get_placement().host)
        outside().gateway.add_route(_current_route(instance, host), lambda: _runs_there(instance))
    except DockerDriverError as error:
        log().warning("the open page of %s is told at the next tick: %s", instance.id, error)


@pool_task(
    retries=3,
    retry_delay_seconds=[0.5, 2, 5],
    task_run_name="withdraw the route of {instance.id}",
)
def withdraw_route(instance: Instance) -> None:
    """Have the gateway forget the session; absent is success."""
    outside().gateway.remove_route(instance.route)


@look_up(retries=1, retry_delay_seconds=2)
def routes_differ() -> bool:
    """Whether the gateway's table is not that of SQL, or a pool's routes cannot be read."""
    return any(_differences())


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="repair the routes")
def repair_routes() -> str:
    """Make the gateway's table equal to SQL; says what it changed, or nothing."""
    return _repair()


@look_up()
def tell_open_pages() -> str:
    """Publish all routes again with what open pages show now; return why the next tick has to do it, or nothing."""
    try:
        _repair()
    except DockerDriverError as error:
        return str(error)
    return ""


def _repair() -> str:
    missing, surplus, unread = _differences()
    if missing or surplus:
        settle_routes(outside().gateway, missing, surplus, _routes_by_now)
    said = f"{how_many(len(missing), 'route')} added, {len(surplus)} removed" if missing or surplus else ""
    return "; ".join(filter(None, [said, *unread]))


def _differences() -> tuple[list[Route], Collection[str], list[str]]:
    """Routes that the gateway lacks, ids of those that it must forget, and why a pool's could not be read.

    The gateway is read before SQL: a session runs in SQL before its route is published, so a route whose session is
    not running by then is surely over. What is to be added is looked at in SQL again when the gateway's lock is held:
    a session that ends later withdraws its route after that.
    """
    found = {route.id: route for route in outside().gateway.list_routes()}
    wanted, unread = _wanted_routes()
    missing = [route for key, route in wanted.items() if found.get(key) != route]
    surplus = found.keys() - wanted.keys() if not unread else ()  # they may be of the pool that could not be read
    return missing, surplus, unread


def _wanted_routes() -> tuple[dict[str, Route], list[str]]:
    """The routes of all running sessions, and for each pool that could not be read, why."""
    wanted: dict[str, Route] = {}
    unread: list[str] = []
    for pool in outside().store.hosts.pools():
        try:
            wanted |= _routes_of(pool)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the rows of one pool, the others have theirs
            unread.append(f"the routes of {pool} cannot be read: {error}")
    return wanted, unread


def _routes_of(pool: str) -> dict[str, Route]:
    store = outside().store
    addresses, deadlines, said = store.hosts.addresses(), store.hosts.deadlines(), store.messages.current(now())

    def told(one: RoutedSession) -> Route:
        route = route_to(one, addresses[one.host])
        return with_page(route, one, deadlines.get(one.host), message_for(one.id, one.host, said))

    return {one.route: told(one) for one in store.instances.routed(pool) if one.host in addresses}


def _routes_by_now(names: Collection[str]) -> list[Route]:
    """Of these routes those whose session runs, as SQL has them by now.

    Since they were read a session may have another token, place or end, or be back from a move: its own run has
    published that already.
    """
    wanted, _ = _wanted_routes()
    return [wanted[name] for name in names if name in wanted]


def settle_routes(
    table: Gateway,
    missing: Sequence[Route],
    surplus: Collection[str],
    by_now: Callable[[Collection[str]], Collection[Route]],
) -> None:
    """Change all in one step. Where one route is refused, the others do not wait for it.

    Args:
        table: of the gateway.
        missing: routes to publish.
        surplus: ids of routes to withdraw.
        by_now: asked when no other change can come between any more; of the named routes, returns those to be there.

    Raises:
        RouteRefused: one is refused; the others are published.
    """

    def change(add: Sequence[Route], remove: Collection[str]) -> RouteRefused | None:
        names = dict.fromkeys([*(route.id for route in add), *remove])
        try:
            table.change_routes(add, remove, lambda _: by_now(names))
        except RouteRefused as error:
            return error
        return None

    if change(missing, surplus):
        refusals = [change((), surplus), *(change([route], ()) for route in missing)]
        if refused := next(filter(None, refusals), None):
            raise refused
