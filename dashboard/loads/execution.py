"""One awarded hour closely: power against the permitted band, the score of every second, and the seconds that set the rate."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dashboard.figures.axes import Limit
from dashboard.figures.lines import Line, Plot
from dashboard.figures.sheet import Sheet
from dashboard.loads import settled
from dashboard.loads.awarded import chosen, currency
from dashboard.loads.history import spread
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.analysis.settlement import FULL
from plant.model import MINUTE, SECOND, Window
from plant.quantity import number
from plant.rules import RuleSet, rules_of
from plant.timeline import moment
from services.awards import events
from services.scoring import Cause, Seconds, band, causes, explained
from services.settling import METRICS, connection_point

POINTS = 600
MOST_SECONDS = 1_800
"""More points than that are drawn as the lowest of some seconds each."""
MOST_CAUSES = 12


# -- power against the band ----------------------------------------------------------------------------------------------------


def power_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, the power at the connection point [kW], the middle of the permitted band [kW] and its bounds, frequency [Hz]. The band
    is that of the mean frequency of each bucket, and only there while an award is held."""
    now = store.clock()
    window = scope.span(now)
    point = connection_point(store, settled.HERE)
    found = store.telemetry.series([point], METRICS, window, points=POINTS, zone=scope.zone) if point else {}
    told = {name: found[*point, name] for name in METRICS if point and (*point, name) in found}
    if len(told) < len(METRICS) or not np.isfinite(told["active_power"].mean).any():
        return Table({})
    at = np.unique(np.concatenate([one.at for one in told.values()]))
    hz, kw = (spread(told[name].mean, np.searchsorted(at, told[name].at), len(at)) for name in METRICS)
    lower, upper = permitted(store, window, at, hz)
    lang, width = scope.lang, told["active_power"].resolution
    names = [word(key, lang) for key in ("power.given", "power.asked", "power.frequency")]
    columns = {
        "at": at,
        f"{names[0]} (kW)": kw,
        f"{names[1]} (kW)": (lower + upper) / 2,
        f"{names[1]} min (kW)": lower,
        f"{names[1]} max (kW)": upper,
        f"{names[2]} (Hz)": hz,
    }
    heads = list(columns)
    lines: tuple[Line, ...] = (
        Line(heads[1], names[0], "kW", 0, "grid", width=width),
        Line(heads[2], names[1], "kW", 0, "target", heads[3], heads[4], dash="dot", width=width),
        Line(heads[5], names[2], "Hz", 3, "frequency", width=width),
    )
    if not np.isfinite(lower).any():
        lines = (lines[0], lines[2])
    plot = Plot(lines, window.start, window.end, band=word("power.band", lang))
    newest = int(at[np.isfinite(kw)][-1]) + width
    return Table(columns, min(newest, window.end), _is_simulated(store), {"plot": plot, "rules": rules_in(store, window)})


def rules_in(store: Store, window: Window) -> tuple[RuleSet, ...]:
    """The versions of the rules of the awards that were held in the window."""
    held = (rules_of(event) for event in events(store, window) if event.is_get and not event.interrupt)
    found = {rules for rules in held if rules is not None}
    return tuple(sorted(found, key=lambda rules: (rules.product, rules.valid_from)))


def permitted(store: Store, window: Window, at: Any, hz: Any) -> tuple[Any, Any]:
    """Bounds of the permitted band [kW] at instants [n] and frequencies [n], NaN where no award was held."""
    lower, upper = np.full(len(at), np.nan), np.full(len(at), np.nan)
    for event in events(store, window):
        rules = rules_of(event)
        if not event.is_get or event.interrupt or rules is None or rules.curve is None or not event.power > 0:
            continue
        cut = slice(*np.searchsorted(at, (event.time_start, event.time_end)))
        lower[cut], upper[cut] = band(rules, hz[cut], event.power, event.transfer)
    wild = np.abs(np.nan_to_num(np.stack([lower, upper]))).max(axis=0) > 1e8  # a product that knows no bound on one side
    lower[wild] = upper[wild] = np.nan
    return lower, upper


