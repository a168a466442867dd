"""What every telemetry backend must do. The memory backend says what is meant; a test here never names a database."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from datastore.backends.memory import MemoryTelemetry
from datastore.open import open_telemetry
from datastore.ports import Columns, Outcome, Series, Telemetry
from plant.errors import Invalid, MetricNotFound
from plant.model import DAY, HOUR, MINUTE, Block, Quality, Window
from tests.datastore.reference import Reference

ZONE = "Asia/Taipei"
NOON = 1_790_049_600_000  # 2026-09-22 04:00 UTC = 12:00 in Taipei
FIELDS = ("at", "n", "mean", "min", "max", "last", "sum")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(backend_url: str, clock: Clock) -> Iterator[Callable[[], Telemetry]]:
    """Opens the backend; called again it opens the same data anew where there is something kept."""
    stores: list[Telemetry] = []

    def open_it() -> Telemetry:
        if backend_url != "memory://" or not stores:
            stores.append(open_telemetry(backend_url, ZONE, clock, 6 * HOUR))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


@pytest.fixture
def telemetry(opened: Callable[[], Telemetry]) -> Telemetry:
    return opened()


def rack(*rows: tuple[object, ...], metrics: tuple[str, ...] = ("soc", "power"), received: int = 300, device: str = "r1") -> Block:
    """Rows (at, value, value …) received `received` ms later."""
    return Block("rack", metrics, [(device, row[0], int(str(row[0])) + received, Quality.SIMULATED, *row[1:]) for row in rows])


def read(telemetry: Telemetry, *metrics: str, window: Window | None = None, **more: int) -> Columns:
    return telemetry.columns("r1", "rack", metrics or ("soc", "power"), window or Window(NOON - DAY, NOON + DAY), **more)


def one(telemetry: Telemetry, metric: str = "soc", window: Window | None = None, device: str = "r1", **question: object) -> Series:
    answer = telemetry.series([(device, "rack")], [metric], window or Window(NOON, NOON + HOUR), **question)  # type: ignore[arg-type]
    return answer[device, "rack", metric]


def test_what_was_sent_is_what_is_read(telemetry: Telemetry) -> None:
    assert telemetry.append([rack((NOON + 1000, 50.5, -3.25), (NOON, 50.1, None))]) == [Outcome(inserted=2)]
    found = read(telemetry)
    assert found.at.tolist() == [NOON, NOON + 1000]
    assert found.received.tolist() == [NOON + 300, NOON + 1300]
    assert found.quality.tolist() == [1, 1]
    np.testing.assert_array_equal(found.values["soc"], [50.1, 50.5])
    np.testing.assert_array_equal(found.values["power"], [np.nan, -3.25])


def test_windows_are_start_inclusive_end_exclusive(telemetry: Telemetry) -> None:
    telemetry.append([rack((NOON, 1.0, 1.0), (NOON + 1, 2.0, 2.0), (NOON + 2, 3.0, 3.0))])
    assert read(telemetry, window=Window(NOON, NOON + 2)).values["soc"].tolist() == [1.0, 2.0]


def test_sending_again_is_a_duplicate(telemetry: Telemetry) -> None:
    telemetry.append([rack((NOON, 50.1, 2.0))])
    assert telemetry.append([rack((NOON, 50.1, 2.0)), rack((NOON, 50.1, None))]) == [Outcome(duplicates=1), Outcome(duplicates=1)]
    assert len(read(telemetry).at) == 1


def test_twice_in_one_block_is_kept_once(telemetry: Telemetry) -> None:
    assert telemetry.append([rack((NOON, 50.1, 2.0), (NOON, 50.1, 2.0))]) == [Outcome(inserted=1, duplicates=1)]


def test_a_partial_reading_merges_and_nulls_nothing(telemetry: Telemetry) -> None:
    telemetry.append([rack((NOON, 50.1, None))])
    assert telemetry.append([rack((NOON, None, 7.0))]) == [Outcome(merged=1)]
    found = read(telemetry)
    assert (found.values["soc"].tolist(), found.values["power"].tolist()) == ([50.1], [7.0])


def test_another_value_wins_and_the_old_one_is_found_as_of_then(telemetry: Telemetry) -> None:
    telemetry.append([rack((NOON, 50.0, 1.0))])
    assert telemetry.append([rack((NOON, 51.0, 1.0), received=5000)]) == [Outcome(revised=1)]
    telemetry.append([rack((NOON, 52.0, 1.0), received=9000)])
    assert read(telemetry, "soc").values["soc"].tolist() == [52.0]
    assert read(telemetry, "soc", as_of=NOON + 5000).values["soc"].tolist() == [51.0]
    assert read(telemetry, "soc", as_of=NOON + 4999).values["soc"].tolist() == [50.0]
    assert not len(read(telemetry, "soc", as_of=NOON + 299).at)


def test_series_as_of_a_moment_know_what_had_come_by_then(telemetry: Telemetry) -> None:
    telemetry.append([rack((NOON, 50.0, 1.0), (NOON + 1000, 52.0, 1.0))])
    telemetry.append([rack((NOON, 60.0, 1.0), (NOON + 2000, 70.0, 1.0), received=9000)])
    now, then, before = (one(telemetry, resolution=MINUTE, **more) for more in ({}, {"as_of": NOON + 5000}, {"as_of": NOON + 299}))
    assert (now.n[0], now.mean[0], now.max[0], now.last[0]) == (3, (60 + 52 + 70) / 3, 70.0, 70.0)
    assert (then.n[0], then.mean[0], then.max[0], then.last[0]) == (2, 51.0, 52.0, 52.0)
    assert before.n.sum() == 0 and np.isnan(before.mean).all()
    assert one(telemetry, resolution=0, as_of=NOON + 5000).mean.tolist() == [50.0, 52.0]


def test_what_merged_later_was_not_known_before(telemetry: Telemetry) -> None:
    telemetry.append([rack((NOON, 50.0, None))])
    telemetry.append([rack((NOON, None, 7.0), received=5000)])
    assert np.isnan(read(telemetry, as_of=NOON + 1000).values["power"]).all()
    assert read(telemetry, as_of=NOON + 5000).values["power"].tolist() == [7.0]


def test_vectors_keep_their_silent_elements_and_widths(telemetry: Telemetry) -> None:
    cells = ("soc", "cell_voltages", "cell_temperatures")
    telemetry.append([rack((NOON, 1.0, [3.301, None, 3.3], None), (NOON + 1, 1.0, [3.3, 3.2, 3.1, 3.123456789], [20.5]), metrics=cells)])
    found = read(telemetry, *cells)
    np.testing.assert_array_equal(found.values["cell_voltages"], [[3.301, np.nan, 3.3, np.nan], [3.3, 3.2, 3.1, 3.123456789]])
    np.testing.assert_array_equal(found.values["cell_temperatures"], [[np.nan], [20.5]])
    assert telemetry.latest()["r1", "rack"].values["cell_voltages"] == [3.3, 3.2, 3.1, 3.123456789]


def test_a_vector_sent_again_is_a_duplicate_and_another_one_revises(telemetry: Telemetry) -> None:
    vector = ("cell_voltages",)
    telemetry.append([rack((NOON, [3.3, None]), metrics=vector)])
    assert telemetry.append([rack((NOON, [3.3, None]), metrics=vector)]) == [Outcome(duplicates=1)]
    assert telemetry.append([rack((NOON, [3.4, 3.3]), metrics=vector, received=900)]) == [Outcome(revised=1)]
    assert read(telemetry, "cell_voltages").values["cell_voltages"].tolist() == [[3.4, 3.3]]
    np.testing.assert_array_equal(read(telemetry, "cell_voltages", as_of=NOON + 400).values["cell_voltages"][0], [3.3, np.nan])


def test_one_id_may_be_two_kinds(telemetry: Telemetry) -> None:
    telemetry.append([Block("bess", ("soc",), [("x", NOON, NOON, 0, 10.0)]), Block("pcs", ("frequency",), [("x", NOON, NOON, 0, 60.0)])])
    assert set(telemetry.latest()) == {("x", "bess"), ("x", "pcs")}
    assert telemetry.latest([("x", "pcs"), ("y", "pcs")])["x", "pcs"].values == {"frequency": 60.0}


def test_latest_is_the_newest_of_each_metric(telemetry: Telemetry) -> None:
    telemetry.append([rack((NOON, 50.0, 1.0), (NOON + 1000, None, 2.0))])
    telemetry.append([rack((NOON - 5000, 49.0, 9.0))])
    latest = telemetry.latest()["r1", "rack"]
    assert latest.at == NOON + 1000
    assert latest.values == {"soc": 50.0, "power": 2.0}
    assert latest.times == {"soc": NOON, "power": NOON + 1000}


def test_rows_in_which_no_asked_metric_speaks_are_left_out(telemetry: Telemetry) -> None:
    telemetry.append([rack((NOON, 50.0, None), (NOON + 1000, None, 2.0))])
    assert read(telemetry, "power").at.tolist() == [NOON + 1000]


def test_limit_takes_the_first(telemetry: Telemetry) -> None:
    telemetry.append([rack(*[(NOON + i * HOUR, float(i), None) for i in range(9)])])
    assert read(telemetry, "soc", limit=4).values["soc"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_an_unknown_metric_is_named(telemetry: Telemetry) -> None:
    with pytest.raises(MetricNotFound, match="'warp'"):
        telemetry.append([rack((NOON, 1.0), metrics=("warp",))])
    with pytest.raises(MetricNotFound, match="'warp'"):
        read(telemetry, "warp")
    with pytest.raises(Invalid, match="vector"):
        one(telemetry, "cell_voltages", points=10)


def test_a_silent_device_answers_with_empty_columns_and_gaps(telemetry: Telemetry) -> None:
    assert not len(read(telemetry).at)
    assert telemetry.latest() == {}
    assert telemetry.extent("r1", "rack") is None and telemetry.bounds("r1", "rack") is None
    series = one(telemetry, resolution=15 * MINUTE)
    assert series.at.tolist()[:4] == [NOON + i * 15 * MINUTE for i in range(4)]
    assert np.isnan(series.mean).all() and series.n.sum() == 0 and series.coverage == 0


def test_buckets_hold_min_max_mean_last_sum_and_gaps_stay(telemetry: Telemetry) -> None:
    telemetry.append([rack((NOON, 1.0, None), (NOON + 20_000, 9.0, None), (NOON + 40_000, 2.0, None), (NOON + 130_000, 5.0, None))])
    series = one(telemetry, window=Window(NOON, NOON + 3 * MINUTE), resolution=MINUTE)
    assert series.at.tolist() == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]
    np.testing.assert_array_equal(series.n, [3, 0, 1])
    np.testing.assert_array_equal(series.mean, [4.0, np.nan, 5.0])
    np.testing.assert_array_equal(series.min, [1.0, np.nan, 5.0])
    np.testing.assert_array_equal(series.max, [9.0, np.nan, 5.0])
    np.testing.assert_array_equal(series.last, [2.0, np.nan, 5.0])
    np.testing.assert_array_equal(series.sum, [12.0, np.nan, 5.0])


def test_few_readings_come_raw_many_in_buckets(telemetry: Telemetry) -> None:
    telemetry.append([rack(*[(NOON + i * MINUTE, float(i), None) for i in range(50)])])
    raw = one(telemetry, points=60)
    assert (raw.resolution, len(raw.at)) == (0, 50)
    wide = one(telemetry, points=10)
    assert (wide.resolution, wide.n.tolist()) == (10 * MINUTE, [10.0] * 5 + [0.0])


def test_a_spike_never_vanishes(telemetry: Telemetry) -> None:
    telemetry.append([rack(*[(NOON + i * 1000, 99.0 if i == 1234 else 50.0, None) for i in range(3600)])])
    for points in (4, 30, 200):
        assert np.nanmax(one(telemetry, points=points).max) == 99.0


def test_days_are_those_of_the_site(telemetry: Telemetry) -> None:
    midnight = NOON - 12 * HOUR
    telemetry.append([rack((midnight - 1, 1.0, None), (midnight, 2.0, None), (midnight + DAY - 1, 3.0, None), (midnight + DAY, 4.0, None))])
    series = one(telemetry, window=Window(midnight - DAY, midnight + 2 * DAY), resolution=DAY, zone=ZONE)
    assert series.at.tolist() == [midnight - DAY, midnight, midnight + DAY]
    assert series.sum.tolist() == [1.0, 5.0, 4.0]


def test_coverage_is_what_was_heard(telemetry: Telemetry) -> None:
    telemetry.append([rack(*[(NOON + i * 1000, 1.0, None) for i in range(3600) if not 600 <= i < 1500])])
    assert one(telemetry, resolution=MINUTE).coverage == pytest.approx(0.75, abs=0.01)


def test_a_slow_device_is_covered_between_its_readings(telemetry: Telemetry) -> None:
    telemetry.append([rack(*[(NOON + i * 15 * MINUTE, 1.0, None) for i in range(4)])])
    for question in ({"resolution": MINUTE}, {"resolution": HOUR}, {"resolution": 0}):
        assert one(telemetry, **question).coverage == pytest.approx(1, abs=0.01)


def plant_of(seed: int, seconds: int = 4500) -> list[tuple[object, ...]]:
    """Rows with silence, noise and a gap."""
    rng = np.random.default_rng(seed)
    values = np.round(50 + rng.normal(0, 5, (seconds, 2)), 1)
    return [
        (NOON + i * 1000, float(values[i, 0]), float(values[i, 1]) if i % 10 else None)
        for i in range(seconds)
        if not 2000 <= i < 2600
    ]  # fmt: skip


QUESTIONS: tuple[dict[str, object], ...] = (
    {"points": 7}, {"points": 100}, {"points": 100_000}, {"resolution": 0}, {"resolution": 1000}, {"resolution": MINUTE},
    {"resolution": 15 * MINUTE}, {"resolution": HOUR}, {"resolution": DAY, "zone": ZONE}, {"resolution": DAY, "zone": "Asia/Kolkata"},
)  # fmt: skip
WINDOWS = (Window(NOON, NOON + 2 * HOUR), Window(NOON + 61_500, NOON + 5_000_123), Window(NOON - DAY, NOON + DAY))


def agree(telemetry: Telemetry, meant: Telemetry, coverage: float = 0.05) -> None:
    """All questions have the answers the reference gives; the reference itself is asked less, it can only agree with itself."""
    for window in WINDOWS[:1] if isinstance(telemetry, MemoryTelemetry) else WINDOWS:
        for question in QUESTIONS if window is WINDOWS[0] else QUESTIONS[1::3]:
            for metric in ("soc", "power"):
                found, right = one(telemetry, metric, window, **question), one(meant, metric, window, **question)
                assert found.resolution == right.resolution
                for name in FIELDS:
                    np.testing.assert_allclose(
                        getattr(found, name), getattr(right, name), rtol=1e-12, err_msg=f"{question} {window} {metric} {name}"
                    )
                assert found.coverage == pytest.approx(right.coverage, abs=coverage), (question, window, metric)
    assert telemetry.latest() == meant.latest()
    assert telemetry.extent("r1", "rack") == meant.extent("r1", "rack")
    assert telemetry.bounds("r1", "rack") == meant.bounds("r1", "rack")
    found, right = read(telemetry), read(meant)
    for name in ("at", "received", "quality"):
        np.testing.assert_array_equal(getattr(found, name), getattr(right, name))
    for name in right.values:
        np.testing.assert_array_equal(found.values[name], right.values[name])


def test_many_devices_are_answered_as_each_alone(telemetry: Telemetry, clock: Clock) -> None:
    for i, name in enumerate(("r1", "r2", "r3")):
        telemetry.append([rack(*[(NOON + s * 1000, float(s * i), None) for s in range(900)], device=name)])
    telemetry.seal(NOON + 300_500)
    keys = [(name, "rack") for name in ("r1", "r2", "r3", "never")]
    together = telemetry.series(keys, ["soc"], Window(NOON, NOON + HOUR), resolution=10_000)
    assert list(together) == [(*key, "soc") for key in keys]
    for (name, _, _), series in together.items():
        alone = one(telemetry, device=name, resolution=10_000)
        for part in FIELDS:
            np.testing.assert_array_equal(getattr(series, part), getattr(alone, part))
    assert together["r3", "rack", "soc"].max[1] == 38.0


def live(stores: list[Telemetry], clock: Clock, rows: list[tuple[object, ...]], keep: bool = True) -> None:
    """Rows arrive as they happen, ten seconds at a time."""
    for i in range(0, len(rows), 10):
        clock.now = int(str(rows[min(i + 9, len(rows) - 1)][0])) + 500
        outcomes = [store.append([rack(*rows[i : i + 10])]) for store in stores]
        assert all(outcome == outcomes[0] for outcome in outcomes)
        if keep and i % 60 == 0:
            for store in stores:
                store.maintain()


def test_live_rollups_say_what_the_readings_say(telemetry: Telemetry, clock: Clock) -> None:
    meant = Reference(ZONE, clock)
    live([telemetry, meant], clock, plant_of(1))
    agree(telemetry, meant)
    clock.now += HOUR
    telemetry.maintain()
    agree(telemetry, meant)
    telemetry.maintain()
    agree(telemetry, meant)


def test_late_merged_and_changed_readings_reach_the_rollups(telemetry: Telemetry, clock: Clock) -> None:
    meant = Reference(ZONE, clock)
    # half of the time at 2 s, half at 1 s: how much that covers is a matter of taste
    rows = plant_of(2)
    live([telemetry, meant], clock, rows[::2])
    late = [rack(*rows[1::2][:900]), rack(*[(row[0], 77.5, None) for row in rows[:40:2]], received=9000)]
    newest = [rack((rows[-2][0], 12.5, 3.0), received=8000)]
    for blocks in (late, newest):
        assert telemetry.append(blocks) == meant.append(blocks)
        agree(telemetry, meant, coverage=1)
    telemetry.maintain()
    agree(telemetry, meant, coverage=1)
    clock.now += 3 * HOUR
    telemetry.maintain()
    agree(telemetry, meant, coverage=1)


def test_sealing_changes_no_answer(telemetry: Telemetry, clock: Clock) -> None:
    meant = Reference(ZONE, clock)
    rows = plant_of(3)
    live([telemetry, meant], clock, rows)
    for before in (NOON + 1_234_567, NOON + HOUR + 1, NOON + HOUR + 1, NOON + DAY):
        telemetry.seal(before)
        agree(telemetry, meant)
        telemetry.maintain()
        agree(telemetry, meant)
    clock.now += 3 * HOUR
    telemetry.maintain()
    agree(telemetry, meant)


def test_sealed_readings_are_recognised_and_late_ones_join_them(telemetry: Telemetry, clock: Clock) -> None:
    meant = Reference(ZONE, clock)
    rows = plant_of(4)
    live([telemetry, meant], clock, rows[::2])
    telemetry.seal(NOON + HOUR)
    for blocks in (
        [rack(*rows[:100:2])],  # all known
        [rack(*rows[1:100:2])],  # late
        [rack(*[(row[0], None, 4.5) for row in rows[:200:2]], received=7000)],  # merging and revising
        [rack(*[(row[0], 4.5, None) for row in rows[:20:2]], received=8000)],
    ):
        assert telemetry.append(blocks) == meant.append(blocks)
        assert telemetry.append(blocks) == meant.append(blocks)
        agree(telemetry, meant)
    telemetry.maintain()
    agree(telemetry, meant)
    telemetry.seal(NOON + HOUR)
    agree(telemetry, meant)
    np.testing.assert_array_equal(read(telemetry, as_of=NOON + 6000).values["soc"], read(meant, as_of=NOON + 6000).values["soc"])


def test_reopening_finds_everything(opened: Callable[[], Telemetry], clock: Clock) -> None:
    meant = Reference(ZONE, clock)
    telemetry = opened()
    rows = plant_of(5)
    live([telemetry, meant], clock, rows[:1500])
    telemetry.seal(NOON + 600_000)
    again = opened()  # the first was not closed: as after a crash
    agree(again, meant)
    live([again, meant], clock, rows[1500:2500])
    again.maintain()
    agree(again, meant)
    again.close()
    agree(opened(), meant)


def loaded(rows: list[tuple[object, ...]]) -> Columns:
    at = np.array([row[0] for row in rows], dtype=np.int64)
    values = {name: np.array([row[i] for row in rows], dtype=np.float64) for i, name in ((1, "soc"), (2, "power"))}
    return Columns(at, at + 300, np.ones(len(rows), dtype=np.int64), values)


def test_loading_is_appending(telemetry: Telemetry, clock: Clock) -> None:
    meant = Reference(ZONE, clock)
    rows = plant_of(6)
    for part in (rows[1000:2000], rows[:1500], rows[3000:]):
        assert telemetry.load("r1", "rack", loaded(part)) == meant.load("r1", "rack", loaded(part))
        agree(telemetry, meant)
    clock.now = NOON + 2 * HOUR
    telemetry.maintain()
    agree(telemetry, meant)
    assert telemetry.append([rack(*rows[:50])]) == [Outcome(duplicates=50)]


def test_live_goes_on_where_the_load_ended(telemetry: Telemetry, clock: Clock) -> None:
    meant = Reference(ZONE, clock)
    rows = plant_of(7)
    for store in (telemetry, meant):
        store.load("r1", "rack", loaded(rows[:1234]))
    live([telemetry, meant], clock, rows[1234:])
    agree(telemetry, meant)
    clock.now += 2 * HOUR
    telemetry.maintain()
    agree(telemetry, meant)


def test_loaded_vectors_are_read_back(telemetry: Telemetry) -> None:
    at = NOON + np.arange(3, dtype=np.int64) * HOUR
    cells = np.array([[3.3, 3.301], [np.nan, np.nan], [3.25, np.nan]])
    telemetry.load("r1", "rack", Columns(at, at, np.zeros(3, np.int64), {"soc": np.array([1.0, 2.0, 3.0]), "cell_voltages": cells}))
    found = read(telemetry, "cell_voltages")
    assert found.at.tolist() == [NOON, NOON + 2 * HOUR]
    np.testing.assert_array_equal(found.values["cell_voltages"], [[3.3, 3.301], [3.25, np.nan]])
    extent = telemetry.extent("r1", "rack")
    assert extent is not None and extent.rows == {"soc": 3, "cell_voltages": 2}


def test_forgetting_drops_what_is_older(telemetry: Telemetry, clock: Clock) -> None:
    meant = Reference(ZONE, clock)
    rows = plant_of(8)
    live([telemetry, meant], clock, rows)
    telemetry.seal(NOON + HOUR)
    telemetry.append([rack((NOON, 1.0, 1.0), device="other")])
    before = NOON + 1_000_500
    assert telemetry.forget("pcs", before) == 0
    assert telemetry.forget("rack", before) > 0
    meant.forget("rack", before)
    agree(telemetry, meant)
    clock.now += 3 * HOUR
    telemetry.maintain()
    agree(telemetry, meant)
    telemetry.forget("rack", NOON + DAY)
    assert telemetry.latest() == {} and telemetry.extent("r1", "rack") is None and not len(read(telemetry).at)
