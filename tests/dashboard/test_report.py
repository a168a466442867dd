"""The report of a month says what the panels say and what other roads to the same readings give: numbers by hand (the morning of
`test_schedule`), and by questions to the store of their own."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import orjson
import pytest

from dashboard import report
from dashboard.loads import alarms, analysis, contract, income
from dashboard.page import Scope
from dashboard.report import Place, composed, scope_of
from datastore.open import open_store
from datastore.store import Store
from plant.model import Alarm, Block, Device, ScheduleEvent, Window
from plant.quantity import number
from plant.timeline import month_window
from services.exports import Report
from services.income import days
from services.paper import Chart, Figures, Paper, Rows, Text

HOUR, SECOND, MINUTE = 3_600_000, 1000, 60_000
MIDNIGHT = 1_795_190_400_000  # 2026-11-21 00:00 in Taipei
NOW = MIDNIGHT + 12 * HOUR
PLACE = Place("Plant", "https://plant.example")


@pytest.fixture
def store() -> Iterator[Store]:
    """Three awards of 5 MW at 60 Hz: 08 h in order (1,750), 09 h with 730 kW in six seconds (price 100: 0.8 of 500 and 1,750), 10 h
    with five silent seconds (rate 0: −1,750). Two batteries: one at 40, then 60 %, one at 80 % and silent in every second quarter. Four
    alarms of two tags."""
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    rating = {"capacity_kwh": 100.0}
    store.records.put_devices([Device("site", "site"), Device("bess01", "bess", rating=rating), Device("bess02", "bess", rating=rating)])
    rows = []
    for at in range(MIDNIGHT + 7 * HOUR, MIDNIGHT + 11 * HOUR + 60_000, SECOND):
        kw = 730.0 if MIDNIGHT + 9.5 * HOUR <= at < MIDNIGHT + 9.5 * HOUR + 6 * SECOND else 0.0
        if not MIDNIGHT + 10.25 * HOUR <= at < MIDNIGHT + 10.25 * HOUR + 5 * SECOND:
            rows.append(("site", at, at, 0, 60.0, kw))
    store.telemetry.append([Block("site", ("frequency", "active_power"), rows)])
    minutes = range(MIDNIGHT, NOW, MINUTE)
    told = [("bess01", at, at, 0, 40.0 if at < MIDNIGHT + 6 * HOUR else 60.0, 99.0) for at in minutes]
    told += [("bess02", at, at, 0, 80.0, 97.5) for at in minutes if (at // (15 * MINUTE)) % 2 == 0]
    store.telemetry.append([Block("bess", ("soc", "soh"), told)])
    for hour, price in ((8, 0.0), (9, 100.0), (10, 0.0)):
        start = MIDNIGHT + hour * HOUR
        store.records.put_events([ScheduleEvent("dreg", start, start + HOUR, power=5.0, quote_code="DREG05", price=price)])
    for n, code in enumerate(("HOT", "HOT", "HOT", "LOW")):
        at = MIDNIGHT + n * HOUR
        store.records.put_alarm(Alarm("bess01", "bess", code, "warning", f"{code} it is", at, cleared=at + MINUTE))
    yield store
    store.close()


@pytest.fixture
def asked() -> Report:
    month = month_window(2026, 11, open_zone())
    return Report(month.start, month.end, "Asia/Taipei", "en")


def open_zone():  # type: ignore[no-untyped-def]
    from zoneinfo import ZoneInfo

    return ZoneInfo("Asia/Taipei")


def section(made: Paper, title: str) -> list:  # type: ignore[type-arg]
    (found,) = [one for one in made.sections if one.title == title]
    return list(found.parts)


def figures(made: Paper, title: str) -> dict[str, tuple[str, str]]:
    return {f.title: (f.text, f.unit) for part in section(made, title) if isinstance(part, Figures) for f in part.figures}


def tables(made: Paper, title: str) -> list[Rows]:
    return [part for part in section(made, title) if isinstance(part, Rows)]


def test_income_is_that_of_the_hours_worked_out_by_hand(store: Store, asked: Report) -> None:
    made = composed(store, asked, PLACE)
    told = figures(made, "Income")
    assert told["Income of the month"] == ("1,800", "NT$")  # 1,750 + 400 + 1,400 − 1,750
    assert (told["Capacity fee"], told["Performance fee"], told["Energy service fee"]) == (("400", "NT$"), ("1,400", "NT$"), ("0", "NT$"))
    rates = figures(made, "Execution rate")
    assert [rates[name][0] for name in ("Lowest rate", "Median rate", "Highest rate", "Below 95 %")] == ["0.00", "94.00", "100.00", "2"]
    (bands,) = tables(made, "Execution rate")
    assert [row[1] for row in bands.rows] == ["1", "0", "1", "0", "1"]  # 100, 94 and 0


def test_income_is_that_of_the_service_and_of_the_panel(store: Store, asked: Report) -> None:
    made = composed(store, asked, PLACE)
    _, earned = days(store, "", Window(asked.start, NOW), NOW)
    assert earned.total is not None and earned.rate is not None and earned.q is not None
    told = figures(made, "Income")
    assert told["Income of the month"][0] == number(earned.total, 0)
    assert told["Execution %"][0] == number(100 * earned.rate, 2) and told["Index"][0] == number(earned.q, 3)
    panel = income.days_table(store, scope_of(asked))
    (sheet,) = tables(made, "Income")
    assert len(sheet.rows) == len(panel.columns["day"]) and sheet.rows[-1][0] == "Total" and len(sheet.rows) - 1 in sheet.strong
    assert [row[-1] for row in sheet.rows] == [number(value, 0) for value in panel.columns["total"]]


def test_batteries_and_coverage_are_those_of_a_question_to_the_store(store: Store, asked: Report) -> None:
    made = composed(store, asked, PLACE)
    units, *_ = tables(made, "Batteries")
    for row, device in zip(units.rows, ("bess01", "bess02"), strict=True):
        columns = store.telemetry.columns(device, "bess", ("soc", "soh"), Window(asked.start, NOW))
        soc = np.asarray(columns.values["soc"])
        quarters = len({int(at) // (15 * MINUTE) for at in columns.at})
        share = 100 * quarters / ((NOW - asked.start) / (15 * MINUTE))
        expected = [number(value, 1) for value in (soc.min(), soc.mean(), soc.max())]
        assert list(row[1:4]) == expected and row[4] == number(float(columns.values["soh"][-1]), 2) and row[5] == number(share, 1)
    assert units.rows[0][1:5] == ("40.0", "50.0", "60.0", "99.00")  # half the morning each
    (heard,) = tables(made, "Data coverage")
    by_kind = {row[0]: row for row in heard.rows}
    assert by_kind["BESS units"][1] == "2" and by_kind["BESS units"][3] == "bess02"


def test_alarms_are_counted_and_the_most_frequent_named(store: Store, asked: Report) -> None:
    made = composed(store, asked, PLACE)
    (top,) = tables(made, "Alarms")
    assert [(row[0], row[2], row[3]) for row in top.rows] == [("bess01 · HOT", "3", "75.0"), ("bess01 · LOW", "1", "25.0")]
    tiles = {tile.title: tile for tile in alarms.tiles(store, scope_of(asked))}
    assert len(store.records.alarms(("cleared",), Window(asked.start, NOW))) == 4
    told = figures(made, "Alarms")
    assert told["Mean rate"][0] == number(float(tiles["alarm.tile.rate"].value or 0), 2)


def test_panels_stand_as_their_pages_show_them(store: Store, asked: Report) -> None:
    made, scope = composed(store, asked, PLACE), scope_of(asked)
    energy = figures(made, "Energy and efficiency")
    assert [text for text, _ in energy.values()] == [
        "—" if tile.value is None else number(float(tile.value), tile.decimals) for tile in analysis.tiles(store, scope)
    ]
    availability = contract.availability_table(store, scope)
    assert availability.is_empty and section(made, "Availability") == [Text("Nothing was recorded for this in the month.")]
    (fees,) = [part for part in section(made, "Income") if isinstance(part, Chart)]
    drawn = orjson.loads(fees.figure)
    bars = {trace["name"]: trace["y"] for trace in drawn["data"] if trace["type"] == "bar"}
    assert [sum(y for y in ys if y) for name, ys in bars.items() if name == "Performance fee"] == [1400.0]
    assert drawn["layout"]["paper_bgcolor"] == "#ffffff"


def test_sources_methods_and_the_state_of_the_month_are_told(store: Store, asked: Report) -> None:
    made = composed(store, asked, PLACE)
    assert (made.title, made.about, made.mark) == ("Monthly report 2026-11", "Plant", "")
    assert "up to 2026-11-21 12:00" in made.facts[0]
    assert any("dReg0.5 (2020-01-01)" in note for note in made.notes) and not any("\n" in note for note in made.notes)
    assert any("https://plant.example/analysis?from=2026-11-01T00%3A00" in note for note in made.notes)
    over = composed(replace(store, clock=lambda: asked.end + HOUR), asked, PLACE)
    assert not any("not over" in fact for fact in over.facts)


@pytest.mark.parametrize("lang", ["en", "zh-TW", "es"])
def test_an_empty_month_is_a_report_that_says_so(lang: str) -> None:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    made = composed(store, Report(MIDNIGHT - 20 * 24 * HOUR, MIDNIGHT + 240 * HOUR, "Asia/Taipei", lang), PLACE)
    store.close()
    assert len(made.sections) == len(report.CHAPTERS) and made.charts == 0
    assert all(section.parts for section in made.sections)


def test_simulated_readings_mark_every_page(store: Store, asked: Report) -> None:
    store.records.put_devices([Device("bess01", "bess", rating={"capacity_kwh": 100.0}, simulated=True)])
    made = composed(store, asked, PLACE)
    assert made.mark == "Simulated data" and "Simulated data" in made.facts


def test_a_part_that_fails_leaves_the_rest_alone(store: Store, asked: Report) -> None:
    def fail(store: Store, scope: Scope):  # type: ignore[no-untyped-def]
        raise RuntimeError("secret path")

    broken = replace(report.OWN[0], load=fail)
    table, parts = report._panel(store, broken, scope_of(asked), NOW, "Plant")
    assert table is None and parts == [Text("This part could not be worked out: RuntimeError")]
