"""What one WebSocket may do: who it is for, how long, how much; and that nothing a client sends breaks it."""

import json
import queue
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as websocket

import app as composition
from api import auth
from api.live import Hub
from datastore.backends.redis import RedisLive
from datastore.open import open_store
from plant.model import Alarm, Block, Device, User
from services.commands import Commands, Order
from services.config import Config
from tests.api.conftest import make, start_server, stop_server
from tests.api.lines import lines

NOW = 1_769_256_600_000


@pytest.fixture(params=["protected"])
def product(request, tmp_path):
    made = make(Config(database_url="memory://", data_dir=tmp_path, auth_mode=request.param, rate_limit=0, rate_limit_ingest=0,
                       auto_register=True))  # fmt: skip
    for name, role in {"root": "admin", "op": "operator", "vic": "viewer"}.items():
        made.store.records.put_user(User(name, "x", (role,)))
    yield made
    made.store.close()


@pytest.fixture
def connect(product):
    with lines(product) as opened:
        yield opened


def token(product, name="vic"):
    return auth.guard_of(product.flask).issue(product.store.records.user(name))["access_token"]


def bearer(product, name="vic"):
    return {"authorization": f"Bearer {token(product, name)}"}


def accept(product, **values):
    """A reading of `bess01` through the intake."""
    row = ("bess01", product.store.clock(), product.store.clock(), 0, *values.values())
    product.store.intake.accept([Block("bess", tuple(values), [row])])


# --- who it is for ---------------------------------------------------------------------------------------------------------------------


def test_a_stranger_may_come_to_say_who_they_are_and_nothing_else(product, connect):
    line = connect({"sec-websocket-protocol": "voltdeck.auth"})
    assert line.opening["subprotocol"] == "voltdeck.auth"
    for message in ({"type": "subscribe", "topic": "telemetry"}, {"type": "action", "action_id": "acknowledge", "alert_id": "alert_1"}):
        assert line.ask(**message)["code"] == "UNAUTHORIZED"
    assert line.ask(type="ping") == {"type": "pong"}
    assert line.ask(type="auth", token=token(product))["username"] == "vic"
    assert line.ask(type="subscribe", topic="telemetry")["type"] == "ack"


def test_a_stranger_who_says_nothing_is_sent_away(connect, monkeypatch):
    monkeypatch.setattr("api.sockets.AUTH_WITHIN_S", 0.05)
    assert connect({"sec-websocket-protocol": "voltdeck.auth"}).closed()[0] == 1008


def test_there_is_room_for_some_strangers_only(connect, monkeypatch):
    monkeypatch.setattr("api.live.MAX_STRANGERS", 2)
    for _ in range(2):
        connect({"sec-websocket-protocol": "voltdeck.auth"})
    with pytest.raises(AssertionError, match="wait for a token"):
        connect({"sec-websocket-protocol": "voltdeck.auth"})


def test_five_bad_tokens_end_the_socket(product, connect):
    line = connect({"sec-websocket-protocol": "voltdeck.auth"})
    for given_token in ("nonsense", "a.b.c", "é", "x" * 5000, "vdk_nonsense"):
        line.say(type="auth", token=given_token)
    assert line.closed() == (1008, "5 bad tokens")


@pytest.mark.parametrize("bad", [None, 7, "", [], {"a": 1}], ids=str)
def test_a_token_is_text(connect, bad):
    assert connect({"sec-websocket-protocol": "voltdeck.auth"}).ask(type="auth", token=bad)["code"] == "VALIDATION_ERROR"


def test_a_token_in_the_address_opens_nothing(product, connect):
    with pytest.raises(AssertionError):
        connect(path=f"/ws/x?token={token(product)}")


def test_a_key_that_may_read_needs_no_panels(product, connect):
    client = product.flask.test_client(use_cookies=False)
    asked = {"name": "reader", "scopes": ["read"], "devices": ["bess01"]}
    key = client.post("/api/v1/keys", json=asked, headers={"Authorization": f"Bearer {token(product, 'root')}"}).json["key"]
    line = connect({"x-api-key": key})
    assert line.ask(type="subscribe", topic="panel:overview-tiles?")["code"] == "FORBIDDEN"
    for topic in ("telemetry", "alerts"):
        assert line.ask(type="subscribe", topic=topic)["code"] == "FORBIDDEN"
        assert line.ask(type="subscribe", topic=topic, filters={"device_ids": ["bess02"]})["code"] == "FORBIDDEN"
        assert line.ask(type="subscribe", topic=topic, filters={"device_ids": ["bess01"]})["type"] == "ack"
    assert line.ask(type="subscribe", topic="fleet_status")["code"] == "FORBIDDEN"
    accept(product, soc=50.0)
    assert line.hear()["data"]["soc"] == 50.0


