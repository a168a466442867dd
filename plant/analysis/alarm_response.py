"""What may be done about an alarm: what is recommended, and the command that takes power off a battery.

Words of recommendation are those of S2's alert (`reduce_charge_rate`), and for the other direction built like it. Warm and full cells are
relieved by less charging current, cold ones too (lithium plates out below 0 °C); empty ones by less discharging current.
"""

from collections.abc import Mapping
from typing import Any

from plant.analysis.alarms import BRANCH_SILENT, SILENT
from plant.model import Alarm, Kind

CHARGE_LESS, DISCHARGE_LESS, POWER_LESS = "reduce_charge_rate", "reduce_discharge_rate", "reduce_power"
BATTERIES = (Kind.BESS, Kind.RACK, Kind.PACK)
"""Kinds whose power a command can reduce."""
USUAL_REDUCTION = 50.0
"""What S2's alert offers [%]."""

_CATEGORIES = (
    ("temp", "temperature"),
    ("voltage", "voltage"),
    ("current", "current"),
    ("soc", "state_of_charge"),
    ("soh", "state_of_health"),
    ("frequency", "grid"),
    ("silent", "communication"),
)
_BY_CATEGORY: Mapping[tuple[str, int], str] = {
    ("temperature", 1): CHARGE_LESS,
    ("temperature", -1): CHARGE_LESS,
    ("voltage", 1): CHARGE_LESS,
    ("voltage", -1): DISCHARGE_LESS,
    ("state_of_charge", 1): CHARGE_LESS,
    ("state_of_charge", -1): DISCHARGE_LESS,
    ("current", 1): POWER_LESS,
    ("current", -1): POWER_LESS,
}


def category(alarm: Alarm) -> str:
    """What kind of thing it is about.

    >>> category(Alarm("b1", "pack", "HIGH_TEMP", "alarm", "", 0, metric="cell_max_temp"))
    'temperature'
    """
    told = f"{alarm.metric} {alarm.code}".lower()
    return next((name for part, name in _CATEGORIES if part in told), "device")


def side(alarm: Alarm) -> int:
    """+1 when something is too high, -1 when too low, 0 when neither the figures nor the code tell.

    >>> [side(Alarm("b1", "pack", code, "alarm", "", 0)) for code in ("CELL_MIN_TEMP_LOW", "high_temp_warning", "DEVICE_SILENT")]
    [-1, 1, 0]
    """
    if alarm.value is not None and alarm.limit is not None and alarm.value != alarm.limit:
        return 1 if alarm.value > alarm.limit else -1
    words = alarm.code.lower().replace(":", "_").split("_")
    return ("high" in words or "over" in words) - ("low" in words or "under" in words)


def recommended(alarm: Alarm) -> str | None:
    """What an operator should do; None where the alarm alone does not say.

    >>> recommended(Alarm("b1", "pack", "HIGH_TEMP", "alarm", "", 0, metric="cell_max_temp", value=57.2, limit=55.0))
    'reduce_charge_rate'
    """
    if alarm.code in (SILENT, BRANCH_SILENT):
        return "check_communication"
    return _BY_CATEGORY.get((category(alarm), side(alarm))) if alarm.kind in BATTERIES else None


def is_reducible(alarm: Alarm) -> bool:
    """Whether less power is an answer to this alarm: it stands, and current through a battery is what drives it."""
    return alarm.cleared is None and alarm.kind in BATTERIES and category(alarm) in ("temperature", "voltage", "current")


def reduced(power: float, percent: float) -> tuple[str, dict[str, Any]]:
    """The command type and parameters by which a battery that runs at `power` [kW, discharge positive] runs at `percent` % (0…100] less.
    The running operation gets a new `target_power` [W]; a hundred percent end it. Such commands are never refused for the very state
    that the alarm is about, as a new start would be.

    >>> reduced(-10.0, 50.0), reduced(4.0, 100.0)
    (('update_parameters', {'target_power': 5000.0}), ('stop_discharge', {}))
    """
    if percent >= 100.0:
        return ("stop_charge" if power < 0 else "stop_discharge"), {}
    return "update_parameters", {"target_power": float(f"{abs(power) * 1000.0 * (1.0 - percent / 100.0):.12g}")}
