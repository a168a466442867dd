"""What `datastore.kept` may rely on, for every engine: each primitive keeps its promise.

The engines are those of `ENGINES` in conftest.py. Where an engine has no snapshots, tests of them do not apply.
"""

import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datastore.kept.engine import Chunk, Engine, Figures, Mark, Part, Revision, Span, VectorRow
from plant.metrics import CATALOGUE, KINDS, scalars_of
from plant.model import DAY, HOUR, MINUTE

NOON = 1_790_049_600_000
MIDNIGHT = NOON // DAY * DAY
RACK = ("soc", "power")
EVER = (0, 1 << 50)


def number(engine: Engine, *device_ids: str, kind: str = "rack") -> list[int]:
    with engine.write() as tx:
        numbers = tx.number_devices(kind, device_ids)
    return [numbers[device_id] for device_id in device_ids]


def insert(engine: Engine, rows: Sequence[tuple[object, ...]], kind: str = "rack", scalars: Sequence[str] = RACK) -> list[int]:
    with engine.write() as tx:
        return tx.insert_new(kind, scalars, rows)


def hot(engine: Engine, devices: Sequence[int] | None = None, start: int = 0, end: int = 1 << 50, received_from: int | None = None):
    """Sorted hot rows of racks."""
    with engine.read() as tx:
        return sorted(tx.hot_rows("rack", RACK, devices, start, end, received_from))


def bits(value: float) -> bytes:
    return struct.pack("d", value)


# -- names and counters ---------------------------------------------------------------------------------------------


def test_every_metric_and_the_three_heads_have_an_integer_of_their_own(engine: Engine) -> None:
    with engine.read() as tx:
        keys = tx.metric_keys()
    assert set(keys) == {"@at", "@received", "@quality", *CATALOGUE}
    assert len(set(keys.values())) == len(keys)


def test_names_and_integers_are_the_same_after_reopening(engine: Engine, open_engine_again: Callable[[], Engine]) -> None:
    number(engine, "r1", "r2")
    with engine.read() as tx:
        before = tx.metric_keys(), sorted(tx.device_keys())
    engine.close()
    assert not engine.is_open
    with open_engine_again().read() as tx:
        assert (tx.metric_keys(), sorted(tx.device_keys())) == before


def test_devices_are_numbered_once_by_kind_and_exact_name(engine: Engine) -> None:
    names = ["bess01", "BESS01", "bess01 ", "bess\u00e9", "besse", "電池-7", "a'b\"c\\d%s?"]
    first = number(engine, *names)
    assert len(set(first)) == len(names)
    assert min(first) > 0
    assert number(engine, *reversed(names)) == first[::-1]
    (other,) = number(engine, "bess01", kind="pcs")
    assert other not in first
    with engine.read() as tx:
        assert set(tx.device_keys()) == {*((key, name, "rack") for key, name in zip(first, names, strict=True)), (other, "bess01", "pcs")}
        assert tx.device_key("bess01", "pcs") == other
        assert tx.device_key("BESS01", "rack") == first[1]
        assert tx.device_key("Bess01", "rack") is None
        assert tx.device_key("bess01", "meter") is None


def test_a_name_twice_in_one_call_gets_one_number(engine: Engine) -> None:
    with engine.write() as tx:
        numbers = tx.number_devices("rack", ["r1", "r2", "r1"])
    assert set(numbers) == {"r1", "r2"}
    with engine.read() as tx:
        assert len(tx.device_keys()) == 2


def test_counting_a_write_answers_with_all_counters(engine: Engine) -> None:
    with engine.write() as tx:
        tx.put_counter("latest", 0, 7)
    owner = (1 << 62) + 5
    with engine.write() as tx:
        assert tx.count_write(owner)["writes", owner] == 1
    with engine.write() as tx:
        counters = tx.count_write(owner)
    assert counters["writes", owner] == 2
    assert counters["latest", 0] == 7
    with engine.read() as tx:
        assert tx.counters() == counters


def test_sealing_is_counted(engine: Engine) -> None:
    def sealed() -> int:
        with engine.read() as tx:
            return tx.counters().get(("sealed", 0), 0)

    before = sealed()
    for _ in range(3):
        with engine.write() as tx:
            tx.count_sealed()
    assert sealed() == before + 3


def test_a_counter_is_set_and_set_again(engine: Engine) -> None:
    for value in (5, 1 << 60, 3):
        with engine.write() as tx:
            tx.put_counter("latest", 0, value)
        with engine.read() as tx:
            assert tx.counters()["latest", 0] == value


def test_the_writes_of_an_ended_process_go_to_nobody(engine: Engine) -> None:
    for owner, writes in ((11, 3), (12, 2)):
        for _ in range(writes):
            with engine.write() as tx:
                tx.count_write(owner)
        with engine.write() as tx:
            tx.end_owner(owner)
    with engine.write() as tx:
        tx.count_write(13)
        tx.end_owner(99)
    with engine.read() as tx:
        writes = {owner: value for (name, owner), value in tx.counters().items() if name == "writes" and value}
    assert writes == {0: 5, 13: 1}


def test_the_newest_are_replaced_and_dropped(engine: Engine) -> None:
    with engine.write() as tx:
        tx.save_newest([(1, '{"a": 1}'), (2, '{"é": "電池"}')])
        tx.save_newest([(1, '{"a": 2}')])
        tx.save_newest([])
    with engine.read() as tx:
        assert sorted(tx.newest()) == [(1, '{"a": 2}'), (2, '{"é": "電池"}')]
    with engine.write() as tx:
        tx.drop_newest(1)
        tx.drop_newest(1)
    with engine.read() as tx:
        assert tx.newest() == [(2, '{"é": "電池"}')]


