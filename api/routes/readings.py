"""The native ingest: readings of any device, as rows or columns. Good rows are kept, bad ones are reported by index."""

import codecs
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api import exact
from api.contract import ADDRESSABLE, INSTANT_SCHEMA, Answer, Batch, Context, Ingest
from api.errors import FieldError, clean, invalid
from api.kinds import Kinds
from datastore.ports import Outcome
from datastore.vetting import LONGEST_ID
from plant.errors import Invalid
from plant.metrics import KINDS, metrics_of
from plant.model import Block
from plant.timeline import parse

JSON, NDJSON = "application/json", "application/x-ndjson"
MAX_ROWS = 100_000
"""Readings one request may bring."""

Id = Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)]
Spoken = float | None | list[float | None]


class Row(msgspec.Struct):
    """One reading."""

    device_id: Id
    timestamp: str | int | float
    values: dict[str, Spoken]
    kind: str | None = None
    site_id: str | None = None


class Table(msgspec.Struct):
    """Many readings of one device, as columns of equal length."""

    device_id: Id
    timestamps: list[str | int | float]
    values: dict[str, list[Spoken]]
    kind: str | None = None
    site_id: str | None = None


_ROWS = msgspec.json.Decoder(list[Row])
_TABLE = msgspec.json.Decoder(Table)
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What the fast decoder raises when it cannot read a body: out of shape, not UTF-8, nested too deeply."""


class IngestParams(BaseModel):
    """How to treat the batch."""

    dry_run: bool = Field(False, description="explain what would happen, keep nothing")


@dataclass(slots=True)
class _Sorter:
    """Sorts rows into blocks of equal kind and metrics, and remembers where each came from."""

    kinds: Kinds
    received: int
    blocks: dict[tuple[str, tuple[str, ...]], tuple[list[tuple[Any, ...]], list[int]]] = field(default_factory=dict)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    resolved: dict[tuple[str, str | None, tuple[str, ...]], str] = field(default_factory=dict)

    def add(self, index: int, row: Row) -> None:
        """Take one row, or note why not."""
        try:
            at = parse(row.timestamp)
        except ValueError as error:
            return self.refuse(index, "timestamp", str(error))
        metrics = tuple(row.values)
        asked = (row.device_id, row.kind, metrics)
        kind = self.resolved.get(asked)
        if kind is None:
            if ADDRESSABLE.match(row.device_id) is None:
                return self.refuse(index, "device_id", "a device id has none of / \\ ? # % , and is not . or ..: it stands in URLs")
            kind = self.resolved[asked] = kind_of(self.kinds.of(row.device_id), metrics) if row.kind is None else row.kind
        rows, places = self.blocks.setdefault((kind, metrics), ([], []))
        rows.append((row.device_id, at, self.received, 0, *row.values.values()))
        places.append(index)
        return None

    def add_all(self, rows: Sequence[Row]) -> None:
        """Take rows in shape, as `add` would; what those of one device and its metrics have in common is looked up once."""
        here: dict[tuple[str, str | None, tuple[str, ...]], tuple[Callable[[Any], None], Callable[[int], None]]] = {}
        received = self.received
        for index, row in enumerate(rows):
            asked = (row.device_id, row.kind, tuple(row.values))
            place = here.get(asked)
            try:
                at = parse(row.timestamp) if place else None
            except ValueError:
                at = None
            if place is None or at is None:
                self.add(index, row)
                if (kind := self.resolved.get(asked)) is not None and (found := self.blocks.get((kind, asked[2]))) is not None:
                    here[asked] = (found[0].append, found[1].append)
            else:
                place[0]((row.device_id, at, received, 0, *row.values.values()))
                place[1](index)

    def add_table(self, table: Table) -> bool:
        """Take all of a table; False where something about it needs a look at each row."""
        metrics = tuple(table.values)
        if ADDRESSABLE.match(table.device_id) is None:
            return False
        try:
            instants = [parse(stamp) for stamp in table.timestamps]
        except ValueError:
            return False
        kind = kind_of(self.kinds.of(table.device_id), metrics) if table.kind is None else table.kind
        head = (repeat(table.device_id), instants, repeat(self.received), repeat(0))
        self.blocks[kind, metrics] = (list(zip(*head, *table.values.values(), strict=False)), list(range(len(instants))))
        return True

    def refuse(self, index: int, name: str, reason: str) -> None:
        """Note a row that stays outside."""
        self.rejected.append({"index": index, "field": clean(name), "reason": clean(reason)})


def kind_of(known: Sequence[str], metrics: Iterable[str]) -> str:
    """What a device that says `metrics` is: of the kinds it is registered as (else of all), the one that has most of them; `pack`
    wins a draw among unknown devices, for that is what S2's devices are."""
    names = set(metrics)
    candidates = known or ("pack", *(kind for kind in KINDS if kind != "pack"))
    return max(candidates, key=lambda kind: len(names & {m.name for m in metrics_of(kind)}))


