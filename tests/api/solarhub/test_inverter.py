"""S1's inverter: figures, sixteen MPPT, thirty-two strings, three phases."""

import pytest

from tests.api.solarhub.conftest import NOON

# S1, GET /api/v1/inverter
FIGURES = {
    "nominal_active_power": 500.0, "total_active_power": 425.5, "total_apparent_power": 432.1, "total_reactive_power": 45.2,
    "daily_power_yields": 2850.5, "total_power_yields": 125000.0, "internal_temperature": 45.2, "bus_voltage": 650.5, "dc_power": 430.2,
}  # fmt: skip
DOCUMENT = {
    "figures": FIGURES,
    "mppt": [(580.5, 12.5, 7256.25), (575.2, 12.3, 7074.96)],
    "strings": [6.25, 6.15],
    "phases": [("A", 220.5, 125.5), ("B", 219.8, 124.8), ("C", 220.2, 126.2)],
}
OTHER = {
    "figures": {name: value / 4 for name, value in FIGURES.items()},
    "mppt": [(600.0, 8.0, 4800.0), (0.0, 0.0, 0.0)],
    "strings": [0.0, 4.05],
    "phases": [("A", 230.0, 60.0), ("B", 231.0, 61.0), ("C", 229.0, 59.5)],
}


def speak(site, example, device="inverter01"):
    phases = {}
    for phase, volts, amps in example["phases"]:
        phases |= {f"phase_{phase.lower()}_voltage": volts, f"phase_{phase.lower()}_current": amps}
    site.tell(device, "inverter", **example["figures"], **phases, mppt_voltages=[v for v, _, _ in example["mppt"]],
              mppt_currents=[a for _, a, _ in example["mppt"]], string_currents=example["strings"])  # fmt: skip


@pytest.mark.parametrize("example", [DOCUMENT, OTHER], ids=["the document's", "others"])
def test_the_documents_answer_comes_back(site, example):
    speak(site, example)
    body = site.get("/inverter")
    assert body["inverter_data"] == example["figures"]
    assert body["mppt_data"][:2] == [
        {"mppt_id": n, "voltage": v, "current": a, "power": w} for n, (v, a, w) in enumerate(example["mppt"], 1)
    ]
    assert body["string_currents"][:2] == [{"string_id": n, "current": a} for n, a in enumerate(example["strings"], 1)]
    assert body["phase_data"] == [{"phase": p, "voltage": v, "current": a} for p, v, a in example["phases"]]
    assert (body["status"], body["stale"], body["timestamp"]) == ("success", False, "2024-06-01T03:59:59Z")


def test_there_are_always_sixteen_mppt_thirty_two_strings_and_three_phases(site):
    for body in (site.get("/inverter"), speak(site, DOCUMENT) or site.get("/inverter")):
        assert [row["mppt_id"] for row in body["mppt_data"]] == list(range(1, 17))
        assert [row["string_id"] for row in body["string_currents"]] == list(range(1, 33))
        assert [row["phase"] for row in body["phase_data"]] == ["A", "B", "C"]
    assert body["mppt_data"][15] == {"mppt_id": 16, "voltage": None, "current": None, "power": None}


def test_a_full_inverter_has_all_its_trackers_and_strings(site):
    site.tell("inverter01", "inverter", mppt_voltages=[500 + n for n in range(16)], mppt_currents=[n / 4 for n in range(16)],
              string_currents=[n / 8 for n in range(32)])  # fmt: skip
    body = site.get("/inverter")
    assert [row["power"] for row in body["mppt_data"]] == [(500 + n) * n / 4 for n in range(16)]
    assert [row["current"] for row in body["string_currents"]] == [n / 8 for n in range(32)]


def test_a_silent_element_has_no_power(site):
    site.tell("inverter01", "inverter", mppt_voltages=[600, None, 610], mppt_currents=[10, 11])
    rows = site.get("/inverter")["mppt_data"]
    assert [row["power"] for row in rows[:3]] == [6000, None, None]
    assert (rows[1]["current"], rows[2]["voltage"]) == (11, 610)


def test_the_number_chooses_the_inverter(site):
    speak(site, DOCUMENT)
    speak(site, OTHER, "inverter02")
    assert site.get("/inverter?number=2")["inverter_data"] == OTHER["figures"]
    assert site.get("/inverter?number=1") == site.get("/inverter")
    assert set(site.get("/inverter?number=12")["inverter_data"].values()) == {None}


@pytest.mark.parametrize("number", ["0", "13", "100", "-1", "x"])
def test_a_number_out_of_range_is_refused(site, number):
    reply = site.ask(f"/inverter?number={number}")
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["query", "number"])


def test_a_larger_plant_can_ask_for_each_of_its_inverters(site, opened):
    site.tell_all(
        [{"device_id": f"inverter{n:02d}", "kind": "inverter", "timestamp": NOON, "values": {"dc_power": n}} for n in range(1, 16)]
    )
    assert site.get("/inverter?number=15")["inverter_data"]["dc_power"] == 15
    assert site.ask("/inverter?number=16").status == 422
    large = opened(inverter_number=20)
    assert (large.ask("/inverter?number=20").status, large.ask("/inverter?number=21").status) == (200, 422)
