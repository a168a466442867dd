"""The pages that operate the plant (alarms, devices, system): what they show is what the store holds, and their buttons do what they say
only for who may."""

import json
from collections.abc import Iterator
from typing import Any

import flask
import numpy as np
import pytest
from plotly.utils import PlotlyJSONEncoder

from callbacks import alarms as alarm_desk
from callbacks import devices as device_desk
from callbacks import settings
from dashboard.book import discover
from dashboard.figures.device_card import twin_card
from dashboard.loads import alarm_times, alarms, device_card, device_twin, devices, system
from dashboard.loads.alarm_words import sentence
from dashboard.page import Scope, Table
from datastore.open import open_store
from datastore.store import Store
from plant.analysis.commands import EMERGENCY
from plant.errors import Conflict, Forbidden, Invalid, Locked, NotFound, SafetyViolation
from plant.model import DAY, HOUR, MINUTE, SECOND, Alarm, Block, Device
from services import alarm_actions, foreign, kiosk, vitals
from services.access import OPEN, Identity
from services.accounts import add_user
from services.commands import Commands

NOW = 1_795_233_600_000
"""2026-11-21 12:00 in Taipei."""
SCOPE = Scope(zone="Asia/Taipei", window="24h")
OPERATOR = Identity("ann", ("operator",))
VIEWER = Identity("vic", ("viewer",))
ANALYST = Identity("ada", ("analyst",))


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> int:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=clock)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def request_of() -> Iterator[Any]:
    """A request whose caller can be set: `request_of(identity)`."""
    with flask.Flask("test").test_request_context():

        def caller(identity: Identity) -> None:
            flask.g.identity = identity

        caller(OPERATOR)
        yield caller


def stand(store: Store, device: str, code: str, severity: str, ago: int, lasted: int | None = None, **more: Any) -> Alarm:
    """An alarm raised `ago` before now, cleared after `lasted`."""
    cleared = None if lasted is None else NOW - ago + lasted
    return store.records.put_alarm(Alarm(device, "bess", code, severity, f"{device} {code}", NOW - ago, cleared=cleared, **more))


@pytest.fixture
def plant(store: Store) -> dict[str, Alarm]:
    """Five alarms: two open ones of one event, one shelved, one cleared, one acknowledged and old."""
    store.records.put_devices([Device(f"bess0{n}", "bess") for n in (1, 2, 3)])
    return {
        "first": stand(store, "bess01", "SOC_LOW", "warning", 30 * MINUTE),
        "second": stand(store, "bess02", "CELL_MAX_TEMP_HIGH", "alarm", 30 * MINUTE - 20 * SECOND),
        "shelved": stand(store, "bess03", "SOC_LOW", "warning", 2 * HOUR, shelved_by="ann", shelved_until=NOW + HOUR),
        "cleared": stand(store, "bess01", "SOC_LOW", "info", 5 * HOUR, 3 * MINUTE),
        "old": stand(store, "bess02", "SOC_HIGH", "protection", 30 * HOUR, acknowledged=NOW - HOUR, acknowledged_by="bob"),
    }


def listed(store: Store, **scope: Any) -> list[int]:
    columns = alarms.alarm_list(store, Scope(zone="Asia/Taipei", **scope)).columns
    return list(columns["number"])


def numbers(plant: dict[str, Alarm], *names: str) -> list[int | None]:
    return [plant[name].id for name in names]


def test_the_list_shows_what_is_open_newest_first(store: Store, plant: dict[str, Alarm]) -> None:
    assert listed(store) == numbers(plant, "second", "first", "shelved", "old")


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ({"state": "active"}, ("second", "first")),
        ({"state": "acknowledged"}, ("old",)),
        ({"state": "shelved"}, ("shelved",)),
        ({"state": "cleared"}, ("cleared",)),
        ({"state": "any"}, ("second", "first", "shelved", "cleared", "old")),
        ({"severity": "warning"}, ("first", "shelved")),
        ({"device": "bess02"}, ("second", "old")),
        ({"device": "bess02", "severity": "protection"}, ("old",)),
        ({"state": "any", "start": NOW - 6 * HOUR, "end": NOW - 4 * HOUR}, ("cleared", "old")),
        ({"state": "nonsense"}, ("second", "first", "shelved", "old")),
    ],
)
def test_the_link_narrows_the_list(store: Store, plant: dict[str, Alarm], scope: dict[str, Any], names: tuple[str, ...]) -> None:
    assert listed(store, **scope) == numbers(plant, *names)


