"""The way in: what is refused and why, what is set right, and what a caller may rely on when it is told "kept"."""

import threading
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datastore import intake as intake_module
from datastore.backends.memory import MemoryTelemetry
from datastore.backends.memory_records import MemoryRecords
from datastore.flagging import Clocks
from datastore.intake import Intake, Rejected, check
from datastore.live import LiveBus
from datastore.ports import Outcome
from datastore.vetting import plan_of, survey
from plant.errors import DeviceNotFound, Invalid, MetricNotFound, Unavailable
from plant.model import DAY, MINUTE, Block, Device, Quality, Window

NOW = 1_790_000_000_000
BESS = ("soc", "voltage", "current")


def bess(*rows: tuple, metrics: tuple[str, ...] = BESS) -> Block:
    return Block("bess", metrics, list(rows))


def row(device: str = "bess01", at: int = NOW, *values: object, received: int = NOW, quality: int = 0) -> tuple:
    return (device, at, received, quality, *(values or (50.0, 800.0, 12.5)))


class Bench:
    """An intake over memory with everything in reach."""

    def __init__(self, telemetry=None, auto_register: bool = True) -> None:
        self.telemetry = telemetry or MemoryTelemetry("UTC", lambda: NOW)
        self.records = MemoryRecords(lambda: NOW)
        self.live = LiveBus()
        self.heard: list[list[Block]] = []
        self.live.subscribe("readings", lambda _topic, blocks: self.heard.append(blocks))
        self.intake = Intake(self.telemetry, self.records, self.live, lambda: NOW, auto_register)

    def stored(self, device: str = "bess01", kind: str = "bess", metrics: tuple[str, ...] = BESS):
        return self.telemetry.columns(device, kind, metrics, Window(0, NOW + DAY))


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.intake.close()


