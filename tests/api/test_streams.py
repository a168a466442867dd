"""Server-sent events and WebSockets of a real server process, spoken to with plain sockets and the websockets client."""

import contextlib
import http.client
import json
import socket as tcp
import time
import uuid

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.api.conftest import start_server, stop_server

pytestmark = pytest.mark.server


def name() -> str:
    return f"bess-{uuid.uuid4().hex[:8]}"


def post(server, device, values, at=None, kind="bess"):
    row = {"device_id": device, "timestamp": at or int(time.time() * 1000), "kind": kind, "values": values}
    reply = server.knock("POST", "/api/v1/readings", json.dumps([row]), Content_Type="application/json")
    assert reply.status == 200
    return row["timestamp"]


@contextlib.contextmanager
def stream(server, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    try:
        yield answer
    finally:
        connection.close()


def events(answer, count):
    """The next events as (id, data)."""
    found, current = [], {}
    while len(found) < count:
        line = answer.fp.readline() if answer.chunked is False else _line(answer)
        text = line.decode().rstrip("\n")
        if text == "":
            if "data" in current:
                found.append((int(current["id"]), json.loads(current["data"])))
            current = {}
        elif not text.startswith(":"):
            key, _, value = text.partition(": ")
            current[key] = value
    return found


def _line(answer):
    return answer.readline()


def test_a_stream_sends_the_newest_reading_and_then_each_new_one(server):
    device = name()
    first = post(server, device, {"soc": 85.5, "voltage": 825.3})
    with stream(server, f"/bms/{device}/stream?interval=0.1") as answer:
        assert answer.status == 200
        assert answer.getheader("content-type") == "text/event-stream; charset=utf-8"
        assert answer.getheader("x-trace-id")
        (event,) = events(answer, 1)
        assert event[0] == first
        assert list(event[1]) == ["timestamp", "soc", "soh", "voltage", "current", "cell_avg_voltage", "cell_avg_temp", "cell_max_voltage",
                                  "cell_min_voltage", "cell_voltage_diff", "cell_temp_diff"]  # fmt: skip
        assert (event[1]["soc"], event[1]["soh"]) == (85.5, None)
        second = post(server, device, {"soc": 85.4})
        assert [e[0] for e in events(answer, 1)] == [second]


def test_a_stream_of_a_pcs_has_its_fields(server):
    device = name()
    post(server, device, {"apparent_power": 150.5, "temp_igbt": 45.2}, kind="pcs")
    with stream(server, f"/pcs/{device}/stream?interval=0.1") as answer:
        ((_, reading),) = events(answer, 1)
    assert (reading["apparent_power"], reading["temp_igbt"], len(reading)) == (150.5, 45.2, 13)


def test_last_event_id_resumes_without_a_hole(server):
    device, now = name(), int(time.time() * 1000)
    for i in range(4):
        post(server, device, {"soc": 50.0 + i}, now - 4000 + i * 1000)
    with stream(server, f"/bms/{device}/stream?interval=0.1", Last_Event_ID=str(now - 4000)) as answer:
        assert [data["soc"] for _, data in events(answer, 3)] == [51.0, 52.0, 53.0]


def test_an_archived_device_is_replayed_over_and_over(server):
    device = name()
    for i in range(3):
        post(server, device, {"soc": 10.0 + i}, 1_769_256_300_000 + i * 1000)
    with stream(server, f"/bms/{device}/stream?interval=0.1") as answer:
        assert [data["soc"] for _, data in events(answer, 5)] == [10.0, 11.0, 12.0, 10.0, 11.0]


def test_the_merged_stream_has_both_sides_and_resumes(server):
    device, now = name(), int(time.time() * 1000)
    post(server, device, {"soc": 80.0}, now - 3000)
    post(server, device, {"dc_voltage": 800.0}, now - 2000, kind="pcs")
    post(server, device, {"dc_voltage": 801.0}, now - 1000, kind="pcs")
    with stream(server, f"/bess/{device}/stream?interval=0.1") as answer:
        ((at, reading),) = events(answer, 1)
        assert (at, reading["bms_soc"], reading["pcs_dc_voltage"]) == (now - 1000, 80.0, 801.0)
        assert (len(reading), reading["bms_voltage"]) == (23, None)
        post(server, device, {"soc": 79.0}, now)
        assert [(e[0], e[1]["bms_soc"], e[1]["pcs_dc_voltage"]) for e in events(answer, 1)] == [(now, 79.0, 801.0)]
    with stream(server, f"/bess/{device}/stream?interval=0.1", Last_Event_ID=str(now - 2500)) as answer:
        assert [data["pcs_dc_voltage"] for _, data in events(answer, 2)] == [800.0, 801.0]


def test_the_merged_stream_of_archives_replays_over_and_over_on_one_time_base(server):
    device, old = name(), 1_769_256_300_000
    post(server, device, {"soc": 50.0}, old + 500)
    for i in range(3):
        post(server, device, {"dc_voltage": 800.0 + i}, old + i * 1000, kind="pcs")
    with stream(server, f"/bess/{device}/stream?interval=0.1") as answer:
        found = [(data["pcs_dc_voltage"], data["bms_soc"]) for _, data in events(answer, 5)]
    assert found == [(800.0, None), (801.0, 50.0), (802.0, 50.0), (800.0, None), (801.0, 50.0)]
    with stream(server, f"/bess/{device}/stream?interval=0.1", Last_Event_ID=str(old)) as answer:
        assert [data["pcs_dc_voltage"] for _, data in events(answer, 3)] == [801.0, 802.0, 800.0]


def test_a_value_that_is_too_old_is_silent_in_a_stream(server):
    device, now = name(), int(time.time() * 1000)
    post(server, device, {"soc": 80.0}, now - 61_000)
    post(server, device, {"voltage": 800.0}, now)
    with stream(server, f"/bms/{device}/stream?interval=0.1") as answer:
        ((_, reading),) = events(answer, 1)
    assert (reading["voltage"], reading["soc"]) == (800.0, None)


def test_what_was_missed_comes_whole_however_much_it_is(server):
    device, now = name(), int(time.time() * 1000)
    first = now - 2500 * 20
    table = {
        "device_id": device,
        "kind": "bess",
        "timestamps": [first + 20 * i for i in range(2500)],
        "values": {"soc": [i / 25 for i in range(2500)]},
    }
    assert server.knock("POST", "/api/v1/readings", json.dumps(table), Content_Type="application/json").status == 200
    with stream(server, f"/bms/{device}/stream?interval=10", Last_Event_ID=str(first)) as answer:
        assert [at for at, _ in events(answer, 2499)] == table["timestamps"][1:]


def test_many_streams_of_one_device_all_hear_of_a_reading(server):
    device = name()
    post(server, device, {"soc": 1.0})
    with contextlib.ExitStack() as stack:
        answers = [stack.enter_context(stream(server, f"/bms/{device}/stream?interval=0.1")) for _ in range(20)]
        assert [events(answer, 1)[0][1]["soc"] for answer in answers] == [1.0] * 20
        post(server, device, {"soc": 2.0})
        assert [events(answer, 1)[0][1]["soc"] for answer in answers] == [2.0] * 20


@pytest.mark.parametrize("query", ["interval=0.05", "interval=11", "interval=fast", "interval=nan"])
def test_a_bad_interval_is_unprocessable(server, query):
    device = name()
    post(server, device, {"soc": 1.0})
    reply = server.knock("GET", f"/bms/{device}/stream?{query}")
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["query", "interval"])


