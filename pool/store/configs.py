"""The last known configuration and courses of each pool: what its hosts go on under when its block is gone."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, union, update

from pool.courses.course import Course
from pool.courses.kept import as_kept, of_kept
from pool.states import ENDED, LIVING_HOSTS
from pool.store.engine import Part, insert_unless_there
from pool.store.schema import hosts, instances, pool_configs


class ConfigStore(Part):
    """Configurations and courses as the pools' ticks read them last."""

    def keep(self, pool: str, config: dict[str, Any]) -> None:
        """Write down what the pool is configured as; nothing is written where that is known."""
        if self.last(pool) == config:
            return
        with self._db.writing() as connection:
            insert = insert_unless_there(connection, pool_configs, "pool").values(pool=pool, config=config)
            connection.execute(insert)
            connection.execute(update(pool_configs).where(pool_configs.c.pool == pool).values(config=config))

    def last(self, pool: str) -> dict[str, Any] | None:
        """Return what the pool was configured as at its last tick; None: it never had one."""
        with self._db.reading() as connection:
            query = select(pool_configs.c.config).where(pool_configs.c.pool == pool)
            kept: dict[str, Any] | None = connection.scalar(query)
            return kept

    def keep_courses(self, pool: str, courses: Sequence[Course]) -> None:
        """Write down which courses the pool has, once its configuration is kept; nothing where that is known."""
        kept = [as_kept(course) for course in courses]
        if [as_kept(course) for course in self.courses(pool)] == kept:
            return
        with self._db.writing() as connection:
            connection.execute(update(pool_configs).where(pool_configs.c.pool == pool).values(courses=kept))

    def courses(self, pool: str) -> list[Course]:
        """Return the pool's courses, by name, as its last tick read them; without their files."""
        with self._db.reading() as connection:
            return kept_courses(connection, pool)

    def pools_in_use(self) -> list[str]:
        """Names of the pools that have hosts or sessions now, whether or not they have a configuration."""
        living = select(hosts.c.pool).where(hosts.c.state.in_(sorted(LIVING_HOSTS)))
        going_on = select(instances.c.pool).where(instances.c.state.not_in(sorted(ENDED)))
        with self._db.reading() as connection:
            return sorted(connection.scalars(union(living, going_on)))


def kept_courses(connection: Connection, pool: str) -> list[Course]:
    """Return the courses of a pool, inside a transaction; see :meth:`ConfigStore.courses`."""
    kept = connection.scalar(select(pool_configs.c.courses).where(pool_configs.c.pool == pool))
    return [of_kept(values) for values in kept or []]
