"""Paper: what a report says, as plain parts, and the PDF that is made of them. The PDF library and Chromium load where a report is
printed: in the job process."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from plant.errors import Unavailable

if TYPE_CHECKING:
    from fpdf import FPDF

log = logging.getLogger(__name__)

MARGIN, WIDTH = 16.0, 178.0
"""Of an A4 page [mm]."""
CHART_PX, CHART_SCALE = 900, 2.0
"""Width of a chart as it is drawn [px], and how much finer it is printed."""
PATIENCE_S = 90
"""For a chart: nobody waits at a screen for it, and the machine may be busy."""
INK, MUTED, FAINT, LINE, SOFT, MARK = (23, 32, 43), (77, 89, 104), (98, 110, 125), (219, 224, 230), (245, 246, 248), (143, 95, 0)
CJK_PACKAGE = "fonts-noto-cjk"
_CJK = ("NotoSansCJK-Regular.ttc", "NotoSansCJKtc-Regular.otf", "NotoSansTC-Regular.otf", "NotoSansTC-Regular.ttf", "wqy-zenhei.ttc")
_BOLD = ("NotoSansCJK-Bold.ttc", "NotoSansCJKtc-Bold.otf", "NotoSansTC-Bold.otf", "NotoSansTC-Bold.ttf")
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts", "/Library/Fonts")


class NoFont(Unavailable):
    """No font of this machine has the letters of the language."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its name, unit and a sentence about it, all as written."""

    title: str
    text: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers side by side."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table as written: `numeric` columns stand right, `strong` rows (by place) are sums."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure (`services.pictures.plain`) of CHART_PX × `height` [px], and what it shows in words."""

    figure: bytes
    height: int
    title: str


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence."""

    text: str


Part = Figures | Rows | Chart | Text


@dataclass(frozen=True, slots=True)
class Section:
    """Parts under a heading."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """A report: its title, what and when it is about, sections, notes at the end under their heading. `mark` stands on every page
    (simulated data), `foot` too, `page` says `{n} / {all}` in the language; `undrawn` stands where a chart could not be drawn."""

    title: str
    about: str
    facts: tuple[str, ...]
    sections: tuple[Section, ...]
    notes_title: str
    notes: tuple[str, ...]
    lang: str
    created: int
    foot: str
    page: str
    undrawn: str
    mark: str = ""

    @property
    def charts(self) -> int:
        return sum(isinstance(part, Chart) for section in self.sections for part in section.parts)


Draw = Callable[[bytes, int, int], bytes]
"""(figure, width, height [px]) → PNG; whatever it raises leaves the chart out."""


def cjk_fonts(folders: Sequence[str] = _FOLDERS) -> tuple[Path, Path] | None:
    """A font with Chinese letters and its bold one (the same where there is none); None when this machine has none."""
    every = (path for folder in folders for path in sorted(Path(folder).expanduser().rglob("*")))
    found = {path.name: path for path in every if path.name in (*_CJK, *_BOLD)}
    regular = next((found[name] for name in _CJK if name in found), None)
    if regular is None:
        return None
    return regular, next((found[name] for name in _BOLD if name in found), regular)


def check_fonts(lang: str) -> None:
    """Raises NoFont, which names the package, where a report in this language could not be written."""
    if lang == "zh-TW" and cjk_fonts() is None:
        raise NoFont(f"A report in zh-TW needs a font with Chinese letters: install the package '{CJK_PACKAGE}'")


def printed(paper: Paper, sink: IO[bytes], latin: Path, draw: Draw | None, tell: Callable[[float], None]) -> dict[str, int]:
    """Write the PDF; `latin` is a variable font for everything but Chinese. `tell` is called with the share done. Returns `pages` and the
    `charts` in it. Raises NoFont, and what `tell` raises."""
    check_fonts(paper.lang)
    sheet = _opened(paper, latin)
    done = drawn = 0
    for section in paper.sections:
        _heading(sheet, section.title)
        for part in section.parts:
            if isinstance(part, Chart):
                picture = _picture(part, draw)
                draw = draw if picture else None  # a browser that failed once would keep us waiting each time
                drawn += picture is not None
                done += 1
                _chart(sheet, part, picture, paper.undrawn)
                tell(done / max(1, paper.charts))
            else:
                _write(sheet, part)
    _notes(sheet, paper)
    sink.write(bytes(sheet.output()))
    return {"pages": sheet.pages_count, "charts": drawn}


def _picture(part: Chart, draw: Draw | None) -> bytes | None:
    if draw is None:
        return None
    try:
        return draw(part.figure, CHART_PX, part.height)
    except Exception as error:
        log.warning("a chart of the report was not drawn: %s: %s", type(error).__name__, error)
        return None


def _opened(paper: Paper, latin: Path) -> "FPDF":
    from fpdf import FPDF

    class Sheet(FPDF):
        """A4 with the report's head and foot on every page."""

        def header(self) -> None:
            if self.page_no() > 1:
                _small(self, 7.5, FAINT)
                self.set_y(9)
                self.cell(WIDTH, 5, f"{paper.title} · {paper.about}", align="L")
                self.set_y(18)

        def footer(self) -> None:
            self.set_y(-13)
            self.set_draw_color(*LINE)
            self.line(MARGIN, self.get_y(), MARGIN + WIDTH, self.get_y())
            _small(self, 7, FAINT)
            self.cell(WIDTH * 0.8, 6, paper.foot, align="L")
            self.cell(WIDTH * 0.2, 6, paper.page.format(n=self.page_no(), all="{nb}"), align="R")
            if paper.mark:
                self.set_xy(MARGIN, self.h - 17)
                _small(self, 7, MARK, "B")
                self.cell(WIDTH, 4, paper.mark, align="R")

    sheet = Sheet(format="A4")
    sheet.set_margins(MARGIN, 16, MARGIN)
    sheet.set_auto_page_break(True, 20)
    sheet.add_font("text", "", latin, variations={"wght": 400.0})
    sheet.add_font("text", "B", latin, variations={"wght": 620.0})
    chinese = cjk_fonts() if _is_beyond(paper, latin) else None
    if chinese is not None:
        for style, path in zip(("", "B"), chinese, strict=True):
            sheet.add_font("chinese", style, path, collection_font_number=_traditional(path))
        sheet.set_fallback_fonts(["chinese"], exact_match=False)
    sheet.set_title(f"{paper.title} {paper.about}")
    sheet.set_lang(paper.lang)
    sheet.set_creator("Voltdeck")
    sheet.set_creation_date(datetime.fromtimestamp(paper.created / 1000, UTC))
    sheet.add_page()
    sheet.set_text_color(*INK)
    sheet.set_font("text", "B", 20)
    sheet.multi_cell(WIDTH, 9, paper.title, new_x="LMARGIN", new_y="NEXT", align="L")
    sheet.set_font("text", "", 13)
    sheet.set_text_color(*MUTED)
    sheet.multi_cell(WIDTH, 7, paper.about, new_x="LMARGIN", new_y="NEXT", align="L")
    _small(sheet, 8.5, FAINT)
    sheet.multi_cell(WIDTH, 4.6, " · ".join(paper.facts), new_x="LMARGIN", new_y="NEXT", align="L")
    return sheet


