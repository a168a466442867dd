"""Every spelling of an instant in the documents means the same instant. Expected numbers are by hand: 2026-01-24T12:05:00Z is
20,477 days (1,769,212,800 s) after the epoch plus 43,500 s."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from plant import timeline
from plant.model import DAY, HOUR, Window

NOON = 1_769_256_300_000
TAIPEI = ZoneInfo("Asia/Taipei")
MADRID = ZoneInfo("Europe/Madrid")


@pytest.mark.parametrize(
    "spelling",
    [
        "2026-01-24T12:05:00Z",
        "2026-01-24T12:05:00z",
        "2026-01-24 12:05:00Z",
        "2026-01-24T12:05:00",
        "2026-01-24 12:05:00",
        "2026-01-24T12:05",
        "2026-01-24T12:05:00.000Z",
        "2026-01-24T12:05:00.0000000Z",
        "2026-01-24T20:05:00+08:00",
        "2026-01-24T20:05:00+0800",
        "2026-01-24T20:05:00 08:00",  # a query string made the plus a blank
        "2026-01-24T09:05:00-03:00",
        "  2026-01-24T12:05:00Z ",
        "1769256300",
        "1769256300.0",
        "1769256300000",
        1_769_256_300,
        1_769_256_300.0,
        1_769_256_300_000,
        1.7692563e12,
    ],
)
def test_every_spelling_is_the_same_instant(spelling):
    assert timeline.parse(spelling) == NOON


def test_fractions_of_a_second_are_kept_to_the_millisecond():
    assert timeline.parse("2024-01-15T14:30:15.123Z") == 1_705_329_015_123
    assert timeline.parse("2024-01-15T14:30:15.123456789Z") == 1_705_329_015_123
    assert timeline.parse(1_705_329_015.123) == 1_705_329_015_123


def test_a_naive_time_is_local_time_of_the_zone_given():
    assert timeline.parse("2026-01-24 20:05:00", TAIPEI) == NOON
    assert timeline.parse("2026-01-24T12:05:00Z", TAIPEI) == NOON


def test_a_date_alone_is_its_midnight():
    assert timeline.parse("2026-01-24") == 20_477 * DAY
    assert timeline.parse("2026-01-24", TAIPEI) == 20_477 * DAY - 8 * HOUR


def test_twenty_four_hundred_is_the_next_midnight():
    assert timeline.parse("2026-01-24T24:00:00Z") == 20_478 * DAY


def test_digits_alone_are_a_number_even_when_they_look_like_a_date():
    assert timeline.parse("20260124") == 20_260_124_000


@pytest.mark.parametrize("clock", [0, 12.5, -5, "1970-01-01T00:00:07Z"])
def test_implausible_clocks_are_read_and_told_apart(clock):
    assert not timeline.plausible(timeline.parse(clock), NOON)


def test_a_clock_is_plausible_from_2000_to_ten_minutes_ahead():
    assert timeline.plausible(946_684_800_000, NOON)
    assert not timeline.plausible(946_684_799_999, NOON)
    assert timeline.plausible(NOON + 600_000, NOON)
    assert not timeline.plausible(NOON + 600_001, NOON)


@pytest.mark.parametrize(
    "nonsense",
    ["", " ", "yesterday", "2026-02-30T00:00:00Z", "2026-13-01", "12:05:00", "2026-01-24T25:00:00Z", "1e400", "nan", "0x10", "٢٠٢٦",
     "9" * 500,
     float("nan"), float("inf"), 1e30, 10**400, True, None, [], {}],
)  # fmt: skip
def test_nonsense_is_refused(nonsense):
    with pytest.raises(ValueError, match="not a timestamp"):
        timeline.parse(nonsense)


def test_instants_are_written_as_the_documents_show_them():
    assert timeline.iso(NOON) == "2026-01-24T12:05:00Z"
    assert timeline.iso(NOON + 250) == "2026-01-24T12:05:00.250Z"
    assert timeline.iso(NOON, TAIPEI) == "2026-01-24T20:05:00+08:00"
    assert timeline.local(NOON, TAIPEI) == "2026-01-24 20:05:00"


def test_the_site_day_starts_at_local_midnight():
    assert timeline.iso(timeline.day_start(NOON, TAIPEI)) == "2026-01-23T16:00:00Z"
    assert timeline.day_of(NOON + 4 * HOUR, TAIPEI) == date(2026, 1, 25)


def test_days_of_a_zone_with_summer_time_have_23_and_25_hours():
    assert timeline.day_window(date(2026, 3, 29), MADRID).length == 23 * HOUR
    assert timeline.day_window(date(2026, 10, 25), MADRID).length == 25 * HOUR


def test_a_month_is_its_days():
    assert timeline.month_window(2024, 2, TAIPEI).length == 29 * DAY
    assert timeline.month_window(2026, 12, TAIPEI).length == 31 * DAY


def test_days_that_touch_a_window():
    window = Window(NOON, NOON + DAY)
    assert [timeline.local(start, TAIPEI) for start in timeline.day_starts(window, TAIPEI)] == [
        "2026-01-24 00:00:00",
        "2026-01-25 00:00:00",
    ]


def test_a_day_is_written_with_dashes():
    assert timeline.day("2026-01-24") == date(2026, 1, 24)
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        timeline.day("24/01/2026")
