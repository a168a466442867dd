"""Which kinds an id is registered as, remembered: an ingest request must not read the records each time."""

import threading
from collections.abc import Callable

from datastore.ports import Records
from plant.errors import Unavailable

STALE_MS = 10_000
RETRY_MS = 1_000
"""An unknown id makes the memory fresh at most this often [ms]."""


class Kinds:
    """Device id → kinds, at most ten seconds old, older only while the store does not answer. Thread-safe."""

    def __init__(self, records: Records, clock: Callable[[], int]) -> None:
        self._records = records
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, ...]] = {}
        self._read = -STALE_MS
        self._heard = False

    def of(self, device_id: str) -> tuple[str, ...]:
        """The kinds of this device; empty when nobody registered it."""
        age = self._clock() - self._read
        if age > STALE_MS or (device_id not in self._known and age > RETRY_MS):
            self._refresh()
        return self._known.get(device_id, ())

    def forget(self) -> None:
        """Read the records again when somebody asks next: this process has just changed a device."""
        self._read = self._clock() - STALE_MS - 1

    def _refresh(self) -> None:
        with self._lock:
            known: dict[str, tuple[str, ...]] = {}
            try:
                devices = self._records.devices()
            except Unavailable:
                if not self._heard:
                    raise
                self._read = self._clock()  # what was known a moment ago is the best guess there is
                return
            for device in devices:
                known[device.device_id] = (*known.get(device.device_id, ()), device.kind)
            self._known, self._read, self._heard = known, self._clock(), True
