"""Cycles of the whole plant that return to the charge they began with, each with its own round-trip efficiency."""

from typing import Any

import numpy as np

from dashboard.figures.columns import Bar, Columns, Line
from dashboard.loads.ledger import Charge, Ledger, ledger, whole_days
from dashboard.page import Scope, Table
from dashboard.words import word
from dashboard.words_state import because
from datastore.store import Store
from plant.analysis.energy import MWH_PER_KWH
from plant.analysis.round_trips import Trip, trips
from plant.model import HOUR, QUARTER, Window

LOOKS = 8
"""So often the ends of cycles are looked at anew at most."""


def trips_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per cycle: `at` and `end` [epoch ms], `hours`, `charged`, `discharged`, `aux` [kWh], `soc_start`, `soc_end`,
    `lowest`, `highest` [%], `storage` and `system` round-trip efficiency [%, NaN = not assessable], `coverage` [%], `note`: the variant, or
    why there is none. No rows where nothing cycled, or where a battery has no nameplate: `more["kept"]` says so."""
    window = whole_days(store, scope)
    kept = ledger(store, window)
    found = cycles(store, kept, window) if kept and window else []
    if kept is not None and kept.usable is None:
        return Table({}, more={"kept": (word("analysis.norating", scope.lang), scope.elsewhere("/devices"))})
    if kept is None or not found:
        return Table({})
    lang = scope.lang
    numbers = ("charged", "discharged", "aux", "soc_start", "soc_end", "lowest", "highest")
    columns: dict[str, Any] = {
        "at": [trip.start for trip in found],
        "hours": [(trip.end - trip.start) / HOUR for trip in found],
        "end": [trip.end for trip in found],
        **{name: _numbers([getattr(trip, name) for trip in found]) for name in numbers},
        "storage": _numbers([trip.storage.value for trip in found]),
        "system": _numbers([trip.system.value for trip in found]),
        "coverage": [100.0] * len(found),
        "note": [trip.storage.note or because(trip.storage.reason, lang) for trip in found],
    }
    spec = Columns(
        (
            Bar("discharged", word("stack.discharge", lang), "kWh", 0, "discharge"),
            Bar("charged", word("stack.charge", lang), "kWh", 0, "charge", sign=-1),
        ),
        (
            Line("storage", word("analysis.storage", lang), "%", 1, "accent"),
            Line("system", word("analysis.system", lang), "%", 1, "accent", "dot"),
        ),
        word("analysis.observed", lang),
        stacked=True,
    )
    units = {"aux": "kWh", **dict.fromkeys(("soc_start", "soc_end", "lowest", "highest"), "%"), "hours": "h"}
    return Table(columns, found[-1].end, kept.simulated, {"columns": spec, "units": units, "period": kept.whole.window})


def cycles(store: Store, kept: Ledger, window: Window) -> list[Trip]:
    """The cycles of the plant over whole days, by the quarter of an hour."""
    start, end = kept.days[0].window.start, kept.days[-1].window.end // QUARTER * QUARTER
    if end <= start:
        return []
    at = np.arange(start, end, QUARTER)
    charge = Charge(store, list(kept.units), Window(start, end))
    told = {quarter: (day, both) for day in kept.energies for quarter, both in day.used.quarters.items()}
    out = np.array([told[t][1][0] if t in told else 0 for t in at.tolist()]) / MWH_PER_KWH
    into = np.array([told[t][1][1] if t in told else 0 for t in at.tolist()]) / MWH_PER_KWH
    observed = np.array([_share(told.get(t), t) for t in at.tolist()])
    taken = {quarter: mwh for day in kept.energies for quarter, mwh in day.aux_quarters.items()}
    aux = np.array([taken.get(t, np.nan) for t in at.tolist()]) / MWH_PER_KWH if taken else None
    found: list[Trip] = []
    ends: set[int] = set()
    for _ in range(LOOKS):  # where a cycle closes is found among quarters; then its ends are looked at closely, which may move them
        found = trips(at, charge.at_quarters(at, sorted(ends)), into, out, observed, kept.usable, aux, kept.side)
        now = {(edge - start) // QUARTER for trip in found for edge in (trip.start, trip.end)}
        if now <= ends:
            break
        ends |= now
    return found


def _share(told: Any, quarter: int) -> float:
    """Observed share of a quarter, over all who tell."""
    if told is None:
        return 0.0
    day, _ = told
    length = (min(quarter + QUARTER, day.window.end) - max(quarter, day.window.start)) / 1000.0
    return min(1.0, day.used.seconds.get(quarter, 0.0) / (length * max(day.tellers, 1)))


def _numbers(values: list[float | None]) -> Any:
    return np.array([np.nan if value is None else value for value in values], np.float64)
