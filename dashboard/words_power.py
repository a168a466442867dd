"""Texts of the PCS and inverter pages: key → English, 繁體中文, español. `dashboard.words` merges them with the others."""

from collections.abc import Mapping

Texts = Mapping[str, tuple[str, str, str]]

PCS: Texts = {
    "archive.untold": (
        "{device} never reported this: see what it reports",
        "{device} 從未回報此項：檢視其回報內容",
        "{device} nunca informó de esto: vea lo que informa",
    ),
    "page.pcs": ("PCS", "PCS", "PCS"),
    "name.pcs": ("PCS {n}", "PCS {n}", "PCS {n}"),
    "empty.title.pcs": ("No converter has reported yet", "尚無 PCS 回報", "Ningún convertidor ha informado aún"),
    "panel.pcs.units": ("Units side by side", "各單元並列", "Unidades en paralelo"),
    "panel.pcs.units.note": ("click a unit to look at it below", "點選單元以檢視下方內容", "pulse una unidad para verla abajo"),
    "panel.pcs.power": ("AC and DC power", "交流與直流功率", "Potencia CA y CC"),
    "panel.pcs.power.note": ("discharge is positive", "放電為正", "descarga positiva"),
    "panel.pcs.heat": ("Temperatures and limits", "溫度與限值", "Temperaturas y límites"),
    "panel.pcs.currents": ("Phase currents", "三相電流", "Corrientes de fase"),
    "panel.pcs.voltages": ("Line voltages", "線電壓", "Tensiones de línea"),
    "panel.pcs.phases.note": (
        "unbalance: the largest deviation from the mean of the phases",
        "不平衡率：與三相平均之最大偏差",
        "desequilibrio: la mayor desviación de la media",
    ),
    "panel.pcs.efficiency": ("Efficiency against load", "效率與負載", "Eficiencia según la carga"),
    "panel.pcs.efficiency.note": (
        "above 10 % of the rated power; lines are medians",
        "僅計額定功率 10 % 以上；線為中位數",
        "por encima del 10 % nominal; las líneas son medianas",
    ),
    "panel.pcs.pq": ("Active and reactive power", "有效與無效功率", "Potencia activa y reactiva"),
    "panel.pcs.words": ("Status words", "狀態字", "Palabras de estado"),
    "panel.pcs.words.note": (
        "sixteen bits each, the highest on the left",
        "各 16 位元，最高位元在左",
        "dieciséis bits, el más alto a la izquierda",
    ),
    "pcs.mode": ("Mode", "模式", "Modo"),
    "pcs.active_power": ("AC (kW)", "交流 (kW)", "CA (kW)"),
    "pcs.load": ("Load (%)", "負載 (%)", "Carga (%)"),
    "pcs.dc_power": ("DC (kW)", "直流 (kW)", "CC (kW)"),
    "pcs.efficiency": ("Efficiency (%)", "效率 (%)", "Eficiencia (%)"),
    "pcs.reactive_power": ("Reactive (kvar)", "無效 (kvar)", "Reactiva (kvar)"),
    "pcs.power_factor": ("Power factor", "功率因數", "Factor de pot."),
    "pcs.dc_voltage": ("DC voltage (V)", "直流電壓 (V)", "Tensión CC (V)"),
    "pcs.unbalance": ("Unbalance", "不平衡率", "Desequilibrio"),
    "pcs.unbalance.head": ("Unbalance (%)", "不平衡率 (%)", "Desequilibrio (%)"),
    "pcs.temp_igbt": ("IGBT (°C)", "IGBT (°C)", "IGBT (°C)"),
    "pcs.words": ("Warnings and faults", "警告與故障", "Avisos y fallos"),
    "pcs.phase": ("Phase {n}", "{n} 相", "Fase {n}"),
    "pcs.ac": ("AC power", "交流功率", "Potencia CA"),
    "pcs.dc": ("DC power", "直流功率", "Potencia CC"),
    "pcs.charge": ("Charging", "充電", "Carga"),
    "pcs.discharge": ("Discharging", "放電", "Descarga"),
    "pcs.loadaxis": ("Share of the rated power", "額定功率占比", "Parte de la potencia nominal"),
    "pcs.eta": ("Efficiency", "效率", "Eficiencia"),
    "pcs.now": ("Now", "現在", "Ahora"),
    "pcs.circle": ("Rated {n} kVA", "額定 {n} kVA", "Nominal {n} kVA"),
    "pcs.norating": (
        "Efficiency against load needs the rated power of the converter: see its device record",
        "效率與負載圖需要 PCS 的額定功率：請見設備資料",
        "La eficiencia según la carga necesita la potencia nominal: vea la ficha del equipo",
    ),
    "bits.set": ("set", "已置位", "activo"),
    "bits.clear": ("not set", "未置位", "inactivo"),
    "bits.silent": ("never said", "從未回報", "nunca informado"),
}

