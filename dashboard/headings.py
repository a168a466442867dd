"""What stands over the columns of a panel's table: name, unit and decimals as the picture says them, from whatever describes it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from dashboard.page import Scope, Table
from dashboard.words import WORDS, word
from plant.metrics import CATALOGUE

HIDDEN = ("href",)
"""Columns that only lead on."""


@dataclass(frozen=True, slots=True)
class Heading:
    """One column to be written: the table's `column`, its title (with the unit), unit and decimals (None = as they are), those of single
    rows where they differ, and what codes or places are called. Numbers that are drawn are rounded as pictures are (`axes.plain`), others
    as texts."""

    column: str
    title: str
    unit: str = ""
    decimals: int | None = None
    by_row: Sequence[int | None] = ()
    words: Mapping[Any, str] | None = None
    is_drawn: bool = False


def headings(table: Table, scope: Scope) -> list[Heading]:
    """The columns the picture shows, in its order. What a drawing does not describe may be told by `table.more`: `units` and `decimals`
    by column."""
    more = table.more
    listed = [*_sheet(more, scope), *_grid(more, scope)]
    told = {one.column: one for one in [*listed, *_described(table, scope)]}
    names = [one.column for one in listed] or [name for name in table.columns if name not in HIDDEN]
    units, decimals = more.get("units", {}), more.get("decimals", {})
    found = []
    for name in names:
        if name not in table.columns:
            continue
        one = told.get(name) or Heading(name, _titled(name, _label(name, scope), units.get(name, "")), units.get(name, ""))
        found.append(replace(one, decimals=decimals.get(name, one.decimals)))
    return found


def _titled(column: str, name: str, unit: str) -> str:
    """The title with its unit, once."""
    if not unit:
        return name or column
    return column if f"({unit})" in column else f"{name or column} ({unit})"


def _label(name: str, scope: Scope) -> str:
    """What a column is called when no drawing says it: a word of ours, else its own name."""
    key = f"export.{name}"
    return word(key, scope.lang) if key in WORDS else name


def _unit(title: str) -> str:
    """The unit a table's head ends with, in brackets."""
    found = re.search(r"\(([^()]+)\)$", title)
    return found[1] if found else ""


def _sheet(more: Mapping[str, Any], scope: Scope) -> Iterator[Heading]:
    spec = more.get("sheet")
    if spec is None:
        return
    for column, title, decimals in spec.columns:
        by_row = [spec.decimals.get(key, decimals) for key in spec.keys] if spec.decimals else ()
        yield Heading(column, title or _label(column, scope), _unit(title), decimals, by_row)


def _grid(more: Mapping[str, Any], scope: Scope) -> Iterator[Heading]:
    spec = more.get("grid")
    for column in spec.columns if spec else ():
        yield Heading(column.name, column.head or _label(column.name, scope), _unit(column.head), column.decimals, (), column.words)


def _described(table: Table, scope: Scope) -> Iterator[Heading]:
    more = table.more
    for tiles in (more["tiles"],) if "tiles" in more else ():
        yield Heading("unit", word("files.unit", scope.lang))
        yield Heading("value", _label("value", scope), "", None, [tile.decimals for tile in tiles])
    for part in _parts(more):
        for column, suffix in ((part.column, ""), (getattr(part, "low", ""), " min"), (getattr(part, "high", ""), " max")):
            if column and isinstance(column, str):
                yield Heading(column, _titled(column, part.name + suffix, part.unit), part.unit, part.decimals, is_drawn=True)
    if "heat" in more:
        spec = more["heat"]
        name = CATALOGUE[spec.value].label(scope.lang) if spec.value in CATALOGUE else spec.value
        yield Heading(spec.value, _titled(spec.value, name, spec.unit), spec.unit, spec.decimals, is_drawn=True)
        yield Heading("row", spec.row_title or _label("row", scope), words=dict(enumerate(spec.rows)))
        yield Heading("column", spec.column_title or _label("column", scope), words=dict(enumerate(spec.columns)))
    if "bars" in more:
        yield Heading("name", more["bars"].title or _label("name", scope))
    if "stack" in more:
        spec = more["stack"]
        for layer in spec.layers:
            yield Heading(layer.column, _titled(layer.column, layer.name, spec.unit), spec.unit, spec.decimals, is_drawn=True)
    if "scatter" in more:
        yield Heading("group", _label("group", scope), words={group.key: group.name for group in more["scatter"].groups})


def _parts(more: Mapping[str, Any]) -> Iterator[Any]:
    """What draws one column (a line, a bar, an axis), wherever a drawing's description keeps it."""
    for spec in more.values():
        if not is_dataclass(spec):
            continue
        for field in fields(spec):
            value = getattr(spec, field.name)
            for part in value if isinstance(value, tuple) else (value,):
                if all(hasattr(part, name) for name in ("column", "name", "unit", "decimals")):
                    yield part
