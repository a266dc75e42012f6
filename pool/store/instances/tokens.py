"""The tokens of sessions that run, as they are replaced."""

from sqlalchemy import update

from pool.records import Instance
from pool.states import InstanceState
from pool.store.engine import Part
from pool.store.instances.rows import as_instance
from pool.store.schema import instances


class InstanceTokens(Part):
    """Give running sessions other tokens."""

    def fresh_token(self) -> str:
        """Return a token that no session has."""
        return self._db.secret()

    def renew_token(self, instance: Instance, token: str) -> Instance | None:
        """Record another token of a session that runs with the one that is known of it.

        Returns:
            The session as it is now; None where it does not run there any more, or has another token by now.
        """
        known = (instances.c.token == instance.token, instances.c.host == instance.host)
        running = (instances.c.id == instance.id, instances.c.state == InstanceState.RUNNING)
        query = update(instances).where(*running, *known).values(token=token).returning(instances)
        with self._db.writing() as connection:
            row = connection.execute(query).one_or_none()
            return as_instance(row) if row else None
