"""Each family of the API in three languages: the calls as data, and how curl, Python (client/voltdeck_client.py) and JavaScript say them.

A test runs every block as it stands against a real server.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

BASE = "http://localhost:8000"


@dataclass(frozen=True)
class Call:
    """One request: `path` with parameters in braces and what stands in them, query, body. `media` of bodies that are no JSON."""

    method: str
    path: str
    parts: Sequence[str] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    media: str = "application/json"

    @property
    def url(self) -> str:
        """The path as asked for, with the query."""
        left = iter(self.parts)
        path = re.sub(r"{\w+}", lambda _: quote(next(left), safe=""), self.path)
        return f"{path}?{urlencode(self.query)}" if self.query else path

    @property
    def text(self) -> str:
        """The body as it is sent."""
        return self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)


@dataclass(frozen=True)
class Family:
    """Calls that belong together; `protected` ones need a token in every mode."""

    title: str
    words: str
    calls: tuple[Call, ...]
    protected: bool = False


_SAMPLE = {"vin": "VIN-DEMO-001", "ts": "2026-01-24T12:10:00Z", "soc": 35.5, "soh": 92.0, "pack_voltage": 315.0, "pack_current": 70.0,
           "max_temp": 32.0, "min_temp": 24.0, "odo_km": 1201.8}  # fmt: skip
_PACK = {"device_id": "battery_pack_001", "site_id": "site", "name": "Battery pack 1", "chemistry": "LFP",
         "specifications": {"nominal_capacity": 100.0, "nominal_voltage": 400.0, "max_charge_power": 10000, "max_discharge_power": 12000,
                            "series_cells": 125, "parallel_cells": 1}}  # fmt: skip
_MEASURED = {"device_id": "battery_pack_001", "timestamp": "2026-01-24T12:10:00Z",
             "measurements": {"soc": 67.5, "soh": 87.2, "voltage": 400.5, "current": -25.3, "temperature": 23.7,
                              "power": -10126.5}}  # fmt: skip
_MONITOR = {"timestamp": 1769256600.0, "pack_voltage": 355.2, "pack_current": 50.0, "cell_temp": 25.5, "source": "battery_monitor"}
_ROWS = [{"device_id": "pack01", "timestamp": "2026-01-24T12:05:00Z", "values": {"soc": 67.5, "voltage": 400.5}},
         {"device_id": "pack01", "timestamp": "2026-01-24T12:05:10Z", "values": {"soc": 67.4, "voltage": 400.3}}]  # fmt: skip
_NOON = {"from": "2026-01-24T12:00:00Z", "to": "2026-01-24T13:00:00Z"}
_AWARD = {
    "mode": "dreg",
    "time_start": "2026-01-24T14:00:00",
    "time_end": "2026-01-24T15:00:00",
    "is_get": True,
    "power": 4.5,
    "price": 850.0,
}

FAMILIES = (
    Family("Vehicles (S4)", "A batch is stored whole or not at all.", (
        Call("POST", "/api/telemetry", body=[_SAMPLE]),
        Call("GET", "/api/vehicles/{vin}/latest", ("VIN-DEMO-001",)),
        Call("GET", "/api/vehicles/{vin}/summary", ("VIN-DEMO-001",), {"from_ts": "2026-01-24T11:59:00Z", "to_ts": "2026-01-24T12:10:00Z"}),
    )),
    Family("Readings of any device (native)", "Good rows are kept, bad ones reported by index; history in buckets or raw.", (
        Call("POST", "/api/v1/readings", body=_ROWS),
        Call("GET", "/api/v1/series", query={"device": "pack01", "metric": "soc", **_NOON, "resolution": "raw"}),
        Call("GET", "/api/v1/devices/{device_id}/latest", ("pack01",)),
    )),
    Family("Fleet, devices, telemetry (S2)", "Powers are W here.", (
        Call("POST", "/api/v1/devices", body=_PACK),
        Call("POST", "/api/v1/telemetry/store", body=_MEASURED),
        Call("GET", "/api/v1/telemetry/{device_id}", ("battery_pack_001",),
             {"start_time": "2026-01-24T12:00:00Z", "end_time": "2026-01-24T13:00:00Z", "resolution": "raw"}),
        Call("GET", "/api/v1/fleet/status"),
    )),
    Family("Commands (S2)", "Needs an operator's token in every mode; the device asks at `…/next` or listens on MQTT, and answers.", (
        Call("POST", "/api/v1/commands/{device_id}", ("battery_pack_001",), body={"command_type": "request_status"}),
        Call("GET", "/api/v1/commands/{device_id}/next", ("battery_pack_001",), {"wait": "1"}),
        Call("GET", "/api/v1/commands/{device_id}", ("battery_pack_001",)),
    ), protected=True),
    Family("BMS and PCS batches (S0)", "Metrics sampled at different rates stand on one time base.", (
        Call("GET", "/bms/devices"),
        Call("GET", "/bms/{device_id}", ("battery_pack_001",), {"batch_size": "10", "skip": "0"}),
    )),
    Family("SolarHub (S1)", "Units 1 to 12 answer, whatever exists; what nobody measured is null.", (
        Call("GET", "/api/v1/bess/{bess_number}", ("1",)),
        Call("GET", "/api/v1/system/topology"),
        Call("GET", "/api/v1/analysis/power-io", query={"select_time": "2026-01-24", "data_type": "daily"}),
    )),
    Family("Schedule and income (S1 and native)", "Awards are changed by operators.", (
        Call("POST", "/api/v1/schedule/events", body=_AWARD),
        Call("GET", "/api/v1/schedule", query={"mode": "dreg", "weeks": "2"}),
        Call("GET", "/api/v1/schedule/income/daily", query={"start_time": "2026-01-24 00:00:00"}),
    ), protected=True),
    Family("Battery monitors (S3)", "Fields nobody knows are kept, too.", (
        Call("POST", "/api/battery-data", body=_MONITOR),
        Call("GET", "/api/battery-data/latest"),
        Call("GET", "/api/dashboard"),
    )),
    Family("Telegraf and other foreign senders", "Influx line protocol; `GET /api/v1/foreign` shows what was mapped and what not.", (
        Call("POST", "/api/v2/write", query={"precision": "s"},
             body="battery,device=pack02 soc=55.5,voltage=401.2 1769256600", media="text/plain"),
        Call("GET", "/api/v1/foreign"),
    )),
)  # fmt: skip
"""In the order of the page."""


def curl(family: Family) -> str:
    """For bash."""
    lines = ['TOKEN="…" # access_token of POST /api/v1/auth/login/json'] if family.protected else []
    for call in family.calls:
        words = ["curl -s"]
        if call.method != "GET" and call.body is None:
            words.append(f"-X {call.method}")
        words.append(f"'{BASE}{call.url}'")
        if family.protected:
            words.append('-H "Authorization: Bearer $TOKEN"')
        if call.body is not None:
            words += [f"-H 'Content-Type: {call.media}'", f"-d '{call.text}'"]
        lines += [" ".join(words), "echo"]
    return "\n".join(lines[:-1])


def python(family: Family) -> str:
    """With client/voltdeck_client.py beside the program."""
    lines = ["from voltdeck_client import Client", ""]
    lines.append(f'plant = Client("{BASE}", token="…")' if family.protected else f'plant = Client("{BASE}")')
    for call in family.calls:
        given = [repr(part) for part in call.parts]
        if call.body is not None:
            given.append(repr(call.body))
        given += [f"{name + '_' if name == 'from' else name}={_literal(value)}" for name, value in call.query.items()]
        lines.append(f"print(plant.{_operation_id(call)}({', '.join(given)}))")
    return "\n".join(lines)


def javascript(family: Family) -> str:
    """For browsers and Node 18 or newer."""
    authorization = ', Authorization: "Bearer …"' if family.protected else ""
    lines = []
    for call in family.calls:
        options = []
        if call.method != "GET":
            options.append(f'method: "{call.method}"')
        if call.body is not None:
            options.append(f'headers: {{ "Content-Type": "{call.media}"{authorization} }}')
            options.append(f"body: {json.dumps(call.body)}" if isinstance(call.body, str) else f"body: JSON.stringify({call.text})")
        elif authorization:
            options.append(f"headers: {{ {authorization.removeprefix(', ')} }}")
        more = f", {{ {', '.join(options)} }}" if options else ""
        lines.append(f'console.log(await (await fetch("{BASE}{call.url}"{more})).text());')
    return "\n".join(lines)


def _operation_id(call: Call) -> str:
    words = re.sub(r"[{}]", "", call.path).replace(".", "_").replace("-", "_").strip("/").split("/")
    return "_".join([call.method.lower(), *words])


def _literal(value: str) -> str:
    return value if value.isdigit() else repr(value)


LANGUAGES = {"bash": curl, "python": python, "javascript": javascript}


def page(note: str) -> str:
    """docs/clients.md."""
    lines = [
        note, "# Calling it: curl, Python, JavaScript",
        "Every block runs as it stands against a server on this machine (`make run`). Python uses the typed client, one file to copy: "
        "[client/voltdeck_client.py](../client/voltdeck_client.py). In protected mode every call carries `Authorization: Bearer …`, a "
        "token of `POST /api/v1/auth/login/json` or an API key from the settings page. All calls: [api.md](api.md).", "",
    ]  # fmt: skip
    for family in FAMILIES:
        lines += [f"## {family.title}", family.words, ""]
        for language, said in LANGUAGES.items():
            lines += [f"```{language}", said(family), "```", ""]
    return "\n".join(lines).rstrip() + "\n"
