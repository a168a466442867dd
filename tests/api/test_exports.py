"""Exports through the door of a real server on a real store: a process of its own makes the file, and may be killed."""

import csv
import gzip
import hashlib
import io
import json
import os
import signal
import time
from pathlib import Path

import pytest

from api import auth
from plant.model import Device, User
from services import exports
from tests.api.conftest import start_server, stop_server

START = 1_769_256_000_000  # 2026-01-24T12:00:00Z
ORDER = {
    "devices": ["bess01"],
    "metrics": ["soc", "power"],
    "from": "2026-01-24T12:00:00Z",
    "to": "2026-01-24T13:00:00Z",
    "resolution": "1m",
}
JSON = {"Content_Type": "application/json"}


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plant")
    server = start_server(folder, DATABASE_URL=f"sqlite:///{folder / 'plant.db'}", MAX_BODY_MB="16")
    table = {
        "device_id": "bess01", "kind": "bess", "timestamps": [START + 1000 * i for i in range(3600)],
        "values": {"soc": [50 + i / 100 for i in range(3600)], "power": [float(i % 60) for i in range(3600)]},
    }  # fmt: skip
    assert server.knock("POST", "/api/v1/readings", json.dumps(table), **JSON).json["accepted"] == 3600
    server.folder = folder
    yield server
    stop_server(server)


def ordered(plant, **change):
    reply = plant.knock("POST", "/api/v1/exports", json.dumps(ORDER | change), **JSON)
    assert (reply.status, reply.json["state"], reply.headers["location"]) == (202, "queued", f"/api/v1/exports/{reply.json['id']}")
    return reply.json["id"]


def ended(plant, export_id, patience=60.0):
    until = time.monotonic() + patience
    while time.monotonic() < until:
        export = plant.knock("GET", f"/api/v1/exports/{export_id}").json
        if export["state"] not in exports.OPEN:
            return export
        time.sleep(0.05)
    raise AssertionError(f"not done in time: {export}")


