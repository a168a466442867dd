"""Where the sun of an inverter's days went, and whether its modules get dirty: what the study of days kept."""

from typing import Any

import numpy as np

from dashboard.figures.lines import Line, Plot
from dashboard.figures.waterfall import Waterfall
from dashboard.loads import archive
from dashboard.loads.fleet import fleet
from dashboard.loads.inverter import KINDS, chosen
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.analysis.soiling import Soiling
from plant.model import DAY, Window
from plant.quantity import number, quantity
from plant.timeline import day_of, day_start, day_starts
from services import pv_days
from services.pv_days import PvDay, day_number, lost_to_dirt

KINDS_OF_LOSS = ("clipping", "curtailment", "outage", "mismatch", "soiling", "other")
LOOK_BACK = 60
"""Days the cleanness is shown for at least, however short the window."""


def losses_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per step: `name`, `kind`, `value` [kWh; losses positive], `share` [% of what could have been], `is_total`, `note`:
    the days that touch the window together, from what the array could have given to what came. What nobody can know has no row: dirt
    without a hint, weak strings of an inverter that tells no string currents; what they may have cost is part of what is unexplained."""
    device = chosen(fleet(store, KINDS), scope)
    if device is None:
        return Table({})
    span = scope.span(store.clock())
    days = pv_days.days(store, device.device_id, Window(day_start(span.start, store.zone), span.end))
    if not days:
        return archive.nothing(store, scope, [device], "/inverter")
    known = [day for day in days if day.potential is not None and day.common is not None]
    if not known:
        reason = next((day.reason for day in reversed(days) if day.reason), "") or "light"
        return Table({}, more={"kept": (word(f"inverter.losses.{reason}", scope.lang), scope.elsewhere("/devices"))})
    lost = parts(known, pv_days.dirt(store, device.device_id))
    could, came = _sum(day.potential for day in known), _sum(day.common for day in known)
    seen = [kind for kind in KINDS_OF_LOSS if kind in lost and (kind != "mismatch" or any(day.has_strings for day in known))]
    shown = [("potential", could, True), *((kind, lost[kind], False) for kind in seen), ("energy", came, True)]
    shares = [100 * value / could if could > 0 else 0.0 for _, value, _ in shown]
    columns: dict[str, Any] = {
        "name": [word(f"inverter.loss.{kind}", scope.lang) for kind, _, _ in shown],
        "kind": [kind for kind, _, _ in shown],
        "value": [value for _, value, _ in shown],
        "share": shares,
        "is_total": [is_total for _, _, is_total in shown],
        "note": [_note(kind, value, share, known, scope) for (kind, value, _), share in zip(shown, shares, strict=True)],
    }
    first, last = (day_of(day.start, store.zone).isoformat() for day in (known[0], known[-1]))
    spec = Waterfall("kWh", 1 if could < 10_000 else 0, first if first == last else f"{first} – {last}")
    more = {
        "waterfall": spec, "units": {"value": "kWh", "share": "%"}, "decimals": {"value": 1, "share": 1},
        "period": Window(known[0].start, known[-1].end),
    }  # fmt: skip
    return Table(columns, known[-1].end, device.simulated, more)


def parts(days: list[PvDay], hint: Soiling | None) -> dict[str, float]:
    """What the days lost by kind [kWh], in the order of KINDS_OF_LOSS; no `soiling` without a hint. Together with the energy they are
    what could have been."""
    found = {kind: _sum(getattr(day, kind) for day in days) for kind in KINDS_OF_LOSS if kind != "soiling"}
    dirt = [lost_to_dirt(day, hint) for day in days]
    if any(share is None for share in dirt):
        return found
    soiling = _sum(dirt)
    return {**found, "soiling": soiling, "other": found["other"] - soiling}


def _sum(values: Any) -> float:
    return float(sum(value for value in values if value is not None))


def _note(kind: str, value: float, share: float, days: list[PvDay], scope: Scope) -> str:
    """`Clipping: 12.3 kWh (1.2 %). The inverter was at its limit.`"""
    hours = {"curtailment": _sum(day.held_hours for day in days), "outage": _sum(day.out_hours for day in days)}.get(kind)
    text = f"{word(f'inverter.loss.{kind}', scope.lang)}: {quantity(value, 'kWh', 1)} ({quantity(share, '%', 1)})"
    about = word(f"inverter.loss.{kind}.note", scope.lang)
    return f"{text}, {number(hours, 1)} h<br>{about}" if hours else f"{text}<br>{about}"


def cleanness_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per day: `at`, what the array gave of what it could in that day's clear hours [%, NaN = not clear enough], and
    where a decline was found its course between cleanings [%]. `more["plot"]` says in its remark how fast, and how sure."""
    device = chosen(fleet(store, KINDS), scope)
    if device is None:
        return Table({})
    now = store.clock()
    span = scope.span(now)
    window = Window(min(day_start(span.start, store.zone), span.end - LOOK_BACK * DAY), span.end)
    days = pv_days.days(store, device.device_id, window)
    told = [day for day in days if day.cleanness is not None]
    if not told:
        if not days:
            return archive.nothing(store, scope, [device], "/inverter")
        reason = next((day.reason for day in reversed(days) if day.reason in ("peak", "place", "power")), "cloudy")
        href = scope.link("/inverter", window="30d") if reason == "cloudy" else scope.elsewhere("/devices")
        return Table({}, more={"kept": (word(f"inverter.losses.{reason}", scope.lang), href)})
    starts = np.array(day_starts(Window(told[0].start, told[-1].start + 1), store.zone), np.int64)
    ratio = np.full(len(starts), np.nan)
    ratio[np.searchsorted(starts, [day.start for day in told])] = [100 * (day.cleanness or 0.0) for day in told]
    hint = pv_days.dirt(store, device.device_id)
    title, course = word("inverter.cleanness", scope.lang), word("inverter.course", scope.lang)
    columns: dict[str, Any] = {"at": starts, f"{title} (%)": np.round(ratio, 2)}
    lines = [Line(f"{title} (%)", title, "%", 1, "pv")]
    fitted = trend(starts, ratio, hint)
    if fitted is not None:
        columns[f"{course} (%)"] = np.round(fitted, 2)
        lines.append(Line(f"{course} (%)", course, "%", 1, "limit", dash="dash"))
    plot = Plot(tuple(lines), int(starts[0]), max(window.end, int(starts[-1]) + DAY), remark=sentence(hint, scope))
    return Table(columns, told[-1].end, device.simulated, {"plot": plot, "devices": (device.device_id,)})


