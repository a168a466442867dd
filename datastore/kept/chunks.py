"""Readings of one device out of sealed chunks and hot rows together, each exactly once; and columns into chunks.

A chunk holds readings of one device of at most one UTC day, one packed column per metric. Chunks of one device do not overlap,
except for the moment in which one is being replaced. A hot row whose instant also stands in a chunk lies over it: what the row
says wins, what it leaves open shows through.
"""

import logging
import struct
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import numpy as np

from datastore.columns import cut, join, lay_over, nothing, take
from datastore.kept.engine import Chunk, HotRow, Part, Reader, Span
from datastore.kept.keys import Keys
from datastore.ports import Columns, Instants, Numbers
from datastore.seal import pack, pack_whole, stack, unpack, unpack_vector, unpack_whole
from plant.errors import Damaged
from plant.metrics import CATALOGUE, metrics_of
from plant.model import HOUR
from plant.timeline import day_of

log = logging.getLogger(__name__)

HEADS = ("@at", "@received", "@quality")
_CACHED = 6
_NUMBERS = 1_800_000
"""Numbers a chunk holds at most: a day of 1 Hz × 17 metrics, and below 15 MB even when they are noise."""


class Chunks:
    """Raw readings. `horizon` maps device → just after its last sealed instant, `highest` is the farthest: for writers, in their
    turn; a reader asks `sealed_until` of its own transaction."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.horizon: dict[int, int] = {}
        self.highest = 0
        self._decoded: OrderedDict[Any, Mapping[int, Numbers | Instants]] = OrderedDict()
        self._shared: dict[int, tuple[Sequence[int], dict[tuple[Any, ...], dict[int, Columns]]]] = {}

    def refresh(self, tx: Reader) -> None:
        """Learn from the store how far each device is sealed."""
        self.horizon = tx.horizons()
        self.highest = max(self.horizon.values(), default=0)

    def raise_horizon(self, device: int, end: int) -> None:
        """Chunks of this device now reach to `end`."""
        self.horizon[device] = max(end, self.horizon.get(device, 0))
        self.highest = max(self.highest, end)

    def sealed_until(self, tx: Reader, device: int) -> int:
        """Just after the last sealed instant as this transaction has it, 0 when nothing is sealed."""
        span = tx.last_span(device)
        return span.end if span else 0

    @contextmanager
    def for_all(self, tx: Reader, devices: Sequence[int]) -> Iterator[None]:
        """While this lasts, hot rows that `tx` is asked for one device after the other are read once for all of `devices`: where
        they lie by time, one pass costs hardly more than one device."""
        self._shared[id(tx)] = (devices, {})
        try:
            yield
        finally:
            del self._shared[id(tx)]

    def _hot_of(self, tx: Reader, kind: str, metrics: Sequence[str], device: int, start: int, end: int) -> Columns | None:
        devices, known = self._shared.get(id(tx), ((), {}))
        if device not in devices or end - start > HOUR:
            return self.hot(tx, kind, metrics, [device], start, end).get(device)
        question = (kind, *metrics, start, end)
        if question not in known:
            known[question] = self.hot(tx, kind, metrics, devices, start, end)
        return known[question].get(device)

    def read(self, tx: Reader, device: int, kind: str, metrics: Sequence[str], start: int, end: int) -> Columns:
        """All readings with start ≤ at < end; `metrics` are columns, rows without any of them stay in."""
        # hot rows first: what is sealed between the two questions is then seen twice, not never
        hot = self._hot_of(tx, kind, metrics, device, start, end)
        sealed = self.sealed(tx, device, metrics, start, end)
        return sealed if hot is None else lay_over(sealed, hot)

    def numbers(self, tx: Reader, device: int, kind: str, metrics: Sequence[str], start: int, end: int) -> tuple[Instants, Numbers]:
        """Instants [n] and values [n, metrics] of scalars with start ≤ at < end, NaN for silent: what rollups are made of. Receive times,
        which cost more to unpack than a metric, are left alone."""
        hot = self._hot_of(tx, kind, metrics, device, start, end)
        return self.over(tx, device, metrics, start, end, hot)

    def over(self, tx: Reader, device: int, metrics: Sequence[str], start: int, end: int, hot: Columns | None) -> tuple[Instants, Numbers]:
        """`numbers` out of chunks and these hot rows."""
        parts = self._parts(tx, device, metrics, start, end, HEADS[:1])
        if hot is not None or not _are_apart(parts):
            whole = _in_order(parts or [nothing(metrics)])
            parts = [whole if hot is None else lay_over(whole, hot)]
        if not parts:
            return np.empty(0, dtype=np.int64), np.empty((0, len(metrics)))
        at = parts[0].at if len(parts) == 1 else np.concatenate([part.at for part in parts])
        values = np.empty((len(at), len(metrics)))
        place = 0
        for part in parts:
            for j, name in enumerate(metrics):
                values[place : place + len(part.at), j] = part.values[name]
            place += len(part.at)
        return at, values

    def sealed(self, tx: Reader, device: int, metrics: Sequence[str], start: int, end: int) -> Columns:
        """What the chunks hold of start ≤ at < end."""
        return _in_order(self._parts(tx, device, metrics, start, end, HEADS) or [nothing(metrics)])

    def _parts(self, tx: Reader, device: int, metrics: Sequence[str], start: int, end: int, heads: Sequence[str]) -> list[Columns]:
        """Each chunk's readings with start ≤ at < end, where there are any."""
        keys = [self._keys.metric[name] for name in (*heads, *metrics)]
        opened = [cut(self.opened(device, span, parts, metrics, heads), start, end) for span, parts in tx.parts(device, keys, start, end)]
        return [columns for columns in opened if len(columns.at)]

    def opened(self, device: int, span: Span, parts: Sequence[Part], metrics: Sequence[str], heads: Sequence[str] = HEADS) -> Columns:
        """A chunk as columns; `received` and `quality` are the instant and 0 where `heads` does not ask for them. Raises
        Damaged, naming device, metric and day, for one that cannot be read."""
        found: dict[str, Any] = {}
        for part in parts:
            name = self._keys.metric_name[part.metric]
            found[name] = self._decode(device, span, name, part.blob, len(found["@at"]) if found else None)
        for head in heads:
            if head not in found:
                raise self._damaged(device, span, head, "it is missing")
        at = found["@at"]
        for name in metrics:
            if name not in found:
                found[name] = np.full((len(at), 0) if CATALOGUE[name].is_vector else len(at), np.nan)
        received = at + found["@received"] if "@received" in found else at
        quality = found["@quality"] if "@quality" in found else np.zeros(len(at), dtype=np.int64)
        return Columns(at, received, quality, {name: found[name] for name in metrics})

    def _decode(self, device: int, span: Span, name: str, blob: bytes, rows: int | None) -> Numbers | Instants:
        """One column of a chunk; `rows` is how many it must have."""
        try:
            return unpacked(name, blob, rows)
        except ValueError as error:
            raise self._damaged(device, span, name, error) from error

    def _damaged(self, device: int, span: Span, name: str, why: object) -> Damaged:
        device_id, kind = self._keys.name(device)
        day = day_of(span.start, UTC)
        what = f"The readings {name.lstrip('@')} of {device_id} ({kind}) of {day} are damaged"
        return Damaged(f"{what}: {why}", device_id=device_id, metric=name, day=str(day))

    def hot(
        self,
        tx: Reader,
        kind: str,
        metrics: Sequence[str],
        devices: Sequence[int] | None,
        start: int,
        end: int,
        received_from: int | None = None,
    ) -> dict[int, Columns]:
        """Hot rows with start ≤ at < end per device (None = all); devices without any are absent."""
        scalars = [name for name in metrics if not CATALOGUE[name].is_vector]
        arrays = [name for name in metrics if CATALOGUE[name].is_vector]
        rows = tx.hot_rows(kind, scalars, devices, start, end, received_from)
        if not rows:
            return {}
        told = self._hot_vectors(tx, kind, arrays, devices, start, end) if arrays else {}
        return _by_device(rows, scalars, arrays, told)

    def _hot_vectors(
        self, tx: Reader, kind: str, metrics: Sequence[str], devices: Sequence[int] | None, start: int, end: int
    ) -> dict[tuple[int, str], dict[int, Numbers]]:
        found: dict[tuple[int, str], dict[int, Numbers]] = {}
        for row in tx.hot_vectors(kind, [self._keys.metric[name] for name in metrics], devices, start, end):
            found.setdefault((row.device, self._keys.metric_name[row.metric]), {})[row.ts] = unpack_vector(row.elements)
        return found

    def sealed_row(self, tx: Reader, device: int, kind: str, at: int) -> tuple[int, int, dict[str, object]] | None:
        """(received, quality, metric → float or float64 array) of one sealed instant, None when no chunk has it, or the one that may
        have it is damaged: what comes again then stands beside it.

        Decoded chunks are cached: who sends a day again asks for one instant after the other.
        """
        if at >= self.horizon.get(device, 0):
            return None
        span = tx.last_span(device, at)
        if span is None or span.end <= at:
            return None
        try:
            columns = self._whole(tx, device, span)
        except Damaged as error:
            log.error("%s", error.message)
            columns = {}
        at_, received, quality = (columns.get(self._keys.metric[name]) for name in HEADS)
        if at_ is None or received is None or quality is None:
            return None
        place = int(np.searchsorted(at_, at))
        if place == len(at_) or at_[place] != at:
            return None
        names = {self._keys.metric[m.name]: m.name for m in metrics_of(kind)}
        values = {names[key]: column[place] for key, column in columns.items() if key in names and not np.isnan(column[place]).all()}
        return at + int(received[place]), int(quality[place]), values

    def _whole(self, tx: Reader, device: int, span: Span) -> Mapping[int, Numbers | Instants]:
        """All columns of a chunk by metric."""
        found = self._decoded.get(span.id)
        if found is None:
            parts = next((parts for other, parts in tx.parts(device, None, span.start, span.start + 1) if other.id == span.id), ())
            names = self._keys.metric_name  # a newer release may have written metrics that this process does not know
            found = {part.metric: self._decode(device, span, names[part.metric], part.blob, None) for part in parts if part.metric in names}
            self._decoded[span.id] = found
            while len(self._decoded) > _CACHED:
                self._decoded.popitem(last=False)
        return found

    def packed(self, device: int, columns: Columns) -> list[Chunk]:
        """Chunks that hold `columns` (ascending, inside one UTC day): one, or as many as wide vectors need to stay below
        `_NUMBERS`; none for no readings."""
        wide = sum(column.shape[1] if column.ndim == 2 else 1 for column in columns.values.values()) + len(HEADS)
        rows = max(_NUMBERS // wide, 1)
        pieces = [take(columns, slice(low, low + rows)) for low in range(0, len(columns.at), rows)]
        return [self._packed(device, piece) for piece in pieces]

    def _packed(self, device: int, columns: Columns) -> Chunk:
        keys = self._keys.metric
        n = len(columns.at)
        parts = [
            Part(keys["@at"], n, pack_whole(columns.at)),
            # a receive time is close to its instant; the distance packs to almost nothing
            Part(keys["@received"], n, pack_whole(columns.received - columns.at)),
            Part(keys["@quality"], n, pack_whole(columns.quality)),
        ]
        for name, column in columns.values.items():
            if column.ndim == 2 and not column.shape[1]:
                continue
            silent = np.isnan(column) if column.ndim == 1 else np.isnan(column).all(axis=1)
            told = n - int(np.count_nonzero(silent))
            if told:
                parts.append(Part(keys[name], told, pack(column)))
        return Chunk(device, int(columns.at[0]), int(columns.at[-1]) + 1, parts)


def unpacked(name: str, blob: bytes, rows: int | None) -> Numbers | Instants:
    """One column of a chunk; `rows` is how many it must have, if that is known. Raises ValueError when it is damaged."""
    try:
        found = unpack_whole(blob) if name in HEADS else unpack(blob)
    except (RuntimeError, struct.error, zlib.error) as error:
        raise ValueError(str(error)) from error
    if rows is not None and len(found) != rows:
        raise ValueError(f"it has {len(found)} rows instead of {rows}")
    return found


def _in_order(parts: Sequence[Columns]) -> Columns:
    """Chunks end to end; where two overlap because one is about to replace the other, the one that starts later lies above."""
    if _are_apart(parts):
        return join(parts)
    whole = parts[0]
    for part in parts[1:]:
        whole = lay_over(whole, part)
    return whole


def _are_apart(parts: Sequence[Columns]) -> bool:
    """Whether each begins after the one before it ends."""
    return all(before.at[-1] < after.at[0] for before, after in zip(parts, parts[1:], strict=False))


def _by_device(
    rows: Sequence[HotRow], scalars: Sequence[str], arrays: Sequence[str], told: Mapping[tuple[int, str], Mapping[int, Numbers]]
) -> dict[int, Columns]:
    # times and flags are far below 2^53, so one array of floats holds all exactly
    table = np.array(rows, dtype=np.float64)
    heads = table[:, :4].astype(np.int64)
    order = np.argsort(heads[:, 0], kind="stable")
    cuts = np.flatnonzero(np.diff(heads[order, 0])) + 1
    found = {}
    for mine in np.split(order, cuts):
        device = int(heads[mine[0], 0])
        at = heads[mine, 1]
        values = {name: table[mine, j] for j, name in enumerate(scalars, start=4)}
        for name in arrays:
            by_instant = told.get((device, name), {})
            values[name] = stack([by_instant.get(instant) for instant in at.tolist()]) if by_instant else np.empty((len(at), 0))
        found[device] = Columns(at, heads[mine, 2], heads[mine, 3], values)
    return found
