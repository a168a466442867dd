"""Energy into and out of the batteries since midnight, and what came back of what went in: from the same books as the analysis page."""

from dataclasses import dataclass

from dashboard.loads.fleet import Fleet
from dashboard.loads.ledger import ledger
from dashboard.loads.power import converters
from datastore.store import Store
from plant.analysis.outcome import Figure
from plant.model import DAY, MINUTE, Window
from plant.timeline import day_start

CYCLE_DAYS = 7
"""Days over which the round trip is taken, today included: a day alone rarely returns to the state of charge it began with."""


@dataclass(frozen=True, slots=True)
class Today:
    """Energies since the site's midnight [kWh], the share of that time observed, the newest instant in them, and the round-trip
    efficiency [%] of the last days (None = not assessable)."""

    charged: float
    discharged: float
    coverage: float
    at: int
    efficiency: Figure


def cycle_window(store: Store, minute: int) -> Window:
    """The last `CYCLE_DAYS` days of the site, up to the full `minute` of today [epoch ms]."""
    return Window(day_start(day_start(minute, store.zone) - (CYCLE_DAYS - 1) * DAY + DAY // 2, store.zone), minute)


def today(store: Store, plant: Fleet) -> Today | None:
    """The energies of today up to the last full minute; None when no battery's power was told today."""
    minute = plant.now - plant.now % MINUTE
    midnight = day_start(minute, store.zone)
    if minute <= midnight:
        return None
    kept = ledger(store, cycle_window(store, minute))
    row = kept.days[-1] if kept else None
    if kept is None or row is None or row.window.start != midnight or row.charged is None or row.discharged is None:
        return None
    devices, metric = converters(plant)
    newest = max((said.at for said in plant.all(devices, metric)), default=midnight)
    return Today(row.charged, row.discharged, row.coverage, min(newest, minute), kept.whole.storage)
