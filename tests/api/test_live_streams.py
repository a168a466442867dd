"""Event streams: who may listen, for how long, and that nothing is lost across a gap."""

import asyncio
import json
import threading
from dataclasses import replace

import pytest

from api import auth
from plant.model import User
from plant.timeline import iso
from services.config import Config
from tests.api.conftest import make
from tests.api.test_access_matrix import scope

NOW = 1_769_256_600_000
OLD = NOW - 90 * 86_400_000


class Clock:
    now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def plant(tmp_path):
    """Builds a product in protected mode with these settings."""
    made = []

    def build(**settings):
        config = Config(
            database_url="memory://", data_dir=tmp_path, auth_mode="protected", auto_register=True, rate_limit=0, rate_limit_ingest=0
        )
        product = make(replace(config, **settings), Clock())
        product.store.records.put_user(User("vic", "x", ("viewer",)))
        product.store.records.put_user(User("op", "x", ("operator",)))
        made.append(product)
        return product

    yield build
    for product in made:
        product.store.close()


def token(product, name="vic"):
    return auth.guard_of(product.flask).issue(product.store.records.user(name))["access_token"]


def bearer(product, name="vic"):
    return {"authorization": f"Bearer {token(product, name)}"}


def post(product, kind, at, **values):
    rows = [{"device_id": "bess01", "kind": kind, "timestamp": at, "values": values}]
    answer = product.flask.test_client(use_cookies=False).post(
        "/api/v1/readings", json=rows, headers={"Authorization": bearer(product, "op")["authorization"]}
    )
    assert answer.status_code == 200, answer.text


def listen(product, path, headers, count, during=None):
    """(status, events as (id, data), whole text) of a stream: until `count` events came, or, where `during` is called after the first
    event, until the server ends it."""

    async def call():
        told, gone, status = [], asyncio.Event(), []
        ended = asyncio.Event()

        async def receive():
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.start":
                status.append(message["status"])
                return
            told.append(message.get("body", b"").decode())
            events = "".join(told).count("data: ")
            if not message.get("more_body"):
                ended.set()
            elif during and events == 1 and told[-1].startswith("id"):
                threading.Thread(target=during).start()
            elif not during and events >= count:
                gone.set()

        product.asgi.hub.open(asyncio.get_running_loop())
        asked, _, query = path.partition("?")
        request = scope("http", asked, {"host": "plant.local"} | headers, method="GET", scheme="http") | {"query_string": query.encode()}
        await asyncio.wait_for(product.asgi(request, receive, send), 20)
        assert ended.is_set() or gone.is_set()
        return status[0], "".join(told)

    status, text = asyncio.run(call())
    events = [dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":") for block in text.split("\n\n")]
    return status, [(int(event["id"]), json.loads(event["data"])) for event in events if "id" in event], text


PATH = "/bms/bess01/stream?interval=0.1"


def test_a_stream_needs_a_token(plant):
    product = plant()
    post(product, "bess", NOW, soc=50.0)
    assert listen(product, PATH, {}, 1)[0] == 401
    assert listen(product, PATH, {"authorization": "Bearer nonsense"}, 1)[0] == 401
    assert listen(product, PATH + f"&token={token(product)}", {}, 1)[0] == 401
    status, events, _ = listen(product, PATH, bearer(product), 1)
    assert (status, events[0][1]["soc"]) == (200, 50.0)


@pytest.mark.parametrize(
    ("origin", "origins", "status"),
    [
        ("", (), 200),
        ("http://plant.local", (), 200),
        ("https://friend.example", ("https://friend.example",), 200),
        ("https://evil.example", ("https://friend.example",), 403),
        ("null", ("https://friend.example",), 403),
        ("http://[evil", ("https://friend.example",), 403),
        ("http://plant.local.evil.example", ("https://friend.example",), 403),
    ],
)
def test_pages_of_elsewhere_do_not_listen_even_with_a_session(plant, origin, origins, status):
    product = plant(cors_origins=origins)
    post(product, "bess", NOW, soc=50.0)
    headers = {"cookie": f"access_token_cookie={token(product)}"} | ({"origin": origin} if origin else {})
    assert listen(product, PATH, headers, 1)[0] == status


@pytest.mark.parametrize("way", ["bearer", "cookie"])
def test_a_stream_ends_when_its_token_is_revoked(plant, monkeypatch, way):
    monkeypatch.setattr("api.passes.RECHECK_USER_S", 0.05)
    product = plant()
    post(product, "bess", NOW, soc=50.0)
    given = token(product)
    headers = {"authorization": f"Bearer {given}"} if way == "bearer" else {"cookie": f"access_token_cookie={given}"}
    guard = auth.guard_of(product.flask)
    status, events, text = listen(product, PATH, headers, 0, during=lambda: guard.revoke(guard.read(given, "access")))
    assert (status, len(events)) == (200, 1)
    assert text.endswith('event: end\ndata: {"code":"UNAUTHORIZED","message":"%s"}\n\n'
                         % ("The token was revoked" if way == "bearer" else "Not authenticated"))  # fmt: skip


@pytest.mark.parametrize("family", ["bms", "bess"])
def test_a_live_device_is_resumed_over_a_gap(plant, family):
    product = plant()
    for second in range(6):
        post(product, "bess", NOW - 6000 + 1000 * second, soc=50.0 + second)
    path, field = f"/{family}/bess01/stream?interval=0.1", "soc" if family == "bms" else "bms_soc"
    _, events, _ = listen(product, path, bearer(product) | {"last-event-id": str(NOW - 5000)}, 4)
    assert [(at, data[field]) for at, data in events] == [(NOW - 6000 + 1000 * n, 50.0 + n) for n in range(2, 6)]
    assert events[0][1]["timestamp"] == iso(NOW - 4000)


@pytest.mark.parametrize("family", ["bms", "bess"])
def test_an_archived_device_goes_on_where_it_was_and_starts_over_at_the_end(plant, family):
    product = plant()
    for second in range(4):
        post(product, "bess", OLD + 1000 * second, soc=10.0 + second)
    path, field = f"/{family}/bess01/stream?interval=0.1", "soc" if family == "bms" else "bms_soc"
    _, events, _ = listen(product, path, bearer(product) | {"last-event-id": str(OLD + 1000)}, 4)
    assert [data[field] for _, data in events] == [12.0, 13.0, 10.0, 11.0]


@pytest.mark.parametrize("given", ["", "yesterday", "-5", "9" * 30, "1.5", "é", "NaN"])
def test_an_id_that_is_none_begins_with_the_newest(plant, given):
    product = plant()
    for second in range(3):
        post(product, "bess", NOW - 3000 + 1000 * second, soc=50.0 + second)
    assert [data["soc"] for _, data in listen(product, PATH, bearer(product) | {"last-event-id": given}, 1)[1]] == [52.0]
