"""Our own CSV: `device_id,timestamp,<metric>,…`, optionally `kind` and `site_id`. Metric names and units are the catalogue's, signs ours
(discharge positive). Times are ISO 8601 or epoch; naive ones are in --zone, UTC by default. A vector's elements are parted by `;`."""

import math
from collections.abc import Sequence

from plant import timeline
from plant.metrics import CATALOGUE, Metric
from plant.model import Device, Reading, Value
from services.importing.formats import BadCell, BadFile, Columns, Format, Opened, Source, missing, spoken

RESERVED = ("device_id", "timestamp", "kind", "site_id")


def recognises(header: Sequence[str]) -> bool:
    """Its first two names."""
    return [name.strip() for name in header[:2]] == ["device_id", "timestamp"]


def open_file(source: Source) -> Opened:
    """Every column must be in the catalogue; the kind is the column's, else the registered device's, else the only one that has all
    metrics."""
    missing(source.header, RESERVED[:2])
    columns = Columns.of(source.header)
    names = [name for name in columns.places if name not in RESERVED and name]
    unknown = [name for name in names if name not in CATALOGUE]
    if unknown or not names:
        raise BadFile(f"{', '.join(unknown)[:200] or 'no column'} is not in the metric catalogue")
    metrics = [CATALOGUE[name] for name in names]
    fitting = [kind for kind in metrics[0].kinds if all(kind in metric.kinds for metric in metrics)]
    if not fitting and "kind" not in columns:
        raise BadFile("no kind of device has all these metrics; add a column `kind`, or make a file per kind")

    def decode(cells: Sequence[str]) -> list[Reading]:
        device_id = source.device or columns.text(cells, "device_id")
        kind = columns.text(cells, "kind") if "kind" in columns else _kind(device_id, fitting, source)
        values: dict[str, Value | None] = {metric.name: _value(columns, cells, metric) for metric in metrics}
        try:
            at = timeline.parse(columns.text(cells, "timestamp"), source.zone)
        except BadCell:
            raise
        except ValueError as error:
            raise BadCell("timestamp", str(error)) from None
        said = spoken(values)
        if not said:
            raise BadCell(metrics[0].name, "the line holds no value")
        strange = next((name for name in said if kind not in CATALOGUE[name].kinds), None)
        if strange:
            raise BadCell(strange, f"a device of kind '{kind[:40]}' has no such metric")
        return [Reading(device_id, kind, at, said)]

    return Opened(decode, lambda device_id, kind: Device(device_id, kind, device_id, info={"source": source.stem, "format": FORMAT.name}))


def _kind(device_id: str, fitting: Sequence[str], source: Source) -> str:
    registered = [kind for kind in source.kinds.get(device_id, ()) if kind in fitting]
    candidates = registered or fitting
    if len(candidates) > 1:
        choice = " or ".join(candidates)
        raise BadCell("device_id", f"'{device_id[:40]}' may be {choice}: add a column `kind`, or register the device first")
    return candidates[0]


def _value(columns: Columns, cells: Sequence[str], metric: Metric) -> Value | None:
    if not metric.is_vector:
        return columns.number(cells, metric.name)
    text = cells[columns.places[metric.name]].strip()
    if not text:
        return None
    try:
        elements = [float(part) if part.strip() else None for part in text.split(";")]
    except ValueError:
        raise BadCell(metric.name, f"'{text[:40]}' is not a list of numbers parted by ;") from None
    if any(element is not None and not math.isfinite(element) for element in elements):
        raise BadCell(metric.name, f"'{text[:40]}' holds a number that is not finite")
    return elements


FORMAT = Format("native_csv", "Voltdeck CSV: device_id, timestamp, metrics", recognises, open_file)