class Gate:
    """Telemetry that waits for leave before each commit, remembers what each commit held, and fails when told to."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.commits: list[list[Block]] = []
        self.error: Exception | None = None
        self.poison: dict[str, Exception] = {}

    def append(self, blocks):
        self.entered.set()
        assert self.open.wait(30)
        self.commits.append(list(blocks))
        for block in blocks:
            for reading in block.rows:
                if reading[0] in self.poison:
                    raise self.poison[reading[0]]
        if self.error:
            raise self.error
        return [Outcome(inserted=len(block.rows)) for block in blocks]


@pytest.fixture
def gate():
    """A gated intake whose writer is already busy with a first submit, so that what follows waits together."""
    made = Bench(Gate())
    made.first = made.intake.submit([bess(row("first"))])
    assert made.telemetry.entered.wait(30)
    yield made
    made.telemetry.open.set()
    made.intake.close()


# --- what is refused, and why ---------------------------------------------------------------------------------------


def test_good_rows_pass_the_check_untouched():
    block = bess(row(), row(at=NOW + 1000))
    good, rejected = check([block])
    assert good == [block]
    assert good[0] is block
    assert rejected == []


BAD_ROWS = {
    "nan": (row("bess01", NOW, 50.0, float("nan"), 1.0), "voltage", "nan is not a finite number"),
    "infinite": (row("bess01", NOW, float("inf"), 1.0, 1.0), "soc", "inf is not a finite number"),
    "minus infinite": (row("bess01", NOW, 1.0, 1.0, float("-inf")), "current", "-inf is not a finite number"),
    "text": (row("bess01", NOW, "50", 1.0, 1.0), "soc", "'50' is not a number"),
    "list for a scalar": (row("bess01", NOW, [50.0], 1.0, 1.0), "soc", "[50.0] is not a number"),
    "huge integer": (row("bess01", NOW, 10**400, 1.0, 1.0), "soc", "is out of range"),
    "beyond 64 bits": (row("bess01", NOW, 2**63, 1.0, 1.0), "soc", "is out of range"),
    "huge float": (row("bess01", NOW, 1.0, 1.0, -1e19), "current", "-1e+19 is out of range"),
    "silent": (row("bess01", NOW, None, None, None), "values", "the reading says nothing: every value is empty"),
    "time is a float": (row("bess01", 1.5, 1.0, 1.0, 1.0), "timestamp", "1.5 is not a whole number"),
    "time is missing": (row("bess01", None, 1.0, 1.0, 1.0), "timestamp", "None is not a whole number"),
    "time beyond 64 bits": (row("bess01", 2**63, 1.0, 1.0, 1.0), "timestamp", "does not fit 64 bits"),
    "device is a number": (row(7, NOW, 1.0, 1.0, 1.0), "device_id", "a device id is text"),
    "device is empty": (row("", NOW, 1.0, 1.0, 1.0), "device_id", "a device id has 1 to 128 characters"),
    "device is endless": (row("x" * 129, NOW, 1.0, 1.0, 1.0), "device_id", "a device id has 1 to 128 characters"),
    "device has a line break": (row("a\nb", NOW, 1.0, 1.0, 1.0), "device_id", "only printable characters"),
    "device is half a character": (row("a\ud800", NOW, 1.0, 1.0, 1.0), "device_id", "only printable characters"),
    "device is a path": (row("fleet", NOW, 1.0, 1.0, 1.0), "device_id", "'fleet' is reserved and names no device"),
    "too short": (("bess01", NOW, NOW, 0, 1.0), "values", "a row has 7 columns"),
    "too long": (row("bess01", NOW, 1.0, 2.0, 3.0, 4.0), "values", "a row has 7 columns"),
    "no row": (None, "values", "a row has 7 columns"),
    "quality is text": (row("bess01", NOW, 1.0, 1.0, 1.0, quality="good"), "quality", "'good' is not a whole number"),
    "received before 1970": (row("bess01", NOW, 1.0, 1.0, 1.0, received=-1), "received", "the time of receipt lies before 1970"),
}


@pytest.mark.parametrize(("bad", "field", "reason"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
@pytest.mark.parametrize("neighbours", [0, 1, 40])
def test_a_bad_row_is_named_and_its_neighbours_are_kept(bad, field, reason, neighbours):
    around = [row(at=NOW - number) for number in range(neighbours)]
    good, rejected = check([bess(*around, bad, *around)])
    assert [kept for block in good for kept in block.rows] == around + around
    assert [(refusal.index, refusal.field) for refusal in rejected] == [(neighbours, field)]
    assert reason in rejected[0].reason


BAD_VECTORS = {
    "number for a vector": (3.3, "cell_voltages"),
    "text for a vector": ("3.3", "cell_voltages"),
    "empty": ([], "cell_voltages"),
    "nan": ([3.3, float("nan")], "cell_voltages[1]"),
    "nan beside silence": ([None, 3.3, float("nan")], "cell_voltages[2]"),
    "text inside": ([3.3, None, "x"], "cell_voltages[2]"),
    "nested": ([[3.3]], "cell_voltages[0]"),
    "endless": ([3.3] * 10_001, "cell_voltages"),
    "huge": ([10**400], "cell_voltages[0]"),
}


@pytest.mark.parametrize(("value", "field"), BAD_VECTORS.values(), ids=BAD_VECTORS.keys())
@pytest.mark.parametrize("neighbours", [0, 3])
def test_a_bad_vector_is_named_with_its_element(value, field, neighbours):
    fine = ("r1", NOW, NOW, 0, 50.0, [3.3, None, 3.31])
    block = Block("rack", ("soc", "cell_voltages"), [fine] * neighbours + [("r1", NOW, NOW, 0, 50.0, value)])
    good, rejected = check([block])
    assert [kept for block in good for kept in block.rows] == [fine] * neighbours
    assert [(refusal.index, refusal.field) for refusal in rejected] == [(neighbours, field)]


def test_unknown_kinds_and_metrics_refuse_every_row_by_name():
    sunny = bess(row("a", NOW, 1.0), row("b", NOW, 1.0), metrics=("ghi",))
    blocks = [bess(row()), Block("toaster", ("soc",), [("t", NOW, NOW, 0, 1.0)]), sunny]
    good, rejected = check(blocks)
    assert good == blocks[:1]
    assert [(refusal.index, refusal.field) for refusal in rejected] == [(1, "kind"), (2, "ghi"), (3, "ghi")]
    assert rejected[1].reason == "Metric 'ghi' is not in the catalogue for kind 'bess'"


def test_a_metric_named_twice_is_refused():
    assert check([bess(row("a", NOW, 1.0, 2.0), metrics=("soc", "soc"))])[1] == [Rejected(0, "values", "a metric is named twice")]


def test_known_devices_limit_who_may_speak():
    good, rejected = check([bess(row("bess01"), row("bess99"))], known={"bess": {"bess01"}})
    assert good == [bess(row("bess01"))]
    assert rejected == [Rejected(1, "device_id", "no bess device 'bess99' is registered")]


def test_foreign_number_types_become_plain_ones(bench):
    odd = Block("rack", ("soc", "cell_voltages"), [("r1", NOW, NOW, 0, np.float32(50.0), np.array([3.25, 3.5]))])
    good, rejected = check([odd])
    assert rejected == []
    assert good[0].rows == [("r1", NOW, NOW, 0, 50.0, [3.25, 3.5])]
    assert bench.intake.accept([odd]) == [Outcome(inserted=1)]
    counts = bess(row("bess01", np.int64(NOW), np.int64(50), True, 1.0), row("bess01", NOW + 1, np.int64(50), True, 1.0))
    assert bench.intake.accept([counts]) == [Outcome(inserted=2)]


@pytest.mark.parametrize(
    "foreign", [np.float64(2), np.float32(2), np.int64(2), np.uint8(2), np.bool_(True)], ids=lambda x: type(x).__name__
)
@pytest.mark.parametrize("column", [4, 5, 6])
def test_a_foreign_number_among_many_becomes_a_plain_one(foreign, column):
    """SQLite's driver would keep some of them as blobs."""
    rows = [("r1", NOW - number, NOW, 0, 50.0, 1, [3.25, 3.5]) for number in range(50)]
    value = [3.25, foreign] if column == 6 else foreign
    rows[17] = (*rows[17][:column], value, *rows[17][column + 1 :])
    good, rejected = check([Block("rack", ("soc", "mode", "cell_voltages"), rows)])
    kept = good[0].rows[17][column]
    assert rejected == []
    assert [type(number) for number in (kept if column == 6 else [kept])] == ([float] * 2 if column == 6 else [float])
    rows[17] = ("r1", np.int64(NOW), NOW, np.uint8(1), 50.0, 1, None)
    good, rejected = check([Block("rack", ("soc", "mode", "cell_voltages"), rows)])
    assert [type(number) for number in good[0].rows[17][1:4]] == [int, int, int]


