"""Files into the store: the three measured files, our own CSV, mangled lines, and that a second import changes nothing.

Expected numbers are read off the files by hand; the excerpts in tests/data are lines of the files themselves.
"""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from datastore.open import open_store
from plant.errors import DeviceNotFound
from plant.metrics import CATALOGUE
from plant.model import DAY, Device, Quality, Window
from services.importing import import_files, run_import_command
from services.importing.formats import BadFile
from services.importing.registry import FORMATS, choose

EXCERPTS = Path(__file__).parent.parent / "data"
WHOLE = Path(__file__).parents[2].parent / "shared" / "data"
VIN = "1N4AZ1CP3LC123456"
LEAF, NREL, HOME = "leafspy_2020_leaf.csv", "nrel_RSF_II.csv", "powerwall_home_daily.csv"
ALWAYS = Window(0, 4_000_000_000_000)

needs_whole_files = pytest.mark.skipif(not WHOLE.is_dir(), reason="the whole files are not beside the repository")


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'import.db'}"
    store = open_store(url, "Asia/Taipei")
    yield store
    store.close()


@pytest.fixture
def memory():
    store = open_store("memory://", "Asia/Taipei")
    yield store
    store.close()


def ms(*parts, zone=UTC):
    return round(datetime(*parts, tzinfo=zone).timestamp() * 1000)


def columns(store, device, kind, *metrics):
    return store.telemetry.columns(device, kind, metrics, ALWAYS)


def first(store, device, kind, metric):
    return columns(store, device, kind, metric).values[metric][0]


def bring(store, path, **more):
    (report,) = import_files(store, [path], **more)
    return report


