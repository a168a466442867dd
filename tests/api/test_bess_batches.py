"""S0's batches: the document's own readings come back as they were sent, aligned, in pages that meet, from store and archive."""

import json
import random
from datetime import UTC, datetime

import pytest

from api.routes.bess import BMS_EXAMPLE, PCS_EXAMPLE
from datastore.open import open_store
from plant.model import DAY, HOUR, Block, Device
from services.config import Config
from services.unit_readings import BMS_FIELDS, FIELDS, PCS_FIELDS
from tests.api.conftest import flask_door, make

T0 = 1_672_531_200_000  # 2023-01-01T00:00:00Z, the document's instant
DEVICE = "ZHPESS232A230002"


def send(door, kind, values, at=T0, device=DEVICE):
    row = {"device_id": device, "timestamp": at, "kind": kind, "values": values}
    reply = door("POST", "/api/v1/readings", json.dumps([row]), Content_Type="application/json")
    assert reply.status == 200, reply.body


def measured(example):
    return {name: value for name, value in example.items() if name != "timestamp"}


def other(example):
    return {name: round(value * 1.01 + 0.25, 6) for name, value in measured(example).items()}


@pytest.mark.parametrize(("family", "kind", "example"), [("bms", "bess", BMS_EXAMPLE), ("pcs", "pcs", PCS_EXAMPLE)])
@pytest.mark.parametrize("values", [measured, other], ids=["document", "others"])
def test_a_reading_comes_back_as_the_document_shows_it(door, family, kind, example, values):
    send(door, kind, values(example))
    reply = door("GET", f"/{family}/{DEVICE}?batch_size=10&skip=0")
    assert reply.status == 200
    assert reply.json == {
        "device_id": DEVICE,
        "total_records": 1,
        "batch_size": 10,
        "data": [{"timestamp": "2023-01-01T00:00:00Z"} | values(example)],
    }
    assert list(reply.json["data"][0]) == list(example)


@pytest.mark.parametrize("values", [measured, other], ids=["document", "others"])
def test_the_merged_reading_has_both_sides_with_their_prefixes(door, values):
    send(door, "bess", values(BMS_EXAMPLE))
    send(door, "pcs", values(PCS_EXAMPLE))
    (reading,) = door("GET", f"/bess/{DEVICE}").json["data"]
    assert reading["bms_soc"] == values(BMS_EXAMPLE)["soc"]
    assert reading["pcs_apparent_power"] == values(PCS_EXAMPLE)["apparent_power"]
    assert reading == {
        "timestamp": "2023-01-01T00:00:00Z",
        **{f"bms_{name}": value for name, value in values(BMS_EXAMPLE).items()},
        **{f"pcs_{name}": value for name, value in values(PCS_EXAMPLE).items()},
    }


@pytest.mark.parametrize("rows", [1, 3])
def test_devices_are_listed_with_what_they_have(door, rows):
    for i in range(rows):
        send(door, "bess", {"soc": 50.0 + i, "voltage": 800.0} if i == 0 else {"soc": 50.0 + i}, T0 + 1000 * i)
    send(door, "rack", {"soc": 1.0}, device="rack-of-something")
    send(door, "pcs", {"dc_voltage": 800.0}, device="pcs07")
    assert door("GET", "/bms/devices").json == {
        "devices": [{"device_id": DEVICE, "available_metrics": ["soc", "voltage"], "total_rows_per_metric": {"soc": rows, "voltage": 1}}]
    }
    assert door("GET", "/pcs/devices").json == {
        "devices": [{"device_id": "pcs07", "available_metrics": ["dc_voltage"], "total_rows_per_metric": {"dc_voltage": 1}}]
    }
    (merged,) = door("GET", "/bess/devices").json["devices"]
    assert merged == {
        "device_id": DEVICE,
        "available_metrics": ["bms_soc", "bms_voltage"],
        "total_rows_per_metric": {"bms_soc": rows, "bms_voltage": 1},
    }


@pytest.mark.parametrize("family", FIELDS)
def test_without_devices_the_list_is_empty(door, family):
    assert door("GET", f"/{family}/devices").json == {"devices": []}


def test_a_device_without_readings_has_an_empty_batch_and_is_not_listed(product, door):
    product.store.records.put_devices([Device("bess01", "bess")])
    assert door("GET", "/bms/bess01").json == {"device_id": "bess01", "total_records": 0, "batch_size": 100, "data": []}
    assert door("GET", "/bms/devices").json == {"devices": []}


