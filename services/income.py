"""What awarded hours earned, by hour, day and month of the site. No award, no figure: None, never 0."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from datastore.store import Store
from plant.analysis.settlement import added
from plant.model import HOUR, Window
from plant.timeline import day_starts, moment
from services.settling import Span, spans


@dataclass(frozen=True, slots=True)
class Earned:
    """Sums and means over settled spans; money in the currency of the rules, in hundredths, so that days and months are the sums of their
    hours to the last digit; None when none of them shows any. `rate` is a fraction 0…1,
    `q` the index, both means over time. `hours` are settled, of which `hidden` show no money because their rules are not
    verified. `coverage` is the observed share of their seconds."""

    capacity: float | None = None
    performance: float | None = None
    energy: float | None = None
    rate: float | None = None
    q: float | None = None
    coverage: float | None = None
    hours: float = 0.0
    hidden: float = 0.0

    @property
    def total(self) -> float | None:
        """All money together."""
        if self.capacity is None or self.performance is None or self.energy is None:
            return None
        return added((self.capacity, self.performance, self.energy))


@dataclass(frozen=True, slots=True)
class Hour:
    """One clock hour of a day: what was awarded in it, and what it earned."""

    hour: int
    spans: tuple[Span, ...]
    earned: Earned


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the site that starts at `start` [epoch ms]."""

    start: int
    hours: tuple[Hour, ...]
    earned: Earned


def earned(of: Iterable[Span]) -> Earned:
    """Those of `of` that are settled, together."""
    settled = [(span.period, (span.end - span.start) / HOUR) for span in of if span.period]
    if not settled:
        return Earned()
    fees = [period.fees for period, _ in settled if period.fees]
    hours = sum(share for _, share in settled)
    return Earned(
        added(fee.capacity for fee in fees) if fees else None,
        added(fee.performance for fee in fees) if fees else None,
        added(fee.energy for fee in fees) if fees else None,
        sum(period.rate * share for period, share in settled) / hours / 100.0,
        sum(period.q * share for period, share in settled) / hours,
        sum(period.coverage * share for period, share in settled) / hours,
        hours,
        sum(share for period, share in settled if not period.fees),
    )


def days(store: Store, site_id: str, window: Window, now: int) -> tuple[list[Day], Earned]:
    """The days of the site that touch the window, and all of it together. Raises Unavailable."""
    found = spans(store, site_id, window, now)
    starts = day_starts(window, store.zone)
    ends = [*starts[1:], window.end]
    told = [_day(store, Window(start, end), [span for span in found if start <= span.start < end]) for start, end in _pairs(starts, ends)]
    return told, earned(span for span in found if window.start <= span.start < window.end)


def _pairs(starts: Sequence[int], ends: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(starts, ends, strict=True))


def _day(store: Store, window: Window, own: Sequence[Span]) -> Day:
    hours = []
    for start in range(window.start, window.end, HOUR):
        mine = tuple(span for span in own if start <= span.start < start + HOUR)
        hours.append(Hour(moment(start, store.zone).hour, mine, earned(mine)))
    return Day(window.start, tuple(hours), earned(own))
