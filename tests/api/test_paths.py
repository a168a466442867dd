"""Which face a path shows to whom: Accept headers, methods, slashes, encodings, origins."""

import pytest

from services.config import Config
from tests.api.conftest import flask_door, make

BROWSER = ["text/html", "TEXT/HTML", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json, text/html;q=0.1"]
MACHINE = [
    "",
    "*/*",
    "application/json",
    "text/html;q=0",
    "text/html;q=0, */*",
    "text/htmlx",
    "text/*",
    "application/xhtml+xml",
    "junk;;;q=x",
]


@pytest.mark.parametrize("accept", BROWSER)
def test_who_names_html_gets_pages(door, accept):
    assert door("GET", "/", Accept=accept).headers["content-type"].startswith("text/html")
    lost = door("GET", "/no-such-page", Accept=accept)
    assert (lost.status, lost.headers["content-type"][:9]) == (404, "text/html")


@pytest.mark.parametrize("accept", MACHINE)
def test_everybody_else_gets_json(door, accept):
    assert door("GET", "/", Accept=accept).json["service"] == "Voltdeck"
    lost = door("GET", "/no-such-page", Accept=accept)
    assert (lost.status, lost.json["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/health/", "/api/health"),
        ("/api//health", "/api/health"),
        ("/health/", "/health"),
        ("/docs/", "/docs"),
        ("/api/vehicles/?limit=5&x=%2F", "/api/vehicles?limit=5&x=%2F"),
        ("/api/v1/devices/a%20b/latest/", "/api/v1/devices/a%20b/latest"),
    ],
)
def test_slashes_too_many_lead_to_the_path_without(door, path, target):
    reply = door("GET", path)
    assert (reply.status, reply.headers["location"]) == (308, target)


def test_a_batch_sent_with_a_slash_too_many_keeps_method_and_body(door):
    reply = door("POST", "/api/telemetry/", "[]")
    assert (reply.status, reply.headers["location"]) == (308, "/api/telemetry")


