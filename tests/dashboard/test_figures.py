"""Figures without a browser: what they draw of full, empty, gappy and lonely tables. Expected numbers are worked out by hand."""

from typing import Any

import numpy as np
import orjson
import pytest

from dashboard.figures.axes import Limit, limit_marks, padded, plain, times
from dashboard.figures.bars import Bars, Group, bars
from dashboard.figures.flow import direction, flow, frame, sentence, width
from dashboard.figures.gaps import unbroken
from dashboard.figures.heat import FRAME, Heat, as_matrix, heat, scale_range
from dashboard.figures.lines import Line, Plot, lines
from dashboard.figures.sheet import Sheet, said, sheet
from dashboard.figures.sheet import frame as sheet_frame
from dashboard.figures.stack import Layer, Stack, stack
from dashboard.page import Scope, Table

NAN = float("nan")
TAIPEI = Scope(zone="Asia/Taipei")
MINUTE = 60_000
NOON = 1_767_240_000_000
"""2026-01-01T04:00:00Z, which is noon in Taipei."""


def line_table(values: list[float], step: int = MINUTE, **more: Any) -> Table:
    at = np.arange(len(values)) * step + NOON
    column = np.array(values, dtype=np.float64)
    columns = {"at": at, "soc": column, "soc min": column - 1, "soc max": column + 1}
    line = Line("soc", "State of charge", "%", 1, "soc", "soc min", "soc max", **more)
    return Table(columns, more={"plot": Plot((line,), NOON, NOON + len(values) * step)})


def test_times_are_the_sites_wall_clock() -> None:
    assert times([NOON], TAIPEI) == [NOON + 8 * 3_600_000]


def test_plain_numbers_are_rounded_and_silence_is_none() -> None:
    assert plain(np.array([1.26, NAN, np.inf, -0.04]), 1) == [1.3, None, None, -0.0]


def test_a_gap_stays_a_gap() -> None:
    drawn = lines(line_table([50, 51, 52, NAN, NAN, NAN, 53, 54]), TAIPEI)
    assert drawn["data"][0]["y"] == [50, 51, 52, None, 53, 54]
    assert not drawn["data"][0]["connectgaps"]


def test_the_band_has_one_closed_shape_for_each_stretch() -> None:
    band = lines(line_table([50, 51, 52, NAN, NAN, NAN, 53, 54]), TAIPEI)["data"][1]
    assert band["y"] == [51, 52, 53, 51, 50, 49, None, 54, 55, 53, 52, None]
    assert band["fill"] == "toself"


def test_buckets_finer_than_the_sampling_are_no_gaps() -> None:
    at = np.arange(0, 600_000, 5_000, dtype=np.float64)
    values = np.where(at % 60_000 == 0, 1.0, NAN)  # a reading a minute in buckets of five seconds
    assert np.isfinite(unbroken(at, values)[1]).all()


def test_history_by_the_minute_joins_live_seconds_without_a_break() -> None:
    at = np.concatenate([np.arange(30) * 60_000.0, 29 * 60_000.0 + np.arange(1, 60) * 1_000.0])
    assert np.isfinite(unbroken(at, np.ones(len(at)))[1]).all()


def test_a_hole_of_minutes_in_seconds_is_a_gap() -> None:
    at = np.concatenate([np.arange(60), np.arange(180, 240)]) * 1_000.0
    assert np.isnan(unbroken(at, np.ones(120))[1]).sum() == 1


def test_a_single_reading_is_a_dot() -> None:
    trace = lines(line_table([50.0]), TAIPEI)["data"][0]
    assert trace["mode"] == "lines+markers"
    assert trace["y"] == [50.0]


def test_points_of_buckets_stand_in_their_middle_but_not_in_the_future() -> None:
    drawn = lines(line_table([1.0, 2.0], width=2 * MINUTE), TAIPEI)
    local = NOON + 8 * 3_600_000
    assert drawn["data"][0]["x"] == [local + MINUTE, local + 2 * MINUTE]


def test_two_units_get_two_rows_or_a_right_axis() -> None:
    at = np.array([NOON, NOON + MINUTE])
    columns = {"at": at, "a": np.array([1.0, 2.0]), "b": np.array([10.0, 20.0])}
    parts = (Line("a", "A", "kW", 1), Line("b", "B", "W/m²", 0))
    rows = lines(Table(columns, more={"plot": Plot(parts, NOON, NOON + MINUTE)}), TAIPEI)["layout"]
    assert rows["yaxis"]["domain"][0] > rows["yaxis2"]["domain"][1]
    over = lines(Table(columns, more={"plot": Plot(parts, NOON, NOON + MINUTE, overlay=True)}), TAIPEI)["layout"]
    assert over["yaxis2"]["overlaying"] == "y"
    assert (over["yaxis"]["ticksuffix"], over["yaxis2"]["ticksuffix"]) == (" kW", " W/m²")


