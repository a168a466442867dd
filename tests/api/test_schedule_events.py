"""Awards in by the native door: added, changed, removed, brought in as a table; by whom; and what is refused."""

import json

import pytest

from api import auth
from plant.model import User
from services.config import Config
from tests.api.conftest import flask_door, make

NOON = 1704081600000
"""2024-01-01T04:00:00Z [epoch ms], noon in Taipei."""
# the document's own event
AWARD = {
    "index": 1, "mode": "dreg", "time_number": 15, "time_start": "2024-01-01T14:00:00", "time_end": "2024-01-01T15:00:00",
    "time_date": "2024-01-01T00:00:00", "is_get": True, "interrupt": False, "quote_capacity": 5.0, "power": 4.5, "price": 850.0,
    "quote_price": 900.0, "quote_code": "QC001", "title": "D-Reg Dispatch", "description": "Frequency regulation",
}  # fmt: skip
OTHER = AWARD | {"mode": "edreg", "time_number": 20, "time_start": "2024-01-01 19:00:00", "time_end": "2024-01-01 20:00:00", "power": 2.0,
                 "price": 0.0, "quote_code": "", "title": "夜間"}  # fmt: skip


@pytest.fixture
def product(tmp_path):
    made = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=0, rate_limit_ingest=0), lambda: NOON)
    yield made
    made.store.close()


@pytest.fixture
def send(product):
    """Sends as an operator (or as `role`) and returns the answer."""

    def knock(method, path="", body=None, role="operator", media="application/json"):
        headers = {"Content_Type": media}
        if role:
            user = product.store.records.user(f"{role}01") or product.store.records.put_user(User(f"{role}01", "x", (role,)))
            headers["Authorization"] = f"Bearer {auth.guard_of(product.flask).issue(user)['access_token']}"
        sent = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        return flask_door(product)(method, f"/api/v1/schedule{path}", sent, **headers)

    return knock


def shown(send):
    return send("GET").json["events"]


@pytest.mark.parametrize("sent", [AWARD, OTHER], ids=["the document's", "another"])
def test_an_award_comes_back_as_it_was_sent(send, sent):
    reply = send("POST", "/events", sent)
    assert (reply.status, reply.json["status"], reply.json["total_count"]) == (201, "success", 1)
    (event,) = shown(send)
    expected = sent | {"time_start": sent["time_start"].replace(" ", "T"), "time_end": sent["time_end"].replace(" ", "T")}
    assert {name: event[name] for name in sent} == expected
    assert event == reply.json["events"][0]


def test_several_awards_come_in_together(send):
    reply = send("POST", "/events", [AWARD, OTHER])
    assert (reply.status, [event["index"] for event in reply.json["events"]]) == (201, [1, 2])
    assert [event["title"] for event in shown(send)] == ["D-Reg Dispatch", "夜間"]


