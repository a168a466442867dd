"""The alarm watch: looks at the latest values once a second and writes what changed: raised, worse, better, cleared."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from datastore.ports import Latest
from datastore.store import Store
from plant import wording
from plant.analysis.alarms import (
    BRANCH_SILENT,
    IDLE,
    MODULE_WORDS,
    ON_DELAY,
    SEVERITIES,
    SILENT,
    STATUS_WORDS,
    Condition,
    Limit,
    Timer,
    Watched,
    advance,
    branch_condition,
    limit_condition,
    module_conditions,
    silence_condition,
    silence_limit,
    status_condition,
    watched,
)
from plant.analysis.anomaly.live import CODES, Sentinel
from plant.analysis.peers import CHARGE, LEAST_PEERS, STRINGS, charge_condition, middle, string_conditions
from plant.errors import Unavailable
from plant.model import DAY, MINUTE, SECOND, Alarm, Device, Kind, Value
from services.open_alarms import amend

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""(device id, kind)."""

EVERY_S = 1.0
DEVICES_EVERY = 10 * SECOND
ARCHIVED_AFTER = DAY
PEERS_WITHIN, PEERS_DELAY = 5 * MINUTE, 10 * MINUTE
"""Neighbours count while they spoke within that; charge drifts over days, so that a difference must last, coming and going."""
MOVING = frozenset({Kind.VEHICLE, Kind.HOME})  # a parked car or a day's sum is not a device that fell silent
_MOST_OPEN = 100_000
_NONE: Mapping[str, Alarm] = {}
_WORDS = (*MODULE_WORDS, *STATUS_WORDS, STRINGS)


@dataclass(slots=True)
class Rhythm:
    """How often a device really speaks. One that kept a shorter interval than it declares through all of a declared patience is held to
    it: a store may hold a device's history by the minute while the device speaks every second."""

    received: int = 0
    since: int = 0
    longest: int = 0
    kept: int | None = None

    def hear(self, received: int, patience: int) -> None:
        """Note that the newest reading was received at `received` [epoch ms]; `patience` [ms] is the declared one."""
        if received == self.received:
            return
        gap, self.received = received - self.received, received
        if not self.since or gap > patience or gap < 0:
            self.since, self.longest = received, 0
            return
        self.longest = max(self.longest, gap)
        if received - self.since >= patience:
            self.kept, self.since, self.longest = self.longest, received, 0

    def patience(self, declared_s: float) -> int:
        """After how many ms of silence the device counts as silent."""
        declared = silence_limit(declared_s)
        return declared if self.kept is None else min(declared, silence_limit(self.kept / SECOND))


@dataclass(slots=True)
class _Watch:
    """What the watch remembers of one device. `timers`: limits that are not at rest. Words: `heard` metric → instant judged last,
    `spoken` metric → codes whose words are not zero, `told` code → what was last said, `reports` code → how it stands."""

    device: Device
    rules: tuple[Watched, ...]
    begun: int
    timers: dict[Limit, Timer] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)
    spoken: dict[str, frozenset[str]] = field(default_factory=dict)
    told: dict[str, Condition] = field(default_factory=dict)
    reports: dict[str, Timer] = field(default_factory=dict)
    rhythm: Rhythm = field(default_factory=Rhythm)
    silent: bool = False

    @property
    def who(self) -> str:
        return self.device.name or self.device.device_id


