"""What people do with notes on the Explore page: read them, write one on the window or a clicked instant, change and remove their own. What
is hidden from who may not is also refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from dash import ALL, Dash, Input, Output, State, dcc, html, no_update

from callbacks import desks
from dashboard import desk, door
from dashboard.cards import icon
from dashboard.loads import explore
from dashboard.loads.archive import site_second
from dashboard.loads.notes import LISTED, explored
from dashboard.scope import Scope
from dashboard.visitor import visitor
from dashboard.words import word
from datastore.store import Store
from plant.errors import Conflict, Forbidden, Invalid
from plant.model import SECOND, Annotation
from plant.timeline import moment, parse
from services import annotations
from services.access import Identity
from services.availability import EXCUSES
from services.config import Config

DESK = "note"
PATH = "/explore"
CHART = "explore-chart"
NEED = "annotate"
NEW = "new"
NO_EXCUSE = "none"


@dataclass(frozen=True, slots=True)
class Act:
    """One action: the note's id (`NEW`: one to be written) and the version it was read with, the form, who acts, in which language."""

    store: Store
    about: str
    version: int
    fields: desk.Fields
    who: Identity
    scope: Scope

    def line(self, name: str) -> str:
        return desk.line(self.fields, _field(name, self.about))


def wire(app: Dash, store: Store, config: Config) -> None:
    """List the notes, fill the forms by who looks, do what their buttons say, and take a clicked instant into the form."""
    desks.wire(app, store, config, DESK, PATH, partial(form, store), partial(done, store), (CHART,))

    @app.callback(
        Output({"type": f"{DESK}-in", "field": ALL}, "value"),
        Output({"type": f"{DESK}-open", "about": ALL}, "open"),
        Input({"type": "graph", "id": CHART}, "clickData"),
        State({"type": f"{DESK}-in", "field": ALL}, "id"),
        State({"type": f"{DESK}-open", "about": ALL}, "id"),
        prevent_initial_call=True,
    )
    def choose(clicked: Any, ids: Any, opens: Any) -> Any:
        """The instant that was clicked becomes the one of the new note."""
        at = clicked_at(clicked)
        values = {} if at is None else {_field("start", NEW): at, _field("end", NEW): ""}
        named = [door.text((door.fields(one, "id") or {}).get("field"), "field") for one in ids]
        return [values.get(name, no_update) for name in named], [no_update if at is None else True] * len(opens)


def clicked_at(clicked: Any) -> str | None:
    """The site's clock at a clicked point, as a field for a time takes it; None when the click tells none. A browser may say anything."""
    points = (door.fields(clicked, "clickData") or {}).get("points")
    first = points[0] if isinstance(points, list) and points and isinstance(points[0], dict) else {}
    x = first.get("x")
    try:
        if isinstance(x, int | float) and not isinstance(x, bool):
            return f"{datetime.fromtimestamp(x / 1000, UTC):%Y-%m-%dT%H:%M:%S}"
        return f"{datetime.fromisoformat(x):%Y-%m-%dT%H:%M:%S}" if isinstance(x, str) else None
    except (ValueError, OverflowError, OSError):
        return None


def form(store: Store, scope: Scope) -> list[Any]:
    """A form for another note, and the notes of the window, each with what this visitor may do with it. Raises Unavailable."""
    me, lang = visitor(), scope.lang
    found = explored(store, scope)
    may_write = me.may(NEED) and me.pages is None and me.devices is None
    parts: list[Any] = [html.P(word("notes.lead", lang), className="vd-faint")]
    if may_write:
        parts.append(_new(store, scope))
    elif me.pages is None:  # nobody stands at a wall screen
        parts += desk.login("notes.login", PATH, scope)
    rows = [_row(store, note, me, lang, may_write) for note in found[:LISTED]] or [html.P(word("notes.none", lang), className="vd-faint")]
    parts.append(html.Div(rows, className="vd-set-long"))
    if len(found) > LISTED:
        parts.append(html.P(word("notes.cut", lang, n=LISTED), className="vd-faint"))
    return parts


def _row(store: Store, note: Annotation, me: Identity, lang: str, may_write: bool) -> html.Div:
    ends = dict.fromkeys((note.start, note.end))
    head = [html.Strong(" – ".join(site_second(at, store) for at in ends))]
    head += [html.Span(_tag(tag, lang), className="vd-tag") for tag in note.tags]
    facts = [note.device_id or word("notes.plant", lang), note.metric, note.author or word("alarm.somebody", lang)]
    parts: list[Any] = [
        html.Div(head, className="vd-set-head"),
        html.P(note.text, className="vd-note-text"),
        html.Div([html.Span(fact) for fact in facts if fact], className="vd-set-facts"),
    ]
    if may_write and annotations.may_change(me, note):
        parts.append(_change(store, note, lang))
    return html.Div(parts, className="vd-set-row vd-note-row")


def _tag(tag: str, lang: str) -> str:
    return word(f"notes.excuse.{tag}", lang) if tag in EXCUSES else tag


