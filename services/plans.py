"""Plans for the site's batteries over a day whose prices are known: asked for, kept for a while in the drawer `plans`, and, once a person
accepts one, written into the schedule. A plan moves no power by itself."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import fsum
from typing import Any
from uuid import uuid4

import numpy as np

from datastore.ports import Entry
from datastore.store import Store
from plant import rules
from plant.analysis.chemistry import Numbers
from plant.analysis.command_safety import limits_of
from plant.analysis.dispatch import LEAST_KW, Lack, Offer, Plan, Storage, Task, greedy, idle, lacks_of
from plant.analysis.settlement import fees
from plant.errors import Conflict, Invalid, NotFound, PlantError, Unavailable
from plant.model import DAY, HOUR, ScheduleEvent, Window
from plant.timeline import day_window, iso, moment
from services import awards
from services.allocations import HIGH_SOC, LOW_SOC
from services.calculating import CALCULATOR
from services.fleet import fleet_summary, rounded
from services.fleet_devices import ERROR, MAINTENANCE, OFFLINE
from services.prices import Price, Prices, hours

log = logging.getLogger(__name__)

DRAWER = "plans"
KEPT = 90 * DAY
MODE = "arbitrage"
"""The mode of hours in which energy is traded by plan; no product judges them."""
ROUND_TRIP = 85.0
"""Round-trip efficiency at the connection point [%] where nobody says another [C]."""
SUSTAIN = 0.5
"""For so many hours there is room for an awarded power [C]: products ask for other times."""
_SOLVER = "plant.analysis.dispatch_milp:best_plan"
_SOLVER_S = 15.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a plan is asked for: the site's `day`, charge limits and the charge at the start and at the end [%, None: as told now, and as at
    the start], round-trip efficiency [%], wear [money per MWh discharged], and a `product` whose capacity may be offered at `offer_price`
    (money per MW and hour, the performance price not included) from `least` to `most` MW."""

    day: date
    low: float = LOW_SOC
    high: float = HIGH_SOC
    start: float | None = None
    end: float | None = None
    round_trip: float = ROUND_TRIP
    wear: float = 0.0
    sustain: float = SUSTAIN
    product: str = ""
    offer_price: float = 0.0
    most: float = 0.0
    least: float = 1.0


def ask(store: Store, site_id: str, wish: Wish, now: int, who: str, also: Collection[str] = ()) -> Mapping[str, Any]:
    """Make a plan and keep it; what it says. Raises Invalid (no prices, nonsense), NotFound, Unavailable."""
    span = _span(store, wish.day, now)
    known = hours(store, span)
    intervals = _cut(known, span)
    battery, charge, notes = _storage(store, site_id, wish, now, also)
    task, events = _task(store, wish, intervals, known.currency, battery, charge, notes)
    plan = _solved(task)
    body = _body(store, site_id, wish, task, plan, known.currency, intervals, events, notes, now)
    name = f"plan_{uuid4().hex[:12]}"
    store.records.put_entry(Entry(DRAWER, name, site_id, "open", now, body))
    store.records.forget_entries(DRAWER, now - KEPT)
    store.records.audit(now, who, "plan.made", f"{name}: {site_id}, {wish.day}, {plan.method}")
    return {"plan_id": name, **body}


def accept(store: Store, plan_id: str, who: str) -> list[ScheduleEvent]:
    """Write a plan into the schedule: its energy as events of mode `arbitrage` in place of those of an earlier plan of the same time, its
    offers as offers not won yet. Hours that have begun are left out. Raises NotFound, Conflict, Invalid."""
    entry = store.records.entry(DRAWER, plan_id)
    if entry is None:
        raise NotFound(f"Plan '{plan_id[:40]}' not found", plan_id=plan_id[:40])
    if entry.state == "accepted":
        raise Conflict(f"Plan '{plan_id}' was accepted before", plan_id=plan_id)
    now = store.clock()
    new = [event for event in _events(plan_id, entry.body) if event.time_start >= now]
    if not new:
        raise Conflict(f"Plan '{plan_id}' trades nothing that is still ahead", plan_id=plan_id)
    store.records.put_entry(replace(entry, state="accepted"))  # whoever comes second meets a Conflict
    span = Window(max(entry.body["from_ms"], now), entry.body["to_ms"])
    former = [one for one in store.records.events(span) if _planned(one) and one.time_start >= span.start and one.index is not None]
    gone = [awards.remove(store, one.index, who) for one in former if one.index is not None]
    try:
        kept = awards.add(store, new, who)
    except PlantError:
        if gone:
            awards.add(store, gone, who)
        known = store.records.entry(DRAWER, plan_id)
        if known is not None:
            store.records.put_entry(replace(known, state="open"))
        raise
    store.records.audit(now, who, "plan.accepted", f"{plan_id}: {len(kept)} events, {len(gone)} of earlier plans removed")
    return kept


