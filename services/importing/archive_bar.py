"""How far the import of an archive is: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.importing.archive_report import Progress

if TYPE_CHECKING:
    from rich.console import Console

LINE_EVERY_S = 5.0


@contextmanager
def shown(console: "Console") -> Iterator[Callable[[Progress], None]]:
    """Call it with every progress."""
    if console.is_terminal:
        with _bar(console) as show:
            yield show
    else:
        yield _lines(console)


@contextmanager
def _bar(console: "Console") -> Iterator[Callable[[Progress], None]]:
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    begun = time.monotonic()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("Importing", total=None, speed="")

        def show(progress: Progress) -> None:
            speed = f"{progress.rows / max(time.monotonic() - begun, 1e-3):,.0f} rows/s"
            bar.update(task, total=progress.total, completed=progress.done, description=progress.device, speed=speed)

        yield show


def _lines(console: "Console") -> Callable[[Progress], None]:
    begun = said = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= LINE_EVERY_S:
            said = now
            console.print(line(progress, now - begun), markup=False, highlight=False, soft_wrap=True)

    return show


def line(progress: Progress, seconds: float) -> str:
    """Where the import stands after so many seconds, as text.

    >>> line(Progress(total=600_000_000, done=150_000_000, rows=5_000_000, device="B1 (bess)"), 10.0)
    '25 %: 150 of 600 MB, 500,000 rows/s, about 30 s left, B1 (bess)'
    """
    share = progress.done / progress.total if progress.total else 1.0
    left = f"about {seconds / share - seconds:.0f} s left" if share > 0 else "just begun"
    size = f"{progress.done / 1e6:.0f} of {progress.total / 1e6:.0f} MB"
    return f"{100 * share:.0f} %: {size}, {progress.rows / max(seconds, 1e-3):,.0f} rows/s, {left}, {progress.device}"
