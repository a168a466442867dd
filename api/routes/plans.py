"""Energy prices a day ahead, and plans for the batteries against them. A plan moves no power; accepted, it stands in the schedule."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from api.contract import Answer, Context, Instant, Operation, window
from api.errors import FieldError, invalid
from plant.model import DAY, HOUR
from plant.timeline import day_start, iso
from services import plans, prices
from services.access import Identity
from services.allocations import HIGH_SOC, LOW_SOC
from services.plans import ROUND_TRIP, SUSTAIN, Wish

Percent = Annotated[float, Field(ge=0, le=100)]
LONGEST = 31 * DAY


class _Strict(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)


class PriceItem(_Strict):
    """What a MWh costs from `start` on, for an hour when `end` is not given; it may be negative."""

    start: Instant
    end: Instant | None = None
    price: float = Field(ge=-prices.MOST_PRICE, le=prices.MOST_PRICE, description="money per MWh", strict=True)


class PricesRequest(_Strict):
    """Prices that replace what was said of the same time before."""

    currency: str = Field(min_length=3, max_length=3, pattern="^[A-Za-z]{3}$", examples=["EUR"])
    prices: list[PriceItem] = Field(min_length=1, max_length=prices.MOST_AT_ONCE)


class PricesParams(BaseModel):
    """`from` … `to`, at most 31 days; the site's day that runs and the next when not given."""

    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = None


class PlanParams(BaseModel):
    """Which plan."""

    plan_id: str = Field(min_length=1, max_length=64, examples=["plan_5f2c8c1b9a3d"])


class PlanOffer(_Strict):
    """Capacity that may be offered where that earns more than energy."""

    product: str = Field(max_length=64, examples=["dreg0.25"])
    price: float = Field(
        0, ge=-1e6, le=1e6, description="capacity price per MW and hour; the product's performance price is added", strict=True
    )
    most_mw: float = Field(gt=0, le=100_000, strict=True)
    least_mw: float = Field(1, gt=0, le=100_000, strict=True)


class PlanRequest(_Strict):
    """What a plan is asked for; what is left out has the defaults named, and the answer's `assumptions` say them."""

    day: date = Field(description="day of the site")
    site_id: str | None = Field(None, max_length=128)
    soc_min: Percent = LOW_SOC
    soc_max: Percent = HIGH_SOC
    soc_start: Percent | None = Field(None, description="as told now when not given")
    soc_end: Percent | None = Field(None, description="at least; as at the start when not given")
    round_trip_efficiency: float = Field(ROUND_TRIP, ge=1, le=100, description="at the connection point, %", strict=True)
    wear_per_mwh: float = Field(0, ge=0, le=1e6, description="what a discharged MWh wears off the batteries, money", strict=True)
    sustain_hours: float = Field(SUSTAIN, ge=0, le=24, description="for how long awarded power finds energy and room", strict=True)
    offer: PlanOffer | None = None


class PriceBody(TypedDict):
    start: str
    end: str
    price: float


class PricesBody(TypedDict):
    currency: str
    prices: list[PriceBody]


class PricesKeptBody(TypedDict):
    kept: int


class MoneyBody(TypedDict):
    energy: float
    service: float
    wear: float
    total: float


class BaselineBody(MoneyBody):
    feasible: bool


class LackBody(TypedDict):
    what: Literal["low", "high", "power-out", "power-in", "end"]
    at: str
    amount: float
    message: str


class PlanHourBody(TypedDict):
    start: str
    end: str
    price: float
    power_kw: float
    soc_start: float
    soc_end: float
    awarded_mw: float
    offered_mw: float
    energy: float
    service: float
    wear: float
    reason: Literal["awarded", "offered", "paid-to-charge", "cheap", "dear", "empty", "full", "no-spread"]


_Ends = TypedDict("_Ends", {"from": str, "to": str})


class PlanBody(_Ends):
    """`income` is at index 1 of all awards; `baselines` what no trading and the rule of thumb would earn."""

    plan_id: str
    site_id: str
    day: str
    made: str
    currency: str
    optimization_method: Literal["milp", "greedy"]
    optimality_gap: float
    feasible: bool
    lacks: list[LackBody]
    income: MoneyBody
    baselines: dict[str, BaselineBody]
    assumptions: dict[str, Any]
    hours: list[PlanHourBody]


class PlanAcceptedBody(TypedDict):
    plan_id: str
    events: list[int]


def put(context: Context, params: None, body: PricesRequest, who: Identity) -> PricesKeptBody:
    """Keep prices. Raises Invalid."""
    given = [prices.Price(one.start, one.start + HOUR if one.end is None else one.end, one.price) for one in body.prices]
    return {"kept": prices.put(context.store, given, body.currency, who.username)}


def listed(context: Context, params: PricesParams) -> PricesBody:
    """The prices that touch the window."""
    today = day_start(context.clock(), context.store.zone)
    start = today if params.from_ is None else params.from_
    span = window(start, start + 2 * DAY if params.to is None else params.to, ("from", "to"))
    if span.length > LONGEST:
        raise invalid([FieldError(("query", "to"), "window_too_long", "at most 31 days after from", iso(span.end))])
    found = prices.hours(context.store, span)
    return {
        "currency": found.currency,
        "prices": [{"start": iso(one.start), "end": iso(one.end), "price": one.per_mwh} for one in found.of],
    }


