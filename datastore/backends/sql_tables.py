"""The tables of telemetry, generated from the catalogue. A grown catalogue adds columns; nothing is ever dropped.

reading_<kind>          (ts, device) → received, quality, one REAL column per scalar metric       hot rows
reading_<kind>_vectors  (ts, device, metric) → packed array                                      hot vectors
chunk                   (device, metric, start) → compressed column of at most one UTC day       sealed readings
rollup_minute           (ts, device) → packed `STATS` of all scalars of the kind                 of hot time only
rollup_hour             (device, metric, day) → 24 packed `STATS` of one metric                  of all time
rollup_mark             buckets whose rollup is not to be trusted yet
revision                values that were replaced, with their receive times
latest                  newest value of each metric, as of some moments ago
device_key, metric_key, telemetry_layout, telemetry_state      names ⇄ integers, layouts, counters
"""

from collections.abc import Sequence

from datastore.backends.sql_dialects import BLOB, INTEGER, REAL, TEXT, Connection
from plant.metrics import CATALOGUE, KINDS, scalars_of, vectors_of

LAYOUT_VERSION = 1
"""Raised when these tables change shape in a way that adding columns does not cover."""

_FIXED: tuple[str, ...] = (
    f"""CREATE TABLE IF NOT EXISTS device_key (
        id {INTEGER} PRIMARY KEY, device_id {TEXT} NOT NULL, kind {TEXT} NOT NULL, UNIQUE (device_id, kind))""",
    f"CREATE TABLE IF NOT EXISTS metric_key (id {INTEGER} PRIMARY KEY, name {TEXT} NOT NULL UNIQUE)",
    # ids of dropped chunks are never given out again: decoded columns are cached by id
    f"""CREATE TABLE IF NOT EXISTS chunk (
        id {INTEGER} PRIMARY KEY AUTOINCREMENT, device {INTEGER} NOT NULL, metric {INTEGER} NOT NULL, "start" {INTEGER} NOT NULL,
        "end" {INTEGER} NOT NULL, n {INTEGER} NOT NULL, blob {BLOB} NOT NULL, UNIQUE (device, metric, "start"))""",
    f"""CREATE TABLE IF NOT EXISTS rollup_minute (
        ts {INTEGER}, device {INTEGER}, layout {INTEGER} NOT NULL, stats {BLOB} NOT NULL, PRIMARY KEY (ts, device)) WITHOUT ROWID""",
    f"""CREATE TABLE IF NOT EXISTS rollup_hour (
        device {INTEGER}, metric {INTEGER}, day {INTEGER}, stats {BLOB} NOT NULL, PRIMARY KEY (device, metric, day)) WITHOUT ROWID""",
    f"""CREATE TABLE IF NOT EXISTS rollup_mark (
        kind {TEXT}, width {INTEGER}, ts {INTEGER}, device {INTEGER}, owner {INTEGER},
        PRIMARY KEY (kind, width, ts, device, owner)) WITHOUT ROWID""",
    f"""CREATE TABLE IF NOT EXISTS revision (
        id {INTEGER} PRIMARY KEY, device {INTEGER} NOT NULL, ts {INTEGER} NOT NULL, metric {INTEGER} NOT NULL,
        received {INTEGER} NOT NULL, replaced {INTEGER} NOT NULL, value {BLOB})""",
    "CREATE INDEX IF NOT EXISTS revision_by_instant ON revision (device, ts)",
    f"CREATE TABLE IF NOT EXISTS latest (device {INTEGER} PRIMARY KEY, state {TEXT} NOT NULL)",
    f"CREATE TABLE IF NOT EXISTS telemetry_layout (id {INTEGER} PRIMARY KEY, names {TEXT} NOT NULL UNIQUE)",
    f"""CREATE TABLE IF NOT EXISTS telemetry_state (
        name {TEXT}, owner {INTEGER}, value {INTEGER} NOT NULL, PRIMARY KEY (name, owner)) WITHOUT ROWID""",
)


def readings(kind: str) -> str:
    """The wide table of a kind."""
    return f"reading_{kind}"


def vectors(kind: str) -> str:
    """The vector table of a kind."""
    return f"reading_{kind}_vectors"


def quoted(names: Sequence[str]) -> str:
    """Column list for SQL; metric names are identifiers of the catalogue, never input."""
    return ", ".join(f'"{name}"' for name in names)


def count_write(connection: Connection, owner: int) -> None:
    """One more write of the process `owner` (0: of those that have ended): other processes look here to learn that something is new."""
    connection.execute(
        "INSERT INTO telemetry_state VALUES ('writes', ?, 1) ON CONFLICT (name, owner) DO UPDATE SET value = value + 1", (owner,)
    )


def create_or_upgrade(connection: Connection) -> int:
    """Make what is missing (tables, columns, metric ids); idempotent, inside the caller's transaction. Returns the layout version in force.

    Raises ValueError when the tables were made by a newer release.
    """
    for statement in _FIXED:
        connection.execute(statement)
    found = connection.execute("SELECT value FROM telemetry_state WHERE name = 'layout' AND owner = 0").fetchone()
    if found and found[0] > LAYOUT_VERSION:
        raise ValueError(f"the store has telemetry layout {found[0]}, this release knows {LAYOUT_VERSION}: use the newer release")
    connection.execute("INSERT OR REPLACE INTO telemetry_state VALUES ('layout', 0, ?)", (LAYOUT_VERSION,))
    for kind in KINDS:
        _create_kind(connection, kind)
    connection.executemany(
        "INSERT OR IGNORE INTO metric_key (name) VALUES (?)", [("@at",), ("@received",), ("@quality",), *((name,) for name in CATALOGUE)]
    )
    return LAYOUT_VERSION


def _create_kind(connection: Connection, kind: str) -> None:
    scalars = scalars_of(kind)
    columns = "".join(f', "{name}" {REAL}' for name in scalars)
    # time first: rows of all devices arrive in time order, so they are written where the last ones were
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {readings(kind)} "
        f"(ts {INTEGER}, device {INTEGER}, received {INTEGER} NOT NULL, quality {INTEGER} NOT NULL{columns}, "
        "PRIMARY KEY (ts, device)) WITHOUT ROWID"
    )
    present = {row[1] for row in connection.execute(f"PRAGMA table_info({readings(kind)})")}
    for name in scalars:
        if name not in present:
            connection.execute(f'ALTER TABLE {readings(kind)} ADD COLUMN "{name}" {REAL}')
    if vectors_of(kind):
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {vectors(kind)} (ts {INTEGER}, device {INTEGER}, metric {INTEGER}, elements {BLOB} NOT NULL, "
            "PRIMARY KEY (ts, device, metric)) WITHOUT ROWID"
        )
