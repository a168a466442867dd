"""Buckets and what they hold: expected numbers by hand, laws by hypothesis."""

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from datastore import rollup
from plant.model import DAY, HOUR, MINUTE, Window

SPRING = 1_774_738_800_000  # 2026-03-29 00:00 in Berlin (+01:00), the day the clocks go forward
AUTUMN = 1_792_879_200_000  # 2026-10-25 00:00 in Berlin (+02:00), the day they go back

windows = st.tuples(st.integers(0, 4_000_000_000_000), st.integers(1, 40 * DAY)).map(lambda pair: Window(pair[0], pair[0] + pair[1]))
zones = st.sampled_from(["UTC", "Asia/Taipei", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"])


def test_the_day_of_the_time_change_has_23_or_25_hours() -> None:
    assert np.diff(rollup.edges(Window(SPRING - DAY, SPRING + 2 * DAY), DAY, "Europe/Berlin")).tolist() == [
        24 * HOUR,
        23 * HOUR,
        24 * HOUR,
        24 * HOUR,
    ]
    assert np.diff(rollup.edges(Window(AUTUMN, AUTUMN + 2 * DAY), DAY, "Europe/Berlin")).tolist() == [25 * HOUR, 24 * HOUR]
    assert rollup.day_window(date(2026, 3, 29), "Europe/Berlin") == Window(SPRING, SPRING + 23 * HOUR)


def test_narrow_buckets_begin_at_multiples_of_their_width() -> None:
    assert rollup.edges(Window(61_000, 200_000), MINUTE, "Asia/Taipei").tolist() == [60_000, 120_000, 180_000, 240_000]


@given(windows, st.sampled_from([w for w in rollup.LADDER if w >= MINUTE]), zones)
def test_edges_cover_the_window_and_no_more_than_one_bucket_beyond(window: Window, width: int, zone: str) -> None:
    edges = rollup.edges(window, width, zone)
    assert edges[0] <= window.start < edges[1]
    assert edges[-2] < window.end <= edges[-1]
    assert (np.diff(edges) > 0).all()
    if width >= DAY:
        assert all(rollup.datetime.fromtimestamp(e / 1000, ZoneInfo(zone)).strftime("%H:%M") == "00:00" for e in edges.tolist())


@given(windows, st.integers(1, 5000))
def test_the_ladder_gives_at_most_the_wanted_points(window: Window, points: int) -> None:
    width = rollup.width_for(window, points)
    assert width in rollup.LADDER
    assert width == rollup.LADDER[-1] or window.length <= points * width


def test_reduce_by_hand() -> None:
    at = np.array([0, 10, 20, 35, 50], dtype=np.int64)
    values = np.array([[1.0, np.nan], [5.0, 2.0], [3.0, np.nan], [7.0, np.nan], [9.0, 4.0]])
    stats = rollup.reduce(at, values, np.array([0, 30, 40, 45]))
    assert stats["n"].tolist() == [[3, 1], [1, 0], [0, 0]]
    assert stats["min"][:, 0].tolist()[:2] == [1.0, 7.0]
    assert stats["max"][:, 0].tolist()[:2] == [5.0, 7.0]
    assert stats["last"][:, 0].tolist()[:2] == [3.0, 7.0]
    assert stats["sum"][:, 0].tolist()[:2] == [9.0, 7.0]
    assert stats["last"][0, 1] == 2.0
    assert np.isnan(stats["sum"][2]).all() and np.isnan(stats["min"][1, 1])


def columns(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    at = np.array(sorted(draw(st.sets(st.integers(0, 7200), min_size=1, max_size=80))), dtype=np.int64) * 1000
    numbers = st.one_of(st.just(np.nan), st.integers(-10_000, 10_000).map(lambda i: i / 8))
    return at, draw(arrays.arrays(np.float64, (len(at), 2), elements=numbers))


@given(st.data())
def test_coarse_from_fine_is_coarse_from_readings(data: st.DataObject) -> None:
    at, values = columns(data.draw)
    fine_edges = np.arange(0, 2 * HOUR + MINUTE + 1, MINUTE)
    coarse_edges = np.array([0, 15 * MINUTE, HOUR, 2 * HOUR + MINUTE])
    combined = rollup.combine(fine_edges[:-1], rollup.reduce(at, values, fine_edges), coarse_edges)
    direct = rollup.reduce(at, values, coarse_edges)
    for name in ("n", "min", "max", "last", "sum"):  # eighths add without rounding
        np.testing.assert_array_equal(combined[name], direct[name])


@given(st.data())
def test_no_reading_is_lost_or_counted_twice(data: st.DataObject) -> None:
    at, values = columns(data.draw)
    stats = rollup.reduce(at, values, rollup.edges(Window(0, 2 * HOUR + 1000), 5 * MINUTE, "UTC"))
    assert stats["n"].sum(axis=0).tolist() == (~np.isnan(values)).sum(axis=0).tolist()
    for j in range(2):
        if not np.isnan(values[:, j]).all():
            assert np.nanmax(stats["max"][:, j]) == np.nanmax(values[:, j])
            assert np.nanmin(stats["min"][:, j]) == np.nanmin(values[:, j])
    assert ((stats["coverage"] >= 0) & (stats["coverage"] <= 300)).all()


@given(st.data())
def test_grouped_is_reduce_for_each_group(data: st.DataObject) -> None:
    at, values = columns(data.draw)
    minutes = at // MINUTE
    firsts = np.flatnonzero(np.r_[True, np.diff(minutes) != 0])
    found = rollup.grouped(at, values, firsts, MINUTE)
    meant = rollup.reduce(at, values, rollup.edges(Window(0, 2 * HOUR + 1000), MINUTE, "UTC"))[minutes[firsts]]
    for name in ("n", "min", "max", "last", "sum"):
        np.testing.assert_array_equal(found[name], meant[name])


@pytest.mark.parametrize(("filled", "share"), [(range(60), 1.0), (range(30), 0.5), (range(0, 60, 15), 1.0), ((), 0.0)])
def test_share_of_an_hour(filled: range, share: float) -> None:
    at = np.arange(60, dtype=np.int64) * MINUTE
    readings = np.array([at[i] for i in filled], dtype=np.int64)
    stats = rollup.reduce(readings, np.ones((len(readings), 1)), np.arange(61, dtype=np.int64) * MINUTE)
    assert rollup.share(at, stats, 0, Window(0, HOUR)) == pytest.approx(share)


def test_runs_join_neighbours() -> None:
    assert rollup.runs([0, 10, 20, 40, 60, 70], 10) == [(0, 30), (40, 50), (60, 80)]


def test_one_reading_covers_the_minute_it_was_heard_in() -> None:
    hour = Window(0, HOUR)
    series = rollup.raw("rack-a", "soc", np.array([5 * MINUTE]), np.array([61.5]), hour)
    assert series.coverage == 60 / 3600
    assert rollup.raw("rack-a", "soc", np.empty(0, np.int64), np.empty(0), hour).coverage == 0