def written(tmp_path, text, name="file.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


# LeafSpy

LEAF_FIRST = {
    "soc": 86.972,
    "soh": 92.98,
    "capacity_ah": 107.2989,
    "conductance": 88.94,
    "pack_voltage": 384.77,
    "pack_current": 55.175,
    "cell_max_voltage": 4.023,
    "cell_min_voltage": 4.009,
    "cell_avg_voltage": 4.015,
    "cell_voltage_diff": 0.014,
    "odo_km": 82363.0078125,
    "motor_power": 17.6,
    "motor_torque": -1.5,
    "motor_speed": 7612.0,
    "aux_battery_voltage": 13.04,
    "aux_battery_current": -0.17,
    "max_temp": 35.1,
    "min_temp": 33.7,
    "cell_avg_temp": 34.367,
    "cell_temp_diff": 1.4,
    "motor_temp": 53.0,  # the raw byte 93 less 40
    "speed": 109.435,  # 68 mph
    "elevation": 588.874,  # 1932 ft
    "ambient_temp": 25.5,  # 77.9 °F
}
"""The first line of the file in the catalogue's units."""


@pytest.mark.parametrize(("metric", "value"), LEAF_FIRST.items())
def test_a_leaf_speaks_in_catalogue_units(memory, metric, value):
    bring(memory, EXCERPTS / LEAF)
    assert first(memory, VIN, "vehicle", metric) == pytest.approx(value, abs=1e-9)


def test_every_scalar_of_a_leaf_is_covered_above(memory):
    bring(memory, EXCERPTS / LEAF)
    latest = memory.telemetry.latest()[VIN, "vehicle"]
    assert {name for name in latest.values if not CATALOGUE[name].is_vector} == set(LEAF_FIRST)


def test_a_leaf_has_96_cells_and_a_negative_one_is_being_balanced(store):
    bring(store, EXCERPTS / LEAF)
    cells = columns(store, VIN, "vehicle", "cell_voltages", "balancing_status")
    assert cells.values["cell_voltages"].shape[1] == 96
    assert cells.values["cell_voltages"][0, :5].tolist() == [4.014, 4.016, 4.016, 4.014, 4.015]
    assert cells.values["balancing_status"][0, :5].tolist() == [1.0, 0.0, 0.0, 0.0, 1.0]  # −4014, 4016, 4016, 4014, −4015


def test_a_missing_sensor_of_a_leaf_is_silent(store):
    bring(store, EXCERPTS / LEAF)
    temperatures = first(store, VIN, "vehicle", "cell_temperatures")
    assert [None if t != t else t for t in temperatures] == [33.7, 35.1, None, 34.3]


def test_a_leaf_is_timed_by_its_epoch_seconds(store):
    report = bring(store, EXCERPTS / LEAF)
    assert columns(store, VIN, "vehicle", "soc").at[0] == 1_751_256_576_729
    assert (report.rows, report.inserted, report.bad_rows, report.first) == (12, 12, 0, 1_751_256_576_729)


def test_history_stays_where_it_was_measured(store):
    bring(store, EXCERPTS / LEAF)
    assert not any(quality & Quality.CLOCK for quality in columns(store, VIN, "vehicle", "soc").quality)


def test_the_cells_of_a_leaf_add_up_to_its_pack(memory):
    bring(memory, EXCERPTS / LEAF)
    cells = columns(memory, VIN, "vehicle", "cell_voltages", "pack_voltage").values
    assert cells["cell_voltages"].sum(axis=1) == pytest.approx(cells["pack_voltage"], rel=0.01)


def leaf(tmp_path, line=1, **changes):
    """The excerpt with some cells of one line replaced."""
    lines = (EXCERPTS / LEAF).read_text().splitlines()
    header, cells = lines[0].split(","), lines[line].split(",")
    for name, value in changes.items():
        cells[header.index(name.replace("_", " "))] = value
    lines[line] = ",".join(cells)
    return written(tmp_path, "\n".join(lines) + "\n")


def test_a_leaf_in_kilometres_and_celsius_is_read_as_such(memory, tmp_path):
    lines = (EXCERPTS / LEAF).read_text().splitlines()
    header = lines[0].split(",")
    for number in range(1, len(lines)):
        cells = lines[number].split(",")
        cells[header.index("Speed")] = str(round(float(cells[header.index("Speed")]) * 1.609))
        cells[header.index("Ambient")] = "25.5"
        lines[number] = ",".join(cells)
    bring(memory, written(tmp_path, "\n".join(lines)))
    assert first(memory, VIN, "vehicle", "speed") == 109.0
    assert first(memory, VIN, "vehicle", "elevation") == 1932.0
    assert first(memory, VIN, "vehicle", "ambient_temp") == 25.5


def test_a_leaf_without_vin_needs_a_name(memory, tmp_path):
    report = bring(memory, leaf(tmp_path, VIN=""))
    assert (report.bad[0].line, report.bad[0].column, report.bad[0].reason) == (2, "VIN", "is empty")
    assert bring(memory, leaf(tmp_path, VIN=""), device="my-leaf").devices == [("my-leaf", "vehicle")]


@needs_whole_files
def test_the_whole_leaf_file(memory):
    report = bring(memory, WHOLE / LEAF)
    assert (report.rows, report.inserted, report.bad_rows) == (964, 964, 0)
    values = columns(memory, VIN, "vehicle", "speed", "odo_km", "pack_current", "motor_power")
    hours = (values.at[-1] - values.at[0]) / 3.6e6
    road = (values.values["odo_km"][-1] - values.values["odo_km"][0]) / hours
    assert values.values["speed"].mean() == pytest.approx(road, rel=0.03)  # mph, or it would be 36 % off
    current, motor = values.values["pack_current"], values.values["motor_power"]
    assert np.corrcoef(current, motor)[0, 1] > 0.85  # discharge is positive: the motor draws
    assert np.median(motor[current < -5]) == 0.0 < np.median(motor[current > 5])  # while it regenerates it draws nothing


# NREL PVFleet

DENVER = ZoneInfo("America/Denver")


def test_nrel_gives_an_inverter_a_meter_and_weather_in_mountain_time(store):
    report = bring(store, EXCERPTS / NREL)
    assert sorted(report.devices) == [("nrel-rsf2-inv2", "inverter"), ("nrel-rsf2-meter", "meter"), ("nrel-rsf2-weather", "weather")]
    power = columns(store, "nrel-rsf2-inv2", "inverter", "total_active_power")
    # line "1/2/2022 9:30" first; 10:00 is the third: 7153.483 W
    assert power.at[0] == ms(2022, 1, 2, 9, 30, zone=DENVER)
    assert power.values["total_active_power"][2] == pytest.approx(7.153483)


# line "1/2/2022 10:15": 32.2826,-0.161851,12553.39,44.22674,18517.1478,418.6867,38.05339,-4.157429,135.5586,179.3009,1.813314,6.634309
@pytest.mark.parametrize(
    ("device", "kind", "metric", "value"),
    [
        ("nrel-rsf2-meter", "meter", "active_power", 32.2826),
        ("nrel-rsf2-inv2", "inverter", "total_active_power", 12.55339),
        ("nrel-rsf2-inv2", "inverter", "dc_current", 44.22674),
        ("nrel-rsf2-inv2", "inverter", "dc_power", 18.5171478),
        ("nrel-rsf2-inv2", "inverter", "dc_voltage", 418.6867),
        ("nrel-rsf2-inv2", "inverter", "internal_temperature", 38.05339),
        ("nrel-rsf2-weather", "weather", "ambient_temp", -0.161851),
        ("nrel-rsf2-weather", "weather", "module_temp", -4.157429),
        ("nrel-rsf2-weather", "weather", "poa_irradiance", 135.5586),
        ("nrel-rsf2-weather", "weather", "poa_irradiance_refcell", 179.3009),
        ("nrel-rsf2-weather", "weather", "refcell_temp", 1.813314),
        ("nrel-rsf2-weather", "weather", "wind_speed", 6.634309),
    ],
)
def test_each_nrel_column_finds_its_device_and_unit(memory, device, kind, metric, value):
    bring(memory, EXCERPTS / NREL)
    assert columns(memory, device, kind, metric).values[metric][3] == pytest.approx(value)


def test_the_zone_can_be_overridden(memory):
    bring(memory, EXCERPTS / NREL, zone="UTC")
    assert columns(memory, "nrel-rsf2-inv2", "inverter", "dc_power").at[0] == ms(2022, 1, 2, 9, 30)


def test_the_device_can_be_named(memory):
    report = bring(memory, EXCERPTS / NREL, device="roof")
    assert sorted(report.devices) == [("roof", "inverter"), ("roof-meter", "meter"), ("roof-weather", "weather")]


# Powerwall


def test_a_home_has_daily_energies_at_the_instants_of_the_file(store):
    report = bring(store, EXCERPTS / HOME)
    assert (report.devices, report.inserted) == ([("powerwall_home_daily", "home")], 10)
    # 2020-10-30T01:00:00-07:00,19.9,6.4,30.5,4.2,0.1
    energies = ("home_energy", "battery_energy", "solar_energy", "grid_import_energy", "grid_export_energy")
    values = columns(store, "powerwall_home_daily", "home", *energies)
    assert values.at[0] == ms(2020, 10, 30, 8)
    assert [column[0] for column in values.values.values()] == [19.9, 6.4, 30.5, 4.2, 0.1]
    assert values.at[3] - values.at[2] == DAY + 3_600_000  # the clocks went back on 2020-11-01


# what all formats share


@pytest.mark.parametrize("name", [LEAF, NREL, HOME])
def test_a_second_import_changes_nothing(store, name):
    before = bring(store, EXCERPTS / name)
    again = bring(store, EXCERPTS / name)
    assert (again.inserted, again.merged, again.revised) == (0, 0, 0)
    assert again.duplicates == before.inserted > 0


@needs_whole_files
@pytest.mark.parametrize(("name", "rows", "readings"), [(LEAF, 964, 964), (NREL, 480, 1440), (HOME, 1796, 1796)])
def test_the_whole_files_come_in_twice_without_doubling(store, name, rows, readings):
    report = bring(store, WHOLE / name)
    assert (report.rows, report.inserted, report.bad_rows) == (rows, readings, 0)
    assert bring(store, WHOLE / name).duplicates == readings


@pytest.mark.parametrize(
    ("name", "device", "kind", "source", "licence"),
    [
        (LEAF, VIN, "vehicle", "LeafSpy", "MIT"),
        (NREL, "nrel-rsf2-inv2", "inverter", "NREL", "MIT"),
        (HOME, "powerwall_home_daily", "home", "Powerwall", "MIT"),
    ],
)
def test_devices_are_registered_with_name_source_and_licence(memory, name, device, kind, source, licence):
    bring(memory, EXCERPTS / name)
    found = memory.records.device(device, kind)
    assert found.name and found.name != found.device_id and not found.simulated
    assert source in found.info["source"] and licence in found.info["attribution"]


def test_a_device_somebody_edited_stays_as_it_is(memory):
    memory.records.put_devices([Device(VIN, "vehicle", "My car")])
    bring(memory, EXCERPTS / LEAF)
    assert memory.records.device(VIN, "vehicle").name == "My car"


@pytest.mark.parametrize(("name", "form"), [(LEAF, "leafspy"), (NREL, "nrel_pv"), (HOME, "powerwall")])
def test_a_format_is_recognised_by_one_header_only(name, form):
    header = (EXCERPTS / name).read_text().splitlines()[0].split(",")
    assert choose(header).name == form
    assert [f.name for f in FORMATS.values() if f.recognises(header)] == [form]


def test_an_unknown_header_names_the_formats():
    with pytest.raises(BadFile, match="leafspy.*native_csv"):
        choose(["a", "b"])


# mangled files

HEAD = "Date time,Home (kWh),From Powerwall (kWh),Solar Energy (kWh),From Grid (kWh),To Grid (kWh)"
GOOD = "2020-10-30T01:00:00-07:00,19.9,6.4,30.5,4.2,0.1"


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("2020-10-31T01:00:00-07:00,26.0,18.7,35.1,0.1", "", "5 columns, the header 6"),
        ("2020-10-31T01:00:00-07:00,26.0,18.7,35.1,0.1,2.1,9", "", "7 columns, the header 6"),
        ("2020-10-31T01:00:00-07:00,26.0,much,35.1,0.1,2.1", "From Powerwall (kWh)", "'much' is not a number"),
        ("2020-10-31T01:00:00-07:00,26.0,NaN,35.1,0.1,2.1", "From Powerwall (kWh)", "not a finite number"),
        ("2020-10-31T01:00:00-07:00,26.0,1e999,35.1,0.1,2.1", "From Powerwall (kWh)", "not a finite number"),
        ("2020-10-31T01:00:00-07:00,26.0,1e300,35.1,0.1,2.1", "battery_energy", "out of range"),
        ("yesterday,26.0,18.7,35.1,0.1,2.1", "Date time", "not a timestamp"),
        (",26.0,18.7,35.1,0.1,2.1", "Date time", "is empty"),
        ('2020-10-31T01:00:00-07:00,"26.0,18.7,35.1,0.1,2.1', "", "2 columns"),
        ("2020-10-31T01:00:00-07:00,26\0.0,18.7,35.1,0.1,2.1", "", "NUL"),
        ("2020-10-31T01:00:00-07:00,26", "", "2 columns"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_kept(store, tmp_path, line, column, reason):
    last = "2020-11-01T01:00:00-07:00,22.7,13.5,36.3,0.2,5.4"
    report = bring(store, written(tmp_path, f"{HEAD}\n{GOOD}\n{line}\n{last}\n", "home.csv"))
    (bad,) = report.bad
    assert (bad.line, bad.column) == (3, column) and reason in bad.reason
    assert (report.rows, report.inserted, report.bad_rows, report.ok) == (3, 2, 1, False)
    assert columns(store, "home", "home", "home_energy").values["home_energy"].tolist() == [19.9, 22.7]


@pytest.mark.parametrize(
    "mangle",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace(",", ";"),
        lambda text: text + "\n  \n",
        lambda text: text.replace("\n", ",\n").replace(HEAD + ",", HEAD),
    ],
    ids=["BOM", "CRLF", "blank lines", "no last newline", "semicolons", "blank end", "trailing comma"],
)
def test_spelling_does_not_matter(memory, tmp_path, mangle):
    report = bring(memory, written(tmp_path, mangle(f"{HEAD}\n{GOOD}\n"), "home.csv"))
    assert (report.inserted, report.bad, report.error) == (1, [], "")


def test_a_cell_without_a_number_is_silent(memory, tmp_path):
    report = bring(memory, written(tmp_path, f"{HEAD}\n2020-10-30T01:00:00-07:00,19.9,,30.5,4.2,0.1\n", "home.csv"))
    assert report.ok and "battery_energy" not in memory.telemetry.latest()["home", "home"].values


def test_a_line_in_another_encoding_is_named(memory, tmp_path):
    raw = f"{HEAD}\n{GOOD}\n".encode() + "2020-10-31T01:00:00-07:00,26.0,18.7 °,35.1,0.1,2.1\n".encode("latin-1")
    report = bring(memory, written(tmp_path, raw, "home.csv"))
    assert (report.inserted, report.bad[0].line, report.bad[0].reason) == (1, 3, "the line is not UTF-8 text")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (f"{HEAD}\n".encode("utf-16"), "UTF-16"),
        (b"\xb0,\xff\n", "not UTF-8"),
        (b"a,b\n1,2\n", "no format fits"),
        (b"\x00" * 5000, "NUL"),
        (b"x" * 3_000_000, "longer than 1 MiB"),
        (b"Date time,From Powerwall (kWh)\n", "lacks the columns Home (kWh), Solar Energy (kWh)"),
    ],
)
def test_a_file_that_does_not_fit_says_why(memory, tmp_path, content, error):
    report = bring(memory, written(tmp_path, content))
    assert error in report.error and not report.ok and str(report).count("\n") == 0


