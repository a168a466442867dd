"""Chunks give back what went in, bit for bit, and small."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from datastore import seal

floats = st.floats(allow_nan=True, allow_infinity=True, width=64)
sensor = st.one_of(st.just(np.nan), st.integers(-2_000_000, 2_000_000).map(lambda i: i / 1000))
shapes = st.one_of(st.integers(0, 60).map(lambda n: (n,)), st.tuples(st.integers(0, 12), st.integers(1, 9)))


@given(shapes.flatmap(lambda shape: arrays.arrays(np.float64, shape, elements=floats)))
def test_any_column_comes_back(column: np.ndarray) -> None:
    found = seal.unpack(seal.pack(column))
    assert found.shape == column.shape
    np.testing.assert_array_equal(found, column)


@given(shapes.flatmap(lambda shape: arrays.arrays(np.float64, shape, elements=sensor)))
def test_a_sensors_column_comes_back(column: np.ndarray) -> None:
    np.testing.assert_array_equal(seal.unpack(seal.pack(column)), column)


@given(arrays.arrays(np.int64, st.integers(1, 50), elements=st.integers(-(2**62), 2**62)))
def test_whole_numbers_come_back(column: np.ndarray) -> None:
    np.testing.assert_array_equal(seal.unpack_whole(seal.pack_whole(column)), column)


@given(
    st.lists(
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-40_000, 40_000).map(lambda i: i / 1000)),
        max_size=40,
    )
)
def test_a_vector_comes_back_with_its_silent_elements(elements: list[float | None]) -> None:
    found = seal.unpack_vector(seal.pack_vector(elements))
    assert [None if x != x else x for x in found.tolist()] == elements


def test_a_day_of_minutes_packs_to_little() -> None:
    rng = np.random.default_rng(1)
    column = np.round(60 + np.cumsum(rng.normal(0, 0.05, 1440)), 1)
    assert len(seal.pack(column)) < 1440 * 8 / 20


def test_cell_voltages_travel_as_sixteen_bits() -> None:
    assert len(seal.pack_vector([3.301] * 252)) == 1 + 2 * 252


def test_a_constant_costs_a_header() -> None:
    assert len(seal.pack(np.full(86_400, 60.0))) < 32


def test_another_version_is_refused() -> None:
    blob = bytearray(seal.pack(np.ones(3)))
    blob[0] = 99
    with pytest.raises(ValueError, match="version 99"):
        seal.unpack(bytes(blob))


@pytest.mark.parametrize(
    ("values", "places"), [([1.0, 2.0], 0), ([1.5], 1), ([3.301], 3), ([0.1 + 0.2], None), ([], 0), ([float("inf")], None)]
)
def test_decimals(values: list[float], places: int | None) -> None:
    assert seal.decimals(np.array(values)) == places


def test_whether_a_column_is_dense_is_read_from_its_header() -> None:
    assert seal.is_dense(seal.pack(np.ones(4)))
    assert not seal.is_dense(seal.pack(np.array([1.0, np.nan])))
