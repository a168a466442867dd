"""What of the mapping is really there: each table with its columns, rows and first and last instant."""

from collections.abc import Iterator
from dataclasses import dataclass

from datastore.backends.solarhub.installation import Installation
from datastore.backends.solarhub.source import SolarHub
from datastore.backends.solarhub.tables import TableReader
from plant.errors import Unavailable
from plant.model import DAY, Window
from plant.timeline import iso

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One line about one place; `is_sound` says whether it can be read as the mapping asks."""

    is_sound: bool
    where: str
    what: str

    def __str__(self) -> str:
        return f"{'ok     ' if self.is_sound else 'LOOK   '}{self.where}: {self.what}"


def check(installation: Installation, now: int) -> list[Finding]:
    """Everything the mapping names, asked now [epoch ms]. Raises MappingError."""
    source = SolarHub(installation)
    try:
        return [*_tables(source), *_awards(source, now), *_caches(source)]
    finally:
        source.close()


def _tables(source: SolarHub) -> Iterator[Finding]:
    absent = 0
    for reader in source.readers:
        table = reader.table
        where = f"{table.server} {table.database}.{table.name} → {table.thing.device_id}"
        try:
            if not table.thing.counted and not (reader.is_readable() and reader.span()):
                absent += 1
                continue
            yield _table(reader, where)
        except Unavailable as error:
            yield Finding(False, where, error.message)
    if absent:
        yield Finding(True, "the rest", f"{absent} devices that the mapping allows have no rows, and no setting counts them")


def _table(reader: TableReader, where: str) -> Finding:
    if not reader.schema():
        return Finding(False, where, "there is no such table")
    missing = reader.missing()
    lacks = f"without column {', '.join(missing[:MOST_NAMED])}" if missing else ""
    lacks += f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    if not reader.is_readable():
        return Finding(False, where, f"{lacks}: it cannot be read")
    span = reader.span()
    said = [f"{span[0]} rows, {iso(span[1])} … {iso(span[2])}" if span else "no rows"]
    said += [lacks] if lacks else []
    indexed = reader.is_indexed()
    said += [] if indexed else [f"no index on {reader.table.clock.column}: every question reads the whole table"]
    return Finding(not missing and indexed and span is not None, where, ", ".join(said))


def _awards(source: SolarHub, now: int) -> Iterator[Finding]:
    table = source.layout.awards
    if table is None:
        return
    where = f"{table.server} {table.database}.{table.name} → schedule"
    try:
        found = source.events(Window(now - 366 * DAY, now + 366 * DAY))
    except Unavailable as error:
        yield Finding(False, where, error.message)
        return
    yield Finding(True, where, f"{len(found)} events from a year ago to a year ahead")


def _caches(source: SolarHub) -> Iterator[Finding]:
    for label, cache in source.caches.items():
        answers = cache.ping()
        speaking = sum(1 for said in cache.newest(cache.hashes).values() if said) if answers else 0
        what = f"{speaking} of {len(cache.hashes)} keys have values" if answers else cache.trouble
        yield Finding(answers, f"Redis {label} {cache.cache}", what)
