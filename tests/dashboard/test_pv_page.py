"""The inverter page upon the kept days: curves, losses, cleanness, each number against the record it comes from."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dashboard.figures.lines import lines
from dashboard.figures.waterfall import waterfall
from dashboard.loads import inverter, pv_losses, sunlight
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.open import open_store
from datastore.store import Store
from plant.model import DAY, HOUR, MINUTE, Block, Device, Window
from services import pv_days
from services.pv_days import PvDay
from services.studies import keep_result

NOW = 1_795_233_600_000
"""2026-11-21 12:00 in Taipei."""
TODAY = NOW - 12 * HOUR
SCOPE = Scope(zone="Asia/Taipei", window="24h")
SUN = (
    Device("inverter01", "inverter", interval_s=60, rating={"power_kw": 90.0, "peak_power_kw": 100.0}, info={"tilt": 12}),
    Device("inverter02", "inverter", interval_s=60),
    Device("weather01", "weather", interval_s=60),
)


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW, place=(23.1, 120.3))
    store.records.put_devices(SUN)
    yield store
    store.close()


def tell(store: Store, device: str, kind: str, at: Sequence[int], **values: Any) -> None:
    store.telemetry.append([Block(kind, tuple(values), [(device, instant, instant, 0, *values.values()) for instant in at])])


def keep(store: Store, *days: PvDay) -> None:
    for day in days:
        pv_days._keep(store, f"inverter01@{day.start}", "inverter01", "day", day.start, pv_days.written(day))


def a_day(back: int, **values: Any) -> PvDay:
    start = TODAY - back * DAY
    base: dict[str, Any] = {"energy": 400.0, "common": 390.0, "potential": 500.0, "clipping": 20.0, "curtailment": 30.0, "outage": 10.0,
                            "mismatch": 5.0, "other": 45.0, "held_hours": 1.5, "out_hours": 0.25, "has_strings": True}  # fmt: skip
    return PvDay(start, min(start + DAY, NOW), **{**base, **values})


@pytest.fixture
def lit(store: Store) -> Store:
    """A morning with light, studied."""
    at = list(range(NOW - 3 * HOUR, NOW, MINUTE))
    tell(store, "inverter01", "inverter", at, total_active_power=55.0, dc_power=57.0)
    tell(store, "weather01", "weather", at, poa_irradiance=700.0, module_temp=40.0)
    pv_days.study(store, NOW, lambda _: None)
    return store


def test_the_day_curve_shows_clear_sky_and_expected_power_as_kept(lit: Store) -> None:
    table = inverter.curve_table(lit, SCOPE)
    curves = pv_days.curves(lit, "inverter01", Window(NOW - DAY, NOW))
    at = np.asarray(table.columns["at"])
    for column, values in (("Clear sky (kW)", curves.clear), ("Expected (kW)", curves.expected)):
        shown = np.asarray(table.columns[column])[np.searchsorted(at, curves.at)]
        assert shown == pytest.approx(np.round(values, 1), nan_ok=True)
    assert np.nansum(table.columns["AC power (kW)"]) > 0
    assert [line.name for line in table.more["plot"].lines][-2:] == ["Clear sky", "Expected"]
    lines(table, SCOPE)


def test_a_long_window_thins_the_curves_to_means(lit: Store) -> None:
    curves = pv_days.curves(lit, "inverter01", Window(TODAY, TODAY + DAY))
    thin = inverter.thinned(curves, 12 * DAY)
    assert thin.width == 12 * curves.width
    assert thin.clear[11] == pytest.approx(curves.clear[132:144].mean())


def test_a_live_frame_adds_the_clear_sky_of_now(lit: Store) -> None:
    frame = inverter.curve_frame(lit, SCOPE)
    curves = pv_days.curves(lit, "inverter01", Window(TODAY, TODAY + DAY))
    assert frame is not None
    assert frame["extend"]["y"][-1] == pytest.approx(np.interp(NOW, curves.at + curves.width // 2, curves.clear), abs=0.06)


def test_losses_of_the_days_add_up_to_what_came(store: Store) -> None:
    keep(store, a_day(1), a_day(0), a_day(3, potential=9e9))
    table = pv_losses.losses_table(store, SCOPE)
    shown = dict(zip(table.columns["kind"], table.columns["value"], strict=True))
    assert shown == pytest.approx({"potential": 1000.0, "clipping": 40.0, "curtailment": 60.0, "outage": 20.0, "mismatch": 10.0,
                                   "other": 90.0, "energy": 780.0})  # fmt: skip
    assert table.columns["share"][1] == pytest.approx(4.0)
    assert "3.0 h" in table.columns["note"][2] and "0.5 h" in table.columns["note"][3]
    assert table.more["waterfall"].title == "2026-11-20 – 2026-11-21"


def test_what_nobody_can_know_has_no_row(store: Store) -> None:
    keep(store, a_day(0, mismatch=0.0, other=50.0, has_strings=False))
    assert pv_losses.losses_table(store, SCOPE).columns["kind"] == ["potential", "clipping", "curtailment", "outage", "other", "energy"]


def test_dirt_is_taken_out_of_what_nobody_can_explain(store: Store) -> None:
    keep(store, a_day(0))
    start = pv_days.day_number(TODAY) - 10
    body = {"rate": 0.002, "low": 0.001, "high": 0.003, "starts": [start], "days": 12, "reason": ""}
    keep_result(store.records, pv_days.SOILED, "inverter01", NOW, body)
    table = pv_losses.losses_table(store, SCOPE)
    shown = dict(zip(table.columns["kind"], table.columns["value"], strict=True))
    assert shown["soiling"] == pytest.approx(0.002 * 10 * 440)  # of what was neither clipped, held back nor lost to an outage
    assert shown["soiling"] + shown["other"] == pytest.approx(45.0)


def test_each_bar_begins_where_the_one_above_ended() -> None:
    from dashboard.figures.waterfall import Waterfall

    columns = {"name": list("abcd"), "value": [100.0, 20.0, -5.0, 85.0], "is_total": [True, False, False, True], "note": list("abcd")}
    (trace,) = waterfall(Table(columns, more={"waterfall": Waterfall("kWh", 0)}), SCOPE)["data"]
    assert trace["base"] == [0, 80, 80, 0] and trace["x"] == [100, 20, 5, 85]
    assert [text[-5:] for text in trace["text"]] == ["0 kWh", "0 kWh", "5 kWh", "5 kWh"]
    assert trace["text"][1][0] in "-−"


@pytest.mark.parametrize(("reason", "key"), [("light", "light"), ("peak", "peak"), ("power", "power")])
def test_days_that_cannot_be_split_say_why(store: Store, reason: str, key: str) -> None:
    keep(store, PvDay(TODAY, NOW, energy=10.0, reason=reason))
    table = pv_losses.losses_table(store, SCOPE)
    assert table.is_empty and table.more["kept"][0] == word(f"inverter.losses.{key}", "en")


def test_cleanness_and_its_decline_are_shown_with_their_interval(store: Store) -> None:
    keep(store, *(a_day(back, cleanness=0.95 + 0.001 * back) for back in range(14) if back != 5))
    hint = pv_days.soiled(store, SUN[0], NOW)
    keep_result(store.records, pv_days.SOILED, "inverter01", NOW, {"rate": hint.rate, "low": hint.low, "high": hint.high,
                "starts": list(hint.starts), "days": hint.days, "reason": ""})  # fmt: skip
    table = pv_losses.cleanness_table(store, SCOPE)
    ratio, course = (np.asarray(table.columns[name]) for name in ("Clear-sky ratio (%)", "Decline between cleanings (%)"))
    expected = [95 + 0.1 * back for back in reversed(range(14))]
    assert ratio == pytest.approx([*expected[:8], np.nan, *expected[9:]], nan_ok=True)
    assert course == pytest.approx(expected, abs=0.01)
    assert table.more["plot"].remark == "loses 0.10 %/d (0.10 … 0.10), 13 clear days"
    lines(table, SCOPE)


def test_cloudy_days_say_that_there_is_nothing_to_say(store: Store) -> None:
    keep(store, a_day(0))
    table = pv_losses.cleanness_table(store, SCOPE)
    assert table.is_empty and table.more["kept"][0] == word("inverter.losses.cloudy", "en")
    keep(store, a_day(0, cleanness=0.97))
    assert pv_losses.cleanness_table(store, SCOPE).more["plot"].remark == "nothing to say yet: 0 clear days"


def test_the_corrected_ratio_stands_beside_the_plain_one(lit: Store) -> None:
    table = sunlight.ratio_table(lit, SCOPE)
    (day,) = pv_days.days(lit, "inverter01", Window(TODAY, NOW))
    # 55/100 over 0.7; cells 40 + 2.1 = 42.1 °C: 1 − 0.0035 · 17.1 = 0.94015
    assert table.columns["ratio"][-1] == pytest.approx(100 * 0.55 / 0.7)
    assert table.columns["corrected"][-1] == pytest.approx(100 * 0.55 / 0.7 / 0.94015, rel=1e-4) == pytest.approx(day.corrected)


def test_the_calendar_tells_yield_per_peak_and_ratio(lit: Store) -> None:
    note = sunlight.calendar_table(lit, SCOPE).columns["note"][-1]
    assert note == "2026-11-21 · 1.65 kWh/kWp · PR 78.6 %"  # 3 h of 55 kW of 100 kWp


@pytest.mark.parametrize("lang", ["en", "zh-TW", "es"])
def test_an_inverter_that_is_not_there_shows_empty_panels(store: Store, lang: str) -> None:
    scope = replace(SCOPE, unit=9, lang=lang)
    for load in (pv_losses.losses_table, pv_losses.cleanness_table, inverter.curve_table, sunlight.ratio_table):
        assert load(store, scope).is_empty
