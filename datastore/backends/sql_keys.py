"""Names ⇄ the small integers that rows carry."""

import threading
from collections.abc import Iterable

from datastore.backends.sql_dialects import Connection, Database


class Keys:
    """Devices and metrics by integer. Devices are numbered when they first speak, metrics when the tables are made."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._devices: dict[str, dict[str, int]] = {}
        self.names: dict[int, tuple[str, str]] = {}
        self.metric: dict[str, int] = {}
        with database.read() as connection:
            self._reload(connection)

    def _reload(self, connection: Connection) -> None:
        self.metric = {name: key for key, name in connection.execute("SELECT id, name FROM metric_key")}
        for key, device_id, kind in connection.execute("SELECT id, device_id, kind FROM device_key"):
            self._devices.setdefault(kind, {})[device_id] = key
            self.names[key] = (device_id, kind)

    def of_kind(self, kind: str) -> dict[str, int]:
        """device_id → integer for the devices of a kind known so far; do not change it."""
        return self._devices.setdefault(kind, {})

    def all_of(self, kind: str) -> list[int]:
        """Every device of a kind, those numbered by other processes too."""
        with self._lock, self._database.read() as connection:
            self._reload(connection)
        return list(self.of_kind(kind).values())

    def find(self, device_id: str, kind: str) -> int | None:
        """The integer of a device, None when it never spoke (here or in another process)."""
        key = self.of_kind(kind).get(device_id)
        if key is None:
            with self._lock, self._database.read() as connection:
                row = connection.execute("SELECT id FROM device_key WHERE device_id = ? AND kind = ?", (device_id, kind)).fetchone()
            if row:
                key = self._remember(row[0], device_id, kind)
        return key

    def number(self, kind: str, device_ids: Iterable[str]) -> dict[str, int]:
        """device_id → integer for all of `device_ids`, numbering the new ones in a transaction of its own."""
        known = self.of_kind(kind)
        missing = [device_id for device_id in dict.fromkeys(device_ids) if device_id not in known]
        if missing:
            with self._database.write() as connection:
                connection.executemany(
                    "INSERT OR IGNORE INTO device_key (device_id, kind) VALUES (?, ?)", [(device_id, kind) for device_id in missing]
                )
                found = [
                    (
                        connection.execute("SELECT id FROM device_key WHERE device_id = ? AND kind = ?", (device_id, kind)).fetchone()[0],
                        device_id,
                    )
                    for device_id in missing
                ]
            for key, device_id in found:
                self._remember(key, device_id, kind)
        return known

    def name(self, key: int) -> tuple[str, str]:
        """(device_id, kind) of an integer, also when another process numbered it."""
        if key not in self.names:
            with self._lock, self._database.read() as connection:
                self._reload(connection)
        return self.names[key]

    def _remember(self, key: int, device_id: str, kind: str) -> int:
        self.of_kind(kind)[device_id] = key
        self.names[key] = (device_id, kind)
        return key
