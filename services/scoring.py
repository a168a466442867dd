"""One awarded span second by second: what was asked, what was given, what it scored, and which seconds set its execution rate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from datastore.ports import Instants, Numbers
from datastore.store import Store
from plant.analysis import settlement, shortfall
from plant.analysis.settlement import FULL, Period
from plant.analysis.shortfall import Charge, Kind, Standing
from plant.metrics import metric
from plant.model import HOUR, MINUTE, SECOND, Window
from plant.rules import RuleSet
from plant.timeline import day_start
from services.awards import events
from services.settling import GRACE, Span, connection_point, grid, hours, lead_scores, neighbours

JUDGED = ("settled", "running")


@dataclass(frozen=True, slots=True, eq=False)
class Seconds:
    """A span up to the newest second that counts: `at` [epoch ms], frequency [Hz] and power [kW] (NaN: nothing was said), the permitted
    band `lower`…`upper` [kW], scores of the second and rolling [%], all [n]. `period` is the judgement of these seconds: final when the
    span is over, else what it comes to so far (its rate can only fall where the worst second counts). `standing` is what the whole span
    comes to when the rest of it goes well."""

    span: Span
    at: Instants
    hz: Numbers
    kw: Numbers
    lower: Numbers
    upper: Numbers
    score: Numbers
    rolled: Numbers
    period: Period
    standing: Standing

    @property
    def silent(self) -> int:
        """Seconds in which frequency or power was not said."""
        return int((~(np.isfinite(self.hz) & np.isfinite(self.kw))).sum())


@dataclass(frozen=True, slots=True)
class Cause:
    """A run of seconds [start, end) (epoch ms) whose rolling score is the worst of the span. `at` is the best second of that time, the one
    that counted, `away` how far its power was outside the band [kW, above +], `silent` how many of its seconds said nothing. `at` is None
    when all were silent. `kind` (see `plant.analysis.shortfall`), how `late` the answer was [s] and the charge [%] of a battery at its
    limit are told by `explained`."""

    start: int
    end: int
    rolled: float
    silent: int
    at: int | None = None
    away: float = 0.0
    hz: float | None = None
    kw: float | None = None
    kind: Kind | None = None
    late: int = 0
    soc: float | None = None


def scored(store: Store, site_id: str, window: Window, now: int) -> list[Seconds]:
    """The awarded spans that touch the window (hours of the site, at most some), as far as they are over. Raises Unavailable."""
    point = connection_point(store, site_id)
    if point is None:
        return []
    asked = sorted((span for event in events(store, window) for span in hours(store, event, window, now)), key=lambda span: span.start)
    judged = [span for span in asked if span.state in JUDGED and span.rules and span.rules.curve]
    due = [(span, min(span.end, (now - GRACE) // SECOND * SECOND)) for span in judged]
    found = [_seconds(store, point, span, until) for span, until in due if until > span.start]
    if all(one.silent < len(one.at) for one in found):
        return found
    kept = store.telemetry.bounds(*point)  # wholly silent: an outage, or a time before anything was kept?
    return [one for one in found if kept is not None and one.span.end > kept[0]]


def _seconds(store: Store, point: tuple[str, str], span: Span, until: int) -> Seconds:
    rules, event = span.rules, span.event
    assert rules is not None and rules.curve is not None
    lead = rules.lead_s
    hz, kw = grid(store, point, span.start - lead * SECOND, until)
    score = settlement.scores(rules, hz, kw, event.power, event.transfer)
    before = lead_scores(neighbours(store, [span])[0], hz[:lead], kw[:lead])
    if before is not None:
        score[:lead] = before
    period = settlement.judge(rules, hz, kw, lead, event.power, event.price, event.transfer, before)
    lower, upper = band(rules, hz, event.power, event.transfer)
    at = span.start + SECOND * np.arange(len(score) - lead, dtype=np.int64)
    rolled = settlement.rolled(score, rules.roll_s)
    own = [one[lead:].astype(np.float64) for one in (hz, kw, lower, upper, score, rolled)]
    energy = settlement.moved(rules, own[1], event.transfer)
    stands = shortfall.standing(rules, score, lead, -(-(span.end - span.start) // SECOND), event.power, event.price, energy)
    return Seconds(span, at, own[0], own[1], own[2], own[3], own[4], own[5], period, stands)


def band(rules: RuleSet, hz: Any, mw: float, transfer: float = 0.0) -> tuple[Numbers, Numbers]:
    """Lowest and highest permitted power [kW] at each frequency [n] for `mw` awarded and `transfer` scheduled [MW], NaN for NaN.

    >>> from plant.rules import version
    >>> [float(side[0]) for side in band(version("dreg0.5", 1_769_256_000_000), [60.0], 5.0)]
    [-450.0, 450.0]
    """
    lower, upper = settlement.permitted(rules, hz)
    return lower * mw * 10.0 + transfer * 1000.0, upper * mw * 10.0 + transfer * 1000.0


def causes(of: Seconds) -> list[Cause]:
    """The runs of seconds that set the rate of a span (of those that hold its worst rolling score), ascending; none when all was well."""
    worst = of.rolled.min() if of.rolled.size else FULL
    if worst >= FULL or of.span.rules is None:
        return []
    return [_cause(of, first, end, of.span.rules.roll_s) for first, end in _runs(of.rolled == worst)]


def _cause(of: Seconds, first: int, end: int, roll: int) -> Cause:
    start = max(0, first - roll + 1)  # the first rolling score of the run is the best of these seconds
    heard = np.isfinite(of.hz[start:end]) & np.isfinite(of.kw[start:end])
    span = int(of.at[first]), int(of.at[end - 1]) + SECOND
    rolled, silent = float(of.rolled[first]), int((~heard).sum())
    if not heard.any():
        return Cause(*span, rolled, silent)
    told = np.where(heard, of.score[start:end], -1.0)
    place = start + int(np.argmax(told))
    return Cause(*span, rolled, silent, int(of.at[place]), _away(of, place), float(of.hz[place]), float(of.kw[place]))


def explained(store: Store, of: Seconds, most: int) -> tuple[list[Cause], int]:
    """The first `most` of `causes`, each with what became of it, and how many there are. Raises Unavailable."""
    found = causes(of)
    return [_explained(store, of, cause) for cause in found[:most]], len(found)


def _explained(store: Store, of: Seconds, cause: Cause) -> Cause:
    first, end = ((at - of.span.start) // SECOND for at in (cause.start, cause.end))
    counted = None if cause.at is None else (cause.at - of.span.start) // SECOND
    charge = None if cause.at is None else charge_at(store, cause.at)
    kind, late = shortfall.kind(of.hz, of.kw, of.lower, of.upper, of.span.event.power, first, end, counted, charge)
    return replace(cause, kind=kind, late=late, soc=charge.soc if charge and kind == "soc" else None)


def charge_at(store: Store, at: int) -> Charge | None:
    """State of charge of the site at an instant (told within ten minutes before it) and between which limits it works: those of its
    nameplate (`soc_min`, `soc_max`), else the catalogue's. None when nobody told."""
    point = connection_point(store, "")
    if point is None:
        return None
    told = store.telemetry.columns(*point, ("soc",), Window(at - 10 * MINUTE, at + SECOND))
    heard = np.flatnonzero(np.isfinite(told.values["soc"]))
    if not heard.size:
        return None
    low, high = charge_limits(store, point)
    return Charge(float(told.values["soc"][heard[-1]]), low, high)


def charge_limits(store: Store, point: tuple[str, str]) -> tuple[float, float]:
    """Between which charge [%] the site works."""
    rating = next((device.rating for device in store.records.devices(point[1]) if device.device_id == point[0]), {})
    low, high = metric("soc").normal
    return float(rating.get("soc_min", low or 0.0)), float(rating.get("soc_max", high or 100.0))


def _away(of: Seconds, place: int) -> float:
    kw, low, high = of.kw[place], of.lower[place], of.upper[place]
    return float(kw - high if kw > high else min(0.0, kw - low)) if np.isfinite(low) else 0.0


def _runs(marked: Any) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(marked, np.int8), [0]])))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def hour_of(store: Store, at: int) -> Window:
    """The clock hour of the site in which `at` lies."""
    start = at - (at - day_start(at, store.zone)) % HOUR
    return Window(start, start + HOUR)


def rate_of(several: Sequence[Seconds]) -> float | None:
    """Execution rate [%] of several spans together, a mean over their time; None without any."""
    weights = [len(one.at) for one in several]
    return sum(one.period.rate * weight for one, weight in zip(several, weights, strict=True)) / sum(weights) if sum(weights) else None
