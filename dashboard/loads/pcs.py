"""What the PCS page shows: all converters side by side, and one of them in its phases, powers, temperatures and words."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dashboard.figures import bits as drawn
from dashboard.figures import sheet
from dashboard.figures.lines import Line, Plot
from dashboard.figures.sheet import Sheet
from dashboard.loads import archive, history
from dashboard.loads.fleet import Fleet, Said, fleet
from dashboard.loads.rackmap import is_outside
from dashboard.loads.units import numbered
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant import wording
from plant.analysis import converter, efficiency
from plant.metrics import MODES, metric
from plant.model import Device, Kind
from plant.quantity import DASH
from plant.solarhub import PCS_WORDS

KINDS = (Kind.PCS,)
TONES: Mapping[str, str] = {
    "inverter_status": "",
    "grid_status": "",
    "inverter_inhibits1_status": "warning",
    "environment_status": "warning",
    "warning_status": "warning",
    "fault_status1": "alarm",
    "fault_status2": "alarm",
}
"""What a bit that is set says: of the inverter's and the grid's word a state, of the others trouble."""
CURRENTS = ("ac_current_a", "ac_current_b", "ac_current_c")
VOLTAGES = ("ac_voltage_ab", "ac_voltage_bc", "ac_voltage_ca")
TEMPERATURES = (("temp_igbt", ""), ("temp_ambient", ""), ("temp_environment", "target"))
LEAST_CURRENT = 0.05
"""Share of the rated current below which the unbalance of currents says nothing."""
COLUMNS: tuple[tuple[str, int | None], ...] = (
    ("mode", None),
    ("active_power", 1),
    ("load", 0),
    ("dc_power", 1),
    ("efficiency", 1),
    ("reactive_power", 1),
    ("power_factor", 3),
    ("dc_voltage", 1),
    ("unbalance", 2),
    ("temp_igbt", 1),
    ("words", None),
)
"""Columns of the table of units and their decimals (None = text)."""


def lang_of(scope: Scope) -> str:
    """The language as `plant.wording` calls it."""
    return scope.lang.partition("-")[0]


def pcs_name(number: int, scope: Scope) -> str:
    """`PCS 3`."""
    return word("name.pcs", scope.lang, n=number)


def unit_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The converters that exist."""
    return [(str(number), pcs_name(number, scope)) for number in numbered(fleet(store, KINDS).of(Kind.PCS))]


def chosen(plant: Fleet, scope: Scope) -> tuple[int, Device] | None:
    """The converter the scope asks for by number, the first when it asks for none; None when there is no such converter."""
    found = numbered(plant.of(Kind.PCS))
    wanted = scope.unit if scope.unit is not None else next(iter(found), None)
    return (wanted, found[wanted]) if wanted is not None and wanted in found else None


def in_force(store: Store, scope: Scope) -> str:
    """The number of the converter looked at; "" when there is no such converter."""
    picked = chosen(fleet(store, KINDS), scope)
    return str(picked[0]) if picked else ""


def rated(device: Device) -> float | None:
    """Nameplate AC power [kW]; None when the register does not say."""
    power = device.rating.get("power_kw")
    return float(power) if power else None


def rated_current(device: Device) -> float | None:
    """Rated current of a phase [A] = P / (√3 · U); None without rated power or voltage."""
    power, volts = rated(device), device.rating.get("voltage_v")
    return power * 1000.0 / (3**0.5 * float(volts)) if power and volts else None


def one_way(ac: Said | None, dc: Said | None, device: Device) -> float | None:
    """Efficiency now [%]; None where it is not formed (see `efficiency.one_way`), or the two are not of one time."""
    power = rated(device)
    if ac is None or dc is None or power is None or abs(ac.at - dc.at) > max(2_000, 1_000 * device.interval_s):
        return None
    return efficiency.one_way(ac.value, dc.value, power).value


def unit_table(store: Store, scope: Scope) -> Table:
    """One row per converter: `unit`, COLUMNS. Efficiency [%] only above a tenth of the rating, `load` is the share of it [%],
    `unbalance` that of the currents [%], `words` what its warning and fault words say. Old values are
    marked stale."""
    plant = fleet(store, KINDS)
    found = numbered(plant.of(Kind.PCS))
    columns: dict[str, list[Any]] = {"unit": [], **{name: [] for name, _ in COLUMNS}}
    tones: dict[tuple[str, str], str] = {}
    heard: list[int] = []
    for number, device in found.items():
        values, marks, at = _unit(plant, device, scope)
        columns["unit"].append(pcs_name(number, scope))
        for name, _ in COLUMNS:
            columns[name].append(values.get(name))
        tones |= {(str(number), name): tone for name, tone in marks.items()}
        heard += at
    if not heard:
        return Table({})
    keys = {"unbalance": "pcs.unbalance.head"}
    heads = {name: word(keys.get(name, f"pcs.{name}"), scope.lang) for name, _ in COLUMNS}
    parts = (("unit", word("control.unit", scope.lang), None), *((name, heads[name], decimals) for name, decimals in COLUMNS))
    links = {(str(number), "unit"): scope.link("/pcs", unit=number) for number in found}
    picked = chosen(plant, scope)
    spec = Sheet(parts, tuple(map(str, found)), tones, links, str(picked[0]) if picked else "")
    return Table(columns, max(heard), plant.is_simulated(list(found.values())), {"sheet": spec, "told": _told(plant, found, scope)})


