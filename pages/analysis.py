"""Where the energy went, how the plant answered the grid, and how its batteries are worked."""

from dashboard.cards import tiles_panel
from dashboard.figures.cloud import cloud
from dashboard.figures.columns import columns
from dashboard.figures.findings import findings
from dashboard.figures.lines import lines
from dashboard.figures.rainflow import rainflow
from dashboard.figures.sheet import sheet
from dashboard.loads import ageing, analysis, comparison, contract, droop, rackbook, roundtrips, wear
from dashboard.loads import findings as findings_of
from dashboard.loads import forecasts as forecasts_of
from dashboard.page import Control, Page, Panel

PAGE = Page(
    path="/analysis",
    title="page.analysis",
    order=50,
    icon="graph-up",
    controls=(
        Control("unit", "analysis.control.unit", wear.unit_options, all_="all"),
        Control("product", "analysis.control.product", droop.product_options, all_="analysis.product.most"),
        Control("metric", "analysis.control.metric", comparison.quantity_options, all_="analysis.of.battery"),
        Control("against", "analysis.control.against", comparison.against_options, all_="analysis.against.before"),
    ),
    panels=(
        tiles_panel("analysis-tiles", "panel.tiles", analysis.tiles),
        Panel("analysis-loss", "panel.loss", analysis.loss_table, columns, None, "panel.loss.note", 6, 320),
        Panel("analysis-energy", "panel.energy", analysis.energy_table, columns, None, "panel.energy.note", 6, 320),
        Panel("analysis-droop", "panel.droop", droop.cloud_table, cloud, None, "panel.droop.note", 6, 380),
        Panel("analysis-response", "panel.response", droop.trace_table, lines, None, "panel.response.note", 6, 380),
        Panel("analysis-cycles", "panel.cycles", analysis.cycles_table, columns, None, "panel.cycles.note", 4, 340),
        Panel("analysis-rainflow", "panel.rainflow", wear.rainflow_table, rainflow, None, "panel.rainflow.note", 8, 340),
        Panel("analysis-trips", "panel.trips", roundtrips.trips_table, columns, None, "panel.trips.note", 6, 320),
        Panel("analysis-count", "panel.count", ageing.count_table, lines, None, "panel.count.note", 6, 320),
        Panel("analysis-health", "panel.health", ageing.health_table, sheet, None, "panel.health.note", 12, 380),
        Panel("analysis-resistance", "panel.resistance", ageing.resistance_table, lines, None, "panel.resistance.note", 5, 320),
        Panel("analysis-warranty", "panel.warranty", contract.warranty_table, sheet, None, "panel.warranty.note", 7, 320),
        Panel("analysis-availability", "panel.availability", contract.availability_table, sheet, None, "panel.availability.note", 12, 380),
        Panel("analysis-comparison", "panel.comparison", comparison.comparison_table, lines, None, "panel.comparison.note", 12, 320),
        Panel("analysis-imbalance", "panel.imbalance", rackbook.imbalance_table, sheet, None, "panel.imbalance.note", 6, 380),
        Panel(
            "analysis-findings",
            "panel.findings",
            findings_of.findings_table,
            findings,
            None,
            "panel.findings.note",
            6,
            380,
            draws_empty=True,
        ),
        *(
            Panel(f"analysis-next-{of}", f"panel.forecast.{of}", forecasts_of.chart(of), lines, None, "panel.forecast.note", 6, 320, True)
            for of in ("pv", "load", "soc", "income")
        ),
        Panel("analysis-errors", "panel.forecast.errors", forecasts_of.errors_table, sheet, None, "panel.errors.note", 12, 320, True),
        Panel("analysis-life", "panel.forecast.life", forecasts_of.life_table, sheet, None, "panel.forecast.life.note", 12, 320, True),
    ),
)
