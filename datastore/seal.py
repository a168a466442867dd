"""Columns into small blobs and back, without loss. The same blob serves every backend.

A scalar column [n] or a vector column [n, width] of float64 becomes: a header, a presence mask when some rows are silent,
and the numbers that are there, compressed with pcodec. Numbers that are all multiples of 10⁻ᵏ (k ≤ 4, what sensors send) are
kept as integers, which packs tighter and decodes faster; the way back is checked to give the identical float64.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from pcodec import ChunkConfig, standalone

from datastore.ports import Instants, Numbers

_HEADER = struct.Struct("<BBbBII")  # version, form, decimal exponent (-1 = float64), reserved, rows, width (0 = scalar)
_VERSION = 1
_CONSTANT, _MASKED = 1, 2
_CONFIG = ChunkConfig(compression_level=8)
_EXACT = float(2**53)
_POWERS = tuple(10.0**k for k in range(5))


def decimals(values: Numbers) -> int | None:
    """The smallest k ≤ 4 for which every finite value is a whole multiple of 10⁻ᵏ, found again exactly; None when there is none."""
    head = values[:8]
    for k, power in enumerate(_POWERS):
        if _is_whole(head, power) and (head.size == values.size or _is_whole(values, power)):
            return k
    return None


def _is_whole(values: Numbers, power: float) -> bool:
    if not (np.abs(values) < _EXACT / power).all():
        return False
    return bool((np.rint(values * power) / power == values).all())


def pack(values: Numbers) -> bytes:
    """Float64 [n] or [n, width] with NaN for silent → blob."""
    width = values.shape[1] if values.ndim == 2 else 0
    silent = np.isnan(values) if values.ndim == 1 else np.isnan(values).all(axis=1)
    mask = b""
    form = 0
    kept = values
    if silent.any():
        packed = zlib.compress(np.packbits(silent).tobytes(), 6)
        mask = struct.pack("<I", len(packed)) + packed
        form |= _MASKED
        kept = values[~silent]
    flat = np.ascontiguousarray(kept, dtype=np.float64).reshape(-1)
    # elements missing inside a vector stay NaN among floats: pcodec keeps every bit
    exponent = None if np.isnan(flat).any() else decimals(flat)
    if flat.size and (flat == flat[0]).all():
        form |= _CONSTANT
        body = struct.pack("<d", flat[0])
        exponent = None
    elif not flat.size:
        body = b""
    elif exponent is None:
        body = standalone.simple_compress(flat, _CONFIG)
    else:
        body = _pack_whole(np.rint(flat * _POWERS[exponent]).astype(np.int64))
    return _HEADER.pack(_VERSION, form, -1 if exponent is None else exponent, 0, len(values), width) + mask + body


def _pack_whole(whole: Instants) -> bytes:
    small = int(whole.min()) >= -(2**31) and int(whole.max()) < 2**31
    return bytes(standalone.simple_compress(whole.astype(np.int32) if small else whole, _CONFIG))


def unpack(blob: bytes) -> Numbers:
    """Blob → float64 [n] or [n, width], NaN for silent. Raises ValueError for a blob of another version."""
    version, form, exponent, _, rows, width = _HEADER.unpack_from(blob)
    if version != _VERSION:
        raise ValueError(f"chunk of version {version}, this release reads version {_VERSION}")
    offset = _HEADER.size
    silent = None
    if form & _MASKED:
        (length,) = struct.unpack_from("<I", blob, offset)
        offset += 4
        silent = np.unpackbits(np.frombuffer(zlib.decompress(blob[offset : offset + length]), np.uint8), count=rows).astype(bool)
        offset += length
    spoken = rows - (int(silent.sum()) if silent is not None else 0)
    flat = _numbers(blob[offset:], form, exponent, spoken * (width or 1))
    shaped = flat.reshape(spoken, width) if width else flat
    if silent is None:
        return shaped
    values = np.full((rows, width) if width else rows, np.nan)
    values[~silent] = shaped
    return values


def _numbers(body: bytes, form: int, exponent: int, count: int) -> Numbers:
    if not count:
        return np.empty(0)
    if form & _CONSTANT:
        return np.full(count, struct.unpack("<d", body)[0])
    found = standalone.simple_decompress(body)
    if exponent < 0:
        return found  # type: ignore[no-any-return]
    return found / _POWERS[exponent] if exponent else found.astype(np.float64)  # type: ignore[no-any-return]


def is_dense(blob: bytes) -> bool:
    """Whether every row of this blob speaks, read from the header alone."""
    return not blob[1] & _MASKED


def pack_whole(values: Instants) -> bytes:
    """Int64 [n] (instants, quality words) → blob."""
    if len(values) and (values == values[0]).all():
        return b"c" + struct.pack("<Iq", len(values), int(values[0]))
    return b"p" + standalone.simple_compress(np.ascontiguousarray(values, dtype=np.int64), _CONFIG)  # type: ignore[no-any-return]


def unpack_whole(blob: bytes) -> Instants:
    """Blob of `pack_whole` → int64 [n]."""
    if blob[:1] == b"c":
        count, value = struct.unpack_from("<Iq", blob, 1)
        return np.full(count, value, dtype=np.int64)
    found = standalone.simple_decompress(blob[1:])
    return np.empty(0, np.int64) if found is None else found


_SILENT = -32768


def pack_vector(elements: Sequence[float | None]) -> bytes:
    """One vector reading → a small blob: int16 multiples of 10⁻ᵏ where that is exact, else float64; None elements are kept.

    Not compressed: a hot row lives for hours, and must cost microseconds.
    """
    values = np.array(elements, dtype=np.float64)
    silent = np.isnan(values)
    spoken = values[~silent]
    exponent = decimals(spoken)
    if exponent is None or (np.abs(spoken) * _POWERS[exponent] >= -_SILENT - 0.5).any():
        return b"d" + values.astype("<f8").tobytes()
    whole = np.full(len(values), _SILENT, dtype="<i2")
    whole[~silent] = np.rint(spoken * _POWERS[exponent])
    return b"%d" % exponent + whole.tobytes()


def unpack_vector(blob: bytes) -> Numbers:
    """Blob of `pack_vector` → float64 [width], NaN for None."""
    if blob[:1] == b"d":
        return np.frombuffer(blob, "<f8", offset=1).copy()
    whole = np.frombuffer(blob, "<i2", offset=1)
    return np.where(whole == _SILENT, np.nan, whole / _POWERS[int(blob[:1])])


def stack(rows: Sequence[Numbers | None]) -> Numbers:
    """Vectors of differing widths, None for silent → float64 [n, widest], padded with NaN."""
    width = max((len(row) for row in rows if row is not None), default=0)
    matrix = np.full((len(rows), width), np.nan)
    for place, row in zip(matrix, rows, strict=True):
        if row is not None:
            place[: len(row)] = row
    return matrix


def elements(row: Any) -> list[float | None]:
    """A vector as the ports hand it out: None where an element is silent, padding at the end dropped."""
    values: list[float | None] = [None if value != value else float(value) for value in row]
    while values and values[-1] is None:
        values.pop()
    return values
