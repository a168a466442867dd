"""Exports: who asked for which file, how far it is, where it lies. Kept as entries of a drawer, so that all processes see one queue. A file
holds series (`Query`) or is the report of a month (`Report`)."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from datastore.ports import Entry, Records
from plant.errors import Conflict, NotFound
from plant.model import DAY
from services.tables import Column

DRAWER = "exports"
OPEN = ("queued", "running")
ENDED = ("done", "failed", "cancelled", "expired")
MOST_OPEN = 20
"""Exports one person may have waiting."""
MOST_ATTEMPTS = 3
REPORTS = 36
"""Reports that are kept."""
_MOST = 10_000
_ORPHAN = 3_600_000


@dataclass(frozen=True, slots=True)
class Query:
    """What the file holds: the columns, from `start` inclusive to `end` exclusive [epoch ms], at `resolution` [ms] (0 = raw readings),
    `aggregation` "" for each metric's own, in the zone and format named (`services.tables.MEDIA`)."""

    columns: tuple[Column, ...]
    start: int
    end: int
    resolution: int
    aggregation: str
    zone: str
    form: str

    @property
    def what(self) -> str:
        return "series"

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        columns = [[column.device_id, column.kind, column.metric, column.name] for column in self.columns]
        return {
            "columns": columns, "start": self.start, "end": self.end, "resolution": self.resolution,
            "aggregation": self.aggregation, "zone": self.zone, "form": self.form,
        }  # fmt: skip

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> "Query":
        """As it was kept."""
        columns = tuple(Column(*column) for column in said["columns"])
        return cls(columns, *(said[name] for name in ("start", "end", "resolution", "aggregation", "zone", "form")))


@dataclass(frozen=True, slots=True)
class Report:
    """A report of the site from `start` inclusive to `end` exclusive [epoch ms], a month of `zone`, in one of the interface's languages;
    without `charts` where no Chromium draws them. A `planned` one nobody asked for: it is made when its month is over."""

    start: int
    end: int
    zone: str
    lang: str
    charts: bool = True
    planned: bool = False
    form: str = "pdf"

    @property
    def what(self) -> str:
        return "report"

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {"what": self.what, **asdict(self)}

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> "Report":
        """As it was kept."""
        return cls(**{name: value for name, value in said.items() if name != "what"})


@dataclass(frozen=True, slots=True)
class Export:
    """One file that was asked for. `progress` 0…1; `reason` says why it failed; `receipt` describes the finished file; `attempts` counts
    how often a job process took it up."""

    id: str
    owner: str
    state: str
    created: int
    query: Query | Report
    progress: float = 0.0
    rows: int = 0
    attempts: int = 0
    started: int | None = None
    finished: int | None = None
    reason: str = ""
    receipt: Mapping[str, Any] | None = None
    version: int = 0

    @property
    def file_name(self) -> str:
        return f"{self.id}.{self.query.form}"


def submit(records: Records, owner: str, query: Query | Report, now: int) -> Export:
    """Put it into the queue. Raises Conflict when this person has too many waiting."""
    waiting = records.entries(DRAWER, subject=owner, states=OPEN, limit=MOST_OPEN)
    if len(waiting) >= MOST_OPEN:
        raise _too_many()
    export = keep(records, Export(secrets.token_hex(12), owner, "queued", now, query))
    if len(records.entries(DRAWER, subject=owner, states=OPEN, limit=MOST_OPEN + 1)) > MOST_OPEN:  # others came at the same moment
        records.drop_entry(DRAWER, export.id)
        raise _too_many()
    return export


def _too_many() -> Conflict:
    return Conflict(f"{MOST_OPEN} of your exports wait already; wait for one or cancel it")


