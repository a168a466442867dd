"""Long tables: numbers stand right, everything can be sorted and looked for by what is read, and files have the grid's order."""

from typing import Any

import pytest

from dashboard.exports import View
from dashboard.figures.grid import Column, Grid, grid
from dashboard.page import Panel, Scope, Table

SPEC = Grid(
    (Column("state", "State", words={"on": "Running", "off": "Stands"}), Column("power", "Power (kW)", 1), Column("name", "Name")),
    ("b", "a"), ("/b", "/a"), "name", "state", ("power",),
)  # fmt: skip
TABLE = Table({"name": ["B", "A"], "power": [12.345, None], "state": ["on", "off"], "at": [0, 0]}, more={"grid": SPEC})


def parts_of(lang: str = "en") -> tuple[list[dict[str, Any]], Any]:
    drawn: Any = grid("p", "Label", TABLE, Scope(lang=lang), 300)
    made = drawn.children[0].children
    return made.columnDefs, made


def test_numbers_stand_right_and_every_column_is_sorted_and_filtered_as_its_kind() -> None:
    (state, power, name), made = parts_of()
    assert made.defaultColDef["sortable"] is True and made.defaultColDef["filter"] is True
    assert power["type"] == "rightAligned" and "type" not in state and "type" not in name
    assert [one["filter"] for one in (state, power, name)] == ["agTextColumnFilter", "agNumberColumnFilter", "agTextColumnFilter"]
    assert made.dashGridOptions["suppressCellFocus"] is False and made.dashGridOptions["ensureDomOrder"] is True


def test_a_code_is_found_by_the_word_that_is_shown_for_it() -> None:
    (state, _, name), _ = parts_of()
    assert state["refData"] == {"on": "Running", "off": "Stands"}
    assert state["filterValueGetter"]["function"] == "params.colDef.refData[params.data['state']]"
    assert "filterValueGetter" not in name


@pytest.mark.parametrize(("lang", "contains"), [("en", "Contains"), ("zh-TW", "包含"), ("es", "Contiene")])
def test_the_grid_speaks_the_language_of_the_page(lang: str, contains: str) -> None:
    _, made = parts_of(lang)
    assert made.dashGridOptions["localeText"]["contains"] == contains


def test_the_file_has_the_columns_and_rows_in_the_order_of_the_grid() -> None:
    panel = Panel("p", "alarms", lambda store, scope: TABLE, lambda table, scope: None)
    _, made = parts_of()
    head, *rows = View(panel, Scope(), 0, TABLE).file("csv").decode("utf-8-sig").splitlines()
    heads = head.split(",")
    shown = [one["headerName"] for one in made.columnDefs]
    assert [one for one in heads if one in shown] == shown
    places = [heads.index(one) for one in shown]
    assert [[row.split(",")[place] for place in places] for row in rows] == [["Running", "12.3", "B"], ["Stands", "", "A"]]
    assert [row["id"] for row in made.rowData] == ["b", "a"]