junk = st.one_of(
    st.sampled_from([None, True, 1.0, 0, -1, 2**63, 10**400, -(2**63), float("nan"), float("inf"), "", "1", b"1", [], [1], np.float32(1)]),
    st.integers(),
    st.floats(),
)
sound = st.tuples(
    st.sampled_from(["r1", "r2"]),
    st.integers(0, 2 * NOW),
    st.just(NOW),
    st.integers(0, 31),
    st.one_of(st.none(), st.floats(-1e18, 1e18)),
    st.one_of(st.none(), st.integers(0, 5)),
    st.one_of(st.none(), st.lists(st.one_of(st.none(), st.floats(0, 6)), min_size=1, max_size=4)),
)
spoilt = st.builds(lambda reading, place, value: (*reading[:place], value, *reading[place + 1 :]), sound, st.integers(0, 6), junk)
readings = st.one_of(sound, spoilt, junk)


@settings(max_examples=300, deadline=None)
@given(st.lists(readings, max_size=4))
def test_rows_are_judged_alike_alone_and_together_whatever_they_hold(rows):
    metrics = ("soc", "mode", "cell_voltages")
    good, rejected = check([Block("rack", metrics, rows)])
    alone = [bool(check([Block("rack", metrics, [reading])])[1]) for reading in rows]
    assert [index for index, bad in enumerate(alone) if bad] == [refusal.index for refusal in rejected]
    assert sum(len(block) for block in good) + len(rejected) == len(rows)
    for block in good:
        assert check([block]) == ([block], [])
        assert survey(block, plan_of("rack", metrics)) is not None


