"""S1's BESS: the rack table of a unit, and the alerts of a rack's batteries."""

import json
import random
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

from tests.api.solarhub.conftest import NOON

# DECISIONS, Interfaces: "The 13 rack rows"
ROWS = [
    "Mode", "Voltage (V)", "Current (A)", "Power (kW)", "SOC (%)", "SOH (%)", "Cell Max Voltage (V)", "Cell Min Voltage (V)",
    "Cell Avg Voltage (V)", "Voltage Diff (V)", "Cell Max Temp (°C)", "Cell Min Temp (°C)", "Temp Diff (°C)",
]  # fmt: skip
HEAD = ["Rack 01", "Rack 02", "Rack 03", "Rack 04", "Rack 05", "Rack 06", "Rack 07", "Rack 08", "Rack 09", "Rack 10", "Rack 11", "Rack 12"]
# the document's own figures, then others
EXAMPLES = {
    "the document's": [("Standby", 1, 750.5, 85.2), ("Charging", 2, 748.2, 72.1)],
    "others": [("Discharging", 3, 812.0, 9.9), ("Fault", 4, 0.0, 100.0)],
}
BATTERY_KEYS = [f"battery_{n}_{what}" for n in range(1, 22) for what in ("protection", "alarm", "warning")]
BAMS_KEYS = [f"bams_{n}_status" for n in range(64, 81)]


def table(site, number):
    return {row.pop("metric"): row for row in site.get(f"/bess/{number}")["data"]}


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_documents_table_comes_back(site, example):
    for number, (_, mode, voltage, soc) in enumerate(EXAMPLES[example], 1):
        site.tell(f"bess01-rack{number:02d}", "rack", mode=mode, voltage=voltage, soc=soc)
    body = site.get("/bess/1")
    assert (body["bess_number"], body["table_head"], body["status"]) == (1, HEAD, "success")
    assert [row["metric"] for row in body["data"]] == ROWS
    rows = {row["metric"]: row for row in body["data"]}
    first, second = EXAMPLES[example]
    assert (rows["Mode"]["Rack 01"], rows["Mode"]["Rack 02"]) == (first[0], second[0])
    assert (rows["Voltage (V)"]["Rack 01"], rows["Voltage (V)"]["Rack 02"]) == (str(first[2]), str(second[2]))
    assert (rows["SOC (%)"]["Rack 01"], rows["SOC (%)"]["Rack 02"]) == (str(first[3]), str(second[3]))


def test_each_row_shows_its_metric_with_the_catalogues_decimals(site):
    site.tell(
        "bess12-rack12", "rack", mode=0, voltage=801.04, current=-12.348, power=-9.96, soc=55, soh=97.456, cell_max_voltage=3.3456,
        cell_min_voltage=3.3, cell_avg_voltage=3.3204, cell_voltage_diff=0.0456, cell_max_temp=31.26, cell_min_temp=24, cell_temp_diff=7.3,
    )  # fmt: skip
    shown = [row["Rack 12"] for row in site.get("/bess/12")["data"]]
    assert shown[0] == "Off"
    # catalogue: one decimal, current and SOH two, cell voltages three
    assert shown[1:6] == ["801.0", "-12.35", "-10.0", "55.0", "97.46"]
    assert shown[6:] == ["3.346", "3.300", "3.320", "0.046", "31.3", "24.0", "7.3"]


def test_a_value_that_rounds_to_nothing_has_no_sign(site):
    site.tell("bess01-rack01", "rack", current=-0.001, power=-0.04)
    rows = table(site, 1)
    assert (rows["Current (A)"]["Rack 01"], rows["Power (kW)"]["Rack 01"]) == ("0.00", "0.0")


def test_a_mode_without_a_name_shows_its_code(site):
    site.tell("bess01-rack01", "rack", mode=17)
    assert table(site, 1)["Mode"]["Rack 01"] == "17"


def test_a_unit_nobody_registered_is_a_table_of_nulls(site):
    body = site.get("/bess/12")
    assert [row["metric"] for row in body["data"]] == ROWS
    assert {value for row in body["data"] for name, value in row.items() if name != "metric"} == {None}
    assert all(list(row) == ["metric", *HEAD] for row in body["data"])
    assert (body["timestamp"], body["stale"]) == (None, [])


def test_a_rack_stands_in_its_parents_column_whatever_it_is_called(site):
    site.device("bess01", "bess")
    site.device("bess02", "bess")
    site.device("north-7", "rack", parent="bess02")
    site.tell("north-7", "rack", soc=41.5)
    assert table(site, 2)["SOC (%)"]["Rack 07"] == "41.5"
    assert set(table(site, 1)["SOC (%)"].values()) == {None}


