"""All pages, read from a folder: drop a file with a `PAGE` into `pages/` and it is found; two claims to one path or id stop the start."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dashboard.loads.notes import annotated
from dashboard.page import Page, Panel


@dataclass(frozen=True, slots=True)
class Book:
    """Pages by path in navigation order, panels by id."""

    pages: Mapping[str, Page]
    panels: Mapping[str, Panel]


def bind(pages: Iterable[Page], panels: Iterable[Panel] = ()) -> Book:
    """A book of these pages, charts over time with their notes; `panels` are known but on no page. Raises ValueError when a path or a panel
    id is claimed twice."""
    by_path: dict[str, Page] = {}
    by_id: dict[str, Panel] = {}
    for page in sorted(pages, key=lambda page: page.order):
        if page.path in by_path:
            raise ValueError(f"two pages claim the path {page.path}")
        by_path[page.path] = replace(page, panels=tuple(map(annotated, page.panels)))
    for panel in (*panels, *(panel for page in by_path.values() for panel in page.panels)):
        if panel.id in by_id:
            raise ValueError(f"two panels claim the id {panel.id}")
        by_id[panel.id] = panel
    return Book(by_path, by_id)


def discover(package: str = "pages") -> list[Page]:
    """The `PAGE` of every module in `package`, by its name: the dashboard does not import what is built on it."""
    folder = importlib.import_module(package)
    modules = (importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(folder.__path__))
    return [module.PAGE for module in modules if hasattr(module, "PAGE")]
