"""The report of a month: panels of the pages and a few tables of its own, in one language on paper. Its numbers are those the panels show:
the same functions load and write them."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dashboard.book import Book, bind, discover
from dashboard.cards import tile_text, tiles_panel
from dashboard.figures.sheet import Sheet, said, sheet
from dashboard.loads import monthly
from dashboard.loads.alarms import MOST
from dashboard.page import Panel, Scope, Table
from dashboard.pictures import drawing
from dashboard.words import word
from datastore.store import Store
from plant.errors import Conflict, PlantError, Unavailable
from plant.rules import RuleSet
from plant.timeline import moment
from services import VERSION, paper, pictures, reports
from services.config import Config
from services.export_writing import Tell, put
from services.exports import Export, Report
from services.jobs import Press
from services.paper import Chart, Figure, Figures, Paper, Part, Rows, Section, Text

log = logging.getLogger(__name__)

LATIN = Path(__file__).parent / "assets" / "vendor" / "inter" / "files" / "inter-latin-wght-normal.woff2"
LOW, HIGH = 260, 300
"""Heights of charts [px]."""
MOST_ROWS = 62


@dataclass(frozen=True, slots=True)
class Chapter:
    """A section: its title and footnote (word keys), and ids of panels: of pages, or the report's `OWN`."""

    title: str
    panels: tuple[str, ...]
    note: str


