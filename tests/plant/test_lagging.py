"""The first-order lag in pieces is the one walked step by step."""

import math

import numpy as np
import pytest

from plant.analysis.circuit import lagging


def step_by_step(signal: list[float], seconds: list[float], tau: float) -> list[float]:
    state, out = 0.0, []
    for value, wait in zip(signal, seconds, strict=True):
        state = value + (state - value) * math.exp(-wait / tau)
        out.append(state)
    return out


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 17, 100, 101, 2047])
def test_pieces_are_joined_to_the_walk(n: int) -> None:
    chance = np.random.default_rng(n)
    signal, seconds, taus = chance.normal(0, 100, n), chance.uniform(0, 90, n), np.array([3.0, 60.0, 5000.0])
    found = lagging(signal, seconds, taus)
    assert found.shape == (n, 3)
    for place, tau in enumerate(taus.tolist()):
        assert found[:, place] == pytest.approx(step_by_step(signal.tolist(), seconds.tolist(), tau), rel=1e-9, abs=1e-9)


def test_by_hand() -> None:
    """A step of 100 at τ = 60 s: after 60 s 63.2, after 120 s 86.5; without time nothing happens."""
    found = lagging(np.array([100.0, 100.0, 100.0]), np.array([60.0, 60.0, 0.0]), np.array([60.0]))
    assert found[:, 0].tolist() == pytest.approx([63.212, 86.466, 86.466], abs=1e-3)
