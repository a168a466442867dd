"""What an alarm says, in the language of who reads: the value against its limit, bits decoded, what a device said of itself.

The record of an alarm keeps one English sentence (`Alarm.message`, for interfaces). Screens and notifications say it anew from its code,
metric, value and limit. A maker's own codes get texts from the device's `info["alarms"]`: code → a string, or one string per
language (en, zh, es), as `info["words"]` has them for bits.
"""

import re
from collections.abc import Mapping
from typing import Any

from plant.analysis import vehicle
from plant.analysis.alarms import BRANCH_SILENT, MODULE_WORDS, SILENT, STATUS_WORDS
from plant.analysis.anomaly.live import CLOCK, CODES
from plant.analysis.peers import CHARGE, OPEN, STRINGS
from plant.metrics import CATALOGUE, Metric
from plant.model import Alarm
from plant.quantity import DASH, number, quantity
from plant.wording import meanings, text_in, word_text

LANGUAGES = ("en", "zh-TW", "es")
WORDING: Mapping[str, str] = {"zh-TW": "zh"}
"""Our languages → those of device words, where they differ."""
FLAGGED = "alarm_flags"
"""The metric of alarms that a device raised itself."""

Texts = tuple[str, str, str]

_SILENT: Texts = ("No reading for {n} s", "已 {n} 秒無讀值", "Sin lecturas desde hace {n} s")
_BRANCH: Texts = (
    "None of its devices has been heard for {n} s", "其下所有設備已 {n} 秒無回應", "Ninguno de sus equipos responde desde hace {n} s",
)  # fmt: skip
_APART: Texts = (
    "State of charge {n} points from the middle of its unit's racks (limit {limit})",
    "充電狀態偏離同單元各櫃中位數 {n} 個百分點（限值 {limit}）",
    "Estado de carga a {n} puntos del centro de los racks de su unidad (límite {limit})",
)
_STRING: Texts = (
    "String {k} carries {amps} while the middle of the strings is {usual}: it may be open",
    "組串 {k} 電流為 {amps}，各組串中位數為 {usual}：可能斷路",
    "La cadena {k} lleva {amps} y el centro de las cadenas es {usual}: puede estar abierta",
)
_CLOCK: Texts = (
    "Its clock cannot be believed: {n} s from when its readings are heard",
    "時鐘不可信：與收到讀值的時間相差 {n} 秒",
    "Su reloj no es creíble: a {n} s de cuando llegan sus lecturas",
)
_ODD: Mapping[str, Texts] = {
    "DEVIATES": (
        "{what} {value} while the middle of its siblings is {usual}",
        "{what} {value}，同類中位數為 {usual}",
        "{what} {value} y el centro de sus semejantes es {usual}",
    ),
    "UNIT": (
        "{what} {value} where {usual} is expected: unit or sign may be wrong",
        "{what} {value}，預期為 {usual}：單位或正負號可能有誤",
        "{what} {value} donde se espera {usual}: la unidad o el signo pueden ser erróneos",
    ),
    "IMPLAUSIBLE": ("{what} {value} is physically impossible", "{what} {value}，物理上不可能", "{what} {value} es físicamente imposible"),
    "JUMPED": (
        "{what} jumps faster than it can move, now {value}",
        "{what} 跳動速度超出可能，目前 {value}",
        "{what} salta más rápido de lo posible, ahora {value}",
    ),
    "STUCK": (
        "{what} stays at exactly {value} while its siblings move: the sensor may be stuck",
        "{what} 一直為 {value}，而同類在變動：感測器可能卡住",
        "{what} sigue en exactamente {value} mientras sus semejantes se mueven: el sensor puede estar bloqueado",
    ),
}
_MODULE: Texts = ("Module {k}", "模組 {k}", "Módulo {k}")