def test_a_layout_keeps_its_number(engine: Engine) -> None:
    long = "[" + ",".join(f'"metric_{i}"' for i in range(500)) + "]"
    with engine.write() as tx:
        one, other = tx.layout('["soc"]'), tx.layout(long)
    assert one != other
    with engine.write() as tx:
        assert (tx.layout(long), tx.layout('["soc"]')) == (other, one)
        assert tx.layout('["SOC"]') not in (one, other)
    with engine.read() as tx:
        assert (tx.layout_names(one), tx.layout_names(other)) == ('["soc"]', long)


# -- hot readings ---------------------------------------------------------------------------------------------------


def test_new_rows_go_in_and_known_ones_are_named(engine: Engine) -> None:
    a, b = number(engine, "r1", "r2")
    first = [(a, NOON, NOON + 5, 0, 1.0, None), (b, NOON, NOON + 6, 2, None, 2.0)]
    assert insert(engine, first) == []
    known = [(a, NOON, 0, 0, 9.0, 9.0), (b, NOON, 1, 1, 8.0, 8.0)]
    fresh = [(a, NOON + 1, NOON, 0, 3.0, 3.5), (b, NOON + 1, NOON, 0, None, None), (b, NOON + 2, NOON, 1, 4.0, 4.0)]
    assert insert(engine, [*known, *fresh]) == [0, 1]
    assert hot(engine) == sorted([*first, *fresh])


@pytest.mark.parametrize("count", [1, 2, 49, 50, 51, 120, 3000])
def test_any_number_of_rows_goes_in_whole_and_comes_back_named(engine: Engine, count: int) -> None:
    (a,) = number(engine, "r1")
    rows = [(a, NOON + 2 * i, NOON + i, i % 4, i / 7, None if i % 3 else -float(i)) for i in range(count)]
    assert insert(engine, rows[::5]) == []
    assert insert(engine, rows) == list(range(0, count, 5))
    assert insert(engine, rows) == list(range(count))
    assert hot(engine) == rows


@pytest.mark.parametrize("more", [0, 70])
def test_of_two_new_rows_with_one_key_the_first_goes_in(engine: Engine, more: int) -> None:
    a, b = number(engine, "r1", "r2")
    keys = [(a, NOON), (b, NOON), (a, NOON), (a, NOON + 1), (a, NOON + 1), *((b, NOON + 2 + i) for i in range(more))]
    rows = [(*key, 1, 0, float(i), float(i)) for i, key in enumerate(keys)]
    assert insert(engine, rows) == [2, 4]
    assert hot(engine) == sorted([*rows[:2], rows[3], *rows[5:]])


def test_rows_of_one_transaction_know_each_other(engine: Engine) -> None:
    (a,) = number(engine, "r1")
    with engine.write() as tx:
        assert tx.insert_new("rack", ("soc",), [(a, NOON, 1, 0, 1.0)]) == []
        assert tx.insert_new("rack", ("power",), [(a, NOON, 1, 0, 1.0), (a, NOON + 1, 1, 0, 2.0)]) == [0]
        assert tx.hot_row("rack", RACK, a, NOON) == (1, 0, 1.0, None)
        assert tx.hot_row("rack", RACK, a, NOON + 1) == (1, 0, None, 2.0)
    assert len(hot(engine)) == 2


def test_a_known_row_among_many_undoes_nothing_that_the_transaction_wrote_before(engine: Engine) -> None:
    (a,) = number(engine, "r1")
    batches = [[(a, NOON + 100 * b + i, 1, 0, 1.0, None) for i in range(80)] for b in range(3)]
    with engine.write() as tx:
        assert tx.insert_new("rack", RACK, batches[0]) == []
        assert tx.insert_new("rack", RACK, [batches[0][7], *batches[1]]) == [0]
        assert tx.insert_new("rack", RACK, batches[2]) == []
        assert tx.insert_new("rack", RACK, [*batches[1][5:], batches[2][0]]) == list(range(76))
    assert hot(engine) == [row for batch in batches for row in batch]


def test_every_kind_takes_all_its_scalars(engine: Engine) -> None:
    for kind in KINDS:
        scalars = scalars_of(kind)
        (device,) = number(engine, "x", kind=kind)
        row = (device, NOON, NOON + 1, 3, *(i + 0.25 for i in range(len(scalars))))
        assert insert(engine, [row], kind, scalars) == []
        with engine.read() as tx:
            assert tx.hot_rows(kind, scalars, None, NOON, NOON + 1) == [row]
            assert tx.hot_row(kind, scalars, device, NOON) == row[2:]


SIZES = [
    5e-324,
    2.2250738585072014e-308,
    1e308,
    1.7976931348623157e308,
    float(2**53),
    0.1,
    1 / 3,
    1e22,
    123456789.123456789,
    1e-7,
    4.9e-320,
    1e16,
]
NUMBERS_TO_KEEP = [*SIZES, *(-size for size in SIZES), 0.0]


@pytest.mark.parametrize("together", [False, True])
def test_a_number_comes_back_bit_for_bit(engine: Engine, together: bool) -> None:
    (a,) = number(engine, "r1")
    rows = [(a, NOON + i, NOON, 0, value, None) for i, value in enumerate(NUMBERS_TO_KEEP)]
    for batch in [rows] if together else [[row] for row in rows]:
        assert insert(engine, batch) == []
    with engine.write() as tx:
        for i, value in enumerate(NUMBERS_TO_KEEP):
            tx.update_row("rack", a, NOON + i, 0, {"power": value})
    found = hot(engine)
    assert [bits(row[4]) for row in found] == [bits(value) for value in NUMBERS_TO_KEEP]
    assert [bits(row[5]) for row in found] == [bits(value) for value in NUMBERS_TO_KEEP]


@pytest.mark.parametrize("count", [1, 60])
def test_minus_zero_comes_back_as_zero_of_either_sign(engine: Engine, count: int) -> None:
    """SQLite and MariaDB keep no sign of zero."""
    (a,) = number(engine, "r1")
    insert(engine, [(a, NOON + i, NOON, 0, -0.0, -10.0) for i in range(count)])
    assert [row[4:] for row in hot(engine)] == [(0.0, -10.0)] * count


