"""What a notification says: a subject and a text for people, the same as JSON for machines; in the language of the rule."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from plant.alarm_wording import FLAGGED, LANGUAGES, sentence
from plant.metrics import CATALOGUE
from plant.model import MINUTE, Alarm, Device
from plant.quantity import number, quantity
from plant.timeline import iso, moment
from services.notification_rules import CLEARED, ESCALATED, RAISED, rank

TESTED = "test"
LISTED = 50
"""Events that a bundle lists; of the others it says how many there are."""

Texts = tuple[str, str, str]
TEXTS: Mapping[str, Texts] = {
    RAISED: ("Raised", "告警發生", "Activada"),
    CLEARED: ("Cleared", "告警解除", "Resuelta"),
    ESCALATED: ("Not acknowledged for {n} min", "已 {n} 分鐘未確認", "Sin reconocer desde hace {n} min"),
    TESTED: ("Test message", "測試訊息", "Mensaje de prueba"),
    "tested": (
        "This is a test of the notification rule “{name}”. No alarm stands behind it.",
        "這是通知規則「{name}」的測試，並無實際告警。",
        "Es una prueba de la regla de notificación «{name}». No hay ninguna alarma detrás.",
    ),
    "bundle": ("{n} alarm events, the worst: {worst}", "{n} 個告警事件，最嚴重：{worst}", "{n} eventos de alarma, el peor: {worst}"),
    "more": ("and {n} more", "另有 {n} 個", "y {n} más"),
    "site": ("Site", "案場", "Planta"),
    "device": ("Device", "設備", "Equipo"),
    "severity": ("Severity", "等級", "Gravedad"),
    "what": ("What", "內容", "Qué"),
    "value": ("Value", "數值", "Valor"),
    "limit": ("Limit", "限值", "Límite"),
    "since": ("Since", "起始時間", "Desde"),
    "until": ("Until", "結束時間", "Hasta"),
    "link": ("Alarm", "告警連結", "Alarma"),
    "id": ("Delivery", "通知編號", "Entrega"),
    "simulated": ("simulated plant", "模擬電廠", "planta simulada"),
    "info": ("Info", "資訊", "Información"),
    "warning": ("Warning", "警告", "Aviso"),
    "alarm": ("Alarm", "告警", "Alarma"),
    "protection": ("Protection", "保護", "Protección"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell: `id` is the same however often it is told, `what` is raised, cleared or escalated, the alarm as it stood when
    that was so; `waited` [min] is how long it had not been acknowledged."""

    id: str
    what: str
    alarm: Alarm
    waited: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a message needs beside its events: the site, its clock, the address of this server, the devices by (id, kind)."""

    site_id: str
    site_name: str
    zone: ZoneInfo
    url: str
    devices: Mapping[tuple[str, str], Device]


@dataclass(frozen=True, slots=True)
class Message:
    """One message, for every channel: `id` tells receivers what they have had already."""

    id: str
    subject: str
    text: str
    payload: Mapping[str, Any]


def compose(events: Sequence[Event], lang: str, around: Surroundings, now: int) -> Message:
    """The message of one event, or of several in one, oldest first."""
    if len(events) == 1:
        return _single(events[0], lang, around, now)
    ordered = sorted(events, key=lambda event: (event.alarm.raised, event.id))
    worst = max((event.alarm.severity for event in ordered), key=rank)
    head = _say("bundle", lang, n=len(ordered), worst=_say(worst, lang))
    shown, left = ordered[:LISTED], len(ordered) - LISTED
    lines = [_row(event, lang, around) for event in shown]
    if left > 0:
        lines.append(_say("more", lang, n=left))
    digest = hashlib.sha256("\n".join(sorted(event.id for event in ordered)).encode()).hexdigest()[:24]
    link = f"{around.url}/alarms" if around.url else ""
    simulated = all(event.alarm.simulated for event in ordered)
    return _message(f"bundle.{digest}", "alarm.bundle", head, lines, link, ordered, lang, around, now, simulated)


def test_message(rule_id: str, rule_name: str, token: str, lang: str, around: Surroundings, now: int) -> Message:
    """A message that says it is a test."""
    lines = [_say("tested", lang, name=rule_name)]
    return _message(f"test.{rule_id}.{token}", TESTED, _say(TESTED, lang), lines, around.url, [], lang, around, now, False)


def _single(event: Event, lang: str, around: Surroundings, now: int) -> Message:
    alarm, said = event.alarm, _sentence(event, lang, around)
    figures = _figures(alarm)
    facts = [
        ("device", f"{_device(event, around)} ({alarm.device_id})"),
        ("severity", _say(alarm.severity, lang)),
        ("what", said),
        *((name, figure) for name, figure in zip(("value", "limit"), figures, strict=True) if figure),
        ("since", _at(alarm.raised, around)),
        *([("until", _at(alarm.cleared, around))] if alarm.cleared is not None else []),
    ]
    lines = [f"{_say(name, lang)}: {value}" for name, value in facts]
    head = f"{_what(event, lang)} ({_say(alarm.severity, lang)}): {_device(event, around)}: {said}"
    link = _link(alarm, around)
    return _message(event.id, f"alarm.{event.what}", head, lines, link, [event], lang, around, now, alarm.simulated)


def _message(
    id: str, kind: str, head: str, lines: Sequence[str], link: str, events: Sequence[Event], lang: str, around: Surroundings, now: int,
    simulated: bool,
) -> Message:  # fmt: skip
    mark = f" ({_say('simulated', lang)})" if simulated else ""
    ends = [f"{_say('link', lang)}: {link}"] if link else []
    site = f"{_say('site', lang)}: {around.site_name}{mark}"
    text = "\n".join([head, "", site, *lines, *ends, "", f"{_say('id', lang)}: {id}"]) + "\n"
    payload = {
        "id": id,
        "type": kind,
        "sent": iso(now),
        "text": f"[{around.site_name}]{mark} {head}" + (f" {link}" if link else ""),
        "site": {"id": around.site_id, "name": around.site_name},
        "count": len(events),
        "events": [_body(event, lang, around) for event in events[:LISTED]],
    }
    return Message(id, _line(f"[{around.site_name}]{mark} {head}"), text, payload)


def _body(event: Event, lang: str, around: Surroundings) -> dict[str, Any]:
    alarm, figure = event.alarm, CATALOGUE.get(event.alarm.metric)
    return {
        "id": event.id,
        "event": event.what,
        "alarm_id": alarm.id,
        "device_id": alarm.device_id,
        "device_name": _device(event, around),
        "kind": alarm.kind,
        "code": alarm.code,
        "severity": alarm.severity,
        "text": _sentence(event, lang, around),
        "metric": alarm.metric,
        "value": alarm.value,
        "limit": alarm.limit,
        "unit": figure.unit if figure else "",
        "raised": iso(alarm.raised),
        "cleared": None if alarm.cleared is None else iso(alarm.cleared),
        "waited_min": event.waited if event.what == ESCALATED else None,
        "simulated": alarm.simulated,
        "link": _link(alarm, around),
    }


def _row(event: Event, lang: str, around: Surroundings) -> str:
    return f"{_clock(event, around)}  {_what(event, lang)}: {_device(event, around)}: {_sentence(event, lang, around)}"


def _say(key: str, lang: str, **values: object) -> str:
    texts = TEXTS.get(key)
    return key if texts is None else texts[LANGUAGES.index(lang)].format(**values)


def _what(event: Event, lang: str) -> str:
    return _say(event.what, lang, n=event.waited)


def _device(event: Event, around: Surroundings) -> str:
    known = around.devices.get((event.alarm.device_id, str(event.alarm.kind)))
    return (known.name if known else "") or event.alarm.device_id


def _sentence(event: Event, lang: str, around: Surroundings) -> str:
    known = around.devices.get((event.alarm.device_id, str(event.alarm.kind)))
    return sentence(event.alarm, known.info if known else {}, lang)


def _figures(alarm: Alarm) -> tuple[str, str]:
    """Value and limit with their unit; empty for what has none, and for words of bits."""
    about = CATALOGUE.get(alarm.metric)
    if about is not None and about.shape == "scalar":
        decimals = max(about.decimals, 1)
        return tuple("" if one is None else quantity(one, about.unit, decimals) for one in (alarm.value, alarm.limit))  # type: ignore[return-value]
    if alarm.metric == FLAGGED:
        return tuple("" if one is None else number(one, 1) for one in (alarm.value, alarm.limit))  # type: ignore[return-value]
    return "", ""


def _clock(event: Event, around: Surroundings) -> str:
    at = event.alarm.cleared if event.what == CLEARED and event.alarm.cleared is not None else event.alarm.raised
    if event.what == ESCALATED:
        at += event.waited * MINUTE
    return f"{moment(at, around.zone):%m-%d %H:%M:%S}"


def _at(at: int, around: Surroundings) -> str:
    return f"{moment(at, around.zone):%Y-%m-%d %H:%M:%S} {around.zone.key}"


def _link(alarm: Alarm, around: Surroundings) -> str:
    return f"{around.url}/alarms?alarm={alarm.id}" if around.url else ""


def _line(text: str) -> str:
    """One line: what devices say of themselves must not begin a header."""
    return " ".join(text.split())[:300]
