"""What a pool's sessions wanted and its hosts had, for a picture: three reads, and no names."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from sqlalchemy import select

from pool.changes import Change, Noun
from pool.records import Host
from pool.states import ENDED, HostState
from pool.store.engine import Part
from pool.store.history import as_change, placed_at
from pool.store.hosts.host_rows import as_host
from pool.store.schema import changes, hosts, instances
from pool.what_if.on_record import Recorded, Span, active_spans

_OF_SESSION = [instances.c[name] for name in ("slots", "state", "state_since", "created_at")]


class DemandStore(Part):
    """Read what was wanted and what was there."""

    def recorded(self, pool: str, since: datetime, now: datetime) -> Recorded:
        """What there was in the pool from *since* until *now*; spans may begin earlier.

        A session that lost its room and got other room waited until it got that, as in a visit.
        """
        held, waited = list[Span](), list[Span]()
        lasted = instances.c.state.not_in(sorted(ENDED)) | (instances.c.state_since >= since)
        query = select(*_OF_SESSION, placed_at(instances.c.id).label("placed"))
        with self._db.reading() as connection:
            rows = connection.execute(query.where(instances.c.pool == pool, lasted)).all()
        for row in rows:
            end = row.state_since if row.state in ENDED else now
            waited.append(Span(row.created_at, row.placed or end, row.slots))
            if row.placed:
                held.append(Span(row.placed, end, row.slots))
        return Recorded(tuple(held), tuple(waited), tuple(self._room(pool, since, now)))

    def _room(self, pool: str, since: datetime, now: datetime) -> list[Span]:
        there = (hosts.c.state != HostState.REMOVED) | (hosts.c.state_since >= since)
        which = select(hosts).where(hosts.c.pool == pool, hosts.c.active_at.is_not(None), there)
        with self._db.reading() as connection:
            known = [as_host(row) for row in connection.execute(which)]
            about = (changes.c.noun == Noun.HOST, changes.c.subject.in_([host.name for host in known]))
            rows = connection.execute(select(changes).where(*about).order_by(changes.c.subject, changes.c.id)).all()
        return _spans(known, map(as_change, rows), now)


def _spans(known: Iterable[Host], ordered: Iterable[Change], now: datetime) -> list[Span]:
    of = {name: [*lines] for name, lines in groupby(ordered, lambda change: change.subject)}
    return [span for host in known for span in active_spans(host, of.get(host.name, []), now)]
