"""What people do with alarms: acknowledge, shelve, comment. API, dashboard and WebSocket act through these functions."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from datastore.backends.record_limits import is_text
from datastore.ports import Entry, Records
from datastore.store import Store
from plant.errors import Conflict, Invalid, NotFound
from plant.model import DAY, Alarm, Window
from plant.timeline import EARLIEST, iso

STATES = ("active", "acknowledged", "cleared")
"""The states a record can have; shelved is one of the first two for a while."""
LONGEST_SHELF = 7 * DAY
LONGEST_TEXT = 2_000
_DRAWER = "alarm_comments"
_PAGE = 500
_TRIES = 20
_ID = re.compile(r"(?:alert_)?(\d{1,18})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Comment:
    """What `author` wrote about an alarm at `at` [epoch ms]; the reason of a shelving is one too."""

    alarm_id: int
    author: str
    at: int
    text: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alarms: `state` active, acknowledged, shelved or cleared, None for active and acknowledged ones; what is shelved is in
    neither of those two. The window asks for alarms that stood in it."""

    state: str | None = None
    severity: str | None = None
    device_id: str | None = None
    window: Window | None = None


Place = tuple[int, int]
"""(raised [epoch ms], id): alarms are listed by it, newest first; the last one's is where the next page begins."""


def number_of(text: str) -> int:
    """The number of an alarm as its lists (`17`) or alert frames (`alert_17`) write it. Raises NotFound.

    >>> number_of("17"), number_of("alert_17")
    (17, 17)
    """
    match = _ID.match(text)
    if match is None:
        raise NotFound(f"There is no alarm '{text[:40]}'", alarm_id=text[:40])
    return int(match[1])


def find(records: Records, alarm_id: int) -> Alarm:
    """The alarm with this number. Raises NotFound."""
    alarm = records.alarm(alarm_id)
    if alarm is None:
        raise NotFound(f"There is no alarm {alarm_id}", alarm_id=alarm_id)
    return alarm


def listed(records: Records, wanted: Wanted, now: int, limit: int, after: Place | None = None) -> tuple[list[Alarm], Place | None]:
    """At most `limit` alarms behind `after`, newest first, and the place of the last one when there are more. A page stays what it was
    whatever is raised meanwhile."""
    states = {None: STATES[:2], "shelved": STATES[:2]}.get(wanted.state, (wanted.state or "",))
    found: list[Alarm] = []
    size = max(_PAGE, limit + 1)
    while len(found) <= limit:
        window = wanted.window
        if after is not None:
            start, end = (EARLIEST, after[0] + 1) if window is None else (window.start, min(window.end, after[0] + 1))
            if end <= start:
                break
            window = Window(start, end)
        page = records.alarms(states, window, limit=size)
        fresh = [alarm for alarm in page if after is None or _place(alarm) < after]
        found += [alarm for alarm in fresh if _fits(alarm, wanted, now)]
        if len(page) < size:
            break
        if fresh:
            after = _place(fresh[-1])
        else:
            size *= 2  # as many alarms of one millisecond
    more = _place(found[limit - 1]) if len(found) > limit else None
    return found[:limit], more


def _place(alarm: Alarm) -> Place:
    return alarm.raised, alarm.id or 0


def _fits(alarm: Alarm, wanted: Wanted, now: int) -> bool:
    if wanted.severity not in (None, alarm.severity) or wanted.device_id not in (None, alarm.device_id):
        return False
    return alarm.cleared is not None or alarm.is_shelved(now) == (wanted.state == "shelved")


def state_of(alarm: Alarm, now: int) -> str:
    """active, acknowledged, shelved or cleared."""
    return "shelved" if alarm.is_shelved(now) else alarm.state


def acknowledge(store: Store, alarm_id: int, who: str, text: str = "") -> Alarm:
    """Note that somebody has seen it; who was first stays noted. Raises NotFound, Conflict for one that is over, Invalid."""
    text = checked_text(text)

    def seen(alarm: Alarm) -> Alarm:
        return alarm if alarm.acknowledged is not None else replace(alarm, acknowledged=store.clock(), acknowledged_by=who)

    alarm = _changed(store, alarm_id, seen, who, "alarm acknowledged", text)
    if text:
        _note(store, alarm_id, who, text)
    return alarm


