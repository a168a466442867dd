"""Forecasts of the site's load, sun, charge, prices, income and its batteries' remaining life, worked out hourly in the job process and
kept with the errors they had before."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from datastore.ports import Entry, Numbers
from datastore.store import Store
from plant.analysis import pv, warranty
from plant.analysis.forecast import life
from plant.analysis.forecast.interval import LEVEL
from plant.analysis.forecast.methods import BASELINES, Method, balance, by_award
from plant.analysis.forecast.outlook import Outlook, outlook
from plant.analysis.forecast.past import Past, on_grid
from plant.analysis.outcome import Figure
from plant.analysis.settlement import fees
from plant.metrics import CATALOGUE
from plant.model import DAY, HOUR, Device, Kind, ScheduleEvent, Window
from plant.rules import called, rules_of
from plant.timeline import day_starts
from services import auxiliaries, battery_days
from services.awards import events
from services.settling import Span, spans
from services.studies import Tell, drop_result, keep_result, result, results

STUDY = "forecasts"
TARGETS = ("load", "pv", "soc", "price", "income", "home", "life")
AHEAD = 24
"""Hours ahead; of what is told by day, WEEK days."""
WEEK = 7
DAYS, INCOME_DAYS, HOME_DAYS = 90, 30, 730
"""How far back is learned from."""
MOST_DEVICES = 4
"""Of units or homes that are told one by one."""
END_OF_LIFE = CATALOGUE["soh"].normal[0] or 80.0
"""State of health [%] at which a battery is no longer what it was bought as."""
BALANCE: Mapping[str, Method] = {"balance": balance}
AWARDS: Mapping[str, Method] = {"awards": by_award}


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to forecast: its target and device ("" = the site), the unit of its steps and of their sum ("" = a sum makes no sense)."""

    target: str
    device: str
    metric: str
    unit: str
    past: Past
    horizon: int = AHEAD
    sum_unit: str = ""
    methods: Mapping[str, Method] = field(default_factory=dict)
    simulated: bool = False

    @property
    def name(self) -> str:
        return f"{self.target}:{self.device}" if self.device else self.target


def study(store: Store, now: int, tell: Tell) -> None:
    """Everything that can be told is told anew; what is gone is forgotten. Loads scikit-learn and statsmodels."""
    import sklearn.ensemble  # noqa: F401  (its threads can only be limited once it is there)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    kept: set[str] = set()
    turns = len(MAKERS) + 1
    with threadpool_limits(1):  # the server beside has the other cores
        for place, make in enumerate(MAKERS.values()):
            tell(place / turns)
            for subject in make(store, now):
                found = outlook(subject.past, subject.horizon, subject.methods, partial(_passed, tell, place, turns))
                keep_result(store.records, STUDY, subject.name, now, body(subject, found))
                kept.add(subject.name)
        for name, told in lives(store, now):
            tell(len(MAKERS) / turns)
            keep_result(store.records, STUDY, name, now, told)
            kept.add(name)
    for old in results(store.records, STUDY):
        if old.subject not in kept:
            drop_result(store.records, STUDY, old.subject)


def _passed(tell: Tell, place: int, turns: int, done: float) -> None:
    tell((place + done) / turns)


def told(store: Store, target: str | None = None) -> list[Entry]:
    """What is kept of a target (None: of all), in the order of TARGETS. Raises Unavailable."""
    found = [entry for entry in results(store.records, STUDY) if target in (None, entry.body["target"])]
    return sorted(found, key=lambda entry: (TARGETS.index(entry.body["target"]), entry.subject))


def newest(store: Store, name: str) -> Entry | None:
    """What is kept of one subject. Raises Unavailable."""
    return result(store.records, STUDY, name)


# -- what is learned from -------------------------------------------------------------------------------------------------------


def load(store: Store, now: int) -> Iterable[Subject]:
    """What the auxiliaries take."""
    source = auxiliaries.source(store)
    if source is not None:
        device, metric = source
        values = np.abs(_hourly(store, device, metric, now))
        if np.isfinite(values).any():
            past = Past(_start(now), HOUR, 24, values, zone=store.zone, lowest=0.0)
            yield Subject("load", "", "aux_power", "kW", past, sum_unit="kWh", simulated=device.simulated)


