"""What every figure on a screen is made of: formula, inputs and where they come from, the standard behind it, what it leaves out.

The key of an explanation is the title of its tile or panel: what has one name has one meaning. How the figure is formed is the word
`explain.<key>`; the numbers that went into the one on the screen are told by `dashboard.loads.explained`. `docs/kpis.md` is written from
here. Formulas are plain text: subscript i runs over devices, h over hours, Σ sums what is told."""

from collections.abc import Mapping

from dashboard.explanation import Explanation as Explanation
from dashboard.explanation import Facts as Facts
from dashboard.explanation import Given as Given
from dashboard.explanation import Quantity as Quantity
from dashboard.explanation import Tell as Tell
from dashboard.explanation import limits, q
from dashboard.explanations_panels import PANELS, PARTS, reading
from dashboard.explanations_panels import READING as READING
from dashboard.explanations_panels import Part as Part
from dashboard.words import word
from plant.metrics import CATALOGUE

_SOC, _SOH = q("SOCᵢ", "soc", "units"), q("SOHᵢ", "soh", "units")
_CONTENT = q("Eᵢ", "nameplate", "plate", "kWh")
_IN, _OUT = q("E_ch", "energy_in", "books", "kWh"), q("E_dis", "energy_out", "books", "kWh")
_AUX = q("E_aux", "energy_aux", "aux", "kWh")
_STORED, _USABLE = q("ΔE", "stored", "units", "kWh"), q("E", "usable", "plate", "kWh")
_NOMINAL = q("E_nom", "nominal", "plate", "kWh")
_ONE_WAY = "η = E_dis ÷ E_ch  (|ΔSOC| ≤ 1 %);  η = (E_dis + ΔE·√η) ÷ E_ch  (ΔE > 0);  η = E_dis ÷ (E_ch + |ΔE| ÷ √η)  (ΔE < 0)"
_WITH_AUX = _ONE_WAY.replace("÷ E_ch", "÷ (E_ch + E_aux)").replace("(E_ch + |", "(E_ch + E_aux + |")
_ROUND_TRIP = "PNNL-22010 Rev 2; IEC 62933-2-1"
_PART_OF = q("E", "part", "books", "kWh")
_FEE = q("Fₕ", "fee", "rules", "¤")
_FEES = tuple(q(symbol, name, "rules", "¤") for symbol, name in (("F_c", "capacityfee"), ("F_p", "performancefee"), ("F_E", "energyfee")))
_COUNT, _SPAN = q("n", "raised", "alarms"), q("T", "window", "clock", "min")
_ISA = "ISA-18.2; IEC 62682; EEMUA 191"
_VOLTS, _WARM = q("Vᵢ", "cell_voltages", "cells"), q("Tᵢ", "cell_temperatures", "cells")

OVERVIEW: Mapping[str, Explanation] = {
    "tile.soc": Explanation(
        "SOC = Σ SOCᵢ·Eᵢ·SOHᵢ ÷ Σ Eᵢ·SOHᵢ", (_SOC, _CONTENT, _SOH), limits=limits("stale", "health", "plain")
    ),
    "tile.soh": Explanation("SOH = Σ SOHᵢ·Eᵢ ÷ Σ Eᵢ", (_SOH, _CONTENT), limits=limits("stale", "plain", "told")),
    "tile.available": Explanation(
        "E = Σ Eᵢ·SOHᵢ·SOCᵢ", (_CONTENT, _SOH, _SOC), limits=limits("all", "health", "losses")
    ),
    "tile.power": Explanation(
        "P = Σ Pᵢ;  P = P_grid − P_pv + P_aux",
        (
            q("Pᵢ", "active_power", "converters"), q("P_grid", "active_power", "site"),
            q("P_pv", "pv_power", "site"), q("P_aux", "aux_power", "site"),
        ),
        limits=limits("sign", "stale"),
    ),
    "tile.pv": Explanation(
        "P = P_pv;  P = Σ Pᵢ", (q("P_pv", "pv_power", "site"), q("Pᵢ", "total_active_power", "inverters")),
        limits=limits("stale"),
    ),
    "tile.grid": Explanation("P = P_grid", (q("P_grid", "active_power", "site"),), limits=limits("sign")),
    "tile.frequency": Explanation("f", (q("f", "frequency", "site"),), limits=limits("newest")),
    "tile.charged": Explanation("E_ch = Σ max(−P̄, 0)·Δt = Σ E", (_PART_OF,), limits=limits("gap", "day")),
    "tile.discharged": Explanation("E_dis = Σ max(P̄, 0)·Δt = Σ E", (_PART_OF,), limits=limits("gap", "day")),
    "tile.efficiency": Explanation(_ONE_WAY, (_OUT, _IN, _STORED, _USABLE), _ROUND_TRIP, limits("throughput", "observed", "noaux")),
    "tile.online": Explanation(
        "n ÷ N", (q("n", "heard", "devices"), q("N", "expected", "devices")), limits=limits("patience", "archive")
    ),
    "tile.alarms": Explanation("N = Σ nₛ", (q("nₛ", "severity", "alarms"),), limits=limits("unshelved")),
}  # fmt: skip