def power_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest power, what is asked for, and frequency; the band itself is drawn again every minute."""
    now = store.clock()
    window = scope.span(now)
    held = settled.running(store)
    point = connection_point(store, settled.HERE)
    latest = store.telemetry.latest([point]).get(point) if point else None
    if latest is None or now - latest.at > 5 * SECOND:
        return None
    kw, hz = (latest.values.get(name) for name in ("active_power", "frequency"))
    if not isinstance(kw, int | float) or not isinstance(hz, int | float):
        return None
    frame: dict[str, Any] = {"at": latest.at, "redraw": f"{now // MINUTE}"}
    if held:  # the traces are power, middle of the band, frequency
        low, high = permitted(store, Window(latest.at, latest.at + 1), np.array([latest.at]), np.array([float(hz)]))
        middle = float(low[0] + high[0]) / 2
        y = [round(float(kw)), round(middle) if np.isfinite(middle) else None, round(float(hz), 3)]
        bucket = max(SECOND, window.length // POINTS // SECOND * SECOND)
        frame["extend"] = {"x": int(scope.local(latest.at)), "y": y, "bucket": bucket, "span": window.length}
    return frame


def _is_simulated(store: Store) -> bool:
    point = connection_point(store, settled.HERE)
    return any(device.simulated for device in store.records.devices(point[1]) if device.device_id == point[0]) if point else False


# -- the hour -----------------------------------------------------------------------------------------------------------------


def hour_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, score, rolling rate and execution rate [%] of each awarded second of the hour (of more than 1,800 the lowest of some
    seconds each); `more` has the plot and the marked seconds."""
    hour = chosen(store, scope)
    told = settled.seconds(store, hour)
    if not told:
        return Table({})
    at, score, rolled = (np.concatenate([getattr(one, name) for one in told]) for name in ("at", "score", "rolled"))
    rate = np.concatenate([np.full(len(one.at), one.period.rate) for one in told])
    shown = _shown(scope, hour)
    inside = (at >= shown.start) & (at < shown.end)
    at, score, rolled, rate = (column[inside] for column in (at, score, rolled, rate))
    if not at.size:
        return Table({})
    width = -(-len(at) // MOST_SECONDS)
    at, score, rolled, rate = at[::width], _lowest(score, width), _lowest(rolled, width), _lowest(rate, width)
    lang = scope.lang
    names = [word(key, lang) for key in ("hour.score", "hour.rolled", "hour.rate")]
    columns = {"at": at, **{f"{name} (%)": column for name, column in zip(names, (score, rolled, rate), strict=True)}}
    lines = (
        Line(f"{names[0]} (%)", names[0], "%", 0, "stale", faint=True),
        Line(f"{names[1]} (%)", names[1], "%", 0, "accent"),
        Line(f"{names[2]} (%)", names[2], "%", 0, "good" if rate.min() >= 95 else "warning", dash="dash"),
    )
    limits = tuple(("%", Limit(value, "warning", word("hour.limit", lang, n=f"{value:g}"), False)) for value in (95.0, 70.0))
    plot = Plot(lines, shown.start, shown.end, limits if rate.min() < 95 else limits[:1], floor=(("%", 90.0, 100.0),))
    marks = [cause for one in told for cause in causes(one)]
    ends = [min(cause.end, cause.start + MINUTE) for cause in marks]
    places = [second for cause, end in zip(marks, ends, strict=True) for second in range(cause.start, end, SECOND)][:MOST_SECONDS]
    values = [cause.rolled for cause, end in zip(marks, ends, strict=True) for _ in range(cause.start, end, SECOND)][:MOST_SECONDS]
    more = {"plot": plot, "marks": (places, values), "mark": word("hour.mark", lang), "width": width, "rules": _judged_by(told)}
    more["observed"] = _coverage(told)
    return Table(columns, int(told[-1].at[-1]) + SECOND, _is_simulated(store), more)


def _shown(scope: Scope, hour: Window) -> Window:
    """The hour, or the part of it that a fixed window lies in."""
    if scope.start is not None and scope.end is not None and scope.start >= hour.start and scope.end <= hour.end:
        return Window(scope.start, scope.end)
    return hour


def _lowest(values: Any, width: int) -> Any:
    """The lowest of each `width` values: no bad second is lost."""
    return values if width == 1 else np.minimum.reduceat(values, np.arange(0, len(values), width))


def hour_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest second; drawn again when the hour or its worst second changes."""
    told = settled.seconds(store, chosen(store, scope))
    if not told or told[-1].span.state != "running":
        return None
    newest = told[-1]
    width = 2 if len(newest.at) > MOST_SECONDS else 1
    low = [float(column[-width:].min()) for column in (newest.score, newest.rolled)]
    return {
        "at": int(newest.at[-1]) + SECOND,
        "extend": {"x": int(scope.local(int(newest.at[-1]))), "y": [*low, newest.period.rate], "bucket": width * SECOND},
        "redraw": _token(told),
    }


def _token(told: Sequence[Seconds]) -> str:
    newest = told[-1]
    return f"{newest.span.start} {newest.span.state} {newest.period.rate:g} {len(newest.at) > MOST_SECONDS}"


def cause_table(store: Store, scope: Scope) -> Table:
    """One row per run of seconds that set the rate of the hour: `from`, `to`, rolling rate [%], `kind` of cause, `cause` (a sentence), and
    what the run alone costs the hour (None without verified prices). A lone row says that all seconds were inside the band."""
    told = settled.seconds(store, chosen(store, scope))
    if not told:
        return Table({})
    made = [(one, *explained(store, one, MOST_CAUSES)) for one in told]
    count = sum(total for _, _, total in made)
    found = [(one, cause) for one, several, _ in made for cause in several][:MOST_CAUSES]
    lang = scope.lang
    rows: list[tuple[str, str, float | None, str, str, float | None]] = [
        (*_ends(store, c.start, c.end), c.rolled, word(f"kind.{c.kind}", lang, n=c.late), _sentence(store, one, c, lang), _cost(one))
        for one, c in found
    ]
    if count > len(found):
        rows.append(("…", "", None, "", word("cause.more", lang, n=count - len(found)), None))
    if not rows:
        ends = _ends(store, told[0].span.start, int(told[-1].at[-1]) + SECOND)
        rows = [(*ends, FULL, "", word("cause.none", lang), None)]
    names = ("from", "to", "rate", "kind", "cause", "cost")
    columns = {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    heads = [(name, f"cause.{name}", {"rate": 0, "cost": 0}.get(name)) for name in names]
    sign = currency([replace(one.span, period=one.period) for one in told])
    spec = Sheet(tuple((name, word(head, lang, sign=sign), digits) for name, head, digits in heads), tuple(map(str, range(len(rows)))))
    more = {
        "sheet": spec, "rules": _judged_by(told), "unit": sign, "observed": _coverage(told),
        "period": Window(told[0].span.start, int(told[-1].at[-1]) + SECOND),
    }  # fmt: skip
    return Table(columns, int(told[-1].at[-1]) + SECOND, _is_simulated(store), more)


def _coverage(told: Sequence[Seconds]) -> float:
    """Share of the seconds in which frequency and power were said."""
    return 1.0 - sum(one.silent for one in told) / max(sum(len(one.at) for one in told), 1)


def _judged_by(told: Sequence[Seconds]) -> tuple[RuleSet, ...]:
    return tuple({one.span.rules: None for one in told if one.span.rules})


def _cost(of: Seconds) -> float | None:
    """What a run of the worst seconds takes from the hour, as far as it went: shown as a loss."""
    lost = of.standing.lost
    return None if lost is None else -lost


def _ends(store: Store, start: int, end: int) -> tuple[str, str]:
    first, last = (moment(at, store.zone) for at in (start, end - SECOND))
    return f"{first:%H:%M:%S}", f"{last:%H:%M:%S}"


def _sentence(store: Store, one: Seconds, cause: Cause, lang: str) -> str:
    if cause.at is None:
        return word("cause.silent", lang, n=cause.silent)
    share = abs(cause.away) / 10 / one.span.event.power
    values = {
        "at": f"{moment(cause.at, store.zone):%H:%M:%S}",
        "kw": number(abs(cause.away), 0),
        "share": number(share, 1),
        "hz": number(cause.hz, 3),
        "given": number(cause.kw, 0),
    }
    said = word("cause.above" if cause.away > 0 else "cause.below", lang, **values)
    if cause.kind == "slow":
        said = f"{said} {word('cause.slow', lang, n=cause.late)}"
    if cause.kind == "soc" and cause.soc is not None:
        said = f"{said} {word('cause.soc', lang, soc=number(cause.soc, 1))}"
    if cause.kind == "trip":
        said = f"{said} {word('cause.trip', lang)}"
    return f"{said} {word('cause.also', lang, n=cause.silent)}" if cause.silent else said


def cause_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """Asks again when the worst seconds of the running hour change."""
    told = settled.seconds(store, chosen(store, scope))
    if not told or told[-1].span.state != "running":
        return None
    found = [cause for one in told for cause in causes(one)]
    newest = found[-1].end if found else int(told[-1].at[-1]) // MINUTE
    return {"at": int(told[-1].at[-1]) + SECOND, "redraw": f"{_token(told)} {len(found)} {newest}"}
