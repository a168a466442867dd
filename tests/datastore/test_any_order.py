"""Whatever happens in whatever order (live rows, late rows, loads, sealing, maintenance, kills, a second process), every backend
answers as the memory backend does. The steps are drawn by hypothesis; a failure prints the shortest sequence."""

import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from datastore.backends.memory import MemoryTelemetry
from datastore.open import open_telemetry
from datastore.ports import Columns, Numbers, Telemetry
from plant.model import DAY, HOUR, MINUTE, Block, Window

ZONE = "Europe/Berlin"
START = 1_790_049_600_000 + 30 * MINUTE  # half past an hour, two hours before a UTC noon
DEVICES = ("r1", "r2")
QUESTIONS = ({"resolution": MINUTE}, {"resolution": 15 * MINUTE}, {"resolution": HOUR}, {"resolution": 20_000}, {"points": 40})
METRICS = ("soc", "power", "current", "cell_voltages")
# read back bit by bit, but never summed: sums of these depend on their order
EXTREMES = (5e-324, 1.7e308, -1e-300, 2.0**53, 0.1 + 0.2, 1e15 + 0.5)
FIELDS = ("at", "n", "mean", "min", "max", "last", "sum")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


def unpadded(column: Numbers) -> Numbers:
    """A vector column without the elements at its end that are silent throughout: how far rows are padded is left open."""
    if column.ndim == 1:
        return column
    told = np.flatnonzero((~np.isnan(column)).any(axis=0))
    return column[:, : told[-1] + 1 if len(told) else 0]


