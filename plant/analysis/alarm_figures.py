"""How an alarm system does: the figures of ISA-18.2 / IEC 62682 (EEMUA 191), DOMAIN §3.4, and which alarm came first.

All from arrays of the alarms of a window: `raised` [epoch ms, int64, n], `cleared` [epoch ms, int64, n; OPEN while it stands], `tags` what
each alarm is one of (device and code), `severities`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plant.model import DAY, MINUTE, Window

Instants = np.ndarray[Any, np.dtype[np.int64]]

OPEN = -1
"""`cleared` of an alarm that still stands."""
INTERVAL = 10 * MINUTE
"""Rates are counted per fixed 10 minutes."""
ACCEPTABLE, FLOOD = 1.0, 10
"""Alarms per 10 min that a person can take for long; more than FLOOD in 10 min are a flood."""
MOST_IN_FLOOD, MOST_TOP_TEN, MOST_STALE = 0.01, 0.05, 5
"""Targets: share of time in flood, share of all alarms from the ten most frequent tags, alarms that stand for more than a day."""
CHATTER, CHATTER_WITHIN = 3, MINUTE
"""An alarm that is raised so often within so long is chattering."""
STALE_AFTER = DAY
TOGETHER = MINUTE
"""Alarms that begin within this of the first one are one event."""
PRIORITIES = (("low", ("info", "warning"), 0.80), ("medium", ("alarm",), 0.15), ("high", ("protection",), 0.05))
"""Priority, the severities it is made of, the share of all alarms it should have."""


@dataclass(frozen=True, slots=True)
class AlarmFigures:
    """`count` alarms raised in the window; `rate` their mean per 10 min, `peak` the most in one such interval, `in_flood` the share of
    intervals (0…1) with more than FLOOD; `top_ten` the share of the ten most frequent tags (0…1) and `top` those with their counts;
    `chattering` the tags that chatter; `stale` how many have stood for more than a day at the end; `split` the share by priority.
    None where no alarm was raised."""

    count: int
    rate: float
    peak: int
    in_flood: float
    top_ten: float | None
    top: tuple[tuple[str, int], ...]
    chattering: tuple[str, ...]
    stale: int
    split: tuple[tuple[str, float], ...] | None


def figures(raised: Instants, cleared: Instants, tags: Sequence[str], severities: Sequence[str], window: Window) -> AlarmFigures:
    """The figures of the alarms raised in `window`; those raised before count only as stale ones.

    >>> at = np.array([0, 20_000, 40_000]); f = figures(at, at + 1000, ["a"] * 3, ["warning"] * 3, Window(0, 1_200_000))
    >>> f.count, f.rate, f.peak, f.in_flood, f.top_ten, f.chattering, f.stale, f.split
    (3, 1.5, 3, 0.0, 1.0, ('a',), 0, (('low', 1.0), ('medium', 0.0), ('high', 0.0)))
    """
    inside = (raised >= window.start) & (raised < window.end)
    named = [tag for tag, is_in in zip(tags, inside, strict=True) if is_in]
    ranked = [severity for severity, is_in in zip(severities, inside, strict=True) if is_in]
    count = len(named)
    per = rates(raised, window)[1]
    top = tuple(sorted(Counter(named).items(), key=lambda item: (-item[1], item[0]))[:10])
    return AlarmFigures(
        count,
        count * INTERVAL / window.length,
        int(per.max(initial=0)),
        float(np.mean(per > FLOOD)),
        sum(number for _, number in top) / count if count else None,
        top,
        chattering(raised[inside], named),
        int(np.sum(standing(raised, cleared, window.end) & (window.end - raised > STALE_AFTER))),
        tuple((name, sum(one in of for one in ranked) / count) for name, of, _ in PRIORITIES) if count else None,
    )


def rates(raised: Instants, window: Window, width: int = INTERVAL) -> tuple[Instants, Instants]:
    """Starts of the clock's intervals of `width` [ms] that touch the window [epoch ms, k], and the alarms raised in each of them within the
    window [k]."""
    starts = np.arange(window.start - window.start % width, window.end, width, dtype=np.int64)
    inside = raised[(raised >= window.start) & (raised < window.end)]
    return starts, np.bincount((inside - starts[0]) // width, minlength=starts.size).astype(np.int64)


def standing(raised: Instants, cleared: Instants, at: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which alarms stand just before `at` [epoch ms; n]."""
    return np.asarray((raised < at) & ((cleared == OPEN) | (cleared >= at)), dtype=np.bool_)


def chattering(raised: Instants, tags: Sequence[str]) -> tuple[str, ...]:
    """Tags raised CHATTER times or more within CHATTER_WITHIN, the most frequent first."""
    found = []
    names = np.asarray(tags, dtype=object)
    for tag, count in Counter(tags).most_common():
        if count < CHATTER:
            break
        times = np.sort(raised[names == tag])
        if np.any(times[CHATTER - 1 :] - times[: -CHATTER + 1] <= CHATTER_WITHIN):
            found.append(tag)
    return tuple(found)


def first_outs(raised: Instants) -> tuple[Instants, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Event each alarm belongs to (0, 1, … in order of time; n), and which alarms were the first of an event of several (n). An event is
    what begins within TOGETHER of its first alarm; of alarms raised at one instant the one that comes first in `raised` is the first.

    >>> [part.tolist() for part in first_outs(np.array([70_000, 0, 59_000, 500_000]))]
    [[1, 0, 0, 2], [False, True, False, False]]
    """
    event = np.zeros(raised.size, dtype=np.int64)
    is_first = np.zeros(raised.size, dtype=bool)
    order = np.argsort(raised, kind="stable").tolist()
    begun, number, size, first = 0, -1, 0, 0
    for place in order:
        if number < 0 or raised[place] - begun > TOGETHER:
            begun, number, size, first = int(raised[place]), number + 1, 0, place
        size += 1
        is_first[first] = size > 1
        event[place] = number
    return event, is_first
