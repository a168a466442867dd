"""A SolarHub installation as its document describes it, as plain SQL. Written from the document, not from the reader: what the
document names has that name here, the rest is as the shipped mapping says it is.

Two BESS of 12 racks, two PCS, two inverters, one meter and the auxiliary one, frequency and power, awards: two hours by the minute from
2024-06-01 00:00 of Taipei, without the minutes 40…49. `seq` is the minute.
"""

from collections.abc import Iterator, Mapping

START = "2024-06-01 00:00:00"
START_UTC = 1717171200000
"""2024-05-31T16:00:00Z [epoch ms], which is START in Taipei (UTC+8)."""
MINUTES = 120
GAP = range(40, 50)

MINUTE_ROWS = f"FROM seq_0_to_{MINUTES - 1} WHERE seq NOT BETWEEN {GAP[0]} AND {GAP[-1]}"
TIME = f"'{START}' + INTERVAL seq MINUTE"

RACK = {
    "mode": ("VARCHAR(16)", "ELT(1 + seq MOD 3, 'Standby', 'Charging', 'Discharging')"),
    "voltage": ("DOUBLE", "800 + {rack} + seq * 0.5"),
    "current": ("FLOAT", "IF(seq MOD 10 = 7, NULL, -1.1 * (seq MOD 5))"),
    "power": ("DOUBLE", "ROUND(SIN(seq) * 100, 3)"),
    "soc": ("DECIMAL(5,2)", "80 - seq * 0.25"),
    "soh": ("DECIMAL(5,2)", "97.5"),
    "cell_max_voltage": ("DOUBLE", "3.4 + seq * 0.0001"),
    "cell_min_voltage": ("DOUBLE", "3.3 - seq * 0.0001"),
    "cell_avg_voltage": ("DOUBLE", "3.35"),
    "cell_voltage_diff": ("DOUBLE", "0.1 + seq * 0.0002"),
    "cell_max_temp": ("DOUBLE", "30 + seq MOD 4"),
    "cell_min_temp": ("DOUBLE", "25"),
    "cell_temp_diff": ("DOUBLE", "5 + seq MOD 4"),
}
BESS = {name: RACK[name] for name in ("mode", "power", "soc", "soh")} | {
    "voltage": ("DOUBLE", "800 + {bess}"),
    "current": ("DOUBLE", "seq MOD 9"),
}
WORDS = (
    "inverter_status", "inverter_inhibits1_status", "environment_status", "warning_status", "grid_status", "fault_status1", "fault_status2",
)  # fmt: skip
PCS = {
    "mode": ("VARCHAR(16)", "'Discharging'"),
    **{
        name: ("DOUBLE", f"{place} + seq * 0.1 + {{pcs}}")
        for place, name in enumerate(
            (
                "active_power", "reactive_power", "apparent_power", "dc_current", "dc_voltage", "dc_power", "phase_a_current",
                "phase_b_current", "phase_c_current", "line_ab_voltage", "line_bc_voltage", "line_ca_voltage", "temp_environment",
                "temp_ambient", "temp_igbt",
            ),
            1,
        )
    },
    "power_factor": ("DOUBLE", "0.98"),
    "frequency": ("DOUBLE", "60 + (seq MOD 5) * 0.01"),
    **{name: ("CHAR(16)", "LPAD(BIN(seq MOD 16), 16, '0')") for name in WORDS},
}  # fmt: skip
INVERTER = {
    name: ("DOUBLE", f"{value} + seq + {{inverter}}")
    for name, value in {
        "nominal_active_power": 500.0, "total_active_power": 425.5, "total_apparent_power": 432.1, "total_reactive_power": 45.2,
        "daily_power_yields": 2850.5, "total_power_yields": 125000.0, "internal_temperature": 45.2, "bus_voltage": 650.5, "dc_power": 430.2,
        "phase_a_voltage": 220.5, "phase_b_voltage": 219.8, "phase_c_voltage": 220.2, "phase_a_current": 125.5, "phase_b_current": 125.5,
        "phase_c_current": 125.5,
    }.items()
}  # fmt: skip
INVERTER |= {f"mppt_{i}_voltage": ("DOUBLE", f"580.5 - {i} + seq") for i in range(1, 17)}
INVERTER |= {f"mppt_{i}_current": ("DOUBLE", f"12.5 - {i} * 0.1") for i in range(1, 17)}
INVERTER |= {f"string_{i}_current": ("DOUBLE", f"6.25 - {i} * 0.1") for i in range(1, 33)}
METER = {
    name: ("DOUBLE", f"{value} + seq * 0.01")
    for name, value in {
        "phase_a_current": 125.5, "phase_b_current": 124.8, "phase_c_current": 126.2, "phase_a_voltage": 220.1, "phase_b_voltage": 219.8,
        "phase_c_voltage": 220.5, "active_power": 82.5, "reactive_power": 12.3, "apparent_power": 83.4, "frequency": 60.01,
        "power_factor": 0.98,
    }.items()
}  # fmt: skip
CELLS = {f"battery_{m}_cell_{c}_v": ("SMALLINT UNSIGNED", f"3300 + {m} * 10 + {c} + seq MOD 7") for m in range(1, 22) for c in range(1, 13)}
CELLS |= {f"battery_{m}_temp_{t}": ("SMALLINT", f"250 + {m} + {t}") for m in range(1, 22) for t in range(1, 5)}
ALERTS = {f"battery_{m}_{word}": ("SMALLINT", f"IF({m} = 3, 4, 0)") for m in range(1, 22) for word in ("protection", "alarm", "warning")}
ALERTS |= {f"bams_{k}_status": ("SMALLINT", f"{k} - 64") for k in range(64, 81)}

