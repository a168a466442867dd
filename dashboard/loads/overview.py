"""What the overview draws: power flow now, balance over the window, grid frequency."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dashboard.figures import flow
from dashboard.figures.stack import Layer, Stack
from dashboard.loads import against, history, power
from dashboard.loads.fleet import batteries, fleet, site
from dashboard.loads.keyfigures import soc_of
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore import rollup
from datastore.store import Store
from plant.metrics import metric
from plant.model import MINUTE, Kind, Window
from plant.quantity import number

FLOW_KINDS = (Kind.SITE, Kind.BESS, Kind.PACK, Kind.PCS, Kind.INVERTER)
STACK_BARS = 300
LIVE_EVERY = 5
"""The balance of the running bucket is renewed every so many seconds."""


def flow_table(store: Store, scope: Scope) -> Table:
    """Columns: `node` (pv, battery, grid, aux), `power` [kW, stored sign], `at`, `note`, `stale`. Empty when nobody ever spoke."""
    plant = fleet(store, FLOW_KINDS)
    flows = power.balance(plant)
    soc = soc_of(plant, batteries(plant))
    parts = {"pv": flows.pv, "battery": flows.battery, "grid": flows.grid, "aux": flows.aux}
    if all(part.value is None for part in parts.values()):
        return Table({})
    columns: dict[str, list[Any]] = {
        "node": list(parts),
        "power": [part.value for part in parts.values()],
        "at": [part.at for part in parts.values()],
        "note": [f"{number(soc.value, 1)} %" if node == "battery" and soc.value is not None else "" for node in parts],
        "stale": [part.at is not None and plant.now - part.at > 30_000 for part in parts.values()],
    }
    simulated = plant.is_simulated([device for group in plant.devices.values() for device in group][:1])
    newest = max(part.at for part in parts.values() if part.at is not None)
    return Table(columns, newest, simulated, {"units": {"power": "kW"}, "decimals": {"power": 1}})


def flow_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """Numbers and arrows of now."""
    table = flow_table(store, scope)
    return None if table.is_empty else {"at": table.at, **flow.frame(table, scope)}


def bar_width(window: Window, scope: Scope) -> int:
    """Bucket width of the balance [ms], that of the scope if it asks for one: devices may speak only once a minute."""
    asked = scope.width(window)
    return max(MINUTE, rollup.width_for(window, STACK_BARS) if asked is None else asked)


def layers(scope: Scope) -> tuple[Layer, ...]:
    """What feeds the site, upwards, and what it uses, downwards."""
    lang = scope.lang
    return (
        Layer("pv", word("stack.pv", lang), "pv", 1),
        Layer("discharge", word("stack.discharge", lang), "discharge", 1),
        Layer("import", word("stack.import", lang), "import", 1),
        Layer("aux", word("stack.aux", lang), "load", -1),
        Layer("charge", word("stack.charge", lang), "charge", -1),
        Layer("export", word("stack.export", lang), "export", -1),
    )


def balance_table(store: Store, scope: Scope) -> Table:
    """Columns: `at` (bucket starts) and `pv`, `discharge`, `import`, `aux`, `charge`, `export` [kW], each not negative, NaN where nothing
    was said; `then`, what fed the site in the period it is compared with."""
    window = scope.span(store.clock())
    width = bar_width(window, scope)
    first = int(rollup.edges(window, width, scope.zone)[0])
    whole = Window(first, window.end)  # a first bucket cut in two would lack what is told once a minute
    return _then(store, scope, whole, width, _balance(store, scope, whole, width))


def _balance(store: Store, scope: Scope, window: Window, width: int) -> Table:
    plant = fleet(store, FLOW_KINDS)
    kept = power.history(store.telemetry, plant, window, width, scope.zone)
    columns = {
        "at": kept.at.astype(np.int64),
        "pv": _above(kept.pv),
        "discharge": _above(kept.battery),
        "import": _above(-kept.grid),
        "aux": _above(kept.aux),
        "charge": _above(-kept.battery),
        "export": _above(kept.grid),
    }
    heard = np.isfinite(kept.pv) | np.isfinite(kept.battery) | np.isfinite(kept.grid)
    if not heard.any():
        return Table({})
    newest = min(int(kept.at[heard][-1]) + width, window.end)
    here = site(plant)
    return Table(columns, newest, bool(here and here.simulated), {"stack": Stack(layers(scope), window.start, window.end, width)})


def _then(store: Store, scope: Scope, window: Window, width: int, table: Table) -> Table:
    """The balance with one line more: all that fed the site in the period it is compared with."""
    earlier = None if table.is_empty else against.other(store, scope, window)
    if earlier is None or earlier.device is not None:
        return table
    kept = power.history(store.telemetry, fleet(store, FLOW_KINDS), earlier.window, width, scope.zone)
    fed = _above(kept.pv) + _above(kept.battery) + _above(-kept.grid)
    at = against.placed(kept.at, earlier.shift, width, window, scope.zone)
    inside = (at >= 0) & (at < window.end) & np.isfinite(fed)
    spec: Stack = table.more["stack"]
    if not inside.any():
        remark = word("against.nothing", scope.lang, what=earlier.title)
        return replace(table, more={**table.more, "stack": replace(spec, remark=remark)})
    columns = against.merged(table.columns, at[inside], "then", fed[inside])
    spec = replace(spec, then=Layer("then", earlier.title, "muted", 1), total=word("stack.fed", scope.lang))
    return replace(table, columns=columns, more={**table.more, "stack": spec})


def _above(numbers: Any) -> Any:
    """The positive part, NaN kept."""
    return np.where(np.isnan(numbers), np.nan, np.maximum(numbers, 0.0))


def balance_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The running bucket, as its mean so far: the bar that stands there grows into the one history will show."""
    now = store.clock()
    if now // 1000 % LIVE_EVERY:
        return None
    whole = scope.span(now)
    width = bar_width(whole, scope)
    start = int(rollup.edges(Window(now, now + 1), width, scope.zone)[0])
    if now - start < 1_000:
        return None
    table = _balance(store, scope, Window(start, now), width)
    if table.is_empty:
        return None
    parts = layers(scope)
    y = [_whole(part.sign * float(table.columns[part.column][-1])) for part in parts]
    x = int(scope.local(start + width // 2))
    return {"extend": {"x": x, "y": y, "bucket": width, "traces": list(range(len(parts))), "span": whole.length}}


def _whole(value: float) -> float | None:
    return round(value) if np.isfinite(value) else None


def frequency_asks(store: Store) -> list[history.Ask]:
    """The frequency at the connection point; where no site speaks, of the first meter or converter that does."""
    plant = fleet(store, (Kind.SITE, Kind.METER, Kind.PCS))
    for kind in (Kind.SITE, Kind.METER, Kind.PCS):
        for device in plant.of(kind):
            if plant.said(device, "frequency"):
                return [history.Ask(device, "frequency", meaning="frequency")]
    return []


def frequency_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, frequency [Hz] with minimum and maximum per bucket."""
    low, high = metric("frequency").normal
    room = 0.05  # [Hz], so that the limits stand inside the picture
    floor = ("Hz", None if low is None else low - room, None if high is None else high + room)
    return history.history(store, scope, frequency_asks(store), floor=(floor,))


def frequency_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest frequency."""
    return history.live_lines(store, scope, frequency_asks(store))
