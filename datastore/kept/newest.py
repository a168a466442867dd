"""The newest value of each metric of each device, in memory; what is needed to find it again after a restart, in a table."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import orjson

from datastore.kept.engine import BEGINNING
from datastore.kept.packing import record
from datastore.ports import Latest
from plant.model import Value

Row = tuple[Any, ...]
"""(device, ts, received, quality, value of each metric …) with the device as integer."""

_SHAPES_KEPT = 8
_SIFT_AT = 1 << 20
"""Bytes of packed rows after which the overtaken ones are dropped: some 12,000 readings of seven metrics."""


class _State:
    """What is newest of one device. Complete rows are kept as they are, by their metrics: unfolding them can wait until someone asks."""

    __slots__ = ("head", "rows", "told")

    def __init__(self) -> None:
        self.head = (BEGINNING, 0, 0)  # at, received, quality of the newest reading
        self.rows: dict[tuple[str, ...], Row] = {}
        self.told: dict[str, tuple[int, Value]] = {}

    def fold(self) -> None:
        for metrics, row in sorted(self.rows.items(), key=lambda item: item[1][1]):
            self.tell(metrics, row)
        self.rows.clear()

    def tell(self, metrics: Sequence[str], row: Row) -> None:
        at = row[1]
        for name, value in zip(metrics, row[4:], strict=True):
            if value is not None and (name not in self.told or self.told[name][0] <= at):
                self.told[name] = (at, value)


class LatestCache:
    """Fed after each commit; answers without the store. Complete rows wait, packed, until someone asks: most are overtaken by then, and
    to unfold those costs more than to keep them."""

    def __init__(self) -> None:
        self._states: dict[int, _State] = {}
        self._built: dict[int, Latest] = {}
        self._lock = threading.Lock()
        self._unsaved: set[int] = set()
        self._waiting: list[bytes] = []
        self._waiting_metrics: tuple[str, ...] = ()
        self._waiting_bytes = 0

    def note(self, metrics: tuple[str, ...], rows: Sequence[Row], packed: bytes | None = None) -> None:
        """Rows that were kept, ascending by time; (received, quality) as the store has them now. `packed` are the same as records, where
        all of them are scalars and none is silent."""
        if not rows:
            return
        with self._lock:
            if metrics != self._waiting_metrics or packed is None:
                self._settle()
            if packed is None:
                newest = {row[0]: row for row in rows}
                partial = {device for device, row in newest.items() if None in row}
                self._take_in(metrics, newest, partial)
                if partial:
                    self._note_partial(metrics, [row for row in rows if row[0] in partial])
                return
            self._waiting_metrics = metrics
            self._waiting.append(packed)
            self._waiting_bytes += len(packed)
            if self._waiting_bytes >= _SIFT_AT:
                sifted = self._sifted()
                self._waiting, self._waiting_bytes = [sifted.tobytes()], 0

    def _sifted(self) -> Any:
        """The newest record of each device that waits."""
        found = np.frombuffer(b"".join(self._waiting), record(len(self._waiting_metrics)))
        devices = found["heads"][:, 0]
        # stable: of equal instants the one that came later stays later
        order = np.lexsort((found["heads"][:, 1], devices))
        return found[order[np.r_[np.diff(devices[order]) != 0, True]]]

    def _settle(self) -> None:
        """Take in the rows that wait; under the lock."""
        if self._waiting:
            sifted = self._sifted()
            self._waiting, self._waiting_bytes = [], 0
            pairs = zip(sifted["heads"].tolist(), sifted["numbers"].tolist(), strict=True)
            self._take_in(self._waiting_metrics, {heads[0]: (*heads, *numbers) for heads, numbers in pairs}, set())

    def _take_in(self, metrics: tuple[str, ...], newest: Mapping[int, Row], partial: AbstractSet[int]) -> None:
        """Rows of these metrics by device; those of `partial` tell only when the device spoke."""
        for device, row in newest.items():
            state = self._states.get(device) or self._states.setdefault(device, _State())
            if row[1] >= state.head[0]:
                state.head = row[1:4]
            self._built.pop(device, None)
            if device in partial:
                continue
            known = state.rows.get(metrics)
            if known is None or known[1] <= row[1]:
                state.rows[metrics] = row
            if len(state.rows) > _SHAPES_KEPT:
                state.fold()
        self._unsaved.update(newest)

    def _note_partial(self, metrics: tuple[str, ...], rows: Sequence[Row]) -> None:
        for row in rows:
            state = self._states[row[0]]
            state.fold()
            state.tell(metrics, row)

    def unsaved(self) -> list[int]:
        """Devices that told something since they were last `saved`."""
        with self._lock:
            self._settle()
            return list(self._unsaved)

    def saved(self, devices: Iterable[int]) -> None:
        """The table holds these devices as they are now."""
        with self._lock:
            self._unsaved.difference_update(devices)

    def devices(self) -> list[int]:
        """Devices with at least one reading."""
        with self._lock:
            self._settle()
            return list(self._states)

    def get(self, device: int, name: tuple[str, str]) -> Latest | None:
        """The newest of one device, `name` being its (device_id, kind)."""
        with self._lock:
            self._settle()
            built = self._built.get(device)
            if built is None:
                state = self._states.get(device)
                if state is None:
                    return None
                state.fold()
                at, received, quality = state.head
                values = {metric: value for metric, (_, value) in state.told.items()}
                times = {metric: at for metric, (at, _) in state.told.items()}
                built = self._built[device] = Latest(name[0], name[1], at, received, quality, values, times)
            return built

    def newest(self) -> int:
        """The newest instant of any device, 0 when there is none."""
        with self._lock:
            self._settle()
            return max((state.head[0] for state in self._states.values()), default=0)

    def drop(self, device: int) -> None:
        """Forget a device."""
        with self._lock:
            self._settle()
            self._states.pop(device, None)
            self._built.pop(device, None)
            self._unsaved.discard(device)

    def saved_form(self, devices: Iterable[int]) -> list[tuple[int, str]]:
        """(device, JSON) for the table."""
        found = []
        with self._lock:
            self._settle()
            for device in devices:
                state = self._states.get(device)
                if state is not None:
                    state.fold()
                    found.append((device, orjson.dumps([state.head, state.told]).decode()))
        return found

    def restore(self, rows: Iterable[tuple[int, str]]) -> None:
        """Take in what the table says; what is newer here stays."""
        with self._lock:
            self._settle()
            for device, text in rows:
                head, told = orjson.loads(text)
                state = self._states.setdefault(device, _State())
                state.fold()
                if head[0] >= state.head[0]:
                    state.head = tuple(head)
                self._adopt(state, told)
                self._built.pop(device, None)

    def _adopt(self, state: _State, told: Mapping[str, Any]) -> None:
        for name, (at, value) in told.items():
            if name not in state.told or state.told[name][0] < at:
                state.told[name] = (at, value)
