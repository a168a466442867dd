"""What a battery's twin expects of it, beside what it says."""

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from dashboard.figures.lines import Line, Plot
from dashboard.figures.sheet import Sheet
from dashboard.loads.devices import chosen
from dashboard.loads.fleet import fleet
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.ports import Entry
from datastore.store import Store
from plant.analysis.ageing import LONGEST_YEARS
from plant.analysis.twin import HISTORY, LEAST, Judged, Twin
from plant.errors import Invalid
from plant.model import MINUTE
from plant.quantity import number, quantity
from services.twin_study import COURSE, kept_twin, read_twin
from services.twins import BATTERIES, DeviceTwin, device_twin

TWIN_FOR = MINUTE
"""So long a twin is believed [ms]: it takes a fit over two hours of readings."""
_TWINS: WeakKeyDictionary[Any, dict[str, tuple[int, DeviceTwin]]] = WeakKeyDictionary()


def twin_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per quantity the twin predicts: `name`, `measured`, `predicted`, `residual`, `rmse`, `samples`; `more` says `why`
    there is nothing to compare and what the twin knows (`facts`). Empty for what is no battery."""
    device = chosen(fleet(store), scope)
    if device is None or device.kind not in BATTERIES:
        return Table({})
    lang = scope.lang
    kept = kept_twin(store.records, device)
    if kept is not None:
        known, newest = read_twin(kept.body), kept.body["newest"]
    else:
        try:
            live = twin(store, device.device_id)
        except Invalid as error:
            return Table({}, more={"why": error.message, "facts": []})
        known, newest = live.twin, int(live.history.at[-1]) if live.history.at.size else None
    judged = [
        (key, unit, decimals, one)
        for key, unit, decimals, one in (
            ("voltage", "V", 2, known.voltage),
            ("temperature", "°C", 2, known.temperature),
            ("soc", "%", 2, known.soc),
        )
        if one is not None
    ]
    columns: dict[str, list[Any]] = {name: [] for name in ("name", "measured", "predicted", "residual", "rmse", "samples")}
    for key, unit, decimals, one in judged:
        columns["name"].append(f"{word(f'twin.{key}', lang)} ({unit})")
        for name, value in _compared(one):
            columns[name].append(number(value, 0 if name == "samples" else decimals))
    heads = tuple((name, word(f"twin.{name}", lang), None if name == "name" else 0) for name in columns)
    spec = Sheet(heads, tuple(key for key, *_ in judged))
    note = _reason(known, lang)
    more = {"sheet": spec, "why": "" if judged else note, "note": note, "facts": _twin_facts(known, lang)}
    return Table(columns, newest, device.simulated, more)


def _compared(one: Judged) -> list[tuple[str, float]]:
    return [
        ("measured", one.measured),
        ("predicted", one.predicted),
        ("residual", one.residual),
        ("rmse", one.rmse),
        ("samples", float(one.samples)),
    ]


def _reason(known: Twin, lang: str) -> str:
    why = known.why
    return word(f"twin.why.{why}", lang, n=known.trained, least=LEAST) if why else ""


def _twin_facts(known: Twin, lang: str) -> list[tuple[str, str]]:
    circuit = known.circuit
    if circuit is None:
        return []

    def whence(name: str) -> str:
        found = known.found.get(name)
        return f" ({word(f'twin.from.{found.source}', lang)})" if found else ""

    return [
        (word("twin.resistance", lang), quantity(1000 * (circuit.r0 + circuit.r1), "mΩ", 1) + whence("r0_ohm")),
        (word("twin.capacity", lang), quantity(known.capacity or circuit.capacity, "Ah", 0) + whence("capacity_ah")),
        (word("twin.cells", lang), number(circuit.cells, 0) + whence("series_cells")),
    ]


def twin(store: Store, device_id: str) -> DeviceTwin:
    """The twin worked out here, at most a minute old, of a battery the job process has not examined yet. Raises Invalid for what has
    none."""
    known = _TWINS.setdefault(store.live, {})
    kept = known.get(device_id)
    now = store.clock()
    if kept is None or not 0 <= now - kept[0] < TWIN_FOR:
        kept = known[device_id] = (now, device_twin(store, device_id, now))
        for old in [name for name, (at, _) in known.items() if not 0 <= now - at < TWIN_FOR]:
            known.pop(old, None)
    return kept[1]


def _examined(store: Store, scope: Scope) -> Entry | None:
    """What the job process found of the battery looked at; None for what is no battery or was not examined yet."""
    device = chosen(fleet(store), scope)
    return None if device is None or device.kind not in BATTERIES else kept_twin(store.records, device)


def course_table(store: Store, scope: Scope) -> Table:
    """Columns `at` and, of the newest stretch examined, voltage and temperature as measured and as modelled, the voltage's residual per
    cell, SOC as reported and as estimated with its bounds (two sigma). Empty without."""
    kept = _examined(store, scope)
    told = kept.body["course"] if kept is not None else {}
    if kept is None or not told:
        return Table({}, more={"why": word("twin.unexamined", scope.lang)})
    lang = scope.lang
    titles = {name: f"{word(f'twin.course.{name}', lang)} ({_UNITS[name]})" for name in COURSE[1:] if name in told}
    columns: dict[str, Any] = {"at": np.array(told["at"], np.float64)}
    columns |= {title: np.array([np.nan if v is None else v for v in told[name]], np.float64) for name, title in titles.items()}
    cells = kept.body["circuit"]["cells"] if kept.body["circuit"] is not None else 1
    titles["residual"] = f"{word('twin.course.residual', lang)} ({_UNITS['residual']})"
    columns[titles["residual"]] = 1000.0 / cells * (columns[titles["voltage"]] - columns[titles["modelled"]])
    spoken = [name for name in titles if name not in ("low", "high") and np.isfinite(columns[titles[name]]).any()]
    lines = tuple(
        Line(
            titles[name],
            word(f"twin.course.{name}", lang),
            _UNITS[name],
            2 if name in ("temperature", "warmth") else 1,
            dash="solid" if name in ("voltage", "residual", "temperature", "soc") else "dot",
            low=titles["low"] if name == "estimated" else "",
            high=titles["high"] if name == "estimated" else "",
        )
        for name in sorted(spoken, key=tuple(_UNITS).index)
    )
    warm = np.concatenate([columns[titles[name]] for name in ("temperature", "warmth")])
    floor = (("°C", float(np.nanmin(warm)) - 0.5, float(np.nanmax(warm)) + 0.5),) if np.isfinite(warm).any() else ()
    start, end = int(columns["at"][0]), int(columns["at"][-1])
    plot = Plot(lines, start, max(end, start + MINUTE), floor=floor, band=word("twin.course.band", lang))
    return Table(columns, end, _is_simulated(store, scope), {"plot": plot})


_UNITS = {
    "voltage": "V", "modelled": "V", "residual": "mV", "temperature": "°C", "warmth": "°C",
    "soc": "%", "estimated": "%", "low": "%", "high": "%",
}  # fmt: skip
"""Columns of the chart in their order, with their units."""


def _is_simulated(store: Store, scope: Scope) -> bool:
    device = chosen(fleet(store), scope)
    return device is not None and device.simulated


def health_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per indicator: `indicator`, `value`, `trend` in 30 days, `limit`, `state`. `more`: `sheet`, `facts` of the remaining
    life, `note` why there is none. Empty while nothing was examined."""
    kept = _examined(store, scope)
    if kept is None:
        return Table({}, more={"why": word("twin.unexamined", scope.lang)})
    lang, told = scope.lang, kept.body["health"]
    columns: dict[str, list[Any]] = {name: [] for name in ("indicator", "value", "trend", "limit", "state")}
    tones: dict[tuple[str, str], str] = {}
    for one in told:
        decimals = 2 if one["name"] in ("voltage_bias", "heat", "consistency") else 1
        columns["indicator"].append(word(f"twin.health.{one['name']}", lang))
        columns["value"].append(None if one["value"] is None else number(one["value"], decimals))
        columns["trend"].append(None if one["trend"] is None else f"{number(one['trend'], decimals)} ± {number(one['sure'], decimals)}")
        columns["limit"].append(f"{number(one['watch'], 0)} / {number(one['bad'], 0)}")
        state = word(f"twin.state.{one['state']}", lang)
        columns["state"].append(f"{state}: {word('twin.health.why.' + one['why'], lang)}" if one["why"] else state)
        tones[one["name"], "state"] = _TONES[one["state"]]
    heads = tuple((name, word(f"twin.{name}", lang), 0 if name in ("value", "trend", "limit") else None) for name in columns)
    spec = Sheet(heads, tuple(one["name"] for one in told), tones)
    life, why = kept.body["life"], kept.body["no_life"]
    more: dict[str, Any] = {"sheet": spec, "facts": _life_facts(kept.body, lang), "told": _told(told, life, columns["indicator"])}
    more["note"] = "" if life is not None else word("twin.nolife", lang, why=word(f"twin.nolife.{why}", lang))
    return Table(columns, kept.body["newest"], _is_simulated(store, scope), more)


