"""A copy answers every question as the store it was made of, whatever the two databases."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest

from datastore.copying import copy_readings
from datastore.kept.telemetry import KeptTelemetry
from datastore.open import open_telemetry
from datastore.ports import Columns, Telemetry
from plant.errors import Conflict
from plant.model import DAY, HOUR, MINUTE, Block, Window
from tests.datastore.conftest import BACKENDS

NOON = 1_790_049_600_000
EVER = Window(NOON - 10 * DAY, NOON + DAY)
PAIRS = [("sqlite", "postgresql"), ("postgresql", "mongodb"), ("mongodb", "mariadb"), ("mariadb", "sqlite"), ("sqlite", "sqlite")]


class Clock:
    now = NOON

    def __call__(self) -> int:
        return self.now


def fill(store: Telemetry, clock: Clock) -> None:
    """Loaded days, live seconds, late and changed readings, vectors, a sealed stretch, marks not yet drained."""
    at = np.arange(NOON - 5 * DAY, NOON - 2 * DAY, 5 * MINUTE, dtype=np.int64)
    for device in ("r1", "r2"):
        store.load(device, "rack", Columns(at, at + 40, np.zeros(len(at), np.int64), {"soc": np.round(50 + np.sin(at / HOUR), 2)}))
    for second in range(0, 1200, 60):
        clock.now = NOON + second * 1000
        rows = [(device, clock.now + s * 1000, clock.now + s * 1000 + 7, 1, 40.0 + s, [3.2, None, 3.3 + s / 100])
                for s in range(0, 60, 10) for device in ("r1", "r2")]  # fmt: skip
        store.append([Block("rack", ("soc", "cell_voltages"), rows)])
        store.append([Block("pcs", ("active_power",), [("p1", clock.now, clock.now, 0, float(second))])])
    store.maintain()
    store.seal(NOON + 10 * MINUTE)
    clock.now += HOUR
    store.append([Block("rack", ("soc",), [("r1", NOON + 20_000, clock.now, 4, 99.5), ("r1", NOON - 3 * DAY + 1, clock.now, 4, 12.25)])])
    store.append([Block("rack", ("soh",), [("r2", NOON + 15 * MINUTE, clock.now, 4, 97.5)])])


def answers(store: Telemetry, clock: Clock) -> list[object]:
    found: list[object] = []
    for as_of in (None, NOON + 15 * MINUTE):
        for device, kind, metrics in (
            ("r1", "rack", ["soc", "soh", "cell_voltages"]),
            ("r2", "rack", ["soc"]),
            ("p1", "pcs", ["active_power"]),
        ):
            columns = store.columns(device, kind, metrics, EVER, as_of=as_of)
            found += [columns.at, columns.received, columns.quality, *columns.values.values()]
    for resolution in (MINUTE, 15 * MINUTE, HOUR, DAY):
        series = store.series([("r1", "rack"), ("r2", "rack"), ("p1", "pcs")], ["soc", "active_power"], EVER, resolution=resolution)
        for key in sorted(series):
            one = series[key]
            found += [np.array(one.coverage), one.at, one.n, one.mean, one.min, one.max, one.last, one.sum]
    latest = store.latest()
    found.append([(key, latest[key].at, latest[key].received, latest[key].values, latest[key].times) for key in sorted(latest)])
    found += [store.extent("r1", "rack"), store.extent("p1", "pcs")]
    return found


def compare(one: list[object], other: list[object]) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        if isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right)
        else:
            assert left == right


@pytest.fixture(params=PAIRS, ids="→".join)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[KeptTelemetry, KeptTelemetry, Clock]]:
    clock = Clock()
    with ExitStack() as stack:
        opened = []
        for i, name in enumerate(request.param):
            url = f"sqlite:///{tmp_path / f'{i}.db'}" if name == "sqlite" else BACKENDS[name](request)
            store = open_telemetry(url, "UTC", clock)
            assert isinstance(store, KeptTelemetry)
            opened.append(stack.enter_context(closing(store)))
        yield opened[0], opened[1], clock


def test_a_copy_answers_as_its_source(stores: tuple[KeptTelemetry, KeptTelemetry, Clock], tmp_path: Path) -> None:
    source, target, clock = stores
    fill(source, clock)
    copied = copy_readings(source.engine, target.engine, clock.now)
    assert (copied.devices, copied.revisions) == (3, 2)  # soc 60.0 and the silent soh before they were changed
    reopened = KeptTelemetry(target.engine, clock)
    compare(answers(source, clock), answers(reopened, clock))
    for store in (source, reopened):
        store.maintain()
    compare(answers(source, clock), answers(reopened, clock))
    with pytest.raises(Conflict, match="holds readings already"):
        copy_readings(source.engine, target.engine, clock.now)
