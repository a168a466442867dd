"""The spool on disk: nothing that was acknowledged gets lost, changes or changes places, whatever happens to the files."""

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datastore.spool
from datastore.spool import Spool
from datastore.spool_file import HEAD, Gap, Record, framed, records
from plant.errors import Unavailable
from plant.model import Block
from tests.datastore.outages import remount, small_disk

PROJECT = Path(datastore.spool.__file__).parents[1]
NOW = 1_790_000_000_000
PLENTY = 1 << 30


def block(*rows: tuple, kind: str = "bess", metrics: tuple[str, ...] = ("soc",)) -> Block:
    return Block(kind, metrics, list(rows))


def reading(at: int, soc: object = 50.0, device: str = "b1") -> Block:
    return block((device, at, NOW, 0, soc))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool", PLENTY)
    yield made
    made.close()


def drained(spool: Spool, most_rows: int = 20_000) -> list[Block]:
    found: list[Block] = []
    while (batch := spool.head(most_rows)) is not None:
        found += batch.blocks
        spool.advance(batch)
    return found


def values(blocks: list[Block]) -> list[object]:
    return [row[4] for one in blocks for row in one.rows]


def reopened(spool: Spool, folder: Path, limit: int = PLENTY) -> Spool:
    spool.close()
    return Spool(folder / "spool", limit)


def files(folder: Path, ending: str = ".spool") -> list[Path]:
    return sorted(folder.glob(f"spool/*/*{ending}"))


# --- records --------------------------------------------------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**63), 2**63 - 1)
scalars = st.one_of(st.none(), finite, integers, st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e308, 0.1, 2**53 + 1]))
vectors = st.lists(st.one_of(st.none(), finite, integers), min_size=1, max_size=5)
ids = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)


@st.composite
def blocks_of_any_sort(draw: st.DrawFn) -> Block:
    metrics = tuple(draw(st.lists(ids, min_size=1, max_size=4, unique=True)))
    rows = st.tuples(ids, integers, integers, integers, *[st.one_of(scalars, vectors) for _ in metrics])
    return Block(draw(ids), metrics, draw(st.lists(rows, min_size=1, max_size=5)))


def bits(value: object) -> object:
    """Something that differs wherever two values differ: 0.0 from -0.0, 1 from 1.0."""
    if isinstance(value, list | tuple):
        return [bits(element) for element in value]
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


@given(st.lists(blocks_of_any_sort(), min_size=1, max_size=4), integers.filter(lambda at: at >= 0))
def test_blocks_come_out_as_they_went_in_to_the_last_bit(blocks, at):
    (found,) = records(framed(blocks, at))
    assert isinstance(found, Record)
    assert (found.at, found.rows) == (at, sum(len(one.rows) for one in blocks))
    for came, went in zip(found.blocks(), blocks, strict=True):
        assert (came.kind, came.metrics) == (went.kind, went.metrics)
        assert bits(came.rows) == bits(went.rows)
        assert all(type(row) is tuple for row in came.rows)


def sample() -> tuple[bytes, list[int]]:
    """Five records and where each ends."""
    data, ends = b"", []
    for number in range(5):
        data += framed([reading(NOW + number, float(number)), block(("é", NOW, NOW, 0, [1.5, None]), metrics=("cell_voltages",))], NOW)
        ends.append(len(data))
    return data, ends


def test_cut_anywhere_everything_before_the_cut_is_found_and_the_rest_is_torn():
    data, ends = sample()
    for cut in range(len(data) + 1):
        found = list(records(data[:cut]))
        whole = [one for one in found if isinstance(one, Record)]
        assert [one.end for one in whole] == [end for end in ends if end <= cut]
        gaps = [one for one in found if isinstance(one, Gap)]
        assert gaps == ([] if cut in (0, *ends) else [Gap(max([0, *[end for end in ends if end < cut]]), cut, torn=True)])


def test_a_byte_that_changed_anywhere_costs_its_own_record_only():
    data, ends = sample()
    for place in range(len(data)):
        hurt = bytes([*data[:place], data[place] ^ 0x41, *data[place + 1 :]])
        found = list(records(hurt))
        spoiled = next(number for number, end in enumerate(ends) if place < end)
        assert [one.end for one in found if isinstance(one, Record)] == [end for number, end in enumerate(ends) if number != spoiled]
        (gap,) = [one for one in found if isinstance(one, Gap)]
        assert gap == Gap(0 if spoiled == 0 else ends[spoiled - 1], ends[spoiled], torn=False)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_rubbish_between_records_is_stepped_over(before, after):
    first, second = framed([reading(1)], NOW), framed([reading(2)], NOW)
    found = [one for one in records(before + first + after + second) if isinstance(one, Record)]
    assert [one.payload for one in found] == [framed([reading(1)], NOW)[HEAD:], framed([reading(2)], NOW)[HEAD:]]


