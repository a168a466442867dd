"""S2's commands at the doors: the document's examples, errors, rights, and the long poll on the event loop."""

import asyncio
import json
import threading
import time
from dataclasses import replace

import pytest

from api import auth, waiting
from plant.model import Block, Device, User
from services.commands import Commands, Order
from services.config import Config
from tests.api.conftest import flask_door, make

T0 = 1_705_329_000_000  # 2024-01-15T14:30:00Z
JSON = {"Content_Type": "application/json"}
PACK = Device("battery_pack_001", "pack", site_id="site_001")


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["open", "protected"])
def mode(request):
    return request.param


@pytest.fixture
def product(tmp_path, clock):
    made = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=0, rate_limit_ingest=0), clock)
    made.store.records.put_devices([PACK, replace(PACK, device_id="battery_pack_002", rating={"power_kw": 3.0})])
    yield made
    made.store.close()


def bearer(product, role: str, name: str = "") -> dict[str, str]:
    user = User(name or f"{role}01", "x", (role,))
    product.store.records.put_user(user)
    return {"Authorization": f"Bearer {auth.guard_of(product.flask).issue(user)['access_token']}"}


@pytest.fixture
def door(product):
    return flask_door(product)


@pytest.fixture
def send(product, door):
    """Sends as an operator."""
    token = bearer(product, "operator")

    def post(body, device="battery_pack_001"):
        return door("POST", f"/api/v1/commands/{device}", json.dumps(body), **JSON, **token)

    return post


START = {"command_type": "start_charge", "parameters": {"target_power": 5000, "target_soc": 80, "max_current": 25}}


@pytest.mark.parametrize(
    ("body", "seconds", "priority"),
    [
        (START, 30, "normal"),
        (START | {"parameters": {"target_power": 1200.5, "target_soc": 55, "max_current": 3}, "timeout_seconds": 300}, 300, "normal"),
        ({"command_type": "emergency_shutdown", "parameters": {"reason": "operator_initiated"}}, 30, "critical"),
        ({"command_type": "emergency_shutdown", "parameters": {"reason": "smoke"}, "timeout_seconds": 5}, 5, "critical"),
    ],
)
def test_the_documents_examples_are_queued_and_kept_as_sent(send, door, body, seconds, priority):
    answer = send(body)
    assert answer.status == 202
    assert answer.json["status"] == "queued"
    assert body["command_type"] in answer.json["message"]
    # nothing of the kind was done before: at the latest at its deadline
    assert (
        answer.json["estimated_completion"] == {30: "2024-01-15T14:30:30Z", 300: "2024-01-15T14:35:00Z", 5: "2024-01-15T14:30:05Z"}[seconds]
    )
    kept = door("GET", f"/api/v1/commands/battery_pack_001/{answer.json['command_id']}").json
    assert (kept["command_type"], kept["parameters"], kept["timeout_seconds"], kept["priority"], kept["source"]) == (
        body["command_type"], body["parameters"], seconds, priority, "operator01")  # fmt: skip
    assert (kept["queued_at"], kept["status"], kept["acknowledged_at"]) == ("2024-01-15T14:30:00Z", "queued", None)


def test_the_life_of_a_command_over_http(send, door, clock):
    number = send(START).json["command_id"]
    for seconds, status in ((1, "acknowledged"), (2, "executing"), (9, "completed")):
        clock.now = T0 + 1000 * seconds
        body = {"status": status, "message": f"is {status}", "result": {"soc": 80.0} if status == "completed" else None}
        answer = door("POST", f"/api/v1/commands/battery_pack_001/{number}/response", json.dumps(body), **JSON)
        assert (answer.status, answer.json["status"]) == (200, status)
    seen = door("GET", "/api/v1/commands/battery_pack_001").json
    assert (seen["device_id"], seen["next"], len(seen["commands"])) == ("battery_pack_001", None, 1)
    found = seen["commands"][0]
    assert [found[f"{name}_at"] for name in ("queued", "acknowledged", "started", "ended")] == [
        f"2024-01-15T14:30:0{seconds}Z" for seconds in (0, 1, 2, 9)
    ]
    assert (found["message"], found["result"]) == ("is completed", {"soc": 80.0})
    # the next of its kind is expected to take as long
    assert send(START).json["estimated_completion"] == "2024-01-15T14:30:18Z"


