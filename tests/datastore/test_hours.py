"""Hours of a day as small blobs: every bit comes back, whatever the readings were, and what earlier releases kept is still read."""

from typing import Any

import numpy as np
import pytest

from datastore import rollup
from datastore.kept.hours import HOURS, pack_hours, unpack_hours
from plant.model import HOUR

SECONDS = np.arange(86_400, dtype=np.int64) * 1000
WAVE = np.sin(SECONDS / 1e7)
NOISE = np.random.default_rng(3).normal(0, 1, len(SECONDS))


def day(values: Any) -> Any:
    """STATS [1, 24] of a reading a second."""
    bounds = np.arange(HOURS + 1, dtype=np.int64) * HOUR
    return rollup.reduce(SECONDS, np.asarray(values, dtype=np.float64)[:, None], bounds).T


def gaps() -> Any:
    values = np.round(800 + 30 * WAVE + NOISE, 1)
    values[NOISE > 2.5] = np.nan
    values[5 * 3600 : 7 * 3600] = np.nan
    return values


DAYS = {
    "tenths": np.round(800 + 30 * WAVE + NOISE, 1),
    "thousandths about 60": np.round(60 + NOISE / 50, 3),
    "about zero": np.round(NOISE / 3, 1),
    "negative": np.round(-300 + 40 * WAVE + NOISE, 2),
    "always the same": np.full(len(SECONDS), 3.0),
    "a growing counter": np.round(np.cumsum(np.abs(NOISE)) + 1e6, 1),
    "hours and seconds missing": gaps(),
    "no decimals at all": 5 + NOISE,
    "far apart": np.where(NOISE > 0, 1e9, -1e9),
    "beyond integers": NOISE * 1e300,
    "infinite": np.where(NOISE > 4, np.inf, 1.0),
}


def same(found: Any, told: Any) -> bool:
    return all(np.array_equal(found[name], told[name], equal_nan=True) for name in rollup.STATS.names or ())


@pytest.mark.parametrize("values", DAYS.values(), ids=DAYS.keys())
def test_every_bit_comes_back(values: Any) -> None:
    told = day(values)
    (blob,) = pack_hours(told)
    assert same(unpack_hours([blob]), told)


def test_days_of_many_shapes_come_back_in_their_order() -> None:
    told = np.concatenate([day(values) for values in DAYS.values()] * 2)
    assert same(unpack_hours(pack_hours(told)), told)


@pytest.mark.parametrize("name", ["tenths", "thousandths about 60", "about zero", "negative", "hours and seconds missing"])
def test_what_sensors_send_takes_a_third_of_plain_statistics_at_most(name: str) -> None:
    assert len(pack_hours(day(DAYS[name]))[0]) <= HOURS * rollup.STATS.itemsize / 3


def test_a_word_that_never_changes_takes_almost_nothing() -> None:
    # a head of 24 bytes and nothing behind it: each hour has least = greatest = last = 3 and 3600 of them
    assert len(pack_hours(day(DAYS["always the same"]))[0]) == 24


def test_days_that_earlier_releases_kept_as_they_were_are_read() -> None:
    told = day(DAYS["tenths"])
    assert same(unpack_hours([told[0].tobytes(), *pack_hours(told)]), np.concatenate([told, told]))


def test_a_day_in_which_nothing_was_heard() -> None:
    told = rollup.empty(2, HOURS)
    assert same(unpack_hours(pack_hours(told)), told)
    assert unpack_hours([]).shape == (0, HOURS)


@pytest.mark.parametrize("cut", [0, 3, 20, 100])
def test_a_blob_cut_short_is_an_error(cut: int) -> None:
    (blob,) = pack_hours(day(DAYS["tenths"]))
    with pytest.raises(ValueError):
        unpack_hours([blob[:cut]])