def test_an_update_sets_what_it_names_and_leaves_the_rest(engine: Engine) -> None:
    a, b = number(engine, "r1", "r2")
    insert(engine, [(a, NOON, 1, 0, 1.0, 2.0), (b, NOON, 1, 0, 3.0, 4.0), (a, NOON + 1, 1, 0, 5.0, 6.0)])
    with engine.write() as tx:
        tx.update_row("rack", a, NOON, 5, {"power": 7.5})
        tx.update_row("rack", b, NOON, 6, {})
        tx.update_row("rack", b, NOON + 9, 6, {"soc": 1.0})
    assert hot(engine) == sorted([(a, NOON, 1, 5, 1.0, 7.5), (b, NOON, 1, 6, 3.0, 4.0), (a, NOON + 1, 1, 0, 5.0, 6.0)])


def fleet(engine: Engine, devices: int = 30, instants: int = 40) -> tuple[list[int], list[tuple[object, ...]]]:
    """Many devices that share their instants; and one whose instants are its own."""
    keys = number(engine, *(f"r{i}" for i in range(devices)), "odd")
    rows: list[tuple[object, ...]] = [
        (key, NOON + 1000 * i, NOON + 1000 * i + 1, 0, float(i), float(key)) for i in range(instants) for key in keys[:-1]
    ]
    rows += [(keys[-1], NOON + 700 * i, NOON, 1, None, float(i)) for i in range(20)]
    rows.sort(key=lambda row: row[1])  # type: ignore[arg-type, return-value]
    assert insert(engine, rows) == []
    return keys, rows


@pytest.mark.parametrize("window", [EVER, (NOON, NOON + 1), (NOON + 1000, NOON + 5000), (NOON + 1001, NOON + 5001), (NOON - 9, NOON)])
def test_a_window_holds_its_start_and_not_its_end_for_one_some_and_all_devices(engine: Engine, window: tuple[int, int]) -> None:
    keys, rows = fleet(engine)
    for who in (None, [keys[3]], [keys[-1]], [keys[3], keys[5], keys[-1]], keys[:20], [keys[0], 999_999]):
        wanted = [row for row in rows if window[0] <= row[1] < window[1] and (who is None or row[0] in who)]
        with engine.read() as tx:
            found = tx.hot_rows("rack", RACK, who, *window)
        assert sorted(found) == sorted(wanted)
        for key in keys:
            times = [row[1] for row in found if row[0] == key]
            assert times == sorted(times)


def test_nobody_has_no_rows(engine: Engine) -> None:
    fleet(engine, 3, 3)
    assert hot(engine, []) == []
    with engine.read() as tx:
        assert list(tx.hot_vectors("rack", [1], [], *EVER)) == []
    with engine.write() as tx:
        assert tx.delete_hot("rack", [], *EVER) == 0
    assert hot(engine) != []


def test_only_what_was_received_since(engine: Engine) -> None:
    (a,) = number(engine, "r1")
    rows = [(a, NOON + i, NOON + 100 - i, 0, float(i), None) for i in range(10)]
    insert(engine, rows)
    assert hot(engine, None, received_from=NOON + 95) == rows[:6]
    assert hot(engine, [a], NOON + 2, NOON + 20, NOON + 95) == rows[2:6]


def test_one_row_is_found_or_not(engine: Engine) -> None:
    a, b = number(engine, "r1", "r2")
    insert(engine, [(a, NOON, 4, 1, 1.5, None)])
    with engine.read() as tx:
        assert tx.hot_row("rack", ("power", "soc"), a, NOON) == (4, 1, None, 1.5)
        assert tx.hot_row("rack", (), a, NOON) == (4, 1)
        assert tx.hot_row("rack", RACK, a, NOON + 1) is None
        assert tx.hot_row("rack", RACK, b, NOON) is None
        assert tx.hot_rows("rack", (), [a], *EVER) == [(a, NOON, 4, 1)]


def test_first_last_and_count_of_hot_rows(engine: Engine) -> None:
    with engine.read() as tx:
        assert (tx.first_hot("rack"), tx.last_hot("rack"), tx.count_hot("rack", *EVER, 10)) == (None, None, 0)
    a, b, c = number(engine, "r1", "r2", "r3")
    insert(engine, [(b, NOON + i, 1, 0, 1.0, None) for i in range(50)])
    insert(engine, [(a, NOON + 20 + i, 1, 0, 1.0, None) for i in range(50)])
    with engine.read() as tx:
        assert (tx.first_hot("rack"), tx.last_hot("rack")) == (NOON, NOON + 69)
        assert (tx.first_hot("rack", a), tx.first_hot("rack", b), tx.first_hot("rack", c)) == (NOON + 20, NOON, None)
        assert tx.first_hot("pcs") is None
        assert (tx.first_hot("rack", start=NOON + 3), tx.first_hot("rack", start=NOON + 70)) == (NOON + 3, None)
        assert (tx.first_hot("rack", a, NOON), tx.first_hot("rack", b, NOON + 49), tx.first_hot("rack", b, NOON + 50)) == (
            NOON + 20, NOON + 49, None
        )  # fmt: skip
        assert tx.count_hot("rack", NOON + 20, NOON + 30, 1000) == 20
        assert tx.count_hot("rack", *EVER, 1000) == 100
        assert 33 <= tx.count_hot("rack", *EVER, 33) <= 100


