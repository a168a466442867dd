"""Every panel of every page, without a browser: it draws a full, an empty, a gappy and a lonely plant, and its numbers are those
worked out by hand from the readings of the small plant below."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import orjson
import pytest
from plotly.utils import PlotlyJSONEncoder

from dashboard.book import discover
from dashboard.loads import bess, cells, explore, fleet, inverter, keyfigures, overview, units, vehicles
from dashboard.loads.energy import today
from dashboard.loads.rackmap import rack_map, rack_map_frame
from dashboard.page import Panel, Scope, Tile
from datastore.open import open_store
from datastore.store import Store
from plant.analysis.forecast.methods import BASELINES, usual_season
from plant.analysis.forecast.outlook import outlook
from plant.analysis.forecast.past import Past
from plant.model import Alarm, Block, Device, ScheduleEvent
from services import battery_days, forecasts, rack_days, twin_study
from services.commands import Commands, Order
from services.studies import keep_result

NOW = 1_795_233_600_000
"""2026-11-21 12:00 in Taipei."""
MINUTE = 60_000
SCOPE = Scope(zone="Asia/Taipei", window="24h")
PANELS = {panel.id: panel for page in discover() if page.kind != "-" for panel in page.panels}  # "-": about no device, no data
NAN = float("nan")

DEVICES = (
    Device("site", "site"),
    *(Device(f"bess0{n}", "bess", rating={"capacity_kwh": 100.0 * n, "capacity_ah": 125.0 * n}, info={"chemistry": "LFP"}) for n in (1, 2)),
    *(Device(f"bess0{n}-rack0{r}", "rack", parent=f"bess0{n}", rating={"modules": 21.0}) for n in (1, 2) for r in (1, 2, 3)),
    *(Device(f"pcs0{n}", "pcs", interval_s=60, rating={"power_kw": 100.0}) for n in (1, 2)),
    Device("inverter01", "inverter", rating={"power_kw": 500.0, "peak_power_kw": 512.0}),
    Device("weather01", "weather"),
    Device("VIN12345", "vehicle"),
    Device("house", "home", interval_s=86_400),
)


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    yield store
    store.close()


def tell(store: Store, device: str, kind: str, at: Sequence[int], **values: Any) -> None:
    """Readings of one device; a value is the same at all instants, or a list with one each."""
    columns = [value if isinstance(value, list) and name not in VECTORS else [value] * len(at) for name, value in values.items()]
    rows = [(device, instant, instant, 0, *row) for instant, *row in zip(at, *columns, strict=True)]
    store.telemetry.append([Block(kind, tuple(values), rows)])


VECTORS = ("cell_voltages", "cell_temperatures", "balancing_status", "mppt_voltages", "mppt_currents", "string_currents")
VECTORS += ("battery_protection", "battery_alarm", "battery_warning", "bams_status")


def fill(store: Store, at: Sequence[int]) -> None:
    """The small plant: unit 1 discharges 60 kW, unit 2 charges 30 kW, the sun gives 30 kW, auxiliaries take 5 kW, 55 kW are exported."""
    store.records.put_devices(DEVICES)
    tell(
        store, "site", "site", at, active_power=55.0, pv_power=30.0, aux_power=5.0, frequency=[60 + 0.01 * (i % 3) for i in range(len(at))]
    )
    amps = [60.0 + 20.0 * (i % 2) for i in range(len(at))]
    tell(store, "bess01", "bess", at, soc=50.0, soh=100.0, power=61.0, voltage=[838.0 - 0.1 * a for a in amps], current=amps)
    tell(store, "bess02", "bess", at, soc=80.0, soh=100.0, power=-29.0)
    tell(store, "pcs01", "pcs", at, active_power=60.0, dc_power=61.0, reactive_power=3.0, temp_igbt=50.0, warning_status=1.0)
    tell(store, "pcs01", "pcs", at, **{f"ac_current_{p}": 50.0 + i for i, p in enumerate("abc")})
    tell(store, "pcs01", "pcs", at, **{f"ac_voltage_{p}": 690.0 + i for i, p in enumerate(("ab", "bc", "ca"))})
    tell(store, "pcs02", "pcs", at, active_power=-30.0)
    cells = [3.3] * 252
    for n in (1, 2):
        for r in (1, 2, 3):
            rack = f"bess0{n}-rack0{r}"
            tell(
                store,
                rack,
                "rack",
                at,
                soc=50.0 + r,
                voltage=831.6,
                current=-3.25,
                cell_voltage_diff=0.004 * r,
                cell_temp_diff=1.5,
                mode=2.0,
            )
            volts = [v + 0.001 * (i % 5) for i, v in enumerate(cells)]
            volts[30] = 3.25 if r == 2 else volts[30]
            tell(store, rack, "rack", at[-1:], cell_voltages=volts, cell_temperatures=[25.0 + 0.1 * (i % 4) for i in range(42)])
            words = {name: [0.0] * 21 for name in ("battery_protection", "battery_alarm", "battery_warning")}
            tell(store, rack, "rack", at[-1:], **words, bams_status=[0.0] * 17)
    strings = [8.0] * 31 + [0.0]
    tell(store, "inverter01", "inverter", at, total_active_power=425.5, dc_power=430.2, daily_power_yields=1200.0)
    tell(store, "inverter01", "inverter", at[-1:], mppt_voltages=[580.5] * 16, mppt_currents=[12.5] * 16, string_currents=strings)
    tell(store, "inverter01", "inverter", at, phase_a_current=400.0, phase_a_voltage=398.0)
    tell(store, "weather01", "weather", at, poa_irradiance=800.0)
    tell(store, "VIN12345", "vehicle", at, soc=9.0, soh=93.0, pack_voltage=315.0, pack_current=70.0, max_temp=52.0)
    tell(
        store,
        "VIN12345",
        "vehicle",
        at[-1:],
        cell_voltages=[3.54] * 95 + [NAN],
        cell_temperatures=[38.0, 39.0, NAN, 36.0],
        balancing_status=[1.0] + [0.0] * 95,
    )
    days = [NOW - day * 86_400_000 for day in range(len(at[:5]), 0, -1)]
    tell(store, "house", "home", days, home_energy=[10.0 + i for i in range(len(days))], solar_energy=4.0)
    hours = [NOW + n * 3_600_000 for n in (-2, -1, 0)]
    store.records.put_events([ScheduleEvent("dreg", hour, hour + 3_600_000, power=5.0, quote_code="DREG05") for hour in hours])
    store.records.put_alarm(Alarm("bess01-rack02", "rack", "CELL_LOW", "warning", "Cell 31 is low", NOW - 60_000))
    Commands(store).send(Order("bess01", "request_status", source="ann"))
    battery_days.study(store, NOW, lambda _: None)
    forecast(store)


@cache
def foretold() -> tuple[Past, Any]:
    """Twelve days of hours, a wave with a break, and what is forecast of them."""
    values = 50.0 + 10.0 * np.sin(np.arange(288) / 24 * 2 * np.pi) + np.where(np.arange(288) > 200, 1.0, 0.0)
    past = Past(NOW - 288 * 3_600_000, 3_600_000, 24, values)
    return past, outlook(past, 24, among={**BASELINES, "usual": usual_season})


def forecast(store: Store) -> None:
    """What the study of forecasts would keep."""
    past, found = foretold()
    for target, unit in (("load", "kW"), ("pv", "kW"), ("soc", "%"), ("income", "TWD")):
        subject = forecasts.Subject(target, "", "", unit, past, sum_unit="" if target == "soc" else unit)
        keep_result(store.records, forecasts.STUDY, target, NOW, forecasts.body(subject, found))
    for name, told in forecasts.lives(store, NOW):
        keep_result(store.records, forecasts.STUDY, name, NOW, told)


MINUTES = list(range(NOW - 120 * MINUTE, NOW, MINUTE))
STATES = {
    "full": MINUTES,
    "gappy": [at for i, at in enumerate(MINUTES) if i % 40 < 20],
    "lonely": [NOW - 1_000],
    "empty": [],
}


FILLED_ELSEWHERE = {
    "explore-notes": "test_notes.py",
    "inverter-losses": "test_pv_page.py",
    "inverter-soiling": "test_pv_page.py",
    "schedule-trials": "test_schedule.py",
    "schedule-plan": "test_plans.py",
}
"""Panels that show what people or studies have made, and the file that draws them full."""


def scope_of(panel: str) -> Scope:
    return replace(SCOPE, window="7d", device="house") if panel.startswith("explore") else SCOPE


@pytest.fixture(scope="module")
def plants() -> Iterator[Callable[[str], Store]]:
    """The plant in each of its states with all that is worked out of it, made once: for those who only look."""
    made: dict[str, Store] = {}

    def plant(state: str) -> Store:
        if state not in made:
            store = made[state] = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
            if STATES[state]:
                fill(store, STATES[state])
                twin_study.study(store, NOW, lambda _: None)
                rack_days.study(store, NOW, lambda _: None)
        return made[state]

    yield plant
    for store in made.values():
        store.close()


LOOKS = [*((state, "en") for state in STATES), ("full", "zh-TW"), ("full", "es")]


@pytest.mark.parametrize(("state", "lang"), LOOKS)
@pytest.mark.parametrize("panel", PANELS.values(), ids=lambda panel: panel.id)
def test_every_panel_draws_in_every_state(panel: Panel, lang: str, state: str, plants: Callable[[str], Store]) -> None:
    store = plants(state)
    for theme in ("dark", "light"):
        scope = replace(scope_of(panel.id), lang=lang, theme=theme)
        table = panel.load(store, scope)
        assert len({len(column) for column in table.columns.values()}) <= 1, "columns of one length: this is what is exported"
        if state == "empty":
            assert table.is_empty or panel.draws_empty or "tiles" in table.more
        elif state == "full" and panel.id not in FILLED_ELSEWHERE:
            assert not table.is_empty
        if not table.is_empty or panel.draws_empty:
            text = json.dumps(panel.draw(table, scope), cls=PlotlyJSONEncoder)
            assert "NaN" not in text
            assert "Infinity" not in text
    if panel.live is not None:
        frame = panel.live(store, replace(scope_of(panel.id), lang=lang))
        assert frame is None or len(orjson.dumps(frame, option=orjson.OPT_SERIALIZE_NUMPY)) < 20_000


def tiles(store: Store) -> dict[str, Tile]:
    return {tile.key: tile for tile in keyfigures.tiles(store, SCOPE)}


def test_the_tiles_of_the_overview(store: Store) -> None:
    fill(store, [*MINUTES, NOW - 1_000])
    shown = tiles(store)
    assert shown["soc"].value == pytest.approx((50 * 100 + 80 * 200) / 300)
    assert shown["available"].value == pytest.approx(0.5 * 100 + 0.8 * 200)
    assert shown["power"].value == pytest.approx(60 - 30)
    assert (shown["pv"].value, shown["grid"].value, shown["frequency"].value) == (30.0, 55.0, 60.0)
    assert shown["discharged"].value == pytest.approx(60 * 7199 / 3600)  # kW × two hours less the second nobody told yet
    assert shown["charged"].value == pytest.approx(30 * 7199 / 3600)
    assert "17 %" in shown["charged"].note  # 2 of 12 hours since midnight
    assert shown["alarms"].value == 1.0
    assert shown["alarms"].tone == "warning"
    assert shown["online"].value == "15 / 15"  # the house too: it reports once a day
    assert shown["soc"].at == NOW - 1_000


def test_an_empty_plant_has_dashes_not_zeros(store: Store) -> None:
    assert all(tile.value is None for key, tile in tiles(store).items() if key != "alarms")


def test_a_silent_unit_is_left_out_and_said_so(store: Store) -> None:
    fill(store, [NOW - 1_000])
    store.records.put_devices([Device("bess03", "bess", rating={"capacity_kwh": 100.0})])
    tell(store, "bess03", "bess", [NOW - 3_600_000], soc=10.0)
    assert tiles(store)["soc"].value == pytest.approx(70.0)
    assert tiles(store)["soc"].note == "2 of 3 devices"


def test_efficiency_is_not_made_up_from_too_little_throughput(store: Store) -> None:
    fill(store, MINUTES[-10:])
    seen = today(store, fleet.fleet(store))
    assert seen is not None and seen.efficiency.value is None
    assert tiles(store)["efficiency"].note == "not assessable yet"


def test_energies_count_only_what_was_observed(store: Store) -> None:
    fill(store, STATES["gappy"])  # three runs of 20 readings: 19 minutes lie between those of each
    seen = today(store, fleet.fleet(store))
    assert seen is not None
    assert seen.discharged == pytest.approx(57.0)
    assert seen.coverage == pytest.approx(57 / 720)


def test_the_balance_adds_up(store: Store) -> None:
    fill(store, MINUTES)
    columns = overview.balance_table(store, SCOPE).columns
    heard = np.isfinite(np.asarray(columns["pv"]))
    assert set(np.asarray(columns["discharge"])[heard]) == {30.0}
    assert set(np.asarray(columns["export"])[heard]) == {55.0}
    up = sum(np.asarray(columns[name])[heard] for name in ("pv", "discharge", "import"))
    down = sum(np.asarray(columns[name])[heard] for name in ("aux", "charge", "export"))
    assert up == pytest.approx(down)


def test_with_a_silent_converter_the_battery_follows_from_the_connection_point(store: Store) -> None:
    fill(store, [NOW - 1_000])
    store.records.put_devices([Device("pcs03", "pcs")])
    flow = overview.flow_table(store, SCOPE).columns
    assert dict(zip(flow["node"], flow["power"], strict=True)) == {"pv": 30.0, "battery": 30.0, "grid": 55.0, "aux": 5.0}


def test_history_joins_the_live_bucket(store: Store) -> None:
    fill(store, MINUTES)
    frame = overview.balance_frame(store, replace(SCOPE, window="1h"))
    assert frame is None  # the running minute has just begun
    later = NOW + 35_000
    live = replace(store, clock=lambda: later)
    tell(store, "site", "site", [NOW + 30_000], active_power=55.0, pv_power=30.0, aux_power=5.0)
    frame = overview.balance_frame(live, replace(SCOPE, window="1h"))
    assert frame is not None
    assert frame["extend"]["y"] == [30, 30, 0, -5, 0, -55]
    assert frame["extend"]["x"] == NOW + 8 * 3_600_000 + 30_000  # the middle of the minute, in site time


def test_the_rack_table_is_s1s(store: Store) -> None:
    fill(store, [NOW - 1_000])
    table = bess.rack_table(store, replace(SCOPE, unit=2))
    assert table.columns["metric"] == [
        "Mode", "Voltage (V)", "Current (A)", "Power (kW)", "SOC (%)", "SOH (%)", "Cell Max Voltage (V)", "Cell Min Voltage (V)",
        "Cell Avg Voltage (V)", "Voltage Diff (V)", "Cell Max Temp (°C)", "Cell Min Temp (°C)", "Temp Diff (°C)",
    ]  # fmt: skip
    assert table.columns["Rack 03"] == ["Charging", 831.6, -3.25, None, 53.0, None, None, None, None, 0.012, None, None, 1.5]
    assert list(table.columns) == ["metric", "Rack 01", "Rack 02", "Rack 03"]
    frame = bess.rack_frame(store, replace(SCOPE, unit=2))
    assert frame is not None
    assert frame["text"]["soc.Rack 03"] == "53.0"
    assert frame["text"]["soh.Rack 03"] == "—"


def test_a_unit_that_does_not_exist_is_empty_not_another_one(store: Store) -> None:
    fill(store, [NOW - 1_000])
    assert bess.rack_table(store, replace(SCOPE, unit=9)).is_empty
    assert cells.cell_map(store, replace(SCOPE, unit=1, rack=9), "cell_voltages").is_empty


def test_a_click_on_a_rack_opens_it(store: Store) -> None:
    fill(store, [NOW - 1_000])
    columns = rack_map(store, SCOPE, "soc").columns
    place = next(i for i in range(6) if (columns["unit"][i], columns["rack"][i]) == (2, 3))
    assert columns["href"][place] == "/bess?unit=2&rack=3"
    assert (columns["row"][place], columns["column"][place], columns["soc"][place]) == (1, 2, 53.0)
    frame = rack_map_frame(store, SCOPE, "soc")
    assert frame is not None
    assert frame["restyle"][0]["set"]["z"] == [[[51, 52, 53], [51, 52, 53]]]


def test_the_outlying_cell_is_marked_in_its_module(store: Store) -> None:
    fill(store, [NOW - 1_000])
    columns = cells.cell_map(store, replace(SCOPE, unit=1, rack=2), "cell_voltages").columns
    assert np.flatnonzero(columns["mark"]).tolist() == [30]
    assert (columns["column"][30], columns["row"][30]) == (2, 6)  # cell 31 = module 3, cell 7
    assert not np.any(cells.cell_map(store, replace(SCOPE, unit=1, rack=1), "cell_voltages").columns["mark"])


def test_the_drifting_rack_stands_out(store: Store) -> None:
    fill(store, MINUTES)
    tell(store, "bess01-rack03", "rack", MINUTES, soc=[51 - i / 20 for i in range(len(MINUTES))])
    table = bess.compare_table(store, replace(SCOPE, unit=1, window="1h"))
    assert [line.faint for line in table.more["plot"].lines] == [True, True, False]
    apart = bess.deviation_table(store, replace(SCOPE, unit=1, window="1h"))
    assert np.nanmin(np.asarray(list(apart.columns.values())[3])) == pytest.approx(51 - 119 / 20 - 51, abs=0.1)  # the median is rack 1


def test_racks_that_speak_at_different_instants_are_compared_in_common_buckets(store: Store) -> None:
    store.records.put_devices(DEVICES)
    for rack, (delay, soc) in enumerate(((0, 50.0), (300, 50.5), (700, 40.0)), start=1):
        tell(store, f"bess01-rack0{rack}", "rack", [at + delay for at in MINUTES], soc=soc)
    plot = bess.compare_table(store, replace(SCOPE, unit=1, window="1h")).more["plot"]
    assert [line.faint for line in plot.lines] == [True, True, False]


def test_strings_and_mppts(store: Store) -> None:
    fill(store, [NOW - 1_000])
    strings = inverter.string_table(store, SCOPE).columns
    assert [i for i, mark in enumerate(strings["mark"]) if mark] == [31]
    assert strings["mismatch"][31] == -1.0
    mppt = inverter.mppt_table(store, SCOPE).columns
    assert mppt["power"][0] == pytest.approx(7.256, abs=1e-3)  # 580.5 V × 12.5 A (S1's sample)
    shown = {tile.key: tile.value for tile in inverter.tiles(store, SCOPE)}
    assert shown["efficiency"] == pytest.approx(98.9, abs=0.05)  # 425.5 / 430.2 (DOMAIN 3.2)
    assert shown["mismatch"] == pytest.approx(-100.0)


def test_an_inverter_with_partial_metrics_shows_what_it_has(store: Store) -> None:
    store.records.put_devices(
        [Device("nrel-inv", "inverter"), Device("nrel-weather", "weather"), Device("weather01", "weather", simulated=True)]
    )
    tell(store, "nrel-inv", "inverter", MINUTES, total_active_power=10.0)
    tell(store, "nrel-weather", "weather", MINUTES, poa_irradiance=500.0)
    assert inverter.mppt_table(store, SCOPE).is_empty
    assert inverter.string_table(store, SCOPE).is_empty
    plot = inverter.curve_table(store, SCOPE).more["plot"]
    assert [line.name for line in plot.lines] == ["AC power", "Irradiance"]
    station = inverter.station(fleet.fleet(store), Device("nrel-inv", "inverter"))
    assert station is not None and station.device_id == "nrel-weather"


def test_a_vehicle_with_its_alerts_cells_and_power(store: Store) -> None:
    fill(store, MINUTES)
    columns = vehicles.vehicle_table(store, SCOPE).columns
    assert columns["alerts"] == ["TEMP_WARNING, LOW_SOC"]
    assert columns["power"] == [22.05]  # 315 V × 70 A (S4)
    cells = vehicles.cells_table(store, SCOPE).columns
    assert (len(cells["voltage"]), int(np.sum(cells["balancing"])), bool(cells["balancing"][0])) == (96, 1, True)
    assert np.isnan(cells["voltage"][95])
    power = np.asarray(vehicles.trace_table(store, replace(SCOPE, window="1h")).columns["power"])
    assert set(power[np.isfinite(power)].round(2)) == {22.05}


def test_archived_data_are_a_link_away(store: Store) -> None:
    store.records.put_devices([Device("OLDCAR", "vehicle")])
    at = 1_751_256_576_729  # 2025-06-30 12:09:36.729 in Taipei
    tell(store, "OLDCAR", "vehicle", [at, at + 60_000], soc=80.0)
    assert vehicles.trace_table(store, SCOPE).is_empty
    link = vehicles.vehicle_table(store, SCOPE).more["sheet"].links["OLDCAR", "kept"]
    assert link == "/vehicles?device=OLDCAR&from=2025-06-30T12%3A09&to=2025-06-30T12%3A11"
    whole = replace(SCOPE, start=at - at % MINUTE, end=at - at % MINUTE + 2 * MINUTE)
    assert not vehicles.trace_table(store, whole).is_empty


def test_a_home_is_daily_bars(store: Store) -> None:
    fill(store, MINUTES)
    scope = replace(SCOPE, window="30d", device="house")
    table = explore.explore_table(store, scope)
    assert table.more["plot"].bars == ("Home consumption (kWh)", "Solar energy (kWh)")
    home = np.asarray(table.columns["Home consumption (kWh)"])
    assert home[np.isfinite(home)].tolist() == [10.0, 11.0, 12.0, 13.0, 14.0]


def test_explore_draws_any_devices_and_metrics(store: Store) -> None:
    fill(store, MINUTES)
    table = explore.explore_table(store, replace(SCOPE, device="bess01,bess02,nobody", metric="soc,power,nonsense"))
    assert [(line.name, line.unit) for line in table.more["plot"].lines] == [
        ("bess01 · State of charge", "%"), ("bess02 · State of charge", "%"), ("bess01 · Power", "kW"), ("bess02 · Power", "kW"),
    ]  # fmt: skip
    assert table.more["plot"].limits == ()
    assert explore.explore_table(store, replace(SCOPE, device="nobody")).is_empty


def test_a_spike_between_the_buckets_never_vanishes(store: Store) -> None:
    store.records.put_devices([Device("site", "site")])
    seconds = list(range(NOW - 86_400_000, NOW, 5_000))
    power = [100.0] * len(seconds)
    power[7777] = 900.0
    tell(store, "site", "site", seconds, active_power=power)
    table = explore.explore_table(store, replace(SCOPE, device="site", metric="active_power"))
    assert len(table.columns["at"]) <= 1000
    assert np.nanmax(np.asarray(table.columns["Active power (kW) max"])) == 900.0


def test_a_live_frame_counts_only_the_lines_that_are_drawn(store: Store) -> None:
    fill(store, [NOW - 1_000])
    store.records.put_devices([Device("bess00", "bess")])  # never spoke: no line
    wanted = replace(SCOPE, device="bess00,bess01,bess02", metric="soc")
    assert len(explore.explore_table(store, wanted).more["plot"].lines) == 2
    frame = explore.explore_frame(store, wanted)
    assert frame is not None
    assert frame["extend"]["y"] == [50.0, 80.0]
    assert frame["extend"]["x"] == NOW + 8 * 3_600_000


def test_the_live_value_is_also_the_one_written_beside_a_lone_line(store: Store) -> None:
    fill(store, MINUTES[-3:])
    tell(store, "site", "site", [NOW - 1_000], frequency=59.987)
    frame = overview.frequency_frame(store, SCOPE)
    assert frame is not None
    assert frame["relayout"] == {"annotations[0].text": "59.987 Hz", "annotations[0].y": 59.987}


def test_numbers_in_ids_name_units_and_racks() -> None:
    devices = [Device("bess02", "bess"), Device("bess01", "bess"), Device("north", "bess")]
    assert units.numbered(devices[:2]) == {2: devices[0], 1: devices[1]}
    assert list(units.numbered(devices)) == [1, 2, 3]
