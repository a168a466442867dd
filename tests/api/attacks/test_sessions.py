"""Nobody is taken for somebody else: sessions, tokens, keys, names, addresses, verbs."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest

from api import auth
from services import keys
from services.access import Identity
from services.config import Config
from tests.api.attacks.conftest import PASSWORD, knock
from tests.api.conftest import make
from tests.api.test_access_matrix import MACHINE, NEED_OF, example, rules
from tests.api.test_bodies import reading


def test_a_session_cookie_alone_writes_nothing_at_any_door(product):
    """A foreign page may let a browser send its cookies, but never the CSRF token."""
    user = product.store.records.user("root")
    cookie = {"cookie": f"access_token_cookie={auth.guard_of(product.flask).issue(user)['access_token']}"}
    before = (
        len(product.store.records.devices(deleted=True)),
        len(product.store.records.users()),
        len(product.store.records.entries("exports")),
    )
    for rule, method in rules(product):
        if method in ("GET", "HEAD") or NEED_OF[method, rule] == "public":
            continue
        for media in ("application/json", "text/plain", "application/x-www-form-urlencoded", ""):
            status, _, _ = knock(product, method, example(rule), cookie | {"content-type": media, "origin": "https://evil.example"}, b"[]")
            assert status == 401, (method, rule, media, status)
    assert before == (
        len(product.store.records.devices(deleted=True)),
        len(product.store.records.users()),
        len(product.store.records.entries("exports")),
    )


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "FOO", "get", "TRACE", "CONNECT", "PROPFIND", "GET "])
def test_a_verb_is_what_it_is(product, root, method):
    headers = {name.lower(): value for name, value in root.items()}
    for named in ("x-http-method-override", "x-http-method", "x-method-override"):
        status, _, _ = knock(product, method, "/api/v1/users/vic?_method=DELETE", headers | {named: "DELETE"}, b"_method=DELETE")
        assert status in (200, 405, 400, 404, 501) and product.store.records.user("vic").active
    assert knock(product, method, "/api/v1/users/vic")[0] in (401, 405, 400, 404, 501)
    assert knock(product, method, "/api/v1/alarms")[0] in (401, 405, 400, 404, 501)


def forge(claims, key, alg="HS256", **header):
    """A token made without any library's second thoughts."""

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    text = f"{part({'alg': alg, 'typ': 'JWT'} | header)}.{part(claims)}"
    digest = {"HS512": hashlib.sha512, "HS384": hashlib.sha384}.get(alg, hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(hmac.new(key.encode(), text.encode(), digest).digest()).rstrip(b'=').decode()}"


def test_a_token_is_good_in_one_form_only(product):
    key = product.config.jwt_secret_key
    good = jwt.decode(
        auth.guard_of(product.flask).issue(product.store.records.user("root"))["access_token"], options={"verify_signature": False}
    )
    now = int(time.time())
    bad = {
        "another algorithm": forge(good, key, "HS512"),
        "RS256 with our secret": forge(good, key, "RS256"),
        "none": forge(good, key, "none"),
        "NONE": forge(good, "", "nOnE"),
        "an empty key": forge(good, ""),
        "a key named by path": forge(good, "", kid="../../dev/null"),
        "a key it brings itself": forge(good, "k", jwk={"kty": "oct", "k": "aw"}),
        "a key from elsewhere": forge(good, "k", jku="http://evil"),
        "critical": forge(good, key, crit=["exp"], exp=1),
        "not yet": forge(good | {"nbf": now + 3600}, key),
        "of the future": forge(good | {"iat": now + 3600, "nbf": now + 3600}, key),
        "without an end": forge({k: v for k, v in good.items() if k != "exp"}, key),
        "endless": forge(good | {"exp": "never"}, key),
        "of a list": forge(good | {"sub": ["root"]}, key),
        "of a number": forge(good | {"sub": 1}, key),
        "of everybody": forge(good | {"sub": "%"}, key),
        "of nobody": forge(good | {"sub": None}, key),
        "another site": forge(good | {"site": "south"}, key),
        "no site": forge({k: v for k, v in good.items() if k != "site"}, key),
        "no id": forge(good | {"jti": None}, key),
        "an id that is a list": forge(good | {"jti": ["x"]}, key),
        "refresh": forge(good | {"type": "refresh"}, key),
        "no type": forge(good | {"type": None}, key),
        "no stamp": forge(good | {"stamp": None}, key),
        "not an object": forge([], key),
        "a text": forge("root", key),
        "cut": forge(good, key)[:-5],
        "nothing": "..",
        "long": forge(good | {"x": "a" * 100_000}, "other"),
        "surrogate": forge(good | {"sub": "\ud800"}, key),
    }
    assert knock(product, "GET", "/api/v1/users", {"authorization": f"Bearer {forge(good, key)}"})[0] == 200
    for why, token in bad.items():
        for method, path in (("GET", "/api/v1/users"), ("POST", "/api/v1/readings"), ("GET", "/api/v1/devices/bess01/latest")):
            status = knock(product, method, path, MACHINE | {"authorization": f"Bearer {token}"}, b"[]")[0]
            assert status == 401, (why, path, status)


def test_a_key_of_another_site_is_refused(product, tmp_path):
    """Even where the sites share one database."""
    _, secret = keys.issue(product.store, Identity("root", ("admin",)), "south", name="theirs", scopes=["ingest", "read"])
    for method, path in (("POST", "/api/v1/readings"), ("GET", "/api/v1/alarms"), ("POST", "/write")):
        assert knock(product, method, path, {"x-api-key": secret, "content-type": "application/json"}, b"[]")[0] == 401


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-real-ip", "forwarded", "client-ip", "x-client-ip", "true-client-ip"])
def test_no_header_makes_a_caller_somebody_else(tmp_path, header):
    made = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=5, rate_limit_ingest=5))
    try:
        for path, method in (("/api/v1/alarms", "GET"), ("/api/v1/readings", "POST"), ("/api/v1/devices/x/latest", "GET")):
            seen = [knock(made, method, path, MACHINE | {header: f"10.0.0.{i}"}, json.dumps([reading()]).encode())[0] for i in range(8)]
            assert seen[-1] == 429, (path, seen)
        guess = {"username": "admin", "password": "wrong password"}
        client = made.flask.test_client()
        made.context.limiter._limits["api"] = 0
        seen = [client.post("/api/v1/auth/login/json", json=guess, headers={header: f"10.0.0.{i}"}).status_code for i in range(7)]
        assert seen[-1] == 429
    finally:
        made.store.close()


@pytest.mark.parametrize(
    "name",
    [
        "\u0430dmin",
        "adm\u0456n",
        "admin\u200b",
        "\uff41dmin",
        "admin ",
        " admin",
        "admin\u00ad",
        "a\u0301dmin",
        "Root",
        "ROOT",
        "root\x00",
        "root\n",
        "../root",
        "<b>root",
        "root'--",
    ],
)
def test_nobody_may_be_called_almost_like_somebody(product, client, root, name):
    answer = client.post("/api/v1/users", json={"username": name, "password": "battery staple horse", "roles": ["viewer"]}, headers=root)
    assert answer.status_code in (409, 422)
    assert client.post("/api/v1/auth/login/json", json={"username": name, "password": PASSWORD}).status_code in (401, 422)
