"""Vehicles by VIN: alerts, and one vehicle's traces, cells and temperatures."""

from dashboard.figures.bars import bars
from dashboard.figures.lines import lines
from dashboard.figures.sheet import sheet
from dashboard.loads import vehicles
from dashboard.page import Control, Page, Panel

PAGE = Page(
    path="/vehicles",
    title="page.vehicles",
    order=70,
    icon="car-front",
    kind="vehicle",
    controls=(Control("device", "VIN", vehicles.options),),
    panels=(
        Panel(
            "vehicles-list", "panel.vehicles", vehicles.vehicle_table, sheet, vehicles.vehicle_frame, span=12, height=120, is_current=True
        ),
        Panel("vehicles-trace", "panel.vehicle.trace", vehicles.trace_table, lines, span=12, height=340),
        Panel(
            "vehicles-cells",
            "panel.vehicle.cells",
            vehicles.cells_table,
            bars,
            vehicles.cells_frame,
            "panel.vehicle.cells.note",
            8,
            300,
            is_current=True,
        ),
        Panel(
            "vehicles-temps",
            "panel.vehicle.temps",
            vehicles.temperature_table,
            bars,
            vehicles.temperature_frame,
            span=4,
            height=300,
            is_current=True,
        ),
    ),
)
