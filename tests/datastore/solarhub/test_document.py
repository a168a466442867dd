"""The document's whole installation through the shipped mapping: every number is compared with SQL asked independently."""

import math
from typing import Any

import numpy as np
import pytest

from datastore import rollup
from datastore.backends.memory import MemoryTelemetry
from datastore.backends.solarhub.source import SolarHub
from plant.metrics import scalars_of, vectors_of
from plant.model import DAY, HOUR, MINUTE, QUARTER, Block, ScheduleEvent, Window
from tests.datastore.solarhub.conftest import Machine
from tests.datastore.solarhub.installation import GAP, MINUTES, START_UTC

ALL = Window(START_UTC - DAY, START_UTC + DAY)
MODES = {"Standby": 1, "Charging": 2, "Discharging": 3}
OTHER_COLUMN = {
    "pcs": {
        "ac_current_a": "phase_a_current", "ac_current_b": "phase_b_current", "ac_current_c": "phase_c_current",
        "ac_voltage_ab": "line_ab_voltage", "ac_voltage_bc": "line_bc_voltage", "ac_voltage_ca": "line_ca_voltage",
    },
    "aux": {"active_power": "power", "energy_import": "total_energy"},
    "site": {"active_power": "power"},
}  # fmt: skip


def place(names: dict[str, str], device: str) -> tuple[str, str, str]:
    """(table, condition, time in epoch ms) where the document has this device."""
    time = "TIMESTAMPDIFF(SECOND, '1970-01-01', time) * 1000 - 8 * 3600000"  # Taipei is 8 h ahead of UTC
    if device == "site":
        return f"`{names['DB_NAME_BASELINE']}`.freq_power", "1", "time"
    if device == "meter-aux":
        return f"`{names['DB_NAME_METER']}`.aux", "1", time
    if "rack" in device:
        return f"`{names[f'DB_NAME_BESS{int(device[4:6])}']}`.{device[7:]}", "1", time
    if device.startswith("bess"):
        return f"`{names[f'DB_NAME_BESS{int(device[4:6])}']}`.bess", "1", time
    kind, number = device[:-2], int(device[-2:])
    key = {"pcs": "pcs_number", "inverter": "inverter_number", "meter": "meter_id"}[kind]
    return f"`{names[f'DB_NAME_{kind.upper()}']}`.{kind}", f"{key} = {number}", time


def written(machine: Machine, names: dict[str, str], device: str, kind: str) -> dict[str, list[Any]]:
    """Everything the database has of a device: `at` and each scalar metric's column, as SQL gives it."""
    table, where, time = place(names, device)
    schema, name = table.replace("`", "").split(".")
    there = {
        row[0]
        for row in machine.ask(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s", schema, name
        )
    }
    other = OTHER_COLUMN.get("aux" if device == "meter-aux" else kind, {})
    columns = {metric: other.get(metric, metric) for metric in scalars_of(kind)}
    columns = {metric: column for metric, column in columns.items() if column in there}
    rows = machine.ask(f"SELECT {time}, {', '.join(f'`{column}`' for column in columns.values())} FROM {table} WHERE {where} ORDER BY 1")
    found: dict[str, list[Any]] = {"at": [int(row[0]) for row in rows]}
    for number, metric in enumerate(columns, 1):
        found[metric] = [plain(row[number]) for row in rows]
    return found


