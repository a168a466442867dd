"""Capability tests in the schedule (modes step, scan, full_power), judged from the site's readings."""

from dataclasses import dataclass

from datastore.store import Store
from plant.analysis import capability
from plant.analysis.capability import Result
from plant.model import HOUR, SECOND, ScheduleEvent, Window
from plant.rules import RuleSet, tested
from services.awards import events
from services.settling import GRACE, connection_point, grid

MOST = 20
LONGEST = 12 * HOUR


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A test with the rules of its product. `result` is None while it is ahead or running, and when there is nothing to judge it by: `why`
    is `ahead`, `running`, `interrupted`, `no-rules` (the product knows no such test), `no-power` (no awarded power) or `no-point`."""

    event: ScheduleEvent
    rules: RuleSet | None
    result: Result | None
    why: str = ""

    @property
    def failing(self) -> list[tuple[int, int]]:
        """The seconds that fail as runs [start, end) of epoch ms, ascending."""
        if self.result is None:
            return []
        runs: list[tuple[int, int]] = []
        for second in self.result.failing.tolist():
            at = self.event.time_start // SECOND * SECOND + second * SECOND
            if runs and runs[-1][1] == at:
                runs[-1] = (runs[-1][0], at + SECOND)
            else:
                runs.append((at, at + SECOND))
        return runs


def trials(store: Store, site_id: str, window: Window, now: int) -> list[Judged]:
    """The newest `MOST` tests that touch the window, newest first. Raises Unavailable."""
    found = [event for event in events(store, window, "test_mode")][-MOST:]
    point = connection_point(store, site_id)
    return [_judged(store, point, event, now) for event in reversed(found)]


def _judged(store: Store, point: tuple[str, str] | None, event: ScheduleEvent, now: int) -> Judged:
    rules = tested(event)
    trial = rules.trial(event.mode) if rules else None
    if event.interrupt:
        return Judged(event, rules, None, "interrupted")
    if event.time_end + GRACE > now:
        return Judged(event, rules, None, "ahead" if event.time_start > now else "running")
    if rules is None or trial is None:
        return Judged(event, rules, None, "no-rules")
    mw = event.power or event.quote_capacity
    if not mw > 0:
        return Judged(event, rules, None, "no-power")
    if point is None:
        return Judged(event, rules, None, "no-point")
    start = event.time_start // SECOND * SECOND
    hz, kw = grid(store, point, start, min(event.time_end, start + LONGEST))
    return Judged(event, rules, capability.judge(rules, trial, hz, kw, mw, event.transfer))
