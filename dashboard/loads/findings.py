"""What stood out in a window: alarms that stood, what the study of anomalies found, and racks that left their neighbours meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dashboard.bell import RANKS
from dashboard.figures.sheet import Sheet
from dashboard.loads.alarm_words import Infos, infos, sentence
from dashboard.loads.fleet import fleet
from dashboard.loads.ledger import asked
from dashboard.loads.rackbook import KINDS, Racks, apart_of, rack_history
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.analysis.peers import CHARGE
from plant.metrics import CATALOGUE, Metric
from plant.model import QUARTER, Alarm, Kind, Window
from plant.quantity import number, quantity
from plant.timeline import moment
from services import anomalies

SHOWN = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that stood out: where, what (in a sentence), from when to when [epoch ms, None = goes on], how often, by which rule."""

    severity: str
    device: str
    text: str
    first: int
    last: int | None
    times: int
    rule: str
    metric: str = ""


def findings_table(store: Store, scope: Scope) -> Table:
    """Columns: `at` (first seen), `severity`, `device`, `finding`, `until`, `times`, `rule`; worst first, what goes on before what is over.
    A device is a link to its readings around the finding. What an alarm says is not said again by a detector, nor what the study says
    by a look at the racks."""
    window = asked(store, scope)
    if window is None:
        return Table({}, more={"ahead": True})
    plant = fleet(store, KINDS)
    alarms = store.records.alarms(("active", "acknowledged", "cleared"), window, 5_000)
    raised = _raised(alarms, infos(store), scope.lang)
    detected = [_detected(one, scope.lang) for one in anomalies.found(store, window)]
    said = {(one.device, one.metric) for one in raised}
    detected = [one for one in detected if not one.metric or (one.device, one.metric) not in said]
    said |= {(one.device, one.metric) for one in detected}
    drifted = _drifted(rack_history(store, plant, window), alarms, scope.lang)
    found = [*raised, *detected, *(one for one in drifted if (one.device, CHARGE.metric) not in said)]
    # what goes on before what is over, the newest first
    found.sort(key=lambda one: (-RANKS.index(one.severity) if one.severity in RANKS else 0, one.last is not None, -one.first))
    if not found:
        return Table({})
    lang, shown = scope.lang, found[:SHOWN]
    columns: dict[str, Any] = {
        "severity": [word(f"severity.{one.severity}", lang) for one in shown],
        "device": [one.device for one in shown],
        "finding": [one.text for one in shown],
        "at": [one.first for one in shown],
        "since": [_clock(one.first, store) for one in shown],
        "until": [word("analysis.found.open", lang) if one.last is None else _clock(one.last, store) for one in shown],
        "times": [one.times for one in shown],
        "rule": [word(f"analysis.rule.{one.rule}", lang) for one in shown],
    }
    keys = tuple(str(place) for place in range(len(shown)))
    heads = (("severity", None), ("device", None), ("finding", None), ("since", None), ("until", None), ("times", 0), ("rule", None))
    tones = {(keys[k], "severity"): one.severity for k, one in enumerate(shown)}
    links = {(keys[k], "device"): _explore(scope, one, window) for k, one in enumerate(shown)}
    spec = Sheet(tuple((name, word(f"analysis.found.{name}", lang), digits) for name, digits in heads), keys, tones, links)
    return Table(columns, window.end, any(alarm.simulated for alarm in alarms), {"sheet": spec, "more": len(found) - len(shown)})


def _raised(alarms: Sequence[Alarm], makers: Infos, lang: str) -> list[Finding]:
    """Alarms of the window, those of one device and code as one."""
    groups: dict[tuple[str, str], list[Alarm]] = {}
    for alarm in alarms:
        groups.setdefault((alarm.device_id, alarm.code), []).append(alarm)
    found = []
    for (device, _), group in groups.items():
        newest = max(group, key=lambda alarm: alarm.raised)
        worst = max((alarm.severity for alarm in group), key=lambda severity: RANKS.index(severity) if severity in RANKS else 0)
        ends = [alarm.cleared for alarm in group]
        last = None if any(end is None for end in ends) else max(end for end in ends if end is not None)
        text = sentence(newest, makers.get((newest.device_id, str(newest.kind)), {}), lang)
        found.append(Finding(worst, device, text, min(a.raised for a in group), last, len(group), "watch", newest.metric))
    return found


