"""The installation beside the product's own store: one Telemetry, of which the SolarHub is a part."""

from collections.abc import Callable, Iterator

import pytest

from datastore.backends.solarhub.installation import Installation
from datastore.backends.solarhub.source import SolarHub
from datastore.open import open_store
from datastore.store import Store
from plant.errors import Unavailable
from plant.model import DAY, MINUTE, Block, Window
from tests.datastore.solarhub.installation import START_UTC

ALL = Window(START_UTC - DAY, START_UTC + DAY)


@pytest.fixture
def store(hub: SolarHub) -> Iterator[Store]:
    opened = open_store("memory://", "Asia/Taipei", clock=lambda: START_UTC + DAY, sources=[hub])
    yield opened
    opened.close()


def test_its_devices_are_registered_and_its_readings_are_the_stores(store: Store) -> None:
    assert {device.device_id for device in store.records.devices("pcs")} == {"pcs01", "pcs02"}
    assert len(store.telemetry.columns("pcs01", "pcs", ["active_power"], ALL).at) == 110
    assert store.telemetry.latest()["bess02-rack12", "rack"].at == START_UTC + 119 * MINUTE
    extent = store.telemetry.extent("site", "site")
    assert extent is not None and extent.rows["frequency"] == 110


def test_what_the_store_keeps_itself_lies_over_it(store: Store) -> None:
    store.telemetry.append([Block("pcs", ("active_power",), [("pcs01", START_UTC, START_UTC, 0, -5.0)])])
    found = store.telemetry.columns("pcs01", "pcs", ["active_power", "dc_power"], ALL)
    assert (len(found.at), found.values["active_power"][0]) == (110, -5)
    assert found.values["dc_power"][0] == 6 + 1  # column 6, minute 0, unit 1
    series = store.telemetry.series([("pcs01", "pcs")], ["active_power"], ALL, resolution=DAY, zone="Asia/Taipei")
    assert series["pcs01", "pcs", "active_power"].min.tolist()[1] == -5


def test_a_dead_installation_leaves_the_stores_own_devices(document: Installation, opened: Callable[[Installation], SolarHub]) -> None:
    from dataclasses import replace

    gone = {"main": replace(document.servers["main"], port=1)}
    store = open_store("memory://", "Asia/Taipei", sources=[opened(replace(document, servers=gone))])
    try:
        store.telemetry.append([Block("pcs", ("active_power",), [("pcs77", START_UTC, START_UTC, 0, 3.0)])])
        assert set(store.telemetry.latest()) == {("pcs77", "pcs")}
        with pytest.raises(Unavailable, match="main server 127.0.0.1:1 does not answer"):
            store.telemetry.sources[0].ping()
    finally:
        store.close()
