"""S3's battery monitors: 16-byte records over TCP, four little-endian float32: clock [s], pack voltage [V], pack current [A], cell
temperature [°C]. The stream has no marks; a record is where the sixteenth byte says so, from the first byte of a connection on."""

import math
import struct
from collections.abc import Mapping

import numpy as np

from api.collectors.framing import Rejects
from plant.errors import Invalid
from services.battery_messages import DATA, Message, SourceClocks, by_arrival

RECORD = struct.Struct("<4f")
NAMES = DATA.numbers
_ABSURD = (1e5, 1e6, 1e4)
"""Beyond these no sensor fails to [V, A, °C]: what says so, or is smaller than any resolution, or counts time backwards, is no record."""
_NOISE = 1e-9
_EXACT = 2.0**24
"""From here on a float32 has no fraction, and is told as the whole number it is."""


class Records:
    """Bytes of one connection in, messages out. `source` is the device they are about. No socket in sight."""

    def __init__(self, source: str, clocks: SourceClocks) -> None:
        self._source = source
        self._clocks = clocks
        self._rest = b""
        self.rejects = Rejects()

    def feed(self, data: bytes, received: int) -> list[Message]:
        """The messages that are whole now; all of them came at `received` [epoch ms]."""
        data = self._rest + data
        whole = len(data) - len(data) % RECORD.size
        self._rest = data[whole:]
        found = []
        for record in RECORD.iter_unpack(data[:whole]):
            message = self._message(record, received)
            if message is not None:
                found.append(message)
        return found

    def end(self, received: int) -> list[Message]:
        """The connection is over: half a record is dropped."""
        if self._rest:
            self.rejects.note(f"{len(self._rest)} bytes of half a record at the end")
            self._rest = b""
        return []

    def _message(self, record: tuple[float, ...], received: int) -> Message | None:
        decoded = decode(record)
        if decoded is None:
            self.rejects.note("16 bytes that are no measurement")
            return None
        clock, numbers = decoded
        try:
            message = by_arrival(DATA, numbers, self._source, clock, received, self._clocks)
        except Invalid as error:
            self.rejects.note(error.message)
            return None
        self.rejects.good()
        return message


def decode(record: tuple[float, ...]) -> tuple[float, Mapping[str, float]] | None:
    """(clock [s], number → value) of a record; a sensor that says NaN is silent. None for what cannot be one.

    >>> decode((12.5, 355.25, 50.0, 25.5))
    (12.5, {'pack_voltage': 355.25, 'pack_current': 50.0, 'cell_temp': 25.5})
    >>> decode((math.nan, 1.0, 1.0, 1.0)) is None
    True
    """
    clock, *values = record
    if not math.isfinite(clock) or clock < 0 or 0 < clock < _NOISE:
        return None
    for value, limit in zip(values, _ABSURD, strict=True):
        if not math.isnan(value) and (abs(value) > limit or 0 < abs(value) < _NOISE):
            return None
    numbers = {name: shortest(value) for name, value in zip(NAMES, values, strict=True) if not math.isnan(value)}
    return (shortest(clock) if clock < _EXACT else clock, numbers) if numbers else None


def shortest(value: float) -> float:
    """The number with the fewest digits that is this float32: what the device meant, without what a double adds to it.

    >>> shortest(struct.unpack("<f", struct.pack("<f", 355.2))[0])
    355.2
    """
    return float(str(np.float32(value)))
