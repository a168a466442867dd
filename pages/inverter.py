"""One inverter: its MPPTs, its strings among all strings, its day against the sun."""

from dashboard.cards import tiles_panel
from dashboard.figures.bars import bars
from dashboard.figures.heat import heat
from dashboard.figures.lines import lines
from dashboard.figures.sheet import sheet
from dashboard.loads import inverter
from dashboard.page import Control, Page, Panel

PAGE = Page(
    path="/inverter",
    title="page.inverter",
    order=40,
    icon="sun",
    kind="inverter",
    controls=(Control("device", "control.device", inverter.options),),
    panels=(
        tiles_panel("inverter-tiles", "panel.inverters", inverter.tiles),
        Panel("inverter-curve", "panel.daycurve", inverter.curve_table, lines, inverter.curve_frame, span=7, height=360),
        Panel("inverter-mppt", "panel.mppt", inverter.mppt_table, bars, inverter.mppt_frame, span=5, height=360, is_current=True),
        Panel(
            "inverter-strings",
            "panel.strings",
            inverter.string_table,
            heat,
            inverter.string_frame,
            "panel.strings.note",
            12,
            200,
            is_current=True,
        ),
        Panel("inverter-extent", "panel.archive", inverter.extent_table, sheet, span=12, height=90, is_current=True),
    ),
)
