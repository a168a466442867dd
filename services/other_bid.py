"""What awarded hours would have scored and earned under another product, power, price, set of racks or limit: the measured seconds
replayed, and judged anew. What is done to them is `plant.analysis.replay`, whose method is named with the result."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite

import numpy as np

from datastore.ports import Numbers
from datastore.store import Store
from plant import rules
from plant.analysis import replay
from plant.analysis.replay import Limits, Method
from plant.model import HOUR, MINUTE, SECOND, Kind, ScheduleEvent, Window
from plant.rules import RuleSet
from services.scoring import band
from services.settling import Point, Span, connection_point, spans

MOST_MW = 10_000.0
WITH_TRANSFER = "edreg"
"""The one product with power scheduled beside the regulation; under any other an award has none."""


@dataclass(frozen=True, slots=True)
class Bid:
    """What an award is taken for: a product that is scored second by second, power [MW] and price per MW and hour; None = as it was. And
    with what it is served: so many of the racks, at most `limit` kW either way, between `low` and `high` % of charge."""

    product: str | None = None
    power: float | None = None
    price: float | None = None
    racks: int | None = None
    limit: float | None = None
    low: float | None = None
    high: float | None = None
    method: Method = "measured"

    @property
    def is_limited(self) -> bool:
        """Whether the power itself is another one."""
        return self.method != "measured" or any(one is not None for one in (self.racks, self.limit, self.low, self.high))


@dataclass(frozen=True, slots=True)
class Replayed:
    """Settled spans beside what they would have been, the method that was used, seconds that a limit cut, racks installed, and what could
    not be done (`no-racks`, `no-soc`, `no-energy`: the plant does not tell what the limit needs)."""

    pairs: list[tuple[Span, Span]]
    method: Method
    cut: int = 0
    installed: int = 0
    missing: tuple[str, ...] = ()


def products(at: int) -> list[RuleSet]:
    """What can be asked for: the products in force at `at` [epoch ms] that have a curve."""
    names = dict.fromkeys(found.product for found in rules.rule_sets())
    known = [rules.version(name, at) for name in names]
    return [found for found in known if found is not None and found.curve is not None]


def instead(event: ScheduleEvent, bid: Bid) -> ScheduleEvent:
    """The award as the bid has it. Awards that were not won, or were interrupted, stay what they are."""
    if not event.is_get or event.interrupt:
        return event
    changed = replace(event, power=event.power if bid.power is None else bid.power, price=event.price if bid.price is None else bid.price)
    if bid.product is None or rules.product_of(event) == bid.product:
        return changed
    mode, code = _named(bid.product)
    return replace(changed, mode=mode, quote_code=code, transfer=event.transfer if bid.product == WITH_TRANSFER else 0.0)


def _named(product: str) -> tuple[str, str]:
    """Mode and quote code by which the rules know a product."""
    return (product, "") if product in rules.modes() else ("efr", product.upper())


def compared(store: Store, site_id: str, window: Window, now: int, bid: Bid, real: Sequence[Span]) -> Replayed:
    """The settled ones of `real` (what `spans` says of the window), each with what it would have been. Raises Unavailable."""

    def other(event: ScheduleEvent) -> ScheduleEvent:
        is_inside = event.time_start < window.end and event.time_end > window.start
        return instead(event, bid) if is_inside else event

    point = connection_point(store, site_id)
    plant = _Plant(store, point, bid) if point and bid.is_limited else None
    made = spans(store, site_id, window, now, other, plant.reshape if plant else None)
    found = {(span.start, span.event.index): span for span in made}
    pairs = [(span, found.get((span.start, span.event.index))) for span in real if span.period]
    kept = [(span, one) for span, one in pairs if one is not None and one.period]
    if plant is None:
        return Replayed(kept, bid.method)
    return Replayed(kept, bid.method, plant.cut, plant.installed, tuple(dict.fromkeys(plant.missing)))


@dataclass(slots=True)
class _Plant:
    """The plant as the bid has it, carried from day to day: the charge by which the replay differs from what was measured."""

    store: Store
    point: Point
    bid: Bid
    cut: int = 0
    installed: int = 0
    missing: list[str] = field(default_factory=list)
    limits: Limits = field(init=False)
    energy: float | None = field(init=False)
    _soc: float | None = None
    _until: int = 0

    def __post_init__(self) -> None:
        records, bid = self.store.records, self.bid
        rating = next((one.rating for one in records.devices(self.point[1]) if one.device_id == self.point[0]), {})
        units = records.devices(Kind.BESS)
        self.energy = rating.get("capacity_kwh") or sum(one.rating.get("capacity_kwh", 0.0) for one in units) or None
        power = rating.get("power_kw") or sum(one.rating.get("power_kw", 0.0) for one in units) or inf
        self.installed = len(records.devices(Kind.RACK))
        # without a wish the nameplate is no limit: measured power may well have been above it
        limits = Limits(inf, self.energy, 0.0 if bid.low is None else bid.low, 100.0 if bid.high is None else bid.high)
        if bid.racks is not None and self.installed and isfinite(power):
            limits = replace(limits, power=power).scaled(min(1.0, bid.racks / self.installed))
        elif bid.racks is not None:
            self.missing.append("no-racks")
        self.limits = limits if bid.limit is None else replace(limits, power=min(limits.power, bid.limit))
        if self._wants_charge and self.energy is None:
            self.missing.append("no-energy")

    @property
    def _wants_charge(self) -> bool:
        return self.bid.low is not None or self.bid.high is not None

    def reshape(self, start: int, hz: Numbers, kw: Numbers, judged: Sequence[Span]) -> Numbers:
        """The power of a day's seconds (`services.settling.Reshape`)."""
        lower, upper = np.full(len(kw), np.nan), np.full(len(kw), np.nan)
        for span in judged:
            if span.rules is None or span.rules.curve is None:
                continue
            first, end = (span.start - start) // SECOND, -(-(span.end - start) // SECOND)
            ahead = max(0, first - span.rules.lead_s)
            low, high = band(span.rules, hz[ahead:end], span.event.power, span.event.transfer)
            lower[first:end], upper[first:end] = low[first - ahead :], high[first - ahead :]
        soc = self._charge(start, len(kw)) if self._wants_charge and self.energy else None
        if soc is None or self.energy is None:
            made = replay.answer(self.bid.method, kw, lower, upper, self.limits, None)
        else:
            begin = self._soc if self._soc is not None and abs(start - self._until) <= HOUR else float(soc[0])
            made = replay.answer(self.bid.method, kw, lower, upper, self.limits, begin, replay.drift(kw, soc, self.energy))
            self._soc, self._until = made.soc, start + len(kw) * SECOND
        self.cut += made.cut
        return made.kw

    def _charge(self, start: int, count: int) -> Numbers | None:
        """The charge [%] before and after each second as it was measured, straight lines between readings; None when nobody told."""
        span = Window(start - 15 * MINUTE, start + count * SECOND + 15 * MINUTE)
        told = self.store.telemetry.columns(*self.point, ("soc",), span)
        heard = np.isfinite(told.values["soc"])
        if not heard.any():
            self.missing.append("no-soc")
            return None
        wanted = start + SECOND * np.arange(count + 1, dtype=np.int64)
        return np.asarray(np.interp(wanted, told.at[heard], told.values["soc"][heard]), np.float64)