def test_vectors_are_kept_replaced_and_found(engine: Engine) -> None:
    a, b = number(engine, "r1", "r2")
    with engine.read() as tx:
        keys = tx.metric_keys()
    volts, temperatures = keys["cell_voltages"], keys["cell_temperatures"]
    blobs = [bytes(range(256)), b"\x00", b"'\"\\%s?\n\x1a"]
    rows = [VectorRow(NOON + i, device, metric, blobs[i] + bytes([device % 256, metric % 256]))
            for i in range(3) for device in (a, b) for metric in (volts, temperatures)]  # fmt: skip
    with engine.write() as tx:
        tx.put_vectors("rack", rows)
        tx.put_vectors("rack", [])
        tx.put_vectors("rack", [rows[0]._replace(elements=b"other")])
    rows[0] = rows[0]._replace(elements=b"other")
    with engine.read() as tx:
        assert sorted(tx.hot_vectors("rack", [volts, temperatures], None, *EVER)) == sorted(rows)
        found = list(tx.hot_vectors("rack", [volts], [b], NOON + 1, NOON + 3))
        assert sorted(found) == sorted(row for row in rows if row.metric == volts and row.device == b and row.ts > NOON)
        assert isinstance(found[0], VectorRow)
        assert type(found[0].elements) is bytes
        assert tx.count_vectors("rack", a, volts) == 3
        assert tx.count_vectors("rack", a, keys["balancing_status"]) == 0
        assert tx.count_vectors("pcs", a, volts) == 0
        assert list(tx.hot_vectors("pcs", [volts], None, *EVER)) == []


@pytest.mark.parametrize("whole", [True, False])
def test_deleting_takes_rows_and_vectors_of_the_range_only(engine: Engine, whole: bool) -> None:
    a, b = number(engine, "r1", "r2")
    insert(engine, [(device, NOON + i, 1, 0, 1.0, None) for i in range(10) for device in (a, b)])
    with engine.write() as tx:
        metric = tx.metric_keys()["cell_voltages"]
        tx.put_vectors("rack", [VectorRow(NOON + i, device, metric, b"x") for i in range(10) for device in (a, b)])
    with engine.write() as tx:
        assert tx.delete_hot("rack", None if whole else [a], NOON + 2, NOON + 7) == (10 if whole else 5)
        assert tx.delete_hot("pcs", None, *EVER) == 0
    gone = {a, b} if whole else {a}
    left = {(device, NOON + i) for i in range(10) for device in (a, b) if not (2 <= i < 7 and device in gone)}
    assert {row[:2] for row in hot(engine)} == left
    with engine.read() as tx:
        assert {(row.device, row.ts) for row in tx.hot_vectors("rack", [metric], None, *EVER)} == left


# -- chunks ---------------------------------------------------------------------------------------------------------


def chunk(engine: Engine, device: int, start: int, end: int, metrics: Sequence[str] = ("@received", "soc", "@at"), n: int = 4) -> Chunk:
    with engine.read() as tx:
        keys = tx.metric_keys()
    return Chunk(device, start, end, [Part(keys[name], n, f"{name} {device} {start}".encode()) for name in metrics])


def put(engine: Engine, *chunks: Chunk, instead_of: Sequence[Span] = ()) -> None:
    with engine.write() as tx:
        for one in chunks:
            tx.put_chunk(one, instead_of)


def spans(engine: Engine, device: int, start: int = 0, end: int = 1 << 50) -> list[Span]:
    with engine.read() as tx:
        return tx.spans(device, start, end)


def days_of(engine: Engine, device: int, days: int) -> list[Chunk]:
    """A chunk a day from 6 to 18 h, the last one the day of NOON."""
    start = MIDNIGHT - (days - 1) * DAY
    return [chunk(engine, device, start + i * DAY + 6 * HOUR, start + i * DAY + 18 * HOUR) for i in range(days)]


def test_horizons_are_just_after_the_last_sealed_instant_of_those_that_have_chunks(engine: Engine) -> None:
    a, b, _ = number(engine, "r1", "r2", "r3")
    with engine.read() as tx:
        assert tx.horizons() == {}
    put(engine, *days_of(engine, a, 3), chunk(engine, b, MIDNIGHT - 9 * DAY, MIDNIGHT - 9 * DAY + 1))
    with engine.read() as tx:
        assert tx.horizons() == {a: MIDNIGHT + 18 * HOUR, b: MIDNIGHT - 9 * DAY + 1}


def test_spans_are_those_that_touch(engine: Engine) -> None:
    a, b = number(engine, "r1", "r2")
    chunks = days_of(engine, a, 4)
    put(engine, *reversed(chunks), chunk(engine, b, MIDNIGHT, MIDNIGHT + DAY))
    six, eighteen = MIDNIGHT + 6 * HOUR, MIDNIGHT + 18 * HOUR
    assert [(s.start, s.end) for s in spans(engine, a)] == [(c.start, c.end) for c in chunks]
    assert [s.start for s in spans(engine, a, eighteen - 1, eighteen)] == [six]
    assert spans(engine, a, eighteen, eighteen + HOUR) == []
    assert spans(engine, a, MIDNIGHT, six) == []
    assert [s.start for s in spans(engine, a, MIDNIGHT, six + 1)] == [six]
    assert [s.start for s in spans(engine, a, eighteen - 1 - DAY, six + 1)] == [six - DAY, six]
    assert [(s.start, s.end) for s in spans(engine, b, MIDNIGHT + DAY - 1, MIDNIGHT + 2 * DAY)] == [(MIDNIGHT, MIDNIGHT + DAY)]
    assert len({s.id for s in spans(engine, a)}) == 4
    assert spans(engine, 999_999) == []


def test_the_last_span(engine: Engine) -> None:
    (a,) = number(engine, "r1")
    with engine.read() as tx:
        assert tx.last_span(a) is None
    put(engine, *days_of(engine, a, 3))
    one, two, three = spans(engine, a)
    with engine.read() as tx:
        assert tx.last_span(a) == three
        assert tx.last_span(a, three.start) == three
        assert tx.last_span(a, three.start - 1) == two
        assert tx.last_span(a, one.end + 1) == one
        assert tx.last_span(a, one.start - 1) is None


