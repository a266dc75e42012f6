"""Alembic runs this for each command, with the connection that ``pool.migrations.upgrade`` has locked."""

from alembic import context

from pool.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
