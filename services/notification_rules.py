"""Who is told of which alarms, and how: the rules that administrators write. One rule speaks to mail addresses or to one webhook, in one
language.

A rule never tells of what stood already when it was written, changed or resumed, unless that gets worse. The secret of a webhook has to be
kept as it is, since messages are signed with it; neither it nor the path of the address, which often is one, leaves this module's callers.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

from datastore.backends.record_limits import is_text
from datastore.ports import Entry, Records
from datastore.store import Store
from plant.alarm_wording import LANGUAGES
from plant.analysis.alarms import SEVERITIES
from plant.errors import Conflict, Invalid, NotFound
from plant.model import MINUTE, Alarm, Kind
from plant.timeline import moment
from services.access import covered
from services.smtp import ADDRESS

DRAWER = "notification_rules"
MAIL, WEBHOOK = "mail", "webhook"
CHANNELS = (MAIL, WEBHOOK)
RAISED, CLEARED, ESCALATED = "raised", "cleared", "escalated"
EVENTS = (RAISED, CLEARED, ESCALATED)
ALWAYS = "protection"
"""Alarms of this severity do not wait for the end of quiet hours."""
MOST_RULES, MOST_RECIPIENTS, MOST_DEVICES = 100, 20, 100
LONGEST_NAME, LONGEST_URL, LEAST_SECRET, LONGEST_SECRET = 80, 1_000, 16, 200
LONGEST_WAIT_MIN = 7 * 24 * 60
SHORTEST_TIMEOUT_S, USUAL_TIMEOUT_S, LONGEST_TIMEOUT_S = 1, 10, 30
_MOST_OPEN = 100_000
_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)\Z", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}\Z|[0-9A-Fa-f:.]{2,45}\Z", re.ASCII)
_PRINTABLE = re.compile(r"[\x21-\x7e]*\Z")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `to` are mail addresses, `url`, `secret` and `timeout_s` are a webhook's. Empty `severities`, `kinds` and `devices` (ids,
    or prefixes such as `bess*`) stand for all. `after_min`: minutes without acknowledgement after which an alarm is told of again.
    `quiet` (`22:00-06:00`, the site's clock) holds what is no protection until its end. `standing`: number of an alarm that stood when
    the rule began at `since` [epoch ms] → its rank then."""

    name: str
    channel: str
    to: tuple[str, ...] = ()
    url: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    timeout_s: int = USUAL_TIMEOUT_S
    lang: str = "en"
    severities: tuple[str, ...] = ("alarm", "protection")
    kinds: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    events: tuple[str, ...] = (RAISED, CLEARED)
    after_min: int = 30
    quiet: str = ""
    active: bool = True
    id: str = ""
    since: int = 0
    standing: Mapping[str, int] = field(default_factory=dict, repr=False)

    @property
    def where(self) -> str:
        """Whom it tells, as it may be shown: of a webhook no more than its host."""
        return ", ".join(self.to) if self.channel == MAIL else shown_url(self.url)

    def fits(self, alarm: Alarm) -> bool:
        """Whether it is about such an alarm."""
        return (
            self.active
            and (not self.severities or alarm.severity in self.severities)
            and (not self.kinds or alarm.kind in self.kinds)
            and (not self.devices or covered(alarm.device_id, self.devices))
        )

    def is_quiet(self, now: int, zone: Any) -> bool:
        """Whether `now` [epoch ms] lies in its quiet hours."""
        match = _QUIET.match(self.quiet)
        if match is None:
            return False
        begin, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        clock = moment(now, zone)
        minute = clock.hour * 60 + clock.minute
        return begin <= minute < end if begin < end else minute >= begin or minute < end