def test_the_last_value_is_written_beside_the_line_with_room_for_it() -> None:
    layout = lines(line_table([50.0, 51.25]), TAIPEI)["layout"]
    (label,) = [note for note in layout["annotations"] if note.get("xshift")]
    assert label["text"] == "51.2 %"
    assert layout["margin"]["r"] >= 7 * len("51.2 %")


def test_limits_are_drawn_only_where_they_can_be_seen() -> None:
    limits = [Limit(60.25, "warning", "attention"), Limit(60.5, "alarm", "alarm")]
    shapes, notes = limit_marks(limits, TAIPEI, (59.9, 60.3))
    assert [shape["y0"] for shape in shapes] == [60.25]
    assert [note["text"] for note in notes] == ["attention"]
    assert limit_marks(limits, TAIPEI, None) == ([], [])


def test_the_range_is_padded_and_nothing_has_no_range() -> None:
    low, high = padded([np.array([0.0, 10.0])], share=0.1) or (0, 0)
    assert (low, high) == (-1.0, 11.0)
    assert padded([np.array([NAN])]) is None


def test_a_year_of_buckets_stays_small() -> None:
    values = 50 + 10 * np.sin(np.arange(900) / 30)
    drawn = lines(line_table(values.tolist(), step=36_000_000), TAIPEI)
    assert len(orjson.dumps(drawn)) <= 80_000


def heat_table(values: list[float], **spec: Any) -> Table:
    n = len(values) // 2
    columns = {
        "row": [0] * n + [1] * n, "column": [*range(n), *range(n)], "soc": values, "mark": [False] * (2 * n - 1) + [True],
        "note": [f"rack {i}" for i in range(2 * n)], "href": [f"/bess?rack={i}" for i in range(2 * n)],
    }  # fmt: skip
    return Table(columns, more={"heat": Heat(("BESS 1", "BESS 2"), tuple(str(i) for i in range(n)), "soc", "%", 1, **spec)})


def test_a_heat_map_puts_every_value_in_its_place_and_links_it() -> None:
    drawn = heat(heat_table([1, 2, 3, 4]), TAIPEI)
    assert drawn["data"][0]["z"] == [[1, 2], [3, 4]]
    assert drawn["data"][0]["customdata"] == [["/bess?rack=0", "/bess?rack=1"], ["/bess?rack=2", "/bess?rack=3"]]
    for ring in drawn["data"][1:]:  # around the marked one at row 1, column 1, inside its field
        corners = set(zip(ring["x"][:-1], ring["y"][:-1], strict=True))
        assert corners == {(1 + x * FRAME, 1 + y * FRAME) for x in (-1, 1) for y in (-1, 1)} and ring["x"][-1] is None


def test_a_silent_rack_is_a_dash_not_a_zero() -> None:
    drawn = heat(heat_table([1, NAN, 3, 4]), TAIPEI)
    assert drawn["data"][0]["z"][0][1] is None
    assert [(note["x"], note["y"], note["text"]) for note in drawn["layout"]["annotations"]] == [(1, 0, "—")]


def test_a_heat_map_of_one_element() -> None:
    table = Table({"row": [0], "column": [0], "soc": [5.0]}, more={"heat": Heat(("A",), ("1",), "soc", "%", 1)})
    assert as_matrix(table).tolist() == [[5.0]]
    assert heat(table, TAIPEI)["data"][0]["zmin"] < heat(table, TAIPEI)["data"][0]["zmax"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [({"low": 0.0, "high": 100.0}, (0.0, 100.0)), ({"least": 4.0}, (0.0, 4.0)), ({"middle": 0.0}, (-3.0, 3.0)), ({}, (1.0, 3.0))],
)
def test_the_scale_is_as_given_or_of_the_values(spec: dict[str, float], expected: tuple[float, float]) -> None:
    assert scale_range(np.array([[1.0, 3.0]]), Heat(("A",), ("1", "2"), "soc", "%", 1, **spec)) == expected  # type: ignore[arg-type]


