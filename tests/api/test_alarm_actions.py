"""Alarms as people handle them: seen, put aside for a while, written about; times by a clock that the test moves."""

import json
from dataclasses import replace

import pytest

from api import auth
from plant.model import Alarm, User
from services import alarm_actions
from services.config import Config
from tests.api.conftest import flask_door, make

NOW = 1_769_256_600_000  # 2026-01-24T12:10:00Z
MINUTE, DAY = 60_000, 86_400_000


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def product(tmp_path, clock):
    made = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=0, rate_limit_ingest=0, access_minutes=1440), clock)
    for role in ("operator", "analyst", "viewer"):
        made.store.records.put_user(User(role, "x", (role,)))
    yield made
    made.store.close()


@pytest.fixture
def ask(product):
    """`ask(role, method, path, body)`: as somebody with this role; an empty role comes without a token."""
    door = flask_door(product)

    def knock(role, method, path, body=None):
        headers = {"Content_Type": "application/json"}
        if role:
            issued = auth.guard_of(product.flask).issue(product.store.records.user(role))
            headers["Authorization"] = f"Bearer {issued['access_token']}"
        return door(method, f"/api/v1{path}", None if body is None else json.dumps(body), **headers)

    return knock


def raised(product, code="HOT", at=NOW - MINUTE, **more):
    return product.store.records.put_alarm(Alarm("bess01", "bess", code, "alarm", f"{code} on BESS 01", at, **more))


def test_an_acknowledged_alarm_says_who_saw_it_and_when_and_the_first_stays_noted(product, ask, clock):
    alarm = raised(product)
    seen = ask("operator", "POST", f"/alarms/{alarm.id}/ack", {"comment": "On my way"})
    assert (seen.status, seen.json["state"], seen.json["acknowledged_by"], seen.json["acknowledged"]) == (
        200, "acknowledged", "operator", "2026-01-24T12:10:00Z",
    )  # fmt: skip
    clock.now += MINUTE
    assert ask("operator", "POST", f"/alarms/{alarm.id}/ack").json["acknowledged"] == "2026-01-24T12:10:00Z"
    assert [a["id"] for a in ask("", "GET", "/alarms?state=acknowledged").json["alarms"]] == [alarm.id]
    assert ask("", "GET", "/alarms?state=active").json["alarms"] == []
    story = ask("", "GET", f"/alarms/{alarm.id}").json
    assert [(c["author"], c["text"], c["timestamp"]) for c in story["comments"]] == [("operator", "On my way", "2026-01-24T12:10:00Z")]
    assert ("operator", "alarm acknowledged") in [(who, action) for _, who, action, _ in product.store.records.audit_log()]


def test_what_is_done_to_an_alarm_is_told_on_the_live_topic(product, ask):
    heard = []
    product.store.live.subscribe("alarms", lambda _, alarm: heard.append((alarm.id, alarm.state, alarm.is_shelved(NOW))))
    alarm = raised(product)
    ask("operator", "POST", f"/alarms/{alarm.id}/ack")
    ask("operator", "POST", f"/alarms/{alarm.id}/shelve", {"minutes": 5})
    assert heard == [(alarm.id, "acknowledged", False), (alarm.id, "acknowledged", True)]


def test_a_shelved_alarm_is_in_no_other_list_until_its_time_is_up(product, ask, clock):
    alarm = raised(product)
    shelved = ask("operator", "POST", f"/alarms/{alarm.id}/shelve", {"minutes": 90, "reason": "Cooling is serviced"}).json
    assert (shelved["state"], shelved["shelved_until"], shelved["shelved_by"]) == ("shelved", "2026-01-24T13:40:00Z", "operator")
    states = lambda: {  # noqa: E731
        state: [a["id"] for a in ask("", "GET", f"/alarms?state={state}").json["alarms"]] for state in ("active", "acknowledged", "shelved")
    }
    assert states() == {"active": [], "acknowledged": [], "shelved": [alarm.id]}
    assert ask("", "GET", "/alarms").json["alarms"] == []
    clock.now += 90 * MINUTE - 1
    assert states()["shelved"] == [alarm.id]
    clock.now += 1
    assert states() == {"active": [alarm.id], "acknowledged": [], "shelved": []}
    assert [c["text"] for c in ask("", "GET", f"/alarms/{alarm.id}").json["comments"]] == ["Cooling is serviced"]


