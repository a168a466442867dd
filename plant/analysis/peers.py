"""What no limit shows: one of several alike that differs from the others. A rack from its unit's racks, a string from its inverter's.

The thresholds are engineering estimates: 3 points of charge are six times what the racks of a sound unit differ by in the demo plant and
what a rack counter drifts in about ten days without a full charge; an open string carries nothing, a shaded one still a part.
"""

from collections.abc import Sequence
from statistics import median

from plant.analysis.alarms import Condition, Limit

CHARGE = Limit("soc", "SOC_DEVIATES", "warning", 1, 3.0, 2.0)
"""Distance [percentage points] of a rack's state of charge from the middle of its unit's racks."""
LEAST_PEERS = 3
STRINGS = "string_currents"
DAYLIGHT, OPEN = 1.5, 0.1
"""Median string current [A] from which strings are compared, and the share of it below which one counts as open."""


def middle(values: Sequence[float]) -> float | None:
    """The median of what the peers say; None for fewer than three, of which none can be called the odd one out.

    >>> middle([50.0, 50.4, 44.9]), middle([50.0, 44.9])
    (50.0, None)
    """
    return median(values) if len(values) >= LEAST_PEERS else None


def charge_condition(value: float, among: float, who: str) -> Condition:
    """The sentence for a rack whose state of charge left that of its neighbours; value in percentage points."""
    distance = value - among
    side = "below" if distance < 0 else "above"
    message = (
        f"{who}: state of charge is {value:.1f} %, {abs(distance):.1f} points {side} the middle of its unit's racks; "
        f"the limit is {CHARGE.threshold:.1f} points."
    )
    return Condition(CHARGE.code, CHARGE.severity, message, CHARGE.metric, round(abs(distance), 2), CHARGE.threshold)


def string_conditions(currents: Sequence[float | None], who: str) -> list[Condition] | None:
    """One condition per string without current while the others carry some, strings counting from 1; None while it is too dark to tell.

    >>> [found.message for found in string_conditions([8.0, 0.0, 8.2], "Inverter 2")]
    ['Inverter 2: string 2 carries 0.0 A while the middle of the strings is 8.0 A; it may be open.']
    """
    spoken = [amps for amps in currents if amps is not None and amps == amps]
    usual = middle(spoken)
    if usual is None or usual < DAYLIGHT:
        return None
    return [
        Condition(
            f"STRING_{number}_OPEN", "warning",
            f"{who}: string {number} carries {amps:.1f} A while the middle of the strings is {usual:.1f} A; it may be open.",
            STRINGS, float(amps), round(OPEN * usual, 2),
        )
        for number, amps in enumerate(currents, 1)
        if amps is not None and amps < OPEN * usual
    ]  # fmt: skip