_QUANTITIES: Mapping[str, Texts] = {
    "temp": ("temperature", "溫度", "temperatura"),
    "temperature": ("temperature", "溫度", "temperatura"),
    "voltage": ("voltage", "電壓", "tensión"),
    "current": ("current", "電流", "corriente"),
    "soc": ("state of charge", "充電狀態", "estado de carga"),
    "soh": ("state of health", "健康狀態", "estado de salud"),
    "power": ("power", "功率", "potencia"),
    "frequency": ("frequency", "頻率", "frecuencia"),
    "insulation": ("insulation", "絕緣", "aislamiento"),
    "communication": ("communication", "通訊", "comunicación"),
    "fan": ("fan", "風扇", "ventilador"),
    "contactor": ("contactor", "接觸器", "contactor"),
}
_WHOSE: Mapping[str, Texts] = {
    "cell": ("Cell", "單體", "celda"),
    "pack": ("Pack", "電池組", "paquete"),
    "module": ("Module", "模組", "módulo"),
    "string": ("String", "組串", "cadena"),
    "grid": ("Grid", "電網", "red"),
    "dc": ("DC", "直流", "CC"),
    "ac": ("AC", "交流", "CA"),
    "charge": ("Charge", "充電", "carga"),
    "discharge": ("Discharge", "放電", "descarga"),
}
_WRONG: Mapping[str, Texts] = {
    "high": ("too high", "過高", "demasiado alta"),
    "over": ("too high", "過高", "demasiado alta"),
    "low": ("too low", "過低", "demasiado baja"),
    "under": ("too low", "過低", "demasiado baja"),
    "imbalance": ("out of balance", "不平衡", "desequilibrada"),
    "fault": ("faulty", "故障", "con fallo"),
    "failure": ("faulty", "故障", "con fallo"),
    "error": ("faulty", "故障", "con fallo"),
    "lost": ("lost", "中斷", "perdida"),
    "loss": ("lost", "中斷", "perdida"),
}
_MASCULINE = frozenset({"soc", "soh", "fan", "contactor", "insulation"})
_SAID_ELSEWHERE = frozenset({"warning", "alarm", "alert", "critical", "protection", "flag", "max", "min"})
"""Parts of a code that its severity, or its value, says too."""
_GLUED = re.compile(r"(?i)^(over|under|high|low)(temp|temperature|voltage|current|frequency|charge|discharge)$")


def sentence(alarm: Alarm, info: Mapping[str, Any], lang: str) -> str:
    """What stands, without the device's name: the value against its limit, the bits that are set, what the device said. `info` is the
    device's, where its maker's texts are; `lang` one of LANGUAGES."""
    about = CATALOGUE.get(alarm.metric)
    if alarm.code in (SILENT, BRANCH_SILENT):
        if alarm.value is None:
            return alarm.message
        return _in(_SILENT if alarm.code == SILENT else _BRANCH, lang, n=number(alarm.value, 0))
    if alarm.metric == FLAGGED:
        return _flagged(alarm, info, lang)
    if alarm.code == CLOCK and alarm.value is not None:
        return _in(_CLOCK, lang, n=number(abs(alarm.value), 0))
    if about is None or alarm.value is None:
        return alarm.message or alarm.code
    if alarm.code in CODES:
        return _odd(alarm, about, lang)
    if about.name in MODULE_WORDS or about.name in STATUS_WORDS:
        return _decoded(alarm, about, info, lang)
    if alarm.limit is None:
        return alarm.message or alarm.code
    if alarm.code == CHARGE.code:
        return _in(_APART, lang, n=number(alarm.value, 1), limit=number(alarm.limit, 1))
    if about.name == STRINGS:
        usual = quantity(alarm.limit / OPEN, about.unit, 1)
        return _in(_STRING, lang, k=_digits(alarm.code), amps=quantity(alarm.value, about.unit, 1), usual=usual)
    return f"{about.label(lang)} {_amount(alarm.value, about)} {_sign(alarm)} {_amount(alarm.limit, about)}"


