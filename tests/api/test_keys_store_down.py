"""A device key while the database of a running server is away, and revoked by another process."""

import json
import time
from pathlib import Path

import pytest

from tests.api.conftest import start_server, stop_server
from tests.api.test_store_down import T0, Plant

PASSWORD = "correct horse battery"


def log_in(server):
    body = json.dumps({"username": "admin", "password": PASSWORD})
    token = server.knock("POST", "/api/v1/auth/login/json", body, Content_Type="application/json").json["access_token"]
    return {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}


def send(server, key, at, device="bess01"):
    row = {"device_id": device, "timestamp": at, "kind": "bess", "values": {"soc": 50.0}}
    return server.knock("POST", "/api/v1/readings", json.dumps([row]), Content_Type="application/json", X_API_Key=key).status


def issue(server, root, name):
    body = {"name": name, "role": "device", "devices": ["bess01"]}
    return server.knock("POST", "/api/v1/keys", json.dumps(body), **root).json


@pytest.mark.server
def test_a_key_that_was_seen_goes_on_sending_one_that_was_not_waits(tmp_path: Path) -> None:
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path / 'plant.db'}", "AUTH_MODE": "protected", "AUTO_REGISTER": "1"}
    plant = Plant(start_server(tmp_path, **settings), tmp_path)
    try:
        root = log_in(plant.server)
        seen, unseen = issue(plant.server, root, "seen")["key"], issue(plant.server, root, "unseen")["key"]
        assert send(plant.server, seen, T0) == 200
        plant.take_away()
        assert send(plant.server, seen, T0 + 1000) == 202
        assert send(plant.server, seen, T0 + 1000, "bess02") == 403
        assert send(plant.server, unseen[:-1] + ("A" if unseen[-1] != "A" else "B"), T0 + 2000) in (401, 503)
        assert plant.server.knock("GET", "/api/v1/alarms", X_API_Key=seen).status in (403, 503)
        plant.give_back()
        plant.wait_for_spool()
        assert send(plant.server, seen, T0 + 1000) == 200
    finally:
        stop_server(plant.server)


@pytest.mark.server
def test_a_key_revoked_in_one_process_is_refused_by_the_other_soon(tmp_path: Path) -> None:
    shared = {"DATABASE_URL": f"sqlite:///{tmp_path / 'plant.db'}", "AUTH_MODE": "protected", "AUTO_REGISTER": "1"}
    secrets = {"SECRET_KEY": "s" * 20 + "ecret-of-both", "JWT_SECRET_KEY": "j" * 20 + "ecret-of-both"}
    first = start_server(tmp_path, **shared, **secrets)
    second = start_server(tmp_path, **shared, **secrets)
    try:
        root = log_in(first)
        made = issue(first, root, "gateway")
        assert send(second, made["key"], T0) == 200
        assert first.knock("DELETE", f"/api/v1/keys/{made['id']}", **root).status == 200
        until = time.monotonic() + 10
        while (status := send(second, made["key"], T0 + 1000)) == 200:
            assert time.monotonic() < until
            time.sleep(0.1)  # the other process has no event to give: it is asked
        assert status == 401
        assert time.monotonic() < until - 5
    finally:
        stop_server(first)
        stop_server(second)
