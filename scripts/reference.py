"""Write docs/api.md, docs/metrics.md, docs/kpis.md and docs/clients.md from declarations, catalogue and examples; a test compares.

    python scripts/reference.py
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from api import openapi  # noqa: E402
from api.contract import Declared, Ingest, Operation  # noqa: E402
from api.errors import FAULTS, invalid_status  # noqa: E402
from api.routes import discover  # noqa: E402
from dashboard import explanations  # noqa: E402
from dashboard.words import word  # noqa: E402
from plant.metrics import CATALOGUE, Metric  # noqa: E402
from scripts import examples  # noqa: E402

NOTE = "<!-- Written by scripts/reference.py: change the declarations, then run it. -->"

def api_page() -> str:
    """docs/api.md: one table per family, then the error codes."""
    operations = discover()
    lines = [
        NOTE, "# API reference",
        "Every call with its parameters (in italics: optional) and the permission it needs (`services/access.py` says which role has "
        "which; in open mode reading and sending need no token). `/docs` and `/redoc` show the same with schemas and examples, "
        "`/openapi.json` is the document itself. Times in are ISO 8601 (without a zone: UTC) or epoch seconds or milliseconds.", "",
    ]  # fmt: skip
    for tag, title in openapi.TAGS:
        family = [operation for operation in operations if operation.tag == tag]
        if family:
            lines += [f"## {title}", "| call | what | parameters | body | permission | errors |", "|---|---|---|---|---|---|"]
            lines += [_call(operation) for operation in family] + [""]
    lines += ["Examples in curl, Python and JavaScript: [clients.md](clients.md).", "", "## Errors",
              "`detail` and `error` stand in one body; `error.code` is one of these.", "",
              "| code | status | meaning | what to do |", "|---|---|---|---|"]  # fmt: skip
    lines += [f"| `{fault.code}` | {fault.status} | {fault.meaning} | {fault.advice} |" for fault in FAULTS.values()]
    return "\n".join(lines) + "\n"


def _call(operation: Declared) -> str:
    errors = sorted({invalid_status(operation.path) if status == 422 else status for status in operation.errors})
    cells = (
        f"`{operation.name}`", operation.summary, _parameters(operation), _body(operation),
        "anyone" if operation.access == "public" else f"`{operation.access}`", ", ".join(map(str, errors)) or "·",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _parameters(operation: Declared) -> str:
    if operation.params is None:
        return "·"
    fields = operation.params.model_fields.items()
    names = [(field.alias or name, field.is_required()) for name, field in fields if name not in operation.path_names]
    return ", ".join(f"`{name}`" if required else f"*`{name}`*" for name, required in names) or "·"


def _body(operation: Declared) -> str:
    if isinstance(operation, Ingest):
        return ", ".join(operation.body_schema)
    if isinstance(operation, Operation) and operation.body is not None:
        return f"{operation.body_media}{' (may be left out)' if operation.optional else ''}"
    return "·"


def metrics_page() -> str:
    """docs/metrics.md: every quantity, by the first kind of device that has it."""
    lines = [
        NOTE, "# Metrics",
        f"The {len(CATALOGUE)} quantities of the catalogue (`plant/metrics.py`). Discharge and export are positive. A value outside "
        "*possible* is kept and flagged; outside *normal* it is a warning, outside *urgent* an alarm. *Bucket* says what a chart's "
        "bucket shows unless asked otherwise.", "",
    ]  # fmt: skip
    for kind in dict.fromkeys(metric.kinds[0] for metric in CATALOGUE.values()):
        lines += [f"## {kind}", "| name | unit | what | kinds | shape | bucket | possible | normal | urgent |", "|---" * 9 + "|"]
        lines += [_metric(metric) for metric in CATALOGUE.values() if metric.kinds[0] == kind] + [""]
    return "\n".join(lines).rstrip() + "\n"


def _metric(metric: Metric) -> str:
    states = f" ({', '.join(f'{code} {text}' for code, text in metric.states.items())})" if metric.states else ""
    cells = (
        f"`{metric.name}`", metric.unit or "·", metric.en, ", ".join(metric.kinds), metric.shape + states, metric.aggregation,
        _range(metric.valid), _range(metric.normal), _range(metric.alarm),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _range(bounds: tuple[float | None, float | None]) -> str:
    low, high = bounds
    if low is None and high is None:
        return "·"
    return f"{'' if low is None else f'{low:g}'}…{'' if high is None else f'{high:g}'}"


def kpis_page() -> str:
    """docs/kpis.md: every figure of the screens as its card explains it, by page."""
    lines = [
        NOTE, "# Figures",
        "What every figure on the screens is made of. On the screen the button beside a figure, in the head of its panel, or the head of "
        "its column or row opens the same with the numbers that went into it, their ages, the coverage, and the version of the rules it "
        "was judged by. A plain reading has a card, too: its metric ([metrics.md](metrics.md)) and what is possible and normal. "
        "Subscript i runs over devices or elements, h over hours; Σ adds up what is told; the mean of two readings next to each other "
        "has a bar; ¤ is the currency of the rules.", "",
    ]  # fmt: skip
    for page, group in explanations.GROUPS.items():
        lines += [f"## {word(page)}", ""]
        for key, about in group.items():
            lines += [f"### {word(key)}", ""]
            lines += [f"    {part}" for part in about.formula.split(";  ")]
            lines += ["", word(explanations.how(key)), "", "| symbol | what | unit | from |", "|---|---|---|---|"]
            lines += [_quantity(one) for one in about.inputs]
            lines += ["", *(f"- {word(limit)}" for limit in about.limits), *([f"- After {about.source}."] if about.source else []), ""]
    return "\n".join(lines).rstrip() + "\n"


def _quantity(one: explanations.Quantity) -> str:
    what = f"{CATALOGUE[one.of].en} (`{one.of}`)" if one.of in CATALOGUE else word(one.of)
    return f"| {one.symbol} | {what} | {one.unit or '·'} | {word(one.teller)} |"


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/api.md": api_page, "docs/metrics.md": metrics_page, "docs/kpis.md": kpis_page, "docs/clients.md": lambda: examples.page(NOTE),
}  # fmt: skip

if __name__ == "__main__":
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")
        print(f"wrote {name}")
