"""Protected mode, door by door: every route there is × every role, asked through the ASGI front as a client would."""

import asyncio
from dataclasses import replace

import pytest

from api import auth
from plant.model import User
from services.access import ROLES
from services.config import Config
from tests.api.conftest import make

# Written from CONTRACT §1 and DECISIONS, not from the declarations: a route that is not here fails the test.
NEEDS = {
    "public": """/health /health/live /health/ready /health/detailed /api/health /api/v1/health /openapi.json /docs /redoc /docs/errors
        /docs/assets/<name> /login /assets/<path:filename> /_favicon.ico
        /_dash-component-suites/<string:package_name>/<path:fingerprinted_path>
        POST:/api/v1/auth/login POST:/api/v1/auth/login/json POST:/api/v1/auth/refresh""",
    "self": "/api/v1/auth/me POST:/api/v1/auth/logout",
    "read": """/api/v1/metrics/catalogue /api/v1/devices/<device_id>/latest /api/v1/alarms /api/v1/series /metrics /api/vehicles
        /api/vehicles/<vin>/latest /api/vehicles/<vin>/summary /api/vehicles/<vin>/anomalies /api/vehicles/<vin>/history
        /api/telemetry/latest /api/telemetry/summary /bms/<device_id>/stream /pcs/<device_id>/stream
        / /<path:path> /_dash-layout /_dash-dependencies POST:/_dash-update-component /_reload-hash""",
    "export": "/panels/<panel_id>.csv",
    "ingest": "POST:/api/v1/readings POST:/api/telemetry POST:/api/telemetry/ingest",
}
HOLDERS = {
    "public": {"", "viewer", "analyst", "operator", "admin", "device", "kiosk"},
    "self": {"viewer", "analyst", "operator", "admin", "device", "kiosk"},
    "read": {"viewer", "analyst", "operator", "admin"},
    "export": {"analyst", "operator", "admin"},
    "ingest": {"operator", "admin", "device"},
}
NEED_OF = {
    (call.partition(":")[0], call.partition(":")[2]) if call.startswith("POST:") else ("GET", call): need
    for need, calls in NEEDS.items()
    for call in calls.split()
}
MACHINE = {"accept": "application/json", "content-type": "application/json"}


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    made = make(Config(database_url="memory://", data_dir=tmp_path_factory.mktemp("matrix"), auth_mode="protected", rate_limit=0,
                       rate_limit_ingest=0, auto_register=True))  # fmt: skip
    for role in ROLES:
        made.store.records.put_user(User(f"{role}01", "x", (role,)))
    yield made
    made.store.close()


def token(product, role: str) -> dict[str, str]:
    if not role:
        return {}
    guard = auth.guard_of(product.flask)
    user = product.store.records.user(f"{role}01")
    return {"authorization": f"Bearer {guard.issue(user)['access_token']}"}


def scope(kind: str, path: str, headers: dict[str, str], **more):
    raw, _, query = path.partition("?")
    return {"type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1", "path": raw, "raw_path": raw.encode(),
    "query_string": query.encode(),
            "root_path": "", "headers": [(k.encode(), v.encode()) for k, v in headers.items()], "client": ("127.0.0.1", 1),
            "server": ("x", 80),
            **more}  # fmt: skip


