"""`python app.py doctor`: what the store holds and what it costs a day, what a retention rule would delete, and whether all of it can
be read."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from datetime import UTC

from datastore.kept.inspection import Inspection, KindFigures
from datastore.kept.keys import Keys
from datastore.open import open_engine
from plant.timeline import day_of
from services.retention import before, rules_of

Bar = Callable[[str], AbstractContextManager[Callable[[float, str], None]]]
_LARGEST = 5


def run_doctor_command(url: str, argv: Sequence[str], retention: Mapping[str, int], now: int, bar: Bar) -> int:
    """Print the findings; 1 when something is broken. `retention` is the rule in force, `--retention` tries another."""
    parser = argparse.ArgumentParser(prog="app.py doctor", description="What the store holds, what it costs, whether it is sound")
    parser.add_argument("--quick", action="store_true", help="do not read every chunk")
    parser.add_argument("--retention", metavar="RULES", help="show what these rules would delete, such as rack=90,pcs=365")
    asked = parser.parse_args(argv)
    try:
        rules = retention if asked.retention is None else rules_of(asked.retention)
    except ValueError as error:
        parser.error(f"--retention: {error}")
    if url == "memory://":
        print("The store is in memory: nothing is kept, so there is nothing to look at")
        return 0
    with closing(open_engine(url)) as engine:
        inspection = Inspection(engine, Keys(engine))
        for line in report(inspection, rules, now):
            print(line)
        if asked.quick:
            print("\nNot checked whether everything can be read (--quick)")
            return 0
        with bar("reading every chunk") as progress:
            faults = list(inspection.faults(lambda share: progress(share, "reading every chunk")))
    print(f"\n{len(faults)} faults" if faults else "\nSound: every chunk can be read")
    for fault in faults:
        print(f"  {fault}")
    return 1 if faults else 0


def report(inspection: Inspection, rules: Mapping[str, int], now: int) -> Iterator[str]:
    """The figures, line by line."""
    kinds = inspection.kinds()
    yield from _table(
        ("kind", "devices", "hot rows", "sealed", "chunks", "days", "B/reading", "bytes a day", "sealed bytes"),
        [
            (one.kind, _n(one.devices), _n(one.hot), _n(one.sealed), _n(one.chunks), f"{one.days:.1f}",
             _fraction(one.bytes_a_reading), _size(one.bytes_a_day), _size(one.size))
            for one in kinds
        ],
    )  # fmt: skip
    yield ""
    yield from _table(("largest columns", "readings", "chunks", "bytes", "B/value"), list(_columns(kinds)))
    yield ""
    yield from _table(
        ("table", "kind", "rows", "bytes"), [(table.name, table.kind, _n(table.rows), _size(table.size)) for table in inspection.tables()]
    )
    yield ""
    yield from _retention(inspection, rules, now)


def _columns(kinds: Sequence[KindFigures]) -> Iterator[tuple[str, ...]]:
    """The columns that take most, of each kind."""
    for one in kinds:
        for name, figures in sorted(one.metrics.items(), key=lambda item: -item[1].size)[:_LARGEST]:
            share = figures.size / figures.n if figures.n else None
            yield f"{one.kind} {name}", _n(figures.n), _n(figures.chunks), _size(figures.size), _fraction(share)


def _retention(inspection: Inspection, rules: Mapping[str, int], now: int) -> Iterator[str]:
    if not rules:
        yield "No retention rule (RETENTION_DAYS): everything is kept for good"
        return
    rows = []
    for kind, days in rules.items():
        gone = inspection.doomed(kind, before(days, now))
        line = str(day_of(gone.before, UTC))
        rows.append((f"{kind} {days} days", line, _n(gone.hot), _n(gone.chunks), _n(gone.sealed), _size(gone.size)))
    yield from _table(("retention would delete", "before (UTC)", "hot rows", "chunks", "sealed readings", "bytes"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns aligned, the first to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        yield "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]).rstrip()


def _n(count: int) -> str:
    return f"{count:,}".replace(",", " ")


def _fraction(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _size(size: float | None) -> str:
    if size is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
