"""The primitives of `datastore.kept.engine` in SQL: statements written once, for every engine that has a `Session`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from datastore.backends.sql_pool import PooledDatabase
from datastore.backends.sql_session import Bound, Database, Session, batches, places, quoted
from datastore.backends.sql_sqlite import SqliteDatabase
from datastore.backends.sql_tables import prepare, readings, vectors
from datastore.kept.engine import Chunk, Counters, Figures, HotRow, Mark, Part, Revision, Span, VectorRow
from datastore.kept.packing import Packed
from plant.metrics import KINDS, vectors_of
from plant.model import DAY

_MARK = ("kind", "width", "ts", "device", "owner")
_HOUR = ("device", "metric", "day", "stats")
_MINUTE = ("ts", "device", "layout", "stats")
_STATE = ("name", "owner", "value")
_ANY = "metric IN (SELECT id FROM metric_key)"
"""Says what is always true, so that the index (device, metric, start) leads to a start without a look at all of the device."""

_TOUCHING = '"start" > ? AND "start" < ? AND "end" > ?'


def _touching(start: int, end: int) -> Bound:
    """For `_TOUCHING`: a chunk is of one day at most, so one that starts a day before `start` has ended by then."""
    return start - DAY, end, start


class SqlTransaction:
    """`Reader` and `Writer` in one transaction."""

    def __init__(self, session: Session, instants: int) -> None:
        self._session = session
        self._at = instants  # the integer of @at: that column stands for its chunk

    # -- names and counters -----------------------------------------------------------------------------------------

    def metric_keys(self) -> dict[str, int]:
        return {name: key for key, name in self._session.rows("SELECT id, name FROM metric_key")}

    def device_keys(self) -> list[tuple[int, str, str]]:
        return [(key, device_id, kind) for key, device_id, kind in self._session.rows("SELECT id, device_id, kind FROM device_key")]

    def device_key(self, device_id: str, kind: str) -> int | None:
        return self._one("SELECT id FROM device_key WHERE device_id = ? AND kind = ?", (device_id, kind))

    def counters(self) -> Counters:
        return {(name, owner): value for name, owner, value in self._session.rows("SELECT name, owner, value FROM telemetry_state")}

    def newest(self) -> list[tuple[int, str]]:
        return [(device, state) for device, state in self._session.rows("SELECT device, state FROM latest")]

    def layout_names(self, layout: int) -> str:
        ((names,),) = self._session.rows("SELECT names FROM telemetry_layout WHERE id = ?", (layout,))
        return str(names)

    def number_devices(self, kind: str, device_ids: Sequence[str]) -> dict[str, int]:
        known = self._numbers(kind, device_ids)
        missing = [device_id for device_id in dict.fromkeys(device_ids) if device_id not in known]
        if missing:
            self._session.append("device_key", ("device_id", "kind"), [(device_id, kind) for device_id in missing])
            known |= self._numbers(kind, missing)
        return known

    def _numbers(self, kind: str, device_ids: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for some in batches(device_ids, 500):
            question = f"SELECT device_id, id FROM device_key WHERE kind = ? AND device_id IN ({places(len(some))})"
            found.update((device_id, key) for device_id, key in self._session.rows(question, (kind, *some)))
        return found

    def count_write(self, owner: int) -> Counters:
        return {(name, whose): value for name, whose, value in self._session.count_write(owner)}

    def count_sealed(self) -> None:
        self._add_to("sealed", 0, 1)

    def put_counter(self, name: str, owner: int, value: int) -> None:
        self._session.put("telemetry_state", _STATE, [(name, owner, value)], _STATE[:2])

    def end_owner(self, owner: int) -> None:
        mine = self._one("SELECT value FROM telemetry_state WHERE name = 'writes' AND owner = ?", (owner,))
        if mine is not None and owner:
            self._add_to("writes", 0, mine)
            self._session.run("DELETE FROM telemetry_state WHERE name = 'writes' AND owner = ?", (owner,))

    def _add_to(self, name: str, owner: int, more: int) -> None:
        if not self._session.run("UPDATE telemetry_state SET value = value + ? WHERE name = ? AND owner = ?", (more, name, owner)):
            self._session.append("telemetry_state", _STATE, [(name, owner, more)])

    def save_newest(self, rows: Sequence[tuple[int, str]]) -> None:
        self._session.put("latest", ("device", "state"), rows, ("device",))

    def drop_newest(self, device: int) -> None:
        self._session.run("DELETE FROM latest WHERE device = ?", (device,))

    def layout(self, names: str) -> int:
        question = "SELECT min(id) FROM telemetry_layout WHERE names = ?"
        known = self._one(question, (names,))
        if known is None:
            self._session.append("telemetry_layout", ("names",), [(names,)])
            known = self._one(question, (names,))
        assert known is not None
        return known

    # -- hot readings -----------------------------------------------------------------------------------------------

    def hot_rows(
        self, kind: str, scalars: Sequence[str], devices: Sequence[int] | None, start: int, end: int, received_from: int | None = None
    ) -> list[HotRow]:
        who = self._who(kind, devices)
        if who is not None and not who:
            return []
        columns = quoted(("device", "ts", "received", "quality", *scalars))
        if received_from is None:
            return self._session.window(readings(kind), columns, who, start, end)
        return self._session.window(readings(kind), columns, who, start, end, "received >= ?", (received_from,))

    def hot_row(self, kind: str, scalars: Sequence[str], device: int, ts: int) -> HotRow | None:
        columns = quoted(("received", "quality", *scalars))
        found = self._session.rows(f"SELECT {columns} FROM {readings(kind)} WHERE ts = ? AND device = ?", (ts, device))
        return found[0] if found else None

    def hot_vectors(self, kind: str, metrics: Sequence[int], devices: Sequence[int] | None, start: int, end: int) -> list[VectorRow]:
        who = self._who(kind, devices)
        if not metrics or not vectors_of(kind) or (who is not None and not who):
            return []
        also, bound = self._session.among("metric", metrics)
        rows = self._session.window(vectors(kind), "ts, device, metric, elements", who, start, end, also, bound)
        return [VectorRow(*row) for row in rows]

    def _who(self, kind: str, devices: Sequence[int] | None) -> Sequence[int] | None:
        """The devices to name in a question. Where the rows lie by device, a time of all is found with a seek for each."""
        if devices is not None or not self._session.grammar.device_first:
            return devices
        return [device for (device,) in self._session.rows("SELECT id FROM device_key WHERE kind = ?", (kind,))]

    def first_hot(self, kind: str, device: int | None = None, start: int | None = None) -> int | None:
        since, bound = ("", ()) if start is None else (" AND ts >= ?", (start,))
        if device is not None:
            return self._one(f"SELECT ts FROM {readings(kind)} WHERE device = ?{since} ORDER BY ts LIMIT 1", (device, *bound))
        return self._edge("min", kind, since, bound)

    def last_hot(self, kind: str) -> int | None:
        return self._edge("max", kind)

    def _edge(self, which: str, kind: str, also: str = "", bound: Bound = ()) -> int | None:
        if not self._session.grammar.device_first:
            return self._one(f"SELECT {which}(ts) FROM {readings(kind)} WHERE 1 = 1{also}", bound)
        order = "ts" if which == "min" else "ts DESC"
        own = f"SELECT ts FROM {readings(kind)} WHERE device = d.id{also} ORDER BY {order} LIMIT 1"
        return self._one(f"SELECT {which}(ts) FROM (SELECT ({own}) AS ts FROM device_key d WHERE kind = ?) AS edges", (*bound, kind))

    def count_hot(self, kind: str, start: int, end: int, most: int) -> int:
        where, bound = self._when(self._who(kind, None), start, end)
        return self._one(f"SELECT count(*) FROM (SELECT 1 FROM {readings(kind)} WHERE {where} LIMIT ?) AS counted", (*bound, most)) or 0

    def count_vectors(self, kind: str, device: int, metric: int) -> int:
        if not vectors_of(kind):
            return 0
        return self._one(f"SELECT count(*) FROM {vectors(kind)} WHERE device = ? AND metric = ?", (device, metric)) or 0

    def insert_new(self, kind: str, scalars: Sequence[str], rows: Sequence[HotRow], packing: Packed | None = None) -> list[int]:
        return self._session.insert_new(kind, scalars, rows, packing) if rows else []

    def update_row(self, kind: str, device: int, ts: int, quality: int, values: Mapping[str, float]) -> None:
        setters = "".join(f', "{name}" = ?' for name in values)
        self._session.run(
            f"UPDATE {readings(kind)} SET quality = ?{setters} WHERE ts = ? AND device = ?", (quality, *values.values(), ts, device)
        )

    def put_vectors(self, kind: str, rows: Sequence[VectorRow]) -> None:
        self._session.put(vectors(kind), VectorRow._fields, rows, VectorRow._fields[:3])

    def delete_hot(self, kind: str, devices: Sequence[int] | None, start: int, end: int) -> int:
        who = self._who(kind, devices)
        where, bound = self._when(who, start, end)
        if vectors_of(kind):
            self._session.run(f"DELETE FROM {vectors(kind)} WHERE {where}", bound)
        return self._session.run(f"DELETE FROM {readings(kind)} WHERE {where}", bound)

    def _when(self, devices: Sequence[int] | None, start: int, end: int) -> tuple[str, Bound]:
        if devices is None:
            return "ts >= ? AND ts < ?", (start, end)
        if not devices:
            return "1 = 0", ()
        whose, bound = self._session.among("device", devices)
        return f"ts >= ? AND ts < ? AND {whose}", (start, end, *bound)

    # -- chunks -----------------------------------------------------------------------------------------------------

    def horizons(self) -> dict[int, int]:
        # one seek for each device: to look for the greatest "end" would take a look at every chunk
        last = 'SELECT "end" FROM chunk WHERE device = d.id AND metric = ? ORDER BY "start" DESC LIMIT 1'
        found = self._session.rows(f"SELECT d.id, ({last}) FROM device_key d", (self._at,))
        return {device: end for device, end in found if end is not None}

    def spans(self, device: int, start: int, end: int) -> list[Span]:
        question = f'SELECT id, "start", "end" FROM chunk WHERE device = ? AND metric = ? AND {_TOUCHING} ORDER BY "start"'
        return [Span(*row) for row in self._session.rows(question, (device, self._at, *_touching(start, end)))]

    def last_span(self, device: int, until: int | None = None) -> Span | None:
        upto, bound = ("", ()) if until is None else (' AND "start" <= ?', (until,))
        question = f'SELECT id, "start", "end" FROM chunk WHERE device = ? AND metric = ?{upto} ORDER BY "start" DESC LIMIT 1'
        found = self._session.rows(question, (device, self._at, *bound))
        return Span(*found[0]) if found else None

    def parts(self, device: int, metrics: Sequence[int] | None, start: int, end: int) -> list[tuple[Span, list[Part]]]:
        which, bound = (_ANY, ()) if metrics is None else self._session.among("metric", list({self._at, *metrics}))
        question = f'SELECT id, "start", "end", metric, n, "blob" FROM chunk WHERE device = ? AND {which} AND {_TOUCHING}'
        spans: dict[int, Span] = {}
        found: dict[int, list[Part]] = {}
        for key, first, past, metric, n, blob in self._session.rows(question, (device, *bound, *_touching(start, end))):
            parts = found.setdefault(first, [])
            if metric == self._at:
                spans[first] = Span(key, first, past)
                parts.insert(0, Part(metric, n, blob))
            else:
                parts.append(Part(metric, n, blob))
        return [(spans[first], found[first]) for first in sorted(spans)]

    def sealed_bounds(self, device: int) -> tuple[int, int] | None:
        first = 'SELECT "start" FROM chunk WHERE device = ? AND metric = ? ORDER BY "start" LIMIT 1'
        last = 'SELECT "end" - 1 FROM chunk WHERE device = ? AND metric = ? ORDER BY "start" DESC LIMIT 1'
        ((low, high),) = self._session.rows(f"SELECT ({first}), ({last})", (device, self._at) * 2)
        return None if low is None else (low, high)

    def sealed_count(self, device: int, metric: int) -> int:
        return int(self._one("SELECT sum(n) FROM chunk WHERE device = ? AND metric = ?", (device, metric)) or 0)

    def figures(self, before: int | None = None) -> list[Figures]:
        self._session.take_time()
        where, bound = ("", ()) if before is None else (' WHERE "end" <= ?', (before,))
        sums = 'count(*), sum(n), sum(length("blob")), min("start"), max("end")'
        rows = self._session.rows(f"SELECT device, metric, {sums} FROM chunk{where} GROUP BY device, metric ORDER BY device, metric", bound)
        return [Figures(*map(int, row)) for row in rows]

    def put_chunk(self, chunk: Chunk, instead_of: Sequence[Span] = ()) -> None:
        self.drop_chunks(chunk.device, instead_of)
        columns = ("device", "start", "end", "metric", "n", "blob")
        where = chunk.device, chunk.start, chunk.end
        self._session.append("chunk", columns, [(*where, part.metric, part.n, part.blob) for part in chunk.parts])

    def drop_chunks(self, device: int, spans: Sequence[Span]) -> None:
        for span in spans:
            self._session.run(f'DELETE FROM chunk WHERE device = ? AND {_ANY} AND "start" = ?', (device, span.start))

    # -- rollups ----------------------------------------------------------------------------------------------------

    def minutes(self, device: int, start: int, end: int) -> list[tuple[int, int, bytes]]:
        rows = self._session.window("rollup_minute", "ts, layout, stats", [device], start, end)
        return [(ts, layout, stats) for ts, layout, stats in rows]

    def minute_devices(self, kind: str, start: int, end: int) -> set[int]:
        own = "SELECT id FROM device_key d WHERE kind = ?"
        if self._session.grammar.device_first:
            some = "EXISTS (SELECT 1 FROM rollup_minute m WHERE m.device = d.id AND m.ts >= ? AND m.ts < ?)"
            found = self._session.rows(f"{own} AND {some}", (kind, start, end))
        else:
            some = "SELECT DISTINCT device FROM rollup_minute WHERE ts >= ? AND ts < ?"
            found = self._session.rows(f"{some} AND device IN ({own})", (start, end, kind))
        return {device for (device,) in found}

    def hours(self, device: int, metrics: Sequence[int], start: int, end: int) -> list[tuple[int, int, bytes]]:
        if not metrics:
            return []
        which, bound = self._session.among("metric", metrics)
        question = f"SELECT metric, day, stats FROM rollup_hour WHERE device = ? AND {which} AND day >= ? AND day < ? ORDER BY metric, day"
        return [(metric, day, stats) for metric, day, stats in self._session.rows(question, (device, *bound, start, end))]

    def marked(self, kind: str, width: int, devices: Sequence[int], start: int, end: int) -> list[int]:
        if not devices:
            return []
        whose, bound = self._session.among("device", devices)
        question = f"SELECT DISTINCT ts FROM rollup_mark WHERE kind = ? AND width = ? AND ts > ? AND ts < ? AND {whose} ORDER BY ts"
        return [ts for (ts,) in self._session.rows(question, (kind, width, start - width, end, *bound))]

    def marks(self, width: int, before: int, whole: bool | None = None, most: int | None = None) -> list[Mark]:
        whose = {None: "", True: " AND device = 0", False: " AND device > 0"}[whole]
        upto, bound = ("", ()) if most is None else (" LIMIT ?", (most,))
        question = f"SELECT {', '.join(_MARK)} FROM rollup_mark WHERE width = ? AND ts < ?{whose} ORDER BY kind, device, ts{upto}"
        return [Mark(*row) for row in self._session.rows(question, (width, before, *bound))]

    def revisions(self, device: int, start: int, end: int, replaced_after: int) -> list[Revision]:
        some = "device = ? AND ts >= ? AND ts < ? AND replaced > ?"
        question = f"SELECT {', '.join(Revision._fields)} FROM revision WHERE {some} ORDER BY id DESC"
        return [Revision(*row) for row in self._session.rows(question, (device, start, end, replaced_after))]

    def insert_minutes(self, rows: Sequence[tuple[int, int, int, bytes]]) -> bool:
        return self._session.add("rollup_minute", _MINUTE, rows, _MINUTE[:2]) == len(rows)

    def put_minutes(self, rows: Sequence[tuple[int, int, int, bytes]]) -> None:
        self._session.put("rollup_minute", _MINUTE, rows, _MINUTE[:2])

    def delete_minutes(self, kind: str, devices: Sequence[int] | None, start: int, end: int) -> None:
        where, bound = self._when(self._who(kind, devices), start, end)
        if devices is None and not self._session.grammar.device_first:
            where, bound = f"{where} AND device IN (SELECT id FROM device_key WHERE kind = ?)", (*bound, kind)
        self._session.run(f"DELETE FROM rollup_minute WHERE {where}", bound)

    def put_hours(self, rows: Sequence[tuple[int, int, int, bytes]]) -> None:
        self._session.put("rollup_hour", _HOUR, rows, _HOUR[:3])

    def delete_hours(self, device: int, before: int) -> None:
        self._session.run("DELETE FROM rollup_hour WHERE device = ? AND day < ?", (device, before))

    def add_marks(self, marks: Iterable[Mark]) -> None:
        self._session.add("rollup_mark", _MARK, list(marks), _MARK)

    def delete_marks(self, marks: Iterable[Mark]) -> None:
        self._session.delete("rollup_mark", _MARK, list(marks))

    def add_revisions(self, rows: Sequence[Revision]) -> None:
        self._session.append("revision", Revision._fields, rows)

    def delete_revisions(self, device: int, before: int) -> None:
        self._session.run("DELETE FROM revision WHERE device = ? AND ts < ?", (device, before))

    # -- in general -------------------------------------------------------------------------------------------------

    def _one(self, question: str, bound: Bound = ()) -> int | None:
        """The one integer of the answer."""
        found = self._session.rows(question, bound)
        return found[0][0] if found else None


class SqlEngine:
    """`datastore.kept.engine.Engine` on an SQL database."""

    has_snapshots = True

    def __init__(self, database: Database) -> None:
        self._database = database
        self.turn: RLock = database.turn
        try:
            with database.write() as session:
                prepare(session)
                ((self._at,),) = session.rows("SELECT id FROM metric_key WHERE name = '@at'")
        except BaseException:
            database.close()
            raise

    @property
    def is_open(self) -> bool:
        return self._database.is_open

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        with self._database.read() as session:
            yield SqlTransaction(session, self._at)

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        with self._database.write() as session:
            yield SqlTransaction(session, self._at)

    @contextmanager
    def write_bulk(self) -> Iterator[SqlTransaction]:
        with self._database.write_bulk() as session:
            yield SqlTransaction(session, self._at)

    def end_bulk(self) -> None:
        self._database.end_bulk()

    def sizes(self) -> Iterator[tuple[str, str, int, int]]:
        kinds = {readings(kind): ("readings", kind) for kind in KINDS} | {vectors(kind): ("vectors", kind) for kind in KINDS}
        with self._database.read() as session:
            session.take_time()
            found = session.sizes()
        for table, size, rows in found:
            yield (*kinds.get(table, (table, "")), size, rows)

    def faults(self) -> list[str]:
        with self._database.read() as session:
            session.take_time()
            return session.faults()

    def close(self) -> None:
        self._database.close()


def open_engine(url: str) -> SqlEngine:
    """The engine of a database URL: `sqlite:///file`, `postgresql://…`, `mysql://…`, `mariadb://…`; tables are made or brought up to date.

    Raises ValueError for a URL that makes no sense and Unavailable when the database does not answer, neither with a password.
    """
    try:
        address = make_url(url)
    except ArgumentError:
        raise ValueError("the address of the store is not a URL such as postgresql://user@host/name") from None
    return SqlEngine(_database(address))


def _database(address: URL) -> Database:
    engine = address.drivername.split("+", 1)[0]
    if engine == "sqlite":
        return SqliteDatabase(address.database or "")
    if engine in ("postgresql", "postgres", "timescaledb"):
        from datastore.backends.sql_postgresql import PostgresqlServer

        return PooledDatabase(PostgresqlServer(address))
    if engine in ("mysql", "mariadb"):
        from datastore.backends.sql_mysql import MysqlServer

        return PooledDatabase(MysqlServer(address))
    raise ValueError(f"a store of scheme {address.drivername!r} is not known")
