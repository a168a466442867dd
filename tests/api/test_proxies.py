"""Whom a request counts for when proxies stand in front: only what trusted ones added is believed."""

import pytest

from api.proxies import Proxies


def scope(client="127.0.0.1", forwarded=(), proto=None, kind="http"):
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    headers += [(b"x-forwarded-proto", proto.encode())] if proto else []
    return {"type": kind, "scheme": "ws" if kind == "websocket" else "http", "client": (client, 4711), "headers": headers}


@pytest.mark.parametrize(
    ("trusted", "client", "forwarded", "caller"),
    [
        ((), "127.0.0.1", ["203.0.113.9"], "127.0.0.1"),
        (("127.0.0.1",), "198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        (("127.0.0.1",), "127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        (("127.0.0.1",), "127.0.0.1", ["10.9.9.9, 203.0.113.9"], "203.0.113.9"),
        (("127.0.0.1",), "127.0.0.1", ["10.9.9.9", "203.0.113.9"], "203.0.113.9"),
        (("127.0.0.1", "10.0.0.0/8"), "127.0.0.1", ["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        (("127.0.0.1", "10.0.0.0/8"), "127.0.0.1", ["10.1.2.4, 10.1.2.3"], "127.0.0.1"),
        (("127.0.0.1",), "127.0.0.1", [], "127.0.0.1"),
        (("127.0.0.1",), "127.0.0.1", ["not an address"], "127.0.0.1"),
        (("127.0.0.1",), "127.0.0.1", ["203.0.113.9, "], "127.0.0.1"),
        (("::1",), "::1", ["2001:db8::7"], "2001:db8::7"),
    ],
)
def test_the_caller_is_the_last_address_that_no_trusted_proxy_has(trusted, client, forwarded, caller):
    assert Proxies(trusted).seen_through(scope(client, forwarded))["client"][0] == caller


@pytest.mark.parametrize(
    ("kind", "proto", "scheme"),
    [
        ("http", "https", "https"),
        ("websocket", "https", "wss"),
        ("http", "http", "http"),
        ("http", "gopher", "http"),
        ("websocket", None, "ws"),
    ],
)
def test_the_scheme_is_what_the_caller_used(kind, proto, scheme):
    assert Proxies(("127.0.0.1",)).seen_through(scope(forwarded=["203.0.113.9"], proto=proto, kind=kind))["scheme"] == scheme


def test_the_scheme_of_a_stranger_is_not_believed():
    assert Proxies(("127.0.0.1",)).seen_through(scope("198.51.100.7", proto="https"))["scheme"] == "http"


def test_without_proxies_a_request_is_left_alone():
    given = scope(forwarded=["203.0.113.9"])
    assert Proxies(()).seen_through(given) is given