# --- sessions of browsers ----------------------------------------------------------------------------------------------------------------


def raised(product):
    product.store.records.put_devices([Device("bess01", "bess")])
    return product.store.records.raise_alarm(Alarm("bess01", "bess", "HOT", "alarm", "hot", NOW))[0]


@pytest.mark.parametrize(
    ("origin", "can_act"),
    [("http://plant.local", True), ("", False), ("https://friend.example", False)],
)
def test_a_session_acts_from_pages_of_this_host_only(tmp_path, origin, can_act):
    config = Config(database_url="memory://", data_dir=tmp_path, cors_origins=("https://friend.example",), rate_limit=0)
    product = make(config)
    product.store.records.put_user(User("op", "x", ("operator",)))
    alarm = raised(product)
    with lines(product) as connect:
        headers = {"cookie": f"access_token_cookie={token(product, 'op')}"} | ({"origin": origin} if origin else {})
        answer = connect(headers).ask(type="action", action_id="acknowledge", alert_id=f"alert_{alarm.id}")
    assert (answer["type"], answer.get("code")) == (("ack", None) if can_act else ("error", "UNAUTHORIZED"))
    assert product.store.records.alarm(alarm.id).state == ("acknowledged" if can_act else "active")
    product.store.close()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://[evil", "http://plant.local@evil.example", "null", "plant.local"])
def test_a_page_of_elsewhere_gets_no_socket_with_a_session(product, connect, origin):
    with pytest.raises(AssertionError, match="origin"):
        connect({"cookie": f"access_token_cookie={token(product, 'op')}", "origin": origin})


# --- how long ----------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def watchful(monkeypatch):
    monkeypatch.setattr("api.passes.RECHECK_S", 0.05)
    monkeypatch.setattr("api.passes.RECHECK_USER_S", 0.05)


@pytest.mark.parametrize("way", ["bearer", "cookie", "message"])
def test_a_token_that_is_revoked_closes_what_it_opened(product, connect, watchful, way):
    given_token = token(product, "op")
    headers = {"bearer": {"authorization": f"Bearer {given_token}"}, "cookie": {"cookie": f"access_token_cookie={given_token}"},
               "message": {"sec-websocket-protocol": "voltdeck.auth"}}[way]  # fmt: skip
    line = connect(headers)
    if way == "message":
        line.ask(type="auth", token=given_token)
    assert line.ask(type="subscribe", topic="telemetry")["type"] == "ack"
    guard = auth.guard_of(product.flask)
    guard.revoke(guard.read(given_token, "access"))
    code, reason = line.closed()
    assert code == 1008
    assert reason in ("The token was revoked", "Not authenticated")
    accept(product, soc=50.0)
    assert line._down.empty()


def test_a_user_who_is_shut_out_is_out_of_open_sockets_too(product, connect, watchful):
    line = connect(bearer(product, "op"))
    product.store.records.put_user(User("op", "x", ("operator",), active=False))
    assert line.closed() == (1008, "Inactive user")


def test_a_token_that_expires_closes_what_it_opened(tmp_path, watchful):
    product = make(Config(database_url="memory://", data_dir=tmp_path, auth_mode="protected", access_minutes=1 / 60, rate_limit=0))
    product.store.records.put_user(User("vic", "x", ("viewer",)))
    with lines(product) as connect:
        assert connect(bearer(product)).closed() == (1008, "The token has expired")
    product.store.close()


def test_a_kiosk_link_that_is_revoked_closes_its_screens(product, connect, watchful):
    kiosk = auth.guard_of(product.flask).kiosk
    page = next(iter(product.flask.extensions["pages"]))
    link, given_token = kiosk.issue("root", name="wall", pages=[page])
    line = connect({"sec-websocket-protocol": f"voltdeck, kiosk.{given_token}"})
    assert line.opening["subprotocol"] == "voltdeck"
    kiosk.revoke(link.id, "root")
    assert line.closed() == (1008, "The link was revoked")


def test_a_role_that_is_taken_ends_what_it_heard(product, connect, watchful):
    line = connect(bearer(product, "vic"))
    line.ask(type="subscribe", topic="telemetry")
    product.store.records.put_user(User("vic", "x", ("kiosk",)))
    ended = line.hear()
    assert (ended["type"], ended["code"], ended["topic"]) == ("error", "FORBIDDEN", "telemetry")
    accept(product, soc=50.0)
    assert line.is_quiet()


