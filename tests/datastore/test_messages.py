"""Whole messages while the records are away: on disk, in order, each once, also after a kill."""

import threading
from pathlib import Path

import pytest

from datastore.messages import Messages
from datastore.open import open_store
from datastore.spool import Spool
from plant.errors import Invalid, Unavailable
from tests.datastore.outages import OUTAGES

NOW = 1_790_000_000_000


def documents(store):
    return [one["n"] for one in reversed(store.records.documents("battery_data", 0, 10_000))]


@pytest.mark.parametrize("way", ["sqlite file away", "sqlite disk full", "postgresql killed"])
def test_messages_of_an_outage_arrive_in_order_and_once(tmp_path, way):
    with OUTAGES[way](tmp_path) as outage:
        store = open_store(outage.url, "UTC", spool=tmp_path / "spool")
        assert store.messages.keep("battery_data", {"n": 0}, NOW) is not None
        outage.begin()
        for n in range(1, 50):
            assert store.messages.keep("battery_data", {"n": n, "note": "x" * 2000}, NOW + n) is None
        assert store.messages.waiting == 49
        outage.end()
        assert store.messages.wait_for_spool(60)
        assert store.messages.keep("battery_data", {"n": 50}, NOW + 50) is not None
        assert documents(store) == list(range(51))
        store.close()


def test_a_process_that_ends_in_the_outage_leaves_them_to_the_next(tmp_path):
    with OUTAGES["sqlite file away"](tmp_path) as outage:
        store = open_store(outage.url, "UTC", spool=tmp_path / "spool")
        outage.begin()
        for n in range(5):
            store.messages.keep("battery_data", {"n": n}, NOW + n)
        outage.end()
        store.messages._detour._spool.close()  # as a kill leaves it: nothing is brought over any more
        store = open_store(outage.url, "UTC", spool=tmp_path / "spool")
        assert store.messages.wait_for_spool(60)
        assert documents(store) == list(range(5))
        store.close()


@pytest.mark.parametrize("brought", range(6))
def test_what_a_killed_process_had_brought_over_is_not_brought_twice(tmp_path, brought):
    """Of five messages in the spool, two alike, the first ones are in the records, and the spool does not know."""
    told = [{"n": 0}, {"n": 1, "deep": {"b": 2, "a": [1.5, None]}}, {"n": 2}, {"n": 2}, {"n": 3}]
    store = open_store(f"sqlite:///{tmp_path}/x.db", "UTC")
    for place, message in enumerate(told[:brought]):
        store.records.keep_document("battery_data", message, NOW + place)
    spool = Spool(tmp_path / "spool", 1 << 20)
    earlier = Messages(Away(), lambda: NOW, spool)
    for place, message in enumerate(told):
        assert earlier.keep("battery_data", message, NOW + place) is None
    spool.close()
    messages = Messages(store.records, lambda: NOW, Spool(tmp_path / "spool", 1 << 20))
    assert messages.wait_for_spool(30)
    messages.close()
    assert documents(store) == [0, 1, 2, 2, 3]
    store.close()


class Away:
    """Records that never answer."""

    def keep_document(self, collection, document, received):
        raise Unavailable("the server is gone")

    documents = keep_document


def test_without_a_spool_the_caller_is_told():
    with pytest.raises(Unavailable):
        Messages(Away(), lambda: NOW).keep("battery_data", {"n": 1}, NOW)


def test_a_full_spool_refuses_and_what_is_acknowledged_stays(tmp_path):
    messages = Messages(Away(), lambda: NOW, Spool(tmp_path / "spool", 4096))
    kept = 0
    with pytest.raises(Unavailable, match="full"):
        while True:
            messages.keep("battery_data", {"n": kept, "x": "y" * 500}, NOW)
            kept += 1
    assert messages.waiting == kept > 0


@pytest.mark.parametrize("message", [{"x": float("nan")}, {"x": "\ud800"}, {"x": {1, 2}}])
def test_what_no_store_can_keep_never_reaches_the_spool(tmp_path, message):
    messages = Messages(Away(), lambda: NOW, Spool(tmp_path / "spool", 4096))
    with pytest.raises(Invalid):
        messages.keep("battery_data", message, NOW)
    assert messages.waiting == 0
    with pytest.raises(Invalid):
        messages.keep("battery_gossip", {"n": 1}, NOW)


def test_many_threads_at_once_lose_nothing(tmp_path: Path):
    with OUTAGES["sqlite file away"](tmp_path) as outage:
        store = open_store(outage.url, "UTC", spool=tmp_path / "spool")
        outage.begin()

        def bring(who):
            for n in range(50):
                store.messages.keep("battery_data", {"n": who * 100 + n}, NOW)

        threads = [threading.Thread(target=bring, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        outage.end()
        for thread in threads:
            thread.join()
        assert store.messages.wait_for_spool(60)
        found = documents(store)
        assert sorted(found) == sorted(who * 100 + n for who in range(4) for n in range(50))
        assert all([n for n in found if n // 100 == who] == [who * 100 + n for n in range(50)] for who in range(4))
        store.close()
