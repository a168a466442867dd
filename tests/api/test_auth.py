"""Logging in and what a caller may do: S1's auth calls, cookies with CSRF, and the one guard in both modes."""

from datetime import timedelta

import flask
import pytest
from flask_jwt_extended import create_access_token

from api import auth, wsgi
from api.contract import open_context
from api.routes import auth as calls
from api.routes import root
from datastore.open import now_ms, open_store
from plant.errors import Forbidden, Unauthorized
from plant.model import User
from services.accounts import change_user, hash_password
from services.config import Config

SECRET = "correct horse"
HASH = hash_password(SECRET)  # once: it is slow on purpose
API = "/api/v1/auth"


def build(config):
    """A server with the auth operations, a page, a write nobody declared, and one view per permission under test."""
    store = open_store("memory://", "Asia/Taipei")
    for name, roles in {"ann": ["operator"], "vic": ["viewer"], "root": ["admin"], "bess01": ["device"]}.items():
        store.records.put_user(User(name, HASH, tuple(roles), f"{name}@example.com", confirmed_at=now_ms()))
    app = flask.Flask("test", static_folder=None)
    context = open_context(store, config, now_ms, (*root.OPERATIONS, *calls.OPERATIONS))
    wsgi.receive(app, context)
    guard = auth.install(app, store, config)
    context.authorize = guard.authorize
    wsgi.mount(app, context)

    def view():
        return {"who": auth.current().username}

    for name, permission in {"things": "read", "readings": "ingest", "commands": "command", "users": "users"}.items():

        def declared(permission=permission):
            return view()

        declared.permission = permission
        declared.judges_rows = permission == "ingest"
        app.add_url_rule(f"/api/v1/{name}", name, declared, methods=["GET", "POST"])
    for path in ("/bess", "/assets/shell.js", "/login", "/undeclared"):
        app.add_url_rule(path, path, view, methods=["GET", "POST"])
    return app, store


@pytest.fixture(params=["open", "protected"])
def mode(request):
    return request.param


@pytest.fixture
def server(mode):
    app, store = build(Config(auth_mode=mode))
    yield app
    store.close()


@pytest.fixture
def protected():
    app, store = build(Config(auth_mode="protected"))
    app.extensions["store"] = store
    yield app
    store.close()


@pytest.fixture
def store(protected):
    return protected.extensions["store"]


@pytest.fixture
def client(protected):
    return protected.test_client(use_cookies=False)


def log_in(client, name="ann", password=SECRET, **more):
    return client.post(f"{API}/login/json", json={"username": name, "password": password, **more})


def bearer(client, name="ann"):
    return {"Authorization": f"Bearer {log_in(client, name).json['access_token']}"}


def test_login_takes_a_form_and_answers_as_the_document_shows(server):
    answer = server.test_client().post(f"{API}/login", data={"username": "ann", "password": SECRET})
    assert answer.status_code == 200
    assert set(answer.json) == {"access_token", "refresh_token", "token_type", "expires_in", "status"}
    assert (answer.json["token_type"], answer.json["expires_in"], answer.json["status"]) == ("bearer", 1800, "success")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_login_takes_json_too(client):
    assert log_in(client).json["access_token"].count(".") == 2


def test_me_answers_as_the_document_shows(client, store):
    answer = client.get(f"{API}/me", headers=bearer(client, "root"))
    assert answer.status_code == 200
    body = answer.json
    confirmed = body.pop("confirmed_at")
    assert body == {
        "id": store.records.user("root").id,
        "username": "root",
        "email": "root@example.com",
        "active": True,
        "status": "success",
        "roles": [{"id": 1, "name": "admin", "description": "Administrator"}],
    }
    assert len(confirmed) == len("2024-01-01T00:00:00") and confirmed[10] == "T"


@pytest.mark.parametrize(("call", "path"), [("get", "/me"), ("post", "/logout")])
def test_me_and_logout_need_a_token_in_every_mode(server, call, path):
    answer = getattr(server.test_client(), call)(API + path)
    assert answer.status_code == 401
    assert answer.json["error"]["code"] == "UNAUTHORIZED" and isinstance(answer.json["detail"], str)


