"""What every backend of the records must do; the tests never name a database."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from datastore import migrations
from datastore.backends.memory_records import MemoryRecords
from datastore.backends.sql_records import SqlRecords, sqlite_engine
from datastore.ports import Records
from plant.errors import DeviceNotFound, Invalid, Unavailable
from plant.model import HOUR, Alarm, Device, ScheduleEvent, User, Window

NOON = 1_790_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


def memory(folder: Path, clock: Callable[[], int]) -> Records:
    return MemoryRecords(clock)


def sqlite(folder: Path, clock: Callable[[], int]) -> Records:
    path = folder / "records.db"
    engine = sqlite_engine(path)
    migrations.upgrade(engine)
    return SqlRecords(engine, clock, path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[memory, sqlite], ids=lambda make: make.__name__)
def records(request, tmp_path, clock) -> Iterator[Records]:
    made = request.param(tmp_path, clock)
    yield made
    made.close()


RACK = Device(
    "bess01-rack01",
    "rack",
    name="Rack 1",
    parent="bess01",
    interval_s=10,
    sign=-1,
    simulated=True,
    rating={"capacity_kwh": 250.0},
    info={"chemistry": "LFP", "廠牌": "示範", "words": [1, None, {"a": True}]},
)
FIRE = Alarm("bess01", "bess", "HIGH_TEMP", "alarm", "61 °C", NOON, metric="cell_max_temp", value=61.0, limit=55.0)
AWARD = ScheduleEvent("dReg0.25", NOON, NOON + HOUR, power=5.0, price=475.5, title="得標", simulated=True)


def test_an_empty_store_has_nothing(records):
    assert records.devices() == []
    assert records.alarms() == []
    assert records.events(Window(0, NOON)) == []
    assert records.users() == []
    assert records.user("admin") is None
    assert records.setting("site") is None
    assert records.audit_log() == []
    records.ping()


def test_a_device_comes_back_as_it_went_in(records):
    records.put_devices([RACK])
    assert records.device("bess01-rack01", "rack") == RACK
    assert records.devices() == [RACK]


def test_devices_are_ordered_by_id_and_chosen_by_kind(records):
    records.put_devices([Device("b", "pcs"), Device("a", "pcs"), Device("a", "bess")])
    assert [(d.device_id, d.kind) for d in records.devices()] == [("a", "bess"), ("a", "pcs"), ("b", "pcs")]
    assert [d.device_id for d in records.devices("pcs")] == ["a", "b"]


def test_one_id_may_be_several_kinds(records):
    records.put_devices([Device("e1", "pcs", name="power"), Device("e1", "bess", name="battery")])
    assert records.device("e1", "pcs").name == "power"
    assert records.device("e1").kind == "bess"


def test_putting_a_device_again_replaces_it(records):
    records.put_devices([RACK])
    records.put_devices([replace(RACK, name="Rack one", rating={})])
    assert records.devices() == [replace(RACK, name="Rack one", rating={})]


def test_unknown_devices_are_not_found(records):
    records.put_devices([RACK])
    for device_id, kind in (("bess02", None), ("bess01-rack01", "pcs")):
        with pytest.raises(DeviceNotFound):
            records.device(device_id, kind)


def test_a_deleted_device_is_hidden_but_kept(records):
    gone = replace(RACK, deleted=True)
    records.put_devices([gone])
    with pytest.raises(DeviceNotFound):
        records.device("bess01-rack01")
    assert records.devices() == []
    assert records.devices(deleted=True) == [gone]


def test_what_json_cannot_say_is_refused_and_nothing_is_kept(records):
    with pytest.raises(Invalid):
        records.put_devices([Device("ok", "bess"), replace(RACK, info={"when": object()})])
    with pytest.raises(Invalid):
        records.put_devices([replace(RACK, rating={"power_kw": float("nan")})])
    with pytest.raises(Invalid):
        records.put_setting("limit", {1, 2})
    assert records.devices() == []
    assert records.setting("limit") is None


def test_the_devices_version_changes_with_every_change(records):
    versions = [records.devices_version()]
    for device in (RACK, replace(RACK, sign=1), replace(RACK, deleted=True)):
        records.put_devices([device])
        versions.append(records.devices_version())
    assert len(set(versions)) == 4
    records.put_setting("x", 1)
    assert records.devices_version() == versions[-1]


def test_a_list_handed_out_is_the_callers_own(records):
    records.put_devices([RACK])
    records.devices().clear()
    assert records.devices() == [RACK]


def test_an_alarm_gets_a_number_and_is_replaced_by_it(records):
    first = records.put_alarm(FIRE)
    second = records.put_alarm(replace(FIRE, raised=NOON + 1, code="SILENT", value=None, limit=None))
    assert first == replace(FIRE, id=first.id)
    assert first.id != second.id
    records.put_alarm(replace(first, acknowledged=NOON + 5, acknowledged_by="olga"))
    assert records.alarms() == [second, replace(first, acknowledged=NOON + 5, acknowledged_by="olga")]


def test_alarms_are_chosen_by_state(records):
    active = records.put_alarm(FIRE)
    acknowledged = records.put_alarm(replace(FIRE, acknowledged=NOON + 1))
    cleared = records.put_alarm(replace(FIRE, cleared=NOON + 2))
    assert records.alarms(("active",)) == [active]
    assert records.alarms(("acknowledged",)) == [acknowledged]
    assert records.alarms(("cleared",)) == [cleared]
    assert len(records.alarms()) == 2
    assert len(records.alarms(("active", "acknowledged", "cleared"), limit=2)) == 2
    assert records.alarms(()) == records.alarms(("unheard of",)) == []


def test_alarms_of_a_window_are_those_that_stood_in_it(records):
    over = records.put_alarm(replace(FIRE, raised=NOON, cleared=NOON + 10))
    standing = records.put_alarm(replace(FIRE, raised=NOON + 5))
    everything = ("active", "acknowledged", "cleared")
    assert records.alarms(everything, Window(NOON, NOON + 5)) == [over]
    assert records.alarms(everything, Window(NOON + 10, NOON + 20)) == [standing, over]
    assert records.alarms(everything, Window(NOON + 11, NOON + 20)) == [standing]
    assert records.alarms(everything, Window(NOON - 5, NOON)) == []


def test_awards_get_indices_and_are_replaced_by_them(records):
    kept = records.put_events([AWARD, replace(AWARD, time_start=NOON - HOUR, time_end=NOON)])
    assert [event.index for event in kept] == sorted({event.index for event in kept})
    records.put_events([replace(kept[0], interrupt=True)])
    assert records.events(Window(NOON - HOUR, NOON + HOUR)) == [kept[1], replace(kept[0], interrupt=True)]


def test_awards_touch_a_window_or_do_not(records):
    records.put_events([AWARD])
    assert len(records.events(Window(NOON + HOUR - 1, NOON + 2 * HOUR))) == 1
    assert records.events(Window(NOON + HOUR, NOON + 2 * HOUR)) == []
    assert records.events(Window(NOON - HOUR, NOON)) == []
    assert records.events(Window(NOON, NOON + HOUR), mode="sReg") == []
    assert len(records.events(Window(NOON, NOON + HOUR), mode="dReg0.25")) == 1


def test_a_user_keeps_its_number(records):
    olga = records.put_user(User("olga", "$argon2id$x", roles=("operator", "analyst"), email="o@example.org", confirmed_at=NOON))
    assert records.user("olga") == olga
    assert olga.id is not None
    changed = records.put_user(User("olga", "$argon2id$y", active=False))
    assert changed.id == olga.id
    assert records.user("olga") == changed
    records.put_user(User("adam", "$argon2id$z"))
    assert [user.username for user in records.users()] == ["adam", "olga"]


@pytest.mark.parametrize("value", [0, False, None, "電", [1, 2.5], {"a": {"b": [None]}}])
def test_a_setting_comes_back_as_it_went_in(records, value):
    records.put_setting("name", value)
    assert records.setting("name") == value
    records.put_setting("name", "other")
    assert records.setting("name") == "other"


def test_a_setting_handed_out_is_the_callers_own(records):
    records.put_setting("list", [1])
    records.setting("list").append(2)
    assert records.setting("list") == [1]


def test_a_revoked_token_stays_revoked_until_it_has_expired(records, clock):
    records.revoke("a", NOON + 1000)
    assert records.revoked("a")
    assert not records.revoked("b")
    clock.now = NOON + 1000
    assert not records.revoked("a")
    records.revoke("b", NOON + 5000)
    assert records.revoked("b")


def test_revoking_twice_is_fine(records):
    records.revoke("a", NOON + 1000)
    records.revoke("a", NOON + 2000)
    assert records.revoked("a")


def test_the_audit_log_grows_newest_first(records):
    for at in range(5):
        records.audit(NOON + at, "olga", "login", f"from 10.0.0.{at}")
    assert records.audit_log(2) == [(NOON + 4, "olga", "login", "from 10.0.0.4"), (NOON + 3, "olga", "login", "from 10.0.0.3")]
    assert len(records.audit_log()) == 5


def test_many_threads_write_and_read_at_once(records):
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(10):
                records.put_devices([Device(f"d{number}-{turn}", "bess")])
                assert records.device(f"d{number}-{turn}").kind == "bess"
                records.put_alarm(FIRE)
                records.put_setting(f"s{number}", turn)
                assert records.setting(f"s{number}") == turn
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(records.devices()) == 60
    assert len({alarm.id for alarm in records.alarms()}) == 60


def test_rows_survive_a_new_start_and_other_processes_are_noticed(tmp_path, clock, monkeypatch):
    first, second = sqlite(tmp_path, clock), sqlite(tmp_path, clock)
    try:
        assert second.devices() == []
        first.put_devices([RACK])
        first.put_user(User("olga", "x"))
        first.revoke("t", NOON + HOUR)
        monkeypatch.setattr("datastore.backends.sql_records.CACHE_TRUSTED_S", 0.0)
        assert second.devices() == [RACK]
        assert second.user("olga") is not None
        assert second.revoked("t")
    finally:
        first.close()
        second.close()


def test_a_store_that_is_gone_says_so(tmp_path, clock):
    records = sqlite(tmp_path, clock)
    records.ping()
    (tmp_path / "records.db").rename(tmp_path / "elsewhere.db")
    with pytest.raises(Unavailable, match="gone"):
        records.ping()
    records.close()


def test_a_damaged_store_says_so(tmp_path, clock):
    records = sqlite(tmp_path, clock)
    records.close()
    path = tmp_path / "records.db"
    path.write_bytes(b"this is no database at all" * 400)
    for extra in ("records.db-wal", "records.db-shm"):
        (tmp_path / extra).unlink(missing_ok=True)
    with pytest.raises(Unavailable, match="not a database"):
        records.audit(NOON, "olga", "login", "")
    records.close()
