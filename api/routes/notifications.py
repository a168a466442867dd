"""Notifications of alarms: the rules, a test of one, and how deliveries stand."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from api.contract import Answer, Context, Operation
from plant.timeline import iso
from services import notification_rules as rulebook
from services import notifying
from services.access import Identity
from services.notification_rules import Rule
from services.notifying import Delivery

Text = Field(max_length=320)


class RuleBody(BaseModel):
    """One rule: whom it tells (`to` by mail, or `url` by webhook), in which language, of which alarms. Empty lists stand for all."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=rulebook.LONGEST_NAME)
    channel: Literal["mail", "webhook"]
    to: list[str] = Field([], max_length=rulebook.MOST_RECIPIENTS, description="mail addresses")
    url: str = Field("", max_length=rulebook.LONGEST_URL, description="of a webhook; left out in a change it stays")
    secret: str = Field("", max_length=rulebook.LONGEST_SECRET, description="signs messages of a webhook; left out it is made, or stays")
    timeout_s: int = Field(rulebook.USUAL_TIMEOUT_S, ge=rulebook.SHORTEST_TIMEOUT_S, le=rulebook.LONGEST_TIMEOUT_S)
    lang: Literal["en", "zh-TW", "es"] = "en"
    severities: list[Literal["info", "warning", "alarm", "protection"]] = Field(["alarm", "protection"], max_length=4)
    kinds: list[str] = Field([], max_length=20)
    devices: list[str] = Field([], max_length=rulebook.MOST_DEVICES, description="ids, or prefixes such as `bess*`")
    events: list[Literal["raised", "cleared", "escalated"]] = Field(["raised", "cleared"], min_length=1, max_length=3)
    after_min: int = Field(30, ge=1, le=rulebook.LONGEST_WAIT_MIN, description="`escalated`: minutes without acknowledgement")
    quiet: str = Field("", max_length=11, description="such as 22:00-06:00 of the site's clock: only protections are told")
    active: bool = True

    def rule(self) -> Rule:
        """As the services know it."""
        told: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in self.model_dump().items()}
        return Rule(**told)


class RuleParams(BaseModel):
    """Which rule."""

    id: str = Field(max_length=40, examples=["9f1c22ab04d7"])


class DeliveryParams(BaseModel):
    """Which deliveries, newest first."""

    rule: str | None = Field(None, max_length=40)
    state: Literal["waiting", "sent", "failed"] | None = None
    limit: int = Field(100, ge=1, le=1000)


class ShownRule(TypedDict):
    id: str
    name: str
    channel: str
    to: list[str]
    url: str
    timeout_s: int
    lang: str
    severities: list[str]
    kinds: list[str]
    devices: list[str]
    events: list[str]
    after_min: int
    quiet: str
    active: bool
    since: str


class FreshRule(ShownRule):
    secret: str


class RulesBody(TypedDict):
    rules: list[ShownRule]
    mail: bool


class TriedBody(TypedDict):
    delivered: bool
    message: str


class DeliveryBody(TypedDict):
    id: str
    rule: str
    event: str
    alarm_id: int | None
    device_id: str
    severity: str
    state: str
    timestamp: str
    queued: str
    tries: int
    message: str
    bundled: int


class DeliveriesBody(TypedDict):
    deliveries: list[DeliveryBody]


def listed(context: Context, _params: None) -> RulesBody:
    """All rules, and whether a mail server is set."""
    return {"rules": [_shown(rule) for rule in rulebook.rules(context.store.records)], "mail": context.config.smtp is not None}


def add(context: Context, _params: None, body: RuleBody, who: Identity) -> Answer:
    """The rule; the secret of a webhook stands here once."""
    made = rulebook.add(context.store, body.rule(), who.username)
    return Answer({**_shown(made), "secret": made.secret}, 201, headers=[("Cache-Control", "no-store")])


def change(context: Context, params: RuleParams, body: RuleBody, who: Identity) -> ShownRule:
    """Raises NotFound, Invalid, Conflict."""
    return _shown(rulebook.change(context.store, params.id, body.rule(), who.username))


def drop(context: Context, params: RuleParams, who: Identity) -> ShownRule:
    """Raises NotFound."""
    return _shown(rulebook.drop(context.store, params.id, who.username))


def try_out(context: Context, params: RuleParams, who: Identity) -> TriedBody:
    """Raises NotFound."""
    delivered, said = notifying.try_out(context.store, context.config, params.id, who.username)
    return {"delivered": delivered, "message": said}