def test_the_newest_of_each_metric_is_shown(site):
    site.tell("bess01-rack01", "rack", NOON - 5000, soc=50, voltage=800)
    site.tell("bess01-rack01", "rack", NOON - 1000, soc=49.5)
    rows = table(site, 1)
    assert (rows["SOC (%)"]["Rack 01"], rows["Voltage (V)"]["Rack 01"]) == ("49.5", "800.0")
    kept = site.product.store.telemetry.columns("bess01-rack01", "rack", ["soc"], _day())
    assert kept.values["soc"].tolist() == [50.0, 49.5]


def _day():
    from plant.model import DAY, Window

    return Window(NOON - DAY, NOON + DAY)


def test_old_values_stay_and_say_so(site):
    site.device("bess01-rack01", "rack", interval_s=10)
    site.tell("bess01-rack01", "rack", soc=50)
    site.tell("bess01-rack02", "rack", soc=51)
    assert site.get("/bess/1")["stale"] == []
    site.clock[0] += 65_000  # a second is expected each 1 s (60 s of patience), or each 10 s (100 s)
    body = site.get("/bess/1")
    assert (body["stale"], body["timestamp"]) == (["Rack 02"], "2024-06-01T03:59:59Z")
    assert table(site, 1)["SOC (%)"]["Rack 02"] == "51.0"


@pytest.mark.parametrize(("number", "limit"), [("0", 1), ("-1", 1), ("13", 12), ("99999999999999999999", 12), ("one", None), ("1.5", None)])
def test_a_number_out_of_range_is_refused_in_the_documents_words(site, number, limit):
    reply = site.ask(f"/bess/{number}")
    assert reply.status == 422
    (fault,) = reply.json["detail"]
    assert set(fault) == {"type", "loc", "msg", "input"} and fault["loc"][-1] == "bess_number" and fault["input"] == number
    if limit is not None:
        side = "greater" if limit == 1 else "less"
        assert fault["msg"] == f"Input should be {side} than or equal to {limit}"


def test_the_table_is_asked_of_the_store_in_one_question(site, monkeypatch):
    site.tell_all(
        [
            {"device_id": f"bess{u:02d}-rack{r:02d}", "kind": "rack", "timestamp": NOON - 1, "values": {"soc": u + r / 100}}
            for u in (1, 2)
            for r in range(1, 13)
        ]
    )
    asked = []
    latest = site.product.store.telemetry.latest
    monkeypatch.setattr(site.product.store.telemetry, "latest", lambda keys=None: asked.append(keys) or latest(keys))
    assert list(table(site, 2)["SOC (%)"].values()) == [f"{2 + r / 100:.1f}" for r in range(1, 13)]
    assert asked == [[(f"bess02-rack{r:02d}", "rack") for r in range(1, 13)]]


def test_every_number_of_a_whole_plant_is_the_one_that_was_sent(site):
    """12 units × 12 racks × 13 metrics, rounded by another implementation: decimal, from the exact value."""
    chance = random.Random(7)
    sent = {(u, r): [chance.uniform(-900, 900) for _ in ROWS] for u in range(1, 13) for r in range(1, 13)}
    for values in sent.values():
        values[0] = float(chance.randrange(6))
    names = ("mode", "voltage", "current", "power", "soc", "soh", "cell_max_voltage", "cell_min_voltage", "cell_avg_voltage",
             "cell_voltage_diff", "cell_max_temp", "cell_min_temp", "cell_temp_diff")  # fmt: skip
    site.tell_all(
        [
            {
                "device_id": f"bess{u:02d}-rack{r:02d}",
                "kind": "rack",
                "timestamp": NOON - 1,
                "values": dict(zip(names, values, strict=True)),
            }
            for (u, r), values in sent.items()
        ]
    )
    modes = ("Off", "Standby", "Charging", "Discharging", "Fault", "Maintenance")
    places = [0, 1, 2, 1, 1, 2, 3, 3, 3, 3, 1, 1, 1]  # the catalogue's decimals
    for unit in range(1, 13):
        for index, row in enumerate(site.get(f"/bess/{unit}")["data"]):
            for rack, head in enumerate(HEAD, 1):
                value = sent[unit, rack][index]
                rounded = Decimal(value).quantize(Decimal(1).scaleb(-places[index]), ROUND_HALF_EVEN)
                assert row[head] == (modes[int(value)] if index == 0 else f"{rounded if rounded else abs(rounded)}")


# alerts


def alerts(site, query="", rack="rack01"):
    body = site.get(f"/bess/alert/rack/{rack}{query}")
    return body["battery_alerts"], body["bams_alerts"], body


