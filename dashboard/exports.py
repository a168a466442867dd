"""A panel's table as it is on the screen, as columns of a file, and the receipt that says what stands in them."""

import hashlib
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from dashboard.figures.notes import Mark
from dashboard.headings import Heading, headings
from dashboard.page import Panel, Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.metrics import metric
from plant.model import MINUTE, Window
from plant.rules import RuleSet
from services import VERSION
from services.cells import Cells, Kind, clean, written

INSTANTS = ("at", "end")
"""Columns that hold instants [epoch ms UTC]; each is written twice, by the site's clock and in UTC."""


@dataclass(frozen=True, slots=True)
class View:
    """One panel in one scope as it was at `now` [epoch ms UTC], rounded as the screen does unless `raw`. `table` holds what it shows."""

    panel: Panel
    scope: Scope
    now: int
    table: Table
    raw: bool = False

    @property
    def columns(self) -> list[Cells]:
        """The columns of the file: instants first, unless a table with columns of its own has its order."""
        return [self._cells(head, kind) for kind, head in self._heads()]

    @property
    def span(self) -> Window | None:
        """The window drawn, which may be another than the scope's (an hour of it); None for what shows now."""
        drawn = self.table.more.get("plot") or self.table.more.get("stack")
        if self.panel.is_current:
            return None
        return Window(drawn.start, drawn.end) if drawn else self.scope.span(self.now)

    def file(self, form: str) -> bytes:
        """The file; the same view gives the same bytes."""
        return written(form, self.columns, self.table.at or 0)

    def name(self, site: str, form: str) -> str:
        """`<site>_<panel>_<from>_<to>.csv` by the site's clock, one instant for what shows now."""
        span = self.span
        ends = [self.now] if span is None else [span.start, span.end]
        stamps = [f"{_local(at, self.scope.zone):%Y%m%dT%H%M%S}" for at in ends]
        return "_".join([slug(site), slug(self.panel.id), *stamps, *(["raw"] if self.raw else [])]) + f".{form}"

    def _heads(self) -> list[tuple[Kind, Heading]]:
        found: list[tuple[Kind, Heading]] = []
        heads = headings(self.table, self.scope)
        if "at" in self.table.columns and all(head.column != "at" for head in heads):
            heads.append(Heading("at", ""))  # a table that shows only words of it
        for head in heads:
            if head.column in INSTANTS and _is_numeric(self.table.columns[head.column]):
                title = word("export.time" if head.column == "at" else "export.end", self.scope.lang)
                found += [
                    ("wall", replace(head, title=f"{title} ({self.scope.zone})")),
                    ("utc", replace(head, title=f"{title} (UTC)")),
                ]
            else:
                found.append((_kind(clean(self.table.columns[head.column]), head), head))
        return [(kind, replace(head, title=title)) for (kind, head), title in zip(found, _unique(found), strict=True)]

    def _cells(self, head: Heading, kind: Kind) -> Cells:
        values = clean(self.table.columns[head.column])
        if kind in ("wall", "utc"):
            return Cells(head.title, values, kind, self.scope.zone if kind == "wall" else "UTC")
        if head.words is not None:
            values = [value if value is None else head.words.get(value, value) for value in values]
        if not self.raw:
            values = [_rounded(value, digits, head.is_drawn) for value, digits in zip(values, _digits(head, len(values)), strict=True)]
        alike = None if self.raw or head.by_row else head.decimals
        return Cells(head.title, values, kind, decimals=alike if kind == "number" else None)

    def receipt(self, form: str, site: Mapping[str, str], page: str, file: str) -> dict[str, Any]:
        """What is in the file: where from, of when, in which units, rounded how, judged by which rules, and its SHA-256. `page` and `file`
        are addresses."""
        content, columns = self.file(form), self.columns
        span = self.span
        return {
            "panel": self.panel.id,
            "title": word(self.panel.title, self.scope.lang),
            "product": {"name": word("product"), "version": VERSION},
            "site": dict(site),
            "created": _stamps(self.now, self.scope.zone),
            "window": None if span is None else {"from": _stamps(span.start, self.scope.zone), "to": _stamps(span.end, self.scope.zone)},
            "permalink": page,
            "file": {
                "name": self.name(site["name"], form),
                "address": file,
                "format": form,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "repeatable": span is not None,
            },
            "rows": len(columns[0].values) if columns else 0,
            "rounding": "none" if self.raw else "as shown",
            "simulated": self.table.simulated,
            "newest": None if self.table.at is None else _stamps(self.table.at, self.scope.zone),
            "columns": [self._column(kind, head, cells) for (kind, head), cells in zip(self._heads(), columns, strict=True)],
            "rules": [_rules(one) for one in self.table.more.get("rules", ())],
            "annotations": [_note(mark, self.scope.zone) for mark in self.table.more.get("notes", ())],
        }

    def _column(self, kind: Kind, head: Heading, cells: Cells) -> dict[str, Any]:
        filled = sum(value is not None for value in cells.values)
        said: dict[str, Any] = {"name": cells.name, "type": kind, "unit": head.unit, "filled": filled}
        if kind == "wall":
            said["zone"] = self.scope.zone
        elif kind == "utc":
            said["zone"] = "UTC"
        elif not self.raw and head.decimals is not None:
            said["decimals"] = head.decimals
        return said | self._source(head)

    def _source(self, head: Heading) -> dict[str, Any]:
        """Device, metric, aggregation, resolution and coverage of a line, as far as its table knows them."""
        plot, asks = self.table.more.get("plot"), self.table.more.get("asks", ())
        place, part = next(
            ((i, part) for i, line in enumerate(plot.lines if plot else ()) for part in _parts(line) if part and part[0] == head.column),
            (None, ("", "")),
        )
        if plot is None or place is None:
            return {}
        found: dict[str, Any] = {"resolution_ms": plot.lines[place].width}
        if plot.lines[place].of:
            found["against"] = self.scope.against
        if place < len(asks) and len(asks) == sum(not line.of for line in plot.lines):
            ask = asks[place]
            own = {"counter": "last"}.get(metric(ask.metric).aggregation, metric(ask.metric).aggregation)
            found |= {"device": ask.device.device_id, "metric": ask.metric, "aggregation": part[1] or own}
        coverage = self.table.more.get("coverage", {}).get(plot.lines[place].column)
        return found if coverage is None else found | {"coverage": round(coverage, 6)}


