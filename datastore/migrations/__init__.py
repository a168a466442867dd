"""Brings a database's record tables to the state of this release, and back; needs no alembic.ini.

Telemetry tables are generated from the catalogue and looked after by `backends.sql_tables`. A new step is one file in
`versions/` (see `docs/recipes.md`); its name sorts by number, its `down_revision` names the one before.
"""

from pathlib import Path

from sqlalchemy import Engine

FOLDER = Path(__file__).parent


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run every step up to `revision` in one transaction; processes that start at once wait for each other, and nothing is done twice."""
    from alembic import command

    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        command.upgrade(_settings(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Undo the steps after `revision` ("base" = all) in one transaction."""
    from alembic import command

    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        command.downgrade(_settings(connection), revision)


def current(engine: Engine) -> str | None:
    """The revision the database is at; None before the first."""
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _settings(connection: object):  # type: ignore[no-untyped-def]
    """Settings that take the place of alembic.ini."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings
