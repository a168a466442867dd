"""What something may cost on this machine at this moment: bars in seconds are those of a machine that does a plain loop of 100,000 steps in
`REFERENCE_S`, and a slower one, or one whose processor is busy elsewhere, gets as much more."""

import time

REFERENCE_S = 0.0095
"""The loop on the machine the bars were set on, whose `python -m bench` says "decode of 1,000 readings 1,000 µs"."""


def _loop() -> float:
    began, total = time.thread_time(), 0
    for step in range(100_000):
        total += step * step % 7
    return time.thread_time() - began


def on_this_machine(seconds: float) -> float:
    """The bar of so many seconds on this machine, now; never less than it says."""
    return seconds * max(1.0, min(_loop() for _ in range(5)) / REFERENCE_S)
