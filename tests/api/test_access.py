"""Users, keys, kiosk links and the audit log over HTTP, as an administrator, a device and a stranger meet them."""

import asyncio
import base64
import io
import json
import logging
from dataclasses import replace

import pytest

import app as composition
from api import auth
from plant.model import DAY, User
from services.accounts import hash_password
from services.config import Config
from services.keys import TRUST_S
from tests.api.conftest import make
from tests.api.test_access_matrix import connect, scope
from tests.dashboard.test_door import places, put

PASSWORD, OTHER = "correct horse battery", "battery staple horse"
HASH = hash_password(PASSWORD)  # once: it is slow on purpose
PAGE = {"Accept": "text/html"}


@pytest.fixture(params=["protected"])
def product(request, tmp_path):
    made = make(Config(database_url="memory://", data_dir=tmp_path, auth_mode=request.param, rate_limit=0, rate_limit_ingest=0,
                       auto_register=True))  # fmt: skip
    for name, role in {"root": "admin", "op": "operator", "vic": "viewer"}.items():
        made.store.records.put_user(User(name, HASH, (role,), f"{name}@example.com", confirmed_at=1_769_256_600_000))
    yield made
    made.store.close()


@pytest.fixture
def client(product):
    return product.flask.test_client(use_cookies=False)


def bearer(product, name="root"):
    tokens = auth.guard_of(product.flask).issue(product.store.records.user(name))
    return {"Authorization": f"Bearer {tokens['access_token']}"}


@pytest.fixture
def root(product):
    return bearer(product)


def issue(client, root, **asked):
    answer = client.post("/api/v1/keys", json={"name": "gateway", "scopes": ["ingest"]} | asked, headers=root)
    assert answer.status_code == 201, answer.text
    return answer.json


def reading(device="bess01"):
    return [{"device_id": device, "timestamp": "2026-01-24T12:10:00Z", "values": {"soc": 50.0}, "kind": "bess"}]


# --- keys ------------------------------------------------------------------------------------------------------------------------------


def schemes(key):
    basic = [base64.b64encode(text.encode()).decode() for text in (f"telegraf:{key}", f"{key}:", key)]
    return [
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"Token {key}"},
        {"authorization": f"token  {key} "},
        {"X-API-Key": key},
        *({"Authorization": f"Basic {text}"} for text in basic),
    ]


def test_a_key_comes_in_every_way_devices_send_it(client, root):
    key = issue(client, root)["key"]
    for headers in schemes(key):
        answer = client.post("/api/v1/readings", json=reading(), headers=headers)
        assert answer.status_code == 200, (headers, answer.text)
        assert client.get("/api/v1/alarms", headers=headers).status_code == 403
    for headers in schemes(key[:-1] + "!"):
        assert client.post("/api/v1/readings", json=reading(), headers=headers).status_code in (401, 429)


def ask(product, path, headers, body=b""):
    """What the ASGI front answers: (status, body)."""

    async def call():
        said, parts = {}, []
        sent = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive():
            return next(sent, {"type": "http.disconnect"})

        async def send(message):
            said.update({"status": message["status"]} if "status" in message else {})
            parts.append(message.get("body", b""))

        given = {"content-type": "application/json", "content-length": str(len(body))} | headers
        await product.asgi(scope("http", path, given, method="POST", scheme="http"), receive, send)
        return said["status"], b"".join(parts)

    return asyncio.run(call())


def test_the_native_door_takes_the_same_keys_and_looks_at_every_row(product, client, root):
    key = issue(client, root, devices=["bess01"])["key"]
    for headers in schemes(key):
        given = {name.lower(): value for name, value in headers.items()}
        assert ask(product, "/api/v1/readings", given, json.dumps(reading("bess01-rack01")).encode())[0] == 200
        assert ask(product, "/api/v1/readings", given, json.dumps(reading() + reading("bess02")).encode())[0] == 403


