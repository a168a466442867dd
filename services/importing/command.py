"""`python app.py import FILE…`: a progress bar, then what became of each file or archive."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from datastore.store import Store
from plant.errors import PlantError
from services.importing import bms_archive
from services.importing.archive_bar import shown
from services.importing.archive_report import ArchiveReport
from services.importing.formats import BadFile
from services.importing.registry import ARCHIVE, FORMATS
from services.importing.run import Report, import_files

if TYPE_CHECKING:
    from rich.console import Console


def run_import_command(store: Store, argv: Sequence[str]) -> int:
    """Exit code: 0 all lines kept, 1 some lines or files were not, 2 the store stopped answering."""
    from rich.console import Console

    asked = parser().parse_args(list(argv))
    console = Console()
    folders = [path for path in asked.files if asked.format == ARCHIVE or path.is_dir()]
    files = [path for path in asked.files if path not in folders]
    reports: list[Report | ArchiveReport] = []
    try:
        for folder in folders:
            reports.append(_archive(store, folder, asked, console))
        if files:
            reports += _files(store, files, asked, console)
    except PlantError as error:
        console.print(f"import stopped: {error.message}; begun again, it finds what is kept already", style="red", markup=False)
        return 2
    for report in reports:
        console.print(str(report), markup=False, highlight=False, soft_wrap=True)
    return 0 if all(report.ok for report in reports) else 1


def _files(store: Store, files: Sequence[Path], asked: argparse.Namespace, console: "Console") -> list[Report]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Importing", total=1.0)

        def show(share: float, name: str) -> None:
            bar.update(task, completed=share, description=name)

        return import_files(store, files, asked.format, asked.zone, show, asked.device)


def _archive(store: Store, folder: Path, asked: argparse.Namespace, console: "Console") -> Report | ArchiveReport:
    try:
        if asked.format not in (None, ARCHIVE):
            raise BadFile(f"it is a folder; only --format {ARCHIVE} reads one")
        with shown(console) as progress:
            return bms_archive.import_archive(store, folder, asked.zone, asked.device, progress)
    except BadFile as error:
        return Report(folder, error=str(error))


def parser() -> argparse.ArgumentParser:
    """The flags of the verb."""
    found = argparse.ArgumentParser(prog="app.py import", description="Import measured data from CSV files, or a folder that holds BESS/.")
    found.add_argument("files", nargs="+", type=Path, metavar="PATH")
    found.add_argument("--format", choices=[*FORMATS, ARCHIVE], help="what it is; recognised from the header by default")
    found.add_argument("--zone", help="IANA time zone of times without one; each format has its own default")
    found.add_argument("--device", help="device id to use instead of the file's own")
    return found