def test_zeros_at_the_end_are_a_write_that_never_happened():
    data, ends = sample()
    assert list(records(data + bytes(4096)))[-1] == Gap(len(data), len(data) + 4096, torn=True)


# --- in and out -----------------------------------------------------------------------------------------------------


def test_nothing_is_made_on_disk_before_there_is_something_to_keep(spool, tmp_path):
    assert spool.head(10) is None
    assert list(tmp_path.iterdir()) == []
    assert (spool.rows, spool.size, spool.is_empty, spool.oldest()) == (0, 0, True, None)


def test_readings_come_out_in_the_order_they_went_in(spool, tmp_path):
    for number in range(50):
        spool.append([[reading(NOW + 2 * number, 2.0 * number)], [reading(NOW + 2 * number + 1, 2.0 * number + 1)]], NOW + number)
    assert (spool.rows, spool.size) == (100, sum(path.stat().st_size for path in files(tmp_path)))
    assert spool.oldest() == NOW
    assert values(drained(spool, 7)) == [float(number) for number in range(100)]
    assert (spool.rows, spool.is_empty, files(tmp_path)) == (0, True, [])


def test_what_comes_while_the_spool_is_emptied_stands_behind(spool):
    spool.append([[reading(1, 1.0)]], NOW)
    batch = spool.head(10)
    spool.append([[reading(2, 2.0)]], NOW + 5)
    spool.advance(batch)
    assert spool.oldest() == NOW + 5
    assert values(drained(spool)) == [2.0]


def test_a_full_file_gives_way_to_the_next_and_an_empty_one_goes(spool, tmp_path, monkeypatch):
    monkeypatch.setattr(datastore.spool, "SEGMENT_BYTES", 1000)
    for number in range(100):
        spool.append([[reading(NOW + number, float(number))]], NOW)
    many = files(tmp_path)
    assert len(many) > 5
    assert all(path.stat().st_size < 1100 for path in many)
    batch = spool.head(20_000)
    spool.advance(batch)
    assert files(tmp_path) == many[1:]
    assert values(drained(spool)) == [float(number) for number in range(batch.rows, 100)]


def test_a_new_start_goes_on_where_the_last_one_was(spool, tmp_path):
    for number in range(30):
        spool.append([[reading(NOW + number, float(number))]], NOW + number)
    for _ in range(3):
        spool.advance(spool.head(4))
    again = reopened(spool, tmp_path)
    assert (again.rows, again.oldest()) == (18, NOW + 12)
    again.append([[reading(NOW + 30, 30.0)]], NOW)
    assert values(drained(again)) == [float(number) for number in range(12, 31)]
    again.close()


def test_a_batch_never_holds_two_values_of_one_instant(spool):
    """Kept once more after a kill, the older of the two would win for a moment and leave a revision that never was."""
    spool.append([[reading(NOW, 1.0)], [reading(NOW + 1, 2.0)], [reading(NOW, 3.0)], [reading(NOW, 4.0, "b2")]], NOW)
    batches = []
    while (batch := spool.head(20_000)) is not None:
        batches.append(values(batch.blocks))
        spool.advance(batch)
    assert batches == [[1.0, 2.0], [3.0, 4.0]]


def test_other_metrics_of_one_instant_may_share_a_batch(spool):
    spool.append([[reading(NOW, 1.0)], [block(("b1", NOW, NOW, 0, 800.0), metrics=("voltage",))]], NOW)
    assert values(spool.head(20_000).blocks) == [1.0, 800.0]


def test_a_full_spool_refuses_and_keeps_what_it_has(tmp_path):
    spool = Spool(tmp_path / "spool", 1000)
    kept = 0
    with pytest.raises(Unavailable, match="the spool is full") as refusal:
        for number in range(100):
            spool.append([[reading(NOW + number, float(number))]], NOW)
            kept += 1
    assert refusal.value.details["retry_after"] > 0
    assert 900 < spool.size <= 1000
    spool.advance(spool.head(1))
    assert values(drained(spool)) == [float(number) for number in range(1, kept)]
    spool.append([[reading(NOW, 1.0)]], NOW)
    assert spool.rows == 1
    spool.close()


def test_a_submit_larger_than_the_spool_is_refused_and_the_next_is_kept(tmp_path):
    spool = Spool(tmp_path / "spool", 5000)
    with pytest.raises(Unavailable, match="is full"):
        spool.append([[block(*[("b1", NOW + number, NOW, 0, 1.0) for number in range(1000)])]], NOW)
    spool.append([[reading(NOW)]], NOW)
    assert spool.rows == 1
    spool.close()


