"""Capability tests: durations and bars of DOMAIN §3.5, on seconds made by hand."""

import numpy as np
import pytest

from plant import rules
from plant.analysis import capability
from plant.model import HOUR, ScheduleEvent

NOON = 1_704_081_600_000
NARROW, WIDE, EDREG, SREG = (rules.version(name, NOON) for name in ("dreg0.25", "dreg0.5", "edreg", "sreg"))


def followed(rule, hz, mw=5.0, transfer=0.0):
    """The middle of the band [kW]: what a perfect controller gives."""
    middle = np.interp(hz, rule.curve.hz, (np.array(rule.curve.lower) + np.array(rule.curve.upper)) / 2)
    return middle * mw * 10.0 + transfer * 1000.0


def stairs(rule):
    return np.repeat([60.0, 59.80, 60.0, 60.20, 59.75, 60.25], 180) if rule is not SREG else np.repeat([60.0, 59.80], 300)


def sweep(low, high, speed):
    count = round((high - low) / speed)
    return low + speed * np.arange(count + 1)


@pytest.mark.parametrize(
    ("rule", "kind", "seconds"),
    [
        (NARROW, "step", 1080), (WIDE, "step", 1080), (SREG, "step", 600), (NARROW, "scan", 60), (EDREG, "scan", 60),
        (NARROW, "full_power", 900), (EDREG, "full_power", 9000),
    ],
)  # fmt: skip
def test_how_long_each_test_lasts(rule, kind, seconds):
    assert rule.trial(kind).duration_s == seconds
    assert rule.trial(kind).least == 95.0


def test_a_step_test_followed_within_a_second_passes():
    hz = stairs(NARROW)
    kw = np.r_[followed(NARROW, hz)[:1], followed(NARROW, hz)[:-1]]  # a second late
    found = capability.judge(NARROW, NARROW.trial("step"), hz, kw, 5.0)
    assert (found.verdict, found.failing.size, found.worst) == ("passed", 0, 100.0)


def test_two_seconds_late_fails_and_names_the_seconds_after_each_step():
    hz = stairs(NARROW)
    kw = np.r_[np.full(2, followed(NARROW, hz)[0]), followed(NARROW, hz)[:-2]]
    found = capability.judge(NARROW, NARROW.trial("step"), hz, kw, 5.0)
    assert (found.verdict, found.reason) == ("failed", "seconds")
    assert found.failing.tolist() == [181, 361, 541, 721, 901]


def test_a_scan_is_followed_over_its_whole_range():
    hz = sweep(59.70, 60.30, 0.01)
    passed = capability.judge(NARROW, NARROW.trial("scan"), hz, followed(NARROW, hz), 5.0)
    assert (passed.verdict, passed.seen) == ("passed", (pytest.approx(59.70), pytest.approx(60.30)))
    kw = followed(NARROW, hz)
    kw[30] += 250.0 + 450.0  # at 60 Hz: 450 kW are the edge of the band, 5 % beyond is a score of 95
    failed = capability.judge(NARROW, NARROW.trial("scan"), hz, kw, 5.0)
    assert (failed.verdict, failed.failing.tolist(), failed.worst) == ("failed", [30], 95.0)


def test_a_scan_that_was_none_is_not_judged():
    still, fast = np.full(70, 60.0), sweep(59.70, 60.30, 0.05).repeat(6)
    for hz, reason in ((still, "no-scan"), (sweep(59.70, 60.30, 0.01)[:50], "short"), (np.full(70, np.nan), "short"), (fast, "scan-speed")):
        found = capability.judge(NARROW, NARROW.trial("scan"), hz, np.zeros(len(hz)), 5.0)
        assert (found.verdict, found.reason) == ("not assessable", reason)


def test_a_step_test_without_a_step_is_not_judged():
    found = capability.judge(NARROW, NARROW.trial("step"), np.full(1080, 60.0), np.zeros(1080), 5.0)
    assert (found.verdict, found.reason) == ("not assessable", "no-step")


@pytest.mark.parametrize(("direction", "silent", "verdict"), [(1, None, "passed"), (-1, None, "passed"), (1, 450, "failed")])
def test_full_power_is_held_for_fifteen_minutes_either_way(direction, silent, verdict):
    kw = np.r_[np.zeros(5), np.full(900, direction * 4800.0), np.zeros(5)]  # 96 % of 5 MW
    if silent is not None:
        kw[5 + silent] = np.nan
    found = capability.judge(NARROW, NARROW.trial("full_power"), np.full(len(kw), 60.0), kw, 5.0)
    assert found.verdict == verdict
    assert found.longest_s == (900 if silent is None else 450)


def test_full_power_that_is_too_little_or_too_short():
    low = capability.judge(NARROW, NARROW.trial("full_power"), np.full(950, 60.0), np.full(950, 4750.0), 5.0)  # 95 % is not more than 95
    assert (low.verdict, low.failing.size, low.worst) == ("failed", 950, 95.0)
    short = capability.judge(EDREG, EDREG.trial("full_power"), np.full(900, 60.0), np.full(900, 5000.0), 5.0)
    assert (short.verdict, short.reason) == ("not assessable", "short")


def test_seconds_that_were_not_there_have_a_result():
    empty = np.empty(0)
    for kind in ("step", "scan", "full_power"):
        found = capability.judge(NARROW, NARROW.trial(kind), empty, empty, 5.0)
        assert (found.verdict, found.worst, found.seen) == ("not assessable", None, None)


def test_whose_rules_a_test_is_judged_by():
    def product(mode, code=""):
        found = rules.tested(ScheduleEvent(mode, NOON, NOON + HOUR, quote_code=code))
        return found and found.product

    assert [product("scan", "dreg05"), product("scan", "EDREG-C"), product("step", "SREG"), product("step"), product("dreg")] == [
        "dreg0.5", "edreg", "sreg", "dreg0.25", None,
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", ["[test.scan]\nduration_s = 60\n", "[test.dance]\nduration_s = 60\n", "[test.step]\nduration_s = 0\n"])
def test_a_test_that_makes_no_sense_is_refused(wrong):
    text = (rules.FOLDER / "edreg.toml").read_text("utf-8").split("[test.scan]")[0]
    rules.read(text)
    with pytest.raises(ValueError, match="test"):
        rules.read(text + wrong)
