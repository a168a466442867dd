"""A server of the SolarHub family at noon of 2024-06-01 in Taipei, and a way to let devices speak through its own door."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import app as composition
from plant.model import Device
from services.config import Config
from tests.api.conftest import Door, Reply, flask_door, make

NOON = 1717214400000
"""2024-06-01T04:00:00Z [epoch ms], noon in Taipei (UTC+8)."""
MIDNIGHT = NOON - 12 * 3_600_000
"""2024-05-31T16:00:00Z, when the day of the site began."""


@dataclass
class Site:
    """The server; `now` is its clock [epoch ms]."""

    product: composition.App
    door: Door
    clock: list[int]

    def get(self, path: str) -> Any:
        """The body of a good answer."""
        reply = self.ask(path)
        assert reply.status == 200, reply.body
        return reply.json

    def ask(self, path: str) -> Reply:
        return self.door("GET", f"/api/v1{path}")

    def device(self, device_id: str, kind: str, **what: Any) -> None:
        """Register a device."""
        self.product.store.records.put_devices([Device(device_id, kind, **what)])

    def tell(self, device_id: str, kind: str, at: int = NOON - 1000, **values: Any) -> None:
        """One reading through the door."""
        self.tell_all([{"device_id": device_id, "kind": kind, "timestamp": at, "values": values}])

    def tell_all(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Readings through the door, all of them good."""
        reply = self.door("POST", "/api/v1/readings", json.dumps(rows), Content_Type="application/json")
        assert (reply.status, reply.json["rejected"]) == (200, []), reply.body


def open_site(folder: Path, **settings: Any) -> Site:
    clock = [NOON]
    config = replace(Config(database_url="memory://", data_dir=folder, rate_limit=0, rate_limit_ingest=0), **settings)
    product = make(config, lambda: clock[0])
    return Site(product, flask_door(product), clock)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Opens servers with settings; all are closed at the end."""
    made: list[Site] = []

    def open_one(**settings: Any) -> Site:
        made.append(open_site(tmp_path, **settings))
        return made[-1]

    yield open_one
    for one in made:
        one.product.store.close()


@pytest.fixture
def site(opened: Callable[..., Site]) -> Site:
    """One with the settings of Taipei."""
    return opened()
