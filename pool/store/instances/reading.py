"""Find instances: each question is one read."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from pool.records import Instance
from pool.sessions.routing import OF_PAGE, RoutedSession
from pool.states import ENDED, EndCause, InstanceState
from pool.store.engine import Part, in_parts
from pool.store.instances.rows import as_instance, as_proxy, get_instance
from pool.store.schema import instances


class InstanceReading(Part):
    """Ask for instances that are on record."""

    def get(self, instance_id: str) -> Instance:
        """The instance of this id.

        Raises:
            NotFound: "no instance is named alice-1".
        """
        with self._db.reading() as connection:
            return get_instance(connection, instance_id)

    def find(self, instance_id: str) -> Instance | None:
        """The instance of this id; None when no request ever had it."""
        return self.named([instance_id]).get(instance_id)

    def all(
        self,
        pool: str | None = None,
        states: Iterable[InstanceState] | None = None,
        host: str | None = None,
        limit: int | None = None,
    ) -> list[Instance]:
        """The instances of a pool, in some states, holding room on a host (None: of any), the *limit* oldest first."""
        query = select(instances).order_by(instances.c.created_at, instances.c.id).limit(limit)
        if pool is not None:
            query = query.where(instances.c.pool == pool)
        if states is not None:
            query = query.where(instances.c.state.in_(sorted(states)))
        if host is not None:
            query = query.where(instances.c.host == host)
        with self._db.reading() as connection:
            rows = connection.execute(query).all()
        return [as_instance(row) for row in rows]  # outside of the transaction: of many it takes long

    def counts(self, pool: str) -> Counter[InstanceState]:
        """How many instances of the pool are in each state."""
        query = select(instances.c.state, func.count()).where(instances.c.pool == pool).group_by(instances.c.state)
        with self._db.reading() as connection:
            return Counter(dict(connection.execute(query).tuples().all()))

    def named(self, ids: Collection[str]) -> dict[str, Instance]:
        """Those of these instances that are on record, by their ids, in the order in which they were asked for."""
        query = (
            select(instances).where(instances.c.id.in_(sorted(ids))).order_by(instances.c.created_at, instances.c.id)
        )
        with self._db.reading() as connection:
            return {row.id: as_instance(row) for row in connection.execute(query).all()}

    def routed(self, pool: str) -> list[RoutedSession]:
        """What the routes of all running sessions of the pool are made of. Holds their tokens: never log it."""
        columns = [instances.c[name] for name in ("route", "host", "port", "user", "token", "proxy", *OF_PAGE)]
        query = select(*columns).where(instances.c.pool == pool, instances.c.state == InstanceState.RUNNING)
        with self._db.reading() as connection:
            rows = connection.execute(query).all()
        return [
            RoutedSession(one.route, one.host, one.port, one.user, one.token, as_proxy(**one.proxy), *one[6:])
            for one in rows
        ]

    def of_routes(self, routes: Collection[str]) -> list[Instance]:
        """Those that have these routes, whatever their state."""
        found: list[Instance] = []
        with self._db.reading() as connection:
            for part in in_parts(routes):
                rows = connection.execute(select(instances).where(instances.c.route.in_(part))).all()
                found.extend(map(as_instance, rows))
        return found

    def queue(self, pool: str) -> list[Instance]:
        """Those that wait for room in the pool, the next one first."""
        return self.all(pool, [InstanceState.QUEUED])

    def ended(
        self, since: datetime, limit: int, states: Iterable[InstanceState] = ENDED, pool: str | None = None
    ) -> list[Instance]:
        """The latest sessions to have ended so, of a pool (None: of all), none of them before *since*, newest first."""
        over = (instances.c.state.in_(sorted(states)), instances.c.state_since >= since)
        query = select(instances).where(*over).order_by(instances.c.state_since.desc()).limit(limit)
        if pool is not None:
            query = query.where(instances.c.pool == pool)
        with self._db.reading() as connection:
            return [as_instance(row) for row in connection.execute(query).all()]

    def found(
        self, user: str | None = None, since: datetime | None = None, failed: bool = False, limit: int = 200
    ) -> list[Instance]:
        """The latest sessions, living and over, newest request first: of one user, living since a moment, failed."""
        query = select(instances).order_by(instances.c.created_at.desc(), instances.c.id).limit(limit)
        if user is not None:
            query = query.where(instances.c.user == user)
        if since is not None:
            query = query.where(instances.c.state.not_in(sorted(ENDED)) | (instances.c.state_since >= since))
        if failed:
            query = query.where(instances.c.state == InstanceState.FAILED)
        with self._db.reading() as connection:
            return [as_instance(row) for row in connection.execute(query).all()]

    def failures(self, pool: str, since: datetime) -> dict[EndCause, int]:
        """How many sessions of the pool have failed from a moment on, by cause; those whose cause is known."""
        failed = (instances.c.state == InstanceState.FAILED, instances.c.state_since >= since)
        of_pool = (instances.c.pool == pool, instances.c.end_cause.is_not(None))
        query = select(instances.c.end_cause, func.count()).where(*failed, *of_pool).group_by(instances.c.end_cause)
        with self._db.reading() as connection:
            return dict(connection.execute(query).tuples().all())

    def ended_among(self, ids: Collection[str]) -> set[str]:
        """Those of these sessions that are over."""
        return self._among(ids, instances.c.state.in_(sorted(ENDED)))

    def living_among(self, ids: Collection[str]) -> set[str]:
        """Those of these sessions that are on record and not over."""
        return self._among(ids, instances.c.state.not_in(sorted(ENDED)))

    def _among(self, ids: Collection[str], condition: ColumnElement[bool]) -> set[str]:
        query = select(instances.c.id).where(condition)
        if not ids:
            return set()
        with self._db.reading() as connection:
            found = (connection.scalars(query.where(instances.c.id.in_(part))) for part in in_parts(ids))
            return {one for some in found for one in some}
