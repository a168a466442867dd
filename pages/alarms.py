"""Alarms: how the alarm system does, when alarms stood and which came first, the list, and one alarm with what can be done about it."""

from dashboard.cards import tiles_panel
from dashboard.desk import places
from dashboard.figures.alarm_card import alarm_card
from dashboard.figures.alarm_life import rate_figure, timeline_figure
from dashboard.figures.grid import grid
from dashboard.loads import alarm_times, alarms
from dashboard.page import Control, Page, Panel, Scope, Table
from dashboard.words import word


def _list(table: Table, scope: Scope) -> object:
    if not table.columns["number"]:
        return alarm_card(table, scope)
    return grid("alarms-list", word("panel.alarms.list", scope.lang), table, scope, 470)


PAGE = Page(
    path="/alarms",
    title="page.alarms",
    order=75,
    icon="bell",
    controls=(
        Control("state", "alarm.state", alarms.state_options, all_="alarm.state.open"),
        Control("severity", "alarm.severity", alarms.severity_options, all_="alarm.severity.all"),
        Control("device", "control.device", alarms.device_options, all_="alarm.device.all"),
    ),
    panels=(
        tiles_panel("alarms-tiles", "panel.alarms.tiles", alarms.tiles),
        Panel(
            "alarms-list", "panel.alarms.list", alarms.alarm_list, _list, alarms.list_frame,
            span=8, height=420, is_current=True, draws_empty=True,
        ),
        Panel(
            "alarms-card", "panel.alarms.card", alarms.alarm_card, alarm_card, alarms.card_frame,
            span=4, height=280, is_current=True, draws_empty=True,
        ),
        Panel(
            "alarms-desk", "panel.alarms.desk", alarms.alarm_desk, places("alarm", "panel.alarms.desk"),
            span=12, height=90, is_current=True, bare=True, draws_empty=True, files=False,
        ),
        Panel(
            "alarms-timeline", "panel.alarms.timeline", alarm_times.timeline_table, timeline_figure, alarm_times.times_frame,
            note="panel.alarms.timeline.note", span=12, height=470,
        ),
        Panel(
            "alarms-rate", "panel.alarms.rate", alarm_times.rate_table, rate_figure, alarm_times.times_frame,
            note="panel.alarms.rate.note", span=12, height=260,
        ),
    ),
)  # fmt: skip
