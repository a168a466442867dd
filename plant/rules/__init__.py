"""Market rules as dated data: one TOML file per product and version, read once. An award is judged by the newest version that was in
force when it began; nothing here is code, so a new announcement is a new file."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np

from plant.model import ScheduleEvent
from plant.timeline import day_of, midnight

FOLDER = Path(__file__).parent
TESTS = ("test_mode", "step", "scan", "full_power")
"""Modes of capability tests; `test_mode` as a filter means any of them."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Permitted power [% of the awarded] by frequency [Hz, ascending]; between the points straight lines, beyond them constant."""

    hz: tuple[float, ...]
    upper: tuple[float, ...]
    lower: tuple[float, ...]
    clamp: tuple[float, float]
    tolerance: float = 0.0

    @property
    def centre(self) -> float:
        """The frequency in the middle of the curve [Hz]."""
        return round((self.hz[0] + self.hz[-1]) / 2, 6)


@dataclass(frozen=True, slots=True)
class Trial:
    """How a capability test of a product passes: `duration_s` seconds, each scoring more than `least`. A scan runs over `hz` (from, to) at
    `hz_s` Hz a second, which gives its duration."""

    kind: str
    duration_s: int
    least: float = 95.0
    hz: tuple[float, float] | None = None
    hz_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One version of one product, in force from `valid_from` [epoch ms], the midnight of its day in the market's `zone`. `curve` is None
    for products on call. `lag_s`: the power of second t answers the frequency of t − lag;
    `reaction_s`: how long it may take to follow (of a product on call: from the call on), `duration_s`: for how long a call is answered.
    `roll_s` seconds are one rolling window, `period_s` seconds one judgement, which is the `aggregate` of its rolling values.
    `steps` are (from rate, index), best first; below the last one the index is `below`. Money is per MW and hour awarded (energy: per MWh)
    in `currency`; a rule set that is not `verified` shows none."""

    product: str
    title: str
    valid_from: int
    verified: bool
    currency: str
    source: str
    steps: tuple[tuple[float, float], ...]
    below: float
    curve: Curve | None = None
    lag_s: int = 0
    roll_s: int = 1
    period_s: int = 3600
    aggregate: Literal["min", "mean"] = "min"
    performance: float = 0.0
    discharge_energy: float = 0.0
    charge_energy: float = 0.0
    reaction_s: int = 0
    duration_s: int = 0
    trials: tuple[Trial, ...] = ()
    zone: str = "UTC"

    @property
    def lead_s(self) -> int:
        """Seconds before a period that its first rolling windows need."""
        return self.roll_s - 1 + self.lag_s + (self.reaction_s if self.curve else 0)

    @property
    def since(self) -> date:
        """The day of the market from which on it is in force."""
        return day_of(self.valid_from, ZoneInfo(self.zone))

    @property
    def name(self) -> str:
        """Product and version, as cards and receipts name it."""
        return f"{self.title} ({self.since})"

    def trial(self, kind: str) -> Trial | None:
        """The rules of a capability test; None when there are none for this product."""
        return next((one for one in self.trials if one.kind == kind), None)


def read(text: str) -> RuleSet:
    """A rule set from its TOML. Raises ValueError (also KeyError, TypeError) when it makes no sense."""
    said = tomllib.loads(text)
    score, money, call, index = (said.get(part, {}) for part in ("score", "money", "call", "index"))
    steps = tuple(zip(index["from"], index["value"], strict=True))
    if list(steps) != sorted(steps, reverse=True):
        raise ValueError("index.from goes from best to worst")
    made = RuleSet(
        said["product"], said["title"], in_force(said), said["verified"],
        said["currency"], said["source"].strip(), steps, index["below"], _curve(said.get("curve"), score), score.get("lag_s", 0),
        score.get("roll_s", 1), score.get("period_s", 3600), score.get("aggregate", "min"), **money,
        **{"reaction_s": score.get("reaction_s", 0), **call}, trials=_trials(said.get("test", {})), zone=said["zone"],
    )  # fmt: skip
    if made.lag_s not in (0, 1) or made.roll_s < 1 or made.period_s not in (900, 1800, 3600) or made.aggregate not in ("min", "mean"):
        raise ValueError("score: lag_s is 0 or 1, roll_s at least 1, period_s 900, 1800 or 3600, aggregate min or mean")
    return made


def in_force(said: Mapping[str, Any]) -> int:
    """When a version comes into force [epoch ms]: its day begins at midnight of the market's zone, not of Greenwich or of the plant. Raises
    ValueError (KeyError for an unknown zone).

    >>> in_force({"valid_from": date(2026, 1, 1), "zone": "Asia/Taipei"})  # 2025-12-31T16:00:00Z
    1767196800000
    """
    start = said["valid_from"]
    if type(start) is not date:
        raise ValueError("valid_from is a date")
    return midnight(start, ZoneInfo(said["zone"]))


def _trials(said: Mapping[str, Any]) -> tuple[Trial, ...]:
    found = []
    for kind, one in said.items():
        ends = tuple(float(x) for x in one["hz"]) if "hz" in one else None
        if kind not in TESTS or (ends is None) == (kind == "scan"):
            raise ValueError("test: step and full_power have a duration_s, scan has hz and hz_s")
        seconds = round((ends[1] - ends[0]) / one["hz_s"]) if ends else one["duration_s"]
        if seconds < 1:
            raise ValueError("test: a test lasts a second at least")
        found.append(Trial(kind, seconds, one.get("least", 95.0), (ends[0], ends[1]) if ends else None, one.get("hz_s", 0.0)))
    return tuple(found)


def _curve(said: Mapping[str, Any] | None, score: Mapping[str, Any]) -> Curve | None:
    if said is None:
        return None
    hz, upper, lower = (tuple(float(x) for x in said[name]) for name in ("hz", "upper", "lower"))
    if not len(hz) == len(upper) == len(lower) or list(hz) != sorted(set(hz)) or any(np.greater(lower, upper)):
        raise ValueError("curve: hz ascends, upper is never below lower, all are equally long")
    low, high = score["clamp"]
    return Curve(hz, upper, lower, (float(low), float(high)), float(score.get("tolerance", 0.0)))


@cache
def rule_sets() -> tuple[RuleSet, ...]:
    """All versions of all products, by product, oldest first."""
    found = [read(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml")) if path.name != "modes.toml"]
    return tuple(sorted(found, key=lambda rules: (rules.product, rules.valid_from)))


@cache
def _modes() -> tuple[Mapping[str, str], Mapping[str, str]]:
    said = _named()
    known = {rules.product for rules in rule_sets()} | {""}
    for names in said.values():
        if strange := set(names.values()) - known:
            raise ValueError(f"modes.toml names products that have no rule set: {', '.join(sorted(strange))}")
    return said["modes"], said["codes"]


@cache
def _named() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads((FOLDER / "modes.toml").read_text("utf-8"))


def called(event: ScheduleEvent) -> str:
    """The reserve that an event calls for, empty for all others: a call is no award, it stands over one."""
    return _named()["calls"].get(event.mode, "")


def tested(event: ScheduleEvent) -> RuleSet | None:
    """By whose rules a capability test is judged: its quote code's, else those of the product named for tests; None for what is no test."""
    if event.mode not in TESTS:
        return None
    code = event.quote_code.strip().upper()
    return version(_modes()[1].get(code, _named()["tests"]["default"]), event.time_start)