def test_an_action_is_judged_by_the_rights_of_this_moment(product, connect):
    alarm = raised(product)
    line = connect(bearer(product, "op"))
    product.store.records.put_user(User("op", "x", ("viewer",)))
    assert line.ask(type="action", action_id="acknowledge", alert_id=f"alert_{alarm.id}")["code"] == "FORBIDDEN"
    guard = auth.guard_of(product.flask)
    guard.revoke(guard.read(line_token := token(product, "root"), "access"))
    assert line.ask(type="auth", token=line_token)["code"] == "UNAUTHORIZED"


def test_a_server_that_stops_says_so(product):
    with lines(product) as connect:
        line = connect(bearer(product))
    assert line.closed() == (1012, "the server is stopping")


# --- how much ----------------------------------------------------------------------------------------------------------------------------


def test_a_socket_has_so_many_topics(product, connect, monkeypatch):
    monkeypatch.setattr("api.sockets.MAX_MESSAGES_PER_S", 10_000)
    line = connect(bearer(product))
    answers = [line.ask(type="subscribe", topic=f"panel:p{number}?") for number in range(1000)]
    assert [answer["type"] for answer in answers] == ["ack"] * 64 + ["error"] * 936
    assert {answer["code"] for answer in answers[64:]} == {"TOO_MANY_TOPICS"}
    assert line.ask(type="subscribe", topic="panel:p3?")["type"] == "ack"  # it has that one
    assert line.ask(type="unsubscribe", topic="panel:p3?")["type"] == "ack"
    assert line.ask(type="subscribe", topic="panel:p999?")["type"] == "ack"


@pytest.mark.parametrize("topic", [None, 7, {}, [], "", "x" * 1001], ids=lambda topic: str(topic)[:10])
@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe"])
def test_a_topic_is_text(product, connect, topic, kind):
    assert connect(bearer(product)).ask(type=kind, topic=topic)["code"] == "UNKNOWN_TOPIC"


def test_actions_count_as_requests(tmp_path):
    product = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=3))
    product.store.records.put_user(User("op", "x", ("operator",)))
    with lines(product) as connect:
        line = connect(bearer(product, "op"))
        codes = [line.ask(type="action", action_id="acknowledge", alert_id="alert_1")["code"] for _ in range(5)]
    assert codes == ["NOT_FOUND"] * 3 + ["RATE_LIMITED"] * 2
    product.store.close()


# --- whatever a client sends -----------------------------------------------------------------------------------------------------------

WORDS = ["type", "topic", "filters", "subscribe", "unsubscribe", "action", "auth", "ping", "telemetry", "fleet_status", "alerts", "site_id",
         "device_ids", "metrics", "sample_rate", "update_interval", "severity", "action_id", "acknowledge", "reduce_power", "alert_id",
         "alert_1", "parameters", "power_reduction_percent", "token", "1Hz", "panel:x?", "warning", "comment"]  # fmt: skip