ANALYSIS: Mapping[str, Explanation] = {
    "analysis.charged": Explanation("E_ch = Σ max(−P̄, 0)·Δt = Σ E", (_PART_OF,), limits=limits("gap")),
    "analysis.discharged": Explanation("E_dis = Σ max(P̄, 0)·Δt = Σ E", (_PART_OF,), limits=limits("gap")),
    "analysis.aux": Explanation("E_aux = Σ P̄_aux·Δt = Σ E", (q("E", "part", "aux", "kWh"),), limits=limits("gap")),
    "analysis.loss": Explanation("E_loss = E_ch − E_dis − ΔE", (_IN, _OUT, _STORED), limits=limits("observed", "usable")),
    "analysis.storage": Explanation(_ONE_WAY, (_OUT, _IN, _STORED, _USABLE), _ROUND_TRIP, limits("throughput", "observed", "noaux")),
    "analysis.system": Explanation(
        _WITH_AUX, (_OUT, _IN, _AUX, _STORED, _USABLE), _ROUND_TRIP, limits("throughput", "observed")
    ),
    "analysis.efc": Explanation("EFC = (E_ch + E_dis) ÷ (2·E_nom)", (_IN, _OUT, _NOMINAL), limits=limits("depth", "gap")),
    "analysis.coverage": Explanation(
        "100·t ÷ (T·N)",
        (q("t", "observed", "books", "h"), q("T", "window", "clock", "h"), q("N", "tellers", "devices")),
        limits=limits("gap"),
    ),
    "panel.loss": Explanation(
        "E_loss = E_ch − E_dis − ΔE", (_IN, _OUT, _STORED, q("E_loss", "lost", "books", "kWh")), limits=limits("observed", "usable")
    ),
    "panel.trips": Explanation(
        _ONE_WAY, (_IN, _OUT, q("SOC₀", "soc", "units"), q("SOC₁", "soc", "units"), q("η", "efficiency", "books", "%")), _ROUND_TRIP,
        limits("closed", "observed", "noaux"),
    ),
}  # fmt: skip

PCS: Mapping[str, Explanation] = {
    "panel.pcs.efficiency": Explanation(
        "η = 100·P_ac ÷ P_dc  (P > 0);  η = 100·P_dc ÷ P_ac  (P < 0)",
        (
            q("P_ac", "active_power", "converter"), q("P_dc", "dc_power", "converter"), q("load", "load", "plate", "%"),
            q("η", "efficiency", "converter", "%"),
        ),
        limits=limits("tenth", "both"),
    ),
}  # fmt: skip

