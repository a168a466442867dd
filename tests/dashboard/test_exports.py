"""What a panel's files hold is what the panel draws, in every format, with a receipt that says so."""

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import flask
import numpy as np
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

import callbacks
from dashboard import files
from dashboard.exports import View, viewed
from dashboard.figures.sheet import sheet
from dashboard.page import Page, Panel, Scope, Table
from datastore.open import open_store
from datastore.store import Store
from services.access import Identity
from services.config import Config
from tests.dashboard.test_pages import MINUTE, MINUTES, NOW, PANELS, fill, plants, scope_of, tell

__all__ = ["plants"]  # a fixture

SHOWN = [panel for panel in PANELS.values() if panel.files]
NAN = float("nan")


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    yield store
    store.close()


def serve(store: Store, *panels: Panel, **settings: Any) -> FlaskClient:
    server = flask.Flask("test")
    callbacks.mount(server, store, Config(**settings), [Page("/", "Overview", 1, "x", panels)] if panels else None)
    return server.test_client()


def told(values: Any) -> list[Any]:
    """Values without those that nobody told."""
    return [value for value in values if value is not None and value == value]


def texts(component: Any) -> str:
    """What a person reads in a component."""
    if isinstance(component, list | tuple):
        return "".join(map(texts, component))
    return texts(getattr(component, "children", "")) if hasattr(component, "children") else str("" if component is None else component)


def same(text: str, value: Any) -> bool:
    """Whether a written field says this value."""
    if value is None or value == "":
        return text == "—"
    if isinstance(value, str):
        return text == value
    return float(text.replace(",", "").replace("−", "-")) == value


# -- equal to what is drawn ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["full", "gappy", "lonely", "empty"])
@pytest.mark.parametrize("panel", SHOWN, ids=lambda panel: panel.id)
def test_every_panel_has_its_rows_in_every_format(panel: Panel, state: str, plants: Callable[[str], Store]) -> None:
    store = plants(state)
    table = panel.load(store, scope_of(panel.id))
    view = viewed(store, panel, scope_of(panel.id), NOW)
    rows = max((len(column) for column in table.columns.values()), default=0)
    head, *lines = list(csv.reader(io.StringIO(view.file("csv").decode("utf-8-sig")))) or [[]]
    lines = [line for line in lines if line or rows]
    assert (len(lines), len(set(head))) == (rows, len(head))
    read = pq.read_table(io.BytesIO(view.file("parquet")))
    assert (read.num_rows if head else 0, read.column_names) == (rows if head else 0, [name.removeprefix("'") for name in head])
    cells = cells_of(view.file("xlsx"))
    assert len(cells) == rows + bool(head) and (not head or cells[0] == [name.removeprefix("'") for name in head])


@pytest.mark.parametrize("panel", SHOWN, ids=lambda panel: panel.id)
def test_without_rounding_the_numbers_are_those_loaded(panel: Panel, plants: Callable[[str], Store]) -> None:
    store = plants("full")
    table = panel.load(store, scope_of(panel.id))
    view = viewed(store, panel, scope_of(panel.id), NOW, raw=True)
    written = [told(column.values) for column in view.columns if column.kind == "number"]
    for line in table.more["plot"].lines if "plot" in table.more else ():
        for name in told([line.column, line.low or None, line.high or None]):
            assert told(np.asarray(table.columns[name], dtype=float).tolist()) in written
    if not {"sheet", "grid", "tiles"} & table.more.keys():
        for name, column in table.columns.items():
            plain = told(np.asarray(column).tolist())
            if plain and name not in ("at", "end", "row", "column") and all(type(value) is float for value in plain):
                assert plain in written, name


@pytest.mark.parametrize("state", ["full", "gappy"])
@pytest.mark.parametrize("panel", SHOWN, ids=lambda panel: panel.id)
def test_the_numbers_are_those_of_the_picture(panel: Panel, state: str, plants: Callable[[str], Store]) -> None:
    store = plants(state)
    scope = scope_of(panel.id)
    table = panel.load(store, scope)
    if table.is_empty:
        pytest.skip("nothing is drawn")
    written = [told(column.values) for column in viewed(store, panel, scope, NOW).columns if column.kind in ("number", "text")]
    more, drawn = table.more, panel.draw(table, scope)
    if "plot" in more and isinstance(drawn, dict):
        for trace, line in zip(drawn["data"], more["plot"].lines, strict=False):
            assert told(trace["y"]) in written, line.name
    if "stack" in more:
        for trace, layer in zip(drawn["data"], more["stack"].layers, strict=False):
            assert [layer.sign * value for value in told(trace["y"])] in written, layer.name
    if "bars" in more and isinstance(drawn, dict):
        for group in more["bars"].groups:
            plain = [round(float(value), group.decimals) for value in told(np.asarray(table.columns[group.column], dtype=float).tolist())]
            assert plain in written, group.name