@pytest.mark.parametrize("path", ["/bms/nobody", "/pcs/nobody", "/bess/nobody", "/pcs/bess02", "/bess/pcs01"])
def test_an_unknown_device_is_not_found(product, door, path):
    product.store.records.put_devices([Device("bess01", "bess"), Device("pcs01", "pcs"), Device("bess02", "bess")])
    reply = door("GET", path)
    assert (reply.status, reply.json["error"]["code"]) == (404, "DEVICE_NOT_FOUND")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("batch_size=0", "batch_size"),
        ("batch_size=1001", "batch_size"),
        ("batch_size=ten", "batch_size"),
        ("batch_size=1.5", "batch_size"),
        ("skip=-1", "skip"),
        ("skip=99999999999999999999", "skip"),
        ("skip=nan", "skip"),
        ("date=2023", "date"),
        ("date=2023-13", "date"),
        ("date=2023-02-30", "date"),
        ("date=2023-1-1", "date"),
        ("date=0000-01", "date"),
        ("date=' OR 1=1--", "date"),
        ("date=", "date"),
    ],
)
def test_a_parameter_out_of_range_is_unprocessable(door, query, field):
    send(door, "bess", {"soc": 50.0})
    reply = door("GET", f"/bms/{DEVICE}?{query}")
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["query", field])


@pytest.mark.parametrize(("size", "skip"), [(1, 0), (1000, 0), (1, 2), (1000, 3), (1000, 2**53 - 1)])
def test_the_ends_of_the_ranges_are_inside(door, size, skip):
    for i in range(3):
        send(door, "bess", {"soc": 50.0 + i}, T0 + 1000 * i)
    reply = door("GET", f"/bms/{DEVICE}?batch_size={size}&skip={skip}")
    assert [row["soc"] for row in reply.json["data"]] == [50.0, 51.0, 52.0][skip : skip + size]
    assert reply.json["total_records"] == len(reply.json["data"])


def test_devices_is_no_device(door):
    assert door("GET", "/bms/devices").json == {"devices": []}
    row = {"device_id": "devices", "timestamp": T0, "kind": "bess", "values": {"soc": 1.0}}
    assert door("POST", "/api/v1/readings", json.dumps([row]), Content_Type="application/json").status == 422


# alignment


def test_the_densest_metric_is_the_time_base_and_others_carry_their_newest_sample(door):
    for second in range(0, 180, 10):
        send(door, "bess", {"voltage": 800.0 + second}, T0 + 1000 * second)
    send(door, "bess", {"soc": 50.0}, T0 + 15_000)
    data = door("GET", f"/bms/{DEVICE}").json["data"]
    assert [row["voltage"] for row in data] == [800.0 + second for second in range(0, 180, 10)]
    # 50.0 was said at second 15: not before it, and for 60 s, to second 75 at most
    assert [row["soc"] for row in data] == [None, None] + [50.0] * 6 + [None] * 10


@pytest.mark.parametrize(("tolerance", "carried"), [(0, 0), (10, 1), (120, 12)])
def test_the_tolerance_is_a_setting(tmp_path, tolerance, carried):
    product = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=0, align_tolerance_s=tolerance))
    door = flask_door(product)
    for second in range(0, 180, 10):
        send(door, "bess", {"voltage": 800.0}, T0 + 1000 * second)
    send(door, "bess", {"soc": 50.0}, T0 + 15_000)
    found = [row["soc"] for row in door("GET", f"/bms/{DEVICE}").json["data"]]
    # from second 20 on, every 10 s, while the sample of second 15 is not older than the tolerance
    assert found.count(50.0) == carried
    product.store.close()


def test_a_page_knows_samples_from_before_its_own_first_instant(door):
    send(door, "bess", {"soc": 50.0}, T0)
    for second in range(1, 10):
        send(door, "bess", {"voltage": 800.0 + second}, T0 + 1000 * second)
    (row,) = door("GET", f"/bms/{DEVICE}?skip=8&batch_size=1").json["data"]
    assert (row["voltage"], row["soc"]) == (809.0, 50.0)


def test_the_merged_time_base_is_the_denser_side(product, door):
    product.store.records.put_devices([Device("bess01", "bess"), Device("pcs01", "pcs")])
    send(door, "bess", {"soc": 50.0}, T0, "bess01")
    for second in range(3):
        send(door, "pcs", {"dc_voltage": 800.0 + second}, T0 + 1000 * second, "pcs01")
    data = door("GET", "/bess/bess01").json["data"]
    assert [(row["timestamp"], row["bms_soc"], row["pcs_dc_voltage"], row["pcs_dc_current"]) for row in data] == [
        ("2023-01-01T00:00:00Z", 50.0, 800.0, None),
        ("2023-01-01T00:00:01Z", 50.0, 801.0, None),
        ("2023-01-01T00:00:02Z", 50.0, 802.0, None),
    ]


