"""What the SolarHub document (S1) counts and calls: the rack table, batteries and words of a rack, words of a PCS."""

from collections.abc import Mapping

RACK_ROWS: tuple[tuple[str, str], ...] = (
    ("Mode", "mode"),
    ("Voltage (V)", "voltage"),
    ("Current (A)", "current"),
    ("Power (kW)", "power"),
    ("SOC (%)", "soc"),
    ("SOH (%)", "soh"),
    ("Cell Max Voltage (V)", "cell_max_voltage"),
    ("Cell Min Voltage (V)", "cell_min_voltage"),
    ("Cell Avg Voltage (V)", "cell_avg_voltage"),
    ("Voltage Diff (V)", "cell_voltage_diff"),
    ("Cell Max Temp (°C)", "cell_max_temp"),
    ("Cell Min Temp (°C)", "cell_min_temp"),
    ("Temp Diff (°C)", "cell_temp_diff"),
)
"""The rows of the rack table (DECISIONS, Interfaces) and the metrics they show."""

MOST_UNITS = 12
"""Units and racks are numbered 1…12, whatever exists."""
BATTERIES = range(1, 22)
"""The batteries (modules) of a rack: `battery_1` … `battery_21`."""
BAMS = range(64, 81)
"""The status words of a rack's BAMS: `bams_64` … `bams_80`."""
BATTERY_WORDS: Mapping[str, str] = {"protection": "battery_protection", "alarm": "battery_alarm", "warning": "battery_warning"}
"""What an alert of a battery is called → the vector with one word per battery."""
PCS_WORDS = (
    "inverter_status",
    "inverter_inhibits1_status",
    "environment_status",
    "warning_status",
    "grid_status",
    "fault_status1",
    "fault_status2",
)
"""The 16-bit words of a PCS."""
TRACKERS, STRINGS = 16, 32
"""MPPT and strings of an inverter."""
