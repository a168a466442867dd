"""Run by Alembic: migrates the connection that `datastore.migrations` hands over, inside its transaction."""

from alembic import context

from datastore.backends.sql_record_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=context.config.attributes["connection"].dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
