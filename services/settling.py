"""Awards and the site's readings, brought together: what every awarded hour scored and earned.

Nothing is remembered between questions: a day of 86,400 seconds is read and judged in some ten milliseconds, and readings that come late or
are corrected, and awards that are changed, are in the next answer, whoever brought them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import numpy as np

from datastore.ports import Instants, Numbers
from datastore.store import Store
from plant.analysis import settlement
from plant.analysis.settlement import Period, Scores
from plant.model import HOUR, SECOND, Kind, ScheduleEvent, Window
from plant.rules import RuleSet, called, product_of, rules_of
from plant.timeline import day_start
from services.awards import events

METRICS = ("frequency", "active_power")
GRACE = 10 * SECOND
"""How long after its end an hour waits for stragglers before it is judged, and how far the live edge stays behind [ms]."""

State = Literal["settled", "running", "ahead", "interrupted", "lost", "unjudged", "unrecorded", "standby"]
Stage = Literal["exec_rate", "roll_exec_rate", "hour_exec_rate"]
Point = tuple[str, str]
Piece = tuple[Instants, Numbers]
Change = Callable[[ScheduleEvent], ScheduleEvent]
"""What an award is taken for instead, to ask what would have been."""
Reshape = Callable[[int, Numbers, Numbers, Sequence["Span"]], Numbers]
"""What the power [kW] of a grid of seconds is taken for instead: its start [epoch ms], frequency, power, the spans judged on it."""


@dataclass(frozen=True, slots=True)
class Span:
    """The part of an award within one clock hour of the site: [start, end) epoch ms. `period` is there when `state` is settled.

    `lost`: offered, not won. `unjudged`: a test, or a product without rules. `unrecorded`: over before the first reading that is kept.
    `standby`: a reserve that was not called.
    """

    start: int
    end: int
    event: ScheduleEvent
    rules: RuleSet | None
    state: State
    period: Period | None = None


def connection_point(store: Store, site_id: str) -> Point | None:
    """Who tells frequency and power at the connection point: the site, another one of that kind, or the first meter that is not the
    auxiliaries'; None when nobody ever told both."""
    sites = sorted(store.records.devices(Kind.SITE), key=lambda d: (d.device_id != site_id, d.device_id))
    meters = [d for d in store.records.devices(Kind.METER) if "aux" not in d.device_id.lower()]
    points = [(d.device_id, d.kind) for d in (*sites, *meters)]
    newest = store.telemetry.latest(points) if points else {}
    return next((point for point in points if point in newest and all(name in newest[point].values for name in METRICS)), None)


def spans(
    store: Store, site_id: str, window: Window, now: int, instead: Change | None = None, reshape: Reshape | None = None
) -> list[Span]:
    """All awarded spans that touch the window, ascending, each judged when it is over; `instead` exchanges awards before they are judged,
    `reshape` the power (nothing is kept of it). One day of readings is held at a time. Raises Unavailable."""
    given = [instead(event) if instead else event for event in events(store, window)]
    found = sorted((span for event in given for span in hours(store, event, window, now)), key=_order)
    due = [span for span in found if span.state == "settled"]
    if not due:
        return found
    point = connection_point(store, site_id)
    judged = _judged(store, point, due, instead, reshape) if point else [_unrecorded(span) for span in due]
    rest = [span for span in found if span.state != "settled"]
    return sorted([*rest, *judged], key=_order)


def _order(span: Span) -> tuple[int, int]:
    return span.start, span.event.index or 0


