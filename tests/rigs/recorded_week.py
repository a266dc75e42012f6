"""A week of a teaching site on record, from a seed, so that what-if and advise can be tried without an installation.

`python -m tests.rigs.recorded_week FOLDER [UNTIL]` writes the last whole week before a day (today), and then
`DD_DATA=FOLDER DD_DATABASE=sqlite dockerdriver what-if …` replays it.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import create_engine, insert

from blocks.stored.pool_config import PoolConfig
from pool.records import FlavorSize
from pool.states import HostState
from pool.store.pool_store import PoolStore
from pool.store.schema import visits
from pool.what_if.replay import USUAL_REMOVAL
from tests.benchmarks.arrivals import SEED, week_of

WEEK = timedelta(days=7)


def record(folder: Path, now: datetime, seed: int = SEED) -> None:
    """Write the latest week that was whole by *now*, Monday 08:00 on, into a new SQLite file in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'pool.sqlite'}"
    store = PoolStore.open(url)
    store.upgrade()
    store.configs.keep("main", PoolConfig(DD_MAX_HOSTS=6).as_kept())
    begin = (now - timedelta(days=now.weekday())).replace(hour=8, minute=0, second=0, microsecond=0) - WEEK
    came, boots = week_of(Random(seed))
    rows = [
        {"pool": "main", "at": begin + timedelta(seconds=one.at), "slots": 1, "waited": 0}
        | {"stayed": one.seconds, "allowed": one.seconds}
        for one in came
    ]
    with create_engine(url).begin() as connection:
        connection.execute(insert(visits), rows)
    for number, seconds in enumerate(boots[:60]):
        _boot(store, f"run-{number}", begin + timedelta(hours=number), seconds)
    store.close()


def _boot(store: PoolStore, run: str, at: datetime, seconds: float) -> None:
    host = store.hosts.claim("main", FlavorSize.SMALL, 6, run, 9999, at)
    store.hosts.move(host.name, HostState.CONFIGURING, at)
    for state in (HostState.ACTIVE, HostState.DRAINING, HostState.REMOVING):
        store.hosts.move(host.name, state, at + timedelta(seconds=seconds))
    store.hosts.move(host.name, HostState.REMOVED, at + timedelta(seconds=seconds + USUAL_REMOVAL))


if __name__ == "__main__":
    until = datetime.fromisoformat(sys.argv[2]).replace(tzinfo=UTC) if sys.argv[2:] else datetime.now(UTC)
    record(Path(sys.argv[1]), until)
