"""A day of an inverter by hand: yield, performance ratio, losses, curves; what is missing is said; late readings make the day again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from datastore.open import open_store
from datastore.store import Store
from plant.model import DAY, HOUR, MINUTE, Block, Device, Window
from services import pv_arrays, pv_days
from services.importing.run import import_files
from services.pv_days import PvDay

MIDNIGHT = 1_795_190_400_000
"""2026-11-21 00:00 in Taipei."""
NOW = MIDNIGHT + 18 * HOUR
INVERTER = Device(
    "inverter01", "inverter", interval_s=60, rating={"power_kw": 90.0, "peak_power_kw": 100.0},
    info={"tilt": 12, "azimuth": 180, "temperature_coefficient": -0.004, "losses": 0.05, "efficiency": 0.96},
)  # fmt: skip
WEATHER = Device("weather01", "weather", interval_s=60)
SUNNY = list(range(MIDNIGHT + 9 * HOUR, MIDNIGHT + 15 * HOUR, MINUTE))


@pytest.fixture
def opened() -> Iterator[Callable[..., Store]]:
    stores: list[Store] = []

    def make(*devices: Device, place: tuple[float, float] | None = (23.1, 120.3)) -> Store:
        store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW, place=place)
        store.records.put_devices(devices or (INVERTER, WEATHER))
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()


def tell(store: Store, device: Device, at: Sequence[int], **values: Any) -> None:
    rows = [(device.device_id, instant, instant, 0, *values.values()) for instant in at]
    store.telemetry.append([Block(str(device.kind), tuple(values), rows)])


def kept(store: Store) -> list[PvDay]:
    pv_days.study(store, NOW, lambda _: None)
    return pv_days.days(store, "inverter01", Window(0, NOW))


def test_a_day_by_hand(opened: Callable[..., Store]) -> None:
    store = opened()
    tell(store, INVERTER, SUNNY, total_active_power=60.0)
    tell(store, WEATHER, SUNNY, poa_irradiance=800.0, module_temp=42.6)
    (day,) = kept(store)
    # 6 h of 60 kW and 0.8 kW/m²: Yf = 3.6 h, Yr = 4.8 h, PR 75 %; cells 42.6 + 2.4 = 45 °C: Yr · (1 − 0.004 · 20) = 4.416 h, 81.52 %
    assert (day.energy, day.specific, day.insolation) == pytest.approx((360.0, 3.6, 4.8))
    assert (day.ratio, day.corrected) == pytest.approx((75.0, 81.5217))
    # 80 · 0.92 · 0.95 = 69.92 kW DC, 67.27 kW AC (tests/plant/test_pv_model.py): 403.6 kWh; 43.6 of them nobody can explain
    assert day.potential == pytest.approx(403.62, abs=0.05)
    assert day.other == pytest.approx(403.62 - 360.0, abs=0.05)
    assert (day.clipping, day.curtailment, day.outage, day.mismatch) == (0, 0, 0, 0)
    assert (day.reason, day.source, day.has_strings) == ("", "poa_irradiance", False)
    assert day.assumed == ()


def test_curves_are_known_for_the_rest_of_the_day_under_a_clear_sky_only(opened: Callable[..., Store]) -> None:
    from pvlib.location import Location

    store = opened()
    tell(store, INVERTER, SUNNY, total_active_power=60.0)
    tell(store, WEATHER, SUNNY, poa_irradiance=800.0, module_temp=42.6, ambient_temp=25.0)
    kept(store)
    curves = pv_days.curves(store, "inverter01", Window(MIDNIGHT, MIDNIGHT + DAY))
    assert len(curves.at) == 288 and curves.width == 5 * MINUTE
    lit = (curves.at >= MIDNIGHT + 9 * HOUR) & (curves.at < MIDNIGHT + 15 * HOUR)
    assert curves.expected[lit] == pytest.approx(67.27, abs=0.01) and np.isnan(curves.expected[~lit]).all()
    assert np.isfinite(curves.clear).all() and curves.clear.max() <= 90.0 and curves.clear[0] == 0
    times = pd.to_datetime(curves.at + curves.width // 2, unit="ms", utc=True)
    assert np.argmax(curves.clear) == pytest.approx(np.argmin(Location(23.1, 120.3).get_solarposition(times)["zenith"]), abs=1)


def test_a_dead_string_a_dead_hour_and_a_silent_one(opened: Callable[..., Store]) -> None:
    store = opened()
    tell(store, INVERTER, SUNNY[:60], total_active_power=62.0, string_currents=(10.0,) * 31 + (0.0,))
    tell(store, INVERTER, SUNNY[60:120], total_active_power=0.0)
    tell(store, WEATHER, SUNNY[:180], poa_irradiance=800.0, module_temp=42.6)
    (day,) = kept(store)
    assert day.mismatch == pytest.approx(2.0)  # 62 kW · (10 A missing of 310 A) for an hour
    assert day.outage == pytest.approx(67.27, abs=0.01) and day.out_hours == pytest.approx(1.0)
    assert day.lit_hours == pytest.approx(2.0) and day.potential == pytest.approx(2 * 67.27, abs=0.02)


def test_what_comes_late_makes_only_its_day_again(opened: Callable[..., Store]) -> None:
    store = opened()
    for back in (0, DAY):
        tell(store, INVERTER, [at - back for at in SUNNY], total_active_power=60.0)
        tell(store, WEATHER, [at - back for at in SUNNY], poa_irradiance=800.0, module_temp=42.6)
    kept(store)
    before = {entry.id: entry.version for entry in store.records.entries(pv_days.DRAWER)}
    assert [day.energy for day in kept(store)] == pytest.approx([360.0, 360.0])
    assert {entry.id: entry.version for entry in store.records.entries(pv_days.DRAWER)} == before
    tell(store, INVERTER, [SUNNY[-1] - DAY + MINUTE * n for n in range(1, 61)], total_active_power=30.0)
    assert [day.energy for day in kept(store)] == pytest.approx([390.0, 360.0])
    changed = {entry.id for entry in store.records.entries(pv_days.DRAWER) if before[entry.id] != entry.version}
    assert changed == {f"inverter01@{MIDNIGHT - DAY}", f"inverter01@{MIDNIGHT - DAY}/curves"}


def test_without_light_there_is_a_clear_sky_and_a_reason(opened: Callable[..., Store]) -> None:
    store = opened(INVERTER)
    tell(store, INVERTER, SUNNY, total_active_power=60.0)
    (day,) = kept(store)
    assert (day.ratio, day.corrected, day.potential, day.reason) == (None, None, None, "light")
    assert day.clear_energy is not None and day.energy == pytest.approx(360.0)


def test_without_a_place_the_measured_light_still_tells(opened: Callable[..., Store]) -> None:
    store = opened(place=None)
    tell(store, INVERTER, SUNNY, total_active_power=60.0)
    tell(store, WEATHER, SUNNY, poa_irradiance=800.0, module_temp=42.6)
    (day,) = kept(store)
    assert (day.clear_energy, day.cleanness, day.reason) == (None, None, "place")
    assert day.potential == pytest.approx(403.62, abs=0.05)


def test_without_a_peak_there_is_energy_alone(opened: Callable[..., Store]) -> None:
    store = opened(replace(INVERTER, rating={}), WEATHER)
    tell(store, INVERTER, SUNNY, total_active_power=60.0)
    tell(store, WEATHER, SUNNY, poa_irradiance=800.0)
    (day,) = kept(store)
    assert (day.energy, day.specific, day.ratio, day.potential, day.reason) == (pytest.approx(360.0), None, None, None, "peak")


def test_global_light_alone_is_put_on_the_plane(opened: Callable[..., Store]) -> None:
    store = opened(replace(INVERTER, info={**INVERTER.info, "tilt": 0}), WEATHER)
    tell(store, INVERTER, SUNNY, total_active_power=60.0)
    tell(store, WEATHER, SUNNY, ghi=500.0)
    (day,) = kept(store)
    assert day.source == "ghi" and day.insolation == pytest.approx(3.0, rel=0.01)  # flat: what the ground gets


@pytest.mark.parametrize("step", [15 * MINUTE, HOUR])
def test_files_of_quarter_hours_and_hours_have_no_holes(opened: Callable[..., Store], step: int) -> None:
    store = opened()
    tell(store, INVERTER, SUNNY[:: step // MINUTE], total_active_power=60.0)
    tell(store, WEATHER, SUNNY[:: step // MINUTE], poa_irradiance=800.0, module_temp=42.6)
    (day,) = kept(store)
    assert (day.energy, day.lit_hours, day.ratio) == pytest.approx((360.0, 6.0, 75.0))
    assert pv_days.curves(store, "inverter01", Window(MIDNIGHT, NOW)).width == step


@pytest.mark.parametrize("info", [{"tilt": "steep", "azimuth": None, "losses": True, "latitude": 900, "longitude": "x", "altitude": 1e9}])
def test_a_record_that_makes_no_sense_is_taken_as_silent(opened: Callable[..., Store], info: dict[str, Any]) -> None:
    store = opened(replace(INVERTER, info=info, rating={"peak_power_kw": 100.0, "power_kw": "much"}), WEATHER)
    array = pv_arrays.array_of(store, store.records.device("inverter01"), None)
    assert array is not None and (array.tilt, array.azimuth, array.rated, array.latitude) == (0.0, 180.0, None, 23.1)
    assert set(array.assumed) == {"tilt", "azimuth", "coefficient", "losses", "efficiency", "rated"}


def test_scaling_a_plant_scales_its_energies(opened: Callable[..., Store]) -> None:
    found = []
    for size in (1.0, 7.0):
        store = opened(replace(INVERTER, rating={name: size * value for name, value in INVERTER.rating.items()}), WEATHER)
        tell(store, INVERTER, SUNNY, total_active_power=60.0 * size)
        tell(store, WEATHER, SUNNY, poa_irradiance=800.0, module_temp=42.6)
        (day,) = kept(store)
        found.append([day.energy, day.potential, day.other, day.clear_energy])
    assert found[1] == pytest.approx([7 * value for value in found[0]], rel=1e-6)


def test_an_inverter_that_never_spoke_has_no_days_and_no_hint(opened: Callable[..., Store]) -> None:
    store = opened()
    assert kept(store) == [] and pv_days.dirt(store, "inverter01") is None
    assert len(pv_days.curves(store, "inverter01", Window(0, NOW)).at) == 0


def test_the_hint_at_dirt_is_kept_with_the_days(opened: Callable[..., Store]) -> None:
    store = opened()
    for back in range(12):  # as clear as the model itself, and a thousandth weaker each day
        pv_days._keep(store, f"inverter01@{MIDNIGHT - back * DAY}", "inverter01", "day", MIDNIGHT - back * DAY,
                      pv_days.written(PvDay(MIDNIGHT - back * DAY, NOW, cleanness=0.95 + 0.001 * back, potential=100.0, clipping=0.0,
                                            curtailment=0.0, outage=0.0)))  # fmt: skip
    hint = pv_days.soiled(store, INVERTER, NOW)
    assert hint.rate == pytest.approx(0.001 / 0.961) and hint.is_dirty and hint.days == 12
    newest = pv_days.days(store, "inverter01", Window(0, NOW))[-1]
    assert pv_days.lost_to_dirt(newest, hint) == pytest.approx(100 * 11 * 0.001 / 0.961)
    assert pv_days.lost_to_dirt(newest, None) is None


def test_a_measured_inverter_of_nrel_as_its_file_adds_up() -> None:
    """RSF II inverter 2 on the morning of 2 January 2022: sums of the file's columns over quarter hours; its record tells no peak power, so
    first there is energy alone, and with a nameplate the day is made again."""
    now = 1_641_600_000_000
    store = open_store("memory://", "US/Mountain", clock=lambda: now, place=(39.74, -105.17))
    import_files(store, [Path(__file__).parent.parent / "data" / "nrel_RSF_II.csv"])
    for rating, reason in (({}, "peak"), ({"peak_power_kw": 159.0}, "")):
        store.records.put_devices([replace(store.records.device("nrel-rsf2-inv2"), rating=rating)])
        pv_days.study(store, now, lambda _: None)
        (day,) = pv_days.days(store, "nrel-rsf2-inv2", Window(0, now))
        assert (day.energy, day.reason) == (pytest.approx(72.2286, abs=1e-3), reason)
    store.close()
    assert day.insolation == pytest.approx(0.660034, abs=1e-5)
    assert day.ratio == pytest.approx(100 * 72.2286 / 159 / 0.660034, abs=0.01)
    assert day.corrected is not None and day.corrected < day.ratio  # cells below 25 °C
