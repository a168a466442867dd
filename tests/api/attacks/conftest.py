"""What an attacker sends is refused, or kept as the plain text it is. One test for each way in; elsewhere are tested:

- tokens (alg none, wrong key, expired, revoked, refresh as access), cross-site WebSockets, a device that speaks for its neighbour:
  test_access_matrix; tokens of another site, guessing keys and passwords, secrets and forged lines in the log: test_access
- names in paths (CR/LF, `%2e%2e`, NUL), assets, redirects to other hosts by slashes, foreign origins: test_paths
- bombs, nesting, keys that stand twice, numbers out of range, forged trace ids at the ingest doors: test_bodies, test_both_doors
- slow, endless and chunked bodies: test_slow_bodies; whom a proxy may speak for: test_proxies; Dash's endpoint: dashboard/test_door
- mutated requests at every door: test_fuzz

There are no outgoing requests that a caller could direct (SSRF): webhooks do not exist.
"""

import asyncio
from urllib.parse import unquote

import pytest

import app as composition
from datastore.open import open_store
from plant.model import Device, Kind, User
from services import accounts
from services.config import Config
from tests.api.test_access import bearer
from tests.api.test_access_matrix import scope

PASSWORD = "correct horse battery"
HASH = accounts.hash_password(PASSWORD)  # once: it is slow on purpose
PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module", params=["protected"])
def product(request, tmp_path_factory):
    """On a real database, with one user per role."""
    folder = tmp_path_factory.mktemp("attacks")
    config = Config(
        database_url=f"sqlite:///{folder}/plant.db",
        data_dir=folder,
        auth_mode=request.param,
        rate_limit=0,
        rate_limit_ingest=0,
        auto_register=True,
        max_body_mb=1,
    )
    store = open_store(config.database_url, config.site_tz, auto_register=True)
    made = composition.create_app(config, store)
    for name, role in {"root": "admin", "op": "operator", "vic": "viewer"}.items():
        store.records.put_user(User(name, HASH, (role,), confirmed_at=1_769_256_600_000))
    store.records.put_devices([Device("bess01", Kind.BESS, "BESS 01"), Device("bess02", Kind.BESS, "BESS 02")])
    yield made
    made.close()
    store.close()


@pytest.fixture
def client(product):
    return product.flask.test_client(use_cookies=False)


@pytest.fixture
def root(product):
    return bearer(product)


def knock(product, method, path, headers=(), body=b"", client=("127.0.0.1", 1)):
    """What a client gets from the ASGI application: status, headers, body."""
    headers = dict(headers)

    async def call():
        said, ended = {}, asyncio.get_running_loop().create_future()
        waiting = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive():
            message = next(waiting, None)
            if message is None:
                await asyncio.wait({ended}, timeout=20)
            return message or {"type": "http.disconnect"}

        async def send(message):
            said.update(message if message["type"] == "http.response.start" else {})
            said["content"] = said.get("content", b"") + message.get("body", b"")
            if message["type"] == "http.response.body" and not message.get("more_body") and not ended.done():
                ended.set_result(None)

        about = scope(
            "http",
            unquote(path.partition("?")[0]) + path[len(path.partition("?")[0]) :],
            headers | {"content-length": str(len(body))},
            method=method,
            scheme="http",
        ) | {"client": client}
        await product.asgi(about, receive, send)
        told = {name.decode().lower(): value.decode("latin-1") for name, value in said["headers"]}
        return said["status"], told, said["content"]

    return asyncio.run(call())