def test_a_key_for_some_devices_sends_the_messages_of_these_batteries_only(client, root):
    key = {"X-API-Key": issue(client, root, devices=["pack-7"])["key"]}
    message = {"timestamp": 1_769_256_600.0, "pack_voltage": 355.2, "pack_current": 50.0, "cell_temp": 25.5}
    for source, status in (("pack-7", 200), ("pack-8", 403)):
        assert client.post("/api/battery-data", json=message | {"source": source}, headers=key).status_code == status


def test_a_key_is_told_once(product, client, root):
    made = issue(client, root, devices=["bess01"])
    listed = client.get("/api/v1/keys", headers=root).json["keys"]
    assert [key["name"] for key in listed] == ["gateway"] and "key" not in listed[0]
    assert made["key"][16:] not in client.get("/api/v1/keys", headers=root).text
    assert {name: made[name] for name in ("owner", "scopes", "devices", "site_id", "state")} == {
        "owner": "root", "scopes": ["ingest"], "devices": ["bess01"], "site_id": "site", "state": "active",
    }  # fmt: skip


def test_a_revoked_key_is_refused(product, client, root, monkeypatch):
    made = issue(client, root)
    assert client.delete(f"/api/v1/keys/{made['id']}", headers=root).json["state"] == "revoked"
    guard = auth.guard_of(product.flask)
    monkeypatch.setattr(guard.keys, "_monotonic", lambda: guard.keys._read_at + TRUST_S)
    assert client.post("/api/v1/readings", json=reading(), headers={"X-API-Key": made["key"]}).status_code == 401
    assert client.delete("/api/v1/keys/nothing", headers=root).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "a", "scopes": "ingest"}, {"name": "a", "scope": ["ingest"]}, {"name": "a\r\nSet-Cookie: x", "scopes": ["ingest"]},
     {"name": "a", "scopes": ["ingest"], "device": ["bess01"]}, {"name": "a", "scopes": ["ingest"], "expires": "yesterday"},
     {"name": "a", "scopes": ["ingest"], "expires": "2001-01-01"}, {"name": "a", "role": "root"}, [], 7],
)  # fmt: skip
def test_a_key_that_makes_no_sense_is_422(client, root, body):
    assert client.post("/api/v1/keys", json=body, headers=root).status_code == 422


def test_guessing_keys_is_slowed_down_and_shuts_nobody_else_out(client, root):
    key = issue(client, root)["key"]
    statuses = [
        client.post("/api/v1/readings", json=reading(), headers={"X-API-Key": f"vd_{i:012x}_{'A' * 43}"}).status_code for i in range(8)
    ]
    assert statuses == [401] * 5 + [429] * 3
    assert client.post("/api/v1/readings", json=reading(), headers={"X-API-Key": key}).status_code == 200
    assert client.post("/api/v1/auth/login/json", json={"username": "op", "password": PASSWORD}).status_code == 200


# --- users -----------------------------------------------------------------------------------------------------------------------------


