"""The notifier: what rules have to tell goes into a durable outbox, and from there to mail servers and webhooks.

What is to be told has an id made of rule, alarm and what happened: it is queued once, whoever sees it, before or after a restart. It is
sent at least once: a message whose sending was not noted in time goes out again, under the same id. Alarms are heard on the live bus, and
looked for in the records besides, so that none is lost while nobody listened. Nothing here is on the road of a reading.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from datastore.ports import Entry, Subscription
from datastore.store import Store
from plant.analysis.alarms import SEVERITIES
from plant.errors import Conflict, NotFound, Unavailable
from plant.model import DAY, HOUR, MINUTE, SECOND, Alarm, Window
from services import notification_rules as rulebook
from services.config import Config
from services.notification_channels import Undelivered, send_mail, send_webhook
from services.notification_rules import ALWAYS, CLEARED, MAIL, RAISED, Rule, rank
from services.notification_texts import Event, Message, Surroundings, compose, test_message

log = logging.getLogger(__name__)

DRAWER = "notifications"
WAITING, SENT, FAILED = "waiting", "sent", "failed"
MOST_SINGLE = 5
"""What a rule tells singly in a minute; more becomes one message, of which there is one a minute."""
MOST_WAITING = 2_000
"""What may wait in the outbox; the oldest is given up when there is more."""
BACK_OFF_S = (10, 30, 60, 300, 900, 1800, 3600)
GIVE_UP = DAY
"""After so long [ms] an undelivered message is news no longer."""
CLAIM = 2 * MINUTE
"""So long a process may take to send what it took; longer than any time-out."""
LOOK_EVERY_S = 5.0
LOOK_BACK, FIRST_LOOK_BACK = 15 * MINUTE, DAY
KEPT = 30 * DAY
CLEAN_EVERY = HOUR
SENDERS = 4
_MOST_HEARD = 10_000
_MOST_SEEN = 100_000
_MOST_OPEN = 100_000
_ALARM = tuple(one.name for one in fields(Alarm))


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one thing to tell stands: `state` waiting, sent or failed, `at` [epoch ms] since when, `tries` so far, `said` by the receiver
    or why not, `bundled` with how many others."""

    id: str
    rule: str
    what: str
    device_id: str
    severity: str
    alarm_id: int | None
    state: str
    at: int
    queued: int
    tries: int
    said: str
    bundled: int


@dataclass(frozen=True, slots=True)
class Post:
    """What of messages each channel gets: the rule and the message; answers what was said. Raises Undelivered."""

    config: Config

    def __call__(self, rule: Rule, message: Message, now: int) -> str:
        """Send it now."""
        if rule.channel == MAIL:
            return send_mail(self.config.smtp, rule.to, message, self.config.site_name, now)
        return send_webhook(rule.url, rule.secret, message, now, float(rule.timeout_s))


Send = Callable[[Rule, Message, int], str]