def test_a_file_that_cannot_be_read_does_not_stop_the_others(memory, tmp_path):
    reports = import_files(memory, [tmp_path / "absent.csv", tmp_path, EXCERPTS / HOME])
    assert ["No such file" in reports[0].error, "directory" in reports[1].error, reports[2].ok] == [True, True, True]


def test_a_wrong_format_or_zone_is_one_clear_line(memory):
    assert "lacks the column" in bring(memory, EXCERPTS / HOME, fmt="leafspy").error
    assert "is not a format" in bring(memory, EXCERPTS / HOME, fmt="excel").error
    assert "IANA" in bring(memory, EXCERPTS / HOME, zone="Mars/Olympus").error


def test_an_endless_line_spoils_only_itself(memory, tmp_path):
    raw = f"{HEAD}\n".encode() + b"9" * 3_000_000 + f"\n{GOOD}\n".encode()
    report = bring(memory, written(tmp_path, raw, "home.csv"))
    assert (report.inserted, report.bad[0].line, report.bad[0].reason) == (1, 2, "the line is longer than 1 MiB")


def test_a_refusal_of_the_intake_names_the_line_of_the_file(memory, tmp_path):
    text = "device_id,timestamp,soc,kind\na,2024-01-01,50,rack\nfleet,2024-01-01,50,rack\nb,2024-01-01,50,rack\n"
    report = bring(memory, written(tmp_path, text))
    assert report.inserted == 2
    assert (report.bad[0].line, report.bad[0].column) == (3, "device_id") and "reserved" in report.bad[0].reason
    with pytest.raises(DeviceNotFound):
        memory.records.device("fleet")