def test_a_late_answer_is_shown_beside_the_timeout(send, door, clock):
    number = send(START | {"timeout_seconds": 1}).json["command_id"]
    clock.now = T0 + 3000
    answer = door("POST", f"/api/v1/commands/battery_pack_001/{number}/response", '{"status": "completed"}', **JSON).json
    assert (answer["status"], answer["ended_at"]) == ("timeout", "2024-01-15T14:30:01Z")
    assert answer["late_response"] == {"status": "completed", "message": "", "result": None, "at": "2024-01-15T14:30:03Z"}


def test_a_contradiction_is_409_and_a_repetition_is_not(send, door):
    path = f"/api/v1/commands/battery_pack_001/{send(START).json['command_id']}/response"
    assert [door("POST", path, json.dumps({"status": status}), **JSON).status for status in ("failed", "failed", "completed")] == [
        200,
        200,
        409,
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "command_type"),
        ({"command_type": "explode"}, "command_type"),
        (START | {"timeout_seconds": 0}, "timeout_seconds"),
        (START | {"timeout_seconds": 301}, "timeout_seconds"),
        (START | {"timeout_seconds": "30"}, "timeout_seconds"),
        (START | {"parameters": [1]}, "parameters"),
        (START | {"parameters": {"target_soc": 101}}, "parameters.target_soc"),
        (START | {"parameters": {"target_power": "lots"}}, "parameters.target_power"),
        (START | {"parameters": {"x": "\u0000"}}, "parameters"),
        (START | {"priority": "critical"}, "priority"),
    ],
)
def test_an_invalid_command_is_400_naming_the_field(send, door, body, field):
    answer = send(body)
    assert (answer.status, answer.json["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert [fault["field"] for fault in answer.json["error"]["details"]["field_errors"]] == [field]
    assert door("GET", "/api/v1/commands/battery_pack_001").json["commands"] == []


@pytest.mark.parametrize("raw", [b"", b"{", b'{"command_type": "start_charge", "parameters": {"target_power": NaN}}', b"[]", b"\xff"])
def test_a_body_that_is_no_command_is_400(product, door, raw):
    answer = door("POST", "/api/v1/commands/battery_pack_001", raw, **JSON, **bearer(product, "operator"))
    assert (answer.status, answer.json["error"]["code"]) == (400, "VALIDATION_ERROR")


def test_a_safety_violation_is_400_with_its_reasons(send, product):
    answer = send(START, "battery_pack_002")
    assert (answer.status, answer.json["error"]["code"]) == (400, "SAFETY_VIOLATION")
    assert answer.json["error"]["details"]["violations"] == ["target_power 5000 W exceeds the charge limit of 3000 W"]
    product.store.intake.accept([Block("pack", ("soc",), [("battery_pack_001", T0, T0, 0, 100.0)])])
    assert send(START).json["error"]["code"] == "SAFETY_VIOLATION"


def test_unknown_device_404_and_maintenance_423_but_for_the_emergency(send, product):
    assert (send(START, "battery_pack_999").status, send(START, "battery_pack_999").json["error"]["code"]) == (404, "DEVICE_NOT_FOUND")
    product.store.records.put_devices([replace(PACK, status="maintenance")])
    assert (send(START).status, send(START).json["error"]["code"]) == (423, "LOCKED")
    assert send({"command_type": "emergency_shutdown"}).status == 202
    assert send({"command_type": "emergency_shutdown"}, "battery_pack_999").status == 404


def test_unknown_things_are_404(door):
    for path in ("/api/v1/commands/nobody", "/api/v1/commands/battery_pack_001/cmd_0"):
        assert door("GET", path).status == 404
    answer = door("POST", "/api/v1/commands/battery_pack_001/cmd_0/response", '{"status": "completed"}', **JSON)
    assert (answer.status, answer.json["error"]["code"]) == (404, "COMMAND_NOT_FOUND")


def test_history_pages(send, door, clock):
    numbers = []
    for n in range(5):
        clock.now = T0 + n
        numbers.append(send({"command_type": "request_status"}).json["command_id"])
    first = door("GET", "/api/v1/commands/battery_pack_001?limit=2").json
    second = door("GET", f"/api/v1/commands/battery_pack_001?limit=3&cursor={first['next']}").json
    assert [c["command_id"] for c in first["commands"] + second["commands"]] == numbers[::-1]
    assert second["next"] is None
    assert door("GET", "/api/v1/commands/battery_pack_001?cursor=nonsense").status == 400
    assert door("GET", "/api/v1/commands/battery_pack_001?limit=0").status == 400


def test_sending_needs_a_token_even_in_open_mode(door):
    assert door("POST", "/api/v1/commands/battery_pack_001", json.dumps(START), **JSON).status == 401


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("analyst", 403), ("operator", 202), ("admin", 202), ("device", 403)])
def test_sending_needs_the_role(product, door, role, status):
    assert door("POST", "/api/v1/commands/battery_pack_001", json.dumps(START), **JSON, **bearer(product, role)).status == status


