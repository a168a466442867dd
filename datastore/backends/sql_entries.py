"""The drawers of the records in an SQL database. Writers of one drawer take turns over all processes by the row that counts its changes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update
from sqlalchemy import delete as remove

from datastore.backends.memory_records import changed_meanwhile, entry_row
from datastore.backends.record_limits import bound, check_drawer, is_text
from datastore.backends.sql_record_database import RecordDatabase
from datastore.backends.sql_record_tables import entry as table
from datastore.ports import DRAWERS, Entry
from plant.model import Window

_FORGOTTEN_TOGETHER = 1000


def _counter(drawer: str) -> str:
    """What the changes of a drawer are counted under; made with its first change."""
    check_drawer(drawer)
    return f"entries of {drawer}"


DRAWER_NAMES = tuple(map(_counter, DRAWERS))
"""What the changes of the drawers are counted under."""


class SqlDrawers:
    """The part of `ports.Records` that keeps entries."""

    def __init__(self, database: RecordDatabase) -> None:
        self._database = database

    def put_entry(self, entry: Entry) -> Entry:
        """Keep an entry that is new (version 0) or was read with this version."""
        row = entry_row(entry)
        one = _one(entry.drawer, entry.id)

        def work(connection: Connection) -> None:
            if entry.version == 0:
                if connection.execute(select(table.c.version).where(one)).first() is not None:
                    raise changed_meanwhile(entry)
                connection.execute(insert(table).values(row))
            elif not connection.execute(update(table).where(one, table.c.version == entry.version).values(row)).rowcount:
                raise changed_meanwhile(entry)

        self._database.write(work, _counter(entry.drawer))
        return replace(entry, version=entry.version + 1)

    def entry(self, drawer: str, entry_id: str) -> Entry | None:
        """None when there is none."""
        check_drawer(drawer)
        if not is_text(entry_id):
            return None
        query = select(table).where(_one(drawer, entry_id))
        row = self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else _entry(row)

    def entries(
        self,
        drawer: str,
        subject: str | None = None,
        states: Sequence[str] | None = None,
        window: Window | None = None,
        limit: int = 1000,
    ) -> list[Entry]:
        """Newest first, by (at, id)."""
        check_drawer(drawer)
        if subject is not None and not is_text(subject):
            return []
        conditions = [table.c.drawer == drawer]
        if subject is not None:
            conditions.append(table.c.subject == subject)
        if states is not None:
            conditions.append(table.c.state.in_([state for state in states if is_text(state)]))
        if window is not None:
            conditions += [table.c.at >= bound(window.start), table.c.at < bound(window.end)]
        query = select(table).where(*conditions).order_by(table.c.at.desc(), table.c.id.desc()).limit(max(limit, 0))
        rows = self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [_entry(row) for row in rows]

    def drop_entry(self, drawer: str, entry_id: str) -> bool:
        """Forget an entry; whether it was there."""
        counter = _counter(drawer)
        if not is_text(entry_id):
            return False
        forget = remove(table).where(_one(drawer, entry_id))
        return self._database.write(lambda connection: connection.execute(forget).rowcount > 0, counter)

    def forget_entries(self, drawer: str, before: int) -> int:
        """Forget entries whose `at` is before; how many. A thousand at a time, so that other writers get their turn."""
        counter = _counter(drawer)
        query = select(table.c.number).where(table.c.drawer == drawer, table.c.at < bound(before)).order_by(table.c.at)

        def work(connection: Connection) -> int:
            found = connection.scalars(query.limit(_FORGOTTEN_TOGETHER)).all()
            if found:
                connection.execute(remove(table).where(table.c.number.in_(found)))
            return len(found)

        forgotten = 0
        while True:
            dropped = self._database.write(work, counter)
            forgotten += dropped
            if dropped < _FORGOTTEN_TOGETHER:
                return forgotten

    def entries_version(self, drawer: str) -> int:
        """Changes whenever an entry of the drawer changes."""
        return self._database.version(_counter(drawer))


def _one(drawer: str, entry_id: str) -> ColumnElement[bool]:
    return and_(table.c.drawer == drawer, table.c.id == entry_id)


def _entry(row: Any) -> Entry:
    return Entry(row["drawer"], row["id"], row["subject"], row["state"], row["at"], json.loads(row["body"]), row["version"])
