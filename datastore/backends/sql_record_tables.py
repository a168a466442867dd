"""The tables of the records, for every SQL database; `datastore.migrations` brings a database to this state."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite hands out ids only for a column declared exactly INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")

registered = Table(
    "registered_device",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("name", String(255), nullable=False),
    Column("site_id", String(128), nullable=False),
    Column("parent", String(128)),
    Column("interval_s", Float(53), nullable=False),
    Column("sign", SmallInteger, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("status", String(32), nullable=False),
    Column("rating", JSON, nullable=False),
    Column("info", JSON, nullable=False),
    Column("deleted", Boolean, nullable=False),
    UniqueConstraint("device_id", "kind"),
)

alarm = Table(
    "alarm",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("code", String(128), nullable=False),
    Column("severity", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Column("raised", BigInteger, nullable=False),
    Column("metric", String(128), nullable=False),
    Column("value", Float(53)),
    Column("limit", Float(53)),
    Column("cleared", BigInteger),
    Column("acknowledged_by", String(255), nullable=False),
    Column("acknowledged", BigInteger),
    Column("simulated", Boolean, nullable=False),
    Index(None, "raised"),
    Index(None, "cleared"),
)

schedule_event = Table(
    "schedule_event",
    metadata,
    Column("index", Id, primary_key=True, autoincrement=True),
    Column("mode", String(64), nullable=False),
    Column("time_start", BigInteger, nullable=False),
    Column("time_end", BigInteger, nullable=False),
    Column("is_get", Boolean, nullable=False),
    Column("interrupt", Boolean, nullable=False),
    Column("quote_capacity", Float(53), nullable=False),
    Column("power", Float(53), nullable=False),
    Column("price", Float(53), nullable=False),
    Column("quote_price", Float(53), nullable=False),
    Column("quote_code", String(128), nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Index(None, "time_start"),
    Index(None, "time_end"),
)

account = Table(
    "account",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("username", String(255), nullable=False),
    Column("password_hash", String(512), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("email", String(320), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("confirmed_at", BigInteger),
    UniqueConstraint("username"),
)

setting = Table("setting", metadata, Column("name", String(255), primary_key=True), Column("value", Text, nullable=False))

revoked_token = Table(
    "revoked_token",
    metadata,
    Column("token_id", String(255), primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index(None, "expires"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("who", String(255), nullable=False),
    Column("action", String(128), nullable=False),
    Column("what", Text, nullable=False),
)

# One row per group of tables, counted up with every change, so that other processes see cheaply when their caches are old.
record_version = Table(
    "record_version", metadata, Column("name", String(64), primary_key=True), Column("version", BigInteger, nullable=False)
)
CACHED = ("devices", "users", "settings", "revoked")
