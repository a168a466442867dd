"""Heat map and distribution of vectors; numbers by hand or by numpy over all readings at once."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datastore.backends.memory import MemoryTelemetry
from datastore.open import open_telemetry
from datastore.ports import Telemetry
from datastore.vectors import QUANTILES, distribution, heat
from plant.errors import Invalid, MetricNotFound
from plant.model import DAY, HOUR, MINUTE, Block, Window

NOON = 1_790_049_600_000
HOUR_AHEAD = Window(NOON, NOON + HOUR)


@pytest.fixture
def telemetry(backend_url: str) -> Iterator[Telemetry]:
    with closing(open_telemetry(backend_url, "UTC", lambda: NOON + DAY)) as store:
        yield store


def cells(*rows: tuple[int, list[float | None]], received: int = 0) -> Block:
    return Block("rack", ("cell_voltages",), [("r1", at, at + received, 0, values) for at, values in rows])


def test_a_heat_map_has_a_column_per_cell_and_leaves_gaps(telemetry: Telemetry) -> None:
    telemetry.append([cells((NOON, [3.1, 3.2, None]), (NOON + 1000, [3.3, 3.2, 3.0]), (NOON + 2 * MINUTE, [3.4, 3.5, 3.6]))])
    found = heat(telemetry, "r1", "rack", "cell_voltages", Window(NOON, NOON + 3 * MINUTE), points=3, zone="UTC")
    assert (found.resolution, found.at.tolist()) == (MINUTE, [NOON, NOON + MINUTE, NOON + 2 * MINUTE, NOON + 3 * MINUTE][: len(found.at)])
    assert found.n[:3].tolist() == [2, 0, 1]
    np.testing.assert_allclose(found.mean[:3], [[3.2, 3.2, 3.0], [np.nan] * 3, [3.4, 3.5, 3.6]], rtol=1e-15)
    np.testing.assert_array_equal(found.min[:3], [[3.1, 3.2, 3.0], [np.nan] * 3, [3.4, 3.5, 3.6]])
    np.testing.assert_array_equal(found.max[:3], [[3.3, 3.2, 3.0], [np.nan] * 3, [3.4, 3.5, 3.6]])


def test_a_vector_that_grows_is_silent_where_it_was_short(telemetry: Telemetry) -> None:
    telemetry.append([cells((NOON, [3.1]), (NOON + 7 * HOUR, [3.2, 3.3]))])
    found = heat(telemetry, "r1", "rack", "cell_voltages", Window(NOON, NOON + 8 * HOUR), points=8, zone="UTC")
    np.testing.assert_array_equal(found.mean[[0, 7]], [[3.1, np.nan], [3.2, 3.3]])


def test_a_distribution_counts_every_element(telemetry: Telemetry) -> None:
    telemetry.append([cells((NOON, [3.1, 3.2, 3.3]), (NOON + 1000, [3.2, 3.2, None]))])
    found = distribution(telemetry, "r1", "rack", "cell_voltages", HOUR_AHEAD, points=1, zone="UTC")
    assert (found.values.tolist(), found.counts.tolist(), int(found.n[0])) == ([3.1, 3.2, 3.3], [1, 3, 1], 5)
    assert found.mean[0] == pytest.approx(3.2)
    assert dict(zip(QUANTILES, found.quantiles[0], strict=True))[0.5] == 3.2
    assert (found.quantiles[0, 0], found.quantiles[0, -1]) == (3.1, 3.3)


def test_sealed_vectors_answer_as_hot_ones(telemetry: Telemetry) -> None:
    telemetry.append([cells(*[(NOON + second * 10_000, [3.0 + second % 7 / 1000, 3.2]) for second in range(360)])])
    before = heat(telemetry, "r1", "rack", "cell_voltages", HOUR_AHEAD, points=12, zone="UTC")
    spread = distribution(telemetry, "r1", "rack", "cell_voltages", HOUR_AHEAD, points=12, zone="UTC")
    telemetry.seal(NOON + 30 * MINUTE)
    after = heat(telemetry, "r1", "rack", "cell_voltages", HOUR_AHEAD, points=12, zone="UTC")
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(
        spread.quantiles, distribution(telemetry, "r1", "rack", "cell_voltages", HOUR_AHEAD, points=12, zone="UTC").quantiles
    )


def test_as_of_shows_what_was_known_then(telemetry: Telemetry) -> None:
    telemetry.append([cells((NOON, [3.1, 3.2]))])
    telemetry.append([cells((NOON, [3.3, 3.2]), received=5000)])
    now = heat(telemetry, "r1", "rack", "cell_voltages", HOUR_AHEAD, points=1, zone="UTC")
    then = heat(telemetry, "r1", "rack", "cell_voltages", HOUR_AHEAD, points=1, zone="UTC", as_of=NOON + 4999)
    assert (now.mean[0].tolist(), then.mean[0].tolist()) == ([3.3, 3.2], [3.1, 3.2])


def test_a_single_number_has_no_heat_map() -> None:
    store = MemoryTelemetry("UTC", lambda: NOON)
    with pytest.raises(Invalid, match="single number"):
        heat(store, "r1", "rack", "soc", HOUR_AHEAD, points=1, zone="UTC")
    with pytest.raises(MetricNotFound):
        distribution(store, "r1", "rack", "mppt_voltages", HOUR_AHEAD, points=1, zone="UTC")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.one_of(st.none(), st.integers(0, 5000).map(lambda x: x / 1000)), min_size=3, max_size=3), min_size=1, max_size=40)
)
def test_quantiles_are_those_of_all_values(rows: list[list[float | None]]) -> None:
    store = MemoryTelemetry("UTC", lambda: NOON)
    store.append([cells(*[(NOON + i * 1000, row) for i, row in enumerate(rows)])])
    values = np.array([x for row in rows for x in row if x is not None])
    found = distribution(store, "r1", "rack", "cell_voltages", HOUR_AHEAD, points=1, zone="UTC")
    if len(values):
        np.testing.assert_allclose(found.quantiles[0], np.quantile(values, QUANTILES), atol=1e-12)
        assert found.counts.sum() == found.n[0] == len(values)
    else:
        assert not found.n.any() and np.isnan(found.quantiles).all()