def test_of_an_event_the_first_alarm_is_marked(store: Store, plant: dict[str, Alarm]) -> None:
    columns = alarms.alarm_list(store, SCOPE).columns
    assert dict(zip(columns["number"], columns["first"], strict=True))[plant["first"].id] == "first out"
    assert sum(map(bool, columns["first"])) == 1
    event = alarms.alarm_card(store, Scope(zone="Asia/Taipei", alarm=plant["second"].id)).more["event"]
    assert [(after, device) for after, device, _, _ in event] == [("+0 s", "bess01"), ("+20 s", "bess02")]


def test_list_timeline_and_card_name_the_same_first_alarm_whatever_the_list_is_narrowed_to(store: Store) -> None:
    later = stand(store, "bess01", "SOC_HIGH", "warning", 10 * MINUTE - 1 * SECOND)
    lead = stand(store, "bess02", "SOC_HIGH", "warning", 10 * MINUTE)
    twin = stand(store, "bess03", "SOC_HIGH", "warning", 10 * MINUTE)
    for scope in (SCOPE, Scope(zone="Asia/Taipei", device="bess03"), Scope(zone="Asia/Taipei", device="bess02")):
        for table in (alarms.alarm_list(store, scope), alarm_times.timeline_table(store, scope)):
            named = {number for number, first in zip(table.columns["number"], table.columns["first"], strict=True) if first}
            assert named == {lead.id} & set(table.columns["number"])
    for alarm in (later, lead, twin):
        event = alarms.alarm_card(store, Scope(zone="Asia/Taipei", alarm=alarm.id)).more["event"]
        assert [device for _, device, _, _ in event] == ["bess02", "bess03", "bess01"]


def test_in_a_flood_the_card_counts_events_as_the_list_does(store: Store) -> None:
    raised = [stand(store, f"bess0{n}", "SOC_HIGH", "warning", 10 * MINUTE - n * 40 * SECOND) for n in (1, 2, 3)]
    columns = alarms.alarm_list(store, SCOPE).columns
    assert [number for number, first in zip(columns["number"], columns["first"], strict=True) if first] == [raised[0].id]
    last = alarms.alarm_card(store, Scope(zone="Asia/Taipei", alarm=raised[2].id))
    assert last.more["event"] == []  # 80 s after the first: an event of its own


def test_without_a_choice_the_worst_open_alarm_is_looked_at(store: Store, plant: dict[str, Alarm]) -> None:
    assert alarms.alarm_card(store, SCOPE).more["alarm"].id == plant["old"].id
    assert alarms.alarm_card(store, Scope(alarm=999, zone="Asia/Taipei")).is_empty


def test_an_alarm_outside_the_window_can_be_looked_at_by_its_link(store: Store, plant: dict[str, Alarm]) -> None:
    card = alarms.alarm_card(store, Scope(zone="Asia/Taipei", window="15m", alarm=plant["cleared"].id))
    assert card.more["alarm"].id == plant["cleared"].id
    assert dict(card.more["facts"])["Lasted"] == "3.0 min"


def test_the_tiles_are_the_figures_of_the_window(store: Store, plant: dict[str, Alarm]) -> None:
    shown = {tile.key: tile for tile in alarms.tiles(store, SCOPE)}
    assert shown["open"].value == 3.0  # the shelved one asks for nobody
    assert (shown["open"].note, shown["open"].tone) == ("2 not acknowledged", "protection")
    assert shown["rate"].value == pytest.approx(4 / (DAY + 1) * 10 * MINUTE)  # the old one was raised before the window
    assert (shown["peak"].value, shown["flood"].value, shown["top"].value) == (2.0, 0.0, 100.0)
    assert shown["stale"].value == 1.0
    assert shown["split"].value == "75 / 25 / 0"


