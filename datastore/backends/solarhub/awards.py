"""The installation's schedule database as schedule events."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from datastore.backends.solarhub.clocks import Clock
from datastore.backends.solarhub.connections import Connections, SchemaChanged, quoted
from datastore.backends.solarhub.mapping import Awards
from plant.errors import Unavailable
from plant.model import ScheduleEvent, Window

_NUMBERS = ("quote_capacity", "power", "price", "quote_price")
_TEXTS = ("quote_code", "title", "description")
_YES = ("1", "true", "yes", "y", "t")


def events(awards: Awards, connections: Connections, window: Window, mode: str | None = None) -> list[ScheduleEvent]:
    """Events that touch the window, ascending by start, then index; `mode` picks those of one. Rows without a start, an end after
    it or a mode are no events. Raises Unavailable, also when the table or one of its columns is not there."""
    start, end = (Clock(awards.columns[name], awards.form, awards.zone) for name in ("time_start", "time_end"))
    fields = list(awards.columns)
    what = [quoted(awards.columns[name]) for name in fields]
    for name, clock in (("time_start", start), ("time_end", end)):
        what[fields.index(name)] = clock.local(quoted(clock.column))
    touches = f"{start.before(quoted(start.column), window.end)} AND {end.after(quoted(end.column), window.start)}"
    sql = f"SELECT {', '.join(what)} FROM {quoted(awards.name)} WHERE {touches}"
    try:
        rows = connections.rows(awards.database, sql)
    except SchemaChanged as error:
        raise Unavailable(str(error)) from None
    found = [event for row in rows if (event := _event(dict(zip(fields, row, strict=True)), start, end)) is not None]
    chosen = [event for event in found if event.time_start < window.end and event.time_end > window.start and mode in (None, event.mode)]
    return sorted(chosen, key=lambda event: (event.time_start, event.index or 0))


def _event(row: Mapping[str, Any], start: Clock, end: Clock) -> ScheduleEvent | None:
    mode = str(row["mode"] or "").strip().lower()
    if not mode or row["time_start"] is None or row["time_end"] is None:
        return None
    begins, ends = _instant(start, row["time_start"]), _instant(end, row["time_end"])
    if ends <= begins:
        return None
    index = row.get("index")
    event = ScheduleEvent(mode, begins, ends, _flag(row.get("is_get"), True), _flag(row.get("interrupt"), False))
    said: dict[str, Any] = {name: float(row[name]) for name in _NUMBERS if row.get(name) is not None}
    said |= {name: str(row[name]) for name in _TEXTS if row.get(name) is not None}
    return replace(event, **said, index=None if index is None else int(index))


def _instant(clock: Clock, local: Any) -> int:
    return int(clock.to_utc(np.array([int(local)], dtype=np.int64))[0])


def _flag(value: Any, default: bool) -> bool:
    if value is None:
        return default
    if isinstance(value, bytes):  # BIT(1)
        return any(value)
    return str(value).strip().lower() in _YES