@pytest.mark.parametrize("body", [{"username": "ann", "password": "wrong"}, {"username": "nobody", "password": SECRET}])
def test_a_wrong_login_is_401(client, body):
    for answer in (client.post(f"{API}/login", data=body), client.post(f"{API}/login/json", json=body)):
        assert (answer.status_code, answer.json["detail"]) == (401, "Incorrect username or password")


@pytest.mark.parametrize(
    ("kwargs", "status"),
    [
        ({"json": {}}, 422),
        ({"json": {"username": "ann"}}, 422),
        ({"json": {"username": 7, "password": []}}, 422),
        ({"json": []}, 422),
        ({"data": b"{", "content_type": "application/json"}, 422),
        ({"data": b"\xff\xfe", "content_type": "application/json"}, 422),
        ({"data": b'{"username": "\\ud800", "password": "x"}', "content_type": "application/json"}, 422),
        ({"data": b"x", "content_type": "text/plain"}, 415),
        ({"data": "username=ann&password=x", "content_type": "text/plain"}, 415),
    ],
)
def test_bad_json_is_a_clear_4xx(client, kwargs, status):
    assert client.post(f"{API}/login/json", **kwargs).status_code == status


@pytest.mark.parametrize(
    ("kwargs", "status"),
    [
        ({"data": {}}, 422),
        ({"data": {"username": "ann"}}, 422),
        ({"json": {"username": "ann", "password": SECRET}}, 415),
        ({"data": b"username=%ff%fe&password=x", "content_type": "application/x-www-form-urlencoded"}, 422),
        ({"data": b"\xff=1", "content_type": "application/x-www-form-urlencoded"}, 422),
        ({"data": b"a=1&" * 1000, "content_type": "application/x-www-form-urlencoded"}, 422),
    ],
)
def test_a_bad_form_is_a_clear_4xx(client, kwargs, status):
    assert client.post(f"{API}/login", **kwargs).status_code == status


def test_a_refused_body_does_not_come_back_with_its_password(client):
    answer = client.post(f"{API}/login/json", json={"username": ["x"], "password": ["hunter2secret"]})
    assert answer.status_code == 422 and b"hunter2" not in answer.data


def test_too_many_failures_are_429_with_retry_after(client):
    for _ in range(5):
        log_in(client, password="wrong")
    answer = log_in(client)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    assert "try again" in answer.json["detail"]


def test_an_inactive_user_is_403_at_login_and_with_old_tokens(client, store):
    headers = bearer(client)
    change_user(store, "ann", active=False)
    assert log_in(client).status_code == 403
    assert client.get("/api/v1/things", headers=headers).status_code == 403


def test_a_refresh_token_works_once(client):
    pair = log_in(client).json
    fresh = client.post(f"{API}/refresh", json={"refresh_token": pair["refresh_token"]})
    assert fresh.status_code == 200
    assert client.get(f"{API}/me", headers={"Authorization": f"Bearer {fresh.json['access_token']}"}).status_code == 200
    again = client.post(f"{API}/refresh", json={"refresh_token": pair["refresh_token"]})
    assert (again.status_code, again.json["detail"]) == (401, "The token was revoked")


def test_a_refresh_token_may_be_the_bearer(client):
    token = log_in(client).json["refresh_token"]
    assert client.post(f"{API}/refresh", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"json": {}},
        {"json": {"refresh_token": "nonsense"}},
        {"headers": {"Authorization": "Bearer a.b.c"}},
        {"headers": {"Authorization": "Bearer "}},
    ],
)
def test_refreshing_without_a_good_token_is_401(client, kwargs):
    assert client.post(f"{API}/refresh", **kwargs).status_code == 401


def test_tokens_are_not_interchangeable(client):
    pair = log_in(client).json
    assert client.get(f"{API}/me", headers={"Authorization": f"Bearer {pair['refresh_token']}"}).status_code == 401
    assert client.post(f"{API}/refresh", json={"refresh_token": pair["access_token"]}).status_code == 401