def test_a_shelf_may_be_named_by_its_end_and_be_left_early(product, ask):
    alarm = raised(product)
    shelved = ask("operator", "POST", f"/alarms/{alarm.id}/shelve", {"until": "2026-01-25T12:00:00Z"}).json
    assert (shelved["state"], shelved["shelved_until"]) == ("shelved", "2026-01-25T12:00:00Z")
    back = ask("operator", "POST", f"/alarms/{alarm.id}/shelve", {"minutes": 0}).json
    assert (back["state"], back["shelved_until"], back["shelved_by"]) == ("active", None, "")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"minutes": 7 * 24 * 60}, 200),
        ({"minutes": 7 * 24 * 60 + 1}, 422),
        ({"until": NOW + 7 * DAY + 1}, 422),
        ({"until": NOW}, 422),
        ({"until": "2026-01-24T12:00:00Z"}, 422),
        ({"minutes": -1}, 422),
        ({"minutes": "NaN"}, 422),
        ({"minutes": 5, "until": NOW + MINUTE}, 422),
        ({}, 422),
        ([], 422),
        ({"minutes": 5, "reason": "x" * 2001}, 422),
    ],
)
def test_a_shelf_ends_after_now_and_within_seven_days(product, ask, body, status):
    alarm = raised(product)
    assert ask("operator", "POST", f"/alarms/{alarm.id}/shelve", body).status == status


def test_what_is_over_cannot_be_acknowledged_or_shelved_but_written_about(product, ask):
    over = raised(product, cleared=NOW - 1)
    for what, body in (("ack", None), ("shelve", {"minutes": 5})):
        refused = ask("operator", "POST", f"/alarms/{over.id}/{what}", body)
        assert (refused.status, refused.json["error"]["code"]) == (409, "CONFLICT")
    said = ask("analyst", "POST", f"/alarms/{over.id}/comment", {"text": "  It was a loose cable  "})
    assert (said.status, said.json["text"], said.json["author"], said.json["alarm_id"]) == (201, "It was a loose cable", "analyst", over.id)


@pytest.mark.parametrize("number", ["999", "alert_999", "0", "nobody", "1.5", "-1", "9" * 30, "%C2%B2"])
def test_an_alarm_that_is_not_there_is_not_found(ask, number):
    for method, path, body in (("GET", "", None), ("POST", "/ack", None), ("POST", "/comment", {"text": "x"})):
        assert ask("operator", method, f"/alarms/{number}{path}", body).status == 404


def test_an_alarm_answers_to_the_id_of_its_alert_frame_too(product, ask):
    alarm = raised(product)
    assert ask("", "GET", f"/alarms/alert_{alarm.id}").json["alarm"]["id"] == alarm.id


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "x" * 2001, 5, None])
def test_a_comment_says_something(product, ask, text):
    alarm = raised(product)
    assert ask("operator", "POST", f"/alarms/{alarm.id}/comment", {"text": text}).status == 422


def test_roles_decide_who_may_do_what(product, ask):
    alarm = raised(product)
    for role, acks, comments in (("", 401, 201), ("viewer", 403, None), ("analyst", 403, 201), ("operator", 200, 201)):
        assert ask(role, "POST", f"/alarms/{alarm.id}/ack").status == acks
        if comments is not None:
            assert ask(role, "POST", f"/alarms/{alarm.id}/comment", {"text": "x"}).status == comments


def test_pages_show_every_alarm_once_whatever_is_raised_meanwhile(product, ask):
    kept = [raised(product, f"A{i}", NOW - MINUTE * (i // 3)) for i in range(10)]  # three at a time of one instant
    seen, cursor = [], ""
    while True:
        page = ask("", "GET", f"/alarms?limit=2{cursor}").json
        seen += [alarm["id"] for alarm in page["alarms"]]
        raised(product, f"B{len(seen)}", NOW)
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == sorted(alarm.id for alarm in kept)
    assert len(seen) == 10


@pytest.mark.parametrize("cursor", ["x", "1_x", "_", "1", "99999999999999999999_1"])
def test_a_cursor_we_never_gave_is_refused(ask, cursor):
    assert ask("", "GET", f"/alarms?cursor={cursor}").status == 422


def test_filters_hold_across_pages(product):
    for i in range(40):
        raised(product, f"A{i}", NOW - i, cleared=None)
        product.store.records.put_alarm(Alarm("pcs01", "pcs", f"P{i}", "warning", "x", NOW - i))
    wanted = alarm_actions.Wanted(device_id="pcs01")
    first, place = alarm_actions.listed(product.store.records, wanted, NOW, 30)
    rest, end = alarm_actions.listed(product.store.records, wanted, NOW, 30, place)
    assert [alarm.code for alarm in (*first, *rest)] == [f"P{i}" for i in range(40)]
    assert end is None


def test_an_alarm_that_clears_while_somebody_acknowledges_stays_cleared(product, ask):
    alarm = raised(product)
    records = product.store.records
    read = records.alarm

    def and_then_it_clears(number):
        found = read(number)
        records.alarm = read
        records.put_alarm(replace(alarm, cleared=NOW))
        return found

    records.alarm = and_then_it_clears
    assert ask("operator", "POST", f"/alarms/{alarm.id}/ack").status == 409
    assert records.alarm(alarm.id).cleared == NOW