@pytest.mark.parametrize(("lang", "normal"), [("", "正常"), ("?lang=zh-TW", "正常"), ("?lang=en", "Normal"), ("?lang=es", "Normal")])
def test_a_calm_rack_is_normal_in_the_documents_shape(site, lang, normal):
    calm = {name: [0] * 21 for name in ("battery_protection", "battery_alarm", "battery_warning")} | {"bams_status": [0] * 17}
    site.tell("bess01-rack01", "rack", **calm)
    batteries, bams, body = alerts(site, lang)
    assert list(batteries.items()) == [(key, normal) for key in BATTERY_KEYS]
    assert list(bams.items()) == [(key, normal) for key in BAMS_KEYS]
    assert (body["rack_number"], body["status"], body["reported_by"]) == ("rack01", "success", {})


def test_what_was_never_reported_is_null(site):
    site.tell("bess01-rack01", "rack", battery_alarm=[0, None, 0])
    batteries, bams, _ = alerts(site)
    assert (batteries["battery_1_alarm"], batteries["battery_2_alarm"], batteries["battery_4_alarm"]) == ("正常", None, None)
    assert set(bams.values()) == {None} == {batteries[f"battery_{n}_protection"] for n in range(1, 22)}
    assert set(alerts(site, rack="rack12")[0].values()) == {None}


def test_words_say_what_the_device_says_they_mean(site):
    words = {
        "battery_warning": ["cells apart", {"en": "warm", "zh": "溫度偏高", "es": "caliente"}],
        "bams_status": {"67": {"en": "charge far off", "zh": "電量差異過大"}},
    }
    site.device("bess03-rack01", "rack", parent="bess03", info={"words": words})
    site.tell("bess03-rack01", "rack", battery_warning=[0, 2, 3, 4], battery_alarm=[1], bams_status=[0, 0, 0, 1, 1])
    batteries, bams, _ = alerts(site)
    said = [batteries[f"battery_{n}_warning"] for n in (1, 2, 3, 4)]
    assert said == ["正常", "溫度偏高 (0x0002)", "cells apart、溫度偏高 (0x0003)", "位元 2 (0x0004)"]
    assert batteries["battery_1_alarm"] == "位元 0 (0x0001)"
    assert (bams["bams_67_status"], bams["bams_68_status"]) == ("電量差異過大 (0x0001)", "位元 0 (0x0001)")
    assert alerts(site, "?lang=es")[0]["battery_2_warning"] == "caliente (0x0002)"
    assert alerts(site, "?lang=es")[1]["bams_67_status"] == "charge far off (0x0001)"


def test_without_a_unit_the_worst_over_all_units_counts(site):
    for unit, word in ((1, 0), (2, 4), (5, 1)):
        site.tell(f"bess{unit:02d}-rack02", "rack", battery_protection=[word, 0])
    batteries, _, body = alerts(site, rack="rack02")
    assert (batteries["battery_1_protection"], batteries["battery_2_protection"]) == ("位元 2 (0x0004)", "正常")
    assert body["reported_by"] == {"battery_1_protection": [2, 5]}
    assert body["stale"] == []
    site.clock[0] += 60_000
    assert alerts(site, rack="rack02")[2]["stale"] == [1, 2, 5]
    for unit, text in ((1, "正常"), (2, "位元 2 (0x0004)"), (5, "位元 0 (0x0001)"), (7, None)):
        assert alerts(site, f"?bess={unit}", "rack02")[0]["battery_1_protection"] == text


@pytest.mark.parametrize("path", ["rack00", "rack13", "rack1", "rack001", "Rack01", "rack01x", "01", "rack٠١"])
def test_a_rack_out_of_range_is_refused(site, path):
    reply = site.ask(f"/bess/alert/rack/{path}")
    assert (reply.status, reply.json["detail"][0]["loc"][-1]) == (422, "rack_number")


@pytest.mark.parametrize(
    ("query", "field"), [("bess=0", "bess"), ("bess=13", "bess"), ("bess=x", "bess"), ("lang=fr", "lang"), ("lang=", "lang")]
)
def test_other_questions_about_a_rack_are_refused(site, query, field):
    reply = site.ask(f"/bess/alert/rack/rack01?{query}")
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["query", field])


def test_both_doors_write_the_texts_as_they_are(site):
    site.tell("bess01-rack01", "rack", battery_alarm=[0])
    assert "正常".encode() in site.ask("/bess/alert/rack/rack01").body
    assert json.loads(site.ask("/bess/alert/rack/rack01").body)["battery_alerts"]["battery_1_alarm"] == "正常"
