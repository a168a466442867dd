"""How awarded hours stand: what is locked in, which seconds set it and why, what it earns, and what another bid would have earned."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Context, Instant, Operation, window
from api.errors import FieldError, invalid
from plant.analysis.settlement import Fees
from plant.model import DAY, HOUR, SECOND, Window
from plant.rules import rule_sets
from plant.timeline import iso
from services.income import earned
from services.other_bid import MOST_MW, Bid, compared
from services.scoring import Seconds, explained, hour_of, scored
from services.settling import GRACE, Span, spans

LONGEST = 31 * DAY
MOST_CAUSES = 50
PRODUCTS = tuple(sorted({rules.product for rules in rule_sets() if rules.curve}))


class SettlementParams(BaseModel):
    """Awarded spans that touch `from` … `to` (at most 31 days; the hour that runs when not given)."""

    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = None


class ReplayParams(SettlementParams):
    """And what they are to be taken for; what is not given stays as it was."""

    product: Annotated[str | None, Field(json_schema_extra={"enum": [*PRODUCTS, None]})] = None
    power: float | None = Field(None, gt=0, le=MOST_MW, description="MW awarded instead")
    price: float | None = Field(None, ge=-1e6, le=1e6, description="price per MW and hour instead")
    racks: int | None = Field(None, ge=0, le=100_000, description="so many racks in service: the nameplate power and energy are scaled")
    limit: float | None = Field(None, ge=0, le=MOST_MW * 1000, description="power limit either way, kW")
    soc_min: float | None = Field(None, ge=0, le=100)
    soc_max: float | None = Field(None, ge=0, le=100)
    method: Literal["measured", "controlled"] = Field(
        "measured", description="power as measured, or moved each second to the nearest one that is permitted; both cut at the limits"
    )


class FeesBody(TypedDict):
    capacity: float
    performance: float
    energy: float
    total: float


class CauseBody(TypedDict):
    """Seconds `start` … `end` (exclusive) whose rolling score is the worst. `kind`: gap, soc, trip, slow, envelope; `late_s` of a slow
    answer; `away_kw` how far the second that counted (`at`) lay outside the band, above +."""

    start: str
    end: str
    kind: str
    rolling: float
    silent_s: int
    at: str | None
    away_kw: float
    frequency: float | None
    power_kw: float | None
    late_s: int
    soc: float | None


class StandingBody(TypedDict):
    """A span second by second so far: `rate` and `index` are locked in (they can only fall), money is what it comes to when the rest goes
    well, at best, and without the seconds that set the rate, each run of which alone costs `lost`."""

    seconds: int
    of: int
    rate: float
    index: float
    earns: FeesBody | None
    best: FeesBody | None
    without_worst: FeesBody | None
    lost: float | None
    causes: list[CauseBody]
    causes_total: int


class JudgedBody(TypedDict):
    product: str
    power: float
    rate: float
    index: float
    fees: FeesBody | None
    rules: str


class SpanBody(TypedDict):
    start: str
    end: str
    product: str
    power: float
    price: float
    state: str
    rules: str | None
    verified: bool | None
    rate: float | None
    index: float | None
    fees: FeesBody | None
    coverage: float | None
    doubt: str
    standing: StandingBody | None


class SettlementBody(TypedDict):
    spans: list[SpanBody]
    total: float | None


class PairBody(TypedDict):
    """A settled span, and what it would have been."""

    start: str
    end: str
    was: JudgedBody
    would: JudgedBody


class ReplayBody(TypedDict):
    """`simulated` is always true; `method` is what was done to the power; `cut_s` seconds were cut by a limit; `missing`: limits that could
    not be applied (no-racks, no-soc, no-energy: the plant does not tell what they need)."""

    simulated: bool
    method: str
    cut_s: int
    missing: list[str]
    was: float | None
    would: float | None
    spans: list[PairBody]


def settlement(context: Context, params: SettlementParams) -> SettlementBody:
    """Judged anew each time. `standing` is told for windows of up to three hours."""
    store, now, site = context.store, context.clock(), context.config.site_id
    span = _window(context, params, now)
    found = [one for one in spans(store, site, span, now) if one.end > span.start]
    closely = {}
    if span.length <= 3 * HOUR:
        closely = {(one.span.start, one.span.event.index): one for one in scored(store, site, span, now)}
    keyed = [((one.start, one.event.index), one) for one in found]
    return {"spans": [_span(context, one, closely.get(key)) for key, one in keyed], "total": earned(found).total}


def replay(context: Context, params: ReplayParams) -> ReplayBody:
    """The settled spans beside what they would have been."""
    store, now, site = context.store, context.clock(), context.config.site_id
    span, bid = _window(context, params, now), _bid(params)
    made = compared(store, site, span, now, bid, [one for one in spans(store, site, span, now) if one.end > span.start])
    was, would = (earned(side).total for side in zip(*made.pairs, strict=True)) if made.pairs else (None, None)
    return {
        "simulated": True,
        "method": made.method,
        "cut_s": made.cut,
        "missing": list(made.missing),
        "was": was,
        "would": would,
        "spans": [{"start": iso(a.start), "end": iso(a.end), "was": _judged(a), "would": _judged(b)} for a, b in made.pairs],
    }


def _window(context: Context, params: SettlementParams, now: int) -> Window:
    if params.from_ is None and params.to is None:
        return hour_of(context.store, now - GRACE - 2 * SECOND)
    if params.from_ is None or params.to is None:
        raise invalid([FieldError(("query", "from" if params.from_ is None else "to"), "missing", "give from and to, or neither")])
    span = window(params.from_, params.to, ("from", "to"))
    if span.length > LONGEST:
        raise invalid([FieldError(("query", "to"), "too_many", "ask for at most 31 days")])
    return span


def _bid(params: ReplayParams) -> Bid:
    if params.product is not None and params.product not in PRODUCTS:
        raise invalid([FieldError(("query", "product"), "value_error", f"no product; known: {', '.join(PRODUCTS)}", params.product)])
    low, high = params.soc_min, params.soc_max
    if low is not None and high is not None and low >= high:
        raise invalid([FieldError(("query", "soc_max"), "value_error", "soc_max lies above soc_min", high)])
    return Bid(params.product, params.power, params.price, params.racks, params.limit, low, high, params.method)


def _span(context: Context, one: Span, closely: Seconds | None) -> SpanBody:
    period, rules = one.period, one.rules
    return {
        "start": iso(one.start),
        "end": iso(one.end),
        "product": rules.title if rules else one.event.mode,
        "power": one.event.power,
        "price": one.event.price,
        "state": one.state,
        "rules": rules.name if rules else None,
        "verified": rules.verified if rules else None,
        "rate": period.rate if period else None,
        "index": period.q if period else None,
        "fees": _fees(period.fees if period else None),
        "coverage": period.coverage if period else None,
        "doubt": period.doubt if period else "",
        "standing": _standing(context, closely) if closely else None,
    }


def _fees(fees: Fees | None) -> FeesBody | None:
    if fees is None:
        return None
    return {"capacity": fees.capacity, "performance": fees.performance, "energy": fees.energy, "total": fees.total}


def _judged(span: Span) -> JudgedBody:
    assert span.period is not None and span.rules is not None
    return {
        "product": span.rules.title,
        "power": span.event.power,
        "rate": span.period.rate,
        "index": span.period.q,
        "fees": _fees(span.period.fees),
        "rules": span.rules.name,
    }


def _standing(context: Context, one: Seconds) -> StandingBody:
    stands = one.standing
    told, total = explained(context.store, one, MOST_CAUSES)
    causes: list[Any] = [
        {
            "start": iso(cause.start),
            "end": iso(cause.end),
            "kind": cause.kind or "",
            "rolling": cause.rolled,
            "silent_s": cause.silent,
            "at": None if cause.at is None else iso(cause.at),
            "away_kw": round(cause.away, 3),
            "frequency": cause.hz,
            "power_kw": cause.kw,
            "late_s": cause.late,
            "soc": cause.soc,
        }
        for cause in told
    ]
    return {
        "seconds": stands.seconds,
        "of": stands.of,
        "rate": stands.rate,
        "index": stands.q,
        "earns": _fees(stands.now),
        "best": _fees(stands.best),
        "without_worst": _fees(stands.without),
        "lost": stands.lost,
        "causes": causes,
        "causes_total": total,
    }


_FEES = {"capacity": 0.0, "performance": 1400.0, "energy": 0.0, "total": 1400.0}
_FULL = {"capacity": 0.0, "performance": 1750.0, "energy": 0.0, "total": 1750.0}
_EXAMPLE = {
    "spans": [
        {
            "start": "2024-01-01T06:00:00Z",
            "end": "2024-01-01T07:00:00Z",
            "product": "dReg0.5",
            "power": 5.0,
            "price": 0.0,
            "state": "running",
            "rules": "dReg0.5 (2020-01-01)",
            "verified": True,
            "rate": None,
            "index": None,
            "fees": None,
            "coverage": None,
            "doubt": "",
            "standing": {
                "seconds": 1790,
                "of": 3600,
                "rate": 94.0,
                "index": 0.8,
                "earns": _FEES,
                "best": _FULL,
                "without_worst": _FULL,
                "lost": 350.0,
                "causes": [
                    {
                        "start": "2024-01-01T06:12:03Z",
                        "end": "2024-01-01T06:12:05Z",
                        "kind": "slow",
                        "rolling": 94.0,
                        "silent_s": 0,
                        "at": "2024-01-01T06:12:00Z",
                        "away_kw": 280.0,
                        "frequency": 60.0,
                        "power_kw": 730.0,
                        "late_s": 3,
                        "soc": None,
                    }
                ],
                "causes_total": 1,
            },
        }
    ],
    "total": None,
}
_REPLAYED = {
    "simulated": True,
    "method": "measured",
    "cut_s": 0,
    "missing": [],
    "was": 1400.0,
    "would": 3500.0,
    "spans": [
        {
            "start": "2024-01-01T06:00:00Z",
            "end": "2024-01-01T07:00:00Z",
            "was": {"product": "dReg0.5", "power": 5.0, "rate": 94.0, "index": 0.8, "fees": _FEES, "rules": "dReg0.5 (2020-01-01)"},
            "would": {
                "product": "dReg0.5",
                "power": 10.0,
                "rate": 100.0,
                "index": 1.0,
                "fees": {"capacity": 0.0, "performance": 3500.0, "energy": 0.0, "total": 3500.0},
                "rules": "dReg0.5 (2020-01-01)",
            },
        }
    ],
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/settlement",
        tag="schedule",
        summary="How awarded hours stand",
        call=settlement,
        params=SettlementParams,
        reply=SettlementBody,
        example=_EXAMPLE,
        errors=(422,),
        description="Each awarded span with its rule set, rate, index, fees and coverage; of windows up to three hours also what is locked "
        "in, which seconds set it, why, and what they cost. Without a window the hour that runs.",
    ),
    Operation(
        method="GET",
        path="/api/v1/settlement/replay",
        tag="schedule",
        summary="Awarded hours under another bid or limit",
        call=replay,
        params=ReplayParams,
        reply=ReplayBody,
        example=_REPLAYED,
        errors=(422,),
        access="simulate",
        description="The seconds that were measured, judged under another product, power or price, with fewer racks or within limits of "
        "power and charge. A simulation, and marked as one: `method` says what was done to the power.",
    ),
)
