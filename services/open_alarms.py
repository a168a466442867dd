"""An open alarm is changed by several: the watch, the device that reported it, people. Each starts from what stands now."""

from collections.abc import Callable

from datastore.ports import Records
from plant.errors import Conflict, NotFound
from plant.model import Alarm

_TRIES = 20


def amend(records: Records, was: Alarm, changed: Callable[[Alarm], Alarm]) -> Alarm | None:
    """Keep `changed` of an open alarm that was read as `was`, or of what others made of it since; None when it is over already."""
    for _ in range(_TRIES):
        try:
            return records.change_alarm(was, changed(was))
        except Conflict:
            again = records.alarm(was.id) if was.id is not None else None
            if again is None or again.cleared is not None:
                return None
            was = again
        except NotFound:
            return None
    raise Conflict(f"Alarm {was.id} is being changed all the time", alarm_id=was.id)
