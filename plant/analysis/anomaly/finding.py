"""What a detector says: where, what, from when to when, how bad, and the numbers its reason is told with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant.model import HOUR

Numbers = NDArray[np.float64]
Instants = NDArray[np.int64]
Mask = NDArray[np.bool_]

REASONS = (
    "range", "rate", "stuck", "gap", "unit_kilo", "unit_milli", "unit_fahrenheit", "unit_kelvin", "unit_sign",
    "clock_jump", "clock_frozen", "clock_drift", "peers", "change", "joint",
)  # fmt: skip
"""Why something is a finding: the last part of a word key, and the rule that found it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`start` and `end` are epoch ms, `end` exclusive and None while it goes on. `part` counts cells or strings from 1. `evidence` are
    numbers by name, in the metric's unit unless the name says otherwise; all finite, so that they can be kept as JSON."""

    device: str
    kind: str
    metric: str
    reason: str
    severity: str
    start: int
    end: int | None
    evidence: Mapping[str, float] = field(default_factory=dict)
    part: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The form it is kept in."""
        told = {name: float(value) for name, value in self.evidence.items() if np.isfinite(value)}
        return {
            "device": self.device, "kind": self.kind, "metric": self.metric, "reason": self.reason, "severity": self.severity,
            "start": self.start, "end": self.end, "evidence": told, "part": self.part,
        }  # fmt: skip


def spans(flags: Mask, join: int = 1) -> list[tuple[int, int]]:
    """First and one past the last place of each run of True; runs with fewer than `join` places between are one.

    >>> spans(np.array([False, True, True, False, True]), 2), spans(np.array([True, False, True]))
    ([(1, 5)], [(0, 1), (2, 3)])
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], np.asarray(flags, bool), [False])).astype(np.int8)))
    found: list[tuple[int, int]] = []
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if found and first - found[-1][1] < join:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def ends(at: Instants, last: int) -> int | None:
    """When a span that ends before place `last` was over; None when it reaches the last reading."""
    return int(at[last]) if last < at.size else None


LEADS: Mapping[str, str] = {
    "power": "current",
    "cell_max_voltage": "cell_avg_voltage",
    "cell_min_voltage": "cell_avg_voltage",
    "cell_avg_temp": "cell_max_temp",
    "cell_min_temp": "cell_max_temp",
}
"""Quantity → the one it goes with: where both left the siblings, the latter says it."""


def without_echoes(findings: Iterable[Finding]) -> list[Finding]:
    """Those that say something new: what a rule explains is not said again by a comparison, what a comparison shows not again by a model
    of all quantities together, for the same device and time."""
    order = {reason: place for place, reason in enumerate(REASONS)}
    kept: list[Finding] = []
    for one in sorted(findings, key=lambda found: (order[found.reason], found.start)):
        if not any(_echoes(one, other) for other in kept):
            kept.append(one)
    leading = [one for one in kept if not any(_follows(one, other) for other in kept)]
    return sorted(leading, key=lambda found: found.start)


def _echoes(one: Finding, other: Finding) -> bool:
    if one.device != other.device or one.reason == other.reason:
        return False
    overlap = (other.end is None or one.start < other.end) and (one.end is None or other.start < one.end)
    same = one.metric == other.metric and one.part == other.part
    return overlap and (same or one.reason == "joint")


def _follows(one: Finding, other: Finding) -> bool:
    """Whether one left its siblings with the quantity it goes with, of the same device and at the same time."""
    both = one.reason == other.reason == "peers" and one.device == other.device and LEADS.get(one.metric) == other.metric
    return both and (other.end is None or one.start < other.end) and (one.end is None or other.start < one.end)


WITHIN = 12 * HOUR
"""A fault that shows under load only comes and goes with it: it is one."""


def together(findings: Iterable[Finding], within: int = WITHIN) -> list[Finding]:
    """Those of the same device, quantity, part and reason with less than `within` [ms] between them as one: with the numbers of the one
    furthest beyond its limit, the worst severity, and how many they were as `times`."""
    groups: dict[tuple[str, str, int | None, str], list[Finding]] = {}
    for one in sorted(findings, key=lambda found: found.start):
        mine = groups.setdefault((one.device, one.metric, one.part, one.reason), [])
        if mine and (mine[-1].end is None or one.start - mine[-1].end < within):
            mine[-1] = _joined(mine[-1], one)
        else:
            mine.append(replace(one, evidence={**one.evidence, "times": one.evidence.get("times", 1.0)}))
    return sorted((one for mine in groups.values() for one in mine), key=lambda found: found.start)


def _joined(one: Finding, other: Finding) -> Finding:
    worst = max(one, other, key=lambda found: abs(found.evidence.get("distance", found.evidence.get("seconds", 0.0))))
    end = None if one.end is None or other.end is None else max(one.end, other.end)
    severity = "warning" if "warning" in (one.severity, other.severity) else one.severity
    times = one.evidence.get("times", 1.0) + other.evidence.get("times", 1.0)
    return replace(one, end=end, severity=severity, evidence={**worst.evidence, "times": times})