def decode(context: Context, params: IngestParams, body: bytes, media: str) -> Batch:
    """The good rows as blocks, the others by index. Raises Invalid when there is no row at all, or no JSON."""
    sorter = _Sorter(context.kinds, context.clock())
    body = body.removeprefix(codecs.BOM_UTF8)
    read = _lines if media == NDJSON else _columnar if body.lstrip()[:1] == b"{" else _rows
    count = read(sorter, body)
    if not count:
        raise invalid([FieldError(("body",), "too_short", "The batch holds no readings")])
    blocks = [Block(kind, metrics, rows) for (kind, metrics), (rows, _) in sorter.blocks.items()]
    places = [place for _, origin in sorter.blocks.values() for place in origin]
    good, refused = context.store.intake.check(blocks)
    for row in refused:
        sorter.refuse(places[row.index], row.field, row.reason)
    sorter.rejected.sort(key=lambda row: row["index"])
    if not good:
        raise invalid([FieldError(("body", row["index"], row["field"]), "value_error", row["reason"]) for row in sorter.rejected])
    return Batch(good, count, sorter.rejected, params.dry_run)


def _lines(sorter: _Sorter, body: bytes) -> int:
    """NDJSON: all lines at once when they are in shape, else one by one."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    joined = b"[" + b",".join(lines) + b"]"
    rows = _fast(joined)
    if rows is not None and len(rows) == len(lines):
        return _take(sorter, rows)
    _limit(len(lines))
    for index, line in enumerate(lines):
        try:
            _one(sorter, index, exact.load(line))
        except Invalid as fault:
            sorter.refuse(index, "reading", fault.details["errors"][0].message)
    return len(lines)


def _rows(sorter: _Sorter, body: bytes) -> int:
    rows = _fast(body)
    return _one_by_one(sorter, exact.load(body)) if rows is None else _take(sorter, rows)


def _fast(body: bytes) -> list[Row] | None:
    """The rows of a body in shape; None when something about it needs the exact reading."""
    try:
        rows = _ROWS.decode(body)
    except UNREADABLE:
        return None
    # A repeated key leaves more quotes than the keys and texts account for: at least three keys and one text a row.
    quoted = 4 * len(rows) + sum(len(row.values) + (type(row.timestamp) is str) for row in rows)
    quoted += sum(2 * (row.kind is not None) + 2 * (row.site_id is not None) for row in rows)
    return rows if body.count(b'"') == 2 * quoted else None


def _table(body: bytes) -> Table | None:
    """The columns of a body in shape; None when something about it needs the exact reading, which also finds repeated keys."""
    try:
        table = _TABLE.decode(body)
    except UNREADABLE:
        return None
    quoted = 4 + len(table.values) + sum(type(stamp) is str for stamp in table.timestamps)
    quoted += 2 * (table.kind is not None) + 2 * (table.site_id is not None)
    return table if body.count(b'"') == 2 * quoted else None


def _take(sorter: _Sorter, rows: Sequence[Row]) -> int:
    _limit(len(rows))
    sorter.add_all(rows)
    return len(rows)


def _limit(rows: int) -> None:
    if rows > MAX_ROWS:
        raise invalid([FieldError(("body",), "too_long", f"A batch holds at most {MAX_ROWS} readings", rows)])


def _one_by_one(sorter: _Sorter, rows: Any) -> int:
    """Rows of which at least one is not in shape: each is looked at on its own."""
    if not isinstance(rows, list):
        raise invalid([FieldError(("body",), "list_type", "Input should be an array of readings, or one object with `timestamps`", rows)])
    _limit(len(rows))
    for index, raw in enumerate(rows):
        _one(sorter, index, raw)
    return len(rows)


def _one(sorter: _Sorter, index: int, raw: Any) -> None:
    fault = _odd(raw)
    if fault is None:
        try:
            return sorter.add(index, msgspec.convert(raw, Row))
        except ValueError as error:
            fault = _place(error)
    return sorter.refuse(index, *fault)


def _odd(raw: Any) -> tuple[str, str] | None:
    """What the shape check would not see: repeated keys, numbers that are none, text that is no text."""
    if isinstance(raw, exact.Repeated):
        return raw.key, "this key stands twice in one object"
    if not isinstance(raw, dict):
        return "reading", "a reading is an object"
    values = raw.get("values")
    if isinstance(values, exact.Repeated):
        return values.key, "this metric stands twice in one reading"
    if isinstance(values, dict):
        for name, value in values.items():
            for element in value if isinstance(value, list) else (value,):
                if element is not None and not isinstance(element, (list, dict)):
                    try:
                        exact.number(element, ("values", name))
                    except exact.Fault as fault:
                        return name, fault.error.message
    return None


def _place(error: ValueError) -> tuple[str, str]:
    """msgspec's sentence as (field, reason): "Expected `str`, got `int` - at `$.device_id`"."""
    if isinstance(error, UnicodeError):
        return "reading", "a key or a text holds half a surrogate pair, which is no character"
    message = str(error)
    reason, _, path = message.partition(" - at `$")
    field_name = path.rstrip("`").lstrip(".").split("[")[0]
    if "missing required field" in reason:
        field_name = reason.rsplit("`", 2)[1]
    return field_name or "reading", reason