def test_a_submit_is_all_or_nothing(bench):
    with pytest.raises(Invalid, match="voltage: nan is not a finite number") as refusal:
        bench.intake.submit([bess(row()), bess(row("bess02", NOW, 1.0, float("nan"), 1.0))])
    assert refusal.value.details["field_errors"] == [{"field": "voltage", "message": "nan is not a finite number"}]
    with pytest.raises(MetricNotFound, match="'ghi'"):
        bench.intake.submit([bess(row(), metrics=("soc", "voltage", "ghi"))])
    with pytest.raises(Invalid, match="toaster"):
        bench.intake.submit([Block("toaster", ("soc",), [("t", NOW, NOW, 0, 1.0)])])
    assert bench.telemetry.latest() == {}
    assert bench.records.devices() == []
    assert bench.intake.stats.rejected == 4


def test_an_offer_keeps_the_good_rows_and_names_the_others(bench):
    future, rejected = bench.intake.offer([bess(row(), row(at=NOW, device="fleet"), row(at=NOW + 1000))])
    assert future.result() == [Outcome(inserted=2)]
    assert [refusal.index for refusal in rejected] == [1]
    future, rejected = bench.intake.offer([bess(row("fleet"))])
    assert future.result() == []
    assert bench.intake.stats.rejected == 2
    assert bench.intake.stats.accepted == 2


def test_an_empty_submit_is_answered_at_once(bench):
    assert bench.intake.accept([]) == []


def test_a_block_without_rows_is_refused(bench):
    with pytest.raises(Invalid):
        bench.intake.submit([bess()])


# --- who may speak --------------------------------------------------------------------------------------------------


def test_unknown_devices_register_themselves(bench):
    bench.intake.accept([bess(row("new", quality=Quality.SIMULATED)), Block("pcs", ("dc_power",), [("new", NOW, NOW, 0, 5.0)])])
    assert bench.records.devices() == [Device("new", "bess", name="new", simulated=True), Device("new", "pcs", name="new")]


def test_registering_does_not_touch_a_known_device(bench):
    device = Device("bess01", "bess", name="Battery 1", rating={"power_kw": 1500.0})
    bench.records.put_devices([device])
    bench.intake.accept([bess(row())])
    assert bench.records.devices() == [device]


def test_without_auto_register_unknown_devices_are_refused():
    bench = Bench(auto_register=False)
    bench.records.put_devices([Device("bess01", "bess")])
    with pytest.raises(DeviceNotFound, match="'bess99'"):
        bench.intake.submit([bess(row(), row("bess99"))])
    future, rejected = bench.intake.offer([bess(row(), row("bess99"))])
    assert future.result() == [Outcome(inserted=1)]
    assert rejected == [Rejected(1, "device_id", "no bess device 'bess99' is registered")]
    with pytest.raises(DeviceNotFound):
        bench.intake.submit([Block("pcs", ("dc_power",), [("bess01", NOW, NOW, 0, 5.0)])])
    bench.intake.close()


@pytest.mark.parametrize("auto_register", [True, False])
def test_a_deleted_device_does_not_come_back_by_talking(auto_register):
    bench = Bench(auto_register=auto_register)
    bench.records.put_devices([Device("bess01", "bess", deleted=True)])
    with pytest.raises(DeviceNotFound):
        bench.intake.submit([bess(row())])
    assert bench.intake.offer([bess(row())])[1][0].field == "device_id"
    bench.records.put_devices([Device("bess01", "bess")])
    assert bench.intake.accept([bess(row())]) == [Outcome(inserted=1)]
    bench.intake.close()


# --- what is set right ----------------------------------------------------------------------------------------------


