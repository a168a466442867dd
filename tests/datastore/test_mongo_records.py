"""What MongoDB holds of records beyond their contract: collections others can read, messages that go by themselves."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database

from datastore.backends import mongo_cache
from datastore.backends.mongo_documents import came, stored
from datastore.backends.mongo_records import MongoRecords
from datastore.open import now_ms
from datastore.ports import DOCUMENTS, Entry
from plant.errors import Conflict, Invalid
from plant.model import DAY, HOUR, Alarm, Device, User
from tests.datastore import mongod

NOON = 1_790_000_000_000
# the document's own example (S3, BatteryData)
MEASURED = {"timestamp": 1640995200.0, "pack_voltage": 355.2, "pack_current": 50.0, "cell_temp": 25.5, "source": "battery_monitor"}


def at_noon() -> int:
    return NOON


@pytest.fixture
def records(mongodb_url: str) -> Iterator[MongoRecords]:
    made = MongoRecords(mongodb_url, at_noon)
    yield made
    made.close()


@pytest.fixture
def database(mongodb_url: str) -> Iterator[Database[dict[str, Any]]]:
    """The same database as another program sees it."""
    with MongoClient(mongodb_url) as client:
        yield client.get_default_database()


@pytest.mark.parametrize("collection", DOCUMENTS)
def test_a_message_stands_in_its_collection_under_its_own_field_names(records, database, collection) -> None:
    kept = records.keep_document(collection, MEASURED, NOON)
    (found,) = database[collection].find()
    assert str(found.pop("_id")) == kept
    assert found.pop("received_at").timestamp() * 1000 == NOON
    assert found == MEASURED


def test_fields_of_our_own_and_names_mongodb_refuses_come_back_as_they_came(records, database) -> None:
    odd = {"_id": 7, "received_at": "x", "$where": {"a.b": [{"$gt": 1}]}, "": 0, "%24x": 1, "%": 2, "n\0": 3, "cell.1": 2**70, "電": None}
    records.keep_document("battery_data", odd, NOON)
    assert records.documents("battery_data") == [odd]
    (found,) = database["battery_data"].find()
    assert {"%5Fid", "%72eceived_at", "%24where", "cell%2E1"} <= set(found)


NAMES = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["_id", "received_at", "$ref", "%json", "a.b", "%", ""])
PLAIN = st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    PLAIN | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, JSON, max_size=5))
@settings(max_examples=100, deadline=None)
def test_any_message_comes_back_as_it_came(message: dict[str, Any]) -> None:
    assert came(stored(message, NOON)) == message


def test_messages_nested_deeper_than_a_server_takes_come_back(records) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = {"a": [deep]}
    records.keep_document("battery_data", {"deep": deep}, NOON)
    assert records.documents("battery_data") == [{"deep": deep}]


def test_a_message_beyond_16_mib_is_refused(records) -> None:
    with pytest.raises(Invalid, match="does not take this document"):
        records.keep_document("battery_data", {"text": "x" * (17 << 20)}, NOON)
    assert records.documents("battery_data") == []


def test_messages_go_by_themselves_when_their_days_are_over(tmp_path: Path) -> None:
    """The server's own clock decides: one is 31 days old, one 29, and the TTL monitor of this server runs every second."""
    with mongod.running(tmp_path / "data", ttlMonitorEnabled="true", ttlMonitorSleepSecs="1") as server:
        records = MongoRecords(server.url("plant"), now_ms)
        with MongoClient(server.url("plant")) as client:
            records.keep_document("battery_data", {"age": 31}, now_ms() - 31 * DAY)
            records.keep_document("battery_data", {"age": 29}, now_ms() - 29 * DAY)
            passes = _ttl_passes(client)
            while _ttl_passes(client) < passes + 2:
                pass
        assert records.documents("battery_data") == [{"age": 29}]
        records.close()


def _ttl_passes(client: MongoClient[dict[str, Any]]) -> int:
    return int(client.admin.command("serverStatus")["metrics"]["ttl"]["passes"])


