"""PCS and inverter pages: every number worked out by hand from the readings told here."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dashboard.figures.bits import bits
from dashboard.figures.scatter import scatter
from dashboard.figures.timemap import timemap
from dashboard.loads import inverter, pcs, pcs_scatter, strings, sunlight
from dashboard.page import Scope, Table
from datastore.open import open_store
from datastore.store import Store
from plant.model import Block, Device

NOW = 1_795_233_600_000
"""2026-11-21 12:00 in Taipei."""
MINUTE, HOUR = 60_000, 3_600_000
SCOPE = Scope(zone="Asia/Taipei", window="24h")
MINUTES = list(range(NOW - 2 * HOUR, NOW, MINUTE))
WORDS = {
    "inverter_status": [{"en": "ready", "zh": "就緒", "es": "listo"}],
    "fault_status1": ["overcurrent", {"en": "no grid", "zh": "無電網"}],
}
UNITS = tuple(
    Device(f"pcs0{n}", "pcs", interval_s=60, rating={"power_kw": 100.0, "voltage_v": 400.0}, info={"words": WORDS}) for n in (1, 2)
)
SUN = (
    Device("inverter01", "inverter", interval_s=60, rating={"power_kw": 90.0, "peak_power_kw": 100.0}),
    Device("inverter02", "inverter", interval_s=60),
    Device("weather01", "weather", interval_s=60),
)


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW, place=(23.1, 120.3))
    store.records.put_devices([*UNITS, *SUN])
    yield store
    store.close()


def tell(store: Store, device: str, kind: str, at: Sequence[int], **values: Any) -> None:
    """Readings of one device; a list has one value per instant, a tuple is one vector said at all of them."""
    columns = [value if isinstance(value, list) else [value] * len(at) for value in values.values()]
    rows = [(device, instant, instant, 0, *row) for instant, *row in zip(at, *columns, strict=True)]
    store.telemetry.append([Block(kind, tuple(values), rows)])


def row(table: Table, place: int) -> dict[str, Any]:
    return {name: column[place] for name, column in table.columns.items()}


def test_units_stand_side_by_side(store: Store) -> None:
    tell(
        store,
        "pcs01",
        "pcs",
        [NOW - 1000],
        active_power=50.0,
        dc_power=52.0,
        mode=3.0,
        temp_igbt=90.0,
        fault_status1=0.0,
        warning_status=0.0,
    )
    tell(store, "pcs01", "pcs", [NOW - 1000], ac_current_a=70.0, ac_current_b=72.1, ac_current_c=67.9)
    tell(store, "pcs02", "pcs", [NOW - HOUR], active_power=-5.0, dc_power=-4.0, fault_status1=2.0)
    table = pcs.unit_table(store, replace(SCOPE, unit=2))
    one, two = row(table, 0), row(table, 1)
    assert (one["unit"], one["mode"], one["active_power"], one["load"]) == ("PCS 1", "Discharging", 50.0, 50.0)
    assert one["efficiency"] == pytest.approx(100 * 50 / 52)
    assert one["unbalance"] == pytest.approx(3.0)  # mean 70 A, furthest 2.1 A away
    assert one["words"] == "Normal"
    assert (two["load"], two["efficiency"], two["unbalance"], two["words"]) == (5.0, None, None, "no grid (0x0002)")  # below a tenth
    spec = table.more["sheet"]
    assert spec.chosen == "2"
    assert spec.links["1", "unit"] == "/pcs?unit=1"
    assert (spec.tones["1", "temp_igbt"], spec.tones["2", "words"], spec.tones["2", "active_power"]) == ("warning", "alarm", "stale")
    frame = pcs.unit_frame(store, SCOPE)
    assert frame is not None and frame["text"]["1.efficiency"] == "96.2"


def test_a_unit_that_does_not_exist_is_empty(store: Store) -> None:
    tell(store, "pcs01", "pcs", MINUTES, active_power=50.0, dc_power=52.0)
    far = replace(SCOPE, unit=99)
    assert pcs.power_table(store, far).is_empty and pcs.word_table(store, far).is_empty and pcs_scatter.pq_table(store, far).is_empty
    assert pcs_scatter.efficiency_frame(store, far) is None


def test_phases_and_their_unbalance(store: Store) -> None:
    tell(store, "pcs01", "pcs", MINUTES, ac_voltage_ab=390.0, ac_voltage_bc=400.0, ac_voltage_ca=410.0)
    table = pcs.phase_table(store, SCOPE, pcs.VOLTAGES)
    values = np.asarray(table.columns["Unbalance (%)"])
    assert set(values[np.isfinite(values)].round(6)) == {2.5}
    frame = pcs.phase_frame(store, SCOPE, pcs.VOLTAGES)
    assert frame is not None and frame["extend"]["y"] == [390.0, 400.0, 410.0, 2.5]


def test_small_currents_have_no_unbalance(store: Store) -> None:
    # rated current 100 kW / (√3 · 400 V) = 144 A: a twentieth is 7.2 A
    tell(store, "pcs01", "pcs", MINUTES, ac_current_a=5.0, ac_current_b=7.0, ac_current_c=9.0)
    assert not np.isfinite(pcs.phase_table(store, SCOPE, pcs.CURRENTS).columns["Unbalance (%)"]).any()


def test_temperatures_stand_under_their_limits(store: Store) -> None:
    tell(store, "pcs01", "pcs", MINUTES, temp_igbt=60.0, temp_ambient=30.0, temp_environment=24.0)
    from dashboard.figures.lines import lines

    drawn = lines(pcs.heat_table(store, SCOPE), SCOPE)
    assert {shape["y0"] for shape in drawn["layout"]["shapes"]} == {85.0, 100.0}


def test_efficiency_against_load_keeps_directions_apart(store: Store) -> None:
    power = [50.0] * 40 + [-40.0] * 40 + [9.0] * 40
    tell(store, "pcs01", "pcs", MINUTES, active_power=power, dc_power=[52.0] * 40 + [-38.0] * 40 + [9.5] * 40)
    table = pcs_scatter.efficiency_table(store, SCOPE)
    found = {
        (group, round(load, 6), round(eta, 6))
        for group, load, eta in zip(table.columns["group"], table.columns["load"], table.columns["efficiency"], strict=True)
    }
    assert ("discharge", 50.0, round(100 * 50 / 52, 6)) in found
    assert ("charge", 40.0, 95.0) in found
    assert all(group in ("charge", "discharge") and load > 10.0 for group, load, _ in found)
    assert len(found) == 2, "a bucket with both directions, or below a tenth of the rating, is left out"
    assert table.more["scatter"].groups[1].line == ([41.0], [pytest.approx(95.0)])


def test_without_a_rating_efficiency_says_what_it_needs(store: Store) -> None:
    store.records.put_devices([Device("pcs01", "pcs", interval_s=60)])
    tell(store, "pcs01", "pcs", MINUTES, active_power=50.0, dc_power=52.0, reactive_power=1.0)
    assert "rated power" in pcs_scatter.efficiency_table(store, SCOPE).more["kept"][0]
    assert pcs_scatter.pq_table(store, SCOPE).more["scatter"].radius is None


def test_the_point_of_now_lies_in_the_circle_of_the_rating(store: Store) -> None:
    tell(store, "pcs01", "pcs", MINUTES, active_power=60.0, reactive_power=-20.0)
    drawn = scatter(pcs_scatter.pq_table(store, SCOPE), SCOPE)
    assert (drawn["data"][0]["x"], drawn["data"][0]["y"]) == ([60.0], [-20.0])
    assert max(drawn["data"][1]["x"]) == 100.0
    frame = pcs_scatter.pq_frame(store, SCOPE)
    assert frame is not None and frame["restyle"] == [{"set": {"x": [[60.0]], "y": [[-20.0]]}, "traces": [0]}]


@pytest.mark.parametrize(
    ("lang", "inverter_word", "fault", "calm"),
    [("en", "ready, bit 3", "overcurrent, no grid", "Normal"), ("zh-TW", "就緒、位元 3", "overcurrent、無電網", "正常"),
     ("es", "listo, bit 3", "overcurrent, no grid", "Normal")],
)  # fmt: skip
def test_words_are_decoded_bit_by_bit(store: Store, lang: str, inverter_word: str, fault: str, calm: str) -> None:
    tell(store, "pcs01", "pcs", [NOW - 1000], inverter_status=9.0, fault_status1=3.0, warning_status=0.0, grid_status=0.0)
    scope = replace(SCOPE, lang=lang)
    table = pcs.word_table(store, scope)
    said = dict(zip((spec.key for spec in table.more["bits"]), table.columns["text"], strict=True))
    assert (said["inverter_status"], said["fault_status1"], said["warning_status"]) == (inverter_word, fault, calm)
    assert (said["fault_status2"], table.columns["hex"][0]) == ("—", "0x0009")  # never said
    drawn = str(bits(table, scope))
    assert drawn.count("vd-bit'") == 7 * 16
    assert drawn.count("'data-on': 'alarm'") + drawn.count("data-on='alarm'") == 2


def test_a_changed_word_asks_for_the_grid_again(store: Store) -> None:
    tell(store, "pcs01", "pcs", [NOW - 2000], fault_status1=0.0)
    before = pcs.word_frame(store, SCOPE)
    tell(store, "pcs01", "pcs", [NOW - 1000], fault_status1=4.0)
    after = pcs.word_frame(store, SCOPE)
    assert before and after and before["redraw"] != after["redraw"]


def test_the_clear_sky_needs_peak_power_and_place(store: Store) -> None:
    tell(store, "inverter01", "inverter", MINUTES, total_active_power=40.0)
    tell(store, "inverter02", "inverter", MINUTES, total_active_power=40.0)
    table = inverter.curve_table(store, SCOPE)
    clear = np.asarray(table.columns["Clear sky (kW)"])
    at = np.asarray(table.columns["at"])
    # noon in Taipei on 21 November: the sun 46.9° high (90 − 23.1 − 20.0), Haurwitz 741 W/m²: 100 · 0.741 · (1 − 0.0035 · 22.2) · 0.98
    assert clear[at < NOW].max() == pytest.approx(66.9, abs=0.7)
    assert clear[at < NOW - 7 * HOUR].min() == 0.0
    frame = inverter.curve_frame(store, SCOPE)
    assert frame is not None and frame["extend"]["y"] == [40.0, pytest.approx(clear[-1], abs=1.0)]
    assert "Clear sky (kW)" not in inverter.curve_table(store, replace(SCOPE, unit=2)).columns
    store.records.put_devices([replace(SUN[0], info={"zone": "US/Mountain"})])
    assert "Clear sky (kW)" not in inverter.curve_table(store, SCOPE).columns


def test_yields_by_the_counter_of_the_day(store: Store) -> None:
    yesterday = NOW - 24 * HOUR
    tell(store, "inverter01", "inverter", [yesterday - HOUR, yesterday], daily_power_yields=[100.0, 310.0])
    tell(store, "inverter01", "inverter", [NOW - 2 * HOUR, NOW - HOUR], daily_power_yields=[20.0, 55.5])
    table = sunlight.calendar_table(store, SCOPE)
    assert dict(zip(table.columns["day"], table.columns["yield"], strict=True)) == {"2026-11-20": 310.0, "2026-11-21": 55.5}
    assert table.more["heat"].rows == ("2026-08", "2026-09", "2026-10", "2026-11")
    assert (table.columns["row"], table.columns["column"]) == ([3, 3], [19, 20])


def test_yields_of_an_inverter_without_a_counter_come_from_its_power(store: Store) -> None:
    tell(store, "inverter01", "inverter", MINUTES, total_active_power=30.0)
    table = sunlight.calendar_table(store, SCOPE)
    assert table.columns["yield"] == [pytest.approx(60.0)]  # 30 kW for 2 h


def test_performance_ratio_of_a_day(store: Store) -> None:
    tell(store, "inverter01", "inverter", MINUTES, total_active_power=40.0)
    tell(store, "weather01", "weather", MINUTES[60:], poa_irradiance=500.0)
    table = sunlight.ratio_table(store, SCOPE)
    # the hour with light: 40 kWh / 100 kWp over 0.5 kWh/m² = 80 %
    assert np.asarray(table.columns["ratio"]).tolist() == [pytest.approx(80.0)]
    assert table.columns["hours"] == [pytest.approx(1.0)]
    assert table.columns["note"] == ["2026-11-21: 80.0 % = 0.40 of 0.50 kWh/kWp, 1.0 h measured"]


def test_performance_ratio_says_what_it_needs(store: Store) -> None:
    tell(store, "inverter01", "inverter", MINUTES, total_active_power=40.0)
    tell(store, "inverter02", "inverter", MINUTES, total_active_power=40.0)
    assert "irradiance" in sunlight.ratio_table(store, SCOPE).more["kept"][0]
    assert "peak_power_kw" in sunlight.ratio_table(store, replace(SCOPE, unit=2)).more["kept"][0]


def test_a_weak_string_shows_over_time_and_darkness_is_not_judged(store: Store) -> None:
    tell(store, "inverter01", "inverter", MINUTES[:60], string_currents=(0.01, 0.02, 0.01))
    tell(store, "inverter01", "inverter", MINUTES[60:], string_currents=(8.0, 8.0, 4.0))
    table = strings.mismatch_table(store, SCOPE)
    of = {n: np.asarray(table.columns["mismatch"])[np.asarray(table.columns["string"]) == n] for n in (1, 3)}
    assert np.nanmin(of[3]) == np.nanmax(of[3]) == -50.0
    assert np.nanmax(np.abs(of[1])) == 0.0
    drawn = timemap(strings.mismatch_table(store, SCOPE), SCOPE)
    z = drawn["data"][0]["z"]
    assert (len(z), {value for value in z[2] if value is not None}) == (3, {-50.0})
    assert sum(value is None for value in z[2]) == 92  # of 96 quarters four had light


@pytest.mark.parametrize(("window", "days"), [("7d", 6), ("30d", 29)])
def test_a_long_window_is_sampled_and_keeps_every_day(store: Store, window: str, days: int) -> None:
    noons = [NOW - day * 24 * HOUR + minute * MINUTE for day in range(days, 0, -1) for minute in range(-90, 90, 5)]
    tell(store, "inverter01", "inverter", noons, string_currents=(8.0, 8.0, 4.0))
    columns = strings.mismatch_table(store, replace(SCOPE, window=window)).columns
    weak = [(at, apart) for at, number, apart in zip(columns["at"], columns["string"], columns["mismatch"], strict=True) if number == 3]
    assert {apart for _, apart in weak} == {-50.0}
    assert len({(int(at) + 8 * HOUR) // (24 * HOUR) for at, _ in weak}) == days


def test_a_dark_window_says_so(store: Store) -> None:
    tell(store, "inverter01", "inverter", MINUTES, string_currents=(0.01, 0.02, 0.01))
    assert "dark" in strings.mismatch_table(store, SCOPE).more["kept"][0].lower()


def test_an_inverter_is_chosen_by_its_number_or_its_id(store: Store) -> None:
    from dashboard.loads.fleet import fleet

    plant = fleet(store)
    ids = [found.device_id if (found := inverter.chosen(plant, scope)) else None for scope in (
        SCOPE, replace(SCOPE, unit=2), replace(SCOPE, device="inverter02"), replace(SCOPE, unit=9),
        replace(SCOPE, unit=1, device="inverter02"),
    )]  # fmt: skip
    assert ids == ["inverter01", "inverter02", "inverter02", None, "inverter01"]
