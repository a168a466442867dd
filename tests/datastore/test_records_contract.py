"""What every backend of the records must do; the tests never name a database."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from datastore.backends.memory_records import MemoryRecords
from datastore.backends.record_rows import FIELDS
from datastore.open import open_records
from datastore.ports import DRAWERS, Entry, Records
from plant.errors import Conflict, DeviceNotFound, Invalid, NotFound
from plant.model import HOUR, Alarm, Device, ScheduleEvent, User, Window

BACKENDS = ("memory", "sqlite", "postgresql", "mariadb", "mongodb")

NOON = 1_790_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=BACKENDS)
def url(request, tmp_path: Path) -> str:
    embedded = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path / 'records.db'}"}
    return embedded.get(request.param) or request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def records(url, clock) -> Iterator[Records]:
    made = open_records(url, clock)
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
ORDER = Entry("commands", "c-1", "bess01", "queued", NOON, {"action": "set_power", "power_kw": -12.5})
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


def test_an_award_is_found_and_dropped_by_its_index(records):
    first, second = records.put_events([AWARD, replace(AWARD, mode="sReg")])
    assert records.event(second.index) == second
    assert records.drop_event(first.index)
    assert not records.drop_event(first.index)
    with pytest.raises(NotFound):
        records.event(first.index)
    assert records.events(Window(NOON, NOON + HOUR)) == [second]
    for index in (0, -1, 2**63, -(2**70)):
        assert not records.drop_event(index)
        with pytest.raises(NotFound):
            records.event(index)


def test_the_index_of_an_award_that_was_dropped_is_not_given_out_again(records):
    (gone,) = records.put_events([AWARD])
    records.drop_event(gone.index)
    (other,) = records.put_events([AWARD])
    assert other.index != gone.index
    records.put_events([replace(AWARD, index=50)])
    records.drop_event(50)
    assert records.put_events([AWARD])[0].index not in (gone.index, other.index, 50)


def test_an_alarm_is_found_by_its_number(records):
    first, second = records.put_alarm(FIRE), records.put_alarm(replace(FIRE, code="SILENT", cleared=NOON + 1))
    assert (records.alarm(first.id), records.alarm(second.id)) == (first, second)
    for number in (0, -1, 10**6, 2**63, -(2**70)):
        assert records.alarm(number) is None


def test_an_alarm_is_changed_only_by_who_knows_it_as_it_is(records):
    was = records.put_alarm(replace(FIRE, value=None, message="電"))
    acknowledged = records.change_alarm(was, replace(was, acknowledged=NOON + 1, acknowledged_by="olga"))
    assert records.alarms() == [acknowledged] == [replace(was, acknowledged=NOON + 1, acknowledged_by="olga")]
    for stale in (was, replace(acknowledged, value=61.0), replace(acknowledged, shelved_by="eve"), replace(acknowledged, message="電 ")):
        with pytest.raises(Conflict):
            records.change_alarm(stale, replace(stale, cleared=NOON + 2))
    for unknown in (replace(was, id=10**6), replace(was, id=None)):
        with pytest.raises(NotFound):
            records.change_alarm(unknown, unknown)
    assert records.alarms() == [acknowledged]


def test_of_many_who_change_an_alarm_at_once_one_does(records):
    was = records.put_alarm(FIRE)
    assert sorted(at_once(6, lambda: won(lambda: records.change_alarm(was, replace(was, cleared=NOON + 1))))) == [False] * 5 + [True]
    assert records.alarm(was.id) == replace(was, cleared=NOON + 1)


def test_an_alarm_is_put_aside_for_a_while(records):
    fire, new = records.raise_alarm(FIRE)
    assert (fire.shelved_by, fire.shelved_until) == ("", None)
    shelved = records.put_alarm(replace(fire, shelved_by="ólga 電", shelved_until=2**53 + 1))
    assert records.alarms() == [shelved]
    assert records.raise_alarm(FIRE) == (shelved, False)
    records.put_alarm(fire)
    assert records.alarms() == [fire]


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


def at_once(count, act):
    """What `count` threads hear that do the same at the same moment."""
    heard, gate = [], threading.Barrier(count)

    def one():
        gate.wait()
        heard.append(act())

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return heard


def test_only_the_first_who_revokes_a_token_is_told_so(records, clock):
    assert records.revoke("a", NOON + 1000)
    assert not records.revoke("a", NOON + 1000)
    assert sorted(at_once(6, lambda: records.revoke("b", NOON + 1000))) == [False] * 5 + [True]
    clock.now = NOON + 1000
    assert records.revoke("a", NOON + 5000), "what has expired is forgotten"


def test_an_alarm_that_is_open_is_not_raised_again(records):
    first, new = records.raise_alarm(FIRE)
    assert (new, first) == (True, replace(FIRE, id=first.id))
    acknowledged = records.put_alarm(replace(first, acknowledged=NOON + 1, acknowledged_by="olga"))
    assert records.raise_alarm(replace(FIRE, raised=NOON + 2)) == (acknowledged, False)
    for other in (replace(FIRE, device_id="bess02"), replace(FIRE, kind="rack"), replace(FIRE, code="LOW_TEMP")):
        assert records.raise_alarm(other)[1]
    records.put_alarm(replace(acknowledged, cleared=NOON + 3))
    again, new = records.raise_alarm(replace(FIRE, raised=NOON + 4))
    assert (new, again.raised, len(records.alarms())) == (True, NOON + 4, 4)


def test_of_many_who_raise_an_alarm_at_once_one_does(records):
    heard = at_once(6, lambda: records.raise_alarm(FIRE))
    assert sorted(new for _, new in heard) == [False] * 5 + [True]
    assert len({alarm.id for alarm, _ in heard}) == len(records.alarms()) == 1


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


# -- drawers -------------------------------------------------------------------------------------------------------


def test_an_entry_comes_back_as_it_went_in(records):
    kept = records.put_entry(ORDER)
    assert kept == replace(ORDER, version=1)
    assert records.entry("commands", "c-1") == kept
    assert records.entries("commands") == [kept]
    assert records.entry("commands", "c-2") is None
    assert records.entry("api_keys", "c-1") is None


def test_each_drawer_has_ids_of_its_own(records):
    for drawer in DRAWERS:
        records.put_entry(replace(ORDER, drawer=drawer, body={"in": drawer}))
    for drawer in DRAWERS:
        assert [entry.body for entry in records.entries(drawer)] == [{"in": drawer}]
    assert records.drop_entry("commands", "c-1")
    assert [len(records.entries(drawer)) for drawer in DRAWERS] == [0] + [1] * (len(DRAWERS) - 1)


def test_an_entry_is_changed_by_who_read_its_last_version(records):
    first = records.put_entry(ORDER)
    sent = records.put_entry(replace(first, state="sent", subject="bess02", at=NOON + 1, body={}))
    assert sent == replace(ORDER, state="sent", subject="bess02", at=NOON + 1, body={}, version=2)
    assert records.entries("commands") == [sent]
    for stale in (first, ORDER, replace(first, version=3), replace(first, version=-1), replace(first, id="c-2")):
        with pytest.raises(Conflict):
            records.put_entry(stale)
    assert records.entries("commands") == [sent]


def test_an_entry_that_was_dropped_is_not_changed_any_more_but_may_be_new_again(records):
    kept = records.put_entry(ORDER)
    assert records.drop_entry("commands", "c-1")
    assert not records.drop_entry("commands", "c-1")
    with pytest.raises(Conflict):
        records.put_entry(kept)
    assert records.put_entry(ORDER).version == 1


def test_entries_are_told_newest_first_and_of_one_instant_by_id(records):
    ids = ["B", "a", "Å", "b", "ab", "a ", "", "🔋", "\uffff", "10", "9"]
    for number, each in enumerate(ids):
        records.put_entry(replace(ORDER, id=each, at=NOON + number // 10))
    by_code_point = ["\uffff", "Å", "b", "ab", "a ", "a", "B", "10", ""]
    by_code_point.insert(0, "🔋")  # U+1F50B lies beyond U+FFFF
    assert [entry.id for entry in records.entries("commands")] == ["9", *by_code_point]
    assert [entry.id for entry in records.entries("commands", limit=3)] == ["9", "🔋", "\uffff"]
    assert records.entries("commands", limit=0) == records.entries("commands", limit=-1) == []


def test_entries_are_chosen_by_subject_state_and_time(records):
    kept = [
        records.put_entry(Entry("commands", f"{subject}-{state}-{at}", subject, state, NOON + at, {}))
        for at in range(3)
        for subject in ("bess01", "bess02")
        for state in ("queued", "sent", "done")
    ]
    newest_first = sorted(kept, key=lambda entry: (entry.at, entry.id), reverse=True)

    def chosen(holds):
        return [entry for entry in newest_first if holds(entry)]

    assert records.entries("commands") == newest_first
    assert records.entries("commands", "bess01") == chosen(lambda entry: entry.subject == "bess01")
    assert records.entries("commands", states=("queued", "sent")) == chosen(lambda entry: entry.state != "done")
    assert records.entries("commands", window=Window(NOON, NOON + 2)) == chosen(lambda entry: entry.at < NOON + 2)
    assert records.entries("commands", window=Window(NOON + 1, NOON + 2)) == chosen(lambda entry: entry.at == NOON + 1)
    assert records.entries("commands", window=Window(-(10**30), 10**30)) == newest_first
    (one,) = records.entries("commands", "bess02", ("done", "unheard of"), Window(NOON + 2, NOON + 9))
    assert one.id == "bess02-done-2"
    assert records.entries("commands", states=()) == records.entries("commands", "bess03") == []
    assert records.entries("commands", "bess01", limit=2) == chosen(lambda entry: entry.subject == "bess01")[:2]


def test_old_entries_are_forgotten(records):
    for at in range(5):
        records.put_entry(replace(ORDER, id=str(at), at=NOON + at))
        records.put_entry(replace(ORDER, drawer="exports", id=str(at), at=NOON + at))
    assert records.forget_entries("commands", NOON + 3) == 3
    assert records.forget_entries("commands", NOON + 3) == 0
    assert [entry.id for entry in records.entries("commands")] == ["4", "3"]
    assert len(records.entries("exports")) == 5
    assert records.forget_entries("exports", 10**30) == 5


def test_a_drawers_version_changes_with_every_change_of_its_own(records):
    versions = [records.entries_version("commands")]
    kept = records.put_entry(ORDER)
    versions.append(records.entries_version("commands"))
    records.put_entry(replace(kept, state="sent"))
    versions.append(records.entries_version("commands"))
    records.drop_entry("commands", "c-1")
    versions.append(records.entries_version("commands"))
    records.put_entry(ORDER)
    versions.append(records.entries_version("commands"))
    records.forget_entries("commands", NOON + 1)
    versions.append(records.entries_version("commands"))
    assert len(set(versions)) == 6
    records.put_entry(replace(ORDER, drawer="exports"))
    with pytest.raises(Conflict):
        records.put_entry(replace(ORDER, version=7))
    assert records.entries_version("commands") == versions[-1]


def won(act) -> bool:
    try:
        act()
    except Conflict:
        return False
    return True


def test_of_many_who_take_an_id_or_change_an_entry_at_once_one_does(records):
    assert sorted(at_once(6, lambda: won(lambda: records.put_entry(ORDER)))) == [False] * 5 + [True]
    kept = records.entry("commands", "c-1")
    assert sorted(at_once(6, lambda: won(lambda: records.put_entry(replace(kept, state="sent"))))) == [False] * 5 + [True]
    assert records.entries("commands") == [replace(ORDER, state="sent", version=2)]


def test_counting_in_an_entry_loses_nothing(records):
    def count_on():
        for _ in range(10):
            while not won(once):
                pass

    def once():
        found = records.entry("commands", "c-1") or replace(ORDER, body={"n": 0})
        records.put_entry(replace(found, body={"n": found.body["n"] + 1}))

    at_once(4, count_on)
    (counted,) = records.entries("commands")
    assert (counted.body, counted.version) == ({"n": 40}, 40)


def test_there_are_only_the_drawers_there_are(records):
    for drawer in ("", "command", "commands ", "\0", "entry"):
        for act in (
            lambda name: records.put_entry(replace(ORDER, drawer=name)),
            lambda name: records.entry(name, "c-1"),
            lambda name: records.entries(name),
            lambda name: records.drop_entry(name, "c-1"),
            lambda name: records.forget_entries(name, NOON),
            lambda name: records.entries_version(name),
        ):
            with pytest.raises(Invalid, match="no drawer"):
                act(drawer)


# -- extremes: what comes back is what went in, or it was refused by name ------------------------------------------

LONG = "電🔋\n\t'\"\\%s" * 12_500  # 100,000 characters
TWINS = ("Olga", "olga", "olga ", "ólga", "straße", "strasse", "Å", "A\u030a", "🔋", "🔌", "")
"""Names that some alphabets take for the same."""
NUMBERS = (0.0, -0.0, 5e-324, 0.1 + 0.2, -1e308, 1.7976931348623157e308)


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = {"in": [value]}
    return value


JSON_VALUES = {
    "integers": [0, -1, 2**53, 2**53 + 1, -(2**63), 2**64, 10**30],
    "floats": [0.1, 1.0, 1e308, 5e-324, 1e22],
    "words": ["", " ", "電🔋", "null", "\0", "\x7f\u2028", LONG],
    "others": [None, True, False, [], {}, [[]]],
    "order": {"b": 1, "a": {"d": 1, "c": 2}},
    "": "a key without a name",
    "廠牌🔋": nested(60),
}


def exactly(value: object) -> str:
    """A form in which 1, 1.0 and True differ."""
    return json.dumps(value, ensure_ascii=False)


def test_names_that_look_alike_are_different(records):
    records.put_devices([Device(name or "empty", "bess", name=name) for name in TWINS])
    for name in TWINS:
        records.put_user(User(name, f"hash of {name}"))
        records.put_setting(name, name)
    assert [device.name for device in records.devices()] == sorted(TWINS, key=lambda name: name or "empty")
    assert [user.username for user in records.users()] == sorted(TWINS)
    assert all(records.user(name).password_hash == f"hash of {name}" for name in TWINS)
    assert [records.setting(name) for name in TWINS] == list(TWINS)
    assert all(records.revoke(name, NOON + 1) for name in TWINS)
    assert records.user("OLGA") is None
    with pytest.raises(DeviceNotFound):
        records.device("OLGA")


def test_long_and_empty_texts_come_back(records):
    for text in (LONG, ""):
        alarm = records.put_alarm(replace(FIRE, message=text, metric="", code=""))
        (award,) = records.put_events([replace(AWARD, title=text, description=text)])
        records.audit(NOON, "", "", text)
        assert records.alarms(limit=1) == [alarm]
        assert records.events(Window(NOON, NOON + 1))[-1] == award
        assert records.audit_log(1) == [(NOON, "", "", text)]


def test_fields_take_as_many_characters_as_they_promise(records):
    wide = "🔋"
    device = Device(wide * 128, "bess", name=wide * 255, site_id=wide * 128, parent=wide * 128)
    records.put_devices([device])
    assert records.devices() == [device]
    records.put_user(User(wide * 255, wide * 512, email=wide * 320))
    assert records.user(wide * 255).email == wide * 320
    entry = records.put_entry(Entry("commands", wide * 128, wide * 255, wide * 32, NOON, {}))
    assert records.entry("commands", wide * 128) == entry
    assert records.entries("commands", wide * 255, (wide * 32,)) == [entry]
    records.put_setting(wide * 255, 1)
    assert records.setting(wide * 255) == 1


@pytest.mark.parametrize("number", NUMBERS)
def test_floats_come_back_exactly(records, number):
    records.put_devices([replace(RACK, interval_s=number)])
    alarm = records.put_alarm(replace(FIRE, value=number, limit=-number))
    (award,) = records.put_events([replace(AWARD, power=number, price=-number)])
    assert records.devices()[0].interval_s == number
    assert records.alarms() == [alarm]
    assert records.events(Window(NOON, NOON + 1)) == [award]


def test_none_stays_none(records):
    records.put_devices([replace(RACK, parent=None)])
    assert records.devices()[0].parent is None
    kept = records.put_alarm(replace(FIRE, value=None, limit=None))
    assert (records.alarms()[0].value, records.alarms()[0].limit, records.alarms()[0].cleared) == (None, None, None)
    records.put_alarm(replace(kept, value=1.0, limit=2.0))
    records.put_alarm(kept)
    assert records.alarms() == [kept]


def test_times_and_numbers_beyond_a_double_come_back(records):
    late = 2**53 + 1
    alarm = records.put_alarm(replace(FIRE, id=late, raised=late, cleared=2**63 - 1))
    assert records.alarms(("cleared",)) == [alarm]
    (award,) = records.put_events([replace(AWARD, index=late, time_start=late, time_end=late + 2)])
    assert records.events(Window(late + 1, late + 2)) == [award]
    assert records.events(Window(-(10**30), 10**30)) == [award]
    assert records.alarms(("cleared",), Window(-(10**30), 10**30)) == [alarm]
    entry = records.put_entry(replace(ORDER, at=late))
    assert records.entries("commands", window=Window(late, late + 1)) == [entry]
    assert records.entries("commands", window=Window(late + 1, late + 2)) == []


def test_a_number_given_from_outside_is_not_given_out_again(records):
    records.put_alarm(FIRE)
    for number in (2, 3, 5):
        records.put_alarm(replace(FIRE, id=number))
        records.put_events([replace(AWARD, index=number)])
    fresh = [records.put_alarm(FIRE).id for _ in range(4)]
    indices = [records.put_events([AWARD])[0].index for _ in range(4)]
    assert len({1, 2, 3, 5, *fresh}) == 8
    assert len({2, 3, 5, *indices}) == 7
    assert len(records.alarms()) == 8


@pytest.mark.parametrize("name", JSON_VALUES)
def test_json_comes_back_exactly(records, name):
    value = {name: JSON_VALUES[name]}
    records.put_setting("x", value)
    records.put_devices([replace(RACK, info=value)])
    records.keep_document("battery_data", value, NOON)
    records.put_entry(replace(ORDER, body=value))
    assert exactly(records.entry("commands", "c-1").body) == exactly(records.entries("commands")[0].body) == exactly(value)
    assert exactly(records.setting("x")) == exactly(value)
    assert exactly(records.devices()[0].info) == exactly(value)
    assert exactly(records.documents("battery_data")[0]) == exactly(value)


UNKEEPABLE = {
    "too long": lambda records: records.put_devices([Device("ok", "bess"), Device("d" * 129, "bess")]),
    "too long a name": lambda records: records.put_devices([Device("ok", "bess"), Device("d", "bess", name="n" * 256)]),
    "NUL": lambda records: records.put_devices([Device("ok", "bess"), Device("d\0", "bess")]),
    "half a character": lambda records: records.put_devices([Device("ok", "bess"), Device("d\ud83d", "bess")]),
    "half a character in JSON": lambda records: records.put_devices([Device("ok", "bess"), Device("d", "bess", info={"a": "\ud83d"})]),
    "no interval": lambda records: records.put_devices([Device("ok", "bess"), Device("d", "bess", interval_s=float("nan"))]),
    "NaN": lambda records: records.put_alarm(replace(FIRE, value=float("nan"))),
    "infinity": lambda records: records.put_events([AWARD, replace(AWARD, price=float("inf"))]),
    "an endless number": lambda records: records.put_alarm(replace(FIRE, raised=2**63)),
    "an endless id": lambda records: records.put_alarm(replace(FIRE, id=2**63)),
    "NUL in a message": lambda records: records.put_alarm(replace(FIRE, message="\0")),
    "too long a user": lambda records: records.put_user(User("u" * 256, "x")),
    "a role that is none": lambda records: records.put_user(User("u", "x", roles=("\udfff",))),
    "NUL in a setting's name": lambda records: records.put_setting("a\0", 1),
    "half a character in a setting": lambda records: records.put_setting("a", ["\ud83d"]),
    "too long a token": lambda records: records.revoke("t" * 256, NOON + 1),
    "too long an entry's id": lambda records: records.put_entry(replace(ORDER, id="i" * 129)),
    "too long a subject": lambda records: records.put_entry(replace(ORDER, subject="s" * 256)),
    "too long a state": lambda records: records.put_entry(replace(ORDER, state="s" * 33)),
    "NUL in an entry's id": lambda records: records.put_entry(replace(ORDER, id="i\0")),
    "half a character in a subject": lambda records: records.put_entry(replace(ORDER, subject="\ud83d")),
    "NUL in a state": lambda records: records.put_entry(replace(ORDER, state="\0")),
    "an entry at no time": lambda records: records.put_entry(replace(ORDER, at=2**63)),
    "an entry of no version": lambda records: records.put_entry(replace(ORDER, version=2**63 - 1)),
    "an entry that is no JSON": lambda records: records.put_entry(replace(ORDER, body={"a": float("nan")})),
    "half a character in an entry": lambda records: records.put_entry(replace(ORDER, body={"a": "\ud83d"})),
    "too long a name on a shelf": lambda records: records.put_alarm(replace(FIRE, shelved_by="n" * 256)),
    "a shelf for ever": lambda records: records.put_alarm(replace(FIRE, shelved_until=2**63)),
    "a document that is no JSON": lambda records: records.keep_document("battery_data", {"a": float("nan")}, NOON),
    "half a character in a document": lambda records: records.keep_document("battery_data", {"a": "\ud83d"}, NOON),
}


@pytest.mark.parametrize("act", UNKEEPABLE.values(), ids=UNKEEPABLE.keys())
def test_what_one_database_could_not_keep_is_refused_by_all_and_nothing_is_kept(records, act):
    with pytest.raises(Invalid) as refusal:
        act(records)
    assert len(refusal.value.message.splitlines()) == 1
    awards = records.events(Window(0, NOON * 2))
    kept = (records.documents("battery_data"), records.entries("commands"))
    everything = (records.devices(), records.alarms(), awards, records.users(), *kept)
    assert not any(everything)
    assert records.setting("a") is None


def test_a_question_nobody_can_answer_finds_nothing(records):
    records.put_events([AWARD])
    records.put_entry(ORDER)
    for odd in ("\0", "\ud83d", "x" * 10_000, "' OR 1=1 --"):
        assert records.events(Window(NOON, NOON + 1), mode=odd) == []
        assert records.user(odd) is None
        assert records.setting(odd) is None
        assert not records.revoked(odd)
        assert records.entry("commands", odd) is None
        assert not records.drop_entry("commands", odd)
        assert records.entries("commands", odd) == records.entries("commands", states=(odd,)) == []
        with pytest.raises(DeviceNotFound):
            records.device(odd)


def test_the_audit_log_is_read_back_from_a_moment_by_time_then_by_order_of_writing(records):
    for at, what in ((NOON + 2, "late"), (NOON, "first"), (NOON + 1, "b"), (NOON + 1, "c")):
        records.audit(at, "olga", "test", what)
    assert [row[3] for row in records.audit_log()] == ["late", "c", "b", "first"]
    assert [row[3] for row in records.audit_log(until=NOON + 1)] == ["c", "b", "first"]
    assert [row[3] for row in records.audit_log(2, NOON + 1)] == ["c", "b"]
    assert records.audit_log(until=NOON - 1) == []


def test_the_audit_log_rather_keeps_part_of_a_name_than_nothing(records):
    records.audit(NOON, "u" * 300, "a\0b", "half \ud83d of it")
    ((_, who, action, what),) = records.audit_log()
    assert who == "u" * 254 + "…"
    assert (action, what) == ("a\N{REPLACEMENT CHARACTER}b", "half \N{REPLACEMENT CHARACTER} of it")


# -- documents -----------------------------------------------------------------------------------------------------


def test_documents_come_back_as_they_came_newest_first(records):
    for number, received in enumerate((NOON, NOON + 2, NOON + 1, NOON + 2)):
        records.keep_document("battery_data", {"n": number, "unheard of": {"deep": [1.5, None]}}, received)
    records.keep_document("battery_performance", {"n": 9}, NOON)
    found = records.documents("battery_data")
    assert [each["n"] for each in found] == [3, 1, 2, 0]
    assert found[0] == {"n": 3, "unheard of": {"deep": [1.5, None]}}
    assert [each["n"] for each in records.documents("battery_data", since=NOON + 1)] == [3, 1, 2]
    assert [each["n"] for each in records.documents("battery_data", limit=2)] == [3, 1]
    assert records.documents("battery_predictions") == []


def test_every_document_has_an_id_of_its_own(records):
    ids = [records.keep_document("battery_data", {"same": True}, NOON) for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(isinstance(each, str) and each for each in ids)


def test_old_documents_are_forgotten(records):
    for at in range(5):
        records.keep_document("battery_data", {"at": at}, NOON + at)
    records.keep_document("battery_performance", {"at": 0}, NOON)
    assert records.forget_documents("battery_data", NOON + 3) == 3
    assert records.forget_documents("battery_data", NOON + 3) == 0
    assert [each["at"] for each in records.documents("battery_data")] == [4, 3]
    assert len(records.documents("battery_performance")) == 1


def test_there_are_three_collections_of_documents(records):
    for collection in ("battery", "", "document", "battery_data "):
        with pytest.raises(Invalid, match="no collection"):
            records.keep_document(collection, {}, NOON)
        with pytest.raises(Invalid, match="no collection"):
            records.documents(collection)
        with pytest.raises(Invalid, match="no collection"):
            records.forget_documents(collection, NOON)


def test_closing_twice_is_fine(url, clock):
    made = open_records(url, clock)
    made.close()
    made.close()


# -- dumps ---------------------------------------------------------------------------------------------------------


def full(clock) -> Records:
    """A store in memory with something in every corner."""
    records = MemoryRecords(clock)
    records.put_devices([replace(RACK, interval_s=0.1), replace(RACK, device_id="gone", interval_s=1.5, deleted=True, parent=None)])
    records.put_alarm(replace(FIRE, id=2**53 + 1, message=LONG, shelved_by="olga", shelved_until=NOON + 5))
    records.put_alarm(replace(FIRE, id=7, cleared=NOON + 1, acknowledged=NOON, acknowledged_by="olga", value=None, limit=None))
    records.put_events([replace(AWARD, index=9), replace(AWARD, index=4, simulated=False)])
    for name in ("olga", "電🔋", ""):
        records.put_user(User(name, "$argon2id$x", roles=("viewer", "operator"), email="o@example.org", confirmed_at=NOON))
    for name, value in JSON_VALUES.items():
        records.put_setting(name, value)
    records.revoke("a", NOON + HOUR)
    records.revoke("b", NOON + HOUR)
    for number in range(3):
        records.audit(NOON - number, "olga", "login", f"{number}")
    for number in range(600):
        records.keep_document("battery_data" if number % 2 else "battery_predictions", {"n": number, "z": 1, "a": 0.1}, NOON + number % 7)
    for number, drawer in enumerate(DRAWERS):
        kept = records.put_entry(replace(ORDER, drawer=drawer, id="c\u00e5 電", at=NOON - number, body=JSON_VALUES))
        records.put_entry(replace(kept, state="sent"))
        records.put_entry(replace(ORDER, drawer=drawer, id=""))
    return records


def by_table(records: Records) -> dict[str, list[str]]:
    """The rows of a dump as JSON texts; those of tables that have an order, in it."""
    found: dict[str, list[str]] = {}
    for table, row in records.dump():
        found.setdefault(table, []).append(json.dumps(row, ensure_ascii=False, sort_keys=True))
    assert list(found) == [table for table in FIELDS if table in found], "one table after the other"
    return {table: rows if table in ("audit", "document") else sorted(rows) for table, rows in found.items()}


def test_a_dump_of_any_store_fills_any_other(records, clock):
    """Through memory: what went in comes out again, so each dump is the same as all others."""
    source = full(clock)
    rows = list(source.dump())
    assert records.fill(iter(rows)) == len(rows)
    assert by_table(records) == by_table(source)
    assert set(by_table(records)) == set(FIELDS)
    for ask in (
        lambda store: store.devices(deleted=True),
        lambda store: store.alarms(("active", "cleared", "acknowledged")),
        lambda store: store.events(Window(0, 2 * NOON)),
        lambda store: store.users(),
        lambda store: [store.setting(name) for name in JSON_VALUES],
        lambda store: [store.revoked(token) for token in ("a", "b", "c")],
        lambda store: store.audit_log(),
        lambda store: store.documents("battery_data", limit=1000),
        lambda store: store.documents("battery_predictions", limit=5),
        lambda store: [store.entries(drawer) for drawer in DRAWERS],
    ):
        assert ask(records) == ask(source)


def test_a_filled_store_goes_on_counting_beyond_its_rows(records, clock):
    assert records.devices() == []
    before = [records.devices_version(), *map(records.entries_version, DRAWERS)]
    records.fill(full(clock).dump())
    after = [records.devices_version(), *map(records.entries_version, DRAWERS)]
    assert all(new != old for new, old in zip(after, before, strict=True))
    assert records.put_alarm(FIRE).id not in (7, 2**53 + 1)
    assert records.put_events([AWARD])[0].index not in (4, 9)
    assert records.put_user(User("new", "x")).id not in (1, 2, 3)
    records.audit(NOON, "olga", "restored", "")
    assert [row[2:] for row in records.audit_log(2)] == [("restored", ""), ("login", "0")]
    records.keep_document("battery_data", {"n": "last"}, NOON + 6)
    assert records.documents("battery_data", limit=1) == [{"n": "last"}]
    assert len(records.alarms(("active", "cleared"))) == 3


def test_entries_that_were_filled_in_keep_their_versions(records, clock):
    records.fill(full(clock).dump())
    found = records.entry("exports", "cå 電")
    assert (found.version, found.state) == (2, "sent")
    assert records.put_entry(found).version == 3
    with pytest.raises(Conflict):
        records.put_entry(found)


def test_a_dump_of_the_release_before_drawers_and_shelves_fills_any_store(records):
    alarm = {
        "device_id": "bess01", "kind": "bess", "code": "HIGH_TEMP", "severity": "alarm", "message": "61 °C", "raised": NOON,
        "metric": "", "value": None, "limit": None, "cleared": None, "acknowledged_by": "", "acknowledged": None, "simulated": False,
        "id": 7,
    }  # fmt: skip
    award = {
        "mode": "dReg0.25", "time_start": NOON, "time_end": NOON + HOUR, "is_get": True, "interrupt": False, "quote_capacity": 0.0,
        "power": 5.0, "price": 475.5, "quote_price": 0.0, "quote_code": "", "title": "", "description": "", "simulated": False, "index": 3,
    }  # fmt: skip
    assert records.fill([("alarm", alarm), ("schedule_event", award), ("setting", {"name": "a", "value": "1"})]) == 3
    assert [(event.index, event.power, event.transfer) for event in records.events(Window(NOON, NOON + 1))] == [(3, 5.0, 0.0)]
    assert records.alarms() == [Alarm("bess01", "bess", "HIGH_TEMP", "alarm", "61 °C", NOON, id=7, shelved_by="", shelved_until=None)]
    assert [records.entries(drawer) for drawer in DRAWERS] == [[]] * len(DRAWERS)


def test_an_empty_store_has_an_empty_dump_that_fills_another(records):
    assert list(records.dump()) == []
    assert records.fill([]) == 0


def test_a_store_that_holds_something_is_not_filled(records, clock):
    records.put_setting("x", 1)
    with pytest.raises(Conflict):
        records.fill(full(clock).dump())
    assert records.devices() == []
    assert [table for table, _ in records.dump()] == ["setting"]


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("secrets", {"a": 1}),
        ("setting", {"name": "a"}),
        ("setting", {"name": "a\0", "value": "1"}),
        ("setting", {"name": "a", "value": "1", "more": 1}),
        ("audit", {"at": 2**63, "who": "", "action": "", "what": ""}),
        ("document", {"collection": "other", "received": 1, "body": "{}"}),
        ("entry", {"drawer": "other", "id": "", "subject": "", "state": "", "at": 1, "body": "{}", "version": 1}),
        ("entry", {"drawer": "commands", "id": "c" * 129, "subject": "", "state": "", "at": 1, "body": "{}", "version": 1}),
    ],
)
def test_a_dump_with_a_row_that_makes_no_sense_fills_nothing(records, clock, table, row):
    with pytest.raises(Invalid):
        records.fill([*full(clock).dump(), (table, row)])
    assert list(records.dump()) == []
