"""Forecasts in a real store: the study learns from readings and awards what was put in, keeps it with its errors, and pages and doors tell
exactly that."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from api.routes.forecasts import ForecastsParams, listed
from dashboard.figures.lines import lines
from dashboard.loads import forecasts as shown
from dashboard.scope import Scope
from dashboard.words_forecasts import REASONS
from datastore.open import open_store
from datastore.ports import Columns
from plant.analysis.forecast.methods import BASELINES, usual_season
from plant.analysis.forecast.outlook import outlook
from plant.model import DAY, HOUR, MINUTE, Device, ScheduleEvent
from services import forecasts
from services.studies import keep_result, result

NOW = 1_788_220_800_000 + 40 * DAY + 25 * MINUTE
TOP = NOW - 25 * MINUTE
SCOPE = Scope(zone="Asia/Taipei")


@pytest.fixture
def store(monkeypatch):
    opened = open_store("memory://", "Asia/Taipei", clock=lambda: NOW, place=(23.1, 120.3))
    monkeypatch.setattr(forecasts, "outlook", partial(outlook, among={**BASELINES, "usual": usual_season}))
    yield opened
    opened.close()


def fill(store, days: int = 20) -> np.ndarray:
    """A site whose auxiliaries take 50 kW ± 10 by the hour of the day with some noise; charge and sun alike. Returns the hours' loads."""
    store.records.put_devices(
        [Device("site", "site", interval_s=1800.0, simulated=True), Device("inverter01", "inverter", rating={"power_kw": 100.0})]
    )
    at = np.arange(TOP - days * DAY, TOP, HOUR // 2, dtype=np.int64)
    noise = np.repeat(np.random.default_rng(1).normal(0, 1, at.size // 2), 2)
    wave = np.sin(2 * np.pi * at / DAY)
    values = {
        "aux_power": 50 + 10 * wave + noise, "pv_power": np.maximum(90 * wave, 0.0) + np.maximum(noise, 0), "soc": 50 + 20 * wave + noise,
    }  # fmt: skip
    store.telemetry.load("site", "site", Columns(at, at, np.zeros(at.size, np.int64), values))
    return values["aux_power"].reshape(-1, 2).mean(axis=1)


def test_the_study_keeps_what_the_same_evaluation_says_of_the_same_hours(store) -> None:
    pytest.importorskip("sklearn")
    hours = fill(store)
    heard: list[float] = []
    forecasts.study(store, NOW, heard.append)
    assert heard == sorted(heard) and heard[0] >= 0 and heard[-1] <= 1
    body = result(store.records, forecasts.STUDY, "load").body
    # an independent look: the median of the same hour of the last seven days, and its error over the same origins
    table = hours.reshape(-1, 24)
    assert body["method"] == "usual"
    assert body["value"] == pytest.approx(np.median(table[-7:], axis=0), rel=1e-5)
    assert body["baseline_value"] == pytest.approx((table[-1] if body["baseline"] == "season" else table[-7]).tolist(), rel=1e-5)
    origins = range(len(hours) - 24, (body["error"]["from"] - (TOP - 20 * DAY)) // HOUR - 1, -6)
    errors = [
        abs(hours[o + h] - np.median([hours[o + h - 24 * k] for k in range(1, 8) if o + h - 24 * k >= 0]))
        for o in origins
        for h in range(24)
    ]
    assert body["error"]["origins"] == len(list(origins))
    assert body["error"]["mae"] == pytest.approx(np.mean(errors), rel=0.03)
    assert body["start"] == TOP and body["trained"]["count"] == 20 * 24
    assert body["total"]["value"] == pytest.approx(sum(body["value"]), rel=1e-5)
    assert [entry.subject for entry in forecasts.told(store)] == ["load", "pv", "soc"]


def test_a_page_and_a_door_tell_what_is_kept(store) -> None:
    hours = fill(store)
    (subject,) = forecasts.load(store, NOW)
    body = forecasts.body(subject, forecasts.outlook(subject.past, 24))
    keep_result(store.records, forecasts.STUDY, "load", NOW, body)
    table = shown.chart("load")(store, SCOPE)
    at = np.asarray(table.columns["at"])
    ahead = at >= TOP
    assert table.columns["forecast"][ahead].tolist() == body["value"] and table.columns["low"][ahead].tolist() == body["low"]
    assert table.columns["actual"][~ahead] == pytest.approx(hours[-24:], rel=1e-5)
    assert table.columns["earlier"][~ahead].tolist() == body["before"]["value"]
    assert (at[0], at[-1]) == (TOP - DAY, TOP + DAY - HOUR)
    names = [trace["name"] for trace in lines(table, SCOPE)["data"]]
    assert any("median of seven seasons" in name for name in names) and any(name.startswith("Baseline: ") for name in names)
    sheet = shown.errors_table(store, SCOPE).columns
    assert (sheet["mae"], sheet["baseline_mae"]) == ([body["error"]["mae"]], [body["error"]["baseline_mae"]])
    assert sheet["saved"] == [pytest.approx(100 * (1 - body["error"]["used_mae"] / body["error"]["used_seasonal_mae"]), rel=1e-4)]
    (told,) = listed(SimpleNamespace(store=store), ForecastsParams(target="load"))["forecasts"]
    assert [point["value"] for point in told["points"]] == body["value"]
    assert told["points"][0]["at"] == "2026-10-11T00:00:00Z" and told["error"]["mae"] == body["error"]["mae"]
    assert listed(SimpleNamespace(store=store), ForecastsParams(device="elsewhere")) == {"forecasts": []}


@pytest.mark.parametrize("lang", ["en", "zh-TW", "es"])
def test_too_short_a_history_is_said_so_on_the_page_and_at_the_door(store, lang: str) -> None:
    fill(store, days=3)
    (subject,) = forecasts.load(store, NOW)
    keep_result(store.records, forecasts.STUDY, "load", NOW, forecasts.body(subject, forecasts.outlook(subject.past, 24)))
    table = shown.chart("load")(store, Scope(zone="Asia/Taipei", lang=lang))
    said = {"en": "the history is too short", "zh-TW": "歷史資料過短", "es": "la historia es demasiado corta"}[lang]
    assert said in table.more["plot"].remark and "forecast" not in table.columns
    assert said in shown.errors_table(store, Scope(zone="Asia/Taipei", lang=lang)).columns["verdict"][0]
    (told,) = listed(SimpleNamespace(store=store), ForecastsParams())["forecasts"]
    assert told["reason"] == "the history is too short" and "points" not in told


def test_an_empty_plant_has_no_forecasts_and_old_ones_are_forgotten(store) -> None:
    pytest.importorskip("sklearn")
    keep_result(store.records, forecasts.STUDY, "load", NOW - DAY, {"target": "load"})
    forecasts.study(store, NOW, lambda share: None)
    assert forecasts.told(store) == []
    assert (
        shown.chart("pv")(store, SCOPE).is_empty and shown.errors_table(store, SCOPE).is_empty and shown.life_table(store, SCOPE).is_empty
    )


def test_scheduled_transfers_reach_the_charge_and_lost_ones_do_not(store) -> None:
    fill(store)
    store.records.put_events(
        [
            ScheduleEvent("edreg", TOP + 2 * HOUR, TOP + 4 * HOUR, transfer=3.4),
            ScheduleEvent("edreg", TOP + 6 * HOUR, TOP + 7 * HOUR, transfer=-2.0, is_get=False),
            ScheduleEvent("edreg", TOP + 8 * HOUR, TOP + 9 * HOUR, transfer=-2.0),
        ]
    )
    (subject,) = forecasts.charge(store, NOW)
    plan = subject.past.ahead["scheduled"][subject.past.n :]
    assert plan.tolist() == [0, 0, 3400.0, 3400.0, 0, 0, 0, 0, -2000.0, *[0] * 15]


def test_nobody_knew_beforehand_that_an_award_would_be_interrupted(store) -> None:
    """What is known ahead of a past hour is its award, even when it was interrupted in the hour itself: else the trials of the past would
    be told what nobody knew. One that is still ahead is known to be off."""
    store.records.put_devices([Device("site", "site", interval_s=1.0)])
    at = TOP - 3 * HOUR + np.arange(0, 2 * 3600) * 1000
    values = {"frequency": np.full(at.size, 60.0), "active_power": np.full(at.size, 3000.0)}
    store.telemetry.load("site", "site", Columns(at, at, np.zeros(at.size, np.int64), values))
    hours = [(TOP + n * HOUR, n == -2 or n == 3) for n in (-3, -2, 2, 3)]
    store.records.put_events(
        [ScheduleEvent("edreg", start, start + HOUR, power=4.0, transfer=3.0, interrupt=off, quote_code="EDREG-D") for start, off in hours]
    )
    (subject,) = forecasts.income(store, NOW)
    count = forecasts.INCOME_DAYS * 24
    known = subject.past.ahead["edreg out"]
    assert {n: float(known[count + n]) for n in (-3, -2, 2, 3)} == {-3: 1900.0, -2: 1900.0, 2: 1900.0, 3: 0.0}  # 475 · 4
    assert subject.past.values[count - 2] == 0.0
    scheduled = forecasts._scheduled(store, TOP - 90 * DAY, 90 * 24)["scheduled"]
    assert [float(scheduled[90 * 24 + n]) for n in (-3, -2, 2, 3)] == [3000.0, 3000.0, 3000.0, 0.0]


def test_prices_are_told_from_the_end_of_those_that_are_known(store) -> None:
    known = [ScheduleEvent("dreg", TOP + k * HOUR, TOP + (k + 1) * HOUR, power=5.0, price=float(k % 24)) for k in range(-240, 30)]
    store.records.put_events(known)
    (subject,) = forecasts.price(store, NOW)
    assert int(subject.past.at(subject.past.n)) == TOP + 30 * HOUR
    assert subject.past.values[-3:].tolist() == [3.0, 4.0, 5.0]
    assert subject.unit == "TWD/MW·h"


def test_every_reason_the_analysis_gives_is_translated() -> None:
    import inspect
    import re

    from plant.analysis.forecast import life, outlook

    given = set(re.findall(r'(?:missing\(|return )"([a-z][^"]+)"', inspect.getsource(life) + inspect.getsource(outlook)))
    assert len(given) >= 9 and given - {"steps are missing"} <= set(REASONS)
