"""Plants that speak nonsense: one reading, silence, zeros, units off by a thousand, clocks that stand, repeat, run back and jump, numbers
at the end of what a door lets in. Every study ends, every door answers with a result or a refusal, every panel draws; nothing raises."""

import importlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson
import pytest
from plotly.utils import PlotlyJSONEncoder

import app as composition
from dashboard.book import discover
from dashboard.page import Scope
from datastore.open import open_store
from datastore.vetting import LARGEST
from plant.metrics import CATALOGUE, KINDS, scalars_of, vectors_of
from plant.model import DAY, HOUR, MINUTE, Block, Device, ScheduleEvent
from plant.timeline import FUTURE_TOLERANCE, PLAUSIBLE_FROM, iso
from services.config import Config
from services.studies import STUDIES

NOW = 1_795_233_600_000
"""2026-11-21 12:00 in Taipei."""
RATED = {"power_kw": 100.0, "capacity_kwh": 200.0, "capacity_ah": 250.0, "peak_power_kw": 110.0, "modules": 3.0, "series_cells": 36.0}
PARENTS = {"rack": "bess01", "bess": "site", "pack": None}
IDS = {kind: kind if kind == "site" else f"{kind}01" for kind in KINDS}
PANELS = [panel for page in discover() for panel in page.panels]


def usual(metric: str, at: np.ndarray) -> np.ndarray:
    """Something possible: around the middle of what is normal, on a slow wave."""
    low, high = CATALOGUE[metric].normal if None not in CATALOGUE[metric].normal else CATALOGUE[metric].valid
    if metric == "frequency":
        low, high = 59.95, 60.05
    low, high = -100.0 if low is None else low, 100.0 if high is None else high
    return (low + high) / 2 + (high - low) / 4 * np.sin(at / HOUR / 4)


STEADY = NOW - np.arange(9 * 60, 0, -1) * MINUTE
SPEECHES: Mapping[str, tuple[np.ndarray, Callable[[str, np.ndarray], Any]]] = {
    "one reading": (STEADY[-1:], usual),
    "silence": (STEADY, lambda metric, at: np.full(at.size, np.nan)),
    "nought": (STEADY, lambda metric, at: np.zeros(at.size)),
    "a thousand times": (STEADY, lambda metric, at: 1000.0 * usual(metric, at)),
    "a thousandth": (STEADY, lambda metric, at: usual(metric, at) / 1000.0),
    "upside down": (STEADY, lambda metric, at: -usual(metric, at)),
    "beyond measure": (STEADY[-200:], lambda metric, at: np.where(np.arange(at.size) % 2, LARGEST, -LARGEST)),
    "reversed clock": (STEADY[::-1], usual),
    "one instant": (np.full(200, STEADY[-1]), usual),
    "jumping clock": (
        np.concatenate([STEADY[:50], STEADY[-50:], [PLAUSIBLE_FROM, NOW + FUTURE_TOLERANCE], STEADY[100:110] - 900 * DAY]),
        usual,
    ),
}
RATINGS: Mapping[str, Mapping[str, float]] = {
    "plate of nought": dict.fromkeys(RATED, 0.0),
    "negative plate": {name: -value for name, value in RATED.items()},
}
PLANTS = {
    **{name: (name, RATED) for name in SPEECHES},
    **{name: (speech, plate) for name, plate in RATINGS.items() for speech in ("reversed clock",)},
}