def viewed(store: Store, panel: Panel, scope: Scope, now: int, raw: bool = False) -> View:
    """What `panel` showed in `scope` when the clock said `now` (of values of now, what they are)."""
    return View(panel, scope, now, panel.load(replace(store, clock=lambda: now), scope), raw)


class Views:
    """Views of instants that were asked for lately: a paused screen, the files and the receipt that somebody takes from it hold the same
    values, also where these are the newest ones and the next second has others. Of one process; errors are not kept."""

    def __init__(self, store: Store, keep_ms: int = 10 * MINUTE, most: int = 48) -> None:
        self._store, self._keep, self._most = store, keep_ms, most
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, int], tuple[int, Table]] = {}

    def of(self, panel: Panel, scope: Scope, at: int, raw: bool = False) -> View:
        """See `viewed`."""
        key, now = (scope.topic(panel.id), at), self._store.clock()
        with self._lock:
            self._kept = {name: one for name, one in self._kept.items() if 0 <= now - one[0] < self._keep}
            kept = self._kept.get(key)
        if kept is not None:
            return View(panel, scope, at, kept[1], raw)
        view = viewed(self._store, panel, scope, at, raw)
        with self._lock:
            kept = self._kept.setdefault(key, (now, view.table))  # whoever asked at the same time gets the same
            while len(self._kept) > self._most:
                self._kept.pop(next(iter(self._kept)))
        return replace(view, table=kept[1])


def slug(text: str) -> str:
    """`text` as a part of a file's name.

    >>> slug("BESS/山 1"), slug("…")
    ('BESS-山-1', 'site')
    """
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")[:80] or "site"


def _parts(line: Any) -> Sequence[tuple[str, str]]:
    return (line.column, ""), (line.low, "min"), (line.high, "max")


def _is_numeric(values: Any) -> bool:
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in clean(values))


def _kind(values: Sequence[Any], head: Heading) -> Kind:
    told = [value for value in values if value is not None]
    if head.words is not None or any(not isinstance(value, int | float) for value in told):
        return "text"
    return "flag" if told and all(isinstance(value, bool) for value in told) else "number"


def _digits(head: Heading, rows: int) -> Sequence[int | None]:
    return head.by_row if len(head.by_row) == rows else [head.decimals] * rows


def _rounded(value: Any, decimals: int | None, is_drawn: bool) -> Any:
    """A number as the screen draws or writes it; without decimals it is a whole one."""
    if decimals is None or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    near = (float(np.round(value, decimals)) if is_drawn else float(f"{value:.{decimals}f}")) + 0.0  # no minus zero
    return int(near) if decimals == 0 else near


def _unique(found: Sequence[tuple[Kind, Heading]]) -> list[str]:
    """The titles, each once."""
    titles: list[str] = []
    for _, head in found:
        title, number = head.title, 2
        while title in titles:
            title, number = f"{head.title} {number}", number + 1
        titles.append(title)
    return titles


def _local(at: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone))


def _stamps(at: int, zone: str) -> dict[str, str]:
    """An instant by the site's clock and in UTC."""
    utc = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"local": _local(at, zone).isoformat(timespec="milliseconds"), "utc": utc}


def _note(mark: Mark, zone: str) -> dict[str, Any]:
    """What somebody wrote on the stretch that is shown."""
    said = {"id": mark.id, "from": _stamps(mark.start, zone), "to": _stamps(mark.end, zone), "device": mark.device, "metric": mark.metric}
    return {**said, "text": mark.text, "author": mark.author, "tags": list(mark.tags)}


def _rules(rules: RuleSet) -> dict[str, Any]:
    start = rules.since.isoformat()
    return {
        "product": rules.product,
        "title": rules.title,
        "version": start,
        "verified": rules.verified,
        "currency": rules.currency,
        "source": rules.source,
    }
