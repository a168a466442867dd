"""Commands to devices: sent, checked, queued, handed out, answered, timed out. Kept in the drawer `commands`, where every change is a
compare-and-set, so that several processes and several channels (HTTP, MQTT) may work on one command at once."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from datastore.ports import Entry
from datastore.store import Store
from plant.analysis import command_safety, commands
from plant.analysis.commands import EMERGENCY, OPEN, STARTS
from plant.errors import CommandNotFound, Conflict, DeviceNotFound, Locked, SafetyViolation, TooMany, Unavailable
from plant.model import Command, Device, Value, Window
from services.orders import Order as Order
from services.orders import check, check_json, fault

DRAWER = TOPIC = "commands"
MOST_OPEN = 100
"""Commands that may wait for one device."""
LONGEST_MESSAGE = 1000
_TURNS = 20
_HEAD = ("id", "device_id", "status", "queued")
_AUDITED = ("target_power", "target_soc", "max_current", "ramp_rate")


class Commands:
    """What there is to do with commands. Holds nothing itself: make one wherever a store is at hand."""

    def __init__(self, store: Store, clock: Callable[[], int] | None = None) -> None:
        self._store = store
        self._records = store.records
        self._clock = clock or store.clock

    def send(self, order: Order) -> Command:
        """Check an order and queue it. Raises DeviceNotFound, Invalid, Locked (maintenance, or an emergency shutdown under way),
        SafetyViolation, TooMany. An emergency shutdown of a device that exists is always queued, before everything else, and ends
        what was queued to make power flow."""
        forms = self._forms(order.device_id)
        check(order)
        now = self._clock()
        device = next((form for form in forms if form.kind in command_safety.STORAGE), forms[0])
        limits = command_safety.limits_of(device)
        emergency = order.type == EMERGENCY
        waiting = self._open(order.device_id)
        if not emergency:
            self._admit(order, forms, device, limits, waiting)
        command = Command(
            "",
            order.device_id,
            order.type,
            now,
            dict(order.parameters),
            "critical" if emergency else order.priority,
            order.source,
            timeout_s=order.timeout_s,
            site_id=device.site_id,
            constraints={} if emergency else limits.named(),
            metadata=dict(order.metadata),
        )
        self._records.audit(now, order.source, "command.send", _told(command))
        command = self._queue(command)
        if emergency:
            for other in waiting:
                self._supersede(other.id, command.id)
        elif order.type in STARTS and (shutdown := _shutdown(self._open(order.device_id))):
            self._supersede(command.id, shutdown.id)  # it came in between
            raise _locked(order.device_id, shutdown)
        self._store.live.publish(TOPIC, command)
        return command

    def respond(self, device_id: str, command_id: str, status: str, message: str = "", result: Mapping[str, Any] | None = None) -> Command:
        """What the device answers. The command as it then is. Raises CommandNotFound, Conflict, Invalid."""
        if status not in commands.ANSWERS:
            raise fault("status", f"must be one of {', '.join(commands.ANSWERS)}", status)
        check_json("result", result)
        message = message[:LONGEST_MESSAGE]
        return self._change(device_id, command_id, lambda command, now: commands.answered(command, status, now, message, result))

    def next_for(self, device_id: str) -> Command | None:
        """What the device should do next, now in the caller's hands for `HAND_OUT`; None when there is nothing. Two callers never get
        the same; one that does not acknowledge leaves it to the next caller after that time."""
        for _ in range(_TURNS):
            now = self._clock()
            entries = {entry.id: entry for entry in self._queued(device_id)}
            found = commands.next_in([_command(entry) for entry in entries.values()], now)
            if found is None:
                return None
            try:
                return self._put(replace(found, handed_until=now + commands.HAND_OUT), entries[found.id].version)
            except Conflict:
                continue
        return None

    def deliverable(self) -> tuple[set[str], bool]:
        """Devices for which `next_for` has something now, and whether something else is queued, in somebody's hands."""
        now = self._clock()
        queued = [command for command in map(_command, self._queued()) if now < command.deadline]
        ready = {command.device_id for command in queued if command.handed_until <= now}
        return ready, any(command.handed_until > now for command in queued)

    def unpublished(self) -> list[Command]:
        """Queued commands that were not published by MQTT yet, most urgent first."""
        now = self._clock()
        return commands.order(c for c in map(_command, self._queued()) if c.published is None and now < c.deadline)

    def mark_published(self, command: Command) -> None:
        """Note that the broker has the command."""
        now = self._clock()

        def mark(kept: Command, _: int) -> Command:
            return kept if kept.published is not None else replace(kept, published=now)

        self._change(command.device_id, command.id, mark, quiet=True)

    def get(self, device_id: str, command_id: str) -> Command:
        """One command as it stands now. Raises CommandNotFound."""
        return commands.due(_command(self._entry(device_id, command_id)), self._clock())

    def history(self, device_id: str, limit: int = 100, cursor: str = "", status: str = "") -> tuple[list[Command], str | None]:
        """Commands of a device, newest first, and the cursor of the next page (None at the end). Raises DeviceNotFound, Invalid for a
        cursor that is none. New commands do not move the pages."""
        self._forms(device_id)
        now = self._clock()
        at, last = _place(cursor)
        found: list[Command] = []
        end = at + 1 if at is not None else None
        while len(found) <= limit:
            page = self._page(device_id, end, limit + 1)
            fresh = [e for e in page if at is None or (e.at, e.id) < (at, last)]
            found += [c for c in (commands.due(_command(e), now) for e in fresh) if not status or c.status == status]
            if len(page) < limit + 1 or not fresh:
                break
            at, last = fresh[-1].at, fresh[-1].id
            end = at + 1
        more = len(found) > limit
        found = found[:limit]
        return found, f"{found[-1].queued}-{found[-1].id}" if more else None

    def estimate(self, command: Command) -> int:
        """When it will probably have ended [epoch ms]; see `plant.analysis.commands.estimate`."""
        done = self._records.entries(DRAWER, command.device_id, ("completed",), limit=50)
        return commands.estimate(command, [_command(entry) for entry in done])

    def expire(self) -> tuple[list[Command], int | None]:
        """Write down what has timed out. Those, and when the next open command will [epoch ms] (None without one)."""
        now = self._clock()
        ended, due = [], None
        for entry in self._records.entries(DRAWER, states=OPEN, limit=100_000):
            command = _command(entry)
            if command.deadline > now:
                due = command.deadline if due is None else min(due, command.deadline)
                continue
            try:
                ended.append(self._change(command.device_id, command.id, lambda kept, at: commands.due(kept, at)))
            except (Conflict, CommandNotFound):
                continue
        return ended, due

    def _admit(self, order: Order, forms: list[Device], device: Device, limits: command_safety.Limits, waiting: list[Command]) -> None:
        if any(form.status == "maintenance" for form in forms):
            raise Locked(f"Device '{order.device_id}' is in maintenance", device_id=order.device_id, status="maintenance")
        if (shutdown := _shutdown(waiting)) and order.type != "request_status":
            raise _locked(order.device_id, shutdown)
        found = command_safety.violations(device.kind, order.type, order.parameters, limits, self._values(forms))
        if found:
            self._records.audit(self._clock(), order.source, "command.refused", f"{order.device_id} {order.type}: {'; '.join(found)}")
            raise SafetyViolation("; ".join(found), device_id=order.device_id, violations=found, constraints=limits.named())
        if len(waiting) >= MOST_OPEN:
            raise TooMany(f"{len(waiting)} commands wait for '{order.device_id}' already", device_id=order.device_id, retry_after=5)

    def _forms(self, device_id: str) -> list[Device]:
        """Everything this id is registered as. Raises DeviceNotFound."""
        found = [self._records.device(device_id)]
        for kind in command_safety.STORAGE:
            if kind != found[0].kind:
                try:
                    found.append(self._records.device(device_id, kind))
                except DeviceNotFound:
                    continue
        return found

    def _values(self, forms: list[Device]) -> dict[str, Value]:
        """The newest values of a device under all its kinds."""
        found = self._store.telemetry.latest([(form.device_id, form.kind) for form in forms])
        return {name: value for latest in found.values() for name, value in latest.values.items()}

    def _queued(self, device_id: str | None = None) -> list[Entry]:
        return self._records.entries(DRAWER, device_id, ("queued",), limit=100_000)

    def _open(self, device_id: str) -> list[Command]:
        """Commands of a device that are open now."""
        now = self._clock()
        found = [commands.due(_command(e), now) for e in self._records.entries(DRAWER, device_id, OPEN, limit=100_000)]
        return [command for command in found if commands.is_open(command)]

    def _queue(self, command: Command) -> Command:
        """The command with a sequence number and an id of its own: of two processes that take the same number, one takes the next."""
        newest = self._records.entries(DRAWER, command.device_id, limit=1)
        sequence = max(command.queued // 1000, _command(newest[0]).sequence + 1 if newest else 0)
        mark = f"{hash_of(command.device_id):08x}"
        for number in range(sequence, sequence + 1000):
            try:
                return self._put(replace(command, id=f"cmd_{mark}_{number}", sequence=number), 0)
            except Conflict:
                continue
        raise Unavailable("Too many commands at once; try again")

    def _supersede(self, command_id: str, by: str) -> None:
        entry = self._records.entry(DRAWER, command_id)
        if entry is None:
            return

        def end(command: Command, now: int) -> Command:
            stands = command.status != "queued" or command.type not in STARTS
            return command if stands else commands.superseded(command, by, now)

        self._change(entry.subject, command_id, end)

    def _change(self, device_id: str, command_id: str, change: Callable[[Command, int], Command], quiet: bool = False) -> Command:
        """Apply `change(command, now)` to what is kept, again when somebody else was faster. Raises what it raises."""
        for _ in range(_TURNS):
            entry, now = self._entry(device_id, command_id), self._clock()
            kept = _command(entry)
            changed = change(kept, now)
            if changed == kept:
                return kept
            try:
                self._put(changed, entry.version)
            except Conflict:
                continue
            if changed.status not in OPEN and kept.status in OPEN:
                self._records.audit(now, device_id, f"command.{changed.status}", _told(changed))
            if not quiet:
                self._store.live.publish(TOPIC, changed)
            return changed
        raise Unavailable("The command is being changed by others all the time; try again")

    def _entry(self, device_id: str, command_id: str) -> Entry:
        entry = self._records.entry(DRAWER, command_id) if len(command_id) <= 128 and command_id.isprintable() else None
        if entry is None or entry.subject != device_id:
            raise CommandNotFound(command_id, device_id=device_id)
        return entry

    def _put(self, command: Command, version: int) -> Command:
        body = {name: value for name, value in asdict(command).items() if name not in _HEAD}
        self._records.put_entry(Entry(DRAWER, command.id, command.device_id, command.status, command.queued, body, version))
        return command

    def _page(self, device_id: str, end: int | None, size: int) -> list[Entry]:
        """The newest before `end`, all of the last instant, so that a page never begins within one."""
        window = None if end is None else Window(0, max(end, 1))
        page = self._records.entries(DRAWER, device_id, window=window, limit=size)
        if len(page) < size:
            return page
        last = self._records.entries(DRAWER, device_id, window=Window(page[-1].at, page[-1].at + 1), limit=100_000)
        known = {entry.id for entry in page}
        return page + [entry for entry in last if entry.id not in known]


def hash_of(text: str) -> int:
    """A 32-bit number that tells device ids apart (FNV-1a), the same in every process.

    >>> hash_of("")
    2166136261
    """
    number = 2166136261
    for byte in text.encode():
        number = (number ^ byte) * 16777619 % 2**32
    return number


def _shutdown(waiting: list[Command]) -> Command | None:
    return next((command for command in waiting if command.type == EMERGENCY), None)


def _locked(device_id: str, shutdown: Command) -> Locked:
    return Locked(f"Device '{device_id}' is shutting down ({shutdown.id})", device_id=device_id, command_id=shutdown.id)


def _command(entry: Entry) -> Command:
    return Command(id=entry.id, device_id=entry.subject, status=entry.state, queued=entry.at, **entry.body)


def _told(command: Command) -> str:
    """A command as the audit log tells it: of its parameters only the quantities, for others may be anything."""
    said = " ".join(f"{name}={command.parameters[name]}" for name in _AUDITED if command.parameters.get(name) is not None)
    return " ".join(part for part in (command.device_id, command.type, command.id, said, command.message[:200]) if part)


def _place(cursor: str) -> tuple[int | None, str]:
    at, _, last = cursor.partition("-")
    if not cursor:
        return None, ""
    if not (at.isascii() and at.isdigit() and len(at) < 16 and last):
        raise fault("cursor", "is not the `next` of a page", cursor)
    return int(at), last
