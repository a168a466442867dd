"""Vectors (cells, strings, MPPTs) over time: as a heat map of their elements, or how their values are distributed."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.contract import Answer, Context, Instant, Operation, window
from api.errors import FieldError, invalid
from api.routes.series import plain_list, zone_of
from datastore.vectors import QUANTILES, Distribution, Heat, distribution, heat
from plant.errors import DeviceNotFound, MetricNotFound
from plant.metrics import metric
from plant.model import DAY, Window
from plant.timeline import iso

MAX_SPAN = 400 * DAY
MAX_CELLS = 500_000
"""Numbers of one kind (mean, min, max) a heat map may hold."""
Name = Annotated[str, Field(min_length=1, max_length=200)]
Row = list[float | None]


class VectorParams(BaseModel):
    """Which vector metric of which device, which window (`from` inclusive, `to` exclusive), in at most how many buckets."""

    device: Name = Field(examples=["bess01-rack01"])
    metric: Name = Field(examples=["cell_voltages"])
    from_: Instant = Field(alias="from")
    to: Instant
    points: int = Field(200, ge=1, le=2_000, description="at most how many buckets; their width is that of /series")
    view: Literal["heatmap", "distribution"] = "heatmap"
    tz: str | None = Field(None, description="IANA zone of calendar days; the site's when not given")
    as_of: Instant | None = Field(None, description="answer with what had been received by then")


class VectorsBody(TypedDict, total=False):
    device_id: str
    metric: str
    unit: str
    view: str
    zone: str
    resolution_s: float
    timestamps: list[int]
    n: list[int]
    mean: list[Row] | Row
    min: list[Row]
    max: list[Row]
    quantiles: dict[str, Row]
    values: list[float]
    counts: list[int]


VectorsAnswer = TypedDict("VectorsAnswer", {"from": str, "to": str, "vectors": VectorsBody})


def vectors(context: Context, params: VectorParams) -> Answer:
    """Raises DeviceNotFound, MetricNotFound, Invalid for a metric that is a single number."""
    span = window(params.from_, params.to, ("from", "to"))
    if span.length > MAX_SPAN:
        raise invalid([FieldError(("query", "to"), "too_many", "ask for at most 400 days of vectors")])
    kind = _kind(context, params.device, params.metric)
    zone = zone_of(params.tz or context.config.site_tz)
    telemetry, name = context.store.telemetry, params.metric
    common: VectorsBody = {
        "device_id": params.device, "metric": name, "unit": metric(name).unit, "view": params.view, "zone": zone.key,
    }  # fmt: skip
    make = heat if params.view == "heatmap" else distribution
    found = make(telemetry, params.device, kind, name, span, points=params.points, zone=zone.key, as_of=params.as_of)
    if isinstance(found, Heat) and found.mean.size > MAX_CELLS:
        raise invalid([FieldError(("query", "points"), "too_many", f"more than {MAX_CELLS} cells; ask for fewer points", params.points)])
    body = common | {"resolution_s": found.resolution / 1000, "timestamps": found.at.tolist(), "n": found.n.tolist()} | _body(found)
    return Answer(_answer(span, body))


def _answer(span: Window, body: Any) -> VectorsAnswer:
    return {"from": iso(span.start), "to": iso(span.end), "vectors": body}


def _body(found: Heat | Distribution) -> VectorsBody:
    if isinstance(found, Heat):
        return {"mean": _rows(found.mean), "min": _rows(found.min), "max": _rows(found.max)}
    quantiles = {f"{share:g}": plain_list(found.quantiles[:, j]) for j, share in enumerate(QUANTILES)}
    return {"mean": plain_list(found.mean), "quantiles": quantiles, "values": found.values.tolist(), "counts": found.counts.tolist()}


def _rows(matrix: Any) -> list[Row]:
    return [plain_list(row) for row in matrix]


def _kind(context: Context, device_id: str, name: str) -> str:
    """The kind of this device that has the vector. Raises DeviceNotFound, MetricNotFound, Invalid."""
    wanted = metric(name)
    if not wanted.is_vector:
        raise invalid([FieldError(("query", "metric"), "value_error", f"{name} is a single number; ask for its series", name)])
    kinds = [device.kind for device in context.store.records.devices() if device.device_id == device_id]
    if not kinds:
        raise DeviceNotFound(device_id)
    if not (having := [kind for kind in kinds if kind in wanted.kinds]):
        raise MetricNotFound(name, kinds=sorted(kinds))
    return having[0]


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/vectors",
        tag="readings",
        summary="Cells, strings or MPPTs over time: heat map or distribution",
        call=vectors,
        params=VectorParams,
        reply=VectorsAnswer,
        errors=(404, 422),
        description="`heatmap`: `mean`, `min`, `max` have a row per bucket and a column per element. `distribution`: `mean` and "
        "`quantiles` (0 … 1) per bucket over all elements; `values` and `counts` are the histogram of the whole window, at the "
        "metric's decimals. Buckets without readings are null.",
        example={
            "from": "2026-01-24T12:00:00Z",
            "to": "2026-01-24T12:02:00Z",
            "vectors": {
                "device_id": "bess01-rack01",
                "metric": "cell_voltages",
                "unit": "V",
                "view": "heatmap",
                "zone": "Asia/Taipei",
                "resolution_s": 60,
                "timestamps": [1769256000000, 1769256060000],
                "n": [6, 0],
                "mean": [[3.301, 3.298], [None, None]],
                "min": [[3.3, 3.297], [None, None]],
                "max": [[3.302, 3.299], [None, None]],
            },
        },
    ),
)
