"""What became of an archive: counted per device and file, told to a person in some lines of text."""

from dataclasses import dataclass, field
from pathlib import Path

from datastore.backends.csv_blocks import BadLine
from datastore.backends.csv_layout import Skipped
from datastore.ports import Outcome
from plant import timeline

BAD_SHOWN = 3


@dataclass(slots=True)
class Progress:
    """How far an import is: bytes of the files, rows read by this run, and the device at work."""

    total: int
    done: int = 0
    rows: int = 0
    device: str = ""


@dataclass(slots=True)
class FileReport:
    """What was wrong with one file: how many lines were not kept, the first of them, and why it ended early (empty when it did not)."""

    path: Path
    rows: int = 0
    bad_lines: int = 0
    bad: list[BadLine] = field(default_factory=list)
    fault: str = ""


@dataclass(slots=True)
class UnitReport:
    """What became of one device. `rows` are the numbers in its files; readings (instants) are counted as inserted, merged, revised or
    duplicates. `resumed` is the instant from which this run went on, None when it began at the beginning."""

    device_id: str
    kind: str
    rows: int = 0
    inserted: int = 0
    merged: int = 0
    revised: int = 0
    duplicates: int = 0
    first: int | None = None
    last: int | None = None
    resumed: int | None = None
    files: list[FileReport] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        """Add what became of some readings."""
        self.inserted += outcome.inserted
        self.merged += outcome.merged
        self.revised += outcome.revised
        self.duplicates += outcome.duplicates

    @property
    def ok(self) -> bool:
        """Whether every line was kept."""
        return not any(file.bad_lines or file.fault for file in self.files)

    def __str__(self) -> str:
        """For a person: some lines of text."""
        lines = [
            f"{self.device_id} ({self.kind}): {self.rows} values in {len(self.files)} files → readings: {self.inserted} new,"
            f" {self.merged} completed, {self.revised} corrected, {self.duplicates} known already"
        ]
        if self.resumed is not None:
            lines.append(f"  went on from {timeline.iso(self.resumed)}, where an earlier import had stopped; the counts are of both")
        if self.first is not None and self.last is not None:
            lines.append(f"  from {timeline.iso(self.first)} to {timeline.iso(self.last)}")
        for file in self.files:
            if file.fault:
                lines.append(f"  {file.path.name}: {file.fault}")
            if file.bad_lines:
                lines.append(f"  {file.path.name}: {file.bad_lines} bad lines")
                lines += [f"    line {bad.line}: {bad.reason}" for bad in file.bad[:BAD_SHOWN]]
        return "\n".join(lines)


@dataclass(slots=True)
class ArchiveReport:
    """What became of an archive: its devices, and what in the folder was not understood."""

    folder: Path
    units: list[UnitReport] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every line of every file was kept."""
        return not self.skipped and bool(self.units) and all(unit.ok for unit in self.units)

    def __str__(self) -> str:
        """For a person: some lines of text."""
        lines = [f"{self.folder}: CSV archive, {len(self.units)} devices", *(str(unit) for unit in self.units)]
        lines += [f"skipped {one.path}: {one.reason}" for one in self.skipped]
        return "\n".join(lines)
