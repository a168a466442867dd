"""The dataset builder of Explore: devices and metrics by kind, a window, how, and one's own files. What is in it depends on who looks, so a
callback fills it (`callbacks/dataset.py`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import dash_bootstrap_components as dbc
from dash import dcc, html

from dashboard import desk
from dashboard.cards import icon
from dashboard.loads.explore import asks, chosen, fleet_of
from dashboard.page import Scope
from dashboard.words import word
from datastore.store import Store
from plant.errors import Invalid
from plant.metrics import metric, scalars_of
from plant.model import DAY, Device, Window
from plant.quantity import number
from plant.timeline import moment, parse
from services.datasets import FORMS, MOST_COLUMNS, STEPS, Size
from services.exports import OPEN, Export, Query
from services.tables import SHEET_ROWS, columns_of

DESK = "dataset"
EVERY = "*"
"""The value of "all of this kind"."""
AGGREGATIONS = ("mean", "min", "max", "last", "sum")
LISTED = 30
SEARCHED = 8
LOOK_MS = 1_500
TONES = {"done": "good", "failed": "alarm", "running": "info", "queued": "stale", "cancelled": "stale", "expired": "stale"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen of one kind: ids of devices and names of metrics, `EVERY` among them for all."""

    devices: tuple[str, ...]
    metrics: tuple[str, ...]


def by_kind(store: Store) -> dict[str, list[Device]]:
    """Devices by kind, kinds in the catalogue's order."""
    found: dict[str, list[Device]] = {}
    for device in store.records.devices():
        found.setdefault(str(device.kind), []).append(device)
    return dict(sorted(found.items()))


def form(store: Store, scope: Scope) -> list[Any]:
    """The form, filled from what the page shows: its devices, metrics and window."""
    shown = chosen(fleet_of(store), scope)
    metrics = list(dict.fromkeys(ask.metric for ask in asks(store, scope)))
    span, lang = scope.span(store.clock()), scope.lang
    kinds = [
        _kind(kind, devices, [d.device_id for d in shown if d.kind == kind], metrics, lang) for kind, devices in by_kind(store).items()
    ]
    steps = [(step, f"step.{step}") for step in STEPS]
    forms = [(one, f"dataset.form.{one}") for one in FORMS]
    zones = list(dict.fromkeys((store.zone.key, "UTC")))
    aggregations = [("own", "dataset.agg.own"), *((one, f"dataset.agg.{one}") for one in AGGREGATIONS)]
    how = [
        _moment("from", "dataset.from", span.start, store, lang),
        _moment("to", "dataset.to", span.end, store, lang),
        desk.select(DESK, "zone", "dataset.zone", [(zone, zone) for zone in zones], zones[0], lang),
        desk.select(DESK, "step", "dataset.step", steps, scope.step or "15m", lang),
        desk.select(DESK, "agg", "dataset.agg", aggregations, "own", lang),
        desk.select(DESK, "form", "dataset.format", forms, "csv", lang),
    ]
    size = html.P(id=f"{DESK}-size", className="vd-faint vd-dataset-size", role="status", **{"aria-live": "polite"})
    make = desk.button(DESK, "make", "", "dataset.make", lang)
    return [html.Div(kinds, className="vd-dataset-kinds"), html.Div(how, className="vd-form"), html.Div([size, make], className="vd-form")]


def _moment(field: str, title: str, at: int, store: Store, lang: str) -> html.Label:
    minute = at - at % 60_000
    value = f"{moment(minute, store.zone):%Y-%m-%dT%H:%M}"
    inner = dbc.Input(id={"type": f"{DESK}-in", "field": field}, type="datetime-local", value=value, size="sm")
    return html.Label([html.Span(word(title, lang)), inner])


def _kind(kind: str, devices: Sequence[Device], shown: Sequence[str], drawn: Sequence[str], lang: str) -> html.Details:
    names = [name for name in scalars_of(kind) if not metric(name).is_vector]
    metrics = [name for name in drawn if name in names] if shown else []
    summary = [icon("chevron-right"), html.Strong(word(f"kind.{kind}", lang)), html.Span(id={"type": f"{DESK}-count", "kind": kind})]
    lists = [
        _list("devices", kind, [(d.device_id, d.name or d.device_id) for d in devices], shown, lang),
        _list("metrics", kind, [(name, _metric(name, lang)) for name in names], metrics, lang),
    ]
    return html.Details([html.Summary(summary), html.Div(lists, className="vd-dataset-lists")], open=bool(shown))