def plain(value: Any) -> float:
    """A column's value as the number it stands for."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        return float(MODES[value]) if value in MODES else float(int(value, 2))
    return float(value)


DEVICES = [
    ("site", "site"), ("bess01", "bess"), ("bess02", "bess"), ("meter01", "meter"), ("meter-aux", "meter"),
    ("bess01-rack01", "rack"), ("bess01-rack12", "rack"), ("bess02-rack07", "rack"),
    ("pcs01", "pcs"), ("pcs02", "pcs"), ("inverter01", "inverter"), ("inverter02", "inverter"),
]  # fmt: skip


def test_the_settings_count_the_devices(hub: SolarHub) -> None:
    found = {(device.device_id, device.kind) for device in hub.devices()}
    racks = {(f"bess{b:02d}-rack{r:02d}", "rack") for b in (1, 2) for r in range(1, 13)}
    units = {(f"{kind}{n:02d}", kind) for kind in ("bess", "pcs", "inverter") for n in (1, 2)}
    assert found == racks | units | {("meter01", "meter"), ("meter-aux", "meter"), ("site", "site")}


def test_devices_say_where_they_lie_and_whose_they_are(hub: SolarHub, names: dict[str, str]) -> None:
    rack = next(device for device in hub.devices() if device.device_id == "bess02-rack03")
    assert (rack.name, rack.parent, rack.site_id, rack.simulated) == ("BESS 02 rack 03", "bess02", "site", False)
    assert rack.info["source"] == "SolarHub"
    assert set(rack.info["tables"]) == {f"main {names['DB_NAME_BESS2']}.rack03", f"main {names['DB_NAME_ESS']}.rack_alert"}


@pytest.mark.parametrize(("device", "kind"), DEVICES)
def test_columns_hold_every_number_the_table_has(hub: SolarHub, machine: Machine, names: dict[str, str], device: str, kind: str) -> None:
    expected = written(machine, names, device, kind)
    metrics = [name for name in expected if name != "at"]
    found = hub.columns(device, kind, metrics, ALL)
    assert found.at.tolist() == found.received.tolist() == expected["at"]
    assert len(expected["at"]) == MINUTES - len(GAP) and metrics
    for metric in metrics:
        assert np.array_equal(found.values[metric], np.array(expected[metric]), equal_nan=True), metric


@pytest.mark.parametrize(("device", "kind"), DEVICES)
def test_the_newest_values_are_those_of_the_newest_rows(
    hub: SolarHub, machine: Machine, names: dict[str, str], device: str, kind: str
) -> None:
    expected = written(machine, names, device, kind)
    found = hub.latest([(device, kind)])[device, kind]
    assert found.at == START_UTC + 119 * MINUTE
    for metric, values in expected.items():
        if metric != "at":
            row = max(row for row, value in enumerate(values) if not math.isnan(value))
            assert (found.values[metric], found.times[metric]) == (values[row], expected["at"][row]), metric


def test_cells_come_in_volts_module_by_module(hub: SolarHub) -> None:
    found = hub.columns("bess01-rack02", "rack", ["cell_voltages", "cell_temperatures"], ALL)
    assert found.values["cell_voltages"].shape == (110, 252)
    assert found.values["cell_temperatures"].shape == (110, 84)
    # minute 3, battery 21, cell 12: 3300 + 210 + 12 + 3 mV
    assert found.values["cell_voltages"][3, 251] == 3.525
    # minute 0, battery 2, sensor 1: 253 tenths of a degree
    assert found.values["cell_temperatures"][0, 4] == 25.3
    # battery 3, cell 4 was never written
    silent = np.flatnonzero(np.isnan(found.values["cell_voltages"][0]))
    assert silent.tolist() == [2 * 12 + 3]


def test_vectors_of_inverters_and_alert_words_are_read(hub: SolarHub) -> None:
    inverter = hub.columns("inverter02", "inverter", list(vectors_of("inverter")), ALL)
    assert inverter.values["mppt_voltages"][5].tolist() == [580.5 - i + 5 for i in range(1, 17)]
    assert inverter.values["mppt_currents"][0, 15] == pytest.approx(10.9)
    assert inverter.values["string_currents"].shape == (110, 32)
    words = hub.latest([("bess02-rack11", "rack")])["bess02-rack11", "rack"].values
    assert words["battery_alarm"] == [0, 0, 4, *[0] * 18]
    assert words["bams_status"] == list(range(17))


@pytest.mark.parametrize(
    "question",
    [{"resolution": QUARTER}, {"resolution": HOUR}, {"resolution": DAY}, {"points": 20}, {"points": 500}, {"resolution": 0}],
    ids=str,
)
@pytest.mark.parametrize(("device", "kind"), [("bess01-rack01", "rack"), ("pcs02", "pcs"), ("site", "site")])
def test_series_are_those_of_the_reference_fed_with_the_same_rows(
    hub: SolarHub, machine: Machine, names: dict[str, str], device: str, kind: str, question: dict[str, int]
) -> None:
    expected = written(machine, names, device, kind)
    metrics = [name for name in expected if name != "at"]
    memory = MemoryTelemetry("Asia/Taipei", lambda: 0)
    rows = [
        (device, at, at, 0, *(None if math.isnan(expected[name][row]) else expected[name][row] for name in metrics))
        for row, at in enumerate(expected["at"])
    ]
    memory.append([Block(kind, tuple(metrics), rows)])
    window = Window(START_UTC - 20 * MINUTE, START_UTC + 100 * MINUTE + 7)
    one = hub.series([(device, kind)], metrics, window, zone="Asia/Taipei", **question)
    other = memory.series([(device, kind)], metrics, window, zone="Asia/Taipei", **question)
    assert one.keys() == other.keys()
    for key, series in one.items():
        reference = other[key]
        assert series.resolution == reference.resolution
        assert series.at.tolist() == reference.at.tolist()
        for name in ("n", "min", "max", "last"):
            assert np.array_equal(getattr(series, name), getattr(reference, name), equal_nan=True), (key, name)
        for name in ("sum", "mean"):
            # FLOAT columns are added as the 24-bit numbers they are
            assert np.allclose(getattr(series, name), getattr(reference, name), rtol=1e-6, atol=1e-9, equal_nan=True), (key, name)
        assert series.coverage == pytest.approx(reference.coverage, abs=1e-6)


def test_a_bucket_over_the_gap_is_empty_and_the_others_are_what_a_hand_computes(hub: SolarHub) -> None:
    window = Window(START_UTC + 30 * MINUTE, START_UTC + 60 * MINUTE)
    series = hub.series([("bess02", "bess")], ["soc"], window, resolution=10 * MINUTE)["bess02", "bess", "soc"]
    # soc = 80 - minute / 4; the minutes 40…49 are missing
    assert series.n.tolist() == [10, 0, 10]
    assert series.min.tolist()[::2] == [80 - 39 / 4, 80 - 59 / 4] and math.isnan(series.min[1])
    assert series.max.tolist()[::2] == [80 - 30 / 4, 80 - 50 / 4]
    assert series.last.tolist()[::2] == [80 - 39 / 4, 80 - 59 / 4]
    assert series.mean[0] == pytest.approx(80 - 34.5 / 4) and math.isnan(series.mean[1])
    assert series.sum[2] == pytest.approx(10 * (80 - 54.5 / 4))
    whole = hub.series([("bess02", "bess")], ["soc"], Window(START_UTC, START_UTC + 2 * HOUR), resolution=10 * MINUTE)
    assert whole["bess02", "bess", "soc"].coverage == pytest.approx(110 / 120)


def test_the_extent_counts_what_each_metric_said(hub: SolarHub) -> None:
    extent = hub.extent("bess01-rack01", "rack")
    assert extent is not None
    assert (extent.first, extent.last) == (START_UTC, START_UTC + 119 * MINUTE)
    # current is silent in every tenth minute of those that are there
    assert (extent.rows["soc"], extent.rows["current"], extent.rows["cell_voltages"], extent.rows["bams_status"]) == (110, 99, 110, 110)
    assert hub.extent("nobody", "rack") is None


def test_awards_come_in_the_documents_fields(hub: SolarHub) -> None:
    start = START_UTC + 14 * HOUR
    found = hub.events(ALL)
    assert [event.index for event in found] == [1, 2, 3]
    assert found[0] == ScheduleEvent(
        "dreg", start, start + HOUR, True, False, 5.0, 4.5, 850.0, 900.0, "QC001", "D-Reg Dispatch", "Frequency regulation", index=1
    )
    assert (found[1].interrupt, found[1].description, found[2].is_get) == (True, "", False)
    assert [event.index for event in hub.events(ALL, "dreg")] == [1]
    # a window touches an award it shares a moment with, its end excluded
    assert [event.index for event in hub.events(Window(start + HOUR, start + HOUR + 1))] == [2]
    assert [event.index for event in hub.events(Window(start + HOUR - 1, start + HOUR + 1))] == [1, 2]


def test_limits_and_as_of_cut_the_columns(hub: SolarHub) -> None:
    assert hub.columns("site", "site", ["frequency"], ALL, limit=3).at.tolist() == [START_UTC + n * MINUTE for n in range(3)]
    assert len(hub.columns("site", "site", ["frequency"], ALL, as_of=START_UTC + MINUTE).at) == 2
    assert len(hub.columns("site", "site", ["frequency"], ALL, as_of=START_UTC - 1).at) == 0
    key = ("bess01", "bess")
    window = Window(START_UTC, START_UTC + 30 * MINUTE)
    then = hub.series([key], ["soc"], window, resolution=10 * MINUTE, as_of=START_UTC + 14 * MINUTE)[*key, "soc"]
    assert (then.n.tolist(), then.last.tolist()[:2]) == ([10, 5, 0], [80 - 9 / 4, 80 - 14 / 4])
    assert len(hub.series([key], ["soc"], window, points=100, as_of=START_UTC + 4 * MINUTE)[*key, "soc"].at) == 5
    assert hub.series([key], ["soc"], window, resolution=10 * MINUTE, as_of=START_UTC - 1)[*key, "soc"].n.tolist() == [0] * 3


def test_what_nobody_has_is_empty(hub: SolarHub) -> None:
    window = Window(START_UTC, START_UTC + HOUR)
    assert len(hub.columns("nobody", "rack", ["soc", "cell_voltages"], ALL).at) == 0
    assert hub.latest([("nobody", "rack")]) == {}
    series = hub.series([("nobody", "rack")], ["soc"], window, resolution=QUARTER)["nobody", "rack", "soc"]
    assert series.n.tolist() == [0] * 4 and series.at.tolist() == rollup.edges(window, QUARTER, "UTC")[:-1].tolist()
    assert len(hub.series([("nobody", "rack")], ["soc"], window, points=10)["nobody", "rack", "soc"].at) == 0
