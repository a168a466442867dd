"""`/api/v1/pv/days`: an inverter's kept days through the door, beside figures worked out by hand."""

import json

import pytest

from plant.model import Device
from services import pv_days
from tests.api.solarhub.conftest import MIDNIGHT, Site

HOUR, MINUTE = 3_600_000, 60_000
WINDOW = "from=2024-05-31T16:00:00Z&to=2024-06-01T16:00:00Z"


@pytest.fixture
def sunny(site: Site) -> Site:
    """Three hours of 60 of 100 kW under 800 W/m², cells at 45 °C; a string of three is dead."""
    store = site.product.store
    rating, info = {"power_kw": 90.0, "peak_power_kw": 100.0}, {"temperature_coefficient": -0.004, "losses": 0.05, "efficiency": 0.96}
    inverter, weather = Device("sun01", "inverter", interval_s=60, rating=rating, info=info), Device("sky01", "weather", interval_s=60)
    store.records.put_devices([inverter, weather])
    at = [MIDNIGHT + 10 * HOUR + MINUTE * n for n in range(180)]
    site.clock[0] = MIDNIGHT + 18 * HOUR
    for device, kind, values in (
        ("sun01", "inverter", {"total_active_power": [60.0] * 180, "string_currents": [[10.0, 10.0, 0.0]] * 180}),
        ("sky01", "weather", {"poa_irradiance": [800.0] * 180, "module_temp": [42.6] * 180}),
    ):
        body = {"device_id": device, "kind": kind, "timestamps": at, "values": values}
        assert site.door("POST", "/api/v1/readings", json.dumps(body), Content_Type="application/json").status == 200
    pv_days.study(store, site.clock[0], lambda _: None)
    return site


def test_a_day_through_the_door(sunny: Site) -> None:
    found = sunny.get(f"/pv/days?device=sun01&{WINDOW}")
    (day,) = found["days"]
    assert (day["day"], day["start"], day["end"]) == ("2024-06-01", "2024-05-31T16:00:00Z", "2024-06-01T10:00:00Z")
    assert (day["energy_kwh"], day["specific_yield"], day["insolation_kwh_m2"]) == pytest.approx((180.0, 1.8, 2.4))
    assert (day["performance_ratio"], day["corrected_performance_ratio"]) == pytest.approx((75.0, 81.5217))
    losses = day["losses_kwh"]
    assert losses["mismatch"] == pytest.approx(90.0)  # 10 A missing of 20 A that flow
    told = [value for value in losses.values() if value is not None]
    assert day["lit_energy_kwh"] + sum(told) == pytest.approx(day["potential_kwh"], abs=1e-3)
    assert losses["soiling"] is None and found["soiling"]["reason"] == "few days"
    assert day["assumed"] == ["tilt", "azimuth"] or day["reason"] == "place"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"device=nobody&{WINDOW}", 404),
        ("device=sun01&from=2024-06-02T00:00:00Z&to=2024-06-01T00:00:00Z", 422),
        ("device=sun01&from=2020-01-01T00:00:00Z&to=2024-06-01T00:00:00Z", 422),
        ("device=sun01", 422),
        (f"{WINDOW}", 422),
    ],
)
def test_questions_that_make_no_sense_are_refused(sunny: Site, query: str, status: int) -> None:
    assert sunny.door("GET", f"/api/v1/pv/days?{query}").status == status


def test_an_inverter_without_days_answers_with_none(sunny: Site) -> None:
    assert sunny.get("/pv/days?device=sun01&from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z")["days"] == []