class Plant:
    """One reference, and one database that one or two processes have open."""

    def __init__(self, url: str) -> None:
        self.clock = Clock()
        self.meant = MemoryTelemetry(ZONE, self.clock)
        self._url = url
        self._opened: list[Telemetry] = []
        self.stores = [self._open(), self._open()]
        self._told = 0
        self._moments = [START]

    def _open(self) -> Telemetry:
        self._opened.append(open_telemetry(self._url, ZONE, self.clock))
        return self._opened[-1]

    def _values(self) -> tuple[float, float | None, float | None, list[float | None] | None]:
        self._told += 1
        soc = float(self._told * 7 % 101) / 4
        current = EXTREMES[self._told % len(EXTREMES)] if self._told % 3 == 0 else None
        power = None if self._told % 5 == 0 else float(self._told % 13)
        cells = [3.0 + self._told % 7 / 100, None, 1 / (self._told % 3 + 1)] if self._told % 4 == 0 else None
        return soc, power, current, cells

    def live(self, which: int, seconds: int, step: int) -> None:
        """`seconds` pass and both devices speak every `step` of them."""
        rows = []
        for second in range(0, seconds, step):
            at = self.clock.now + second * 1000
            rows += [(device, at, at + 300, 0, *self._values()) for device in DEVICES]
        self.clock.now += seconds * 1000
        self._append(which, rows)

    def late(self, which: int, device: str, ago: int, count: int) -> None:
        """`count` readings from `ago` seconds in the past, known instants among them."""
        first = self.clock.now - ago * 1000
        self._append(which, [(device, first + i * 1000, self.clock.now, 0, *self._values()) for i in range(count)])

    def _append(self, which: int, rows: list[tuple[object, ...]]) -> None:
        block = Block("rack", METRICS, rows)
        assert self.stores[which].append([block]) == self.meant.append([block])
        self._moments.append(self.clock.now)

    def pause(self, seconds: int) -> None:
        self.clock.now += seconds * 1000

    def load(self, which: int, device: str, ago: int, minutes: int, step: int) -> None:
        """History by the minute (or faster), from `ago` seconds ago up to now at most."""
        first = (self.clock.now - ago * 1000) // MINUTE * MINUTE
        at = np.arange(first, min(first + minutes * MINUTE, self.clock.now), step * 1000, dtype=np.int64)
        values = {"soc": np.array([self._values()[0] for _ in at]), "power": np.arange(len(at), dtype=np.float64)}
        columns = Columns(at, at + 300, np.zeros(len(at), dtype=np.int64), values)
        assert self.stores[which].load(device, "rack", columns) == self.meant.load(device, "rack", columns)

    def seal(self, which: int, ago: int) -> None:
        self.stores[which].seal(self.clock.now - ago * 1000)

    def maintain(self, which: int) -> None:
        self.stores[which].maintain()

    def killed(self, which: int) -> None:
        """A process ends without a word, and a new one opens the file."""
        self.stores[which] = self._open()

    def ended(self, which: int) -> None:
        """A process ends in good order."""
        self.stores[which].close()
        self.stores[which] = self._open()

    def close(self) -> None:
        for store in self._opened:
            store.close()

    def agree(self, which: int) -> None:
        store = self.stores[which]
        now = self.clock.now
        keys = [(device, "rack") for device in DEVICES]
        for window in (Window(now - 3 * HOUR, now + MINUTE), Window(now - 47 * MINUTE - 1234, now - 777)):
            for question in QUESTIONS:
                found = store.series(keys, ["soc", "power"], window, zone=ZONE, **question)
                right = self.meant.series(keys, ["soc", "power"], window, zone=ZONE, **question)
                assert list(found) == list(right)
                for key in right:
                    for name in FIELDS:
                        np.testing.assert_array_equal(
                            getattr(found[key], name), getattr(right[key], name), err_msg=f"{question} {window} {key} {name}"
                        )
        assert store.latest(keys) == self.meant.latest(keys)
        for device in DEVICES:
            assert store.extent(device, "rack") == self.meant.extent(device, "rack")
            for as_of in (None, self._moments[len(self._moments) // 2], self._moments[-1] - 1):
                kept, told = (one.columns(device, "rack", METRICS, Window(0, now + DAY), as_of=as_of) for one in (store, self.meant))
                for name in ("at", "received", "quality"):
                    np.testing.assert_array_equal(getattr(kept, name), getattr(told, name), err_msg=f"{name} as of {as_of}")
                for name in told.values:
                    np.testing.assert_array_equal(unpadded(kept.values[name]), unpadded(told.values[name]), err_msg=f"{name} as of {as_of}")


processes = st.integers(0, 1)
devices = st.sampled_from(DEVICES)
steps = st.one_of(
    st.tuples(st.just("live"), processes, st.integers(1, 200), st.sampled_from((1, 7, 60))),
    st.tuples(st.just("late"), processes, devices, st.integers(1, 9000), st.integers(1, 30)),
    st.tuples(st.just("pause"), st.sampled_from((5, 75, 600, 4000))),
    st.tuples(st.just("load"), processes, devices, st.integers(60, 9000), st.integers(1, 90), st.sampled_from((20, 60))),
    st.tuples(st.just("seal"), processes, st.sampled_from((0, 61, 700, 3700))),
    st.tuples(st.just("maintain"), processes),
    st.tuples(st.just("killed"), processes),
    st.tuples(st.just("ended"), processes),
)


def told_in_any_order(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Draws `examples` sequences of steps, always the same ones."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    health = (HealthCheck.function_scoped_fixture,)
    drawn = settings(max_examples=examples, deadline=None, derandomize=True, phases=phases, suppress_health_check=health)
    return lambda test: drawn(given(sequence=st.lists(steps, min_size=2, max_size=9))(test))


def play(url: str, sequence: list[tuple[object, ...]]) -> None:
    note(repr(sequence))
    plant = Plant(url)
    try:
        for name, *arguments in sequence:
            getattr(plant, str(name))(*arguments)
            plant.agree(0)
        plant.agree(1)
    finally:
        plant.close()


@told_in_any_order(15)
def test_any_order_gives_the_answers_of_the_reference(tmp_path: Path, sequence: list[tuple[object, ...]]) -> None:
    play(f"sqlite:///{tmp_path / secrets.token_hex(4)}.db", sequence)


@pytest.mark.slow
@told_in_any_order(3)
def test_any_order_gives_the_same_answers_on_every_database(fresh_url: Callable[[], str], sequence: list[tuple[object, ...]]) -> None:
    play(fresh_url(), sequence)


def test_a_killed_demo_that_makes_up_the_missing_minutes_shows_all_of_them(tmp_path: Path) -> None:
    """History up to T, ten minutes live, killed, two minutes later opened again, the gap loaded, live goes on."""
    plant = Plant(f"sqlite:///{tmp_path / 'plant.db'}")
    for device in DEVICES:
        plant.load(0, device, 3600, 60, 60)
    for _ in range(10):
        plant.live(0, 60, 1)
        plant.maintain(0)
    plant.agree(0)
    plant.pause(125)
    plant.killed(0)
    plant.agree(0)
    for device in DEVICES:
        plant.load(0, device, 185, 3, 60)
    plant.agree(0)
    for turn in range(12):
        plant.live(0, 60, 1)
        if turn % 3:
            plant.maintain(0)
        if turn % 4 == 1:
            plant.agree(0)
    plant.seal(0, 300)
    plant.agree(0)
    plant.close()
