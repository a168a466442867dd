"""The hub itself: what comes in, what is kept, what answers, who looks, who did what."""

from dashboard.cards import tiles_panel
from dashboard.desk import places
from dashboard.figures.alarm_card import facts
from dashboard.figures.lines import lines
from dashboard.figures.sheet import sheet, sheet_or_calm
from dashboard.guide import NEEDS_NONE
from dashboard.loads import system
from dashboard.page import Page, Panel

PAGE = Page(
    path="/system",
    title="page.system",
    order=97,
    icon="cpu",
    kind=NEEDS_NONE,
    panels=(
        tiles_panel("system-tiles", "panel.system.tiles", system.tiles),
        Panel(
            "system-inflow", "panel.system.inflow", system.inflow_table, lines, system.inflow_frame,
            note="panel.system.inflow.note", span=8, height=300, is_current=True,
        ),
        Panel(
            "system-about", "panel.system.about", system.about_table, lambda table, scope: facts(table.more["facts"]),
            span=4, height=200, is_current=True,
        ),
        Panel(
            "system-kept", "panel.system.kept", system.kept_table, sheet, system.slow_frame,
            note="panel.system.kept.note", span=7, height=260, is_current=True,
        ),
        Panel("system-parts", "panel.system.parts", system.parts_table, sheet, system.parts_frame, span=5, height=200, is_current=True),
        Panel(
            "system-screens", "panel.system.screens", system.screens_table, sheet, system.slow_frame,
            span=6, height=160, is_current=True, needs="links",
        ),
        Panel(
            "system-foreign", "panel.system.foreign", system.foreign_table, sheet_or_calm("system.foreign.none"), system.slow_frame,
            note="panel.system.foreign.note", span=6, height=160, is_current=True, draws_empty=True,
        ),
        Panel(
            "system-reports", "panel.reports", system.reports_table,
            places("reports", "panel.reports", "panel.reports.note", has_files=True),
            span=12, height=160, is_current=True, bare=True, draws_empty=True, files=False,
        ),
        Panel(
            "system-audit", "panel.system.audit", system.audit_table, sheet, system.audit_frame,
            note="panel.system.audit.note", span=12, height=420, is_current=True, needs="audit",
        ),
    ),
)  # fmt: skip
