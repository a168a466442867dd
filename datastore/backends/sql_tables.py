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

In SQLite time comes first in the keys, so that rows are written where the last ones were. A server has memory for that and keeps
the rows of a device together, for readers.
"""

from collections.abc import Iterator, Sequence

from datastore.backends.sql_session import Grammar, Session
from plant.metrics import CATALOGUE, KINDS, scalars_of, vectors_of

LAYOUT_VERSION = 1
"""Raised when these tables change shape in a way that adding columns does not cover."""

HEADS = ("@at", "@received", "@quality")


def readings(kind: str) -> str:
    """The wide table of a kind."""
    return f"reading_{kind}"


def vectors(kind: str) -> str:
    """The vector table of a kind."""
    return f"reading_{kind}_vectors"


def prepare(session: Session) -> int:
    """Make what is missing (tables, columns, metric ids); idempotent, inside the caller's transaction. Returns the layout version in force.

    Raises ValueError when the tables were made by a newer release.
    """
    present = set(session.columns())
    tables = {table for table, _ in present}
    for table, *statements in (*_fixed(session.grammar), *_of_kinds(session.grammar)):
        if table not in tables:
            for statement in statements:
                session.run(statement)
            session.made(table)
    found = session.rows("SELECT value FROM telemetry_state WHERE name = 'layout' AND owner = 0")
    if found and found[0][0] > LAYOUT_VERSION:
        raise ValueError(f"the store has telemetry layout {found[0][0]}, this release knows {LAYOUT_VERSION}: use the newer release")
    session.put("telemetry_state", ("name", "owner", "value"), [("layout", 0, LAYOUT_VERSION)], ("name", "owner"))
    for table, name in _columns():
        if table in tables and (table, name) not in present:
            session.run(f'ALTER TABLE {table} ADD COLUMN "{name}" {session.grammar.real}')
    known = {name for (name,) in session.rows("SELECT name FROM metric_key")}
    session.append("metric_key", ("name",), [(name,) for name in (*HEADS, *CATALOGUE) if name not in known])
    return LAYOUT_VERSION


def _columns() -> Iterator[tuple[str, str]]:
    """(table, column) of every scalar metric."""
    return ((readings(kind), name) for kind in KINDS for name in scalars_of(kind))


def _fixed(g: Grammar) -> Iterator[Sequence[str]]:
    """(table, statements that make it …)"""
    ts_device = "device, ts" if g.device_first else "ts, device"
    yield _table(g, "device_key", f"id {g.serial}, device_id {g.name} NOT NULL, kind {g.name} NOT NULL, {g.own_key} (device_id, kind)")
    yield _table(g, "metric_key", f"id {g.serial}, name {g.name} NOT NULL, {g.own_key} (name)")
    # ids of dropped chunks are never given out again: decoded columns are cached by id
    chunk = f"""id {g.serial}, device {g.integer} NOT NULL, metric {g.integer} NOT NULL, "start" {g.integer} NOT NULL,
        "end" {g.integer} NOT NULL, n {g.integer} NOT NULL, "blob" {g.blob} NOT NULL, {g.own_key} (device, metric, "start")"""
    by_start = [("chunk_by_start", 'device, "start"')] if g.device_first else []
    yield _table(g, "chunk", chunk, by_start)
    minute = f"ts {g.integer}, device {g.integer}, layout {g.integer} NOT NULL, stats {g.blob} NOT NULL, PRIMARY KEY ({ts_device})"
    yield _table(g, "rollup_minute", minute, keyed=True)
    hour = f"device {g.integer}, metric {g.integer}, day {g.integer}, stats {g.blob} NOT NULL, PRIMARY KEY (device, metric, day)"
    yield _table(g, "rollup_hour", hour, keyed=True)
    mark = f"kind {g.name}, width {g.integer}, ts {g.integer}, device {g.integer}, owner {g.integer}"
    yield _table(g, "rollup_mark", f"{mark}, PRIMARY KEY (kind, width, ts, device, owner)", keyed=True)
    revision = f"""id {g.serial}, device {g.integer} NOT NULL, ts {g.integer} NOT NULL, metric {g.integer} NOT NULL,
        received {g.integer} NOT NULL, replaced {g.integer} NOT NULL, value {g.blob}"""
    yield _table(g, "revision", revision, [("revision_by_instant", "device, ts")])
    yield _table(g, "latest", f"device {g.integer} PRIMARY KEY, state {g.text} NOT NULL")
    yield _table(g, "telemetry_layout", f"id {g.serial}, names {g.text} NOT NULL")
    state = f"name {g.name}, owner {g.integer}, value {g.integer} NOT NULL, PRIMARY KEY (name, owner)"
    yield _table(g, "telemetry_state", state, keyed=True)


def _of_kinds(g: Grammar) -> Iterator[Sequence[str]]:
    ts_device = "device, ts" if g.device_first else "ts, device"
    for kind in KINDS:
        columns = "".join(f', "{name}" {g.real}' for name in scalars_of(kind))
        heads = f"ts {g.integer}, device {g.integer}, received {g.integer} NOT NULL, quality {g.integer} NOT NULL"
        yield _table(g, readings(kind), f"{heads}{columns}, PRIMARY KEY ({ts_device})", keyed=True)
        if vectors_of(kind):
            elements = f"ts {g.integer}, device {g.integer}, metric {g.integer}, elements {g.blob} NOT NULL"
            yield _table(g, vectors(kind), f"{elements}, PRIMARY KEY ({ts_device}, metric)", keyed=True)


def _table(g: Grammar, name: str, body: str, indexes: Sequence[tuple[str, str]] = (), keyed: bool = False) -> Sequence[str]:
    if g.index_inside:
        body += "".join(f", INDEX {index} ({columns})" for index, columns in indexes)
    after = [] if g.index_inside else [f"CREATE INDEX IF NOT EXISTS {index} ON {name} ({columns})" for index, columns in indexes]
    return (name, f"CREATE TABLE IF NOT EXISTS {name} ({body}){g.keyed if keyed else g.plain}", *after)
