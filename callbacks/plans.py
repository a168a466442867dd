"""What people do with plans on the schedule page: ask for one, accept it, bring prices. What is hidden from who may not is also refused."""

from dataclasses import replace
from functools import partial
from math import isfinite
from typing import Any

from dash import Dash, dcc, html

from callbacks import desks
from dashboard import desk, door
from dashboard.loads import planned, settled
from dashboard.loads.awarded import clock
from dashboard.scope import Scope
from dashboard.visitor import visitor
from dashboard.words import word
from datastore.store import Store
from plant import rules
from plant.errors import Forbidden, Invalid
from plant.quantity import number
from plant.timeline import day as read_day
from plant.timeline import parse
from services import plans, prices
from services.allocations import HIGH_SOC, LOW_SOC
from services.config import Config
from services.plans import ROUND_TRIP, Wish

DESK = "plan"
NEED = "schedule"
PANEL = "schedule-plan"
LONGEST_TABLE = 200_000


def wire(app: Dash, store: Store, config: Config) -> None:
    """Fill the form by who looks, and do what its buttons say."""
    desks.wire(app, store, config, DESK, "/schedule", partial(form, store), partial(done, store), (PANEL,))


def done(store: Store, wanted: tuple[str, str], fields: desk.Fields, scope: Scope) -> str:
    """Do it; what to tell. Raises Forbidden, Invalid and what the services raise."""
    what, about = wanted
    me, lang = visitor(), scope.lang
    if not me.may("simulate" if what == "make" else NEED):
        raise Forbidden(word("desk.refused", lang))
    if what == "make":
        wish = wish_of(fields, about, lang)
        made = plans.ask(store, planned.site(store), wish, store.clock(), me.username or "anonymous")
        return word("plan.made", lang, day=made["day"], method=word(f"method.{made['optimization_method']}", lang))
    if what == "accept":
        kept = plans.accept(store, about[:64], me.username)
        settled.forget()
        return word("plan.accepted", lang, n=len(kept))
    if what == "prices":
        text = door.text(fields.get("table"), "table")[:LONGEST_TABLE]
        count = prices.put(store, prices.read_table(text, store), desk.line(fields, "currency"), me.username)
        return word("plan.kept", lang, n=count)
    raise Invalid("There is no such action")


def wish_of(fields: desk.Fields, day: str, lang: str) -> Wish:
    """The wish of the form. Raises Invalid with a sentence for the person at the form."""
    try:
        wish = Wish(read_day(day))
    except ValueError:
        raise Invalid(word("desk.bad", lang, field=word("plan.day", lang))) from None

    def value(name: str, title: str, default: float | None = None) -> float | None:
        text = desk.line(fields, name)
        try:
            found = float(text) if text else default
        except ValueError:
            found = float("nan")
        if found is not None and not isfinite(found):
            raise Invalid(word("desk.bad", lang, field=word(title, lang)))
        return found

    wish = replace(
        wish,
        low=value("low", "plan.low", LOW_SOC) or 0.0,
        high=value("high", "plan.high", HIGH_SOC) or 0.0,
        start=value("start", "plan.start"),
        end=value("end", "plan.end"),
        round_trip=value("round_trip", "plan.round-trip", ROUND_TRIP) or 0.0,
        wear=value("wear", "plan.ageing", 0.0) or 0.0,
    )
    product = desk.line(fields, "product")
    if product in ("", "none"):
        return wish
    price, most = value("offer_price", "plan.offer-price", 0.0) or 0.0, value("most", "plan.most", 0.0) or 0.0
    return replace(wish, product=product, offer_price=price, most=most, least=min(1.0, most))


def form(store: Store, scope: Scope) -> list[Any]:
    """What this visitor may do for the day, and what its newest plan says."""
    me, lang = visitor(), scope.lang
    if me.pages is not None:
        return []  # nobody stands at a wall screen
    of = planned.day(store, scope)
    known, entry = planned.prices_of(store, of), planned.plan_of(store, of)
    parts: list[Any] = []
    if entry is not None:
        parts += facts(store, entry.id, entry.state, entry.body, scope)
    if known.of and me.may("simulate"):
        parts.append(_ask(store, of.isoformat(), known.of[0].start, lang))
    parts += [_bring(lang)] if me.may(NEED) else desk.login("plan.login", "/schedule", scope)
    return parts


