"""The last known configuration of each pool: what its hosts go on under when its block is gone."""

from typing import Any

from sqlalchemy import select, union, update

from pool.states import ENDED, LIVING_HOSTS
from pool.store.engine import Part, insert_unless_there
from pool.store.schema import hosts, instances, pool_configs


class ConfigStore(Part):
    """Configurations as the pools' ticks read them last."""

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

    def pools_in_use(self) -> list[str]:
        """Names of the pools that have hosts or sessions now, whether or not they have a configuration."""
        living = select(hosts.c.pool).where(hosts.c.state.in_(sorted(LIVING_HOSTS)))
        going_on = select(instances.c.pool).where(instances.c.state.not_in(sorted(ENDED)))
        with self._db.reading() as connection:
            return sorted(connection.scalars(union(living, going_on)))
