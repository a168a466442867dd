# ruff: noqa: E501 (a table reads better in one line a row)
"""Measured files, not ours and without labels, as the detectors take them."""

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from plant.analysis.anomaly.examine import Group, examine, examine_parts
from plant.analysis.anomaly.finding import Finding, Instants, Numbers
from plant.analysis.anomaly.rules import ordered
from plant.metrics import CATALOGUE

COLUMNS: Mapping[str, tuple[str, str, str, Mapping[str, tuple[str, float]]]] = {
    "leafspy_2020_leaf.csv": (
        "vehicle", "Date/Time", "%m/%d/%Y %H:%M:%S",
        {"soc": ("SOC", 1e-4), "pack_voltage": ("Pack Volts", 1.0), "pack_current": ("Pack Amps", 1.0), "cell_avg_voltage": ("Avg CP mV", 1e-3),
         "soh": ("SOH", 1.0), "aux_battery_voltage": ("12v Bat Volts", 1.0)},
    ),
    "nrel_RSF_II.csv": (
        "inverter", "", "%m/%d/%Y %H:%M",
        {"total_active_power": ("inv2_ac_power_w__1047", 1e-3), "dc_voltage": ("inv2_dc_voltage__1049", 1.0),
         "ambient_temp": ("ambient_temp__1053", 1.0), "module_temp": ("module_temp__1056", 1.0), "poa_irradiance": ("poa_irradiance__1055", 1.0),
         "refcell_temp": ("refcell_temp__1052", 1.0), "wind_speed": ("wind_speed__1051", 1.0), "internal_temperature": ("inv2_temp__1050", 1.0)},
    ),
    "serf_west_15min.csv": (
        "inverter", "", "%Y-%m-%d %H:%M:%S",
        {"total_active_power": ("ac_power__773", 1e-3), "ambient_temp": ("ambient_temp__780", 1.0), "poa_irradiance": ("poa_irradiance__771", 1.0),
         "module_temp": ("module_temp_1__781", 1.0), "internal_temperature": ("inveter_temp__784", 1.0)},
    ),
    "serf_east_1min_ac_power.csv": ("inverter", "measured_on", "", {"total_active_power": ("ac_power__752", 1e-3)}),
    "irradiance_RMIS_NREL.csv": (
        "weather", "measured_on", "%m/%d/%Y %H:%M",
        {"poa_irradiance": ("irradiance_poa__7984", 1.0), "ghi": ("irradiance_ghi__7981", 1.0)},
    ),
    "powerwall_home_daily.csv": (
        "home", "Date time", "", {"home_energy": ("Home (kWh)", 1.0), "solar_energy": ("Solar Energy (kWh)", 1.0), "grid_import_energy": ("From Grid (kWh)", 1.0)},
    ),
}  # fmt: skip
"""File → kind of device, column of the time and its form ("" = ISO), metric → (column, factor)."""
CELLS = 96


def files(folder: Path) -> Iterator[tuple[str, int, list[Finding]]]:
    """Each file that is there: its name, how many readings, and what is found."""
    for name, (kind, when, form, columns) in COLUMNS.items():
        path = folder / name
        if not path.is_file():
            continue
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = list(csv.DictReader(lines))
        heard = np.array([instant(row[when], form) for row in rows], np.int64)
        table: dict[str, Numbers] = {}
        at: Instants = heard
        for metric, (column, factor) in columns.items():
            at, values = ordered(heard, np.array([number(row.get(column)) * factor for row in rows]))
            table[metric] = np.round(values, CATALOGUE[metric].decimals + 2)[:, None]
        interval = float(np.median(np.diff(at))) / 1000.0
        found = examine(Group(kind, (name.partition(".")[0],), at, table, interval, int(at[at.size // 3]), gap_least_s=5 * interval))
        if name.startswith("leafspy"):
            # a negative value means that the cell is being balanced
            cells = np.array([[abs(number(row.get(f"CP{k}"))) / 1000.0 for k in range(1, CELLS + 1)] for row in rows])
            order = np.argsort(heard, kind="stable")
            found += examine_parts("leafspy", kind, "cell_voltages", heard[order], cells[order], int(at[at.size // 3]), block=15)
        yield name, at.size, found


def instant(text: str, form: str) -> int:
    told = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
    return int((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp() * 1000)


def number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")
