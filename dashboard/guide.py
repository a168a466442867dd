"""What a page shows instead of empty charts while nothing it is about was ever heard: how the first reading gets in."""

from datetime import datetime
from zoneinfo import ZoneInfo

from dash import html

from dashboard.cards import icon
from dashboard.page import Page, Scope
from dashboard.words import word
from datastore.store import Store

BATTERY = """[{"device_id": "bess01", "kind": "bess",
        "timestamp": "<at>", "values": {"soc": 55.2, "power": 120}}]"""
INVERTER = """[{"device_id": "inverter01", "kind": "inverter",
        "timestamp": "<at>", "values": {"total_active_power": 84.5}}]"""
PCS = """[{"device_id": "pcs01", "kind": "pcs",
        "timestamp": "<at>", "values": {"active_power": 310, "dc_power": 318}}]"""
VEHICLE = """[{"vin": "VIN-DEMO-001", "ts": "<at>",
        "soc": 78.5, "soh": 94.1, "pack_voltage": 355.2,
        "pack_current": -12.4, "max_temp": 31.5}]"""
NEEDS_NONE = "-"
"""The kind of a page that is about no device at all."""
BODIES = {
    "": ("/api/v1/readings", BATTERY),
    "bess": ("/api/v1/readings", BATTERY),
    "inverter": ("/api/v1/readings", INVERTER),
    "pcs": ("/api/v1/readings", PCS),
    "vehicle": ("/api/telemetry", VEHICLE),
}
"""By kind ("" = a plant without any device): where readings are posted, and one that this page shows."""


def lacks(page: Page, store: Store) -> str | None:
    """The kind of device the page is about and misses, "" when there is no device of any kind, None when there is something to show."""
    if page.kind == NEEDS_NONE:
        return None
    if page.kind and not store.records.devices(page.kind):
        return page.kind
    return None if store.records.devices() else ""


def guide(kind: str, origin: str, scope: Scope, store: Store, needs_token: bool = False) -> html.Section:
    """Commands that bring in a first device of `kind`. It gives way by itself: `live.js` asks again when more devices are heard than
    the number it carries."""
    lang = scope.lang
    at = datetime.fromtimestamp(store.clock() // 1000, ZoneInfo(scope.zone)).isoformat()
    path, body = BODIES[kind]
    token = " -H 'Authorization: Bearer <token>'" if needs_token else ""
    send = f"curl -X POST {origin}{path}{token} \\\n  -H 'Content-Type: application/json' \\\n  -d '{body.replace('<at>', at)}'"
    steps = [("empty.lead", send), ("empty.import", "python app.py import FILE.csv")]
    if not store.records.devices():
        steps.append(("empty.demo", "python app.py demo"))
    return html.Section(
        [
            icon("broadcast-pin"),
            html.H2(word(f"empty.title.{kind}" if kind else "empty.title", lang)),
            *(part for title, command in steps for part in (html.P(word(title, lang)), html.Pre(html.Code(command)))),
        ],
        className="vd-card vd-welcome",
        style={"--span": 12},
        **{"data-welcome": str(len(store.telemetry.latest()))},
    )
