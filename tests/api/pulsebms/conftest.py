"""A plant of S2's devices whose clock the test sets, and callers with roles."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api import auth
from plant.model import User
from plant.timeline import parse
from services.config import Config
from tests.api.conftest import Reply, flask_door, make

NOON = parse("2024-01-15T14:30:20Z")
"""A few seconds after the document's own message."""


class Pulse:
    """The product in memory at `now` [epoch ms]; `call` speaks JSON as a caller of `role` (empty: nobody)."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.now = NOON
        settings = {"database_url": "memory://", "data_dir": folder, "rate_limit": 0, "rate_limit_ingest": 0, "site_tz": "UTC"} | settings
        self.product = make(Config(**settings), lambda: self.now)
        self.store = self.product.store
        self._door = flask_door(self.product)

    def call(self, method: str, path: str, body: Any = None, role: str = "") -> Reply:
        headers = {"Content_Type": "application/json"}
        if role:
            headers["Authorization"] = f"Bearer {self._token(role)}"
        return self._door(method, path, json.dumps(body) if body is not None else None, **headers)

    def get(self, path: str) -> Any:
        reply = self.call("GET", path)
        assert reply.status == 200, reply.json
        return reply.json

    def send(self, device_id: str, at: str | int, values: dict[str, Any], **more: Any) -> Any:
        """One flat message that must be taken."""
        body = {"device_id": device_id, "timestamp": at, "measurements": values} | more
        reply = self.call("POST", "/api/v1/telemetry/store", body)
        assert reply.status == 201, reply.json
        return reply.json

    def _token(self, role: str) -> str:
        records = self.store.records
        user = records.user(f"{role}01") or records.put_user(User(f"{role}01", "x", (role,)))
        return str(auth.guard_of(self.product.flask).issue(user)["access_token"])


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    """Open mode, strangers register themselves."""
    made = Pulse(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def pulse_with(tmp_path: Path) -> Iterator[Callable[..., Pulse]]:
    """A product with these settings."""
    made: list[Pulse] = []

    def build(**settings: Any) -> Pulse:
        made.append(Pulse(tmp_path, **settings))
        return made[-1]

    yield build
    for one in made:
        one.store.close()


def fields(reply: Reply) -> list[str]:
    """What an answer of 400 says is wrong."""
    assert (reply.status, reply.json["error"]["code"]) == (400, "VALIDATION_ERROR"), reply.json
    return [error["field"] for error in reply.json["error"]["details"]["field_errors"]]
