"""The cards behind charts, maps and tables: no panel with a figure in it is without one, no card names what is not there, and the numbers
on the cards are those of the panels."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plotly.utils import PlotlyJSONEncoder

from dashboard import cards
from dashboard.book import discover
from dashboard.explanations import EXPLANATIONS, about, parts, title, words_of
from dashboard.explanations_panels import PARTS, TOLD, WHO
from dashboard.figures.explain import card, index
from dashboard.figures.sheet import Sheet
from dashboard.loads.explained import FACTS
from dashboard.loads.explained_panels import part as part_of
from dashboard.loads.explained_panels import whole
from dashboard.page import Panel, Scope, Table, Tile
from dashboard.words import WORDS, word
from datastore.open import open_store
from datastore.store import Store
from plant.model import HOUR, Device
from plant.timeline import moment
from services import foreign, kiosk, rack_days, twin_study, vitals
from tests.dashboard import test_analysis as battery_plant
from tests.dashboard import test_explained
from tests.dashboard import test_pages as small_plant
from tests.dashboard import test_pv_page as sunny_plant
from tests.dashboard import test_schedule as morning

ROOT = Path(__file__).parents[2]
PANELS = {panel.id: panel for page in discover() for panel in page.panels}
CARDED = {panel.id: panel for panel in PANELS.values() if panel.title in EXPLANATIONS or parts(panel.id)}
FIGURELESS: Mapping[str, str] = {
    "alarms-desk": "a form",
    "bess-alarms": "a list of alarms",
    "bess-bams": "words of a device",
    "bess-words": "words of a device",
    "devices-card": "nameplate and links",
    "devices-desk": "a form",
    "explore-dataset": "a form",
    "explore-notes": "what people wrote",
    "overview-alarms": "a list of alarms",
    "pcs-words": "words of a device",
    "schedule-desk": "a form",
    "schedule-plan-desk": "a form",
    "settings": "a form",
    "system-about": "what runs here",
    "system-audit": "who did what",
    "system-parts": "what answers",
    "system-reports": "files",
}
"""Panels without a figure, and what stands in them."""
NOWHERE = {"schedule-plan": "test_plans.py"}
"""Panels that no plant below fills, and where they are full."""
SOMETIMES = {("schedule-days", "hidden"), ("analysis-imbalance", "money"), ("devices-twin-health", "life")}
"""Parts that stand there only where the plant has them: hours without prices, a price of energy; the life of a twin stands below."""
PLACES = {"at", "end", "row", "column", "number", "unit", "rack", "hours"}
"""Columns of a chart or map that say where, when and for how long."""


@dataclass(frozen=True, slots=True)
class Plant:
    """A store with something in it, and how it is looked at."""

    store: Store
    scope: Scope


@pytest.fixture(scope="module")
def plants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Plant]]:
    """The small plant on a disk with its studies, a battery plant, a morning with awards, and an array with its days."""
    place: Path = tmp_path_factory.mktemp("cards")
    now = [small_plant.NOW - 60_000]
    small = open_store(f"sqlite:///{place}/plant.db", "Asia/Taipei", clock=lambda: now[0])
    small_plant.fill(small, [*small_plant.MINUTES, small_plant.NOW - 1_000])
    twin_study.study(small, small_plant.NOW, lambda _: None)
    rack_days.study(small, small_plant.NOW, lambda _: None)
    seen = foreign.Foreign()
    seen.note("influx", 1, 0, {("battery", "foo"): 2}, small_plant.NOW)
    vitals.begin(small, foreign=seen)
    now[0] = small_plant.NOW
    kiosk.heard(small, "kiosk:hall", "wall-1", "Hall", "/bess", 1920, 1080)
    battery = open_store("memory://", "Asia/Taipei", clock=lambda: battery_plant.NOW)
    battery_plant.fill(battery)
    awarded = next(rows := morning.store.__wrapped__())  # type: ignore[attr-defined]
    morning.award(awarded, 4, mode="full_power")
    sunny = open_store("memory://", "Asia/Taipei", clock=lambda: sunny_plant.NOW, place=(23.1, 120.3))
    sunny.records.put_devices([*sunny_plant.SUN, Device("site", "site")])
    sunny_plant.keep(sunny, *(sunny_plant.a_day(back, cleanness=0.95 - 0.001 * back) for back in range(20)))
    scopes = (small_plant.SCOPE, battery_plant.SCOPE, morning.looking_at(11), replace(sunny_plant.SCOPE, window="7d"))
    yield [Plant(*pair) for pair in zip((small, battery, awarded, sunny), scopes, strict=True)]
    for store in (small, battery, sunny):
        store.close()
    next(rows, None)


FILLED_BY: Mapping[str, tuple[int, ...]] = {"schedule": (2,), "analysis": (0, 1), "inverter": (0, 3)}
"""Which of the plants have something for the panels of a page; the small one for the others."""
_loaded: dict[str, list[tuple[Table, Plant]]] = {}


def full(panel: Panel, plants: list[Plant]) -> list[tuple[Table, Plant]]:
    """The panel's tables in the plants that fill it, loaded once."""
    if panel.id not in _loaded:
        chosen = [plants[place] for place in FILLED_BY.get(panel.id.partition("-")[0], (0,))]
        tables = [(panel.load(plant.store, plant.scope), plant) for plant in chosen]
        _loaded[panel.id] = [(table, plant) for table, plant in tables if not table.is_empty]
    return _loaded[panel.id]


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def figures(table: Table) -> set[str]:
    """Columns that hold numbers; of a grid those it shows as such."""
    if "grid" in table.more:
        return {column.name for column in table.more["grid"].columns if column.decimals is not None}
    spec: Sheet | None = table.more.get("sheet")
    shown = {column for column, _, _ in spec.columns} if spec else table.columns.keys() - PLACES
    return {name for name in shown if any(is_number(value) for value in table.columns[name])}


