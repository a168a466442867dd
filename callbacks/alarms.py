"""What people do on the alarm page: acknowledge, shelve, comment. What is hidden from who may not is also refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from dash import Dash, html

from callbacks import desks
from dashboard import desk
from dashboard.loads import alarms
from dashboard.loads.archive import site_second
from dashboard.scope import Scope
from dashboard.visitor import visitor
from dashboard.words import word
from datastore.store import Store
from plant.errors import Forbidden, Invalid
from plant.model import DAY, HOUR, MINUTE, Alarm
from services import alarm_actions
from services.config import Config

DESK = "alarm"
SHELVES: Mapping[str, int] = {"15m": 15 * MINUTE, "1h": HOUR, "8h": 8 * HOUR}
UNTIL = "until"


@dataclass(frozen=True, slots=True)
class Act:
    """One action: the alarm's number, the form, who acts, in which language."""

    store: Store
    about: int
    fields: desk.Fields
    who: str
    scope: Scope


def wire(app: Dash, store: Store, config: Config) -> None:
    """Fill the form by who looks, and do what its buttons say."""

    def filled(scope: Scope) -> Any:
        return form(alarms.picked(store, scope), store.clock(), scope)

    desks.wire(app, store, config, DESK, "/alarms", filled, partial(done, store), ("alarms-list", "alarms-card"))


def form(alarm: Alarm | None, now: int, scope: Scope) -> list[Any]:
    """What this visitor may do with the alarm."""
    if alarm is None:
        return [html.P(word("alarm.do.choose", scope.lang), className="vd-faint")]
    lang, me, about = scope.lang, visitor(), str(alarm.id)
    if me.pages is not None:
        return []  # nobody stands at a wall screen
    parts: list[Any] = [html.H3(word("alarm.do.head", lang, id=about, device=alarm.device_id))]
    if alarm.cleared is not None:
        parts.append(html.P(word("alarm.do.over", lang), className="vd-faint"))
    elif me.may("alarms"):
        parts.append(_shelving(alarm, now, about, lang))
    if me.may("annotate"):
        inner = [desk.text(DESK, "text", "alarm.do.text", lang, maxLength=alarm_actions.LONGEST_TEXT)]
        if me.may("alarms") and alarm.cleared is None and alarm.acknowledged is None:
            inner.append(desk.button(DESK, "ack", about, "alarm.do.ack", lang))
        inner.append(desk.button(DESK, "comment", about, "alarm.do.comment", lang, look="vd-quiet vd-plain"))
        parts.append(html.Div(inner, className="vd-form"))
    if not me.may("alarms"):
        parts += desk.login("alarm.do.none", "/alarms", scope)
    return parts


def _shelving(alarm: Alarm, now: int, about: str, lang: str) -> html.Div:
    if alarm.is_shelved(now):
        return html.Div([desk.button(DESK, "unshelve", about, "alarm.do.unshelve", lang, look="vd-quiet vd-plain")], className="vd-form")
    options = [*((name, f"alarm.shelf.{name}") for name in SHELVES), (UNTIL, "alarm.shelf.until")]
    return html.Div(
        [
            desk.select(DESK, "shelf", "alarm.do.shelf", options, "1h", lang),
            desk.text(DESK, "until", "alarm.do.until", lang, placeholder="2026-12-31 08:00"),
            desk.button(DESK, "shelve", about, "alarm.do.shelve", lang, look="vd-quiet vd-plain"),
        ],
        className="vd-form",
    )


def done(store: Store, wanted: tuple[str, str], fields: desk.Fields, scope: Scope) -> str:
    """Do it and say so. Raises Forbidden without the permission, and what the action raises."""
    what, about = wanted
    if what not in ACTIONS:
        raise Forbidden("There is no such action")
    need, action = ACTIONS[what]
    me = visitor()
    if not me.may(need) or me.devices is not None:
        raise Forbidden(word("set.refused", scope.lang))
    return action(Act(store, alarm_actions.number_of(about), fields, me.username, scope))


def _acknowledge(act: Act) -> str:
    alarm_actions.acknowledge(act.store, act.about, act.who, desk.line(act.fields, "text"))
    return word("alarm.did.ack", act.scope.lang, id=act.about)


def _shelve(act: Act) -> str:
    now, shelf = act.store.clock(), desk.line(act.fields, "shelf")
    until = now + SHELVES[shelf] if shelf in SHELVES else _until(desk.line(act.fields, "until"), act.scope)
    if not now < until <= now + alarm_actions.LONGEST_SHELF:
        raise Invalid(word("alarm.do.until.range", act.scope.lang, days=alarm_actions.LONGEST_SHELF // DAY))
    alarm_actions.shelve(act.store, act.about, act.who, until, desk.line(act.fields, "text"))
    return word("alarm.did.shelve", act.scope.lang, id=act.about, when=site_second(until, act.store))


def _until(text: str, scope: Scope) -> int:
    """A date, or date and time, of the site's clock [epoch ms]."""
    try:
        return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(scope.zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Invalid(word("alarm.do.until.bad", scope.lang)) from None


def _unshelve(act: Act) -> str:
    alarm_actions.unshelve(act.store, act.about, act.who)
    return word("alarm.did.unshelve", act.scope.lang, id=act.about)


def _comment(act: Act) -> str:
    if not desk.line(act.fields, "text"):
        raise Invalid(word("alarm.do.no-text", act.scope.lang))
    alarm_actions.comment(act.store, act.about, act.who, desk.line(act.fields, "text"))
    return word("alarm.did.comment", act.scope.lang, id=act.about)


ACTIONS: Mapping[str, tuple[str, Callable[[Act], str]]] = {
    "ack": ("alarms", _acknowledge),
    "shelve": ("alarms", _shelve),
    "unshelve": ("alarms", _unshelve),
    "comment": ("annotate", _comment),
}
"""What a button does → the permission it needs."""