OWN: tuple[Panel, ...] = (
    tiles_panel("report-income", "report.income", monthly.income_tiles),
    tiles_panel("report-rate", "report.rate", monthly.rate_tiles),
    Panel("report-rates", "report.rate", monthly.rate_table, sheet),
    Panel("report-units", "report.batteries", monthly.unit_table, sheet),
    Panel("report-top", "report.alarms", monthly.top_table, sheet),
    Panel("report-heard", "report.coverage", monthly.heard_table, sheet),
)
CHAPTERS: tuple[Chapter, ...] = (
    Chapter("report.energy", ("analysis-tiles", "analysis-energy", "analysis-loss"), "report.note.energy"),
    Chapter("report.income", ("report-income", "schedule-month", "schedule-days"), "report.note.income"),
    Chapter("report.rate", ("report-rate", "report-rates"), ""),
    Chapter("report.availability", ("analysis-availability",), "report.note.availability"),
    Chapter("report.batteries", ("report-units", "analysis-cycles"), "report.note.batteries"),
    Chapter("report.alarms", ("alarms-tiles", "alarms-rate", "report-top"), "report.note.alarms"),
    Chapter("report.coverage", ("report-heard",), "report.note.coverage"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """The site a report is of: its name, and the address under which people reach this server ("" when nobody said)."""

    name: str
    address: str = ""


def press(config: Config) -> Press:
    """What makes reports in the job process: composed here, printed by `services.paper`, mailed where settings say to whom."""

    def make(store: Store, export: Export, folder: Path, tell: Tell) -> Mapping[str, Any]:
        asked = export.query
        assert isinstance(asked, Report)
        try:
            paper.check_fonts(asked.lang)
        except paper.NoFont as error:  # not the store's silence, after which the job would be tried again
            raise Conflict(error.message) from None
        made = composed(store, asked, Place(config.site_name, config.site_url), lambda share: tell(0.6 * share, 0))

        def fill(sink: IO[bytes]) -> dict[str, Any]:
            with _drawing(config, asked) as draw:
                found = paper.printed(made, sink, LATIN, draw, lambda share: tell(0.6 + 0.4 * share, 0))
            return {"month": reports.name_of(asked), "language": asked.lang, "charts": found["charts"], "pages": found["pages"]}

        receipt = put(export, folder, fill)
        if not asked.planned:
            return receipt
        month = reports.name_of(asked)
        text = word("report.mail", asked.lang, site=config.site_name, month=month)
        mailed = reports.post(config, export, folder / export.file_name, f"{made.title} {month}", text, store.clock())
        return {**receipt, "mailed": mailed} if mailed else receipt

    return make


def _drawing(config: Config, asked: Report) -> Any:
    """Who draws the charts; nobody where they were not wanted, or a planned report finds no Chromium: then it is made without."""
    if not asked.charts:
        return nullcontext()
    try:
        return paper.drawing(pictures.browser(config.browser_path))
    except Unavailable as error:
        log.warning("the report has no charts: %s", error.message)
        return nullcontext()


def scope_of(asked: Report) -> Scope:
    """The view whose panels the report shows."""
    return Scope(start=asked.start, end=asked.end, lang=asked.lang, theme="light", live=False, zone=asked.zone)


def composed(store: Store, asked: Report, place: Place, tell: Callable[[float], None] = lambda _: None, book: Book | None = None) -> Paper:
    """The report as plain parts. Raises Unavailable, and what `tell` (called with the share done) does."""
    known = book or bind(discover(), OWN)
    scope, now, lang = scope_of(asked), store.clock(), asked.lang
    sections, notes, rules, simulated = [], [], dict[RuleSet, None](), False
    for number, chapter in enumerate(CHAPTERS):
        parts: list[Part] = []
        for panel_id in chapter.panels:
            table, found = _panel(store, known.panels[panel_id], scope, now, place.name)
            parts += found
            if table is not None:
                rules |= dict.fromkeys(table.more.get("rules", ()))
                simulated = simulated or table.simulated
        sections.append(Section(word(chapter.title, lang), _plain(parts, lang)))
        if chapter.note:
            notes.append(word(chapter.note, lang, **({"most": MOST} if chapter.note == "report.note.alarms" else {})))
        tell((number + 1) / len(CHAPTERS))
    notes += [word("report.note.rules", lang, name=one.name, source=" ".join(one.source.split())) for one in rules]
    notes.append(word("report.note.same", lang, link=place.address + scope.link("/analysis")))
    facts = [word("report.zone", lang, zone=asked.zone), word("report.made", lang, at=f"{moment(now, store.zone):%Y-%m-%d %H:%M}")]
    if now < asked.end:
        facts.insert(0, word("report.until", lang, at=f"{moment(now, store.zone):%Y-%m-%d %H:%M}"))
    mark = word("report.simulated", lang) if simulated else ""
    return Paper(
        f"{word('report.title', lang)} {reports.name_of(asked)}",
        place.name,
        tuple([*facts, *([mark] if mark else [])]),
        tuple(sections),
        word("report.notes", lang),
        tuple(notes),
        lang,
        now,
        f"{word('product', lang)} {VERSION} · {place.name}",
        word("report.page", lang, n="{n}", all="{all}"),
        word("report.undrawn", lang),
        mark,
    )


def _plain(parts: Sequence[Part], lang: str) -> tuple[Part, ...]:
    """A chapter in which nothing was recorded says so once."""
    nothing = Text(word("report.none", lang))
    told = [part for part in parts if part != nothing]
    return tuple(told) or (nothing,)


def _panel(store: Store, panel: Panel, scope: Scope, now: int, site: str) -> tuple[Table | None, list[Part]]:
    """A panel's table and what of it stands on paper. One that fails says so and leaves the rest of the report alone."""
    try:
        table = panel.load(store, scope)
        return table, list(_parts(panel, table, scope, now, site))
    except Unavailable:
        raise
    except PlantError as error:
        return None, [Text(word("report.failed", scope.lang, why=error.message))]
    except Exception as error:
        log.exception("the part '%s' of the report could not be worked out", panel.id)
        return None, [Text(word("report.failed", scope.lang, why=type(error).__name__))]


def _parts(panel: Panel, table: Table, scope: Scope, now: int, site: str) -> Iterator[Part]:
    lang = scope.lang
    if "tiles" in table.more:
        yield Figures(tuple(Figure(word(t.title, lang), tile_text(t), t.unit, word(t.note, lang)) for t in table.more["tiles"]))
    elif table.is_empty:
        yield Text(word("report.none", lang))
    elif "sheet" in table.more:
        yield rows(table, table.more["sheet"])
    else:
        height = HIGH if panel.height >= 300 else LOW
        figure = drawing(panel, table, scope, now, site, (paper.CHART_PX, height))
        yield Chart(pictures.plain(figure), height, word(panel.title, lang))


def rows(table: Table, spec: Sheet) -> Rows:
    """A sheet as it is written on the screen, of long ones the first rows and the last."""
    keys = spec.keys
    places = range(len(keys)) if len(keys) <= MOST_ROWS else [*range(MOST_ROWS - 1), len(keys) - 1]
    written = tuple(
        tuple(said(table.columns[column][place], spec.decimals.get(keys[place], decimals)) for column, _, decimals in spec.columns)
        for place in places
    )
    numeric = tuple(decimals is not None for _, _, decimals in spec.columns)
    strong = frozenset(row for row, place in enumerate(places) if keys[place] == spec.chosen)
    return Rows(tuple(head for _, head, _ in spec.columns), written, numeric, strong)