def _told(
    told: Sequence[Mapping[str, Any]], life: Mapping[str, Any] | None, names: Sequence[str]
) -> dict[str, list[tuple[str, float | None, str]]]:
    """The numbers behind trend, limits and remaining life."""
    found: dict[str, list[tuple[str, float | None, str]]] = {
        "trend": [("trend", one["trend"], name) for one, name in zip(told, names, strict=True)],
        "limit": [("limit", one[bound], name) for one, name in zip(told, names, strict=True) for bound in ("watch", "bad")],
    }
    if life is not None:
        parts = (("t", "left"), ("SOH", "soh"), ("calendar", "calendar"), ("cycles", "cycles"))
        found["life"] = [(symbol, life[of], "") for symbol, of in parts]
    return found


_TONES = {"good": "good", "watch": "warning", "bad": "alarm", "unknown": "stale"}


def _life_facts(body: Mapping[str, Any], lang: str) -> list[tuple[str, str]]:
    life, duty = body["life"], body["duty"]
    if life is None or duty is None:
        return []
    beyond = word("twin.life.beyond", lang, n=number(LONGEST_YEARS, 0))
    low, high, left = (beyond if one is None else number(one, 1) for one in (life["low"], life["high"], life["left"]))
    use = {"cycles": number(duty["cycles"], 2), "depth": number(duty["depth"], 0), "soc": number(duty["soc"], 0)}
    return [
        (word("twin.life", lang), word("twin.life.years", lang, n=left)),
        (word("twin.life.interval", lang), word("twin.life.between", lang, low=low, high=high)),
        (word("twin.life.soh", lang), quantity(life["soh"], "%", 1)),
        (word("twin.life.calendar", lang), quantity(life["calendar"], "%", 2)),
        (word("twin.life.cycles", lang), quantity(life["cycles"], "%", 2)),
        (word("twin.life.duty", lang), word("twin.life.use", lang, **use)),
        (word("twin.life.model", lang), life["model"]),
    ]


