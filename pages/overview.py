"""The plant at a glance."""

from functools import partial

from dashboard import bell
from dashboard.cards import tiles_panel
from dashboard.figures.boxes import ticker, topology
from dashboard.figures.flow import flow
from dashboard.figures.heat import heat
from dashboard.figures.lines import lines
from dashboard.figures.stack import stack
from dashboard.loads import keyfigures, overview
from dashboard.loads import topology as nodes
from dashboard.loads.against import comparable, period_options
from dashboard.loads.rackmap import rack_map, rack_map_frame
from dashboard.page import Control, Page, Panel

PAGE = Page(
    path="/",
    title="page.overview",
    order=10,
    icon="speedometer2",
    controls=(Control("against", "control.against", period_options, all_="against.none"),),
    panels=(
        tiles_panel("overview-tiles", "panel.tiles", keyfigures.tiles),
        Panel("overview-flow", "panel.flow", overview.flow_table, flow, overview.flow_frame, span=4, height=320, is_current=True),
        Panel(
            "overview-balance",
            "panel.balance",
            overview.balance_table,
            stack,
            overview.balance_frame,
            "panel.balance.note",
            span=8,
            height=320,
        ),
        Panel(
            "overview-soc",
            "panel.soc",
            partial(rack_map, name="soc"),
            heat,
            partial(rack_map_frame, name="soc"),
            "panel.soc.note",
            span=4,
            height=340,
            is_current=True,
        ),
        comparable(
            Panel("overview-frequency", "panel.frequency", overview.frequency_table, lines, overview.frequency_frame, span=8, height=340)
        ),
        Panel(
            "overview-alarms",
            "panel.alarms",
            bell.alarm_table,
            ticker,
            bell.alarm_frame,
            span=6,
            height=240,
            is_current=True,
            draws_empty=True,
        ),
        Panel(
            "overview-topology",
            "panel.topology",
            nodes.topology_table,
            topology,
            nodes.topology_frame,
            span=6,
            height=240,
            is_current=True,
        ),
    ),
)
