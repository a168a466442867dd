"""The analysis page: every number on it against hand calculation or an independent sum over the readings of a small plant.

Two units (600 and 400 kWh). Unit 1 takes 60 kW from midnight for four hours and gives 50 kW from six to ten; unit 2 rests. The state of
charge of unit 1 goes from 30 over 66 to 32 %. Auxiliaries take 5 kW. Readings by the minute, straight lines between them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dashboard.figures.cloud import cloud
from dashboard.figures.columns import columns
from dashboard.figures.rainflow import rainflow
from dashboard.loads import analysis, comparison, droop, findings, rackbook, wear
from dashboard.loads.ledger import asked, ledger, whole_days
from dashboard.page import Scope, Table, Tile
from dashboard.scope import read
from datastore.open import open_store
from datastore.store import Store
from pages.analysis import PAGE
from plant.model import Alarm, Block, Device, ScheduleEvent, Window

MINUTE, HOUR = 60_000, 3_600_000
MIDNIGHT = 1_795_190_400_000
"""2026-11-21 00:00 in Taipei."""
NOON = MIDNIGHT + 12 * HOUR
NOW = NOON + 30 * MINUTE
SCOPE = Scope(zone="Asia/Taipei", start=MIDNIGHT, end=NOON)
AT = np.arange(MIDNIGHT - HOUR, NOW + MINUTE, MINUTE)
POWER = np.select([(AT >= MIDNIGHT) & (AT < MIDNIGHT + 4 * HOUR), (AT >= MIDNIGHT + 6 * HOUR) & (AT < MIDNIGHT + 10 * HOUR)], [-60.0, 50.0])
SOC = np.interp(AT, [MIDNIGHT, MIDNIGHT + 4 * HOUR, MIDNIGHT + 6 * HOUR, MIDNIGHT + 10 * HOUR], [30.0, 66.0, 66.0, 32.0])

DEVICES = (
    Device("site", "site", interval_s=60),
    Device("bess01", "bess", interval_s=60, rating={"capacity_kwh": 600.0}),
    Device("bess02", "bess", interval_s=60, rating={"capacity_kwh": 400.0}),
    *(Device(f"bess01-rack0{r}", "rack", parent="bess01", interval_s=60) for r in (1, 2, 3)),
    Device("pcs01", "pcs", interval_s=60),
    Device("pcs02", "pcs", interval_s=60),
)


def tell(store: Store, device: str, kind: str, at: Sequence[int], **values: Any) -> None:
    columns = [np.broadcast_to(np.asarray(value, np.float64), len(at)).tolist() for value in values.values()]
    rows = [(device, instant, instant, 0, *row) for instant, *row in zip(np.asarray(at).tolist(), *columns, strict=True)]
    store.telemetry.append([Block(kind, tuple(values), rows)])


def fill(store: Store, without: slice = slice(0, 0)) -> None:
    store.records.put_devices(DEVICES)
    heard = np.delete(np.arange(len(AT)), without)
    tell(store, "pcs01", "pcs", AT[heard], active_power=POWER[heard])
    tell(store, "pcs02", "pcs", AT, active_power=0.0)
    tell(store, "bess01", "bess", AT, soc=SOC, soh=100.0)
    tell(store, "bess02", "bess", AT, soc=50.0, soh=100.0)
    tell(store, "site", "site", AT, aux_power=5.0, active_power=POWER - 5.0, frequency=60.0, pv_power=0.0)
    for r, soc in enumerate((50.0, 52.0, 40.0), start=1):
        tell(store, f"bess01-rack0{r}", "rack", AT, soc=soc, soh=100.0)


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    yield store
    store.close()


def energy(sign: int, start: int = MIDNIGHT, end: int = NOON) -> float:
    """In or out [kWh] by the trapezoid rule at a step of one second, where the pieces of one sign are nearly exact."""
    fine = np.arange(start, end + 1, 1000)
    return float(np.trapezoid(np.maximum(sign * np.interp(fine, AT, POWER), 0.0), fine) / HOUR)


IN, OUT, STORED = energy(-1), energy(1), 12.0
"""Stored: (32·600 + 50·400 − 30·600 − 50·400)/1000 = 1.2 % of 1000 kWh."""


def tiles(store: Store, scope: Scope = SCOPE) -> dict[str, Tile]:
    return {tile.key: tile for tile in analysis.tiles(store, scope)}


def rows(table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, row, strict=True)) for row in zip(*table.columns.values(), strict=True)]


def test_the_plant_is_what_its_description_says() -> None:
    assert pytest.approx(240.0, abs=0.6) == IN
    assert pytest.approx(200.0, abs=0.6) == OUT


def test_the_window_in_numbers(store: Store) -> None:
    fill(store)
    shown = {key: tile.value for key, tile in tiles(store).items()}
    assert shown["charged"] == pytest.approx(IN, abs=0.01)
    assert shown["discharged"] == pytest.approx(OUT, abs=0.01)
    assert shown["aux"] == pytest.approx(60.0)  # 5 kW for 12 h
    assert shown["loss"] == pytest.approx(IN - OUT - STORED, abs=0.02)
    assert shown["efc"] == pytest.approx((IN + OUT) / 2000.0, abs=1e-4)
    assert shown["coverage"] == pytest.approx(100.0)
    for key, taken in (("storage", IN), ("system", IN + 60.0)):  # DOMAIN 3.2: (E_dis + ΔE·√η)/E_ch, η from ΔE first, then twice
        eta = (OUT + STORED) / taken
        for _ in range(2):
            eta = (OUT + STORED * eta**0.5) / taken
        assert shown[key] == pytest.approx(100 * eta, abs=0.01), key


def test_what_flowed_unseen_is_not_called_loss(store: Store) -> None:
    fill(store, without=slice(120, 180))  # an hour of charging that nobody saw
    shown = tiles(store)
    assert shown["coverage"].value == pytest.approx(100 * (1 - 61 / 60 / 24), abs=0.05)  # of two converters over twelve hours
    assert shown["charged"].value == pytest.approx(IN - 61.0, abs=0.01)
    assert (shown["loss"].value, shown["storage"].value, shown["system"].value) == (None, None, None)


def test_a_history_that_begins_in_the_window_is_balanced_from_its_beginning(store: Store) -> None:
    fill(store)
    shown = tiles(store, replace(SCOPE, start=MIDNIGHT - 24 * HOUR))
    assert shown["loss"].value == pytest.approx(energy(-1, int(AT[0])) - OUT - STORED, abs=0.02)
    assert shown["coverage"].value == pytest.approx(100 * 13 / 36, abs=0.1)


def test_the_bars_of_the_window_add_up_to_its_tiles(store: Store) -> None:
    fill(store)
    bars = rows(analysis.energy_table(store, SCOPE))
    assert len(bars) == 12
    for hour, bar in enumerate(bars):
        start = MIDNIGHT + hour * HOUR
        assert bar["at"] == start
        assert bar["charged"] == pytest.approx(energy(-1, start, start + HOUR), abs=0.01), hour
        assert bar["discharged"] == pytest.approx(energy(1, start, start + HOUR), abs=0.01), hour
        assert bar["coverage"] == 100.0
    assert sum(bar["charged"] for bar in bars) == pytest.approx(tiles(store)["charged"].value, abs=1e-6)


def test_hours_nobody_observed_have_no_bar(store: Store) -> None:
    store.records.put_devices([Device("pcs01", "pcs", interval_s=60)])
    heard = (AT < MIDNIGHT + 2 * HOUR) | (AT >= MIDNIGHT + 5 * HOUR)
    tell(store, "pcs01", "pcs", AT[heard], active_power=POWER[heard])
    bars = rows(analysis.energy_table(store, SCOPE))
    assert [bool(np.isnan(bar["charged"])) for bar in bars[:6]] == [False, False, True, True, True, False]
    assert (bars[3]["coverage"], bars[0]["coverage"]) == (0.0, 100.0)


@pytest.mark.parametrize(("hours", "bars", "length"), [(1, 4, 0.25), (24, 24, 1.0), (96, 4, 24.0)])
def test_short_windows_are_shown_finer(store: Store, hours: int, bars: int, length: float) -> None:
    store.records.put_devices(DEVICES)
    at = np.arange(NOON - 110 * HOUR, NOON + 2 * MINUTE, MINUTE)
    for pcs in ("pcs01", "pcs02"):
        tell(store, pcs, "pcs", at, active_power=-10.0)
    end = MIDNIGHT if hours == 96 else NOON
    table = analysis.energy_table(store, replace(SCOPE, start=end - hours * HOUR, end=end))
    assert len(table.columns["at"]) == bars
    assert set(table.columns["hours"]) == {length}
    assert np.sum(table.columns["charged"]) == pytest.approx(20.0 * hours, rel=2e-3)


def test_the_days(store: Store) -> None:
    fill(store)
    (yesterday, today) = rows(analysis.loss_table(store, Scope(zone="Asia/Taipei", window="24h")))
    assert (yesterday["at"], today["at"]) == (MIDNIGHT - 24 * HOUR, MIDNIGHT)
    assert today["hours"] == 12.5
    assert (today["charged"], today["discharged"]) == (pytest.approx(IN, abs=0.01), pytest.approx(OUT, abs=0.01))
    assert (today["stored"], today["loss"]) == (pytest.approx(STORED), pytest.approx(IN - OUT - STORED, abs=0.02))
    assert today["aux"] == pytest.approx(62.5)
    assert yesterday["coverage"] == pytest.approx(100 / 24, abs=0.1)
    assert np.isnan(yesterday["storage"])  # nothing was charged
    (_, cycled) = rows(analysis.cycles_table(store, Scope(zone="Asia/Taipei", window="24h")))
    assert cycled["efc"] == pytest.approx((IN + OUT) / 2000, abs=1e-4)
    assert cycled["soh"] == pytest.approx(100.0)


def test_windows_that_follow_the_clock_show_seven_days_at_least(store: Store) -> None:
    shown = whole_days(store, Scope(zone="Asia/Taipei", window="15m"))
    assert shown is not None
    assert (shown.start, shown.end) == (MIDNIGHT - 6 * 24 * HOUR, NOW)
    fixed = whole_days(store, SCOPE)
    assert fixed is not None
    assert (fixed.start, fixed.end) == (MIDNIGHT, NOW)


def test_the_books_are_written_once_a_minute_for_all_panels(store: Store) -> None:
    fill(store)
    first = ledger(store, asked(store, SCOPE))
    assert ledger(store, asked(store, SCOPE)) is first
    later = replace(store, clock=lambda: NOW + MINUTE)
    assert ledger(later, asked(store, SCOPE)) is not first


AWARD = ScheduleEvent("dreg0.5", MIDNIGHT + 8 * HOUR, MIDNIGHT + 9 * HOUR, power=5.0)


def awarded(store: Store) -> None:
    """An hour of dReg0.5, 5 MW: half of it at 60 Hz and 0 kW (inside), a quarter at 59.90 Hz and 1500 kW (93 points), a quarter at 59.87 Hz
    and 1148 kW (100 points; both of DOMAIN 3.5), of which the last minute was not told."""
    store.records.put_devices([Device("site", "site")])
    store.records.put_events([AWARD])
    at = AWARD.time_start + 1000 * np.arange(3540)
    place = np.arange(3540)
    hz = np.select([place < 1800, place < 2700], [60.0, 59.90], 59.87)
    kw = np.select([place < 1800, place < 2700], [0.0, 1500.0], 1148.0)
    tell(store, "site", "site", at, frequency=hz, active_power=kw)


def test_seconds_beside_the_envelope(store: Store) -> None:
    awarded(store)
    found = droop.chosen(store, SCOPE)
    assert found is not None
    assert (found.cloud.awarded, found.cloud.heard, found.cloud.inside) == (3600, 3540, 1800 + 840)
    table = droop.cloud_table(store, SCOPE)
    assert sorted(np.asarray(table.columns["seconds"]).tolist()) == [840, 900, 1800]
    verdict = table.more["envelope"].verdict
    assert "73.33 %" in verdict  # 2640 of 3600
    assert "1.0 h" in verdict
    assert "60 s silent" in verdict
    at_59_9 = next(row for row in rows(table) if row["seconds"] == 900)
    # at 59.9025 Hz: 9 + 39·(59.98 − 59.9025)/0.23 = 22.1413 % above, and −9 + 57·… = 10.2065 % below (the corners of DOMAIN 3.5)
    assert (at_59_9["upper"], at_59_9["lower"]) == (pytest.approx(22.1413, abs=1e-4), pytest.approx(10.2065, abs=1e-4))


def test_an_award_of_fifty_hertz_lies_in_its_own_envelope(store: Store) -> None:
    store.records.put_devices([Device("site", "site")])
    store.records.put_events([replace(AWARD, mode="efr", quote_code="EFR2")])
    at = AWARD.time_start + 1000 * np.arange(3600)
    tell(store, "site", "site", at.tolist(), frequency=np.where(np.arange(3600) < 1800, 50.0, 49.75), active_power=0.0)
    table = droop.cloud_table(store, SCOPE)
    found = sorted((row["frequency"], row["seconds"], row["lower"]) for row in rows(table))
    # at 49.7525 Hz 48.4536 − (48.4536 + 9)·0.0025/0.235 = 47.8424 %
    assert found == [(49.7525, 1800, pytest.approx(47.8424, abs=1e-4)), (50.0025, 1800, -9.0)]


@pytest.mark.parametrize("factor", [1000.0, 1e-3, 1e17])
def test_a_frequency_in_another_unit_makes_no_field_of_millions_of_classes(store: Store, factor: float) -> None:
    """Sixty readings in Hz and one in mHz without an award: the stray one is counted at the edge, a hertz from the others."""
    store.records.put_devices([Device("site", "site")])
    at = NOON - 1000 * np.arange(61, 0, -1)
    tell(store, "site", "site", at.tolist(), frequency=np.where(np.arange(61) == 30, 60.0 * factor, 60.0), active_power=0.0)
    table = droop.cloud_table(store, SCOPE)
    assert sum(table.columns["seconds"]) == 61
    assert max(table.columns["frequency"]) - min(table.columns["frequency"]) == pytest.approx(1.0, abs=0.01)


def test_only_awarded_seconds_of_the_asked_product_are_judged(store: Store) -> None:
    awarded(store)
    tell(store, "site", "site", (AWARD.time_end + 1000 * np.arange(600)).tolist(), frequency=59.0, active_power=9000.0)
    found = droop.chosen(store, SCOPE)
    assert found is not None
    assert found.cloud.awarded == 3600
    assert droop.product_options(store, SCOPE) == [("dreg0.5", found.rules.title)]
    assert droop.chosen(store, replace(SCOPE, product="edreg")) is None
    half = droop.chosen(store, replace(SCOPE, start=AWARD.time_start + 30 * MINUTE))
    assert half is not None
    assert (half.cloud.awarded, half.cloud.inside) == (1800, 840)


def test_a_late_reading_changes_what_was_remembered(store: Store) -> None:
    awarded(store)
    assert droop.chosen(store, SCOPE).cloud.heard == 3540  # type: ignore[union-attr]
    tell(store, "site", "site", (AWARD.time_start + 1000 * np.arange(3540, 3600)).tolist(), frequency=60.0, active_power=0.0)
    found = droop.chosen(store, SCOPE)
    assert found is not None
    assert (found.cloud.heard, found.cloud.inside) == (3600, 2700)


def test_a_share_is_never_rounded_up_to_a_perfect_one(store: Store) -> None:
    """A single second of an hour outside the envelope is 99.97 %; of sixty hours 99.9995 %, which is not 100.00 %."""
    awarded(store)
    found = droop.chosen(store, SCOPE)
    assert found is not None
    nearly = replace(found, cloud=replace(found.cloud, awarded=216_000, heard=216_000, inside=215_999))
    assert "99.99 %" in droop._verdict(nearly, Window(MIDNIGHT, NOON), "en")


def test_a_hundred_years_are_cut_to_one_and_said_so(store: Store) -> None:
    fill(store)
    long = replace(SCOPE, start=946_684_800_000, end=4_000_000_000_000)
    window = asked(store, long)
    assert window is not None
    assert window.length == 366 * 24 * HOUR
    assert tiles(store, long)["coverage"].note == "of the last 366 days observed"
    assert tiles(store)["coverage"].note == "of the window observed"
    assert tiles(store, long)["charged"].value == pytest.approx(energy(-1, int(AT[0]), NOW), abs=0.02)


def test_an_interrupted_or_lost_award_judges_nothing(store: Store) -> None:
    awarded(store)
    (kept,) = store.records.put_events([replace(AWARD, index=1, interrupt=True)])
    assert kept.interrupt
    assert droop.chosen(store, SCOPE) is None
    table = droop.cloud_table(store, SCOPE)  # what was told is shown in kW, with no band around it
    assert sum(table.columns["seconds"]) == 3540
    assert table.more["envelope"].hz == ()
    assert np.isnan(table.columns["upper"]).all()


def test_the_permitted_band_over_time(store: Store) -> None:
    awarded(store)
    shown = [row for row in rows(droop.trace_table(store, SCOPE)) if abs(row["frequency"] - 60.0) < 1e-9]
    assert {round(row["upper"], 6) for row in shown if np.isfinite(row["upper"])} == {450.0}  # 9 % of 5 MW
    assert {round(row["lower"], 6) for row in shown if np.isfinite(row["lower"])} == {-450.0}


def test_cycles_by_depth_and_mean(store: Store) -> None:
    """30 → 66 → 32 %: half a cycle of 36 around 48 and half one of 34 around 49, of two units one."""
    fill(store)
    told = {(row["depth_from"], row["soc_from"]): row["cycles"] for row in rows(wear.rainflow_table(store, SCOPE)) if row["cycles"]}
    assert told == {(20, 40): 0.5}
    alone = {row["cycles"] for row in rows(wear.rainflow_table(store, replace(SCOPE, unit=2)))}
    assert alone == {0.0}
    assert wear.rainflow_table(store, replace(SCOPE, unit=9)).is_empty


def test_the_ledger_of_the_racks(store: Store) -> None:
    """200 kWh each at 50, 52 and 40 %, limits 10 and 95 %: 28 kWh by rack 2 and 44 kWh by rack 3 (see tests/plant/test_booked.py)."""
    fill(store)
    total, third, second = rows(rackbook.imbalance_table(store, SCOPE))
    assert (total["charge"], total["discharge"]) == (pytest.approx(28.0), pytest.approx(44.0))
    assert (third["name"], third["charge"], third["discharge"]) == ("BESS 1 · Rack 03", 0.0, pytest.approx(44.0))
    assert (second["name"], second["charge"], second["discharge"]) == ("BESS 1 · Rack 02", pytest.approx(28.0), 0.0)
    assert (third["first"], third["apart"]) == (pytest.approx(100.0), pytest.approx(-10.0))
    links = rackbook.imbalance_table(store, SCOPE).more["sheet"].links
    assert links["1", "name"].startswith("/bess?unit=1&rack=3")


def test_what_no_alarm_said_is_found_in_the_readings(store: Store) -> None:
    fill(store)
    (found,) = rows(findings.findings_table(store, SCOPE))
    assert (found["device"], found["rule"], found["until"]) == ("bess01-rack03", "compared with neighbours", "open")
    assert "up to 10.0 points below" in found["finding"]
    assert found["at"] == MIDNIGHT


def test_alarms_of_the_window_are_findings_with_their_evidence(store: Store) -> None:
    fill(store)
    for hour in (2, 4):
        raised = MIDNIGHT + hour * HOUR
        alarm = Alarm("bess01-rack03", "rack", "SOC_DEVIATES", "warning", "40.0 %, 10.0 below", raised, cleared=raised + HOUR)
        store.records.put_alarm(alarm)
    store.records.put_alarm(Alarm("pcs01", "pcs", "HOT", "alarm", "IGBT 101 °C", MIDNIGHT - 30 * HOUR, cleared=MIDNIGHT - 20 * HOUR))
    (found,) = rows(findings.findings_table(store, SCOPE))  # two of one kind are one; the old one is out of the window
    assert (found["finding"], found["times"], found["rule"]) == ("40.0 %, 10.0 below", 2, "alarm watch")
    assert (found["since"], found["until"]) == ("11-21 02:00", "11-21 05:00")


def test_one_period_upon_the_other(store: Store) -> None:
    store.records.put_devices(DEVICES)
    day = np.arange(MIDNIGHT - 24 * HOUR, NOON, MINUTE)
    tell(store, "pcs01", "pcs", day, active_power=np.where(day < MIDNIGHT, 10.0, 30.0))
    tell(store, "pcs02", "pcs", day, active_power=1.0)
    table = comparison.comparison_table(store, replace(SCOPE, against="day"))
    assert set(np.asarray(table.columns["now"]).round(9)) == {31.0}
    assert set(np.asarray(table.columns["then"]).round(9)) == {11.0}
    assert (table.columns["at"][0], len(table.columns["at"])) == (MIDNIGHT, 12 * 60 // 2)
    assert [line.name for line in table.more["plot"].lines] == ["A day earlier · mean 11 kW", "This window · mean 31 kW"]


def test_the_charge_compared_is_weighted_by_energy(store: Store) -> None:
    fill(store)
    last = replace(SCOPE, start=NOON - HOUR, metric="soc")
    table = comparison.comparison_table(store, last)
    assert set(np.asarray(table.columns["now"]).round(6)) == {39.2}  # (32·600 + 50·400)/1000
    before = np.asarray(table.columns["then"])  # the hour up to eleven: unit 1 stands at 32 % as well
    assert set(before.round(6)) == {39.2}


@pytest.mark.parametrize(("against", "start"), [("", MIDNIGHT - 12 * HOUR), ("day", MIDNIGHT - 24 * HOUR), ("week", MIDNIGHT - 168 * HOUR)])
def test_what_it_is_compared_with(store: Store, against: str, start: int) -> None:
    window = asked(store, SCOPE)
    assert window is not None
    found = comparison.earlier(store, replace(SCOPE, against=against), window)
    assert (found.start, found.length) == (start, 12 * HOUR)


def test_a_day_earlier_is_the_same_time_of_the_clock() -> None:
    """Madrid, 2026-10-25: the clocks went back that night, so that a day earlier is 25 hours."""
    noon = 1_792_926_000_000  # 2026-10-25 12:00 CET
    store = open_store("memory://", "Europe/Madrid", clock=lambda: noon + 6 * HOUR)
    scope = Scope(zone="Europe/Madrid", start=noon, end=noon + HOUR, against="day")
    window = asked(store, scope)
    assert window is not None
    assert comparison.earlier(store, scope, window).start == noon - 25 * HOUR
    store.close()


def test_the_comparison_is_part_of_the_link() -> None:
    scope, bad = read("against=week&metric=soc", "Asia/Taipei")
    assert (scope.against, bad) == ("week", ())
    assert "against=week" in scope.query()
    assert "against" not in scope.elsewhere("/bess")
    assert read("against=a%00b", "Asia/Taipei")[1] == ("against",)


def test_a_window_that_lies_ahead_is_empty_not_an_error(store: Store) -> None:
    fill(store)
    ahead = replace(SCOPE, start=NOW + HOUR, end=NOW + 2 * HOUR)
    for panel in PAGE.panels:
        table = panel.load(store, ahead)
        if panel.id == "analysis-tiles":
            assert set(table.columns["value"]) == {None}
        else:
            assert table.is_empty, panel.id


def test_hours_are_read_out_as_sentences_and_partly_observed_ones_are_paler(store: Store) -> None:
    store.records.put_devices([Device("pcs01", "pcs", interval_s=60)])
    heard = (AT < MIDNIGHT + 2 * HOUR) | (AT >= MIDNIGHT + 5 * HOUR + 30 * MINUTE)
    tell(store, "pcs01", "pcs", AT[heard], active_power=POWER[heard])
    figure = columns(analysis.energy_table(store, SCOPE), SCOPE)
    out, into = figure["data"]
    assert into["y"][:4] == [-60.0, -59.0, None, None]  # charging hangs down; the last minute before silence is not known; no bar in it
    assert into["customdata"][0] == 60.0
    assert into["hovertext"][0] == "2026-11-21 00:00–01:00"
    assert into["hovertext"][5] == "2026-11-21 05:00–06:00 (50 % observed)"
    assert (out["marker"]["opacity"][0], out["marker"]["opacity"][5]) == (1.0, 0.6)
    ticks = figure["layout"]["xaxis"]
    assert [text[:5] for text in ticks["ticktext"]] == [f"{hour:02d}:00" for hour in range(0, 12, 2)]
    assert ticks["tickvals"][1] == MIDNIGHT + 2 * HOUR + 8 * HOUR  # as the site's wall clock shows it


def test_the_field_holds_each_second_once_and_the_band_around_it(store: Store) -> None:
    awarded(store)
    heat, upper, lower = cloud(droop.cloud_table(store, SCOPE), SCOPE)["data"]
    assert sum(sum(row) for row in heat["customdata"]) == 3540
    assert sum(cell is not None for row in heat["z"] for cell in row) == 3
    corners = dict(zip(upper["x"], zip(upper["y"], lower["y"], strict=True), strict=True))
    assert corners[59.98] == (9.0, -9.0)  # DOMAIN 3.5, dReg0.5
    assert corners[60.25] == (-48.0, -48.0)


def test_only_what_cycled_carries_a_number(store: Store) -> None:
    fill(store)
    trace = rainflow(wear.rainflow_table(store, SCOPE), SCOPE)["data"][0]
    assert [text for row in trace["text"] for text in row if text] == ["0.5"]
    assert trace["hovertext"][4][4] == "Depth 20–40 %, around 40–50 % charge: cycles per unit"


def test_the_ledger_is_in_money_only_where_a_price_is_named(store: Store) -> None:
    """28 + 44 kWh (see above) at 3.5 a kWh are 252 a cycle."""
    fill(store)
    assert "money" not in rackbook.imbalance_table(store, SCOPE).columns
    price = {"per_kwh": 3.5, "currency": "TWD", "source": "tariff 2026"}
    store.records.put_devices([replace(DEVICES[0], info={"energy_price": price})])
    table = rackbook.imbalance_table(store, SCOPE)
    assert table.columns["money"][0] == pytest.approx(72 * 3.5)
    assert ("money", "TWD a cycle", 1) in table.more["sheet"].columns
