"""What excuses a battery from being available, and what power was contracted, by the quarter of an hour."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from datastore.ports import Numbers
from datastore.store import Store
from plant.model import QUARTER, Kind, Window
from plant.rules import product_of
from services import annotations

EXCUSES = ("planned-maintenance", "grid", "force-majeure")
"""Tags of notes (annotations) whose time is excused, of one device or of the whole plant."""


def excused(store: Store, grid: NDArray[np.int64], device_ids: Collection[str]) -> NDArray[np.bool_]:
    """Whether each quarter of an hour that begins at `grid` [epoch ms, n] is excused for these devices: by a note of one of the `EXCUSES`
    that touches it, or by an award that the grid's operator interrupted. Raises Unavailable."""
    found = np.zeros(grid.size, bool)
    if not grid.size:
        return found
    window = Window(int(grid[0]), int(grid[-1]) + QUARTER)
    notes, _ = annotations.listed(store.records, window)
    spans = [
        (note.start, note.end) for note in notes if note.device_id in ("", *device_ids) and set(note.tags) & set(EXCUSES)
    ]  # fmt: skip
    spans += [(event.time_start, event.time_end - 1) for event in store.records.events(window) if event.is_get and event.interrupt]
    for start, end in spans:
        found |= (grid + QUARTER > start) & (grid <= end)
    return found


def asked_share(store: Store, grid: NDArray[np.int64]) -> Numbers | None:
    """Contracted power as a share of the rated one in each quarter of an hour: what was awarded of a product (MW), 0 where nothing was. A
    reserve's call stands over its award, capability tests and energy by plan are sold to nobody: they do not count. None where the site
    has no awards at all in this time or does not tell its rated power: then all of it counts. Raises Unavailable."""
    site = next(iter(store.records.devices(Kind.SITE)), None)
    rated = float(site.rating.get("power_kw") or 0.0) if site else 0.0
    rated = rated or sum(float(device.rating.get("power_kw") or 0.0) for device in store.records.devices(Kind.PCS))
    if not grid.size or not rated > 0:
        return None
    window = Window(int(grid[0]), int(grid[-1]) + QUARTER)
    awards = [event for event in store.records.events(window) if event.is_get and event.power > 0 and product_of(event)]
    if not awards:
        return None
    asked = np.zeros(grid.size)
    for event in awards:
        asked += np.where((grid < event.time_end) & (grid + QUARTER > event.time_start), 1000.0 * event.power / rated, 0.0)
    return np.minimum(asked, 1.0)