def test_bad_lines_are_counted_without_being_kept_without_end(memory, tmp_path):
    report = bring(memory, written(tmp_path, HEAD + "\n" + "x\n" * 5000 + GOOD + "\n", "home.csv"))
    assert (report.bad_rows, len(report.bad), report.inserted) == (5000, 1000, 1)
    assert "… and 4990 more bad lines" in str(report)


def test_progress_runs_from_nothing_to_one_over_all_files(memory):
    seen = []
    import_files(memory, [EXCERPTS / LEAF, EXCERPTS / HOME], progress=lambda share, name: seen.append((share, name)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares) and shares[-1] == 1.0 and {name for _, name in seen} == {LEAF, HOME}


# our own CSV


def test_our_own_csv_carries_any_metric_of_the_catalogue(store, tmp_path):
    text = (
        "device_id,timestamp,soc,cell_voltages,kind\n"
        "r1,2024-01-01T00:00:00Z,50,3.3;3.31;;3.29,rack\n"
        "r1,1704067260000,51,,rack\n"
        "v1,2024-01-01 08:00:00,60,4.0;4.1,vehicle\n"
    )
    report = bring(store, written(tmp_path, text), zone="Asia/Taipei")
    assert (report.inserted, report.bad) == (3, [])
    rack = columns(store, "r1", "rack", "soc", "cell_voltages")
    assert rack.at.tolist() == [ms(2024, 1, 1), ms(2024, 1, 1, 0, 1)]
    assert rack.values["soc"].tolist() == [50.0, 51.0]
    assert [None if v != v else v for v in rack.values["cell_voltages"][0]] == [3.3, 3.31, None, 3.29]
    assert columns(store, "v1", "vehicle", "soc").at.tolist() == [ms(2024, 1, 1)]


def test_the_kind_follows_from_the_metrics_or_the_registered_device(memory, tmp_path):
    assert bring(memory, written(tmp_path, "device_id,timestamp,ghi\nw,2024-01-01,800\n")).devices == [("w", "weather")]
    text = "device_id,timestamp,soc\nbess01,2024-01-01,50\nother,2024-01-01,50\n"
    memory.records.put_devices([Device("bess01", "bess")])
    report = bring(memory, written(tmp_path, text))
    assert report.devices == [("bess01", "bess")]
    assert (report.bad[0].line, report.bad[0].column) == (3, "device_id") and "add a column `kind`" in report.bad[0].reason


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("device_id,timestamp,flux\na,2024-01-01,1\n", "flux is not in the metric catalogue"),
        ("device_id,timestamp\na,2024-01-01\n", "no column is not in"),
        ("device_id,timestamp,ghi,soc\na,2024-01-01,1,2\n", "no kind of device has all these metrics"),
    ],
)
def test_our_own_csv_says_what_it_does_not_know(memory, tmp_path, text, error):
    assert error in bring(memory, written(tmp_path, text)).error


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("a,2024-01-01,50,,ghost", "soc"),
        ("a,never,50,,rack", "timestamp"),
        ("a,2024-01-01,,,rack", "soc"),
        ("a,2024-01-01,50,1;two,rack", "cell_voltages"),
        ("a,2024-01-01,50,1;inf,rack", "cell_voltages"),
        (",2024-01-01,50,,rack", "device_id"),
    ],
)
def test_bad_cells_of_our_own_csv_are_named(memory, tmp_path, line, column):
    report = bring(memory, written(tmp_path, f"device_id,timestamp,soc,cell_voltages,kind\n{line}\n"))
    assert [(bad.line, bad.column) for bad in report.bad] == [(2, column)] and report.inserted == 0


def test_the_verb_prints_what_became_of_each_file(memory, capsys, tmp_path):
    assert run_import_command(memory, [str(EXCERPTS / HOME), str(EXCERPTS / NREL)]) == 0
    shown = capsys.readouterr().out
    assert "10 lines → powerwall_home_daily (home)" in shown and "36 new" in shown
    assert run_import_command(memory, [str(written(tmp_path, ""))]) == 1
    assert "the file is empty" in capsys.readouterr().out