@pytest.mark.parametrize("path", ["/api/no/such/", "/api//no//such", "/ws//x/", "/bms//a//b//stream"])
def test_slashes_do_not_make_a_path_exist(door, path):
    assert (door("GET", path).status, door("GET", path).json["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.server
@pytest.mark.parametrize("path", ["//evil.example/", "//evil.example/%2e%2e", "//evil.example/api/health/", "/%5Cevil.example/"])
def test_no_redirect_leads_to_another_host(server, path):
    target = server.knock("GET", path).headers.get("location", "/")
    assert target.startswith("/") and not target.startswith("//")


METHODS = [
    ("/", "GET, HEAD, OPTIONS"),
    ("/api/health", "GET, HEAD, OPTIONS"),
    ("/api/telemetry", "OPTIONS, POST"),
    ("/api/v1/auth/login/json", "OPTIONS, POST"),
    ("/bms/x/stream", "GET, HEAD, OPTIONS"),
    ("/api/v1/devices/register", "OPTIONS, POST"),  # nobody's device_id
    ("/api/v1/devices/x", "DELETE, GET, HEAD, OPTIONS, PUT"),
]


@pytest.mark.parametrize(("path", "methods"), METHODS)
def test_options_lists_what_a_path_answers(door, path, methods):
    reply = door("OPTIONS", path)
    assert (reply.status, reply.headers["allow"], reply.body) == (204, methods, b"")


@pytest.mark.parametrize("path", ["/api/v1/devices/register", "/api/v1/telemetry/store", "/api/v1/schedule/events/import"])
def test_a_path_of_its_own_is_no_parameter_of_another(door, path):
    for method in ("GET", "PUT", "DELETE"):
        reply = door(method, path)
        assert (reply.status, reply.headers["allow"], reply.json["error"]["code"]) == (405, "OPTIONS, POST", "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("path", ["/api/telemetry", "/bms/x/stream", "/api/v1/readings", "/api/v1/devices/x/latest"])
def test_a_preflight_is_answered_for_native_paths_too(door, path):
    reply = door(
        "OPTIONS", path, Origin="http://hmi.local", Access_Control_Request_Method="GET", Access_Control_Request_Headers="authorization"
    )
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (204, "*")
    assert reply.headers["access-control-allow-headers"] == "authorization"


@pytest.mark.parametrize("path", ["/health", "/api/health", "/docs", "/openapi.json"])
def test_head_says_what_get_would_without_a_body(door, path):
    reply = door("HEAD", path)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-type"] == door("GET", path).headers["content-type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_stream_is_only_for_getting(door, method):
    assert door(method, "/bms/x/stream").status == 405


ODD_PARTS = ["%C3%BC%F0%9F%9A%97", "%ff%fe", "%00", "%0d%0aSet-Cookie:x", "%2e%2e", "no%20body", "'%20OR%201=1--", "%u0041", "a" * 3000]


@pytest.mark.parametrize("part", ODD_PARTS)
@pytest.mark.parametrize("path", ["/api/vehicles/{}/latest", "/api/v1/devices/{}/latest", "/api/vehicles/{}/history"])
def test_a_name_however_odd_is_just_unknown(either, path, part):
    reply = either("GET", path.format(part))
    assert (reply.status, reply.json["error"]["code"]) == (404, "DEVICE_NOT_FOUND")
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    "path", ["/docs/assets/..%2f..%2fapp.py", "/docs/assets/%2e%2e%2fcontract.py", "/assets/..%2f..%2fapp.py", "/assets/../app.py"]
)
def test_no_path_leads_out_of_the_assets(either, path):
    assert either("GET", path).status == 404


def origin(folder, **settings):
    product = make(Config(database_url="memory://", data_dir=folder, **settings))
    door = flask_door(product)
    found = {o: door("GET", "/api/health", Origin=o).headers for o in ("https://hmi.example", "https://evil.example", "null")}
    product.store.close()
    return {o: headers.get("access-control-allow-origin") for o, headers in found.items()}


def test_production_lets_no_foreign_page_read_but_the_listed(tmp_path):
    secure = {"app_env": "production", "auth_mode": "protected"}
    assert set(origin(tmp_path, **secure).values()) == {None}
    listed = origin(tmp_path, cors_origins=("https://hmi.example",), **secure)
    assert listed == {"https://hmi.example": "https://hmi.example", "https://evil.example": None, "null": None}
    assert set(origin(tmp_path, cors_origins=("*",), **secure).values()) == {"*"}


def test_a_listed_origin_may_send_cookies_a_wildcard_never(tmp_path):
    for origins, credentials in ((("https://hmi.example",), "true"), (("*",), None)):
        product = make(Config(database_url="memory://", data_dir=tmp_path, cors_origins=origins))
        headers = flask_door(product)("GET", "/api/health", Origin="https://hmi.example").headers
        assert headers.get("access-control-allow-credentials") == credentials
        product.store.close()


def test_caches_are_told_that_an_answer_varies_by_origin_and_by_encoding(tmp_path):
    product = make(Config(database_url="memory://", data_dir=tmp_path, cors_origins=("https://hmi.example",)))
    headers = flask_door(product)("GET", "/openapi.json", Origin="https://hmi.example", Accept_Encoding="gzip").headers
    assert headers["content-encoding"] == "gzip"
    assert {part.strip() for part in headers["vary"].split(",")} == {"Origin", "Accept-Encoding"}
    product.store.close()


def test_the_date_is_left_to_the_server_also_with_a_tag(tmp_path):
    product = make(Config(database_url="memory://", data_dir=tmp_path))
    headers = flask_door(product)("GET", "/openapi.json", Accept_Encoding="gzip").headers
    assert "etag" in headers and "date" not in headers  # uvicorn writes one: two would be refused by strict proxies
    product.store.close()


def test_alarms_before_1970_can_be_asked_for(door):
    assert door("GET", "/api/v1/alarms?to=0").json == {"alarms": [], "next": None}
    assert door("GET", "/api/v1/alarms?from=-5&to=-1").json == {"alarms": [], "next": None}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/alarms?from=0001-01-01T00:00:00%2B14:00",
        "/api/v1/series?device=x&metric=soc&from=0001-01-01T00:00:00%2B14:00&to=2",
        "/api/vehicles/VIN-DEMO-001/summary?from_ts=0001-01-01T00:00:00%2B14:00&to_ts=9999-12-31T23:59:59-14:00",
    ],
)
def test_instants_past_the_ends_of_the_calendar_are_unprocessable(door, path):
    assert door("GET", path).status == 422