def sun(store: Store, now: int) -> Iterable[Subject]:
    """What the inverters give together: as the site says, else their sum; with the clear sky over them ahead."""
    inverters = store.records.devices(Kind.INVERTER)
    site = next(iter(store.records.devices(Kind.SITE)), None)
    values = _hourly(store, site, "pv_power", now) if site else np.full(DAYS * 24, np.nan)
    if not np.isfinite(values).any() and inverters:
        # an hour in which one of them was silent would look like a cloud
        values = np.sum([_hourly(store, inverter, "total_active_power", now) for inverter in inverters], axis=0)
    if not np.isfinite(values).any():
        return
    at = _start(now) + HOUR * np.arange(values.size + AHEAD, dtype=np.int64)
    rated = sum(float(inverter.rating.get("power_kw") or np.inf) for inverter in inverters) or np.inf
    past = Past(_start(now), HOUR, 24, values, _clear(store, inverters, at), store.zone, 0.0, rated)
    yield Subject(
        "pv", "", "pv_power", "kW", past, sum_unit="kWh", simulated=any(device.simulated for device in (site, *inverters) if device)
    )


def charge(store: Store, now: int) -> Iterable[Subject]:
    """The site's state of charge; where it tells none, that of its first units and packs. With what is scheduled ahead."""
    site = [device for device in store.records.devices(Kind.SITE)][:1]
    single = [*store.records.devices(Kind.BESS), *store.records.devices(Kind.PACK)][:MOST_DEVICES]
    for devices, is_site in ((site, True), (single, False)):
        found = [(device, values) for device in devices if np.isfinite(values := _hourly(store, device, "soc", now)).any()]
        for device, values in found:
            past = Past(_start(now), HOUR, 24, values, _scheduled(store, _start(now), values.size), store.zone, 0.0, 100.0)
            more = BALANCE if is_site or len(single) == 1 else {}
            yield Subject("soc", "" if is_site else device.device_id, "soc", "%", past, methods=more, simulated=device.simulated)
        if found:
            return


def price(store: Store, now: int) -> Iterable[Subject]:
    """The price of awards [currency/MW·h], from the end of those that are known."""
    given = [event for event in events(store, Window(_start(now), now + 7 * DAY)) if event.is_get and not called(event)]
    if not given:
        return
    end = max(event.time_end for event in given) // HOUR * HOUR
    start = end - DAYS * DAY
    hours = [(at, event.price) for event in given for at in range(event.time_start, event.time_end, HOUR)]
    values = on_grid([at for at, _ in hours], [told for _, told in hours], start, HOUR, DAYS * 24)
    money = next((rules.currency for event in given if (rules := rules_of(event))), "")
    yield Subject(
        "price", "", "", f"{money}/MW·h", Past(start, HOUR, 24, values, zone=store.zone), simulated=any(one.simulated for one in given)
    )


