"""Monthly reports as jobs: which month, made by plan once, how many are kept, and the PDF, read by a reader library. Dates by calendar."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from datastore.open import open_store
from datastore.ports import Columns
from plant.errors import Invalid, NotFound
from plant.model import Device
from plant.timeline import iso
from services import exports, jobs, paper, reports
from services.config import Config, SettingError
from services.export_writing import put
from services.exports import Query
from services.paper import Chart, Figure, Figures, Paper, Rows, Section, Text
from services.tables import columns_of

HOUR, DAY = 3_600_000, 86_400_000
NOW = 1_793_494_800_000  # 2026-11-01 09:00 in Taipei
LATIN = Path(__file__).parents[2] / "dashboard/assets/vendor/inter/files/inter-latin-wght-normal.woff2"


class Clock:
    now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    """One reading in October."""
    opened = open_store("memory://", "Asia/Taipei", clock=clock)
    opened.records.put_devices([Device("bess01", "bess")])
    tell(opened, NOW - 20 * DAY)
    yield opened
    opened.close()


def tell(store, at):
    import numpy as np

    instants = np.array([at], dtype=np.int64)
    store.telemetry.load("bess01", "bess", Columns(instants, instants, np.zeros(1, dtype=np.int64), {"soc": np.array([50.0])}))


def printing(store, export, folder, tell):
    """A press that writes a few bytes."""

    def fill(sink):
        tell(0.5, 0)
        sink.write(b"%PDF-")
        return {"month": reports.name_of(export.query), "charts": 0, "pages": 1}

    return put(export, folder, fill)


def worker(store, tmp_path, press=printing, reports=36):
    return jobs.Worker(store, tmp_path / "exports", 7, 1 << 30, press=press, reports=reports)


def test_a_month_is_that_of_the_sites_calendar(store):
    window = reports.month_of("2026-10", store)
    assert (iso(window.start), iso(window.end)) == ("2026-09-30T16:00:00Z", "2026-10-31T16:00:00Z")
    assert reports.month_of("2026-11", store).start == window.end  # the running month


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "1999-12", "2026-12", "2026-1 ", "二〇二六-10", "2026-10-01", "٢٠٢٦-10"]
)
def test_what_is_no_month_or_lies_ahead_is_refused(store, text):
    with pytest.raises(Invalid):
        reports.month_of(text, store)


def test_the_month_before_january_is_december(store):
    january = int(datetime(2027, 1, 15, tzinfo=UTC).timestamp() * 1000)
    assert iso(reports.before(january, store).start) == "2026-11-30T16:00:00Z"


def test_when_a_month_is_over_each_language_is_planned_once(store, clock):
    clock.now = NOW - 4 * HOUR  # 05:00 on the first: late readings may still come
    assert reports.plan(store, ("en", "es")) == []
    clock.now = NOW
    assert [one.id for one in reports.plan(store, ("en", "es"))] == ["report-2026-10-en", "report-2026-10-es"]
    assert reports.plan(store, ("en", "es")) == []
    queued = exports.find(store.records, "report-2026-10-es").query
    assert (queued.lang, queued.planned, iso(queued.start)) == ("es", True, "2026-09-30T16:00:00Z")


def test_a_planned_report_that_was_removed_does_not_come_back(store, tmp_path):
    reports.plan(store, ("en",))
    worker(store, tmp_path).work()
    exports.cancel(store.records, tmp_path / "exports", "report-2026-10-en", NOW)
    with pytest.raises(NotFound):
        reports.find(store.records, "report-2026-10-en")
    assert reports.plan(store, ("en",)) == []


def test_a_month_without_readings_has_no_report(clock, store):
    clock.now = NOW + 61 * DAY  # in January: nothing was told in December
    assert reports.plan(store, ("en",)) == []


def test_reports_and_series_wait_in_one_queue_and_are_told_apart(store, tmp_path):
    asked = reports.submit(store, "ann", reports.month_of("2026-10", store), "zh-TW", False)
    columns = tuple(columns_of({("bess01", "bess"): ["soc"]}))
    series = exports.submit(store.records, "ann", Query(columns, NOW - DAY, NOW, 0, "", "UTC", "csv"), NOW)
    assert worker(store, tmp_path).work() == 2
    done = exports.find(store.records, asked.id)
    assert (done.state, done.query, done.receipt["month"]) == ("done", asked.query, "2026-10")
    assert json.loads((tmp_path / "exports" / f"{asked.id}.json").read_text()) == dict(done.receipt)
    assert exports.file_of(tmp_path / "exports", done).read_bytes() == b"%PDF-"
    assert [one.id for one in exports.listed(store.records, None, what="report")] == [asked.id]
    assert [one.id for one in exports.listed(store.records, "ann", what="series")] == [series.id]
    with pytest.raises(NotFound):
        reports.find(store.records, series.id)


def test_the_newest_reports_are_kept_however_old(store, clock, tmp_path):
    for n in range(3):
        clock.now = NOW + n
        reports.submit(store, "ann", reports.month_of("2026-10", store), "en", False)
    assert worker(store, tmp_path, reports=2).work() == 3
    clock.now = NOW + 400 * DAY
    exports.clean(store.records, tmp_path / "exports", 7, 1 << 30, clock(), 2)
    kept = exports.listed(store.records, None)
    assert [one.created for one in kept] == [NOW + 2, NOW + 1]
    assert {path.suffix for path in (tmp_path / "exports").iterdir()} == {".pdf", ".json"}
    assert len(list((tmp_path / "exports").iterdir())) == 4


def test_a_process_without_a_press_says_so(store, tmp_path):
    asked = reports.submit(store, "ann", reports.month_of("2026-10", store), "en", False)
    jobs.Worker(store, tmp_path / "exports", 7, 1 << 30).work()
    failed = exports.find(store.records, asked.id)
    assert (failed.state, failed.reason) == ("failed", "this process makes no reports")


def test_settings_name_languages_and_addresses(tmp_path):
    given = {"DATA_DIR": str(tmp_path), "SMTP_HOST": "mail.example", "SMTP_FROM": "plant@example.com"}
    config = Config.from_env({**given, "REPORT_LANGUAGES": "es, en", "REPORT_TO": "ann@example.com", "REPORTS_KEPT": "12"})
    assert (config.report_languages, config.report_to, config.reports_kept) == (("es", "en"), ("ann@example.com",), 12)
    assert Config.from_env({**given, "REPORT_LANGUAGES": "none"}).report_languages == ()
    for wrong in ({"REPORT_LANGUAGES": "fr"}, {"REPORT_TO": "nobody"}, {"REPORT_TO": "ann@example.com", "SMTP_HOST": ""}):
        with pytest.raises(SettingError):
            Config.from_env({**given, **wrong})


# -- on paper -----------------------------------------------------------------------------------------------------------------


def a_paper(lang="en", rows=3, mark="Simulated data"):
    table = Rows(("Unit", "SOC (%)"), tuple((f"BESS {n}", f"{n}.5") for n in range(rows)), (False, True), frozenset({0}))
    parts = (Figures((Figure("Energy in", "1,234", "kWh", "AC side"),)), Chart(b"{}", 300, "Power"), table, Text("A sentence."))
    return Paper(
        "Monthly report 2026-10", "Plant", ("times in UTC",), (Section("Energy", parts),), "Notes", ("First note.",), lang, NOW, "foot",
        "Page {n} of {all}", "left out", mark,
    )  # fmt: skip


def read(made: Paper, draw=None):
    from pypdf import PdfReader

    sink = io.BytesIO()
    said = paper.printed(made, sink, LATIN, draw, lambda _: None)
    pages = PdfReader(io.BytesIO(sink.getvalue())).pages
    return said, [page.extract_text() for page in pages], pages


def a_picture(figure, width, height):
    """A white PNG of the size asked for."""
    import struct
    import zlib

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress((b"\0" + b"\xff" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_page_says_all_that_it_was_given():
    said, (text,), pages = read(a_paper(), a_picture)
    for part in ("Monthly report 2026-10", "Plant", "Energy in", "1,234", "kWh", "BESS 2", "2.5", "A sentence.", "1. First note.", "of 1"):
        assert part in text
    assert said == {"pages": 1, "charts": 1} and len(pages[0].images) == 1
    assert [round(float(side) / 72 * 25.4) for side in pages[0].mediabox[2:]] == [210, 297]


def test_long_tables_go_on_with_their_heads_and_every_page_is_numbered_and_marked():
    said, texts, _ = read(a_paper(rows=120), a_picture)
    count = said["pages"]
    assert count == len(texts) > 2
    assert all(f"Page {n} of {count}" in text and "Simulated data" in text for n, text in enumerate(texts, 1))
    assert all("SOC (%)" in text for text in texts)
    assert sum(text.count("BESS ") for text in texts) == 120


def test_one_chart_that_fails_is_told_and_the_browser_is_not_asked_again():
    asked = []

    def fail(*_):
        asked.append(1)
        raise TimeoutError

    made = a_paper()
    twice = Paper(**{**{name: getattr(made, name) for name in made.__slots__}, "sections": made.sections * 2})
    said, (text, *_), _ = read(twice, fail)
    assert (said["charts"], len(asked)) == (0, 1) and "Power: left out" in text


def test_chinese_letters_are_in_the_file():
    if paper.cjk_fonts() is None:
        pytest.skip(f"needs {paper.CJK_PACKAGE}")
    made = a_paper("zh-TW", mark="模擬資料")
    _, (text,), _ = read(made, a_picture)
    assert "模擬資料" in text.replace(" ", "").replace("\0", "")  # how pypdf reads codes of two bytes


def test_without_a_chinese_font_the_package_is_named(monkeypatch, tmp_path):
    assert paper.cjk_fonts((str(tmp_path),)) is None
    monkeypatch.setattr(paper, "cjk_fonts", lambda: None)
    with pytest.raises(paper.NoFont, match="fonts-noto-cjk"):
        paper.check_fonts("zh-TW")
    assert paper.check_fonts("es") is None
