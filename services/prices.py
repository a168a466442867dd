"""Prices of energy, hour by hour or by the quarter of an hour, as the market says them a day ahead: kept in the drawer `prices`, one entry
per day of the site. They are no readings, for they speak of the future, and nobody makes them up: they come in through the API, or as a
table on the schedule page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from datastore.ports import Entry
from datastore.store import Store
from plant.errors import Conflict, Invalid
from plant.model import DAY, HOUR, MINUTE, Window
from plant.timeline import day_of, day_window, iso, midnight, moment, parse

DRAWER = "prices"
SHORTEST, LONGEST = 5 * MINUTE, HOUR
MOST_PRICE = 1e6
MOST_AT_ONCE = 4000
AHEAD = 400 * DAY
"""Nobody knows prices so long ahead [ms]."""
_MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class Price:
    """What a MWh costs from `start` to `end` [epoch ms]; it may be negative."""

    start: int
    end: int
    per_mwh: float


@dataclass(frozen=True, slots=True)
class Prices:
    """Those of a window, ascending, in one currency ("" without any)."""

    currency: str
    of: tuple[Price, ...]

    def gaps(self, window: Window) -> list[Window]:
        """The stretches of the window that have no price."""
        found, at = [], window.start
        for one in self.of:
            if one.start > at:
                found.append(Window(at, min(one.start, window.end)))
            at = max(at, one.end)
        return [*found, *([Window(at, window.end)] if at < window.end else [])]


def put(store: Store, given: Sequence[Price], currency: str, who: str) -> int:
    """Keep prices, in place of what was said of the same time before; how many. All or none are refused. Raises Invalid."""
    code = currency.strip().upper()
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise Invalid("currency must be three letters, such as EUR or TWD")
    ordered = _checked(store, given)
    days: dict[int, list[Price]] = {}
    for one in ordered:
        for start, part in _by_day(store, one):
            days.setdefault(start, []).append(part)
    for start, own in days.items():
        _keep(store, start, own, code)
    store.records.audit(store.clock(), who, "prices.set", f"{len(ordered)} from {iso(ordered[0].start)} to {iso(ordered[-1].end)}, {code}")
    return len(ordered)


def _checked(store: Store, given: Sequence[Price]) -> list[Price]:
    if not 1 <= len(given) <= MOST_AT_ONCE:
        raise Invalid(f"1 to {MOST_AT_ONCE} prices at once")
    latest = store.clock() + AHEAD
    ordered = sorted(given, key=lambda one: one.start)
    for place, one in enumerate(ordered):
        at = iso(one.start)
        if not (isfinite(one.per_mwh) and abs(one.per_mwh) <= MOST_PRICE):
            raise Invalid(f"the price at {at} is no number within ±{MOST_PRICE:g} per MWh")
        if not SHORTEST <= one.end - one.start <= LONGEST:
            raise Invalid(f"the price at {at} must hold for 5 to 60 minutes")
        if one.end > latest or one.start < 0:
            raise Invalid(f"nobody knows the price at {at}")
        if place and one.start < ordered[place - 1].end:
            raise Invalid(f"the prices at {iso(ordered[place - 1].start)} and {at} overlap")
    return ordered


def _by_day(store: Store, one: Price) -> Iterator[tuple[int, Price]]:
    """A price cut at the site's midnights, each part with the day it lies in: a day's entry holds all of its prices and no others."""
    at = one.start
    while at < one.end:
        today = day_of(at, store.zone)
        end = min(one.end, day_window(today, store.zone).end)
        yield midnight(today, store.zone), replace(one, start=at, end=end)
        at = end


def _keep(store: Store, start: int, own: Sequence[Price], code: str) -> None:
    name = day_of(start, store.zone).isoformat()
    while True:
        known = store.records.entry(DRAWER, name)
        before = _read(known.body).of if known and known.body["currency"] == code else ()
        kept = [one for one in before if all(one.end <= new.start or one.start >= new.end for new in own)]
        rows = [[one.start, one.end, one.per_mwh] for one in sorted([*kept, *own], key=lambda one: one.start)]
        entry = Entry(DRAWER, name, code, "", start, {"currency": code, "prices": rows}, known.version if known else 0)
        try:
            store.records.put_entry(entry)
        except Conflict:  # somebody else brought some of the same day this very moment
            continue
        return


def hours(store: Store, window: Window) -> Prices:
    """The prices that touch the window. Raises Invalid where they are in two currencies."""
    around = Window(window.start - 2 * DAY, window.end)
    entries = store.records.entries(DRAWER, window=around, limit=_MOST_DAYS)
    days = [_read(entry.body) for entry in sorted(entries, key=lambda entry: entry.at)]
    touching = [Prices(day.currency, tuple(one for one in day.of if one.start < window.end and one.end > window.start)) for day in days]
    held = [day for day in touching if day.of]
    currencies = {day.currency for day in held}
    if len(currencies) > 1:
        raise Invalid(f"prices are in {' and '.join(sorted(currencies))}: ask for a window of one currency")
    return Prices(currencies.pop() if currencies else "", tuple(one for day in held for one in day.of))


def _read(body: Mapping[str, Any]) -> Prices:
    return Prices(body["currency"], tuple(Price(int(start), int(end), float(value)) for start, end, value in body["prices"]))


def read_table(text: str, store: Store) -> list[Price]:
    """A table as people have it: a line `time, price per MWh` for each hour or part of one, parted by comma, semicolon or tab; times as
    everywhere, those without offset the site's. A first line that names columns is passed over. A price holds until the next time, the last
    as long as the one before it (an hour where it is alone). Raises Invalid naming the line."""
    rows: list[tuple[int, float]] = []
    for number, line in enumerate(text.splitlines(), 1):
        mark = next((mark for mark in "\t;," if mark in line), ",")
        cells = [cell.strip().strip('"') for cell in line.split(mark)]
        if not any(cells) or (number == 1 and not any(ch.isdigit() for ch in line)):
            continue
        if len(rows) >= MOST_AT_ONCE:
            raise Invalid(f"1 to {MOST_AT_ONCE} prices at once")
        try:
            at, value = parse(cells[0], store.zone), float(cells[1].replace(",", ".") if mark != "," else cells[1])
        except (ValueError, IndexError):
            raise Invalid(f"line {number} is no time and price: {line[:60]!r}") from None
        if rows and at <= rows[-1][0]:
            raise Invalid(f"line {number} does not follow the one before it: {moment(at, store.zone):%Y-%m-%d %H:%M}")
        rows.append((at, value))
    if not rows:
        raise Invalid("there is no price in this")
    starts = [at for at, _ in rows]
    last = min(starts[-1] - starts[-2], LONGEST) if len(starts) > 1 else HOUR
    ends = [*starts[1:], starts[-1] + last]
    return [Price(at, min(end, at + LONGEST), value) for (at, value), end in zip(rows, ends, strict=True)]