def knock(product, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> int:
    """The status a client gets from the ASGI application."""

    async def call() -> int:
        said = asyncio.get_running_loop().create_future()
        sent = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive():
            return next(sent, {"type": "http.disconnect"})

        async def send(message):
            if message["type"] == "http.response.start" and not said.done():
                said.set_result(message["status"])

        await product.asgi(scope("http", path, headers | {"content-length": str(len(body))}, method=method, scheme="http"), receive, send)
        return await said

    return asyncio.run(call())


def rules(product):
    return [(rule.rule, method) for rule in product.flask.url_map.iter_rules() for method in sorted(rule.methods - {"HEAD", "OPTIONS"})]


def example(rule: str) -> str:
    for part in ("<name>", "<path:filename>", "<path:fingerprinted_path>", "<string:package_name>", "<path:path>", "<panel_id>"):
        rule = rule.replace(part, "nothing")
    return rule.replace("<vin>", "VIN-NOBODY").replace("<device_id>", "nobody")


def test_the_table_here_names_every_route_there_is(product):
    assert sorted(set(rules(product)) ^ {(rule, method) for method, rule in NEED_OF}) == []


@pytest.mark.parametrize("role", ["", *ROLES])
def test_every_route_opens_for_the_roles_that_hold_its_permission_and_for_no_other(product, role):
    wrong = []
    for rule, method in rules(product):
        need = NEED_OF[method, rule]
        headers = (MACHINE if rule != "/" else {"accept": "text/html"} | {"x-requested-with": "x"}) | token(product, role)
        status = knock(product, method, example(rule), headers, b"[]" if method == "POST" else b"")
        if role in HOLDERS[need]:
            shut = status in (403, 303) or (status == 401 and rule != "/api/v1/auth/refresh")  # that one asks for another token
        else:
            shut = status not in ((401, 303) if not role else (403,))
        if shut:
            wrong.append((method, rule, need, status))
    assert wrong == []


WAYS_IN = ["no token", "garbage", "alg none", "wrong key", "expired", "revoked", "a refresh token", "a cookie",
           "a cookie without its CSRF token",
           "the token of a disabled user", "the token of a former password", "no subject"]  # fmt: skip


def credentials(product, way: str) -> dict[str, str]:
    import base64
    import json
    import time

    import jwt

    guard = auth.guard_of(product.flask)
    records = product.store.records
    user = records.user("operator01")
    good = guard.issue(user)
    claims = jwt.decode(good["access_token"], options={"verify_signature": False})
    key = product.config.jwt_secret_key
    match way:
        case "no token":
            return {}
        case "garbage":
            made = "a.b.c"
        case "alg none":
            parts = [
                base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in ({"alg": "none", "typ": "JWT"}, claims)
            ]
            made = f"{parts[0]}.{parts[1]}."
        case "wrong key":
            made = jwt.encode(claims, "another key of at least 32 characters", "HS256")
        case "expired":
            made = jwt.encode(claims | {"exp": int(time.time()) - 5}, key, "HS256")
        case "no subject":
            made = jwt.encode({k: v for k, v in claims.items() if k != "sub"}, key, "HS256")
        case "revoked":
            made = good["access_token"]
            guard.revoke(claims)
        case "a refresh token":
            made = good["refresh_token"]
        case "a cookie":
            return {"cookie": f"access_token_cookie={good['access_token']}", "x-csrf-token": claims["csrf"]}
        case "a cookie without its CSRF token":
            return {"cookie": f"access_token_cookie={good['access_token']}"}
        case "the token of a disabled user":
            records.put_user(User("gone", "y", ("operator",)))
            made = guard.issue(records.user("gone"))["access_token"]
            records.put_user(replace(records.user("gone"), active=False))
        case _:
            records.put_user(User("renewed", "old", ("operator",)))
            made = guard.issue(records.user("renewed"))["access_token"]
            records.put_user(replace(records.user("renewed"), password_hash="new"))
    return {"authorization": f"Bearer {made}"}


@pytest.mark.parametrize("path", ["/api/v1/readings", "/_dash-update-component"])
@pytest.mark.parametrize("way", WAYS_IN)
def test_only_a_token_that_is_whole_fresh_and_meant_for_access_opens(product, way, path):
    status = knock(product, "POST", path, MACHINE | credentials(product, way), b"[]")
    if way == "a cookie":
        assert status not in (401, 403)
    else:
        assert status == (403 if way == "the token of a disabled user" else 401)


def connect(product, headers: dict[str, str]) -> str:
    """What a WebSocket handshake gets: `websocket.accept` or `websocket.close`."""

    async def call() -> str:
        told = iter([{"type": "websocket.connect"}])
        said: list[str] = []

        async def receive():
            return next(told, {"type": "websocket.disconnect", "code": 1000})

        async def send(message):
            said.append(message["type"])

        product.asgi.hub.open(asyncio.get_running_loop())
        await product.asgi(scope("websocket", "/ws/screen", {"host": "plant.local"} | headers, scheme="ws", subprotocols=[]), receive, send)
        return said[0]

    return asyncio.run(call())


@pytest.mark.parametrize("role", ["", *ROLES])
def test_a_socket_opens_for_who_may_see_panels(product, role):
    seen = connect(product, token(product, role)) == "websocket.accept"
    assert seen == (role in {"viewer", "analyst", "operator", "admin", "kiosk"})


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://plant.local.evil.example", "http://evil.example/plant.local", "file://"]
)
def test_a_page_of_another_origin_gets_no_socket_even_with_a_session(product, origin):
    assert connect(product, token(product, "admin") | {"origin": origin}) == "websocket.close"
    assert connect(product, token(product, "admin") | {"origin": "http://plant.local"}) == "websocket.accept"


def test_a_device_may_not_send_for_its_neighbour(product):
    import json

    rows = [
        {"device_id": device, "timestamp": 1_769_256_300_000, "values": {"soc": 50.0}}
        for device in ("device01", "device01-rack1", "device02")
    ]
    headers = MACHINE | token(product, "device")
    assert knock(product, "POST", "/api/v1/readings", headers, json.dumps(rows[:2]).encode()) == 200
    assert knock(product, "POST", "/api/v1/readings", headers, json.dumps(rows).encode()) == 403