def _is_beyond(paper: Paper, latin: Path) -> bool:
    """Whether letters stand in it that the Latin font has not."""
    from fontTools.ttLib import TTFont

    with TTFont(latin) as font:
        known = font.getBestCmap()
    return any(ord(letter) not in known for letter in set(repr(paper)) if letter.isprintable())


def _traditional(path: Path) -> int:
    """The place of the traditional Chinese face in a collection of fonts; 0 in a file of one."""
    from fontTools.ttLib import TTCollection

    if path.suffix != ".ttc":
        return 0
    with TTCollection(str(path), lazy=True) as faces:
        names = [str(face["name"].getDebugName(1)) for face in faces.fonts]
    return next((place for place, name in enumerate(names) if name.endswith(" TC") and "Mono" not in name), 0)


def _small(sheet: "FPDF", size: float, colour: tuple[int, int, int], style: Any = "") -> None:
    sheet.set_font("text", style, size)
    sheet.set_text_color(*colour)


def _room(sheet: "FPDF", height: float) -> None:
    """On the next page when less than `height` [mm] is left."""
    if sheet.get_y() + height > sheet.page_break_trigger:
        sheet.add_page()


def _heading(sheet: "FPDF", title: str) -> None:
    _room(sheet, 40)
    sheet.ln(5)
    sheet.set_font("text", "B", 13)
    sheet.set_text_color(*INK)
    sheet.multi_cell(WIDTH, 7, title, new_x="LMARGIN", new_y="NEXT", align="L")
    sheet.set_draw_color(*LINE)
    sheet.line(MARGIN, sheet.get_y() + 0.5, MARGIN + WIDTH, sheet.get_y() + 0.5)
    sheet.ln(2.5)


def _write(sheet: "FPDF", part: Figures | Rows | Text) -> None:
    match part:
        case Figures():
            for start in range(0, len(part.figures), 4):
                _figures(sheet, part.figures[start : start + 4])
        case Rows():
            _rows(sheet, part)
        case Text():
            _small(sheet, 8.5, MUTED)
            sheet.multi_cell(WIDTH, 4.4, part.text, new_x="LMARGIN", new_y="NEXT", align="L")
            sheet.ln(1.5)