def test_the_clock_may_go_back(spool, tmp_path):
    for at in (NOW, NOW - 3_600_000, 0, NOW + 5):
        spool.append([[reading(at or 1, float(at))]], at)
    assert spool.oldest() == NOW
    again = reopened(spool, tmp_path)
    assert values(drained(again)) == [float(NOW), float(NOW - 3_600_000), 0.0, float(NOW + 5)]
    again.close()


# --- files that suffered --------------------------------------------------------------------------------------------


def filled(tmp_path: Path, count: int = 6) -> list[int]:
    """A closed spool of `count` readings 0.0, 1.0 …; where each record ends."""
    spool = Spool(tmp_path / "spool", PLENTY)
    ends = []
    for number in range(count):
        spool.append([[reading(NOW + number, float(number))]], NOW)
        ends.append(spool.size)
    spool.close()
    return ends


def test_torn_at_any_byte_the_records_before_are_kept_and_the_next_is_appended_soundly(tmp_path):
    ends = filled(tmp_path)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    for cut in range(ends[-2], ends[-1]):
        path.write_bytes(whole[:cut])
        spool = Spool(tmp_path / "spool", PLENTY)
        assert spool.damaged == 0
        assert path.stat().st_size == ends[-2]
        spool.append([[reading(NOW + 99, 99.0)]], NOW)
        assert values([one for batch in [spool.head(20_000)] for one in batch.blocks]) == [0.0, 1.0, 2.0, 3.0, 4.0]
        spool.close()
        (extra,) = [other for other in files(tmp_path) if other != path]
        extra.unlink()
    assert files(tmp_path, ".damaged") == []


def test_a_damaged_record_is_set_aside_by_name_and_the_rest_goes_on(tmp_path, caplog):
    ends = filled(tmp_path)
    (path,) = files(tmp_path)
    hurt = bytearray(path.read_bytes())
    hurt[ends[1] + HEAD + 3] ^= 0xFF
    path.write_bytes(hurt)
    spool = Spool(tmp_path / "spool", PLENTY)
    assert (spool.rows, spool.damaged) == (5, 1)
    assert values(drained(spool)) == [0.0, 1.0, 3.0, 4.0, 5.0]
    (aside,) = files(tmp_path, ".damaged")
    assert aside.read_bytes() == hurt[ends[1] : ends[2]]
    assert aside.name in caplog.text
    assert spool.damaged == 1
    spool.close()


def test_a_file_of_rubbish_is_set_aside_and_nothing_else_suffers(tmp_path):
    filled(tmp_path)
    (tmp_path / "spool" / "0" / "00000000-0.spool").write_bytes(b"hello, I am no record" * 10)
    spool = Spool(tmp_path / "spool", PLENTY)
    assert spool.damaged == 1
    assert values(drained(spool)) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert files(tmp_path, ".damaged")[0].read_bytes() == b"hello, I am no record" * 10
    spool.close()


def test_a_file_damaged_while_it_waits_is_noticed_when_it_is_read(spool, tmp_path):
    for number in range(3):
        spool.append([[reading(NOW + number, float(number))]], NOW)
    (path,) = files(tmp_path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3 + HEAD)
        file.write(b"\xff\xff\xff")
    assert values(drained(spool)) == [0.0, 2.0]
    assert (spool.damaged, spool.is_empty) == (1, True)


def test_a_file_removed_from_outside_is_reported_and_new_readings_are_kept(spool, tmp_path, caplog):
    spool.append([[reading(NOW, 1.0)]], NOW)
    files(tmp_path)[0].unlink()
    spool.append([[reading(NOW + 1, 2.0)]], NOW)
    assert len(files(tmp_path)) == 1, "written to the removed file it would have been lost"
    assert values(drained(spool)) == [2.0]
    assert "removed from outside" in caplog.text


def test_a_full_disk_is_unavailable_and_leaves_nothing_behind_of_what_was_refused(tmp_path):
    with small_disk(tmp_path / "disk", "256k") as disk:
        spool = Spool(disk / "spool", PLENTY)
        kept = 0
        with pytest.raises(Unavailable, match="cannot be written: No space left on device"):
            while kept < 10_000:
                spool.append([[block(*[("b1", NOW + 100 * kept + place, NOW, 0, float(kept)) for place in range(100)])]], NOW)
                kept += 1
        assert 50 < kept < 200
        with pytest.raises(Unavailable, match="No space left"):
            spool.append([[reading(NOW)] * 2000], NOW)
        again = reopened(spool, disk)
        assert (again.rows, again.damaged) == (100 * kept, 0)
        first = again.head(2000)
        again.advance(first)
        assert values(drained(again)) == [float(number) for number in range(20, kept) for _ in range(100)]
        again.append([[reading(NOW, 7.0)]], NOW)
        assert values(drained(again)) == [7.0]
        again.close()


