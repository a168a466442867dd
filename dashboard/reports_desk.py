"""The panel of monthly reports: a form that asks for one, and those there are. It depends on who looks, so a callback fills it
(`callbacks/reports.py`)."""

from collections.abc import Sequence

from dash import dcc, html

from dashboard import desk
from dashboard.dataset import LOOK_MS, bytes_of, job_actions, job_row
from dashboard.page import Scope
from dashboard.scope import LANGUAGES
from dashboard.words import word
from datastore.store import Store
from plant.timeline import moment
from services.access import Identity
from services.exports import OPEN, Export, Report
from services.reports import NOBODY, name_of

DESK = "reports"
MONTHS = 24
LISTED = 36


def months(store: Store) -> list[str]:
    """The running month and those before it."""
    here = moment(store.clock(), store.zone)
    return [f"{(here.year * 12 + here.month - 1 - n) // 12}-{(here.year * 12 + here.month - 1 - n) % 12 + 1:02}" for n in range(MONTHS)]


def form(store: Store, scope: Scope) -> html.Div:
    """Which month, in which language; last month's first, the page's language."""
    listed = months(store)
    fields = [
        desk.select(DESK, "month", "reports.month", [(one, one) for one in listed], listed[1], scope.lang),
        desk.select(DESK, "lang", "reports.language", [(one, f"language.{one}") for one in LANGUAGES], scope.lang, scope.lang),
        desk.button(DESK, "make", "", "reports.make", scope.lang),
    ]
    return html.Div(fields, className="vd-form")


def files(found: Sequence[Export], me: Identity, scope: Scope) -> html.Div:
    """The reports of the site, newest first."""
    lang = scope.lang
    rows = [_row(one, me, scope) for one in found[:LISTED]] or [html.P(word("reports.none", lang), className="vd-faint")]
    tick = dcc.Interval(id=f"{DESK}-tick", interval=LOOK_MS, disabled=not any(one.state in OPEN for one in found))
    return html.Div([tick, html.Div(rows, className="vd-set-long")], className="vd-desk")


def may_remove(me: Identity, export: Export) -> bool:
    """One's own, and for administrators any."""
    asked = export.query
    return me.may("users") or (export.owner == me.username and not (isinstance(asked, Report) and asked.planned))


def _row(export: Export, me: Identity, scope: Scope) -> html.Div:
    asked, lang = export.query, scope.lang
    assert isinstance(asked, Report)
    owner = word("reports.planned", lang) if asked.planned else word("reports.by", lang, who=export.owner) if export.owner != NOBODY else ""
    facts = [word(f"language.{asked.lang}", lang), owner]
    if export.receipt:
        facts.append(word("reports.charts", lang, n=export.receipt.get("charts", 0), pages=export.receipt.get("pages", 0)))
        facts.append(bytes_of(float(export.receipt.get("bytes", 0))))
    actions = job_actions(DESK, export, f"/api/v1/reports/{export.id}", lang)
    return job_row(export, name_of(asked), facts, actions if may_remove(me, export) else actions[:-1], lang)