def _figures(sheet: "FPDF", figures: Sequence[Figure]) -> None:
    gap, wide = 3.0, (WIDTH - 9.0) / 4
    _small(sheet, 6.6, FAINT)
    high = 17.0 + 3.0 * max(_lines(sheet, one.note, wide - 5) for one in figures)
    _room(sheet, high + 2)
    top = sheet.get_y()
    for place, one in enumerate(figures):
        left = MARGIN + place * (wide + gap)
        sheet.set_fill_color(*SOFT)
        sheet.set_draw_color(*LINE)
        sheet.rect(left, top, wide, high, style="DF", round_corners=True, corner_radius=1.5)
        sheet.set_xy(left + 2.5, top + 2)
        _small(sheet, 7.4, MUTED)
        sheet.cell(wide - 5, 4, _fitting(sheet, one.title, wide - 5))
        sheet.set_xy(left + 2.5, top + 6.5)
        sheet.set_font("text", "B", 14)
        sheet.set_text_color(*INK)
        sheet.cell(sheet.get_string_width(one.text) + 1.5, 7, one.text)
        _small(sheet, 8, MUTED)
        sheet.cell(0, 7.6, one.unit)
        if one.note:
            sheet.set_xy(left + 2.5, top + 14.5)
            _small(sheet, 6.6, FAINT)
            sheet.multi_cell(wide - 5, 3, one.note, align="L")
    sheet.set_xy(MARGIN, top + high + 3)


def _lines(sheet: "FPDF", text: str, wide: float) -> int:
    """Lines that a text takes in the font in force."""
    lines: Any = sheet.multi_cell(wide, 3, text, dry_run=True, output="LINES") if text else []
    return len(lines)


def _fitting(sheet: "FPDF", text: str, wide: float) -> str:
    """`text`, cut with an ellipsis where it is wider than `wide` [mm]."""
    if sheet.get_string_width(text) <= wide:
        return text
    while text and sheet.get_string_width(text + "…") > wide:
        text = text[:-1]
    return text.rstrip() + "…"


def _rows(sheet: "FPDF", part: Rows) -> None:
    from fpdf.enums import TableBordersLayout
    from fpdf.fonts import FontFace

    size = 7.5 if len(part.heads) <= 7 else 7.0 if len(part.heads) <= 9 else 6.2
    _small(sheet, size, INK)
    _room(sheet, 22)
    sheet.set_draw_color(*LINE)
    sheet.set_fill_color(255, 255, 255)
    alike = tuple("RIGHT" if right else "LEFT" for right in part.numeric)
    with sheet.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        col_widths=_widths(sheet, part),
        text_align=alike,
        line_height=size * 0.56,
        padding=(0.8, 1.1),
        width=WIDTH,
        align="LEFT",
        headings_style=FontFace(emphasis="B", color=MUTED, fill_color=SOFT),
    ) as table:
        table.row(part.heads)
        for place, row in enumerate(part.rows):
            table.row(row, style=FontFace(emphasis="B", color=INK) if place in part.strong else None)
    sheet.ln(3)


def _widths(sheet: "FPDF", part: Rows) -> tuple[float, ...]:
    """By what stands in the columns: words of a head and whole numbers are not broken, texts share what is left."""
    least, most = [], []
    for place, head in enumerate(part.heads):
        texts = [row[place] for row in part.rows]
        words = [word for text in ([head] if part.numeric[place] else [head, *texts]) for word in text.split()] or [""]
        whole = texts if part.numeric[place] else [""]
        least.append(max(sheet.get_string_width(one) for one in (*words, *whole)) * 1.09 + 3.0)
        most.append(max(sheet.get_string_width(one) for one in (head, *texts, "")) * 1.09 + 3.0)
    free = max(0.0, WIDTH - sum(least))
    wish = [max(0.0, more - base) for base, more in zip(least, most, strict=True)]
    total = sum(wish)
    share = min(1.0, free / total) if total else 0.0
    wide = [base + share * more for base, more in zip(least, wish, strict=True)]
    return tuple(one * WIDTH / sum(wide) for one in wide)


def _chart(sheet: "FPDF", part: Chart, picture: bytes | None, undrawn: str) -> None:
    if picture is None:
        _write(sheet, Text(f"{part.title}: {undrawn}"))
        return
    high = WIDTH * part.height / CHART_PX
    _room(sheet, high + 3)
    sheet.image(picture, MARGIN, sheet.get_y(), WIDTH, high, alt_text=part.title)
    sheet.set_y(sheet.get_y() + high + 3)


def _notes(sheet: "FPDF", paper: Paper) -> None:
    _heading(sheet, paper.notes_title)
    for number, note in enumerate(paper.notes, 1):
        _small(sheet, 7.5, MUTED)
        sheet.multi_cell(WIDTH, 3.9, f"{number}. {note}", new_x="LMARGIN", new_y="NEXT", align="L")
        sheet.ln(0.8)


@contextmanager
def drawing(path: str) -> Iterator[Draw]:
    """Charts drawn by the Chromium at `path`, which ends with this."""
    from services import pictures

    try:
        yield lambda figure, width, height: pictures.png(figure, width, height, CHART_SCALE, path, PATIENCE_S)
    finally:
        pictures.close()
