"""S1's configuration calls: how large the plant is, and what asks for attention."""

import pytest

from plant.model import DAY, Alarm
from tests.api.solarhub.conftest import NOON

EMPTY = {"count": 0, "items": []}


def raised(site, device_id, kind, code, severity="warning", **more):
    return site.product.store.records.put_alarm(Alarm(device_id, kind, code, severity, f"{code}.", NOON - 60_000, **more))


# sidebar


def test_the_documents_sidebar_comes_from_its_settings(opened):
    """S1: BESS_NUMBER=2, PCS_NUMBER=2, RACK_NUMBER=12, INVERTER_NUMBER=2; 2 + 2 + 2 + 12 = 18."""
    site = opened(bess_number=2, pcs_number=2, rack_number=12, inverter_number=2, cctv_url="http://cctv.example.com/stream")
    assert site.get("/config/sidebar") == {
        "bess_type": "BESS", "bess_number": 2, "pcs_number": 2, "inverter_number": 2, "rack_number": 12, "number_of_devices": 18,
        "cctv_url": "http://cctv.example.com/stream", "status": "success",
    }  # fmt: skip


def test_other_settings_give_another_sidebar(opened):
    site = opened(bess_number=12, pcs_number=6, rack_number=8, inverter_number=0, bess_type="ESS", cctv_url="rtsp://10.0.0.9/1")
    site.tell("inverter01", "inverter", dc_power=1)  # the setting wins over what exists
    assert site.get("/config/sidebar") == {
        "bess_type": "ESS", "bess_number": 12, "pcs_number": 6, "inverter_number": 0, "rack_number": 8, "number_of_devices": 26,
        "cctv_url": "rtsp://10.0.0.9/1", "status": "success",
    }  # fmt: skip


def test_without_settings_what_exists_is_counted(site):
    assert site.get("/config/sidebar")["number_of_devices"] == 0
    for rack in ("bess01-rack01", "bess01-rack02", "bess01-rack03", "bess02-rack01"):
        site.tell(rack, "rack", soc=50)  # their units are not registered themselves
    site.device("bess04", "bess")
    site.device("bess05", "bess", deleted=True)
    for n in (1, 2):
        site.tell(f"pcs{n:02d}", "pcs", dc_voltage=800)
    site.tell("inverter01", "inverter", dc_power=1)
    body = site.get("/config/sidebar")
    assert (body["bess_number"], body["pcs_number"], body["rack_number"], body["inverter_number"]) == (3, 2, 3, 1)
    assert (body["number_of_devices"], body["cctv_url"]) == (9, None)


def test_the_setting_of_the_camera_is_checked(tmp_path):
    from services.config import Config, SettingError

    env = {"DATA_DIR": str(tmp_path)}
    assert Config.from_env(env | {"CCTV_URL": "https://cctv.example/stream"}).cctv_url == "https://cctv.example/stream"
    for wrong in ("javascript:alert(1)", "cctv.example", "file:///etc/passwd", "https://"):
        with pytest.raises(SettingError, match="CCTV_URL"):
            Config.from_env(env | {"CCTV_URL": wrong})


# header


def test_the_documents_header_comes_back(site):
    site.tell("bess01", "bess", soc=50)
    site.tell("pcs02", "pcs", dc_voltage=800)
    raised(site, "pcs02", "pcs", "COMMUNICATION_DELAY")
    raised(site, "bess01", "bess", "HIGH_TEMPERATURE")
    assert site.get("/config/header") == {
        "protection_info": EMPTY,
        "warning_info": {"count": 2, "items": ["BESS1: High Temperature", "PCS2: Communication Delay"]},
        "fault_info": EMPTY,
        "status": "success",
    }