def test_a_device_answers_only_for_itself(product, door, send):
    number = send(START).json["command_id"]
    path, body = f"/api/v1/commands/battery_pack_001/{number}/response", '{"status": "acknowledged"}'
    assert door("POST", path, body, **JSON, **bearer(product, "device", "battery_pack_002")).status == 403
    assert door("POST", path, body, **JSON, **bearer(product, "device", "battery_pack_001")).status == 200


class Asked:
    """One request to the ASGI application; `leave()` breaks the connection."""

    def __init__(self, product, path: str, headers: dict[str, str] | None = None) -> None:
        raw, _, query = path.partition("?")
        self._gone = asyncio.Event()
        self._sent = False
        self.status = 0
        self.body = b""
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": raw,
            "raw_path": raw.encode(), "query_string": query.encode(), "root_path": "", "client": ("127.0.0.1", 1), "server": ("x", 80),
            "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        }  # fmt: skip
        self.task = asyncio.get_running_loop().create_task(product.asgi(scope, self._receive, self._send))

    async def _receive(self):
        if not self._sent:
            self._sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")

    def leave(self) -> None:
        self._gone.set()

    async def answer(self):
        await asyncio.wait_for(self.task, 20)
        return json.loads(self.body)


async def until(true, seconds: float = 10.0) -> None:
    """Let the loop run until `true()`."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.005)


def lobby(product):
    return waiting.lobby_of(product.store, product.clock)


NEXT = "/api/v1/commands/battery_pack_001/next"


def test_a_waiting_device_gets_its_command_when_it_is_sent_as_the_documents_message(product):
    async def poll():
        asked = Asked(product, f"{NEXT}?wait=20")
        await until(lambda: lobby(product)._waiting)
        order = Order("battery_pack_001", "start_charge", START["parameters"] | {"ramp_rate": 100}, source="coordinator_service")
        await asyncio.to_thread(Commands(product.store, product.clock).send, order)
        return (await asked.answer())["command"]

    message = asyncio.run(poll())
    assert message["command"] == {
        "type": "start_charge", "priority": "normal", "timeout_seconds": 30,
        "parameters": {"target_power": 5000, "target_soc": 80, "max_current": 25, "ramp_rate": 100}}  # fmt: skip
    assert (message["schema_version"], message["timestamp"], message["source"]) == ("1.0", "2024-01-15T14:30:00Z", "coordinator_service")
    assert message["safety_checks"]["required"] is True
    assert message["sequence_number"] == T0 // 1000


def test_without_a_command_the_wait_ends_with_null(product):
    async def poll():
        began = time.monotonic()
        nothing = await Asked(product, f"{NEXT}?wait=0.2").answer()
        return nothing, time.monotonic() - began

    nothing, took = asyncio.run(poll())
    assert nothing == {"command": None}
    assert took >= 0.2


def test_of_two_pollers_one_gets_the_command_and_the_other_the_next(product):
    async def poll():
        both = [Asked(product, f"{NEXT}?wait=20") for _ in range(2)]
        await until(lambda: lobby(product)._count == 2)
        commands = Commands(product.store, product.clock)
        sent = [(await asyncio.to_thread(commands.send, Order("battery_pack_001", "request_status"))).id]
        await until(lambda: any(one.task.done() for one in both))
        assert not all(one.task.done() for one in both)
        sent.append((await asyncio.to_thread(commands.send, Order("battery_pack_001", "request_status"))).id)
        return sent, [(await one.answer())["command"]["command_id"] for one in both]

    sent, got = asyncio.run(poll())
    assert sorted(got) == sorted(sent)


def test_a_command_whose_poller_died_goes_to_the_next_one_without_being_sent_again(product, clock, monkeypatch):
    monkeypatch.setattr(waiting, "LOOK_EVERY_S", 0.05)

    async def poll():
        commands = Commands(product.store, product.clock)
        sent = await asyncio.to_thread(commands.send, Order("battery_pack_001", "request_status"))
        assert (await Asked(product, f"{NEXT}?wait=5").answer())["command"]["command_id"] == sent.id  # and is never heard of again
        second = Asked(product, f"{NEXT}?wait=20")
        await until(lambda: lobby(product)._waiting)
        await asyncio.sleep(0.2)
        assert not second.task.done()
        clock.now = T0 + 5000
        return sent.id, (await second.answer())["command"]["command_id"]

    sent, got = asyncio.run(poll())
    assert got == sent


def test_a_command_of_another_process_is_found_without_a_word_on_the_bus(product, monkeypatch):
    monkeypatch.setattr(waiting, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(product.store.live, "publish", lambda topic, message: None)

    async def poll():
        asked = Asked(product, f"{NEXT}?wait=20")
        await until(lambda: lobby(product)._waiting)
        sent = await asyncio.to_thread(Commands(product.store, product.clock).send, Order("battery_pack_001", "request_status"))
        return sent.id, (await asked.answer())["command"]["command_id"]

    sent, got = asyncio.run(poll())
    assert got == sent


def test_a_device_that_left_is_handed_nothing(product):
    async def poll():
        left = Asked(product, f"{NEXT}?wait=20")
        await until(lambda: lobby(product)._waiting)
        left.leave()
        await until(lambda: not lobby(product)._waiting)
        sent = await asyncio.to_thread(Commands(product.store, product.clock).send, Order("battery_pack_001", "request_status"))
        return sent.id, (await Asked(product, f"{NEXT}?wait=0").answer())["command"]["command_id"]

    sent, got = asyncio.run(poll())
    assert got == sent


def test_five_hundred_waiting_devices_hold_no_threads_and_each_hears_only_its_own(product):
    devices = [replace(PACK, device_id=f"pack{n}") for n in range(500)]
    product.store.records.put_devices(devices)

    async def poll():
        asked = [Asked(product, f"/api/v1/commands/{device.device_id}/next?wait=20") for device in devices]
        await until(lambda: lobby(product)._count == 500)
        await asyncio.sleep(0)
        threads = threading.active_count()
        commands = Commands(product.store, product.clock)
        sent = {n: (await asyncio.to_thread(commands.send, Order(f"pack{n}", "request_status"))).id for n in (3, 77, 499)}
        got = {n: (await asked[n].answer())["command"]["command_id"] for n in sent}
        still = sum(not one.task.done() for one in asked)
        for one in asked:
            one.leave()
        await until(lambda: not lobby(product)._waiting)
        return threads, sent, got, still

    threads, sent, got, still = asyncio.run(poll())
    assert (got, still) == (sent, 497)
    assert threads < 64


def test_who_waits_when_the_server_stops_is_told_to_come_back(product):
    async def poll():
        asked = Asked(product, f"{NEXT}?wait=20")
        await until(lambda: lobby(product)._waiting)
        asked.task.cancel()  # as uvicorn does
        return (await asked.answer())["error"]["code"], asked.status

    assert asyncio.run(poll()) == ("UNAVAILABLE", 503)


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "inf", "soon"])
def test_a_wait_beyond_its_bounds_is_400(product, wait):
    async def poll():
        asked = Asked(product, f"{NEXT}?wait={wait}")
        return (await asked.answer())["error"]["code"], asked.status

    assert asyncio.run(poll()) == ("VALIDATION_ERROR", 400)


def test_an_unknown_device_need_not_wait(product):
    async def poll():
        asked = Asked(product, "/api/v1/commands/nobody/next?wait=20")
        return (await asked.answer())["error"]["code"], asked.status

    assert asyncio.run(poll()) == ("DEVICE_NOT_FOUND", 404)


def test_only_the_device_itself_and_operators_may_wait_in_protected_mode(tmp_path, clock):
    made = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=0, auth_mode="protected"), clock)
    made.store.records.put_devices([PACK])
    tokens = {
        "": {}, "viewer": bearer(made, "viewer"), "other": bearer(made, "device", "battery_pack_002"),
        "itself": bearer(made, "device", "battery_pack_001"), "operator": bearer(made, "operator"),
    }  # fmt: skip

    async def poll(headers):
        asked = Asked(made, f"{NEXT}?wait=0", headers)
        await asked.answer()
        return asked.status

    assert {name: asyncio.run(poll(headers)) for name, headers in tokens.items()} == {
        "": 401, "viewer": 403, "other": 403, "itself": 200, "operator": 200}  # fmt: skip
    made.store.close()
