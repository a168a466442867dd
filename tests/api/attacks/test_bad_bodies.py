"""No body is a fault of the server, at whatever door: nonsense, bombs, other types."""

import gzip
import json
import re
import time
import zlib

import pytest

from api.contract import Ingest, Operation
from tests.api.attacks.conftest import knock
from tests.api.test_bodies import reading


def writes(product):
    """Every operation that takes a JSON body: (method, path with ids that may exist)."""
    for operation in product.context.operations:
        has_body = isinstance(operation, Ingest) or (isinstance(operation, Operation) and operation.body is not None)
        if has_body and not operation.path.startswith("/api/v1/auth"):
            yield operation, operation.method, re.sub(r"{\w+}", "bess01", operation.path.replace("{index}", "1"))


NONSENSE = {
    "lists in lists": b"[" * 200_000 + b"]" * 200_000,
    "objects in objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a number without end": b'{"a": ' + b"9" * 100_000 + b"}",
    "a number past all": b'[{"device_id":"x","timestamp":1e999,"values":{"soc":1e999}}]',
    "not a number": b"[NaN]",
    "minus nothing": b"-",
    "a key twice": b'{"a":1,"a":2,"username":"x","username":"y"}',
    "very many keys": None,
    "nothing": b"",
    "null": b"null",
    "half a character": b'"\xc3"',
    "half a pair": b'{"name": "\\ud800", "device_id": "\\udfff"}',
    "NUL": b"\x00" * 1000,
    "a text": b'"' + b"a" * 900_000 + b'"',
    "prototype": b'{"__proto__": {"admin": true}, "constructor": {"prototype": {}}, "__class__": "x"}',
    "utf-16": "[]".encode("utf-16"),
    "yaml": b"- !!python/object/apply:os.system ['id']",
    "xml": b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><a>&y;</a>',
}
NONSENSE["very many keys"] = b"{" + b",".join(b'"%d":0' % i for i in range(40_000)) + b"}"


@pytest.mark.parametrize("what", list(NONSENSE))
def test_no_body_is_a_fault_of_the_server(product, root, what):
    headers = {name.lower(): value for name, value in root.items()}
    for operation, method, path in writes(product):
        media = next(iter(operation.body_schema)) if isinstance(operation, Ingest) else operation.body_media
        started = time.perf_counter()
        status, _, content = knock(product, method, path, headers | {"content-type": media}, NONSENSE[what])
        assert status < 500, (what, method, path, content[:300])
        assert time.perf_counter() - started < 5, (what, method, path)
        if status >= 400:
            assert {"detail", "error"} <= json.loads(content).keys()


def test_a_bomb_goes_off_at_no_door(product, root):
    headers = {name.lower(): value for name, value in root.items()}
    plain = b" " * (200 << 20)
    bombs = {"gzip": gzip.compress(plain, 9), "deflate": zlib.compress(plain, 9)}
    bombs["x-gzip"] = gzip.compress(b"[" + b" " * 1000, 9) * 2000  # many small ones in a row
    assert max(map(len, bombs.values())) < 1 << 20
    del plain
    for operation, method, path in writes(product):
        media = next(iter(operation.body_schema)) if isinstance(operation, Ingest) else operation.body_media
        for encoding, bomb in bombs.items():
            started = time.perf_counter()
            status, _, _ = knock(product, method, path, headers | {"content-type": media, "content-encoding": encoding}, bomb)
            assert (status, time.perf_counter() - started < 3) == (413, True), (method, path, encoding)
        twice = gzip.compress(gzip.compress(b"[]"))
        for encoding in ("gzip, gzip", "gzip,deflate", "br", "zstd", "compress", "gzip"):
            status, _, _ = knock(product, method, path, headers | {"content-type": media, "content-encoding": encoding}, twice)
            assert 400 <= status < 500 or operation.path in ("/write", "/api/v2/write"), (method, path, encoding, status)


def test_a_body_packed_in_several_members_is_read_whole(client, root):
    rows = [reading(), reading()]
    whole = json.dumps(rows).encode()
    packed = gzip.compress(whole[:40]) + gzip.compress(whole[40:])
    sent = {"data": packed, "content_type": "application/json", "headers": root | {"Content-Encoding": "gzip"}}
    assert client.post("/api/v1/readings", **sent).json["accepted"] == 2
    sent["data"] = packed + b"rest"
    assert client.post("/api/v1/readings", **sent).status_code == 400


@pytest.mark.parametrize(
    "media",
    [
        "text/html",
        "multipart/form-data; boundary=x",
        "application/x-yaml",
        "application/xml",
        "image/png",
        "application/json5",
        "application/json, text/plain",
        "application/jsonp",
        "application/json;charset=utf-7",
        "é",
    ],
)
def test_a_body_of_another_type_is_not_guessed_at(product, root, media):
    headers = {name.lower(): value for name, value in root.items()}
    for _, method, path in writes(product):
        status, _, _ = knock(product, method, path, headers | {"content-type": media.encode().decode("latin-1")}, b"[]")
        assert status == 415, (method, path, status)
