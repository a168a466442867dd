"""Records as rows of a dump, the same on every backend, so that a dump of one fills any other."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from datastore.backends.record_limits import check, check_collection, check_drawer
from plant.errors import Conflict, Invalid
from plant.model import Alarm, Device, ScheduleEvent, User

FIELDS: Mapping[str, tuple[str, ...]] = {
    "registered_device": tuple(f.name for f in fields(Device)),
    "alarm": tuple(f.name for f in fields(Alarm)),
    "schedule_event": tuple(f.name for f in fields(ScheduleEvent)),
    "account": tuple(f.name for f in fields(User)),
    "setting": ("name", "value"),
    "revoked_token": ("token_id", "expires"),
    "audit": ("at", "who", "action", "what"),
    "document": ("collection", "received", "body"),
    "entry": ("drawer", "id", "subject", "state", "at", "body", "version"),
}
"""Table → fields of its rows, in the order of a dump. The value of a setting and the body of a document or an entry are JSON texts.
The audit log and documents have no numbers here: they come in their order, the oldest first."""
ADDED: Mapping[str, Mapping[str, Any]] = {
    "alarm": {"shelved_by": "", "shelved_until": None, "details": None},
    "schedule_event": {"transfer": 0.0},
}
"""Table → fields that rows of earlier releases do not have, with what they mean there."""
NUMBERS: Mapping[str, str] = {"alarm": "id", "schedule_event": "index", "account": "id"}
"""Table → the number that a row keeps."""


def checked(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row, with what an earlier release left out, when it can be kept. Raises Invalid for a table or fields that this release does
    not know."""
    if table not in FIELDS:
        raise Invalid(f"records have no table {table!r}")
    row = {**ADDED.get(table, {}), **row}
    if set(row) != set(FIELDS[table]):
        raise Invalid(f"a row of {table} has the fields {', '.join(sorted(FIELDS[table]))} and not {', '.join(sorted(row))}")
    if table == "document":
        check_collection(row["collection"])
    if table == "entry":
        check_drawer(row["drawer"])
    if table in NUMBERS and not isinstance(row[NUMBERS[table]], int):
        raise Invalid(f"a row of {table} has no number")
    check(row)
    return row


def occupied() -> Conflict:
    """What is raised when a store that is to be filled holds something."""
    return Conflict("the store has records already: fill one that has none")