def _columnar(sorter: _Sorter, body: bytes) -> int:
    table = _table(body)
    if table is None:
        raw = exact.load(body)
        if isinstance(raw, dict) and "timestamps" not in raw and "timestamp" in raw:
            return _one_by_one(sorter, [raw])
        table = _exact_table(raw)
    _limit(len(table.timestamps))
    for name, column in table.values.items():
        if len(column) != len(table.timestamps):
            raise invalid(
                [
                    FieldError(
                        ("body", "values", name), "length", f"has {len(column)} values for {len(table.timestamps)} timestamps", len(column)
                    )
                ]
            )
    if sorter.add_table(table):
        return len(table.timestamps)
    names = tuple(table.values)
    for index, (stamp, *values) in enumerate(zip(table.timestamps, *table.values.values(), strict=True)):
        sorter.add(index, Row(table.device_id, stamp, dict(zip(names, values, strict=True)), table.kind, table.site_id))
    return len(table.timestamps)


def _exact_table(raw: Any) -> Table:
    """The columns of a parsed body. Raises Invalid with what is wrong."""
    odd = _odd_table(raw)
    if odd is not None:
        raise invalid([odd])
    try:
        return msgspec.convert(raw, Table)
    except ValueError as error:
        name, reason = _place(error)
        raise invalid([FieldError(("body", name), "value_error", reason)]) from None


