"""What comes next, as the study of forecasts kept it: charts with what came so far, the errors of all of them, and the batteries' remaining
life."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.figures.lines import Line, Plot
from dashboard.figures.sheet import Sheet, rows_of
from dashboard.page import Scope, Table
from dashboard.words import word
from dashboard.words_forecasts import why
from datastore.ports import Entry
from datastore.store import Store
from plant.model import Kind
from plant.quantity import number, quantity
from services import forecasts

MEANINGS: Mapping[str, str] = {"load": "", "pv": "pv", "soc": "soc", "income": ""}
DECIMALS: Mapping[str, int] = {"load": 1, "pv": 0, "soc": 1, "income": 0, "price": 1, "home": 1}
YEARS_SHOWN = 1


def chart(target: str) -> Callable[[Store, Scope], Table]:
    """The panel of a target: columns `at`, `actual`, `forecast` with `low` and `high`, `earlier` (told a day before), `baseline`, in the
    target's unit, from a day back to a day ahead, whatever the window is."""

    def load(store: Store, scope: Scope) -> Table:
        kept = forecasts.told(store, target)
        return _chart(scope, kept[0]) if kept else Table({})

    return load


def _chart(scope: Scope, entry: Entry) -> Table:
    body, lang = entry.body, scope.lang
    seen = [body["seen"]["start"] + k * body["step"] for k in range(len(body["seen"]["value"]))]
    said: dict[str, dict[int, float | None]] = {"actual": dict(zip(seen, body["seen"]["value"], strict=True))}
    names = ("", "")
    if body["reason"]:
        remark = word("forecast.not", lang, why=why(body["reason"], lang))
    else:
        ahead = [body["start"] + k * body["step"] for k in range(len(body["value"]))]
        back = [body["before"]["start"] + k * body["step"] for k in range(len(body["value"]))]
        for name, of in (("forecast", "value"), ("low", "low"), ("high", "high"), ("baseline", "baseline_value")):
            said[name] = dict(zip(ahead, body[of], strict=True))
        said["earlier"] = dict(zip(back, body["before"]["value"], strict=True))
        remark = ""
        names = _named("forecast", "method", "mae", body, lang), _named("baseline", "baseline", "baseline_mae", body, lang)
    at = sorted({instant for told in said.values() for instant in told})
    columns: dict[str, Any] = {"at": np.array(at, np.int64)}
    for name, told in said.items():
        columns[name] = np.array([_number(told.get(instant)) for instant in at])
    if not any(np.isfinite(column).any() for name, column in columns.items() if name != "at"):
        return Table({})
    unit, decimals = body["unit"], DECIMALS[body["target"]]
    meaning = MEANINGS.get(body["target"], "")
    width = body["step"]
    lines = [Line("actual", word("forecast.actual", lang), unit, decimals, meaning, width=width)]
    if "forecast" in columns:
        lines += [
            Line("forecast", names[0], unit, decimals, "good", "low", "high", "dash", width=width),
            Line("earlier", word("forecast.earlier", lang), unit, decimals, "good", dash="dot", faint=True, width=width),
            Line("baseline", names[1], unit, decimals, "target", dash="dot", faint=True, width=width),
        ]  # fmt: skip
    floor = ((unit, 0.0, None),) if body["target"] in ("pv", "income") else ()
    plot = Plot(
        tuple(lines), at[0], at[-1] + width, floor=floor, band=word("forecast.band", lang, n=f"{100 * body['level']:.0f}"), remark=remark
    )
    return Table(columns, entry.at, body["simulated"], {"plot": plot})


def _named(key: str, of: str, error: str, body: Mapping[str, Any], lang: str) -> str:
    """`Forecast: energy balance, ±2.27 %`."""
    mae = body["error"][error]
    said = "–" if mae is None else quantity(mae, body["unit"], DECIMALS[body["target"]] + 1)
    return word("forecast.named", lang, what=word(f"forecast.{key}", lang), method=method(body[of], lang), mae=said)


