"""What a rack costs its unit, against DOMAIN 3.3 by hand and against the loss of one instant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant.analysis.imbalance import booked, weakest_link

NAN = float("nan")


def test_by_hand():
    """200 kWh each at 50, 52 and 40 %. Charging to 95 %: 45, 43 and 55 % are left, rack 2 is full first and leaves 200·(0.02 + 0.12) =
    28 kWh. Discharging to 10 %: 40, 42 and 30 %, rack 3 is empty first: 200·(0.10 + 0.12) = 44 kWh."""
    soc, energy, soh = [[50.0, 52.0, 40.0]], [200.0] * 3, [100.0] * 3
    assert booked(soc, energy, soh, 95.0, charging=True).energy.tolist() == pytest.approx([0, 28, 0])
    down = booked(soc, energy, soh, 10.0, charging=False)
    assert down.energy.tolist() == pytest.approx([0, 0, 44])
    assert down.share.tolist() == [0, 0, 1]


def test_over_time_each_instant_is_booked_on_its_own_rack():
    found = booked([[50.0, 52.0], [56.0, 52.0], [50.0, 50.0], [NAN, 50.0]], [100.0, 100.0], [90.0, 100.0], 95.0, charging=True)
    assert found.energy.tolist() == pytest.approx([4.0 / 3, 1.8 / 3])  # 100·1.0·0.04 and 100·0.9·0.02, over three instants with two racks
    assert found.share.tolist() == pytest.approx([1 / 3, 1 / 3])


@given(st.lists(st.lists(st.floats(0, 100), min_size=4, max_size=4), min_size=1, max_size=8), st.booleans())
def test_the_accounts_add_up_to_the_mean_loss(soc, charging):
    energy, soh, limit = [100.0, 120.0, 90.0, 110.0], [100.0, 98.0, 95.0, 80.0], 95.0 if charging else 10.0
    losses = [weakest_link(row, energy, soh, limit, charging).value for row in soc]
    assert booked(soc, energy, soh, limit, charging).energy.sum() == pytest.approx(np.mean(losses), abs=1e-9)


def test_without_a_nameplate_nothing_is_booked():
    assert booked([[50.0, 60.0]], [NAN, NAN], [100.0, 100.0], 95.0, charging=True).energy.tolist() == [0.0, 0.0]
