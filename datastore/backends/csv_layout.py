"""The CSV archive of S0: which file `BESS/<device>/<metric>.csv` holds which quantity of which device.

A file has the header `ts,<metric>` and one metric. The folder's name is the id of a battery system (kind `bess`, the `bms1_…` files)
and of its converter (kind `pcs`, the `pcs1_…` files). Cells (`bms1_p2_v13` = pack 2, cell 13; `…_t…` for temperatures) are elements
of the vectors of one rack `<device>-rack01`: pack by pack, each pack as wide as the widest, so that pack p, cell c of w is element
(p − 1)·w + (c − 1); a cell without a file stays silent. Units are the catalogue's (apparent power is labelled kW in S0 and is kVA);
S0 does not say which sign charging has, so numbers stay as they are (`Device.sign` turns them).
"""

import gzip
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from datastore.vetting import LONGEST_VECTOR, id_fault
from plant.model import Device, Kind

FOLDER = "BESS"
TIME_NAMES = ("ts", "time", "timestamp")
LONGEST_HEADER = 4096
BOM = b"\xef\xbb\xbf"

METRICS: Mapping[str, tuple[str, str]] = {
    "bms1_soc": (Kind.BESS, "soc"),
    "bms1_soh": (Kind.BESS, "soh"),
    "bms1_v": (Kind.BESS, "voltage"),
    "bms1_c": (Kind.BESS, "current"),
    "bms1_cell_ave_v": (Kind.BESS, "cell_avg_voltage"),
    "bms1_cell_ave_t": (Kind.BESS, "cell_avg_temp"),
    "bms1_cell_max_v": (Kind.BESS, "cell_max_voltage"),
    "bms1_cell_min_v": (Kind.BESS, "cell_min_voltage"),
    "bms1_cell_v_diff": (Kind.BESS, "cell_voltage_diff"),
    "bms1_cell_t_diff": (Kind.BESS, "cell_temp_diff"),
    "pcs1_ap": (Kind.PCS, "apparent_power"),
    "pcs1_dcc": (Kind.PCS, "dc_current"),
    "pcs1_dcv": (Kind.PCS, "dc_voltage"),
    "pcs1_ia": (Kind.PCS, "ac_current_a"),
    "pcs1_ib": (Kind.PCS, "ac_current_b"),
    "pcs1_ic": (Kind.PCS, "ac_current_c"),
    "pcs1_uab": (Kind.PCS, "ac_voltage_ab"),
    "pcs1_ubc": (Kind.PCS, "ac_voltage_bc"),
    "pcs1_uca": (Kind.PCS, "ac_voltage_ca"),
    "pcs1_t_env": (Kind.PCS, "temp_environment"),
    "pcs1_t_a": (Kind.PCS, "temp_ambient"),
    "pcs1_t_igbt": (Kind.PCS, "temp_igbt"),
}
"""File name without suffix → kind and metric of the catalogue."""

_CELL = re.compile(r"bms1_p([1-9]\d{0,3})_([vt])([1-9]\d{0,3})\Z", re.ASCII)
_VECTORS = {"v": "cell_voltages", "t": "cell_temperatures"}


@dataclass(frozen=True, slots=True)
class MetricFile:
    """One file: the metric it holds, for a vector which element (from 0; -1 = a scalar), the delimiter, and where its rows begin."""

    path: Path
    metric: str
    element: int
    delimiter: str
    begin: int

    @property
    def is_packed(self) -> bool:
        """Whether it is compressed (gzip): offsets count unpacked bytes."""
        return self.path.suffix == ".gz"


