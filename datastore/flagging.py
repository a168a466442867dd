"""Readings set right on their way in: one sign convention, plausible times, and quality flags that say what was odd."""

import hashlib
from collections import OrderedDict
from collections.abc import Set as AbstractSet
from threading import Lock
from typing import Any

import numpy as np

from datastore.vetting import HEAD, Plan, Row, Survey
from plant.metrics import CATALOGUE
from plant.model import MINUTE, SECOND, Block, Quality

EPOCH_2000 = 946_684_800_000
"""2000-01-01T00:00Z: no plant device has measured earlier, a clock that says so counts seconds since its start."""
AHEAD = 10 * MINUTE
LATE_AFTER = 2 * MINUTE
REMEMBERED_FOR = 15 * MINUTE
"""A packet without a usable clock that is sent again within this time is known as the same packet."""
REMEMBERED = 65_536
_CLOCK = "device_clock"
_FARTHEST = 2**62

Mask = np.ndarray[Any, np.dtype[np.bool_]]


def set_right(block: Block, plan: Plan, seen: Survey, backwards: AbstractSet[str], now: int, clocks: "Clocks") -> list[Block]:
    """The block with signs converted, receive times filled in, implausible times replaced and flags set; the block itself when
    nothing was odd. Rows that gain the device's own clock as a value come as a second block."""
    turned = bool(plan.signed) and not backwards.isdisjoint(seen.ids)
    on_time = (
        seen.received_first > 0
        and seen.first >= EPOCH_2000
        and seen.last <= seen.received_first + AHEAD
        and seen.first >= seen.received_last - LATE_AFTER
    )
    if on_time and not turned and seen.impossible is None:
        return [block]
    columns = list(zip(*block.rows, strict=True))
    if turned:
        _turn(columns, plan, backwards)
    quality = np.array(columns[3], dtype=np.int64)
    if seen.impossible is not None:
        quality |= np.where(seen.impossible, int(Quality.OUT_OF_RANGE), 0)
    astray = None if on_time else _judge_times(columns, quality, now)
    columns[3] = tuple(quality.tolist())
    rows: list[Row] = list(zip(*columns, strict=True))
    if astray is None:
        return [Block(block.kind, block.metrics, rows)]
    return _settle_times(block, rows, astray, clocks)


def _turn(columns: list[tuple[Any, ...]], plan: Plan, backwards: AbstractSet[str]) -> None:
    flips = [device in backwards for device in columns[0]]
    for place in plan.signed:
        column = columns[HEAD + place]
        columns[HEAD + place] = tuple(
            # 0 - x and not -x: an idle device says 0, never -0
            0.0 - value if flip and value is not None else value
            for flip, value in zip(flips, column, strict=True)
        )


def _judge_times(columns: list[tuple[Any, ...]], quality: "np.ndarray[Any, np.dtype[np.int64]]", now: int) -> Mask | None:
    """Fill in receive times, flag late rows, and tell which rows have an implausible time (None = none)."""
    at = np.array(columns[1], dtype=np.int64)
    received = np.array(columns[2], dtype=np.int64)
    received[received == 0] = now
    columns[2] = tuple(received.tolist())
    limit = np.minimum(received, _FARTHEST)
    astray: Mask = (at < EPOCH_2000) | (at > limit + AHEAD)
    quality |= np.where(astray, int(Quality.CLOCK), np.where(at < limit - LATE_AFTER, int(Quality.LATE), 0))
    return astray if astray.any() else None


def _settle_times(block: Block, rows: list[Row], astray: Mask, clocks: "Clocks") -> list[Block]:
    """Give every row with an implausible time the time of its receipt, and keep what the device said where its kind has a place for it."""
    adds_clock = block.kind in CATALOGUE[_CLOCK].kinds and _CLOCK not in block.metrics
    place = HEAD + block.metrics.index(_CLOCK) if _CLOCK in block.metrics else None
    plain: list[Row] = []
    clocked: list[Row] = []
    for row, wrong in zip(rows, astray.tolist(), strict=True):
        if not wrong:
            plain.append(row)
            continue
        device, said, received, quality, *values = row
        at = clocks.instant(block, row)
        if adds_clock:
            clocked.append((device, at, received, quality, *values, said / SECOND))
        else:
            if place is not None and row[place] is None:
                values[place - HEAD] = said / SECOND
            plain.append((device, at, received, quality, *values))
    settled = [Block(block.kind, block.metrics, plain)] if plain else []
    if clocked:
        settled.append(Block(block.kind, (*block.metrics, _CLOCK), clocked))
    return settled


class Clocks:
    """Times for packets whose own clock is of no use: the time of receipt, one millisecond apart where several arrive in the
    same; the same packet sent again gets the time it had, so it is recognised as a duplicate. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: dict[tuple[str, str], int] = {}
        self._packets: OrderedDict[bytes, int] = OrderedDict()

    def instant(self, block: Block, row: Row) -> int:
        """The time [epoch ms] at which this row is kept."""
        device, received = row[0], row[2]
        said = (block.kind, device, row[1], block.metrics, row[HEAD:])
        packet = hashlib.blake2b(repr(said).encode(), digest_size=16).digest()
        with self._lock:
            self._forget(received)
            at = self._packets.get(packet)
            if at is None:
                key = (block.kind, device)
                at = max(received, self._newest.get(key, 0) + 1)
                self._newest[key] = self._packets[packet] = at
            return at

    def _forget(self, now: int) -> None:
        while self._packets:
            packet, at = next(iter(self._packets.items()))
            if len(self._packets) < REMEMBERED and at >= now - REMEMBERED_FOR:
                return
            del self._packets[packet]