class AlarmWatch:
    """Evaluates every device against the catalogue's limits, its words and its silence. One per store is enough; two do no harm: the
    store raises an alarm once. `step` is not reentrant.

    A device whose newest reading is older than a day when it is first seen is an archive (an imported file), not silent.
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._watches: dict[Key, _Watch] = {}
        self._devices: dict[Key, Device] = {}
        self._devices_at: int | None = None
        self._version: int | None = None
        self._open: dict[Key, dict[str, Alarm]] = {}
        self._resumed = False
        self._sentinel = Sentinel()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch on a thread of its own, once a second."""
        self._thread = threading.Thread(target=self._run, name="alarm-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        silent = False
        while not self._stop.wait(EVERY_S):
            try:
                self.step(self._clock())
                silent = False
            except Unavailable as error:
                if not silent:  # an outage is told once, not every second
                    log.warning("alarms are not judged: %s", error.message)
                silent = True
            except Exception:  # the watch must outlive any single bad step
                log.exception("alarm step failed")

    def step(self, now: int) -> list[Alarm]:
        """Judge the latest values at `now` [epoch ms]; returns the alarms written in this step."""
        if not self._resumed:
            self._open, self._resumed = _by_device(self._store.records.alarms(limit=_MOST_OPEN)), True
        latest = self._store.telemetry.latest()
        self._refresh_devices(now)
        among = self._middles(latest, now)
        wanted: dict[Key, dict[str, Condition]] = {}
        for key, reading in latest.items():
            watch = self._watch(key, reading, self._open.get(key, _NONE), now)
            if watch is not None:
                wanted[key] = _conditions(watch, reading, now, among.get(watch.device.parent or ""))
        parents = {key: watch.device.parent for key, watch in self._watches.items()}
        for key, odd in self._sentinel.judge(latest, parents, now).items():
            wanted[key] |= {condition.code: condition for condition in odd if condition.code not in wanted[key]}
        self._gather_silence(wanted)
        changed: list[Alarm] = []
        for key, conditions in wanted.items():
            standing = self._open.get(key, _NONE)
            if conditions or standing:
                changed += self._settle(key, self._watches[key].device, conditions, standing, now)
        for key in [key for key in self._open if key not in self._watches]:
            changed += self._settle(key, Device(*key), {}, self._open[key], now)
        return changed

    def _gather_silence(self, wanted: dict[Key, dict[str, Condition]]) -> None:
        """Where all devices below another are silent, that is one event: it is told once, at the parent, not by each of them."""
        below: dict[str, list[Key]] = {}
        for key in wanted:
            parent = self._watches[key].device.parent
            if parent:
                below.setdefault(parent, []).append(key)
        silent = {key for key in wanted if SILENT in wanted[key]}
        for parent_key in [key for key in wanted if key[0] in below]:
            mute = below[parent_key[0]]
            if len(mute) < LEAST_PEERS or not silent.issuperset(mute):
                continue
            ages = [condition.value or 0.0 for key in mute if (condition := wanted[key].pop(SILENT, None))]
            if ages and parent_key not in silent:
                condition = branch_condition(self._watches[parent_key].who, len(mute), int(max(ages)))
                wanted[parent_key][condition.code] = condition

    def _middles(self, latest: Mapping[Key, Latest], now: int) -> dict[str, float]:
        """Parent → middle state of charge of its racks that spoke lately."""
        told: dict[str, list[float]] = {}
        for key, device in self._devices.items():
            if device.kind != Kind.RACK or not device.parent or key not in latest:
                continue
            value = latest[key].values.get(CHARGE.metric)
            if isinstance(value, (int, float)) and latest[key].times[CHARGE.metric] > now - PEERS_WITHIN:
                told.setdefault(device.parent, []).append(value)
        return {parent: among for parent, values in told.items() if (among := middle(values)) is not None}

    def _refresh_devices(self, now: int) -> None:
        """Read the registry again when it has changed, else every ten seconds. A device of another process may speak before the registry
        is seen to have it: it changes when that is so."""
        version = self._store.records.devices_version()
        if self._devices_at is not None and now - self._devices_at < DEVICES_EVERY and version == self._version:
            return
        self._devices = {(device.device_id, device.kind): device for device in self._store.records.devices()}
        self._devices_at, self._version = now, version
        self._watches = {key: watch for key, watch in self._watches.items() if key in self._devices}
        for key, watch in self._watches.items():
            watch.device = self._devices[key]

    def _watch(self, key: Key, reading: Latest, standing: Mapping[str, Alarm], now: int) -> _Watch | None:
        """The watch of a living device; None for archives and for devices that were removed."""
        found = self._watches.get(key)
        device = self._devices.get(key)
        if found is not None or device is None:
            return found
        if reading.at < now - ARCHIVED_AFTER and SILENT not in standing:
            return None
        watch = self._watches[key] = _Watch(device, watched(device.kind, _lfp(device)), now)
        _resume(watch, standing)
        return watch

    def _settle(self, key: Key, device: Device, wanted: Mapping[str, Condition], standing: Mapping[str, Alarm], now: int) -> list[Alarm]:
        """Write the difference between what is true and what stands open."""
        ended = [alarm for code, alarm in standing.items() if code not in wanted]
        worse = [(alarm, wanted[code]) for code, alarm in standing.items() if code in wanted and wanted[code].severity != alarm.severity]
        fresh = [condition for code, condition in wanted.items() if code not in standing]
        if not (ended or worse or fresh):
            return []
        records = self._store.records
        written = [over for alarm in ended if (over := amend(records, alarm, partial(replace, cleared=now)))]
        for alarm, condition in worse:
            kept = amend(records, alarm, partial(_changed, condition=condition))
            if kept is None:  # another process cleared it
                fresh.append(condition)
            else:
                written.append(kept)
        # what another process raised in the meantime is adopted, not raised again
        raised = [records.raise_alarm(_raised(device, condition, now)) for condition in fresh]
        written += [alarm for alarm, is_new in raised if is_new]
        still = {code: alarm for code, alarm in standing.items() if code in wanted}
        still |= {alarm.code: alarm for alarm in written if alarm.cleared is None} | {alarm.code: alarm for alarm, _ in raised}
        if still:
            self._open[key] = still
        else:
            self._open.pop(key, None)
        for alarm in written:
            self._store.live.publish("alarms", alarm)
        return written


def _by_device(alarms: Iterable[Alarm]) -> dict[Key, dict[str, Alarm]]:
    """Open alarms that are this watch's business, by device and code."""
    found: dict[Key, dict[str, Alarm]] = {}
    for alarm in alarms:
        if _ours(alarm):
            found.setdefault((alarm.device_id, alarm.kind), {})[alarm.code] = alarm
    return found


def _ours(alarm: Alarm) -> bool:
    codes = {limit.code for rule in watched(alarm.kind) for limit in rule.limits}
    return alarm.code in (SILENT, BRANCH_SILENT, CHARGE.code) or alarm.code in CODES or alarm.metric in _WORDS or alarm.code in codes


def _lfp(device: Device) -> bool:
    """Whether LFP limits hold: unless the device says that its cells are of another chemistry."""
    chemistry = str(device.info.get("chemistry", "")).upper()
    return not chemistry or chemistry.startswith("LFP") or "LIFEPO4" in chemistry


def _resume(watch: _Watch, standing: Mapping[str, Alarm]) -> None:
    """Go on where the last process stopped: what stands open is active until the values say otherwise."""
    for rule in watch.rules:
        for limit in rule.limits:
            alarm = standing.get(limit.code)
            if alarm is not None and SEVERITIES[limit.severity] <= SEVERITIES[alarm.severity]:
                watch.timers[limit] = Timer(True)
    if CHARGE.code in standing:
        watch.timers[CHARGE] = Timer(True)
    for code, alarm in standing.items():
        if alarm.metric in _WORDS:
            watch.reports[code] = Timer(True)
            watch.told[code] = Condition(code, alarm.severity, alarm.message, alarm.metric, alarm.value, alarm.limit)


def _conditions(watch: _Watch, reading: Latest, now: int, among: float | None) -> dict[str, Condition]:
    """Everything that is true of this device now, by code; `among` is the middle state of charge of its like, if it has enough of them."""
    received = reading.received or reading.at
    watch.rhythm.hear(received, silence_limit(watch.device.interval_s))
    silence, patience = now - received, watch.rhythm.patience(watch.device.interval_s)
    watch.silent = silence > patience and watch.device.kind not in MOVING
    found: dict[str, Condition] = {}
    if watch.silent:
        found[SILENT] = silence_condition(watch.who, silence, patience)
    _judge_limits(watch, reading, now, found)
    _judge_charge(watch, reading, now, among, found)
    _judge_words(watch, reading, now, found)
    return found


def _judge_charge(watch: _Watch, reading: Latest, now: int, among: float | None, found: dict[str, Condition]) -> None:
    """Add the distance of a rack's state of charge from its neighbours', when that has lasted."""
    value = reading.values.get(CHARGE.metric)
    if watch.device.kind != Kind.RACK or among is None or not isinstance(value, (int, float)):
        return
    before = watch.timers.get(CHARGE, IDLE)
    wanted = None if watch.silent else CHARGE.wanted(abs(value - among))
    # what is so when the watch begins has been so for longer than anybody looked
    on_delay = PEERS_DELAY if now - watch.begun >= PEERS_DELAY else ON_DELAY
    timer = advance(before, wanted, now, on_delay=on_delay, off_delay=PEERS_DELAY)
    if timer == IDLE:
        watch.timers.pop(CHARGE, None)
    else:
        watch.timers[CHARGE] = timer
    if timer.active:
        found[CHARGE.code] = charge_condition(value, among, watch.who)


def _judge_limits(watch: _Watch, reading: Latest, now: int, found: dict[str, Condition]) -> None:
    """Add the worst active limit of each metric and side."""
    values, timers = reading.values, watch.timers
    for rule in watch.rules:
        value = values.get(rule.metric)
        if not isinstance(value, (int, float)) or value != value:
            value = None
        if not timers and (value is None or rule.low < value < rule.high):
            continue  # nearly always: nothing is counting, nothing is out of line
        worst = None
        for limit in rule.limits:
            # silence says nothing about the value: timers keep their state and lose their count
            wanted = None if value is None or watch.silent else limit.wanted(value)
            timer = advance(timers.get(limit, IDLE), wanted, now)
            if timer == IDLE:
                timers.pop(limit, None)
            else:
                timers[limit] = timer
            if worst is None and timer.active:
                worst = limit
        if worst is not None:
            found[worst.code] = limit_condition(worst, worst.threshold if value is None else value, watch.who)


def _judge_words(watch: _Watch, reading: Latest, now: int, found: dict[str, Condition]) -> None:
    """Add conditions of words that are not zero. Words are read when they are new; only their timers run every second."""
    for metric in _WORDS:
        at = reading.times.get(metric)
        if at is not None and watch.heard.get(metric) != at:
            watch.heard[metric] = at
            _hear(watch, metric, reading.values[metric])
    for code, before in list(watch.reports.items()):
        spoken = any(code in codes for codes in watch.spoken.values())
        # the device itself has debounced its words: they count at once and end after the usual delay
        timer = watch.reports[code] = advance(before, spoken, now, on_delay=0)
        if timer.active:
            found[code] = watch.told[code]
        else:
            del watch.reports[code], watch.told[code]


def _hear(watch: _Watch, metric: str, words: Value) -> None:
    meanings = wording.meanings(watch.device.info, metric)
    said: list[Condition] | None
    if isinstance(words, (int, float)):
        condition = status_condition(metric, words, watch.who, meanings)
        said = [condition] if condition else []
    elif metric == STRINGS:
        said = string_conditions(words, watch.who)
    else:
        said = module_conditions(metric, words, watch.who, meanings)
    if said is None:
        return  # too dark to tell strings apart: what was true stays true
    watch.spoken[metric] = frozenset(condition.code for condition in said)
    for condition in said:
        watch.told[condition.code] = condition
        watch.reports.setdefault(condition.code, IDLE)


def _raised(device: Device, condition: Condition, now: int) -> Alarm:
    return Alarm(
        device.device_id,
        device.kind,
        condition.code,
        condition.severity,
        condition.message,
        now,
        condition.metric,
        condition.value,
        condition.limit,
        simulated=device.simulated,
    )


def _changed(alarm: Alarm, condition: Condition) -> Alarm:
    """The alarm at its new severity; one that got worse asks for attention again."""
    changed = replace(alarm, severity=condition.severity, message=condition.message, value=condition.value, limit=condition.limit)
    if SEVERITIES[condition.severity] > SEVERITIES[alarm.severity]:
        return replace(changed, acknowledged=None, acknowledged_by="")
    return changed