def newest(store: Store, site_id: str, day: date) -> Entry | None:
    """The newest plan of that day; None when nobody asked for one."""
    found = store.records.entries(DRAWER, subject=site_id, limit=50)
    return next((entry for entry in found if entry.body["day"] == day.isoformat()), None)


_INNER = ("from_ms", "to_ms", "start_ms", "end_ms")


def shown(body: Mapping[str, Any]) -> dict[str, Any]:
    """A plan without what only this service reads."""
    rows = [{name: value for name, value in hour.items() if name not in _INNER} for hour in body["hours"]]
    return {**{name: value for name, value in body.items() if name not in _INNER}, "hours": rows}


def _planned(event: ScheduleEvent) -> bool:
    return event.description.startswith("plan_") and (event.mode == MODE or not event.is_get)


def _span(store: Store, day: date, now: int) -> Window:
    """The day, or what is left of it from the next quarter of an hour on. Raises Invalid when it is over."""
    whole = day_window(day, store.zone)
    start = max(whole.start, -(-now // (HOUR // 4)) * (HOUR // 4))
    if start >= whole.end:
        raise Invalid(f"{day} is over: there is nothing to plan")
    return Window(start, whole.end)


def _cut(known: Prices, span: Window) -> list[Price]:
    """The prices within the span. Raises Invalid naming the hours that have none."""
    gaps = known.gaps(span)
    if not known.of:
        raise Invalid(f"there are no prices for {iso(span.start)} to {iso(span.end)}; bring them with PUT /api/v1/prices or as a table")
    if gaps:
        named = ", ".join(f"{iso(gap.start)} to {iso(gap.end)}" for gap in gaps[:5]) + (", …" if len(gaps) > 5 else "")
        raise Invalid(f"prices are missing for {named}")
    return [replace(one, start=max(one.start, span.start), end=min(one.end, span.end)) for one in known.of]


def _storage(store: Store, site_id: str, wish: Wish, now: int, also: Collection[str]) -> tuple[Storage, float, dict[str, Any]]:
    """The site's batteries as one, its charge [%], and what was assumed."""
    fleet = fleet_summary(store, site_id, now, also)
    used = [one for one in fleet.devices if one.standing.status not in (OFFLINE, MAINTENANCE, ERROR)]
    rated = [one for one in used if one.capacity]
    energy = fsum((one.capacity or 0.0) * (100.0 if one.standing.soh is None else one.standing.soh) / 100.0 for one in rated)
    powers = [(limits.max_charge_power, limits.max_discharge_power) for one in rated for limits in (limits_of(one.device),)]
    charge_kw, discharge_kw = (fsum(power[side] or 0.0 for power in powers) / 1000.0 for side in (0, 1))
    if not energy or not charge_kw or not discharge_kw:
        raise Invalid("no battery of this site that is heard has energy and power on its nameplate")
    told = fleet.average_soc if wish.start is None else wish.start
    if told is None:
        raise Invalid("no battery tells its charge: say with which one the plan begins")
    one_way = (wish.round_trip / 100.0) ** 0.5 if wish.round_trip > 0 else float("nan")
    battery = Storage(charge_kw, discharge_kw, energy, wish.low, wish.high, one_way, one_way, wish.wear / 1000.0)
    notes = {
        "batteries": len(rated),
        "energy_kwh": rounded(energy),
        "charge_kw": rounded(charge_kw),
        "discharge_kw": rounded(discharge_kw),
        "soc_start": rounded(told),
        "soc_start_is": "told now" if wish.start is None else "asked",
        "soc_end_at_least": rounded(told if wish.end is None else wish.end),
        "soc_min": wish.low,
        "soc_max": wish.high,
        "round_trip_percent": wish.round_trip,
        "wear_per_mwh": wish.wear,
        "sustain_hours": wish.sustain,
        "index": 1.0,
    }
    return battery, told, notes


def _task(
    store: Store, wish: Wish, intervals: Sequence[Price], currency: str, battery: Storage, charge: float, notes: dict[str, Any]
) -> tuple[Task, list[list[ScheduleEvent]]]:
    """What is planned, and the awards of each interval. Awards of products whose constants are not verified, or in another currency, earn
    nothing here and are named."""
    n = len(intervals)
    span = Window(intervals[0].start, intervals[-1].end)
    won = [one for one in awards.events(store, span) if one.is_get and not one.interrupt and one.mode != MODE and not rules.called(one)]
    held, out, into, service = np.full(n, np.nan), np.zeros(n), np.zeros(n), np.zeros(n)
    lasting = np.array([(one.end - one.start) / HOUR for one in intervals])
    of: list[list[ScheduleEvent]] = [[] for _ in intervals]
    unpriced = set()
    for event in won:
        product = rules.rules_of(event)
        earns = fees(product, event.power, event.price, 1.0) if product and product.currency == currency else None
        if earns is None:
            unpriced.add(product.title if product else event.mode)
        for place, one in enumerate(intervals):
            share = (min(one.end, event.time_end) - max(one.start, event.time_start)) / HOUR
            if share <= 0:
                continue
            of[place].append(event)
            held[place] = np.nan_to_num(held[place], nan=0.0) + 1000.0 * event.transfer
            out[place] += 1000.0 * event.power
            into[place] += 1000.0 * event.power if product is None or product.curve else 0.0
            service[place] += earns.total * share if earns else 0.0
    notes["awards_without_money"] = sorted(unpriced)
    end = charge if wish.end is None else wish.end
    offer = _offer(wish, intervals, currency, notes)
    prices = np.array([one.per_mwh for one in intervals])
    return Task(battery, lasting, prices, charge, end, held, out, into, service, wish.sustain, offer), of


def _offer(wish: Wish, intervals: Sequence[Price], currency: str, notes: dict[str, Any]) -> Offer | None:
    if not wish.product:
        return None
    product = rules.version(wish.product, intervals[0].start)
    if product is None or wish.product not in rules.modes():
        raise Invalid(f"'{wish.product[:40]}' is no product that can be offered")
    if not product.verified:
        raise Invalid(f"what {product.title} pays is not verified, so it cannot be weighed against energy")
    if product.currency != currency:
        raise Invalid(f"{product.title} pays in {product.currency}, and the prices are in {currency}")
    if not 0 < wish.least <= wish.most:
        raise Invalid("an offer needs a least power above 0 and not above its most")
    price = wish.offer_price + product.performance
    notes["offer"] = {"product": wish.product, "price_per_mw_hour": rounded(price), "least_mw": wish.least, "most_mw": wish.most}
    return Offer(np.full(len(intervals), price), wish.most, wish.least, product.curve is not None)


def _solved(task: Task) -> Plan:
    """The best plan, by the calculation process; the rule's while that does not answer, and then `method` says so."""
    try:
        found: Plan = CALCULATOR.run(_SOLVER, {"task": task}, _SOLVER_S)
    except Unavailable as error:
        log.warning("a plan is made by the rule, not by the solver: %s", error.message)
        ruled = greedy(task)
        return replace(ruled, lacks=tuple(lacks_of(task, ruled)))
    return found


def _body(
    store: Store,
    site_id: str,
    wish: Wish,
    task: Task,
    plan: Plan,
    currency: str,
    intervals: Sequence[Price],
    events: Sequence[Sequence[ScheduleEvent]],
    notes: Mapping[str, Any],
    now: int,
) -> dict[str, Any]:
    return {
        "site_id": site_id,
        "day": wish.day.isoformat(),
        "made": iso(now),
        "from": iso(intervals[0].start),
        "to": iso(intervals[-1].end),
        "from_ms": intervals[0].start,
        "to_ms": intervals[-1].end,
        "currency": currency,
        "optimization_method": plan.method,
        "optimality_gap": rounded(plan.gap),
        "feasible": not plan.lacks,
        "lacks": [_lack(store, lack, task, intervals) for lack in plan.lacks],
        "income": _money(plan),
        "baselines": {one.method: {**_money(one), "feasible": not lacks_of(task, one)} for one in (idle(task), greedy(task))},
        "assumptions": dict(notes),
        "hours": [_hour(k, one, task, plan, events[k]) for k, one in enumerate(intervals)],
    }


def _money(plan: Plan) -> dict[str, float]:
    parts = {"energy": plan.energy.sum(), "service": plan.service.sum(), "wear": plan.wear.sum(), "total": plan.total}
    return {name: round(float(value), 2) + 0.0 for name, value in parts.items()}


def _hour(k: int, one: Price, task: Task, plan: Plan, events: Sequence[ScheduleEvent]) -> dict[str, Any]:
    return {
        "start": iso(one.start),
        "end": iso(one.end),
        "start_ms": one.start,
        "end_ms": one.end,
        "price": one.per_mwh,
        "power_kw": _kw(plan.discharge[k] - plan.charge[k]),
        "soc_start": round(float(plan.soc[k]), 3),
        "soc_end": round(float(plan.soc[k + 1]), 3),
        "awarded_mw": rounded(fsum(event.power for event in events)),
        "offered_mw": round(float(plan.offered[k]), 6),
        "energy": round(float(plan.energy[k]), 2) + 0.0,
        "service": round(float(plan.service[k]), 2) + 0.0,
        "wear": round(float(plan.wear[k]), 2) + 0.0,
        "reason": _reason(k, task, plan),
    }


def _kw(value: float) -> float:
    return round(float(value), 3) + 0.0 if abs(value) > LEAST_KW else 0.0


def _reason(k: int, task: Task, plan: Plan) -> str:
    """Why the interval is as it is, as a word: a screen says it in its language."""
    if not np.isnan(task.held[k]):
        return "awarded"
    if plan.offered[k] > 0:
        return "offered"
    if plan.charge[k] > LEAST_KW:
        return "paid-to-charge" if task.price[k] < 0 else "cheap"
    if plan.discharge[k] > LEAST_KW:
        return "dear"
    room: Numbers = task.ceiling - task.floor
    energy = plan.soc / 100.0 * task.storage.energy_kwh
    near = 1e-3 * task.storage.energy_kwh
    if room[k] > 0 and energy[k] - task.floor[k] < near:
        return "empty"
    if room[k] > 0 and task.ceiling[k] - energy[k] < near:
        return "full"
    return "no-spread"


def _lack(store: Store, lack: Lack, task: Task, intervals: Sequence[Price]) -> dict[str, Any]:
    """What cannot be kept, with a sentence."""
    ends = [*(one.start for one in intervals), intervals[-1].end]
    at = moment(ends[len(intervals) if lack.what == "end" else lack.place], store.zone)
    when = f"{at:%H:%M}"
    said = {
        "low": f"{lack.amount:.6g} kWh are missing at {when} below the lowest charge, room for awards included",
        "high": f"{lack.amount:.6g} kWh are too many at {when} above the highest charge, room for awards included",
        "power-out": f"awards from {when} on ask for {lack.amount:.6g} kW more than the batteries can give",
        "power-in": f"awards from {when} on ask for {lack.amount:.6g} kW more than the batteries can take",
        "end": f"{lack.amount:.6g} kWh are missing at the end ({task.end:.4g} % was asked for)",
    }
    return {"what": lack.what, "at": iso(int(ends[lack.place])), "amount": rounded(lack.amount), "message": said[lack.what]}


def _events(plan_id: str, body: Mapping[str, Any]) -> list[ScheduleEvent]:
    """The schedule events of a plan."""
    found = []
    for hour in body["hours"]:
        start, end = int(hour["start_ms"]), int(hour["end_ms"])
        if hour["reason"] != "awarded" and hour["power_kw"]:
            mw = hour["power_kw"] / 1000.0
            found.append(
                ScheduleEvent(
                    MODE, start, end, quote_capacity=abs(mw), power=abs(mw), price=hour["price"], quote_price=hour["price"],
                    title="Energy by plan", description=plan_id, transfer=mw,
                )
            )  # fmt: skip
        if hour["offered_mw"] > 0:
            told = body["assumptions"]["offer"]
            found.append(
                ScheduleEvent(
                    told["product"], start, end, is_get=False, quote_capacity=hour["offered_mw"], quote_price=told["price_per_mw_hour"],
                    title="Offer by plan", description=plan_id,
                )
            )  # fmt: skip
    return found
