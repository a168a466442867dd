"""Texts of what the sun offered and where it went: key → English, 繁體中文, español. `dashboard.words` merges them with the others."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str, str]] = {
    "inverter.clear.simple": ("Clear sky (simple model)", "晴空（簡易模型）", "Cielo despejado (modelo simple)"),
    "inverter.expected": ("Expected", "預期", "Esperada"),
    "inverter.corrected": ("PR at 25 °C cells", "25 °C 電池性能比", "PR con células a 25 °C"),
    "inverter.cleanness": ("Clear-sky ratio", "晴空比", "Relación en cielo despejado"),
    "inverter.course": ("Decline between cleanings", "清潔之間的下降", "Descenso entre limpiezas"),
    "panel.pvlosses": ("Where the sun went", "日照去向", "Adónde fue el sol"),
    "panel.pvlosses.note": (
        "whole days of the window, from measured light",
        "時段內各日，依實測日照",
        "días completos de la ventana, según la luz medida",
    ),
    "panel.soiling": ("Soiling", "髒污", "Suciedad"),
    "panel.soiling.note": (
        "power over expected power in the clear hours of each day",
        "各日晴朗時段之實際與預期功率比",
        "potencia sobre la esperada en las horas claras de cada día",
    ),
    "inverter.loss.potential": ("Possible", "可發電量", "Posible"),
    "inverter.loss.energy": ("AC energy", "交流電量", "Energía CA"),
    "inverter.loss.clipping": ("Clipping", "削峰", "Recorte"),
    "inverter.loss.curtailment": ("Curtailed (inferred)", "棄光（推定）", "Limitada (inferido)"),
    "inverter.loss.outage": ("Outage", "停機", "Parada"),
    "inverter.loss.mismatch": ("Weak strings", "弱組串", "Strings débiles"),
    "inverter.loss.soiling": ("Soiling", "髒污", "Suciedad"),
    "inverter.loss.other": ("Unexplained", "未解釋", "Sin explicar"),
    "inverter.loss.potential.note": (
        "what the array could give at the measured light and temperature without the inverter's limit",
        "在實測日照與溫度下，不受逆變器限制時陣列可發之電量",
        "lo que el campo podría dar con la luz y temperatura medidas, sin el límite del inversor",
    ),
    "inverter.loss.energy.note": (
        "what the inverter gave while light was measured",
        "有日照量測期間逆變器之輸出",
        "lo que dio el inversor mientras se midió la luz",
    ),
    "inverter.loss.clipping.note": (
        "the modules could give more than the inverter's rating",
        "模組出力超過逆變器額定",
        "los módulos podían dar más que la potencia nominal del inversor",
    ),
    "inverter.loss.curtailment.note": (
        "no inverter tells a command: power stood still below the rating and the expected power, which moved",
        "逆變器不回報命令：功率平穩低於額定與變動之預期功率",
        "ningún inversor comunica órdenes: la potencia quedó fija bajo la nominal y bajo la esperada, que variaba",
    ),
    "inverter.loss.outage.note": (
        "no power although the sun shone",
        "有日照卻無出力",
        "sin potencia aunque había sol",
    ),
    "inverter.loss.mismatch.note": (
        "strings more than 5 % below the median of their inverter",
        "低於該逆變器中位數 5 % 以上的組串",
        "strings más de un 5 % por debajo de la mediana de su inversor",
    ),
    "inverter.loss.soiling.note": (
        "the slow decline since the last cleaning; a dirty light sensor hides part of it",
        "自上次清潔以來的緩慢下降；感測器髒污會掩蓋部分",
        "el descenso lento desde la última limpieza; un sensor sucio oculta una parte",
    ),
    "inverter.loss.other.note": (
        "what remains: shade, snow, wiring, errors of the model; positive figures are yields above the model",
        "其餘：遮蔭、積雪、線損、模型誤差；正值表示高於模型",
        "lo que queda: sombra, nieve, cableado, error del modelo; en positivo, más de lo previsto",
    ),
    "inverter.losses.peak": (
        "Losses need the peak power of the modules (peak_power_kw): see the device record",
        "損失分析需要模組峰值功率 (peak_power_kw)：請見設備資料",
        "Las pérdidas necesitan la potencia pico de los módulos (peak_power_kw): vea la ficha del equipo",
    ),
    "inverter.losses.power": (
        "The inverter told no power on these days",
        "這些日子逆變器未回報功率",
        "El inversor no informó potencia en estos días",
    ),
    "inverter.losses.light": (
        "Losses need measured light: no weather station tells any for these days",
        "損失分析需要實測日照：這些日子沒有氣象站提供",
        "Las pérdidas necesitan luz medida: ninguna estación la informa en estos días",
    ),
    "inverter.losses.place": (
        "The clear sky needs a place (SITE_LATITUDE, SITE_LONGITUDE or the device record)",
        "晴空模型需要位置（SITE_LATITUDE、SITE_LONGITUDE 或設備資料）",
        "El cielo despejado necesita un lugar (SITE_LATITUDE, SITE_LONGITUDE o la ficha del equipo)",
    ),
    "inverter.losses.cloudy": (
        "No day with an hour of clear sky yet",
        "尚無晴空達一小時的日子",
        "Aún no hay ningún día con una hora de cielo despejado",
    ),
    "inverter.soiling.none": (
        "nothing to say yet: {days} clear days",
        "尚無法判斷：{days} 個晴日",
        "aún nada que decir: {days} días claros",
    ),
    "inverter.soiling.clean": (
        "no decline told from none: {rate} %/d ({low} … {high}), {days} clear days",
        "未見顯著下降：每日 {rate} %（{low} … {high}），{days} 個晴日",
        "sin descenso claro: {rate} %/d ({low} … {high}), {days} días claros",
    ),
    "inverter.soiling.found": (
        "loses {rate} %/d ({low} … {high}), {days} clear days",
        "每日下降 {rate} %（{low} … {high}），{days} 個晴日",
        "pierde {rate} %/d ({low} … {high}), {days} días claros",
    ),
}