def test_a_folder_that_cannot_be_written_is_named_in_one_line():
    """Not even root can make a folder in /proc."""
    spool = Spool(Path("/proc/spool"), PLENTY)
    with pytest.raises(Unavailable, match="the spool /proc/spool cannot be written: ") as refusal:
        spool.append([[reading(NOW)]], NOW)
    assert "\n" not in str(refusal.value)
    assert spool.is_empty


def test_a_disk_that_became_read_only_is_unavailable_and_goes_on_afterwards(tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        spool = Spool(disk / "spool", PLENTY)
        spool.append([[reading(NOW, 1.0)]], NOW)
        spool.close()
        remount(disk, "ro")
        with pytest.raises(Unavailable, match="cannot be read: Read-only file system"):
            Spool(disk / "spool", PLENTY)
        remount(disk, "rw")
        again = Spool(disk / "spool", PLENTY)
        assert values(drained(again)) == [1.0]
        again.close()


# --- what is refused ------------------------------------------------------------------------------------------------


def test_refused_readings_are_set_aside_in_a_form_that_can_be_sent_again(spool, tmp_path, caplog):
    spool.refuse(
        block(("b1", NOW, NOW + 3, 4, 50.5, None, [3.3, None]), metrics=("soc", "voltage", "cell_voltages")), "device 'b1' was deleted"
    )
    spool.refuse(reading(NOW + 1), "another")
    (path,) = files(tmp_path, ".refused")
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {
        "device_id": "b1",
        "timestamp": NOW,
        "kind": "bess",
        "values": {"soc": 50.5, "cell_voltages": [3.3, None]},
        "received": NOW + 3,
        "quality": 4,
        "reason": "device 'b1' was deleted",
    }
    assert second["reason"] == "another"
    assert spool.refused == 2
    assert "device 'b1' was deleted" in caplog.text


# --- several processes ----------------------------------------------------------------------------------------------


def test_each_has_a_folder_of_its_own_and_takes_over_only_from_the_dead(tmp_path):
    first, second = Spool(tmp_path / "spool", PLENTY), Spool(tmp_path / "spool", PLENTY)
    first.append([[reading(NOW, 1.0)]], NOW)
    second.append([[reading(NOW, 2.0)]], NOW)
    assert len({path.parent for path in files(tmp_path)}) == 2
    third = Spool(tmp_path / "spool", PLENTY)
    assert third.is_empty, "both owners live"
    assert not second.adopt()
    third.append([[reading(NOW, 3.0)]], NOW)
    first.close()
    assert second.adopt()
    second.append([[reading(NOW, 4.0)]], NOW)
    assert values(drained(second)) == [2.0, 1.0, 4.0]
    assert values(drained(third)) == [3.0]
    second.close()
    third.close()


OWNER = """
import os, sys
from pathlib import Path
from datastore.spool import Spool
from plant.model import Block
spool = Spool(Path(sys.argv[1]), 1 << 30)
for number in range(3):
    spool.append([[Block("bess", ("soc",), [("b1", 1_790_000_000_000 + number, 1, 0, float(number))])]], 1)
spool.advance(spool.head(1))
os.write(1, b"ready\\n")
os.read(0, 1)
"""


def test_what_a_killed_process_left_is_taken_over_where_it_was(tmp_path):
    command = [sys.executable, "-c", OWNER, str(tmp_path / "spool")]
    with subprocess.Popen(command, env={"PYTHONPATH": str(PROJECT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        mine = Spool(tmp_path / "spool", PLENTY)
        mine.append([[reading(NOW + 9, 9.0)]], NOW)
        assert not mine.adopt()
        owner.kill()
        owner.wait(30)
        assert mine.adopt()
        assert values(drained(mine)) == [9.0, 1.0, 2.0]
        mine.close()


# --- any history ----------------------------------------------------------------------------------------------------

steps = st.lists(st.one_of(st.just("append"), st.just("advance"), st.just("restart")), max_size=60)


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(1, 7))
def test_whatever_the_order_of_events_readings_pass_through_once_and_in_order(tmp_path_factory, events, most):
    folder = tmp_path_factory.mktemp("any")
    spool = Spool(folder / "spool", PLENTY)
    sent = 0
    came: list[object] = []
    for event in events:
        if event == "append":
            spool.append([[reading(NOW + sent, float(sent))]], NOW)
            sent += 1
        elif event == "restart":
            spool = reopened(spool, folder)
        elif (batch := spool.head(most)) is not None:
            came += values(batch.blocks)
            spool.advance(batch)
        assert spool.rows == sent - len(came)
    assert came + values(drained(spool)) == [float(number) for number in range(sent)]
    spool.close()