SHEETS = ("bess-racks", "pcs-units", "vehicles-list", "explore-extent", "inverter-extent", "schedule-hours", "schedule-days")


@pytest.mark.parametrize("panel", SHEETS)
def test_a_table_is_written_as_it_is_read(panel: str, store: Store) -> None:
    fill(store, MINUTES)
    table = PANELS[panel].load(store, scope_of(panel))
    assert not table.is_empty
    _, body = sheet(table, scope_of(panel)).children.children
    read = [[texts(field) for field in row.children] for row in body.children]
    columns = viewed(store, PANELS[panel], scope_of(panel), NOW).columns[: len(read[0])]
    for place, column in enumerate(columns):
        assert all(same(row[place], value) for row, value in zip(read, column.values, strict=True)), column.name


def test_tiles_are_rounded_each_its_own_way(store: Store) -> None:
    fill(store, MINUTES)
    panel = PANELS["overview-tiles"]
    tiles = panel.load(store, scope_of(panel.id)).more["tiles"]
    column = next(one for one in viewed(store, panel, scope_of(panel.id), NOW).columns if one.name == "Value")
    numbers = [(tile, value) for tile, value in zip(tiles, column.values, strict=True) if isinstance(value, int | float)]
    assert len(numbers) > 5 and all(f"{value:.{tile.decimals}f}" == f"{tile.value:.{tile.decimals}f}" for tile, value in numbers)


# -- formats ----------------------------------------------------------------------------------------------------------------------------

DST = 1_792_884_600_000
"""2026-10-25 01:30 in Berlin, for the second time ends summer time at 01:00 UTC: 2026-10-24T23:30Z."""
ODD = Table(
    {
        "at": [DST, DST + 3_600_000, DST + 7_200_000, None],
        "device": ["=SUM(A1)", "電池櫃 1", "+1", "-2"],
        "message": ["@now", 'say "hi", twice\nthen go', None, "\tx"],
        "soc": [55.55555, NAN, None, -0.04],
        "count": [1, 2, None, -3],
        "on": [True, False, None, True],
        "value": ["Idle", 2.25, None, float("inf")],
        "href": ["/x"] * 4,
    },
    at=DST,
    more={"units": {"soc": "%"}, "decimals": {"soc": 1}},
)
PANEL = Panel("odd", "Odd", lambda store, scope: ODD, lambda table, scope: {"data": [], "layout": {}})
VIEW = View(PANEL, Scope(zone="Europe/Berlin"), DST, ODD)
HEADS = ["Time (Europe/Berlin)", "Time (UTC)", "Device", "Message", "soc (%)", "count", "on", "Value"]


def test_csv_runs_no_formula_and_keeps_every_text() -> None:
    content = VIEW.file("csv")
    assert content.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))) == [
        HEADS,
        ["2026-10-25 01:30:00", "2026-10-24T23:30:00Z", "'=SUM(A1)", "'@now", "55.6", "1", "true", "Idle"],
        ["2026-10-25 02:30:00", "2026-10-25T00:30:00Z", "電池櫃 1", 'say "hi", twice\nthen go', "", "2", "false", "2.25"],
        ["2026-10-25 02:30:00", "2026-10-25T01:30:00Z", "'+1", "", "", "", "", ""],  # the same hour again: UTC tells them apart
        ["", "", "'-2", "'\tx", "0.0", "-3", "true", ""],
    ]


def test_parquet_has_types() -> None:
    read = pq.read_table(io.BytesIO(VIEW.file("parquet")))
    assert [str(kind) for kind in read.schema.types] == [
        "timestamp[ms]", "timestamp[ms, tz=UTC]", "string", "string", "double", "int64", "bool", "string",
    ]  # fmt: skip
    rows = read.to_pydict()
    assert list(rows) == HEADS
    assert [f"{at:%H:%M}" if at else None for at in rows[HEADS[0]]] == ["01:30", "02:30", "02:30", None]
    assert [at.timestamp() * 1000 if at else None for at in rows[HEADS[1]]] == ODD.columns["at"]
    assert (rows["Device"], rows["soc (%)"]) == (["=SUM(A1)", "電池櫃 1", "+1", "-2"], [55.6, None, None, 0.0])
    assert rows["count"] == [1, 2, None, -3] and rows["on"] == [True, False, None, True]