def _odd(alarm: Alarm, about: Metric, lang: str) -> str:
    """What the sentinel says of a value: its `limit` is what is expected, where that is known."""
    usual = DASH if alarm.limit is None else _amount(alarm.limit, about)
    return _in(_ODD[alarm.code.rpartition("_")[2]], lang, what=about.label(lang), value=_amount(alarm.value or 0.0, about), usual=usual)


def _decoded(alarm: Alarm, about: Metric, info: Mapping[str, Any], lang: str) -> str:
    """`Module 3 · Battery alarm: cell too warm (0x0002)`."""
    language = WORDING.get(lang, lang)
    said = word_text(int(alarm.value or 0), language, meanings(info, about.name, language))
    place = _digits(alarm.code) if about.name in MODULE_WORDS else ""
    module = f"{_in(_MODULE, lang, k=place)} · " if place else ""
    return f"{module}{about.label(lang)}: {said}"


def _flagged(alarm: Alarm, info: Mapping[str, Any], lang: str) -> str:
    """A device's own alarm: its maker's text, else what its code says where that is plain, else the device's own words; the figures it gave
    behind."""
    code = alarm.code.removeprefix("DEVICE:")
    own = info.get("alarms")
    texts = own.get(code) if isinstance(own, Mapping) else None
    # the device's own sentence says more than its code, and is English as a rule
    plain = alarm.message if lang == "en" and alarm.message not in ("", code) else ""
    said = text_in(texts, WORDING.get(lang, lang)) if texts else plain or flag_text(code, lang) or alarm.message or code
    figures = " / ".join(number(value, 1) for value in (alarm.value, alarm.limit) if value is not None)
    return f"{said} ({figures})" if figures and not plain else said


def flag_text(code: str, lang: str) -> str:
    """A code made of plain words in the language asked for; empty where one of its words is not known.

    >>> flag_text("high_temp_warning", "en"), flag_text("CELL_OVERVOLTAGE", "zh-TW"), flag_text("low_soc", "es")
    ('Temperature too high', '單體電壓過高', 'Estado de carga demasiado bajo')
    >>> flag_text("TEMP_001", "es")
    ''
    """
    parts = [part for word in code.lower().replace("-", "_").split("_") for part in _unglued(word) if part]
    parts = [part for part in parts if part not in _SAID_ELSEWHERE]
    whose = [part for part in parts if part in _WHOSE]
    what = [part for part in parts if part in _QUANTITIES]
    wrong = [part for part in parts if part in _WRONG]
    if len(what) != 1 or len(wrong) != 1 or len(whose) > 1 or len(parts) != len(what) + len(wrong) + len(whose):
        return ""
    place = LANGUAGES.index(lang)
    thing, fault = _QUANTITIES[what[0]][place], _WRONG[wrong[0]][place]
    owner = _WHOSE[whose[0]][place] if whose else ""
    if lang == "zh-TW":
        return f"{owner}{thing}{fault}"
    if lang == "es":
        if what[0] in _MASCULINE:
            fault = fault[:-1] + "o" if fault.endswith("a") else fault
        return _capital(f"{thing} de {owner} {fault}" if owner else f"{thing} {fault}")
    return _capital(f"{owner} {thing} {fault}".strip())


def _unglued(word: str) -> tuple[str, ...]:
    match = _GLUED.match(word)
    return (match[1], match[2]) if match else (word,)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _in(texts: Texts, lang: str, **values: object) -> str:
    return texts[LANGUAGES.index(lang)].format(**values)


def _digits(code: str) -> str:
    return next((part for part in code.split("_") if part.isdigit()), "")


def _amount(value: float, about: Metric) -> str:
    return quantity(value, about.unit, max(about.decimals, 1))


_BELOW: Mapping[str, bool] = {rule.code: not rule.above for rule in vehicle.RULES}


def _sign(alarm: Alarm) -> str:
    """`<` or `>` by the code; with a bar where the value is the limit itself."""
    below = alarm.code.endswith("_LOW") or _BELOW.get(alarm.code, False)
    return ("≤" if below else "≥") if alarm.value == alarm.limit else ("<" if below else ">")
