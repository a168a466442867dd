"""Texts of the monthly report and of the panel that asks for one: key → English, 繁體中文, español."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str, str]] = {
    "report.title": ("Monthly report", "月報", "Informe mensual"),
    "report.until": ("up to {at}, the month is not over", "截至 {at}，本月尚未結束", "hasta {at}; el mes no ha terminado"),
    "report.zone": ("times in {zone}", "時區 {zone}", "horas en {zone}"),
    "report.made": ("made {at}", "製作於 {at}", "elaborado el {at}"),
    "report.page": ("Page {n} of {all}", "第 {n} 頁，共 {all} 頁", "Página {n} de {all}"),
    "report.simulated": ("Simulated data", "模擬資料", "Datos simulados"),
    "report.undrawn": (
        "this chart is left out, because no Chromium drew it (package 'chromium')",
        "此圖省略：伺服器上沒有可用的 Chromium（套件 chromium）",
        "este gráfico se omite porque ningún Chromium lo dibujó (paquete «chromium»)",
    ),
    "report.none": ("Nothing was recorded for this in the month.", "本月沒有此項紀錄。", "No hay registros de esto en el mes."),
    "report.failed": (
        "This part could not be worked out: {why}",
        "此部分無法計算：{why}",
        "Esta parte no se pudo calcular: {why}",
    ),
    "report.energy": ("Energy and efficiency", "能量與效率", "Energía y eficiencia"),
    "report.income": ("Income", "收益", "Ingresos"),
    "report.rate": ("Execution rate", "執行率", "Tasa de ejecución"),
    "report.availability": ("Availability", "可用率", "Disponibilidad"),
    "report.batteries": ("Batteries", "電池", "Baterías"),
    "report.alarms": ("Alarms", "告警", "Alarmas"),
    "report.coverage": ("Data coverage", "資料涵蓋率", "Cobertura de datos"),
    "report.notes": ("Notes: sources and methods", "附註：來源與方法", "Notas: fuentes y métodos"),
    "report.income.total": ("Income of the month", "本月收益", "Ingresos del mes"),
    "report.income.note": ("sum of all judged awards", "所有已結算得標之總和", "suma de todas las adjudicaciones liquidadas"),
    "report.income.hidden": (
        "{n} h show no money: their prices are not verified",
        "{n} 小時未顯示金額：價格未經查證",
        "{n} h sin importe: sus precios no están verificados",
    ),
    "report.rate.note": ("mean over time", "時間平均", "media temporal"),
    "report.seen": ("Seconds observed", "已觀測秒數", "Segundos observados"),
    "report.seen.note": ("of all awarded seconds", "占全部得標秒數", "de todos los segundos adjudicados"),
    "report.rate.band": ("Execution rate", "執行率", "Tasa de ejecución"),
    "report.rate.hours": ("Awards judged", "已結算得標數", "Adjudicaciones"),
    "report.rate.share": ("Share (%)", "比例 (%)", "Porcentaje (%)"),
    "report.rate.least": ("Lowest rate", "最低執行率", "Tasa mínima"),
    "report.rate.median": ("Median rate", "執行率中位數", "Tasa mediana"),
    "report.rate.most": ("Highest rate", "最高執行率", "Tasa máxima"),
    "report.rate.low": ("Below 95 %", "低於 95 %", "Por debajo del 95 %"),
    "report.rate.low.note": ("of {n} judged awards", "已結算得標共 {n} 筆", "de {n} adjudicaciones liquidadas"),
    "report.unit": ("Unit", "單元", "Unidad"),
    "report.soc.low": ("SOC lowest (%)", "SOC 最低 (%)", "SOC mínimo (%)"),
    "report.soc.mean": ("SOC mean (%)", "SOC 平均 (%)", "SOC medio (%)"),
    "report.soc.high": ("SOC highest (%)", "SOC 最高 (%)", "SOC máximo (%)"),
    "report.soh": ("SOH at the end (%)", "期末 SOH (%)", "SOH al final (%)"),
    "report.share.seen": ("Observed (%)", "已觀測 (%)", "Observado (%)"),
    "report.share.least": ("Its share (%)", "其比例 (%)", "Su porcentaje (%)"),
    "report.kind": ("Devices", "設備", "Equipos"),
    "report.devices": ("Number", "數量", "Número"),
    "report.worst": ("Least observed", "觀測最少", "Menos observado"),
    "report.alarm": ("Device and code", "設備與代碼", "Equipo y código"),
    "report.count": ("Raised", "次數", "Veces"),
    "report.note.energy": (
        "Energies are power integrated by the quarter of an hour, positive out of the battery, kept as whole mWh so that sums are exact. "
        "Efficiency is energy out over energy in, corrected by the energy stored at both ends; it is left out (–) where the power was "
        "not observed throughout or a nameplate is missing. “System” counts the auxiliaries as taken.",
        "能量為每 15 分鐘之功率積分，放電為正，以整數 mWh 保存，故總和精確。效率為放出與充入能量之比，並以期初期末儲能量修正；"
        "若功率未全程觀測或缺少銘牌值則不列（–）。「系統」效率將輔助用電計入。",
        "Las energías son la potencia integrada por cuartos de hora, positiva al salir de la batería, guardadas en mWh enteros para que las "
        "sumas sean exactas. La eficiencia es la energía entregada entre la recibida, corregida por la almacenada al principio y al final; "
        "se omite (–) si la potencia no se observó todo el tiempo o falta la placa. La «del sistema» cuenta los auxiliares.",
    ),
    "report.note.income": (
        "Fees follow the market's rules in the version in force at the start of each award; an award is judged over whole seconds at "
        "the connection point, silent seconds score 0. A product without verified constants is scored but shows no money.",
        "費用依各得標開始時有效之市場規則版本計算；得標以併網點逐秒評分，無資料之秒計 0 分。常數未經查證之商品僅評分，不顯示金額。",
        "Los importes siguen las reglas del mercado en la versión vigente al inicio de cada adjudicación; cada una se evalúa segundo a segundo "
        "en el punto de conexión y los segundos sin datos puntúan 0. Un producto sin constantes verificadas se evalúa, pero sin importe.",
    ),
    "report.note.rules": ("Rules {name}: {source}", "規則 {name}：{source}", "Reglas {name}: {source}"),
    "report.note.availability": (
        "Availability of time, of equivalent hours, of intervals and of the contract, per battery and weighted by rated power; hours of planned "
        "maintenance, of the grid and of force majeure are excused where a note says so.",
        "可用率含時間、等效小時、區間與契約四種，逐電池計算並以額定功率加權；有註記之計畫檢修、電網因素與不可抗力時段予以扣除。",
        "Disponibilidad por tiempo, por horas equivalentes, por intervalos y según contrato, de cada batería y ponderada por potencia nominal; "
        "el mantenimiento previsto, la red y la fuerza mayor se descuentan si consta una nota.",
    ),
    "report.note.batteries": (
        "Charge is what the units tell; means are over what was told. Equivalent full cycles are throughput over twice the rated energy.",
        "SOC 為單元回報值，平均以有回報者計。等效全循環為吞吐量除以兩倍額定能量。",
        "La carga es la que informan las unidades; las medias son de lo informado. Los ciclos completos equivalentes son la energía "
        "intercambiada entre el doble de la energía nominal.",
    ),
    "report.note.alarms": (
        "Alarm figures follow ISA-18.2 / IEC 62682: mean and peak per 10 minutes, share of time in flood (more than 10 in 10 minutes), share "
        "of the ten most frequent. At most the newest {most} alarms of the month are looked at.",
        "告警指標依 ISA-18.2 / IEC 62682：每 10 分鐘平均與尖峰、洪流時間比例（10 分鐘內超過 10 筆）、前十名占比。最多計入本月最新 {most} 筆。",
        "Las cifras siguen ISA-18.2 / IEC 62682: media y máximo por 10 minutos, parte del tiempo en avalancha (más de 10 en 10 minutos) y parte de "
        "las diez más frecuentes. Se consideran como máximo las {most} alarmas más recientes del mes.",
    ),
    "report.note.coverage": (
        "Observed is the share of the month's quarters of an hour (up to now) in which a device told its power or charge at least once.",
        "已觀測為本月（至今）每 15 分鐘中，設備至少回報一次功率或 SOC 之比例。",
        "Observado es la parte de los cuartos de hora del mes (hasta ahora) en que un equipo informó su potencia o carga al menos una vez.",
    ),
    "report.note.same": (
        "Every number is worked out by the same functions as the panels of this server; the same view: {link}",
        "所有數字均由本伺服器面板之相同函式計算；相同檢視：{link}",
        "Cada cifra se calcula con las mismas funciones que los paneles de este servidor; la misma vista: {link}",
    ),
    "report.mail": (
        "The report of {site} for {month} is attached.",
        "附件為 {site} {month} 月報。",
        "Se adjunta el informe de {site} de {month}.",
    ),
    "panel.reports": ("Monthly reports", "月報", "Informes mensuales"),
    "panel.reports.note": ("PDF of a month of the site", "電廠單月 PDF", "PDF de un mes de la planta"),
    "reports.month": ("Month", "月份", "Mes"),
    "reports.language": ("Language", "語言", "Idioma"),
    "reports.make": ("Make the report", "製作月報", "Elaborar informe"),
    "reports.none": ("No report has been made yet.", "尚無月報。", "Aún no hay informes."),
    "reports.asked": ("The report of {month} is being made.", "正在製作 {month} 月報。", "Se está elaborando el informe de {month}."),
    "reports.planned": ("made when the month was over", "月底自動製作", "hecho al terminar el mes"),
    "reports.by": ("asked for by {who}", "由 {who} 要求", "pedido por {who}"),
    "reports.charts": ("{n} charts, {pages} pages", "{n} 張圖，{pages} 頁", "{n} gráficos, {pages} páginas"),
    "reports.login": ("Making reports needs a login as analyst.", "製作月報需以分析員登入。", "Para elaborar informes hay que entrar como analista."),
}