def errors_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per forecast: `what` with its unit, `method`, `mae`, `near` and `far` (at the first and last step), `baseline`,
    `baseline_mae`, `used` and `naive` (mean absolute errors as used, and of the seasonal naive at the same moments), `saved` [%],
    `holds` [% of what came inside the interval], `total` with its interval and `verdict`."""
    lang, rows = scope.lang, []
    tones: dict[tuple[str, str], str] = {}
    kept = [entry for entry in forecasts.told(store) if entry.body["target"] != "life"]
    for place, entry in enumerate(kept):
        body = entry.body
        row: dict[str, Any] = {"what": f"{name_of(body, lang)} ({body['unit']})"}
        if body["reason"]:
            row["verdict"] = word("forecast.not", lang, why=why(body["reason"], lang))
        else:
            error = body["error"]
            row |= {
                "method": method(body["method"], lang), "mae": error["mae"], "near": error["by_step"][0], "far": error["by_step"][-1],
                "baseline": method(body["baseline"], lang), "baseline_mae": error["baseline_mae"], "used": error["used_mae"],
                "naive": error["used_seasonal_mae"], "saved": _percent(error["skill"]), "holds": _percent(error["coverage"]),
                "total": _total(body["total"]),
                "verdict": word("forecast.signal" if error["signal"] else "forecast.no_signal", lang),
            }  # fmt: skip
            tones |= {} if error["signal"] else {(str(place), "verdict"): "warning"}
        rows.append(row)
    heads = (
        ("what", None), ("method", None), ("mae", 2), ("near", 2), ("far", 2), ("baseline", None), ("baseline_mae", 2),
        ("used", 2), ("naive", 2), ("saved", 0), ("holds", 0), ("total", None), ("verdict", None),
    )  # fmt: skip
    return _sheet(rows, heads, kept, lang, tones)


def life_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per battery: `name`, `health` [years until the end of life by its state of health] with `health_span`, `fall` [% a
    year], `cycles` [years until the contract's full cycles are used] with `cycles_span`, `pace` [full cycles a year], `note`: why one is
    not assessable."""
    lang, rows = scope.lang, []
    kept = forecasts.told(store, "life")
    called = {device.device_id: device.name for kind in (Kind.BESS, Kind.PACK, Kind.RACK) for device in store.records.devices(kind)}
    for entry in kept:
        by_health, by_cycles = entry.body["by_health"], entry.body["by_cycles"]
        reasons = dict.fromkeys(why(one["reason"], lang) for one in (by_health, by_cycles) if one["reason"])
        rows.append(
            {
                "name": called.get(entry.body["device"]) or entry.body["device"],
                "health": by_health["years"], "health_span": _span(by_health, lang), "fall": by_health["rate"],
                "cycles": by_cycles["years"], "cycles_span": _span(by_cycles, lang), "pace": by_cycles["rate"],
                "note": "; ".join(reasons),
            }
        )  # fmt: skip
    heads = (
        ("name", None), ("health", YEARS_SHOWN), ("health_span", None), ("fall", 2), ("cycles", YEARS_SHOWN), ("cycles_span", None),
        ("pace", 0), ("note", None),
    )  # fmt: skip
    return _sheet(rows, heads, kept, lang, {})


def _sheet(
    rows: Sequence[Mapping[str, Any]],
    heads: Sequence[tuple[str, int | None]],
    kept: Sequence[Entry],
    lang: str,
    tones: Mapping[tuple[str, str], str],
) -> Table:
    if not rows:
        return Table({})
    names = [name for name, _ in heads]
    filled = [{name: row.get(name) for name in names} for row in rows]
    columns = tuple((name, word(f"forecast.{name}", lang), digits) for name, digits in heads)
    totals = [(row[names[0]], total) for row, entry in zip(rows, kept, strict=True) if (total := entry.body.get("total"))]
    spec = Sheet(columns, tuple(str(place) for place in range(len(rows))), tones)
    simulated = any(entry.body["simulated"] for entry in kept)
    more = {"sheet": spec, "told": {"total": [("Σ", one["value"], who) for who, one in totals]}}
    return Table(rows_of(filled, names), max(entry.at for entry in kept), simulated, more)


def name_of(body: Mapping[str, Any], lang: str) -> str:
    """`State of charge`, `Load house`."""
    return " ".join(part for part in (word(f"forecast.of.{body['target']}", lang), body["device"]) if part)


def method(name: str, lang: str) -> str:
    """How a method is called."""
    return word(f"forecast.method.{name}", lang)


def _total(total: Mapping[str, Any] | None) -> str | None:
    if not total or total["value"] is None:
        return None
    return f"{number(total['value'], 0)} ({number(total['low'], 0)}…{number(total['high'], 0)}) {total['unit']}"


def _span(one: Mapping[str, Any], lang: str) -> str | None:
    if one["low"] is None:
        return None
    high = word("forecast.open", lang) if one["high"] is None else number(one["high"], YEARS_SHOWN)
    return f"{number(one['low'], YEARS_SHOWN)}…{high}"


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


def _number(value: float | None) -> float:
    return np.nan if value is None else value
