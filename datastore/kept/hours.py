"""Hours of one metric and day as a small blob, without loss: a year of one metric is 365 of them, read together.

Sensors send decimals. Where min, max and last of a day are whole multiples of 10⁻ᵏ (k ≤ 4) they are kept as integers above the day's
least, in as few bytes as the widest needs; the sum as the multiple it is near, and by how many steps of its last bit it missed that.
Counts and coverage, which are alike in most hours, are kept once. A day for which that does not work is kept as plain STATS.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datastore import rollup
from datastore.rollup import Stats

HOURS = 24
UNREADABLE = (ValueError, IndexError, struct.error)
"""What `unpack_hours` may raise for a damaged blob."""
_PLAIN = HOURS * rollup.STATS.itemsize
_HEAD = struct.Struct("<BBHIIfq")
"""Exponent k; how to read counts, coverage and misses; bytes of each min, spread, last and total, three bits each; hours that
spoke, as bits; count and coverage of each hour where they are alike (coverage of one reading where it goes with the count); the
least of the day."""
_SHAPE = 4  # bytes of the head that days must share to be taken apart together
_SAME_COUNT, _SAME_COVER, _COVER_BY_COUNT, _MISSES = 1, 2, 4, 8
_MISS_WIDTH = 4  # two bits from here on
_POWERS = 10.0 ** np.arange(5)
_EXACT = float(2**50)
_SIGNED = (np.dtype("<i1"), np.dtype("<i2"), np.dtype("<i4"), np.dtype("<i8"))
_BITS = np.uint32(1) << np.arange(HOURS, dtype=np.uint32)


def pack_hours(stats: Stats) -> list[bytes]:
    """STATS [days, 24] → a blob for each row. Hours with n = 0 hold nothing else."""
    if not len(stats):
        return []
    spoke = stats["n"] > 0
    values = np.where(spoke[None], np.stack([stats["min"], stats["max"], stats["last"]]), 0.0)
    total = np.where(spoke, stats["sum"], 0.0)
    exponents = _exponents(values, total, stats["n"])
    power = _POWERS[np.maximum(exponents, 0)][:, None]
    whole = np.where(exponents[None, :, None] >= 0, np.rint(values * power), 0.0).astype(np.int64)
    near = np.where(exponents[:, None] >= 0, np.rint(total * power), 0.0)
    misses = np.where(spoke, total.view(np.int64) - (near / power).view(np.int64), 0)
    least = np.where(spoke, whole[0], np.iinfo(np.int64).max).min(axis=1)
    least = np.where(spoke.any(axis=1), least, 0)
    low, spread, last = np.where(spoke, whole[0] - least[:, None], 0), whole[1] - whole[0], whole[2] - whole[0]
    above = np.where(spoke, near.astype(np.int64) - stats["n"] * whole[0], 0)
    widths = [_width(column) for column in (low, spread, last, above)]
    miss_widths = _miss_width(misses)
    negative = (spread < 0).any(axis=1) | (last < 0).any(axis=1) | (above < 0).any(axis=1)
    plain = (exponents < 0) | negative | ~spoke.any(axis=1)
    places = (spoke * _BITS).sum(axis=1)
    blobs = []
    wide = np.maximum.reduce([low, spread, last, above]).max(axis=1) >= 2**32
    for i in range(len(stats)):
        packed = b"" if plain[i] or wide[i] else _packed(
            stats[i], spoke[i], int(exponents[i]), int(places[i]), int(least[i]), [column[i] for column in (low, spread, last, above)],
            [int(width[i]) for width in widths], misses[i], int(miss_widths[i]),
        )  # fmt: skip
        blobs.append(packed if packed and len(packed) < _PLAIN else stats[i].tobytes())
    return blobs


def _packed(
    stats: Stats,
    spoke: Any,
    exponent: int,
    places: int,
    least: int,
    columns: Sequence[Any],
    widths: Sequence[int],
    misses: Any,
    miss_width: int,
) -> bytes:
    """One day: min, spread, last and total in `columns`, integers [24] that need `widths` bytes."""
    form = 0
    parts = [
        column.astype("<i8").view(np.uint8).reshape(HOURS, 8)[:, :width].tobytes() for column, width in zip(columns, widths, strict=True)
    ]
    if misses.any():
        form |= _MISSES | miss_width << _MISS_WIDTH
        parts.append(misses.astype(_SIGNED[miss_width]).tobytes())
    counts, cover = stats["n"][spoke], stats["coverage"][spoke]
    count, covered = int(counts[0]), np.float32(cover[0])
    each = np.float32(covered / np.float32(count))
    if (counts == count).all():
        form |= _SAME_COUNT
    else:
        parts.append(stats["n"].tobytes())
    if (cover == covered).all():
        form |= _SAME_COVER
    elif (counts.astype(np.float32) * each == cover).all():
        form |= _COVER_BY_COUNT
        covered = each
    else:
        parts.append(stats["coverage"].tobytes())
    shape = widths[0] | widths[1] << 3 | widths[2] << 6 | widths[3] << 9
    return _HEAD.pack(exponent, form, shape, places, count, covered, least) + b"".join(parts)


def _exponents(values: Any, total: Any, n: Any) -> Any:
    """For each row [days] the least k for which values [3, days, 24] are whole multiples of 10⁻ᵏ and sums small enough; -1 for none."""
    found = np.full(values.shape[1], -1)
    with np.errstate(invalid="ignore", over="ignore"):
        for k in range(len(_POWERS) - 1, -1, -1):
            power = _POWERS[k]
            scaled = np.rint(values * power)
            fits = (scaled / power == values).all(axis=(0, 2)) & (np.abs(scaled) * np.maximum(n, 1) < _EXACT).all(axis=(0, 2))
            fits &= (np.abs(total) * power < _EXACT).all(axis=1)
            found[fits] = k
    return found


def _width(columns: Any) -> Any:
    """For each row [days] of non-negative integers [days, 24] how many bytes they need, 4 when even these do not do."""
    most = columns.max(axis=1)
    return (most > 0).astype(np.int64) + (most >= 2**8) + (most >= 2**16) + (most >= 2**24)


def _miss_width(misses: Any) -> Any:
    """0…3 for each row of signed integers: they fit into 1, 2, 4 or 8 bytes."""
    most = np.maximum(misses, ~misses).max(axis=1)
    return (most >= 2**7).astype(np.int64) + (most >= 2**15) + (most >= 2**31)


def unpack_hours(blobs: Sequence[bytes]) -> Stats:
    """Blobs of `pack_hours`, or plain STATS [24] as earlier releases kept them → STATS [days, 24]. Raises ValueError for another length."""
    stats = rollup.empty(len(blobs), HOURS)
    alike: dict[bytes, list[int]] = {}
    for i, blob in enumerate(blobs):
        # days of one shape lie alike byte by byte: they are taken apart together
        alike.setdefault(b"" if len(blob) == _PLAIN else blob[:_SHAPE], []).append(i)
    for shape, which in alike.items():
        joined = b"".join([blobs[i] for i in which])
        if not shape:
            stats[which] = np.frombuffer(joined, rollup.STATS).reshape(len(which), HOURS)
            continue
        length = len(blobs[which[0]])
        if len(shape) < _SHAPE or len(joined) != length * len(which):
            raise ValueError("a blob of hours has the wrong length")
        _unpack(stats, which, shape, np.frombuffer(joined, np.uint8).reshape(len(which), length))
    return stats


def _unpack(stats: Stats, which: Sequence[int], shape: bytes, table: Any) -> None:
    """Days of one shape, `table` [days, bytes], into their rows."""
    exponent, form, widths = struct.unpack("<BBH", shape)
    column = _Columns(table)
    head = column.take(_HEAD_TYPE, 1)[:, 0]
    spoke = (head["places"][:, None] & _BITS) > 0
    low, spread, last, above = (column.short(widths >> 3 * j & 7) for j in range(4))
    misses = column.take(_SIGNED[form >> _MISS_WIDTH & 3], HOURS) if form & _MISSES else 0
    n = np.where(spoke, head["count"][:, None], 0) if form & _SAME_COUNT else column.take(np.dtype("<u4"), HOURS)
    if form & (_SAME_COVER | _COVER_BY_COUNT):
        coverage = np.where(spoke, head["cover"][:, None], np.float32(0))
        if form & _COVER_BY_COUNT:
            coverage = coverage * n.astype(np.float32)
    else:
        coverage = column.take(np.dtype("<f4"), HOURS)
    column.end()
    low += head["least"][:, None]
    near = (above + n.astype(np.int64) * low) / _POWERS[exponent]
    total = (near.view(np.int64) + misses).view(np.float64)
    found: Mapping[str, Any] = {
        "min": low / _POWERS[exponent],
        "max": (low + spread) / _POWERS[exponent],
        "last": (low + last) / _POWERS[exponent],
        "sum": total,
    }
    rows = np.empty(spoke.shape, rollup.STATS)
    rows["n"], rows["coverage"] = n, coverage
    for name, values in found.items():
        rows[name] = values if spoke.all() else np.where(spoke, values, np.nan)
    stats[which] = rows


_HEAD_TYPE = np.dtype(
    [("k", "u1"), ("form", "u1"), ("shape", "<u2"), ("places", "<u4"), ("count", "<u4"), ("cover", "<f4"), ("least", "<i8")]
)


class _Columns:
    """Takes columns off a table of bytes from the left."""

    def __init__(self, table: Any) -> None:
        self._table, self._place = table, 0

    def take(self, kind: "np.dtype[Any]", count: int) -> Any:
        """The next `count` numbers of each row, [days, count]. Raises ValueError when there are not so many."""
        stop = self._place + kind.itemsize * count
        if stop > self._table.shape[1]:
            raise ValueError("a blob of hours is too short")
        found = np.ascontiguousarray(self._table[:, self._place : stop]).view(kind)
        self._place = stop
        return found

    def end(self) -> None:
        """Raises ValueError when something is left."""
        if self._place != self._table.shape[1]:
            raise ValueError("a blob of hours is too long")

    def short(self, size: int) -> Any:
        """The next 24 numbers of each row, of `size` bytes each, int64 [days, 24]."""
        if size == 4:
            return self.take(np.dtype("<u4"), HOURS).astype(np.int64)
        found = np.zeros((len(self._table), HOURS), dtype=np.int64)
        parts = self.take(np.dtype("u1"), HOURS * size).reshape(len(self._table), HOURS, size)
        for place in range(size):
            found |= parts[:, :, place].astype(np.int64) << 8 * place
        return found
