"""Alarms over time: how many were raised, and when each stood."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from dashboard.loads.alarm_words import sentence
from dashboard.loads.alarms import found, lasted, tag
from dashboard.page import Scope, Table
from datastore.store import Store
from plant.analysis.alarm_figures import INTERVAL, rates
from plant.analysis.alarms import SEVERITIES
from plant.model import MINUTE, Window

LINES = 12
"""Tags the timeline has lines for: those raised most lately, which is what one looks for."""
MOST_BARS = 1_000
TOLD = 60
"""Alarms on the card that explains the picture."""
MOST_INTERVALS = 1_000


def width_of(window: Window) -> int:
    """10 min, or whole multiples of it where the window has too many [ms]."""
    return INTERVAL * max(1, -(-window.length // (INTERVAL * MOST_INTERVALS)))


def rate_table(store: Store, scope: Scope) -> Table:
    """Columns: `at` (starts of the intervals), one per severity with the alarms raised in each. `more`: `width` [ms]."""
    seen = found(store, scope)
    if not seen.alarms:
        return Table({})
    width = width_of(seen.window)
    severities = np.array([alarm.severity for alarm in seen.alarms], dtype=object)
    starts = rates(seen.raised, seen.window, width)[0]
    columns: dict[str, Any] = {"at": starts}
    for name in SEVERITIES:
        columns[name] = rates(seen.raised[severities == name], seen.window, width)[1]
    simulated = all(alarm.simulated for alarm in seen.alarms)
    more = {"width": width, "span": (seen.window.start, seen.window.end), "period": seen.window}
    return Table(columns, seen.now, simulated, more)


def timeline_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per alarm of the tags raised most lately: `at` (raised), `end`, `tag`, `device`, `severity`, `said`, `first`,
    `number`, `href`. `more`: `lines` (tags, newest first), `hidden` (tags left out)."""
    seen = found(store, scope)
    if not seen.alarms:
        return Table({})
    leads = seen.leads
    devices = {(device.device_id, str(device.kind)): device.info for device in store.records.devices()}
    every = list(dict.fromkeys(tag(alarm) for alarm in seen.alarms))
    lines = every[:LINES]
    rows = [(alarm, alarm.id in leads) for alarm in seen.alarms if tag(alarm) in lines][:MOST_BARS]
    columns: dict[str, Any] = {
        "number": [alarm.id for alarm, _ in rows],
        "at": [max(alarm.raised, seen.window.start) for alarm, _ in rows],
        "end": [min(alarm.raised + lasted(alarm, seen.now), seen.window.end) for alarm, _ in rows],
        "tag": [tag(alarm) for alarm, _ in rows],
        "device": [alarm.device_id for alarm, _ in rows],
        "severity": [alarm.severity for alarm, _ in rows],
        "said": [sentence(alarm, devices.get((alarm.device_id, alarm.kind), {}), scope.lang) for alarm, _ in rows],
        "first": [is_first for _, is_first in rows],
        "is_open": [alarm.cleared is None for alarm, _ in rows],
        "href": [scope.link("/alarms", alarm=alarm.id) for alarm, _ in rows],
    }
    counts = Counter(tag(alarm) for alarm in seen.alarms)
    simulated = all(alarm.simulated for alarm in seen.alarms)
    more = {"lines": lines, "hidden": len(counts) - len(lines), "span": (seen.window.start, seen.window.end), "period": seen.window}
    more["told"] = {"": [("t", lasted(alarm, seen.now) / MINUTE, tag(alarm)) for alarm, _ in rows[:TOLD]]}
    return Table(columns, seen.now, simulated, more)


def times_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """Asks for the picture again when alarms come or go, and every minute, as bars grow."""
    seen = found(store, scope)
    news = f"{len(seen.alarms)} {max((alarm.id or 0 for alarm in seen.alarms), default=0)}"
    ended = sum(alarm.cleared is not None for alarm in seen.alarms)
    return {"redraw": f"{news} {ended} {seen.now // 60_000}"}
