"""Where a plant stood beside the envelope it was awarded: seconds counted by frequency and power, and how many of them scored in full."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plant.analysis.settlement import FULL, scores
from plant.rules import RuleSet

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]

HZ_STEP, SHARE_STEP = 0.005, 2.0
"""Width of the classes: frequency [Hz], power [% of the awarded]."""
HZ_ENDS, SHARE_ENDS = (-1.0, 1.0), (-150.0, 150.0)
"""The classes reach so far: from the middle of the curve [Hz], and [%]. What lies beyond is counted in the outermost ones."""
NOMINAL = 60.0
SHAPE = (round((HZ_ENDS[1] - HZ_ENDS[0]) / HZ_STEP), round((SHARE_ENDS[1] - SHARE_ENDS[0]) / SHARE_STEP))


def _nothing() -> Whole:
    return np.zeros(SHAPE, np.int64)


@dataclass(frozen=True, slots=True)
class Cloud:
    """`counts` [frequency class, power class]: seconds in which both were told. Of `awarded` seconds `heard` were told, and `inside` of
    them scored 100: on the envelope, or less than half a percent beside it."""

    awarded: int = 0
    heard: int = 0
    inside: int = 0
    counts: Whole = field(default_factory=_nothing)

    def __add__(self, other: "Cloud") -> "Cloud":
        return Cloud(self.awarded + other.awarded, self.heard + other.heard, self.inside + other.inside, self.counts + other.counts)

    @property
    def share(self) -> float | None:
        """Part of the awarded seconds that scored 100 [%]; silent ones did not. None without an award."""
        return 100.0 * self.inside / self.awarded if self.awarded else None


def cloud(rules: RuleSet, hz: ArrayLike, kw: ArrayLike, mw: float, transfer: float = 0.0) -> Cloud:
    """Seconds of one award. `hz` [Hz] and `kw` [kW], one per second, begin `rules.lag_s` seconds before it; `mw` awarded, `transfer`
    scheduled beside it [MW]. Power is shown as the score sees it: in % of the awarded, less the transfer."""
    frequency, power = np.asarray(hz, np.float64), np.asarray(kw, np.float64)
    score = scores(rules, frequency, power, mw, transfer)[rules.lag_s :]
    seen = frequency[: frequency.size - rules.lag_s] if rules.lag_s else frequency
    shown = (power[rules.lag_s :] / 10.0 - 100.0 * transfer) / mw
    heard = np.isfinite(seen) & np.isfinite(shown)
    return Cloud(score.size, int(heard.sum()), int((score[heard] == FULL).sum()), classes(seen[heard], shown[heard], centre(rules)))


def centre(rules: RuleSet) -> float:
    """The frequency [Hz] around which a product's seconds are counted."""
    return rules.curve.centre if rules.curve else NOMINAL


def classes(hz: ArrayLike, share: ArrayLike, middle: float = NOMINAL) -> Whole:
    """How many of the seconds [n] lie in each class of frequency [Hz] around `middle` and of power [%]: `SHAPE`."""
    row = np.floor((np.asarray(hz, np.float64) - middle - HZ_ENDS[0]) / HZ_STEP + 1e-6)
    column = np.floor((np.asarray(share, np.float64) - SHARE_ENDS[0]) / SHARE_STEP + 1e-6)
    place = np.clip(row, 0, SHAPE[0] - 1) * SHAPE[1] + np.clip(column, 0, SHAPE[1] - 1)
    place = place.astype(np.int64)  # not before it is clipped: an absurd number has no whole one
    return np.bincount(place, minlength=SHAPE[0] * SHAPE[1]).reshape(SHAPE)


def middles(middle: float = NOMINAL) -> tuple[Numbers, Numbers]:
    """The middle of each class: frequencies [Hz] around `middle`, powers [%]."""
    hz = middle + HZ_ENDS[0] + HZ_STEP * (np.arange(SHAPE[0], dtype=np.float64) + 0.5)
    share = SHARE_ENDS[0] + SHARE_STEP * (np.arange(SHAPE[1], dtype=np.float64) + 0.5)
    return np.asarray(hz), np.asarray(share)
