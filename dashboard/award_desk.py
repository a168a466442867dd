"""The operator's desk on the schedule page: the awards of the chosen day, a form for another one. It depends on who looks and is filled by
a callback of its own (`callbacks/schedule.py`)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dash import html

from dashboard import desk
from dashboard.cards import icon
from dashboard.loads import settled
from dashboard.loads.awarded import chosen, clock, day_name, product
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant import rules
from plant.model import HOUR, ScheduleEvent
from plant.quantity import number
from plant.timeline import moment
from services.awards import listed

DESK = "award"


def places(table: Table, scope: Scope) -> html.Div:
    """Where the callbacks write."""
    return html.Div([*desk.inner(DESK, look="")])


def body(store: Store, scope: Scope) -> list[Any]:
    """The awards of the chosen day and the form. Raises Unavailable."""
    hour = chosen(store, scope)
    day = settled.today(store, hour.start)
    found = [one for one in listed(store, day) if one[0].time_end > day.start]
    lang = scope.lang
    lead = html.P(word("desk.lead", lang, day=day_name(store, day.start, lang)), className="vd-faint")
    rows = [_row(store, event, source, scope) for event, source in found] or [html.P(word("desk.none", lang), className="vd-faint")]
    return [_form(store, hour.start if scope.is_fixed else hour.start + HOUR, scope), lead, html.Div(rows, className="vd-set-long")]


def _row(store: Store, event: ScheduleEvent, source: str, scope: Scope) -> html.Div:
    lang = scope.lang
    facts = [
        product(event, lang),
        f"{event.power:g} MW",
        word("desk.price", lang, n=number(event.price, 0)),
        *([word("desk.transfer", lang, n=f"{event.transfer:+g}")] if event.transfer else []),
        event.quote_code,
        source,
    ]
    state = word("state.lost" if not event.is_get else "state.interrupted" if event.interrupt else "state.held", lang)
    title = f"{clock(store, event.time_start)}–{clock(store, event.time_end)}"
    actions = [] if source or event.index is None else [_remove(event.index, title, lang)]
    head = html.Div([html.Strong(title), html.Span(state, className="vd-tag")], className="vd-set-head")
    said = html.Div([html.Span(fact) for fact in facts if fact], className="vd-set-facts")
    return html.Div([head, said, *actions], className="vd-set-row")


def _remove(index: int, title: str, lang: str) -> html.Details:
    """Two clicks: an award is money."""
    sure = desk.button(DESK, "remove", str(index), "desk.sure", lang, when=title)
    return html.Details([html.Summary(word("desk.remove", lang), className="vd-set-open"), sure], className="vd-set-do vd-desk-remove")


def _form(store: Store, start: int, scope: Scope) -> html.Details:
    lang = scope.lang
    inner = [
        desk.select(DESK, "mode", "desk.mode", [(mode, mode) for mode in rules.modes()], "dreg", lang),
        desk.text(DESK, "quote_code", "desk.code", lang, placeholder="DREG05"),
        desk.text(DESK, "start", "desk.start", lang, "datetime-local", f"{moment(start, store.zone):%Y-%m-%dT%H:%M}"),
        desk.text(DESK, "hours", "desk.hours", lang, "number", "1", min=1, max=24, step=1),
        desk.text(DESK, "power", "desk.power", lang, "number", min=0, step="any"),
        desk.text(DESK, "price", "desk.money", lang, "number", "0", step="any"),
        desk.text(DESK, "transfer", "desk.shift", lang, "number", "0", step="any"),
        desk.button(DESK, "add", "", "desk.add", lang),
    ]
    summary = html.Summary([icon("plus-lg"), html.Span(word("desk.open", lang))], className="vd-set-open")
    return html.Details([summary, html.Div(inner, className="vd-form")], className="vd-set-more", open=False)


def hourly(given: ScheduleEvent, hours: int) -> Sequence[ScheduleEvent]:
    """So many awards of one hour each, one after the other: the market's unit."""
    starts = [given.time_start + n * HOUR for n in range(hours)]
    return [replace(given, time_start=start, time_end=start + HOUR) for start in starts]