def execution(store: Store, site_id: str, window: Window, now: int, stage: Stage) -> tuple[Instants, Numbers]:
    """Execution rate [%] over a window of a few days at most: epoch ms and values, ascending, of awarded seconds up to now (of hours that
    are over for `hour_exec_rate`, at their start). Seconds in which nothing was said are there, with 0."""
    if stage == "hour_exec_rate":
        told = [(span.start, span.period.rate) for span in spans(store, site_id, window, now) if span.period and span.start >= window.start]
        return np.array([at for at, _ in told], np.int64), np.array([rate for _, rate in told], np.float64)
    point = connection_point(store, site_id)
    first = _first(store, point) if point else None
    told_until = min(window.end, (now - GRACE) // SECOND * SECOND)
    if point is None or first is None or told_until <= window.start:
        return _ascending([])
    seen = Window(window.start, told_until)
    begun = (span for event in events(store, seen) for span in hours(store, event, seen, now) if span.state in ("settled", "running"))
    due = (span for span in begun if span.rules and span.rules.curve)
    return _ascending([piece for span in due if span.end > first and (piece := _piece(store, point, span, seen, stage))])


def _piece(store: Store, point: Point, span: Span, window: Window, stage: Stage) -> Piece | None:
    """The seconds of a span that lie in the window, with their scores; None when there are none."""
    assert span.rules is not None
    end = min(span.end, window.end)
    if end <= max(span.start, window.start):
        return None
    score, lead = _scores(store, point, span, end)
    if stage == "roll_exec_rate":
        score = settlement.rolled(score, span.rules.roll_s)
    seconds = span.start + SECOND * np.arange(len(score) - lead, dtype=np.int64)
    inside = seconds >= window.start
    return seconds[inside], score[lead:][inside].astype(np.float64)


def _ascending(pieces: Sequence[Piece]) -> Piece:
    if not pieces:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    at, values = (np.concatenate(column) for column in zip(*pieces, strict=True))
    order = np.argsort(at, kind="stable")
    return at[order], values[order]


# -- spans ------------------------------------------------------------------------------------------------------------------


def hours(store: Store, event: ScheduleEvent, window: Window, now: int) -> Iterator[Span]:
    """The award cut at the clock hours of the site, those that touch the window, not judged yet; none for what is only a call."""
    if called(event):
        return
    rules = rules_of(event)
    start = max(event.time_start, _hour_start(store, max(window.start, event.time_start)))
    while start < min(event.time_end, window.end):
        end = min(event.time_end, _hour_start(store, start) + HOUR)
        yield Span(start, end, event, rules, _state(event, rules, start, end, now))
        start = end


def _hour_start(store: Store, at: int) -> int:
    return at - (at - day_start(at, store.zone)) % HOUR


def _state(event: ScheduleEvent, rules: RuleSet | None, start: int, end: int, now: int) -> State:
    if not event.is_get:
        return "lost"
    if event.interrupt:
        return "interrupted"
    if rules is None or not event.power > 0:  # NaN, too
        return "unjudged"
    if start > now:
        return "ahead"
    return "settled" if end + GRACE <= now else "running"


def _unrecorded(span: Span) -> Span:
    return replace(span, state="unrecorded")


def _first(store: Store, point: Point) -> int | None:
    kept = store.telemetry.bounds(*point)
    return None if kept is None else kept[0]


# -- judging ----------------------------------------------------------------------------------------------------------------


def _judged(store: Store, point: Point, due: Sequence[Span], instead: Change | None, reshape: Reshape | None) -> list[Span]:
    """The spans with their periods, ascending as given; the readings of one day at a time."""
    first = _first(store, point)
    found = [_unrecorded(span) for span in due if first is None or first >= span.end]
    told = zip(due, neighbours(store, due, instead), strict=True)
    recorded = [one for one in told if first is not None and first < one[0].end]
    for _, day in groupby(recorded, lambda one: day_start(one[0].start, store.zone)):
        found += _judge_day(store, point, list(day), reshape)
    return found


def _judge_day(store: Store, point: Point, asked: Sequence[tuple[Span, ScheduleEvent | None]], reshape: Reshape | None) -> list[Span]:
    """The spans of one day, each with the award before it, from one look at the readings."""
    lead_most = max(span.rules.lead_s for span, _ in asked if span.rules)
    start = asked[0][0].start - lead_most * SECOND
    hz, kw = grid(store, point, start, max(span.end for span, _ in asked))
    if reshape:
        kw = reshape(start, hz, kw, [span for span, _ in asked])
    found = []
    for span, neighbour in asked:
        assert span.rules is not None
        lead = span.rules.lead_s
        if span.rules.curve is None:
            first = (span.start - start) // SECOND
            found.append(_on_call(store, span, hz[first:], kw[first:]))
            continue
        cut = slice((span.start - start) // SECOND - lead, -(-(span.end - start) // SECOND))
        found.append(replace(span, period=_period(span, hz[cut], kw[cut], lead, neighbour)))
    return found


def _period(span: Span, hz: Numbers, kw: Numbers, lead: int, neighbour: ScheduleEvent | None) -> Period:
    assert span.rules is not None
    event = span.event
    ahead = lead_scores(neighbour, hz[:lead], kw[:lead])
    return settlement.judge(span.rules, hz, kw, lead, event.power, event.price, event.transfer, ahead)


def _on_call(store: Store, span: Span, hz: Numbers, kw: Numbers) -> Span:
    """A reserve's span by the seconds in which it was to give; `standby` without any."""
    assert span.rules is not None
    told = np.zeros((span.end - span.start) // SECOND, bool)
    for start, end in asked_of(store, span):
        told[max(0, (start - span.start) // SECOND) : max(0, (end - span.start) // SECOND)] = True
    if not told.any():
        return replace(span, state="standby")
    own_hz, own_kw = hz[: told.size][told], kw[: told.size][told]
    rate = float(settlement.answered(own_kw, span.event.power).mean())
    q = settlement.index(span.rules, rate)
    money = settlement.fees(span.rules, span.event.power, span.event.price, q, hours=(span.end - span.start) / HOUR)
    return replace(span, period=Period(rate, q, money, float((np.isfinite(own_hz) & np.isfinite(own_kw)).mean())))


def asked_of(store: Store, span: Span) -> list[tuple[int, int]]:
    """When a reserve's span was to give power [epoch ms]: from the end of the reaction on each call until it was released, for as long as
    the rules ask at most."""
    rules = span.rules
    if rules is None or rules.curve is not None:
        return []
    longest = (rules.reaction_s + rules.duration_s) * SECOND
    calls = [event for event in events(store, Window(span.start - longest, span.end)) if called(event) == product_of(span.event)]
    held = [(one.time_start + rules.reaction_s * SECOND, one.time_end) for one in calls if one.is_get and not one.interrupt]
    return [(start, min(end, start + rules.duration_s * SECOND)) for start, end in held if start < span.end and end > span.start]


def lead_scores(neighbour: ScheduleEvent | None, hz: Numbers, kw: Numbers) -> Scores | None:
    """Scores of the seconds before a span under the award that held then; None when none did."""
    rules = rules_of(neighbour) if neighbour else None
    if neighbour is None or rules is None or rules.curve is None:
        return None
    return settlement.scores(rules, hz, kw, neighbour.power, neighbour.transfer)


def _scores(store: Store, point: Point, span: Span, end: int) -> tuple[Scores, int]:
    """Scores of a span up to `end`, and how many of them lie before it."""
    assert span.rules is not None
    lead = span.rules.lead_s
    hz, kw = grid(store, point, span.start - lead * SECOND, end)
    score = settlement.scores(span.rules, hz, kw, span.event.power, span.event.transfer)
    ahead = lead_scores(neighbours(store, [span])[0], hz[:lead], kw[:lead])
    if ahead is not None:
        score[:lead] = ahead
    return score, lead


def neighbours(store: Store, due: Sequence[Span], instead: Change | None = None) -> list[ScheduleEvent | None]:
    """Per span (ascending) the award that was to be delivered in the second before it."""
    known = [instead(event) if instead else event for event in events(store, Window(due[0].start - HOUR, due[-1].end))]
    ends = {event.time_end: event for event in known if event.is_get and not event.interrupt and event.power > 0}
    return [span.event if span.start > span.event.time_start else ends.get(span.start) for span in due]


def grid(store: Store, point: Point, start: int, end: int) -> tuple[Numbers, Numbers]:
    """Frequency [Hz] and power [kW] on seconds from `start` to `end`."""
    count = -(-(end - start) // SECOND)
    columns = store.telemetry.columns(*point, METRICS, Window(start, start + count * SECOND))
    hz, kw = (settlement.on_seconds(columns.at, columns.values[name], start, count) for name in METRICS)
    return hz, kw