def _odd_table(raw: Any) -> FieldError | None:
    if isinstance(raw, exact.Repeated):
        return FieldError(("body", raw.key), "repeated_key", "This key stands twice in one object", raw.key)
    values = raw.get("values") if isinstance(raw, dict) else None
    if isinstance(values, exact.Repeated):
        return FieldError(("body", "values", values.key), "repeated_key", "This metric stands twice", values.key)
    for name, column in values.items() if isinstance(values, dict) else ():
        for index, value in enumerate(column if isinstance(column, list) else ()):
            if value is not None and not isinstance(value, (list, dict)):
                try:
                    exact.number(value, ("body", "values", name, index))
                except exact.Fault as fault:
                    return fault.error
    return None


def answer(batch: Batch, outcomes: Sequence[Outcome]) -> Answer:
    """How many were kept, how many said nothing new, which stayed outside and why; 202 when those that were good wait in the spool."""
    good = sum(len(block) for block in batch.blocks)
    duplicates = sum(outcome.duplicates for outcome in outcomes)
    spooled = sum(outcome.spooled for outcome in outcomes)
    content: dict[str, Any] = {"accepted": good - duplicates - spooled, "duplicates": duplicates, "rejected": batch.rejected}
    if batch.dry_run:
        content["dry_run"] = True
    return Answer({"spooled": spooled, **content}, 202) if spooled else Answer(content)


class RejectedBody(TypedDict):
    index: int
    field: str
    reason: str


class _AcceptedBody(TypedDict):
    accepted: int
    duplicates: int
    rejected: list[RejectedBody]


class AcceptedBody(_AcceptedBody, total=False):
    dry_run: bool


class SpooledBody(_AcceptedBody):
    spooled: int


_STAMP = {"anyOf": [INSTANT_SCHEMA, {"type": "number", "minimum": -62_135_596_800, "maximum": 253_402_300_799_999}]}
_ID = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$"}
ROW_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["device_id", "timestamp", "values"],
    "properties": {
        "device_id": _ID,
        "timestamp": _STAMP,
        "values": {"type": "object", "description": "metric → number, or array of numbers"},
        "kind": {"type": "string", "enum": list(KINDS)},
        "site_id": {"type": "string"},
    },
}
TABLE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["device_id", "timestamps", "values"],
    "properties": {
        "device_id": _ID,
        "timestamps": {"type": "array", "minItems": 1, "items": _STAMP},
        "values": {"type": "object", "description": "metric → array as long as `timestamps`", "additionalProperties": {"type": "array"}},
        "kind": {"type": "string", "enum": list(KINDS)},
        "site_id": {"type": "string"},
    },
}
ROWS_EXAMPLE = [
    {
        "device_id": "bess01",
        "timestamp": "2026-01-24T12:05:00Z",
        "kind": "bess",
        "values": {"soc": 67.5, "voltage": 825.3, "current": -150.5},
    },
    {
        "device_id": "bess01-rack01",
        "timestamp": 1769256300000,
        "kind": "rack",
        "values": {"soc": 67.1, "cell_voltages": [3.28, 3.27, None]},
    },
]

OPERATIONS = (
    Ingest(
        method="POST",
        path="/api/v1/readings",
        tag="readings",
        summary="Store readings of any devices; good rows are kept, bad ones reported",
        params=IngestParams,
        decode=decode,
        answer=answer,
        reply=AcceptedBody,
        errors=(400, 413, 415, 422),
        example={"accepted": 2, "duplicates": 0, "rejected": []},
        spooled=SpooledBody,
        spooled_example={"spooled": 2, "accepted": 0, "duplicates": 0, "rejected": []},
        body_schema={JSON: {"anyOf": [{"type": "array", "minItems": 1, "items": ROW_SCHEMA}, TABLE_SCHEMA]}, NDJSON: {"type": "string"}},
        body_examples={JSON: ROWS_EXAMPLE},
        description="A JSON array of readings, one object with columns (`timestamps`, `values` of equal length), or NDJSON; gzip allowed. "
        "422 when nothing could be kept; then `error.details.field_errors` names index and field. While the store does not answer, good "
        "rows are kept on disk in the spool and reach the store later by themselves: 202 with `spooled`.",
    ),
)
