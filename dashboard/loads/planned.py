"""The plan of a day beside its prices, as a table of the day's intervals."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from dashboard.figures.lines import Line
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.ports import Entry
from datastore.store import Store
from plant.model import Kind
from plant.timeline import day_of, day_window
from services import plans
from services.prices import Prices, hours

COLUMNS = ("at", "end", "price", "power", "soc", "why", "energy", "service", "wear")


def day(store: Store, scope: Scope) -> date:
    """The day that is planned: the one a fixed window ends in, else tomorrow once its prices are there, else today."""
    if scope.start is not None and scope.end is not None:
        return day_of(scope.end - 1, store.zone)
    today = day_of(store.clock(), store.zone)
    tomorrow = today + timedelta(days=1)
    return tomorrow if prices_of(store, tomorrow).of else today


def prices_of(store: Store, of: date) -> Prices:
    """The prices of a day."""
    return hours(store, day_window(of, store.zone))


def site(store: Store) -> str:
    """Whose batteries are planned: the site's that has them, the first by name."""
    found = sorted({one.site_id for one in store.records.devices() if one.kind in (Kind.BESS, Kind.RACK, Kind.PACK)})
    return found[0] if found else "site"


def plan_of(store: Store, of: date) -> Entry | None:
    """The newest plan of the day."""
    return plans.newest(store, site(store), of)


def plan_table(store: Store, scope: Scope) -> Table:
    """One row per interval: `at` and `end` [epoch ms], `price` per MWh, `power` [kW, discharge positive], `soc` [%] at its end, `why`, and
    money by energy, service and wear; without a plan the prices alone, without prices nothing."""
    of, lang = day(store, scope), scope.lang
    known, entry = prices_of(store, of), plan_of(store, of)
    more: dict[str, Any] = {"day": of.isoformat()}
    if not known.of:
        return Table({}, more=more)
    plan = entry.body if entry else None
    said = {(row["start_ms"], row["end_ms"]): row for row in plan["hours"]} if plan else {}
    spans = [(one.start, one.end, one.per_mwh) for one in known.of]
    if plan:  # what was cut off because it had begun, then what the plan reckoned with
        spans = [one for one in spans if one[0] < plan["from_ms"]] + [(*span, row["price"]) for span, row in said.items()]
        spans = [(start, min(end, plan["from_ms"]) if start < plan["from_ms"] else end, value) for start, end, value in spans]
    rows = [_row(start, end, value, said.get((start, end)), lang) for start, end, value in spans]
    columns = {name: [row[index] for row in rows] for index, name in enumerate(COLUMNS)}
    per = f"{known.currency}/MWh"
    more |= {
        "lines": _lines(per, known.currency, lang),
        "currency": known.currency,
        "unit": known.currency,
        "period": day_window(of, store.zone),
        "window": (day_window(of, store.zone).start, day_window(of, store.zone).end),
        "remark": _remark(of, plan, known, lang),
        "start": (plan["from_ms"], plan["assumptions"]["soc_start"]) if plan else None,
        "awarded": [row["reason"] == "awarded" for row in said.values()],
    }
    return Table(columns, entry.at if entry else None, False, more)


def desk_table(store: Store, scope: Scope) -> Table:
    """The day that can be planned; who may do what is filled in by `callbacks/plans.py`."""
    return Table({"day": [day(store, scope).isoformat()]})


def changed(plan: Mapping[str, Any], known: Prices) -> bool:
    """Whether prices were changed since the plan was made."""
    now = {one.end: one.per_mwh for one in known.of}
    return any(now.get(row["end_ms"]) != row["price"] for row in plan["hours"])


def _row(start: int, end: int, price: float, said: Mapping[str, Any] | None, lang: str) -> tuple[Any, ...]:
    if said is None:
        return start, end, price, None, None, "", None, None, None
    why = word(f"reason.{said['reason']}", lang)
    return start, end, price, said["power_kw"], said["soc_end"], why, said["energy"], said["service"], said["wear"]


def _lines(per: str, currency: str, lang: str) -> tuple[Line, ...]:
    told = (
        ("price", "plan.price", per, 2, "pv"),
        ("power", "plan.power", "kW", 1, "discharge"),
        ("soc", "plan.soc", "%", 1, "soc"),
        ("why", "plan.why", "", 0, ""),
        ("energy", "plan.energy", currency, 2, ""),
        ("service", "plan.service", currency, 2, ""),
        ("wear", "plan.wear", currency, 2, ""),
    )
    return tuple(Line(column, word(key, lang), unit, decimals, meaning) for column, key, unit, decimals, meaning in told)


def _remark(of: date, plan: Mapping[str, Any] | None, known: Prices, lang: str) -> str:
    if plan is None:
        return word("plan.none", lang, day=of.isoformat())
    return word("plan.stale", lang, day=of.isoformat()) if changed(plan, known) else of.isoformat()
