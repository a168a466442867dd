"""The card of the settings page on which administrators say who is told of which alarms, and see what became of it."""

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from dashboard import settings_parts as parts
from dashboard.page import Scope
from dashboard.scope import LANGUAGES
from dashboard.words import word
from datastore.store import Store
from plant.analysis.alarms import SEVERITIES
from plant.model import Kind
from services import notification_rules as rulebook
from services import notifying
from services.notification_rules import CLEARED, EVENTS, RAISED, Rule
from services.notifying import FAILED, SENT, WAITING, Delivery

FORM = "notify-add"
WAITS = ("5", "15", "30", "60", "240")
"""Minutes without acknowledgement to choose from."""
SHOWN = 30
TONES = {SENT: "good", WAITING: "info", FAILED: "alarm"}


def card(store: Store, has_mail: bool, scope: Scope) -> html.Section:
    """Rules with what can be done about each, a form for another one, and the newest deliveries."""
    lang = scope.lang
    rules = rulebook.rules(store.records)
    names = {rule.id: rule.name for rule in rules}
    rows = [_rule(rule, lang) for rule in rules] or [parts.none(lang)]
    told = notifying.deliveries(store, SHOWN)
    lines = [_delivery(one, names, scope) for one in told] or [parts.none(lang)]
    note = [] if has_mail else [html.P(word("notify.nomail", lang), className="vd-faint")]
    log = [html.H3(word("notify.log", lang), className="vd-sub"), html.Div(lines, className="vd-set-long")]
    return parts.card("notify.title", "send", [*note, *rows, _new(lang), *log], scope)


def _rule(rule: Rule, lang: str) -> html.Div:
    severities = [word(f"severity.{one}", lang) for one in rule.severities] or [word("all", lang)]
    events = [word(f"notify.event.{one}", lang, n=rule.after_min) for one in rule.events]
    facts = [
        rule.where,
        word(f"language.{rule.lang}", lang),
        ", ".join(severities),
        ", ".join((*(word(f"kind.{one}", lang) for one in rule.kinds), *rule.devices)),
        ", ".join(events),
        word("notify.quiet.is", lang, hours=rule.quiet) if rule.quiet else "",
    ]
    actions = [
        parts.button("notify.test", "notify-test", rule.id, lang),
        parts.button("notify.pause" if rule.active else "notify.resume", "notify-off" if rule.active else "notify-on", rule.id, lang),
        parts.button("notify.drop", "notify-drop", rule.id, lang),
    ]
    state = word("set.active" if rule.active else "notify.paused", lang)
    return parts.row(rule.name, facts, state, "good" if rule.active else "stale", [html.Div(actions, className="vd-row-start")])


def _delivery(one: Delivery, names: dict[str, str], scope: Scope) -> html.Div:
    lang = scope.lang
    what = word(f"notify.did.{one.what}", lang)
    facts = [
        names.get(one.rule, one.rule),
        parts.moment(one.at, scope),
        word("notify.tries", lang, n=one.tries) if one.tries > 1 or one.state != SENT else "",
        word("notify.bundled", lang, n=one.bundled) if one.bundled else "",
        one.said,
    ]
    return parts.row(f"{one.device_id}: {what}", facts, word(f"notify.state.{one.state}", lang), TONES.get(one.state, ""), [])


def _new(lang: str) -> html.Details:
    severities = [(one, word(f"severity.{one}", lang)) for one in reversed(list(SEVERITIES))]
    events = [(one, word(f"notify.{one}", lang)) for one in EVENTS]
    waits = [(one, word("notify.minutes", lang, n=one)) for one in WAITS]
    return parts.form(
        FORM,
        "notify.add",
        [
            ("set.name", parts.text(FORM, "name")),
            ("notify.to", parts.text(FORM, "to", placeholder="ops@example.com, https://…")),
            ("notify.secret", parts.text(FORM, "secret", "password")),
            ("language", parts.select(FORM, "lang", [(one, word(f"language.{one}", lang)) for one in LANGUAGES], lang)),
            ("alarm.severity", _boxes("severities", severities, ["alarm", "protection"])),
            ("notify.events", _boxes("events", events, [RAISED, CLEARED])),
            ("notify.after", parts.select(FORM, "after", waits, "30")),
            ("notify.kinds", _boxes("kinds", [(str(kind), word(f"kind.{kind}", lang)) for kind in Kind], [])),
            ("set.key.devices", parts.text(FORM, "devices", placeholder="bess01, rack*")),
            ("notify.quiet", parts.text(FORM, "quiet", placeholder="22:00-06:00")),
        ],
        lang,
    )


def _boxes(name: str, options: list[tuple[str, str]], chosen: list[str]) -> Any:
    listed = [{"label": text, "value": value} for value, text in options]
    return dbc.Checklist(id=parts.field(FORM, name), options=listed, value=chosen, inline=True)