def _metric(name: str, lang: str) -> str:
    about = metric(name)
    return f"{about.label(lang)} [{about.unit}]" if about.unit else about.label(lang)


def _list(what: str, kind: str, options: Sequence[tuple[str, str]], value: Sequence[str], lang: str) -> html.Fieldset:
    every = dcc.Checklist(
        id={"type": f"{DESK}-in", "field": f"every {what}@{kind}"},
        options=[{"value": EVERY, "label": word("dataset.every", lang, n=len(options))}],
        value=[], labelClassName="vd-option",
    )  # fmt: skip
    boxes = dcc.Checklist(
        id={"type": f"{DESK}-in", "field": f"{what}@{kind}"},
        options=[{"value": one, "label": _both(one, label)} for one, label in options],
        value=list(value), className="vd-options", labelClassName="vd-option",
    )  # fmt: skip
    title = word(f"dataset.{what}", lang)
    hint = f"{word('dataset.filter', lang)}: {title}, {word(f'kind.{kind}', lang)}"
    field = dbc.Input(
        id={"type": "search", "id": f"{DESK}-{kind}-{what}"}, type="search", placeholder=word("dataset.filter", lang), size="sm",
        className="vd-search",
    )  # fmt: skip
    search = html.Label([html.Span(hint, className="visually-hidden"), field], className="vd-dataset-filter")
    inner = [search, every, boxes] if len(options) > SEARCHED else [every, boxes]
    return html.Fieldset([html.Legend(title), html.Div(inner, className="vd-pick")])


def _both(id: str, label: str) -> str:
    return label if id == label or id in label else f"{label} ({id})"


def counts(kinds: Mapping[str, Sequence[Device]], choices: Mapping[str, Choice], lang: str) -> list[str]:
    """`3 of 12 devices · 2 metrics` for each kind."""
    found = []
    for kind, devices in kinds.items():
        one = choices.get(kind, Choice((), ()))
        n, m = _picked(one.devices, [d.device_id for d in devices]), _picked(one.metrics, scalars_of(kind))
        key = "dataset.count" if n or m else "dataset.count.none"
        found.append(word(key, lang, devices=len(n), all=len(devices), metrics=len(m)))
    return found


