"""The JSON data source as Grafana's plugins ask it; bodies as the plugins' own documentation shows them."""

import json

import pytest

from plant.model import Alarm, Annotation
from services import annotations

START = 1_769_256_000_000  # 2026-01-24T12:00:00Z
MINUTE = 60_000
RANGE = {"from": "2026-01-24T12:00:00.000Z", "to": "2026-01-24T12:06:00.000Z", "raw": {"from": "now-6m", "to": "now"}}


@pytest.fixture
def ask(door):
    """Six minutes of bess01, two readings a minute; minute 3 is silent. One reading of pcs01."""
    rows = [{"device_id": "bess01", "kind": "bess", "timestamp": START + m * MINUTE + s * 1000,
             "values": {"soc": 50.0 + m, "power": 10.0 * s}}
            for m in (0, 1, 2, 4, 5) for s in (0, 30)]  # fmt: skip
    rows.append({"device_id": "pcs01", "kind": "pcs", "timestamp": START, "values": {"active_power": 7.5}})
    assert door("POST", "/api/v1/readings", json.dumps(rows), Content_Type="application/json").status == 200
    return lambda path, body=None: door(
        "POST", f"/grafana/{path}", None if body is None else json.dumps(body), Content_Type="application/json"
    )


def query(ask, *targets, **more):
    # the body of simple-json's README, with what simpod adds
    body = {
        "panelId": 1, "range": RANGE, "rangeRaw": {"from": "now-6m", "to": "now"}, "interval": "30s", "intervalMs": 30000,
        "maxDataPoints": 6, "format": "json", "adhocFilters": [], "scopedVars": {}, "targets": [
            {"refId": chr(65 + i), "type": "timeserie", "hide": False} | target for i, target in enumerate(targets)
        ],
    }  # fmt: skip
    return ask("query", body | more)


@pytest.mark.parametrize("path", ["/grafana/", "/grafana"])
def test_the_data_source_can_be_tested(door, path):
    reply = door("GET", path)
    if reply.status == 308:
        reply = door("GET", reply.headers["location"].replace("http://localhost", ""))
    assert reply.status == 200


def test_a_series_has_a_point_per_bucket_and_gaps_are_null(ask):
    (series,) = query(ask, {"target": "bess01.soc"}).json
    assert (series["target"], series["refId"]) == ("bess01.soc", "A")
    assert series["datapoints"] == [
        [50.0, START], [51.0, START + MINUTE], [52.0, START + 2 * MINUTE], [None, START + 3 * MINUTE], [54.0, START + 4 * MINUTE],
        [55.0, START + 5 * MINUTE],
    ]  # fmt: skip


@pytest.mark.parametrize(("agg", "first"), [(None, 150.0), ("min", 0.0), ("max", 300.0), ("last", 300.0), ("sum", 300.0)])
def test_the_payload_chooses_what_a_point_shows(ask, agg, first):
    (series,) = query(ask, {"target": "bess01.power", "payload": {"agg": agg} if agg else ""}).json
    assert series["datapoints"][0] == [first, START]


def test_a_table_has_times_and_numbers(ask):
    (table,) = query(ask, {"target": "bess01.soc", "type": "table"}).json
    assert table["type"] == "table"
    assert table["columns"] == [{"text": "Time", "type": "time"}, {"text": "bess01.soc", "type": "number"}]
    assert table["rows"][:2] == [[START, 50.0], [START + MINUTE, 51.0]] and table["rows"][3] == [START + 3 * MINUTE, None]


def test_several_targets_answer_in_their_order_without_the_hidden(ask):
    answers = query(
        ask, {"target": "pcs01.active_power"}, {"target": "bess01.soc", "hide": True}, {"target": ""}, {"target": "bess01.power"}
    )
    assert [(answer["target"], answer["refId"]) for answer in answers.json] == [("pcs01.active_power", "A"), ("bess01.power", "D")]


def test_fewer_points_are_drawn_when_fewer_are_asked_for(ask):
    (series,) = query(ask, {"target": "bess01.soc"}, maxDataPoints=1).json
    assert len(series["datapoints"]) <= 2


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ([{"key": "device", "operator": "=", "value": "bess01"}], ["bess01.soc"]),
        ([{"key": "device", "operator": "!=", "value": "bess01"}], ["pcs01.active_power"]),
        ([{"key": "kind", "operator": "=", "value": "pcs"}], ["pcs01.active_power"]),
        ([{"key": "site", "operator": "=", "value": "elsewhere"}], []),
    ],
)
def test_ad_hoc_filters_leave_targets_out(ask, filters, left):
    answers = query(ask, {"target": "bess01.soc"}, {"target": "pcs01.active_power"}, adhocFilters=filters).json
    assert [answer["target"] for answer in answers] == left