words = st.sampled_from(WORDS) | st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=15,
)
messages = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe", "action", "auth", "ping"]) | values},
    optional={
        "topic": st.sampled_from(["telemetry", "fleet_status", "alerts"]) | values,
        "filters": st.dictionaries(words, values, max_size=5) | values,
        "action_id": st.sampled_from(["acknowledge", "reduce_power"]) | values,
        "alert_id": st.sampled_from(["alert_1", "alert_2"]) | values,
        "parameters": values,
        "token": values,
    },
)
DEEP = "[" * 5000 + "]" * 5000
frames = st.one_of(
    messages.map(lambda message: json.dumps(message)),
    values.map(lambda value: json.dumps(value)),
    st.text(max_size=50),
    st.binary(max_size=50),
    st.sampled_from([DEEP, '{"type":"subscribe","topic":"telemetry","filters":' + DEEP + "}", '{"type":"ping","type":"auth"}', "\ud800",
                     '{"type":1e999}', '{"type":"subscribe","topic":"telemetry","filters":{"site_id":"\\ud800"}}', "\x00", "null"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    made = make(Config(database_url="memory://", data_dir=tmp_path_factory.mktemp("fuzz"), rate_limit=0, rate_limit_ingest=0))
    made.store.records.put_user(User("op", "x", ("operator",)))
    raised(made)
    with lines(made) as connect:
        yield made, connect
    made.store.close()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(frames, min_size=1, max_size=8))
def test_whatever_is_sent_is_answered_and_the_socket_lives(fuzzed, sent):
    product, connect = fuzzed
    line = connect(bearer(product, "op"))
    for frame in sent:
        line.tell(frame)
    line.say(type="ping")
    kinds = []
    while len(kinds) <= len(sent):
        answer = line._down.get(timeout=10)
        if answer["type"] == "websocket.close":
            assert answer["code"] == 1008  # five bad tokens
            return
        told = json.loads(answer["text"])
        assert told["type"] != "error" or (told["code"] and told["code"] != "INTERNAL_ERROR"), (told, sent)
        kinds += [told["type"]] if told["type"] in ("ack", "error", "pong") else []
    assert kinds[-1] == "pong"
    line._up.put_nowait({"type": "websocket.disconnect", "code": 1000})


# --- several processes ------------------------------------------------------------------------------------------------------------------


def test_two_processes_tell_each_other_of_readings_alarms_and_commands(redis_server, tmp_path):
    """Each product here is what a process has: its own hub, its own bus to the Redis they share."""

    def process(number):
        config = Config(database_url="memory://", data_dir=tmp_path / str(number), rate_limit=0, rate_limit_ingest=0)
        bus = RedisLive(redis_server.url)
        assert bus.wait_connected(10)
        store = open_store("memory://", config.site_tz, auto_register=True, live=bus)
        store.records.put_devices([Device("bess01", "bess", site_id="site_007")])
        return composition.create_app(config, store), bus

    (one, _), (two, _) = process(1), process(2)
    commanded, heard = threading.Event(), []
    two.store.live.subscribe("commands", lambda _topic, command: (heard.append(command), commanded.set()))
    try:
        with lines(two) as connect:
            line = connect()
            for topic in ("telemetry", "alerts"):
                assert line.ask(type="subscribe", topic=topic)["type"] == "ack"
            told = heard_from(one, line, lambda: accept(one, soc=67.5), "telemetry")
            assert (told["device_id"], told["site_id"], told["data"]["soc"]) == ("bess01", "site_007", 67.5)
            alarm = Alarm("bess01", "bess", "HOT", "protection", "hot", NOW, id=5)
            alert = heard_from(one, line, lambda: one.store.live.publish("alarms", alarm), "alert")
            assert (alert["alert_id"], alert["severity"]) == ("alert_5", "critical")
            Commands(one.store).send(Order("bess01", "request_status"))
            assert commanded.wait(10)
            assert heard[0].type == "request_status"
    finally:
        one.store.close()
        two.store.close()


def heard_from(product, line, happen, kind):
    """What comes over, said again until Redis knows who listens."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        happen()
        try:
            return line.hear_until(kind, 0.3)
        except queue.Empty:
            continue
    raise AssertionError("nothing came over")


def test_a_hub_leaves_the_bus_when_nobody_listens_any_more(product, connect):
    hub: Hub = product.asgi.hub
    line = connect(bearer(product))
    line.ask(type="subscribe", topic="telemetry")
    line.ask(type="subscribe", topic="fleet_status")
    assert {"readings", "alarms"} <= hub._topics.keys()
    line.ask(type="unsubscribe", topic="telemetry")
    line.hear_until("fleet_status")
    line.say(type="unsubscribe", topic="fleet_status")
    line.hear_until("ack")
    assert (hub._topics, hub.fleets._beats) == ({}, {})


# --- a real server -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.server
def test_a_real_server_agrees_on_the_subprotocol_takes_the_token_by_message_and_says_that_it_restarts(tmp_path):
    running = start_server(tmp_path, AUTH_MODE="protected", APP_ENV="development")
    try:
        login = running.knock("POST", "/api/v1/auth/login/json", json.dumps({"username": "admin", "password": "correct horse battery"}),
                              Content_Type="application/json")  # fmt: skip
        address = f"ws://127.0.0.1:{running.port}/ws/page"
        with pytest.raises(InvalidStatus):
            websocket(address)
        with websocket(address, subprotocols=["voltdeck.auth"]) as ws:
            assert ws.subprotocol == "voltdeck.auth"
            ws.send(json.dumps({"type": "subscribe", "topic": "alerts"}))
            assert json.loads(ws.recv(timeout=10))["code"] == "UNAUTHORIZED"
            ws.send(json.dumps({"type": "auth", "token": login.json["access_token"]}))
            assert json.loads(ws.recv(timeout=10))["username"] == "admin"
            ws.send(json.dumps({"type": "subscribe", "topic": "alerts"}))
            assert json.loads(ws.recv(timeout=10)) == {"type": "ack", "topic": "alerts", "action": "subscribe"}
            stopping = threading.Thread(target=stop_server, args=[running])
            stopping.start()
            with pytest.raises(ConnectionClosed) as end:
                ws.recv(timeout=20)
            assert end.value.rcvd.code == 1012
            stopping.join(30)
    finally:
        if running.process.poll() is None:
            stop_server(running)
