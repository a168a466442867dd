"""Brings a database's record tables to the state of this release, and back; needs no alembic.ini.

Telemetry tables are generated from the catalogue and looked after by `backends.sql_tables`. A new step is one file in
`versions/` (see `docs/recipes.md`): its revision is the next number, its `down_revision` the one before, and HEAD names it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent
HEAD = "0001"
"""The newest step."""


def upgrade(engine: Engine, revision: str = HEAD) -> None:
    """Run every step up to `revision` in one transaction; processes that start at once wait for each other, and nothing is done twice.

    Raises ValueError when the database was made by a newer release.
    """
    found = current(engine)
    if found == revision:
        return  # without Alembic, which costs 11 MB and a tenth of a second
    if found is not None and found > HEAD:
        raise ValueError(f"the database has record tables of revision {found}, this release knows {HEAD}: use the newer release")
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
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return None if found is None else str(found)


def _settings(connection: Connection) -> "Config":
    """Settings that take the place of alembic.ini."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings
