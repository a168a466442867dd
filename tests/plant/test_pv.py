"""Sun, clear sky and performance ratio against published examples, hand calculation and another implementation."""

from datetime import UTC, datetime

import numpy as np
import pytest

from plant.analysis import pv
from plant.simulation import sun as other

SPA = datetime(2003, 10, 17, 19, 30, 30, tzinfo=UTC).timestamp() * 1000
"""The example of NREL/TP-560-34302: 12:30:30 at UTC−7, 39.742476° N, 105.1786° W: elevation without refraction 39.872°, azimuth 194.34°."""
GOLDEN = (39.742476, -105.1786)
HOUR = 3_600_000


def test_the_sun_stands_where_nrel_says() -> None:
    up, azimuth = pv.sun(SPA, *GOLDEN)
    assert np.degrees(np.arcsin(up)) == pytest.approx(39.872, abs=0.01)
    assert np.degrees(azimuth) % 360 == pytest.approx(194.340, abs=0.01)


def test_the_sun_goes_round_as_in_the_other_implementation() -> None:
    at = np.arange(0, 366 * 86_400, 5_000.0) + 1_767_225_600  # 2026
    for place in ((23.1, 120.3), (-33.9, 18.4), (65.0, 25.0)):
        up, _ = pv.sun(at * 1000, *place)
        assert np.abs(up - other.position(at, *place).cos_zenith).max() < 0.012  # Spencer's series is good to 0.01 rad


def test_a_flat_plane_gets_what_the_ground_gets() -> None:
    up = np.array([0.2, 0.6, 1.0])
    ghi = pv.clear_sky(up)
    assert pv.on_plane(ghi, up, np.zeros(3), 0.0, 180.0) == pytest.approx(ghi)


def test_a_tilted_plane_agrees_with_the_other_implementation() -> None:
    at = np.arange(0, 86_400, 600.0) + 1_795_233_600
    up, azimuth = pv.sun(at * 1000, 23.1, 120.3)
    day = up > 0.1
    theirs = other.on_plane(pv.clear_sky(up), other.position(at, 23.1, 120.3, 12.0), 12.0)
    assert pv.on_plane(pv.clear_sky(up), up, azimuth, 12.0, 180.0)[day] == pytest.approx(theirs[day], rel=0.03)


def test_a_plane_that_looks_to_the_morning_has_its_peak_before_noon() -> None:
    at = np.arange(0, 86_400, 600.0) * 1000 + 1_795_190_400_000  # midnight in Taipei
    up, azimuth = pv.sun(at, 23.1, 120.3)
    east, west = (pv.on_plane(pv.clear_sky(up), up, azimuth, 30.0, facing) for facing in (90.0, 270.0))
    assert np.argmax(east) < np.argmax(up) < np.argmax(west)


def test_clear_power_by_hand() -> None:
    # cos z = sin 39.872° = 0.6411; Haurwitz 1098 · 0.6411 · exp(−0.059/0.6411) = 642.0 W/m²; modules 25 + 0.03 · 642 = 44.26 °C
    # 100 kW · 0.642 · (1 − 0.0035 · 19.26) · 0.98 = 58.68 kW
    flat = pv.Array(*GOLDEN, 0.0, 180.0, 100.0)
    assert float(pv.clear_power(SPA, flat)) == pytest.approx(58.68, abs=0.05)
    assert float(pv.clear_power(SPA, flat, 5.0)) == pytest.approx(58.68 * (1 - 0.0035 * -0.74) / (1 - 0.0035 * 19.26), abs=0.05)
    assert float(pv.clear_power(SPA, pv.Array(*GOLDEN, 0.0, 180.0, 100.0, 50.0))) == 50.0
    assert float(pv.clear_power(SPA + 12 * HOUR, flat)) == 0.0


@pytest.mark.parametrize(
    ("energy", "insolation", "peak"),
    [(None, 5.0, 100.0), (400.0, None, 100.0), (400.0, 5.0, None), (400.0, 5.0, 0.0), (400.0, 0.4, 100.0), (float("nan"), 5.0, 100.0)],
)
def test_without_its_parts_there_is_no_performance_ratio(energy: float | None, insolation: float | None, peak: float | None) -> None:
    found = pv.performance_ratio(energy, insolation, peak)
    assert found.value is None and found.reason


def test_a_day_counts_only_hours_with_power_and_light() -> None:
    nan = float("nan")
    at = [0, HOUR, 2 * HOUR, 24 * HOUR]
    days = pv.sun_days(at, [1.0, 1.0, 0.5, 1.0], [40.0, 50.0, 60.0, 70.0], [500.0, nan, 1000.0, nan], [0, 24 * HOUR])
    # day 1: 40 + 50 + 30 kWh in all; with light 40 + 30 kWh and 0.5 + 0.5 kWh/m² in 1.5 h; day 2 has no light
    assert (days[0].energy, days[0].common, days[0].insolation, days[0].hours) == (120.0, 70.0, 1.0, 1.5)
    assert (days[1].energy, days[1].common, days[1].insolation, days[1].hours) == (70.0, None, None, 0.0)


def test_the_offset_of_a_sensor_at_night_is_no_light() -> None:
    day = pv.sun_days([0, HOUR], [1.0, 1.0], [-0.5, 40.0], [-3.0, 500.0], [0])[0]
    assert (day.energy, day.insolation) == (39.5, 0.5)