def test_parts_are_ascending_with_the_instants_first_and_only_what_was_asked(engine: Engine) -> None:
    a, b = number(engine, "r1", "r2")
    full = days_of(engine, a, 2)
    silent = chunk(engine, a, MIDNIGHT - 5 * DAY, MIDNIGHT - 5 * DAY + 7, ["@quality", "@at"], n=7)
    put(engine, *full, silent, chunk(engine, b, MIDNIGHT, MIDNIGHT + HOUR))
    with engine.read() as tx:
        keys = tx.metric_keys()
        asked = tx.parts(a, [keys["soc"], keys["@at"], keys["power"]], *EVER)
        whole = tx.parts(a, None, *EVER)
        assert tx.parts(a, [keys["@at"]], MIDNIGHT + 18 * HOUR, MIDNIGHT + DAY) == []
        assert [span.start for span, _ in tx.parts(a, [keys["@at"]], MIDNIGHT + 17 * HOUR, MIDNIGHT + DAY)] == [full[1].start]
        assert [span for span, _ in whole] == tx.spans(a, *EVER)
    assert [span.start for span, _ in asked] == [silent.start, full[0].start, full[1].start]
    both = [keys["@at"], keys["soc"]]
    assert [[part.metric for part in parts] for _, parts in asked] == [both[:1], both, both]
    assert asked[1][1][1] == Part(keys["soc"], 4, f"soc {a} {full[0].start}".encode())
    assert type(asked[1][1][1].blob) is bytes
    assert [parts[0].metric for _, parts in whole] == [keys["@at"]] * 3
    assert [sorted(parts) for _, parts in whole] == [sorted(one.parts) for one in (silent, *full)]


def test_bounds_and_counts_of_what_is_sealed(engine: Engine) -> None:
    (a,) = number(engine, "r1")
    with engine.read() as tx:
        keys = tx.metric_keys()
        assert tx.sealed_bounds(a) is None
        assert tx.sealed_count(a, keys["soc"]) == 0
    put(engine, *days_of(engine, a, 3))
    with engine.read() as tx:
        assert tx.sealed_bounds(a) == (MIDNIGHT - 2 * DAY + 6 * HOUR, MIDNIGHT + 18 * HOUR - 1)
        assert tx.sealed_count(a, keys["soc"]) == 12
        assert tx.sealed_count(a, keys["power"]) == 0


def test_a_chunk_takes_the_place_of_others_under_an_id_never_used(engine: Engine) -> None:
    (a,) = number(engine, "r1")
    seen = set()
    for end in (HOUR, 2 * HOUR, 3 * HOUR):
        put(engine, chunk(engine, a, MIDNIGHT, MIDNIGHT + end), instead_of=spans(engine, a))
        (span,) = spans(engine, a)
        assert (span.start, span.end) == (MIDNIGHT, MIDNIGHT + end)
        seen.add(span.id)
    put(engine, chunk(engine, a, MIDNIGHT + 5 * HOUR, MIDNIGHT + 6 * HOUR))
    seen |= {span.id for span in spans(engine, a)}
    put(engine, chunk(engine, a, MIDNIGHT, MIDNIGHT + 6 * HOUR, ["@at", "power"]), instead_of=spans(engine, a))
    with engine.write() as tx:
        tx.drop_chunks(a, tx.spans(a, *EVER))
        assert tx.spans(a, *EVER) == []
        assert tx.parts(a, None, *EVER) == []
    put(engine, chunk(engine, a, MIDNIGHT, MIDNIGHT + 6 * HOUR))
    assert {span.id for span in spans(engine, a)}.isdisjoint(seen)
    assert len(seen) == 4


def test_dropping_takes_all_columns_of_these_chunks_and_no_others(engine: Engine) -> None:
    a, b = number(engine, "r1", "r2")
    put(engine, *days_of(engine, a, 3), *days_of(engine, b, 3))
    one, two, three = spans(engine, a)
    with engine.write() as tx:
        tx.drop_chunks(a, [one, three])
        tx.drop_chunks(a, [])
    assert spans(engine, a) == [two]
    assert len(spans(engine, b)) == 3
    with engine.read() as tx:
        keys = tx.metric_keys()
        assert tx.sealed_count(a, keys["soc"]) == 4
        assert tx.sealed_count(b, keys["soc"]) == 12


def test_figures_are_those_of_all_chunks_or_of_old_ones(engine: Engine) -> None:
    a, b = number(engine, "r1", "r2")
    put(engine, *days_of(engine, a, 3), chunk(engine, b, MIDNIGHT, MIDNIGHT + HOUR, ["@at"], n=9))
    with engine.read() as tx:
        keys = tx.metric_keys()
        whole, old = tx.figures(), tx.figures(MIDNIGHT - DAY + 18 * HOUR)
        assert tx.figures(MIDNIGHT - 2 * DAY) == []
    first, last = MIDNIGHT - 2 * DAY + 6 * HOUR, MIDNIGHT + 18 * HOUR
    size = sum(len(f"soc {a} {first + i * DAY}") for i in range(3))
    assert Figures(a, keys["soc"], 3, 12, size, first, last) in whole
    assert Figures(b, keys["@at"], 1, 9, len(f"@at {b} {MIDNIGHT}"), MIDNIGHT, MIDNIGHT + HOUR) in whole
    assert len(whole) == 4
    assert [(one.device, one.chunks, one.end) for one in old] == [(a, 2, last - DAY)] * 3


# -- rollups --------------------------------------------------------------------------------------------------------


