"""Write docs/api.md and docs/metrics.md from the declarations and the catalogue: `python scripts/reference.py` (a test compares)."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from api import openapi  # noqa: E402
from api.contract import Declared, Ingest, Operation  # noqa: E402
from api.errors import FAULTS, invalid_status  # noqa: E402
from api.routes import discover  # noqa: E402
from plant.metrics import CATALOGUE, Metric  # noqa: E402

NOTE = "<!-- Written by scripts/reference.py: change the declarations, then run it. -->"

EXAMPLES = '''## Sending and asking, in three languages
Two readings go in, and come out again. In protected mode add `Authorization: Bearer …` (a token of `POST /api/v1/auth/login/json`).

```bash
curl -s http://localhost:8000/api/v1/readings -H 'Content-Type: application/json' -d '[
  {"device_id": "pack01", "timestamp": "2026-01-24T12:05:00Z", "values": {"soc": 67.5, "voltage": 400.5}},
  {"device_id": "pack01", "timestamp": "2026-01-24T12:05:10Z", "values": {"soc": 67.4, "voltage": 400.3}}]'
# {"accepted":2,"duplicates":0,"rejected":[]}
curl -s 'http://localhost:8000/api/v1/series?device=pack01&metric=soc&from=2026-01-24T12:00:00Z&to=2026-01-24T13:00:00Z&resolution=raw'
```

```python
import json
import urllib.parse
import urllib.request

BASE = "http://localhost:8000"
rows = [
    {"device_id": "pack01", "timestamp": "2026-01-24T12:05:00Z", "values": {"soc": 67.5, "voltage": 400.5}},
    {"device_id": "pack01", "timestamp": "2026-01-24T12:05:10Z", "values": {"soc": 67.4, "voltage": 400.3}},
]
send = urllib.request.Request(f"{BASE}/api/v1/readings", json.dumps(rows).encode(), {"Content-Type": "application/json"})
print(json.load(urllib.request.urlopen(send)))
ask = {"device": "pack01", "metric": "soc", "from": "2026-01-24T12:00:00Z", "to": "2026-01-24T13:00:00Z", "resolution": "raw"}
print(json.load(urllib.request.urlopen(f"{BASE}/api/v1/series?{urllib.parse.urlencode(ask)}"))["series"][0]["values"])
```

```javascript
const BASE = "http://localhost:8000";
const rows = [
  { device_id: "pack01", timestamp: "2026-01-24T12:05:00Z", values: { soc: 67.5, voltage: 400.5 } },
  { device_id: "pack01", timestamp: "2026-01-24T12:05:10Z", values: { soc: 67.4, voltage: 400.3 } },
];
const sent = await fetch(`${BASE}/api/v1/readings`, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(rows),
});
console.log(await sent.json());
const ask = new URLSearchParams({
  device: "pack01", metric: "soc", from: "2026-01-24T12:00:00Z", to: "2026-01-24T13:00:00Z", resolution: "raw",
});
console.log((await (await fetch(`${BASE}/api/v1/series?${ask}`)).json()).series[0].values);
```'''


def api_page() -> str:
    """docs/api.md: one table per family, then the examples and the error codes."""
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
    lines += [EXAMPLES, "", "## Errors", "`detail` and `error` stand in one body; `error.code` is one of these.", "",
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


PAGES = {"docs/api.md": api_page, "docs/metrics.md": metrics_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")
        print(f"wrote {name}")
