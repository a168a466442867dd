"""Notes people wrote on what a chart shows: of its devices, of what they are parts of, and of the whole plant."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from dashboard.figures.lines import lines
from dashboard.figures.notes import Mark
from dashboard.figures.stack import stack
from dashboard.loads import explore
from dashboard.page import Panel, Scope, Table
from datastore.store import Store
from plant.model import Annotation, Window
from services import annotations
from services.access import covered

MARKED = 40
"""More marks than these, the newest, would cover the chart."""
LISTED = 100
CHARTS = (lines, stack)
"""What draws notes."""


def about(store: Store, window: Window, devices: Collection[str], metrics: Collection[str] | None = None) -> list[Annotation]:
    """Notes that touch the window, newest first: of these devices or what they are parts of, or of the whole plant; with `metrics` none of
    another quantity. Raises Unavailable."""
    found, _ = annotations.listed(store.records, window)
    return [
        note
        for note in found
        if (not note.device_id or any(covered(device, (note.device_id,)) for device in devices))
        and (metrics is None or not note.metric or note.metric in metrics)
    ]


def annotated(panel: Panel) -> Panel:
    """The same panel; when it is a chart over time its table also holds the notes in its window (`more["notes"]`): of the devices of its
    `asks` or, where it has none, of its `more["devices"]` (ids); a chart that names no device shows those of the whole plant. One that is
    live is drawn anew for everybody when somebody writes a note."""
    if panel.draw not in CHARTS:
        return panel
    load, live = panel.load, panel.live

    def with_notes(store: Store, scope: Scope) -> Table:
        table = load(store, scope)
        drawn: Any = table.more.get("plot") or table.more.get("stack")
        if table.is_empty or drawn is None:
            return table
        asks = table.more.get("asks", ())
        devices = {*(ask.device.device_id for ask in asks), *table.more.get("devices", ())}
        metrics = {ask.metric for ask in asks} or None
        found = about(store, Window(drawn.start, drawn.end), devices, metrics)
        return replace(table, more={**table.more, "notes": tuple(map(_mark, found[:MARKED]))}) if found else table

    def told(store: Store, scope: Scope) -> Mapping[str, Any]:
        frame = (live and live(store, scope)) or {"at": 0}  # 0: no newer data than there was
        return {**frame, "redraw": f"{frame.get('redraw', '')} {annotations.version(store.records)}"}

    return replace(panel, load=with_notes, live=live and told)


def _mark(note: Annotation) -> Mark:
    return Mark(note.id, note.start, note.end, note.device_id, note.metric, note.text, note.author, note.tags)


def explored(store: Store, scope: Scope) -> list[Annotation]:
    """The notes the Explore page lists. Raises Unavailable."""
    devices = [device.device_id for device in explore.chosen(explore.fleet_of(store), scope)]
    return about(store, scope.span(store.clock()), devices)


def notes_table(store: Store, scope: Scope) -> Table:
    """Columns: `at` and `end` (epoch ms UTC, inclusive), device ("" = the whole plant), metric, author, text, tags; newest first."""
    found = explored(store, scope)
    columns: dict[str, list[Any]] = {
        "at": [note.start for note in found],
        "end": [note.end for note in found],
        "device": [note.device_id for note in found],
        "metric": [note.metric for note in found],
        "author": [note.author for note in found],
        "text": [note.text for note in found],
        "tags": [", ".join(note.tags) for note in found],
    }
    return Table(columns)
