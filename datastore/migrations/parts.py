"""What steps are made of. Each part may be repeated, because MariaDB and MySQL keep what an interrupted step had done."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import DropTable

log = logging.getLogger(__name__)

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NUMBER = sa.Float(53).with_variant(mysql.DOUBLE(asdecimal=False), "mysql")
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql")
JSON = sa.JSON().with_variant(mysql.LONGTEXT(), "mysql")
_MAY_NOT = (1142, 1227, 1419)
"""What MariaDB and MySQL answer to a user without TRIGGER, or without SUPER where there is a binary log."""
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def keeps_halves() -> bool:
    """Whether this database commits each DDL statement at once."""
    return op.get_bind().dialect.name == "mysql"


def create(metadata: sa.MetaData) -> None:
    """Create these tables with their indices. Raises ValueError, before anything is created, when a table of somebody else has one
    of the names; what an interrupted run left is taken up."""
    bind = op.get_bind()
    inspector = sa.inspect(bind)
    there = set(inspector.get_table_names())
    for table in metadata.sorted_tables:
        if table.name in there and not (keeps_halves() and _is_ours(inspector, table)):
            raise ValueError(
                f"a table {table.name!r} that is not ours exists already: give the records a database of their own (RECORDS_URL)"
            )
    for table in metadata.sorted_tables:
        if table.name not in there:
            _dressed(table).create(bind)
        else:
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                index.create(bind, checkfirst=True)


def _is_ours(inspector: sa.Inspector, table: sa.Table) -> bool:
    # columns too many are those of a later step, whose way down was interrupted
    return _columns(inspector, table.name) >= set(table.columns.keys())


def _columns(inspector: sa.Inspector, table: str) -> set[str]:
    return {column["name"] for column in inspector.get_columns(table)}


def _dressed(table: sa.Table) -> sa.Table:
    """On MariaDB and MySQL: texts compare as SQLite and PostgreSQL compare them, by code point, with their case and their final spaces."""
    dialect = op.get_bind().dialect
    copy = table.to_metadata(sa.MetaData(naming_convention=NAMES))
    if keeps_halves():
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        copy.dialect_options["mysql"].update(engine="InnoDB", charset="utf8mb4", collate=collation, row_format="DYNAMIC")
    return copy


def insert_missing(table: sa.Table | sa.TableClause, key: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert the rows whose `key` is not there."""
    bind = op.get_bind()
    there = set(bind.scalars(sa.select(table.c[key])))
    if missing := [dict(row) for row in rows if row[key] not in there]:
        op.bulk_insert(table, missing)


def drop(names: Sequence[str]) -> None:
    """Drop these tables. Where that cannot be taken back it is done last, when the database already says that it is of the earlier
    revision: an interruption then leaves tables too many, which the way up takes over, and never one too few."""
    for name in names:
        if keeps_halves():
            _afterwards().append(partial(_drop_table, name))
        else:
            op.drop_table(name)


def _afterwards() -> list[Any]:
    found: list[Any] = context.config.attributes.setdefault("afterwards", [])
    return found


def _drop_table(name: str, connection: sa.Connection) -> None:
    connection.execute(DropTable(sa.Table(name, sa.MetaData()), if_exists=True))


def add_columns(table: str, columns: Sequence[sa.Column[Any]]) -> None:
    """Add those columns that the table does not have yet."""
    there = _columns(sa.inspect(op.get_bind()), table)
    for column in columns:
        if column.name not in there:
            op.add_column(table, column)


def drop_columns(table: str, names: Sequence[str]) -> None:
    """Drop these columns; as `drop`, last where that cannot be taken back."""
    for name in names:
        if keeps_halves():
            _afterwards().append(partial(_drop_column, table, name))
        else:
            op.drop_column(table, name)


def give_numbers_once(table: str, once: bool = True) -> None:
    """Let a number of this table, once given out, never be given out again, though its row is dropped: what servers do by themselves."""
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": once}):
            pass


def add_indexes(table: sa.Table) -> None:
    """Add those indices of a described table that it does not have yet."""
    for index in table.indexes:
        index.create(op.get_bind(), checkfirst=True)


def drop_indexes(table: sa.Table) -> None:
    """Drop the indices of a described table; as `drop`, last where that cannot be taken back."""
    if keeps_halves():
        _afterwards().append(partial(_drop_indexes, table))
    else:
        _drop_indexes(table, op.get_bind())


def _drop_indexes(table: sa.Table, connection: sa.Connection) -> None:
    for index in table.indexes:
        index.drop(connection, checkfirst=True)


def _drop_column(table: str, name: str, connection: sa.Connection) -> None:
    inspector = sa.inspect(connection)
    if inspector.has_table(table) and name in _columns(inspector, table):
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {name}")


def only_grows(table: str) -> None:
    """Let the database refuse to change or delete a row of this table, whatever tool asks."""
    says = f"the {table} log only grows"
    {"sqlite": _only_grows_sqlite, "postgresql": _only_grows_postgresql, "mysql": _only_grows_mysql}[op.get_bind().dialect.name](
        table, says
    )


def _only_grows_sqlite(table: str, says: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{says}'); END")


def _only_grows_postgresql(table: str, says: str) -> None:
    name = f"{table}_only_grows"
    op.execute(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{says}'; END $$")
    op.execute(f"CREATE TRIGGER {name} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")


def _only_grows_mysql(table: str, says: str) -> None:
    try:
        for verb in ("UPDATE", "DELETE"):
            name = f"{table}_no_{verb.lower()}"
            op.execute(f"DROP TRIGGER IF EXISTS {name}")
            op.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{says}'")
    except sa.exc.DBAPIError as error:
        if error.orig is None or error.orig.args[0] not in _MAY_NOT:
            raise
        log.warning("%s, but other tools may change it: this database user may not create triggers", says)
