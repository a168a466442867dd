"""Foreign senders while the store is away: what they are told, and that nothing of it is lost."""

import json

import pytest

from tests.api.conftest import start_server, stop_server
from tests.api.test_store_down import JSON, T0, Plant


@pytest.fixture
def plant(tmp_path):
    made = Plant(start_server(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path / 'plant.db'}"), tmp_path)
    yield made
    stop_server(made.server)


def line(at, soc, device="bess01"):
    return f"battery,device={device},kind=bess soc={soc} {at}000000"


def collected(at, soc):
    return json.dumps([{"host": "bess01", "plugin": "b", "type": "p", "type_instance": "soc", "values": [soc], "time": at / 1000}])


@pytest.mark.server
def test_lines_wait_on_disk_and_are_kept_afterwards(plant):
    write = lambda path, body: plant.server.knock("POST", path, body)  # noqa: E731
    assert write("/write", line(T0, 50)).status == 204
    plant.take_away()
    for path, at in (("/write", T0 + 1000), ("/api/v2/write", T0 + 2000)):
        reply = write(path, line(at, 51))
        assert (reply.status, reply.headers["x-spooled"], reply.body) == (204, "1", b"")
    broken = write("/write", f"{line(T0 + 3000, 52)}\nnonsense")
    assert broken.status == 400 and broken.json["error"]["details"]["accepted"] == 1
    told = plant.server.knock("POST", "/api/v1/collectd", collected(T0 + 4000, 53), **JSON)
    assert (told.status, told.json) == (202, {"spooled": 1, "accepted": 0, "duplicates": 0, "rejected": []})
    for method, path, body in (
        ("POST", "/grafana/query", '{"range": {"from": "2026-01-24", "to": "2026-01-25"}, "targets": [{"target": "bess01.soc"}]}'),
        ("POST", "/api/v1/annotations", '{"from": "2026-01-24", "text": "x"}'),
        ("POST", "/api/v1/exports", '{"devices": ["bess01"], "metrics": ["soc"], "from": "2026-01-24", "to": "2026-01-25"}'),
    ):  # fmt: skip
        assert plant.server.knock(method, path, body, **JSON).status == 503, path
    figures = plant.server.knock("GET", "/metrics").body.decode()
    assert 'voltdeck_store_up{part="records"} 0.0' in figures and "voltdeck_spool_readings 4.0" in figures
    plant.give_back()
    plant.wait_for_spool()
    found = plant.get(f"/api/v1/series?device=bess01&metric=soc&from={T0}&to={T0 + 60_000}&resolution=raw")[1]
    assert found["series"][0]["values"] == [50.0, 51.0, 51.0, 52.0, 53.0]
