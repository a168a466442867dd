"""What awarded hours scored and earned, remembered day by day for all screens; the running hour second by second.

The service judges anew each time it is asked; a wall of screens that asks every second for a month would keep it busy. So a day that is
over is judged again every ten minutes (late readings), today's hours every half minute, and at once when an award or the hour changes.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from datastore.store import Store
from plant.model import HOUR, MINUTE, SECOND, ScheduleEvent, Window
from plant.timeline import day_of, day_starts, day_window, midnight, moment, month_window
from services.awards import events
from services.scoring import Seconds, hour_of, scored
from services.settling import GRACE, Span, spans

HERE = ""
"""The first site of the store: pages do not tell sites apart."""
OLD, TODAY, GLANCE = 10 * MINUTE, 30 * SECOND, 3 * SECOND
MOST = 200


@dataclass(frozen=True, slots=True)
class _Kept:
    """One day's spans, and what they were made of."""

    store: object
    events: tuple[ScheduleEvent, ...]
    tick: tuple[int, int]
    until: int
    spans: tuple[Span, ...]


_days: dict[tuple[int, int], _Kept] = {}
_seconds: dict[tuple[int, int], tuple[object, int, tuple[Seconds, ...]]] = {}
_glances: dict[tuple[int, int, int], tuple[object, int, tuple[Span, ...]]] = {}
_gate = threading.Lock()


def glance(store: Store, window: Window) -> tuple[Span, ...]:
    """As `judged`, at most three seconds old: for tiles that are looked at every second."""
    now, key = store.clock(), (id(store.telemetry), window.start, window.end)
    kept = _glances.get(key)
    if kept is None or kept[0] is not store.telemetry or not 0 <= now - kept[1] < GLANCE:
        if len(_glances) > MOST:
            _glances.clear()
        kept = _glances[key] = (store.telemetry, now, tuple(judged(store, window)))
    return kept[2]


def forget() -> None:
    """Awards were changed here: the next look is a fresh one."""
    _glances.clear()


def judged(store: Store, window: Window) -> list[Span]:
    """Awarded spans that begin in the window, ascending, each judged when it is over. Raises Unavailable."""
    now = store.clock()
    given = events(store, Window(window.start - HOUR, window.end))
    found: list[Span] = []
    for place, start in enumerate(day_starts(window, store.zone)):
        day = day_window(day_of(start, store.zone), store.zone)
        own = tuple(event for event in given if event.time_start < day.end and event.time_end > day.start - HOUR)
        if own:
            found += _day(store, day, own, now, place)
    return [span for span in found if window.start <= span.start < window.end]


def _day(store: Store, day: Window, own: tuple[ScheduleEvent, ...], now: int, place: int) -> Sequence[Span]:
    key = (id(store.telemetry), day.start)
    tick = (now // HOUR, (now - GRACE) // HOUR) if now < day.end + GRACE else (0, 0)
    with _gate:
        kept = _days.get(key)
        fresh = kept is not None and kept.store is store.telemetry and kept.events == own and kept.tick == tick
        if kept is None or not fresh or not kept.until - OLD - MINUTE * 10 <= now < kept.until:
            told = tuple(span for span in spans(store, HERE, day, now) if day.start <= span.start < day.end)
            # days that were judged together are not due again together
            until = now + (TODAY if tick != (0, 0) else OLD + place % 31 * 15 * SECOND)
            if len(_days) > MOST:
                _days.clear()
            kept = _days[key] = _Kept(store.telemetry, own, tick, until, told)
    return kept.spans


def seconds(store: Store, hour: Window) -> tuple[Seconds, ...]:
    """The awarded spans of a clock hour second by second; asked for several times within a second they are read once."""
    now, key = store.clock(), (id(store.telemetry), hour.start)
    with _gate:
        kept = _seconds.get(key)
        if kept is None or kept[0] is not store.telemetry or kept[1] != now // SECOND:
            if len(_seconds) > 8:
                _seconds.clear()
            kept = _seconds[key] = (store.telemetry, now // SECOND, tuple(scored(store, HERE, hour, now)))
    return kept[2]


def running(store: Store) -> tuple[Seconds, ...]:
    """The hour that runs, as far as it is told (its first seconds still show the one before)."""
    return seconds(store, hour_of(store, store.clock() - GRACE - 2 * SECOND))


def today(store: Store, at: int) -> Window:
    """The site's day in which `at` lies."""
    return day_window(day_of(at, store.zone), store.zone)


def month(store: Store, at: int) -> Window:
    """The site's month in which `at` lies."""
    here = moment(at, store.zone)
    return month_window(here.year, here.month, store.zone)


def week(store: Store, at: int) -> list[int]:
    """First instants of the seven days a calendar shows for `at`: five days back to tomorrow, or the days around an older or later one."""
    now = store.clock()
    day, here = day_of(at, store.zone), day_of(now, store.zone)
    back = (here - day).days
    first = here.toordinal() - 5 if -1 <= back <= 5 else day.toordinal() - 3
    return [midnight(day.fromordinal(first + n), store.zone) for n in range(7)]