def modes() -> Sequence[str]:
    """The modes an award can have."""
    return tuple(_modes()[0])


def is_of(mode: str, asked: str) -> bool:
    """Whether awards of `mode` are meant by the filter `asked`: `all`, a mode, `dreg` for both its curves, `test_mode` for any test.

    >>> is_of("dreg0.5", "dreg"), is_of("edreg", "dreg"), is_of("scan", "test_mode"), is_of("scan", "step")
    (True, False, True, False)
    """
    if asked == "test_mode":
        return mode in TESTS
    return asked in ("all", mode) or (asked == "dreg" and mode.startswith("dreg"))


def product_of(event: ScheduleEvent) -> str:
    """The product an award is judged by; empty for tests and unknown modes."""
    by_mode, by_code = _modes()
    if event.mode in TESTS:
        return ""
    return by_code.get(event.quote_code.strip().upper(), by_mode.get(event.mode, ""))


def version(product: str, at: int, known: Sequence[RuleSet] | None = None) -> RuleSet | None:
    """The version of a product in force at `at` [epoch ms]; None when there is none."""
    fit = [r for r in (rule_sets() if known is None else known) if r.product == product and r.valid_from <= at]
    return max(fit, key=lambda rules: rules.valid_from, default=None)


def rules_of(event: ScheduleEvent) -> RuleSet | None:
    """What an award is judged by; None when it is not settled (tests, unknown modes)."""
    return version(product_of(event), event.time_start)
