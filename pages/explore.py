"""Any devices, any metrics, any window."""

from dashboard import desk
from dashboard.figures.lines import lines
from dashboard.figures.sheet import sheet
from dashboard.loads import explore, notes
from dashboard.loads.against import comparable, options_for
from dashboard.page import Control, Page, Panel

PAGE = Page(
    path="/explore",
    title="page.explore",
    order=90,
    icon="graph-up",
    controls=(
        Control("device", "control.devices", explore.device_options, all_="control.choose", many=True),
        Control("metric", "control.metrics", explore.metric_options, all_="control.choose", many=True),
        Control("against", "control.against", options_for(explore.beside), all_="against.none"),
    ),
    panels=(
        comparable(
            Panel("explore-chart", "panel.explore", explore.explore_table, lines, explore.explore_frame, "panel.explore.note", 12, 480)
        ),
        Panel(
            "explore-notes", "panel.notes", notes.notes_table, desk.places("note", "panel.notes"),
            span=12, height=160, bare=True, draws_empty=True,
        ),
        Panel("explore-extent", "panel.extent", explore.extent_table, sheet, span=12, height=120, is_current=True),
        Panel(
            "explore-dataset", "panel.dataset", explore.dataset_table,
            desk.places("dataset", "panel.dataset", "dataset.lead", has_files=True),
            span=12, height=240, is_current=True, bare=True, draws_empty=True, files=False,
        ),
    ),
)  # fmt: skip