def _drifted(history: Sequence[Racks], alarms: Sequence[Alarm], lang: str) -> list[Finding]:
    """Racks whose charge was further from the middle of their unit than the watch allows, where it raised nothing: it may not have run."""
    told = {alarm.device_id for alarm in alarms if alarm.code == CHARGE.code}
    found = []
    for unit in history:
        apart = apart_of(unit.soc)
        far = np.abs(apart) > CHARGE.threshold
        for place, rack in enumerate(unit.racks.values()):
            where = np.flatnonzero(far[:, place])
            if not where.size or rack.device_id in told:
                continue
            worst = int(where[np.argmax(np.abs(apart[where, place]))])
            side = "analysis.drift.below" if apart[worst, place] < 0 else "analysis.drift.above"
            away = number(abs(float(apart[worst, place])), 1)
            text = word(side, lang, who=rack.name or rack.device_id, n=away, limit=number(CHARGE.threshold, 1))
            spells = 1 + int((np.diff(where) > 1).sum())
            last = None if where[-1] == unit.at.size - 1 else int(unit.at[where[-1] + 1])
            found.append(Finding(CHARGE.severity, rack.device_id, text, int(unit.at[where[0]]), last, spells, "peers", CHARGE.metric))
    return found


_PARTS = {"cell_voltages": "anomaly.cell", "cell_temperatures": "anomaly.sensor", "string_currents": "anomaly.string"}
_SECONDS = ("seconds", "per_hour")
_SHARES = frozenset(_PARTS) & {"string_currents"}
"""Compared as a share of the median, so that its distances are per cent."""


def _detected(one: Mapping[str, Any], lang: str) -> Finding:
    """What a detector kept, in a sentence."""
    metric, reason, evidence = one["metric"], one["reason"], one["evidence"]
    about = CATALOGUE.get(metric)
    told = {name: _amount(name, value, about, lang) for name, value in evidence.items()}
    key = "yield" if reason == "change" and one["kind"] == Kind.INVERTER else reason
    text = word(f"anomaly.{key}", lang, what=about.label(lang) if about else "", **told)
    if one["part"] is not None:
        text = word(_PARTS.get(metric, "anomaly.module"), lang, k=one["part"], text=text)
    times = int(evidence.get("times", 1))
    rule = reason.partition("_")[0]
    return Finding(one["severity"], one["device"], text[:1].upper() + text[1:], one["start"], one["end"], times, rule, metric)


def _amount(name: str, value: float, about: Metric | None, lang: str) -> str:
    if name in _SECONDS:
        return quantity(value, "s", 0) if abs(value) < 7200 else quantity(value / 3600.0, "h", 1)
    if name in ("count", "times"):
        return number(value, 0)
    if about is None or name in ("z", "score", "sigmas"):
        return number(value, 1)
    if about.name in _SHARES:
        return quantity(100.0 * value, "%", 0)
    if name in ("before", "after") and about.name == "total_active_power":
        return quantity(value, "%", 0)  # the yield of what was usual
    unit = "K" if name in ("distance", "before", "after") and about.unit == "°C" and name == "distance" else about.unit
    return quantity(value, unit, max(about.decimals, 1))


def _explore(scope: Scope, one: Finding, window: Window) -> str:
    """Its readings with as much before and after as it lasted, a quarter of an hour at least."""
    last = one.last or window.end
    margin = max(last - one.first, QUARTER)
    end = min(last + margin, max(window.end, last))
    home = replace(scope, unit=None, rack=None, against="", start=one.first - margin, end=end)
    return home.link("/explore", device=one.device, metric=one.metric or None)


def _clock(at: int, store: Store) -> str:
    return f"{moment(at, store.zone):%m-%d %H:%M}"
