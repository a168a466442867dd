"""What live frames say about a device beside its reading: the site it stands at and its open alarms. Held in memory, for frames are made
on the event loop, which must never wait for the store."""

import asyncio
from collections.abc import Callable, Iterable

from datastore.store import Store
from plant.errors import PlantError
from plant.model import Alarm
from services.device_reports import REPORTED

STALE_S = 15.0
"""What was read is read again after this [s]; alarms are also followed as they come."""
STRANGE_S = 5.0
"""An id that the records do not know is looked for again after this [s]."""
_MOST_OPEN = 100_000

Key = tuple[str, str]


class Roster:
    """Used on the event loop alone; reads the records on a thread."""

    def __init__(self, store: Store, default_site: str) -> None:
        self._store = store
        self._default = default_site
        self._sites: dict[str, str] = {}
        self._strangers: dict[str, float] = {}
        self._alarms: dict[Key, dict[int, Alarm]] = {}
        self._read = -STALE_S
        self._reading: asyncio.Task[None] | None = None
        self._waiting: list[Callable[[], None]] = []

    def site_of(self, device_id: str) -> str:
        """The site of a device; the installation's own for one that nobody registered."""
        return self._sites.get(device_id, self._default)

    def flags_of(self, device_id: str, kind: str, said: tuple[str, ...] | None = None) -> list[str]:
        """Codes of a device's open alarms that nobody has shelved, the latest first. `said`: codes of its own alarms that it tells this
        very moment, which are settled later; None = nothing is known of that."""
        standing = list(self._alarms.get((device_id, kind), {}).values())
        if not standing:
            return list(said or ())
        now = self._store.clock()
        shelved = {alarm.code for alarm in standing if alarm.is_shelved(now)}
        if said is not None:
            known = {alarm.code for alarm in standing}
            fresh = [code for code in said if code not in known]
            standing = [alarm for alarm in standing if alarm.metric != REPORTED or alarm.code in said]
        else:
            fresh = []
        newest = sorted(standing, key=lambda alarm: -alarm.raised)
        return list(dict.fromkeys([*fresh, *(alarm.code for alarm in newest if alarm.code not in shelved)]))

    def follow(self, alarm: Alarm) -> None:
        """An alarm was raised, changed or cleared."""
        standing = self._alarms.setdefault((alarm.device_id, alarm.kind), {})
        if alarm.id is None:
            return
        if alarm.cleared is None:
            standing[alarm.id] = alarm
        else:
            standing.pop(alarm.id, None)

    def soon(self, devices: Iterable[str], then: Callable[[], None]) -> None:
        """Call `then` once these devices have been looked up: at once where they are known. Calls keep their order."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        known = all(one in self._sites or now - self._strangers.get(one, -STRANGE_S) < STRANGE_S for one in devices)
        if self._reading is None and (not known or now - self._read > STALE_S):
            self._reading = loop.create_task(self._refresh(tuple(devices)))
        if known and not self._waiting:
            then()
        else:
            self._waiting.append(then)

    async def _refresh(self, asked: tuple[str, ...]) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._sites, self._alarms = await loop.run_in_executor(None, self._look)
            self._read = loop.time()
        except PlantError:  # the store does not answer: what was known is the best there is
            self._read = loop.time() - STALE_S + 1.0
        finally:
            if len(self._strangers) > 10_000:
                self._strangers.clear()
            self._strangers.update({one: loop.time() for one in asked if one not in self._sites})
            self._reading = None
            waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def _look(self) -> tuple[dict[str, str], dict[Key, dict[int, Alarm]]]:
        records = self._store.records
        sites = {device.device_id: device.site_id for device in records.devices()}
        standing: dict[Key, dict[int, Alarm]] = {}
        for alarm in records.alarms(limit=_MOST_OPEN):
            if alarm.id is not None:
                standing.setdefault((alarm.device_id, alarm.kind), {})[alarm.id] = alarm
        return sites, standing