def parameters_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per parameter of the circuit: `parameter`, `value`, `error` (two standard errors) and `source`. Empty while nothing
    was found."""
    kept = _examined(store, scope)
    body = kept.body["circuit"] if kept is not None else None
    if kept is None or body is None:
        return Table({}, more={"why": word("twin.unexamined" if kept is None else f"twin.why.{kept.body['why']}", scope.lang)})
    lang = scope.lang
    rows = [(name, body[field] * scale, found, scale, decimals) for name, field, found, scale, decimals in _PARAMETERS]
    held, around = kept.body["capacity"], kept.body["surroundings"]
    rows += [("held", held, HISTORY, 1.0, 1)] if held is not None else []
    rows += [("surroundings", around, "surroundings_c", 1.0, 1)] if around is not None else []
    columns: dict[str, list[Any]] = {name: [] for name in ("parameter", "value", "error", "source")}
    for name, value, found, scale, decimals in rows:
        source, error = (HISTORY, None) if found == HISTORY else body["found"].get(found, ["", None])
        columns["parameter"].append(word(f"twin.parameter.{name}", lang))
        columns["value"].append(number(value, decimals))
        columns["error"].append(None if error is None else number(2.0 * error * scale, decimals))
        columns["source"].append(word(f"twin.from.{source}", lang) if source else None)
    heads = tuple((name, word(f"twin.{name}", lang), 0 if name in ("value", "error") else None) for name in columns)
    more = {"sheet": Sheet(heads, tuple(name for name, *_ in rows))}
    return Table(columns, kept.body["newest"], _is_simulated(store, scope), more)


_PARAMETERS = (
    ("r0", "r0", "r0_ohm", 1000.0, 2),
    ("r1", "r1", "r1_ohm", 1000.0, 2),
    ("tau", "tau", "tau_s", 1.0, 0),
    ("capacity", "capacity", "capacity_ah", 1.0, 0),
    ("cells", "cells", "series_cells", 1.0, 0),
    ("heat_capacity", "heat_capacity", "heat_capacity_j_k", 0.001, 0),
    ("cooling", "cooling", "cooling_s", 1 / 3600.0, 2),
)
"""Row, field of the circuit, name of its source, scale, decimals."""


def examined_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Asks for the panels again when the job process has examined the battery anew."""
    kept = _examined(store, scope)
    return {"redraw": 0 if kept is None else kept.at}


def twin_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Asks for the twin again when it was examined anew; until it first was, once a minute: fitting is not for the thread that makes
    frames."""
    kept = _examined(store, scope)
    return {"redraw": store.clock() // 60_000 if kept is None else kept.at}
