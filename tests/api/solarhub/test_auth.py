"""S1's auth calls with the document's own examples; tests/api/test_auth.py goes into depth."""

import pytest

from plant.model import User

TOKENS = {"access_token", "refresh_token", "token_type", "expires_in"}
WHO = [("admin", "secret", "admin@example.com", "admin"), ("nadia", "another secret", "nadia@plant.example", "viewer")]
JSON = {"Content_Type": "application/json"}
FORM = {"Content_Type": "application/x-www-form-urlencoded"}


@pytest.fixture(params=WHO, ids=["the document's", "another"])
def account(request, site):
    from argon2 import PasswordHasher

    name, password, email, role = request.param
    confirmed = 1704038400000  # 2024-01-01T00:00:00 in Taipei, the site's time
    site.product.store.records.put_user(User(name, PasswordHasher().hash(password), (role,), email, True, confirmed))
    return request.param


def log_in(site, name, password):
    return site.door("POST", "/api/v1/auth/login", f"username={name}&password={password.replace(' ', '+')}", **FORM)


def test_a_form_and_json_both_open(site, account):
    import json

    name, password, _, _ = account
    by_json = site.door("POST", "/api/v1/auth/login/json", json.dumps({"username": name, "password": password}), **JSON)
    for reply in (log_in(site, name, password), by_json):
        assert reply.status == 200 and set(reply.json) >= TOKENS
        assert (reply.json["token_type"], reply.json["expires_in"]) == ("bearer", 1800)


def test_me_is_the_documents_account(site, account):
    name, password, email, role = account
    token = log_in(site, name, password).json["access_token"]
    body = site.door("GET", "/api/v1/auth/me", Authorization=f"Bearer {token}").json
    assert {key: body[key] for key in ("username", "email", "active", "confirmed_at")} == {
        "username": name, "email": email, "active": True, "confirmed_at": "2024-01-01T00:00:00"
    }  # fmt: skip
    assert isinstance(body["id"], int)
    (held,) = body["roles"]
    assert set(held) == {"id", "name", "description"} and held["name"] == role
    assert role != "admin" or held == {"id": 1, "name": "admin", "description": "Administrator"}


def test_refresh_and_logout(site, account):
    import json

    first = log_in(site, account[0], account[1]).json
    fresh = site.door("POST", "/api/v1/auth/refresh", json.dumps({"refresh_token": first["refresh_token"]}), **JSON)
    assert fresh.status == 200 and set(fresh.json) >= TOKENS
    bearer = {"Authorization": f"Bearer {fresh.json['access_token']}"}
    assert site.door("POST", "/api/v1/auth/logout", **bearer).status == 200
    assert site.door("GET", "/api/v1/auth/me", **bearer).status == 401


def test_a_wrong_login_and_a_missing_token_are_401(site, account):
    reply = log_in(site, account[0], "wrong")
    assert reply.status == 401 and isinstance(reply.json["detail"], str)
    assert site.door("GET", "/api/v1/auth/me").status == 401
    assert site.door("POST", "/api/v1/auth/logout").status == 401


def test_reads_need_no_token_where_the_document_asks_for_none(site):
    for path in ("/system/overview", "/bess/1", "/pcs/alert", "/meters", "/inverter", "/config/sidebar"):
        assert site.ask(path).status == 200


def test_reads_need_a_token_in_protected_mode(opened):
    site = opened(auth_mode="protected")
    for path in ("/system/topology", "/bess/1", "/bess/alert/rack/rack01", "/pcs/1", "/meters/aux", "/config/header"):
        assert site.ask(path).status == 401