class Notifier:
    """Queues and sends for one store. One process is enough; two would do no harm but share the work: what one took the other leaves."""

    def __init__(self, store: Store, config: Config, clock: Callable[[], int], send: Send | None = None) -> None:
        self._store, self._config, self._clock = store, config, clock
        self._send: Send = Post(config) if send is None else send
        self._heard: deque[Alarm] = deque(maxlen=_MOST_HEARD)
        self._seen: set[str] = set()
        self._rules: dict[str, Rule] = {}
        self._rules_version: int | None = None
        self._looked = self._cleaned = 0
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._pause: dict[str, int] = {}
        self._wake, self._stop = threading.Event(), threading.Event()
        self._bus: Subscription | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> "Notifier":
        """Listen, queue and send on threads of its own; returns itself."""
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="notify")
        self._bus = self._store.live.subscribe("alarms", self._hear)
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End; what is being sent is finished, what waits stays for the next one. Idempotent."""
        self._stop.set()
        self._wake.set()
        if self._bus is not None:
            self._bus.close()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _hear(self, _topic: str, alarm: Alarm) -> None:
        self._heard.append(alarm)
        self._wake.set()

    def _run(self) -> None:
        silent = False
        while not self._stop.is_set():
            try:
                self.step(self._clock())
                silent = False
            except Unavailable as error:
                if not silent:  # an outage is told once
                    log.warning("notifications wait for the store: %s", error.message)
                silent = True
            except Exception:  # one bad step must not end all telling
                log.exception("notifying failed; it is tried again")
            self._wake.wait(LOOK_EVERY_S)
            self._wake.clear()

    def step(self, now: int) -> None:
        """Queue what is new at `now` [epoch ms], and send what is due: on the pool where this was started, else before it returns."""
        self._read_rules()
        if self._rules:
            self._queue(self._gather(now), now)
            self._looked = now
        self._deliver(now)
        if now - self._cleaned >= CLEAN_EVERY:
            self._cleaned = now
            self._clean(now)

    def _read_rules(self) -> None:
        version = self._store.records.entries_version(rulebook.DRAWER)
        if version != self._rules_version:
            self._rules = {rule.id: rule for rule in rulebook.rules(self._store.records)}
            self._rules_version = version
            self._seen.clear()

    def _gather(self, now: int) -> Iterable[Alarm]:
        """Alarms as they stand, those that stand in the records last: what the bus told may be older."""
        heard = [self._heard.popleft() for _ in range(len(self._heard))]
        since = max(min(now, self._looked) - LOOK_BACK, now - FIRST_LOOK_BACK)
        records = self._store.records
        over = records.alarms(("cleared",), Window(since, now + 1), _MOST_HEARD)
        return [*heard, *over, *records.alarms(limit=_MOST_OPEN)]

    def _queue(self, alarms: Iterable[Alarm], now: int) -> None:
        for alarm in alarms:
            for rule in self._rules.values():
                for what in self._news(rule, alarm, now):
                    self._put(rule, alarm, what, now)

    def _news(self, rule: Rule, alarm: Alarm, now: int) -> list[str]:
        found = rulebook.news(rule, alarm, now)
        # who heard that it began hears that it is over, however little it was worth in the end
        ends = alarm.cleared is not None and not found and rule.active and CLEARED in rule.events and alarm.cleared >= rule.since
        if not ends or f"{rule.id}.{alarm.id}.{CLEARED}" in self._seen:
            return found
        if self._told(rule, alarm):
            return [CLEARED]
        self._see(f"{rule.id}.{alarm.id}.{CLEARED}")
        return found

    def _told(self, rule: Rule, alarm: Alarm, least: int = 0) -> bool:
        """Whether this rule told of this alarm as of one at least so bad."""
        ranks = range(least, max(SEVERITIES.values()) + 1)
        return any(self._store.records.entry(DRAWER, f"{rule.id}.{alarm.id}.{RAISED}.{one}") is not None for one in ranks)

    def _see(self, id: str) -> None:
        """Decided: this process need not look again."""
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen.add(id)

    def _put(self, rule: Rule, alarm: Alarm, what: str, now: int) -> None:
        id = f"{rule.id}.{alarm.id}.{what}" + ("" if what == CLEARED else f".{rank(alarm.severity)}")
        if id in self._seen:
            return
        records = self._store.records
        is_better = what == RAISED and self._told(rule, alarm, rank(alarm.severity) + 1)  # that is no news
        if not is_better and records.entry(DRAWER, id) is None:
            body = {"alarm": asdict(alarm), "what": what, "queued": now, "next": now, "tries": 0, "said": "", "bundled": 0}
            body["waited"] = (now - alarm.raised) // MINUTE
            try:
                records.put_entry(Entry(DRAWER, id, rule.id, WAITING, now, body))
            except Conflict:
                log.debug("%s was queued by another process", id)
        self._see(id)

    def _deliver(self, now: int) -> None:
        waiting = self._store.records.entries(DRAWER, states=(WAITING,), limit=MOST_WAITING + 500)
        for entry in waiting[MOST_WAITING:]:
            self._give_up(entry, now, f"more than {MOST_WAITING} messages wait")
        groups: dict[str, list[Entry]] = {}
        for entry in reversed(waiting[:MOST_WAITING]):
            groups.setdefault(entry.subject, []).append(entry)
        for rule_id, entries in groups.items():
            rule = self._rules.get(rule_id)
            if rule is None or not rule.active:
                for entry in entries:
                    self._give_up(entry, now, "the rule was removed" if rule is None else "the rule was paused")
                continue
            due = self._due(rule, entries, now)
            with self._lock:
                if not due or rule_id in self._busy or now < self._pause.get(rule_id, 0):
                    continue
                self._busy.add(rule_id)
            if self._pool is None:
                self._serve(rule, due, now)
            else:
                self._pool.submit(self._serve, rule, due, now)

    def _due(self, rule: Rule, entries: Sequence[Entry], now: int) -> list[Entry]:
        quiet = rule.is_quiet(now, self._store.zone)
        due = []
        for entry in entries:
            if now - entry.body["queued"] > GIVE_UP:
                self._give_up(entry, now, f"not delivered within {GIVE_UP // HOUR} h; last: {entry.body['said'] or 'never tried'}")
            elif entry.body["next"] <= now and (not quiet or entry.body["alarm"]["severity"] == ALWAYS):
                due.append(entry)
        return due

    def _serve(self, rule: Rule, due: Sequence[Entry], now: int) -> None:
        try:
            for batch in self._batches(rule, due, now):
                if self._stop.is_set() or not self._tell(rule, batch):
                    return
        except Unavailable as error:
            log.warning("notifications of rule %s wait for the store: %s", rule.id, error.message)
        except Exception:
            log.exception("notifications of rule %s failed; they are tried again", rule.id)
        finally:
            with self._lock:
                self._busy.discard(rule.id)

    def _batches(self, rule: Rule, due: Sequence[Entry], now: int) -> list[Sequence[Entry]]:
        """Each alone while that are few in a minute, else all in one; nothing within a minute of such a one."""
        lately = self._store.records.entries(DRAWER, rule.id, (SENT,), Window(now - MINUTE + 1, now + MINUTE), MOST_WAITING)
        if len(lately) + len(due) <= MOST_SINGLE:
            return [(entry,) for entry in due]
        return [] if any(entry.body["bundled"] for entry in lately) else [due]

    def _tell(self, rule: Rule, batch: Sequence[Entry]) -> bool:
        """Send one message; whether it arrived."""
        now = self._clock()
        taken = self._take(batch, now)
        if not taken:
            return True
        events = [_event(entry) for entry in taken]
        message = compose(events, rule.lang, surroundings(self._store, self._config), now)
        try:
            said = self._send(rule, message, now)
        except Undelivered as failure:
            self._miss(rule, taken, failure)
            return False
        bundled = len(taken) if len(taken) > 1 else 0
        for entry in taken:
            self._keep(replace(entry, state=SENT, at=self._clock(), body={**entry.body, "said": said, "bundled": bundled}))
        with self._lock:
            self._pause.pop(rule.id, None)
        return True

    def _take(self, batch: Sequence[Entry], now: int) -> list[Entry]:
        """Those nobody else took meanwhile; they are this process's until the claim ends."""
        taken = []
        for entry in batch:
            body = {**entry.body, "next": now + CLAIM, "tries": entry.body["tries"] + 1}
            kept = self._keep(replace(entry, body=body))
            if kept is not None:
                taken.append(kept)
        return taken

    def _miss(self, rule: Rule, taken: Sequence[Entry], failure: Undelivered) -> None:
        now, tries = self._clock(), min(entry.body["tries"] for entry in taken)
        again = now + BACK_OFF_S[min(tries, len(BACK_OFF_S)) - 1] * SECOND
        log.warning("notification rule %s: not delivered: %s", rule.id, failure.reason)
        for entry in taken:
            body = {**entry.body, "said": failure.reason, "next": again}
            self._keep(replace(entry, state=FAILED, at=now, body=body) if failure.final else replace(entry, body=body))
        if not failure.final:
            with self._lock:
                self._pause[rule.id] = again  # others of this rule would fare no better

    def _give_up(self, entry: Entry, now: int, why: str) -> None:
        self._keep(replace(entry, state=FAILED, at=now, body={**entry.body, "said": why}))

    def _keep(self, entry: Entry) -> Entry | None:
        try:
            return self._store.records.put_entry(entry)
        except (Conflict, NotFound):
            return None

    def _clean(self, now: int) -> None:
        """Forget what was told long ago, but not of alarms that still stand: they would be told of again."""
        records = self._store.records
        standing = {alarm.id for alarm in records.alarms(limit=_MOST_OPEN)}
        for entry in records.entries(DRAWER, states=(SENT, FAILED), window=Window(0, now - KEPT)):
            if entry.body["alarm"]["id"] not in standing:
                records.drop_entry(DRAWER, entry.id)


