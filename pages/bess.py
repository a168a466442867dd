"""One unit and its racks, one rack and its cells."""

from functools import partial

from dashboard.figures.heat import heat
from dashboard.figures.lines import lines
from dashboard.figures.sheet import sheet
from dashboard.loads import bess
from dashboard.loads.rackmap import rack_map, rack_map_frame
from dashboard.page import Control, Page, Panel


def _map(panel_id: str, title: str, metric: str, note: str = "") -> Panel:
    load, live = partial(rack_map, name=metric), partial(rack_map_frame, name=metric)
    return Panel(panel_id, title, load, heat, live, note, span=4, height=340, is_current=True)


def _cells(panel_id: str, title: str, metric: str, span: int) -> Panel:
    load, live = partial(bess.cells, name=metric), partial(bess.cells_frame, name=metric)
    return Panel(panel_id, title, load, heat, live, "panel.outliers", span=span, height=320, is_current=True)


PAGE = Page(
    path="/bess",
    title="page.bess",
    order=20,
    icon="battery-full",
    kind="bess",
    controls=(
        Control("unit", "control.unit", bess.unit_options),
        Control("rack", "control.rack", bess.rack_options, all_="all"),
        Control("metric", "control.metric", bess.compare_options),
    ),
    panels=(
        Panel("bess-racks", "panel.racks", bess.rack_table, sheet, bess.rack_frame, "panel.racks.note", 12, 420, is_current=True),
        _map("bess-soc", "panel.soc", "soc", "panel.soc.note"),
        _map("bess-spread", "panel.spread", "cell_voltage_diff"),
        _map("bess-heat", "panel.heat", "cell_temp_diff"),
        Panel("bess-compare", "panel.compare", bess.compare_table, lines, bess.compare_frame, "panel.compare.note", 6, 320),
        Panel("bess-deviation", "panel.deviation", bess.deviation_table, lines, None, "panel.deviation.note", 6, 320),
        _cells("bess-cells", "panel.cells", "cell_voltages", 8),
        _cells("bess-temps", "panel.temps", "cell_temperatures", 4),
    ),
)
