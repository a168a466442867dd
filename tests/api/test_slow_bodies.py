"""Bodies that come slowly, in pieces, too long, or not at all."""

import asyncio
import itertools
import json
import socket
import time

import pytest

from api import body, errors

LIMIT = 1000


def connection(*messages, forever=False):
    """A `receive` that says `messages` and then, `forever`, nothing at all; how many it said is in `said`."""
    left = iter(messages)

    async def receive():
        receive.said += 1
        found = next(left, None)
        if found is None:
            assert forever, "asked for more than there is"
            await asyncio.sleep(60)
        return found

    receive.said = 0
    return receive


def part(data: bytes, more: bool = False):
    return {"type": "http.request", "body": data, "more_body": more}


def read(receive, headers=None, patience=0.05):
    return asyncio.run(body.whole(headers or {}, receive, LIMIT, patience))


def test_a_body_in_pieces_is_put_together():
    assert read(connection(part(b"a", True), part(b"", True), part(b"bc"))) == b"abc"
    assert read(connection(part(b"x" * LIMIT))) == b"x" * LIMIT
    assert read(connection(part(b""))) == b""


def test_a_body_that_stays_away_is_given_up():
    for start in ((), (part(b"[", True),)):
        with pytest.raises(errors.TooSlow) as refused:
            read(connection(*start, forever=True))
        assert errors.status_of(refused.value) == 408


def test_a_body_that_drips_is_given_up_too():
    async def receive():
        await asyncio.sleep(0.01)
        return part(b"x", True)

    with pytest.raises(errors.TooSlow):
        read(receive)


def test_a_client_that_leaves_is_no_error():
    with pytest.raises(body.Gone):
        read(connection(part(b"[", True), {"type": "http.disconnect"}))


def test_a_length_past_the_limit_is_refused_before_a_byte_is_read():
    receive = connection()
    with pytest.raises(errors.TooLarge):
        read(receive, {"content-length": str(LIMIT + 1)})
    assert receive.said == 0


def test_a_body_past_the_limit_is_read_on_for_a_while_so_that_its_sender_hears_the_answer():
    receive = connection(*[part(b"x" * 600, True)] * 4, part(b"x"))
    with pytest.raises(errors.TooLarge):
        read(receive)
    assert receive.said == 5
    endless = connection(*itertools.repeat(part(b"x" * LIMIT, True), 10_000))
    with pytest.raises(errors.TooLarge):
        read(endless)
    assert endless.said < 20


def test_what_was_read_is_said_again_once():
    async def twice():
        receive = body.replayed(b"abc", connection({"type": "http.disconnect"}))
        return [await receive(), await receive()]

    first, second = asyncio.run(twice())
    assert (first["body"], first["more_body"], second["type"]) == (b"abc", False, "http.disconnect")


def wire(port: int, data: bytes, wait: float = 10) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as raw:
        raw.sendall(data)
        answer = b""
        while chunk := raw.recv(65536):
            answer += chunk
        return answer


def post(path: str, *headers: str, kind: str = "application/json") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", f"Content-Type: {kind}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


READING = json.dumps([{"device_id": "pack-wire", "timestamp": 1_769_256_300_000, "values": {"soc": 50.0}}]).encode()
LOGIN = b'{"username":"admin","password":"correct horse battery"}'


@pytest.mark.server
@pytest.mark.parametrize(("path", "payload"), [("/api/v1/readings", READING), ("/api/v1/auth/login/json", LOGIN)])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_body_in_chunks_is_read_at_both_doors(server, path, payload, size):
    pieces = [payload[i : i + size] for i in range(0, len(payload), size)]
    assert wire(server.port, post(path, "Transfer-Encoding: chunked") + chunked(*pieces)).startswith(b"HTTP/1.1 200")


@pytest.mark.server
@pytest.mark.parametrize("path", ["/api/v1/readings", "/api/v1/auth/login/json"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Content-Length: -5",), 400),
        (("Content-Length: abc",), 400),
        (("Content-Length: " + "9" * 30,), 400),
        (("Content-Length: 99999999999",), 413),
        (("Content-Length: 5", "Content-Length: 7"), 400),
        (("Content-Length: 5", "Transfer-Encoding: chunked"), 400),
        (("Content-Length: 3",), 422),
        ((), 422),
    ],
)
def test_a_length_that_lies_is_refused(server, path, headers, status):
    assert wire(server.port, post(path, *headers) + READING).startswith(b"HTTP/1.1 %d" % status)


@pytest.mark.server
@pytest.mark.parametrize("path", ["/api/v1/readings", "/api/v1/auth/login/json"])
def test_an_endless_body_is_cut_off_and_its_sender_told(server, path):
    answer = wire(server.port, post(path, "Transfer-Encoding: chunked") + chunked(*[b" " * 65536] * 20))
    assert answer.startswith(b"HTTP/1.1 413") and b"BODY_TOO_LARGE" in answer


@pytest.mark.server
def test_half_requests_hold_up_nobody(server):
    """More of them than Flask has threads: each costs a coroutine, not a thread."""
    paths = ["/api/v1/readings", "/api/v1/auth/login/json", "/_dash-update-component"] * 30
    half = [socket.create_connection(("127.0.0.1", server.port)) for _ in paths]
    try:
        for raw, path in zip(half, paths, strict=True):
            raw.sendall(post(path, "Content-Length: 500") + b'[{"')
        time.sleep(0.3)
        started = time.monotonic()
        assert server.knock("GET", "/api/health").status == 200
        assert server.knock("POST", "/api/v1/readings", READING, Content_Type="application/json").status == 200
        assert time.monotonic() - started < 2
    finally:
        for raw in half:
            raw.close()