def test_an_unknown_device_has_no_stream(server):
    reply = server.knock("GET", "/bms/never-heard-of/stream")
    assert (reply.status, reply.json["error"]["code"]) == (404, "DEVICE_NOT_FOUND")
    assert server.knock("GET", "/pcs/never-heard-of/stream").status == 404


# WebSocket


def socket(server, path="/ws/test-client", **options):
    return connect(f"ws://127.0.0.1:{server.port}{path}", **options)


def ask(ws, **message):
    ws.send(json.dumps(message))
    return json.loads(ws.recv(timeout=5))


def test_subscribe_ping_unsubscribe(server):
    with socket(server) as ws:
        assert ask(ws, type="subscribe", topic="panel:soc?unit=1") == {"type": "ack", "topic": "panel:soc?unit=1", "action": "subscribe"}
        assert ask(ws, type="ping") == {"type": "pong"}
        assert ask(ws, type="unsubscribe", topic="panel:soc?unit=1")["action"] == "unsubscribe"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "dance"}, "UNKNOWN_TYPE"),
        ({}, "UNKNOWN_TYPE"),
        ({"type": "subscribe", "topic": "gossip"}, "UNKNOWN_TOPIC"),
        ({"type": "subscribe"}, "UNKNOWN_TOPIC"),
        ({"type": "subscribe", "topic": "telemetry", "filters": {"sample_rate": "often"}}, "VALIDATION_ERROR"),
        ({"type": "subscribe", "topic": "telemetry", "filters": {"device_ids": "bess01"}}, "VALIDATION_ERROR"),
    ],
)
def test_a_message_that_makes_no_sense_gets_an_error_and_the_socket_lives(server, message, code):
    with socket(server) as ws:
        reply = ask(ws, **message)
        assert (reply["type"], reply["code"]) == ("error", code)
        assert ask(ws, type="ping") == {"type": "pong"}