@pytest.mark.parametrize(
    ("target", "status", "named"),
    [("nobody.soc", 404, "nobody"), ("bess01.happiness", 404, "happiness"), ("bess01.temp_igbt", 404, "temp_igbt"),
     ("soc", 422, "device.metric"), ("bess01.", 404, ""), ("pcs01.soc", 404, "soc"), ("bess01-rack01.cell_voltages", 422, "single")],
)  # fmt: skip
def test_a_bad_target_is_named(ask, target, status, named):
    reply = query(ask, {"target": target})
    assert reply.status == status and named in json.dumps(reply.json["error"])


@pytest.mark.parametrize(
    "change",
    [{"range": None}, {"range": {"from": "x", "to": "y"}}, {"range": {"from": RANGE["to"], "to": RANGE["from"]}}, {"targets": "bess01.soc"},
     {"targets": [{"target": 5}]}, {"maxDataPoints": 0}, {"maxDataPoints": "many"}, {"range": {"from": "0001-01-01", "to": "9999-01-01"}},
     {"adhocFilters": [{"key": "colour", "operator": "=", "value": "red"}]},
     {"adhocFilters": [{"key": "device", "operator": "=~", "value": "(a+)+$"}]},
     {"targets": [{"target": "bess01.soc"}] * 101}],
)  # fmt: skip
def test_a_bad_question_is_refused(ask, change):
    assert query(ask, {"target": "bess01.soc"}, **change).status == 422


def test_names_are_found_by_a_part_of_them(ask):
    assert "bess01.soc" in ask("search", {"target": "BESS01.so"}).json
    assert ask("search", {"target": "no such name"}).json == []
    assert ask("search", {"target": "devices"}).json == ["bess01", "pcs01"]
    assert ask("search", {"target": "kinds"}).json == ["bess", "pcs"]
    everything = ask("search", {"target": ""}).json
    assert {"bess01.soc", "pcs01.active_power"} <= set(everything) and "bess01.cell_voltages" not in everything
    assert [one["value"] for one in ask("metrics", {"metric": "", "payload": {}}).json] == everything


def test_variables_have_the_values_of_a_search(ask):
    assert ask("variable", {"payload": {"target": "devices"}, "range": RANGE}).json == [
        {"__text": "bess01", "__value": "bess01"}, {"__text": "pcs01", "__value": "pcs01"},
    ]  # fmt: skip


def test_filters_offer_what_there_is(ask):
    assert [one["text"] for one in ask("tag-keys", {}).json] == ["device", "kind", "site"]
    assert ask("tag-values", {"key": "kind"}).json == [{"text": "bess"}, {"text": "pcs"}]
    assert ask("tag-values", {"key": "colour"}).status == 422


def test_events_are_notes_and_alarms_that_touch_the_window(product, ask):
    store = product.store
    annotations.add(store, Annotation(START - MINUTE, START + MINUTE, "Storm", tags=("weather",)))
    annotations.add(store, Annotation(START - 9 * MINUTE, START - 8 * MINUTE, "Long ago"))
    store.records.put_alarm(Alarm("bess01", "bess", "HOT", "alarm", "Too hot", START + MINUTE, cleared=START + 2 * MINUTE))
    store.records.put_alarm(Alarm("pcs01", "pcs", "LOUD", "warning", "Too loud", START + 3 * MINUTE))
    asked = lambda what: ask("annotations", {"range": RANGE, "annotation": {"name": "x", "enable": True, "query": what}}).json  # noqa: E731
    assert [(e["title"], e["time"], e["tags"]) for e in asked("")] == [
        ("Storm", START - MINUTE, ["weather"]), ("HOT", START + MINUTE, ["bess01", "alarm", "cleared"]),
        ("LOUD", START + 3 * MINUTE, ["pcs01", "warning", "active"]),
    ]  # fmt: skip
    assert [event["title"] for event in asked("notes")] == ["Storm"]
    assert [(event["title"], event["timeEnd"]) for event in asked("alarms")] == [
        ("HOT", START + 2 * MINUTE), ("LOUD", START + 6 * MINUTE),
    ]  # fmt: skip
    assert [event["title"] for event in asked("bess01")] == ["Storm", "HOT"]
    assert asked("")[0]["annotation"] == {"name": "x", "enable": True, "query": ""}
