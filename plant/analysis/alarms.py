"""When does a value ask for attention? Limits as data, and how a condition comes and goes: on-delay, off-delay, dead band.

The catalogue's `normal` range makes warnings, its `alarm` range alarms (the foxBMS MOL/RSL/MSL ladder: warning, alarm, protection).
Delays and dead band are the ISA-18.2 / IEC 62682 cure for chattering alarms; the figures are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from plant.analysis import vehicle
from plant.metrics import CATALOGUE, MODES, Metric, metrics_of
from plant.model import SECOND, Kind

SEVERITIES: Mapping[str, int] = {"info": 0, "warning": 1, "alarm": 2, "protection": 3}
"""Severity → rank."""

ON_DELAY, OFF_DELAY = 10 * SECOND, 10 * SECOND
DEAD_BAND = 0.02
SILENT_INTERVALS, SILENT_LEAST = 10, 60 * SECOND
SILENT, BRANCH_SILENT = "DEVICE_SILENT", "BRANCH_SILENT"
MAINTENANCE = next(code for code, text in MODES.items() if text == "Maintenance")

_FREQUENCY_AT = Kind.SITE  # every device measures the same grid: one event is one alarm, at the connection point
_LFP_ONLY = frozenset({"cell_max_voltage", "cell_min_voltage"})  # the catalogue's limits are those of LFP cells


@dataclass(frozen=True, slots=True)
class Limit:
    """One threshold of one metric. `side` is +1 when values above it are bad, -1 when values below are; `clear` is where it is over
    again (the dead band lies between); `inclusive` counts the threshold itself as bad."""

    metric: str
    code: str
    severity: str
    side: int
    threshold: float
    clear: float
    inclusive: bool = False

    def __hash__(self) -> int:
        """Of the code alone, which Python remembers: limits are looked up many thousand times a second."""
        return hash(self.code)

    def wanted(self, value: float) -> bool | None:
        """True = violated, False = over, None = inside the dead band: stay as it is."""
        distance = self.side * (value - self.threshold)
        if distance > 0 or (self.inclusive and distance == 0):
            return True
        return None if self.side * (value - self.clear) > 0 else False


@dataclass(frozen=True, slots=True)
class Watched:
    """A metric with its limits on one side, worst first; `low` … `high` is where none of the limits has anything to say."""

    metric: str
    side: int
    limits: tuple[Limit, ...]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Timer:
    """How a condition stands: `active`, and since when [epoch ms] its opposite has been wanted."""

    active: bool = False
    since: int | None = None


IDLE = Timer()


def advance(timer: Timer, wanted: bool | None, now: int, on_delay: int = ON_DELAY, off_delay: int = OFF_DELAY) -> Timer:
    """The timer at `now` [epoch ms]: a condition becomes active after it was wanted for `on_delay` without a break, and ends after
    `off_delay`. `wanted` None (dead band, no value) stops the clock and changes nothing.

    >>> t = advance(Timer(), True, 0); advance(t, True, 9_999).active, advance(t, True, 10_000).active
    (False, True)
    """
    if wanted is None or wanted == timer.active:
        return timer if timer.since is None else Timer(timer.active)
    since = now if timer.since is None else timer.since
    if now - since >= (on_delay if wanted else off_delay):
        return Timer(wanted)
    return timer if timer.since is not None else Timer(timer.active, since)


def dead_band(metric: Metric) -> float:
    """2 % of the metric's normal range, in its unit; of the largest limit where the range is open on one side.

    >>> round(dead_band(CATALOGUE["frequency"]), 4), round(dead_band(CATALOGUE["cell_max_temp"]), 4)
    (0.01, 1.1)
    """
    low, high = metric.normal
    if low is not None and high is not None:
        return DEAD_BAND * (high - low)
    return DEAD_BAND * max((abs(limit) for limit in (*metric.normal, *metric.alarm) if limit is not None), default=0.0)


_LADDER = {"RED": "alarm", "YELLOW": "warning"}
"""S4's severities on our ladder."""


@cache
def watched(kind: str, lfp: bool = True) -> tuple[Watched, ...]:
    """What is watched on devices of this kind; without `lfp` the limits that hold for LFP cells only are left out."""
    if kind == Kind.VEHICLE:
        # S4's alerts replace the catalogue's limits: a car's cells may be of any chemistry
        limits = [_vehicle_limit(rule) for rule in vehicle.RULES]
    else:
        limits = [limit for metric in metrics_of(kind) if _judged(metric.name, kind, lfp) for limit in _limits(metric)]
    sides = dict.fromkeys((limit.metric, limit.side) for limit in limits)
    return tuple(_watched([limit for limit in limits if (limit.metric, limit.side) == side]) for side in sides)


def _vehicle_limit(rule: vehicle.Rule) -> Limit:
    side = 1 if rule.above else -1
    clear = rule.limit - side * dead_band(CATALOGUE[rule.metric])
    return Limit(rule.metric, rule.code, _LADDER[rule.severity], side, rule.limit, clear, not rule.strict)


def _judged(name: str, kind: str, lfp: bool) -> bool:
    return (name != "frequency" or kind == _FREQUENCY_AT) and (lfp or name not in _LFP_ONLY)


