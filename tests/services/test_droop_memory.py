"""What is remembered of awarded hours is small, and says the same as what was counted."""

import numpy as np

from plant.analysis.droop import Cloud, classes
from services import droop


def test_an_hour_is_remembered_in_kilobytes_and_given_back_whole() -> None:
    """3,600 seconds fill at most 3,600 classes, 8 bytes each; the whole table has 60,000 of 8 bytes."""
    rng = np.random.default_rng(7)
    counts = classes(60 + 0.02 * rng.standard_normal(3_600), 30 * rng.standard_normal(3_600))
    packed = droop._packed(Cloud(3_600, 3_600, 3_500, counts))
    assert packed.places.nbytes + packed.counts.nbytes <= 3_600 * 8 < counts.nbytes / 16
    again = packed.cloud()
    assert (again.awarded, again.heard, again.inside) == (3_600, 3_600, 3_500)
    assert np.array_equal(again.counts, counts) and again.counts.sum() == 3_600


def test_two_clouds_from_memory_do_not_share_their_counts() -> None:
    packed = droop._packed(Cloud(1, 1, 1, classes([60.0], [5.0])))
    first = packed.cloud()
    first.counts[:] = 9
    assert packed.cloud().counts.sum() == 1
