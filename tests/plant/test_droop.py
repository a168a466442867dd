"""Seconds beside the envelope, against the worked seconds of DOMAIN 3.5 and against the score itself."""

from dataclasses import replace

import numpy as np
import pytest

from plant.analysis.droop import SHAPE, Cloud, classes, cloud, middles
from plant.analysis.settlement import scores
from plant.rules import version

AT = 1_769_256_000_000
WIDE = version("dreg0.5", AT)
NAN = float("nan")


def test_the_worked_seconds():
    """dReg0.5, 5 MW: 59.90 Hz and 30 % score 93, 59.87 Hz and 22.96 % score 100 (DOMAIN 3.5); a silent second is not inside."""
    found = cloud(WIDE, [59.90, 59.87, 60.0, NAN], [1500.0, 1148.0, 0.0, 0.0], 5.0)
    assert (found.awarded, found.heard, found.inside) == (4, 3, 2)
    assert found.share == pytest.approx(50.0)
    assert found.counts.sum() == 3
    hz, share = middles()
    row, column = np.argwhere(found.counts[:, share > 29])[0]
    assert (hz[row], share[share > 29][column]) == (pytest.approx(59.9025), pytest.approx(31.0))


def test_a_scheduled_transfer_is_not_taken_for_response():
    """E-dReg: 2 MW scheduled and 2 MW given at 60 Hz is 0 % of response."""
    found = cloud(version("edreg", AT), [60.0], [2000.0], 5.0, 2.0)
    assert found.inside == 1
    assert middles()[1][np.argwhere(found.counts)[0][1]] == pytest.approx(1.0)  # the class 0…2 %


def test_a_lagging_product_is_judged_by_the_frequency_before():
    lagging = replace(WIDE, lag_s=1)
    found = cloud(lagging, [59.75, 60.0, 60.0], [0.0, 2400.0, 0.0], 5.0)  # 48 % are asked for at 59.75 Hz, a second later
    assert (found.awarded, found.heard, found.inside) == (2, 2, 2)


def test_days_add_up():
    rng = np.random.default_rng(7)
    hz, kw = rng.normal(60, 0.05, 400), rng.normal(0, 900, 400)
    parts = cloud(WIDE, hz[:150], kw[:150], 5.0) + cloud(WIDE, hz[150:], kw[150:], 5.0)
    whole = cloud(WIDE, hz, kw, 5.0)
    assert (parts.awarded, parts.heard, parts.inside) == (whole.awarded, whole.heard, whole.inside)
    assert (parts.counts == whole.counts).all()
    assert whole.inside == int((scores(WIDE, hz, kw, 5.0) == 100).sum())


def test_a_british_award_is_counted_around_fifty_hertz():
    """EFR 2: at 50 Hz nothing is asked for; at 49.75 Hz 48.4536 % are, 2,423 kW of 5 MW."""
    british = version("efr2", AT)
    found = cloud(british, [50.0, 49.75, 51.5], [0.0, 2423.0, 0.0], 5.0)
    hz = middles(british.curve.centre)[0]
    assert hz[np.argwhere(found.counts)[:, 0]].tolist() == pytest.approx([49.7525, 50.0025, 50.9975])
    assert found.inside == 2


def test_nothing_awarded_has_no_share():
    assert Cloud().share is None


def test_what_lies_beyond_is_counted_at_the_edge():
    counts = classes([10.0, 99.0], [-900.0, 900.0])
    assert (counts[0, 0], counts[SHAPE[0] - 1, SHAPE[1] - 1], counts.sum()) == (1, 1, 2)


def test_readings_of_absurd_size_lie_in_the_outermost_classes():
    """9e18 Hz is beyond a whole number of 64 bits when counted in classes: it is above the highest, not below the lowest."""
    counts = classes([9e18, -9e18, 60_000.0], [9e18, -9e18, 0.0])
    assert (counts[-1, -1], counts[0, 0], counts[-1, SHAPE[1] // 2], counts.sum()) == (1, 1, 1, 3)