def _limits(metric: Metric) -> list[Limit]:
    band = dead_band(metric)
    found = []
    for severity, (low, high) in (("alarm", metric.alarm), ("warning", metric.normal)):
        for side, threshold in ((-1, low), (+1, high)):
            if threshold is not None:
                code = f"{metric.name.upper()}_{'HIGH' if side > 0 else 'LOW'}"
                found.append(Limit(metric.name, code, severity, side, threshold, threshold - side * band))
    return found


def _watched(limits: list[Limit]) -> Watched:
    worst_first = tuple(sorted(limits, key=lambda limit: -SEVERITIES[limit.severity]))
    side = limits[0].side
    calm = min(limit.threshold for limit in limits) if side > 0 else max(limit.threshold for limit in limits)
    # an inclusive threshold is bad itself; leaving it out of the calm range for all costs nothing
    return Watched(limits[0].metric, side, worst_first, *((float("-inf"), calm) if side > 0 else (calm, float("inf"))))


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is true of a device now and asks for attention."""

    code: str
    severity: str
    message: str
    metric: str = ""
    value: float | None = None
    limit: float | None = None


def limit_condition(limit: Limit, value: float, who: str) -> Condition:
    """The sentence for a violated limit."""
    metric = CATALOGUE[limit.metric]
    verb = "above" if limit.side > 0 else "below"
    if value == limit.threshold:
        verb = "at"
    bound = _number(limit.threshold, metric)
    message = f"{who}: {_lower(metric.en)} is {_number(value, metric)}, {verb} the {limit.severity} limit of {bound}."
    return Condition(limit.code, limit.severity, message, limit.metric, value, limit.threshold)


def silence_limit(interval_s: float) -> int:
    """After how many milliseconds without a reading a device counts as silent: ten of its intervals, at least 60 s."""
    return max(round(SILENT_INTERVALS * interval_s * SECOND), SILENT_LEAST)


def silence_condition(who: str, age_ms: int, limit_ms: int) -> Condition:
    """The sentence for a device that stopped sending; value and limit in seconds."""
    message = f"{who}: no reading for {age_ms // SECOND} s; one is expected at least every {limit_ms // SECOND} s."
    return Condition(SILENT, "warning", message, "", age_ms / SECOND, limit_ms / SECOND)


def branch_condition(who: str, count: int, age_s: int) -> Condition:
    """The sentence for a device that is heard while none of the `count` devices below it is; value in seconds."""
    message = f"{who}: none of its {count} devices has been heard for {age_s} s; their gateway or its line may be down."
    return Condition(BRANCH_SILENT, "warning", message, "", float(age_s))


MODULE_WORDS: Mapping[str, str] = {"battery_protection": "protection", "battery_alarm": "alarm", "battery_warning": "warning"}
"""Vector metrics with one word per battery module (S1 `battery_1…21_…`) → severity when a word is not zero."""

STATUS_WORDS: Mapping[str, str] = {"fault_status1": "alarm", "fault_status2": "alarm", "warning_status": "warning"}
"""Words of a PCS that are zero when all is well → severity."""


def module_conditions(metric: str, words: Sequence[float | None], who: str, meanings: Sequence[str] = ()) -> list[Condition]:
    """One condition per module whose word is not zero; modules count from 1. Silent elements (None, NaN) say nothing. `meanings` are
    what the maker says each bit means, lowest first."""
    severity = MODULE_WORDS[metric]
    article = "an" if severity[0] in "aeiou" else "a"
    return [
        Condition(f"BATTERY_{number}_{severity.upper()}", severity,
                  f"{who}: battery {number} reports {article} {severity}: {_bits(int(word), meanings)}.", metric, float(word), 0.0)
        for number, word in enumerate(words, 1)
        if word and word == word
    ]


def _bits(word: int, meanings: Sequence[str]) -> str:
    """The set bits of `word` in words, as far as they have a meaning, then the word itself.

    >>> _bits(2, ("apart", "warm")), _bits(5, ("apart",)), _bits(2, ())
    ('warm (0x0002)', 'apart, bit 2 (0x0005)', 'bit 1 (0x0002)')
    """
    said = [meanings[bit] if bit < len(meanings) else f"bit {bit}" for bit in range(word.bit_length()) if word >> bit & 1]
    return f"{', '.join(said)} (0x{word:04X})"


def status_condition(metric: str, word: float, who: str, meanings: Sequence[str] = ()) -> Condition | None:
    """The condition of a PCS word that is not zero; the sentence names the bits, 0 being the lowest, or what they mean."""
    bits = int(word)
    if not bits:
        return None
    message = f"{who}: {_lower(CATALOGUE[metric].en)} reports {_bits(bits, meanings)}."
    return Condition(metric.upper(), STATUS_WORDS[metric], message, metric, float(bits), 0.0)


def _number(value: float, metric: Metric) -> str:
    return f"{value:.{max(metric.decimals, 1)}f} {metric.unit}".rstrip()


def _lower(label: str) -> str:
    """A label inside a sentence: lower-case unless it begins with an abbreviation (IGBT temperature)."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]