def keep(records: Records, export: Export) -> Export:
    """Write it as it stands now. Raises Conflict when somebody else changed it meanwhile."""
    body = {
        "query": export.query.as_json(), "progress": export.progress, "rows": export.rows, "attempts": export.attempts,
        "started": export.started, "finished": export.finished, "reason": export.reason, "receipt": export.receipt,
    }  # fmt: skip
    entry = records.put_entry(Entry(DRAWER, export.id, export.owner, export.state, export.created, body, export.version))
    return replace(export, version=entry.version)


def find(records: Records, export_id: str) -> Export:
    """Raises NotFound."""
    entry = records.entry(DRAWER, export_id) if 0 < len(export_id) <= 64 else None
    if entry is None or entry.state == "turn":
        raise NotFound(f"There is no export '{export_id[:40]}'", export_id=export_id[:40])
    return _export(entry)


def listed(records: Records, owner: str | None, states: Sequence[str] | None = None, what: str = "") -> list[Export]:
    """Those of one person, or all of them (None), newest first; `what` is series, report or both ("")."""
    found = records.entries(DRAWER, subject=owner, states=states or (*OPEN, *ENDED), limit=_MOST)
    return [export for export in map(_export, found) if what in ("", export.query.what)]


def cancel(records: Records, folder: Path, export_id: str, now: int) -> None:
    """Stop it, or remove it with its file once it has ended. Raises NotFound."""
    while True:
        export = find(records, export_id)
        if export.state in OPEN:
            try:
                keep(records, replace(export, state="cancelled", finished=now))
            except Conflict:
                continue  # its progress was noted this very moment
            return
        _remove_file(folder, export)
        records.drop_entry(DRAWER, export_id)
        return


def file_of(folder: Path, export: Export) -> Path:
    """The finished file. Raises Conflict while it is not finished, NotFound once it is gone."""
    if export.state in OPEN:
        raise Conflict(f"Export {export.id} is {export.state}", state=export.state, progress=round(export.progress, 4))
    path = folder / export.file_name
    if export.state != "done" or not path.is_file():
        why = export.reason or ("its file is not on this machine any more" if export.state == "done" else f"it is {export.state}")
        raise NotFound(f"Export {export.id} has no file: {why}", export_id=export.id, state=export.state)
    return path


def clean(records: Records, folder: Path, days: int, most_bytes: int, now: int, reports: int = REPORTS) -> None:
    """Remove series older than `days`, reports beyond the newest so many, the oldest files beyond `most_bytes` (reports are small and do
    not count), and files that belong to none and were not touched for an hour (a dead process left them)."""
    total = papers = 0
    known: set[str] = set()
    for export in listed(records, None):
        path = folder / export.file_name
        is_series = export.query.what == "series"
        papers += not is_series
        size = path.stat().st_size if is_series and export.state == "done" and path.is_file() else 0
        if export.state in ENDED and (export.created < now - days * DAY if is_series else papers > reports):
            _remove_file(folder, export)
            records.drop_entry(DRAWER, export.id)
            continue
        known |= {export.file_name, f"{export.id}.json"}
        total += size
        if size and total > most_bytes:  # newest first: what is over is the oldest
            _expire(records, folder, export)
            total -= size
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.name not in known and path.stat().st_mtime * 1000 < now - _ORPHAN:
            path.unlink(missing_ok=True)


def _expire(records: Records, folder: Path, export: Export) -> None:
    try:
        keep(records, replace(export, state="expired", reason="the files were more than EXPORTS_MB; the oldest went first"))
    except Conflict:
        return
    _remove_file(folder, export)


def _remove_file(folder: Path, export: Export) -> None:
    for name in (export.file_name, f"{export.id}.json"):
        (folder / name).unlink(missing_ok=True)


def _export(entry: Entry) -> Export:
    said = entry.body
    return Export(
        entry.id,
        entry.subject,
        entry.state,
        entry.at,
        (Report if said["query"].get("what") == "report" else Query).of_json(said["query"]),
        said["progress"],
        said["rows"],
        said["attempts"],
        said["started"],
        said["finished"],
        said["reason"],
        said["receipt"],
        entry.version,
    )
