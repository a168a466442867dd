"""What a market charges a participant by the month, as dated data: `plant/rules/monthly/*.toml`, one file per version."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from zoneinfo import ZoneInfo

from plant.analysis.settlement import energy_loss, hundredths
from plant.rules import FOLDER, in_force
from plant.timeline import day_of


@dataclass(frozen=True, slots=True)
class Charges:
    """One version, in force from `valid_from` [epoch ms], a midnight of the market's `zone`. Participation in `currency` a month: `fixed`,
    per MW and per resource. Energy lost beyond the `allowance` is charged for; `at_meter`: the allowance is a share of the energy as
    measured, else with its line loss. `per_kwh` None: the price is not known."""

    market: str
    valid_from: int
    currency: str
    source: str
    fixed: float
    per_mw: float
    per_resource: float
    allowance: float
    at_meter: bool
    per_kwh: float | None = None
    zone: str = "UTC"

    @property
    def since(self) -> date:
        """The day of the market from which on it is in force."""
        return day_of(self.valid_from, ZoneInfo(self.zone))

    @property
    def name(self) -> str:
        """Market and version, as cards and receipts name it."""
        return f"{self.market} ({self.since})"

    def participation(self, mw: float, resources: int) -> float:
        """The month's fee for taking part with `mw` [MW] of so many resources.

        >>> version(1_782_000_000_000).participation(12.0, 1)
        13747.0
        """
        return hundredths(self.fixed + self.per_mw * mw + self.per_resource * resources)

    def lost(self, charged: float, discharged: float, loss: float) -> float:
        """Energy of a month that is charged for [kWh], line loss as a fraction below 1. Raises ValueError.

        >>> round(version(1_782_000_000_000).lost(1000, 700, 0.02), 2)
        130.33
        """
        return energy_loss(charged, discharged, loss, self.allowance, self.at_meter)


def read(text: str) -> Charges:
    """One version from its TOML. Raises ValueError (also KeyError, TypeError) when it makes no sense."""
    said = tomllib.loads(text)
    start = in_force(said)
    own = {**said["participation"], **said["energy_loss"], "zone": said["zone"]}
    made = Charges(said["market"], start, said["currency"], said["source"].strip(), **own)
    if not 0 <= made.allowance < 1 or min(made.fixed, made.per_mw, made.per_resource) < 0:
        raise ValueError("fees are not negative, the allowance is a fraction below 1")
    return made


@cache
def _versions() -> tuple[Charges, ...]:
    found = [read(path.read_text("utf-8")) for path in sorted((FOLDER / "monthly").glob("*.toml"))]
    return tuple(sorted(found, key=lambda one: one.valid_from))


def version(at: int) -> Charges | None:
    """The version in force at `at` [epoch ms]; None when there is none."""
    return next((one for one in reversed(_versions()) if one.valid_from <= at), None)