def income(store: Store, now: int) -> Iterable[Subject]:
    """What awards earn by the hour; what each sort of award would pay at an index of 1 is known ahead."""
    site = next(iter(store.records.devices(Kind.SITE)), None)
    end = now - now % HOUR
    start = end - INCOME_DAYS * DAY
    found = [span for span in spans(store, site.device_id if site else "", Window(start, end + AHEAD * HOUR), now) if span.end > start]
    paid = [span for span in found if span.period and span.period.fees]
    if not paid:
        return
    count = INCOME_DAYS * 24
    values = np.full(count, np.nan)
    first = min((span.start for span in paid), default=end)
    values[max((first - start) // HOUR, 0) :] = 0.0
    for span in paid:
        place = (span.start - start) // HOUR
        if 0 <= place < count and span.period and span.period.fees:
            values[place] += span.period.fees.total
    for span in found:
        place = (span.start - start) // HOUR
        if span.state in ("unrecorded", "running", "unjudged") and 0 <= place < count:
            values[place] = np.nan
    past = Past(start, HOUR, 24, values, _worth(found, start, count + AHEAD), store.zone)
    simulated = any(span.event.simulated for span in paid)
    money = next(span.rules.currency for span in paid if span.rules)
    yield Subject("income", "", "", money, past, sum_unit=money, methods=AWARDS, simulated=simulated)


def homes(store: Store, now: int) -> Iterable[Subject]:
    """What homes take by the day."""
    for home in store.records.devices(Kind.HOME)[:MOST_DEVICES]:
        key = (home.device_id, home.kind)
        extent = store.telemetry.extent(*key)
        if extent is None:
            continue
        end = day_starts(Window(min(extent.last, now), min(extent.last, now) + 1), store.zone)[0] + DAY
        window = Window(end - HOME_DAYS * DAY, end)
        series = store.telemetry.series([key], ["home_energy"], window, resolution=DAY, zone=store.zone.key).get((*key, "home_energy"))
        if series is not None and np.isfinite(series.sum).any():
            known = series.n > 0
            values = on_grid(series.at[known] + DAY // 2, series.sum[known], window.start, DAY, HOME_DAYS)
            past = Past(window.start, DAY, WEEK, values, zone=store.zone, lowest=0.0)
            yield Subject("home", home.device_id, "home_energy", "kWh", past, WEEK, "kWh", simulated=home.simulated)


def lives(store: Store, now: int) -> Iterable[tuple[str, dict[str, Any]]]:
    """Name → result of every battery's remaining life, by its health and by the full cycles of its contract."""
    for battery in battery_days.batteries(store):
        device, plate = battery.device, battery.plate
        days = battery_days.days(store, device.device_id, Window(0, now))
        by_health = life.by_health([day.start / DAY for day in days], [_nan(day.soh) for day in days], END_OF_LIFE)
        limits = warranty.terms(device.info.get("warranty"))
        most = next((limit.most for limit in limits.limits if limit.of == "efc" and not limit.per_year), None) if limits else None
        by_cycles = life.Life(Figure(None, "no contract limits the full cycles"))
        if most is not None:
            cycles = [warranty.full_cycles([day], plate.capacity_ah, plate.energy_kwh).value for day in days]
            by_cycles = life.by_cycles(cycles, sum(one for one in cycles if one is not None), most)
        yield (
            f"life:{device.device_id}",
            {
                "target": "life", "device": device.device_id, "simulated": device.simulated, "end": END_OF_LIFE, "cycles": most,
                "level": life.LEVEL, "by_health": _life(by_health), "by_cycles": _life(by_cycles),
            },
        )  # fmt: skip


def _start(now: int) -> int:
    return now - now % HOUR - DAYS * DAY


def _hourly(store: Store, device: Device, metric: str, now: int) -> Numbers:
    """Means of the hours from `_start` to the last full one."""
    window = Window(_start(now), now - now % HOUR)
    key = (device.device_id, device.kind)
    found = store.telemetry.series([key], [metric], window, resolution=HOUR).get((*key, metric))
    if found is None:
        return np.full(DAYS * 24, np.nan)
    return on_grid(found.at, found.mean, window.start, HOUR, DAYS * 24)


def _clear(store: Store, inverters: Sequence[Device], at: Any) -> dict[str, Numbers]:
    """A clear sky on the plane of the modules in the middle of each hour [W/m²]; nothing where the place is not known."""
    if store.place is None:
        return {}
    slope = next((float(one.info["tilt"]) for one in inverters if isinstance(one.info.get("tilt"), int | float)), 0.0)
    facing = 180.0 if store.place[0] >= 0 else 0.0
    up, azimuth = pv.sun(at + HOUR // 2, *store.place)
    return {"clear": pv.on_plane(pv.clear_sky(up), up, azimuth, slope, facing)}


def _scheduled(store: Store, start: int, count: int) -> dict[str, Numbers]:
    """Power [kW, discharge positive] that awards ask beside the regulation, by hour. That one would be interrupted was not known before its
    hour, so those of the past stay; those still ahead that are off already do not."""
    length = count + AHEAD
    found = np.zeros(length)
    for event in events(store, Window(start, start + length * HOUR)):
        if event.transfer and event.is_get and not (event.interrupt and event.time_start >= start + count * HOUR):
            for place in range(max((event.time_start - start) // HOUR, 0), min(-(-(event.time_end - start) // HOUR), length)):
                low, high = start + place * HOUR, start + (place + 1) * HOUR
                found[place] += 1000.0 * event.transfer * (min(event.time_end, high) - max(event.time_start, low)) / HOUR
    return {"scheduled": found}


def _worth(found: Sequence[Span], start: int, count: int) -> dict[str, Numbers]:
    """Money at an index of 1 by sort of award and hour, of the past as it was known before the hour (`_scheduled`)."""
    worth: dict[str, Numbers] = {}
    for span in found:
        place = (span.start - start) // HOUR
        was_off = span.state == "interrupted" and place < count - AHEAD
        if span.rules is None or not (was_off or span.state in ("settled", "running", "ahead")) or not 0 <= place < count:
            continue
        whole = fees(span.rules, span.event.power, span.event.price, 1.0, hours=(span.end - span.start) / HOUR)
        if whole is not None:
            worth.setdefault(_sort(span.event), np.zeros(count))[place] += whole.total
    return worth


def _sort(event: ScheduleEvent) -> str:
    side = "" if not event.transfer else " out" if event.transfer > 0 else " in"
    return f"{event.mode}{side}"


MAKERS: Mapping[str, Callable[[Store, int], Iterable[Subject]]] = {
    "load": load, "pv": sun, "soc": charge, "price": price, "income": income, "home": homes
}  # fmt: skip
"""Target → what makes its subjects, from a store at `now` [epoch ms]."""


# -- how it is kept -------------------------------------------------------------------------------------------------------------


def body(subject: Subject, found: Outlook | Figure) -> dict[str, Any]:
    """What is kept of a forecast: JSON, numbers to six digits, None for what is not known."""
    of = {
        "target": subject.target, "device": subject.device, "metric": subject.metric, "unit": subject.unit, "level": LEVEL,
        "simulated": subject.simulated, "step": subject.past.step, "seen": _seen(subject),
    }  # fmt: skip
    if isinstance(found, Figure):
        return {**of, "reason": found.reason}
    trial = found.trial
    used, naive = trial.as_used()
    low, high = found.total[1], found.total[2]
    total = {"value": short(found.total[0].value), "low": short(low.value), "high": short(high.value), "unit": subject.sum_unit}
    return {
        **of,
        "reason": "",
        "start": found.start,
        "value": _row(found.value),
        "low": _row(found.low),
        "high": _row(found.high),
        "baseline_value": _row(found.by_baseline),
        "total": total if subject.sum_unit else None,
        "before": {
            "start": found.before_start,
            **{name: _row(row) for name, row in zip(("low", "value", "high"), found.before, strict=True)},
        },
        "method": found.method,
        "baseline": found.baseline,
        "is_baseline": found.method in BASELINES,
        "error": {
            "mae": short(trial.mae(found.method)),
            "baseline_mae": short(trial.mae(found.baseline)),
            "seasonal_mae": short(trial.mae("season")),
            "by_step": [short(one) for one in trial.mae_by_step(found.method)],
            "baseline_by_step": [short(one) for one in trial.mae_by_step(found.baseline)],
            "methods": {name: short(trial.mae(name)) for name in trial.told},
            "used_mae": short(used),
            "used_seasonal_mae": short(naive),
            "skill": short(trial.skill()),
            "signal": trial.has_signal(),
            "coverage": short(trial.coverage()),
            "origins": int(trial.origins.size),
            "from": int(found.before_start - (trial.origins[-1] - trial.origins[0]) * found.step),
            "to": found.start,
        },
        "trained": {"from": int(subject.past.at(np.argmax(np.isfinite(subject.past.values)))), "to": found.start, "count": found.count},
    }


def _seen(subject: Subject) -> dict[str, Any]:
    """The last day (of daily values: two weeks) as it came, so that pictures need nothing else."""
    count = min(24 if subject.past.step < DAY else 2 * WEEK, subject.past.n)
    return {"start": int(subject.past.at(subject.past.n - count)), "value": _row(subject.past.values[-count:])}


def _life(one: life.Life) -> dict[str, Any]:
    return {
        "years": short(one.left.value), "reason": one.left.reason, "low": short(one.low), "high": short(one.high), "rate": short(one.rate),
        "days": one.days,
    }  # fmt: skip


def short(value: float | None) -> float | None:
    """To six digits; None for what is no number."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None


def _row(values: Numbers) -> list[float | None]:
    return [short(float(value)) for value in values]


def _nan(value: float | None) -> float:
    return math.nan if value is None else value