def uncovered(panel: Panel, table: Table) -> set[str]:
    """Figures of the panel that no card tells: a chart that is explained tells all it draws, a sheet has a card for each column or row."""
    own = parts(panel.id)
    if "sheet" not in table.more:
        return set() if panel.title in EXPLANATIONS else figures(table) - own.keys()
    told = {column for one in (TOLD.get(panel.title, {}), *(part.told for part in own.values())) for column in one.values()}
    names = {key for key in table.more["sheet"].keys if key in own}
    by_rows = bool(names) and names >= set(table.more["sheet"].keys) - {"mode"}
    return set() if by_rows else figures(table) - own.keys() - told


@pytest.mark.parametrize("panel", PANELS.values(), ids=lambda panel: panel.id)
def test_a_panel_has_cards_or_no_figures(panel: Panel) -> None:
    has_tiles = "tiles_panel" in getattr(panel.load, "__qualname__", "")
    assert has_tiles or (panel.id in CARDED) != (panel.id in FIGURELESS), "explain its figures in dashboard/explanations_panels.py"
    assert not (panel.id in CARDED and panel.bare), "a bare panel has no head for the button"


def test_a_figure_without_a_card_is_found() -> None:
    spec = Sheet((("name", "", None), ("soc", "SOC", 1), ("forgotten", "?", 1)), ("a",))
    table = Table({"name": ["a"], "soc": [50.0], "forgotten": [1.0]}, more={"sheet": spec})
    assert uncovered(PANELS["vehicles-list"], table) == {"forgotten"}


@pytest.mark.parametrize("panel", CARDED.values(), ids=lambda panel: panel.id)
def test_every_figure_of_a_panel_is_explained(panel: Panel, plants: list[Plant]) -> None:
    tables = [table for table, _ in full(panel, plants)]
    assert bool(tables) != (panel.id in NOWHERE)
    for table in tables:
        assert not uncovered(panel, table)


@pytest.mark.parametrize("panel", CARDED.values(), ids=lambda panel: panel.id)
def test_no_card_names_what_is_not_there(panel: Panel, plants: list[Plant]) -> None:
    there: set[str] = set()
    for table, _ in full(panel, plants):
        there |= table.columns.keys()
        there |= set(table.more["sheet"].keys) if "sheet" in table.more else set()
    if panel.id in NOWHERE:
        return
    names = {column for part in parts(panel.id).values() for column in part.told.values()} | parts(panel.id).keys()
    names |= set(TOLD.get(panel.title, {}).values())
    assert names - {name for where, name in SOMETIMES if where == panel.id} <= there


