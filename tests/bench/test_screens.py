"""What the watch over a page's memory says."""

import pytest

from bench.screens import growth


def test_a_steady_leak_is_told_for_half_an_hour_without_doubt() -> None:
    more, doubt = growth([0, 1, 2, 3], [20, 20.5, 21, 21.5])  # half a megabyte a minute
    assert more == pytest.approx(15) and doubt == pytest.approx(0, abs=1e-9)


def test_noise_about_a_level_is_doubt_and_not_growth() -> None:
    # by hand: slope 0; residuals ±0.5, their squares 1 in sum, spread of the minutes 5: error √(1 / 2 / 5)
    more, doubt = growth([0, 1, 2, 3], [10, 11, 11, 10])
    assert more == pytest.approx(0, abs=1e-9) and doubt == pytest.approx(2 * 30 * 0.1**0.5)