INVERTER: Texts = {
    "name.strings": ("String", "組串", "String"),
    "panel.daycurve.note": (
        "clear sky: without clouds · expected: at the measured light",
        "晴空：無雲時的出力 · 預期：依實測日照",
        "cielo despejado: sin nubes · esperada: con la luz medida",
    ),
    "panel.mismatch": ("String mismatch over time", "組串失配隨時間變化", "Desajuste de strings en el tiempo"),
    "panel.mismatch.note": (
        "deviation from the median string · long windows are sampled",
        "與組串中位數之偏差 · 長時段為取樣",
        "desviación de la mediana · los periodos largos se muestrean",
    ),
    "panel.phases": ("Phase currents and voltages", "三相電流與電壓", "Corrientes y tensiones de fase"),
    "panel.yields": ("Daily yields", "每日發電量", "Producción diaria"),
    "panel.yields.note": (
        "days across, months down · click to open a day",
        "橫軸為日，縱軸為月 · 點選開啟當日",
        "días en columnas, meses en filas · pulse un día",
    ),
    "panel.ratio": ("Performance ratio by day", "每日性能比", "Rendimiento (PR) por día"),
    "panel.ratio.note": (
        "final yield / reference yield, IEC 61724-1",
        "最終發電量／參考發電量，IEC 61724-1",
        "producción final / de referencia, IEC 61724-1",
    ),
    "inverter.clear": ("Clear sky", "晴空", "Cielo despejado"),
    "inverter.specific": ("Specific yield", "單位發電量", "Producción específica"),
    "inverter.heat": ("Internal temperature", "內部溫度", "Temperatura interna"),
    "inverter.ratio": ("Performance ratio", "性能比", "Rendimiento (PR)"),
    "inverter.ratio.note": (
        "{day}: {ratio} = {final} of {reference} kWh/kWp, {hours} h measured",
        "{day}：{ratio} = {reference} 之 {final} kWh/kWp，量測 {hours} 小時",
        "{day}: {ratio} = {final} de {reference} kWh/kWp, {hours} h medidas",
    ),
    "inverter.noratio": (
        "not enough light and power measured together",
        "同時量測的日照與功率不足",
        "sin suficiente irradiancia y potencia medidas a la vez",
    ),
    "inverter.nopeak": (
        "The performance ratio needs the peak power of the modules (peak_power_kw): see the device record",
        "性能比需要模組峰值功率 (peak_power_kw)：請見設備資料",
        "El rendimiento necesita la potencia pico de los módulos (peak_power_kw): vea la ficha del equipo",
    ),
    "inverter.nolight": (
        "The performance ratio needs irradiance in the plane of the modules: no weather station tells it",
        "性能比需要陣列面日照：沒有氣象站提供",
        "El rendimiento necesita la irradiancia en el plano: ninguna estación la informa",
    ),
    "inverter.dark": (
        "Too dark in this window to compare strings: look at 24 hours",
        "此時段過暗，無法比較組串：請看 24 小時",
        "Demasiado oscuro para comparar strings: vea 24 horas",
    ),
}

WORDS: Texts = {**PCS, **INVERTER}
