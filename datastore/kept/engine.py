"""What keeping telemetry asks of a database: few, plain primitives. `datastore.kept` decides, an engine in `datastore.backends` obeys.

An engine opens transactions: `read` gives a `Reader`, `write` a `Writer`. SQL engines make each of them one real transaction. An
engine without transactions (MongoDB on a single node) carries out each call at once; that is safe because callers write in an order
in which any interruption leaves a state that heals: marks before readings, chunks before the hot rows they replace are deleted,
`count_sealed` between these two.

Devices and metrics are integers here (see `keys`), times epoch ms UTC, ranges start inclusive and end exclusive. A hot row is
`(device, ts, received, quality, value of each scalar …)` with float or None.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import RLock
from typing import Any, NamedTuple, Protocol

from datastore.kept.packing import Packed

HotRow = tuple[Any, ...]
BEGINNING, NEVER = -(2**62), 2**62
"""Before and after every instant."""
Counters = Mapping[tuple[str, int], int]
"""(name, owner) → value: `writes` of each process, `sealed` (owner 0), `latest` (owner 0: when the newest were saved), `layout`,
`forgotten <kind>` (owner 0: before when), and what `sealing` counts."""


class VectorRow(NamedTuple):
    """One vector of one hot reading; `elements` is a blob of `seal.pack_vector`."""

    ts: int
    device: int
    metric: int
    elements: bytes


class Span(NamedTuple):
    """Where one chunk lies: from its first to just after its last instant. `id` names this content: a chunk that is replaced gets
    another one, and none is ever given out again (decoded columns are cached by it)."""

    id: Any
    start: int
    end: int


class Part(NamedTuple):
    """One column of a chunk: `n` readings speak of `metric`; `blob` is of `seal.pack` or, for @at, @received, @quality, `pack_whole`."""

    metric: int
    n: int
    blob: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """Readings of one device as packed columns, of at most one UTC day."""

    device: int
    start: int
    end: int
    parts: Sequence[Part]


class Figures(NamedTuple):
    """What the chunks of one device hold of one metric: how many chunks, readings and bytes, first and just after the last instant."""

    device: int
    metric: int
    chunks: int
    n: int
    size: int
    start: int
    end: int


class Mark(NamedTuple):
    """A rollup bucket that is not to be trusted yet (see `rollups`). `device` 0 = all of the kind, `owner` 0 = nobody's."""

    kind: str
    width: int
    ts: int
    device: int
    owner: int


class Revision(NamedTuple):
    """What stood at an instant before receive time `replaced` (None: nothing); `value` is a blob of `seal.pack_vector`."""

    device: int
    ts: int
    metric: int
    received: int
    replaced: int
    value: bytes | None


class Reader(Protocol):
    """Questions. On an engine with snapshots all of them see the same moment."""

    # names and counters
    def metric_keys(self) -> dict[str, int]:
        """Name → integer of every metric, and of @at, @received, @quality."""

    def device_keys(self) -> list[tuple[int, str, str]]:
        """(integer, device_id, kind) of every device that ever spoke."""

    def device_key(self, device_id: str, kind: str) -> int | None:
        """The integer of one device."""

    def counters(self) -> Counters:
        """All counters as they are now."""

    def newest(self) -> list[tuple[int, str]]:
        """(device, JSON) as saved by `save_newest`."""

    def layout_names(self, layout: int) -> str:
        """The JSON that `layout` of a Writer gave this number to."""

    # hot readings
    def hot_rows(
        self, kind: str, scalars: Sequence[str], devices: Sequence[int] | None, start: int, end: int, received_from: int | None = None
    ) -> list[HotRow]:
        """Hot rows of these devices (None = all of the kind), each device's ascending by time; with `received_from` only those
        received then or later."""

    def hot_row(self, kind: str, scalars: Sequence[str], device: int, ts: int) -> HotRow | None:
        """(received, quality, scalars …) of one instant."""

    def hot_vectors(self, kind: str, metrics: Sequence[int], devices: Sequence[int] | None, start: int, end: int) -> Iterable[VectorRow]:
        """Vectors of hot readings, in any order."""

    def first_hot(self, kind: str, device: int | None = None, start: int | None = None) -> int | None:
        """The oldest hot instant of the kind, or of one device; not before `start`."""

    def last_hot(self, kind: str) -> int | None:
        """The newest hot instant of the kind."""

    def count_hot(self, kind: str, start: int, end: int, most: int) -> int:
        """How many hot rows there are in the range; counting may stop at `most`."""

    def count_vectors(self, kind: str, device: int, metric: int) -> int:
        """How many hot readings of a device have this vector."""

    # chunks
    def horizons(self) -> dict[int, int]:
        """Device → just after its last sealed instant, of every device that has chunks."""

    def spans(self, device: int, start: int, end: int) -> list[Span]:
        """Chunks of a device that touch the range, ascending."""

    def last_span(self, device: int, until: int | None = None) -> Span | None:
        """The chunk that starts last, or last at or before `until`."""

    def parts(self, device: int, metrics: Sequence[int] | None, start: int, end: int) -> list[tuple[Span, list[Part]]]:
        """Chunks that touch the range, ascending, with those of the columns (None = all) that they have; @at comes first in each."""

    def sealed_bounds(self, device: int) -> tuple[int, int] | None:
        """First and last sealed instant of a device."""

    def sealed_count(self, device: int, metric: int) -> int:
        """How many sealed readings of a device speak of a metric."""

    def figures(self, before: int | None = None) -> list[Figures]:
        """The figures of all chunks by device and metric, or of those that end at or before `before`; may take a while."""

    # rollups
    def minutes(self, device: int, start: int, end: int) -> list[tuple[int, int, bytes]]:
        """(ts, layout, packed STATS of all scalars) of stored minutes, ascending."""

    def minute_devices(self, kind: str, start: int, end: int) -> set[int]:
        """Devices of the kind that have a stored minute in the range."""

    def hours(self, device: int, metrics: Sequence[int], start: int, end: int) -> list[tuple[int, int, bytes]]:
        """(metric, day, packed hours) with start ≤ day < end, ascending by day within a metric."""

    def marked(self, kind: str, width: int, devices: Sequence[int], start: int, end: int) -> list[int]:
        """Ascending starts of buckets marked for one of `devices` that touch the range."""

    def marks(self, width: int, before: int, whole: bool | None = None, most: int | None = None) -> list[Mark]:
        """Marks of buckets that start before `before`, ordered by kind, device, ts; `whole` True: only those with device 0, False:
        only those of a device."""

    def revisions(self, device: int, start: int, end: int, replaced_after: int) -> list[Revision]:
        """Revisions of instants in the range that were replaced later than `replaced_after`, the newest first."""


