"""A period or a device upon another: each number against readings written down here."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dashboard import cards
from dashboard.figures.lines import differences, lines
from dashboard.figures.stack import stack
from dashboard.loads import against, explore, overview
from dashboard.loads.against import comparable, placed
from dashboard.page import Panel, Scope, Table
from datastore import rollup
from datastore.open import open_store
from datastore.store import Store
from plant.model import DAY, HOUR, MINUTE, Block, Device, Window

NOW = 1_795_233_600_000
"""2026-11-21 12:00 in Taipei."""
ZONE = "Asia/Taipei"
SCOPE = Scope(zone=ZONE, start=NOW - HOUR, end=NOW, device="bess01", metric="power")
PANEL = comparable(Panel("p", "p", explore.explore_table, lines, explore.explore_frame))


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("memory://", ZONE, clock=lambda: NOW)
    store.records.put_devices([Device(f"bess0{n}", "bess") for n in (1, 2)])
    yield store
    store.close()


def tell(store: Store, device: str, start: int, values: list[float], every: int = MINUTE, **more: Any) -> None:
    rows = [(device, start + i * every, start + i * every, 0, value) for i, value in enumerate(values)]
    store.telemetry.append([Block(more.get("kind", "bess"), (more.get("name", "power"),), rows)])


def compared(store: Store, **changes: Any) -> Table:
    return PANEL.load(store, replace(SCOPE, **changes))


def test_yesterday_stands_under_today_with_its_difference(store: Store) -> None:
    tell(store, "bess01", NOW - HOUR, [100.0 + i for i in range(60)])
    tell(store, "bess01", NOW - HOUR - DAY, [80.0 + i for i in range(60)])
    table = compared(store, against="day", step="1m")
    assert table.columns["at"].tolist() == [NOW - HOUR + i * MINUTE for i in range(60)]
    assert table.columns[now(table)].tolist() == [100.0 + i for i in range(60)]
    assert table.columns["A day earlier (kW)"].tolist() == [80.0 + i for i in range(60)]
    trace = next(one for one in PANEL.draw(table, SCOPE)["data"] if one["name"] == "A day earlier")
    assert trace["line"]["dash"] == "dash" and set(trace["hovertext"]) == {" · Δ +20.0 kW"}


def now(table: Table) -> str:
    column: str = table.more["plot"].lines[0].column
    return column


def test_the_stretch_before_ends_where_the_window_begins(store: Store) -> None:
    """37 minutes are no multiple of the bucket: the lines still meet row by row."""
    tell(store, "bess01", NOW - 2 * HOUR, [float(i) for i in range(120)])
    start = NOW - 37 * MINUTE
    table = compared(store, against="before", start=start, step="1m")
    assert table.columns["at"].tolist() == [start + i * MINUTE for i in range(37)]
    assert (table.columns[now(table)] - table.columns["The stretch before (kW)"]).tolist() == [37.0] * 37


def test_another_device_in_the_same_window(store: Store) -> None:
    tell(store, "bess01", NOW - HOUR, [10.0] * 60)
    tell(store, "bess02", NOW - HOUR, [4.0] * 60)
    table = compared(store, against="bess02", step="1m")
    assert set(table.columns["bess02 (kW)"]) == {4.0} and set(table.columns[now(table)]) == {10.0}


@pytest.mark.parametrize("against", ["", "nobody", "bess01"])
def test_nothing_to_compare_with_leaves_the_table_as_it_is(store: Store, against: str) -> None:
    tell(store, "bess01", NOW - HOUR, [10.0] * 60)
    plain, table = explore.explore_table(store, SCOPE), compared(store, against=against)
    assert list(table.columns) == list(plain.columns) and len(table.more["plot"].lines) == 1


def test_a_period_without_readings_is_said_not_drawn(store: Store) -> None:
    tell(store, "bess01", NOW - HOUR, [10.0] * 60)
    table = compared(store, against="2025-01-01")
    assert len(table.more["plot"].lines) == 1
    assert "From 2025-01-01: nothing recorded" in [note["text"] for note in PANEL.draw(table, SCOPE)["layout"]["annotations"]]


def test_too_many_lines_are_not_compared(store: Store) -> None:
    names = [f"bess{n:02d}" for n in range(1, 9)]
    store.records.put_devices([Device(name, "bess") for name in names])
    for name in names:
        tell(store, name, NOW - DAY - HOUR, [1.0] * (25 * 60))
    table = compared(store, against="day", device=",".join(names))
    assert len(table.more["plot"].lines) == 8


def test_calendar_days_meet_calendar_days_over_a_clock_change() -> None:
    """Berlin: the week of 2026-10-25 has a day of 25 hours, the week before none."""
    zone = ZoneInfo("Europe/Berlin")

    def midnight(day: int) -> int:
        return round(datetime(2026, 10, day, tzinfo=zone).timestamp() * 1000)

    week = Window(midnight(22), midnight(29))
    before = rollup.edges(Window(midnight(15), midnight(22)), DAY, "Europe/Berlin")[:-1]
    assert placed(before, midnight(22) - midnight(15), DAY, week, "Europe/Berlin").tolist() == [midnight(d) for d in range(22, 29)]


def test_a_difference_needs_a_neighbour() -> None:
    at = np.array([0.0, 10.0, 20.0, 100.0])
    found = differences(at, np.array([1.0, 2.0, np.nan, 4.0]), np.array([5.0, 15.0, 60.0, 100.0]))
    assert found[0] == 1.5 and found[3] == 4.0


def test_all_sources_of_yesterday_over_the_balance(store: Store) -> None:
    """Yesterday the sun gave 30 kW and 20 kW came from the grid, today the sun gives 45 kW: 5 kW less."""
    store.records.put_devices([Device("site", "site"), Device("pcs01", "pcs")])
    for start, sun, grid in ((NOW - HOUR - DAY, 30.0, -20.0), (NOW - HOUR, 45.0, 0.0)):
        rows = [("site", start + i * MINUTE, start + i * MINUTE, 0, grid, sun, 0.0) for i in range(60)]
        store.telemetry.append([Block("site", ("active_power", "pv_power", "aux_power"), rows)])
        tell(store, "pcs01", start, [0.0] * 60, kind="pcs", name="active_power")
    scope = Scope(zone=ZONE, start=NOW - HOUR, end=NOW, against="day")
    table = overview.balance_table(store, scope)
    assert set(table.columns["then"]) == {50.0} and set(table.columns["pv"]) == {45.0}
    line = stack(table, scope)["data"][-1]
    assert line["name"] == "A day earlier" and line["hovertemplate"].startswith("All sources · A day earlier")
    assert set(line["hovertext"]) == {" · Δ −5 kW"}


def test_a_live_chart_renews_what_it_is_compared_with(store: Store) -> None:
    tell(store, "bess01", NOW - 5_000, [1.0] * 5, every=1_000)
    scope = Scope(zone=ZONE, device="bess01", metric="power", window="1h")
    assert PANEL.live is not None
    plain, frame = PANEL.live(store, scope), PANEL.live(store, replace(scope, against="day"))
    assert plain and frame and "redraw" not in plain and frame["redraw"]
    later = replace(store, clock=lambda: NOW + HOUR // against.AGES)
    tell(store, "bess01", NOW + HOUR // against.AGES - 1_000, [1.0])
    renewed = PANEL.live(later, replace(scope, against="day"))
    assert renewed and renewed["redraw"] != frame["redraw"]


@pytest.mark.parametrize(("step", "said"), [("1m", "1 min"), ("15m", "15 min"), ("raw", "Raw")])
def test_the_card_says_how_closely_it_looks(store: Store, step: str, said: str) -> None:
    tell(store, "bess01", NOW - HOUR, [10.0] * 60)
    found = cards.resolution(compared(store, step=step), "en")
    assert found is not None and found[0] == said


def test_neighbours_of_a_rack_and_its_like_in_other_units(store: Store) -> None:
    racks = [Device(f"bess0{n}-rack0{r}", "rack", parent=f"bess0{n}") for n in (1, 2) for r in (1, 2, 3)]
    store.records.put_devices(racks)
    found = [device.device_id for device in against.racks_beside(store, Scope(zone=ZONE, unit=1, rack=2))]
    assert found == ["bess01-rack01", "bess01-rack03", "bess02-rack02"]
    assert against.title("bess02-rack02", "en") == "BESS 2 · Rack 02"
