"""Brings a database's record tables to the state of this release, and back; needs no alembic.ini.

Telemetry tables are generated from the catalogue and looked after by the engines. A new step is one file in `versions/` (see
`docs/recipes.md`): its revision is the next number, its `down_revision` the one before, and HEAD names it.

On SQLite and PostgreSQL a step is done or not done. MariaDB and MySQL commit every DDL statement at once: there a step that was
interrupted leaves a part of itself, and the next start does the rest, so a step uses the functions of `migrations.parts`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from datastore.migrations.turns import turn

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent
HEAD = "0004"
"""The newest step."""


def upgrade(engine: Engine, revision: str = HEAD) -> None:
    """Run every step up to `revision`; processes that start at once wait for each other, and nothing is done twice.

    Raises ValueError when the database was made by a newer release, or tables of somebody else are in the way.
    """
    found = current(engine)
    if found == revision:
        return  # without Alembic, which costs 11 MB and a tenth of a second
    if found is not None and found > HEAD:
        raise ValueError(f"the database has record tables of revision {found}, this release knows {HEAD}: use the newer release")
    from alembic import command

    with engine.connect().execution_options(writes=True) as connection, turn(connection):
        command.upgrade(_settings(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Undo the steps after `revision` ("base" = all)."""
    from alembic import command

    with engine.connect().execution_options(writes=True) as connection, turn(connection):
        settings = _settings(connection)
        command.downgrade(settings, revision)
        for undo in settings.attributes.get("afterwards", ()):
            undo(connection)


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
