"""How long scoring takes: a day of 86,400 seconds, a year day by day, beside the same rules applied second by second in plain Python.

`python -m bench settlement`: the day is stages 2 and 3 and hours judged (stages 1 to 6), the year 365 such days with memory bounded by one
day. Both sides must agree on every score. CPU time of this thread decides: the machine has other things to do.
"""

import argparse
import resource
import time
import tracemalloc
from collections.abc import Callable, Sequence
from math import floor
from typing import Any

import numpy as np

from bench.measure import calibrate, keep, machine, median, table, verdict
from plant.analysis import settlement
from plant.analysis.settlement import Numbers
from plant.rules import RuleSet, version

AT = 1_769_256_000_000
DAY_S, HOUR_S = 86_400, 3_600
DAY_MS, YEAR_S = 20.0, 10.0
MW = 5.0


def seconds(seed: int, count: int = DAY_S, lead: int = 3) -> tuple[Numbers, Numbers]:
    """A day of a plant that follows its curve with noise, and misses now and then."""
    draw = np.random.default_rng(seed)
    hz = 60.0 + np.cumsum(draw.normal(0, 0.002, count + lead)) * 0.2
    hz = 60.0 + (hz - hz.mean()) * 0.05 / max(float(hz.std()), 1e-9)
    middle = -(hz - 60.0) / 0.5 * 100.0
    kw = (middle + draw.normal(0, 4.0, count + lead)) * MW * 10.0
    kw[draw.random(count + lead) < 1e-4] = np.nan
    return hz, kw


def day(rules: RuleSet, hz: Numbers, kw: Numbers) -> list[float]:
    """Rates of the hours of one day."""
    lead = rules.lead_s
    return [
        settlement.judge(rules, hz[at : at + lead + HOUR_S], kw[at : at + lead + HOUR_S], lead, MW, 0.0).rate
        for at in range(0, DAY_S, HOUR_S)
    ]


def plain(rules: RuleSet, hz: Sequence[float], kw: Sequence[float]) -> list[int]:
    """Scores second by second as one would write them down from the rules."""
    curve = rules.curve
    assert curve is not None
    points = list(zip(curve.hz, curve.lower, curve.upper, strict=True))
    found = []
    for frequency, power in zip(hz, kw, strict=True):
        if frequency != frequency or power != power:
            found.append(0)
            continue
        at = min(max(frequency, curve.clamp[0]), curve.clamp[1])
        if at <= points[0][0]:
            low, high = points[0][1:]
        elif at >= points[-1][0]:
            low, high = points[-1][1:]
        else:
            for (a, la, ua), (b, lb, ub) in zip(points, points[1:], strict=False):
                if a <= at <= b:
                    low, high = la + (lb - la) * (at - a) / (b - a), ua + (ub - ua) * (at - a) / (b - a)
                    break
        low, high, share = round(low, 4), round(high, 4), 100 * power / (MW * 1000)
        if low <= share <= high or (low >= 100 and share >= 100) or (high <= -100 and share <= -100):
            found.append(100)
        else:
            found.append(max(0, floor(round(100 - max(share - high, low - share), 7) + 0.5)))
    return found


def plain_rates(score: Sequence[int], lead: int, roll: int) -> list[int]:
    """The hours' worst rolling scores."""
    rolled = [max(score[max(0, i - roll + 1) : i + 1]) for i in range(len(score))]
    return [min(rolled[at + lead : at + lead + HOUR_S]) for at in range(0, DAY_S, HOUR_S)]


def cpu(work: Callable[[], Any], times: int) -> float:
    """Median CPU seconds of this thread."""
    taken = []
    for _ in range(times):
        begun = time.thread_time()
        work()
        taken.append(time.thread_time() - begun)
    return median(taken)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench settlement", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--smoke", action="store_true", help="two days: only shows that it runs")
    given = parser.parse_args(arguments)
    days = 2 if given.smoke else given.days
    rules = version("dreg0.5", AT)
    assert rules is not None
    calibration = calibrate()
    print(f"Settlement of awarded seconds\n{machine()}\n{calibration}")
    hz, kw = seconds(1)
    mine, theirs = settlement.scores(rules, hz, kw, MW), plain(rules, hz.tolist(), kw.tolist())
    differing = int((mine != np.array(theirs)).sum())
    if differing or day(rules, hz, kw) != plain_rates(theirs, rules.lead_s, rules.roll_s):
        raise RuntimeError(f"{differing} seconds score otherwise than second by second")
    scored = 1000 * cpu(lambda: settlement.rolled(settlement.scores(rules, hz, kw, MW), rules.roll_s), 15)
    judged = 1000 * cpu(lambda: day(rules, hz, kw), 15)
    listed = hz.tolist(), kw.tolist()
    naive = 1000 * cpu(lambda: plain_rates(plain(rules, *listed), rules.lead_s, rules.roll_s), 3)
    parts = [seconds(seed) for seed in range(min(days, 5))]

    def year() -> None:
        for number in range(days):
            day(rules, *parts[number % len(parts)])

    whole = cpu(year, 1)
    tracemalloc.start()
    for number in range(min(days, 5)):
        day(rules, *parts[number % len(parts)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    lines = [
        ["a day scored (stages 1 to 3)", f"{scored:.1f} ms", f"{naive / scored:.0f}×", verdict(scored, DAY_MS)],
        ["a day judged by hours (1 to 6)", f"{judged:.1f} ms", f"{naive / judged:.0f}×", verdict(judged, DAY_MS)],
        [f"{days} days judged", f"{whole:.2f} s", f"{naive * days / 1000 / whole:.0f}×", verdict(whole, YEAR_S)],
        ["a day second by second in plain Python", f"{naive:.0f} ms", "1×", ""],
        ["memory beside the day's own seconds", f"{peak / 1e6:.1f} MB", "", ""],
    ]
    print(table(["what", "CPU", "faster than plain", "bar"], lines))
    print(f"resident {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if not given.smoke:
        keep("settlement", calibration, {"day_ms": scored, "judged_ms": judged, "year_s": whole, "plain_ms": naive, "peak_bytes": peak})


if __name__ == "__main__":
    main()