def populate(product: composition.App, plant: str) -> None:
    """The plant, through the store, as its readings would lie there whichever door they came by."""
    speech, plate = PLANTS[plant]
    at, say = SPEECHES[speech]
    store = product.store
    info = {"chemistry": "LFP", "latitude": 24.0, "longitude": 121.0, "tilt": 10.0, "azimuth": 180.0}
    devices = [Device(IDS[kind], kind, parent=PARENTS.get(kind), interval_s=60.0, rating=plate, info=info) for kind in KINDS]
    devices += [Device(f"bess01-rack{n:02d}", "rack", parent="bess01", interval_s=60.0, rating=plate) for n in (1, 2, 3)]
    devices += [Device("meter-aux", "meter", interval_s=60.0, rating=plate)]
    store.records.put_devices(devices)
    for device in devices:
        names = scalars_of(device.kind)
        columns = [[None if value != value else float(value) for value in say(name, at)] for name in names]
        rows = [(device.device_id, int(moment), NOW, 0, *row) for moment, *row in zip(at, *columns, strict=True)]
        store.telemetry.append([Block(device.kind, names, rows)])
        for name in vectors_of(device.kind):
            parts = zip(at[-3:], say(name, at[-3:]), strict=True)
            told = [(device.device_id, int(moment), NOW, 0, [None if v != v else float(v)] * 4) for moment, v in parts]
            store.telemetry.append([Block(device.kind, (name,), told)])
    hours = [NOW // HOUR * HOUR + n * HOUR for n in range(-24, 3)]
    modes = ("dreg", "edreg", "sreg", "efr", "step", "scan", "full_power", "spinning")
    awards = [
        ScheduleEvent(modes[k % 8], hour, hour + HOUR, power=5.0, price=-40.0 + k, transfer=2.0 * (k % 8 == 1))
        for k, hour in enumerate(hours)
    ]
    calls = [ScheduleEvent("spinning_call", one.time_start, one.time_end, power=5.0) for one in awards if one.mode == "spinning"]
    store.records.put_events([*awards, *calls])


@pytest.fixture(scope="module", params=PLANTS)
def plant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[composition.App]:
    """A product over such a plant."""
    config = Config(database_url="memory://", data_dir=tmp_path_factory.mktemp("plant"), rate_limit=0, rate_limit_ingest=0)
    product = composition.create_app(config, open_store("memory://", config.site_tz, clock=lambda: NOW), lambda: NOW)
    populate(product, request.param)
    yield product
    product.store.close()


def test_every_study_ends_and_every_panel_draws(plant: composition.App) -> None:
    for study in STUDIES:
        module, _, name = study.function.partition(":")
        getattr(importlib.import_module(module), name)(plant.store, NOW, lambda _: None)
    drawn = 0
    for panel in PANELS:
        for scope in (Scope(zone="Asia/Taipei", window="24h"), Scope(zone="Asia/Taipei", window="30d", device="bess01", lang="es")):
            table = panel.load(plant.store, scope)
            assert len({len(column) for column in table.columns.values()}) <= 1, panel.id
            if not table.is_empty or panel.draws_empty:
                text = json.dumps(panel.draw(table, scope), cls=PlotlyJSONEncoder)
                assert "NaN" not in text, panel.id
                assert "Infinity" not in text, panel.id
                drawn += 1
            if panel.live is not None:
                orjson.dumps(panel.live(plant.store, scope), option=orjson.OPT_SERIALIZE_NUMPY)
    assert drawn > 40


def no_number(word: str) -> None:
    pytest.fail(f"an answer holds {word}, which is no JSON")


def test_every_question_has_an_answer_or_a_refusal(plant: composition.App, caplog: pytest.LogCaptureFixture) -> None:
    client = plant.flask.test_client()
    document = client.get("/openapi.json").get_json()
    day = iso(NOW - DAY)
    known = {
        "device_id": "bess01", "site_id": "site", "vin": "vehicle01", "device": "bess01", "metric": "soc", "from": day, "to": iso(NOW),
        "from_ts": day, "to_ts": iso(NOW), "start_time": "2026-11-20", "select_time": "2026-11-20", "date": "2026-11-20",
    } | dict.fromkeys(("bess_number", "rack_number", "pcs_number"), "1")  # fmt: skip
    failed, asked = [], 0
    with caplog.at_level(logging.ERROR):
        for path, methods in document["paths"].items():
            if "get" not in methods or "stream" in path or "/next" in path:
                continue
            parameters = methods["get"].get("parameters", [])
            needed = {
                one["name"]: known.get(one["name"], "x") for one in parameters if one.get("required") or one["name"] in ("from", "to")
            }
            for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
                path = path.replace(f"{{{name}}}", needed.pop(name, known.get(name, "x")))
            choices = [(one["name"], value) for one in parameters for value in one["schema"].get("enum") or () if one["name"] != "format"]
            for name, value in [("", None), *choices]:
                answer = client.get(path, query_string=needed if value is None else {**needed, name: value})
                asked += 1
                if answer.status_code >= 500:
                    failed.append((path, name, value, answer.status_code, answer.get_data()[:200]))
                elif answer.mimetype == "application/json":
                    json.loads(answer.get_data(), parse_constant=no_number)
    assert asked > 100
    assert failed == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
