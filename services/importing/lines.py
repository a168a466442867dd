"""The lines of a text file as cells, one at a time: a broken line spoils only itself, memory stays bounded whatever the file."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from services.importing.formats import BadFile

LONGEST = 1 << 20
BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Line:
    """Line `number` (from 1) up to byte `end` of the file: its cells, or why there are none."""

    number: int
    end: int
    cells: list[str]
    fault: str = ""


def read_lines(file: BinaryIO) -> Iterator[Line]:
    """Every line that is not blank; CRLF and a byte order mark are taken away. Quotes end with their line: a stray one must not
    swallow the rest of the file. Raises BadFile for UTF-16."""
    number = end = 0
    delimiter = ","
    while raw := file.readline(LONGEST):
        number += 1
        end += len(raw)
        if number == 1:
            if raw.startswith(_UTF16):
                raise BadFile("the file is UTF-16; save it as UTF-8")
            raw = raw.removeprefix(BOM)
            delimiter = ";" if b";" in raw and b"," not in raw else ","
        if len(raw) == LONGEST and not raw.endswith(b"\n"):
            end += _skip_line(file)
            yield Line(number, end, [], f"the line is longer than {LONGEST >> 20} MiB")
            continue
        if raw.strip():
            yield _line(number, end, raw, delimiter)


def _line(number: int, end: int, raw: bytes, delimiter: str) -> Line:
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return Line(number, end, [], "the line is not UTF-8 text")
    if "\0" in text:
        return Line(number, end, [], "the line holds NUL characters")
    try:
        return Line(number, end, next(csv.reader([text], delimiter=delimiter), []))
    except csv.Error as error:
        return Line(number, end, [], f"the line is not CSV: {error}")


def _skip_line(file: BinaryIO) -> int:
    skipped = 0
    while raw := file.readline(LONGEST):
        skipped += len(raw)
        if raw.endswith(b"\n"):
            break
    return skipped