Columns = Mapping[str, tuple[str, str]]

EVENTS = """
INSERT INTO {schedule}.schedule VALUES
  (1, 'dreg', 15, '2024-06-01 14:00:00', '2024-06-01 15:00:00', '2024-06-01', 1, 0, 5.0, 4.5, 850.0, 900.0, 'QC001', 'D-Reg Dispatch', 'Frequency regulation'),
  (2, 'edreg', 16, '2024-06-01 15:00:00', '2024-06-01 16:00:00', '2024-06-01', 1, 1, 5.0, 5.0, 0.0, 0.0, 'QC002', 'E-dReg', NULL),
  (3, 'step', 17, '2024-06-01 16:00:00', '2024-06-01 17:00:00', '2024-06-01', 0, 0, 2.5, 2.5, 10.0, 12.5, NULL, NULL, NULL),
  (4, 'dreg', 18, NULL, NULL, '2024-06-01', 1, 0, 5.0, 4.5, 850.0, 900.0, 'QC004', 'no hours', NULL)
"""  # noqa: E501


def databases(prefix: str) -> dict[str, str]:
    """The document's 18 settings → names that no other test has."""
    names = {"ESS": "ess", "SCHEDULE": "schedule", "METER": "Meter", "PCS": "PCS", "INVERTER": "Inverter", "BASELINE": "BaseLine"}
    names |= {f"BESS{n}": f"BESS{n}" for n in range(1, 13)}
    return {f"DB_NAME_{setting}": f"{prefix}_{name}" for setting, name in names.items()}


