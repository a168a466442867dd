"""Awards, how well they are executed, and what they earn."""

from functools import partial

from dashboard import desk
from dashboard.award_desk import places
from dashboard.cards import tiles_panel
from dashboard.figures import awards
from dashboard.figures.lines import lines
from dashboard.figures.plan import plan
from dashboard.figures.sheet import sheet
from dashboard.loads import account, awarded, execution, income, planned
from dashboard.page import Page, Panel

PAGE = Page(
    path="/schedule",
    title="page.schedule",
    order=45,
    icon="calendar-week",
    panels=(
        tiles_panel("schedule-tiles", "panel.tiles", awarded.tiles),
        Panel(
            "schedule-week", "panel.week", awarded.week_table, awards.week, awarded.week_frame, "panel.week.note", 5, 600,
            is_current=True, draws_empty=True,
        ),
        Panel("schedule-power", "panel.planned", execution.power_table, lines, execution.power_frame, "panel.planned.note", 7, 600),
        Panel("schedule-hour", "panel.hour", execution.hour_table, awards.hour, execution.hour_frame, "panel.hour.note", 12, 300),
        Panel("schedule-causes", "panel.causes", execution.cause_table, sheet, execution.cause_frame, "panel.causes.note", 12, 160),
        Panel(
            "schedule-day", "panel.fees-day", income.day_table, awards.fees, partial(income.fees_frame, load=income.day_table),
            "panel.fees.note", 6, 320,
        ),
        Panel(
            "schedule-month", "panel.fees-month", income.month_table, awards.fees, partial(income.fees_frame, load=income.month_table),
            "panel.fees.note", 6, 320,
        ),
        Panel("schedule-hours", "panel.hours", income.hours_table, sheet, None, "", 12, 320),
        Panel("schedule-days", "panel.days", income.days_table, sheet, None, "", 12, 320),
        Panel("schedule-account", "panel.account", account.account_table, sheet, None, "panel.account.note", 12, 320),
        Panel(
            "schedule-trials", "panel.trials", account.trial_table, awards.trials, None, "panel.trials.note", 12, 120, draws_empty=True,
        ),
        Panel(
            "schedule-what-if", "panel.what-if", income.what_if_table, awards.what_if, None, "panel.what-if.note", 12, 240,
            draws_empty=True, needs="simulate",
        ),
        Panel("schedule-plan", "panel.plan", planned.plan_table, plan, None, "panel.plan.note", 12, 420, draws_empty=True),
        Panel(
            "schedule-plan-desk", "panel.plan-desk", planned.desk_table, desk.places("plan", "panel.plan-desk"), span=12, height=200,
            is_current=True, bare=True, draws_empty=True, needs="simulate", files=False,
        ),
        Panel(
            "schedule-desk", "panel.desk", awarded.desk_table, places, span=12, height=200, is_current=True, draws_empty=True,
            needs="schedule",
        ),
    ),
)  # fmt: skip
