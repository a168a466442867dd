"""What the buttons of the notification card do; `callbacks/settings.py` asks for the permission and says what became of it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dashboard import door, settings
from dashboard.desk import told
from dashboard.words import word
from plant.errors import Invalid
from services import notification_rules as rulebook
from services import notifying
from services.notification_rules import MAIL, WEBHOOK, Rule

if TYPE_CHECKING:
    from callbacks.settings import Desk

Fields = Mapping[str, Any]
NEED = "settings"


def _add(desk: "Desk", _about: str, given: Fields) -> Any:
    to = _line(given, "to")
    is_web = "://" in to
    after = _line(given, "after")
    rule = Rule(
        name=_line(given, "name"),
        channel=WEBHOOK if is_web else MAIL,
        to=() if is_web else _several(to),
        url=to if is_web else "",
        secret=_line(given, "secret"),
        lang=_line(given, "lang"),
        severities=_chosen(given, "severities"),
        kinds=_chosen(given, "kinds"),
        devices=_several(_line(given, "devices")),
        events=_chosen(given, "events"),
        after_min=int(after) if after.isascii() and after.isdigit() and len(after) < 7 else 30,
        quiet=_line(given, "quiet"),
    )
    lang = desk.scope.lang
    try:
        made = rulebook.add(desk.store, rule, desk.me.username)
    except Invalid as error:
        faults = [fault["field"] for fault in error.details.get("field_errors", ())]
        raise Invalid(", ".join(word(f"notify.bad.{name}", lang) for name in faults) or error.message) from None
    said = word("notify.added", lang, name=made.name)
    return settings.issued(said, made.secret, lang) if made.channel == WEBHOOK else said


def _test(desk: "Desk", about: str, _given: Fields) -> Any:
    good, said = notifying.try_out(desk.store, desk.config, about, desk.me.username)
    lang = desk.scope.lang
    return told("good" if good else "alarm", word("notify.tested" if good else "notify.untested", lang, said=said))


def _switch(active: bool) -> Callable[["Desk", str, Fields], Any]:
    def switch(desk: "Desk", about: str, _given: Fields) -> Any:
        return word("set.user.changed", desk.scope.lang, name=rulebook.switch(desk.store, about, active, desk.me.username).name)

    return switch


def _drop(desk: "Desk", about: str, _given: Fields) -> Any:
    return word("notify.dropped", desk.scope.lang, name=rulebook.drop(desk.store, about, desk.me.username).name)


def _line(given: Fields, name: str) -> str:
    return door.text(given.get(name), name).strip()


def _several(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _chosen(given: Fields, name: str) -> tuple[str, ...]:
    value = given.get(name)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


ACTIONS: Mapping[str, tuple[str, Callable[["Desk", str, Fields], Any]]] = {
    "notify-add": (NEED, _add),
    "notify-test": (NEED, _test),
    "notify-on": (NEED, _switch(True)),
    "notify-off": (NEED, _switch(False)),
    "notify-drop": (NEED, _drop),
}
"""What a button does → the permission it needs."""