def job_processes(server) -> list[int]:
    """Children of the server that multiprocessing began."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == server.process.pid and b"spawn_main" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.server
def test_a_file_is_made_and_fetched(plant):
    export = ended(plant, ordered(plant, format="csv.gz"))
    assert (export["state"], export["rows"], export["progress"], export["columns"]) == ("done", 60, 1.0, 2)
    got = plant.knock("GET", export["file"])
    assert (got.status, got.headers["content-type"]) == (200, "application/gzip")
    assert got.headers["content-disposition"] == 'attachment; filename="series_2026-01-24_2026-01-24.csv.gz"'
    assert hashlib.sha256(got.body).hexdigest() == export["receipt"]["sha256"] == got.headers["x-checksum-sha256"]
    head, *lines = csv.reader(io.StringIO(gzip.decompress(got.body).decode()))
    assert head == ["timestamp", "bess01.soc (%)", "bess01.power (kW)"]
    # the mean of 50.00 … 50.59 and of 0 … 59
    assert [float(lines[0][1]), float(lines[0][2])] == pytest.approx([50.295, 29.5])


@pytest.mark.server
def test_the_work_is_never_done_by_the_web_process_and_one_at_a_time(plant):
    waiting = [ordered(plant, resolution="raw", format="xlsx") for _ in range(3)]
    seen = set()
    while any(plant.knock("GET", f"/api/v1/exports/{number}").json["state"] in exports.OPEN for number in waiting):
        seen.add(tuple(job_processes(plant)))
        running = plant.knock("GET", "/api/v1/exports?state=running").json["exports"]
        assert len(running) <= 1
    assert {len(children) for children in seen} <= {0, 1} and any(seen)
    assert [ended(plant, number)["state"] for number in waiting] == ["done"] * 3


@pytest.mark.server
def test_a_download_that_broke_goes_on(plant):
    export = ended(plant, ordered(plant, format="parquet"))
    whole = plant.knock("GET", export["file"]).body
    part = plant.knock("GET", export["file"], Range=f"bytes={len(whole) // 2}-")
    assert (part.status, part.body) == (206, whole[len(whole) // 2 :])
    assert plant.knock("GET", export["file"], Range=f"bytes={len(whole)}-").status == 416


@pytest.mark.server
def test_a_job_whose_process_is_killed_is_done_by_the_next(tmp_path):
    server = start_server(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path / 'plant.db'}", MAX_BODY_MB="16")
    try:
        table = {"device_id": "bess01", "kind": "bess", "timestamps": [START + 1000 * i for i in range(60_000)],
                 "values": {"soc": [50.0] * 60_000, "power": [1.0] * 60_000}}  # fmt: skip
        assert server.knock("POST", "/api/v1/readings", json.dumps(table), **JSON).json["accepted"] == 60_000
        number = ordered(server, resolution="raw", format="xlsx", to="2026-01-25T12:00:00Z")  # seconds of work
        until = time.monotonic() + 30
        while server.knock("GET", f"/api/v1/exports/{number}").json["state"] != "running":
            assert time.monotonic() < until
        (child,) = job_processes(server)
        os.kill(child, signal.SIGKILL)
        export = ended(server, number, 90)
        assert (export["state"], export["rows"]) == ("done", 60_000)
    finally:
        code, err = stop_server(server)
    assert code == 0
    assert b"the job process ended with code -9" in err


@pytest.mark.server
def test_a_cancelled_export_has_no_file(plant):
    number = ordered(plant, resolution="raw", format="xlsx")
    assert plant.knock("DELETE", f"/api/v1/exports/{number}").status == 204
    assert plant.knock("GET", f"/api/v1/exports/{number}").json["state"] == "cancelled"
    assert plant.knock("GET", f"/api/v1/exports/{number}/file").status == 404
    done = ended(plant, ordered(plant))
    assert plant.knock("DELETE", f"/api/v1/exports/{done['id']}").status == 204
    assert plant.knock("GET", f"/api/v1/exports/{done['id']}").status == 404
    assert not list((plant.folder / "exports").glob(f"{done['id']}*"))


@pytest.fixture
def ask(product, door):
    """Without a job process: what is ordered waits. `ask(role, method, path, body)`."""
    product.store.records.put_devices([Device("bess01", "bess")])
    for name, role in (("ann", "analyst"), ("bob", "analyst"), ("eve", "viewer"), ("root", "admin")):
        product.store.records.put_user(User(name, "x", (role,)))

    def knock(user, method, path="", body=None):
        headers = dict(JSON)
        if user:
            headers["Authorization"] = f"Bearer {auth.guard_of(product.flask).issue(product.store.records.user(user))['access_token']}"
        return door(method, f"/api/v1/exports{path}", None if body is None else json.dumps(body), **headers)

    return knock


def test_an_export_belongs_to_who_ordered_it(ask):
    number = ask("ann", "POST", body=ORDER).json["id"]
    for method, path in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
        assert ask("bob", method, f"/{number}{path}").status == 404
        assert ask("eve", method, f"/{number}{path}").status == 404  # in open mode everybody may export, but not see this
    assert [export["id"] for export in ask("ann", "GET").json["exports"]] == [number]
    assert ask("bob", "GET").json["exports"] == []
    assert [export["id"] for export in ask("root", "GET").json["exports"]] == [number]
    assert ask("ann", "DELETE", f"/{number}").status == 204


def test_a_file_that_is_not_ready_is_a_conflict(ask):
    number = ask("ann", "POST", body=ORDER).json["id"]
    reply = ask("ann", "GET", f"/{number}/file")
    assert (reply.status, reply.json["error"]["code"], reply.json["error"]["details"]["state"]) == (409, "CONFLICT", "queued")


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"devices": []}, 422, "devices"),
        ({"metrics": []}, 422, "metrics"),
        ({"devices": ["nobody"]}, 404, "nobody"),
        ({"metrics": ["happiness"]}, 404, "happiness"),
        ({"metrics": ["temp_igbt"]}, 404, "temp_igbt"),
        ({"metrics": ["cell_voltages"]}, 422, "vector"),
        ({"to": "2026-01-24T12:00:00Z"}, 422, "to"),
        ({"from": "soon"}, 422, "from"),
        ({"format": "pdf"}, 422, "format"),
        ({"resolution": "7m"}, 422, "resolution"),
        ({"agg": "median"}, 422, "agg"),
        ({"tz": "Mars/Olympus"}, 422, "tz"),
        ({"format": "xlsx", "to": "2036-01-24T12:00:00Z"}, 422, "resolution"),
        ({"devices": "bess01"}, 422, "devices"),
    ],
)
def test_a_bad_order_is_refused_at_once(ask, change, status, named):
    reply = ask("ann", "POST", body=ORDER | change)
    assert reply.status == status and named in json.dumps(reply.json["error"])
    assert ask("ann", "GET").json["exports"] == []


@pytest.mark.parametrize("number", ["turn", "x", "..%2f..%2fetc%2fpasswd", "0" * 200])
def test_what_is_no_export_is_not_found(ask, number):
    for method, path in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
        assert ask("root", method, f"/{number}{path}").status == 404


def test_the_queue_of_one_person_is_bounded(ask):
    for _ in range(exports.MOST_OPEN):
        assert ask("ann", "POST", body=ORDER).status == 202
    assert ask("ann", "POST", body=ORDER).status == 409


# -- reports ------------------------------------------------------------------------------------------------------------------


def test_a_month_on_paper_goes_the_same_way(plant):
    order = {"month": "2026-01", "language": "es", "charts": False}
    reply = plant.knock("POST", "/api/v1/reports", json.dumps(order), **JSON)
    assert (reply.status, reply.json["state"], reply.json["month"]) == (202, "queued", "2026-01")
    report_id = reply.json["id"]
    until = time.monotonic() + 60
    while (report := plant.knock("GET", f"/api/v1/reports/{report_id}").json)["state"] in exports.OPEN and time.monotonic() < until:
        time.sleep(0.05)
    assert report["state"] == "done", report["reason"]
    reply = plant.knock("GET", report["file"])
    assert reply.headers["content-type"] == "application/pdf" and reply.body.startswith(b"%PDF-")
    assert reply.headers["content-disposition"] == 'attachment; filename="site_report_2026-01_es.pdf"'
    assert hashlib.sha256(reply.body).hexdigest() == report["receipt"]["sha256"] == reply.headers["x-checksum-sha256"]
    from pypdf import PdfReader

    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(reply.body)).pages)
    assert "Informe mensual 2026-01" in text and f"Página 1 de {report['receipt']['pages']}" in text
    assert "86.0" in text  # the highest charge told: 50 + 3599 / 100, of a quarter's extremes
    assert report_id in [one["id"] for one in plant.knock("GET", "/api/v1/reports").json["reports"]]
    assert report_id not in [one["id"] for one in plant.knock("GET", "/api/v1/exports").json["exports"]]
    assert plant.knock("GET", f"/api/v1/exports/{report_id}").status == 404
    assert plant.knock("DELETE", f"/api/v1/reports/{report_id}").status == 204
    assert plant.knock("GET", f"/api/v1/reports/{report_id}").status == 404


@pytest.mark.parametrize("body", [{"month": "2026-13"}, {"month": "2999-01"}, {"month": "2026-01", "language": "fr"}, {"month": 5}, {}])
def test_a_report_of_nonsense_is_refused(plant, body):
    assert plant.knock("POST", "/api/v1/reports", json.dumps(body), **JSON).status in (400, 422)


def test_series_are_no_reports(plant):
    export_id = ordered(plant)
    assert plant.knock("GET", f"/api/v1/reports/{export_id}").status == 404
    ended(plant, export_id)
