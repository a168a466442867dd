"""S1's PCS: a unit with the fields of S0's PCSReading, and the status words."""

import pytest

from tests.api.solarhub.conftest import NOON

# S0, PCSReading
READING = {
    "apparent_power": 150.5, "dc_current": 200.0, "dc_voltage": 800.0, "ac_current_a": 120.0, "ac_current_b": 118.5, "ac_current_c": 121.2,
    "ac_voltage_ab": 400.0, "ac_voltage_bc": 398.5, "ac_voltage_ca": 401.2, "temp_environment": 25.8, "temp_ambient": 24.5,
    "temp_igbt": 45.2,
}  # fmt: skip
# S1, GET /api/v1/pcs/alert
WORDS = [
    "inverter_status", "inverter_inhibits1_status", "environment_status", "warning_status", "grid_status", "fault_status1", "fault_status2",
]  # fmt: skip
CALM = dict.fromkeys(WORDS, "0000000000000000")


def words(body):
    return {name: body[name] for name in WORDS}


@pytest.mark.parametrize("factor", [1.0, 0.5], ids=["the document's", "others"])
def test_a_unit_has_the_fields_of_a_pcs_reading(site, factor):
    sent = {name: value * factor for name, value in READING.items()}
    site.tell("pcs01", "pcs", 1672531200000, **sent)  # S0: 2023-01-01T00:00:00Z
    body = site.get("/pcs/1")
    assert {name: body[name] for name in READING} == sent
    assert (body["pcs_number"], body["status"], body["timestamp"]) == (1, "success", "2023-01-01T00:00:00Z")
    assert body["mode"] is None and words(body) == dict.fromkeys(WORDS)
    assert body["stale"] is True


def test_mode_and_words_are_shown_as_a_person_reads_them(site):
    site.tell("pcs07", "pcs", mode=3, fault_status1=5, grid_status=0x8000)
    body = site.get("/pcs/7")
    assert (body["mode"], body["fault_status1"], body["grid_status"]) == ("Discharging", "0000000000000101", "1000000000000000")
    assert (body["fault_status2"], body["stale"]) == (None, False)


def test_a_unit_without_data_has_all_fields(site):
    body = site.get("/pcs/12")
    assert {name: body[name] for name in (*READING, *WORDS, "mode", "timestamp")} == dict.fromkeys((*READING, *WORDS, "mode", "timestamp"))
    assert (body["pcs_number"], body["status"]) == (12, "success")


@pytest.mark.parametrize("word", [0, 0b0000000000010010], ids=["the document's", "others"])
def test_the_alert_of_one_quiet_or_loud_pcs(site, word):
    site.tell("pcs01", "pcs", **dict.fromkeys(WORDS, word))
    body = site.get("/pcs/alert")
    assert words(body) == dict.fromkeys(WORDS, "0000000000000000" if not word else "0000000000010010")
    assert body["status"] == "success"


def test_alerts_of_all_units_are_laid_over_each_other(site):
    site.tell("pcs01", "pcs", **dict.fromkeys(WORDS, 0))
    site.tell("pcs02", "pcs", fault_status1=0b0001, warning_status=0b0110)
    site.tell("pcs05", "pcs", fault_status1=0b1000, warning_status=0b0010)
    assert words(site.get("/pcs/alert")) == CALM | {"fault_status1": "0000000000001001", "warning_status": "0000000000000110"}
    assert words(site.get("/pcs/alert?pcs=1")) == CALM
    assert words(site.get("/pcs/alert?pcs=5")) == dict.fromkeys(WORDS) | {
        "fault_status1": "0000000000001000",
        "warning_status": "0000000000000010",
    }
    assert words(site.get("/pcs/alert?pcs=9")) == dict.fromkeys(WORDS)


def test_a_signed_word_keeps_its_bits(site):
    site.tell("pcs01", "pcs", fault_status2=-1, fault_status1=-32768)
    body = site.get("/pcs/alert")
    assert (body["fault_status2"], body["fault_status1"]) == ("1111111111111111", "1000000000000000")


def test_silent_units_are_named(site):
    site.tell("pcs01", "pcs", NOON - 120_000, fault_status1=1)
    site.tell("pcs02", "pcs", fault_status1=2)
    body = site.get("/pcs/alert")
    assert (body["stale"], body["fault_status1"], body["timestamp"]) == ([1], "0000000000000011", "2024-06-01T03:59:59Z")
    site.tell("pcs01", "pcs", dc_voltage=800)  # words are told when they change: it speaks, so its old word is in force
    body = site.get("/pcs/alert")
    assert (body["stale"], body["fault_status1"]) == ([], "0000000000000011")


def test_a_pcs_of_a_foreign_id_takes_the_first_free_place(site):
    site.tell("pcs01", "pcs", dc_voltage=1)
    site.tell("ZHPESS232A230002", "pcs", dc_voltage=800)
    assert [site.get(f"/pcs/{n}")["dc_voltage"] for n in (1, 2, 3)] == [1, 800, None]


@pytest.mark.parametrize(("number", "msg"), [("0", "greater than or equal to 1"), ("13", "less than or equal to 12")])
def test_a_number_out_of_range_is_refused_in_the_documents_words(site, number, msg):
    reply = site.ask(f"/pcs/{number}")
    assert reply.status == 422
    (fault,) = reply.json["detail"]
    assert (fault["loc"][-1], fault["msg"], fault["input"]) == ("pcs_number", f"Input should be {msg}", number)
    assert site.ask(f"/pcs/alert?pcs={number}").json["detail"][0]["loc"] == ["query", "pcs"]
