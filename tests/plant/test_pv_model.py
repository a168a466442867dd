"""Sun, clear sky, cells and power by pvlib against published figures, another's computation and the formulas by hand."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from plant.analysis import pv, pv_model
from tests.plant.test_pv import SPA

MOUNTAIN = timezone(timedelta(hours=-7))
GOLDEN = pv.Array(39.742, -105.18, 0.0, 180.0, 100.0, 90.0)
NAN = float("nan")


def at(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=MOUNTAIN).timestamp() * 1000


def test_the_sun_stands_where_the_example_of_the_solar_position_algorithm_says() -> None:
    # NREL/TP-560-34302, table A5.1: zenith 50.11162° with refraction, azimuth 194.34024°, at 1830.14 m
    _, zenith, azimuth = pv_model.sun(SPA, 39.742476, -105.1786, 1830.14)
    assert zenith[0] == pytest.approx(50.11162, abs=5e-4)  # refraction at 820 hPa and 11 °C there, 812 hPa and 12 °C here
    assert azimuth[0] == pytest.approx(194.34024, abs=1e-4)


def test_the_simple_sun_of_the_screens_agrees() -> None:
    instants = np.arange(SPA, SPA + 366 * 86_400_000, 7_654_321.0)
    zenith, _, azimuth = pv_model.sun(instants, 23.1, 120.3)
    up, direction = pv.sun(instants, 23.1, 120.3)
    assert np.abs(np.degrees(np.arccos(np.clip(up, -1, 1))) - zenith).max() < 0.02
    apart = (np.degrees(direction) - azimuth + 180) % 360 - 180
    assert np.abs(apart[np.abs(zenith - 90) < 80]).max() < 0.2  # near the zenith a hair turns the azimuth


@pytest.mark.parametrize(
    ("when", "zenith", "ghi", "dni", "dhi"),
    [
        ("2019-02-01 09:00", 72.60462635, 261.6279208, 716.310537, 46.87860044),
        ("2019-02-01 12:05", 56.80009659, 556.1742244, 890.8433967, 68.06729836),
        ("2019-02-01 15:30", 72.7508472, 258.8721932, 713.5959187, 46.63223024),
    ],
)
def test_a_clear_sky_is_that_which_nrel_computed(when: str, zenith: float, ghi: float, dni: float, dhi: float) -> None:
    # columns pvlib_zenith and pvlib_clearsky_… of NREL's RMIS file (pvanalytics), its place rounded to three digits here
    sky = pv_model.clear_sky(at(when), GOLDEN)
    true, _, _ = pv_model.sun(at(when), GOLDEN.latitude, GOLDEN.longitude)
    assert true[0] == pytest.approx(zenith, abs=0.005)
    assert (sky.ghi[0], sky.dni[0], sky.dhi[0]) == pytest.approx((ghi, dni, dhi), abs=0.15)
    assert sky.poa[0] == pytest.approx(sky.ghi[0], rel=1e-6)  # a flat array gets what the ground gets


def test_the_night_gives_nothing_and_says_so() -> None:
    sky = pv_model.clear_sky([at("2019-02-01 00:00")], GOLDEN)
    assert (sky.ghi[0], sky.dni[0], sky.dhi[0], sky.poa[0]) == (0, 0, 0, 0)


def test_a_stated_turbidity_is_used_and_dims_the_sky() -> None:
    clean, dull = (pv.Array(39.742, -105.18, 0, 180, 1.0, turbidity=value) for value in (2.0, 5.0))
    noon = at("2019-02-01 12:05")
    assert pv_model.turbidity(noon, dull)[0] == 5.0
    assert pv_model.clear_sky(noon, dull).ghi[0] < pv_model.clear_sky(noon, clean).ghi[0]
    assert 2.0 < pv_model.turbidity(noon, GOLDEN)[0] < 4.0  # the climate of Colorado in winter


def test_measured_global_light_is_put_on_the_plane() -> None:
    noon, south = at("2019-02-01 12:05"), pv.Array(39.742, -105.18, 30.0, 180.0, 1.0)
    assert pv_model.on_plane([noon, noon], [500.0, NAN], GOLDEN)[0] == pytest.approx(500.0, rel=1e-6)
    tilted = pv_model.on_plane([noon, noon], [500.0, NAN], south)
    # all of it beam: 500 · cos(56.8° − 30°)/cos 56.8° = 815; all of it diffuse: 500 · (1 + cos 30°)/2 + ground 6.7 = 473
    assert 473 < tilted[0] < 815 and np.isnan(tilted[1])


def test_cells_by_hand() -> None:
    # Faiman: 20 + 800/(25 + 6.84 · 2) = 40.68 °C; King: 45 + 3 · 0.8 = 47.4 °C; nobody told the air: 25 + 800/(25 + 6.84) = 50.13 °C
    assert pv_model.cell_temperature([800.0], [20.0], [2.0])[0] == pytest.approx(40.68, abs=0.01)
    assert pv_model.cell_temperature([800.0, 800.0], [20.0, 20.0], [2.0, 2.0], [45.0, NAN]) == pytest.approx([47.4, 40.68], abs=0.01)
    assert pv_model.cell_temperature([800.0], [NAN])[0] == pytest.approx(50.13, abs=0.01)


def test_power_by_hand() -> None:
    array = pv.Array(0, 0, 0, 180, 100.0, 90.0, coefficient=-0.004, losses=0.05, efficiency=0.96)
    # 800 W/m², 45 °C: 80 · (1 − 0.08) · 0.95 = 69.92 kW DC; ζ = 69.92/93.75 = 0.74581
    # η = 0.96/0.9637 · (−0.0162 · 0.74581 − 0.0059/0.74581 + 0.9858) = 0.96211 → 67.27 kW
    assert pv_model.power([800.0], [45.0], array)[0] == pytest.approx(67.27, abs=0.01)
    # 1200 W/m², 25 °C: 114 kW DC are 20.25 more than the 93.75 that make 90 kW: 90 + 20.25 · 0.96 = 109.44
    assert pv_model.power([1200.0, NAN, -3.0], [25.0, 25.0, 10.0], array) == pytest.approx([109.44, NAN, 0.0], abs=0.01, nan_ok=True)


def test_the_stated_losses_are_what_their_parts_come_to() -> None:
    assert pytest.approx(1 - 0.98 * 0.98 * 0.995 * 0.985 * 0.99, abs=5e-4) == pv.SYSTEM_LOSSES
