"""The numbers behind energies, losses, efficiencies and cycles (see `dashboard.loads.explained`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.explanations import Facts, Given, Tell
from dashboard.loads import awarded, energy, power
from dashboard.loads.fleet import fleet
from dashboard.loads.ledger import Ledger, Row, asked, ledger
from dashboard.page import Scope
from dashboard.words import word
from dashboard.words_state import because
from datastore.store import Store
from plant.analysis.outcome import Figure
from plant.model import HOUR, MINUTE, Kind
from plant.timeline import day_start
from services.energy_days import MEANS, DayEnergy


def stamp(store: Store, at: int, scope: Scope, is_day: bool) -> str:
    """The day, or the hour of it, as the site writes it."""
    return awarded.day_name(store, at, scope.lang) if is_day else awarded.clock(store, at)


def _hours(store: Store, day: DayEnergy, quarters: Mapping[int, float], scope: Scope, symbol: str) -> list[Given]:
    """Energies [mWh by quarter] of a day by the hour of the site [kWh]."""
    midnight = day_start(day.window.start, store.zone)
    sums: dict[int, float] = {}
    for at, energy_mwh in sorted(quarters.items()):
        start = at - (at - midnight) % HOUR
        sums[start] = sums.get(start, 0.0) + energy_mwh
    return [Given(symbol, told / 1e6, stamp(store, start, scope, False)) for start, told in sums.items()]


def _parts(store: Store, days: Sequence[DayEnergy], scope: Scope, name: str) -> tuple[Given, ...]:
    """What an energy is the sum of: the hours of a single day, the days of several."""
    if len(days) == 1 and not days[0].used.reason:
        place = {"discharged": 0, "charged": 1}.get(name)
        quarters: Mapping[int, Any] = days[0].aux_quarters if place is None else {
            at: both[place] for at, both in days[0].used.quarters.items()
        }  # fmt: skip
        if quarters:
            return tuple(_hours(store, days[0], quarters, scope, "E"))
    told = [(day, day.aux if name == "aux" else getattr(day.used, name)) for day in days]
    return tuple(Given("E", value, stamp(store, day.window.start, scope, True)) for day, value in told)


def _made_from(days: Sequence[DayEnergy]) -> str:
    return f"explain.resolution.{'minutes' if any(day.method == MEANS for day in days) else 'readings'}"


def _energy(name: str, of_today: bool) -> Tell:
    """What was charged, discharged or taken by the auxiliaries: today, or in the window looked at."""

    def tell(store: Store, scope: Scope) -> Facts:
        kept = _week(store) if of_today else ledger(store, asked(store, scope))
        if kept is None or (of_today and (energy.today(store, fleet(store)) is None)):
            return Facts(why=word("explain.why.silent", scope.lang))
        row = kept.days[-1] if of_today else kept.whole
        days = kept.energies[-1:] if of_today else kept.energies
        told = _tellers(store)
        return Facts(_parts(store, days, scope, name), row.window, row.coverage, None, _made_from(days), devices=told[0], metrics=told[1])

    return tell


def _tellers(store: Store) -> tuple[tuple[str, ...], tuple[str, ...]]:
    devices, name = power.converters(fleet(store, (Kind.PCS, Kind.BESS, Kind.PACK)))
    return tuple(device.device_id for device in devices), (name,)


def _week(store: Store) -> Ledger | None:
    """The books behind today's energies and the efficiency beside them."""
    minute = store.clock() // MINUTE * MINUTE
    return ledger(store, energy.cycle_window(store, minute)) if minute > day_start(minute, store.zone) else None


def _books(*symbols: str, of_week: bool = False, figure: str = "") -> Tell:
    """Of the books of a window: energies in and out, stored, contents; `figure` is the field that may have no value for a reason."""

    def tell(store: Store, scope: Scope) -> Facts:
        kept = _week(store) if of_week else ledger(store, asked(store, scope))
        if kept is None:
            return Facts(why=word("explain.why.silent", scope.lang))
        whole = kept.whole
        said = getattr(whole, figure) if figure else None
        if figure == "loss":  # of a charge that is known: the efficiency beside it says why it is not
            said = Figure(whole.loss, whole.storage.reason)
        given = tuple(Given(symbol, _booked(symbol, kept, whole)) for symbol in symbols)
        told = _tellers(store)
        return Facts(
            given, whole.window, whole.coverage, None, _made_from(kept.energies),
            variant=_variant(whole, kept, scope) if said is not None and said.value is not None else "",
            why=because(said.reason, scope.lang) if said is not None and said.value is None else "",
            devices=(*told[0], *(unit.device_id for unit in kept.units)) if whole.stored is not None else told[0],
            metrics=(*told[1], "soc"),
        )  # fmt: skip

    return tell


def _booked(symbol: str, kept: Ledger, row: Row) -> float | None:
    observed = sum(day.used.observed_s for day in kept.energies if not day.used.reason)
    return {
        "E_ch": row.charged, "E_dis": row.discharged, "E_aux": row.aux, "ΔE": row.stored, "E": kept.usable, "E_nom": kept.nominal,
        "t": observed / 3600.0, "T": row.window.length / HOUR, "N": float(max((day.tellers for day in kept.energies), default=0)),
    }[symbol]  # fmt: skip


def _variant(row: Row, kept: Ledger, scope: Scope) -> str:
    """On which side it was measured, and by how much the charge differs."""
    side = word("analysis.dc" if kept.side == "DC" else "analysis.ac", scope.lang)
    apart = 100.0 * row.stored / kept.usable if row.stored is not None and kept.usable else None
    return side if apart is None else f"{side}, ΔSOC {apart:+.2f} %"


FACTS: Mapping[str, Tell] = {
    "tile.charged": _energy("charged", True),
    "tile.discharged": _energy("discharged", True),
    "tile.efficiency": _books("E_dis", "E_ch", "ΔE", "E", of_week=True, figure="storage"),
    "analysis.charged": _energy("charged", False),
    "analysis.discharged": _energy("discharged", False),
    "analysis.aux": _energy("aux", False),
    "analysis.loss": _books("E_ch", "E_dis", "ΔE", figure="loss"),
    "analysis.storage": _books("E_dis", "E_ch", "ΔE", "E", figure="storage"),
    "analysis.system": _books("E_dis", "E_ch", "E_aux", "ΔE", "E", figure="system"),
    "analysis.efc": _books("E_ch", "E_dis", "E_nom"),
    "analysis.coverage": _books("t", "T", "N"),
}
