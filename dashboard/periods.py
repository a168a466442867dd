"""Periods of the site's calendar: the one before or after a window, the days people pick, the one a window is compared with. Pure."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from plant.model import Window

DAYS: Mapping[str, int] = {"day": 1, "week": 7, "month": 28}
"""How far back, in days of the site: a month is four weeks, so that weekdays meet weekdays."""
BEFORE = "before"
"""The stretch of the same length just before."""


def moved(window: Window, by: int, zone: str) -> Window:
    """The window `by` periods later (earlier when negative). Whole months and whole days of `zone` stay whole, whatever their length; other
    windows move by their own length."""
    first, last = _local(window.start, zone), _local(window.end, zone)
    if first.time() != datetime.min.time() or last.time() != datetime.min.time():
        return Window(window.start + by * window.length, window.end + by * window.length)
    if first.day == last.day == 1:
        months = (last.year - first.year) * 12 + last.month - first.month
        return Window(*(_instant(_month(moment, by * months), zone) for moment in (first, last)))
    step = timedelta(days=by * (last - first).days)
    return Window(_instant(first + step, zone), _instant(last + step, zone))


def picks(now: int, zone: str) -> Mapping[str, tuple[date, date]]:
    """Name → first and last day of the periods people ask for; weeks begin on Monday."""
    today = _local(now, zone).date()
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    return {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1),) * 2,
        "week": (monday, today),
        "lastweek": (monday - timedelta(days=7), monday - timedelta(days=1)),
        "month": (first, today),
        "lastmonth": ((first - timedelta(days=1)).replace(day=1), first - timedelta(days=1)),
    }


def day_of(text: str) -> date | None:
    """The calendar day of `2026-11-14`; None for anything else.

    >>> day_of("2026-11-14"), day_of("20261114"), day_of("bess01")
    (datetime.date(2026, 11, 14), None, None)
    """
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def earlier(window: Window, against: str, zone: str) -> Window | None:
    """The period `window` is compared with: BEFORE, the same time of the clock some DAYS ago, or a date on which the compared period begins
    at the same time of the clock. None when `against` names no period."""
    if against == BEFORE:
        return Window(window.start - window.length, window.start)
    first = _local(window.start, zone)
    if against in DAYS:
        start = _instant(first - timedelta(days=DAYS[against]), zone)
    elif day := day_of(against):
        start = _instant(datetime.combine(day, first.time()), zone)
    else:
        return None
    return Window(start, start + window.length)


def _local(at: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).replace(tzinfo=None)


def _instant(moment: datetime, zone: str) -> int:
    return round(moment.replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def _month(first: datetime, by: int) -> datetime:
    place = first.year * 12 + first.month - 1 + by
    return first.replace(year=place // 12, month=place % 12 + 1)
