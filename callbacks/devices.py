"""What people do on the devices page: send a command, shut down, switch maintenance. What is hidden from who may not is also refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dash import Dash, html

from callbacks import desks
from dashboard import desk
from dashboard.cards import icon
from dashboard.loads.devices import chosen
from dashboard.loads.fleet import fleet
from dashboard.scope import Scope
from dashboard.visitor import visitor
from dashboard.words import word
from datastore.store import Store
from plant.analysis.command_safety import STORAGE
from plant.analysis.commands import EMERGENCY, PRIORITIES, STARTS, TYPES
from plant.errors import Forbidden, Invalid, PlantError
from plant.model import Device
from services import fleet_devices
from services.commands import Commands, Order
from services.config import Config

DESK = "device"
MAINTENANCE, ONLINE = "maintenance", "online"
TIMEOUTS = ("30", "60", "120", "300")
NUMBERS: Mapping[str, float] = {"target_power": 1000.0, "target_soc": 1.0, "max_current": 1.0}
"""Parameter → how many of the command's units one of the form's is (kW → W)."""


@dataclass(frozen=True, slots=True)
class Act:
    """One action: the device's id, the form, who acts, in which language."""

    store: Store
    about: str
    fields: desk.Fields
    who: str
    scope: Scope


def wire(app: Dash, store: Store, config: Config) -> None:
    """Fill the form by who looks, and do what its buttons say."""

    def filled(scope: Scope) -> Any:
        return form(chosen(fleet(store), scope), scope)

    desks.wire(
        app, store, config, DESK, "/devices", filled, partial(done, store), ("devices-history", "devices-card", "devices-fleet"), reasoned
    )


def reasoned(error: PlantError, scope: Scope) -> html.Div:
    """Why a command was refused, reason by reason."""
    reasons = error.details.get("violations") or [fault["message"] for fault in error.details.get("field_errors", ())]
    return desk.told("alarm", word("command.refused", scope.lang) if reasons else error.message, reasons)


def form(device: Device | None, scope: Scope) -> list[Any]:
    """What this visitor may do with the device."""
    if device is None:
        return []
    me, lang, about = visitor(), scope.lang, device.device_id
    if me.pages is not None:
        return []  # nobody stands at a wall screen
    parts: list[Any] = []
    if me.may("command"):
        parts += [_command(device, lang), _emergency(about, lang)]
    else:
        parts += desk.login("command.none", "/devices", scope)
    if me.may("devices"):
        off = device.status == MAINTENANCE
        key = "device.maintenance.end" if off else "device.maintenance.begin"
        note = html.Span(word("device.maintenance.note", lang), className="vd-faint")
        switch = desk.button(DESK, "online" if off else "maintenance", about, key, lang, look="vd-quiet vd-plain")
        parts.append(html.Div([switch, note], className="vd-form"))
    return parts


def _command(device: Device, lang: str) -> html.Div:
    types = [one for one in TYPES if one != EMERGENCY and (device.kind in STORAGE or one not in STARTS)]
    priorities = [(one, f"command.priority.{one}") for one in PRIORITIES if one != "critical"]
    return html.Div(
        [
            desk.select(DESK, "type", "command.type", [(one, f"command.{one}") for one in types], "request_status", lang),
            desk.text(DESK, "target_power", "command.power", lang, "number", min=0, step="any"),
            desk.text(DESK, "target_soc", "command.soc", lang, "number", min=0, max=100, step="any"),
            desk.text(DESK, "max_current", "command.current", lang, "number", min=0, step="any"),
            desk.select(DESK, "timeout", "command.timeout", [(one, f"{one} s") for one in TIMEOUTS], "30", lang),
            desk.select(DESK, "priority", "command.priority", priorities, "normal", lang),
            desk.button(DESK, "send", device.device_id, "command.send", lang),
        ],
        className="vd-form",
    )


def _emergency(about: str, lang: str) -> html.Details:
    """Two steps: what would happen has to be opened before it can be done."""
    summary = html.Summary([icon("exclamation-octagon"), html.Span(word("command.emergency", lang))])
    warning = html.P(word("command.emergency.note", lang, id=about))
    sure = desk.button(DESK, EMERGENCY, about, "command.emergency.sure", lang, tone="alarm")
    return html.Details([summary, html.Div([warning, sure])])


def done(store: Store, wanted: tuple[str, str], fields: desk.Fields, scope: Scope) -> str:
    """Do it and say so. Raises Forbidden without the permission, and what the action raises."""
    what, about = wanted
    if what not in ACTIONS:
        raise Forbidden("There is no such action")
    need, action = ACTIONS[what]
    me = visitor()
    if not me.may(need) or not me.speaks_for(about):
        raise Forbidden(word("set.refused", scope.lang))
    return action(Act(store, about, fields, me.username, scope))


def _send(act: Act) -> str:
    numbers = {name: _number(act.fields, name, factor) for name, factor in NUMBERS.items()}
    parameters = {name: value for name, value in numbers.items() if value is not None}
    seconds = desk.line(act.fields, "timeout")
    kind = desk.line(act.fields, "type")
    if kind == EMERGENCY:
        raise Invalid("An emergency shutdown has a button of its own")
    order = Order(
        act.about, kind, parameters, int(seconds) if seconds in TIMEOUTS else 30, desk.line(act.fields, "priority") or "normal", act.who
    )
    command = Commands(act.store).send(order)
    return word("command.sent", act.scope.lang, id=command.id)


def _number(fields: desk.Fields, name: str, factor: float) -> float | None:
    text = desk.line(fields, name)
    if not text:
        return None
    try:
        return float(f"{float(text) * factor:.12g}")
    except ValueError:
        raise Invalid(f"{name} is not a number") from None


def _shut_down(act: Act) -> str:
    command = Commands(act.store).send(Order(act.about, EMERGENCY, priority="critical", source=act.who))
    return word("command.sent", act.scope.lang, id=command.id)


def _switch(status: str) -> Callable[[Act], str]:
    def switch(act: Act) -> str:
        fleet_devices.change(act.store, act.about, lambda device: replace(device, status=status), act.who)
        return word(f"device.did.{status}", act.scope.lang, id=act.about)

    return switch


ACTIONS: Mapping[str, tuple[str, Callable[[Act], str]]] = {
    "send": ("command", _send),
    EMERGENCY: ("command", _shut_down),
    MAINTENANCE: ("devices", _switch(MAINTENANCE)),
    ONLINE: ("devices", _switch(ONLINE)),
}
"""What a button does → the permission it needs."""