def make(context: Context, params: None, body: PlanRequest, who: Identity) -> Answer:
    """Make a plan. Raises Invalid where there are no prices."""
    offer = body.offer
    wish = Wish(
        body.day,
        body.soc_min,
        body.soc_max,
        body.soc_start,
        body.soc_end,
        body.round_trip_efficiency,
        body.wear_per_mwh,
        body.sustain_hours,
        *((offer.product, offer.price, offer.most_mw, offer.least_mw) if offer else ()),
    )
    site = body.site_id or context.config.site_id
    made = plans.ask(context.store, site, wish, context.clock(), who.username or "anonymous", (context.config.site_id,))
    return Answer(plans.shown(made), 201)


def accept(context: Context, params: PlanParams, who: Identity) -> PlanAcceptedBody:
    """Write a plan into the schedule. Raises NotFound, Conflict, Invalid."""
    kept = plans.accept(context.store, params.plan_id, who.username)
    return {"plan_id": params.plan_id, "events": [event.index for event in kept if event.index is not None]}


PRICES_EXAMPLE = {
    "currency": "EUR",
    "prices": [
        {"start": "2026-01-24T00:00:00Z", "end": "2026-01-24T01:00:00Z", "price": 61.4},
        {"start": "2026-01-24T01:00:00Z", "end": "2026-01-24T02:00:00Z", "price": -4.2},
    ],
}
PLAN_EXAMPLE = {
    "plan_id": "plan_5f2c8c1b9a3d",
    "site_id": "site",
    "day": "2026-01-24",
    "made": "2026-01-23T12:00:00Z",
    "from": "2026-01-24T00:00:00Z",
    "to": "2026-01-24T01:00:00Z",
    "currency": "EUR",
    "optimization_method": "milp",
    "optimality_gap": 0.0,
    "feasible": True,
    "lacks": [],
    "income": {"energy": 104.4, "service": 0.0, "wear": 8.5, "total": 95.9},
    "baselines": {
        "idle": {"energy": 0.0, "service": 0.0, "wear": 0.0, "total": 0.0, "feasible": True},
        "greedy": {"energy": 88.0, "service": 0.0, "wear": 8.0, "total": 80.0, "feasible": True},
    },
    "assumptions": {"round_trip_percent": 85.0, "soc_start": 50.0, "soc_start_is": "told now"},
    "hours": [
        {
            "start": "2026-01-24T00:00:00Z",
            "end": "2026-01-24T01:00:00Z",
            "price": 61.4,
            "power_kw": 1700.0,
            "soc_start": 50.0,
            "soc_end": 42.0,
            "awarded_mw": 0.0,
            "offered_mw": 0.0,
            "energy": 104.4,
            "service": 0.0,
            "wear": 8.5,
            "reason": "dear",
        }
    ],
}

OPERATIONS = (
    Operation(
        method="PUT",
        path="/api/v1/prices",
        tag="schedule",
        summary="Bring energy prices",
        call=put,
        body=PricesRequest,
        body_example=PRICES_EXAMPLE,
        reply=PricesKeptBody,
        example={"kept": 2},
        errors=(400, 413, 415, 422),
        access="schedule",
        asks_who=True,
        description="Money per MWh for 5 to 60 minutes each, negative ones too, up to 400 days ahead; all or none are kept.",
    ),
    Operation(
        method="GET",
        path="/api/v1/prices",
        tag="schedule",
        summary="Energy prices",
        call=listed,
        params=PricesParams,
        reply=PricesBody,
        example=PRICES_EXAMPLE,
        errors=(400, 422),
    ),
    Operation(
        method="POST",
        path="/api/v1/plan",
        tag="schedule",
        summary="Plan the batteries over a day with prices",
        call=make,
        body=PlanRequest,
        body_example={"day": "2026-01-24", "soc_min": 10, "soc_max": 90, "wear_per_mwh": 5},
        reply=PlanBody,
        example=PLAN_EXAMPLE,
        errors=(400, 404, 413, 415, 422),
        access="simulate",
        asks_who=True,
        description="The plan that earns most from energy and, where an `offer` is named, from capacity, within power and charge, awarded "
        "hours kept free with room for their power; `milp` when the solver made it, `greedy` when the rule did. `lacks` say what cannot be "
        "kept. Nothing is moved or scheduled; it is kept 90 days.",
    ),
    Operation(
        method="POST",
        path="/api/v1/plan/{plan_id}/accept",
        tag="schedule",
        summary="Write a plan into the schedule",
        call=accept,
        params=PlanParams,
        reply=PlanAcceptedBody,
        example={"plan_id": "plan_5f2c8c1b9a3d", "events": [41, 42]},
        errors=(400, 404, 409, 422),
        access="schedule",
        asks_who=True,
        description="Hours that have begun are left out; events of an earlier accepted plan of the same time are replaced. Energy stands "
        "as mode `arbitrage` with its power as `transfer`, offers as offers not won yet.",
    ),
)
