"""Names ⇄ the small integers that rows carry."""

import threading
from collections.abc import Iterable

from datastore.kept.engine import Engine, Reader


class Keys:
    """Devices and metrics by integer. Devices are numbered when they first speak, metrics when the tables are made."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._devices: dict[str, dict[str, int]] = {}
        self.names: dict[int, tuple[str, str]] = {}
        with engine.read() as tx:
            self.metric = tx.metric_keys()
            self._reload(tx)
        self.metric_name = {key: name for name, key in self.metric.items()}

    def _reload(self, tx: Reader) -> None:
        for key, device_id, kind in tx.device_keys():
            self._remember(key, device_id, kind)

    def of_kind(self, kind: str) -> dict[str, int]:
        """device_id → integer for the devices of a kind known so far; do not change it."""
        return self._devices.setdefault(kind, {})

    def all_of(self, kind: str) -> list[int]:
        """Every device of a kind, those numbered by other processes too."""
        with self._lock, self._engine.read() as tx:
            self._reload(tx)
        return list(self.of_kind(kind).values())

    def find(self, device_id: str, kind: str) -> int | None:
        """The integer of a device, None when it never spoke (here or in another process)."""
        key = self.of_kind(kind).get(device_id)
        if key is None:
            with self._lock, self._engine.read() as tx:
                key = tx.device_key(device_id, kind)
            if key is not None:
                self._remember(key, device_id, kind)
        return key

    def number(self, kind: str, device_ids: Iterable[str]) -> dict[str, int]:
        """device_id → integer for all of `device_ids`, numbering the new ones in a transaction of its own."""
        known = self.of_kind(kind)
        missing = [device_id for device_id in dict.fromkeys(device_ids) if device_id not in known]
        if missing:
            with self._engine.write() as tx:
                numbered = tx.number_devices(kind, missing)
            for device_id, key in numbered.items():
                self._remember(key, device_id, kind)
        return known

    def name(self, key: int) -> tuple[str, str]:
        """(device_id, kind) of an integer, also when another process numbered it."""
        if key not in self.names:
            with self._lock, self._engine.read() as tx:
                self._reload(tx)
        return self.names[key]

    def _remember(self, key: int, device_id: str, kind: str) -> None:
        self.of_kind(kind)[device_id] = key
        self.names[key] = (device_id, kind)