@pytest.mark.parametrize(
    ("devices", "side"),
    [
        ([Device("b", "bess", info={"pcs": "north"}), Device("north", "pcs"), Device("pcs01", "pcs")], "north"),
        ([Device("b", "bess"), Device("b", "pcs"), Device("north", "pcs")], "b"),
        ([Device("b", "bess", info={"pcs": "north"}), Device("b", "pcs"), Device("north", "pcs")], "b"),
    ],
    ids=["by its record", "itself", "itself first"],
)
def test_whose_converter_answers_beside_a_battery(product, door, devices, side):
    product.store.records.put_devices(devices)
    send(door, "bess", {"soc": 50.0}, T0, "b")
    for device in devices:
        if device.kind == "pcs":
            send(door, "pcs", {"dc_voltage": 100.0 if device.device_id == side else 999.0}, T0, device.device_id)
    assert [row["pcs_dc_voltage"] for row in door("GET", "/bess/b").json["data"]] == [100.0]


@pytest.mark.parametrize("volts", [800.0, 812.5])
def test_one_id_answers_in_both_families_as_in_the_document(product, door, volts):
    product.store.records.put_devices([Device("bess01", "bess"), Device("pcs01", "pcs")])
    send(door, "bess", {"soc": 50.0}, T0, "bess01")
    send(door, "pcs", {"dc_voltage": volts}, T0, "pcs01")
    reply = door("GET", "/pcs/bess01?batch_size=10&skip=0").json
    assert (reply["device_id"], [row["dc_voltage"] for row in reply["data"]]) == ("bess01", [volts])
    assert door("GET", "/pcs/pcs01").json["data"] == reply["data"]


# dates


def test_a_date_is_a_utc_month_or_day(door):
    instants = ["2022-12-31T23:59:59Z", "2023-01-01T00:00:00Z", "2023-01-31T23:59:59Z", "2023-02-01T00:00:00Z", "2024-02-29T12:00:00Z"]
    for place, text in enumerate(instants):
        send(door, "bess", {"soc": float(place)}, int(datetime.fromisoformat(text).timestamp() * 1000))

    def found(date):
        return [row["timestamp"] for row in door("GET", f"/bms/{DEVICE}?date={date}").json["data"]]

    assert found("2023-01") == instants[1:3]
    assert found("2023-01-01") == instants[1:2]
    assert found("2023-02-01") == instants[3:4]
    assert found("2024-02-29") == instants[4:]
    assert found("2023-03") == []
    assert door("GET", f"/bms/{DEVICE}?date=2023-01&skip=1").json["data"][0]["timestamp"] == instants[2]


# pages deep in an archive


def gappy(seed, days=9):
    """Instants of a metric over some days: bursts at 1 s and lonely readings, days without any; ascending [epoch ms]."""
    chance = random.Random(seed)
    found = set()
    for day in range(days):
        if chance.random() < 0.3:
            continue
        for _ in range(chance.randint(1, 4)):
            begin = T0 + day * DAY + chance.randrange(DAY)
            found.update(range(begin, begin + 1000 * chance.choice([1, 5, 200]), 1000))
    return sorted(found)


def expected(base, others, tolerance=60_000):
    """Row by row, as the rule says it: another way than the server's."""
    rows = []
    for at in base:
        row = {"at": at}
        for name, samples in others.items():
            said = [(then, value) for then, value in samples.items() if at - tolerance <= then <= at]
            row[name] = max(said)[1] if said else None
        rows.append(row)
    return rows