def _event(entry: Entry) -> Event:
    told: dict[str, Any] = {name: value for name, value in entry.body["alarm"].items() if name in _ALARM}
    return Event(entry.id, entry.body["what"], Alarm(**told), entry.body["waited"])


def surroundings(store: Store, config: Config) -> Surroundings:
    """What messages say of the site. Raises Unavailable."""
    devices = {(device.device_id, str(device.kind)): device for device in store.records.devices()}
    return Surroundings(config.site_id, config.site_name, store.zone, config.site_url, devices)


def try_out(store: Store, config: Config, rule_id: str, who: str, send: Send | None = None) -> tuple[bool, str]:
    """Send a test message now, past outbox, pause and quiet hours: whether it arrived, and what was said. Raises NotFound, Unavailable."""
    rule, now = rulebook.find(store.records, rule_id), store.clock()
    message = test_message(rule.id, rule.name, f"{now:x}", rule.lang, surroundings(store, config), now)
    try:
        good, said = True, (Post(config) if send is None else send)(rule, message, now)
    except Undelivered as failure:
        good, said = False, failure.reason
    store.records.audit(store.clock(), who or "(anonymous)", "notification rule tested", f"{rule.id}: {said}"[:500])
    return good, said


def deliveries(store: Store, limit: int = 100, rule_id: str | None = None, state: str | None = None) -> list[Delivery]:
    """What was to be told, newest first."""
    found = store.records.entries(DRAWER, rule_id, None if state is None else (state,), limit=limit)
    return [_delivery(entry) for entry in found]


def _delivery(entry: Entry) -> Delivery:
    body, alarm = entry.body, entry.body["alarm"]
    return Delivery(
        entry.id, entry.subject, body["what"], alarm["device_id"], alarm["severity"], alarm["id"], entry.state, entry.at, body["queued"],
        body["tries"], body["said"], body["bundled"],
    )  # fmt: skip

