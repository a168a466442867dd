"""What contracts ask of the batteries: how much of each warranty limit is used, and how much of the time the plant was available."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.figures.sheet import Sheet, rows_of
from dashboard.loads.ageing import KINDS, Book, books
from dashboard.loads.fleet import fleet
from dashboard.loads.ledger import whole_days
from dashboard.loads.units import unit_name, units
from dashboard.page import Scope, Table
from dashboard.words import word
from dashboard.words_state import because
from datastore.store import Store
from plant.analysis.availability import availability, of_racks
from plant.analysis.battery_day import unrolled
from plant.analysis.warranty import Account, Limit, accounts, terms
from plant.model import DAY, QUARTER, Window
from services import battery_days
from services.availability import asked_share, excused

LIFE = 40 * 366 * DAY
"""Warranty is of all that is kept [ms]."""


def warranty_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per limit: `limit`, `unit`, `most`, `used` (by the battery that used most of it), `left`, `share` [%], `name` of
    that battery, `source`. Without limits: what was used most. No rows where no day has been worked out."""
    plant = fleet(store, KINDS)
    told = books(store, plant, scope, LIFE)
    worst: dict[Limit, tuple[Account, Book, str]] = {}
    for book in told:
        plate, given = battery_days.plate_of(book.device), terms(book.device.info.get("warranty"))
        source = given.source if given and given.limits else ""
        for account in accounts(book.days, given, plate.capacity_ah, plate.energy_kwh):
            known = worst.get(account.limit)
            if known is None or (account.used.value or -1.0) > (known[0].used.value or -1.0):
                worst[account.limit] = (account, book, source)
    if not worst:
        return Table({})
    lang, rows, tones = scope.lang, [], {}
    for place, (account, book, source) in enumerate(worst.values()):
        rows.append(
            {
                "limit": limit_name(account.limit, lang),
                "unit": account.unit,
                "most": account.limit.most if np.isfinite(account.limit.most) else None,
                "used": account.used.value,
                "left": account.left,
                "share": account.share,
                "name": unit_name(book.number, lang),
                "source": source or because(account.used.reason, lang) or word("state.source.none", lang),
            }
        )
        if account.share is not None and account.share >= 80.0:
            tones[str(place), "share"] = "alarm" if account.share > 100.0 else "warning"
    heads = (("limit", None), ("unit", None), ("most", 2), ("used", 2), ("left", 2), ("share", 1), ("name", None), ("source", None))
    spec = Sheet(
        tuple((name, word(f"state.{name}", lang), digits) for name, digits in heads), tuple(str(k) for k in range(len(rows))), tones
    )
    newest = max(day.end for book in told for day in book.days)
    return Table(rows_of(rows, [name for name, _ in heads]), newest, plant.is_simulated([b.device for b in told]), {"sheet": spec})


def limit_name(limit: Limit, lang: str) -> str:
    """`Hours of cell temperature, from 40 °C, a year`."""
    said = [word(f"state.of.{limit.of}", lang)]
    unit = "°C" if limit.of == "temperature_hours" else "%"
    for bound, key in ((limit.above, "state.above"), (limit.below, "state.below")):
        if bound is not None:
            said.append(word(key, lang, n=f"{bound:g}", unit=unit))
    return ", ".join([*said, *([word("state.per_year", lang)] if limit.per_year else [])])


def availability_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per battery and one of all, weighted by rated power: `period`, `down`, `silent`, `equivalent`, `excused` [h],
    `by_time`, `by_hours`, `by_interval`, `payment`, `racks` [%]. Of the days of the window that are kept; no rows where none is."""
    plant, window = fleet(store, KINDS), whole_days(store, scope)
    if window is None:
        return Table({})
    found = [(n, d) for n, d in units(plant).items() if scope.unit in (None, n)]
    told = [Book(n, d, kept) for n, d in found if (kept := battery_days.days(store, d.device_id, window))]
    if not told:
        return Table({})
    start = min(book.days[0].start for book in told) // QUARTER * QUARTER
    end = max(book.days[-1].end for book in told)
    grid = np.arange(start, end, QUARTER)
    asked = asked_share(store, grid)
    shares = [_shares(book, grid) for book in told]
    excuses = [excused(store, grid, [book.device.device_id]) for book in told]
    rows = [
        _row(unit_name(book.number, scope.lang), share, excuse, asked, [book])
        for book, share, excuse in zip(told, shares, excuses, strict=True)
    ]
    if len(told) > 1:
        weight = np.array([float(book.device.rating.get("power_kw") or book.device.rating.get("capacity_kwh") or 1.0) for book in told])
        table = np.array(shares)
        known = np.isfinite(table)
        total = np.where(known, weight[:, None], 0.0)
        with np.errstate(invalid="ignore"):
            together = np.nansum(np.where(known, table, 0.0) * total, axis=0) / np.where(known.any(axis=0), total.sum(axis=0), np.nan)
        rows.insert(0, _row(word("state.site", scope.lang), together, np.all(excuses, axis=0), asked, told))
    names = ("name", "period", "down", "silent", "equivalent", "excused", "by_time", "by_hours", "by_interval", "payment", "racks")
    heads = [(name, None if name == "name" else 2 if name.startswith("by_") or name == "racks" else 1) for name in names]
    keys = tuple(str(k) for k in range(len(rows)))
    titled = tuple((name, word(f"state.{name}", scope.lang), digits) for name, digits in heads)
    spec = Sheet(titled, keys, chosen="0" if len(told) > 1 else "")
    more = {"sheet": spec, "period": Window(start, end), "told": {"by_time": [("X_t", row["off_excused"], row["name"]) for row in rows]}}
    return Table(rows_of(rows, names), end, plant.is_simulated([b.device for b in told]), more)


def _shares(book: Book, grid: Any) -> Any:
    """The available share on the grid of quarters; NaN where no day was worked out."""
    found = np.full(grid.size, np.nan)
    for day in book.days:
        told = unrolled(day.available)
        place = int((day.start // QUARTER * QUARTER - grid[0]) // QUARTER)
        found[place : place + told.size] = told[: max(grid.size - place, 0)]
    return found


def _row(name: str, share: Any, excuse: Any, asked: Any, of: Sequence[Book]) -> dict[str, Any]:
    found = availability(share, excuse, asked)
    racks = [day.racks for book in of for day in book.days if day.racks is not None]
    return {
        "name": name,
        "period": found.period,
        "down": found.down,
        "silent": sum(day.silent for book in of for day in book.days) / len(of),
        "equivalent": found.equivalent,
        "excused": found.equivalent_excused,
        "off_excused": found.down_excused,
        "by_time": found.by_time.value,
        "by_hours": found.by_hours.value,
        "by_interval": found.by_interval.value,
        "payment": found.payment.value,
        "racks": of_racks(sum(racks) / len(racks), 1).value if racks else None,
    }
