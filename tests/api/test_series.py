"""The native reads: series in every format, newest values, alarms, catalogue. Numbers by hand."""

import io
import json

import pytest

MINUTE = 60_000
START = 1_769_256_000_000  # 2026-01-24T12:00:00Z, 20:00 in Taipei


@pytest.fixture
def filled(door):
    """Six minutes of two devices; minute 3 of bess01 is a gap."""
    rows = [{"device_id": "bess01", "kind": "bess", "timestamp": START + m * MINUTE + s * 1000,
             "values": {"soc": 50.0 + m, "power": -10.0 * s}}
            for m in (0, 1, 2, 4, 5) for s in (0, 30)]  # fmt: skip
    rows += [{"device_id": "pcs01", "kind": "pcs", "timestamp": START, "values": {"active_power": 7.5}}]
    assert door("POST", "/api/v1/readings", json.dumps(rows), Content_Type="application/json").json["accepted"] == 11
    return door


def ask(door, query, **headers):
    return door("GET", f"/api/v1/series?from=2026-01-24T12:00:00Z&to=2026-01-24T12:06:00Z&{query}", **headers)


def test_buckets_carry_mean_min_max_and_gaps_are_null(filled):
    body = ask(filled, "device=bess01&metric=soc,power&resolution=1m").json
    assert (body["from"], body["to"], body["zone"], body["resolution_s"]) == (
        "2026-01-24T12:00:00Z",
        "2026-01-24T12:06:00Z",
        "Asia/Taipei",
        60.0,
    )
    soc, power = body["series"]
    assert (soc["device_id"], soc["metric"], soc["unit"], soc["aggregation"]) == ("bess01", "soc", "%", "mean")
    assert soc["timestamps"] == [START + m * MINUTE for m in range(6)]
    assert soc["values"] == [50.0, 51.0, 52.0, None, 54.0, 55.0]
    assert (power["values"][0], power["min"][0], power["max"][0]) == (-150.0, -300.0, 0.0)  # readings 0 and −300
    assert power["values"][3] is power["min"][3] is power["max"][3] is None


def test_raw_readings_have_no_extremes(filled):
    (soc,) = ask(filled, "device=bess01&metric=soc&resolution=raw").json["series"]
    assert len(soc["values"]) == 10 and "min" not in soc


@pytest.mark.parametrize(("agg", "first"), [("mean", -150.0), ("min", -300.0), ("max", 0.0), ("last", -300.0), ("sum", -300.0)])
def test_a_bucket_shows_what_is_asked(filled, agg, first):
    (power,) = ask(filled, f"device=bess01&metric=power&resolution=1m&agg={agg}").json["series"]
    assert (power["aggregation"], power["values"][0]) == (agg, first)


def test_several_devices_give_the_metrics_they_have(filled):
    body = ask(filled, "device=bess01,pcs01&metric=soc,active_power&resolution=1m").json
    assert [(s["device_id"], s["metric"]) for s in body["series"]] == [("bess01", "soc"), ("pcs01", "active_power")]


@pytest.mark.parametrize(
    ("query", "status", "named"),
    [
        ("device=bess99&metric=soc", 404, "bess99"),
        ("device=bess01&metric=happiness", 404, "happiness"),
        ("device=bess01&metric=temp_igbt", 404, "temp_igbt"),
        ("device=bess01&metric=cell_voltages", 422, "vector"),
        ("device=bess01&metric=soc&resolution=7m", 422, "resolution"),
        ("device=bess01&metric=soc&points=0", 422, "points"),
        ("device=bess01&metric=soc&points=5&resolution=1m", 422, "resolution"),
        ("device=bess01&metric=soc&tz=Mars/Olympus", 422, "tz"),
        ("device=bess01&metric=soc&format=pdf", 422, "format"),
        ("device=,&metric=soc", 422, "device"),
        ("metric=soc", 422, "device"),
        ("device=bess01&metric=soc&to=2026-01-24T11:00:00Z", 422, "to"),
        ("device=bess01&metric=soc&from=lately", 422, "from"),
    ],
)
def test_a_bad_question_is_answered_with_its_name(filled, query, status, named):
    reply = ask(filled, query)
    assert reply.status == status
    assert named in json.dumps(reply.json["error"])


