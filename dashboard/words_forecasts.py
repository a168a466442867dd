"""Texts of forecasts: key → English, 繁體中文, español, and the reasons for which nothing can be said."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str, str]] = {
    "panel.forecast.load": ("Auxiliary load: forecast", "輔助用電預測", "Consumo auxiliar: previsión"),
    "panel.forecast.pv": ("PV power: forecast", "太陽能功率預測", "Potencia FV: previsión"),
    "panel.forecast.soc": ("State of charge: forecast", "電量狀態預測", "Estado de carga: previsión"),
    "panel.forecast.income": ("Income per hour: forecast", "每小時收益預測", "Ingresos por hora: previsión"),
    "panel.forecast.note": ("next 24 h, renewed hourly", "未來 24 小時，每小時更新", "próximas 24 h, cada hora"),
    "panel.forecast.errors": ("How good the forecasts are", "預測準確度", "Qué tan buenas son las previsiones"),
    "panel.errors.note": (
        "mean absolute errors over rolling origins, each method knowing only what was known then",
        "滾動起點的平均絕對誤差，各方法僅使用當時已知資料",
        "errores absolutos medios con orígenes móviles, cada método sabiendo solo lo sabido entonces",
    ),
    "panel.forecast.life": ("Remaining life", "剩餘壽命", "Vida restante"),
    "panel.forecast.life.note": (
        "years until 80 % state of health, and until the contract's full cycles are used; 90 % interval",
        "距健康狀態 80 % 及合約等效循環用盡的年數；90 % 區間",
        "años hasta el 80 % de salud y hasta agotar los ciclos completos del contrato; intervalo del 90 %",
    ),
    "forecast.actual": ("Measured", "實測", "Medido"),
    "forecast.forecast": ("Forecast", "預測", "Previsión"),
    "forecast.earlier": ("Told a day before", "前一日預測", "Dicho un día antes"),
    "forecast.baseline": ("Baseline", "基準", "Referencia"),
    "forecast.band": ("{n} % interval", "{n} % 區間", "intervalo del {n} %"),
    "forecast.named": ("{what}: {method}, ±{mae}", "{what}：{method}，±{mae}", "{what}: {method}, ±{mae}"),
    "forecast.total": ("Sum ahead", "預測合計", "Suma prevista"),
    "forecast.not": ("no forecast: {why}", "無預測：{why}", "sin previsión: {why}"),
    "forecast.what": ("Forecast of", "預測項目", "Previsión de"),
    "forecast.method": ("Method", "方法", "Método"),
    "forecast.mae": ("Error", "誤差", "Error"),
    "forecast.near": ("First step", "首步", "Primer paso"),
    "forecast.far": ("Last step", "末步", "Último paso"),
    "forecast.baseline_mae": ("Its error", "基準誤差", "Su error"),
    "forecast.used": ("Error as used", "實際使用誤差", "Error en uso"),
    "forecast.naive": ("Seasonal naive", "季節性單純法", "Ingenuo estacional"),
    "forecast.saved": ("Saved (%)", "改善 (%)", "Ahorrado (%)"),
    "forecast.holds": ("Interval holds (%)", "區間涵蓋 (%)", "Intervalo acierta (%)"),
    "forecast.verdict": ("Beyond baselines", "優於基準", "Frente a referencias"),
    "forecast.signal": ("better", "較佳", "mejor"),
    "forecast.no_signal": ("no signal", "無訊號", "sin señal"),
    "forecast.name": ("Battery", "電池", "Batería"),
    "forecast.health": ("By health (years)", "依健康狀態（年）", "Por salud (años)"),
    "forecast.health_span": ("Interval", "區間", "Intervalo"),
    "forecast.fall": ("Change (%/year)", "變化（%/年）", "Cambio (%/año)"),
    "forecast.cycles": ("By cycles (years)", "依循環（年）", "Por ciclos (años)"),
    "forecast.cycles_span": ("Interval", "區間", "Intervalo"),
    "forecast.pace": ("Full cycles a year", "年等效循環", "Ciclos completos al año"),
    "forecast.note": ("Not assessable", "無法評估", "No evaluable"),
    "forecast.open": ("open", "無上限", "sin límite"),
    "forecast.of.load": ("Auxiliary load", "輔助用電", "Consumo auxiliar"),
    "forecast.of.pv": ("PV power", "太陽能功率", "Potencia FV"),
    "forecast.of.soc": ("State of charge", "電量狀態", "Estado de carga"),
    "forecast.of.price": ("Award price", "得標價格", "Precio adjudicado"),
    "forecast.of.income": ("Income per hour", "每小時收益", "Ingresos por hora"),
    "forecast.of.home": ("Daily load", "每日用電", "Consumo diario"),
    "forecast.method.level": ("median of all", "整體中位數", "mediana de todo"),
    "forecast.method.persistence": ("as it is now", "維持現值", "como ahora"),
    "forecast.method.season": ("as a season before", "同前一週期", "como el periodo anterior"),
    "forecast.method.week": ("as a week before", "同前一週", "como la semana anterior"),
    "forecast.method.usual": ("median of seven seasons", "七週期中位數", "mediana de siete periodos"),
    "forecast.method.leaning": ("usual and season before", "慣常與前一週期加權", "lo usual y el periodo anterior"),
    "forecast.method.linear": ("ridge regression", "脊迴歸", "regresión de cresta"),
    "forecast.method.boosting": ("gradient boosting", "梯度提升", "potenciación de gradiente"),
    "forecast.method.blend": ("mean of models", "模型平均", "media de modelos"),
    "forecast.method.balance": ("energy balance", "能量平衡", "balance de energía"),
    "forecast.method.awards": ("awards and past quality", "得標與過往品質", "adjudicaciones y calidad pasada"),
}

REASONS: Mapping[str, tuple[str, str]] = {
    "nothing was told": ("無資料", "no se comunicó nada"),
    "nothing was told lately": ("近期無資料", "no se comunicó nada últimamente"),
    "the history is too short": ("歷史資料過短", "la historia es demasiado corta"),
    "more than half of the history is missing": ("歷史資料缺漏過半", "falta más de la mitad de la historia"),
    "it never changed": ("數值從未變化", "nunca cambió"),
    "fewer than 30 days with a state of health": ("健康狀態資料少於 30 天", "menos de 30 días con estado de salud"),
    "the state of health shows no fall beyond its scatter": (
        "健康狀態的下降未超出散布範圍",
        "el estado de salud no baja más que su dispersión",
    ),
    "less than a twentieth of the remaining fall has been seen": (
        "所見下降不足剩餘的二十分之一",
        "se ha visto menos de la vigésima parte de la caída restante",
    ),
    "fewer than 30 days with cycles": ("循環資料少於 30 天", "menos de 30 días con ciclos"),
    "it was not cycled": ("未曾循環", "no se cicló"),
    "no contract limits the full cycles": ("合約未限制等效循環", "ningún contrato limita los ciclos completos"),
}
"""A reason as the analysis gives it → 繁體中文, español."""


def why(reason: str, lang: str) -> str:
    """A reason in a language; English where nobody translated it."""
    told = REASONS.get(reason)
    return reason if told is None or lang == "en" else told[0 if lang == "zh-TW" else 1]