def test_text_that_is_no_json_gets_an_error(server):
    with socket(server) as ws:
        for text in ("", "{", "7", b"\x00\xff"):
            ws.send(text)
            assert json.loads(ws.recv(timeout=5))["code"] == "INVALID_MESSAGE"


def test_telemetry_comes_filtered(server):
    device = name()
    with socket(server) as ws:
        ask(ws, type="subscribe", topic="telemetry", filters={"device_ids": [device], "metrics": ["soc", "voltage"], "sample_rate": "1Hz"})
        post(server, name(), {"soc": 1.0})
        at = post(server, device, {"soc": 67.5, "current": -25.3})
        post(server, device, {"soc": 67.4}, at + 100)  # within the same second
        post(server, device, {"soc": 67.3}, at + 1000)
        frames = [json.loads(ws.recv(timeout=5)) for _ in range(2)]
    assert [frame["data"] for frame in frames] == [{"soc": 67.5, "alarm_flags": []}, {"soc": 67.3, "alarm_flags": []}]
    assert (frames[0]["type"], frames[0]["device_id"], frames[0]["site_id"]) == ("telemetry", device, "site")


def test_a_page_of_another_origin_may_not_connect(server):
    with pytest.raises(InvalidStatus) as refusal, socket(server, origin="https://evil.example"):
        pass
    assert refusal.value.response.status_code == 403
    with socket(server, origin=f"http://127.0.0.1:{server.port}") as ws:
        assert ask(ws, type="ping") == {"type": "pong"}


def test_other_paths_have_no_socket(server):
    for path in ("/ws", "/ws/", "/ws/a/b", "/socket", f"/ws/{'x' * 65}"):
        with pytest.raises(InvalidStatus), socket(server, path):
            pass


def test_a_message_too_long_ends_the_socket(server):
    with socket(server) as ws:
        ws.send("x" * 20_000)
        with pytest.raises(ConnectionClosed) as end:
            ws.recv(timeout=5)
    assert end.value.rcvd.code == 1009


def test_a_flood_of_messages_ends_the_socket(server):
    with socket(server) as ws, pytest.raises(ConnectionClosed) as end:
        for _ in range(200):
            ws.send('{"type":"ping"}')
        while True:
            ws.recv(timeout=5)
    assert end.value.rcvd.code == 1008


def test_a_client_that_does_not_read_is_dropped_and_others_are_not_held_up(server):
    device, big = name(), name()
    lazy = tcp.socket()
    lazy.setsockopt(tcp.SOL_SOCKET, tcp.SO_RCVBUF, 4096)
    lazy.connect(("127.0.0.1", server.port))
    with socket(server, sock=lazy, max_queue=1, close_timeout=0.1) as slow, socket(server) as quick:
        ask(slow, type="subscribe", topic="telemetry", filters={"device_ids": [big]})
        ask(quick, type="subscribe", topic="telemetry", filters={"device_ids": [device]})
        now, cells = int(time.time() * 1000), [3.3333333] * 1000
        for burst in range(40):
            stamps = range(now - 60_000 + burst * 50, now - 60_000 + burst * 50 + 50)
            rows = [{"device_id": big, "timestamp": at, "kind": "rack", "values": {"cell_voltages": cells}} for at in stamps]
            assert server.knock("POST", "/api/v1/readings", json.dumps(rows), Content_Type="application/json").status == 200
        post(server, device, {"soc": 5.0})
        assert json.loads(quick.recv(timeout=5))["data"]["soc"] == 5.0
        figures = server.knock("GET", "/metrics").body.decode()
    assert 'voltdeck_stream_dropped_total{kind="websocket"} 1.0' in figures


def test_an_archive_read_in_place_is_streamed_and_starts_over(tmp_path):
    folder = tmp_path / "archive" / "BESS" / "ZHPESS232A230002"
    folder.mkdir(parents=True)
    stamps = [f"2023-01-01 00:00:{second:02d}" for second in range(3)]
    for metric, first in (("bms1_soc", 80.0), ("pcs1_ap", 150.5)):
        (folder / f"{metric}.csv").write_text(f"ts,{metric}\n" + "".join(f"{stamp},{first + i}\n" for i, stamp in enumerate(stamps)))
    (tmp_path / "data").mkdir()
    running = start_server(tmp_path / "data", ARCHIVE_DIR=str(tmp_path / "archive"))
    try:
        for path, field, first in (("bms", "soc", 80.0), ("pcs", "apparent_power", 150.5), ("bess", "pcs_apparent_power", 150.5)):
            with stream(running, f"/{path}/ZHPESS232A230002/stream?interval=0.1") as answer:
                told = events(answer, 4)
            assert [data[field] for _, data in told] == [first, first + 1, first + 2, first]
            assert told[0][1]["timestamp"] == "2023-01-01T00:00:00Z"
    finally:
        stop_server(running)
