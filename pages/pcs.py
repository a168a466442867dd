"""All converters side by side; one converter: its phases, powers, efficiency, temperatures and words."""

from functools import partial

from dashboard.figures.bits import bits
from dashboard.figures.lines import lines
from dashboard.figures.scatter import scatter
from dashboard.figures.sheet import sheet
from dashboard.loads import pcs, pcs_scatter
from dashboard.loads.against import comparable, neighbours, options_for
from dashboard.page import Control, Page, Panel


def _phases(panel_id: str, title: str, names: tuple[str, ...]) -> Panel:
    load, live = partial(pcs.phase_table, names=names), partial(pcs.phase_frame, names=names)
    return comparable(Panel(panel_id, title, load, lines, live, "panel.pcs.phases.note", span=6, height=340))


PAGE = Page(
    path="/pcs",
    title="page.pcs",
    order=30,
    icon="arrow-left-right",
    kind="pcs",
    controls=(
        Control("unit", "control.unit", pcs.unit_options, in_force=pcs.in_force),
        Control("against", "control.against", options_for(neighbours("pcs")), all_="against.none"),
    ),
    panels=(
        Panel("pcs-units", "panel.pcs.units", pcs.unit_table, sheet, pcs.unit_frame, "panel.pcs.units.note", 12, 420, is_current=True),
        comparable(Panel("pcs-power", "panel.pcs.power", pcs.power_table, lines, pcs.power_frame, "panel.pcs.power.note", 6, 320)),
        comparable(Panel("pcs-heat", "panel.pcs.heat", pcs.heat_table, lines, pcs.heat_frame, span=6, height=320)),
        _phases("pcs-currents", "panel.pcs.currents", pcs.CURRENTS),
        _phases("pcs-voltages", "panel.pcs.voltages", pcs.VOLTAGES),
        Panel(
            "pcs-efficiency",
            "panel.pcs.efficiency",
            pcs_scatter.efficiency_table,
            scatter,
            pcs_scatter.efficiency_frame,
            "panel.pcs.efficiency.note",
            6,
            380,
        ),
        Panel("pcs-pq", "panel.pcs.pq", pcs_scatter.pq_table, scatter, pcs_scatter.pq_frame, span=6, height=380),
        Panel("pcs-words", "panel.pcs.words", pcs.word_table, bits, pcs.word_frame, "panel.pcs.words.note", 12, 280, is_current=True),
    ),
)
