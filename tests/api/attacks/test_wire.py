"""Bytes that are hardly HTTP, sent to a real server: one answer or none, and it stands."""

import re
import socket

import pytest


def raw(server, payload: bytes, seconds: float = 10) -> bytes:
    """What the server says to these very bytes until it hangs up, or has said nothing for a second."""
    with socket.create_connection(("127.0.0.1", server.port), seconds) as line:
        line.settimeout(1)
        said = b""
        try:
            line.sendall(payload)
            while piece := line.recv(65_536):
                said += piece
        except (TimeoutError, ConnectionError):
            pass
        return said


def statuses(said: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3})", said)]


HEAD = b"Host: plant\r\n"


@pytest.mark.server
@pytest.mark.parametrize(
    ("payload", "allowed"),
    [
        (b"GET /api/health?x=" + b"a" * 200_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", {200, 400, 414, 431}),
        (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", {400, 404, 414, 431}),
        (b"GET /api/health HTTP/1.1\r\n" + HEAD + b"X-A: " + b"a" * 500_000 + b"\r\n\r\n", {200, 400, 431}),
        (b"GET /api/health HTTP/1.1\r\n" + HEAD + b"".join(b"X-%d: a\r\n" % i for i in range(20_000)) + b"\r\n", {200, 400, 431}),
        (b"GET /api/health HTTP/1.1\r\n" + HEAD + b"X-A: b\r\n c\r\n\r\n", {200, 400}),
        (b"GET /api/health HTTP/1.1\r\n" + HEAD + b"X-Trace-Id: a\rSet-Cookie: x=1\r\n\r\n", {200, 400}),
        (b"GET /api/health\x00 HTTP/1.1\r\n" + HEAD + b"\r\n", {400, 404}),
        (b"GET /api/health HTTP/9.9\r\n" + HEAD + b"\r\n", {400, 505, 200}),
        (b"GET http://evil.example/api/health HTTP/1.1\r\n" + HEAD + b"\r\n", {200, 400, 404, 308}),
        (b"GET /api/health HTTP/1.1\r\n\r\n", {200, 400}),
        (b"GET /api/health HTTP/1.1\r\n" + HEAD + HEAD + b"\r\n", {200, 400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505, 404, 405}),
    ],
    ids=[
        "long query",
        "long path",
        "long header",
        "many headers",
        "folded header",
        "lone CR",
        "NUL in path",
        "version",
        "absolute",
        "no host",
        "two hosts",
        "TLS",
        "HTTP/2",
    ],
)
def test_requests_that_are_hardly_any_are_answered_once_and_do_no_harm(server, payload, allowed):
    said = raw(server, payload)
    assert set(statuses(said)) <= allowed and len(statuses(said)) <= 1, said[:300]
    assert b"set-cookie" not in said.lower() and b"evil.example" not in said
    assert server.knock("GET", "/api/health").status == 200


SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HEAD + b"\r\n"


@pytest.mark.server
@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 0\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
    ],
)
@pytest.mark.parametrize("path", [b"/api/v1/readings", b"/api/v1/auth/refresh"])
def test_no_request_hides_in_the_body_of_another(server, path, headers):
    """Two readings of one length: a proxy in front and this server must not disagree where a request ends."""
    said = raw(
        server, b"POST " + path + b" HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n" + headers + b"\r\n0\r\n\r\n" + SMUGGLED
    )
    assert not any(code >= 500 for code in statuses(said)), said[:300]
    if b"chunked\r\n" in headers and b"Content-Length" not in headers and b" :" not in headers and b"\x0b" not in headers:
        return  # chunked alone: what follows the last chunk is another request of the same sender
    assert statuses(said)[:1] == [400] or b"/smuggled" not in said, said[:500]
    assert server.knock("GET", "/api/health").status == 200