def test_a_good_block_goes_to_the_store_as_it_came():
    bench = Bench(Gate())
    bench.telemetry.open.set()
    block = bess(row(), row(at=NOW - 1000))
    bench.intake.accept([block])
    assert bench.telemetry.commits[0][0] is block
    bench.intake.close()


def test_a_device_that_counts_charging_as_positive_is_turned(bench):
    bench.records.put_devices([Device("bess01", "bess", sign=-1), Device("bess02", "bess")])
    metrics = ("soc", "current", "power")
    rows = (row("bess01", NOW, 50.0, 12.5, None), row("bess02", NOW, 50.0, 12.5, 10.0), row("bess01", NOW + 1, 50.0, 0.0, -3.0))
    bench.intake.accept([bess(*rows, metrics=metrics)])
    turned = bench.stored("bess01", metrics=metrics)
    assert turned.values["current"].tolist() == [-12.5, 0.0]
    assert not np.signbit(turned.values["current"][1])
    assert turned.values["power"][1] == 3.0
    assert np.isnan(turned.values["power"][0])
    assert turned.values["soc"].tolist() == [50.0, 50.0]
    assert bench.stored("bess02", metrics=metrics).values["current"].tolist() == [12.5]


def test_a_sign_changed_now_counts_from_the_next_reading(bench):
    bench.records.put_devices([Device("bess01", "bess")])
    bench.intake.accept([bess(row())])
    bench.records.put_devices([Device("bess01", "bess", sign=-1)])
    bench.intake.accept([bess(row(at=NOW + 1))])
    assert bench.stored().values["current"].tolist() == [12.5, -12.5]


@pytest.mark.parametrize("rows", [1, 5])
def test_impossible_values_are_kept_and_flagged(bench, rows):
    block = bess(*(row("bess01", NOW - number, 50.0, 800.0, 1.0) for number in range(1, rows)), row("bess01", NOW, 101.0, 800.0, 1.0))
    bench.intake.accept([block])
    kept = bench.stored()
    assert kept.quality.tolist() == [0] * (rows - 1) + [Quality.OUT_OF_RANGE]
    assert kept.values["soc"][-1] == 101.0


def test_impossible_values_are_found_beside_silent_ones_and_in_vectors(bench):
    bench.intake.accept([bess(row("bess01", NOW, 50.0, None, 1.0), row("bess01", NOW + 1, None, -5.0, None))])
    assert bench.stored().quality.tolist() == [0, Quality.OUT_OF_RANGE]
    racks = [
        ("r1", NOW, NOW, 0, 50.0, [3.3, None, 3.2]),
        ("r1", NOW + 1, NOW, 0, None, [3.3, 6.5, None]),
        ("r1", NOW + 2, NOW, 0, 120.0, None),
    ]
    bench.intake.accept([Block("rack", ("soc", "cell_voltages"), racks)])
    bad = Quality.OUT_OF_RANGE
    assert bench.stored("r1", "rack", ("soc", "cell_voltages")).quality.tolist() == [0, bad, bad]


def test_status_words_are_bounded_by_their_width(bench):
    words = [("pcs01", NOW, NOW, 0, 65535.0), ("pcs01", NOW + 1, NOW, 0, 65536.0), ("pcs01", NOW + 2, NOW, 0, -1.0)]
    bench.intake.accept([Block("pcs", ("fault_status1",), words)])
    assert bench.stored("pcs01", "pcs", ("fault_status1",)).quality.tolist() == [0, Quality.OUT_OF_RANGE, Quality.OUT_OF_RANGE]


def test_flags_add_to_those_that_are_set(bench):
    bench.intake.accept([bess(row("bess01", NOW, 101.0, 1.0, 1.0, quality=Quality.SIMULATED))])
    assert bench.stored().quality.tolist() == [Quality.SIMULATED | Quality.OUT_OF_RANGE]