def _told(plant: Fleet, found: Mapping[int, Device], scope: Scope) -> dict[str, list[tuple[str, float | None, str]]]:
    """What load, efficiency and unbalance are worked out from beside what the table shows: ratings and phases."""
    ratings = [("P_nom", rated(device), pcs_name(number, scope)) for number, device in found.items()]
    phases = [
        ("x", said.value if (said := plant.said(device, name)) else None, f"{pcs_name(number, scope)} · {phase_name(name, scope)}")
        for number, device in found.items()
        for name in CURRENTS
    ]
    return {"load": ratings, "efficiency": ratings, "unbalance": phases}


def _unit(plant: Fleet, device: Device, scope: Scope) -> tuple[dict[str, Any], dict[str, str], list[int]]:
    """Values by column, tones by column, instants."""
    said = {
        name: plant.said(device, name)
        for name in ("mode", "active_power", "dc_power", "reactive_power", "power_factor", "dc_voltage", "temp_igbt")
    }
    values: dict[str, Any] = {name: one.value for name, one in said.items() if one}
    tones = {name: "stale" for name, one in said.items() if one and one.is_stale}
    power = rated(device)
    ac, dc, mode, igbt = said["active_power"], said["dc_power"], said["mode"], said["temp_igbt"]
    if mode:
        values["mode"] = word(f"mode.{MODES[int(mode.value)]}", scope.lang) if int(mode.value) in MODES else f"{mode.value:g}"
        tones.setdefault("mode", {2: "charge", 3: "discharge", 4: "alarm", 5: "warning"}.get(int(mode.value), ""))
    if igbt:
        about = metric("temp_igbt")
        tones.setdefault(
            "temp_igbt", "alarm" if is_outside(igbt.value, about.alarm) else "warning" if is_outside(igbt.value, about.normal) else ""
        )
    if ac and power:
        values["load"] = 100.0 * abs(ac.value) / power
    values["efficiency"] = one_way(ac, dc, device)
    phases = [plant.said(device, name) for name in CURRENTS]
    values["unbalance"] = _unbalance_now([one.value if one else np.nan for one in phases], _floor(device, CURRENTS))
    for name, source in (("load", ac), ("efficiency", dc), ("unbalance", phases[0])):
        if source and source.is_stale and values.get(name) is not None:
            tones[name] = "stale"
    values["words"], tones["words"] = _trouble(plant, device, scope)
    return values, {name: tone for name, tone in tones.items() if tone}, [one.at for one in (*said.values(), *phases) if one]


def _unbalance_now(phases: Sequence[float], least: float) -> float | None:
    value = float(converter.unbalance([[one] for one in phases], least)[0])
    return value if np.isfinite(value) else None


def _floor(device: Device, names: Sequence[str]) -> float:
    """The mean below which the unbalance of these phases says nothing."""
    return LEAST_CURRENT * (rated_current(device) or 0.0) if names == CURRENTS else 0.0


def _trouble(plant: Fleet, device: Device, scope: Scope) -> tuple[str | None, str]:
    """What the words that tell of trouble say, and how bad it is; None when none was ever said."""
    told = [(name, one) for name in PCS_WORDS if TONES[name] and (one := plant.said(device, name))]
    if not told:
        return None, ""
    raised = [(name, int(one.value)) for name, one in told if one.value]
    if not raised:
        return wording.word_text(0, lang_of(scope)), "good"
    texts = [wording.word_text(value, lang_of(scope), wording.meanings(device.info, name, lang_of(scope))) for name, value in raised]
    return " · ".join(texts), "alarm" if any(TONES[name] == "alarm" for name, _ in raised) else "warning"


