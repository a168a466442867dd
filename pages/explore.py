"""Any devices, any metrics, any window."""

from dashboard.figures.lines import lines
from dashboard.figures.sheet import sheet
from dashboard.loads import explore
from dashboard.page import Control, Page, Panel

PAGE = Page(
    path="/explore",
    title="page.explore",
    order=90,
    icon="graph-up",
    controls=(
        Control("device", "control.devices", explore.device_options, all_="control.choose", many=True),
        Control("metric", "control.metrics", explore.metric_options, all_="control.choose", many=True),
    ),
    panels=(
        Panel("explore-chart", "panel.explore", explore.explore_table, lines, explore.explore_frame, "panel.explore.note", 12, 480),
        Panel("explore-extent", "panel.extent", explore.extent_table, sheet, span=12, height=120, is_current=True),
    ),
)
