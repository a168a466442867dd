"""Losses and efficiencies of storage and converters (DOMAIN §3.2)."""

from math import isfinite, sqrt

from plant.analysis.outcome import Figure, missing

LEAST_CYCLES = 0.2
"""Throughput [equivalent full cycles] below which a round trip says nothing."""
SAME_SOC = 1.0
"""State of charge [% points] within which a cycle counts as closed."""
LEAST_LOAD = 0.1
"""Share of the rating below which one-way efficiencies are not formed."""


def _known(*values: float | None) -> bool:
    return all(value is not None and isfinite(value) for value in values)


def loss(charged: float | None, discharged: float | None) -> Figure:
    """What went in and did not come out [kWh], auxiliaries excluded (S1 `/analysis/power-loss`).

    >>> round(loss(charged=480.2, discharged=450.5).value, 1)
    29.7
    """
    if charged is None or discharged is None or not _known(charged, discharged):
        return missing("an energy is missing")
    if charged < 0 or discharged < 0:
        return missing("energies must not be negative")
    return Figure(charged - discharged)


def efficiency(charged: float | None, discharged: float | None) -> Figure:
    """Discharged over charged energy [%], auxiliaries and change of charge excluded (S1's formula).

    >>> round(efficiency(charged=480.2, discharged=450.5).value, 1)
    93.8
    """
    if charged is None or discharged is None or not _known(charged, discharged):
        return missing("an energy is missing")
    if charged < 0 or discharged < 0:
        return missing("energies must not be negative")
    if charged == 0:
        return missing("nothing was charged")
    return Figure(100.0 * discharged / charged)


def auxiliary_share(auxiliary: float | None, charged: float | None) -> Figure:
    """Energy of the auxiliaries over all energy taken in [%]: E_aux / (E_ch + E_aux).

    >>> auxiliary_share(15.0, 485.0).value
    3.0
    """
    if auxiliary is None or charged is None or not _known(auxiliary, charged):
        return missing("an energy is missing")
    if auxiliary < 0 or charged < 0:
        return missing("energies must not be negative")
    if auxiliary + charged == 0:
        return missing("nothing was taken in")
    return Figure(100.0 * auxiliary / (charged + auxiliary))


def round_trip(
    charged: float | None,
    discharged: float | None,
    usable: float,
    *,
    soc_start: float | None = None,
    soc_end: float | None = None,
    auxiliary: float | None = None,
    side: str = "",
    same: float = SAME_SOC,
) -> Figure:
    """Round-trip efficiency [%] after PNNL-22010 Rev 2 and IEC 62933-2-1, of the `side` on which the energies were measured: "AC", "DC".

    `charged`, `discharged`, `auxiliary` [kWh]; `usable` energy content [kWh]; `soc_start`, `soc_end` [%]. With `auxiliary` (their own
    feeder) the system efficiency E_dis/(E_ch + E_aux). When the charge differs by more than `same` [%], the difference is moved to the
    side it belongs to with √η of one way, iterated twice. Not assessable below 0.2 equivalent full cycles.

    >>> round_trip(1000.0, 880.0, 2000.0, soc_start=50.0, soc_end=50.0).value
    88.0
    """
    if charged is None or discharged is None or not _known(charged, discharged, usable):
        return missing("an energy is missing")
    if charged < 0 or discharged < 0 or (auxiliary is not None and not (isfinite(auxiliary) and auxiliary >= 0)):
        return missing("energies must not be negative")
    if usable <= 0:
        return missing("the energy content is not known")
    if charged == 0:
        return missing("nothing was charged")
    if (charged + discharged) / (2 * usable) < LEAST_CYCLES:
        return missing("less than 0.2 equivalent full cycles of throughput")
    taken = charged + (auxiliary or 0.0)
    note = "system, auxiliaries included" if auxiliary is not None else "storage, auxiliaries excluded"
    note = f"{side}-{side}, {note}" if side else note
    if soc_start is None or soc_end is None or not _known(soc_start, soc_end):
        return missing("the state of charge at start or end is missing")
    shift = (soc_end - soc_start) / 100.0 * usable
    if abs(soc_end - soc_start) <= same:
        return _plausible(discharged / taken, note)
    return _plausible(_corrected(taken, discharged, shift), f"{note}, corrected for {soc_end - soc_start:+.1f} % of charge")


def _corrected(taken: float, given: float, shift: float) -> float:
    """E_dis/E_ch with `shift` [kWh, stored more = positive] credited to the side it would have appeared on.

    First estimate: the same with η = 1.
    """
    value = (given + shift) / taken if shift > 0 else given / (taken - shift)
    for _ in range(2):
        way = sqrt(max(value, 1e-6))
        value = (given + shift * way) / taken if shift > 0 else given / (taken - shift / way)
    return value


def _plausible(value: float, note: str) -> Figure:
    if not 0.0 < value <= 1.0:
        return missing(f"the result of {100 * value:.1f} % is not possible: energies and state of charge do not fit together")
    return Figure(100.0 * value, note=note)


def one_way(ac: float | None, dc: float | None, rated: float) -> Figure:
    """Efficiency of a converter [%] at AC power `ac` and DC power `dc` [kW], discharge positive: η_dis = P_ac/P_dc, η_ch = |P_dc|/|P_ac|.

    Only above a tenth of `rated` [kW].

    >>> round(one_way(425.5, 430.2, 500.0).value, 1), one_way(-100.0, -97.0, 500.0).value
    (98.9, 97.0)
    """
    if ac is None or dc is None or not _known(ac, dc, rated):
        return missing("a power is missing")
    if rated <= 0 or abs(ac) <= LEAST_LOAD * rated:
        return missing("below a tenth of the rated power")
    if ac * dc <= 0:
        return missing("AC and DC power point in opposite directions")
    return Figure(100.0 * (ac / dc if ac > 0 else dc / ac))