def trend(starts: Any, ratio: Any, hint: Soiling | None) -> Any | None:
    """The decline between cleanings through the middle of each stretch's points [%, n]; None where none was found."""
    if hint is None or hint.rate is None or not hint.is_dirty:
        return None
    day = np.array([day_number(int(start)) for start in starts])
    part = np.searchsorted(np.asarray(hint.starts), day, side="right")
    begun = np.asarray(hint.starts)[np.maximum(part - 1, 0)]
    share = 1.0 - hint.rate * np.maximum(day - begun, 0.0)
    found = np.full(len(starts), np.nan)
    for one in np.unique(part):
        mine = part == one
        told = mine & np.isfinite(ratio) & (share > 0)
        if told.any():
            found[mine] = float(np.median(ratio[told] / share[told])) * share[mine]
    return found


def sentence(hint: Soiling | None, scope: Scope) -> str:
    """How fast the array gets dirty and how sure that is, or why nothing can be said."""
    if hint is None or hint.rate is None or hint.low is None or hint.high is None:
        return word("inverter.soiling.none", scope.lang, days=0 if hint is None else hint.days)
    key = "found" if hint.is_dirty else "clean"
    rate, low, high = (number(100 * value, 2) for value in (hint.rate, hint.low, hint.high))
    return word(f"inverter.soiling.{key}", scope.lang, rate=rate, low=low, high=high, days=hint.days)
