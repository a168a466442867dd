"""What the figures of charts, maps and tables are made of, and which of them stands in which panel: the card behind the button of a
panel, and behind the head of each column or row with a figure in it. As in `dashboard.explanations`, keys are the words of titles."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dashboard.explanation import Explanation, Quantity, limits, q
from plant.metrics import CATALOGUE

READING = "metric."
"""Begins the key of a figure that is nothing but the newest reading of the metric named after it."""

_ISA = "ISA-18.2; IEC 62682; EEMUA 191"
_Z = "Iglewicz & Hoaglin, How to Detect and Handle Outliers (ASQC 1993)"
_RULES = "docs/settlement.md"
_IEC_PV, _PV = "IEC 61724-1; docs/pv.md", "docs/pv.md"
_TWIN, _FORECASTS = "docs/twin.md", "docs/forecasts.md"
_METRICS = "docs/metrics.md"
_ROUND_TRIP = "PNNL-22010 Rev 2; IEC 62933-2-1"
_AVAILABLE = "PREPA (contract wording)"
_GLOSSARY = "docs/glossary.md"
_STORE = "docs/operations.md"


def _chart(formula: str, *inputs: Quantity, source: str = _METRICS, left: tuple[str, ...] = ()) -> Explanation:
    """Of a chart over time: what its lines tell are the newest points."""
    return Explanation(formula, inputs, source, (*left, *limits("bucket")))


def _lines(formula: str, *inputs: Quantity, source: str, left: tuple[str, ...] = ()) -> Explanation:
    """The same where points are no means of buckets."""
    return Explanation(formula, inputs, source, left)


_POINT = q("x̄", "point", "lines")
_MEAN = "x̄ = Σ x ÷ n;  min x ≤ x̄ ≤ max x"
_OUTLYING = "z = (x − median) ÷ (1.4826·MAD);  |z| > 3.5"

OVERVIEW: Mapping[str, Explanation] = {
    "panel.flow": Explanation(
        "P_batt = Σ Pᵢ;  P_batt = P_grid − P_pv + P_aux", (q("P", "node", "converters", "kW"),), _METRICS, limits("sign", "stale")
    ),
    "panel.balance": _chart(
        "P_in = P_pv + P_dis + P_imp;  P_out = P_aux + P_ch + P_exp;  P⁺ = max(P̄, 0);  P⁻ = max(−P̄, 0)",
        q("P_pv", "sun", "site", "kW", 1), q("P_dis", "discharging", "converters", "kW", 1), q("P_imp", "importing", "site", "kW", 1),
        q("P_aux", "auxiliaries", "aux", "kW", 1), q("P_ch", "charging", "converters", "kW", 1), q("P_exp", "exporting", "site", "kW", 1),
    ),
    "panel.soc": Explanation(_OUTLYING, (q("x", "soc", "racks"),), _Z, limits("stale", "scale")),
    "panel.frequency": _chart(_MEAN, _POINT),
    "panel.topology": Explanation(
        "n ÷ N", (q("n", "heard", "devices"), q("N", "expected", "devices")), _STORE, limits("patience", "archive")
    ),
}  # fmt: skip

BESS: Mapping[str, Explanation] = {
    "panel.spread": Explanation("ΔV = max V − min V", (q("ΔV", "cell_voltage_diff", "racks"),), _Z, limits("stale", "load", "scale")),
    "panel.heat": Explanation("ΔT = max T − min T", (q("ΔT", "cell_temp_diff", "racks"),), _Z, limits("stale", "scale")),
    "panel.compare": _chart(_MEAN, _POINT),
    "panel.deviation": _chart("d = x̄ − median x̄", q("d", "deviation", "lines")),
    "panel.cells": Explanation(
        _OUTLYING.replace("x", "V"), (q("V", "cell_voltages", "cells"), q("z", "z", "books", "", 1)), _Z, limits("silent", "load")
    ),
    "panel.temps": Explanation(
        _OUTLYING.replace("x", "T"), (q("T", "cell_temperatures", "cells"), q("z", "z", "books", "", 1)), _Z, limits("silent")
    ),
    "panel.bess.volts": _chart("d = V̄ − median V̄ᵢ", _POINT, left=limits("furthest", "load")),
    "panel.bess.warmth": _chart("d = T̄ − median T̄ᵢ", _POINT, left=limits("furthest")),
    "panel.bess.play": Explanation("d = V̄ − median V̄ᵢ", (q("d", "deviation", "cells", "mV", 1),), _METRICS, limits("load")),
    "panel.bess.pair": _chart("Δ = x̄₁ − x̄₂", _POINT),
    "panel.bess.rainflow": Explanation(
        "n(d, m) = Σ cycles with depth d and mean m", (q("n", "rackcycles", "study", "", 2),), "ASTM E1049-85, 5.4.4", limits("noise")
    ),
    "bess.wear.mwh": Explanation("(Σ E_out + Σ E_in) ÷ 1000", (q("E", "throughput", "study", "MWh"),), _GLOSSARY, limits("rackdays")),
    "bess.wear.cycles": Explanation(
        "n = Σ cycles  (depth ≥ 1 %)", (q("n", "rackcycles", "study", "", 1),), "ASTM E1049-85, 5.4.4", limits("noise", "rackdays")
    ),
    "bess.wear.deepest": Explanation(
        "max depth", (q("d", "depth", "study", "%", 1),), "ASTM E1049-85, 5.4.4", limits("noise", "rackdays")
    ),
    "bess.wear.mean": Explanation(
        "Σ m·d·n ÷ Σ d·n", (q("m", "meansoc", "study", "%", 1),), "ASTM E1049-85, 5.4.4", limits("noise", "rackdays")
    ),
    "bess.wear.rest": Explanation("Σ t  (|I| < 0.02 C)", (q("t", "resthours", "study", "h", 1),), _GLOSSARY, limits("rackdays")),
}  # fmt: skip

_AC, _DC, _RATED = q("P_ac", "active_power", "converter"), q("P_dc", "dc_power", "converter"), q("P_nom", "rated", "plate", "kW")
_UNBALANCE = "u = 100·max|x − x̄| ÷ x̄"
_LOAD, _ETA = "load = 100·|P_ac| ÷ P_nom", "η = 100·P_ac ÷ P_dc  (P > 0);  η = 100·P_dc ÷ P_ac  (P < 0)"

PCS: Mapping[str, Explanation] = {
    "panel.pcs.power": _chart(_MEAN, _POINT, left=limits("sign")),
    "panel.pcs.heat": _chart(_MEAN, _POINT),
    "panel.pcs.currents": _chart(_UNBALANCE, _POINT, source="NEMA MG 1", left=limits("unbalance")),
    "panel.pcs.voltages": _chart(_UNBALANCE, _POINT, source="NEMA MG 1"),
    "panel.pcs.pq": Explanation(
        "S = √(P² + Q²)", (q("P", "active_power", "converter"), q("Q", "reactive_power", "converter")), _METRICS, limits("circle")
    ),
    "pcs.load": Explanation(_LOAD, (_AC, _RATED, q("load", "load", "converter", "%", 1)), _METRICS, limits("newest")),
    "pcs.efficiency": Explanation(
        _ETA, (_AC, _DC, _RATED, q("η", "efficiency", "converter", "%")), _METRICS, limits("tenth", "both")
    ),
    "pcs.unbalance.head": Explanation(
        _UNBALANCE, (q("x", "phase", "converter", "A", 1), q("u", "unbalance", "converter", "%")), "NEMA MG 1", limits("unbalance")
    ),
}  # fmt: skip

INVERTER: Mapping[str, Explanation] = {
    "panel.daycurve": _chart(
        "P = P₀·G ÷ 1000·(1 + γ·(T − 25))·(1 − l)·η", _POINT, source="PVWatts 5, NREL/TP-6A20-62641; Ineichen & Perez 2002; docs/pv.md",
        left=limits("model"),
    ),
    "panel.mppt": Explanation(
        "P = V·I ÷ 1000",
        (q("V", "mppt_voltages", "inverter"), q("I", "mppt_currents", "inverter"), q("P", "mpptpower", "books", "kW")), _METRICS,
        limits("instant"),
    ),
    "panel.strings": Explanation(
        "m = (Iₛ − Ĩ) ÷ Ĩ,  Ĩ = median Iₛ",
        (q("Iₛ", "string_currents", "inverter"), q("m", "mismatch", "books", "", 3)), _PV, limits("dark", "instant"),
    ),
    "panel.mismatch": Explanation(
        "m = 100·(Iₛ − Ĩ) ÷ Ĩ,  Ĩ = median Iₛ",
        (q("Iₛ", "string_currents", "inverter"), q("m", "mismatch", "books", "%", 1)), _PV, limits("dark", "sampled"),
    ),
    "panel.phases": _chart(_MEAN, _POINT),
    "panel.yields": Explanation(
        "E_day;  E_day = Σ P̄·Δt", (q("E_day", "dayenergy", "inverter", "kWh", 1),), _IEC_PV, limits("register", "gap")
    ),
    "panel.pvlosses": Explanation(
        "E_pot = E_ac + Σ L;  L_clip = Σ max(P_pot − P_nom, 0)·Δt;  "
        "L_clip = Σ (P_pot − P_ac)·Δt  (P_ac ≥ 0.98·P_nom);  L_curt = Σ (P_pot − P_ac)·Δt  (P_ac held ≥ 30 min);  "
        "L_out = Σ P_pot·Δt  (P_ac < 0.005·P_nom, P_pot > 0.05·P_nom);  L_weak = Σ P_ac·(Σ max(Ĩ − Iₛ, 0) ÷ Σ Iₛ)·Δt  (m < −5 %);  "
        "L_soil = r·d·E_clean;  L_rest = E_pot − E_ac − Σ L",
        (q("L", "lossenergy", "study", "kWh", 1), q("share", "lossshare", "study", "%", 1)), _PV, limits("told_both", "hint"),
    ),
    "panel.soiling": _lines(
        "c = 100·Σ P ÷ Σ P_pot  (clear hours);  r = median((cⱼ − cᵢ) ÷ (tⱼ − tᵢ))", _POINT,
        source="Gilbert 1987, §17; Hirsch, Slack & Smith, Water Resources Research 18 (1982) 107", left=limits("clear", "hint"),
    ),
}  # fmt: skip

_PRICE, _PAY = q("c", "price", "award", "¤"), q("p", "performance", "rules", "¤")
_MW, _INDEX = q("MW", "award", "award", "MW", 1), q("q", "index", "scores")
_RATE, _SILENT = q("rate", "rate", "scores", "%", 1), q("n₀", "silent", "scores", "s")
_FEES = tuple(q(symbol, name, "rules", "¤") for symbol, name in (("F_c", "capacityfee"), ("F_p", "performancefee"), ("F_E", "energyfee")))
_WHOLE = q("F", "fee", "rules", "¤")
_SCORED = "s(t) = max(0, 100 − |p(t) − band|);  r(t) = max s(t−w+1 … t);  rate = min r(t)"
_OVER = limits("over", "second")
_MONEY = limits("over", "unverified", "corrected")
_INTO, _OUT = q("E_ch", "energy_in", "books", "kWh"), q("E_dis", "energy_out", "books", "kWh")

SCHEDULE: Mapping[str, Explanation] = {
    "panel.week": Explanation(
        f"{_SCORED};  F = (c + p)·MW·q·h + F_E", (_MW, _PRICE, _RATE, _INDEX, _WHOLE), _RULES, (*_OVER, *limits("unverified"))
    ),
    "panel.planned": _chart("P_lo = MW·lower(f̄) + P_t;  P_hi = MW·upper(f̄) + P_t", _POINT, source=_RULES, left=limits("permitted")),
    "panel.hour": _lines(_SCORED, _POINT, source=_RULES, left=limits("second", "far")),
    "panel.plan": Explanation(
        "max Σ (π·(P_dis − P_ch)·h + F_s − w·P_dis·h);  e′ = e + (η_c·P_ch − P_dis ÷ η_d)·h",
        (
            q("π", "marketprice", "prices", "¤"), q("P", "planned", "plan", "kW", 1), q("SOC", "soc", "plan"),
            q("F_e", "planenergy", "plan", "¤"), q("F_s", "planservice", "plan", "¤"), q("F_w", "planwear", "plan", "¤"),
        ),
        "docs/decisions.md", limits("horizon"),
    ),
    "cause.rate": Explanation(_SCORED, (q("r", "rolled", "scores", "%"),), _RULES, limits("second", "far")),
    "figure.cost": Explanation("ΔF = F − F(q = 1)", (q("ΔF", "lostfee", "scores", "¤"),), _RULES, limits("alone", "unverified")),
    "figure.mw": Explanation("MW", (_MW,), _RULES, limits("won")),
    "figure.price": Explanation("c", (_PRICE,), _RULES, limits("won")),
    "income.rate": Explanation(f"{_SCORED};  rate = Σ rateₕ·h ÷ Σ h", (_RATE,), _RULES, _OVER),
    "income.index": Explanation("q = index(rate);  q = Σ qₕ·h ÷ Σ h", (_RATE, _INDEX), _RULES, _OVER),
    "income.silent": Explanation("n₀ = Σ n₀ₕ", (_SILENT,), _RULES, limits("second")),
    "income.capacity": Explanation("F_c = c·MW·q·h", (_FEES[0],), _RULES, _MONEY),
    "income.performance": Explanation("F_p = p·MW·q·h", (_FEES[1],), _RULES, _MONEY),
    "income.energy": Explanation("F_E = Σ k·|P̄|·0.25 h", (_FEES[2],), _RULES, _MONEY),
    "income.total": Explanation("F = F_c + F_p + F_E", (*_FEES, _WHOLE), _RULES, _MONEY),
    "income.judged": Explanation("N = Σ h", (q("N", "judged", "scores", "h"),), _RULES, _OVER),
    "income.low": Explanation("N = |{h : rateₕ < 95}|", (q("N", "low", "scores", "h"),), _RULES, _OVER),
    "income.without": Explanation("N = Σ h", (q("N", "unpriced", "scores", "h"),), _RULES, limits("unverified")),
    "account.sum": Explanation("F = F_c + F_p + F_E", (*_FEES, _WHOLE), _RULES, _MONEY),
    "account.participation": Explanation(
        "F₀ = a + b·MW + c·N",
        (
            q("F₀", "participation", "rules", "¤"), q("a", "fixed", "rules", "¤"), q("b", "per_mw", "rules", "¤"), _MW,
            q("c", "per_resource", "rules", "¤"), q("N", "resources", "plate"),
        ),
        _RULES, limits("verify"),
    ),
    "account.rest": Explanation(
        "F_c + F_p + F_E − F₀ − F_lost",
        (
            q("F", "fee", "rules", "¤"), q("F₀", "participation", "rules", "¤"), q("F_lost", "lostmoney", "rules", "¤"),
            q("R", "rest", "rules", "¤"),
        ),
        _RULES, limits("noprice", "verify"),
    ),
    "account.charged": Explanation("E_ch = Σ max(−P̄, 0)·Δt", (_INTO,), _ROUND_TRIP, limits("gap")),
    "account.discharged": Explanation("E_dis = Σ max(P̄, 0)·Δt", (_OUT,), _ROUND_TRIP, limits("gap")),
    "account.lost": Explanation(
        "E_net = E_ch ÷ (1 − l) − E_dis·(1 − l);  E_lost = max(0, E_net − a·E_ch ÷ (1 − l))",
        (
            q("E_lost", "lostenergy", "rules", "kWh"), _INTO, _OUT, q("l", "lineloss", "plate", "", 4),
            q("a", "allowance", "rules"),
        ),
        _RULES, limits("gap", "verify"),
    ),
    "account.loss-money": Explanation(
        "F_lost = E_lost·price",
        (q("F_lost", "lostmoney", "rules", "¤"), q("E_lost", "lostenergy", "rules", "kWh"), q("price", "kwhprice", "rules", "¤")),
        _RULES, limits("noprice"),
    ),
    "trial.worst": Explanation("min s(t)", (q("s", "worst", "scores", "%"),), _RULES, limits("trial")),
    "trial.failing": Explanation("n = |{t : s(t) ≤ 95}|", (q("n", "failing", "scores", "s"),), _RULES, limits("trial")),
    "figure.other-rate": Explanation(_SCORED, (_RATE,), _RULES, limits("replayed")),
    "figure.other-index": Explanation("q = index(rate)", (_RATE, _INDEX), _RULES, limits("replayed")),
    "figure.other-total": Explanation("F = (c + p)·MW·q·h + F_E", (_WHOLE,), _RULES, limits("replayed", "unverified")),
    "whatif.d-rate": Explanation(
        "Δrate = rate′ − rate", (_RATE, q("rate′", "otherrate", "scores", "%", 1), q("Δrate", "difference", "scores", "%", 1)), _RULES,
        limits("replayed"),
    ),
    "figure.d-total": Explanation(
        "ΔF = F′ − F", (_WHOLE, q("F′", "otherfee", "rules", "¤"), q("ΔF", "difference", "rules", "¤")), _RULES,
        limits("replayed", "unverified"),
    ),
}  # fmt: skip

_EFFICIENCY = "η = E_dis ÷ E_ch  (|ΔSOC| ≤ 1 %);  η = (E_dis + ΔE·√η) ÷ E_ch  (ΔE > 0);  η = E_dis ÷ (E_ch + |ΔE| ÷ √η)  (ΔE < 0)"
_SOH = "SOH_C = 100·(100·ΔQ ÷ ΔSOC) ÷ C_nom"
_SWING = (
    q("ΔQ", "swing_ah", "study", "Ah", 1), q("ΔSOC", "swing_soc", "study", "%", 1), q("C_nom", "capacity", "plate", "Ah", 1),
)  # fmt: skip
_DAYS = limits("days90")
_PERIOD, _SHARE = q("PH", "period", "study", "h", 1), limits("silence")
_AHEAD = _lines("ŷ(t+k);  [ŷ + Q₅, ŷ + Q₉₅];  MAE = mean|y − ŷ|", _POINT, source=_FORECASTS, left=limits("origins"))
_MAE = q("MAE", "mae", "study", "", 3)

ANALYSIS: Mapping[str, Explanation] = {
    "panel.energy": Explanation(
        "E_ch = Σ max(−P̄, 0)·Δt;  E_dis = Σ max(P̄, 0)·Δt", (_INTO, _OUT), _ROUND_TRIP, limits("gap")
    ),
    "panel.droop": Explanation(
        "share = 100·n_in ÷ n;  n_in = |{t : lower(f) ≤ p ≤ upper(f)}|;  p = 100·P ÷ MW",
        (q("f", "frequency", "site"), q("p", "share", "site", "", 1), q("n", "seconds", "scores", "s")), _RULES, limits("second", "cloud"),
    ),
    "panel.response": _chart("P_mid = (lower(f̄) + upper(f̄)) ÷ 2·MW + P_t", _POINT, source=_RULES, left=limits("permitted")),
    "panel.cycles": Explanation(
        "EFC = (E_ch + E_dis) ÷ (2·E_nom);  SOH = Σ SOHᵢ·Eᵢ ÷ Σ Eᵢ",
        (q("EFC", "efc", "books", "", 3), q("SOH", "soh", "units")), "TWAICE", limits("depth", "told"),
    ),
    "panel.rainflow": Explanation(
        "n(d, m) = Σ cycles with depth d and mean m", (q("n", "cycles", "books", "", 2),), "ASTM E1049-85, 5.4.4", limits("noise")
    ),
    "panel.count": _chart(
        "SOC(t) = SOC₀ − 100·Σ Ī·Δt ÷ C_nom", _POINT, source="foxBMS (coulomb counting)", left=limits("rest")
    ),
    "panel.resistance": _lines(
        "R = −(ΔV − ΔU₀) ÷ ΔI;  R₂₅ = R ÷ exp(E_a ÷ R_gas·(1 ÷ T − 1 ÷ 298.15 K))", _POINT, source="docs/twin.md (Arrhenius, 20 kJ/mol)",
        left=limits("steps"),
    ),
    "panel.comparison": _chart("x̄(t), x̄(t − shift)", _POINT, left=limits("shifted")),
    "panel.forecast.pv": _AHEAD, "panel.forecast.load": _AHEAD, "panel.forecast.soc": _AHEAD, "panel.forecast.income": _AHEAD,
    "state.soc": Explanation("SOC", (q("SOC", "soc", "units"),), _METRICS, limits("newest")),
    "state.soe": Explanation("SOE = 100·E·SOH·SOC ÷ E_nom", (q("SOC", "soc", "units"), q("SOH", "soh", "units"),
        q("E_nom", "nominal", "plate", "kWh"), q("SOE", "soe", "books", "%", 1)), _GLOSSARY, limits("health", "losses")),
    "state.soh": Explanation("SOH", (q("SOH", "soh", "units"),), _METRICS, limits("told")),
    "state.by_capacity": Explanation(
        f"{_SOH};  SOH = Σ w·SOH_C ÷ Σ w;  w = 1 ÷ σ²", (*_SWING, q("SOH_C", "soh_c", "study", "%", 1)), "TWAICE",
        (*_DAYS, *limits("swing")),
    ),
    "figure.sure": Explanation(
        "± = 1.96·max(min σ, √(Σ w·(SOH_C − SOH)² ÷ Σ w ÷ (n − 1)))", (q("±", "sure", "study", "%", 1), q("n", "swings", "study")),
        _GLOSSARY, (*_DAYS, *limits("swing")),
    ),
    "state.by_energy": Explanation(
        "SOH_E = 100·(100·ΔE ÷ ΔSOC) ÷ E_nom",
        (q("SOH_E", "soh_e", "study", "%", 1), q("E_nom", "nominal", "plate", "kWh")), "TWAICE", (*_DAYS, *limits("swing")),
    ),
    "state.swings": Explanation("n = |{ΔSOC ≥ 30 %}|", (q("n", "swings", "study"),), "TWAICE", (*_DAYS, *limits("swing"))),
    "state.efc": Explanation(
        "EFC = Σ|ΔQ| ÷ (2·C_nom);  EFC = Σ|ΔE| ÷ (2·E_nom)", (q("EFC", "efc", "study", "", 1), q("C_nom", "capacity", "plate", "Ah", 1)),
        "TWAICE", (*_DAYS, *limits("depth")),
    ),
    "state.milliohm": Explanation(
        "R = median −(ΔV − ΔU₀) ÷ ΔI", (q("R", "resistance", "study", "mΩ"),), "docs/twin.md (Arrhenius, 20 kJ/mol)",
        (*_DAYS, *limits("steps")),
    ),
    "state.trend": Explanation(
        "3000·median((Rⱼ − Rᵢ) ÷ (tⱼ − tᵢ)) ÷ median R", (q("trend", "trend", "study", "%", 1),), "Theil and Sen; Mann and Kendall",
        (*_DAYS, *limits("week")),
    ),
    "state.apart": Explanation(
        "ΔV = median(max V − min V)", (q("ΔV", "restvolts", "study", "mV", 0),), "foxBMS", (*_DAYS, *limits("atrest"))
    ),
    "state.warmer": Explanation(
        "ΔT = median(max T − min T)", (q("ΔT", "restwarm", "study", "K", 1),), "foxBMS", (*_DAYS, *limits("atrest"))
    ),
    "state.most": Explanation("L", (q("L", "limit", "contract"),), "docs/decisions.md", limits("contract")),
    "state.used": Explanation(
        "u = Σ over all kept days;  u = max over all kept days  (C-rate, CP-rate)", (q("u", "used", "study"),), "docs/decisions.md",
        limits("contract", "worst"),
    ),
    "state.left": Explanation(
        "L − u", (q("L", "limit", "contract"), q("u", "used", "study"), q("left", "left", "study")), "docs/decisions.md",
        limits("contract", "worst"),
    ),
    "state.share": Explanation(
        "100·u ÷ L", (q("L", "limit", "contract"), q("u", "used", "study"), q("share", "usedshare", "study", "%", 1)), "docs/decisions.md",
        limits("contract", "worst"),
    ),
    "state.period": Explanation("PH = 0.25 h·n", (_PERIOD,), _AVAILABLE, _SHARE),
    "state.down": Explanation("UH = Σ 0.25 h  (a = 0)", (q("UH", "down", "study", "h", 1),), _AVAILABLE, _SHARE),
    "state.silent": Explanation("Σ t without a reading", (q("t", "silenthours", "study", "h", 1),), _AVAILABLE, _SHARE),
    "state.equivalent": Explanation("EUH = Σ (1 − a)·0.25 h", (q("EUH", "equivalent", "study", "h", 1),), _AVAILABLE, _SHARE),
    "state.excused": Explanation("X = Σ (1 − a)·0.25 h  (excused)", (q("X", "excused", "notes", "h", 1),), _AVAILABLE, limits("excuse")),
    "state.by_time": Explanation(
        "A = 100·(PH − UH + X_t) ÷ PH",
        (_PERIOD, q("UH", "down", "study", "h", 1), q("X_t", "excused", "notes", "h", 1), q("A", "available", "study", "%")),
        _AVAILABLE, (*_SHARE, *limits("excuse")),
    ),
    "state.by_hours": Explanation(
        "A = 100·(PH − EUH + X) ÷ PH",
        (_PERIOD, q("EUH", "equivalent", "study", "h", 1), q("X", "excused", "notes", "h", 1), q("A", "available", "study", "%")),
        _AVAILABLE, (*_SHARE, *limits("excuse")),
    ),
    "state.by_interval": Explanation(
        "A = 100·mean min(1, a ÷ asked)", (q("A", "available", "study", "%"),), "CECONY (contract sample)", (*_SHARE, *limits("contracted"))
    ),
    "state.payment": Explanation(
        "F = 100 %  (A ≥ 98);  F = 100 − 2·(98 − A)  (70 ≤ A < 98);  F = 0  (A < 70)",
        (q("A", "available", "study", "%"), q("F", "paid", "study", "%")), "markettransfer.info (contract samples)", limits("sample"),
    ),
    "state.racks": Explanation(
        "A = 100·mean(connected ÷ installed)", (q("A", "connected", "study", "%"),), "SunSpec 803 (NStrCon, NStr)", _SHARE
    ),
    "analysis.rack.charge": Explanation(
        "E_lost = Σ Eᵢ·SOHᵢ·((SOC_max − SOCᵢ) − minⱼ(SOC_max − SOCⱼ))", (q("E_lost", "lostup", "racks", "kWh", 1),), _GLOSSARY,
        limits("first"),
    ),
    "analysis.rack.discharge": Explanation(
        "E_lost = Σ Eᵢ·SOHᵢ·((SOCᵢ − SOC_min) − minⱼ(SOCⱼ − SOC_min))", (q("E_lost", "lostdown", "racks", "kWh", 1),), _GLOSSARY,
        limits("first"),
    ),
    "figure.worth": Explanation(
        "F = (E_up + E_down)·price",
        (
            q("E_up", "lostup", "racks", "kWh", 1), q("E_down", "lostdown", "racks", "kWh", 1), q("price", "kwhprice", "site_record", "¤"),
            q("F", "lostmoney", "books", "¤"),
        ),
        _GLOSSARY, limits("first", "siteprice"),
    ),
    "analysis.rack.first": Explanation(
        "100·max(t_up, t_down) ÷ t", (q("t", "firstshare", "racks", "%", 0),), _GLOSSARY, limits("first")
    ),
    "analysis.rack.apart": Explanation("mean(SOCᵢ − median SOC)", (q("d", "deviation", "racks", "%"),), _GLOSSARY, limits("three")),
    "analysis.found.times": Explanation("n", (q("n", "times", "alarms"),), "docs/anomalies.md", limits("together")),
    "forecast.mae": Explanation("MAE = mean|y − ŷ|", (_MAE,), _FORECASTS, limits("origins", "ownunit")),
    "forecast.near": Explanation("MAE₁ = mean|y(t+1) − ŷ(t+1)|", (_MAE,), _FORECASTS, limits("origins", "ownunit")),
    "forecast.far": Explanation("MAE_K = mean|y(t+K) − ŷ(t+K)|", (_MAE,), _FORECASTS, limits("origins", "ownunit")),
    "forecast.baseline_mae": Explanation("MAE_b = mean|y − ŷ_b|", (_MAE,), _FORECASTS, limits("origins", "ownunit")),
    "forecast.used": Explanation("MAE_u = mean|y − ŷ_u|", (_MAE,), _FORECASTS, limits("used", "ownunit")),
    "forecast.naive": Explanation("MAE_s = mean|y(t) − y(t − season)|", (_MAE,), _FORECASTS, limits("used", "ownunit")),
    "forecast.saved": Explanation(
        "100·(1 − MAE_u ÷ MAE_s)",
        (q("MAE_u", "mae", "study", "", 3), q("MAE_s", "naive", "study", "", 3), q("saved", "saved", "study", "%", 1)),
        _FORECASTS, limits("signal"),
    ),
    "forecast.holds": Explanation(
        "100·|{y : low ≤ y ≤ high}| ÷ n", (q("held", "held", "study", "%", 1),), _FORECASTS,
        limits("origins"),
    ),
    "forecast.total": Explanation("Σ ŷ(t+k)", (q("Σ", "total", "study"),), _FORECASTS, limits("sums", "ownunit")),
    "forecast.health": Explanation(
        "t = (SOH − SOH_end) ÷ rate", (q("t", "years", "study", "years", 1), q("rate", "fall", "study", "%")),
        "Newey & West, Econometrica 55 (1987) 703", limits("further"),
    ),
    "forecast.fall": Explanation(
        "rate = least squares of SOH over days", (q("rate", "fall", "study", "%"),), "Newey & West, Econometrica 55 (1987) 703",
        limits("further"),
    ),
    "forecast.cycles": Explanation(
        "t = (EFC_max − EFC) ÷ pace", (q("t", "years", "study", "years", 1), q("pace", "pace", "study", "", 0)), _FORECASTS,
        limits("further", "contract"),
    ),
    "forecast.pace": Explanation("pace = 365.25·mean EFC of a day", (q("pace", "pace", "study", "", 0),), _FORECASTS, limits("further")),
}  # fmt: skip

ALARMS: Mapping[str, Explanation] = {
    "panel.alarms.card": Explanation(
        "t = t_cleared − t_raised;  value ≷ limit",
        (q("t", "stood", "alarms", "min", 1), q("value", "alarmvalue", "alarms"), q("limit", "alarmlimit", "catalogue")), _ISA,
        limits("delays"),
    ),
    "panel.alarms.timeline": Explanation("t = t_cleared − t_raised", (q("t", "stood", "alarms", "min", 1),), _ISA, limits("tags", "cut")),
    "panel.alarms.rate": Explanation(
        "nₖ = |{alarms raised in interval k}|",
        (q("info", "severity", "alarms"), q("warning", "severity", "alarms"), q("alarm", "severity", "alarms"),
         q("protection", "severity", "alarms")), _ISA, limits("clock", "cut"),
    ),
    "alarm.lasted": Explanation("t = t_cleared − t_raised", (q("t", "stood", "alarms", "min", 1),), _ISA, limits("standing", "cut")),
}  # fmt: skip

VEHICLES: Mapping[str, Explanation] = {
    "panel.vehicle.trace": _chart("P = V̄·Ī ÷ 1000", _POINT, left=limits("sign")),
    "panel.vehicle.cells": Explanation(
        _OUTLYING.replace("x", "V"), (q("V", "cell_voltages", "vehicle"), q("z", "z", "books", "", 1)), _Z, limits("silent", "load")
    ),
    "panel.vehicle.temps": Explanation("T", (q("T", "cell_temperatures", "vehicle"),), _METRICS, limits("silent")),
    "vehicle.power": Explanation(
        "P = V·I ÷ 1000",
        (q("V", "pack_voltage", "vehicle"), q("I", "pack_current", "vehicle"), q("P", "vehiclepower", "books", "kW", 1)), _METRICS,
        limits("newest", "sign"),
    ),
    "vehicle.alerts": Explanation(
        "T ≥ 60 °C, ≥ 50 °C;  SOC ≤ 10 %, ≤ 20 %;  SOH < 80 %",
        (q("T", "max_temp", "vehicle"), q("SOC", "soc", "vehicle"), q("SOH", "soh", "vehicle")), "docs/api.md", limits("newest"),
    ),
}  # fmt: skip

_KEPT = limits("counted")
_SEEN = limits("heartbeat")

EXPLORE: Mapping[str, Explanation] = {
    "panel.explore": _chart(_MEAN, _POINT),
    "extent.rows": Explanation("n", (q("n", "readings", "store"),), _STORE, limits("mostof")),
}  # fmt: skip

SYSTEM: Mapping[str, Explanation] = {
    "panel.system.inflow": _chart("n ÷ 10 s;  mean(t_received − t_device)", _POINT, source=_STORE, left=limits("process", "clocks")),
    "system.kept.devices": Explanation("N", (q("N", "registered", "store"),), _STORE, _KEPT),
    "system.kept.hot": Explanation("n", (q("n", "hotrows", "store"),), _STORE, _KEPT),
    "system.kept.sealed": Explanation("n", (q("n", "sealedrows", "store"),), _STORE, _KEPT),
    "system.kept.days": Explanation("t_last − t_first", (q("t", "keptdays", "store", "d", 1),), _STORE, _KEPT),
    "figure.daily": Explanation("B ÷ t", (q("B", "daily", "store", "MB"),), _STORE, _KEPT),
    "figure.size": Explanation("B", (q("B", "size", "store", "MB"),), _STORE, _KEPT),
    "system.foreign.count": Explanation("n", (q("n", "unmapped", "process"),), _STORE, limits("process")),
    "system.screen.age": Explanation("now − t_heartbeat", (q("t", "heartbeat", "screens"),), _STORE, _SEEN),
    "system.screen.data": Explanation("now − t_newest", (q("t", "screendata", "screens"),), _STORE, _SEEN),
    "system.screen.load": Explanation("frames ÷ s;  MB", (q("fps", "frames", "screens"),), _STORE, _SEEN),
}  # fmt: skip

_JUDGED = limits("twin")

DEVICES: Mapping[str, Explanation] = {
    "panel.device.values": Explanation("x", (q("x", "point", "device"),), _METRICS, limits("newest", "ranges")),
    "panel.device.twin.course": _lines(
        "U = U₀(SOC) − R₀·I − V₁ + b;  SOC, V₁, b: extended Kalman filter", _POINT, source=_TWIN, left=_JUDGED
    ),
    "panel.device.twin.parameters": Explanation(
        "min Σ (U − U₀(SOC) + R₀·I + V₁)²", (q("θ", "parameter", "study", "", 3), q("±", "twoerrors", "study", "", 3)), _TWIN, _JUDGED
    ),
    "devices.power": Explanation("P", (q("P", "active_power", "device"),), _METRICS, limits("newest", "sign")),
    "devices.warm": Explanation("T", (q("T", "temperature", "device"),), _METRICS, limits("newest", "warmest")),
    "devices.alarms": Explanation("N", (q("N", "severity", "alarms"),), _ISA, limits("unshelved_only")),
    "command.col.took": Explanation("t_ended − t_queued", (q("t", "took", "commands", "s", 1),), "docs/api.md", limits("ended")),
    "twin.measured": Explanation("y", (q("y", "measured", "device"),), _TWIN, _JUDGED),
    "twin.predicted": Explanation("ŷ = model(I, T, SOC)", (q("ŷ", "predicted", "study"),), _TWIN, _JUDGED),
    "twin.residual": Explanation(
        "y − ŷ", (q("y", "measured", "device"), q("ŷ", "predicted", "study"), q("e", "residual", "study")), _TWIN, _JUDGED
    ),
    "twin.rmse": Explanation("√(mean (y − ŷ)²)", (q("RMS", "rmse", "study"),), _TWIN, _JUDGED),
    "twin.samples": Explanation("n", (q("n", "readings", "study"),), _TWIN, _JUDGED),
    "twin.health.voltage_bias": Explanation(
        "1000·mean(U − Û) ÷ n_cells", (q("value", "indicator", "study", "mV", 2),), _TWIN, limits("estimate")
    ),
    "twin.health.resistance_growth": Explanation(
        "100·((R₀ + R₁) ÷ median(first 3 days) − 1)", (q("value", "indicator", "study", "%", 1),), _TWIN, limits("estimate")
    ),
    "twin.health.heat": Explanation("mean(T − T̂)", (q("value", "indicator", "study", "K", 2),), _TWIN, limits("estimate")),
    "twin.health.charge": Explanation("SOC − SOC_est", (q("value", "indicator", "study", "%", 1),), _TWIN, limits("estimate")),
    "twin.health.consistency": Explanation("mean ν² ÷ S", (q("value", "indicator", "study", "", 2),), _TWIN, limits("estimate")),
    "twin.trend": Explanation(
        "30·median((yⱼ − yᵢ) ÷ (tⱼ − tᵢ))", (q("trend", "trend", "study"),), "Theil and Sen; Mann and Kendall", limits("week")
    ),
    "twin.limit": Explanation("watch / bad", (q("limit", "alarmlimit", "catalogue"),), _TWIN, limits("estimate")),
    "twin.life": Explanation(
        "loss = calendar(T, SOC, t) + cycles(d, C, n);  SOH → 80 %",
        (
            q("t", "years", "study", "years", 1), q("SOH", "soh", "units"), q("calendar", "calendar", "study", "%"),
            q("cycles", "cycleloss", "study", "%"),
        ),
        "Naumann et al. 2018, 2020; Schmalstieg et al. 2014; docs/twin.md", limits("model_of"),
    ),
}  # fmt: skip

PANELS: Mapping[str, Mapping[str, Explanation]] = {
    "page.overview": OVERVIEW, "page.bess": BESS, "page.pcs": PCS, "page.inverter": INVERTER, "page.schedule": SCHEDULE,
    "page.analysis": ANALYSIS, "page.alarms": ALARMS, "page.vehicles": VEHICLES, "page.devices": DEVICES, "page.explore": EXPLORE,
    "page.system": SYSTEM,
}  # fmt: skip
"""Explanations of panels and their columns and rows, by the page (its title) whose they are; some stand on several."""


def reading(name: str) -> Explanation:
    """Of a figure that is the newest reading of a metric of the catalogue. Raises KeyError for one that it does not know."""
    if name not in CATALOGUE:
        raise KeyError(name)
    return Explanation("x", (q("x", name, "device"),), _METRICS, limits("newest", "ranges"))


@dataclass(frozen=True, slots=True)
class Part:
    """One figure of a panel with a card: the `key` of its explanation, or `metric.<name>`; in which columns of the panel's table its
    symbols stand (`told`; none: the first symbol in the column the part is named after), which column says whose each is (`who`), or
    that the part is a `row` of the table. `judged`: by the rules of the table, over its seconds."""

    key: str
    told: Mapping[str, str] = field(default_factory=dict)
    who: str = ""
    row: bool = False
    judged: bool = True


def _readings(*names: str, row: bool = False) -> dict[str, Part]:
    return {name: Part(f"{READING}{name}", row=row) for name in names}


def _same(prefix: str, *names: str) -> dict[str, Part]:
    return {name: Part(f"{prefix}.{name}") for name in names}


_RACK_ROWS = (
    "voltage", "current", "power", "soc", "soh", "cell_max_voltage", "cell_min_voltage", "cell_avg_voltage", "cell_voltage_diff",
    "cell_max_temp", "cell_min_temp", "cell_temp_diff",
)  # fmt: skip
_TRIP = {"E_ch": "charged", "E_dis": "discharged", "E_aux": "aux"}
_FEE_TOLD = {"F_c": "capacity", "F_p": "performance", "F_E": "energy", "F": "total"}
_FEE_PARTS = {
    "rate": Part("income.rate"), "index": Part("income.index", {"rate": "rate", "q": "index"}), **_same("income", "capacity", "performance",
    "energy"), "total": Part("income.total", _FEE_TOLD),
}  # fmt: skip
_WINDOWS = {"PH": "period", "EUH": "equivalent", "X": "excused", "A": "by_hours"}

PARTS: Mapping[str, Mapping[str, Part]] = {
    "bess-racks": _readings(*_RACK_ROWS, row=True),
    "bess-wear": {
        **_same("bess.wear", "mwh", "cycles", "deepest", "mean", "rest"), **_same("state", "efc", "apart", "warmer"),
    },
    "pcs-units": {
        **_readings("active_power", "dc_power", "reactive_power", "power_factor", "dc_voltage", "temp_igbt"),
        "load": Part("pcs.load", {"P_ac": "active_power", "load": "load"}),
        "efficiency": Part("pcs.efficiency", {"P_ac": "active_power", "P_dc": "dc_power", "η": "efficiency"}),
        "unbalance": Part("pcs.unbalance.head", {"u": "unbalance"}),
    },
    "inverter-extent": {"rows": Part("extent.rows")},
    "explore-extent": {"rows": Part("extent.rows")},
    "schedule-causes": {"rate": Part("cause.rate"), "cost": Part("figure.cost")},
    "schedule-day": {"rate": Part("income.rate")},
    "schedule-month": {"rate": Part("income.rate")},
    "schedule-hours": {"power": Part("figure.mw"), "price": Part("figure.price"), "silent": Part("income.silent"), **_FEE_PARTS},
    "schedule-days": {
        "hours": Part("income.judged"), "low": Part("income.low"), "hidden": Part("income.without"), **_FEE_PARTS,
    },
    "schedule-account": {
        **{name: Part(f"income.{name}", row=True) for name in ("capacity", "performance", "energy")},
        **{name: Part(f"account.{name}", row=True) for name in ("sum", "rest")},
        **{
            name: Part(f"account.{name}", row=True, judged=False)
            for name in ("participation", "charged", "discharged", "lost", "loss-money")
        },
    },
    "schedule-trials": _same("trial", "worst", "failing"),
    "schedule-what-if": {
        "rate": Part("income.rate"), "index": Part("income.index", {"rate": "rate", "q": "index"}),
        "total": Part("income.total", {"F": "total"}), "other rate": Part("figure.other-rate"),
        "other index": Part("figure.other-index", {"rate": "other rate", "q": "other index"}), "other total": Part("figure.other-total"),
        "d rate": Part("whatif.d-rate", {"rate": "rate", "rate′": "other rate", "Δrate": "d rate"}),
        "d total": Part("figure.d-total", {"F": "total", "F′": "other total", "ΔF": "d total"}),
    },
    "analysis-loss": {
        "aux": Part("analysis.aux", {"E": "aux"}),
        "storage": Part("analysis.storage", {"E_dis": "discharged", "E_ch": "charged", "ΔE": "stored"}),
        "system": Part("analysis.system", {"E_dis": "discharged", "E_ch": "charged", "E_aux": "aux", "ΔE": "stored"}),
    },
    "analysis-trips": {
        "aux": Part("analysis.aux", {"E": "aux"}), "system": Part("analysis.system", _TRIP),
    },
    "analysis-health": {
        **_same("state", "soc", "soe", "soh", "by_capacity", "by_energy", "swings", "efc", "milliohm", "trend", "apart", "warmer"),
        "soe": Part("state.soe", {"SOC": "soc", "SOH": "soh", "SOE": "soe"}),
        "by_capacity": Part("state.by_capacity", {"SOH_C": "by_capacity"}),
        "sure": Part("figure.sure", {"±": "sure", "n": "swings"}),
    },
    "analysis-warranty": {
        **_same("state", "most", "used"),
        "left": Part("state.left", {"L": "most", "u": "used", "left": "left"}),
        "share": Part("state.share", {"L": "most", "u": "used", "share": "share"}),
    },
    "analysis-availability": {
        **_same("state", "period", "down", "silent", "equivalent", "excused", "by_interval", "racks"),
        "by_time": Part("state.by_time", {"PH": "period", "UH": "down", "A": "by_time"}),
        "by_hours": Part("state.by_hours", _WINDOWS),
        "payment": Part("state.payment", {"A": "by_interval", "F": "payment"}),
    },
    "analysis-imbalance": {
        **_same("analysis.rack", "charge", "discharge", "first", "apart"),
        "money": Part("figure.worth", {"E_up": "charge", "E_down": "discharge", "F": "money"}),
    },
    "analysis-findings": {"times": Part("analysis.found.times", who="device")},
    "analysis-errors": {
        **_same("forecast", "mae", "near", "far", "baseline_mae", "used", "naive", "holds", "total"),
        "saved": Part("forecast.saved", {"MAE_u": "used", "MAE_s": "naive", "saved": "saved"}),
    },
    "analysis-life": {
        "health": Part("forecast.health", {"t": "health", "rate": "fall"}), "fall": Part("forecast.fall"),
        "cycles": Part("forecast.cycles", {"t": "cycles", "pace": "pace"}), "pace": Part("forecast.pace"),
    },
    "alarms-list": {"lasted": Part("alarm.lasted", who="device")},
    "vehicles-list": {
        **_readings("soc", "soh", "max_temp", "odo_km"), "power": Part("vehicle.power", {"P": "power"}),
        "alerts": Part("vehicle.alerts", {"T": "max_temp", "SOC": "soc", "SOH": "soh"}),
    },
    "system-kept": {
        **_same("system.kept", "devices", "hot", "sealed", "days"), "daily": Part("figure.daily"), "size": Part("figure.size"),
    },
    "system-foreign": {"count": Part("system.foreign.count")},
    "system-screens": _same("system.screen", "age", "data", "load"),
    "devices-fleet": {
        **{name: Part(f"{READING}{name}", who="device") for name in ("soc", "soh")}, "power": Part("devices.power", who="device"),
        "warm": Part("devices.warm", who="device"), "alarms": Part("devices.alarms", who="device"),
    },
    "devices-history": {"took": Part("command.col.took")},
    "devices-twin": {
        **_same("twin", "measured", "predicted", "rmse", "samples"),
        "residual": Part("twin.residual", {"y": "measured", "ŷ": "predicted", "e": "residual"}),
    },
    "devices-twin-health": {
        **{
            name: Part(f"twin.health.{name}", row=True)
            for name in ("voltage_bias", "resistance_growth", "heat", "charge", "consistency")
        },
        **_same("twin", "trend", "limit", "life"),
    },
}  # fmt: skip
"""The figures of panels with cards of their own, by the panel's id: by the name of a column of its table, or of a row of its sheet, or of a
line below it. A panel whose title has an explanation needs none for what that tells."""

TOLD: Mapping[str, Mapping[str, str]] = {
    "panel.flow": {"P": "power"},
    "panel.balance": {"P_pv": "pv", "P_dis": "discharge", "P_imp": "import", "P_aux": "aux", "P_ch": "charge", "P_exp": "export"},
    "panel.soc": {"x": "soc"},
    "panel.topology": {"n": "online", "N": "devices"},
    "panel.spread": {"ΔV": "cell_voltage_diff"},
    "panel.heat": {"ΔT": "cell_temp_diff"},
    "panel.cells": {"V": "cell_voltages", "z": "z"},
    "panel.temps": {"T": "cell_temperatures", "z": "z"},
    "panel.bess.play": {"d": "apart"},
    "panel.bess.rainflow": {"n": "cycles"},
    "panel.pcs.pq": {"P": "active_power", "Q": "reactive_power"},
    "panel.mppt": {"V": "voltage", "I": "current", "P": "power"},
    "panel.strings": {"Iₛ": "string_currents", "m": "mismatch"},
    "panel.mismatch": {"Iₛ": "current", "m": "mismatch"},
    "panel.yields": {"E_day": "yield"},
    "panel.pvlosses": {"L": "value", "share": "share"},
    "panel.week": {"MW": "power", "c": "price", "rate": "rate", "q": "index", "F": "income"},
    "panel.plan": {"π": "price", "P": "power", "SOC": "soc", "F_e": "energy", "F_s": "service", "F_w": "wear"},
    "panel.energy": {"E_ch": "charged", "E_dis": "discharged"},
    "panel.droop": {"f": "frequency", "p": "power", "n": "seconds"},
    "panel.cycles": {"EFC": "efc", "SOH": "soh"},
    "panel.loss": {"E_ch": "charged", "E_dis": "discharged", "ΔE": "stored", "E_loss": "loss"},
    "panel.trips": {"E_ch": "charged", "E_dis": "discharged", "SOC₀": "soc_start", "SOC₁": "soc_end", "η": "storage"},
    "panel.pcs.efficiency": {"P_ac": "active_power", "P_dc": "dc_power", "load": "load", "η": "efficiency"},
    "panel.fees-day": {"F_c": "capacity", "F_p": "performance", "F_E": "energy"},
    "panel.fees-month": {"F_c": "capacity", "F_p": "performance", "F_E": "energy"},
    "panel.ratio": {"Y_f": "final", "Y_r": "reference", "PR": "ratio"},
    "panel.rainflow": {"n": "cycles"},
    "panel.alarms.rate": {name: name for name in ("info", "warning", "alarm", "protection")},
    "panel.vehicle.cells": {"V": "voltage", "z": "z"},
    "panel.vehicle.temps": {"T": "temperature"},
}
"""Of panels that are explained as a whole: the column of their table in which each symbol stands; charts over time tell their lines."""

WHO: Mapping[str, str] = {"panel.mismatch": "string", "panel.bess.play": "cell"}
"""Of panels whose rows are of several things at once: the column that numbers them."""