def test_a_sheet_has_numbers_as_numbers_and_no_formula() -> None:
    content = VIEW.file("xlsx")
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        text = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in text and "<f " not in text
    head, first, second, third, fourth = cells_of(content)
    assert head == HEADS
    assert first[2:] == ["=SUM(A1)", "@now", 55.6, 1.0, True, "Idle"]
    assert second[2:] == ["電池櫃 1", 'say "hi", twice\nthen go', None, 2.0, False, 2.25]
    assert fourth[2:] == ["-2", "\tx", 0.0, -3.0, True, None]
    day = 46_320  # 2026-10-25 in days since 1899-12-30
    assert [first[0], second[0], third[0]] == pytest.approx([day + 1.5 / 24, day + 2.5 / 24, day + 2.5 / 24])
    assert first[1] == pytest.approx(day - 0.5 / 24)


SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def cells_of(content: bytes) -> list[list[Any]]:
    """The rows of a sheet by its XML: numbers, texts, flags, None for an empty cell."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        root = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        names = set(book.namelist())
        shared = ElementTree.fromstring(book.read("xl/sharedStrings.xml")) if "xl/sharedStrings.xml" in names else None
    strings = ["".join(part.text or "" for part in one.iter(f"{SPACE}t")) for one in shared] if shared is not None else []
    found: dict[int, dict[int, Any]] = {}
    for cell in root.iter(f"{SPACE}c"):
        letters, row = re.fullmatch(r"([A-Z]+)(\d+)", cell.attrib["r"]).groups()  # type: ignore[union-attr]
        place = 0
        for letter in letters:
            place = 26 * place + ord(letter) - 64
        found.setdefault(int(row), {})[place] = _value(cell, strings)
    wide = max((max(row) for row in found.values()), default=0)
    high = int(re.search(r"(\d+)$", root.find(f"{SPACE}dimension").attrib["ref"])[1]) if found else 0  # type: ignore[union-attr,index]
    return [[found.get(row, {}).get(place) for place in range(1, wide + 1)] for row in range(1, high + 1)]


def _value(cell: Any, strings: list[str]) -> Any:
    kind, value = cell.attrib.get("t", "n"), cell.find(f"{SPACE}v")
    if kind == "inlineStr":
        return "".join(part.text or "" for part in cell.iter(f"{SPACE}t"))
    if value is None or value.text is None:
        return None
    return {"s": lambda: strings[int(value.text)], "b": lambda: value.text == "1"}.get(kind, lambda: float(value.text))()


# -- links ------------------------------------------------------------------------------------------------------------------------------


def test_the_receipt_names_the_bytes_that_the_same_query_gives(store: Store) -> None:
    fill(store, MINUTES)
    client = serve(store, PANELS["bess-compare"], PANELS["overview-soc"], site_name="山頂 Plant", site_id="peak")
    for form in ("csv", "xlsx", "parquet"):
        receipt = client.get(f"/panels/bess-compare.receipt.json?unit=1&window=1h&format={form}&at={NOW - MINUTE}").get_json()
        file = client.get(receipt["file"]["address"])
        digest = hashlib.sha256(file.data).hexdigest()
        assert (receipt["file"]["sha256"], receipt["file"]["bytes"]) == (digest, len(file.data))
        assert receipt["file"]["name"].startswith("山頂-Plant_bess-compare_20261121T105900_20261121T115900")
        assert client.get(f"/panels/bess-compare.{form}?unit=1&window=1h&at={NOW - MINUTE}").data == file.data
    assert receipt["window"]["from"] == {"local": "2026-11-21T10:59:00.000+08:00", "utc": "2026-11-21T02:59:00.000Z"}
    assert receipt["permalink"].startswith("http://localhost/?unit=1&window=1h&from=2026-11-21T10%3A59&to=2026-11-21T11%3A59")
    assert receipt["site"] == {"id": "peak", "name": "山頂 Plant", "zone": "Asia/Taipei"} and receipt["product"]["version"]
    local, utc, mean, low, *_ = receipt["columns"]
    assert (local["zone"], utc["zone"]) == ("Asia/Taipei", "UTC")
    assert (mean["unit"], mean["device"], mean["metric"], mean["aggregation"]) == ("%", "bess01-rack01", "soc", "mean")
    assert (low["aggregation"], mean["resolution_ms"], 0 < mean["coverage"] <= 1) == ("min", 60_000, True)
    now = client.get("/panels/overview-soc.receipt.json").get_json()
    assert now["window"] is None and now["file"]["repeatable"] is False and now["rules"] == []


def test_file_and_receipt_of_one_menu_are_the_same_although_values_of_now_go_on() -> None:
    moment, told = [NOW], iter(range(100))
    store = open_store("memory://", "Asia/Taipei", clock=lambda: moment[0])
    panel = Panel("newest", "x", lambda store, scope: Table({"n": [next(told)]}, store.clock()), sheet, is_current=True)
    browser = serve(store, panel)

    def receipt(query: str) -> str:
        return str(browser.get(f"/panels/newest.receipt.json?format=csv&{query}").json["file"]["sha256"])

    file = browser.get(f"/panels/newest.csv?at={NOW}").data
    moment[0] += 2 * MINUTE
    assert receipt(f"at={NOW}") == receipt(f"at={NOW}&raw=1") == hashlib.sha256(file).hexdigest()
    assert browser.get(f"/panels/newest.parquet?at={NOW}").status_code == 200 and next(told) == 1, "asked for once"
    assert receipt(f"at={NOW + 1}") != receipt(f"at={NOW}"), "another menu, opened a moment later"
    moment[0] += 10 * MINUTE
    assert browser.get(f"/panels/newest.csv?at={NOW}").data != file, "not kept for ever"
    store.close()


def test_what_came_later_does_not_change_a_view_of_before(store: Store) -> None:
    fill(store, MINUTES)
    client = serve(store, PANELS["overview-frequency"])
    link = f"/panels/overview-frequency.csv?window=1h&at={NOW - 10 * MINUTE}"
    before = client.get(link).data
    tell(store, "site", "site", [NOW - 5 * MINUTE + 1], frequency=59.0)
    client = serve(store, PANELS["overview-frequency"])  # one that remembers no view
    assert client.get(link).data == before != client.get("/panels/overview-frequency.csv?window=1h").data


def test_raw_leaves_out_the_rounding(store: Store) -> None:
    fill(store, MINUTES)
    tell(store, "site", "site", [NOW - MINUTE + 1], frequency=60.123456)
    client = serve(store, PANELS["overview-frequency"])
    shown, raw = (client.get(f"/panels/overview-frequency.csv?window=15m{more}").text for more in ("", "&raw=1"))
    assert ",60.123" in shown and "60.123456" not in shown and "60.123456" in raw


def test_money_names_the_rules_it_was_judged_by(store: Store) -> None:
    fill(store, MINUTES)
    receipt = serve(store, PANELS["schedule-hours"]).get("/panels/schedule-hours.receipt.json").get_json()
    assert [(one["product"], one["currency"]) for one in receipt["rules"]] == [("dreg0.5", "TWD")]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", receipt["rules"][0]["version"]) and receipt["rules"][0]["source"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/panels/settings.csv", 404),
        ("/panels/alarms-desk.xlsx", 404),
        ("/panels/nobody.parquet", 404),
        ("/panels/overview-soc.pdf", 404),
        ("/panels/overview-soc.csv?at=yesterday", 422),
        ("/panels/overview-soc.csv?at=99999999999999", 422),
        ("/panels/overview-soc.csv?at=1", 422),
        ("/panels/overview-soc.receipt.json?format=exe", 422),
    ],
)
def test_what_cannot_be_had_is_refused(store: Store, path: str, status: int) -> None:
    assert serve(store).get(path).status_code == status


def test_who_may_not_export_finds_only_the_link_in_the_menu() -> None:
    offered = {}
    for role in ("viewer", "analyst"):
        with flask.Flask("test").app_context():
            flask.g.identity = Identity(role, (role,))
            items = files.items("zh-TW")
        offered[role] = [one.to_plotly_json()["props"]["data-file"] for one in items.children]
    assert offered == {"viewer": ["link"], "analyst": ["csv", "xlsx", "parquet", "png", "svg", "receipt", "raw", "link"]}


def test_a_panel_that_needs_more_is_refused_to_others(store: Store) -> None:
    client = serve(store, PANELS["schedule-what-if"])
    client.application.before_request(lambda: setattr(flask.g, "identity", Identity("v", ("viewer",))))
    assert [client.get(f"/panels/schedule-what-if.{end}").status_code for end in ("csv", "receipt.json")] == [403, 403]