def _picked(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """Those of `known` that are wanted, in its order."""
    return list(known) if EVERY in wanted else [one for one in known if one in wanted]


def asked(store: Store, choices: Mapping[str, Choice], fields: Mapping[str, str], lang: str) -> Query:
    """What the form asks for. Raises Invalid, in the language of the page."""
    zone = fields.get("zone", "")
    if zone not in (store.zone.key, "UTC") or fields.get("step") not in STEPS or fields.get("form") not in FORMS:
        raise Invalid("There is no such zone, resolution or format")
    keys = {
        (device, kind): names
        for kind, devices in by_kind(store).items()
        if kind in choices and (names := _picked(choices[kind].metrics, scalars_of(kind)))
        for device in _picked(choices[kind].devices, [d.device_id for d in devices])
    }
    if not keys:
        raise Invalid(word("dataset.choose", lang))
    window = _window(fields, zone, lang)
    aggregation = fields.get("agg", "own")
    form, step = fields["form"], STEPS[fields["step"]]
    return Query(
        tuple(columns_of(keys)), window.start, window.end, step, aggregation if aggregation in AGGREGATIONS else "", zone, form
    )


def _window(fields: Mapping[str, str], zone: str, lang: str) -> Window:
    """The window in the zone chosen: what the fields show is that zone's clock."""
    try:
        start, end = (parse(fields.get(name, ""), ZoneInfo(zone)) for name in ("from", "to"))
        return Window(start, end)
    except (ValueError, Invalid):
        raise Invalid(word("dataset.window", lang)) from None


def told(size: Size, query: Query, most_bytes: int, lang: str) -> str:
    """How large the file would be, or which limit it breaks."""
    match size.over:
        case "columns":
            return word("dataset.columns", lang, n=number(len(query.columns), 0), most=number(MOST_COLUMNS, 0))
        case "sheet":
            return word("dataset.sheet", lang, most=number(SHEET_ROWS, 0))
        case "large":
            return word("dataset.large", lang, most=bytes_of(most_bytes))
    return word("dataset.size", lang, columns=number(len(query.columns), 0), rows=number(size.rows, 0), size=bytes_of(size.bytes))


def bytes_of(size: float) -> str:
    """`1.5 MB`.

    >>> bytes_of(1_500_000), bytes_of(20), bytes_of(12_345)
    ('1.5 MB', '20 B', '12 kB')
    """
    for unit, digits in (("B", 0), ("kB", 0), ("MB", 1), ("GB", 1)):
        if size < 1000 or unit == "GB":
            return f"{number(size, digits)} {unit}"
        size /= 1000
    raise AssertionError


def files(found: Sequence[Export], days: int, scope: Scope) -> html.Div:
    """One's own files, newest first, with what can be done."""
    lang = scope.lang
    rows = [_file(one, days, scope) for one in found[:LISTED]] or [html.P(word("dataset.none", lang), className="vd-faint")]
    busy = any(one.state in OPEN for one in found)
    tick = dcc.Interval(id=f"{DESK}-tick", interval=LOOK_MS, disabled=not busy)
    return html.Div([tick, html.H3(word("dataset.mine", lang)), html.Div(rows, className="vd-set-long")], className="vd-desk")


def _file(export: Export, days: int, scope: Scope) -> html.Div:
    query, lang = export.query, scope.lang
    assert isinstance(query, Query)
    step = next((name for name, width in STEPS.items() if width == query.resolution), "raw")
    what = word("dataset.file", lang, columns=len(query.columns), step=word(f"step.{step}", lang), form=query.form)
    facts = [what, query.zone]
    if export.rows:
        facts.append(word("dataset.rows", lang, n=number(export.rows, 0)))
    if export.receipt:
        facts.append(bytes_of(float(export.receipt.get("bytes", 0))))
    if export.state == "done":
        facts.append(word("dataset.expires", lang, day=_at(export.created + days * DAY, scope)[:10]))
    actions = job_actions(DESK, export, f"/api/v1/exports/{export.id}", lang)
    return job_row(export, f"{_at(query.start, scope)} – {_at(query.end, scope)}", facts, actions, lang)


def job_row(export: Export, title: str, facts: Sequence[str], actions: Sequence[Any], lang: str) -> html.Div:
    """One file that was asked for: what it is, how far, why not, and what can be done."""
    tag = html.Span(word(f"job.{export.state}", lang), className="vd-tag", **{"data-tone": TONES.get(export.state, "")})
    lines: list[Any] = [html.Div([html.Strong(title), tag], className="vd-set-head")]
    lines.append(html.Div([html.Span(fact) for fact in facts if fact], className="vd-set-facts"))
    if export.state in OPEN:
        share = f"{100 * export.progress:.0f}"
        bar = html.Progress(value=share, max="100", **{"aria-label": word("dataset.progress", lang)})
        lines.append(html.Div([bar, html.Span(f"{share} %")], className="vd-job-progress"))
    if export.reason:
        lines.append(html.Div(export.reason, className="vd-set-facts"))
    buttons = html.Div(list(actions), className="vd-job-do")
    return html.Div([html.Div(lines), buttons], className="vd-job", **{"data-state": export.state, "data-job": export.id})


def job_actions(about: str, export: Export, address: str, lang: str) -> list[Any]:
    """Download and receipt of a finished file, cancelling or removing."""
    links: list[Any] = []
    if export.state == "done":
        fetch = [icon("download"), html.Span(word("dataset.download", lang))]
        links = [
            html.A(fetch, href=f"{address}/file", className="vd-button", download=""),
            html.A(word("dataset.receipt", lang), href=address, className="vd-quiet vd-plain", target="_blank"),
        ]
    key = "dataset.cancel" if export.state in OPEN else "dataset.remove"
    return [*links, desk.button(about, "cancel" if export.state in OPEN else "remove", export.id, key, lang, look="vd-quiet vd-plain")]


def _at(at: int, scope: Scope) -> str:
    return datetime.fromtimestamp(at / 1000, ZoneInfo(scope.zone)).strftime("%Y-%m-%d %H:%M")
