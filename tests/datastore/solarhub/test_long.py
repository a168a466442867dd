"""Long tables: buckets are cut by the server, so what a question costs here does not grow with the rows."""

import tracemalloc
from collections.abc import Callable

import numpy as np

from datastore.backends.solarhub.source import SolarHub
from plant.model import DAY, HOUR, SECOND, Window
from tests.datastore.solarhub.conftest import Machine
from tests.datastore.solarhub.test_dialects import mapping

ROWS = 400_000
START = 1717171200_000


def traced(ask: Callable[[], object]) -> tuple[object, int]:
    """(answer, most bytes that were held while it was made)."""
    tracemalloc.start()
    answer = ask()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return answer, most


def test_buckets_over_400_000_rows_take_the_memory_of_the_buckets(machine: Machine, database: str, mapped: Callable[..., SolarHub]) -> None:
    machine.run(
        [
            f"USE `{database}`",
            "CREATE TABLE t (at INT PRIMARY KEY, p DOUBLE, f DOUBLE)",
            f"INSERT INTO t SELECT {START // 1000} + seq, seq MOD 1000, IF(seq MOD 3, NULL, seq) FROM seq_0_to_{ROWS - 1}",
        ]
    )
    hub = mapped(mapping('form = "s"', 'active_power = "p"\nfrequency = "f"'))
    window, key = Window(START, START + ROWS * SECOND), ("meter01", "meter")
    hub.latest()
    answer, most = traced(lambda: hub.series([key], ["active_power", "frequency"], window, resolution=HOUR))
    power, frequency = (answer[*key, name] for name in ("active_power", "frequency"))  # type: ignore[index]
    # the same rows as arrays would be 10 MB, as Python's tuples 60 MB
    assert most < 2_000_000
    seconds = np.arange(ROWS)
    hours = seconds // 3600
    assert power.n.tolist() == np.bincount(hours).tolist()
    assert power.sum.tolist() == np.bincount(hours, seconds % 1000).tolist()
    spoken = seconds % 3 == 0
    assert frequency.n.tolist() == np.bincount(hours[spoken]).tolist()
    assert frequency.last.tolist() == [seconds[spoken & (hours == hour)][-1] for hour in range(hours[-1] + 1)]
    assert power.coverage == frequency.coverage == 1
    # a thousand buckets of a chart, and the days
    chart = hub.series([key], ["active_power"], window, points=1000)[*key, "active_power"]
    assert chart.n.sum() == ROWS and len(chart.at) <= 1001 and chart.resolution == 600 * SECOND
    assert hub.series([key], ["active_power"], window, resolution=DAY)[*key, "active_power"].n.sum() == ROWS
    extent = hub.extent(*key)
    assert extent is not None and extent.rows == {"active_power": ROWS, "frequency": int(spoken.sum())}


def test_rows_are_streamed_into_arrays(machine: Machine, database: str, mapped: Callable[..., SolarHub]) -> None:
    rows = 100_000
    machine.run(
        [
            f"USE `{database}`",
            "CREATE TABLE t (at BIGINT PRIMARY KEY, p DOUBLE)",
            f"INSERT INTO t SELECT {START} + seq * 100, seq FROM seq_0_to_{rows - 1}",
        ]
    )
    hub = mapped(mapping('form = "ms"'))
    hub.latest()
    window = Window(START, START + DAY)
    found, most = traced(lambda: hub.columns("meter01", "meter", ["active_power"], window))
    assert np.array_equal(found.values["active_power"], np.arange(rows))  # type: ignore[attr-defined]
    # the answer is at and one column, 1.6 MB; Python's tuples of all rows would be 12 MB
    assert most < 8_000_000