def test_late_readings_keep_their_time_and_say_so(bench):
    bench.intake.accept([bess(row(at=NOW - 2 * MINUTE), row(at=NOW - 2 * MINUTE - 1), row(at=NOW - 30 * DAY))])
    kept = bench.stored()
    assert kept.at.tolist() == [NOW - 30 * DAY, NOW - 2 * MINUTE - 1, NOW - 2 * MINUTE]
    assert kept.quality.tolist() == [Quality.LATE, Quality.LATE, 0]


@pytest.mark.parametrize("at", [0, -5, 123_456, 946_684_799_999, NOW + 10 * MINUTE + 1, 2**62, -(2**63), 2**63 - 1])
def test_an_implausible_clock_gives_way_to_the_time_of_receipt(bench, at):
    bench.intake.accept([bess(row(at=at))])
    kept = bench.stored()
    assert kept.at.tolist() == [NOW]
    assert kept.quality.tolist() == [Quality.CLOCK]


@pytest.mark.parametrize("at", [946_684_800_000, NOW + 10 * MINUTE])
def test_a_clock_at_the_edge_is_believed(bench, at):
    bench.intake.accept([bess(row(at=at))])
    assert bench.stored().at.tolist() == [at]
    assert not bench.stored().quality[0] & Quality.CLOCK


def test_a_missing_time_of_receipt_is_filled_in(bench):
    bench.intake.accept([bess(row(at=NOW - 1000, received=0), row(at=0, received=0))])
    assert bench.stored().received.tolist() == [NOW, NOW]


def test_packets_with_bad_clocks_in_one_millisecond_do_not_collide(bench):
    packets = [bess(row("bess01", number, 50.0, 800.0, float(number))) for number in (3, 1)]
    outcomes = bench.intake.accept([*packets, bess(row("bess01", 7, 50.0, 1.0, 1.0), row("bess01", 7, 50.0, 1.0, 2.0))])
    assert outcomes == [Outcome(inserted=1), Outcome(inserted=1), Outcome(inserted=2)]
    kept = bench.stored()
    assert kept.at.tolist() == [NOW, NOW + 1, NOW + 2, NOW + 3]
    assert kept.values["current"].tolist() == [3.0, 1.0, 1.0, 2.0]


def test_a_packet_with_a_bad_clock_sent_again_is_a_duplicate(bench):
    packet = bess(row(at=5))
    assert bench.intake.accept([packet]) == [Outcome(inserted=1)]
    assert bench.intake.accept([bess(row(at=5, received=NOW + 3000))]) == [Outcome(duplicates=1)]
    assert bench.intake.accept([bess(row("bess01", 5, 50.0, 800.0, 12.25))]) == [Outcome(inserted=1)]
    assert bench.intake.accept([bess(row("bess02", 5))]) == [Outcome(inserted=1)]


def test_a_packet_with_a_bad_clock_is_known_again_for_fifteen_minutes_only():
    clocks = Clocks()
    packet = bess(row(at=5))
    assert clocks.instant(packet, row(at=5)) == NOW
    assert clocks.instant(packet, row(at=5, received=NOW + 15 * MINUTE)) == NOW
    assert clocks.instant(packet, row(at=5, received=NOW + 15 * MINUTE + 1)) == NOW + 15 * MINUTE + 1


def test_the_memory_for_bad_clocks_is_bounded(monkeypatch):
    monkeypatch.setattr("datastore.flagging.REMEMBERED", 10)
    clocks = Clocks()
    for number in range(50):
        clocks.instant(bess(), row("bess01", number))
    assert len(clocks._packets) == 10


def test_the_devices_own_clock_is_kept_where_the_kind_has_a_place_for_it(bench):
    rows = [("p1", 128_500, NOW, 0, 51.2), ("p1", NOW - 1000, NOW, 0, 51.3), ("p1", 256_500, NOW + 5, 0, 51.4)]
    packs = Block("pack", ("voltage",), rows)
    assert bench.intake.accept([packs, bess(row())]) == [Outcome(inserted=3), Outcome(inserted=1)]
    kept = bench.stored("p1", "pack", ("voltage", "device_clock"))
    assert kept.at.tolist() == [NOW - 1000, NOW, NOW + 5]
    assert np.array_equal(kept.values["device_clock"], [np.nan, 128.5, 256.5], equal_nan=True)
    assert kept.values["voltage"].tolist() == [51.3, 51.2, 51.4]


