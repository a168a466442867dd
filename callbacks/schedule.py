"""The operator's desk on the schedule page: awards are added and removed through `services.awards`, which keeps the audit. Every action
asks the guard's word again: what is hidden is also refused."""

from collections.abc import Mapping
from functools import partial
from math import isfinite
from typing import Any

from dash import Dash

from callbacks import desks
from dashboard import award_desk, desk, door
from dashboard.loads import settled
from dashboard.scope import Scope
from dashboard.visitor import visitor
from dashboard.words import word
from datastore.store import Store
from plant import rules
from plant.errors import Forbidden, Invalid
from plant.model import HOUR, ScheduleEvent
from plant.timeline import moment, parse
from services import awards
from services.config import Config
from services.other_bid import MOST_MW

NEED = "schedule"
MOST_PRICE = 1e6
REDRAWN = ("schedule-week", "schedule-hours")


def wire(app: Dash, store: Store, config: Config) -> None:
    """Fill the desk for those who may change awards, and do what its buttons say."""

    def form(scope: Scope) -> Any:
        return award_desk.body(store, scope) if visitor().may(NEED) else []

    desks.wire(app, store, config, award_desk.DESK, "/schedule", form, partial(done, store), REDRAWN)


def done(store: Store, wanted: tuple[str, str], given: desk.Fields, scope: Scope) -> str:
    """Do it; what to tell. Raises Forbidden, Invalid and what the services raise."""
    what, about = wanted
    me = visitor()
    if not me.may(NEED):
        raise Forbidden(word("desk.refused", scope.lang))
    if what == "add":
        kept = awards.add(store, award_desk.hourly(award_of(store, given, scope.lang), _hours(given, scope.lang)), me.username)
        settled.forget()
        return word("desk.added", scope.lang, n=len(kept), when=f"{moment(kept[0].time_start, store.zone):%Y-%m-%d %H:%M}")
    if what == "remove" and about.isascii() and about.isdigit() and len(about) < 10:
        gone = awards.remove(store, int(about), me.username)
        settled.forget()
        return word("desk.removed", scope.lang, when=f"{moment(gone.time_start, store.zone):%Y-%m-%d %H:%M}")
    raise Invalid("There is no such action")


def award_of(store: Store, given: Mapping[str, Any], lang: str) -> ScheduleEvent:
    """The award a form speaks of, its first hour. Raises Invalid with a sentence for the person at the form."""
    mode, code = (door.text(given.get(name), name).strip() for name in ("mode", "quote_code"))
    if mode not in rules.modes() or len(code) > 64 or not code.isprintable():
        raise Invalid(word("desk.bad", lang, field=word("desk.mode", lang)))
    try:
        start = parse(door.text(given.get("start"), "start"), store.zone)
    except ValueError:
        raise Invalid(word("desk.bad", lang, field=word("desk.start", lang))) from None
    power = _number(given, "power", 0.0, MOST_MW, "desk.power", lang)
    if power <= 0:
        raise Invalid(word("desk.bad", lang, field=word("desk.power", lang)))
    price = _number(given, "price", -MOST_PRICE, MOST_PRICE, "desk.money", lang)
    shift = _number(given, "transfer", -MOST_MW, MOST_MW, "desk.shift", lang)
    return ScheduleEvent(
        mode, start, start + HOUR, quote_capacity=power, power=power, price=price, quote_price=price, quote_code=code, transfer=shift
    )


def _hours(given: Mapping[str, Any], lang: str) -> int:
    hours = _number(given, "hours", 1, 24, "desk.hours", lang)
    if hours != int(hours):
        raise Invalid(word("desk.bad", lang, field=word("desk.hours", lang)))
    return int(hours)


def _number(given: Mapping[str, Any], name: str, low: float, high: float, title: str, lang: str) -> float:
    value = given.get(name)
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else float("nan")
    except ValueError:
        number = float("nan")
    if not isfinite(number) or not low <= number <= high:
        raise Invalid(word("desk.bad", lang, field=word(title, lang)))
    return number