SCHEDULE: Mapping[str, Explanation] = {
    "tile.rate": Explanation(
        "s(t) = max(0, 100 − |p(t) − band|);  r(t) = max s(t−w+1 … t);  rate = min r(t)",
        (
            q("min r", "rolled", "scores", "%"), q("n", "seconds", "scores", "s"), q("n₁₀₀", "full", "scores", "s"),
            q("n₀", "silent", "scores", "s"),
        ),
        limits=limits("second", "far"),
    ),
    "tile.award": Explanation("Σ MW", (q("MW", "award", "award", "MW"),), limits=limits("won")),
    "tile.worth": Explanation(
        "F = (c + p)·MW·q·h + F_E",
        (
            q("c", "price", "award", "¤"), q("p", "performance", "rules", "¤"), q("MW", "award", "award", "MW"),
            q("q", "index", "scores"), q("h", "hours", "clock", "h"), q("F_E", "energyfee", "rules", "¤"),
        ),
        limits=limits("well", "unverified"),
    ),
    "tile.income-day": Explanation("F = Σ Fₕ,  Fₕ = (c + p)·MW·q·h + F_E", (_FEE,), limits=limits("over", "unverified", "corrected")),
    "tile.income-month": Explanation("F = Σ Fₕ,  Fₕ = (c + p)·MW·q·h + F_E", (_FEE,), limits=limits("over", "unverified", "corrected")),
    "panel.fees-day": Explanation("F = F_c + F_p + F_E;  F_c = c·MW·q·h;  F_p = p·MW·q·h", _FEES, limits=limits("over", "unverified")),
    "panel.fees-month": Explanation("F = F_c + F_p + F_E;  F_c = c·MW·q·h;  F_p = p·MW·q·h", _FEES, limits=limits("over", "unverified")),
    "tile.silent": Explanation("n₀ = Σ n₀ₕ", (q("n₀ₕ", "silent", "scores", "s"),), limits=limits("second")),
    "tile.low": Explanation("N = |{h : rateₕ < 95}|", (q("rateₕ", "below", "scores", "%"),), limits=limits("over")),
}  # fmt: skip

INVERTER: Mapping[str, Explanation] = {
    "inverter.ac": Explanation("P_ac", (q("P_ac", "total_active_power", "inverter"),), limits=limits("newest")),
    "inverter.dc": Explanation("P_dc", (q("P_dc", "dc_power", "inverter"),), limits=limits("newest")),
    "inverter.efficiency": Explanation(
        "η = 100·P_ac ÷ P_dc",
        (q("P_ac", "total_active_power", "inverter"), q("P_dc", "dc_power", "inverter"), q("P_nom", "rated", "plate", "kW")),
        limits=limits("low", "instant"),
    ),
    "inverter.today": Explanation("E_day", (q("E_day", "daily_power_yields", "inverter"),), limits=limits("register")),
    "inverter.specific": Explanation(
        "Y = E_day ÷ P₀", (q("E_day", "daily_power_yields", "inverter"), q("P₀", "peak", "plate", "kWp")), "IEC 61724-1",
        limits("register", "weather"),
    ),
    "inverter.mismatch": Explanation(
        "min 100·(Iₛ − Ĩ) ÷ Ĩ,  Ĩ = median Iₛ", (q("Ĩ", "median", "inverter", "A"), q("Iₛ", "string_currents", "inverter")),
        limits=limits("dark", "instant"),
    ),
    "panel.ratio": Explanation(
        "PR = 100·Y_f ÷ Y_r;  Y_f = E ÷ P₀;  Y_r = H ÷ (1 kW/m²)",
        (q("Y_f", "final", "inverter", "h"), q("Y_r", "reference", "weather", "h"), q("PR", "ratio", "books", "%")), "IEC 61724-1",
        limits("sun", "uncorrected"),
    ),
    "inverter.irradiance": Explanation("G", (q("G", "poa_irradiance", "weather"),), limits=limits("newest")),
    "inverter.heat": Explanation("T", (q("T", "internal_temperature", "inverter"),), limits=limits("newest")),
}  # fmt: skip

BESS: Mapping[str, Explanation] = {
    "cells.tile.highest": Explanation("max Vᵢ", (_VOLTS,), limits=limits("silent")),
    "cells.tile.lowest": Explanation("min Vᵢ", (_VOLTS,), limits=limits("silent")),
    "cells.tile.spread": Explanation("ΔV = max Vᵢ − min Vᵢ", (_VOLTS,), limits=limits("silent", "load")),
    "cells.tile.warmest": Explanation("max Tᵢ", (_WARM,), limits=limits("silent")),
    "cells.tile.coldest": Explanation("min Tᵢ", (_WARM,), limits=limits("silent")),
    "cells.tile.gradient": Explanation("ΔT = max Tᵢ − min Tᵢ", (_WARM,), limits=limits("silent")),
    "cells.tile.outliers": Explanation(
        "N = |{i : |z| > 3.5}|;  z = (Vᵢ − Vₘ) ÷ (1.4826·MAD_V);  z = (Tᵢ − Tₘ) ÷ (1.4826·MAD_T)",
        (
            q("Vₘ", "median", "cells", "V", 4), q("MAD_V", "mad", "cells", "V", 5), _VOLTS,
            q("Tₘ", "median", "cells", "°C"), q("MAD_T", "mad", "cells", "K", 3), _WARM,
        ),
        "Iglewicz & Hoaglin, How to Detect and Handle Outliers (ASQC 1993)", limits("silent", "load", "digit"),
    ),
}  # fmt: skip

