"""Killed without warning while readings pour in, and started again: whatever was acknowledged is there, once."""

import json
import threading
import time
import uuid

import pytest

from tests.api.conftest import Server, start_server, stop_server

ROUNDS = 3
WRITERS = 4


@pytest.mark.server
@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path):
    url = f"sqlite:///{tmp_path / 'kept.db'}"
    acknowledged: dict[str, list[int]] = {}
    for _ in range(ROUNDS):
        running = start_server(tmp_path, DATABASE_URL=url)
        threads = [threading.Thread(target=pour, args=(running, acknowledged)) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        running.process.kill()
        for thread in threads:
            thread.join()
        running.process.communicate()
    running = start_server(tmp_path, DATABASE_URL=url)
    try:
        assert sum(map(len, acknowledged.values())) > 20 * WRITERS
        for device, instants in acknowledged.items():
            query = f"/api/v1/series?device={device}&metric=soc&resolution=raw&from={instants[0]}&to={instants[-1] + 1}"
            (series,) = running.knock("GET", query).json["series"]
            assert series["timestamps"] == instants
            assert series["values"] == [at % 100 for at in instants]
    finally:
        stop_server(running)


def pour(running: Server, acknowledged: dict[str, list[int]]) -> None:
    """Send batches of five until the server dies; remember what it acknowledged."""
    device, at = f"pack-{uuid.uuid4().hex[:8]}", int(time.time() * 1000) - 60_000
    kept = acknowledged.setdefault(device, [])
    while True:
        instants = [at + i for i in range(5)]
        rows = [{"device_id": device, "timestamp": instant, "values": {"soc": instant % 100}} for instant in instants]
        try:
            reply = running.knock("POST", "/api/v1/readings", json.dumps(rows), Content_Type="application/json")
        except Exception:  # the server was killed, in whatever state the connection was
            return
        assert reply.json["accepted"] == 5
        kept += instants
        at += 5