def flow_table(**power: float | None) -> Table:
    columns: dict[str, list[Any]] = {
        "node": list(power),
        "power": list(power.values()),
        "note": [""] * len(power),
        "stale": [False] * len(power),
    }
    return Table(columns)


def test_power_flows_the_way_its_sign_says() -> None:
    assert direction("battery", {"power": 100.0}) == 1  # discharge feeds the bus
    assert direction("battery", {"power": -100.0}) == -1
    assert direction("grid", {"power": 100.0}) == -1  # export leaves it
    assert direction("grid", {"power": -100.0}) == 1
    assert direction("aux", {"power": 40.0}) == -1
    assert direction("pv", {"power": 0.4}) == 0
    assert direction("pv", {"power": None}) == 0


def test_the_picture_shows_unknown_nodes_as_unknown() -> None:
    drawn = flow(flow_table(pv=100.0), TAIPEI)
    assert drawn["data"][7]["text"] == ["100 kW", "—", "—", "—"]
    assert drawn["data"][2]["line"]["dash"] == "dot"


def test_widths_follow_the_largest_flow() -> None:
    rows = {"pv": {"power": 100.0}, "grid": {"power": -50.0}, "aux": {"power": None}}
    assert width(rows["pv"], rows) == 9.0
    assert width(rows["grid"], rows) == 5.5  # half way between 2 and 9
    assert width(rows["aux"], rows) == 2.0


def test_the_pointer_reads_a_sentence() -> None:
    assert sentence("battery", {"power": -778.0}, "en") == "Battery: charging 778 kW"
    assert sentence("grid", {"power": 3.0}, "zh-TW") == "電網: 饋電中 3 kW"
    assert sentence("pv", {"power": None}, "es") == "FV: desconocido"


def test_a_turned_direction_asks_for_the_picture_again() -> None:
    before, after = (frame(flow_table(pv=100.0, battery=power), TAIPEI)["redraw"] for power in (50.0, -50.0))
    assert before != after
    assert frame(flow_table(pv=100.0, battery=60.0), TAIPEI)["redraw"] == before


def test_the_stack_leaves_gaps_empty_and_turns_use_downwards() -> None:
    columns = {"at": [NOON, NOON + MINUTE], "pv": [10.0, NAN], "charge": [4.0, NAN]}
    layers = (Layer("pv", "PV", "pv", 1), Layer("charge", "Charge", "charge", -1))
    drawn = stack(Table(columns, more={"stack": Stack(layers, NOON, NOON + 2 * MINUTE, MINUTE)}), TAIPEI)
    assert [trace["y"] for trace in drawn["data"]] == [[None, 10, None], [None, -4, None]]
    assert drawn["data"][0]["x"][1] == NOON + 8 * 3_600_000 + 30_000
    assert len({trace["stackgroup"] for trace in drawn["data"]}) == 2


def test_bars_of_voltages_zoom_to_their_range_and_others_start_at_zero() -> None:
    table = Table({"name": [1, 2], "volts": [3.301, 3.305], "kw": [1.0, NAN], "hot": [False, True]})
    groups = (Group("volts", "Voltage", "V", 3, "soc", zoom=True), Group("kw", "Power", "kW", 1, "pv"))
    drawn = bars(Table(table.columns, more={"bars": Bars(groups, mark="hot")}), TAIPEI)
    assert drawn["layout"]["yaxis"]["range"][0] > 3.0
    assert drawn["layout"]["yaxis2"]["range"][0] == 0.0
    assert drawn["data"][1]["y"] == [1.0, None]
    assert drawn["data"][0]["marker"]["line"]["width"] == [0, 2]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "—"), (NAN, "—"), ("", "—"), (1234.5, "1,234.5"), (-3.0, "−3.0"), ("Standby", "Standby")]
)
def test_fields_of_a_sheet(value: Any, text: str) -> None:
    assert said(value, 1) == text


def test_a_sheet_writes_links_tones_and_its_live_frame() -> None:
    columns = {"vin": ["A"], "soc": [50.0]}
    spec = Sheet((("vin", "VIN", None), ("soc", "SOC", 1)), ("A",), {("A", "soc"): "warning"}, {("A", "vin"): "/vehicles?device=A"})
    table = Table(columns, at=NOON, more={"sheet": spec})
    drawn = str(sheet(table, TAIPEI))
    assert "/vehicles?device=A" in drawn
    assert "50.0" in drawn
    assert sheet_frame(table) == {"at": NOON, "text": {"A.soc": "50.0"}, "redraw": "A.soc=warning"}
