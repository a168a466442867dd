"""A store is three ports held together with the one way in."""

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from datastore.intake import Intake
from datastore.ports import Live, Records, Telemetry


@dataclass(frozen=True, slots=True)
class Store:
    """Telemetry, records and the live bus; `intake` is the only way readings come in; `clock` answers epoch ms now."""

    telemetry: Telemetry
    records: Records
    live: Live
    intake: Intake
    zone: ZoneInfo
    clock: Callable[[], int]

    def close(self) -> None:
        """Drain the intake, then release everything."""
        self.intake.close()
        self.telemetry.close()
        self.records.close()
