"""A store is three ports held together with the one way in."""

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from datastore.intake import Intake
from datastore.messages import Messages
from datastore.ports import Live, Records, Telemetry


@dataclass(frozen=True, slots=True)
class Store:
    """Telemetry, records and the live bus; `intake` is the only way readings come in, `messages` that of messages which are kept whole;
    `clock` answers epoch ms now, `place` is where the site is (latitude, longitude [°]; None = not known)."""

    telemetry: Telemetry
    records: Records
    live: Live
    intake: Intake
    zone: ZoneInfo
    clock: Callable[[], int]
    messages: Messages
    place: tuple[float, float] | None = None

    def close(self) -> None:
        """Drain the intake, then release everything."""
        self.intake.close()
        self.messages.close()
        self.live.close()
        self.telemetry.close()
        self.records.close()
