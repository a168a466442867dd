"""Influx line protocol at the door, as Telegraf and the client libraries of InfluxDB 1 and 2 send it."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from api.contract import PUBLIC, Answer, Batch, Context, Ingest, Operation
from api.errors import BadRequest, PartialWrite
from api.foreign.line_protocol import NANOSECONDS, parse
from api.foreign.sorting import batch_of
from datastore.ports import Outcome

TEXT = "text/plain"
VERSION_SPOKEN = "1.8.10"
"""The last InfluxDB whose dialect `/write` speaks: clients decide by it what to send."""
_NAMED = 5
"""Broken lines that the message quotes; the details list more."""
_LISTED = 100


class WriteV2(BaseModel):
    """Unit of the timestamps; `org` and `bucket` are read and mean nothing here: there is one plant."""

    precision: Literal["ns", "us", "ms", "s"] = "ns"
    org: str | None = None
    bucket: str | None = None


class WriteV1(BaseModel):
    """Unit of the timestamps; `db` and `rp` are read and mean nothing here: there is one plant."""

    precision: Literal["ns", "n", "us", "u", "µ", "ms", "s", "m", "h"] = "ns"
    db: str | None = None
    rp: str | None = None


def decode(context: Context, params: WriteV1 | WriteV2, body: bytes, media: str) -> Batch:
    """The lines that can be kept. Raises BadRequest when none can be read."""
    points, broken = parse(body, NANOSECONDS[params.precision])
    batch = batch_of(context, "influx", points, broken)
    if batch.rejected and not batch.blocks and len(batch.rejected) >= batch.rows:
        raise BadRequest(f"unable to parse: {_quoted(batch.rejected)}", rejected=batch.rejected[:_LISTED])
    return batch


def answer(batch: Batch, outcomes: Sequence[Outcome]) -> Answer:
    """204, also while the lines wait in the spool: they are on disk, and a sender of this protocol knows nothing between kept and
    refused. Raises PartialWrite when some lines stay outside."""
    if batch.rejected:
        kept = sum(len(block) for block in batch.blocks)
        raise PartialWrite(
            f"partial write: {_quoted(batch.rejected)} dropped={len(batch.rejected)}", rejected=batch.rejected[:_LISTED], accepted=kept
        )
    spooled = sum(outcome.spooled for outcome in outcomes)
    return Answer(b"", 204, headers=(("X-Spooled", str(spooled)),) if spooled else ())


def _quoted(rejected: Sequence[dict[str, object]]) -> str:
    lines = [f"line {int(str(row['index'])) + 1}: {row['reason']}" for row in rejected[:_NAMED]]
    return "; ".join(lines) + (f"; and {len(rejected) - _NAMED} more;" if len(rejected) > _NAMED else ";")


class PingParams(BaseModel):
    """Nothing is asked that would be answered otherwise."""

    verbose: str | None = Field(None, description="read and without meaning here")


def ping(context: Context, params: PingParams) -> Answer:
    """As InfluxDB 1 answers it."""
    return Answer(b"", 204, headers=(("X-Influxdb-Version", VERSION_SPOKEN), ("X-Influxdb-Build", "Voltdeck")))


_LINES = (
    "battery,device=bess01,kind=bess soc=67.5,voltage=825.3,current=-150.5 1769256300000000000\n"
    "battery,host=bess02,kind=bess soc=54.1,mode=2i 1769256300000000000\n"
)
_DESCRIPTION = (
    "The tag `device`, or else `host`, names the device. Fields that are called as a metric of the catalogue are that metric, others as "
    "FOREIGN_MAPPING says; those nobody knows are counted (GET /api/v1/foreign) and the answer stays 204. 400 names broken lines; the "
    "others are kept. While the store does not answer, lines wait on disk and the answer is 204 with `X-Spooled`."
)


def _write(path: str, params: type[BaseModel], version: int) -> Ingest:
    return Ingest(
        method="POST",
        path=path,
        tag="foreign",
        summary=f"Influx line protocol, as InfluxDB {version} takes it",
        params=params,
        decode=decode,
        answer=answer,
        status=204,
        media=(),
        errors=(400, 413, 415),
        body_schema={TEXT: {"type": "string"}},
        body_examples={TEXT: _LINES},
        empty_is_good=True,
        also_media=("application/x-www-form-urlencoded", "application/octet-stream"),  # curl's and others' default
        description=_DESCRIPTION,
    )


OPERATIONS = (
    _write("/api/v2/write", WriteV2, 2),
    _write("/write", WriteV1, 1),
    Operation(
        method="GET",
        path="/ping",
        tag="foreign",
        summary="Whether anybody is there, as InfluxDB answers it",
        call=ping,
        params=PingParams,
        status=204,
        media=(),
        access=PUBLIC,
        quota="",
    ),
)
