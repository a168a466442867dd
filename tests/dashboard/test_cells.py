"""The cells of a rack: where each one stands, which stand out, how one moves against its rack, what the rack says of itself. The expected
numbers are worked out by hand from the readings given here."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from plotly.utils import PlotlyJSONEncoder

from dashboard.figures.heat import heat
from dashboard.figures.player import player
from dashboard.loads import bess, cell_history, cells, elements, rackwords
from dashboard.loads.fleet import fleet
from dashboard.page import Scope
from datastore.open import open_store
from datastore.store import Store
from plant.model import MINUTE, Alarm, Block, Device, Window

NOW = 1_795_233_600_000
"""2026-11-21 12:00 in Taipei."""
SCOPE = Scope(zone="Asia/Taipei", window="1h", unit=1, rack=1)
AT = [NOW - (60 - n) * MINUTE for n in range(60)]
SAYS = {
    "words": {
        "battery_warning": [{"en": "cells far apart", "zh": "壓差過大", "es": "x"}],
        "bams_status": {"67": {"en": "charge", "zh": "電量", "es": "y"}},
    }
}
DEVICES = (
    Device("bess01", "bess"),
    *(Device(f"bess01-rack0{r}", "rack", parent="bess01", interval_s=60, rating={"capacity_ah": 314.0}, info=SAYS) for r in (1, 2, 3)),
    Device("pack-9", "pack", name="Pack nine", interval_s=60, info={"chemistry": "NMC"}),
)


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    opened.records.put_devices(DEVICES)
    yield opened
    opened.close()


def tell(store: Store, device: str, kind: str, at: int, **values: Any) -> None:
    store.telemetry.append([Block(kind, tuple(values), [(device, at, at, 0, *values.values())])])


def rack(volts: dict[int, float | None], base: float = 3.3, count: int = 252) -> list[float | None]:
    """All cells at `base`, but those given by their number."""
    return [volts.get(n, base) for n in range(1, count + 1)]


def test_a_cell_stands_in_its_module_and_is_a_link(store: Store) -> None:
    tell(store, "bess01-rack01", "rack", NOW - MINUTE, cell_voltages=rack({118: 3.31}))
    table = cells.cell_map(store, replace(SCOPE, cell=118), cells.VOLTS)
    assert (table.columns["column"][117], table.columns["row"][117]) == (9, 9)  # 117 = 9 · 12 + 9: tenth module, tenth cell
    assert table.columns["note"][117] == "Cell 118 · Module 10 (outlier)"
    assert table.columns["href"][117] == "/bess?unit=1&rack=1&cell=118&window=1h"
    spec = table.more["heat"]
    assert (len(spec.columns), len(spec.rows), spec.selected) == (21, 12, (9, 9))
    assert spec.tail == ", median of all 3.300 V"


def test_a_silent_cell_is_missing_and_a_short_vector_leaves_places_empty(store: Store) -> None:
    tell(store, "bess01-rack01", "rack", NOW - MINUTE, cell_voltages=rack({5: None}), battery_alarm=[0.0] * 21)
    tell(store, "bess01-rack02", "rack", NOW - MINUTE, cell_voltages=rack({}, count=250), battery_alarm=[0.0] * 21)
    silent = heat(cells.cell_map(store, SCOPE, cells.VOLTS), SCOPE)
    assert silent["data"][0]["z"][4][0] is None  # fifth cell of the first module
    assert [note["text"] for note in silent["layout"]["annotations"]] == ["—"]
    short = replace(SCOPE, rack=2)
    drawn = heat(cells.cell_map(store, short, cells.VOLTS), short)["data"][0]["z"]
    assert (len(drawn), len(drawn[0])) == (12, 21)  # by its 21 words, although 250 cells do not come out even
    assert [row[20] for row in drawn] == [3.3] * 10 + [None] * 2
    assert not cells.cell_map(store, SCOPE, cells.VOLTS).columns["mark"].any()


def test_a_pack_shows_its_own_cells_in_one_line(store: Store) -> None:
    tell(store, "pack-9", "pack", NOW - MINUTE, soc=50.0, cell_voltages=[3.7 + 0.001 * n for n in range(14)])
    number = next(value for value, label in bess.unit_options(store, SCOPE) if label == "Pack nine")
    assert number == "9"
    scope = replace(SCOPE, unit=9, rack=None)
    spec = cells.cell_map(store, scope, cells.VOLTS).more["heat"]
    assert (len(spec.rows), len(spec.columns)) == (1, 14)  # nobody told its modules
    assert cells.module_options(store, scope) == []
    assert bess.rack_table(store, scope).columns["Pack nine"][4] == 50.0  # SOC
    highest = {tile.key: tile for tile in cells.cell_tiles(store, scope)}["highest"]
    assert (highest.value, highest.note, highest.tone) == (3.713, "Cell 14", "")  # 3.7 V are no alarm for NMC
    assert cells.cell_map(store, replace(scope, rack=2), cells.VOLTS).is_empty


def test_the_tiles_name_the_extreme_cells(store: Store) -> None:
    warm: list[float | None] = [25.0] * 42
    warm[6], warm[41] = 31.5, None
    volts = rack({7: 3.36, 30: 3.29, 31: None})
    tell(store, "bess01-rack01", "rack", NOW - MINUTE, current=3.0, cell_voltages=volts, cell_temperatures=warm)
    shown = {tile.key: tile for tile in cells.cell_tiles(store, SCOPE)}
    assert (shown["highest"].value, shown["highest"].note) == (3.36, "Cell 7 · Module 1")
    assert (shown["lowest"].value, shown["lowest"].note) == (3.29, "Cell 30 · Module 3")
    assert shown["spread"].value == pytest.approx(0.07)
    assert (shown["spread"].tone, shown["spread"].note) == ("warning", "limit 0.050 V")
    assert (shown["warmest"].value, shown["warmest"].note) == (31.5, "Sensor 7 · Module 4")
    assert shown["gradient"].value == pytest.approx(6.5)
    assert (shown["outliers"].value, shown["outliers"].note) == (3.0, "at rest")  # cells 7 and 30, sensor 7; 3 A of 314 Ah
    assert shown["highest"].href == "/bess?unit=1&rack=1&cell=7&window=1h"


def drifting(store: Store) -> None:
    """Cell 20 falls from 3.300 V by 1 mV a minute; the others stand at 3.300 V, cell 21 at 3.302 V."""
    for n, at in enumerate(AT):
        tell(store, "bess01-rack01", "rack", at, cell_voltages=rack({20: 3.3 - 0.001 * n, 21: 3.302}))


def test_a_cell_against_the_median_of_its_rack(store: Store) -> None:
    drifting(store)
    table = cell_history.history_table(store, replace(SCOPE, cell=21), cells.VOLTS)
    assert list(table.columns) == [
        "at", "Cell 21 · Module 2 (V)", "Median of the rack (V)", "Less the median (mV)", "Median of the rack (V) min",
        "Median of the rack (V) max",
    ]  # fmt: skip
    assert table.columns["Less the median (mV)"] == pytest.approx([2.0] * 60)
    assert table.columns["Median of the rack (V) min"] == pytest.approx([3.3 - 0.001 * n for n in range(60)])
    assert table.columns["Median of the rack (V) max"] == pytest.approx([3.302] * 60)


def test_without_a_choice_the_cell_furthest_from_the_median_is_shown(store: Store) -> None:
    drifting(store)
    lines = cell_history.history_table(store, SCOPE, cells.VOLTS).more["plot"].lines
    assert lines[0].name == "Cell 20 · Module 2"
    assert cell_history.history_table(store, replace(SCOPE, cell=999), cells.VOLTS).is_empty


def test_a_module_is_the_mean_of_its_cells(store: Store) -> None:
    drifting(store)
    columns = cell_history.history_table(store, replace(SCOPE, module=2), cells.VOLTS).columns
    # cells 13…24: cell 20 is n mV low, cell 21 2 mV high, over twelve
    assert columns["Less the median (mV)"] == pytest.approx([(2 - n) / 12 for n in range(60)], abs=1e-9)


def test_the_live_frame_moves_the_cell_the_median_and_their_difference(store: Store) -> None:
    tell(store, "bess01-rack01", "rack", NOW - 5_000, cell_voltages=rack({21: 3.302}))
    frame = cell_history.history_frame(store, replace(SCOPE, cell=21), cells.VOLTS)
    assert frame is not None
    assert frame["extend"]["y"] == [3.302, 3.3, 2.0]
    assert frame["extend"]["x"] == NOW - 5_000 + 8 * 3_600_000
    later = replace(store, clock=lambda: NOW + 30 * MINUTE)
    assert cell_history.history_frame(later, replace(SCOPE, cell=21), cells.VOLTS) is None  # stale: the line is not drawn on


def test_the_player_has_a_picture_per_step_and_shows_the_last(store: Store) -> None:
    drifting(store)
    table = cell_history.player_table(store, SCOPE)
    figure = player(table, SCOPE)
    assert len(figure["frames"]) == len(figure["layout"]["sliders"][0]["steps"]) == 24  # an hour in steps of 2.5 min
    assert figure["data"][0]["z"][7][1] == pytest.approx(-58.5)  # cell 20: the mean of minutes 58 and 59
    assert figure["layout"]["sliders"][0]["steps"][-1]["label"] == "11:57:30"
    assert len({frame["name"] for frame in figure["frames"]}) == 24
    assert "NaN" not in json.dumps(figure, cls=PlotlyJSONEncoder)


def test_much_history_is_sampled_and_says_the_same_of_a_steady_rack(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    drifting(store)
    device, window = DEVICES[1], Window(NOW - 60 * MINUTE, NOW)
    whole = elements.elements(store, device, cells.VOLTS, window, 60)
    monkeypatch.setattr(elements, "MOST_READINGS", 10)
    sampled = elements.elements(store, device, cells.VOLTS, window, 60)
    assert whole is not None and sampled is not None
    np.testing.assert_array_equal(sampled.at, whole.at)
    np.testing.assert_allclose(sampled.mean, whole.mean)
    assert elements.elements(store, device, cells.VOLTS, Window(NOW - 3 * 60 * MINUTE, NOW - 2 * 60 * MINUTE), 60) is None


def test_two_racks_and_their_difference(store: Store) -> None:
    for at in AT:
        for number, soc in ((1, 50.0), (2, 51.0), (3, 47.5)):
            tell(store, f"bess01-rack0{number}", "rack", at, soc=soc)
    furthest = bess.pair_table(store, SCOPE)
    assert list(furthest.columns) == ["at", "Rack 01 (%)", "Rack 03 (%)", "Rack 01 less Rack 03 (%)"]
    apart = np.asarray(furthest.columns["Rack 01 less Rack 03 (%)"])
    assert set(apart[np.isfinite(apart)]) == {2.5}
    asked = bess.pair_table(store, replace(SCOPE, against="bess01-rack02"))
    apart = np.asarray(asked.columns[next(name for name in asked.columns if "less" in name)])
    assert set(apart[np.isfinite(apart)]) == {-1.0}
    assert bess.pair_table(store, replace(SCOPE, rack=9)).is_empty


@pytest.mark.parametrize(
    ("lang", "normal", "apart", "charge"), [("en", "Normal", "cells far apart", "charge"), ("zh-TW", "正常", "壓差過大", "電量")]
)
def test_the_words_of_a_rack_are_decoded(store: Store, lang: str, normal: str, apart: str, charge: str) -> None:
    bams = [0.0] * 17
    bams[3] = 1.0  # BAMS 64 + 3
    zeros = [0.0] * 21
    warned = [0.0, 1.0, *[0.0] * 19]
    words = {"battery_protection": zeros, "battery_alarm": zeros, "battery_warning": warned, "bams_status": bams}
    tell(store, "bess01-rack01", "rack", NOW - MINUTE, **words)
    scope = replace(SCOPE, lang=lang)
    modules = rackwords.module_table(store, scope)
    assert modules.columns["warning"][:3] == [normal, f"{apart} (0x0001)", normal]
    assert modules.columns["alarm"] == [normal] * 21
    assert modules.more["sheet"].tones == {("2", "warning"): "warning"}
    states = dict(zip(*(rackwords.bams_table(store, scope).columns[name] for name in ("word", "state")), strict=True))
    assert (states["BAMS 64"], states["BAMS 67"]) == (normal, f"{charge} (0x0001)")


def test_words_nobody_said_are_none_and_old_ones_stale(store: Store) -> None:
    tell(store, "bess01-rack01", "rack", NOW - 60 * MINUTE, battery_alarm=[0.0] * 21)
    table = rackwords.module_table(store, SCOPE)
    assert table.columns["warning"] == [None] * 21
    assert table.more["sheet"].tones["1", "alarm"] == "stale"
    assert rackwords.bams_table(store, SCOPE).is_empty


def test_the_open_alarms_of_the_rack_the_worst_first(store: Store) -> None:
    stood = (("rack01", "warning", None), ("rack01", "alarm", None), ("rack01", "alarm", NOW), ("rack02", "alarm", None))
    for device, severity, cleared in stood:
        code = f"{severity}-{cleared}"
        store.records.put_alarm(Alarm(f"bess01-{device}", "rack", code, severity, f"{severity} of {device}", NOW - MINUTE, cleared=cleared))
    table = rackwords.alarm_table(store, SCOPE)
    assert table.columns["severity"] == ["Alarm", "Warning"]
    assert table.columns["raised"] == ["2026-11-21 11:59:00"] * 2
    key = table.more["sheet"].keys[0]
    assert table.more["sheet"].links[key, "said"] == f"/alarms?window=1h&alarm={key}"
    assert len(rackwords.alarm_table(store, replace(SCOPE, rack=None)).columns["who"]) == 3
    quiet = rackwords.alarm_table(store, replace(SCOPE, rack=3))
    assert quiet.is_empty and quiet.more["quiet"] == "No open alarm at BESS 1 · Rack 03"


def test_cells_move_in_place_and_a_new_outlier_asks_for_the_picture(store: Store) -> None:
    tell(store, "bess01-rack01", "rack", NOW - 20_000, cell_voltages=rack({}))
    before = cells.cell_frame(store, SCOPE, cells.VOLTS)
    tell(store, "bess01-rack01", "rack", NOW - 10_000, cell_voltages=rack({3: 3.2}, base=3.304))
    after = cells.cell_frame(store, SCOPE, cells.VOLTS)
    assert before is not None and after is not None
    assert (before["redraw"], after["redraw"]) == ("", "2")
    assert after["restyle"][0]["set"]["z"][0][2][0] == 3.2
    assert "3.304 V" in after["restyle"][0]["set"]["hovertemplate"]


def test_without_racks_there_is_nothing_to_look_at(store: Store) -> None:
    plant = fleet(store, cells.KINDS)
    assert cells.holder(plant, replace(SCOPE, rack=9)) is None
    assert cells.cell_map(store, SCOPE, cells.VOLTS).is_empty
    assert all(tile.value is None for tile in cells.cell_tiles(store, SCOPE) if tile.key != "rack")
