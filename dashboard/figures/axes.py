"""What all charts share: numbers and instants as plotly takes them, axes with units, limits, and the sentence under the pointer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard import theme
from dashboard.scope import Scope
from plant.quantity import quantity

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Figure = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limit:
    """A line of the catalogue: `severity` is warning (the edge of normal) or alarm, `above` says on which side the trouble is."""

    value: float
    severity: str
    text: str
    above: bool = True


def plain(numbers: Iterable[float] | Numbers, decimals: int) -> list[float | None]:
    """Rounded floats as a plain list, None where nothing was said: `extendTraces` takes no typed arrays, JSON no NaN."""
    rounded = np.round(np.asarray(numbers, dtype=np.float64), decimals)
    found: list[float | None] = rounded.tolist()
    if np.isfinite(rounded).all():
        return found
    return [value if value is not None and np.isfinite(value) else None for value in found]


def times(at: Any, scope: Scope) -> list[int]:
    """Epoch ms UTC [n] → whole ms as the site's wall clock shows them."""
    local: list[int] = np.asarray(scope.local(np.asarray(at, dtype=np.float64)), dtype=np.int64).tolist()
    return local


def time_axis(scope: Scope, start: int, end: int) -> dict[str, Any]:
    """A date axis over exactly the window [epoch ms UTC], in site time."""
    low, high = times([start, end], scope)
    return {"type": "date", "range": [low, high], "hoverformat": _hover(end - start), "nticks": 7}


def _hover(length: int) -> str:
    return "%d %b %H:%M:%S" if length <= 2 * 3_600_000 else "%d %b %Y %H:%M"


def value_axis(unit: str, decimals: int, **more: Any) -> dict[str, Any]:
    """A value axis whose every tick says its unit."""
    suffix = f" {unit}" if unit else ""
    return {"ticksuffix": suffix, "separatethousands": True, "nticks": 6, "zeroline": False, "rangemode": "normal", **more}


def number_format(decimals: int) -> str:
    """d3 format with thousands and fixed decimals."""
    return f",.{decimals}f"


def padded(values: Sequence[Numbers], share: float = 0.08, least: float = 0.0) -> tuple[float, float] | None:
    """Range of all finite values, padded by `share` of its length and at least `least` wide; None when there are none."""
    spoken = [numbers[np.isfinite(numbers)] for numbers in values]
    spoken = [numbers for numbers in spoken if numbers.size]
    if not spoken:
        return None
    low, high = min(float(n.min()) for n in spoken), max(float(n.max()) for n in spoken)
    width = max(high - low, least)
    middle = (high + low) / 2
    reach = width * (0.5 + share) or max(abs(middle) * share, 0.5)
    return min(low, middle - reach), max(high, middle + reach)


def limit_marks(limits: Sequence[Limit], scope: Scope, span: tuple[float, float] | None) -> tuple[list[Figure], list[Figure]]:
    """Shapes and annotations of the limits that lie within the shown range: a hairline across, its text at the left end."""
    if span is None:
        return [], []
    shapes: list[Figure] = []
    notes: list[Figure] = []
    for limit in limits:
        if not span[0] <= limit.value <= span[1]:
            continue
        colour = theme.colour(limit.severity, scope.theme)
        shapes.append(
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": limit.value,
                "y1": limit.value,
                "layer": "below",
                "line": {"color": colour, "width": 1, "dash": "dot" if limit.severity == "warning" else "dash"},
            }
        )
        notes.append(
            {
                "xref": "paper",
                "x": 0.004,
                "xanchor": "left",
                "y": limit.value,
                "yanchor": "bottom" if limit.above else "top",
                "text": limit.text,
                "font": {"size": 10, "color": colour},
                "showarrow": False,
            }
        )
    return shapes, notes


def differing(numbers: Numbers, unit: str, decimals: int) -> list[str]:
    """` · Δ +23 kW` per number; "" where it is not known."""
    return [f" · Δ {'+' if value > 0 else ''}{quantity(value, unit, decimals)}" if np.isfinite(value) else "" for value in numbers]


def remark(text: str) -> list[Figure]:
    """A sentence at the top right of a chart, if there is one."""
    corner = {"xref": "paper", "yref": "paper", "x": 1, "y": 1, "xanchor": "right", "yanchor": "bottom"}
    return [{**corner, "text": text, "showarrow": False, "font": {"size": 11}}] if text else []


def layout(scope: Scope, **parts: Any) -> dict[str, Any]:
    """A layout: the parts given, empty ones left out."""
    return {key: value for key, value in parts.items() if value not in (None, [], {})}


def merge(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Two layouts as one, nested dicts merged."""
    merged = dict(first)
    for key, value in second.items():
        held = merged.get(key)
        merged[key] = merge(held, value) if isinstance(held, Mapping) and isinstance(value, Mapping) else value
    return merged
