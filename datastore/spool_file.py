"""Records in a file of the spool, as bytes: how they are framed, and how a reader goes on behind damage. Pure.

A record is a head (mark, sizes, time, two checksums) and a payload: the blocks of one submit in MessagePack, which keeps 64-bit
floats and integers as they are.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from plant.model import Block

MARK = b"\xd1Vr1"
_FACTS = struct.Struct("<4sIIQI")  # mark, bytes of payload, readings, written at [epoch ms], checksum of the payload
_SUM = struct.Struct("<I")  # checksum of the facts
HEAD = _FACTS.size + _SUM.size
"""Bytes before a payload."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]).decode


@dataclass(frozen=True, slots=True)
class Record:
    """A sound record from byte `start` to before byte `end`; `at` is when it was written, epoch ms."""

    start: int
    end: int
    rows: int
    at: int
    payload: bytes

    def blocks(self) -> list[Block]:
        """What was put in. Raises ValueError when it is no list of blocks (written by another version)."""
        return [Block(kind, metrics, rows) for kind, metrics, rows in _decode(self.payload)]


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no record. `torn` = the file ends in the middle of a write, so nobody was told that this is kept."""

    start: int
    end: int
    torn: bool


def framed(blocks: Sequence[Block], at: int) -> bytes:
    """The record of these blocks, written at `at` [epoch ms]."""
    payload = _encode([(block.kind, block.metrics, block.rows) for block in blocks])
    rows = sum(len(block.rows) for block in blocks)
    facts = _FACTS.pack(MARK, len(payload), rows, at, zlib.crc32(payload))
    return facts + _SUM.pack(zlib.crc32(facts)) + payload


def records(data: bytes, start: int = 0) -> Iterator[Record | Gap]:
    """Everything from `start` on, in order and without overlap: sound records, and the gaps between them."""
    while start < len(data):
        found = _record_at(data, start)
        if found is None:
            following = _next_sound(data, start + 1)
            end = len(data) if following is None else following
            yield Gap(start, end, torn=following is None and _is_torn(data, start))
            start = end
        else:
            yield found
            start = found.end


def written_at(data: bytes) -> int | None:
    """When the record that begins here was written [epoch ms]; None where none begins."""
    head = _head_at(data, 0)
    return None if head is None else head[2]


def _head_at(data: bytes, start: int) -> tuple[int, int, int, int] | None:
    """Bytes of payload, readings, time, checksum; None where no whole and sound head stands."""
    if len(data) - start < HEAD or not data.startswith(MARK, start):
        return None
    (told,) = _SUM.unpack_from(data, start + _FACTS.size)
    if zlib.crc32(data[start : start + _FACTS.size]) != told:
        return None
    _, size, rows, at, checksum = _FACTS.unpack_from(data, start)
    return size, rows, at, checksum


def _record_at(data: bytes, start: int) -> Record | None:
    head = _head_at(data, start)
    if head is None:
        return None
    size, rows, at, checksum = head
    payload = data[start + HEAD : start + HEAD + size]
    if len(payload) != size or zlib.crc32(payload) != checksum:
        return None
    return Record(start, start + HEAD + size, rows, at, payload)


def _next_sound(data: bytes, start: int) -> int | None:
    place = data.find(MARK, start)
    while place >= 0 and _record_at(data, place) is None:
        place = data.find(MARK, place + 1)
    return place if place >= 0 else None


def _is_torn(data: bytes, start: int) -> bool:
    """Whether the end of the file is half a head, a sound head with half a payload, or what a file system makes of a write that
    did not happen: zeros. Anything else was whole once."""
    head = _head_at(data, start)
    if head is not None:
        return start + HEAD + head[0] > len(data)
    rest = data[start:]
    return len(rest) < HEAD or not any(rest)