def test_logout_revokes(client, store):
    pair = log_in(client).json
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    answer = client.post(f"{API}/logout", headers=headers, json={"refresh_token": pair["refresh_token"]})
    assert (answer.status_code, answer.json["status"]) == (200, "success")
    assert client.get(f"{API}/me", headers=headers).status_code == 401
    assert client.post(f"{API}/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 401
    assert [(who, action) for _, who, action, _ in store.records.audit_log(2)] == [("ann", "logout"), ("ann", "login")]


def test_a_new_password_ends_old_sessions(client, store):
    headers = bearer(client)
    change_user(store, "ann", password="another horse")
    assert client.get("/api/v1/things", headers=headers).status_code == 401


def test_an_expired_token_is_401(protected, client, store):
    user = store.records.user("ann")
    with protected.app_context():
        token = create_access_token("ann", expires_delta=timedelta(seconds=-1), additional_claims={"stamp": auth._stamp(user)})
    answer = client.get(f"{API}/me", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json["detail"]) == (401, "The token has expired")


def test_a_token_of_another_server_is_401(client):
    other, store = build(Config(auth_mode="protected"))
    headers = bearer(other.test_client())
    store.close()
    assert client.get(f"{API}/me", headers=headers).status_code == 401


def test_a_bad_token_is_401_even_where_no_token_is_needed():
    app, store = build(Config(auth_mode="open"))
    assert app.test_client().get("/api/v1/things", headers={"Authorization": "Bearer nonsense"}).status_code == 401
    assert app.test_client().get("/health", headers={"Authorization": "Bearer nonsense"}).status_code == 200
    store.close()


MATRIX = [  # caller, path, method, status when open, status when protected
    ("", "/api/v1/things", "GET", 200, 401),
    ("", "/api/v1/readings", "POST", 200, 401),
    ("", "/api/v1/commands", "POST", 401, 401),
    ("", "/api/v1/users", "POST", 401, 401),
    ("", "/undeclared", "POST", 401, 401),
    ("", "/health", "GET", 200, 200),
    ("", "/health/live", "GET", 200, 200),
    ("", "/assets/shell.js", "GET", 200, 200),
    ("", "/login", "GET", 200, 200),
    ("vic", "/api/v1/things", "GET", 200, 200),
    ("vic", "/api/v1/commands", "POST", 403, 403),
    ("vic", "/api/v1/readings", "POST", 200, 403),
    ("ann", "/api/v1/commands", "POST", 200, 200),
    ("ann", "/api/v1/readings", "POST", 200, 200),
    ("ann", "/api/v1/users", "POST", 403, 403),
    ("ann", "/undeclared", "POST", 403, 403),
    ("root", "/api/v1/users", "POST", 200, 200),
    ("root", "/undeclared", "POST", 200, 200),
    ("bess01", "/api/v1/readings", "POST", 200, 200),
    ("bess01", "/api/v1/things", "GET", 200, 403),
]


@pytest.mark.parametrize(("who", "path", "method", "when_open", "when_protected"), MATRIX)
def test_who_may_what(server, mode, who, path, method, when_open, when_protected):
    client = server.test_client()
    answer = client.open(path, method=method, headers=bearer(client, who) if who else {})
    assert answer.status_code == (when_open if mode == "open" else when_protected)


def test_a_browser_without_session_is_sent_to_the_login_and_back(client):
    answer = client.get("/bess?unit=3&rack=7", headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=%2Fbess%3Funit%3D3%26rack%3D7")


@pytest.mark.parametrize("path", ["/api/v1/things", "/api/v1/auth/me"])
def test_api_paths_answer_json_even_to_browsers(client, path):
    answer = client.get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (401, "application/json")


@pytest.fixture
def browser(protected):
    """A client with cookies and a session."""
    browser = protected.test_client()
    assert log_in(browser, session=True).status_code == 200
    return browser


def cookie(browser, name, path="/"):
    found = browser.get_cookie(name, path=path)
    return found.value if found else None


def csrf(browser):
    return {"X-CSRF-TOKEN": cookie(browser, "csrf_access_token")}


def test_a_session_is_http_only_lax_and_not_secure_on_plain_http(protected):
    answer = log_in(protected.test_client(), session=True)
    cookies = {line.split("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}
    assert set(cookies) == {"access_token_cookie", "csrf_access_token", "refresh_token_cookie", "csrf_refresh_token"}
    assert all("SameSite=Lax" in line and "Secure" not in line and "Max-Age" in line for line in cookies.values())
    assert {name for name, line in cookies.items() if "HttpOnly" in line} == {"access_token_cookie", "refresh_token_cookie"}
    assert "Path=/api/v1/auth" in cookies["refresh_token_cookie"]


def test_cookies_are_secure_in_production():
    app, store = build(Config(auth_mode="protected", app_env="production"))
    answer = log_in(app.test_client(), session=True)
    assert all("Secure" in line for line in answer.headers.getlist("Set-Cookie"))
    store.close()


def test_a_session_reads_without_and_writes_with_its_csrf_token(browser):
    assert browser.get("/bess", headers={"Accept": "text/html"}).status_code == 200
    assert browser.post("/api/v1/commands").status_code == 401
    assert browser.post("/api/v1/commands", headers={"X-CSRF-TOKEN": "guess"}).status_code == 401
    assert browser.post("/api/v1/commands", headers={"X-CSRF-TOKEN": "gü"}).status_code == 401
    assert browser.post("/api/v1/commands", headers=csrf(browser)).json == {"who": "ann"}


def test_a_session_refreshes_with_its_csrf_token_and_gets_new_cookies(browser):
    before = cookie(browser, "access_token_cookie")
    assert browser.post(f"{API}/refresh").status_code == 401
    token = cookie(browser, "csrf_refresh_token")
    assert browser.post(f"{API}/refresh", headers={"X-CSRF-TOKEN": token}).status_code == 200
    assert cookie(browser, "access_token_cookie") != before
    assert browser.get(f"{API}/me").json["username"] == "ann"
    assert browser.post(f"{API}/refresh", headers={"X-CSRF-TOKEN": token}).status_code == 401  # that token went with its cookie


def test_logout_takes_the_cookies_back_and_revokes_both_tokens(browser):
    kept = cookie(browser, "access_token_cookie"), cookie(browser, "refresh_token_cookie", "/api/v1/auth")
    assert browser.post(f"{API}/logout", headers=csrf(browser)).status_code == 200
    assert cookie(browser, "access_token_cookie") is None
    assert cookie(browser, "refresh_token_cookie", "/api/v1/auth") is None
    assert browser.get(f"{API}/me", headers={"Authorization": f"Bearer {kept[0]}"}).status_code == 401
    assert browser.post(f"{API}/refresh", json={"refresh_token": kept[1]}).status_code == 401


def test_a_stale_cookie_does_not_shut_an_open_door():
    app, store = build(Config(auth_mode="open"))
    client = app.test_client()
    client.set_cookie("access_token_cookie", "stale")
    assert client.get("/api/v1/things").status_code == 200
    store.close()


def test_native_routes_ask_the_guard_without_a_flask_context(protected, client):
    guard = auth.guard_of(protected)
    token = log_in(client).json["access_token"]
    assert guard.authorize({"authorization": f"Bearer {token}"}, {}, "ingest", "POST").username == "ann"
    assert guard.authorize({}, {"access_token_cookie": token}, "read", "GET").username == "ann"
    with pytest.raises(Unauthorized):
        guard.authorize({}, {"access_token_cookie": token}, "ingest", "POST")
    with pytest.raises(Forbidden):
        guard.authorize({"authorization": f"Bearer {token}"}, {}, "users", "POST")


def test_a_write_that_nobody_declared_is_an_admins():
    assert auth.permission_for("/somewhere", "POST", None) == "settings"
    assert auth.permission_for("/somewhere", "GET", None) == "read"
    assert auth.permission_for("/_dash-update-component", "POST", None) == "panels"
    assert auth.permission_for("/healthy-looking", "POST", None) == "settings"


def test_cookie_and_header_names_are_those_dash_is_created_with():
    assert (auth.CSRF_COOKIE, auth.CSRF_HEADER) == ("csrf_access_token", "X-CSRF-TOKEN")
