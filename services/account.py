"""The account of a month: what awards earned, what taking part costs, and the energy that was lost, each with where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

from datastore.store import Store
from plant.analysis.settlement import hundredths
from plant.model import Kind, Window
from plant.rules.charges import Charges, version
from services.energy_days import by_day
from services.income import Earned, earned
from services.settling import Span, connection_point


@dataclass(frozen=True, slots=True)
class Account:
    """`income` of the settled spans; `charges` in force when the month began, None before any. `mw` is the largest power awarded or offered
    in the month, `resources` those of the site's nameplate (`resources`, 1 when it does not say). `participation` is due when anything was
    awarded or offered. Energies [kWh] are the batteries', `coverage` the share of their time observed; `line_loss` is a fraction of the
    site's nameplate (`line_loss_pct`), None when it does not say: then `lost` is reckoned without one. `lost` [kWh] is what is
    charged for, None without energies; `loss_fee` is what that costs, None where no price is known."""

    income: Earned
    charges: Charges | None
    mw: float | None
    resources: int
    participation: float | None
    charged: float | None
    discharged: float | None
    coverage: float | None
    line_loss: float | None
    lost: float | None
    loss_fee: float | None = None


def account(store: Store, month: Window, now: int, spans: Sequence[Span]) -> Account:
    """Of a month of the site, up to now, from the `spans` that begin in it. Raises Unavailable."""
    charges = version(month.start)
    sizes = [max(span.event.power, span.event.quote_capacity) for span in spans]
    mw = max((size for size in sizes if size > 0), default=None)
    point = connection_point(store, "")
    sites = [*store.records.devices(Kind.SITE), *store.records.devices(Kind.METER)]
    rating = next((one.rating for one in sites if point and (one.device_id, one.kind) == point), {})
    resources = max(1, int(rating.get("resources", 1)))
    loss = rating.get("line_loss_pct")
    line_loss = loss / 100.0 if loss is not None and 0 <= loss < 100 else None
    charged, discharged, coverage = _energies(store, Window(month.start, min(month.end, now)) if now > month.start else None)
    lost = loss_fee = None
    if charges and charged is not None and discharged is not None:
        lost = charges.lost(charged, discharged, line_loss or 0.0)
        loss_fee = None if charges.per_kwh is None else hundredths(lost * charges.per_kwh)
    fee = charges.participation(mw, resources) if charges and mw else None
    return Account(earned(spans), charges, mw, resources, fee, charged, discharged, coverage, line_loss, lost, loss_fee)


def _energies(store: Store, window: Window | None) -> tuple[float | None, float | None, float | None]:
    """Energy charged, discharged [kWh] and the share of the window observed."""
    days = by_day(store, window, window.end) if window else []
    told = [(day.used.charged, day.used.discharged) for day in days]
    known = [(into, out) for into, out in told if into is not None and out is not None]
    if not known or window is None:
        return None, None, None
    observed = sum((day.coverage or 0.0) * day.window.length for day in days) / window.length
    return sum(into for into, _ in known), sum(out for _, out in known), observed