def test_the_life_of_a_user(client, root):
    made = client.post(
        "/api/v1/users",
        json={"username": "ann", "password": OTHER, "roles": ["viewer", "operator"], "email": "ann@example.com"},
        headers=root,
    )
    assert made.status_code == 201 and made.json["roles"] == ["viewer", "operator"] and "password" not in made.text
    assert client.get("/api/v1/users/ann", headers=root).json == made.json
    assert [user["username"] for user in client.get("/api/v1/users", headers=root).json["users"]] == ["ann", "op", "root", "vic"]
    token = client.post("/api/v1/auth/login/json", json={"username": "ann", "password": OTHER}).json["access_token"]
    me = {"Authorization": f"Bearer {token}"}
    changed = client.put("/api/v1/users/ann", json={"roles": ["viewer"], "email": "a@b.example"}, headers=root).json
    assert (changed["roles"], changed["email"]) == (["viewer"], "a@b.example")
    assert client.get("/api/v1/auth/me", headers=me).status_code == 200
    assert client.delete("/api/v1/users/ann", headers=root).json["active"] is False
    assert client.get("/api/v1/auth/me", headers=me).status_code == 403
    assert client.put("/api/v1/users/ann", json={"active": True, "password": PASSWORD}, headers=root).json["active"] is True
    assert client.get("/api/v1/auth/me", headers=me).status_code == 401  # the password is another
    actions = [(row["who"], row["action"]) for row in client.get("/api/v1/audit", headers=root).json["entries"]]
    assert actions == [
        ("root", "user changed"),
        ("root", "user changed"),
        ("root", "user changed"),
        ("ann", "login"),
        ("root", "user added"),
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", {"username": "op", "password": OTHER}, 409),
        ("POST", "", {"username": "a b", "password": OTHER}, 422),
        ("POST", "", {"username": "a\r\nb", "password": OTHER}, 422),
        ("POST", "", {"username": "ann", "password": "short"}, 422),
        ("POST", "", {"username": "ann", "password": OTHER, "roles": []}, 422),
        ("POST", "", {"username": "ann", "password": OTHER, "roles": ["god"]}, 422),
        ("POST", "", {"username": "ann", "password": OTHER, "email": "a\r\n@b"}, 422),
        ("POST", "", {"username": "ann", "password": OTHER, "admin": True}, 422),
        ("PUT", "/nobody", {"active": False}, 404),
        ("PUT", "/op", {"roles": ["god"]}, 422),
        ("PUT", "/op", {"username": "other"}, 422),
        ("PUT", "/root", {"active": False}, 409),
        ("PUT", "/root", {"roles": ["operator"]}, 409),
        ("DELETE", "/root", None, 409),
        ("DELETE", "/nobody", None, 404),
        ("GET", "/nobody", None, 404),
    ],
)
def test_what_cannot_be_done_to_users(client, root, method, path, body, status):
    answer = client.open(f"/api/v1/users{path}", method=method, json=body, headers=root)
    assert answer.status_code == status and "short" not in answer.json["error"]["message"]


def test_the_last_admin_may_go_once_there_is_another(client, root):
    client.put("/api/v1/users/op", json={"roles": ["admin"]}, headers=root)
    assert client.delete("/api/v1/users/root", headers=root).status_code == 200


def test_ones_own_password_needs_the_old_one_and_ends_other_sessions(product, client):
    browser, elsewhere = product.flask.test_client(), bearer(product, "op")
    browser.post("/api/v1/auth/login/json", json={"username": "op", "password": PASSWORD, "session": True})

    def csrf():
        return {"X-CSRF-TOKEN": browser.get_cookie("csrf_access_token").value}

    body = {"old_password": PASSWORD, "new_password": OTHER}
    assert browser.put("/api/v1/auth/password", json=body).status_code == 401  # a foreign page knows no CSRF token
    assert browser.put("/api/v1/auth/password", json=body | {"old_password": "wrong"}, headers=csrf()).status_code == 403
    assert browser.put("/api/v1/auth/password", json=body | {"new_password": "short"}, headers=csrf()).status_code == 422
    assert browser.put("/api/v1/auth/password", json=body, headers=csrf()).status_code == 200
    assert browser.get("/api/v1/auth/me").json["username"] == "op"
    assert client.get("/api/v1/auth/me", headers=elsewhere).status_code == 401
    assert client.post("/api/v1/auth/login/json", json={"username": "op", "password": OTHER}).status_code == 200


def test_guessing_the_old_password_is_slowed_down_like_the_login(product, client):
    body = {"old_password": "wrong", "new_password": OTHER}
    mine = bearer(product, "op")
    assert [client.put("/api/v1/auth/password", json=body, headers=mine).status_code for _ in range(6)] == [403] * 5 + [429]
    assert client.post("/api/v1/auth/login/json", json={"username": "op", "password": PASSWORD}).status_code == 429


