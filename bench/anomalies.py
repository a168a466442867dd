"""Anomaly detection measured: faults injected into sound readings of the simulated plant, our detectors beside a plain z-score, and what is
found in measured data that nobody labelled.

A fault counts as found when an event names its device (for cells and strings: its place) and touches its time, up to an hour after its
end. Every other event is false. Delay is from the beginning of the fault to that of the event; slow faults begin with nothing to see.
The z-score gets the same readings and the same reference day: |x − mean| / σ beyond a limit, neighbouring samples as one event; both
the usual limit of 3 and the one with the best F1 of this very run are told.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import injection
from bench.injection import GRADED, KINDS, Case, Parts
from bench.measure import calibrate, keep, machine, table
from plant.analysis.anomaly import examine as ours
from plant.analysis.anomaly.finding import Finding, Instants, Numbers, spans
from plant.analysis.anomaly.joint import METHODS
from plant.model import DAY, HOUR, MINUTE

SEED = 20_261_121
Z_LIMITS = (3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
LATE = HOUR


@dataclass(frozen=True, slots=True)
class Event:
    """What a detector said: whom (with the place of a cell or string), and from when to when [epoch ms]."""

    who: str
    start: int
    end: int


@dataclass(slots=True)
class Tally:
    """Faults put in and found, events of which true, days of devices looked at, delays [min]."""

    faults: int = 0
    found: int = 0
    events: int = 0
    true: int = 0
    days: float = 0.0
    delays: list[float] | None = None

    def add(self, events: Sequence[Event], who: str, start: int, end: int, days: float) -> None:
        """One case; `who` empty = no fault in it."""
        self.days += days
        self.events += len(events)
        mine = [one for one in events if who and one.who == who and one.end > start - LATE and one.start < end + LATE]
        self.true += len(mine)
        if who:
            self.faults += 1
            self.found += bool(mine)
            if mine:
                self.delays = [*(self.delays or []), max(min(one.start for one in mine) - start, 0) / MINUTE]

    @property
    def recall(self) -> float:
        return self.found / self.faults if self.faults else float("nan")

    @property
    def precision(self) -> float:
        return self.true / self.events if self.events else float("nan")

    @property
    def f1(self) -> float:
        both = self.recall + self.precision
        return 2 * self.recall * self.precision / both if both > 0 else 0.0

    def row(self) -> list[Any]:
        """Recall, precision [%], false events per 100 device days, median delay [min]."""
        false = 100 * (self.events - self.true) / self.days if self.days else 0.0
        delay = f"{statistics.median(self.delays):.0f}" if self.delays else "–"
        return [_percent(self.recall), _percent(self.precision), f"{false:.1f}", delay]


def _percent(share: float) -> str:
    return "–" if share != share else f"{100 * share:.0f} %"


def said(findings: Sequence[Finding], until: int) -> list[Event]:
    """Findings as events."""
    return [
        Event(f"{one.device}/{one.part}" if one.part else one.device, one.start, one.end if one.end is not None else until)
        for one in findings
    ]


def rack_events(case: Case, detect: Callable[[ours.Group], list[Finding]]) -> list[Event]:
    return said(detect(case.group()), int(case.at[-1]) + MINUTE)


def plain(at: Instants, x: Numbers, reference: int, limit: float, join: int = 30) -> list[tuple[int, int]]:
    """The plain z-score of one series: (start, end) of stretches beyond `limit` σ of the reference time."""
    usual = x[(at < reference) & np.isfinite(x)]
    if usual.size < 2:
        return []
    with np.errstate(invalid="ignore"):
        z = np.abs(x - usual.mean()) / max(float(usual.std()), 1e-9)
        flags = z > limit
    flags &= at >= reference
    return [(int(at[first]), int(at[last - 1]) + 1) for first, last in spans(flags, join)]


def plain_group(case: Case, limit: float) -> list[Event]:
    """The plain z-score of every quantity of every rack, and of the time between its readings."""
    group = case.group()
    found = []
    for member, device in enumerate(group.members):
        spoke = np.isfinite(group.values["voltage"][:, member])
        told = group.at[spoke]
        between = np.diff(told, prepend=told[:1] - MINUTE).astype(np.float64) / MINUTE
        for at, x in [(told, between), *[(group.at, values[:, member]) for values in group.values.values()]]:
            found += [Event(device, start, end) for start, end in plain(at, x, group.reference, limit)]
    return found


def plain_parts(case: Parts, reference: int, limit: float) -> list[Event]:
    return [
        Event(f"{case.device}/{part + 1}", start, end)
        for part in range(case.values.shape[1])
        for start, end in plain(case.at, case.values[:, part], reference, limit, 3)
    ]


def measure_racks(cases: Sequence[Case], detect: Callable[[Case], list[Event]]) -> dict[str, Tally]:
    """Tally by kind, "" = cases without fault."""
    tallies: dict[str, Tally] = {}
    for case in cases:
        who = case.group().members[case.member] if case.kind else ""
        days = len(case.group().members) * (case.at[-1] - case.at[0]) / DAY
        tallies.setdefault(case.kind, Tally()).add(detect(case), who, case.start, case.end, days)
    return tallies


def together(tallies: dict[str, Tally]) -> Tally:
    """All kinds as one."""
    whole = Tally()
    for one in tallies.values():
        whole.faults, whole.found = whole.faults + one.faults, whole.found + one.found
        whole.events, whole.true, whole.days = whole.events + one.events, whole.true + one.true, whole.days + one.days
        whole.delays = [*(whole.delays or []), *(one.delays or [])]
    return whole


HEAD = (
    "fault",
    "cases",
    "recall",
    "precision",
    "false / 100 device days",
    "delay [min]",
    "z=3: recall",
    "precision",
    "false / 100",
    "delay",
)


def _report(mine: dict[str, Tally], theirs: dict[float, dict[str, Tally]]) -> Tally:
    rows: list[list[Any]] = [[kind or "none", str(one.faults), *one.row(), *theirs[3.0][kind].row()] for kind, one in mine.items()]
    whole = together(mine)
    rows.append(["all", str(whole.faults), *whole.row(), *together(theirs[3.0]).row()])
    print(table(HEAD, rows))
    best = max(Z_LIMITS, key=lambda limit: together(theirs[limit]).f1)
    most = together(theirs[best])
    print(f"F1 {whole.f1:.2f}; plain z-score at 3: {together(theirs[3.0]).f1:.2f}, at its best limit ({best:g}): {most.f1:.2f} "
          f"(recall {_percent(most.recall)}, precision {_percent(most.precision)})")  # fmt: skip
    return whole


def racks(each: int) -> dict[str, Any]:
    """Racks: every kind of fault; at half and a quarter of its size; the joint models alone."""
    begin = time.perf_counter()
    at, sound = injection.sound_racks()
    cases = injection.cases(at, sound, KINDS, each, 12, SEED)
    print(f"\nRacks: {len(cases)} cases of 3 days × 12 racks × {len(injection.NAMES)} quantities\n")
    begin = time.perf_counter()
    mine = measure_racks(cases, lambda case: rack_events(case, ours.examine_all))
    took = (time.perf_counter() - begin) / len(cases)
    theirs = {limit: measure_racks(cases, partial(plain_group, limit=limit)) for limit in Z_LIMITS}
    whole = _report(mine, theirs)
    print(f"{took:.2f} s for 12 racks × 3 days")
    results: dict[str, Any] = {"racks": _kept(mine), "racks_plain": {str(z): _kept(theirs[z]) for z in Z_LIMITS}, "f1": whole.f1}
    graded = [case for case in cases if case.kind in GRADED]
    print("\nThe same faults, fainter, and the joint models alone (full size):\n")
    rows = []
    for strength in (0.5, 0.25):
        faint = [injection.weakened(case, sound, strength) for case in graded]
        one = together(measure_racks(faint, lambda case: rack_events(case, ours.examine_all)))
        other = together(measure_racks(faint, lambda case: plain_group(case, 3.0)))
        rows.append([f"size × {strength:g}", *one.row(), *other.row()])
        results[f"strength_{strength:g}"] = {"recall": one.recall, "precision": one.precision}
    for method in METHODS:
        one = together(measure_racks(cases, partial(rack_events, detect=partial(ours.examine_joint, method=method))))
        rows.append([f"joint only: {method}", *one.row(), "", "", "", ""])
        results[f"joint_{method}"] = {"recall": one.recall, "precision": one.precision, "f1": one.f1}
    print(table(("", *HEAD[2:]), rows))
    return results


def parts(each: int) -> dict[str, Any]:
    """Cells against their rack, strings against their inverter."""
    at, sound = injection.sound_parts()
    reference = int(at[0]) + DAY
    mine: dict[str, Tally] = {}
    theirs: dict[float, dict[str, Tally]] = {limit: {} for limit in Z_LIMITS}
    for case in injection.part_cases(at, sound, each, SEED):
        who = f"{case.device}/{case.part + 1}" if case.kind else ""
        until, days = int(at[-1]) + MINUTE, (at[-1] - at[0]) / DAY
        kind = "cell" if case.device.startswith("bess") else "inverter"
        found = ours.examine_parts(case.device, kind, case.metric, at, case.values, reference)
        mine.setdefault(case.kind, Tally()).add(said(found, until), who, case.start, until, days)
        for limit, tallies in theirs.items():
            tallies.setdefault(case.kind, Tally()).add(plain_parts(case, reference, limit), who, case.start, until, days)
    print(f"\nCells (252 a rack) and strings, every 15 min for 3 days, {each} cases each\n")
    _report(mine, theirs)
    return {"parts": _kept(mine), "parts_plain": _kept(theirs[3.0])}


def slow(each: int) -> dict[str, Any]:
    """Soiling: the yield per sunshine of an inverter falls by 6…15 % within twelve days; clocks that jump, stand still, drift."""
    chance = np.random.default_rng(SEED)
    mine, theirs = Tally(), Tally()
    for number in range(each):
        at, ratio = injection.sound_yields(30, SEED + number)
        for soiled in (True, False):
            first, x = int(chance.integers(8, 16)), ratio.copy()
            if soiled:
                x[first:] *= 1 - np.minimum((np.arange(x.size - first) + 1) / 12, 1) * chance.uniform(0.06, 0.15)
            until, start = int(at[-1]) + DAY, int(at[first])
            who = "inverter01" if soiled else ""
            mine.add(
                said(ours.examine_change("inverter01", "inverter", "total_active_power", at, x, 0.03 * float(np.nanmedian(x))), until),
                who,
                start,
                until,
                30,
            )
            flagged = [Event("inverter01", a, b) for a, b in plain(at, x, int(at[8]), 3.0, 2)]
            theirs.add(flagged, who, start, until, 30)
    rows: list[list[Any]] = [["soiling (change point)", str(mine.faults), *mine.row(), *theirs.row()]]
    results = {"soiling": _kept({"": mine})[""], "soiling_plain": _kept({"": theirs})[""]}
    for kind in ("clock jump", "clock frozen", "clock drift", "held back", ""):
        mine, theirs = Tally(), Tally()
        for _ in range(4 * each):
            at, heard, start = injection.clocks(kind, chance)
            until = int(heard[-1]) + MINUTE
            faulty = kind.startswith("clock")
            mine.add(said(ours.examine_clock("pcs01", "pcs", at, heard), until), "pcs01" if faulty else "", start, until, 0.25)
            lag = (heard - at).astype(np.float64)
            theirs.add(
                [Event("pcs01", a, b) for a, b in plain(heard, lag, int(heard[180]), 3.0)], "pcs01" if faulty else "", start, until, 0.25
            )
        rows.append([kind or "sound clock", str(mine.faults), *mine.row(), *theirs.row()])
        results[kind or "sound clock"] = _kept({"": mine})[""]
    print("\nSlow changes and clocks\n")
    print(table(HEAD, rows))
    return results


def measured() -> dict[str, Any]:
    """What is found in the measured files, without labels; nothing when they are not beside the project."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        print("\nThe measured files are not here: not looked at.")
        return {}
    from bench.measured_data import files

    rows = []
    results = {}
    for name, readings, found in files(folder):
        lines = [f"{one.reason} {one.metric} ×{one.evidence.get('times', 1):.0f}" for one in found]
        counts = {line: lines.count(line) for line in dict.fromkeys(lines)}
        rows.append([name, f"{readings:,}", "; ".join(f"{line} ({n})" for line, n in counts.items()) or "nothing"])
        results[name] = [one.as_json() for one in found]
    print("\nMeasured data, not labelled: what the rules say of it\n")
    print(table(("file", "readings", "found"), rows))
    return results


def main(arguments: list[str]) -> None:
    """`--quick`: fewer cases."""
    quick = "--quick" in arguments
    calibration = calibrate()
    print(f"{machine()}\n{calibration}")
    results = {**racks(4 if quick else 10), **parts(4 if quick else 12), **slow(2 if quick else 4), "measured": measured()}
    keep("anomalies", calibration, results)


def _kept(tallies: dict[str, Tally]) -> dict[str, Any]:
    return {
        kind: {
            "cases": one.faults,
            "recall": one.recall,
            "events": one.events,
            "true": one.true,
            "device_days": one.days,
            "delays_min": one.delays,
        }
        for kind, one in tallies.items()
    }