@dataclass(frozen=True, slots=True)
class Unit:
    """One device of an archive: its files; `widths` are the lengths of its vectors."""

    device_id: str
    kind: str
    folder: str
    files: tuple[MetricFile, ...]
    widths: Mapping[str, int]

    @property
    def key(self) -> tuple[str, str]:
        return self.device_id, self.kind

    @property
    def metrics(self) -> tuple[str, ...]:
        """What its files speak of, each once."""
        return tuple(dict.fromkeys(file.metric for file in self.files))

    def device(self, source: str) -> Device:
        """As it is registered; `source` says where its readings come from."""
        parent = self.folder if self.kind == Kind.RACK else None
        return Device(self.device_id, self.kind, self.device_id, parent=parent, info={"source": source, "format": "bms-archive"})


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is not read, and why."""

    path: Path
    reason: str


def archive_folder(path: Path) -> Path | None:
    """The folder `BESS` that `path` holds or is; None when it is no archive."""
    if (path / FOLDER).is_dir():
        return path / FOLDER
    return path if path.name == FOLDER and path.is_dir() else None


def survey(folder: Path) -> tuple[list[Unit], list[Skipped]]:
    """The devices of the folder `BESS`, ordered by id and kind, and what in it is not understood. Reads only headers. Raises OSError."""
    units: list[Unit] = []
    skipped: list[Skipped] = []
    for place in sorted(folder.iterdir()):
        if not place.is_dir():
            skipped += [] if place.name.startswith(".") else [Skipped(place, "lies outside the devices' folders")]
            continue
        fault = id_fault(place.name)
        if fault:
            skipped.append(Skipped(place, f"the folder's name is no device id: {fault}"))
            continue
        units += _units(place, skipped)
    return sorted(units, key=lambda unit: unit.key), skipped


def _units(place: Path, skipped: list[Skipped]) -> Iterator[Unit]:
    scalars: dict[str, list[MetricFile]] = {}
    cells: dict[str, list[tuple[int, int, MetricFile]]] = {}
    stems: set[str] = set()
    for path in sorted(place.iterdir()):
        stem = path.name.removesuffix(".gz").removesuffix(".csv").lower()
        if path.name.startswith(".") or (not path.is_file() and stem not in METRICS):
            continue
        fault = _fault(path, stem, stems)
        cell = _CELL.match(stem)
        delimiter, begin = ",", 0
        if not fault:
            delimiter, begin, fault = _header(path, stem)
        if fault:
            skipped.append(Skipped(path, fault))
            continue
        stems.add(stem)
        if cell:
            metric = _VECTORS[cell[2]]
            cells.setdefault(metric, []).append((int(cell[1]), int(cell[3]), MetricFile(path, metric, 0, delimiter, begin)))
        else:
            kind, metric = METRICS[stem]
            scalars.setdefault(kind, []).append(MetricFile(path, metric, -1, delimiter, begin))
    for kind, files in scalars.items():
        yield Unit(place.name, kind, place.name, tuple(files), {})
    if cells:
        yield from _rack(place, cells, skipped)


def _fault(path: Path, stem: str, taken: set[str]) -> str:
    if not path.is_file():
        return "is not a file"
    if not path.name.lower().endswith((".csv", ".csv.gz")):
        return "is not a .csv file"
    if stem not in METRICS and not _CELL.match(stem):
        return f"no metric of the archive is called '{stem[:60]}'"
    return "the same metric is there uncompressed" if stem in taken else ""


def _header(path: Path, stem: str) -> tuple[str, int, str]:
    """(delimiter, byte at which the rows begin, what is wrong with the header or "")."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            raw = file.readline(LONGEST_HEADER)
    except (OSError, EOFError) as error:
        return ",", 0, f"cannot be read: {getattr(error, 'strerror', None) or error}"
    if not raw:
        return ",", 0, "the file is empty"
    text = raw.removeprefix(BOM).decode("utf-8", "replace")
    delimiter = ";" if ";" in text and "," not in text else ","
    names = [name.strip().strip('"').strip().lower() for name in text.split(delimiter)]
    while len(names) > 2 and not names[-1]:
        names.pop()
    if len(names) == 2 and names[0] in TIME_NAMES and names[1] == stem:
        return delimiter, len(raw), ""
    return delimiter, 0, f"the header is '{text.strip()[:60]}', not 'ts,{stem}'"


def _rack(place: Path, cells: Mapping[str, list[tuple[int, int, MetricFile]]], skipped: list[Skipped]) -> Iterator[Unit]:
    files: list[MetricFile] = []
    widths: dict[str, int] = {}
    for metric, found in cells.items():
        packs, width = max(pack for pack, _, _ in found), max(number for _, number, _ in found)
        if packs * width > LONGEST_VECTOR:
            skipped.append(Skipped(place, f"{packs} packs of {width} cells make a vector longer than {LONGEST_VECTOR}"))
            continue
        widths[metric] = packs * width
        files += [
            MetricFile(file.path, metric, (pack - 1) * width + number - 1, file.delimiter, file.begin)
            for pack, number, file in sorted(found, key=lambda cell: cell[:2])
        ]
    if files:
        yield Unit(f"{place.name}-rack01", Kind.RACK, place.name, tuple(files), widths)
