"""The time column of a foreign table: its form, its zone, and the SQL that asks for a window or a bucket.

Windows become conditions on the bare column, so that its index serves them. A DATETIME of a zone with daylight saving is read by
PEP 495's `fold=0`: of the hour that comes twice in autumn it is the first pass, and an hour that spring leaves out is counted on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from datastore.ports import Instants
from plant.model import DAY, MINUTE

EPOCH = datetime(1970, 1, 1)
_EPOCH_ORDINAL = EPOCH.toordinal()

Pieces = tuple[tuple[int, int], ...]
"""((from, offset), …) ascending [ms]: from the instant `from` on a zone is `offset` ahead of UTC; the first holds before it too."""

FORMS = ("s", "ms", "datetime", "timestamp")


@dataclass(frozen=True, slots=True)
class Clock:
    """A time column: `form` is s or ms (numbers since 1970), datetime (wall time of `zone`) or timestamp (MySQL's own UTC type)."""

    column: str
    form: str
    zone: str = "UTC"

    def local(self, quoted: str) -> str:
        """SQL: the column as whole milliseconds, in UTC for numbers and in wall time for a DATETIME."""
        if self.form == "ms":
            return quoted
        if self.form == "s":
            return f"ROUND({quoted} * 1000)"
        return f"(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {quoted}) DIV 1000)"

    def utc(self, quoted: str, start: int, end: int) -> str:
        """SQL: the column as whole milliseconds UTC, right for instants from `start` to `end` [epoch ms]."""
        local = self.local(quoted)
        offsets = self._local_pieces(start, end)
        return local if offsets == ((offsets[0][0], 0),) else f"({local} - {_choice(local, offsets)})"

    def within(self, quoted: str, start: int, end: int) -> str:
        """SQL: the condition that picks the window from `start` (inclusive) to `end` (exclusive) [epoch ms]."""
        first, stop = (self._literal(instant, start, end) for instant in (start, end))
        return f"{quoted} >= {first} AND {quoted} < {stop}"

    def before(self, quoted: str, instant: int) -> str:
        """SQL: the condition that picks what is earlier than `instant` [epoch ms]."""
        return f"{quoted} < {self._literal(instant, instant, instant)}"

    def after(self, quoted: str, instant: int) -> str:
        """SQL: the condition that picks what is later than `instant` [epoch ms], or in the hour that is repeated there."""
        return f"{quoted} >= {self._literal(instant, instant, instant)}"

    def to_utc(self, local: Instants) -> Instants:
        """What `local` selects, as epoch ms UTC."""
        if not len(local) or self.zone == "UTC" or self.form != "datetime":
            return local
        pieces = self._local_pieces(int(local.min()), int(local.max()))
        starts = np.array([start for start, _ in pieces[1:]], dtype=np.int64)
        offsets = np.array([offset for _, offset in pieces], dtype=np.int64)
        return local - offsets[np.searchsorted(starts, local, side="right")]

    def _literal(self, instant: int, start: int, end: int) -> str:
        if self.form == "ms":
            return str(instant)
        if self.form == "s":
            return str(instant // 1000) if instant % 1000 == 0 else f"{instant // 1000}.{instant % 1000:03d}"
        wall = EPOCH + timedelta(milliseconds=_first_wall(self._zone_pieces(start, end), instant))
        return f"'{wall.isoformat(sep=' ', timespec='milliseconds')}'"

    def _local_pieces(self, start: int, end: int) -> Pieces:
        pieces = self._zone_pieces(start, end)
        # a piece begins where the clocks of both offsets have passed: the repeated hour's first pass belongs to the old one
        rest = [(start + max(before, offset), offset) for (_, before), (start, offset) in zip(pieces, pieces[1:], strict=False)]
        return ((pieces[0][0] + pieces[0][1], pieces[0][1]), *rest)

    def _zone_pieces(self, start: int, end: int) -> Pieces:
        return offsets_of(self.zone if self.form == "datetime" else "UTC", start - 2 * DAY, end + 2 * DAY)


def bucket_key(utc: str, width: int, zone: str, start: int, end: int) -> str:
    """SQL: the number of the bucket of `width` [ms] that the milliseconds `utc` lie in, as `rollup.edges` cuts them."""
    if width < DAY:
        return f"({utc} DIV {width})"
    pieces = offsets_of(zone, start - 2 * DAY, end + 2 * DAY)
    return f"((({utc} + {_choice(utc, pieces)}) DIV {DAY} + {_EPOCH_ORDINAL}) DIV {width // DAY})"


def first_key(width: int, zone: str, start: int) -> int:
    """The number of the first bucket of a window that begins at `start`."""
    if width < DAY:
        return start // width
    return datetime.fromtimestamp(start / 1000, ZoneInfo(zone)).toordinal() // (width // DAY)


def _choice(value: str, pieces: Pieces) -> str:
    """SQL: the offset that holds at `value`."""
    if len(pieces) == 1:
        return str(pieces[0][1])
    later = " ".join(f"WHEN {value} < {stop} THEN {offset}" for (_, offset), (stop, _) in zip(pieces, pieces[1:], strict=False))
    return f"CASE {later} ELSE {pieces[-1][1]} END"


def _first_wall(pieces: Pieces, instant: int) -> int:
    """The earliest wall time [ms], of those that a clock shows, that is not before `instant` [epoch ms UTC]."""
    before = pieces[0][1]
    for (start, offset), following in zip(pieces, [*pieces[1:], None], strict=True):
        wall = max(start + max(before, offset), instant + offset)
        if following is None or wall < following[0] + offset:
            return wall
        before = offset
    raise AssertionError("the last piece has no end")


def offsets_of(zone: str, start: int, end: int) -> Pieces:
    """How far `zone` is ahead of UTC between two instants [epoch ms]."""
    if zone == "UTC":
        return ((start, 0),)
    return _offsets(zone, start // DAY, -(-end // DAY))


@lru_cache(maxsize=512)
def _offsets(zone: str, first: int, last: int) -> Pieces:
    return tuple(_changes(ZoneInfo(zone), first * DAY, last * DAY))


def _changes(zone: ZoneInfo, start: int, end: int) -> Iterator[tuple[int, int]]:
    known = _offset(zone, start)
    yield start, known
    for low in range(start, end, DAY):
        if _offset(zone, low + DAY) != known:
            early, late = low, low + DAY
            while late - early > MINUTE:  # clocks are changed at full minutes
                middle = (early + late) // 2 // MINUTE * MINUTE
                early, late = (middle, late) if _offset(zone, middle) == known else (early, middle)
            known = _offset(zone, late)
            yield late, known


def _offset(zone: ZoneInfo, instant: int) -> int:
    """[ms]"""
    ahead = datetime.fromtimestamp(instant / 1000, zone).utcoffset()
    assert ahead is not None
    return round(ahead.total_seconds() * 1000)
