"""What the intake must know of the devices for every single reading, derived once per change of the records."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from threading import Lock

from datastore.ports import Records
from plant.model import Device


@dataclass(frozen=True, slots=True)
class Known:
    """Kind → device ids: all that may send, those that were deleted, those that count charging as positive."""

    version: int
    known: Mapping[str, AbstractSet[str]]
    deleted: Mapping[str, AbstractSet[str]]
    reversed: Mapping[str, AbstractSet[str]]


_NEVER = Known(-1, {}, {}, {})


class Registry:
    """The registered devices as sets of ids; follows the records."""

    def __init__(self, records: Records, auto_register: bool) -> None:
        self.auto_register = auto_register
        self._records = records
        self._lock = Lock()
        self._known = _NEVER

    @property
    def last(self) -> Known | None:
        """The devices as they were when the store was last asked; None when it never answered."""
        return None if self._known is _NEVER else self._known

    def now(self) -> Known:
        """The devices as registered now. Raises Unavailable when the store does not answer."""
        version = self._records.devices_version()
        if version != self._known.version:
            with self._lock:
                if version != self._known.version:
                    self._known = self._read(version)
        return self._known

    def adopt(self, fresh: Iterable[Device]) -> None:
        """Devices that were registered just now, by one change of the records: if there was no other, nothing need be read again
        (a fleet of thousands that turns up would otherwise be read from the start with every commit)."""
        version = self._records.devices_version()
        with self._lock:
            before = self._known
            if version != before.version + 1:
                return
            known = {kind: set(ids) for kind, ids in before.known.items()}
            for device in fresh:
                known.setdefault(device.kind, set()).add(device.device_id)
            self._known = replace(before, version=version, known=known)

    def _read(self, version: int) -> Known:
        known: defaultdict[str, set[str]] = defaultdict(set)
        deleted: defaultdict[str, set[str]] = defaultdict(set)
        backwards: defaultdict[str, set[str]] = defaultdict(set)
        for device in self._records.devices(deleted=True):
            (deleted if device.deleted else known)[device.kind].add(device.device_id)
            if device.sign < 0:
                backwards[device.kind].add(device.device_id)
        return Known(version, dict(known), dict(deleted), dict(backwards))
