"""The cards behind figures: every figure has one, every word is there, and a dozen figures worked out again from nothing but what their
cards say, by formulas written here, are those on the screen."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import sqrt
from statistics import median
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from plotly.utils import PlotlyJSONEncoder

import callbacks
from dashboard.book import discover
from dashboard.explanations import EXPLANATIONS, READING, Facts, Quantity, words_of
from dashboard.explanations_panels import PARTS, TOLD
from dashboard.figures.explain import age, card
from dashboard.loads import analysis, awarded
from dashboard.loads.alarms import tiles as alarm_tiles
from dashboard.loads.explained import FACTS, facts
from dashboard.loads.explained_panels import whole
from dashboard.page import Panel, Scope, Tile
from dashboard.words import WORDS, word
from datastore.open import open_store
from datastore.store import Store
from plant.errors import Unavailable
from plant.model import Alarm, Device
from services.access import OPEN, Identity
from services.config import Config
from tests.dashboard import test_analysis as battery_plant
from tests.dashboard import test_pages as small_plant
from tests.dashboard import test_schedule as morning

SCOPE = small_plant.SCOPE
NAMES = {"cells.tile.rack"}
"""Tiles that hold a name, no figure."""
TILE_PANELS = {panel.id: panel for page in discover() for panel in page.panels if "tiles_panel" in getattr(panel.load, "__qualname__", "")}


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: small_plant.NOW)
    yield store
    store.close()


@pytest.fixture(scope="module")
def read_only() -> Iterator[Store]:
    """The full plant for tests that only look at it."""
    store = open_store("memory://", "Asia/Taipei", clock=lambda: small_plant.NOW)
    small_plant.fill(store, [*small_plant.MINUTES, small_plant.NOW - 1_000])
    yield store
    store.close()


@pytest.fixture
def full(store: Store) -> Store:
    small_plant.fill(store, [*small_plant.MINUTES, small_plant.NOW - 1_000])
    return store


def shown(panel: Panel, store: Store, scope: Scope = SCOPE) -> list[Tile]:
    return list(panel.load(store, scope).more["tiles"])


def test_every_figure_has_an_explanation_and_every_explanation_a_figure(full: Store) -> None:
    titles = {tile.title for panel in TILE_PANELS.values() for tile in shown(panel, full)}
    assert len(TILE_PANELS) >= 7
    assert titles - NAMES == FACTS.keys()
    panels = {panel.title for page in discover() for panel in page.panels}
    parts = {part.key for own in PARTS.values() for part in own.values() if not part.key.startswith(READING)}
    assert FACTS.keys() <= EXPLANATIONS.keys()
    assert parts <= EXPLANATIONS.keys()
    assert EXPLANATIONS.keys() - FACTS.keys() - parts <= panels


@pytest.mark.parametrize("key", EXPLANATIONS)
def test_an_explanation_is_whole(key: str, read_only: Store) -> None:
    about, told = EXPLANATIONS[key], facts(key, read_only, SCOPE) if key in FACTS else Facts()
    assert about.formula
    assert about.inputs
    assert about.limits
    assert set(words_of(key)) <= WORDS.keys()
    symbols = [one.symbol for one in about.inputs]
    assert len(set(symbols)) == len(symbols)
    assert {given.symbol for given in told.given} <= set(symbols)
    assert all(one.unit == small_unit(one) for one in about.inputs)


def small_unit(one: Quantity) -> str:
    """Units as they are written on screens."""
    energy, electric = {"kW", "kWp", "kWh", "MW", "MWh", "kvar"}, {"Hz", "A", "Ah", "V", "mV", "mΩ"}
    time = {"s", "min", "h", "d", "years", "ms"}
    assert one.unit in {"", "%", "K", "°C", "W/m²", "MB", "¤"} | energy | electric | time
    return one.unit


@pytest.mark.parametrize("state", ["full", "empty"])
@pytest.mark.parametrize("lang", ["en", "zh-TW", "es"])
def test_every_card_is_drawn_in_every_language(lang: str, state: str, store: Store) -> None:
    if state == "full":
        small_plant.fill(store, small_plant.MINUTES)
    scope = replace(SCOPE, lang=lang)
    for panel in TILE_PANELS.values():
        for tile in shown(panel, store, scope):
            if tile.title in EXPLANATIONS:
                told = facts(tile.title, store, scope)
                text = json.dumps(card(panel, tile, told, scope, small_plant.NOW, True), cls=PlotlyJSONEncoder, ensure_ascii=False)
                assert word(tile.title, lang) in text
                assert "NaN" not in text
                assert not [part for part in text.split('"') if part.startswith("explain.") and part in WORDS], "a key instead of its text"


# -- figures from their cards -----------------------------------------------------------------------------------------------------


class Told:
    """The numbers of a card by symbol: one (`told["P"]`), all of a symbol (`told.all`), those of one symbol by whose they are."""

    def __init__(self, of: Facts) -> None:
        self.of = of

    def all(self, symbol: str) -> list[float]:
        return [given.value for given in self.of.given if given.symbol == symbol and given.value is not None]

    def __getitem__(self, symbol: str) -> float:
        (value,) = self.all(symbol)
        return value

    def each(self, *symbols: str) -> list[tuple[float, ...]]:
        return list(zip(*(self.all(symbol) for symbol in symbols), strict=True))


def outliers(told: Told) -> float:
    return sum(
        abs(x - told[f"{s}ₘ"]) / (1.4826 * told[f"MAD_{s}"]) > 3.5 for s in ("V", "T") for x in told.all(f"{s}ᵢ")
    )  # fmt: skip


OF_THE_PLANT: dict[str, Callable[[Told], float | str]] = {
    "tile.soc": lambda t: sum(a * b * c for a, b, c in t.each("SOCᵢ", "Eᵢ", "SOHᵢ")) / sum(b * c for b, c in t.each("Eᵢ", "SOHᵢ")),
    "tile.soh": lambda t: sum(a * b for a, b in t.each("SOHᵢ", "Eᵢ")) / sum(t.all("Eᵢ")),
    "tile.available": lambda t: sum(a * b * c / 1e4 for a, b, c in t.each("SOCᵢ", "Eᵢ", "SOHᵢ")),
    "tile.power": lambda t: sum(t.all("Pᵢ")),
    "tile.pv": lambda t: t["P_pv"],
    "tile.charged": lambda t: sum(t.all("E")),
    "tile.discharged": lambda t: sum(t.all("E")),
    "tile.alarms": lambda t: sum(t.all("nₛ")),
    "tile.online": lambda t: f"{t['n']:.0f} / {t['N']:.0f}",
    "inverter.efficiency": lambda t: 100 * t["P_ac"] / t["P_dc"],
    "inverter.specific": lambda t: t["E_day"] / t["P₀"],
    "inverter.mismatch": lambda t: min(100 * (x - median(t.all("Iₛ"))) / median(t.all("Iₛ")) for x in t.all("Iₛ")),
    "cells.tile.highest": lambda t: max(t.all("Vᵢ")),
    "cells.tile.coldest": lambda t: min(t.all("Tᵢ")),
    "cells.tile.spread": lambda t: max(t.all("Vᵢ")) - min(t.all("Vᵢ")),
    "cells.tile.outliers": outliers,
}


@pytest.mark.parametrize("key", OF_THE_PLANT)
def test_a_figure_of_the_plant_follows_from_its_card(key: str, read_only: Store) -> None:
    scope = replace(SCOPE, rack=2)
    (tile,) = [tile for panel in TILE_PANELS.values() for tile in shown(panel, read_only, scope) if tile.title == key][:1]
    again = OF_THE_PLANT[key](Told(facts(key, read_only, scope)))
    assert tile.value is not None
    assert again == (tile.value if isinstance(again, str) else pytest.approx(tile.value, rel=1e-9))


def round_trip(told: Told, auxiliary: float = 0.0) -> float:
    """DOMAIN §3.2: with the charge that is left moved to the side it belongs to by √η, twice."""
    out, into, left = told["E_dis"], told["E_ch"] + auxiliary, told["ΔE"]
    if abs(left / told["E"]) <= 0.01:
        return 100 * out / into
    eta = (out + left) / into if left > 0 else out / (into - left)
    for _ in range(2):
        eta = (out + left * sqrt(eta)) / into if left > 0 else out / (into - left / sqrt(eta))
    return 100 * eta


OF_THE_BOOKS: dict[str, Callable[[Told], float]] = {
    "analysis.charged": lambda t: sum(t.all("E")),
    "analysis.discharged": lambda t: sum(t.all("E")),
    "analysis.aux": lambda t: sum(t.all("E")),
    "analysis.loss": lambda t: t["E_ch"] - t["E_dis"] - t["ΔE"],
    "analysis.storage": round_trip,
    "analysis.system": lambda t: round_trip(t, t["E_aux"]),
    "analysis.efc": lambda t: (t["E_ch"] + t["E_dis"]) / (2 * t["E_nom"]),
    "analysis.coverage": lambda t: 100 * t["t"] / (t["T"] * t["N"]),
}


@pytest.mark.parametrize("key", OF_THE_BOOKS)
def test_a_figure_of_the_books_follows_from_its_card(key: str) -> None:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: battery_plant.NOW)
    battery_plant.fill(store)
    tiles = {tile.title: tile.value for tile in analysis.tiles(store, battery_plant.SCOPE)}
    told = facts(key, store, battery_plant.SCOPE)
    assert OF_THE_BOOKS[key](Told(told)) == pytest.approx(tiles[key], rel=1e-6)
    assert told.coverage == pytest.approx(1.0, abs=1e-3)
    assert told.resolution == "explain.resolution.readings"
    assert not told.why
    store.close()


OF_THE_AWARDS: dict[str, Callable[[Told], float]] = {
    "tile.rate": lambda t: t["min r"],
    "tile.award": lambda t: sum(t.all("MW")),
    "tile.worth": lambda t: (t["c"] + t["p"]) * t["MW"] * t["q"] * t["h"] + t["F_E"],
    "tile.income-day": lambda t: sum(t.all("Fₕ")),
    "tile.income-month": lambda t: sum(t.all("Fₕ")),
    "tile.silent": lambda t: sum(t.all("n₀ₕ")),
    "tile.low": lambda t: len(t.all("rateₕ")),
}

_morning = morning.store


@pytest.fixture(name="mornings")
def awarded_morning() -> Iterator[Store]:
    yield from _morning.__wrapped__()  # type: ignore[attr-defined]


def test_figures_of_awards_follow_from_their_cards(mornings: Store) -> None:
    tiles = {tile.title: tile.value for tile in awarded.tiles(mornings, morning.SCOPE)}
    for key, again in OF_THE_AWARDS.items():
        told = facts(key, mornings, morning.SCOPE)
        assert again(Told(told)) == pytest.approx(tiles[key]), key
        if key in ("tile.rate", "tile.worth", "tile.income-day", "tile.income-month"):
            assert "dreg0.5" in {rules.product for rules in told.rules}, key
    assert tiles["tile.income-day"] == pytest.approx(1750 + 1800 - 1750)


def test_the_card_names_the_version_of_the_rules(mornings: Store) -> None:
    panel = small_plant.PANELS["schedule-tiles"]
    tile = next(one for one in awarded.tiles(mornings, morning.SCOPE) if one.key == "income-day")
    drawn = card(panel, tile, facts(tile.title, mornings, morning.SCOPE), morning.SCOPE, morning.NOW, True)
    text = json.dumps(drawn, cls=PlotlyJSONEncoder, ensure_ascii=False)
    rules = next(one for one in facts(tile.title, mornings, morning.SCOPE).rules if one.product == "dreg0.5")
    assert f"{rules.title}, in force from " in text
    assert "prices not verified" in text  # sReg has been judged, too


OF_ROWS: dict[str, Callable[..., float | None]] = {
    "panel.loss": lambda charged, discharged, stored: charged - discharged - stored,
    "panel.pcs.efficiency": lambda ac, dc, _load: 100 * (ac / dc if ac > 0 else dc / ac),
    "panel.ratio": lambda final, reference: 100 * final / reference,
}


ROWS = ("panel.loss", "panel.trips", "panel.pcs.efficiency", "panel.fees-day", "panel.fees-month", "panel.ratio")


@pytest.mark.parametrize("key", ROWS)
def test_rows_of_a_panel_follow_from_its_card(key: str, mornings: Store) -> None:
    """The last symbol from those before it; of fees the whole day or month."""
    store, scope = open_store("memory://", "Asia/Taipei", clock=lambda: battery_plant.NOW), battery_plant.SCOPE
    battery_plant.fill(store)
    if key.startswith("panel.fees"):
        store, scope = mornings, morning.looking_at(11)
    elif key not in ("panel.loss", "panel.trips"):
        store, scope = open_store("memory://", "Asia/Taipei", clock=lambda: small_plant.NOW), SCOPE
        small_plant.fill(store, small_plant.MINUTES)
    panel = next(panel for page in discover() for panel in page.panels if panel.title == key)
    told = whole(panel, panel.load(store, scope), scope)
    assert [one.symbol for one in EXPLANATIONS[key].inputs] == list(TOLD[key])
    assert told.given
    parts = [[given.value for given in told.given if given.symbol == symbol] for symbol in TOLD[key]]
    if key.startswith("panel.fees"):
        assert sum(value for part in parts for value in part if value is not None) == pytest.approx(1750 + 1800 - 1750)
        assert "dreg0.5" in {rules.product for rules in told.rules}
    if key in OF_ROWS:
        known = [row for row in zip(*parts, strict=True) if None not in row]
        assert known
        assert [row[-1] for row in known] == pytest.approx([OF_ROWS[key](*row[:-1]) for row in known])
    drawn = card(panel, Tile("", key, None, "NT$"), told, scope, store.clock(), True)
    assert word(key, "en") in json.dumps(drawn, cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_figures_of_alarms_follow_from_their_cards(store: Store) -> None:
    for n in range(24):  # twelve in one minute, then one every ten minutes
        at = small_plant.NOW - 7_200_000 + (n * 5_000 if n < 12 else n * 60_000 * 4)
        store.records.put_alarm(Alarm(f"pcs0{n % 3}", "pcs", "HOT", ("warning", "alarm")[n % 2], "hot", at, cleared=at + 1_000))
    tiles = {tile.title: tile.value for tile in alarm_tiles(store, SCOPE)}

    def told(name: str) -> Told:
        return Told(facts(f"alarm.tile.{name}", store, SCOPE))

    assert told("rate")["n"] / (told("rate")["T"] / 10) == pytest.approx(tiles["alarm.tile.rate"])
    assert told("peak")["nₖ"] == tiles["alarm.tile.peak"]
    assert 100 * told("flood")["K_f"] / told("flood")["K"] == pytest.approx(tiles["alarm.tile.flood"])
    assert 100 * sum(told("top").all("nₜ")) / told("top")["n"] == pytest.approx(tiles["alarm.tile.top"])
    assert len(told("chatter").all("nₜ")) == tiles["alarm.tile.chatter"] == 3.0


def test_a_silent_converter_is_said_to_be_worked_round(full: Store) -> None:
    full.records.put_devices([Device("pcs03", "pcs", rating={"power_kw": 100.0})])
    told = Told(facts("tile.power", full, SCOPE))
    assert told["P_grid"] - told["P_pv"] + told["P_aux"] == pytest.approx(30.0)
    assert told.of.heard == (2, 3)
    assert told.of.variant == word("explain.derived", "en")


def test_an_efficiency_that_is_not_assessable_says_why(full: Store) -> None:
    told = facts("tile.efficiency", full, SCOPE)
    assert told.why
    assert "explain" not in told.why


def test_the_card_leads_to_the_inputs_and_the_file(full: Store) -> None:
    panel = TILE_PANELS["overview-tiles"]
    tile = next(one for one in shown(panel, full) if one.key == "soc")
    for may_export in (True, False):
        drawn = json.dumps(card(panel, tile, facts("tile.soc", full, SCOPE), SCOPE, small_plant.NOW, may_export), cls=PlotlyJSONEncoder)
        assert "/explore?device=bess01%2Cbess02&metric=soc" in drawn
        assert ("/panels/overview-tiles.csv" in drawn) == may_export


def test_ages_are_told_in_the_largest_unit_that_fits() -> None:
    assert [age(ms, "en") for ms in (0, 999, 1_000, 61_000, 3_600_000, 90_000_000)] == [
        "now",
        "now",
        "1 s ago",
        "1 min ago",
        "1 h ago",
        "1 d ago",
    ]


# -- asked for by a browser -----------------------------------------------------------------------------------------------------


def client(store: Store, who: Identity | None = None) -> FlaskClient:
    server = flask.Flask("test")
    if who is not None:
        server.before_request(lambda: setattr(flask.g, "identity", who))
    callbacks.mount(server, store, Config())
    return server.test_client()


def ask(of: Any) -> dict[str, Any]:
    return {
        "output": "explain-body.children",
        "outputs": {"id": "explain-body", "property": "children"},
        "inputs": [{"id": "explain-asked", "property": "data", "value": {"of": of, "n": 1}}],
        "state": [{"id": "scope", "property": "data", "value": {"query": "lang=en"}}],
        "changedPropIds": ["explain-asked.data"],
    }


PATH = "/_dash-update-component"


def test_the_browser_gets_the_card_it_asks_for(full: Store) -> None:
    answer = client(full).post(PATH, json=ask("overview-tiles:soc"))
    assert answer.status_code == 200
    assert "SOC = Σ SOCᵢ·Eᵢ·SOHᵢ ÷ Σ Eᵢ·SOHᵢ" in json.dumps(answer.json, ensure_ascii=False)


@pytest.mark.parametrize(
    "of", ["overview-tiles:nothing", "nowhere:soc", "overview-alarms:", "overview-soc:soc", "", None, "bess-extremes:rack"]
)
def test_what_nobody_explains_is_no_content(of: Any, full: Store) -> None:
    assert client(full).post(PATH, json=ask(of)).status_code == 204


def test_nonsense_is_refused(full: Store) -> None:
    assert client(full).post(PATH, json=ask(7)).status_code == 422


def test_a_wall_screen_has_neither_button_nor_card(full: Store) -> None:
    screen = Identity("", ("kiosk",), pages=frozenset({"/"}), panels=frozenset({"overview-tiles"}))
    assert client(full, screen).post(PATH, json=ask("overview-tiles:soc")).status_code == 204
    panel, found = TILE_PANELS["overview-tiles"], {}
    for name, who in (("screen", screen), ("person", Identity(granted=OPEN))):
        with flask.Flask("test").app_context():
            flask.g.identity = who
            found[name] = json.dumps(panel.draw(panel.load(full, SCOPE), SCOPE), cls=PlotlyJSONEncoder).count("data-explain")
    assert found == {"screen": 0, "person": len(shown(panel, full))}


def test_a_store_that_is_away_is_said_in_the_card(full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise Unavailable("no store")

    browser = client(full)
    monkeypatch.setattr(callbacks.explain.explained, "facts", away)
    answer = browser.post(PATH, json=ask("overview-tiles:soc"))
    assert answer.status_code == 200
    assert word("panel.error.store", "en") in json.dumps(answer.json)