@pytest.mark.parametrize(("days", "seconds"), [(30, 2_592_000), (7, 604_800), (0, None)])
def test_the_days_a_message_is_kept_follow_the_setting(mongodb_url, database, days, seconds) -> None:
    MongoRecords(mongodb_url, at_noon, document_days=30).close()
    MongoRecords(mongodb_url, at_noon, document_days=days).close()
    for collection in DOCUMENTS:
        indexes = database[collection].index_information()
        assert indexes.get("ttl", {}).get("expireAfterSeconds") == seconds
        assert indexes["timestamp"]["key"] == [("timestamp", -1)]


def test_revoked_tokens_go_by_themselves(records, database) -> None:
    records.revoke("t", NOON + HOUR)
    assert database["revoked_token"].index_information()["ttl"]["expireAfterSeconds"] == 0
    (found,) = database["revoked_token"].find()
    assert found["expires_at"].timestamp() * 1000 == NOON + HOUR


def test_rows_survive_a_new_start_and_other_processes_are_noticed(mongodb_url, monkeypatch) -> None:
    first, second = MongoRecords(mongodb_url, at_noon), MongoRecords(mongodb_url, at_noon)
    try:
        assert second.devices() == []
        assert second.setting("site") is None
        first.put_devices([Device("r1", "rack")])
        first.put_user(User("olga", "x"))
        first.revoke("t", NOON + HOUR)
        first.put_setting("site", [1])
        monkeypatch.setattr(mongo_cache, "CACHE_TRUSTED_S", 0.0)
        assert [device.device_id for device in second.devices()] == ["r1"]
        assert second.user("olga") is not None
        assert second.revoked("t")
        assert second.setting("site") == [1]
    finally:
        first.close()
        second.close()


def test_of_two_processes_that_raise_or_revoke_at_once_one_is_told_so(mongodb_url) -> None:
    first, second = MongoRecords(mongodb_url, at_noon), MongoRecords(mongodb_url, at_noon)
    alarm = Alarm("bess01", "bess", "HIGH_TEMP", "alarm", "61 °C", NOON)
    try:
        assert [side.raise_alarm(alarm)[1] for side in (first, second)] == [True, False]
        assert [side.revoke("t", NOON + HOUR) for side in (first, second)] == [True, False]
    finally:
        first.close()
        second.close()


def test_an_alarm_of_an_earlier_release_was_put_aside_by_nobody_and_is_dumped_so(records, database) -> None:
    kept = records.put_alarm(Alarm("bess01", "bess", "HIGH_TEMP", "alarm", "61 °C", NOON))
    database["alarm"].update_one({}, {"$unset": {"shelved_by": 1, "shelved_until": 1}})
    assert records.alarms() == [kept]
    ((_, row),) = records.dump()
    assert (row["shelved_by"], row["shelved_until"]) == ("", None)
    shelved = records.change_alarm(kept, replace(kept, shelved_by="olga", shelved_until=NOON + HOUR))
    assert records.alarms() == [shelved]


def test_two_processes_see_each_others_entries(mongodb_url, monkeypatch) -> None:
    monkeypatch.setattr(mongo_cache, "CACHE_TRUSTED_S", 0.0)
    first, second = MongoRecords(mongodb_url, at_noon), MongoRecords(mongodb_url, at_noon)
    try:
        before = second.entries_version("commands")
        kept = first.put_entry(Entry("commands", "c", "bess01", "queued", NOON, {"$set": {"a.b": 2**70}}))
        assert second.entries_version("commands") != before
        assert second.entries("commands") == [kept]
    finally:
        first.close()
        second.close()


def test_a_replica_set_holds_records_too(mongodb_replica_set_url) -> None:
    records = MongoRecords(mongodb_replica_set_url, at_noon)
    try:
        records.put_devices([Device("r1", "rack")])
        assert records.put_user(User("olga", "x")).id == 1
        assert records.raise_alarm(Alarm("r1", "rack", "HIGH_TEMP", "alarm", "61 °C", NOON))[1]
        kept = records.keep_document("battery_data", MEASURED, NOON)
        assert len(kept) == 24
        entry = records.put_entry(Entry("commands", "c", "r1", "queued", NOON, {}))
        assert records.put_entry(entry).version == 2
        with pytest.raises(Conflict):
            records.put_entry(entry)
        assert records.documents("battery_data") == [MEASURED]
    finally:
        records.close()