def shown_url(url: str) -> str:
    """As much of a webhook's address as may be shown.

    >>> shown_url("https://hooks.example:8443/services/T0/B0/secret")
    'https://hooks.example:8443/…'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…" if parts.netloc else ""


def rank(severity: str) -> int:
    """How bad; 0 for a word nobody knows."""
    return SEVERITIES.get(severity, 0)


def rules(records: Records) -> list[Rule]:
    """All rules, by name."""
    return sorted((_rule(entry) for entry in records.entries(DRAWER, limit=MOST_RULES)), key=lambda rule: (rule.name, rule.id))


def find(records: Records, rule_id: str) -> Rule:
    """Raises NotFound."""
    return _rule(_entry(records, rule_id))


def add(store: Store, rule: Rule, who: str) -> Rule:
    """Keep a new rule; a webhook without a secret gets one. Raises Invalid naming what makes no sense, Conflict for one too many."""
    if len(store.records.entries(DRAWER, limit=MOST_RULES)) >= MOST_RULES:
        raise Conflict(f"There are {MOST_RULES} rules, and there may be no more")
    secret = rule.secret or (secrets.token_urlsafe(32) if rule.channel == WEBHOOK else "")
    made = _begun(store, checked(replace(rule, id=secrets.token_hex(6), secret=secret)))
    store.records.put_entry(Entry(DRAWER, made.id, "", "", made.since, asdict(made)))
    _note(store, who, "notification rule added", made)
    return made


def change(store: Store, rule_id: str, rule: Rule, who: str) -> Rule:
    """Replace a rule; an address or a secret that is left empty stays. Raises NotFound, Invalid, Conflict."""
    entry = _entry(store.records, rule_id)
    was = _rule(entry)
    if rule.channel == was.channel == WEBHOOK:
        rule = replace(rule, url=rule.url or was.url, secret=rule.secret or was.secret)
    made = _begun(store, checked(replace(rule, id=was.id)))
    store.records.put_entry(replace(entry, at=made.since, body=asdict(made)))
    _note(store, who, "notification rule changed", made)
    return made


def switch(store: Store, rule_id: str, active: bool, who: str) -> Rule:
    """Pause or resume a rule. Raises NotFound, Conflict."""
    return change(store, rule_id, replace(find(store.records, rule_id), active=active), who)


def drop(store: Store, rule_id: str, who: str) -> Rule:
    """Forget a rule; what it still had to tell is not told. Raises NotFound."""
    was = find(store.records, rule_id)
    if not store.records.drop_entry(DRAWER, rule_id):
        raise NotFound(f"There is no notification rule '{rule_id}'")
    _note(store, who, "notification rule removed", was)
    return was


def checked(rule: Rule) -> Rule:
    """The rule, when it makes sense. Raises Invalid naming every field that does not."""
    faults = [_fault(name, told) for name, told, is_wrong in _judged(rule) if is_wrong]
    if faults:
        raise Invalid("; ".join(f"{fault['field']}: {fault['message']}" for fault in faults), field_errors=faults)
    if rule.channel == MAIL:
        return replace(rule, url="", secret="", timeout_s=USUAL_TIMEOUT_S)
    return replace(rule, to=())


def _judged(rule: Rule) -> list[tuple[str, str, bool]]:
    """(field, what it must be, whether it is not)."""
    mail = rule.channel == MAIL
    secret_fits = LEAST_SECRET <= len(rule.secret) <= LONGEST_SECRET and _PRINTABLE.match(rule.secret)
    return [
        ("name", f"must have 1 to {LONGEST_NAME} characters", not (0 < len(rule.name.strip()) <= LONGEST_NAME and rule.name.isprintable()
                                                                  and is_text(rule.name))),
        ("channel", f"must be one of {', '.join(CHANNELS)}", rule.channel not in CHANNELS),
        ("to", f"must be 1 to {MOST_RECIPIENTS} mail addresses", mail and not (0 < len(rule.to) <= MOST_RECIPIENTS
                                                                             and all(map(ADDRESS.match, rule.to)))),
        ("url", "must be an http or https address without user and password", rule.channel == WEBHOOK and not _is_url(rule.url)),
        ("secret", f"must have {LEAST_SECRET} to {LONGEST_SECRET} printable ASCII characters", rule.channel == WEBHOOK and not secret_fits),
        ("timeout_s", f"must be {SHORTEST_TIMEOUT_S} to {LONGEST_TIMEOUT_S} s",
         not SHORTEST_TIMEOUT_S <= rule.timeout_s <= LONGEST_TIMEOUT_S),
        ("lang", f"must be one of {', '.join(LANGUAGES)}", rule.lang not in LANGUAGES),
        ("severities", f"must be of {', '.join(SEVERITIES)}", not set(rule.severities) <= set(SEVERITIES)),
        ("kinds", "must be kinds of devices", not set(rule.kinds) <= set(map(str, Kind))),
        ("devices", f"must be at most {MOST_DEVICES} ids or prefixes such as bess*",
         len(rule.devices) > MOST_DEVICES or not all(0 < len(one) <= 128 and one.isprintable() and is_text(one) for one in rule.devices)),
        ("events", f"must be one or more of {', '.join(EVENTS)}", not rule.events or not set(rule.events) <= set(EVENTS)),
        ("after_min", f"must be 1 to {LONGEST_WAIT_MIN} minutes", not 1 <= rule.after_min <= LONGEST_WAIT_MIN),
        ("quiet", "must be hours of the site's clock such as 22:00-06:00",
         bool(rule.quiet) and (not _QUIET.match(rule.quiet) or rule.quiet[:5] == rule.quiet[6:])),
    ]  # fmt: skip


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    sound = parts.scheme in ("http", "https") and "@" not in parts.netloc and port != 0 and not parts.fragment
    return bool(sound and parts.hostname and _HOST.match(parts.hostname) and len(url) <= LONGEST_URL and _PRINTABLE.match(url))


def _fault(name: str, told: str) -> dict[str, str]:
    return {"field": name, "message": told}


def _begun(store: Store, rule: Rule) -> Rule:
    standing = {str(alarm.id): rank(alarm.severity) for alarm in store.records.alarms(limit=_MOST_OPEN)}
    return replace(rule, since=store.clock(), standing=standing)


def _entry(records: Records, rule_id: str) -> Entry:
    entry = records.entry(DRAWER, rule_id) if 0 < len(rule_id) <= 40 and is_text(rule_id) else None
    if entry is None:
        raise NotFound(f"There is no notification rule '{rule_id[:40]}'")
    return entry


_LISTS = ("to", "severities", "kinds", "devices", "events")
_FIELDS = frozenset(one.name for one in fields(Rule))


def _rule(entry: Entry) -> Rule:
    told: dict[str, Any] = {name: tuple(v) if name in _LISTS else v for name, v in entry.body.items() if name in _FIELDS}
    return Rule(**told)


def _note(store: Store, who: str, action: str, rule: Rule) -> None:
    names: Sequence[str] = (rule.name, rule.where, "" if rule.active else "paused")
    store.records.audit(store.clock(), who or "(anonymous)", action, f"{rule.id}: {', '.join(filter(None, names))}"[:500])


def news(rule: Rule, alarm: Alarm, now: int) -> list[str]:
    """What this rule has to tell of an alarm as it stands at `now` [epoch ms], of EVENTS; whether it has told so is not looked at. An
    alarm that is shelved is nobody's business; one that is over is told as cleared only."""
    was = rule.standing.get(str(alarm.id))
    if alarm.is_shelved(now) or not rule.fits(alarm):
        return []
    if alarm.cleared is not None:
        return [CLEARED] if CLEARED in rule.events and alarm.cleared >= rule.since else []
    found = [RAISED] if RAISED in rule.events and (was is None or rank(alarm.severity) > was) else []
    waited = max(alarm.raised, rule.since if was is not None else alarm.raised)
    if ESCALATED in rule.events and alarm.acknowledged is None and now - waited >= rule.after_min * MINUTE:
        found.append(ESCALATED)
    return found
