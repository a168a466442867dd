"""One unit and its racks, one rack and its cells."""

from functools import partial

from dashboard.cards import tiles_panel
from dashboard.figures.findings import calm
from dashboard.figures.heat import heat
from dashboard.figures.lines import lines
from dashboard.figures.player import player
from dashboard.figures.rainflow import rainflow
from dashboard.figures.sheet import sheet
from dashboard.loads import bess, cell_history, cells, rackwear, rackwords
from dashboard.loads.against import comparable, options_for, racks_beside
from dashboard.loads.rackmap import rack_map, rack_map_frame
from dashboard.page import Control, Page, Panel, Scope, Table


def _map(panel_id: str, title: str, metric: str, note: str = "") -> Panel:
    load, live = partial(rack_map, name=metric), partial(rack_map_frame, name=metric)
    return Panel(panel_id, title, load, heat, live, note, span=4, height=340, is_current=True)


def _cells(panel_id: str, title: str, metric: str, span: int) -> Panel:
    load, live = partial(cells.cell_map, name=metric), partial(cells.cell_frame, name=metric)
    return Panel(panel_id, title, load, heat, live, "panel.outliers", span=span, height=320, is_current=True)


def _history(panel_id: str, title: str, metric: str) -> Panel:
    load, live = partial(cell_history.history_table, name=metric), partial(cell_history.history_frame, name=metric)
    return Panel(panel_id, title, load, lines, live, "panel.bess.history.note", span=6, height=360)


def _alarms(table: Table, scope: Scope) -> object:
    return sheet(table, scope) if not table.is_empty else calm(table.more.get("quiet", ""), scope)


PAGE = Page(
    path="/bess",
    title="page.bess",
    order=20,
    icon="battery-full",
    kind="bess",
    controls=(
        Control("unit", "control.unit", bess.unit_options),
        Control("rack", "control.rack", bess.rack_options, all_="all"),
        Control("module", "control.module", cells.module_options, all_="all"),
        Control("cell", "control.cell", cells.cell_options, all_="control.cell.furthest"),
        Control("metric", "control.metric", bess.compare_options),
        Control("against", "control.against", options_for(racks_beside), all_="against.none"),
    ),
    panels=(
        Panel("bess-racks", "panel.racks", bess.rack_table, sheet, bess.rack_frame, "panel.racks.note", 12, 420, is_current=True),
        _map("bess-soc", "panel.soc", "soc", "panel.soc.note"),
        _map("bess-spread", "panel.spread", "cell_voltage_diff"),
        _map("bess-heat", "panel.heat", "cell_temp_diff"),
        comparable(Panel("bess-compare", "panel.compare", bess.compare_table, lines, bess.compare_frame, "panel.compare.note", 6, 320)),
        Panel("bess-deviation", "panel.deviation", bess.deviation_table, lines, None, "panel.deviation.note", 6, 320),
        Panel("bess-wear", "panel.bess.wear", rackwear.wear_table, sheet, None, "panel.bess.wear.note", 7, 380),
        Panel("bess-rainflow", "panel.bess.rainflow", rackwear.rainflow_table, rainflow, None, "panel.bess.rainflow.note", 5, 380),
        tiles_panel("bess-extremes", "panel.bess.extremes", cells.cell_tiles),
        _cells("bess-cells", "panel.cells", cells.VOLTS, 8),
        _cells("bess-temps", "panel.temps", cells.WARMTH, 4),
        _history("bess-volts", "panel.bess.volts", cells.VOLTS),
        _history("bess-warmth", "panel.bess.warmth", cells.WARMTH),
        Panel(
            "bess-play", "panel.bess.play", cell_history.player_table, player, cell_history.player_frame, "panel.bess.play.note", 6, 380
        ),
        Panel("bess-pair", "panel.bess.pair", bess.pair_table, lines, bess.pair_frame, "panel.bess.pair.note", 6, 380),
        Panel(
            "bess-alarms", "panel.bess.alarms", rackwords.alarm_table, _alarms, rackwords.alarm_frame, span=12, height=120,
            is_current=True, draws_empty=True,
        ),
        Panel(
            "bess-words", "panel.bess.words", rackwords.module_table, sheet, rackwords.module_frame, "panel.bess.words.note", 7, 600,
            is_current=True,
        ),
        Panel("bess-bams", "panel.bess.bams", rackwords.bams_table, sheet, rackwords.bams_frame, span=5, height=600, is_current=True),
    ),
)  # fmt: skip