ALARMS: Mapping[str, Explanation] = {
    "alarm.tile.open": Explanation("N = Σ nₛ", (q("nₛ", "severity", "alarms"),), limits=limits("shelved")),
    "alarm.tile.rate": Explanation("n ÷ (T ÷ 10 min)", (_COUNT, _SPAN), _ISA, limits("cut")),
    "alarm.tile.peak": Explanation("max nₖ", (q("nₖ", "interval", "alarms"),), _ISA, limits("clock", "cut")),
    "alarm.tile.flood": Explanation(
        "100·K_f ÷ K", (q("K_f", "flooded", "alarms"), q("K", "intervals", "clock")), _ISA, limits("clock", "cut")
    ),
    "alarm.tile.top": Explanation("100·Σ nₜ ÷ n", (q("nₜ", "tag", "alarms"), _COUNT), _ISA, limits("cut")),
    "alarm.tile.chatter": Explanation("N = |{tag : ≥ 3 ÷ min}|", (q("nₜ", "tag", "alarms"),), _ISA, limits("cut")),
    "alarm.tile.stale": Explanation("N = |{age > 24 h}|", (q("age", "age", "alarms", "h"),), _ISA, limits("shelved", "cut")),
    "alarm.tile.split": Explanation("100·nₛ ÷ n", (q("nₛ", "severity", "alarms"), _COUNT), _ISA, limits("cut")),
}  # fmt: skip

SYSTEM: Mapping[str, Explanation] = {
    "system.rate": Explanation("n ÷ T", (q("n", "readings", "process"), q("T", "window", "clock", "s")), limits=limits("process")),
    "system.delay": Explanation("mean(t_received − t_device)", (q("Δt", "delay", "process", "s"),), limits=limits("process", "clocks")),
    "system.commit": Explanation("t", (q("t", "commit", "process", "ms"),), limits=limits("process")),
    "system.spool": Explanation(
        "n", (q("n", "waiting", "process"), q("B", "bytes", "process", "MB"), q("B_max", "room", "settings", "MB")),
        limits=limits("process"),
    ),
    "system.streams": Explanation("N = Σ nₖ", (q("nₖ", "connections", "process"),), limits=limits("process")),
    "system.memory": Explanation("RSS", (q("RSS", "resident", "process", "MB"),), limits=limits("process", "jobs")),
    "system.uptime": Explanation("t = now − t₀", (q("t", "running", "process", "h"),), limits=limits("process")),
}  # fmt: skip

_TILES: Mapping[str, Mapping[str, Explanation]] = {
    "page.overview": OVERVIEW, "page.bess": BESS, "page.pcs": PCS, "page.inverter": INVERTER, "page.schedule": SCHEDULE,
    "page.analysis": ANALYSIS, "page.alarms": ALARMS, "page.system": SYSTEM,
}  # fmt: skip
GROUPS: Mapping[str, Mapping[str, Explanation]] = {page: {**_TILES.get(page, {}), **own} for page, own in PANELS.items()}
"""Explanations by the page (its title) whose figures they are; some stand on several."""

EXPLANATIONS: Mapping[str, Explanation] = {key: one for group in GROUPS.values() for key, one in group.items()}


def about(key: str) -> Explanation:
    """The explanation of this key, also of plain readings (`metric.<name>`). Raises KeyError."""
    return reading(key.removeprefix(READING)) if key.startswith(READING) else EXPLANATIONS[key]


def title(key: str, lang: str) -> str:
    """What the figure of this key is called."""
    return CATALOGUE[key.removeprefix(READING)].label(lang) if key.startswith(READING) else word(key, lang)


def parts(panel_id: str) -> Mapping[str, Part]:
    """The figures of a panel that have cards of their own."""
    return PARTS.get(panel_id, {})


def how(key: str) -> str:
    """The word that says how the figure is formed."""
    return "explain.reading" if key.startswith(READING) else f"explain.{key}"


def words_of(key: str) -> tuple[str, ...]:
    """Every word key an explanation needs, its title first."""
    one = about(key)
    own = [q.of for q in one.inputs if q.of not in CATALOGUE]
    name = () if key.startswith(READING) else (key,)
    return (*name, how(key), *own, *(q.teller for q in one.inputs), *one.limits)