def test_declarations_fit_each_other() -> None:
    titles = {panel.title for panel in PANELS.values()}
    assert PARTS.keys() <= PANELS.keys()
    assert TOLD.keys() <= titles & EXPLANATIONS.keys()
    assert WHO.keys() <= titles
    assert FIGURELESS.keys() <= PANELS.keys()
    for key, columns in TOLD.items():
        assert columns.keys() <= {one.symbol for one in about(key).inputs}, key
    for panel_id, own in PARTS.items():
        for name, part in own.items():
            assert part.told.keys() <= {one.symbol for one in about(part.key).inputs}, (panel_id, name)
            assert set(words_of(part.key)) <= WORDS.keys(), (panel_id, name)


def test_an_explanation_of_a_panel_names_its_source() -> None:
    for key in EXPLANATIONS.keys() - FACTS.keys():
        source = about(key).source
        assert source or key in test_explained.ROWS, key
        assert all((ROOT / document).exists() for document in re.findall(r"docs/\w+\.md", source)), key


@pytest.mark.parametrize("panel", CARDED.values(), ids=lambda panel: panel.id)
def test_every_card_of_a_panel_is_drawn(panel: Panel, plants: list[Plant]) -> None:
    for (table, plant), lang in product(full(panel, plants), ("en", "zh-TW", "es")):
        scope = replace(plant.scope, lang=lang)
        told = {name: (part.key, part_of(panel, name, part, table, scope)) for name, part in parts(panel.id).items()}
        if panel.title in EXPLANATIONS:
            told[""] = panel.title, whole(panel, table, scope)
        for key, facts in told.values():
            assert {given.symbol for given in facts.given} <= {one.symbol for one in about(key).inputs}, key
            text = drawn(card(panel, Tile("", key, None, "NT$"), facts, scope, plant.store.clock(), True))
            assert title(key, lang) in text
            assert "NaN" not in text
            assert not [part for part in text.split('"') if part.startswith("explain.") and part in WORDS], "a key instead of its text"
    assert word(panel.title, "en") in drawn(index(panel, Scope()))


