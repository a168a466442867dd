"""The tables of the records, for every SQL database; `datastore.migrations` brings a database to this state."""

import json
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator

from datastore.backends.record_limits import LENGTHS

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite hands out ids only for a column declared exactly INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")
# MariaDB's FLOAT(53) is DOUBLE and calls itself so.
Number = Float(53).with_variant(mysql.DOUBLE(asdecimal=False), "mysql")
# MariaDB's TEXT ends at 64 KiB.
LongText = Text().with_variant(mysql.LONGTEXT(), "mysql")
# Ordered by code point everywhere; PostgreSQL would order by the language of the database.
Ordered = String(LENGTHS["id"]).with_variant(String(LENGTHS["id"], collation="C"), "postgresql")


class JsonText(TypeDecorator[Any]):
    """JSON as text: MariaDB's JSON is just that, but refuses more than 32 levels; MySQL's own would rewrite keys and numbers."""

    impl = mysql.LONGTEXT
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """The text of a value."""
        return json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The value of a text."""
        return None if value is None else json.loads(value)


Json = JSON().with_variant(JsonText(), "mysql")


def _short(name: str, nullable: bool = False) -> Column[str]:
    return Column(name, String(LENGTHS[name]), nullable=nullable)


registered = Table(
    "registered_device",
    metadata,
    Column("id", Id, Identity(), primary_key=True),
    _short("device_id"),
    _short("kind"),
    _short("name"),
    _short("site_id"),
    _short("parent", nullable=True),
    Column("interval_s", Number, nullable=False),
    Column("sign", SmallInteger, nullable=False),
    Column("simulated", Boolean, nullable=False),
    _short("status"),
    Column("rating", Json, nullable=False),
    Column("info", Json, nullable=False),
    Column("deleted", Boolean, nullable=False),
    UniqueConstraint("device_id", "kind"),
)

alarm = Table(
    "alarm",
    metadata,
    Column("id", Id, Identity(), primary_key=True),
    _short("device_id"),
    _short("kind"),
    _short("code"),
    _short("severity"),
    Column("message", LongText, nullable=False),
    Column("raised", BigInteger, nullable=False),
    _short("metric"),
    Column("value", Number),
    Column("limit", Number),
    Column("cleared", BigInteger),
    _short("acknowledged_by"),
    Column("acknowledged", BigInteger),
    Column("simulated", Boolean, nullable=False),
    Column("shelved_by", String(LENGTHS["shelved_by"]), nullable=False, server_default=""),
    Column("shelved_until", BigInteger),
    Column("details", LongText),
    Index(None, "raised"),
    Index(None, "cleared"),
)

schedule_event = Table(
    "schedule_event",
    metadata,
    Column("index", Id, Identity(), primary_key=True),
    _short("mode"),
    Column("time_start", BigInteger, nullable=False),
    Column("time_end", BigInteger, nullable=False),
    Column("is_get", Boolean, nullable=False),
    Column("interrupt", Boolean, nullable=False),
    Column("quote_capacity", Number, nullable=False),
    Column("power", Number, nullable=False),
    Column("price", Number, nullable=False),
    Column("quote_price", Number, nullable=False),
    Column("transfer", Number, nullable=False, server_default="0"),
    _short("quote_code"),
    Column("title", LongText, nullable=False),
    Column("description", LongText, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Index(None, "time_start"),
    Index(None, "time_end"),
    sqlite_autoincrement=True,
)

account = Table(
    "account",
    metadata,
    Column("id", Id, Identity(), primary_key=True),
    _short("username"),
    _short("password_hash"),
    Column("roles", Json, nullable=False),
    _short("email"),
    Column("active", Boolean, nullable=False),
    Column("confirmed_at", BigInteger),
    UniqueConstraint("username"),
)

setting = Table("setting", metadata, Column("name", String(LENGTHS["name"]), primary_key=True), Column("value", LongText, nullable=False))

revoked_token = Table(
    "revoked_token",
    metadata,
    Column("token_id", String(LENGTHS["token_id"]), primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index(None, "expires"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, Identity(), primary_key=True),
    Column("at", BigInteger, nullable=False),
    _short("who"),
    _short("action"),
    Column("what", LongText, nullable=False),
    Index(None, "at", "id"),
)

document = Table(
    "document",
    metadata,
    Column("id", Id, Identity(), primary_key=True),
    Column("collection", String(64), nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("body", LongText, nullable=False),
    Index(None, "collection", "received"),
)

entry = Table(
    "entry",
    metadata,
    Column("number", Id, Identity(), primary_key=True),
    _short("drawer"),
    Column("id", Ordered, nullable=False),
    _short("subject"),
    _short("state"),
    Column("at", BigInteger, nullable=False),
    Column("body", LongText, nullable=False),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("drawer", "id"),
    Index(None, "drawer", "at", "id"),
    Index(None, "drawer", "subject", "at", "id"),
)

# One row per group of tables and per drawer, counted up with every change, so that other processes see cheaply when their caches are old.
record_version = Table(
    "record_version", metadata, Column("name", String(64), primary_key=True), Column("version", BigInteger, nullable=False)
)
