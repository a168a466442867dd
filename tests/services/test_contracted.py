"""What a battery was to be available for, and what excuses it, from the schedule."""

from collections.abc import Iterator

import numpy as np
import pytest

from datastore.open import open_store
from datastore.store import Store
from plant.model import HOUR, QUARTER, Device, ScheduleEvent
from services import awards
from services.availability import asked_share, excused

MIDNIGHT = 1_795_190_400_000
"""2026-11-21 00:00 in Taipei."""
GRID = np.arange(MIDNIGHT, MIDNIGHT + 4 * HOUR, QUARTER)


@pytest.fixture
def store() -> Iterator[Store]:
    kept = open_store("memory://", "Asia/Taipei", clock=lambda: MIDNIGHT + 12 * HOUR)
    kept.records.put_devices([Device("site", "site", rating={"power_kw": 10_000.0})])
    yield kept
    kept.close()


def add(store: Store, mode: str, hour: float, hours: float, mw: float, **more: bool) -> None:
    event = ScheduleEvent(mode, MIDNIGHT + round(hour * HOUR), MIDNIGHT + round((hour + hours) * HOUR), power=mw, **more)
    awards.add(store, [event], "test")


def test_a_reserve_that_is_called_was_sold_once(store: Store) -> None:
    """4 of 10 MW from 00:00 to 02:00; the call from 00:30 to 01:00 stands over it and is no second sale."""
    add(store, "spinning", 0, 2, 4.0)
    add(store, "spinning_call", 0.5, 0.5, 4.0)
    asked = asked_share(store, GRID)
    assert asked is not None
    assert asked.tolist() == [0.4] * 8 + [0.0] * 8


def test_energy_by_plan_tests_and_offers_are_sold_to_nobody(store: Store) -> None:
    add(store, "arbitrage", 0, 1, 3.0)
    add(store, "scan", 1, 1, 3.0)
    add(store, "dreg", 2, 1, 3.0, is_get=False)
    assert asked_share(store, GRID) is None
    add(store, "dreg", 3, 1, 5.0)
    asked = asked_share(store, GRID)
    assert asked is not None
    assert asked.tolist() == [0.0] * 12 + [0.5] * 4


def test_only_an_award_that_was_held_can_be_interrupted(store: Store) -> None:
    add(store, "dreg", 1, 1, 5.0, interrupt=True)
    add(store, "dreg", 3, 1, 5.0, interrupt=True, is_get=False)
    assert np.flatnonzero(excused(store, GRID, ["bess01"])).tolist() == [4, 5, 6, 7]
