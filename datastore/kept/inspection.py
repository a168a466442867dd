"""What a store holds, what of it is broken, and what a retention rule would drop. Reads only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

import numpy as np

from datastore.kept.chunks import HEADS, unpacked
from datastore.kept.engine import BEGINNING, NEVER, Engine, Figures, Part, Reader, Span
from datastore.kept.hours import UNREADABLE, unpack_hours
from datastore.kept.keys import Keys
from plant.metrics import CATALOGUE, KINDS, scalars_of
from plant.model import DAY
from plant.timeline import day_of


@dataclass(frozen=True, slots=True)
class KindFigures:
    """What is kept of one kind. `hot` and `sealed` count readings, `chunks` pieces of at most a day, `size` their bytes; `days` is the
    sealed time of the device that has most of it."""

    kind: str
    devices: int
    hot: int
    sealed: int
    chunks: int
    size: int
    days: float
    metrics: Mapping[str, Figures]

    @property
    def bytes_a_day(self) -> float | None:
        """Sealed bytes of all its devices per day; None when nothing is sealed."""
        return self.size / self.days if self.days else None

    @property
    def bytes_a_reading(self) -> float | None:
        """Sealed bytes per reading, receive times and flags included."""
        return self.size / self.sealed if self.sealed else None


@dataclass(frozen=True, slots=True)
class Table:
    """One table or collection of the database."""

    name: str
    kind: str
    size: int
    rows: int


@dataclass(frozen=True, slots=True)
class Doomed:
    """What `forget(kind, before)` would drop: hot rows, whole chunks with their readings and bytes."""

    kind: str
    before: int
    hot: int
    chunks: int
    sealed: int
    size: int


class Inspection:
    """Looks at one open engine."""

    def __init__(self, engine: Engine, keys: Keys) -> None:
        self._engine = engine
        self._keys = keys

    def tables(self) -> list[Table]:
        """The database's tables, largest first."""
        return sorted((Table(*row) for row in self._engine.sizes()), key=lambda table: -table.size)

    def kinds(self) -> list[KindFigures]:
        """What is kept of each kind that ever spoke."""
        with self._engine.read() as tx:
            devices = {key: kind for key, _, kind in tx.device_keys()}
            figures = tx.figures()
            hot = {kind: tx.count_hot(kind, BEGINNING, NEVER, most=NEVER) for kind in sorted(set(devices.values()))}
        return [self._kind(kind, devices, figures, hot[kind]) for kind in KINDS if kind in hot]

    def _kind(self, kind: str, devices: Mapping[int, str], figures: Sequence[Figures], hot: int) -> KindFigures:
        own = [one for one in figures if devices.get(one.device) == kind]
        heads = [one for one in own if one.metric == self._keys.metric["@at"]]
        metrics: dict[str, Figures] = {}
        for one in own:
            name = self._keys.metric_name.get(one.metric, f"metric {one.metric}")
            metrics[name] = _sum(metrics[name], one) if name in metrics else one
        return KindFigures(
            kind,
            devices=sum(its == kind for its in devices.values()),
            hot=hot,
            sealed=sum(head.n for head in heads),
            chunks=sum(head.chunks for head in heads),
            size=sum(one.size for one in own),
            days=max((head.end - head.start for head in heads), default=0) / DAY,
            metrics=metrics,
        )

    def doomed(self, kind: str, before: int) -> Doomed:
        """What a retention rule would drop now."""
        with self._engine.read() as tx:
            own = {key for key, _, its in tx.device_keys() if its == kind}
            figures = [one for one in tx.figures(before) if one.device in own]
            hot = tx.count_hot(kind, BEGINNING, before, most=NEVER)
        heads = [one for one in figures if one.metric == self._keys.metric["@at"]]
        return Doomed(kind, before, hot, sum(one.chunks for one in heads), sum(one.n for one in heads), sum(one.size for one in figures))

    def faults(self, progress: Callable[[float], None] = lambda share: None) -> Iterator[str]:
        """What is broken, a line each: what the database's own check finds, then every column of every chunk that cannot be read,
        named by device, metric and day. `progress` gets the share done."""
        yield from self._engine.faults()
        with self._engine.read() as tx:
            devices = tx.device_keys()
        for done, (key, device_id, kind) in enumerate(devices):
            progress(done / len(devices))
            with self._engine.read() as tx:
                yield from self._device_faults(tx, key, kind, f"{device_id} ({kind})")

    def _device_faults(self, tx: Reader, device: int, kind: str, name: str) -> Iterator[str]:
        bounds = tx.sealed_bounds(device)
        before: Span | None = None
        for low in range(bounds[0] // DAY * DAY, bounds[1] + 1, DAY) if bounds else ():
            for span, parts in tx.parts(device, None, low, low + DAY):
                if before is not None and span.start < before.end and span.id != before.id:
                    yield f"{name}: chunks of {_day(before)} and {_day(span)} overlap"
                if before is None or span.id != before.id:
                    for metric, fault in self._chunk_faults(span, parts):
                        yield f"{name}: the readings {metric} of {_day(span)} are damaged: {fault}"
                before = span
        scalars = [self._keys.metric[scalar] for scalar in scalars_of(kind)]
        for key, day, packed in tx.hours(device, scalars, BEGINNING, NEVER):
            try:
                unpack_hours([packed])
            except UNREADABLE as error:
                named = day_of(day, UTC)
                yield f"{name}: the hours of {self._keys.metric_name[key]} of {named} are damaged and made from readings: {error}"

    def _chunk_faults(self, span: Span, parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
        rows: int | None = None
        seen = set()
        for part in parts:
            name = self._keys.metric_name.get(part.metric, "")
            seen.add(name)
            fault, length = _column_fault(name, part, rows, span)
            rows = length if name == "@at" else rows
            if fault:
                yield name.lstrip("@") or str(part.metric), fault
        for head in HEADS:
            if head not in seen:
                yield head.lstrip("@"), "it is missing"


def _column_fault(name: str, part: Part, rows: int | None, span: Span) -> tuple[str, int | None]:
    """("" when sound, how many rows it has)."""
    if not name.startswith("@") and name not in CATALOGUE:
        return "the catalogue has no such metric", None
    try:
        values = unpacked(name, part.blob, rows)
    except ValueError as error:
        return str(error), None
    n = len(values)
    if name == "@at" and (not n or int(values[0]) != span.start or int(values[-1]) + 1 != span.end or not (np.diff(values) > 0).all()):
        return "its instants do not ascend from its start to its end", n
    return "", n


def _sum(one: Figures, other: Figures) -> Figures:
    return Figures(
        one.device, one.metric, one.chunks + other.chunks, one.n + other.n, one.size + other.size,
        min(one.start, other.start), max(one.end, other.end),
    )  # fmt: skip


def _day(span: Span) -> str:
    return str(day_of(span.start, UTC))