def test_every_alarm_raised_is_in_one_bar(store: Store, plant: dict[str, Alarm]) -> None:
    columns = alarm_times.rate_table(store, SCOPE).columns
    assert {name: int(np.sum(columns[name])) for name in ("info", "warning", "alarm", "protection")} == {
        "info": 1, "warning": 2, "alarm": 1, "protection": 0,
    }  # fmt: skip
    place = int(np.flatnonzero(columns["alarm"])[0])
    assert columns["at"][place] <= plant["second"].raised < columns["at"][place] + 10 * MINUTE


def test_the_timeline_has_each_alarm_from_raised_to_cleared_within_the_window(store: Store, plant: dict[str, Alarm]) -> None:
    columns = alarm_times.timeline_table(store, SCOPE).columns
    spans = {number: (start, end) for number, start, end in zip(columns["number"], columns["at"], columns["end"], strict=True)}
    assert spans[plant["cleared"].id] == (NOW - 5 * HOUR, NOW - 5 * HOUR + 3 * MINUTE)
    assert spans[plant["old"].id] == (NOW - DAY, NOW)
    assert [n for n, first in zip(columns["number"], columns["first"], strict=True) if first] == numbers(plant, "first")


def test_new_alarms_ask_for_the_list_again(store: Store, plant: dict[str, Alarm]) -> None:
    before = alarms.list_frame(store, SCOPE)
    assert alarms.list_frame(store, SCOPE) == before
    stand(store, "bess03", "SOC_HIGH", "warning", SECOND)
    assert alarms.list_frame(store, SCOPE) != before


WORDS = {"words": {"battery_alarm": [{"en": "cell too warm", "zh": "電芯過溫", "es": "celda caliente"}]}}


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "cell too warm, bit 2 (0x0005)"), ("zh-TW", "電芯過溫、位元 2 (0x0005)"), ("es", "celda caliente, bit 2 (0x0005)")],
)
def test_bit_words_are_said_in_the_readers_language(lang: str, said: str) -> None:
    alarm = Alarm("r", "rack", "BATTERY_7_ALARM", "alarm", "told", 0, metric="battery_alarm", value=5.0, limit=0.0)
    text = sentence(alarm, WORDS, lang)
    assert text.endswith(said) and " 7 · " in text


@pytest.mark.parametrize(("lang", "said"), [("en", "State of charge 3.0 % < 5.0 %"), ("zh-TW", "電量狀態 3.0 % < 5.0 %")])
def test_limits_are_said_in_the_readers_language(lang: str, said: str) -> None:
    assert sentence(Alarm("b", "bess", "SOC_LOW", "alarm", "told", 0, metric="soc", value=3.0, limit=5.0), {}, lang) == said


def press(store: Store, what: str, about: object, scope: Scope = SCOPE, **fields: Any) -> str:
    desk = alarm_desk if what in alarm_desk.ACTIONS else device_desk
    return desk.done(store, (what, str(about)), fields, scope)


def test_acknowledging_is_kept_with_who_and_what_was_said(store: Store, plant: dict[str, Alarm]) -> None:
    assert press(store, "ack", plant["first"].id, text="seen") == f"Alarm {plant['first'].id} is acknowledged"
    kept = alarm_actions.find(store.records, plant["first"].id or 0)
    assert (kept.acknowledged, kept.acknowledged_by) == (NOW, "ann")
    assert [text for _, _, text in alarms.alarm_card(store, Scope(zone="Asia/Taipei", alarm=kept.id)).more["talk"]] == ["seen"]