def test_a_device_clock_that_was_sent_is_not_overwritten(bench):
    rows = [("p1", 1, NOW, 0, 51.2, 77.0), ("p1", 2000, NOW, 0, 51.2, None)]
    bench.intake.accept([Block("pack", ("voltage", "device_clock"), rows)])
    assert bench.stored("p1", "pack", ("device_clock",)).values["device_clock"].tolist() == [77.0, 2.0]


# --- commits --------------------------------------------------------------------------------------------------------


def test_a_reading_sent_twice_is_kept_once_and_counted(bench):
    assert bench.intake.accept([bess(row())]) == [Outcome(inserted=1)]
    assert bench.intake.accept([bess(row()), bess(row("bess01", NOW, 51.0, 800.0, 12.5))]) == [Outcome(duplicates=1), Outcome(revised=1)]
    stats = bench.intake.stats
    assert (stats.accepted, stats.duplicates, stats.commits, stats.waiting) == (2, 1, 2, 0)


def test_what_waits_is_committed_together_in_order_and_answered_apart(gate):
    futures = [gate.intake.submit([bess(row(f"d{number}"))] * (number + 1)) for number in range(5)]
    gate.telemetry.open.set()
    assert [len(future.result(30)) for future in futures] == [1, 2, 3, 4, 5]
    assert len(gate.telemetry.commits) == 2
    devices = [block.rows[0][0] for block in gate.telemetry.commits[1]]
    assert devices == sorted(devices)
    assert len(devices) == 15


def test_nothing_is_acknowledged_before_the_commit(gate):
    future = gate.intake.submit([bess(row("second"))])
    assert not gate.first.done()
    assert not future.done()
    assert gate.intake.stats.waiting == 2
    gate.telemetry.open.set()
    assert future.result(30) == [Outcome(inserted=1)]


def test_accepted_blocks_are_published_before_the_acknowledgement(bench):
    block = bess(row())
    bench.intake.accept([block])
    assert bench.heard == [[block]]
    bench.intake.accept([block])
    assert bench.heard == [[block]], "a duplicate is no news"


def test_a_broken_listener_does_not_hurt_the_sender(bench):
    def broken(topic, message):
        raise RuntimeError("socket gone")

    bench.live.subscribe("readings", broken)
    assert bench.intake.accept([bess(row())]) == [Outcome(inserted=1)]


def test_a_poisoned_submit_fails_alone(gate):
    gate.telemetry.poison["bad"] = TypeError("cannot bind")
    futures = [gate.intake.submit([bess(row(device))]) for device in ("a", "bad", "b")]
    gate.telemetry.open.set()
    assert futures[0].result(30) == [Outcome(inserted=1)]
    with pytest.raises(TypeError, match="cannot bind"):
        futures[1].result(30)
    assert futures[2].result(30) == [Outcome(inserted=1)]
    assert gate.intake.stats.failed == 1
    assert [block.rows[0][0] for blocks in gate.heard for block in blocks] == ["first", "a", "b"]


def test_a_store_that_is_down_fails_the_whole_group_at_once(gate):
    gate.telemetry.error = OSError(28, "No space left on device")
    futures = [gate.intake.submit([bess(row(f"d{number}"))]) for number in range(4)]
    gate.telemetry.open.set()
    for future in (gate.first, *futures):
        with pytest.raises(Unavailable, match="No space left on device"):
            future.result(30)
    assert len(gate.telemetry.commits) == 2
    gate.telemetry.error = None
    assert gate.intake.accept([bess(row("d0"))]) == [Outcome(inserted=1)]


def test_a_store_that_goes_down_while_submits_are_tried_alone_is_not_asked_for_each(gate):
    gate.telemetry.poison = {"bad": ValueError("odd"), "down": Unavailable("gone")}
    futures = [gate.intake.submit([bess(row(device))]) for device in ("bad", "down", "x", "y")]
    gate.telemetry.open.set()
    with pytest.raises(ValueError, match="odd"):
        futures[0].result(30)
    for future in futures[1:]:
        with pytest.raises(Unavailable, match="gone"):
            future.result(30)
    assert len(gate.telemetry.commits) == 4


