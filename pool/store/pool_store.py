"""The pool's memory: each noun has its part, whose methods are short transactions with ``now`` as an argument."""

from typing import Self

from pool.store.backup_places import BackupPlaceStore
from pool.store.backups import BackupStore
from pool.store.configs import ConfigStore
from pool.store.drivers.state import DriverStateStore
from pool.store.engine import Database, open_engine
from pool.store.history import HistoryStore
from pool.store.hosts.host_store import HostStore
from pool.store.images import ImageStore
from pool.store.instances.demand import DemandStore
from pool.store.instances.instance_store import InstanceStore
from pool.store.instances.standbys import StandbyStore
from pool.store.leases import LeaseStore
from pool.store.messages import MessageStore
from pool.store.migrations import check_current, downgrade, has_tables, upgrade
from pool.store.orphans import OrphanStore
from pool.store.outage import WAIT_SECONDS, Patience
from pool.store.ticks import TickStore
from pool.store.timings import TimingStore


class PoolStore:
    """What is remembered of hosts, sessions, backups, images, ticks and drivers, by noun, in SQLite or PostgreSQL.

    Safe to share between threads. Every call waits for a database that is away, and raises ``DatabaseAway`` when it is
    so for too long.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.hosts = HostStore(database)
        self.instances = InstanceStore(database)
        self.standbys = StandbyStore(database)
        self.backups = BackupStore(database)
        self.backup_places = BackupPlaceStore(database)
        self.images = ImageStore(database)
        self.orphans = OrphanStore(database)
        self.leases = LeaseStore(database)
        self.ticks = TickStore(database)
        self.history = HistoryStore(database)
        self.demand = DemandStore(database)
        self.configs = ConfigStore(database)
        self.messages = MessageStore(database)
        self.timings = TimingStore(database)
        self.driver_state = DriverStateStore(database)

    @property
    def writes(self) -> int:
        """How many writing transactions this process has begun."""
        return self._database.writes

    @classmethod
    def open(cls, url: str, wait_seconds: float = WAIT_SECONDS) -> Self:
        """Open the database that a SQLAlchemy URL names; an SQLite file is made, with its folder, if there is none.

        Args:
            url: of the database.
            wait_seconds: that each call waits for it while it is away; 0: it is told at once.

        Raises:
            BadRequest: the URL is of no database that the pool can be kept in.
        """
        return cls(Database(open_engine(url), Patience(wait_seconds)))

    def upgrade(self) -> None:
        """Bring the tables to the form that this version needs; safe when several processes do it at once.

        Raises:
            Refused: the database was made by a newer version.
            DatabaseAway: it did not answer.
        """
        self._database.outage.outlast(lambda: upgrade(self._database.engine))

    def downgrade(self, revision: str) -> list[str]:
        """Bring the tables back to an earlier revision; return those that were taken back, the newest first.

        Raises:
            Refused: there is no way back to it; nothing was changed.
        """
        return downgrade(self._database.engine, revision)

    def check_current(self) -> None:
        """Change nothing; refuse tables that are not of the form that this version reads.

        Raises:
            Refused: `make up` has to bring them up to date, or a newer version made them.
        """
        with self._database.reading() as connection:
            check_current(connection)

    def has_tables(self) -> bool:
        """Whether the tables were ever made in this database."""
        with self._database.reading() as connection:
            return has_tables(connection)

    def trouble(self) -> str:
        """Return why the database does not answer a query; empty: it answers."""
        return self._database.trouble()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()
