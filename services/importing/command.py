"""`python app.py import FILE…`: a progress bar, then what became of each file."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from datastore.store import Store
from plant.errors import PlantError
from services.importing.registry import FORMATS
from services.importing.run import import_files


def run_import_command(store: Store, argv: Sequence[str]) -> int:
    """Exit code: 0 all lines kept, 1 some lines or files were not, 2 the store stopped answering."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    asked = parser().parse_args(list(argv))
    console = Console()
    try:
        with Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn(),
                      console=console) as bar:
            task = bar.add_task("Importing", total=1.0)
            reports = import_files(store, asked.files, asked.format, asked.zone,
                                   lambda share, name: bar.update(task, completed=share, description=name), asked.device)
    except PlantError as error:
        console.print(f"import stopped: {error.message}", style="red", markup=False)
        return 2
    for report in reports:
        console.print(str(report), markup=False, highlight=False, soft_wrap=True)
    return 0 if all(report.ok for report in reports) else 1


def parser() -> argparse.ArgumentParser:
    """The flags of the verb."""
    found = argparse.ArgumentParser(prog="app.py import", description="Import measured data from CSV files.")
    found.add_argument("files", nargs="+", type=Path, metavar="FILE")
    found.add_argument("--format", choices=list(FORMATS), help="what the files are; recognised from the header by default")
    found.add_argument("--zone", help="IANA time zone of times without one; each format has its own default")
    found.add_argument("--device", help="device id to use instead of the file's own")
    return found
