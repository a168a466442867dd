"""Protected mode, door by door: every route there is × every role, asked through the ASGI front as a client would."""

import asyncio
from dataclasses import replace

import pytest

from api import auth
from plant.model import User
from services import keys
from services.access import ROLES, Identity
from services.config import Config
from services.keys import GRANTABLE
from tests.api.conftest import make

# Written from CONTRACT §1 and DECISIONS, not from the declarations: a route that is not here fails the test.
NEEDS = {
    "public": """/health /health/live /health/ready /health/detailed /api/health /api/v1/health /openapi.json /docs /redoc /docs/errors
        /ping /docs/assets/<name> /login /assets/<path:filename> /_favicon.ico
        /_dash-component-suites/<string:package_name>/<path:fingerprinted_path>
        /kiosk /kiosk/<token> POST:/api/v1/auth/login POST:/api/v1/auth/login/json POST:/api/v1/auth/refresh""",
    "self": "/api/v1/auth/me POST:/api/v1/auth/logout PUT:/api/v1/auth/password",
    "command": "POST:/api/v1/commands/<device_id> POST:/api/v1/fleet/<site_id>/allocation",
    "respond": "/api/v1/commands/<device_id>/next POST:/api/v1/commands/<device_id>/<command_id>/response",
    "simulate": """POST:/api/v1/simulate POST:/simulate POST:/api/v1/coordinate POST:/coordinate POST:/api/v1/plan
        /api/v1/settlement/replay""",
    "read": """/api/v1/prices /api/v1/twin/<device_id> /api/v1/fleet/<site_id>/allocation/current
        /api/v1/devices /api/v1/devices/<device_id> /api/v1/devices/<device_id>/safety
        /api/v1/telemetry/<device_id> /api/v1/telemetry/<device_id>/latest /api/v1/telemetry/<device_id>/summary
        /api/v1/telemetry/<device_id>/alarms /api/v1/fleet/status /fleet/status /api/v1/fleet/<site_id>/status
        /api/v1/fleet/<site_id>/summary /api/v1/fleet/<site_id>/devices /api/v1/fleet/<site_id>/alarms
        /api/v1/fleet/<site_id>/performance /api/v1/commands/<device_id> /api/v1/commands/<device_id>/<command_id>
        /api/v1/metrics/catalogue /api/v1/devices/<device_id>/latest /api/v1/alarms /api/v1/alarms/<alarm_id> /api/v1/annotations
        /api/v1/annotations/<annotation_id> /api/v1/foreign /grafana/ POST:/grafana/search POST:/grafana/metrics POST:/grafana/variable
        POST:/grafana/query POST:/grafana/annotations POST:/grafana/tag-keys POST:/grafana/tag-values
        /api/v1/series /api/v1/vectors /api/v1/pv/days /api/v1/forecasts /api/v1/settlement /metrics
        /api/vehicles /api/vehicles/<vin>/latest /api/vehicles/<vin>/summary /api/vehicles/<vin>/anomalies /api/vehicles/<vin>/history
        /api/telemetry/latest /api/telemetry/summary /bms/<device_id>/stream /pcs/<device_id>/stream /bess/<device_id>/stream
        /bms/devices /pcs/devices /bess/devices /bms/<device_id> /pcs/<device_id> /bess/<device_id>
        /api/battery-data/latest /api/battery-data/history /api/battery-performance/latest /api/battery-performance/history
        /api/battery-prediction/latest /api/battery-prediction/history /api/dashboard
        /api/v1/system/overview /api/v1/system/topology /api/v1/bess/<bess_number> /api/v1/bess/alert/rack/<rack_number>
        /api/v1/pcs/<pcs_number> /api/v1/pcs/alert /api/v1/meters /api/v1/meters/aux /api/v1/inverter
        /api/v1/config/sidebar /api/v1/config/header
        /api/v1/schedule /api/v1/schedule/income/daily /api/v1/schedule/income/monthly /api/v1/schedule/exec-rate
        /api/v1/analysis/power-loss /api/v1/analysis/power-io /api/v1/analysis/freq-power
        /_reload-hash""",
    "panels": """/ /<path:path> /_dash-layout /_dash-dependencies POST:/_dash-update-component POST:/api/v1/screens/heartbeat
        /panels/<panel_id>.png""",
    "users": """/api/v1/users POST:/api/v1/users /api/v1/users/<username> PUT:/api/v1/users/<username> DELETE:/api/v1/users/<username>""",
    "keys": "/api/v1/keys POST:/api/v1/keys DELETE:/api/v1/keys/<id>",
    "links": "/api/v1/kiosk-links POST:/api/v1/kiosk-links DELETE:/api/v1/kiosk-links/<id> /api/v1/screens",
    "audit": "/api/v1/audit",
    "settings": """/api/v1/notifications /api/v1/notifications/rules POST:/api/v1/notifications/rules
        PUT:/api/v1/notifications/rules/<id> DELETE:/api/v1/notifications/rules/<id> POST:/api/v1/notifications/rules/<id>/test""",
    "devices": """POST:/api/v1/devices POST:/api/v1/devices/register POST:/devices/register
        PUT:/api/v1/devices/<device_id> DELETE:/api/v1/devices/<device_id>""",
    "safety": "PUT:/api/v1/devices/<device_id>/safety",
    "schedule": """POST:/api/v1/schedule/events POST:/api/v1/schedule/events/import
        PUT:/api/v1/schedule/events/<index> DELETE:/api/v1/schedule/events/<index>
        PUT:/api/v1/prices POST:/api/v1/plan/<plan_id>/accept""",
    "export": """/panels/<panel_id>.csv /panels/<panel_id>.xlsx /panels/<panel_id>.parquet /panels/<panel_id>.receipt.json
        POST:/api/v1/exports /api/v1/exports /api/v1/exports/<export_id> /api/v1/exports/<export_id>/file
        DELETE:/api/v1/exports/<export_id>
        POST:/api/v1/reports /api/v1/reports /api/v1/reports/<report_id> /api/v1/reports/<report_id>/file
        DELETE:/api/v1/reports/<report_id>""",
    "alarms": "POST:/api/v1/alarms/<alarm_id>/ack POST:/api/v1/alarms/<alarm_id>/shelve",
    "annotate": """POST:/api/v1/alarms/<alarm_id>/comment POST:/api/v1/annotations PUT:/api/v1/annotations/<annotation_id>
        DELETE:/api/v1/annotations/<annotation_id>""",
    "ingest": """POST:/api/battery-data POST:/api/battery-performance POST:/api/battery-prediction
        POST:/api/v1/telemetry/store POST:/telemetry/store POST:/api/v1/telemetry/<device_id>
        POST:/api/v1/readings POST:/api/v2/write POST:/write POST:/api/v1/collectd POST:/api/telemetry POST:/api/telemetry/ingest""",
}
HOLDERS = {
    "public": {"", "viewer", "analyst", "operator", "admin", "device", "kiosk"},
    "self": {"viewer", "analyst", "operator", "admin", "device", "kiosk"},
    "read": {"viewer", "analyst", "operator", "admin"},
    "panels": {"viewer", "analyst", "operator", "admin", "kiosk"},
    "users": {"admin"},
    "keys": {"admin"},
    "links": {"admin"},
    "audit": {"admin"},
    "settings": {"admin"},
    "export": {"analyst", "operator", "admin"},
    "annotate": {"analyst", "operator", "admin"},
    "alarms": {"operator", "admin"},
    "ingest": {"operator", "admin", "device"},
    "respond": {"operator", "admin", "device"},
    "command": {"operator", "admin"},
    "simulate": {"analyst", "operator", "admin"},
    "devices": {"operator", "admin"},
    "safety": {"operator", "admin"},
    "schedule": {"operator", "admin"},
}
NEED_OF = {
    (call.partition(":")[0], call.partition(":")[2]) if call.startswith(("POST:", "PUT:", "DELETE:")) else ("GET", call): need
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
            message = next(sent, None)
            if message is None:  # a client that stays until it is answered
                await asyncio.wait({said}, timeout=20)
            return message or {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.start" and not said.done():
                said.set_result(message["status"])

        await product.asgi(scope("http", path, headers | {"content-length": str(len(body))}, method=method, scheme="http"), receive, send)
        return said.result() if said.done() else 0  # 0: it was let in and left while it waited

    return asyncio.run(call())


def rules(product):
    return [(rule.rule, method) for rule in product.flask.url_map.iter_rules() for method in sorted(rule.methods - {"HEAD", "OPTIONS"})]


def example(rule: str) -> str:
    for part in ("<name>", "<path:filename>", "<path:fingerprinted_path>", "<string:package_name>", "<path:path>", "<panel_id>"):
        rule = rule.replace(part, "nothing")
    rule = rule.replace("/next", "/next?wait=0")
    rule = rule.replace("<command_id>", "cmd_0").replace("<site_id>", "nowhere")
    return rule.replace("<vin>", "VIN-NOBODY").replace("<device_id>", "nobody")


def test_the_table_here_names_every_route_there_is(product):
    assert sorted(set(rules(product)) ^ {(rule, method) for method, rule in NEED_OF}) == []


def is_shut(product, rule: str, method: str, headers: dict[str, str], device: str = "nobody") -> bool:
    """Whether the guard turns this request away (with whatever it would be answered otherwise)."""
    accept = {"accept": "text/html", "x-requested-with": "x"} if rule == "/" else MACHINE
    path = example(rule).replace("nobody", device)
    status = knock(product, method, path, accept | headers, b"[]" if method in ("POST", "PUT") else b"")
    if rule in ("/kiosk/<token>", "/api/v1/auth/refresh"):  # these judge another token than the guard's
        return status == 403
    return status in (401, 403, 303)


@pytest.mark.parametrize("permission", sorted(GRANTABLE))
def test_a_key_opens_the_routes_of_its_scopes_and_no_other(product, permission):
    admin = Identity("admin01", ("admin",))
    _, secret = keys.issue(product.store, admin, product.config.site_id, name=f"only {permission}", scopes=[permission])
    wrong = [
        (method, rule, NEED_OF[method, rule])
        for rule, method in rules(product)
        if is_shut(product, rule, method, {"x-api-key": secret}) != (NEED_OF[method, rule] not in ("public", permission))
    ]
    assert wrong == []


def test_a_key_for_some_devices_opens_only_what_names_them(product):
    admin = Identity("admin01", ("admin",))
    asked = {"scopes": ["read", "command", "respond"], "devices": ["bess01"]}
    _, secret = keys.issue(product.store, admin, product.config.site_id, name="some devices", **asked)
    headers = {"x-api-key": secret}
    for rule, method in rules(product):
        if NEED_OF[method, rule] in asked["scopes"]:
            assert is_shut(product, rule, method, headers, "bess02"), (method, rule)
            assert is_shut(product, rule, method, headers, "bess01-rack01") == ("<device_id>" not in rule), (method, rule)
    assert knock(product, "GET", "/api/v1/series?device=bess01,bess02&metric=soc", MACHINE | headers) == 403
    assert knock(product, "GET", "/api/v1/series?device=bess01&device=bess02&metric=soc", MACHINE | headers) == 403
    assert knock(product, "GET", "/api/v1/series?device=bess01&metric=soc", MACHINE | headers) not in (401, 403)
    assert knock(product, "GET", "/api/v1/alarms", MACHINE | headers) == 403


def test_a_kiosk_link_opens_panels_and_nothing_else(product):
    _, link = auth.guard_of(product.flask).kiosk.issue("admin01", name="Wall", pages=["/"])
    wrong = [
        (method, rule, NEED_OF[method, rule])
        for rule, method in rules(product)
        if is_shut(product, rule, method, {"x-kiosk-link": link}) != (NEED_OF[method, rule] not in ("public", "panels"))
    ]
    assert wrong == []


def test_open_mode_leaves_reading_and_sending_open_and_shuts_the_rest(tmp_path):
    made = make(Config(database_url="memory://", data_dir=tmp_path, auth_mode="open", rate_limit=0, rate_limit_ingest=0))
    # CONTRACT §1: what the documents leave open is open; commands, user, key and settings changes always need a token
    left_open = {"public", "read", "panels", "export", "annotate", "simulate", "ingest", "respond", "devices"}
    wrong = [
        (method, rule, NEED_OF[method, rule])
        for rule, method in rules(made)
        if is_shut(made, rule, method, {}) != (NEED_OF[method, rule] not in left_open)
    ]
    made.store.close()
    assert wrong == []


@pytest.mark.parametrize("role", ["", *ROLES])
def test_every_route_opens_for_the_roles_that_hold_its_permission_and_for_no_other(product, role):
    wrong = []
    for rule, method in rules(product):
        need = NEED_OF[method, rule]
        headers = (MACHINE if rule != "/" else {"accept": "text/html"} | {"x-requested-with": "x"}) | token(product, role)
        path = example(rule).replace("nobody", "device01" if role == "device" else "nobody")  # a device answers for itself only
        status = knock(product, method, path, headers, b"[]" if method == "POST" else b"")
        if role in HOLDERS[need]:
            # these two judge another token than the guard's
            shut = status in (401, 403, 303) and not (rule == "/api/v1/auth/refresh" and status == 401 or rule == "/kiosk/<token>")
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