def drawn(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


# -- numbers -------------------------------------------------------------------------------------------------------------------


def numbers(panel_id: str, name: str, plant: Plant) -> dict[str, dict[str, float]]:
    """symbol → whose → value, of one part of a panel, or of the whole."""
    panel = PANELS[panel_id]
    table = panel.load(plant.store, plant.scope)
    facts = part_of(panel, name, parts(panel_id)[name], table, plant.scope) if name else whole(panel, table, plant.scope)
    found: dict[str, dict[str, float]] = {}
    for given in facts.given:
        if given.value is not None:
            found.setdefault(given.symbol, {})[given.who] = given.value
    return found


def test_the_load_of_a_converter_follows_from_its_card(plants: list[Plant]) -> None:
    told = numbers("pcs-units", "load", plants[0])
    assert told["P_nom"] == {"PCS 1": 100.0, "PCS 2": 100.0}
    assert {who: 100 * abs(told["P_ac"][who]) / told["P_nom"][who] for who in told["P_nom"]} == pytest.approx(told["load"])
    assert told["load"] == {"PCS 1": 60.0, "PCS 2": 30.0}


def test_the_unbalance_of_a_converter_follows_from_its_phases(plants: list[Plant]) -> None:
    told = numbers("pcs-units", "unbalance", plants[0])
    phases = list(told["x"].values())
    assert phases == [50.0, 51.0, 52.0]
    assert told["u"]["PCS 1"] == pytest.approx(100 * 1.0 / 51.0)  # NEMA MG 1


def test_the_row_of_a_rack_table_is_told_rack_by_rack(plants: list[Plant]) -> None:
    assert numbers("bess-racks", "soc", plants[0])["x"] == {"Rack 01": 51.0, "Rack 02": 52.0, "Rack 03": 53.0}


def test_the_power_of_a_vehicle_follows_from_its_card(plants: list[Plant]) -> None:
    told = numbers("vehicles-list", "power", plants[0])
    assert told["V"]["VIN12345"] * told["I"]["VIN12345"] / 1000 == pytest.approx(told["P"]["VIN12345"]) == pytest.approx(22.05)


def test_the_total_of_an_hour_follows_from_its_fees(plants: list[Plant]) -> None:
    told = numbers("schedule-hours", "total", plants[2])
    assert told["F"]
    for who, total in told["F"].items():
        assert sum(told[symbol][who] for symbol in ("F_c", "F_p", "F_E")) == pytest.approx(total), who


def test_the_account_tells_what_its_lines_are_made_of(plants: list[Plant]) -> None:
    fee = {symbol: next(iter(values.values())) for symbol, values in numbers("schedule-account", "participation", plants[2]).items()}
    assert -(fee["a"] + fee["b"] * fee["MW"] + fee["c"] * fee["N"]) == pytest.approx(fee["F₀"])
    panel, plant = PANELS["schedule-account"], plants[2]
    facts = part_of(panel, "capacity", parts(panel.id)["capacity"], panel.load(plant.store, plant.scope), plant.scope)
    assert {rules.product for rules in facts.rules} >= {"dreg0.5"}
    assert facts.coverage is not None
    assert facts.window is not None
    assert f"{moment(facts.window.start, plant.store.zone):%d %H:%M}" == "01 00:00"
    name = "participation"  # the market's charges are no product's rules
    assert not part_of(panel, name, parts(panel.id)[name], panel.load(plant.store, plant.scope), plant.scope).rules


def test_a_chart_tells_the_newest_point_of_each_line_and_how_much_was_heard(plants: list[Plant]) -> None:
    panel, plant = PANELS["pcs-power"], plants[0]
    facts = whole(panel, panel.load(plant.store, plant.scope), plant.scope)
    assert {(given.who, given.value, given.unit) for given in facts.given} == {("AC power", 60.0, "kW"), ("DC power", 61.0, "kW")}
    assert facts.window is not None
    assert facts.window.length == 24 * HOUR
    assert 0 < (facts.coverage or 0) < 1  # the small plant speaks for part of the day
    assert facts.devices == ("pcs01",)
    assert facts.metrics[:2] == ("active_power", "dc_power")


def test_the_losses_on_the_card_are_the_difference(plants: list[Plant]) -> None:
    told = list(numbers("inverter-losses", "", plants[3])["L"].values())
    assert told[0] - sum(told[1:-1]) == pytest.approx(told[-1])


# -- how one gets there --------------------------------------------------------------------------------------------------------


def test_heads_of_columns_and_rows_open_their_card(plants: list[Plant]) -> None:
    for panel_id, name in (("pcs-units", "load"), ("bess-racks", "soc"), ("schedule-account", "rest")):
        panel, plant = PANELS[panel_id], plants[2 if panel_id.startswith("schedule") else 0]
        text = drawn(panel.draw(cards.explained(panel, panel.load(plant.store, plant.scope)), plant.scope))
        assert f'"data-explain": ":{name}"' in text
        assert '"aria-haspopup": "dialog"' in text
        plain = drawn(panel.draw(panel.load(plant.store, plant.scope), plant.scope))
        assert "data-explain" not in plain, "files and pictures have no buttons"


def test_the_head_of_a_panel_with_parts_has_the_button(plants: list[Plant]) -> None:
    assert '"data-explain": "pcs-units:"' in drawn(cards.head(PANELS["pcs-units"], small_plant.SCOPE))
    assert "data-explain" not in drawn(cards.head(PANELS["bess-words"], small_plant.SCOPE))


@pytest.mark.parametrize(
    ("of", "says"),
    [
        ("pcs-units:", "Each figure has a card of its own:"),
        ("pcs-units:load", "AC power over the rated power of the nameplate."),
        ("bess-racks:soc", "possible 0.0 … 100.0 %"),
        ("analysis-loss:system", "As the efficiency, with the energy of the auxiliaries"),
        ("overview-frequency:", "Frequency at the connection point"),
    ],
)
def test_the_browser_gets_the_card_of_a_part(of: str, says: str, plants: list[Plant]) -> None:
    answer = test_explained.client(plants[0].store).post(test_explained.PATH, json=test_explained.ask(of))
    assert answer.status_code == 200
    assert says in json.dumps(answer.json, ensure_ascii=False)


def test_every_head_of_a_part_in_an_index_leads_to_its_card(plants: list[Plant]) -> None:
    browser = test_explained.client(plants[0].store)
    listed = json.dumps(browser.post(test_explained.PATH, json=test_explained.ask("vehicles-list:")).json, ensure_ascii=False)
    names = re.findall(r'"data-explain": "(vehicles-list:[^"]*)"', listed)
    assert names == [f"vehicles-list:{name}" for name in PARTS["vehicles-list"]]
    assert {browser.post(test_explained.PATH, json=test_explained.ask(name)).status_code for name in names} == {200}
