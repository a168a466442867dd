"""How a lithium battery loses capacity by standing and by working, after published models, and how long until it has lost too much.

LFP: calendar L = k·√t with k = 1.2571e-5 s^-½ · exp(−17126/R · (1/T − 1/298.15)) · (2.8575·(SOC − ½)³ + 0.60225) (Naumann et al., J. Energy
Storage 17 (2018) 153, doi:10.1016/j.est.2018.01.019); cycles L = (0.0630·C + 0.0971) · (4.0253·(DOC − 0.6)³ + 1.0923) · √FEC / 100 (Naumann
et al., J. Power Sources 451 (2020) 227666, doi:10.1016/j.jpowsour.2019.227666).
NMC: calendar L = (7.543·V − 23.75)·10⁶ · exp(−6976/T) · d^0.75, cycles L = (7.348e-3·(V − 3.667)² + 7.6e-4 + 4.081e-3·DOD) · √Q with Q
in Ah of a cell of 2.05 Ah (Schmalstieg et al., J. Power Sources 257 (2014) 325, doi:10.1016/j.jpowsour.2014.02.012).
T in K, SOC, DOC, DOD in 0…1, V the cell's open-circuit voltage at the mean charge, d in days, FEC full equivalent cycles.

Both were measured on one type of cell each; another maker's ages otherwise. That is what the interval is for: `UNLIKE` around the model,
less where the battery's own age and loss have scaled it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, isfinite, sqrt

from plant.analysis.chemistry import CHEMISTRIES, REFERENCE_K, Chemistry

END = 20.0
"""Loss of capacity [%] at which a battery has reached the end of its first life (80 % of what it held as new)."""
UNLIKE = 1.6
"""[C] How many times faster or slower than the model another cell of the chemistry may age (95 %)."""
SURE_SOH = 1.5
"""[C] Half the 95 % interval of a health that is told or measured [% points]."""
LEAST_DAYS = 2
"""Days of duty that are needed."""
LONGEST_YEARS = 50.0
"""Further ahead nothing is told."""
_GAS, _DAY = 8.314462618, 86_400.0
_YEAR_DAYS = 365.25

MODELS: Mapping[str, str] = {"LFP": "Naumann et al. 2018, 2020", "NMC": "Schmalstieg et al. 2014"}
"""Chemistry → whose model it is; others have none."""
REASONS: Mapping[str, str] = {
    "": "",
    "chemistry": "the chemistry of the device is not known",
    "model": "there is no model of ageing for its chemistry",
    "duty": "too few days of its use have been worked out",
    "soh": "its state of health is not known",
    "over": "it has lost as much as the end of its first life allows, or more",
}
"""Why no remaining life is told: the word for it → the sentence of the interfaces."""


@dataclass(frozen=True, slots=True)
class Duty:
    """How a battery is used: `temperatures` [°C] → hours of it, mean `soc` [%], `depth` of its cycles [%], `rate` while it works [1/h],
    full equivalent `cycles` a day; `days` it was looked at for."""

    temperatures: Mapping[int, float]
    soc: float
    depth: float
    rate: float
    cycles: float
    days: int


@dataclass(frozen=True, slots=True)
class Life:
    """What is left [years] until `END`, between `low` and `high` (95 %; None: beyond `LONGEST_YEARS`), for a loss so far of `lost` [%];
    `calendar` and `cycles` are the model's losses [%] in the year to come; `scale` is how many times faster than the model this battery
    aged, with `is_own` when its own age and loss told that."""

    left: float | None
    low: float
    high: float | None
    lost: float
    calendar: float
    cycles: float
    scale: float
    is_own: bool
    model: str


def calendar(chemistry: Chemistry, duty: Duty, days: float) -> float:
    """Loss [%] by standing for `days` at the temperatures and the charge of the duty. Raises KeyError without a model."""
    if chemistry.name == "NMC":
        volts = float(chemistry.open_circuit(duty.soc))
        alpha = max(7.543 * volts - 23.75, 0.0) * 1e6
        return 100.0 * float(days**0.75) * _mean_power(duty, lambda kelvin: alpha * exp(-6976.0 / kelvin), 0.75)
    _ = MODELS[chemistry.name]
    share = duty.soc / 100.0
    k = 1.2571e-5 * (2.8575 * (share - 0.5) ** 3 + 0.60225)
    return 100.0 * sqrt(days * _DAY) * _mean_power(duty, lambda kelvin: k * exp(-17126.0 / _GAS * (1 / kelvin - 1 / REFERENCE_K)), 0.5)


def cycling(chemistry: Chemistry, duty: Duty, days: float) -> float:
    """Loss [%] by working for `days` as the duty does. Raises KeyError without a model."""
    count, depth = duty.cycles * days, duty.depth / 100.0
    if chemistry.name == "NMC":
        volts = float(chemistry.open_circuit(duty.soc))
        return 100.0 * (7.348e-3 * (volts - 3.667) ** 2 + 7.6e-4 + 4.081e-3 * depth) * sqrt(2.0 * 2.05 * count)
    _ = MODELS[chemistry.name]
    return (0.0630 * duty.rate + 0.0971) * (4.0253 * (depth - 0.6) ** 3 + 1.0923) * sqrt(count)


def loss(chemistry: Chemistry, duty: Duty, days: float) -> float:
    """Both together [%] after `days` from new."""
    return calendar(chemistry, duty, days) + cycling(chemistry, duty, days)


def life(chemistry: Chemistry | None, duty: Duty | None, soh: float | None, age_days: float | None = None) -> tuple[Life | None, str]:
    """What is left when a battery of `soh` [%] goes on as its `duty`; without it None and the word why (`chemistry`, `model`, `duty`,
    `soh`, `over`). With its age the model is scaled to the loss it had.

    The state of ageing is the loss: the model is entered at the time at which it has lost as much, and left at `END`."""
    if chemistry is None:
        return None, "chemistry"
    if chemistry.name not in MODELS:
        return None, "model"
    if duty is None or duty.days < LEAST_DAYS or not duty.temperatures or duty.cycles < 0:
        return None, "duty"
    if soh is None or not isfinite(soh) or not 0 < soh <= 120:
        return None, "soh"
    lost = max(100.0 - soh, 0.0)
    if lost >= END:
        return None, "over"
    scale, slow, fast, is_own = _scales(chemistry, duty, lost, age_days)
    days = _left(chemistry, duty, lost, scale)
    low = _left(chemistry, duty, min(lost + SURE_SOH, END), fast)
    high = _left(chemistry, duty, max(lost - SURE_SOH, 0.0), slow)
    at = _reached(chemistry, duty, lost, scale)
    ahead = [scale * (part(chemistry, duty, at + _YEAR_DAYS) - part(chemistry, duty, at)) for part in (calendar, cycling)]
    years, most = (None if one is None else one / _YEAR_DAYS for one in (days, high))
    least = LONGEST_YEARS if low is None else low / _YEAR_DAYS
    return Life(years, least, most, lost, ahead[0], ahead[1], scale, is_own, MODELS[chemistry.name]), ""


def _scales(chemistry: Chemistry, duty: Duty, lost: float, age_days: float | None) -> tuple[float, float, float, bool]:
    """How many times faster than the model it ages: best, slowest, fastest, and whether its own history says so. Within the model's own
    uncertainty an own loss smaller than its own uncertainty says nothing."""
    expected = loss(chemistry, duty, age_days) if age_days is not None and age_days > 0 else 0.0
    if expected <= 0 or lost <= SURE_SOH:
        return 1.0, 1.0 / UNLIKE, UNLIKE, False
    low, high = (lost - SURE_SOH) / expected, (lost + SURE_SOH) / expected
    return lost / expected, low, high, True


def _reached(chemistry: Chemistry, duty: Duty, lost: float, scale: float) -> float:
    """Days from new after which the scaled model has `lost` [%]; the longest told where it does not come to it."""
    low, high = 0.0, 4.0 * LONGEST_YEARS * _YEAR_DAYS
    if scale * loss(chemistry, duty, high) <= lost:
        return high
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if scale * loss(chemistry, duty, middle) < lost else (low, middle)
    return high


def _left(chemistry: Chemistry, duty: Duty, lost: float, scale: float) -> float | None:
    """Days from `lost` to `END`; None when that is beyond `LONGEST_YEARS`."""
    now = _reached(chemistry, duty, lost, scale)
    if scale * loss(chemistry, duty, now + LONGEST_YEARS * _YEAR_DAYS) < END:
        return None
    return max(_reached(chemistry, duty, END, scale) - now, 0.0)


def _mean_power(duty: Duty, factor: Callable[[float], float], power: float) -> float:
    """One factor for a time spent at several temperatures: of L = k·t^p the k that moves on, hour by hour, as the ks of the temperatures
    do, k = (Σ h·k_i^(1/p) / Σ h)^p."""
    hours = sum(duty.temperatures.values())
    total = sum(h * factor(min(max(celsius + 0.5, -60.0), 120.0) + 273.15) ** (1.0 / power) for celsius, h in duty.temperatures.items())
    return float((total / hours) ** power) if hours > 0 else 0.0


def known(name: str | None) -> bool:
    """Whether there is a model for the chemistry of that name.

    >>> known("LFP"), known("LCO"), known(None)
    (True, False, False)
    """
    return name in MODELS and name in CHEMISTRIES
