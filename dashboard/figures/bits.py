"""Words of a device as rows of sixteen bits: which are set, and what they mean."""

from dataclasses import dataclass
from typing import Any

from dash import html

from dashboard.page import Scope, Table
from dashboard.words import word

WIDTH = 16


@dataclass(frozen=True, slots=True)
class Bits:
    """One word: its `key`, what bits that are set mean for the plant (`tone`: "", warning or alarm), and the names of its bits, lowest
    first, as far as somebody told them."""

    key: str
    tone: str
    names: tuple[str, ...]


def bits(table: Table, scope: Scope) -> html.Div:
    """`table.columns`: `word` (name), `value` (0…65535, None = never said), `text` (what is set), one row per word;
    `table.more["bits"]` are the Bits of the same rows. The highest bit stands left, as in the hexadecimal number beside it."""
    rows = zip(table.more["bits"], *(table.columns[name] for name in ("word", "value", "hex", "text")), strict=True)
    head = [html.Span(str(bit), className="vd-bit-number") for bit in reversed(range(WIDTH))]
    top = html.Div([html.Span(), html.Span(), html.Div(head, className="vd-bit-row"), html.Span()], className="vd-word vd-word-head")
    return html.Div([top, *(_row(spec, *row, scope=scope) for spec, *row in rows)], className="vd-words")


def _row(spec: Bits, name: str, value: int | None, code: str, text: str, *, scope: Scope) -> html.Div:
    tone = spec.tone if value else ""
    return html.Div(
        [
            html.Strong(name),
            html.Code(code),
            html.Div([_bit(spec, bit, value, scope) for bit in reversed(range(WIDTH))], className="vd-bit-row"),
            html.Span(text, **{"data-tone": tone or ("set" if value else "")}),
        ],
        className="vd-word",
    )


def _bit(spec: Bits, bit: int, value: int | None, scope: Scope) -> html.I:
    known = spec.names[bit] if bit < len(spec.names) else ""
    is_set = value is not None and bool(value >> bit & 1)
    state = word("bits.silent" if value is None else "bits.set" if is_set else "bits.clear", scope.lang)
    title = f"{bit}: {known} · {state}" if known else f"{bit}: {state}"
    marks: dict[str, Any] = {"data-on": spec.tone or "set"} if is_set else {}
    return html.I(title=title, className="vd-bit", **({"role": "img", "aria-label": title} if is_set else {"aria-hidden": "true"}), **marks)
