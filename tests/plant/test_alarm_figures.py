"""The figures of an alarm system, worked out by hand."""

import numpy as np
import pytest

from plant.analysis import alarm_figures
from plant.analysis.alarm_figures import OPEN, figures, first_outs, rates, standing
from plant.model import DAY, HOUR, MINUTE, SECOND, Window

DAY_LONG = Window(0, DAY)


def of(raised: list[int], tags: list[str] | None = None, severities: list[str] | None = None, window: Window = DAY_LONG,
       cleared: list[int] | None = None) -> alarm_figures.AlarmFigures:  # fmt: skip
    at = np.array(raised, dtype=np.int64)
    over = at + SECOND if cleared is None else np.array(cleared, dtype=np.int64)
    return figures(at, over, tags or [f"t{i}" for i in range(len(raised))], severities or ["warning"] * len(raised), window)


def test_nothing_raised_is_a_rate_of_zero_and_no_shares() -> None:
    seen = of([])
    assert (seen.count, seen.rate, seen.peak, seen.in_flood, seen.stale) == (0, 0.0, 0, 0.0, 0)
    assert (seen.top_ten, seen.split, seen.top, seen.chattering) == (None, None, (), ())


def test_the_rate_is_the_mean_per_ten_minutes() -> None:
    assert of([HOUR * i for i in range(24)]).rate == pytest.approx(24 / 144)  # a day has 144 intervals of 10 min


def test_eleven_in_ten_minutes_are_a_flood_ten_are_not() -> None:
    ten = [MINUTE * i for i in range(10)]
    assert of(ten).in_flood == 0.0
    assert of([*ten, 9 * MINUTE + 59_999]).in_flood == pytest.approx(1 / 144)
    assert of([*ten, 10 * MINUTE]).in_flood == 0.0  # the eleventh falls into the next interval
    assert of([*ten, 9 * MINUTE + 59_999]).peak == 11


def test_intervals_are_the_clocks_and_only_what_lies_in_the_window_counts() -> None:
    window = Window(19 * MINUTE, 41 * MINUTE)
    raised = np.array([18 * MINUTE, 19 * MINUTE, 20 * MINUTE - 1, 20 * MINUTE, 40 * MINUTE, 41 * MINUTE])
    starts, counts = rates(raised, window)
    assert starts.tolist() == [10 * MINUTE, 20 * MINUTE, 30 * MINUTE, 40 * MINUTE]
    assert counts.tolist() == [2, 1, 0, 1]


def test_the_ten_most_frequent_tags_share() -> None:
    tags = [f"t{i:02d}" for i in range(20)] + ["bad"] * 20  # 20 of bad and 9 of the twenty others, of 40
    seen = of([HOUR] * 40, tags)
    assert seen.top_ten == pytest.approx(29 / 40)
    assert seen.top[:2] == (("bad", 20), ("t00", 1))


def test_three_within_a_minute_chatter_wherever_the_minute_begins() -> None:
    assert of([50_000, 80_000, 110_000], ["a"] * 3).chattering == ("a",)
    assert of([0, 30_000, 60_001], ["a"] * 3).chattering == ()
    assert of([0, 1, 2], ["a", "a", "b"]).chattering == ()
    assert of([9 * HOUR, 0, 9 * HOUR + 1, 5 * HOUR, 9 * HOUR + 2], ["a"] * 5).chattering == ("a",)  # in any order


def test_stale_is_what_stood_for_more_than_a_day_at_the_end() -> None:
    window = Window(10 * DAY, 11 * DAY)
    raised = [9 * DAY, 10 * DAY, 10 * DAY - 1, 9 * DAY]
    assert of(raised, window=window, cleared=[OPEN, OPEN, OPEN, 10 * DAY + 5]).stale == 2
    assert of(raised, window=window, cleared=[11 * DAY, 11 * DAY - 1, 11 * DAY - 1, OPEN]).stale == 2


def test_alarms_raised_before_the_window_do_not_count_into_rates() -> None:
    seen = of([5, DAY + 5], window=Window(DAY, 2 * DAY), cleared=[OPEN, OPEN])
    assert (seen.count, seen.stale) == (1, 1)


def test_the_priority_split() -> None:
    seen = of([HOUR] * 20, severities=["info"] * 2 + ["warning"] * 13 + ["alarm"] * 4 + ["protection"])
    assert seen.split == (("low", 0.75), ("medium", 0.2), ("high", 0.05))


def test_an_alarm_stands_until_the_instant_it_is_cleared() -> None:
    raised, cleared = np.array([0, 0, 100]), np.array([99, 100, OPEN])
    assert standing(raised, cleared, 100).tolist() == [False, True, False]


def test_the_first_of_an_event_is_marked_and_a_lonely_alarm_is_not() -> None:
    event, first = first_outs(np.array([0, 60_000, 60_001, 200_000]))
    assert event.tolist() == [0, 0, 1, 2]
    assert first.tolist() == [True, False, False, False]


def test_an_event_ends_a_minute_after_its_first_alarm_however_many_follow() -> None:
    event, first = first_outs(np.array([0, 40_000, 80_000, 120_000]))
    assert event.tolist() == [0, 0, 1, 1]
    assert first.tolist() == [True, False, True, False]


def test_of_one_instant_the_alarm_told_first_is_the_first() -> None:
    assert first_outs(np.array([5, 5]))[1].tolist() == [True, False]
    assert first_outs(np.array([], dtype=np.int64))[0].size == 0
