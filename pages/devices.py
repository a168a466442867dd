"""Every device of the register: what it is, whether it speaks and what it says; what it was told, and what its twin expects."""

from dash import html

from dashboard.desk import places
from dashboard.figures.device_card import device_card, health_card, parameters_card, twin_card
from dashboard.figures.grid import grid
from dashboard.figures.lines import lines
from dashboard.figures.sheet import sheet
from dashboard.loads import device_card as card
from dashboard.loads import device_twin, devices
from dashboard.page import Control, Page, Panel, Scope, Table
from dashboard.words import word


def _fleet(table: Table, scope: Scope) -> html.Div:
    return grid("devices-fleet", word("panel.devices", scope.lang), table, scope, 480)


PAGE = Page(
    path="/devices",
    title="page.devices",
    order=80,
    icon="hdd-network",
    controls=(Control("kind", "devices.kind", devices.kind_options, all_="devices.brief"),),
    panels=(
        Panel("devices-fleet", "panel.devices", devices.device_table, _fleet, devices.device_frame, span=12, height=480, is_current=True),
        Panel("devices-card", "panel.device", card.card, device_card, span=4, height=420, is_current=True, draws_empty=True),
        Panel("devices-values", "panel.device.values", card.values_table, sheet, card.values_frame, span=8, height=420, is_current=True),
        Panel(
            "devices-desk", "panel.device.desk", card.desk_table, places("device", "panel.device.desk"),
            span=12, height=90, is_current=True, bare=True, draws_empty=True,
        ),
        Panel(
            "devices-history", "panel.device.history", card.history_table, sheet, card.history_frame, span=7, height=200, is_current=True,
        ),
        Panel(
            "devices-twin", "panel.device.twin", device_twin.twin_table, twin_card, device_twin.twin_frame,
            note="panel.device.twin.note", span=5, height=200, is_current=True, draws_empty=True,
        ),
        Panel(
            "devices-twin-course", "panel.device.twin.course", device_twin.course_table, lines, device_twin.examined_frame,
            note="panel.device.twin.course.note", span=12, height=520, is_current=True,
        ),
        Panel(
            "devices-twin-health", "panel.device.twin.health", device_twin.health_table, health_card, device_twin.examined_frame,
            note="panel.device.twin.health.note", span=7, height=300, is_current=True, draws_empty=True,
        ),
        Panel(
            "devices-twin-parameters", "panel.device.twin.parameters", device_twin.parameters_table, parameters_card,
            device_twin.examined_frame, note="panel.device.twin.parameters.note", span=5, height=300, is_current=True, draws_empty=True,
        ),
    ),
)  # fmt: skip
