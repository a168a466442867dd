"""What the MongoDB engine promises beyond the contract of all engines."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from datastore.backends.mongo_engine import MongoEngine
from datastore.backends.mongo_keys import instant_key
from datastore.kept.engine import Chunk, Part
from datastore.kept.telemetry import KeptTelemetry
from plant.errors import Invalid
from plant.model import DAY, HOUR, MINUTE, SECOND, Block, Window

NOON = 1_790_049_600_000
RACK = ("soc", "power")


@pytest.fixture
def engine(mongodb_url: str) -> Iterator[MongoEngine]:
    opened = MongoEngine(mongodb_url)
    yield opened
    opened.close()


@pytest.fixture
def database(mongodb_url: str) -> Iterator[Database[dict[str, Any]]]:
    """The same database as another program sees it."""
    with MongoClient(mongodb_url) as client:
        yield client.get_default_database()


def test_a_reading_is_one_document_that_another_program_can_read(engine, database) -> None:
    with engine.write() as tx:
        (key,) = tx.number_devices("rack", ["r1"]).values()
        tx.insert_new("rack", RACK, [(key, NOON, NOON + 300, 1, 51.5, None), (key, NOON + SECOND, NOON + 1300, 1, 52.0, -7.25)])
    assert list(database["reading_rack"].find().sort("_id")) == [
        {"_id": key * 2**43 + NOON, "received": NOON + 300, "quality": 1, "soc": 51.5},
        {"_id": key * 2**43 + NOON + SECOND, "received": NOON + 1300, "quality": 1, "soc": 52.0, "power": -7.25},
    ]
    assert database["device_key"].find_one({"_id": key}) == {"_id": key, "kind": "rack", "device_id": "r1"}


def test_readings_are_compressed_with_zstd(engine, database) -> None:
    with engine.write() as tx:
        (key,) = tx.number_devices("rack", ["r1"]).values()
        tx.insert_new("rack", RACK, [(key, NOON, NOON, 0, 1.0, 2.0)])
    made = database.command("collStats", "reading_rack")["wiredTiger"]["creationString"]
    assert "block_compressor=zstd" in made


def test_an_instant_beyond_the_keys_is_refused_and_nothing_is_kept(engine, database) -> None:
    with engine.write() as tx:
        (key,) = tx.number_devices("rack", ["r1"]).values()
        for rows in (
            [(key, -1, 0, 0, 1.0, 1.0), (key, NOON, 0, 0, 1.0, 1.0)],
            [(key, NOON, 0, 0, 1.0, 1.0), (key, 1 << 43, 0, 0, 1.0, 1.0)],
        ):
            with pytest.raises(Invalid, match="from 1970 to September 2248"):
                tx.insert_new("rack", RACK, rows)
    assert database["reading_rack"].count_documents({}) == 0


def test_a_chunk_beyond_a_document_is_refused_with_its_size(engine) -> None:
    with engine.write() as tx:
        keys = tx.metric_keys()
        (device,) = tx.number_devices("rack", ["r1"]).values()
        fits = Chunk(device, NOON, NOON + HOUR, [Part(keys["@at"], 1, bytes(15 << 20))])
        tx.put_chunk(fits)
        with pytest.raises(Invalid, match=r"a chunk of 15\.7 MB does not fit into a MongoDB document, 15\.7 MB do"):
            tx.put_chunk(Chunk(device, NOON + HOUR, NOON + 2 * HOUR, [Part(keys["@at"], 1, bytes((15 << 20) + 1))]))
        assert [span.start for span in tx.spans(device, 0, NOON + DAY)] == [NOON]


def test_where_chunks_lie_and_what_they_count_is_answered_without_reading_them(engine, database) -> None:
    with engine.write() as tx:
        at = tx.metric_keys()["@at"]
        (device,) = tx.number_devices("rack", ["r1"]).values()
        for hour in range(5):
            tx.put_chunk(Chunk(device, NOON + hour * HOUR, NOON + (hour + 1) * HOUR, [Part(at, 3600, b"x" * 1000)]))
    database.command("profile", 2)
    with engine.read() as tx:
        assert tx.horizons() == {device: NOON + 5 * HOUR}
        assert len(tx.spans(device, NOON, NOON + DAY)) == 5
        assert tx.sealed_bounds(device) == (NOON, NOON + 5 * HOUR - 1)
        assert tx.sealed_count(device, at) == 5 * 3600
        assert [(one.chunks, one.n, one.size) for one in tx.figures()] == [(5, 18_000, 5000)]
        last = tx.last_span(device)
        assert last is not None
    database.command("profile", 0)
    asked = list(database["system.profile"].find({"ns": f"{database.name}.chunk"}))
    assert len(asked) == 6
    assert sum(one["docsExamined"] for one in asked) == 0
    assert last.start == NOON + 4 * HOUR


def test_who_sees_a_write_counted_sees_what_was_written(mongodb_url, engine) -> None:
    other = MongoEngine(mongodb_url)
    try:
        with engine.write() as tx:
            (key,) = tx.number_devices("rack", ["r1"]).values()
            assert tx.count_write(7)["writes", 7] == 1
            assert tx.counters()["writes", 7] == 1
            with other.read() as reader:
                assert ("writes", 7) not in reader.counters()
            tx.insert_new("rack", RACK, [(key, NOON, NOON, 0, 1.0, 2.0)])
        with other.read() as reader:
            assert reader.counters()["writes", 7] == 1
            assert len(reader.hot_rows("rack", RACK, [key], 0, 1 << 43)) == 1
    finally:
        other.close()


def test_a_store_of_a_newer_release_is_refused(mongodb_url, engine) -> None:
    with engine.write() as tx:
        tx.put_counter("layout", 0, 2)
    with pytest.raises(ValueError, match="telemetry layout 2, this release knows 1"):
        MongoEngine(mongodb_url)


def test_many_known_rows_among_new_ones_are_told_by_their_places(engine) -> None:
    with engine.write() as tx:
        keys = list(tx.number_devices("rack", [f"r{i}" for i in range(20)]).values())
        rows = [(key, NOON + second * SECOND, NOON, 0, 1.0, 2.0) for second in range(1200) for key in keys]
        known = list(range(0, len(rows), 3))
        assert tx.insert_new("rack", RACK, [rows[i] for i in known]) == []
        assert tx.insert_new("rack", RACK, rows) == known
        assert tx.count_hot("rack", 0, 1 << 43, 10**9) == len(rows)


def test_a_replica_set_keeps_and_seals_readings_for_its_majority(mongodb_replica_set_url) -> None:
    engine = MongoEngine(mongodb_replica_set_url)
    assert engine._link.durable.document == {"w": "majority", "j": True, "wtimeout": 5000}
    telemetry = KeptTelemetry(engine, lambda: NOON + 2 * HOUR)
    window = Window(NOON, NOON + HOUR)
    try:
        rows = [("r1", NOON + i * SECOND, NOON + i * SECOND, 0, i / 4, float(i)) for i in range(600)]
        (outcome,) = telemetry.append([Block("rack", RACK, rows)])
        assert outcome.inserted == 600
        (outcome,) = telemetry.append([Block("rack", RACK, rows)])
        assert outcome.duplicates == 600
        assert telemetry.seal(NOON + HOUR) == 600
        found = telemetry.columns("r1", "rack", RACK, window)
        assert found.values["power"].tolist() == [float(i) for i in range(600)]
        telemetry.maintain()
        series = telemetry.series([("r1", "rack")], ["power"], window, resolution=MINUTE)["r1", "rack", "power"]
        assert series.n[:10].tolist() == [60.0] * 10
    finally:
        telemetry.close()
    with MongoClient(mongodb_replica_set_url) as client:
        database = client.get_default_database()
        assert database["reading_rack"].count_documents({}) == 0
        assert [row["_id"] for row in database["chunk"].find({}, {"_id": 1})] == [instant_key(1, NOON)]


def test_sizes_tell_bytes_and_rows_by_kind(engine) -> None:
    with engine.write() as tx:
        (key,) = tx.number_devices("rack", ["r1"]).values()
        tx.insert_new("rack", RACK, [(key, NOON + i, NOON, 0, 1.0, 2.0) for i in range(500)])
    found = {(what, kind): (size, rows) for what, kind, size, rows in engine.sizes()}
    assert found["readings", "rack"][1] == 500
    assert found["readings", "rack"][0] > 0
    assert found["device_key", ""][1] == 1
    assert found["vectors", "rack"] == (0, 0)