def test_the_audit_log_is_read_page_by_page_without_gap_or_repetition(product, client, root):
    records = product.store.records
    for i in range(25):
        records.audit(1_769_256_600_000 + i // 10, "x", "test", str(i))  # ten of them in one instant
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/api/v1/audit?limit=4{f'&cursor={cursor}' if cursor else ''}", headers=root).json
        seen += [row["what"] for row in page["entries"] if row["action"] == "test"]
        records.audit(1_769_256_700_000, "x", "later", "written meanwhile")
        cursor = page["next"]
    assert seen == [str(i) for i in reversed(range(25))]
    assert client.get("/api/v1/audit?cursor=x", headers=root).status_code == 422


# --- kiosk links -----------------------------------------------------------------------------------------------------------------------


def link_of(client, root, **asked):
    answer = client.post("/api/v1/kiosk-links", json={"name": "Wall", "pages": ["/", "/bess"]} | asked, headers=root)
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_link_opens_its_first_page_and_is_told_once(client, root):
    made = link_of(client, root, pages=["/bess", "/"])
    answer = client.get(made["path"], headers=PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/bess?kiosk=1&link={made['token']}")
    page = client.get(answer.headers["Location"], headers=PAGE)
    assert page.status_code == 200 and "Set-Cookie" not in page.headers
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    assert made["token"] not in client.get("/api/v1/kiosk-links", headers=root).text


@pytest.mark.parametrize("body", [{}, {"name": "a"}, {"name": "a", "pages": ["/settings"]}, {"name": "a", "pages": ["//evil.example"]},
                                  {"name": "a", "pages": ["/"], "page": "/bess"}, {"name": "a\r\nb", "pages": ["/"]}])  # fmt: skip
def test_a_link_that_makes_no_sense_is_422(client, root, body):
    assert client.post("/api/v1/kiosk-links", json=body, headers=root).status_code == 422


SHOW = ("nav.children", "header.children", "notes.children", "page-head.children", "content.children", "scope.data", "shown.data")


def show(client, path, headers):
    outputs = [dict(zip(("id", "property"), one.split("."), strict=True)) for one in SHOW]
    given = {("url", "pathname"): path, ("url", "search"): "", ("again", "data"): None}
    return client.post(
        "/_dash-update-component",
        json={
            "output": ".." + "...".join(SHOW) + "..",
            "outputs": outputs,
            "inputs": [{"id": id, "property": name, "value": value} for (id, name), value in given.items()],
            "state": [{"id": "shown", "property": "data", "value": None}],
            "changedPropIds": ["url.pathname"],
        },
        headers=headers,
    )


def draw(client, panel, headers):
    key = {"id": panel, "type": "panel"}
    return client.post(
        "/_dash-update-component",
        json={
            "output": '{"id":["MATCH"],"type":"panel"}.children',
            "outputs": {"id": key, "property": "children"},
            "inputs": [
                {"id": {"id": panel, "type": "scope"}, "property": "data", "value": {"query": "", "path": "/"}},
                {"id": {"id": panel, "type": "redraw"}, "property": "data", "value": None},
            ],
            "state": [{"id": key, "property": "id", "value": key}],
            "changedPropIds": ["scope.data"],
        },
        headers=headers,
    )


def test_a_link_answers_dash_for_its_pages_and_panels_only(product, client, root):
    screen = {"X-Kiosk-Link": link_of(client, root, pages=["/bess"])["token"]}
    composition_devices(product)
    assert client.get("/_dash-layout", headers=screen).status_code == 200
    assert client.get("/_dash-dependencies", headers=screen).status_code == 200
    shown = show(client, "/bess", screen).json["response"]
    assert "bess-racks" in json.dumps(shown["content"]) and "shell-alarms" not in json.dumps(shown["header"])
    assert "/inverter" not in json.dumps(shown["nav"]) and "/settings" not in json.dumps(shown["nav"])
    for path in ("/", "/inverter", "/settings", "/devices"):
        assert "does not show that page" in json.dumps(show(client, path, screen).json["response"]["content"])
    assert draw(client, "bess-racks", screen).status_code == 200
    for panel in ("shell-alarms", "overview-tiles", "devices-fleet", "settings"):
        assert draw(client, panel, screen).status_code == 204
    assert client.get("/panels/bess-racks.csv", headers=screen).status_code == 403
    assert client.get("/api/v1/devices/bess01/latest", headers=screen).status_code == 403
    beat = client.post(
        "/api/v1/screens/heartbeat", json={"screen": "wall-1", "page": "/bess", "width": 1920, "height": 1080}, headers=screen
    )
    assert beat.status_code == 200 and beat.json["who"] == "kiosk:Wall"
    assert [one["screen"] for one in client.get("/api/v1/screens", headers=root).json["screens"]] == ["wall-1"]


def composition_devices(product):
    rows = [{"device_id": "bess01", "kind": "bess", "timestamp": composition.now_ms(), "values": {"soc": 50.0}}]
    key = bearer(product)
    assert product.flask.test_client().post("/api/v1/readings", json=rows, headers=key).status_code == 200


def test_a_link_that_has_ended_shows_its_own_message_and_no_login(product, client, root, monkeypatch):
    made = link_of(client, root)
    client.delete(f"/api/v1/kiosk-links/{made['id']}", headers=root)
    guard = auth.guard_of(product.flask)
    monkeypatch.setattr(guard.kiosk, "_read_at", -TRUST_S)
    for path in (f"/?kiosk=1&link={made['token']}", "/bess?kiosk=1&link=nonsense"):
        answer = client.get(path, headers=PAGE)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/kiosk?ended=1")
    answer = client.get("/bess?kiosk=1", headers=PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/kiosk?next=%2Fbess%3Fkiosk%3D1")
    assert client.get("/kiosk/nonsense", headers=PAGE).headers["Location"] == "/kiosk?ended=1"
    page = client.get("/kiosk?ended=1", headers=PAGE)
    assert "This link has ended" in page.text and "/login" not in page.text
    refused = client.get("/_dash-layout", headers={"X-Kiosk-Link": made["token"]})
    assert (refused.status_code, refused.json["error"]["code"]) == (401, "LINK_ENDED")


def test_under_https_the_link_is_a_cookie_apart_for_each_site_that_frames_it(product, client, root):
    made = link_of(client, root)
    answer = client.get(f"/?kiosk=1&link={made['token']}", headers=PAGE, base_url="https://plant.example")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith(f"kiosk_link={made['token']}")
    assert all(mark in cookie for mark in ("SameSite=None", "Secure", "Partitioned", "HttpOnly"))
    headers = {"Cookie": f"kiosk_link={made['token']}"}
    assert client.get("/_dash-layout", headers=headers).status_code == 200
    assert client.get("/api/v1/alarms", headers=headers).status_code == 403
    assert client.get("/api/v1/alarms", headers=headers | bearer(product, "vic")).status_code == 200  # a person is more than the wall


def test_a_link_cookie_that_has_ended_counts_as_none(client):
    assert client.get("/bess", headers=PAGE | {"Cookie": "kiosk_link=old"}).headers["Location"].startswith("/login")


def converse(product, headers, messages):
    """What a WebSocket client hears: accepted subprotocol and the JSON messages."""

    async def call():
        waiting = asyncio.Queue()
        for message in [{"type": "websocket.connect"}, *({"type": "websocket.receive", "text": json.dumps(one)} for one in messages)]:
            waiting.put_nowait(message)
        heard, enough = [], asyncio.Event()

        async def send(message):
            heard.append(message)
            if len(heard) > len(messages):
                waiting.put_nowait({"type": "websocket.disconnect", "code": 1000})
                enough.set()

        product.asgi.hub.open(asyncio.get_running_loop())
        given = {"host": "plant.local"} | headers
        await asyncio.wait_for(product.asgi(scope("websocket", "/ws/wall", given, scheme="ws", subprotocols=[]), waiting.get, send), 20)
        return heard

    heard = asyncio.run(call())
    return heard[0].get("subprotocol"), [json.loads(message["text"]) for message in heard[1:] if "text" in message]


def test_a_link_hears_the_frames_of_its_panels_only(product, client, root):
    token = link_of(client, root, pages=["/bess"])["token"]
    topics = ["panel:bess-racks?", "panel:shell?", "panel:overview-tiles?", "panel:shell-alarms?", "telemetry", "alerts"]
    protocol, heard = converse(
        product, {"sec-websocket-protocol": f"voltdeck, kiosk.{token}"}, [{"type": "subscribe", "topic": topic} for topic in topics]
    )
    assert protocol == "voltdeck"
    assert [message["type"] for message in heard] == ["ack", "ack", "error", "error", "error", "error"]
    assert connect(product, {"sec-websocket-protocol": "voltdeck, kiosk.nonsense"}) == "websocket.close"


def test_a_key_for_some_devices_hears_only_these(product, client, root):
    key = issue(client, root, scopes=["read", "panels"], devices=["bess01"])["key"]
    wishes = [
        {"type": "subscribe", "topic": "telemetry", "filters": {"device_ids": ["bess01"]}},
        {"type": "subscribe", "topic": "telemetry", "filters": {"device_ids": ["bess01", "bess02"]}},
        {"type": "subscribe", "topic": "telemetry"},
        {"type": "subscribe", "topic": "alerts"},
        {"type": "subscribe", "topic": "panel:overview-tiles?"},
    ]
    _, heard = converse(product, {"x-api-key": key}, wishes)
    assert [message["type"] for message in heard] == ["ack", "error", "error", "error", "error"]


def test_a_socket_closes_when_its_link_is_revoked(product, client, root, monkeypatch):
    monkeypatch.setattr("api.passes.RECHECK_S", 0.05)
    made = link_of(client, root)

    async def call():
        told = [{"type": "websocket.connect"}]
        opened, closed = asyncio.Event(), asyncio.Event()

        async def receive():
            if told:
                return told.pop()
            return await asyncio.get_running_loop().create_future()

        async def send(message):
            (opened if message["type"] == "websocket.accept" else closed).set()

        product.asgi.hub.open(asyncio.get_running_loop())
        headers = {"host": "plant.local", "sec-websocket-protocol": f"voltdeck, kiosk.{made['token']}"}
        running = asyncio.create_task(product.asgi(scope("websocket", "/ws/wall", headers, scheme="ws", subprotocols=[]), receive, send))
        await asyncio.wait_for(opened.wait(), 10)
        assert not running.done()
        auth.guard_of(product.flask).kiosk.revoke(made["id"], "root")
        await asyncio.wait_for(running, 10)
        assert closed.is_set()

    asyncio.run(call())


# --- attacks ---------------------------------------------------------------------------------------------------------------------------


def test_a_token_of_another_site_is_refused_even_under_the_same_secret(product, tmp_path):
    other = make(replace(product.config, site_id="south", data_dir=tmp_path / "south"))
    other.store.records.put_user(product.store.records.user("root"))
    assert other.flask.test_client().get("/api/v1/auth/me", headers=bearer(product)).status_code == 401
    assert other.flask.test_client().get("/api/v1/auth/me", headers=bearer(other)).status_code == 200
    other.store.close()


def test_a_login_gives_new_tokens_whatever_the_browser_brought(product):
    browser = product.flask.test_client()
    brought = auth.guard_of(product.flask).issue(product.store.records.user("vic"))["access_token"]
    browser.set_cookie("access_token_cookie", brought)
    browser.post("/api/v1/auth/login/json", json={"username": "op", "password": PASSWORD, "session": True})
    assert browser.get_cookie("access_token_cookie").value != brought
    assert browser.get("/api/v1/auth/me").json["username"] == "op"


def test_an_unknown_user_is_answered_like_a_wrong_password(client):
    answers = [client.post("/api/v1/auth/login/json", json={"username": name, "password": "wrong password"}) for name in ("op", "nobody")]
    assert answers[0].status_code == answers[1].status_code == 401
    first, second = ({k: v for k, v in answer.json["error"].items() if k not in ("timestamp", "trace_id")} for answer in answers)
    assert first == second


@pytest.mark.parametrize("target", ["//evil.example/x", "/\\evil.example", "https://evil.example"])
def test_being_sent_to_the_login_never_leads_elsewhere(client, target):
    answer = client.get("/bess?next=" + target, headers=PAGE)
    assert answer.status_code == 303 and answer.headers["Location"].startswith("/login?next=%2Fbess")


SETTINGS = ("settings-said.children", "settings-done.data")


def press(browser, what, id="", fields=None, headers=None):
    """A click on a button of the settings page."""
    return browser.post("/_dash-update-component", json=press_body(what, id, fields), headers=headers)


def press_body(what, id="", fields=None):
    button = {"about": id, "type": "settings-do", "what": what}
    inputs = [{"field": f"{name}@{what}", "type": "settings-in"} for name in fields or {}]
    fields = fields or {}
    return {
        "output": "..settings-said.children...settings-done.data..",
        "outputs": [dict(zip(("id", "property"), one.split("."), strict=True)) for one in SETTINGS],
        "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
        "state": [
            [{"id": one, "property": "value", "value": value} for one, value in zip(inputs, fields.values(), strict=True)],
            [{"id": one, "property": "id", "value": one} for one in inputs],
            {"id": "scope", "property": "data", "value": {"query": "", "path": "/settings"}},
        ],
        "changedPropIds": [json.dumps(button, separators=(",", ":"), sort_keys=True) + ".n_clicks"],
    }


ADD = {"username": "eve", "password": OTHER, "role": "admin", "email": ""}


def log_in(product, name):
    browser = product.flask.test_client()
    browser.post("/api/v1/auth/login/json", json={"username": name, "password": PASSWORD, "session": True})
    return browser, {"X-CSRF-TOKEN": browser.get_cookie("csrf_access_token").value}


@pytest.mark.parametrize("product", ["protected", "open"], indirect=True)
def test_a_button_of_the_settings_page_works_for_an_admin_with_the_csrf_token_only(product):
    root, csrf = log_in(product, "root")
    assert press(root, "user-add", fields=ADD).status_code in (200, 401)  # a foreign page rides on the cookie
    assert product.store.records.user("eve") is None
    for name in ("op", "vic"):
        other, token = log_in(product, name)
        assert "role does not allow" in press(other, "user-add", fields=ADD, headers=token).text
    assert product.store.records.user("eve") is None
    assert "eve was added" in press(root, "user-add", fields=ADD, headers=csrf).text
    assert product.store.records.user("eve").roles == ("admin",)


def test_every_button_of_the_settings_page_does_what_it_says(product):
    root, csrf = log_in(product, "root")
    records = product.store.records
    assert "was changed" in press(root, "user-change", "", {"username": "vic", "role": "analyst", "password": ""}, csrf).text
    assert records.user("vic").roles == ("analyst",)
    assert "was changed" in press(root, "user-off", "vic", headers=csrf).text and not records.user("vic").active
    assert "was changed" in press(root, "user-on", "vic", headers=csrf).text and records.user("vic").active
    assert "last active admin" in press(root, "user-off", "root", headers=csrf).text
    said = press(root, "key-add", "", {"name": "gw", "kind": "device", "devices": "bess01, rack*", "days": "30"}, csrf).text
    (key,) = records.entries("api_keys")
    assert f"vd_{key.id}_" in said and key.body["scopes"] == ["ingest", "respond"] and key.body["devices"] == ["bess01", "rack*"]
    assert key.body["expires"] - key.body["created"] == 30 * DAY
    assert "was revoked" in press(root, "key-off", key.id, headers=csrf).text and records.entry("api_keys", key.id).state == "revoked"
    said = press(root, "link-add", "", {"name": "Wall", "pages": ["/bess"], "days": "1"}, csrf).json
    (link,) = records.entries("kiosk_links")
    assert "/kiosk/ey" in json.dumps(said) and link.body["pages"] == ["/bess"]
    assert "was revoked" in press(root, "link-off", link.id, headers=csrf).text
    assert "no such action" in press(root, "user-everything", headers=csrf).text


STRANGE = [None, 7, -1.5, True, "", "x", [], [[]], {}, {"id": []}, {"field": []}, "\x00", "9" * 5000]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["user-add", "user-change", "key-add", "link-add", "user-off"])
def test_any_value_in_any_place_of_a_settings_form_is_never_a_fault_of_the_server(product, what):
    browser, csrf = log_in(product, "op")  # refused at last, but read first; and an admin's are read to the end
    root, token = log_in(product, "root")
    names = ("username", "password", "role", "email", "name", "kind", "devices", "days", "pages")
    for strange in STRANGE:
        for name in names:
            fields = dict.fromkeys(names, "a") | {name: strange}
            for who, headers in ((browser, csrf), (root, token)):
                assert press(who, what, "vic", fields, headers).status_code < 500, (name, strange)
    body = press_body(what, "vic", dict.fromkeys(names, "a"))
    for path in places(body):
        for strange in STRANGE:
            answer = root.post("/_dash-update-component", json=put(body, path, strange), headers=token)
            assert answer.status_code < 500, (path, strange)


def settings_body(browser, headers):
    return browser.post(
        "/_dash-update-component",
        json={
            "output": "settings-body.children",
            "outputs": {"id": "settings-body", "property": "children"},
            "inputs": [{"id": "settings-done", "property": "data", "value": None}],
            "state": [{"id": "scope", "property": "data", "value": {"query": "", "path": "/settings"}}],
            "changedPropIds": ["settings-done.data"],
        },
        headers=headers,
    ).text


def test_the_settings_page_shows_everybody_their_own_and_the_rest_to_admins(product):
    for name, seen in (("root", True), ("op", False)):
        browser, csrf = log_in(product, name)
        text = settings_body(browser, csrf)
        assert f'"{name}"' in text and "Old password" in text
        assert [title in text for title in ("API keys", "Kiosk links", "Audit log", "Add a user")] == [seen] * 4


def test_log_lines_stay_one_json_object_each_and_hold_no_secret(product, client, root):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(composition.JsonLines())
    logger = logging.getLogger()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        tokens = client.post("/api/v1/auth/login/json", json={"username": "op", "password": PASSWORD}).json
        client.post("/api/v1/auth/login", data={"username": "op\r\nroot", "password": "a wrong secret"})
        client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        key = issue(client, root)["key"]
        client.post("/api/v1/readings", json=reading(), headers={"X-API-Key": key})
        client.post("/api/v1/readings", json=reading(), headers={"X-API-Key": "vd_000000000000_" + "B" * 43})
        link = link_of(client, root)
        client.get(f"/?kiosk=1&link={link['token']}", headers=PAGE)
        client.get(link["path"], headers=PAGE)
        client.post("/api/v1/users", json={"username": "ann", "password": OTHER}, headers=root)
        client.put("/api/v1/auth/password", json={"old_password": PASSWORD, "new_password": OTHER}, headers=bearer(product, "op"))
        client.get('/api/v1/nothing\r\n{"level":"forged"}', headers=root | {"X-Trace-Id": "a\tb"})
        client.get("/%0d%0aforged: line", headers=PAGE)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    text = written.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) > 10 and all(isinstance(line, dict) for line in lines)
    assert not any(line["level"] == "forged" for line in lines)
    kept = text + str(product.store.records.audit_log(1000))
    for secret in (PASSWORD, OTHER, "a wrong secret", tokens["access_token"], tokens["refresh_token"], key, link["token"],
                   root["Authorization"][7:], "B" * 43, product.config.jwt_secret_key, product.config.secret_key):  # fmt: skip
        assert secret not in kept, secret
