"""What a vehicle's readings mean: power, alerts, anomalies, summaries (S4). Arrays in, values out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

FIELDS = ("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")
"""What one S4 sample says besides `vin` and `ts`, in the document's order and under the catalogue's names."""

Instants = np.ndarray[Any, np.dtype[np.int64]]
Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert: `metric` at or beyond `limit` (below it for `strict`, which excludes the limit itself)."""

    code: str
    severity: str
    metric: str
    above: bool
    limit: float
    message: str
    strict: bool = False

    def holds(self, value: float) -> bool:
        """Whether a value [unit of the metric] is beyond the limit."""
        if self.above:
            return value >= self.limit
        return value < self.limit if self.strict else value <= self.limit


RULES: tuple[Rule, ...] = (
    Rule("HIGH_TEMP", "RED", "max_temp", True, 60, "Battery temperature {value:g} °C is at or above {limit:g} °C"),
    Rule("TEMP_WARNING", "YELLOW", "max_temp", True, 50, "Battery temperature {value:g} °C is at or above {limit:g} °C"),
    Rule("LOW_SOC", "RED", "soc", False, 10, "State of charge {value:g} % is at or below {limit:g} %"),
    Rule("SOC_WARNING", "YELLOW", "soc", False, 20, "State of charge {value:g} % is at or below {limit:g} %"),
    Rule("SOH_DEGRADED", "YELLOW", "soh", False, 80, "State of health {value:g} % is below {limit:g} %", strict=True),
)
"""S4's limits, the worse rule of each metric first."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule that holds for one value; `at` [epoch ms] is the instant of the reading."""

    code: str
    severity: str
    message: str
    metric: str
    value: float
    at: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """Extremes of a window; None where nothing was said."""

    samples: int
    soc_min: float | None
    soc_max: float | None
    temp_max: float | None
    temp_min: float | None


def power_kw(voltage: float | None, current: float | None) -> float | None:
    """Electric power [kW] of a pack at `voltage` [V] and `current` [A], 4 decimals; None when either is silent.

    >>> power_kw(315.0, 70.0)
    22.05
    """
    if voltage is None or current is None:
        return None
    return round(voltage * current / 1000, 4)


def alerts(values: Mapping[str, Any], at: int = 0) -> list[Alert]:
    """What deserves attention in one set of values (metric → number or None). Of each metric only the worst rule is listed.

    >>> [a.code for a in alerts({"soc": 18.0, "soh": 92.0, "max_temp": 52.0})]
    ['TEMP_WARNING', 'SOC_WARNING']
    """
    found: dict[str, Alert] = {}
    for rule in RULES:
        value = values.get(rule.metric)
        if value is None or value != value or rule.metric in found or not rule.holds(value):
            continue
        message = rule.message.format(value=value, limit=rule.limit)
        found[rule.metric] = Alert(rule.code, rule.severity, message, rule.metric, float(value), at)
    return list(found.values())


def anomalies(at: Instants, values: Mapping[str, Numbers]) -> list[Alert]:
    """Every reading of a window [n] that breaks a rule, ascending by time; `values` metric → float64 [n], NaN = silent.

    A reading is an anomaly at each sample at which a rule holds; of each metric and sample the worst rule is named.
    """
    metrics = {rule.metric for rule in RULES} & set(values)
    suspect = np.zeros(len(at), dtype=bool)
    for rule in RULES:
        if rule.metric in metrics:
            column = values[rule.metric]
            suspect |= column >= rule.limit if rule.above else (column < rule.limit if rule.strict else column <= rule.limit)
    found: list[Alert] = []
    for i in np.flatnonzero(suspect):
        found.extend(alerts({metric: float(values[metric][i]) for metric in metrics}, int(at[i])))
    return found


def summarise(samples: int, values: Mapping[str, Numbers]) -> Summary:
    """Extremes over a window of `samples` readings; `values` needs `soc`, `max_temp` and `min_temp`, float64 [n], NaN = silent.

    `temp_min` is the lowest `min_temp`, `temp_max` the highest `max_temp`, as S4's worked example has it.
    """
    return Summary(
        samples=samples,
        soc_min=_extreme(np.min, values.get("soc")),
        soc_max=_extreme(np.max, values.get("soc")),
        temp_max=_extreme(np.max, values.get("max_temp")),
        temp_min=_extreme(np.min, values.get("min_temp")),
    )


def _extreme(pick: Any, column: Numbers | None) -> float | None:
    if column is None:
        return None
    spoken = column[~np.isnan(column)]
    return float(pick(spoken)) if len(spoken) else None