def statements(names: Mapping[str, str]) -> Iterator[str]:
    """The SQL that makes and fills the databases of the main server."""
    quoted = {setting: f"`{name}`" for setting, name in names.items()}
    for name in quoted.values():
        yield f"CREATE DATABASE {name}"
    yield f"USE {quoted['DB_NAME_ESS']}"  # tables of numbers such as seq_0_to_9 want to be asked from somewhere
    for bess in (1, 2):
        database = quoted[f"DB_NAME_BESS{bess}"]
        yield from wide(f"{database}.bess", BESS, bess=bess)
        for rack in range(1, 13):
            yield from wide(f"{database}.rack{rack:02d}", RACK | CELLS, bess=bess, rack=rack)
    yield f"UPDATE {quoted['DB_NAME_BESS1']}.rack02 SET battery_3_cell_4_v = NULL"
    ess = quoted["DB_NAME_ESS"]
    keys = {"bess_number": "INT", "rack_number": "VARCHAR(8)"}
    yield create(f"{ess}.rack_alert", ALERTS, keys)
    for bess in (1, 2):
        for rack in range(1, 13):
            yield insert(f"{ess}.rack_alert", ALERTS, {"bess_number": f"{bess}", "rack_number": f"'rack{rack:02d}'"})
    for setting, table, columns, key in (("PCS", "pcs", PCS, "pcs"), ("INVERTER", "inverter", INVERTER, "inverter")):
        name = f"{quoted[f'DB_NAME_{setting}']}.{table}"
        yield create(name, columns, {f"{key}_number": "INT"})
        for number in (1, 2):
            yield insert(name, columns, {f"{key}_number": f"{number}"}, **{key: number})
    meter = quoted["DB_NAME_METER"]
    yield create(f"{meter}.meter", METER, {"meter_id": "INT"})
    yield insert(f"{meter}.meter", METER, {"meter_id": "1"})
    yield from wide(f"{meter}.aux", {"power": ("DOUBLE", "52.1 + seq"), "total_energy": ("DOUBLE", "1250.5 + seq * 2")})
    line = quoted["DB_NAME_BASELINE"]
    yield f"CREATE TABLE {line}.freq_power (time BIGINT PRIMARY KEY, frequency DOUBLE, power DOUBLE)"
    yield f"INSERT INTO {line}.freq_power SELECT {START_UTC} + seq * 60000, 60 + (seq MOD 7) * 0.01, 125.5 + seq {MINUTE_ROWS}"
    schedule = quoted["DB_NAME_SCHEDULE"]
    yield (
        f"CREATE TABLE {schedule}.schedule (`index` INT PRIMARY KEY, mode VARCHAR(16), time_number INT, time_start DATETIME,"
        " time_end DATETIME, time_date DATE, is_get TINYINT(1), interrupt TINYINT(1), quote_capacity DOUBLE, power DOUBLE, price DOUBLE,"
        " quote_price DOUBLE, quote_code VARCHAR(32), title VARCHAR(64), description TEXT)"
    )
    yield EVENTS.format(schedule=schedule)


def gtr_statements(names: Mapping[str, str]) -> Iterator[str]:
    """The SQL of the second server."""
    line = f"`{names['DB_NAME_BASELINE']}`"
    yield f"CREATE DATABASE {line}"
    yield f"USE {line}"
    yield f"CREATE TABLE {line}.`signal` (time INT PRIMARY KEY, target_power DOUBLE)"
    yield f"INSERT INTO {line}.`signal` SELECT {START_UTC // 1000} + seq * 60, 1000 - seq {MINUTE_ROWS}"


def wide(table: str, columns: Columns, **numbers: int) -> Iterator[str]:
    """A table of one device, filled."""
    yield create(table, columns)
    yield insert(table, columns, **numbers)


def create(table: str, columns: Columns, keys: Mapping[str, str] | None = None) -> str:
    """The table, indexed by its keys and time."""
    keys = keys or {}
    heads = [*(f"`{name}` {kind} NOT NULL" for name, kind in keys.items()), "time DATETIME NOT NULL"]
    fields = [f"`{name}` {kind}" for name, (kind, _) in columns.items()]
    index = ", ".join([*(f"`{name}`" for name in keys), "time"])
    return f"CREATE TABLE {table} ({', '.join(heads + fields)}, PRIMARY KEY ({index}))"


def insert(table: str, columns: Columns, keys: Mapping[str, str] | None = None, **numbers: int) -> str:
    """Two hours of rows."""
    values = [text.format(**numbers) if "{" in text else text for _, text in columns.values()]
    return f"INSERT INTO {table} SELECT {', '.join([*(keys or {}).values(), TIME, *values])} {MINUTE_ROWS}"
