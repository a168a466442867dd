"""What a screen is made of. A page is a declared list of panels; a panel is `load` (store, scope → Table) and `draw` (Table, scope →
figure or component). From that split every panel gets its card, files, full screen, empty and error states without more code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard.scope import Scope
from datastore.store import Store

__all__ = ["Control", "Page", "Panel", "Scope", "Table", "Tile"]


@dataclass(frozen=True, slots=True)
class Table:
    """What a panel shows, as columns of equal length: exactly this is exported. `at` (epoch ms UTC) is the newest instant in it,
    `more` what drawing needs beside the columns. Columns named `at` and `end` are instants in epoch ms UTC; what no drawing says of
    a column, exports read from `more`: `units` and `decimals` by column, `rules` (what money is judged by), `coverage`
    (0…1) of lines by column; cards also `told`, `period`, `observed`, `unit` (docs/recipes.md)."""

    columns: Mapping[str, Sequence[Any]]
    at: int | None = None
    simulated: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not any(len(column) for column in self.columns.values())


@dataclass(frozen=True, slots=True)
class Tile:
    """One number at a glance. `key` is unique in its panel, `title` and `note` are word keys or plain text, `value` None is shown as a
    dash, `at` is from when it is (epoch ms), `tone` is "", a severity or a meaning of `theme.COLOURS`, `share` 0…1 draws a thin bar."""

    key: str
    title: str
    value: float | str | None
    unit: str = ""
    decimals: int = 1
    at: int | None = None
    note: str = ""
    icon: str = ""
    tone: str = ""
    share: float | None = None
    href: str = ""
    stale_after: int = 15_000


@dataclass(frozen=True, slots=True)
class Panel:
    """`draw` returns a plotly figure as a dict (keys data, layout) or a Dash component. `live` gives the keys of a frame (see
    `dashboard.live`) or None for nothing new; `is_current` says the panel shows now, whatever the window. `span` of 12 columns,
    `height` of the figure in px, `bare` has no card, `title` and `note` are word keys. An empty table is not drawn
    unless `draws_empty`. `needs` is a permission without which the panel is neither shown nor answered; without `files` it holds nothing to
    download (a form)."""

    id: str
    title: str
    load: Callable[[Store, Scope], Table]
    draw: Callable[[Table, Scope], Any]
    live: Callable[[Store, Scope], Mapping[str, Any] | None] | None = None
    note: str = ""
    span: int = 6
    height: int = 280
    is_current: bool = False
    bare: bool = False
    draws_empty: bool = False
    needs: str = ""
    files: bool = True


@dataclass(frozen=True, slots=True)
class Control:
    """A choice in a page's head that sets one field of the scope: `options` gives (value, label) pairs; "" is "all" when `all_` has a word.
    `many` allows several, comma-separated in the URL. `in_force` is the value that holds while the scope names none."""

    field: str
    title: str
    options: Callable[[Store, Scope], Sequence[tuple[str, str]]]
    all_: str = ""
    many: bool = False
    in_force: Callable[[Store, Scope], str] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One path. `icon` is a bootstrap-icons name, `order` its place in the navigation. `kind` is what the page is about: without a device
    of this kind it says how one comes in; `-` is about none (see `dashboard.guide`)."""

    path: str
    title: str
    order: int
    icon: str
    panels: tuple[Panel, ...]
    controls: tuple[Control, ...] = ()
    note: str = ""
    kind: str = ""
