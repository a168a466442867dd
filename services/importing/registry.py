"""The formats we read; adding one is a file and a line here."""

from collections.abc import Mapping, Sequence

from services.importing import bms_archive, leafspy, native_csv, nrel_pv, powerwall
from services.importing.formats import BadFile, Format

FORMATS: Mapping[str, Format] = {module.FORMAT.name: module.FORMAT for module in (leafspy, nrel_pv, powerwall, native_csv)}
"""Name (what `--format` takes) → format."""

ARCHIVE = bms_archive.NAME
"""The one format that is a folder, not a file."""


def choose(header: Sequence[str], name: str | None = None) -> Format:
    """The format called `name`, else the one that recognises this header. Raises BadFile."""
    if name is not None:
        if name not in FORMATS:
            raise BadFile(f"'{name}' is not a format; formats are {', '.join(FORMATS)}")
        return FORMATS[name]
    found = [form for form in FORMATS.values() if form.recognises(header)]
    if not found:
        shown = ", ".join(cell.strip() for cell in header[:4])
        raise BadFile(f"no format fits a header that begins with '{shown[:120]}'; say --format {'|'.join(FORMATS)}")
    return found[0]