def shelve(store: Store, alarm_id: int, who: str, until: int, reason: str = "") -> Alarm:
    """Put it aside until then [epoch ms]: it goes on being judged, but asks for nobody. Raises NotFound, Conflict for one that is over,
    Invalid for a time that is past or more than seven days away."""
    reason = checked_text(reason)
    now = store.clock()
    if not now < until <= now + LONGEST_SHELF:
        raise Invalid(f"An alarm is shelved until a time between now and {LONGEST_SHELF // DAY} days from now, not {iso(until)}")

    def aside(alarm: Alarm) -> Alarm:
        return replace(alarm, shelved_by=who, shelved_until=until)

    alarm = _changed(store, alarm_id, aside, who, "alarm shelved", f"until {iso(until)}" + (f": {reason}" if reason else ""))
    if reason:
        _note(store, alarm_id, who, reason)
    return alarm


def unshelve(store: Store, alarm_id: int, who: str) -> Alarm:
    """Take it from the shelf before its time; one that is not there stays as it is. Raises NotFound, Conflict for one that is over."""

    def back(alarm: Alarm) -> Alarm:
        return replace(alarm, shelved_by="", shelved_until=None) if alarm.is_shelved(store.clock()) else alarm

    return _changed(store, alarm_id, back, who, "alarm unshelved", "")


def comment(store: Store, alarm_id: int, who: str, text: str) -> Comment:
    """Write something about an alarm, cleared ones too. Raises NotFound, Invalid for a text that is empty or too long."""
    text = checked_text(text)
    if not text:
        raise Invalid("A comment says something")
    find(store.records, alarm_id)
    made = _note(store, alarm_id, who, text)
    store.records.audit(made.at, who or "(anonymous)", "alarm commented", f"alarm {alarm_id}: {text[:200]}")
    return made


def comments(store: Store, alarm_id: int) -> list[Comment]:
    """What was written about it, oldest first."""
    kept = store.records.entries(_DRAWER, subject=str(alarm_id), limit=10_000)
    return [Comment(alarm_id, entry.body["author"], entry.at, entry.body["text"], entry.id) for entry in reversed(kept)]


def checked_text(text: str) -> str:
    """The text without blanks around it. Raises Invalid for one that is too long or that not every store can keep."""
    stripped = text.strip()
    if not is_text(stripped):
        raise Invalid("The text contains NUL or half a surrogate pair")
    if len(stripped) > LONGEST_TEXT:
        raise Invalid(f"A text has at most {LONGEST_TEXT} characters, not {len(stripped)}")
    return stripped


def _changed(store: Store, alarm_id: int, change: Callable[[Alarm], Alarm], who: str, action: str, text: str) -> Alarm:
    """The open alarm after `change`, kept, noted and told; nothing of that where nothing changes. The watch may clear it this very moment,
    so it is replaced only as it was read."""
    for attempt in range(_TRIES):
        was = find(store.records, alarm_id)
        if was.cleared is not None:
            raise Conflict(f"Alarm {alarm_id} was cleared at {iso(was.cleared)}; there is nothing left to do", alarm_id=alarm_id)
        wanted = change(was)
        if wanted == was:
            return was
        try:
            kept = store.records.change_alarm(was, wanted)
            break
        except Conflict:
            if attempt == _TRIES - 1:
                raise
    what = f"alarm {alarm_id} ({kept.device_id} {kept.code})" + (f" {text}" if text else "")
    store.records.audit(store.clock(), who or "(anonymous)", action, what)
    store.live.publish("alarms", kept)
    return kept


def _note(store: Store, alarm_id: int, who: str, text: str) -> Comment:
    now = store.clock()
    entry = Entry(_DRAWER, secrets.token_hex(8), str(alarm_id), "", now, {"author": who, "text": text})
    store.records.put_entry(entry)
    return Comment(alarm_id, who, now, text, entry.id)