@pytest.mark.parametrize(
    ("fields", "until"),
    [
        ({"shelf": "15m"}, NOW + 15 * MINUTE),
        ({"shelf": "8h"}, NOW + 8 * HOUR),
        ({"shelf": "until", "until": "2026-11-22 08:00"}, NOW + 20 * HOUR),  # noon to eight in the site's zone
        ({"shelf": "until", "until": "2026-11-23"}, NOW + 36 * HOUR),
    ],
)
def test_shelving_ends_when_it_says(store: Store, plant: dict[str, Alarm], fields: dict[str, str], until: int) -> None:
    press(store, "shelve", plant["first"].id, **fields)
    assert alarm_actions.find(store.records, plant["first"].id or 0).shelved_until == until
    press(store, "unshelve", plant["first"].id)
    assert not alarm_actions.find(store.records, plant["first"].id or 0).is_shelved(NOW)


@pytest.mark.parametrize("until", ["", "tomorrow", "2026-13-01", "2026-11-21 11:59", "2026-12-31"])
def test_a_shelf_without_a_sensible_end_is_refused(store: Store, plant: dict[str, Alarm], until: str) -> None:
    with pytest.raises(Invalid):
        press(store, "shelve", plant["first"].id, shelf="until", until=until)
    assert not alarm_actions.find(store.records, plant["first"].id or 0).is_shelved(NOW)


def test_a_refusal_is_told_in_the_language_of_the_page(store: Store, plant: dict[str, Alarm]) -> None:
    spanish = Scope(zone="Asia/Taipei", lang="es")
    with pytest.raises(Invalid, match="dentro de los próximos 7 días"):
        press(store, "shelve", plant["first"].id, spanish, shelf="until", until="2026-12-31")
    with pytest.raises(Invalid, match="Escriba primero el comentario"):
        press(store, "comment", plant["first"].id, spanish, text=" ")


def test_fields_of_the_settings_page_are_refused_in_the_language_of_the_page(store: Store) -> None:
    spanish = Scope(zone="Asia/Taipei", lang="es")
    with pytest.raises(Invalid) as short:
        add_user(store, "eve", "123", ["viewer"], "", "root")
    assert "de 8 a 256 caracteres" in str(settings.refused(short.value, spanish))
    with pytest.raises(Invalid) as odd:
        add_user(store, "<b>", "correct horse", ["viewer"], "", "root")
    assert "nombre de usuario" in str(settings.refused(odd.value, spanish))
    assert "something else" in str(settings.refused(Invalid("something else"), spanish))


def test_a_device_that_has_no_twin_gets_a_card_that_says_so(store: Store) -> None:
    said = twin_card(Table({}, more={"asked": "ghost"}), SCOPE)
    assert "battery" in json.dumps(said, cls=PlotlyJSONEncoder)


def test_what_is_over_is_not_acknowledged(store: Store, plant: dict[str, Alarm]) -> None:
    with pytest.raises(Conflict):
        press(store, "ack", plant["cleared"].id)
    with pytest.raises(NotFound):
        press(store, "ack", 999)


@pytest.mark.parametrize(("who", "may_comment"), [(VIEWER, False), (ANALYST, True), (Identity(granted=OPEN), True)])
def test_who_may_not_is_refused_and_sees_no_button(
    store: Store, plant: dict[str, Alarm], request_of: Any, who: Identity, may_comment: bool
) -> None:
    request_of(who)
    for what in ("ack", "shelve", "unshelve"):
        with pytest.raises(Forbidden):
            press(store, what, plant["first"].id, shelf="1h")
    if may_comment:
        press(store, "comment", plant["first"].id, text="why?")
    else:
        with pytest.raises(Forbidden):
            press(store, "comment", plant["first"].id, text="why?")
    shown = json.dumps(alarm_desk.form(plant["first"], NOW, SCOPE), cls=PlotlyJSONEncoder)
    assert '"what": "ack"' not in shown and '"what": "shelve"' not in shown
    assert ('"what": "comment"' in shown) is may_comment
    assert alarm_actions.find(store.records, plant["first"].id or 0) == plant["first"]


def test_there_are_no_other_actions(store: Store, plant: dict[str, Alarm]) -> None:
    with pytest.raises(Forbidden):
        alarm_desk.done(store, ("drop", "1"), {}, SCOPE)
    with pytest.raises(Forbidden):
        device_desk.done(store, ("remove", "bess01"), {}, SCOPE)


