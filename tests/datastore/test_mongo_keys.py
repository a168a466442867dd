"""Device and instant in one integer: found again, in order, within bounds."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datastore.backends import mongo_keys as keys
from plant.errors import Invalid
from plant.model import DAY

DEVICES = st.integers(1, (1 << 20) - 1)
INSTANTS = st.integers(0, (1 << 43) - 1)
DAYS = st.integers(0, (1 << 43) // DAY).map(lambda day: day * DAY).filter(lambda day: day < 1 << 43)
ANY = st.integers(-(1 << 62), 1 << 62)


@given(DEVICES, INSTANTS)
def test_a_key_tells_its_device_and_instant_and_fits_into_an_int64(device: int, ts: int) -> None:
    key = keys.instant_key(device, ts)
    assert (keys.device_of(key), keys.ts_of(key)) == (device, ts)
    assert 0 < key < 1 << 63


@given(DEVICES, INSTANTS, DEVICES, INSTANTS)
def test_keys_are_ordered_by_device_then_time(device: int, ts: int, other: int, later: int) -> None:
    assert (keys.instant_key(device, ts) < keys.instant_key(other, later)) == ((device, ts) < (other, later))


@given(DEVICES, INSTANTS, ANY, ANY)
def test_a_range_picks_exactly_its_instants(device: int, ts: int, start: int, end: int) -> None:
    bounds = keys.instants(device, start, end)["_id"]
    assert (bounds["$gte"] <= keys.instant_key(device, ts) < bounds["$lt"]) == (start <= ts < end)


@given(DEVICES, DEVICES, INSTANTS)
def test_a_range_of_one_device_picks_no_other(device: int, other: int, ts: int) -> None:
    bounds = keys.instants(device)["_id"]
    assert (bounds["$gte"] <= keys.instant_key(other, ts) < bounds["$lt"]) == (device == other)


@given(DEVICES, st.integers(1, (1 << 16) - 1), DAYS, ANY, ANY)
def test_days_are_found_by_metric_and_range(device: int, metric: int, day: int, start: int, end: int) -> None:
    key = keys.day_key(device, metric, day)
    assert keys.metric_and_day(key) == (metric, day)
    bounds = keys.days(device, metric, start, end)["_id"]
    assert (bounds["$gte"] <= key < bounds["$lt"]) == (start <= day < end)
    own = keys.days_of(device)["_id"]
    assert own["$gte"] <= key < own["$lt"]


def test_the_last_instant_lies_in_september_2248() -> None:
    assert datetime.fromtimestamp(keys.LATEST / 1000, UTC).date().isoformat() == "2248-09-26"


@pytest.mark.parametrize("ts", [-1, 1 << 43])
def test_an_instant_without_a_key_is_refused_by_name(ts: int) -> None:
    with pytest.raises(Invalid, match=f"from 1970 to September 2248, {ts} ms"):
        keys.instant_key(1, ts)


def test_a_device_too_many_is_refused() -> None:
    keys.check_device((1 << 20) - 1)
    with pytest.raises(Invalid, match="at most 1048575 devices"):
        keys.check_device(1 << 20)
