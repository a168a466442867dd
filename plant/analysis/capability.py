"""Capability tests of a product: step, frequency scan, full power (DOMAIN §3.5, "Tests"), judged second by second with a verdict.

Seconds are arrays on a grid of one per second, NaN is a second in which nothing was said; it scores 0. What a test asks for is data:
`plant.rules.Trial`. The frequency is the one the plant was shown, as its readings tell it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from plant.analysis import settlement
from plant.analysis.settlement import Numbers, Scores
from plant.rules import RuleSet, Trial

Verdict = Literal["passed", "failed", "not assessable"]
Reason = Literal["", "short", "no-step", "no-scan", "scan-speed", "seconds"]
STEP = 5.0
"""A step asks for so much more or less power within a second [% of the awarded], else nothing was stepped."""
REACTION_S = 1
"""Seconds the power may take to follow a step where the product names none: dReg and E-dReg answer within one second."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """`seconds` were judged, `failing` are their places [n] on the grid given, `worst` the lowest score among them. `reason` says what
    failed or was missing: too `short`, no `step`, frequency not run through (`no-scan`) or too fast (`scan-speed`), or `seconds`. `seen` is
    the span of frequencies [Hz], None without any; `longest_s` the longest time on end in which every second passed."""

    kind: str
    verdict: Verdict
    reason: Reason
    seconds: int
    failing: Scores
    worst: float | None
    seen: tuple[float, float] | None
    longest_s: int


def judge(rules: RuleSet, trial: Trial, hz: Numbers, kw: Numbers, mw: float, transfer: float = 0.0) -> Result:
    """The verdict on `hz` [Hz], `kw` [kW], both [n], of a test of `mw` awarded with `transfer` scheduled.

    Step and scan: every second of the test scores more than `trial.least`. Full power: for `trial.duration_s` on end every second gives
    more than `trial.least` % of the awarded power, in the direction most of them take.
    """
    heard = hz[np.isfinite(hz)]
    seen = (float(heard.min()), float(heard.max())) if heard.size else None
    score = _full(kw, mw) if trial.kind == "full_power" else _followed(rules, hz, kw, mw, transfer)
    good = score > trial.least
    failing = np.flatnonzero(~good).astype(np.int64)
    longest = _longest(good)
    told = (len(score), failing, float(score.min()) if score.size else None, seen, longest)
    if trial.kind == "full_power":
        if longest >= trial.duration_s:
            return Result(trial.kind, "passed", "", *told)
        is_short = len(score) < trial.duration_s
        return Result(trial.kind, "not assessable" if is_short else "failed", "short" if is_short else "seconds", *told)
    missing = _missing(rules, trial, hz, seen)
    if missing:
        return Result(trial.kind, "not assessable", missing, *told)
    return Result(trial.kind, "failed" if failing.size else "passed", "seconds" if failing.size else "", *told)


def _followed(rules: RuleSet, hz: Numbers, kw: Numbers, mw: float, transfer: float) -> Numbers:
    """Scores 0…100 [n] with the seconds a product has to follow a step."""
    lower, upper = settlement.bounds(rules.curve, hz) if rules.curve else (np.full(len(hz), np.nan),) * 2
    lower, upper = settlement.eased(lower, upper, rules.reaction_s or REACTION_S)
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = kw / 10.0 / mw - 100.0 * transfer / mw if mw > 0 else np.full(len(kw), np.nan)
    away = settlement.distance(rules, lower, upper, shown)
    return np.where(np.isfinite(away), np.floor(np.round(100.0 - np.minimum(away, 100.0), 7) + 0.5), 0.0)


def _full(kw: Numbers, mw: float) -> Numbers:
    """Share of the awarded power given each second [%, 0…100], in the direction of most of it."""
    direction = -1.0 if np.nansum(kw) < 0 else 1.0
    return settlement.answered(direction * kw, mw)


def _missing(rules: RuleSet, trial: Trial, hz: Numbers, seen: tuple[float, float] | None) -> Reason:
    """Why these seconds are not this test; empty when they are."""
    if seen is None or len(hz) < trial.duration_s:
        return "short"
    if trial.hz is None:
        lower, upper = settlement.bounds(rules.curve, hz) if rules.curve else (hz, hz)
        middle = (np.clip(lower, -100, 100) + np.clip(upper, -100, 100)) / 2
        jump = np.abs(np.diff(middle[np.isfinite(middle)]))
        return "" if jump.size and float(jump.max()) >= STEP else "no-step"
    low, high = trial.hz
    if seen[0] > low + trial.hz_s or seen[1] < high - trial.hz_s:
        return "no-scan"
    moves = np.abs(np.diff(hz))
    moves = moves[np.isfinite(moves) & (moves > trial.hz_s / 4)]
    return "" if moves.size and 0.5 <= float(np.median(moves)) / trial.hz_s <= 1.5 else "scan-speed"


def _longest(good: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0
