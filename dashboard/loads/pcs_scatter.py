"""One quantity of a converter over another: efficiency against load, reactive against active power."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dashboard.figures.scatter import Axis, Group, Scatter, moved
from dashboard.loads import archive, history
from dashboard.loads.fleet import Fleet, fleet
from dashboard.loads.pcs import KINDS, chosen, one_way, rated
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.ports import Series
from datastore.store import Store
from plant.analysis import converter
from plant.metrics import metric
from plant.model import MINUTE, Device

POINTS = 720
"""Buckets a window is cut into, at least a minute wide: so many points a screen still shows one by one."""
BIN = 2.0
"""Width [% of the rating] of the bins whose medians make the curve."""
BEST = 100.0
"""No converter gives more than it takes: the efficiency axis shows up to here [%]."""


def _pair(store: Store, scope: Scope, device: Device, names: tuple[str, str]) -> tuple[Series, Series] | None:
    """Two metrics of one device in the same buckets; None when one is silent."""
    asks = [history.Ask(device, name) for name in names]
    found = history.fetch(store, asks, scope.span(store.clock()), POINTS, scope, MINUTE)
    one, other = (found.get(ask.key) for ask in asks)
    if one is None or other is None or not (np.isfinite(one.mean) & np.isfinite(other.mean)).any():
        return None
    return one, other


def efficiency_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per bucket in which the converter only charged or only discharged above a tenth of its rating: `at`, `group`
    (charge, discharge), `active_power`, `dc_power` [kW], `load` [% of the rating], `efficiency` [%]."""
    plant = fleet(store, KINDS)
    picked = chosen(plant, scope)
    pair = _pair(store, scope, picked[1], ("active_power", "dc_power")) if picked else None
    power = rated(picked[1]) if picked else None
    if picked is None or pair is None or power is None:
        return _nothing(store, scope, picked, known=power is not None)
    ac, dc = pair
    eta = converter.efficiencies(ac.mean, dc.mean, power)
    formed = np.isfinite(eta) & (ac.min * ac.max > 0)  # a bucket that did both is neither
    if not formed.any():
        return Table({})
    out = ac.mean[formed] > 0
    load = 100.0 * np.abs(ac.mean[formed]) / power
    columns: dict[str, Any] = {
        "at": ac.at[formed],
        "group": np.where(out, "discharge", "charge").tolist(),
        "active_power": ac.mean[formed],
        "dc_power": dc.mean[formed],
        "load": load,
        "efficiency": eta[formed],
    }
    groups = tuple(
        Group(key, word(f"pcs.{key}", scope.lang), key, converter.medians(load[mine], eta[formed][mine], BIN))
        for key, mine in (("discharge", out), ("charge", ~out))
        if mine.any()
    )
    spec = Scatter(
        Axis("load", word("pcs.loadaxis", scope.lang), "%", 1, 0.0, 10.0 * float(np.ceil(load.max() / 10.0) + 1.0)),
        Axis("efficiency", word("pcs.eta", scope.lang), "%", 2, None, BEST),
        groups,
        _now_efficiency(plant, picked[1]),
        word("pcs.now", scope.lang),
    )
    return Table(columns, int(ac.at[formed][-1]) + ac.resolution, plant.is_simulated([picked[1]]), {"scatter": spec})


def _nothing(store: Store, scope: Scope, picked: tuple[int, Device] | None, known: bool) -> Table:
    """No points: for want of a nameplate that is said, for want of readings the archive is offered."""
    if picked is not None and not known:
        return Table({}, more={"kept": (word("pcs.norating", scope.lang), scope.elsewhere("/devices"))})
    return archive.untold(store, scope, picked[1] if picked else None, ("active_power", "dc_power"), "/pcs")


def _now_efficiency(plant: Fleet, device: Device) -> tuple[float, float] | None:
    ac, dc, power = plant.said(device, "active_power"), plant.said(device, "dc_power"), rated(device)
    eta = one_way(ac, dc, device)
    if ac is None or ac.is_stale or eta is None or not power:
        return None
    return 100.0 * abs(ac.value) / power, eta


def efficiency_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """Where the converter is now on its curve."""
    plant = fleet(store, KINDS)
    picked = chosen(plant, scope)
    axis = Axis("load", "", "%", 1)
    return _frame(plant, picked[1], Scatter(axis, axis, (), _now_efficiency(plant, picked[1]))) if picked else None


def _frame(plant: Fleet, device: Device, spec: Scatter) -> Mapping[str, Any] | None:
    """The newest point and from when it is; None when the converter never told its power."""
    power = plant.said(device, "active_power")
    return None if power is None else {"at": power.at, **moved(spec)}


def pq_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per bucket: `at`, `group`, `active_power` [kW], `reactive_power` [kvar]; the circle is the rated apparent power."""
    plant = fleet(store, KINDS)
    picked = chosen(plant, scope)
    pair = _pair(store, scope, picked[1], ("active_power", "reactive_power")) if picked else None
    if picked is None or pair is None:
        return archive.untold(store, scope, picked[1] if picked else None, ("active_power", "reactive_power"), "/pcs")
    p, q = pair
    told = np.isfinite(p.mean) & np.isfinite(q.mean)
    columns: dict[str, Any] = {
        "at": p.at[told],
        "group": np.where(p.mean[told] >= 0, "discharge", "charge").tolist(),
        "active_power": p.mean[told],
        "reactive_power": q.mean[told],
    }
    groups = tuple(Group(key, word(f"pcs.{key}", scope.lang), key) for key in ("discharge", "charge") if key in columns["group"])
    size = apparent(picked[1])
    spec = Scatter(
        _axis("active_power", scope),
        _axis("reactive_power", scope),
        groups,
        _now_pq(plant, picked[1]),
        word("pcs.now", scope.lang),
        size,
        word("pcs.circle", scope.lang, n=f"{size:,.0f}") if size else "",
    )
    return Table(columns, int(p.at[told][-1]) + p.resolution, plant.is_simulated([picked[1]]), {"scatter": spec})


def apparent(device: Device) -> float | None:
    """Rated apparent power [kVA]: the nameplate's, else the rated active power, which a converter can carry at any power factor."""
    told = device.rating.get("apparent_power_kva")
    return float(told) if told else rated(device)


def _axis(name: str, scope: Scope) -> Axis:
    about = metric(name)
    return Axis(name, about.label(scope.lang), about.unit, about.decimals)


def _now_pq(plant: Fleet, device: Device) -> tuple[float, float] | None:
    p, q = plant.said(device, "active_power"), plant.said(device, "reactive_power")
    return (p.value, q.value) if p and q and not p.is_stale and not q.is_stale else None


def pq_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """Where the converter works now."""
    plant = fleet(store, KINDS)
    picked = chosen(plant, scope)
    if picked is None:
        return None
    spec = Scatter(_axis("active_power", scope), _axis("reactive_power", scope), (), _now_pq(plant, picked[1]))
    return _frame(plant, picked[1], spec)