class Writer(Reader, Protocol):
    """A durable transaction. Durable means on disk when the `with` block ends without an error."""

    # names and counters
    def number_devices(self, kind: str, device_ids: Sequence[str]) -> dict[str, int]:
        """Integers of these devices, given out to those that have none."""

    def count_write(self, owner: int) -> Counters:
        """One more write of this process; returns all counters. To be called first in a transaction."""

    def count_sealed(self) -> None:
        """What is sealed has changed: every process must look again."""

    def put_counter(self, name: str, owner: int, value: int) -> None:
        """Set a counter."""

    def end_owner(self, owner: int) -> None:
        """This process ends: its writes are added to those of owner 0 and its own counter goes."""

    def save_newest(self, rows: Sequence[tuple[int, str]]) -> None:
        """Keep (device, JSON), replacing."""

    def drop_newest(self, device: int) -> None:
        """Forget what was saved of a device."""

    def layout(self, names: str) -> int:
        """The number of this JSON list of scalar names, given out when it is new."""

    # hot readings
    def insert_new(self, kind: str, scalars: Sequence[str], rows: Sequence[HotRow], packing: Packed | None = None) -> list[int]:
        """Insert the rows (ascending by time) whose (device, ts) is not there yet, in order; the places of the others, ascending.
        Of two new rows with one key the first goes in. `packing` are the same rows packed, where the caller has them."""

    def update_row(self, kind: str, device: int, ts: int, quality: int, values: Mapping[str, float]) -> None:
        """Set quality and these scalars of a hot row; the others stay."""

    def put_vectors(self, kind: str, rows: Sequence[VectorRow]) -> None:
        """Insert or replace."""

    def delete_hot(self, kind: str, devices: Sequence[int] | None, start: int, end: int) -> int:
        """Delete hot rows with their vectors (None = all devices of the kind); how many rows."""

    # chunks
    def put_chunk(self, chunk: Chunk, instead_of: Sequence[Span] = ()) -> None:
        """Keep a chunk and drop those it was made of, so that no reader misses both: a reader may see both, never neither.
        `instead_of` may contain one with the same start."""

    def drop_chunks(self, device: int, spans: Sequence[Span]) -> None:
        """Delete these chunks with all their columns."""

    # rollups
    def insert_minutes(self, rows: Sequence[tuple[int, int, int, bytes]]) -> bool:
        """(ts, device, layout, stats): False, and an unknown part of them kept, when one was there already."""

    def put_minutes(self, rows: Sequence[tuple[int, int, int, bytes]]) -> None:
        """Insert or replace."""

    def delete_minutes(self, kind: str, devices: Sequence[int] | None, start: int, end: int) -> None:
        """Delete stored minutes (None = of all devices of the kind)."""

    def put_hours(self, rows: Sequence[tuple[int, int, int, bytes]]) -> None:
        """(device, metric, day, packed hours): insert or replace."""

    def delete_hours(self, device: int, before: int) -> None:
        """Delete hours of days that start before."""

    def add_marks(self, marks: Iterable[Mark]) -> None:
        """Insert those that are not there."""

    def delete_marks(self, marks: Iterable[Mark]) -> None:
        """Delete exactly these."""

    def add_revisions(self, rows: Sequence[Revision]) -> None:
        """Append."""

    def delete_revisions(self, device: int, before: int) -> None:
        """Delete those of instants before."""


class Engine(Protocol):
    """One open database. Raises Unavailable, without secrets in its message, when the database does not answer."""

    turn: RLock
    """Held by a writer of this process while it must keep its memory and the database in step; `write` takes it too."""
    has_snapshots: bool
    """Whether a Reader sees one moment. Where not, `kept` asks again when `sealed` was counted meanwhile."""

    @property
    def is_open(self) -> bool:
        """Whether `close` was not called yet."""

    def read(self) -> AbstractContextManager[Reader]:
        """A consistent look, from any thread; several at once, each with a Reader of its own."""

    def write(self) -> AbstractContextManager[Writer]:
        """One durable transaction, rolled back (where the engine can) when the block raises. One writer at a time over all
        threads and processes: sealing relies on it. Not to be nested."""

    def write_bulk(self) -> AbstractContextManager[Writer]:
        """As `write` for bulk loading: may come back before the disk has it; what `write` committed is never at risk."""

    def end_bulk(self) -> None:
        """Give what bulk loading needs back."""

    def sizes(self) -> Iterator[tuple[str, str, int, int]]:
        """(what, kind or "", bytes, rows) of each table or collection, as near as the database can tell cheaply."""

    def faults(self) -> list[str]:
        """What the database's own check of its files finds, a line each; nothing when it is sound. May take a while."""

    def close(self) -> None:
        """Release everything; idempotent."""