@pytest.mark.parametrize("url", ["memory://", "sqlite"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pages_of_any_size_meet_and_hold_everything_once(tmp_path, url, seed):
    store = open_store(url if url == "memory://" else f"sqlite:///{tmp_path}/x.db", "Asia/Taipei")
    product = make_on(store, tmp_path)
    door = flask_door(product)
    soc = {at: float(i % 100) for i, at in enumerate(gappy(seed))}
    volts = {at + 400: 800.0 + i % 7 for i, at in enumerate(list(soc)[::3])}
    blocks = [
        Block("bess", (name,), [(DEVICE, at, at, 0, value) for at, value in samples.items()])
        for name, samples in (("soc", soc), ("voltage", volts))
    ]
    store.intake.accept(blocks)
    store.telemetry.seal(T0 + 5 * DAY)  # some of it packed, some not
    store.telemetry.maintain()
    wanted = expected(soc, {"soc": soc, "voltage": volts})
    for size in (97, 1000):
        found, skip = [], 0
        while data := door("GET", f"/bms/{DEVICE}?batch_size={size}&skip={skip}").json["data"]:
            found += data
            skip += size
        assert [(stamp(row), row["soc"], row["voltage"]) for row in found] == [(row["at"], row["soc"], row["voltage"]) for row in wanted]
    store.close()


def stamp(row):
    return round(datetime.fromisoformat(row["timestamp"]).astimezone(UTC).timestamp() * 1000)


def make_on(store, folder):
    import app as composition

    return composition.create_app(Config(data_dir=folder, rate_limit=0, rate_limit_ingest=0), store)


class Counting:
    """A store's telemetry that counts the readings it hands out."""

    def __init__(self, telemetry):
        self._telemetry = telemetry
        self.rows = 0

    def __getattr__(self, name):
        return getattr(self._telemetry, name)

    def columns(self, *args, **kwargs):
        found = self._telemetry.columns(*args, **kwargs)
        self.rows += len(found.at)
        return found


def test_a_page_far_behind_is_found_without_reading_what_is_before_it(tmp_path):
    from services.unit_readings import UnitReadings, unit

    store = open_store(f"sqlite:///{tmp_path}/x.db", "UTC")
    store.records.put_devices([Device(DEVICE, "bess")])
    for day in range(12):
        rows = [(DEVICE, at, at, 0, 50.0) for at in range(T0 + day * DAY, T0 + (day + 1) * DAY, 10_000)]
        store.intake.accept([Block("bess", ("soc",), rows)])
    store.telemetry.seal(T0 + 40 * DAY)
    store.telemetry.maintain()
    telemetry = Counting(store.telemetry)
    readings = UnitReadings(telemetry, unit(store.records, "bms", DEVICE), 60_000)
    page = readings.page(100_000, 100)
    assert page.at.tolist() == [T0 + 10_000 * (100_000 + i) for i in range(100)]
    assert telemetry.rows < 2 * HOUR / 10_000
    store.close()


def test_an_archive_read_in_place_answers_in_batches(tmp_path):
    """Files in the hackathon's layout, written from its description."""
    import app as composition

    folder = tmp_path / "archive" / "BESS" / DEVICE
    folder.mkdir(parents=True)
    start = datetime(2023, 1, 1, tzinfo=UTC)
    for metric, every, first in (("bms1_soc", 10, 80.0), ("bms1_v", 1, 820.0), ("pcs1_ap", 5, 150.5)):
        lines = [f"ts,{metric}"] + [
            f"{datetime.fromtimestamp(start.timestamp() + s, UTC):%Y-%m-%d %H:%M:%S},{first + s / 100}" for s in range(0, 600, every)
        ]
        (folder / f"{metric}.csv").write_text("\n".join(lines) + "\n")
    config = Config(data_dir=tmp_path, database_url="memory://", archive_dir=tmp_path / "archive", rate_limit=0)
    product = composition.create_app(config)
    door = flask_door(product)
    try:
        assert door("GET", "/bms/devices").json["devices"][0]["total_rows_per_metric"] == {"soc": 60, "voltage": 600}
        data = door("GET", f"/bms/{DEVICE}?skip=595&batch_size=10").json["data"]
        assert [(row["timestamp"], row["voltage"], row["soc"]) for row in data] == [
            (f"2023-01-01T00:09:{s - 540:02d}Z", round(820 + s / 100, 2), 85.9) for s in range(595, 600)
        ]
        merged = door("GET", f"/bess/{DEVICE}?skip=7&batch_size=1").json["data"]
        assert [(row["bms_voltage"], row["bms_soc"], row["pcs_apparent_power"]) for row in merged] == [(820.07, 80.0, 150.55)]
    finally:
        product.close()


def test_every_field_of_the_document_is_a_metric_of_its_kind():
    from plant.metrics import metric

    assert all(metric(name, "bess") for name in BMS_FIELDS)
    assert all(metric(name, "pcs") for name in PCS_FIELDS)
    assert (list(BMS_FIELDS), list(PCS_FIELDS)) == (list(measured(BMS_EXAMPLE)), list(measured(PCS_EXAMPLE)))
