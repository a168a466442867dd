"""What S2's devices say about themselves beside their readings: their own alarms, their firmware, the site they stand at.

An alarm that a message carries stands until a later message of that device no longer carries it. Readings are kept by the intake;
this is what is left to do once they are.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from datastore.store import Store
from plant.analysis.alarms import BRANCH_SILENT, SILENT, watched
from plant.analysis.peers import CHARGE
from plant.errors import PlantError, Unavailable
from plant.model import SECOND, Alarm, Device
from services.open_alarms import amend

log = logging.getLogger(__name__)

REPORTED = "alarm_flags"
"""The `metric` of alarms that a device raised itself."""
TRUSTED_FOR = 30 * SECOND
"""How long [ms] what was last settled is believed without asking the records, which other processes write too."""
_MOST_OPEN = 100_000
_MOST_DEVICES = 100_000

Key = tuple[str, str]
"""(device id, kind)."""


@dataclass(frozen=True, slots=True)
class Said:
    """One alarm of a message; `severity` is ours, `details` its further figures as the text of a JSON object."""

    code: str
    severity: str
    message: str
    value: float | None = None
    limit: float | None = None
    details: str | None = None

    def told_of(self, alarm: Alarm) -> Alarm:
        """The alarm as it is said now."""
        return replace(
            alarm, severity=self.severity, message=self.message, value=self.value, limit=self.limit, details=self.details
        )


@dataclass(frozen=True, slots=True)
class Report:
    """One message: `at` [epoch ms] is when the device says it was made, or, where its clock is `astray`, when it was received."""

    device_id: str
    kind: str
    at: int
    alarms: tuple[Said, ...] = ()
    site_id: str = ""
    firmware: str = ""
    astray: bool = False

    @property
    def news(self) -> tuple[object, ...]:
        """What must be the same for there to be nothing to do."""
        return (frozenset((said.code, said.severity, said.message) for said in self.alarms), self.site_id, self.firmware)


@dataclass(frozen=True, slots=True)
class _Settled:
    at: int
    news: tuple[object, ...]
    when: int


class Reports:
    """Settles the reports of one process's doors. Thread-safe; `is_news` never waits for the store."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[Key, _Settled] = {}
        self._announced: dict[Key, tuple[int, tuple[str, ...]]] = {}

    def announce(self, report: Report) -> None:
        """Note what a message carries before its reading is told: frames of that reading then carry its flags, though the alarms are
        settled only once the reading is kept."""
        if len(self._announced) >= _MOST_DEVICES:
            self._announced.clear()
        codes = tuple(_code(said.code, report.kind) for said in report.alarms)
        self._announced[report.device_id, report.kind] = (report.at, codes)

    def announced(self, key: Key, at: int) -> tuple[str, ...] | None:
        """Codes that the message of the reading at `at` [epoch ms] carried, as they stand in the records; None where no such message came
        through this process."""
        found = self._announced.get(key)
        return found[1] if found is not None and found[0] == at else None

    def is_news(self, report: Report) -> bool:
        """Whether `settle` may have something to write."""
        known = self._known.get((report.device_id, report.kind))
        if known is None or self._clock() - known.when > TRUSTED_FOR:
            return True
        return known.news != report.news and (report.astray or report.at >= known.at)

    def settle(self, report: Report) -> list[Alarm]:
        """Raise, change and clear the device's own alarms, and keep what it says of itself; returns the alarms written. A message older
        than one heard before changes nothing. While the store does not answer nothing is done: the next message brings it again."""
        key = (report.device_id, report.kind)
        try:
            with self._lock:
                if not self._is_newest(key, report):
                    return []
                device = self._store.records.device(*key)
                self._describe(device, report)
                written = self._settle_alarms(device, report)
                if len(self._known) >= _MOST_DEVICES:
                    self._known.clear()
                self._known[key] = _Settled(report.at, report.news, self._clock())
        except Unavailable:
            return []
        except PlantError as error:  # the reading is kept: its sender must not hear that it was not
            log.warning("what %s said beside its reading was not kept: %s", report.device_id, error.message)
            return []
        for alarm in written:
            self._store.live.publish("alarms", alarm)
        return written

    def _is_newest(self, key: Key, report: Report) -> bool:
        if report.astray:
            return True
        known = self._known.get(key)
        if known is not None and report.at < known.at:
            return False
        newest = self._store.telemetry.latest([key]).get(key)
        return newest is None or newest.at <= report.at

    def _describe(self, device: Device, report: Report) -> None:
        """Firmware lives on the device record; a device that nobody configured also tells its site."""
        changed = device
        if report.firmware and device.info.get("firmware_version") != report.firmware:
            changed = replace(changed, info={**device.info, "firmware_version": report.firmware})
        stranger = not device.rating and device.parent is None and not device.simulated and device.name in ("", device.device_id)
        if report.site_id and stranger and device.site_id != report.site_id:
            changed = replace(changed, site_id=report.site_id)
        if changed is not device:
            self._store.records.put_devices([changed])

    def _settle_alarms(self, device: Device, report: Report) -> list[Alarm]:
        standing = {alarm.code: alarm for alarm in self._open(device)}
        said = {_code(said.code, device.kind): said for said in report.alarms}
        gone = [alarm for code, alarm in standing.items() if code not in said]
        records = self._store.records
        ended = [amend(records, alarm, lambda was: replace(was, cleared=max(report.at, was.raised))) for alarm in gone]
        written = [kept for kept in ended if kept]
        for code, one in said.items():
            before = standing.get(code)
            if before is None:
                alarm, is_new = self._store.records.raise_alarm(_raised(device, code, one, report.at))
                written += [alarm] if is_new else []
            elif (before.severity, before.message) != (one.severity, one.message):
                kept = amend(self._store.records, before, one.told_of)
                written += [kept] if kept else []
        return written

    def _open(self, device: Device) -> list[Alarm]:
        return [
            alarm
            for alarm in self._store.records.alarms(limit=_MOST_OPEN)
            if alarm.metric == REPORTED and (alarm.device_id, alarm.kind) == (device.device_id, device.kind)
        ]


@cache
def _watch_codes(kind: str) -> frozenset[str]:
    codes = {limit.code for rule in watched(kind) for limit in rule.limits}
    return frozenset({SILENT, BRANCH_SILENT, CHARGE.code} | codes)


def _code(code: str, kind: str) -> str:
    """The device's own code, told apart from those of our watch, which would clear them."""
    return f"DEVICE:{code}" if code in _watch_codes(kind) else code


def _raised(device: Device, code: str, said: Said, at: int) -> Alarm:
    return Alarm(
        device.device_id,
        device.kind,
        code,
        said.severity,
        said.message,
        at,
        REPORTED,
        said.value,
        said.limit,
        simulated=device.simulated,
        details=said.details,
    )
