"""Every timestamp dialect of the interface documents ⇄ epoch milliseconds UTC, and calendar days of the site's zone.

Inside the product a time is an `int`: epoch milliseconds, UTC. Text and floats exist only at the edges, and this module is the edge.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from plant.model import DAY, Window

SECONDS_END = 100_000_000_000
"""Numbers at or above this are milliseconds, below it seconds: 1e11 s is the year 5138, 1e11 ms is 1973."""
EARLIEST = -62_135_596_800_000
"""0001-01-01T00:00:00Z [epoch ms], the first instant that can be written as a date."""
LATEST = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z [epoch ms], the last one."""
PLAUSIBLE_FROM = 946_684_800_000
"""2000-01-01T00:00:00Z [epoch ms]; a device clock before it was never set."""
FUTURE_TOLERANCE = 600_000
"""A device clock may run this far ahead of the receipt [ms]."""
LATE_AFTER = 120_000
"""A reading older than this at receipt is late [ms]."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)
_MILLISECOND = timedelta(milliseconds=1)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,3})?\Z", re.ASCII)
_MANY_DIGITS = re.compile(r"([.,]\d{6})\d+")
_LOST_PLUS = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)\Z", re.ASCII)
_MIDNIGHT_24 = re.compile(r"(.{10}[T ])24(:00(?::00(?:\.0*)?)?(?:Z|[+-].*)?)\Z", re.ASCII)
_LEAP_SECOND = re.compile(r"(.{10}[T ]\d\d:\d\d:)60(.*)\Z", re.ASCII)


def parse(value: str | int | float, zone: tzinfo = UTC) -> int:
    """The instant `value` names [epoch ms].

    Text is ISO 8601 (blank or `T` between date and time, any number of fractional digits, `Z`, an offset, or nothing: then it is
    local time of `zone`; a date alone is its midnight) or a number in digits. Numbers are epoch seconds, or milliseconds from 1e11 up.
    Raises ValueError with a sentence when it cannot be read.

    >>> parse("2026-01-24T12:05:00Z"), parse(1769256300), parse("1769256300000")
    (1769256300000, 1769256300000, 1769256300000)
    """
    if type(value) is str:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return _slow(value, zone)
        if value.isdigit():  # fromisoformat reads "20260124" as a date; digits alone are a number here
            return _number(float(value))
        return _instant(moment, zone)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("not a timestamp: expected ISO 8601 text or an epoch number")
    return _number(value)


def _instant(moment: datetime, zone: tzinfo) -> int:
    if moment.tzinfo is None:
        if zone is UTC:
            return (moment - _NAIVE_EPOCH) // _MILLISECOND
        moment = moment.replace(tzinfo=zone)
    at = (moment - _EPOCH) // _MILLISECOND
    if not EARLIEST <= at <= LATEST:  # an offset at the ends of the calendar
        raise ValueError("not a timestamp: it is outside the years 1 to 9999")
    return at


def _number(value: int | float) -> int:
    millis = value if not -SECONDS_END < value < SECONDS_END else value * 1000
    if not EARLIEST <= millis <= LATEST:  # also refuses NaN and the infinities
        raise ValueError("not a timestamp: the number is outside the years 1 to 9999 as seconds and as milliseconds")
    return int(millis) if isinstance(millis, int) else round(millis)


def _slow(text: str, zone: tzinfo) -> int:
    """Forms that `fromisoformat` does not know: numbers, padding, more than six fractional digits, `24:00`, a leap second (it is
    the first one of the next minute, as in POSIX time), lower-case `z`, and an offset whose `+` a query string turned into a blank."""
    stripped = text.strip()
    if _NUMBER.match(stripped) and len(stripped) <= 40:
        return _number(float(stripped))
    plain = _LOST_PLUS.sub(r"\1+\2", _MANY_DIGITS.sub(r"\1", stripped)).replace("z", "Z")
    extra = timedelta()
    if _MIDNIGHT_24.match(plain):
        plain, extra = _MIDNIGHT_24.sub(r"\g<1>00\2", plain), timedelta(days=1)
    elif _LEAP_SECOND.match(plain):
        plain, extra = _LEAP_SECOND.sub(r"\g<1>59\2", plain), timedelta(seconds=1)
    if plain[:1].isdigit():
        try:
            return _instant(datetime.fromisoformat(plain) + extra, zone)
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"not a timestamp: {text[:40]!r}")


def plausible(at: int, received: int) -> bool:
    """Whether a device that says `at` [epoch ms] at `received` [epoch ms] can have a working clock."""
    return PLAUSIBLE_FROM <= at <= received + FUTURE_TOLERANCE


def moment(at: int, zone: tzinfo = UTC) -> datetime:
    """Aware datetime of `at` [epoch ms] in `zone`."""
    return (_EPOCH + timedelta(milliseconds=at)).astimezone(zone)


def iso(at: int, zone: tzinfo = UTC) -> str:
    """As the documents show instants: seconds, milliseconds only when there are some; `Z` in UTC, an offset elsewhere.

    >>> iso(1769256600000), iso(1769256600250)
    ('2026-01-24T12:10:00Z', '2026-01-24T12:10:00.250Z')
    """
    text = moment(at, zone).isoformat(timespec="milliseconds" if at % 1000 else "seconds")
    return text[:-6] + "Z" if zone is UTC else text


def local(at: int, zone: tzinfo) -> str:
    """S1's form: `YYYY-MM-DD HH:MM:SS` in site time, no offset."""
    return moment(at, zone).strftime("%Y-%m-%d %H:%M:%S")


def day(text: str) -> date:
    """The calendar day `YYYY-MM-DD`. Raises ValueError."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise ValueError(f"not a day in the form YYYY-MM-DD: {text[:40]!r}") from None


def day_of(at: int, zone: tzinfo) -> date:
    """The calendar day of `zone` in which `at` [epoch ms] lies."""
    return moment(at, zone).date()


def midnight(of: date, zone: tzinfo) -> int:
    """The first instant of a calendar day of `zone` [epoch ms]; where a change of clocks skips midnight, the instant of the change."""
    return _instant(datetime.combine(of, time()), zone)


def day_start(at: int, zone: tzinfo) -> int:
    """The first instant of the calendar day in which `at` lies [epoch ms]."""
    return midnight(day_of(at, zone), zone)


def day_window(of: date, zone: tzinfo) -> Window:
    """A calendar day of `zone`: 23, 24 or 25 hours long."""
    return Window(midnight(of, zone), midnight(of + timedelta(days=1), zone))


def month_window(year: int, month: int, zone: tzinfo) -> Window:
    """A calendar month of `zone`. Raises ValueError for a month that is none."""
    first = date(year, month, 1)
    return Window(midnight(first, zone), midnight((first + timedelta(days=32)).replace(day=1), zone))


def day_starts(window: Window, zone: tzinfo) -> list[int]:
    """First instants [epoch ms] of all calendar days of `zone` that touch the window, ascending."""
    return list(_days(window, zone))


def _days(window: Window, zone: tzinfo) -> Iterator[int]:
    today = day_of(window.start, zone)
    while (start := midnight(today, zone)) < window.end:
        yield start
        today += timedelta(days=1)


def utc_day(at: int) -> int:
    """Start of the UTC day in which `at` lies [epoch ms]."""
    return at - at % DAY
