"""Alembic runs this for each command, with the connection that ``pool.store.migrations.upgrade`` has locked."""

from alembic import context

from pool.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
