"""A group of devices alike, looked at by all rules and against one another: one table of readings in, findings out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from plant.analysis.anomaly import rules
from plant.analysis.anomaly.bounds import ANY, BOUNDS
from plant.analysis.anomaly.change import changes
from plant.analysis.anomaly.clock import clock
from plant.analysis.anomaly.finding import Finding, Instants, Mask, Numbers, ends, spans, together, without_echoes
from plant.analysis.anomaly.joint import METHOD, joint
from plant.analysis.anomaly.siblings import LEAST_SIBLINGS, apart, blocks, compare
from plant.metrics import CATALOGUE
from plant.model import MINUTE

SIGNED = frozenset({"current", "power", "active_power", "dc_current", "dc_power", "pack_current"})
DEGREES = "°C"
MASKED = frozenset({"range", "rate", "stuck", "unit_kilo", "unit_milli", "unit_fahrenheit", "unit_kelvin", "unit_sign"})
JOINT_LASTS = 2
SEVERE_GAP_S = 3600.0


@dataclass(frozen=True, slots=True)
class Group:
    """Devices of one kind that do the same (the racks of a unit), or one alone. `at` [epoch ms, n] ascending without repeats; `values`
    metric → [n, members], NaN = silent. What lies before `reference` [epoch ms] is what is usual. `block` rows are compared as one."""

    kind: str
    members: tuple[str, ...]
    at: Instants
    values: Mapping[str, Numbers]
    interval_s: float
    reference: int
    block: int = 15
    gap_least_s: float = 300.0


def examine(group: Group) -> list[Finding]:
    """Everything that rules and siblings find, in order of time; an empty group has none."""
    if not group.at.size or not group.members:
        return []
    found = _silences(group)
    for name in group.values:
        table = np.array(group.values[name], np.float64)
        if name in CATALOGUE and CATALOGUE[name].shape == "scalar" and CATALOGUE[name].aggregation == "mean":
            found += _by_rule(group, name, table)
            found += _by_siblings(group, name, table)
    return without_echoes(together(found))


def _silences(group: Group) -> list[Finding]:
    """Silences between readings and one that goes on to the end, when others of the group still spoke."""
    spoke = np.zeros((group.at.size, len(group.members)), bool)
    for table in group.values.values():
        spoke |= np.isfinite(table)
    found = []
    for member, device in enumerate(group.members):
        told = group.at[spoke[:, member]]
        for start, end, seconds in rules.gaps(told, group.interval_s, group.gap_least_s):
            found.append(_gap(group, device, start, end, seconds))
        if told.size:
            rest = (int(group.at[-1]) - int(told[-1])) / 1000.0
            if rest > max(rules.GAP_INTERVALS * group.interval_s, group.gap_least_s):
                found.append(_gap(group, device, int(told[-1]), None, rest))
    return found


def _gap(group: Group, device: str, start: int, end: int | None, seconds: float) -> Finding:
    severity = "warning" if seconds >= SEVERE_GAP_S else "info"
    return Finding(device, group.kind, "", "gap", severity, start, end, {"seconds": seconds})


def _by_rule(group: Group, name: str, table: Numbers) -> list[Finding]:
    """What rules find in each member; the readings they explain become NaN in `table`."""
    metric, bound = CATALOGUE[name], BOUNDS.get(name, ANY)
    several = len(group.members) >= LEAST_SIBLINGS
    middle = _middle(table) if several else None
    moving = _moving(table) if several else None
    digit = 10.0**-metric.decimals
    scale = max(bound.floor or 0.0, digit)
    found = []
    for member, device in enumerate(group.members):
        x = table[:, member]
        if not np.isfinite(x).any():
            continue
        degrees = metric.unit == DEGREES
        usual = middle if middle is not None else rules.stepped_from(x, degrees)
        spells = []
        if several or not _rests(name):  # what rests at nothing falls to a thousandth without any error
            spells += rules.wrong_unit(x, usual, scale, digit, degrees, name in SIGNED and several)
        spells += rules.out_of_range(x, metric.valid)
        spells += rules.stuck(x, moving)
        taken = _mask(x.size, spells)
        spells += [one for one in rules.too_fast(group.at, x, bound) if not taken[max(one.first - 1, 0) : one.last + 1].any()]
        spells = [
            one for one in spells if one.reason != "range" or not _mask(x.size, [o for o in spells if o.reason != "range"])[one.first]
        ]
        for spell in spells:
            table[spell.first : spell.last, member] = np.nan
            found.append(_told(group, device, name, spell))
    return found


def _told(group: Group, device: str, name: str, spell: rules.Spell) -> Finding:
    severity = "info" if spell.reason == "rate" else "warning"
    start, end = int(group.at[spell.first]), ends(group.at, spell.last)
    return Finding(device, group.kind, name, spell.reason, severity, start, end, spell.evidence)


def _mask(size: int, spells: Sequence[rules.Spell]) -> Mask:
    taken = np.zeros(size, bool)
    for one in spells:
        taken[one.first : one.last] = True
    return taken


def _middle(table: Numbers) -> Numbers:
    enough = np.isfinite(table).sum(axis=1) >= LEAST_SIBLINGS
    middle = np.full(table.shape[0], np.nan)
    if enough.any():
        middle[enough] = np.nanmedian(np.where(np.isfinite(table[enough]), table[enough], np.nan), axis=1)
    return middle


def _moving(table: Numbers) -> Mask:
    """Where at least half of the members said something else than just before, [n]."""
    changed = np.zeros(table.shape, bool)
    changed[1:] = table[1:] != table[:-1]
    return np.asarray(changed.mean(axis=1) >= 0.5)


def _rests(name: str) -> bool:
    return any(part in name for part in ("power", "current", "irradiance", "ghi", "energy", "speed", "dc_voltage"))


def _by_siblings(group: Group, name: str, table: Numbers) -> list[Finding]:
    bound = BOUNDS.get(name, ANY)
    if len(group.members) < LEAST_SIBLINGS or bound.floor is None:
        return []
    starts = group.at[:: group.block][: group.at.size // group.block]
    residual = blocks(apart(table), group.block)
    known = int((starts < group.reference).sum())
    return [
        Finding(group.members[one.member], group.kind, name, "peers", one.severity, int(starts[one.first]), ends(starts, one.last),
                {"distance": one.distance, "z": one.z, "usual": one.usual, "limit": one.limit})
        for one in compare(residual, known, bound)
    ]  # fmt: skip


def examine_parts(
    device: str, kind: str, name: str, at: Instants, parts: Numbers, reference: int, block: int = 1, light: float = 1.5
) -> list[Finding]:
    """Cells of a rack or strings of an inverter against one another: `parts` [n, parts] at `at` [epoch ms, n]. Strings are compared as a
    share of their median, while that is at least `light` [A]."""
    table = np.asarray(parts, np.float64)
    if table.ndim != 2 or not table.size:
        return []
    if name in ("string_currents", "mppt_currents"):
        middle = _middle(table)
        bright = middle >= light
        table, at = table[bright] / middle[bright][:, None], at[bright]
    starts = at[::block][: at.size // block]
    residual = blocks(apart(table), block)
    known = int((starts < reference).sum())
    return together(
        Finding(device, kind, name, "peers", one.severity, int(starts[one.first]), ends(starts, one.last),
                {"distance": one.distance, "z": one.z, "usual": one.usual, "limit": one.limit}, one.member + 1)
        for one in compare(residual, known, BOUNDS[name])
    )  # fmt: skip


def examine_clock(device: str, kind: str, at: Instants, received: Instants) -> list[Finding]:
    """What the clock of a device does, from its readings in any order."""
    at, received = np.asarray(at, np.int64), np.asarray(received, np.int64)
    heard = np.sort(received)
    return [
        Finding(device, kind, "", spell.reason, "warning", int(heard[spell.first]), ends(heard, spell.last), spell.evidence)
        for spell in clock(at, received)
    ]


def examine_change(device: str, kind: str, name: str, at: Instants, x: Numbers, least: float) -> list[Finding]:
    """When a slow quantity of a device changed for good by more than `least`."""
    return [
        Finding(device, kind, name, "change", "warning", int(at[one.place]), None,
                {"before": one.before, "after": one.after, "sigmas": one.sigmas})
        for one in changes(x, least)
    ]  # fmt: skip


def examine_joint(group: Group, method: str = METHOD, rows: int = 60) -> list[Finding]:
    """Combinations of quantities, each usual by itself, that the group did not show in its reference time; at least two stretches of `rows`
    readings in succession."""
    names = [name for name in group.values if BOUNDS.get(name, ANY).floor is not None]
    count = group.at.size // rows
    if len(names) < 2 or len(group.members) < LEAST_SIBLINGS or count < 4:
        return []
    starts = group.at[::rows][:count]
    usual = starts < group.reference
    columns = [_means(apart(group.values[name]), rows) for name in names]
    least = [(BOUNDS[name].floor or 0.0) / 3.0 for name in names]
    if {"voltage", "current", "power"} <= set(names):
        names.append("power")
        columns.append(_means(group.values["power"] - group.values["voltage"] * group.values["current"] / 1000.0, rows))
        least.append((BOUNDS["power"].floor or 0.0) / 3.0)
    cube = np.stack(columns, axis=2)  # [stretch, member, quantity]
    if not usual.any():
        return []
    cube = cube - np.nanmedian(np.where(np.isfinite(cube[usual]), cube[usual], 0.0), axis=0)
    flat = cube.reshape(-1, len(names))
    scored = joint(cube[usual].reshape(-1, len(names)), flat, np.asarray(least), method)
    if scored is None:
        return []
    score = scored.score.reshape(count, -1)
    column = scored.column.reshape(count, -1)
    found = []
    for member, device in enumerate(group.members):
        with np.errstate(invalid="ignore"):
            flags = (score[:, member] > scored.limit) & ~usual
        for first, last in spans(flags, 2):
            if last - first < JOINT_LASTS:
                continue
            worst = first + int(np.nanargmax(score[first:last, member]))
            evidence = {"score": float(score[worst, member]), "limit": scored.limit}
            name = names[int(column[worst, member])]
            found.append(Finding(device, group.kind, name, "joint", "info", int(starts[first]), ends(starts, last), evidence))
    return found


def _means(x: Numbers, width: int) -> Numbers:
    """Means of `width` rows, [times // width, members]; NaN where less than half of them spoke."""
    cut = x[: x.shape[0] // width * width].reshape(-1, width, x.shape[1])
    spoke = np.isfinite(cut)
    count = spoke.sum(axis=1)
    return np.where(count * 2 >= width, np.where(spoke, cut, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def examine_all(group: Group, method: str = METHOD) -> list[Finding]:
    """`examine` and `examine_joint` as one list without echoes. Loads scikit-learn."""
    rows = max(round(3600.0 / group.interval_s), 1)  # joint models look at hours
    found = examine(group)
    cleaned = dict(group.values)
    for one in found:
        if one.metric in cleaned and one.reason in MASKED:
            table = np.array(cleaned[one.metric], np.float64)
            inside = (group.at >= one.start) & (group.at < (one.end if one.end is not None else group.at[-1] + MINUTE))
            table[inside, group.members.index(one.device)] = np.nan
            cleaned[one.metric] = table
    return without_echoes(found + together(examine_joint(replace(group, values=cleaned), method, rows)))