def facts(store: Store, name: str, state: str, plan: Any, scope: Scope) -> list[Any]:
    """Income, assumptions, what cannot be kept, and the button that accepts."""
    lang, assumed = scope.lang, plan["assumptions"]
    money = {part: number(value, 0) for part, value in plan["income"].items()}
    rows = [
        word("plan.income", lang, sign=plan["currency"], **money),
        word(f"method.{plan['optimization_method']}", lang),
        word("plan.baseline", lang, **{name: _beside(one, lang) for name, one in plan["baselines"].items()}),
        word(
            "plan.assumed",
            lang,
            kwh=number(assumed["energy_kwh"], 0),
            soc=number(assumed["soc_start"], 1),
            trip=number(assumed["round_trip_percent"], 0),
        ),
    ]
    if assumed["awards_without_money"]:
        rows.append(word("plan.unpriced", lang, names=", ".join(assumed["awards_without_money"])))
    parts: list[Any] = [html.Div([html.Span(row) for row in rows], className="vd-set-facts")]
    if plan["lacks"]:
        told = [
            word(f"lack.{one['what']}", lang, n=number(one["amount"], 1), at=clock(store, parse(one["at"]))) for one in plan["lacks"][:8]
        ]
        parts.append(desk.told("alarm", word("plan.lacks", lang), told))
    if state == "accepted":
        parts.append(html.Span(word("plan.is-accepted", lang), className="vd-tag"))
    elif visitor().may(NEED) and any(row["power_kw"] or row["offered_mw"] for row in plan["hours"]):
        parts.append(html.Div(desk.button(DESK, "accept", name, "plan.accept", lang), className="vd-form"))
    return parts


def _beside(baseline: Any, lang: str) -> str:
    """What a baseline would earn, if it kept the limits."""
    return number(baseline["total"], 0) if baseline["feasible"] else word("plan.not-kept", lang)


def _ask(store: Store, day: str, at: int, lang: str) -> html.Div:
    offers = [(name, name) for name in rules.modes() if (found := rules.version(name, at)) and found.verified and found.curve]
    return html.Div(
        [
            desk.text(DESK, "low", "plan.low", lang, "number", min=0, max=100, step="any", placeholder=f"{LOW_SOC:g}"),
            desk.text(DESK, "high", "plan.high", lang, "number", min=0, max=100, step="any", placeholder=f"{HIGH_SOC:g}"),
            desk.text(DESK, "start", "plan.start", lang, "number", min=0, max=100, step="any"),
            desk.text(DESK, "end", "plan.end", lang, "number", min=0, max=100, step="any"),
            desk.text(DESK, "round_trip", "plan.round-trip", lang, "number", min=1, max=100, step="any", placeholder=f"{ROUND_TRIP:g}"),
            desk.text(DESK, "wear", "plan.ageing", lang, "number", min=0, step="any", placeholder="0"),
            desk.select(DESK, "product", "plan.product", [("none", "plan.no-offer"), *offers], "none", lang),
            desk.text(DESK, "offer_price", "plan.offer-price", lang, "number", step="any", placeholder="0"),
            desk.text(DESK, "most", "plan.most", lang, "number", min=0, step="any"),
            desk.button(DESK, "make", day, "plan.make", lang),
        ],
        className="vd-form",
    )


def _bring(lang: str) -> html.Details:
    table = dcc.Textarea(
        id={"type": f"{DESK}-in", "field": "table"},
        value="",
        placeholder="2026-11-22 00:00, 61.4\n2026-11-22 01:00, -4.2",
        className="form-control form-control-sm",
        style={"minHeight": "120px"},
    )
    inner = [
        html.Label([html.Span(word("plan.table", lang)), table]),
        desk.text(DESK, "currency", "plan.currency", lang, placeholder="EUR", maxLength=3),
        desk.button(DESK, "prices", "", "plan.keep", lang),
    ]
    return html.Details(
        [html.Summary(word("plan.bring", lang), className="vd-set-open", style={"color": "inherit"}), html.Div(inner, className="vd-form")]
    )