def test_minutes_are_inserted_only_when_none_was_there(engine: Engine) -> None:
    a, b = number(engine, "r1", "r2")
    (p,) = number(engine, "p1", kind="pcs")
    rows = [(NOON + i * MINUTE, device, 1, bytes([i, device % 256])) for i in range(4) for device in (a, b, p)]
    with engine.write() as tx:
        assert tx.insert_minutes(rows[:6])
        assert tx.insert_minutes([])
    with engine.write() as tx:
        assert not tx.insert_minutes(rows[5:9])
        tx.put_minutes(rows)
        tx.put_minutes([(NOON, a, 2, b"again")])
    with engine.read() as tx:
        mine = [(ts, layout, stats) for ts, device, layout, stats in rows if device == a]
        assert list(tx.minutes(a, *EVER)) == [(NOON, 2, b"again"), *mine[1:]]
        assert list(tx.minutes(b, NOON + MINUTE, NOON + 3 * MINUTE)) == [row[:1] + row[2:] for row in rows if row[1] == b][1:3]
        assert tx.minutes(999_999, *EVER) == []
        assert tx.minute_devices("rack", *EVER) == {a, b}
        assert tx.minute_devices("pcs", NOON, NOON + 1) == {p}
        assert tx.minute_devices("rack", NOON + 1, NOON + MINUTE) == set()


def test_the_minutes_of_one_device_among_many_are_ascending(engine: Engine) -> None:
    keys = number(engine, *(f"r{i}" for i in range(40)))
    with engine.write() as tx:
        tx.put_minutes([(NOON + i * MINUTE, device, 1, bytes([i])) for i in range(30) for device in keys])
    with engine.read() as tx:
        assert list(tx.minutes(keys[7], NOON + MINUTE, NOON + 29 * MINUTE)) == [(NOON + i * MINUTE, 1, bytes([i])) for i in range(1, 29)]