def test_csv_has_one_row_per_instant_in_the_zone_named(filled):
    reply = ask(filled, "device=bess01&metric=soc&resolution=1m&format=csv")
    lines = reply.body.decode().splitlines()
    assert reply.headers["content-type"].startswith("text/csv") and ".csv" in reply.headers["content-disposition"]
    assert lines[0] == '"timestamp","bess01.soc (%)"'
    assert lines[1] == "2026-01-24 20:00:00.000+0800,50"
    assert lines[4] == "2026-01-24 20:03:00.000+0800,"
    assert len(lines) == 7


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_tables_for_machines_say_the_same(filled, form):
    import pyarrow as pa
    from pyarrow import parquet

    reply = ask(filled, f"device=bess01&metric=soc,power&resolution=1m&format={form}&tz=UTC")
    source = io.BytesIO(reply.body)
    table = parquet.read_table(source) if form == "parquet" else pa.ipc.open_stream(source).read_all()
    assert table.column_names == ["timestamp", "bess01.soc (%)", "bess01.power (kW)"]
    assert table["bess01.soc (%)"].to_pylist() == [50.0, 51.0, 52.0, None, 54.0, 55.0]
    assert table["timestamp"].to_pylist()[0].isoformat() == "2026-01-24T12:00:00+00:00"


def test_a_sheet_opens_and_holds_the_values(filled):
    import zipfile

    reply = ask(filled, "device=bess01&metric=soc&resolution=1m&format=xlsx")
    with zipfile.ZipFile(io.BytesIO(reply.body)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 7
    assert "<v>52</v>" in sheet


def test_the_newest_values_of_a_device(filled):
    latest = filled("GET", "/api/v1/devices/bess01/latest").json
    assert latest["values"] == {"soc": 55.0, "power": -300.0}
    assert latest["timestamp"] == "2026-01-24T12:05:30Z" and latest["age_s"] > 0 and latest["quality"] == ["late"]
    assert filled("GET", "/api/v1/devices/bess01/latest?kind=pcs").status == 404
    assert filled("GET", "/api/v1/devices/nobody/latest").json["error"]["code"] == "DEVICE_NOT_FOUND"


def test_alarms_are_filtered(product, door):
    from plant.model import Alarm

    first = Alarm("bess01", "bess", "LIMIT", "warning", "SOC is low", START, metric="soc", value=4.0, limit=5.0)
    product.store.records.put_alarm(first)
    product.store.records.put_alarm(Alarm("pcs01", "pcs", "HOT", "alarm", "IGBT is hot", START + 1, cleared=START + 2))
    active = door("GET", "/api/v1/alarms").json["alarms"]
    assert [(a["device_id"], a["state"], a["raised"], a["limit"]) for a in active] == [("bess01", "active", "2026-01-24T12:00:00Z", 5.0)]
    assert [a["code"] for a in door("GET", "/api/v1/alarms?state=cleared").json["alarms"]] == ["HOT"]
    assert door("GET", "/api/v1/alarms?severity=alarm").json["alarms"] == []
    assert len(door("GET", "/api/v1/alarms?device=bess01&severity=warning").json["alarms"]) == 1
    assert door("GET", "/api/v1/alarms?severity=loud").status == 422
    assert door("GET", "/api/v1/alarms?from=2026-01-25&to=2026-01-24").status == 422


def test_the_catalogue_lists_every_metric_once(door):
    from plant.metrics import CATALOGUE

    listed = door("GET", "/api/v1/metrics/catalogue").json["metrics"]
    assert [metric["name"] for metric in listed] == list(CATALOGUE)
    soc = next(metric for metric in listed if metric["name"] == "soc")
    assert (soc["unit"], soc["valid"], soc["aggregation"], soc["label"]["es"]) == ("%", [0, 100], "mean", "Estado de carga")
