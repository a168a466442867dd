"""Tables as installations differ: clocks, zones, texts, units, narrow tables, several devices in one table, rows twice."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from datastore.backends.memory import MemoryTelemetry
from datastore.backends.solarhub.source import SolarHub
from plant.model import DAY, HOUR, MINUTE, Block, Window
from tests.datastore.solarhub.conftest import Clock, Machine

Mapped = Callable[..., SolarHub]

METER = """
[numbers]
n = {{ most = 3 }}
[[table]]
database = "DB_NAME_ESS"
table = "t"
device = "meter{n}"
kind = "meter"
time = {{ column = "at", {clock} }}
{more}
[table.metrics]
{metrics}
"""


def mapping(clock: str, metrics: str = 'active_power = "p"', more: str = "", n: str = "01") -> str:
    return METER.format(clock=clock, metrics=metrics, more=more, n=n)


def instant(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


def meter(machine: Machine, database: str, columns: str, rows: str) -> None:
    machine.run([f"CREATE TABLE `{database}`.t ({columns})", f"INSERT INTO `{database}`.t VALUES {rows}"])


WHOLE = Window(instant(2024, 1, 1), instant(2025, 1, 1))


@pytest.mark.parametrize(
    ("form", "column", "value"),
    [
        ('form = "s"', "INT", "1717171200"),
        ('form = "s"', "DOUBLE", "1717171200.25"),
        ('form = "s"', "DECIMAL(13,3)", "1717171200.250"),
        ('form = "ms"', "BIGINT UNSIGNED", "1717171200250"),
        ('form = "datetime", zone = "Asia/Taipei"', "DATETIME(3)", "'2024-06-01 00:00:00.250'"),
        ('form = "datetime"', "DATETIME", "'2024-06-01 00:00:00'"),
        ('form = "datetime", zone = "America/New_York"', "DATETIME(6)", "'2024-05-31 12:00:00.250'"),
        ('form = "timestamp"', "TIMESTAMP(3)", "'2024-05-31 16:00:00.250'"),
    ],
)
def test_every_form_of_clock_names_the_same_instant(
    machine: Machine, database: str, mapped: Mapped, form: str, column: str, value: str
) -> None:
    machine.run(
        [
            f"CREATE TABLE `{database}`.t (at {column} NULL, p DOUBLE, KEY (at))",
            "SET time_zone = '+00:00'",
            f"INSERT INTO `{database}`.t VALUES ({value}, 7.5)",
        ]
    )
    at = instant(2024, 5, 31, 16) + (250 if "25" in value else 0)
    hub = mapped(mapping(form))
    found = hub.columns("meter01", "meter", ["active_power"], WHOLE)
    assert (found.at.tolist(), found.values["active_power"].tolist()) == ([at], [7.5])
    assert hub.latest()["meter01", "meter"].at == at
    # start is in, end is out, to the millisecond
    assert len(hub.columns("meter01", "meter", ["active_power"], Window(at, at + 1)).at) == 1
    assert len(hub.columns("meter01", "meter", ["active_power"], Window(at - 1000, at)).at) == 0
    minute = at // MINUTE * MINUTE
    series = hub.series([("meter01", "meter")], ["active_power"], Window(minute, minute + 2 * MINUTE), resolution=MINUTE)
    assert series["meter01", "meter", "active_power"].last.tolist()[:1] == [7.5]


def quarter_hours(first: datetime, last: datetime) -> str:
    """Wall times each quarter of an hour; the value is how many quarters have passed."""
    steps = int((last - first).total_seconds() // 900)
    return f"SELECT '{first}' + INTERVAL 15 * seq MINUTE, seq FROM seq_0_to_{steps}"


def test_wall_time_in_autumn_is_read_as_the_first_pass(machine: Machine, database: str, mapped: Mapped) -> None:
    machine.run(
        [
            f"USE `{database}`",
            "CREATE TABLE t (at DATETIME PRIMARY KEY, p INT)",
            f"INSERT INTO t {quarter_hours(datetime(2024, 10, 26, 22), datetime(2024, 10, 27, 6))}",
        ]
    )
    hub = mapped(mapping('form = "datetime", zone = "Europe/Berlin"'))
    found = hub.columns("meter01", "meter", ["active_power"], WHOLE)
    # 22:00 CEST is 20:00 UTC; 02:45 is the first pass, 00:45 UTC; 03:00 is CET, 02:00 UTC: the second pass was never written
    assert found.at[0] == instant(2024, 10, 26, 20)
    assert found.at[19] == instant(2024, 10, 27, 0, 45)
    assert found.at[20] == instant(2024, 10, 27, 2)
    window = Window(instant(2024, 10, 27), instant(2024, 10, 27, 4))
    series = hub.series([("meter01", "meter")], ["active_power"], window, resolution=HOUR)["meter01", "meter", "active_power"]
    assert series.n.tolist() == [4, 0, 4, 4]
    assert series.last.tolist()[::2] == [19, 23]


def test_days_of_23_and_25_hours_are_cut_at_the_zones_midnights(machine: Machine, database: str, mapped: Mapped) -> None:
    rows = "SELECT 1711670400 + seq * 900, seq FROM seq_0_to_479"  # 2024-03-29T00:00Z, five days
    autumn = "SELECT 1729900800 + seq * 900, seq FROM seq_0_to_383"  # 2024-10-26T00:00Z, four days
    machine.run([f"USE `{database}`", "CREATE TABLE t (at INT PRIMARY KEY, p INT)", f"INSERT INTO t {rows}", f"INSERT INTO t {autumn}"])
    hub = mapped(mapping('form = "s"'))
    key = ("meter01", "meter", "active_power")
    spring = hub.series(
        [key[:2]], ["active_power"], Window(instant(2024, 3, 29, 23), instant(2024, 4, 1, 22)), resolution=DAY, zone="Europe/Berlin"
    )
    assert np.diff(spring[key].at).tolist() == [24 * HOUR, 23 * HOUR]
    assert spring[key].n.tolist() == [96, 92, 96]
    fall = hub.series(
        [key[:2]], ["active_power"], Window(instant(2024, 10, 25, 22), instant(2024, 10, 28, 23)), resolution=DAY, zone="Europe/Berlin"
    )
    assert fall[key].n.tolist() == [88, 100, 96]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Taipei"])
@pytest.mark.parametrize("resolution", [HOUR, DAY, 7 * DAY])
def test_a_year_of_wall_times_is_bucketed_as_the_reference_does(
    machine: Machine, database: str, mapped: Mapped, zone: str, resolution: int
) -> None:
    start, step = instant(2024, 1, 1), 50 * MINUTE
    moments = [datetime.fromtimestamp((start + n * step) / 1000, ZoneInfo(zone)) for n in range(10600)]
    said = {moment.replace(tzinfo=None): n for n, moment in enumerate(moments) if not moment.fold}
    rows = ", ".join(f"('{wall}', {n % 977})" for wall, n in said.items())
    meter(machine, database, "at DATETIME PRIMARY KEY, p DOUBLE", rows)
    memory = MemoryTelemetry(zone, lambda: 0)
    memory.append([Block("meter", ("active_power",), [("meter01", start + n * step, 0, 0, n % 977) for n in said.values()])])
    hub = mapped(mapping(f'form = "datetime", zone = "{zone}"'))
    window = Window(instant(2024, 2, 3, 7), instant(2024, 12, 3, 9))
    one, other = (
        store.series([("meter01", "meter")], ["active_power"], window, resolution=resolution, zone=zone)["meter01", "meter", "active_power"]
        for store in (hub, memory)
    )
    assert one.at.tolist() == other.at.tolist()
    for name in ("n", "min", "max", "last", "sum", "mean"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name
    assert one.coverage == pytest.approx(other.coverage)
    kept = hub.columns("meter01", "meter", ["active_power"], window)
    assert kept.at.tolist() == [at for n in said.values() if window.start <= (at := start + n * step) < window.end]


def test_texts_and_units_become_the_catalogues_numbers(machine: Machine, database: str, mapped: Mapped) -> None:
    columns = "at INT, p VARCHAR(9), u FLOAT, e BIGINT, w BIT(1), KEY (at)"
    meter(machine, database, columns, "(1717171200,'82.5',NULL,1500,1), (1717171260,'n/a',-2.2,2500,0), (1717171320,' 1e1 ',3.3,NULL,1)")
    metrics = """
    active_power = { column = "p", sign = -1 }
    phase_a_voltage = { column = "u", scale = 100, offset = 1 }
    energy_import = { column = "e", scale = 0.001 }
    power_factor = "w"
    """
    hub = mapped(mapping('form = "s"', metrics))
    found = hub.columns("meter01", "meter", ["active_power", "phase_a_voltage", "energy_import", "power_factor"], WHOLE)
    assert np.array_equal(found.values["active_power"], [-82.5, math.nan, -10], equal_nan=True)
    assert np.allclose(found.values["phase_a_voltage"], [math.nan, -219, 331], equal_nan=True)
    assert np.array_equal(found.values["energy_import"], [1.5, 2.5, math.nan], equal_nan=True)
    assert found.values["power_factor"].tolist() == [1, 0, 1]
    start = 1717171200_000
    series = hub.series([("meter01", "meter")], list(found.values), Window(start, start + HOUR), resolution=HOUR)
    power, voltage, energy = (series["meter01", "meter", name] for name in ("active_power", "phase_a_voltage", "energy_import"))
    assert [power.n[0], power.min[0], power.max[0], power.last[0], power.sum[0]] == [2, -82.5, -10, -10, -92.5]
    assert [voltage.min[0], voltage.max[0], voltage.mean[0]] == pytest.approx([-219, 331, 56])
    assert [energy.n[0], energy.last[0], energy.mean[0]] == [2, 2.5, 2]
    latest = hub.latest()["meter01", "meter"]
    assert (latest.values["energy_import"], latest.times["energy_import"]) == (2.5, start + MINUTE)


def test_a_narrow_table_holds_one_metric_a_row(machine: Machine, database: str, mapped: Mapped, clock: Clock) -> None:
    columns = "unit VARCHAR(8), at BIGINT, name VARCHAR(20), value DOUBLE, PRIMARY KEY (unit, name, at)"
    rows = ", ".join(
        f"('inv{unit}', {1717171200000 + 60000 * minute}, '{name}', {value + minute + 100 * unit})"
        for unit in (1, 2)
        for minute in range(30)
        for name, value in (("P", 10.0), ("mppt1", 1.0), ("mppt2", 2.0))
        if name != "P" or minute % 2
    )
    meter(machine, database, columns, f"{rows}, ('inv1', 1717171200000, 'other', 5)")
    hub = mapped(
        """
        [numbers]
        n = { most = 3 }
        [[table]]
        database = "DB_NAME_ESS"
        table = "t"
        device = "inverter{n:02d}"
        kind = "inverter"
        key = { unit = "inv{n}" }
        time = { column = "at", form = "ms" }
        narrow = { name = "name", value = "value" }
        [table.metrics]
        total_active_power = "P"
        mppt_voltages = { column = "mppt{i}", i = [1, 2] }
        """
    )
    start, key = 1717171200_000, ("inverter02", "inverter")
    assert [device.device_id for device in hub.devices()] == ["inverter01", "inverter02"]  # nobody says there are three
    found = hub.columns(*key, ["total_active_power", "mppt_voltages"], WHOLE)
    assert found.at.tolist() == [start + MINUTE * minute for minute in range(30)]
    assert np.array_equal(found.values["total_active_power"], [210.0 + m if m % 2 else math.nan for m in range(30)], equal_nan=True)
    assert found.values["mppt_voltages"].tolist() == [[201.0 + m, 202.0 + m] for m in range(30)]
    assert hub.columns(*key, ["total_active_power"], WHOLE, limit=2).at.tolist() == [start + MINUTE, start + 3 * MINUTE]
    series = hub.series([key], ["total_active_power"], Window(start, start + 30 * MINUTE), resolution=10 * MINUTE)[
        *key, "total_active_power"
    ]
    assert (series.n.tolist(), series.last.tolist(), series.min.tolist()) == ([5, 5, 5], [219, 229, 239], [211, 221, 231])
    latest = hub.latest([key])[key]
    assert latest.values == {"total_active_power": 239.0, "mppt_voltages": [230.0, 231.0]}
    extent = hub.extent(*key)
    assert extent is not None and extent.rows == {"total_active_power": 15, "mppt_voltages": 30}
    machine.run([f"INSERT INTO `{database}`.t VALUES ('inv2', {start + HOUR}, 'mppt2', 9)"])
    clock.now += 2
    assert hub.latest([key])[key].values == {"total_active_power": 239.0, "mppt_voltages": [None, 9.0]}


def test_metrics_of_one_device_may_lie_in_several_tables(machine: Machine, database: str, mapped: Mapped) -> None:
    machine.run(
        [
            f"CREATE TABLE `{database}`.a (at INT PRIMARY KEY, p DOUBLE)",
            f"CREATE TABLE `{database}`.b (at BIGINT PRIMARY KEY, f DOUBLE)",
            f"INSERT INTO `{database}`.a VALUES (1717171200, 1), (1717171260, 2)",
            f"INSERT INTO `{database}`.b VALUES (1717171200000, 60), (1717171230000, 60.5)",
        ]
    )
    text = "\n".join(
        f'[[table]]\ndatabase = "DB_NAME_ESS"\ntable = "{table}"\ndevice = "{{site}}"\nkind = "site"\n'
        f'time = {{ column = "at", form = "{form}" }}\n[table.metrics]\n{metric}'
        for table, form, metric in (("a", "s", 'active_power = "p"'), ("b", "ms", 'frequency = "f"'))
    )
    hub = mapped(text, site_id="plant")
    found = hub.columns("plant", "site", ["frequency", "active_power"], WHOLE)
    assert found.at.tolist() == [1717171200000, 1717171230000, 1717171260000]
    assert np.array_equal(found.values["active_power"], [1, math.nan, 2], equal_nan=True)
    assert np.array_equal(found.values["frequency"], [60, 60.5, math.nan], equal_nan=True)
    latest = hub.latest()["plant", "site"]
    assert (latest.at, latest.values) == (1717171260000, {"active_power": 2.0, "frequency": 60.5})
    assert latest.times["frequency"] == 1717171230000


def test_of_rows_at_one_instant_the_later_wins_with_what_it_says(machine: Machine, database: str, mapped: Mapped) -> None:
    meter(
        machine,
        database,
        "id INT PRIMARY KEY AUTO_INCREMENT, at INT, p DOUBLE, f DOUBLE, KEY (at)",
        "(1,1717171200,1,60), (2,1717171200,2,NULL), (3,1717171201,5,61)",
    )
    hub = mapped(mapping('form = "s"', 'active_power = "p"\nfrequency = "f"'))
    found = hub.columns("meter01", "meter", ["active_power", "frequency"], WHOLE)
    assert found.at.tolist() == [1717171200000, 1717171201000]
    assert found.values["active_power"].tolist() == [2, 5] and found.values["frequency"].tolist() == [60, 61]


def test_what_the_newest_row_leaves_open_comes_from_the_day_before_it(
    machine: Machine, database: str, mapped: Mapped, clock: Clock
) -> None:
    meter(
        machine,
        database,
        "at INT PRIMARY KEY, p DOUBLE, f DOUBLE, c DOUBLE",
        "(1717000000,NULL,NULL,9), (1717171200,1,60,NULL), (1717171260,2,NULL,NULL)",
    )
    hub = mapped(mapping('form = "s"', 'active_power = "p"\nfrequency = "f"\nphase_a_current = "c"'))
    first = hub.latest()["meter01", "meter"]
    assert (first.values, first.times["frequency"]) == ({"active_power": 2.0, "frequency": 60.0}, 1717171200000)
    machine.run([f"INSERT INTO `{database}`.t VALUES (1717171320,NULL,61,NULL), (1717171380,4,NULL,NULL)"])
    assert hub.latest()["meter01", "meter"].at == first.at  # asked again within the second: not asked at all
    clock.now += 1
    second = hub.latest()["meter01", "meter"]
    assert second.values == {"active_power": 4.0, "frequency": 61.0}


def test_a_count_goes_on_where_it_was(machine: Machine, database: str, mapped: Mapped, clock: Clock) -> None:
    meter(machine, database, "at INT PRIMARY KEY, p DOUBLE", "(1717171200,1), (1717171260,2)")
    hub = mapped(mapping('form = "s"'))
    first = hub.extent("meter01", "meter")
    machine.run([f"INSERT INTO `{database}`.t VALUES (1717171320,3), (1717171380,NULL)"])
    clock.now += 61
    second = hub.extent("meter01", "meter")
    assert first is not None and second is not None
    assert (first.rows, first.last) == ({"active_power": 2}, 1717171260000)
    assert (second.rows, second.first, second.last) == ({"active_power": 3}, 1717171200000, 1717171380000)


def test_texts_are_told_apart_in_any_character_set(machine: Machine, database: str, mapped: Mapped) -> None:
    for number, character_set in enumerate(("latin1", "utf8mb4", "gbk")):
        normal = "?" if character_set == "latin1" else "正常"
        machine.run(
            [
                f"CREATE TABLE `{database}`.t{number} (at INT PRIMARY KEY, mode VARCHAR(16) CHARACTER SET {character_set})",
                f"INSERT INTO `{database}`.t{number} VALUES (1717171200, 'Charging'), (1717171260, '{normal}'), (1717171320, \"it's\")",
            ]
        )
    tables = "".join(
        f"""
        [[table]]
        database = "DB_NAME_ESS"
        table = "t{number}"
        device = "pcs{number}"
        kind = "pcs"
        time = {{ column = "at", form = "s" }}
        [table.metrics]
        mode = {{ column = "mode", codes = {{ Charging = 2, "正常" = 1, "it's" = 5 }} }}
        """
        for number in range(3)
    )
    hub = mapped(tables)
    modes = [hub.columns(f"pcs{number}", "pcs", ["mode"], WHOLE).values["mode"].tolist() for number in range(3)]
    assert modes == [[2, 5], [2, 1, 5], [2, 1, 5]]


def test_threads_that_ask_at_once_get_the_same_answer(machine: Machine, database: str, mapped: Mapped, clock: Clock) -> None:
    meter(machine, database, "at INT PRIMARY KEY, p DOUBLE", "(1717171200,1)")
    hub = mapped(mapping('form = "s"'))
    with ThreadPoolExecutor(16) as pool:
        for _ in range(20):
            clock.now += 2
            found = [answer.result() for answer in [pool.submit(hub.latest) for _ in range(16)]]
            assert all(one["meter01", "meter"].values == {"active_power": 1.0} for one in found)
            windows = [Window(1717171200000 - n, 1717171200001) for n in range(16)]
            asked = [pool.submit(hub.columns, "meter01", "meter", ["active_power"], window) for window in windows]
            assert all(len(one.result().at) == 1 for one in asked)