@pytest.mark.parametrize(
    ("times", "start", "end", "number"),
    [
        ({"time_start": "2024-01-01T14:00:00"}, "14:00:00", "15:00:00", 15),
        ({"time_date": "2024-01-01", "time_number": 1}, "00:00:00", "01:00:00", 1),
        ({"time_date": "2024-01-01T00:00:00", "time_number": 24}, "23:00:00", "00:00:00", 24),
        ({"time_start": "2024-01-01T06:00:00Z"}, "14:00:00", "15:00:00", 15),
        ({"time_start": 1704088800}, "14:00:00", "15:00:00", 15),
        ({"time_start": "2024-01-01 14:00", "time_end": "2024-01-01 14:18"}, "14:00:00", "14:18:00", 15),
    ],
)
def test_the_hour_may_be_said_in_every_way(send, times, start, end, number):
    (event,) = send("POST", "/events", {"mode": "dreg", "power": 1} | times).json["events"]
    assert (event["time_start"][11:], event["time_end"][11:], event["time_number"]) == (start, end, number)
    assert (event["quote_capacity"], event["quote_price"], event["is_get"], event["interrupt"]) == (1.0, 0.0, True, False)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"power": -1}, "power"),
        ({"price": -0.01}, "price"),
        ({"quote_capacity": -5}, "quote_capacity"),
        ({"power": "NaN"}, "power"),
        ({"power": "many"}, "power"),
        ({"power": True}, "power"),
        ({"power": "4.5"}, "power"),
        ({"time_end": "2024-01-01T14:00:00"}, "time_end"),
        ({"time_end": "2024-01-01T13:00:00"}, "time_end"),
        ({"time_end": "2024-01-03T13:00:00"}, "time_end"),
        ({"time_number": 14}, "time_number"),
        ({"time_number": 0}, "time_number"),
        ({"time_number": 25}, "time_number"),
        ({"time_date": "2024-01-02T00:00:00"}, "time_date"),
        ({"time_start": "soon"}, "time_start"),
        ({"time_start": "1969-01-01T14:00:00", "time_date": None}, "time_start"),
        ({"time_start": "9999-12-31T23:00:00", "time_date": None, "time_end": None}, "time_start"),
        ({"time_start": True}, "time_start"),
        ({"time_start": None, "time_date": None}, "time_start"),
        ({"mode": "nothing"}, "mode"),
        ({"mode": 5}, "mode"),
        ({"quote_code": "x" * 129}, "quote_code"),
        ({"title": "a\0b"}, "title"),
        ({"pwoer": 5}, "pwoer"),
        ({"is_get": "perhaps"}, "is_get"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field_and_nothing_is_kept(send, change, field):
    reply = send("POST", "/events", [OTHER, AWARD | change])
    assert reply.status == 422, reply.body
    assert [e["field"] for e in reply.json["error"]["details"]["field_errors"]] == [f"1.{field}"]
    assert shown(send) == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_are_none_are_refused(send, number):
    body = json.dumps(AWARD).replace('"power": 4.5', f'"power": {number}')
    assert send("POST", "/events", body).status == 422
    assert shown(send) == []


@pytest.mark.parametrize("body", ["[]", "{}", "null", "5", "[5]", "[[]]", "", "{", '"x"'])
def test_bodies_that_are_no_award_are_refused(send, body):
    assert send("POST", "/events", body).status == 422


def test_awards_may_not_overlap(send):
    assert send("POST", "/events", AWARD).status == 201
    later = {"mode": "edreg", "time_start": "2024-01-01T14:30:00", "power": 1}
    reply = send("POST", "/events", [OTHER, later])
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", 1, "time_start"])
    assert "award 1" in reply.json["detail"][0]["msg"]
    assert len(shown(send)) == 1
    twins = [{"mode": "dreg", "time_start": "2024-01-01T20:00:00"}, {"mode": "dreg", "time_start": "2024-01-01T20:59:59"}]
    assert send("POST", "/events", twins).status == 422
    assert send("POST", "/events", {"mode": "edreg", "time_start": "2024-01-01T15:00:00"}).status == 201  # right after it


def test_an_offer_that_was_not_won_may_stand_beside_an_award(send):
    assert send("POST", "/events", AWARD).status == 201
    assert send("POST", "/events", AWARD | {"is_get": False, "quote_code": "QC002"}).status == 201
    assert send("POST", "/events", AWARD | {"is_get": False}).status == 422  # the same offer twice


def test_an_award_is_changed(send):
    send("POST", "/events", [AWARD, OTHER])
    reply = send("PUT", "/events/1", AWARD | {"power": 3.0, "interrupt": True, "title": "停"})
    assert (reply.status, reply.json["event"]["power"], reply.json["event"]["index"]) == (200, 3.0, 1)
    assert [(e["power"], e["interrupt"], e["title"]) for e in shown(send)] == [(3.0, True, "停"), (2.0, False, "夜間")]
    reply = send("PUT", "/events/1", AWARD | {"time_start": "2024-01-01T19:00:00", "time_end": None, "time_number": None})
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", "time_start"])
    assert send("PUT", "/events/1", AWARD | {"power": -3}).json["detail"][0]["loc"] == ["body", "power"]


def test_an_award_is_removed(send):
    send("POST", "/events", [AWARD, OTHER])
    assert send("DELETE", "/events/1").json["event"]["title"] == "D-Reg Dispatch"
    assert [e["index"] for e in shown(send)] == [2]
    assert send("DELETE", "/events/1").status == 404
    assert send("PUT", "/events/1", AWARD).status == 404


@pytest.mark.parametrize(("index", "status"), [("0", 422), ("-1", 422), ("x", 422), ("99999999999999999999", 422), ("77", 404)])
def test_an_award_that_is_none(send, index, status):
    assert send("DELETE", f"/events/{index}").status == status
    assert send("PUT", f"/events/{index}", AWARD).status == status


@pytest.mark.parametrize("role", ["", "viewer", "analyst", "device", "kiosk"])
def test_only_operators_change_the_schedule(send, role):
    for method, path in (("POST", "/events"), ("POST", "/events/import"), ("PUT", "/events/1"), ("DELETE", "/events/1")):
        assert send(method, path, AWARD, role=role).status == (403 if role else 401)
    assert shown(send) == []


def test_every_change_is_in_the_audit_log(send, product):
    send("POST", "/events", AWARD), send("PUT", "/events/1", AWARD | {"power": 3.0}), send("DELETE", "/events/1", role="admin")
    log = [(who, action) for _, who, action, _ in product.store.records.audit_log()][:3]
    assert log == [("admin01", "award removed"), ("operator01", "award changed"), ("operator01", "awards added")]
    assert "3 MW at 850" in product.store.records.audit_log()[1][3]


TABLE = """\ufeffmode,Time_Start,time_end,is_get,power,price,quote_code,title
dreg,2024-01-01 14:00:00,2024-01-01 15:00:00,true,4.5,850,QC001,"D-Reg, dispatch"
edreg,2024-01-01T15:00:00,,0,,,,
"""


def test_a_table_of_awards_comes_in(send):
    reply = send("POST", "/events/import", TABLE, media="text/csv; charset=utf-8")
    assert (reply.status, reply.json["total_count"]) == (201, 2)
    first, second = shown(send)
    assert (first["time_number"], first["power"], first["price"], first["title"]) == (15, 4.5, 850.0, "D-Reg, dispatch")
    assert (second["time_number"], second["mode"], second["is_get"], second["power"]) == (16, "edreg", False, 0.0)


@pytest.mark.parametrize(
    ("text", "status", "loc"),
    [
        (TABLE + "dreg,2024-01-01 17:00,,true,-1,,,\n", 422, ["body", 4, "power"]),
        (TABLE + "dreg,2024-01-01 17:00\n", 422, ["body", 4]),
        (TABLE + "dreg,2024-01-01 17:00,,true,1,,,,,\n", 422, ["body", 4]),
        (TABLE + "dreg,2024-01-01 14:30,,true,1,,,\n", 422, ["body", 2, "time_start"]),
        ("mode,wat\ndreg,1\n", 422, ["body", 1]),
        ("mode,mode\ndreg,dreg\n", 422, ["body", 1]),
        ("time_start\n2024-01-01\n", 422, ["body", 1]),
        ("mode,time_start\n", 422, ["body"]),
        ("", 422, ["body", 1]),
        (b"mode,title\ndreg,\xff\xfe\n", 400, None),
        ('mode,title\ndreg,"open\n', 400, None),
    ],
)
def test_a_bad_table_is_refused_whole(send, text, status, loc):
    reply = send("POST", "/events/import", text, media="text/csv")
    assert reply.status == status, reply.body
    assert loc is None or reply.json["detail"][0]["loc"] == loc
    assert shown(send) == []


def test_a_table_must_say_that_it_is_one(send):
    assert send("POST", "/events/import", TABLE).status == 415
    assert send("POST", "/events", TABLE, media="text/csv").status == 415