def unit_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The numbers of the table."""
    table = unit_table(store, scope)
    return None if table.is_empty else sheet.frame(table)


def _asks(store: Store, scope: Scope, names: Sequence[tuple[str, str]], banded: bool = False) -> list[history.Ask]:
    picked = chosen(fleet(store, KINDS), scope)
    return [history.Ask(picked[1], name, meaning=meaning, banded=banded) for name, meaning in names] if picked else []


def _or_archive(table: Table, store: Store, scope: Scope, asks: Sequence[history.Ask]) -> Table:
    if not table.is_empty:
        return table
    return archive.untold(store, scope, asks[0].device if asks else None, [ask.metric for ask in asks], "/pcs")


def phase_asks(store: Store, scope: Scope, names: tuple[str, ...]) -> list[history.Ask]:
    """The three phases of the chosen converter."""
    return [replace(ask, name=phase_name(ask.metric, scope)) for ask in _asks(store, scope, [(name, "") for name in names])]


def phase_name(name: str, scope: Scope) -> str:
    """`Phase A`, `A–B`."""
    phases = name.rpartition("_")[2].upper()
    return word("pcs.phase", scope.lang, n=phases) if len(phases) == 1 else "–".join(phases)


def phase_table(store: Store, scope: Scope, names: tuple[str, ...]) -> Table:
    """Columns: `at`, three phases [A or V], and once all three speak their unbalance [%]."""
    asks = phase_asks(store, scope, names)
    table = history.history(store, scope, asks, limits=False)
    if table.is_empty:
        return _or_archive(table, store, scope, asks)
    plot: Plot = table.more["plot"]
    if len(plot.lines) < 3:
        return table
    title = word("pcs.unbalance", scope.lang)
    column = history.unused(f"{title} (%)", table.columns)
    values: Any = converter.unbalance([table.columns[line.column] for line in plot.lines], _floor(asks[0].device, names))
    line = Line(column, title, "%", 2, "load", width=plot.lines[0].width)
    more = {**table.more, "plot": replace(plot, lines=(*plot.lines, line), floor=(("%", 0.0, 1.0),))}
    return replace(table, columns={**table.columns, column: values}, more=more)


def phase_frame(store: Store, scope: Scope, names: tuple[str, ...]) -> Mapping[str, Any] | None:
    """The newest phases and their unbalance."""
    asks = phase_asks(store, scope, names)
    frame = history.live_lines(store, scope, asks)
    if frame and len(frame["extend"]["y"]) == 3:
        now = [np.nan if value is None else value for value in frame["extend"]["y"]]
        found = _unbalance_now(now, _floor(asks[0].device, names))
        frame["extend"]["y"].append(None if found is None else round(found, 2))
    return frame


def power_asks(store: Store, scope: Scope) -> list[history.Ask]:
    """AC power, DC power and what was asked of it."""
    picked = chosen(fleet(store, KINDS), scope)
    if picked is None:
        return []
    device = picked[1]
    return [
        history.Ask(device, "active_power", word("pcs.ac", scope.lang), "discharge"),
        history.Ask(device, "dc_power", word("pcs.dc", scope.lang), "charge", banded=False),
        history.Ask(device, "target_power", "", "target", dash="dot", banded=False),
    ]


def power_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, AC, DC and target power [kW, discharge positive]."""
    asks = power_asks(store, scope)
    return _or_archive(history.history(store, scope, asks, limits=False), store, scope, asks)


def power_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest powers."""
    return history.live_lines(store, scope, power_asks(store, scope))


def heat_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, IGBT, ambient and environment temperature [°C]; the axis reaches up to the limits of the IGBT."""
    top = metric("temp_igbt").alarm[1]
    asks = _asks(store, scope, TEMPERATURES)
    table = history.history(store, scope, asks, floor=(("°C", None, None if top is None else top + 2.0),))
    return _or_archive(table, store, scope, asks)


def heat_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest temperatures."""
    return history.live_lines(store, scope, _asks(store, scope, TEMPERATURES))


def word_table(store: Store, scope: Scope) -> Table:
    """One row per word of S1: `word` (name), `value` (0…65535), `hex`, `text` (the bits that are set, in the reader's language), `at`."""
    plant = fleet(store, KINDS)
    picked = chosen(plant, scope)
    said = {name: plant.said(picked[1], name) for name in PCS_WORDS} if picked else {}
    if picked is None or not any(said.values()):
        return Table({})
    lang, device = lang_of(scope), picked[1]
    values = {name: int(one.value) & 0xFFFF if one else None for name, one in said.items()}
    names = {name: wording.meanings(device.info, name, lang) for name in PCS_WORDS}
    columns: dict[str, list[Any]] = {
        "word": [metric(name).label(scope.lang) for name in PCS_WORDS],
        "value": [values[name] for name in PCS_WORDS],
        "hex": [DASH if value is None else f"0x{value:04X}" for value in values.values()],
        "text": [DASH if value is None else _text(name, value, lang, names[name]) for name, value in values.items()],
        "at": [one.at if one else None for one in said.values()],
    }
    spec = tuple(drawn.Bits(name, TONES[name], names[name]) for name in PCS_WORDS)
    newest = max(one.at for one in said.values() if one)
    return Table(columns, newest, plant.is_simulated([device]), {"bits": spec})


def _text(name: str, value: int, lang: str, names: Sequence[str]) -> str:
    """What is set, without the number that stands beside it; a state without a bit is not "normal" but no bit."""
    if not value and not TONES[name]:
        return wording.none_set(lang)
    return wording.word_text(value, lang, names).removesuffix(f" (0x{value:04X})")


def word_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """When a word changes, the grid is asked for again."""
    table = word_table(store, scope)
    return None if table.is_empty else {"at": table.at, "redraw": ",".join(map(str, table.columns["value"]))}