# --- devices


def tell(store: Store, device: str, kind: str, ago: int = SECOND, quality: int = 0, **values: float) -> None:
    store.telemetry.append([Block(kind, tuple(values), [(device, NOW - ago, NOW - ago, quality, *values.values())])])


@pytest.fixture
def battery(store: Store) -> Store:
    limits = {"max_charge_current": 100.0, "max_soc": 90.0}
    info = {"chemistry": "LFP", "safety_constraints": limits}
    store.records.put_devices(
        [
            Device("bess01", "bess", "North", rating={"power_kw": 50.0, "capacity_kwh": 100.0}, info=info),
            Device("bess02", "bess"),
            Device("meter01", "meter"),
            Device("bess01-rack01", "rack", parent="bess01"),
        ]
    )
    tell(store, "bess01", "bess", soc=40.0, soh=99.0, power=-12.5, cell_max_temp=28.0)
    tell(store, "bess02", "bess", ago=2 * HOUR, soc=7.0)
    return store


def row(store: Store, device: str, **scope: Any) -> dict[str, Any]:
    columns = devices.device_table(store, Scope(zone="Asia/Taipei", **scope)).columns
    place = list(columns["device"]).index(device)
    return {name: values[place] for name, values in columns.items()}


def test_the_fleet_says_how_each_device_stands(battery: Store) -> None:
    stand(battery, "bess01", "SOC_LOW", "warning", MINUTE)
    stand(battery, "bess01", "SOC_HIGH", "warning", MINUTE, shelved_by="a", shelved_until=NOW + HOUR)
    told = row(battery, "bess01")
    assert (told["state"], told["soc"], told["soh"], told["power"], told["warm"], told["alarms"]) == ("online", 40.0, 99.0, -12.5, 28.0, 1)
    assert (told["heard"], told["age"]) == ("2026-11-21 11:59:59", "1 s")
    silent = row(battery, "bess02")
    assert (silent["state"], silent["age"], silent["power"], silent["alarms"]) == ("offline", "2.0 h", None, None)
    assert (row(battery, "meter01")["state"], row(battery, "meter01")["soc"]) == ("never", None)


def test_racks_are_listed_when_asked_for(battery: Store) -> None:
    assert "bess01-rack01" not in devices.device_table(battery, SCOPE).columns["device"]
    assert devices.device_table(battery, Scope(zone="Asia/Taipei", kind="rack")).columns["device"] == ["bess01-rack01"]


def test_the_card_has_values_with_their_limits_and_ages(battery: Store) -> None:
    tell(battery, "bess02", "bess", soc=7.0)
    table = device_card.values_table(battery, Scope(zone="Asia/Taipei", device="bess02"))
    assert (table.columns["metric"], table.columns["value"], table.columns["age"]) == (["State of charge"], ["7.0 %"], ["1 s"])
    assert table.columns["range"] == ["10.0 … 95.0"]
    assert table.more["sheet"].tones == {("soc", "value"): "warning"}  # below 10 %, above the alarm limit of 5 %
    limits = dict(device_card.card(battery, Scope(zone="Asia/Taipei", device="bess01")).more["limits"])
    assert (limits["Charge power ≤"], limits["Charge current ≤"], limits["Charge up to"]) == ("50.0 kW", "100 A", "90 %")


def test_an_unknown_device_is_said_to_be_unknown(battery: Store) -> None:
    assert device_card.card(battery, Scope(zone="Asia/Taipei", device="ghost")).more == {"asked": "ghost"}


def test_a_command_goes_out_in_watts_and_into_the_history(battery: Store) -> None:
    press(battery, "send", "bess01", type="start_charge", target_power=20, target_soc="80", timeout="60", priority="high")
    command = Commands(battery).history("bess01")[0][0]
    assert command.parameters == {"target_power": 20_000.0, "target_soc": 80.0}
    assert (command.source, command.timeout_s, command.priority, command.status) == ("ann", 60, "high", "queued")
    history = device_card.history_table(battery, Scope(zone="Asia/Taipei", device="bess01")).columns
    assert (history["command"], history["told"], history["status"]) == (["Start charging"], ["20.0 kW, 80 %"], ["queued"])