def deliveries(context: Context, params: DeliveryParams) -> DeliveriesBody:
    """What was to be told, and what became of it."""
    return {"deliveries": [_delivery(one) for one in notifying.deliveries(context.store, params.limit, params.rule, params.state)]}


def _shown(rule: Rule) -> ShownRule:
    return {
        "id": rule.id,
        "name": rule.name,
        "channel": rule.channel,
        "to": list(rule.to),
        "url": rulebook.shown_url(rule.url),
        "timeout_s": rule.timeout_s,
        "lang": rule.lang,
        "severities": list(rule.severities),
        "kinds": list(rule.kinds),
        "devices": list(rule.devices),
        "events": list(rule.events),
        "after_min": rule.after_min,
        "quiet": rule.quiet,
        "active": rule.active,
        "since": iso(rule.since),
    }


def _delivery(one: Delivery) -> DeliveryBody:
    return {
        "id": one.id,
        "rule": one.rule,
        "event": one.what,
        "alarm_id": one.alarm_id,
        "device_id": one.device_id,
        "severity": one.severity,
        "state": one.state,
        "timestamp": iso(one.at),
        "queued": iso(one.queued),
        "tries": one.tries,
        "message": one.said,
        "bundled": one.bundled,
    }


_NEW = {
    "name": "Control room",
    "channel": "webhook",
    "url": "https://hooks.example/voltdeck/7f3a",
    "lang": "en",
    "severities": ["alarm", "protection"],
    "devices": ["bess*"],
    "events": ["raised", "cleared", "escalated"],
    "after_min": 15,
    "quiet": "22:00-06:00",
}
_RULE: dict[str, Any] = {
    **_NEW,
    "id": "9f1c22ab04d7",
    "to": [],
    "url": "https://hooks.example/…",
    "timeout_s": 10,
    "kinds": [],
    "active": True,
    "since": "2026-01-24T12:10:00Z",
}
_DELIVERY = {
    "id": "9f1c22ab04d7.17.raised.2",
    "rule": "9f1c22ab04d7",
    "event": "raised",
    "alarm_id": 17,
    "device_id": "bess01-rack03",
    "severity": "alarm",
    "state": "sent",
    "timestamp": "2026-01-24T12:12:01Z",
    "queued": "2026-01-24T12:12:00Z",
    "tries": 1,
    "message": "hooks.example answered 204",
    "bundled": 0,
}

OPERATIONS = (
    Operation(
        method="GET", path="/api/v1/notifications/rules", tag="alarms", summary="Rules that tell people and machines of alarms",
        call=listed, access="settings", reply=RulesBody, example={"rules": [_RULE], "mail": True},
        description="`url` shows no more than the host: the path of a webhook often is a secret.",
    ),
    Operation(
        method="POST", path="/api/v1/notifications/rules", tag="alarms", summary="Add a notification rule", call=add, access="settings",
        asks_who=True, body=RuleBody, body_example=_NEW, reply=FreshRule, status=201,
        example={**_RULE, "secret": "k3yJ0m…"}, errors=(409, 413, 415, 422),
        description="A webhook gets its messages as a POST of JSON with `X-Voltdeck-Delivery` (the id; the same when it is sent again), "
        "`X-Voltdeck-Timestamp` (epoch seconds) and `X-Voltdeck-Signature: sha256=…`, the HMAC-SHA256 over timestamp, `.` and body with "
        "the rule's `secret`, which is shown only now. What stands already is not told of.",
    ),
    Operation(
        method="PUT", path="/api/v1/notifications/rules/{id}", tag="alarms", summary="Change a notification rule", call=change,
        access="settings", asks_who=True, params=RuleParams, body=RuleBody, body_example=_NEW, reply=ShownRule, example=_RULE,
        errors=(404, 409, 413, 415, 422),
    ),
    Operation(
        method="DELETE", path="/api/v1/notifications/rules/{id}", tag="alarms", summary="Remove a notification rule", call=drop,
        access="settings", asks_who=True, params=RuleParams, reply=ShownRule, example=_RULE, errors=(404, 422),
    ),
    Operation(
        method="POST", path="/api/v1/notifications/rules/{id}/test", tag="alarms", summary="Send a test message and say what came of it",
        call=try_out, access="settings", asks_who=True, params=RuleParams, reply=TriedBody,
        example={"delivered": False, "message": "hooks.example answered 503"}, errors=(404, 422),
    ),
    Operation(
        method="GET", path="/api/v1/notifications", tag="alarms", summary="How notifications stand: waiting, sent, failed and why",
        call=deliveries, access="settings", params=DeliveryParams, reply=DeliveriesBody, example={"deliveries": [_DELIVERY]}, errors=(422,),
    ),
)  # fmt: skip
