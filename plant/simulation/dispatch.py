"""What the market asked for and how the controller answers: awards, the frequency envelope, recovery of charge inside the dead band.

The envelope has a source; awards, prices and the charge aimed at through the day are choices for the demonstration.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from plant.model import HOUR, ScheduleEvent, Window
from plant.simulation.chance import Numbers, Whole, uniform

# dReg0.5 and E-dReg envelope in percent of the awarded power: DOMAIN §3.5 (Taipower, via three independent implementations).
ENVELOPE_HZ = np.array([59.50, 59.75, 59.98, 60.02, 60.25, 60.50])
UPPER = np.array([100.0, 48.0, 9.0, 9.0, -48.0, -100.0])
LOWER = np.array([100.0, 48.0, -9.0, -9.0, -48.0, -100.0])

LEAN = 0.8  # share of the envelope's half width the controller uses to bring the charge back
LAG = 0.35  # [s] time constant of the power answer (dReg asks for 1 s at most)
IDLE_RECOVERY = 1200.0  # [kW] used for recovery in hours without an award
TRANSFER = 3.4  # [MW] scheduled by an E-dReg award

NONE, DREG, EDREG = 0, 1, 2
_GOAL_HOURS = np.array([0.0, 6.0, 10.0, 13.0, 17.0, 20.0, 24.0])
_GOAL_SOC = np.array([46.0, 44.0, 42.0, 66.0, 66.0, 42.0, 46.0])


Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Awards:
    """Awards hour by hour, all arrays [hours]: `mode` NONE, DREG or EDREG (what was offered), `power` MW, `transfer` MW (discharge
    positive), `won`, `interrupted`, `price` NT$/MW·h."""

    mode: Whole
    power: Numbers
    transfer: Numbers
    won: Flags
    interrupted: Flags
    price: Numbers

    @property
    def held(self) -> Flags:
        """Whether the hour is to be delivered."""
        return np.asarray(self.won & ~self.interrupted)


@lru_cache(maxsize=4096)
def _offset(hour: int, zone: str) -> int:
    delta = datetime.fromtimestamp(hour * 3600, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return int(delta.total_seconds()) if delta else 0


def local(seconds: Numbers, zone: str) -> Numbers:
    """Local wall-clock seconds since 1970 in `zone` at UTC epoch `seconds` (1-d)."""
    hour = np.floor_divide(seconds, 3600).astype(np.int64)
    known, back = np.unique(hour, return_inverse=True)
    return np.asarray(seconds + np.array([_offset(int(h), zone) for h in known], np.float64)[back], np.float64)


def awards(hours: Whole, seed: int, zone: str) -> Awards:
    """The award of each hour (UTC epoch hours): dReg through the day, on most days E-dReg with charging at noon and discharging in
    the evening; a few hours are not won, a few interrupted. Prices are 0 nearly always, as dReg has cleared for years (DOMAIN §3.5)."""
    clock = local(np.asarray(hours * 3600.0, np.float64), zone) / 3600.0
    day, hour = np.floor(clock / 24).astype(np.int64), np.mod(clock, 24.0)
    energy_day = uniform(seed, 61, day) < 0.7
    noon, evening = (hour >= 10) & (hour < 13), (hour >= 17) & (hour < 20)
    mode = np.where(energy_day & (noon | evening), EDREG, DREG)
    power = np.where(mode == EDREG, 10.0, np.where(uniform(seed, 62, day) < 0.5, 14.0, 12.0))
    transfer = np.where(mode == EDREG, np.where(evening, TRANSFER, -TRANSFER), 0.0)
    won = uniform(seed, 63, hours) > 0.04
    interrupted = won & (uniform(seed, 64, hours) < 0.01)
    price = np.where(uniform(seed, 65, hours) < 0.06, np.round(10 + 50 * uniform(seed, 66, hours)), 0.0)
    return Awards(mode, power, transfer, won, interrupted, price)


def events(window: Window, seed: int, zone: str) -> list[ScheduleEvent]:
    """The awards of `window` as schedule events, one per hour that lies wholly inside; marked simulated."""
    hours = np.arange(-(-window.start // HOUR), window.end // HOUR, dtype=np.int64)
    given = awards(hours, seed, zone)
    return [_event(int(hour) * HOUR, given, k) for k, hour in enumerate(hours)]


def _event(start: int, given: Awards, k: int) -> ScheduleEvent:
    shift = float(given.transfer[k])
    plan = f", scheduled transfer {shift:+.1f} MW ({'discharge' if shift > 0 else 'charge'})" if shift else ""
    mode = "edreg" if given.mode[k] == EDREG else "dreg"
    price = float(given.price[k])
    return ScheduleEvent(
        mode=mode,
        time_start=start,
        time_end=start + HOUR,
        is_get=bool(given.won[k]),
        interrupt=bool(given.interrupted[k]),
        quote_capacity=float(given.power[k]),
        power=float(given.power[k]) if given.won[k] else 0.0,
        price=price if given.won[k] else 0.0,
        quote_price=price,
        quote_code="EDREG-D" if shift > 0 else "EDREG-C" if shift else "DREG05",
        title="E-dReg" if mode == "edreg" else "dReg0.5",
        description=f"Frequency regulation {given.power[k]:g} MW{plan}",
        transfer=shift,
        simulated=True,
    )


def goal(seconds: Numbers, zone: str) -> Numbers:
    """The state of charge [%] the recovery aims at, by local time of day."""
    return np.asarray(np.interp(np.mod(local(seconds, zone), 86_400) / 3600.0, _GOAL_HOURS, _GOAL_SOC), np.float64)


@dataclass(frozen=True, slots=True)
class Demand:
    """What the grid asks each second, [steps, seconds] in kW: the middle of the permitted band and half its width."""

    middle: Numbers
    room: Numbers


def demand(seconds: Numbers, frequency: Numbers, seed: int, zone: str) -> Demand:
    """The permitted band at epoch `seconds` for `frequency` [Hz] (both [steps, seconds]) under the awards of those hours."""
    first = int(seconds.flat[0] // 3600)
    given = awards(np.arange(first, int(seconds.flat[-1] // 3600) + 1, dtype=np.int64), seed, zone)
    which = (seconds // 3600).astype(np.int64) - first
    size = np.where(given.held, given.power * 1000.0, 0.0)[which]
    shift = np.where(given.held, given.transfer * 1000.0, 0.0)[which]
    upper = np.interp(frequency, ENVELOPE_HZ, UPPER) / 100.0
    lower = np.interp(frequency, ENVELOPE_HZ, LOWER) / 100.0
    idle = np.where(size == 0, IDLE_RECOVERY / LEAN, 0.0)
    return Demand((upper + lower) / 2 * size + shift, (upper - lower) / 2 * size + idle)