def test_a_store_that_answers_nonsense_is_a_failure_not_an_acknowledgement():
    class Silent:
        def append(self, blocks):
            return []

    bench = Bench(Silent())
    with pytest.raises(RuntimeError, match="0 outcomes for 1 blocks"):
        bench.intake.accept([bess(row())])
    bench.intake.close()


def test_a_full_queue_holds_callers_back_and_then_says_so(gate, monkeypatch):
    monkeypatch.setattr(intake_module, "MOST_WAITING", 3)
    waiting = [gate.intake.submit([bess(row("a"), row("b"))])]
    with pytest.raises(Unavailable, match="the intake is full: 3 readings wait"):
        gate.intake.submit([bess(row("c"))], patience_s=0)
    held = Future()
    thread = threading.Thread(target=lambda: held.set_result(gate.intake.submit([bess(row("c"))], patience_s=30)))
    thread.start()
    gate.telemetry.open.set()
    assert held.result(30).result(30) == [Outcome(inserted=1)]
    assert waiting[0].result(30) == [Outcome(inserted=2)]
    thread.join()


def test_vectors_fill_the_queue_and_a_commit_faster(gate, monkeypatch):
    monkeypatch.setattr(intake_module, "MOST_WAITING", 95)
    monkeypatch.setattr(intake_module, "MOST_PER_COMMIT", 62)
    racks = [Block("rack", ("soc", "cell_voltages"), [(f"r{number}", NOW, NOW, 0, 50.0, [3.3])]) for number in range(4)]
    futures = [gate.intake.submit([block], 0) for block in racks]
    with pytest.raises(Unavailable, match="5 readings wait"):
        gate.intake.submit([bess(row("c"))], 0)
    gate.telemetry.open.set()
    assert [future.result(30) for future in futures] == [[Outcome(inserted=1)]] * 4
    assert [len(commit) for commit in gate.telemetry.commits] == [1, 2, 2]


def test_closing_commits_what_waits_and_refuses_the_rest(gate):
    future = gate.intake.submit([bess(row("second"))])
    gate.telemetry.open.set()
    gate.intake.close()
    assert future.result(0) == [Outcome(inserted=1)]
    with pytest.raises(Unavailable, match="closed"):
        gate.intake.submit([bess(row("third"))])
    gate.intake.close()


def test_a_caller_that_goes_away_undoes_nothing(gate):
    future = gate.intake.submit([bess(row("second"))])
    assert not future.cancel()
    gate.telemetry.open.set()
    assert future.result(30) == [Outcome(inserted=1)]


def test_many_threads_send_at_once_and_every_reading_is_kept_once(bench):
    def send(number: int) -> None:
        for turn in range(50):
            assert bench.intake.accept([bess(row(f"d{number}", NOW - turn))]) == [Outcome(inserted=1)]

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bench.intake.stats.accepted == 400
    assert len(bench.records.devices()) == 8
    assert all(bench.stored(f"d{number}").at.size == 50 for number in range(8))


def test_lingering_gathers_what_comes_within_the_time():
    bench = Bench(Gate())
    bench.telemetry.open.set()
    slow = Intake(bench.telemetry, bench.records, bench.live, lambda: NOW, group_ms=60_000)
    futures = [slow.submit([bess(row(f"d{number}"))]) for number in range(3)]
    slow.close()
    assert [future.result(0) for future in futures] == [[Outcome(inserted=1)]] * 3
    assert len(bench.telemetry.commits) == 1
    bench.intake.close()


def test_a_block_is_not_changed_under_its_sender(bench):
    block = bess(row(at=5), row("bess01", NOW, 101.0, 1.0, 1.0, received=0))
    before = replace(block, rows=list(block.rows))
    bench.intake.accept([block])
    assert block == before