def _new(store: Store, scope: Scope) -> html.Details:
    span, lang = scope.span(store.clock()), scope.lang
    shown = explore.chosen(explore.fleet_of(store), scope)
    start, end = (span.start, span.end) if scope.is_fixed else (span.end // SECOND * SECOND, None)
    device = shown[0].device_id if len({one.device_id for one in shown}) == 1 else ""
    note = Annotation(start, start if end is None else end, "", device_id=device)
    fields = _fields(store, note, NEW, [one.device_id for one in shown], lang)
    keep = desk.button(DESK, "add", f"{NEW}:0", "notes.keep", lang)
    lead = html.P(word("notes.how", lang), className="vd-faint")
    summary = html.Summary([icon("plus-lg"), html.Span(word("notes.write", lang))], className="vd-set-open")
    inner = [summary, lead, html.Div([*fields, keep], className="vd-form"), _excuse(lang)]
    return html.Details(inner, id={"type": f"{DESK}-open", "about": NEW}, className="vd-set-more vd-note-do", open=False)


def _change(store: Store, note: Annotation, lang: str) -> html.Details:
    about = f"{note.id}:{note.version}"
    buttons = [
        desk.button(DESK, "edit", about, "notes.save", lang),
        desk.button(DESK, "remove", about, "notes.remove", lang, look="vd-quiet vd-plain"),
    ]
    fields = _fields(store, note, note.id, [note.device_id] if note.device_id else [], lang)
    summary = html.Summary(word("notes.edit", lang), className="vd-set-open")
    return html.Details([summary, html.Div([*fields, *buttons], className="vd-form"), _excuse(lang)], className="vd-set-do vd-note-do")


def _excuse(lang: str) -> html.P:
    return html.P(word("notes.excuse.note", lang), className="vd-faint")


def _fields(store: Store, note: Annotation, about: str, devices: list[str], lang: str) -> list[Any]:
    """The fields of one note; those of several notes stand on the page together, so each is named by its note as well."""
    text = dcc.Textarea(
        id={"type": f"{DESK}-in", "field": _field("text", about)},
        value=note.text,
        maxLength=annotations.LONGEST_TEXT,
        className="form-control form-control-sm",
        rows=2,
    )
    excuse = next((tag for tag in note.tags if tag in EXCUSES), NO_EXCUSE)
    others = ", ".join(tag for tag in note.tags if tag != excuse)
    places = [*((one, one) for one in dict.fromkeys(devices)), ("", "notes.plant")]
    excuses = [(one, f"notes.excuse.{one}") for one in (NO_EXCUSE, *EXCUSES)]
    most = annotations.MOST_TAGS * (annotations.LONGEST_TAG + 2)
    end = _written(note.end, store) if note.end != note.start else ""

    def time(name: str, title: str, value: str) -> html.Label:
        return desk.text(DESK, _field(name, about), title, lang, "datetime-local", value, step=1)

    return [
        html.Label([html.Span(word("notes.text", lang)), text], className="vd-note-wide"),
        desk.select(DESK, _field("device", about), "notes.device", places, note.device_id, lang),
        time("start", "notes.from", _written(note.start, store)),
        time("end", "notes.to", end),
        desk.select(DESK, _field("excuse", about), "notes.excuse", excuses, excuse, lang),
        desk.text(DESK, _field("tags", about), "notes.tags", lang, value=others, maxLength=most),
    ]


def _field(name: str, about: str) -> str:
    return f"{name}@{about}"


def _written(at: int, store: Store) -> str:
    """As a field for a time takes it; milliseconds only when there are some."""
    local = moment(at, store.zone).replace(tzinfo=None)
    return local.isoformat(timespec="milliseconds" if at % 1000 else "seconds")


def done(store: Store, wanted: tuple[str, str], fields: desk.Fields, scope: Scope) -> str:
    """Do it and say so. Raises Forbidden without the permission or for another's note, and what the action raises."""
    what, named = wanted
    action = ACTIONS.get(what)
    if action is None:
        raise Forbidden("There is no such action")
    me = visitor()
    if not me.may(NEED) or me.devices is not None:
        raise Forbidden(word("set.refused", scope.lang))
    about, _, version = named.partition(":")
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0
    if what != "add" and not annotations.may_change(me, annotations.find(store.records, about)):
        raise Forbidden(word("notes.theirs", scope.lang))
    return action(Act(store, about, number, fields, me, scope))


def note_of(act: Act) -> Annotation:
    """The note a form speaks of. Raises Invalid with a sentence for the person at the form."""
    lang = act.scope.lang
    text = act.line("text")
    if not text:
        raise Invalid(word("notes.no-text", lang))
    start = _instant(act, "start", "notes.from")
    end = _instant(act, "end", "notes.to") if act.line("end") else start
    if end < start:
        raise Invalid(word("notes.backwards", lang))
    excuse = act.line("excuse")
    tags = [tag.strip() for tag in act.line("tags").split(",")]
    tags = [*([excuse] if excuse in EXCUSES else []), *(tag for tag in tags if tag)]
    return Annotation(start, end, text, act.who.username, act.line("device"), "", tuple(tags), id=act.about, version=act.version)


def _instant(act: Act, name: str, title: str) -> int:
    try:
        return parse(act.line(name), act.store.zone)
    except ValueError:
        raise Invalid(word("notes.bad-time", act.scope.lang, field=word(title, act.scope.lang))) from None


def _add(act: Act) -> str:
    annotations.add(act.store, note_of(act))
    return word("notes.added", act.scope.lang)


def _edit(act: Act) -> str:
    kept = annotations.find(act.store.records, act.about)
    try:  # the form has no field for the quantity: a note keeps the one it was written about
        annotations.edit(act.store, replace(note_of(act), metric=kept.metric), act.who.username)
    except Conflict:
        raise Conflict(word("notes.gone", act.scope.lang)) from None
    return word("notes.changed", act.scope.lang)


def _remove(act: Act) -> str:
    annotations.remove(act.store, act.about, act.who.username)
    return word("notes.removed", act.scope.lang)


ACTIONS: Mapping[str, Callable[[Act], str]] = {"add": _add, "edit": _edit, "remove": _remove}
"""What a button does."""