def test_other_alarms_give_another_header(opened):
    site = opened(bess_type="ESS", pcs_type="Converter")
    site.device("bess03", "bess")
    site.device("bess03-rack07", "rack", parent="bess03")
    site.device("pcs10", "pcs")
    site.device("site", "site", name="North")
    raised(site, "bess03", "bess", "CELL_MAX_TEMP_HIGH", "protection")
    raised(site, "bess03-rack07", "rack", "SOC_LOW", "alarm")
    raised(site, "pcs10", "pcs", "FAULT_STATUS1", "alarm", metric="fault_status1", value=5.0)
    raised(site, "site", "site", "FREQUENCY_HIGH", "alarm")
    raised(site, "nobody", "meter", "DEVICE_SILENT", "warning")
    assert site.get("/config/header") == {
        "protection_info": {"count": 1, "items": ["ESS3: High Cell Maximum Temperature"]},
        "warning_info": {"count": 1, "items": ["nobody: Device Silent"]},
        "fault_info": {
            "count": 3,
            "items": ["North: High Frequency", "ESS3 Rack 07: Low State Of Charge", "Converter10: Fault Word 1 (0x0005)"],
        },
        "status": "success",
    }


def test_words_count_before_anybody_raised_an_alarm(site):
    site.tell("bess01-rack02", "rack", battery_protection=[0, 1], battery_alarm=[2], battery_warning=[0, 0, 4], bams_status=[1])
    site.tell("pcs01", "pcs", fault_status2=8, warning_status=0, inverter_status=1)
    assert site.product.store.records.alarms() == []
    body = site.get("/config/header")
    assert body["protection_info"]["items"] == ["BESS1 Rack 02: Battery 2 Protection"]
    assert body["warning_info"]["items"] == ["BESS1 Rack 02: Battery 3 Warning"]
    assert body["fault_info"] == {"count": 2, "items": ["BESS1 Rack 02: Battery 1 Alarm", "PCS1: Fault Word 2 (0x0008)"]}


def test_a_word_with_its_alarm_counts_once(site):
    site.tell("pcs01", "pcs", fault_status1=1)
    raised(site, "pcs01", "pcs", "FAULT_STATUS1", "alarm", value=1.0)
    assert site.get("/config/header")["fault_info"]["items"] == ["PCS1: Fault Word 1 (0x0001)"]


def test_what_is_over_or_shelved_or_elsewhere_is_left_out(site):
    site.tell("pcs01", "pcs", fault_status1=1)
    raised(site, "pcs01", "pcs", "FAULT_STATUS1", "alarm", value=1.0, shelved_by="op", shelved_until=NOON + 1)
    raised(site, "pcs01", "pcs", "TEMP_IGBT_HIGH", "alarm", cleared=NOON - 1)
    raised(site, "VIN-DEMO-001", "vehicle", "HIGH_TEMP", "alarm")
    raised(site, "pcs01", "pcs", "NOTE", "info")
    empty = {"protection_info": EMPTY, "warning_info": EMPTY, "fault_info": EMPTY, "status": "success"}
    assert site.get("/config/header") == empty
    site.clock[0] += 1  # shelved no longer
    assert site.get("/config/header")["fault_info"]["count"] == 1
    site.tell("pcs02", "pcs", at=site.clock[0] - 1000, fault_status1=1)
    site.clock[0] += DAY  # the words of a device that has not spoken for a day say nothing of now
    assert site.get("/config/header")["fault_info"]["items"] == ["PCS1: Fault Word 1 (0x0001)"]
    site.tell("pcs02", "pcs", at=site.clock[0], dc_voltage=800)  # it speaks, and its word has not changed
    assert site.get("/config/header")["fault_info"]["count"] == 2


def test_an_acknowledged_alarm_is_still_open(site):
    raised(site, "bess01", "bess", "HIGH_TEMPERATURE", acknowledged=NOON, acknowledged_by="op")
    assert site.get("/config/header")["warning_info"]["count"] == 1


def test_every_open_alarm_is_counted(site):
    for n in range(150):
        raised(site, f"pcs{n:03d}", "pcs", "HIGH_TEMPERATURE")
    info = site.get("/config/header")["warning_info"]
    assert (info["count"], len(info["items"])) == (150, 150)


def test_who_has_the_sidebar_already_is_told_so(site):
    first = site.ask("/config/sidebar")
    tag = first.headers["etag"]
    assert site.door("GET", "/api/v1/config/sidebar", If_None_Match=tag).status == 304
    site.tell("pcs01", "pcs", dc_voltage=800)
    assert site.door("GET", "/api/v1/config/sidebar", If_None_Match=tag).json["pcs_number"] == 1
