"""Notification rules through the API: for administrators, secrets shown once, and a test message that tells the truth."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from api import auth
from plant.model import User
from services.config import Config
from tests.api.conftest import flask_door, make

RULES = "/api/v1/notifications/rules"
HOOK = {"name": "Control room", "channel": "webhook", "url": "http://127.0.0.1:9/path-s3cret", "lang": "es"}


@pytest.fixture
def product(tmp_path):
    made = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=0, rate_limit_ingest=0))
    for role in ("admin", "operator"):
        made.store.records.put_user(User(role, "x", (role,)))
    yield made
    made.store.close()


@pytest.fixture
def ask(product):
    door = flask_door(product)

    def knock(method, path, body=None, role="admin"):
        issued = auth.guard_of(product.flask).issue(product.store.records.user(role))
        headers = {"Content_Type": "application/json", "Authorization": f"Bearer {issued['access_token']}"}
        return door(method, path, None if body is None else json.dumps(body), **headers)

    return knock


def test_a_rule_is_added_changed_and_removed_and_its_secret_is_shown_once(ask):
    made = ask("POST", RULES, HOOK)
    assert made.status == 201 and len(made.json["secret"]) >= 32 and made.json["url"] == "http://127.0.0.1:9/…"
    id = made.json["id"]
    changed = ask("PUT", f"{RULES}/{id}", {"name": "Night shift", "channel": "webhook", "quiet": "22:00-06:00"})
    assert (changed.status, changed.json["name"], changed.json["quiet"]) == (200, "Night shift", "22:00-06:00")
    listed = ask("GET", RULES)
    assert listed.json["mail"] is False and [rule["id"] for rule in listed.json["rules"]] == [id]
    for reply in (changed, listed):
        assert "s3cret" not in json.dumps(reply.json) and made.json["secret"] not in json.dumps(reply.json)
    assert ask("DELETE", f"{RULES}/{id}").status == 200
    assert ask("DELETE", f"{RULES}/{id}").status == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [({"url": "ftp://x/"}, "url"), ({"secret": "short"}, "secret"), ({"kinds": ["tank"]}, "kinds"), ({"quiet": "late"}, "quiet")],
)
def test_what_makes_no_sense_is_422_by_field(ask, change, field):
    reply = ask("POST", RULES, HOOK | change)
    assert reply.status == 422 and field in json.dumps(reply.json["error"]["details"])


def test_a_test_message_arrives_or_says_why_not(ask):
    class Post(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *args):
            pass

    told = []
    with HTTPServer(("127.0.0.1", 0), Post) as receiver:
        threading.Thread(target=receiver.serve_forever, args=(0.01,), daemon=True).start()
        good = ask("POST", RULES, HOOK | {"url": f"http://127.0.0.1:{receiver.server_address[1]}/"}).json["id"]
        assert ask("POST", f"{RULES}/{good}/test").json == {"delivered": True, "message": "127.0.0.1 answered 202"}
        receiver.shutdown()
    assert told[0]["type"] == "test" and "Mensaje de prueba" in told[0]["text"]
    mail = ask("POST", RULES, {"name": "Mail", "channel": "mail", "to": ["a@example.com"]}).json["id"]
    assert ask("POST", f"{RULES}/{mail}/test").json == {"delivered": False, "message": "no mail server is set: SMTP_HOST is empty"}


def test_operators_neither_see_nor_write_rules(ask):
    assert ask("GET", RULES, role="operator").status == 403
    assert ask("POST", RULES, HOOK, role="operator").status == 403
    assert ask("GET", "/api/v1/notifications", role="operator").status == 403