def test_minutes_are_deleted_by_kind_or_device(engine: Engine) -> None:
    a, b = number(engine, "r1", "r2")
    (p,) = number(engine, "p1", kind="pcs")
    with engine.write() as tx:
        tx.put_minutes([(NOON + i * MINUTE, device, 1, b"x") for i in range(6) for device in (a, b, p)])
        tx.delete_minutes("rack", None, NOON + MINUTE, NOON + 2 * MINUTE)
        tx.delete_minutes("rack", [a], NOON + 4 * MINUTE, NOON + 9 * MINUTE)
        tx.delete_minutes("rack", [], *EVER)
    with engine.read() as tx:
        assert [(row[0] - NOON) // MINUTE for row in tx.minutes(a, *EVER)] == [0, 2, 3]
        assert [(row[0] - NOON) // MINUTE for row in tx.minutes(b, *EVER)] == [0, 2, 3, 4, 5]
        assert len(list(tx.minutes(p, *EVER))) == 6


def test_hours_are_replaced_found_by_day_and_deleted(engine: Engine) -> None:
    rows = [(device, metric, MIDNIGHT + i * DAY, bytes([device, metric, i])) for device in (1, 2) for metric in (7, 5) for i in range(4)]
    with engine.write() as tx:
        tx.put_hours(rows)
        tx.put_hours([(1, 5, MIDNIGHT, b"new")])
    with engine.read() as tx:
        found = list(tx.hours(1, [7, 5, 6], MIDNIGHT, MIDNIGHT + 3 * DAY))
        assert list(tx.hours(1, [], *EVER)) == []
    for metric, first in ((5, b"new"), (7, bytes([1, 7, 0]))):
        assert [row for row in found if row[0] == metric] == [
            (metric, MIDNIGHT, first), *((metric, MIDNIGHT + i * DAY, bytes([1, metric, i])) for i in (1, 2))
        ]  # fmt: skip
    assert len(found) == 6
    with engine.write() as tx:
        tx.delete_hours(1, MIDNIGHT + 2 * DAY)
    with engine.read() as tx:
        assert [row[1] for row in tx.hours(1, [7], *EVER)] == [MIDNIGHT + 2 * DAY, MIDNIGHT + 3 * DAY]
        assert len(list(tx.hours(2, [5, 7], *EVER))) == 8


MARKS = [
    Mark("rack", MINUTE, NOON, 0, 1 << 62),
    Mark("rack", MINUTE, NOON, 0, 5),
    Mark("rack", MINUTE, NOON + MINUTE, 3, 0),
    Mark("rack", MINUTE, NOON, 4, 0),
    Mark("pcs", MINUTE, NOON + 9 * MINUTE, 9, 0),
    Mark("rack", HOUR, NOON, 3, 0),
    Mark("rack", HOUR, NOON, 0, 0),
]


def test_marks_are_added_once_listed_in_order_and_deleted_exactly(engine: Engine) -> None:
    with engine.write() as tx:
        tx.add_marks(MARKS)
    with engine.write() as tx:
        tx.add_marks(iter(MARKS[:3]))
        tx.add_marks([])
    with engine.read() as tx:
        minutes = tx.marks(MINUTE, 1 << 50)
        assert sorted(minutes) == sorted(mark for mark in MARKS if mark.width == MINUTE)
        assert [(m.kind, m.device, m.ts) for m in minutes] == sorted((m.kind, m.device, m.ts) for m in minutes)
        assert isinstance(minutes[0], Mark)
        assert {m.device for m in tx.marks(MINUTE, 1 << 50, whole=True)} == {0}
        assert [m.device for m in tx.marks(MINUTE, 1 << 50, whole=False)] == [9, 3, 4]
        assert [m.device for m in tx.marks(MINUTE, 1 << 50, whole=False, most=2)] == [9, 3]
        assert sorted(m.device for m in tx.marks(MINUTE, NOON + MINUTE)) == [0, 0, 4]
        assert len(tx.marks(HOUR, NOON)) == 0
    with engine.write() as tx:
        tx.delete_marks([MARKS[1], MARKS[5], Mark("rack", HOUR, NOON, 77, 0)])
        tx.delete_marks([])
    with engine.read() as tx:
        assert sorted([*tx.marks(MINUTE, 1 << 50), *tx.marks(HOUR, 1 << 50)]) == sorted(set(MARKS) - {MARKS[1], MARKS[5]})


def test_marked_buckets_are_those_of_the_devices_that_touch_the_range(engine: Engine) -> None:
    with engine.write() as tx:
        tx.add_marks(MARKS)
    with engine.read() as tx:
        assert tx.marked("rack", MINUTE, [0, 3], *EVER) == [NOON, NOON + MINUTE]
        assert tx.marked("rack", MINUTE, [0, 3], NOON + MINUTE - 1, NOON + MINUTE) == [NOON]
        assert tx.marked("rack", MINUTE, [0, 3], NOON + MINUTE, NOON + MINUTE + 1) == [NOON + MINUTE]
        assert tx.marked("rack", MINUTE, [3], NOON, NOON + MINUTE) == []
        assert tx.marked("rack", HOUR, [8], *EVER) == []
        assert tx.marked("pcs", MINUTE, [9], *EVER) == [NOON + 9 * MINUTE]
        assert tx.marked("rack", MINUTE, [], *EVER) == []


def test_thousands_of_marks_come_and_go(engine: Engine) -> None:
    marks = [Mark("rack", MINUTE, NOON + i * MINUTE, device, 0) for i in range(700) for device in (1, 2, 3)]
    with engine.write() as tx:
        tx.add_marks(marks)
        tx.delete_marks(marks[:-5])
        assert sorted(tx.marks(MINUTE, 1 << 50)) == sorted(marks[-5:])


def test_revisions_come_newest_first_and_go_by_instant(engine: Engine) -> None:
    rows = [Revision(1, NOON + i % 3, 7, 100 + i, 200 + i, None if i == 2 else bytes([i])) for i in range(6)]
    with engine.write() as tx:
        tx.add_revisions(rows[:4])
    with engine.write() as tx:
        tx.add_revisions([*rows[4:], Revision(2, NOON, 7, 1, 300, b"other")])
        tx.add_revisions([])
    with engine.read() as tx:
        assert list(tx.revisions(1, NOON, NOON + 3, 0)) == rows[::-1]
        assert list(tx.revisions(1, NOON, NOON + 3, 203)) == [rows[5], rows[4]]
        assert list(tx.revisions(1, NOON + 1, NOON + 2, 0)) == [rows[4], rows[1]]
        assert tx.revisions(3, *EVER, 0) == []
    with engine.write() as tx:
        tx.delete_revisions(1, NOON + 2)
    with engine.read() as tx:
        assert list(tx.revisions(1, *EVER, 0)) == [rows[5], rows[2]]
        assert len(tx.revisions(2, *EVER, 0)) == 1


# -- any order ------------------------------------------------------------------------------------------------------

DEVICES, INSTANTS = 3, 6
NUMBERS = st.none() | st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda value: value or 0.0)
WHO = st.none() | st.lists(st.integers(0, DEVICES - 1), unique=True)
RANGE = st.tuples(st.integers(-1, INSTANTS), st.integers(0, INSTANTS + 1))
STEP = st.one_of(
    st.tuples(
        st.just("insert"),
        st.lists(st.tuples(st.integers(0, DEVICES - 1), st.integers(0, INSTANTS - 1), st.integers(0, 9), NUMBERS, NUMBERS), max_size=12),
    ),
    st.tuples(st.just("update"), st.tuples(st.integers(0, DEVICES - 1), st.integers(0, INSTANTS - 1), st.floats(0, 1))),
    st.tuples(st.just("vector"), st.tuples(st.integers(0, DEVICES - 1), st.integers(0, INSTANTS - 1), st.binary(min_size=1, max_size=9))),
    st.tuples(st.just("delete"), st.tuples(WHO, RANGE)),
    st.tuples(st.just("look"), st.tuples(WHO, RANGE)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=12))
def test_hot_readings_behave_as_a_dictionary_in_any_order_of_steps(engine: Engine, steps: list[tuple[str, Any]]) -> None:
    keys = number(engine, *(f"r{i}" for i in range(DEVICES)))
    with engine.write() as tx:
        metric = tx.metric_keys()["cell_voltages"]
        tx.delete_hot("rack", None, *EVER)
        rows: dict[tuple[int, int], tuple[Any, ...]] = {}
        vectors: dict[tuple[int, int], bytes] = {}
        for what, told in (*steps, ("look", (None, (-1, INSTANTS + 1)))):
            if what == "insert":
                sent = sorted(((keys[d], NOON + t, received, 0, x, y) for d, t, received, x, y in told), key=lambda row: row[1])
                known = []
                for place, row in enumerate(sent):
                    if row[:2] in rows:
                        known.append(place)
                    else:
                        rows[row[0], row[1]] = row
                assert tx.insert_new("rack", RACK, sent) == known
            elif what == "update":
                device, ts, value = keys[told[0]], NOON + told[1], told[2]
                tx.update_row("rack", device, ts, 1, {"power": value})
                if (device, ts) in rows:
                    old = rows[device, ts]
                    rows[device, ts] = (*old[:3], 1, old[4], value)
            elif what == "vector":
                tx.put_vectors("rack", [VectorRow(NOON + told[1], keys[told[0]], metric, told[2])])
                vectors[keys[told[0]], NOON + told[1]] = told[2]
            else:
                who = None if told[0] is None else [keys[i] for i in told[0]]
                start, end = NOON + told[1][0], NOON + told[1][1]
                inside = {key for key in {*rows, *vectors} if start <= key[1] < end and (who is None or key[0] in who)}
                if what == "look":
                    assert sorted(tx.hot_rows("rack", RACK, who, start, end)) == sorted(row for key, row in rows.items() if key in inside)
                    found = {(row.device, row.ts): row.elements for row in tx.hot_vectors("rack", [metric], who, start, end)}
                    assert found == {key: blob for key, blob in vectors.items() if key in inside}
                    times = [key[1] for key in rows]
                    assert (tx.first_hot("rack"), tx.last_hot("rack")) == ((min(times), max(times)) if times else (None, None))
                else:
                    assert tx.delete_hot("rack", who, start, end) == len(inside & set(rows))
                    rows = {key: row for key, row in rows.items() if key not in inside}
                    vectors = {key: blob for key, blob in vectors.items() if key not in inside}


# -- transactions and processes -------------------------------------------------------------------------------------


def test_what_a_write_committed_is_there_after_reopening(engine: Engine, open_engine_again: Callable[[], Engine]) -> None:
    keys, rows = fleet(engine, 5, 5)
    engine.close()
    engine.close()
    assert hot(open_engine_again()) == sorted(rows)
    assert number(open_engine_again(), "r0") == keys[:1]


def test_a_write_that_raises_leaves_nothing(engine: Engine) -> None:
    if not engine.has_snapshots:
        pytest.skip("an engine without transactions carries out each call at once")
    (a,) = number(engine, "r1")
    with pytest.raises(ZeroDivisionError), engine.write() as tx:
        tx.insert_new("rack", RACK, [(a, NOON, 1, 0, 1.0, 1.0)])
        tx.add_marks(MARKS)
        tx.put_counter("latest", 0, 99)
        raise ZeroDivisionError
    assert hot(engine) == []
    with engine.read() as tx:
        assert tx.marks(MINUTE, 1 << 50) == []
        assert ("latest", 0) not in tx.counters()
    assert insert(engine, [(a, NOON, 1, 0, 1.0, 1.0)]) == []


def test_a_reader_sees_one_moment(engine: Engine) -> None:
    if not engine.has_snapshots:
        pytest.skip("this engine has no snapshots")
    (a,) = number(engine, "r1")
    with engine.read() as tx:
        assert tx.hot_rows("rack", RACK, [a], *EVER) == []
        insert(engine, [(a, NOON, 1, 0, 1.0, 1.0)])
        put(engine, chunk(engine, a, MIDNIGHT, MIDNIGHT + HOUR))
        assert tx.hot_rows("rack", RACK, [a], *EVER) == []
        assert tx.spans(a, *EVER) == []
    assert len(hot(engine)) == 1


def test_a_bulk_write_keeps_what_it_wrote_and_can_be_ended_twice(engine: Engine) -> None:
    (a,) = number(engine, "r1")
    for i in range(2):
        with engine.write_bulk() as tx:
            tx.put_chunk(chunk(engine, a, MIDNIGHT + i * HOUR, MIDNIGHT + (i + 1) * HOUR))
            tx.insert_new("rack", RACK, [(a, NOON + i, 1, 0, 1.0, 1.0)])
        engine.end_bulk()
        engine.end_bulk()
    assert len(spans(engine, a)) == 2
    assert len(hot(engine)) == 2


def test_many_readers_ask_at_once(engine: Engine) -> None:
    _, rows = fleet(engine, 5, 5)
    together = threading.Barrier(10, timeout=20)
    found: list[int] = []

    def look() -> None:
        with engine.read() as tx:
            together.wait()
            found.append(len(tx.hot_rows("rack", RACK, None, *EVER)))

    threads = [threading.Thread(target=look) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [len(rows)] * 10


def test_two_engines_on_one_database_lose_no_count_and_no_row(engine: Engine, open_engine_again: Callable[[], Engine]) -> None:
    other = open_engine_again()
    number(engine, "r1")
    seen: dict[int, list[int]] = {1: [], 2: []}
    faults: list[BaseException] = []

    def writes(whose: Engine, owner: int) -> None:
        try:
            for i in range(25):
                with whose.write() as tx:
                    counters = tx.count_write(owner)
                    seen[owner].append(counters["writes", owner])
                    tx.count_sealed()
                    device = tx.number_devices("rack", [f"new{i}"])[f"new{i}"]
                    tx.insert_new("rack", RACK, [(device, NOON + owner, 1, 0, 1.0, 1.0)])
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=writes, args=pair) for pair in ((engine, 1), (other, 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert seen == {1: list(range(1, 26)), 2: list(range(1, 26))}
    assert len(hot(engine)) == 50
    with other.read() as tx:
        assert tx.counters()["sealed", 0] == 50
        assert len(tx.device_keys()) == 26


def test_only_one_writer_has_the_turn(engine: Engine, open_engine_again: Callable[[], Engine]) -> None:
    other = open_engine_again()
    (a,) = number(engine, "r1")
    inside, asked = threading.Event(), threading.Event()
    order: list[str] = []

    def second() -> None:
        inside.wait(20)
        asked.set()
        with other.write() as tx:
            order.append("second")
            order.append(str(len(tx.hot_rows("rack", RACK, [a], *EVER))))

    thread = threading.Thread(target=second)
    thread.start()
    with engine.write() as tx:
        tx.count_write(1)
        inside.set()
        asked.wait(20)
        thread.join(0.3)  # time in which it would get in, if it could
        tx.insert_new("rack", RACK, [(a, NOON, 1, 0, 1.0, 1.0)])
        order.append("first")
    thread.join(20)
    assert order == ["first", "second", "1"]


def test_sizes_name_each_table_and_grow(engine: Engine) -> None:
    fleet(engine)
    found = {(what, kind): (size, rows) for what, kind, size, rows in engine.sizes()}
    names = {what for what, _ in found}
    assert {"readings", "vectors"} <= names
    assert {kind for what, kind in found if what == "readings"} == set(KINDS)
    assert all(size >= 0 and rows >= 0 for size, rows in found.values())
    assert found["readings", "rack"][0] >= 4096


def test_a_sound_database_has_no_faults(engine: Engine) -> None:
    fleet(engine, 3, 3)
    assert engine.faults() == []
