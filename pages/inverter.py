"""One inverter: its MPPTs, its strings among all strings and over time, its day against the sun, its yields and performance."""

from dashboard.cards import tiles_panel
from dashboard.figures.bars import bars
from dashboard.figures.calendar import calendar
from dashboard.figures.heat import heat
from dashboard.figures.lines import lines
from dashboard.figures.sheet import sheet
from dashboard.figures.timemap import timemap
from dashboard.figures.waterfall import waterfall
from dashboard.loads import inverter, pv_losses, strings, sunlight
from dashboard.loads.against import comparable, neighbours, options_for
from dashboard.page import Control, Page, Panel

PAGE = Page(
    path="/inverter",
    title="page.inverter",
    order=40,
    icon="sun",
    kind="inverter",
    controls=(
        Control("unit", "control.device", inverter.options, in_force=inverter.in_force),
        Control("against", "control.against", options_for(neighbours("inverter")), all_="against.none"),
    ),
    panels=(
        tiles_panel("inverter-tiles", "panel.inverters", inverter.tiles),
        comparable(
            Panel("inverter-curve", "panel.daycurve", inverter.curve_table, lines, inverter.curve_frame, "panel.daycurve.note", 7, 360)
        ),
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
        Panel("inverter-mismatch", "panel.mismatch", strings.mismatch_table, timemap, None, "panel.mismatch.note", 7, 360),
        comparable(Panel("inverter-phases", "panel.phases", inverter.phase_table, lines, inverter.phase_frame, span=5, height=360)),
        Panel(
            "inverter-yields",
            "panel.yields",
            sunlight.calendar_table,
            calendar,
            sunlight.redraw_by_quarter,
            "panel.yields.note",
            7,
            300,
            is_current=True,
        ),
        Panel("inverter-ratio", "panel.ratio", sunlight.ratio_table, bars, sunlight.redraw_by_quarter, "panel.ratio.note", 5, 300),
        Panel(
            "inverter-losses",
            "panel.pvlosses",
            pv_losses.losses_table,
            waterfall,
            sunlight.redraw_by_quarter,
            "panel.pvlosses.note",
            7,
            320,
        ),
        Panel(
            "inverter-soiling", "panel.soiling", pv_losses.cleanness_table, lines, sunlight.redraw_by_quarter, "panel.soiling.note", 5, 320
        ),
        Panel("inverter-extent", "panel.archive", inverter.extent_table, sheet, span=12, height=90, is_current=True),
    ),
)
