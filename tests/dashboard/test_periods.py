"""Periods of the site's calendar against dates worked out by hand."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import periods
from dashboard.scope import Scope, read
from plant.model import DAY, HOUR, MINUTE, Window

TAIPEI, BERLIN = "Asia/Taipei", "Europe/Berlin"


def at(text: str, zone: str = TAIPEI) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def window(first: str, last: str, zone: str = TAIPEI) -> Window:
    return Window(at(first, zone), at(last, zone))


@pytest.mark.parametrize(
    ("shown", "by", "expected"),
    [
        (("2026-11-20", "2026-11-21"), -1, ("2026-11-19", "2026-11-20")),
        (("2026-11-16", "2026-11-23"), 1, ("2026-11-23", "2026-11-30")),
        (("2026-03-01", "2026-04-01"), -1, ("2026-02-01", "2026-03-01")),  # 31 days, then 28
        (("2026-12-01", "2027-01-01"), 1, ("2027-01-01", "2027-02-01")),
        (("2026-10-01", "2027-01-01"), -1, ("2026-07-01", "2026-10-01")),  # a quarter
        (("2026-11-21T15:03", "2026-11-21T15:21"), -1, ("2026-11-21T14:45", "2026-11-21T15:03")),
    ],
)
def test_the_period_beside_a_window(shown: tuple[str, str], by: int, expected: tuple[str, str]) -> None:
    assert periods.moved(window(*shown), by, TAIPEI) == window(*expected)


def test_the_day_before_a_long_day_is_a_whole_day() -> None:
    """2026-10-25 has 25 hours in Berlin."""
    found = periods.moved(window("2026-10-25", "2026-10-26", BERLIN), -1, BERLIN)
    assert found == window("2026-10-24", "2026-10-25", BERLIN) and found.length == 24 * HOUR
    assert periods.moved(found, 1, BERLIN).length == 25 * HOUR


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.integers(1, 27), st.sampled_from([TAIPEI, BERLIN]))
def test_there_and_back_is_where_one_was(start: datetime, days: int, zone: str) -> None:
    first, last = start.date(), start.date() + timedelta(days=days)
    shown = window(first.isoformat(), last.isoformat(), zone)
    assert periods.moved(periods.moved(shown, -1, zone), 1, zone) == shown


def test_what_people_pick_on_a_wednesday() -> None:
    found = periods.picks(at("2026-11-18T09:30"), TAIPEI)
    assert found["today"] == (date(2026, 11, 18), date(2026, 11, 18))
    assert found["lastweek"] == (date(2026, 11, 9), date(2026, 11, 15))
    assert found["month"] == (date(2026, 11, 1), date(2026, 11, 18))
    assert found["lastmonth"] == (date(2026, 10, 1), date(2026, 10, 31))


@pytest.mark.parametrize(
    ("against", "start"),
    [("before", "2026-11-21T08:00"), ("day", "2026-11-20T10:00"), ("month", "2026-10-24T10:00"), ("2026-01-31", "2026-01-31T10:00")],
)
def test_the_period_compared_with(against: str, start: str) -> None:
    found = periods.earlier(window("2026-11-21T10:00", "2026-11-21T12:00"), against, TAIPEI)
    assert found == Window(at(start), at(start) + 2 * HOUR)


@pytest.mark.parametrize("against", ["", "bess01-rack02", "2026-02-30", "20260131"])
def test_what_names_no_period(against: str) -> None:
    assert periods.earlier(window("2026-11-21", "2026-11-22"), against, TAIPEI) is None


def test_the_period_after_the_newest_is_the_running_one() -> None:
    scope, _ = read("from=2026-11-20&to=2026-11-20&window=7d", TAIPEI)
    assert scope.aside("/", 1, at("2026-11-20T23:00")) == "/?window=7d"
    assert scope.aside("/", 1, at("2026-11-21T01:00")) == "/?window=7d&from=2026-11-21T00%3A00&to=2026-11-22T00%3A00"
    assert scope.aside("/", -1, at("2026-11-21T01:00")) == "/?window=7d&from=2026-11-19T00%3A00&to=2026-11-20T00%3A00"


@pytest.mark.parametrize(
    ("step", "length", "lines", "width"),
    [
        ("1m", DAY, 1, MINUTE),
        ("1m", DAY, 24, None),  # 34,560 points
        ("1s", HOUR, 1, 1_000),
        ("1s", DAY, 1, None),
        ("raw", HOUR, 1, 0),
        ("raw", 7 * DAY, 1, None),
        ("1d", DAY, 1, None),  # one point is no line
        ("1d", 366 * DAY, 12, DAY),
        ("", DAY, 1, None),
    ],
)
def test_a_resolution_is_followed_where_it_makes_a_picture(step: str, length: int, lines: int, width: int | None) -> None:
    assert Scope(step=step).width(Window(0, length), lines) == width
