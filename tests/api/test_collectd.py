"""collectd's write_http JSON: the plugin's own example, values that are unknown, entries nobody can read."""

import json

import pytest

AT = 1_769_256_300.123  # 2026-01-24T12:05:00.123Z
# https://collectd.org/wiki/index.php/JSON
DOCUMENT = [{"values": [1901474177], "dstypes": ["counter"], "dsnames": ["value"], "time": 1280959128, "interval": 10,
             "host": "leeloo.octo.it", "plugin": "cpu", "plugin_instance": "0", "type": "cpu", "type_instance": "idle"}]  # fmt: skip


def entry(**change):
    return {"values": [67.5], "dstypes": ["gauge"], "dsnames": ["value"], "time": AT, "interval": 10.0, "host": "bess01",
            "plugin": "battery", "plugin_instance": "", "type": "percent", "type_instance": "soc"} | change  # fmt: skip


def post(door, body):
    return door("POST", "/api/v1/collectd", body if isinstance(body, str) else json.dumps(body), Content_Type="application/json")


def test_a_value_list_is_a_reading_of_its_host(either):
    reply = post(either, [entry(host="cbess1"), entry(host="cbess1", type="voltage", type_instance="", values=[825.25])])
    assert (reply.status, reply.json) == (200, {"accepted": 2, "duplicates": 0, "rejected": []})
    latest = either("GET", "/api/v1/devices/cbess1/latest").json
    assert (latest["timestamp"], latest["values"]) == ("2026-01-24T12:05:00.123Z", {"soc": 67.5, "voltage": 825.25})


def test_the_example_of_its_documentation_is_counted_not_refused(door):
    assert post(door, DOCUMENT).json == {"accepted": 0, "duplicates": 0, "rejected": []}
    assert [(row["door"], row["measurement"], row["field"], row["count"]) for row in door("GET", "/api/v1/foreign").json["unmapped"]] == [
        ("collectd", "cpu", "idle", 1)
    ]


def test_several_values_are_called_after_their_source(door):
    post(door, [entry(plugin="interface", type="if_octets", type_instance="", values=[1, 2], dsnames=["rx", "tx"])])
    assert [row["field"] for row in door("GET", "/api/v1/foreign").json["unmapped"]] == ["if_octets.rx", "if_octets.tx"]


def test_a_value_collectd_does_not_know_is_silence(door):
    assert post(door, [entry(values=[None]), entry(host="bess02", values=[50])]).json["accepted"] == 1
    assert post(door, json.dumps([entry(values=["N"])]).replace('"N"', "NaN")).json["accepted"] == 0
    assert door("GET", "/api/v1/devices/bess01/latest").status == 404


@pytest.mark.parametrize(
    "change",
    [{"values": []}, {"values": "67.5"}, {"values": ["67.5"]}, {"values": [True]}, {"values": [1e400]}, {"values": [10**400]},
     {"host": ""}, {"host": 5}, {"plugin": None}, {"type": ""}, {"time": "now"}, {"time": 1e18}, {"time": -1e18},
     {"dsnames": ["a", "b"]}, {"dsnames": [1]}, {"host": "a/b"}, {"host": "store"}],
)  # fmt: skip
def test_a_bad_entry_is_named_and_the_others_are_kept(door, change):
    body = json.dumps([entry(host="bess02"), entry(**change)])
    reply = post(door, body)
    assert (reply.status, reply.json["accepted"], [row["index"] for row in reply.json["rejected"]]) == (200, 1, [1])
    alone = post(door, json.dumps([entry(**change)]))
    assert alone.status == 422 and alone.json["error"]["details"]["field_errors"]


@pytest.mark.parametrize("body", ["", "{}", "[]", "null", "[", "5", '["x"]', "[[]]", '[{"host": "a", "host": "b"}]', "\ufeff[]"])
def test_what_is_no_array_of_value_lists_is_refused(either, body):
    assert post(either, body).status == 422


def test_without_a_time_it_is_now(product, door):
    timeless = entry()
    del timeless["time"]
    assert post(door, [timeless]).json["accepted"] == 1
    assert door("GET", "/api/v1/devices/bess01/latest").json["age_s"] < 60


def test_the_same_list_again_is_a_duplicate(door):
    assert [post(door, [entry()]).json["accepted"] for _ in range(2)] == [1, 0]