def test_what_the_device_does_not_stand_is_refused_in_words(battery: Store) -> None:
    with pytest.raises(SafetyViolation) as refused:
        press(battery, "send", "bess01", type="start_charge", target_power="60", max_current="120")
    assert len(refused.value.details["violations"]) == 2
    assert not Commands(battery).history("bess01")[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "start_charge", "target_power": "much"},
        {"type": "dance"},
        {"type": EMERGENCY},
        {},
        {"type": "stop_charge", "target_soc": "nan"},
    ],
)
def test_nonsense_is_not_sent(battery: Store, fields: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        press(battery, "send", "bess01", **fields)
    assert not Commands(battery).history("bess01")[0]


def test_an_emergency_shutdown_is_critical_and_maintenance_does_not_stop_it(battery: Store) -> None:
    assert press(battery, "maintenance", "bess01") == "bess01 is in maintenance"
    assert row(battery, "bess01")["state"] == "maintenance"
    with pytest.raises(Locked):
        press(battery, "send", "bess01", type="start_charge", target_power="5")
    press(battery, EMERGENCY, "bess01")
    command = Commands(battery).history("bess01")[0][0]
    assert (command.type, command.priority, command.source) == (EMERGENCY, "critical", "ann")
    press(battery, "online", "bess01")
    assert row(battery, "bess01")["state"] == "online"


@pytest.mark.parametrize("who", [VIEWER, ANALYST, Identity("gate", (), scopes=frozenset({"command"}), devices=("bess02",))])
def test_commands_are_refused_to_who_may_not(battery: Store, request_of: Any, who: Identity) -> None:
    request_of(who)
    for what in ("send", EMERGENCY, "maintenance"):
        with pytest.raises(Forbidden):
            press(battery, what, "bess01", type="request_status")
    assert not Commands(battery).history("bess01")[0]


def test_in_open_mode_a_stranger_sees_no_command_button(battery: Store, request_of: Any) -> None:
    request_of(Identity(granted=OPEN))
    shown = json.dumps(device_desk.form(battery.records.device("bess01"), SCOPE), cls=PlotlyJSONEncoder)
    assert '"send"' not in shown and EMERGENCY not in shown
    assert '"maintenance"' in shown  # registering and changing devices is open in open mode


def test_a_meter_is_not_offered_charging(battery: Store) -> None:
    shown = json.dumps(device_desk.form(battery.records.device("meter01"), SCOPE), cls=PlotlyJSONEncoder)
    assert "start_charge" not in shown and "request_status" in shown


def test_the_twin_says_why_it_has_nothing_to_compare(battery: Store) -> None:
    assert (
        device_twin.twin_table(battery, Scope(zone="Asia/Taipei", device="bess02")).more["why"]
        == "the chemistry of the device is not known"
    )
    assert device_twin.twin_table(battery, Scope(zone="Asia/Taipei", device="meter01")).more == {}


# --- system


def test_the_inflow_counts_readings_and_their_delay(store: Store, clock: Clock) -> None:
    vitals.begin(store, version="1.2.3")
    store.records.put_devices([Device("bess01", "bess")])
    clock.at = NOW + 20 * SECOND
    for second in range(10, 20):
        received = NOW + second * SECOND
        clock.at = received
        rows = [("bess01", received - 500 - i, received, 0, 50.0) for i in range(3)]
        store.live.publish("readings", [Block("bess", ("soc",), rows)])
    clock.at = NOW + 20 * SECOND
    flow = vitals.of(store).inflow()
    assert (flow.rate, flow.delay) == (3.0, 502.0)  # three a second; the last row of each block is 502 ms old
    shown = {tile.key: tile for tile in system.tiles(store, SCOPE)}
    assert (shown["rate"].value, shown["delay"].value) == (3.0, 0.502)
    columns = system.inflow_table(store, SCOPE).columns
    assert columns["rate"].tolist() == [0.0, 3.0]
    assert np.isnan(columns["delay"][0]) and columns["delay"][1] == pytest.approx(0.502)


def test_nothing_coming_in_is_a_rate_of_zero_and_no_delay(store: Store, clock: Clock) -> None:
    vitals.begin(store)
    clock.at += MINUTE
    shown = {tile.key: tile.value for tile in system.tiles(store, SCOPE)}
    assert (shown["rate"], shown["delay"], shown["commit"], shown["spool"], shown["devices"]) == (0.0, None, None, 0.0, None)


def test_unmapped_foreign_fields_are_listed_most_frequent_first(store: Store) -> None:
    seen = foreign.Foreign()
    seen.note("influx", 3, 0, {("battery", "foo"): 2, ("battery", "wobble"): 7}, NOW)
    vitals.begin(store, foreign=seen)
    columns = system.foreign_table(store, SCOPE).columns
    assert (columns["field"], columns["count"]) == (["wobble", "foo"], [7, 2])
    assert columns["last"] == ["2026-11-21 12:00:00"] * 2


def test_screens_are_listed_with_their_last_heartbeat(store: Store, clock: Clock) -> None:
    kiosk.heard(store, "kiosk:hall", "wall-1", "Hall", "/bess", 1920, 1080)
    clock.at += 3 * MINUTE
    table = system.screens_table(store, SCOPE)
    assert (table.columns["screen"], table.columns["size"], table.columns["age"]) == (["Hall"], ["1920 × 1080"], ["3.0 min"])
    assert table.more["sheet"].tones == {("wall-1", "age"): "warning"}


def test_the_audit_log_and_the_screens_need_their_permission(store: Store) -> None:
    panels = {panel.id: panel for page in discover() if page.path == "/system" for panel in page.panels}
    assert (panels["system-audit"].needs, panels["system-screens"].needs) == ("audit", "links")
    store.records.audit(NOW, "ann", "login", "from here")
    assert system.audit_table(store, SCOPE).columns["who"] == ["ann"]
    assert "ann" not in str(system.audit_frame(store, SCOPE))


def test_what_is_kept_is_what_the_database_holds(tmp_path: Any) -> None:
    store = open_store(f"sqlite:///{tmp_path}/a.db", "Asia/Taipei", clock=lambda: NOW)
    try:
        store.records.put_devices([Device("bess01", "bess"), Device("pcs01", "pcs")])
        rows = [("bess01", NOW - i * SECOND, NOW, 0, 50.0) for i in range(7)]
        store.telemetry.append([Block("bess", ("soc",), rows), Block("pcs", ("active_power",), [("pcs01", NOW, NOW, 0, 1.0)])])
        vitals.begin(store)
        columns = system.kept_table(store, SCOPE).columns
        assert (columns["kind"][:-1], columns["hot"], columns["devices"]) == (["BESS units", "PCS"], [7, 1, 8], [1, 1, 2])
    finally:
        store.close()


def test_a_store_in_memory_says_nothing_of_its_tables(store: Store) -> None:
    vitals.begin(store)
    assert system.kept_table(store, SCOPE).is_empty


def test_no_secret_stands_on_the_page(store: Store) -> None:
    from services.config import Config

    config = Config.from_env({"DATABASE_URL": "postgresql://root:hunter2@db/plant", "SECRET_KEY": "s3cret" * 8})
    vitals.begin(store, config=config, version="1")
    shown = str(system.about_table(store, SCOPE).columns)
    assert "hunter2" not in shown and "s3cret" not in shown and "postgresql" in shown


@pytest.mark.parametrize("lang", ["en", "zh-TW", "es"])
def test_every_system_panel_draws_full_and_empty(store: Store, battery: Store, lang: str) -> None:
    scope = Scope(zone="Asia/Taipei", lang=lang)
    panels = [panel for page in discover() if page.path == "/system" for panel in page.panels]
    for panel in panels:
        table = panel.load(store, scope)
        assert len({len(column) for column in table.columns.values()}) <= 1
        if not table.is_empty:
            json.dumps(panel.draw(table, scope), cls=PlotlyJSONEncoder)
