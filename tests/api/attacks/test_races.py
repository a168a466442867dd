"""Two at once, of whatever process: one of them is first."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from datastore.open import open_store
from plant.errors import Conflict
from plant.model import Device, Kind, User
from services import accounts, exports, keys
from services.access import Identity
from services.commands import Commands, Order
from tests.api.attacks.conftest import knock
from tests.api.test_access_matrix import MACHINE
from tests.api.test_bodies import reading


def at_once(*calls):
    """The results, or the errors, of calls that begin at the same moment."""
    ready = threading.Barrier(len(calls))

    def run(call):
        ready.wait(10)
        try:
            return call()
        except Exception as error:  # what went wrong is what the test looks at
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_two_processes_that_add_one_user_one_does(product):
    config = product.config
    other = open_store(config.database_url, config.site_tz)
    try:
        for i in range(5):
            name = f"ann{i}"
            said = at_once(
                *(
                    lambda store=store, word=word, name=name: accounts.add_user(store, name, f"password of {word}", ["viewer"])
                    for word, store in (("one", product.store), ("two", other), ("three", product.store), ("four", other))
                )
            )
            (made,) = [one for one in said if isinstance(one, User)]
            assert all(isinstance(one, (User, Conflict)) for one in said)
            assert product.store.records.user(name).password_hash == made.password_hash
    finally:
        other.close()


def test_a_device_that_answers_twice_at_once_completes_a_command_once(product):
    other = open_store(product.config.database_url, product.config.site_tz)
    product.store.records.put_devices([Device("pack01", Kind.PACK, rating={"max_charge_power_kw": 50.0, "max_discharge_power_kw": 50.0})])
    try:
        for status, rival in (("completed", "failed"), ("failed", "completed")) * 3:
            both = [Commands(product.store), Commands(other)]
            command = both[0].send(Order("pack01", "emergency_shutdown", {}, source="test"))
            both[0].next_for("pack01")
            both[0].respond("pack01", command.id, "acknowledged")
            said = at_once(partial(both[0].respond, "pack01", command.id, status), partial(both[1].respond, "pack01", command.id, rival))
            ended = both[0].get("pack01", command.id)
            won = [one for one in said if not isinstance(one, Exception)]
            assert all(isinstance(one, Conflict) or one.status in (status, rival) for one in said), said
            assert won and ended.status in (status, rival)
            assert sum(one.status == ended.status for one in won) >= 1
    finally:
        other.close()


def test_the_same_export_ordered_by_many_at_once_never_passes_its_limit(product, root):
    product.store.intake.accept([])
    assert (
        knock(
            product,
            "POST",
            "/api/v1/readings",
            MACHINE | {k.lower(): v for k, v in root.items()},
            json.dumps([reading(device_id="bess01", timestamp=1)]).encode(),
        )[0]
        == 200
    )
    asked = {"devices": ["bess01"], "metrics": ["soc"], "from": 0, "to": 10, "resolution": "raw"}
    client = [product.flask.test_client(use_cookies=False) for _ in range(exports.MOST_OPEN + 6)]
    said = at_once(*(lambda one=one: one.post("/api/v1/exports", json=asked, headers=root) for one in client))
    codes = sorted(answer.status_code for answer in said)
    assert set(codes) <= {202, 409}
    assert len({answer.json["id"] for answer in said if answer.status_code == 202}) == codes.count(202)
    assert codes.count(202) <= exports.MOST_OPEN


def test_a_key_that_is_revoked_while_it_is_used_stops(product, monkeypatch):
    monkeypatch.setattr(keys, "TRUST_S", 0.2)
    key, secret = keys.issue(product.store, Identity("root", ("admin",)), product.config.site_id, name="gateway", scopes=["ingest"])
    ended, news, seen = threading.Event(), threading.Condition(), []

    def send():
        while not ended.is_set():
            row = [reading(device_id="bess01", timestamp=1_769_256_300_000 + len(seen))]
            status = knock(product, "POST", "/api/v1/readings", MACHINE | {"x-api-key": secret}, json.dumps(row).encode())[0]
            with news:
                seen.append(status)
                news.notify_all()

    def revoke():
        try:
            with news:
                assert news.wait_for(lambda: seen.count(200) >= 3, 60), seen
            keys.revoke(product.store, key.id, "root")
            with news:
                assert news.wait_for(lambda: 401 in seen and len(seen) - seen.index(401) > 3, 60), seen
        finally:
            ended.set()

    assert at_once(send, send, revoke) == [None] * 3
    refused = seen.index(401)
    assert set(seen[:refused]) == {200} and refused >= 1
    later = seen[refused:]
    assert set(later) <= {200, 401, 429} and later.count(200) <= 1  # one of the two may have been on its way
