"""Frequency and power beside the awarded envelope: how often the plant stood where, and when."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.figures.axes import Limit
from dashboard.figures.cloud import Envelope
from dashboard.figures.lines import Line, Plot
from dashboard.loads.execution import rules_in
from dashboard.loads.history import limits_of
from dashboard.loads.ledger import asked
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.analysis import droop
from plant.analysis.settlement import bounds
from plant.metrics import metric
from plant.model import DAY, Kind, Window
from plant.quantity import number
from plant.rules import Curve
from services.droop import LONGEST, Product, products, unjudged
from services.response import Line as Told
from services.response import response

POINTS = 420
ROOM = 0.03
"""Beside the outermost reading [Hz], so that the curve is seen to go on."""
KW_CLASSES = 60


def product_options(store: Store, scope: Scope) -> Sequence[tuple[str, str]]:
    """The products awarded in the window."""
    window = asked(store, scope)
    found = products(store, window, store.clock()) if window else []
    return [(one.rules.product, one.rules.title) for one in found]


def chosen(store: Store, scope: Scope) -> Product | None:
    """The product asked for, the one with the most awarded seconds when none is; None when it was not awarded."""
    window = asked(store, scope)
    found = products(store, window, store.clock()) if window else []
    return next((one for one in found if scope.product in ("", one.rules.product)), None)


def cloud_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per class in which there were seconds: `frequency` [Hz], `power` [% of the awarded; kW where nothing was awarded],
    `seconds`; and `lower`, `upper` bound of the envelope at that frequency (NaN without an award)."""
    window = asked(store, scope)
    if window is None:
        return Table({})
    product = chosen(store, scope)
    if product is None:
        return _loose(store, scope)
    rows, cols = np.nonzero(product.cloud.counts)
    hz, share = droop.middles(droop.centre(product.rules))
    curve = product.rules.curve
    assert curve is not None
    lower, upper = bounds(curve, hz[rows])
    columns: dict[str, Any] = {
        "frequency": np.round(hz[rows], 4),
        "power": share[cols],
        "seconds": product.cloud.counts[rows, cols],
        "lower": lower,
        "upper": upper,
    }
    spec = Envelope(
        "%", droop.HZ_STEP, droop.SHARE_STEP, *_curve(curve, hz[rows]), word("analysis.envelope", scope.lang, name=product.rules.title),
        word("analysis.seconds", scope.lang), _verdict(product, window, scope.lang),
        word("analysis.axis.hz", scope.lang), word("analysis.axis.share", scope.lang),
    )  # fmt: skip
    if not rows.size:
        return Table({})
    more = {"envelope": spec, "rules": (product.rules,), "period": window}
    more["observed"] = product.cloud.heard / product.cloud.awarded if product.cloud.awarded else None
    return Table(columns, window.end, _simulated(store), more)


def _verdict(product: Product, window: Window, lang: str) -> str:
    """What became of the awarded seconds, in a sentence or two; the share is never rounded up to a perfect one."""
    one = product.cloud
    share = np.floor(100 * (one.share or 0.0)) / 100
    said = [word("analysis.inside", lang, share=number(share, 2), name=product.rules.title, hours=number(one.awarded / 3600, 1))]
    if one.awarded > one.heard:
        said.append(word("analysis.silent", lang, n=number(one.awarded - one.heard, 0)))
    if window.length > LONGEST:
        said.append(word("analysis.cut", lang, n=LONGEST // DAY))
    return f"{said[0]}<br>{' · '.join(said[1:])}" if said[1:] else said[0]


def _curve(curve: Curve, seen: Any) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """The envelope's corners with its ends drawn on to a little beyond what was seen."""
    low = min(float(seen.min()), curve.hz[0]) if seen.size else curve.hz[0]
    high = max(float(seen.max()), curve.hz[-1]) if seen.size else curve.hz[-1]
    hz = (low - ROOM, *curve.hz, high + ROOM)
    return hz, (curve.lower[0], *curve.lower, curve.lower[-1]), (curve.upper[0], *curve.upper, curve.upper[-1])


def _loose(store: Store, scope: Scope) -> Table:
    """Without an award: where frequency and power were, judged by nothing."""
    window = asked(store, scope)
    assert window is not None
    hz, kw = unjudged(store, window)
    if not hz.size:
        return Table({})
    usual = float(np.median(hz))  # a stray reading in another unit would make millions of classes
    hz = np.clip(hz, usual + droop.HZ_ENDS[0], usual + droop.HZ_ENDS[1])
    step = max(10.0 ** np.floor(np.log10(max(float(np.ptp(kw)), 1.0) / KW_CLASSES)) * 5, 1.0)
    places, counts = np.unique(
        np.stack([np.floor(hz / droop.HZ_STEP + 1e-6), np.floor(kw / step + 1e-6)]).astype(np.int64), axis=1, return_counts=True
    )
    nothing = np.full(counts.size, np.nan)
    columns: dict[str, Any] = {
        "frequency": np.round((places[0] + 0.5) * droop.HZ_STEP, 4),
        "power": (places[1] + 0.5) * step,
        "seconds": counts,
        "lower": nothing,
        "upper": nothing,
    }
    lang = scope.lang
    spec = Envelope(
        "kW", droop.HZ_STEP, step, (), (), (), "", word("analysis.readings", lang), word("analysis.unjudged", lang),
        word("analysis.axis.hz", lang), word("analysis.axis.kw", lang),
    )  # fmt: skip
    return Table(columns, window.end, _simulated(store), {"envelope": spec, "period": window})


def _simulated(store: Store) -> bool:
    return any(device.simulated for device in store.records.devices(Kind.SITE))


def trace_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, `power`, `target` (the middle of what the award permits at the mean frequency), `lower` and `upper` (its bounds) [kW],
    `frequency` [Hz]; NaN where nothing was said, or awarded."""
    window = asked(store, scope)
    if window is None:
        return Table({})
    found = response(store, "", window, POINTS)
    at = np.unique(np.concatenate([found.frequency.at, found.power.at]))
    columns: dict[str, Any] = {"at": at}
    told = {"power": found.power, "target": found.droop, "lower": found.lower, "upper": found.upper, "frequency": found.frequency}
    for name, line in told.items():
        columns[name] = _on(at, line)
    if not np.isfinite(columns["power"]).any() and not np.isfinite(columns["frequency"]).any():
        return Table({})
    lang, width = scope.lang, int(np.median(np.diff(at))) if at.size > 2 else 0
    about = metric("frequency")
    lines = [Line("power", word("analysis.power", lang), "kW", 0, "grid", width=width)]
    if np.isfinite(columns["target"]).any():
        lines.append(Line("target", word("analysis.target", lang), "kW", 0, "target", "lower", "upper", "dot", width=width))
    lines.append(Line("frequency", about.label(lang), "Hz", 3, "frequency", width=width))
    limits = tuple(("Hz", limit) for limit in _limits(lang))
    plot = Plot(tuple(lines), window.start, window.end, limits, band=word("analysis.permitted", lang))
    newest = int(at[np.isfinite(columns["frequency"]) | np.isfinite(columns["power"])][-1]) + width
    return Table(columns, min(newest, window.end), _simulated(store), {"plot": plot, "rules": rules_in(store, window)})


def _on(at: Any, line: Told) -> Any:
    column = np.full(at.size, np.nan)
    if line.at.size:
        column[np.searchsorted(at, line.at)] = line.values
    return column


def _limits(lang: str) -> list[Limit]:
    return [limit for _, limit in limits_of(metric("frequency"), lang)]
