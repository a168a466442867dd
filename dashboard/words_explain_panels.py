"""How the figures of charts, maps and tables are formed (`dashboard.explanations_panels`): key → English, 繁體中文, español. `figure.` are
titles of cards whose column's head says less, or holds a currency."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str, str]] = {
    "figure.cost": ("Cost of these seconds alone", "僅此數秒之成本", "Coste de solo estos segundos"),
    "figure.d-total": ("Difference of income", "收入差異", "Diferencia de ingresos"),
    "figure.daily": ("Megabytes a day", "每日 MB", "Megabytes al día"),
    "figure.mw": ("Power awarded", "得標容量", "Potencia adjudicada"),
    "figure.other-index": ("Index under the other bid", "另一投標的指標", "Índice con la otra oferta"),
    "figure.other-rate": ("Execution rate under the other bid", "另一投標的執行率", "Tasa con la otra oferta"),
    "figure.other-total": ("Income under the other bid", "另一投標的收入", "Ingresos con la otra oferta"),
    "figure.price": ("Capacity price", "容量價格", "Precio de capacidad"),
    "figure.size": ("Megabytes kept", "已存 MB", "Megabytes guardados"),
    "figure.sure": ("How sure SOH_C is", "SOH_C 的可信範圍", "Certeza de SOH_C"),
    "figure.worth": ("Worth of what could not be used", "未能使用之電量價值", "Valor de lo que no se pudo usar"),
    "explain.reading": (
        "The newest value the device told, converted to the unit of the catalogue and else left as it was.",
        "設備最新回報值，僅換算為目錄單位，未作其他處理。",
        "El último valor que dijo el equipo, convertido a la unidad del catálogo y nada más.",
    ),
    # -- overview
    "explain.panel.flow": (
        "Newest powers at the four ends of the site's bus. The battery's is the sum of its converters; where one is silent it follows from the balance.",
        "場站匯流排四端的最新功率。電池為各變流器之和；若有未回報者則由平衡推算。",
        "Las potencias más recientes en los cuatro extremos del bus. La batería es la suma de sus convertidores; si uno calla, sale del balance.",
    ),
    "explain.panel.balance": (
        "Mean powers of each bucket, split by sign: what feeds the site stands above, what it uses below.",
        "各區間平均功率依正負切分：供給在上，使用在下。",
        "Potencias medias por intervalo, partidas por signo: lo que alimenta arriba, lo que consume abajo.",
    ),
    "explain.panel.soc": (
        "Newest charge each rack tells. Framed: outside its normal range, stale, or an outlier among all racks by robust z.",
        "各電池櫃最新電量。加框者：超出正常範圍、過期，或為穩健 z 離群。",
        "Carga más reciente de cada rack. Con marco: fuera de lo normal, vieja o atípica por z robusta.",
    ),
    "explain.panel.frequency": (
        "Frequency at the connection point, else of the first meter or converter that tells it.",
        "併網點頻率；無則取首個回報之電表或變流器。",
        "Frecuencia en el punto de conexión; si no, del primer contador o convertidor que la diga.",
    ),
    "explain.panel.topology": (
        "Of each kind of device: how many spoke lately, of those expected to.",
        "各類設備近期有回報者占應回報者之數。",
        "De cada tipo de equipo: cuántos hablaron hace poco, de los esperados.",
    ),
    # -- racks and cells
    "explain.panel.spread": (
        "Highest less lowest cell voltage of each rack, as it tells it.",
        "各電池櫃最高與最低電芯電壓之差，依其回報。",
        "La mayor menos la menor tensión de celda de cada rack, según lo dice.",
    ),
    "explain.panel.heat": (
        "Highest less lowest cell temperature of each rack, as it tells it.",
        "各電池櫃最高與最低電芯溫度之差，依其回報。",
        "La mayor menos la menor temperatura de celda de cada rack, según lo dice.",
    ),
    "explain.panel.compare": (
        "One quantity of all racks of the unit in common buckets; without a chosen rack the one furthest from the median stands out.",
        "單元各櫃同一量測於共同區間；未選櫃時突顯偏離中位數最多者。",
        "Una magnitud de todos los racks en intervalos comunes; sin rack elegido destaca el más lejano de la mediana.",
    ),
    "explain.panel.deviation": (
        "The same lines less the median of all racks at each instant: a drift shows early.",
        "同樣各線減去各時刻所有電池櫃之中位數：偏移可及早顯現。",
        "Las mismas líneas menos la mediana de todos los racks en cada instante: una deriva se ve pronto.",
    ),
    "explain.panel.cells": (
        "Every cell voltage of the newest reading, with its robust z among the cells of the rack; framed beyond 3.5.",
        "最新讀值的所有電芯電壓及其於該櫃之穩健 z；超過 3.5 加框。",
        "Cada tensión de celda de la última lectura con su z robusta en el rack; con marco desde 3,5.",
    ),
    "explain.panel.temps": (
        "Every temperature of the newest reading, with its robust z among the sensors of the rack; framed beyond 3.5.",
        "最新讀值的所有溫度及其於該櫃之穩健 z；超過 3.5 加框。",
        "Cada temperatura de la última lectura con su z robusta en el rack; con marco desde 3,5.",
    ),
    "explain.panel.bess.volts": (
        "The cell or module looked at, the median of all cells of the rack with their least and most, and the difference.",
        "所看電芯或模組、該櫃所有電芯之中位數與最小最大值，以及兩者之差。",
        "La celda o el módulo elegido, la mediana de todas las celdas con mínimo y máximo, y la diferencia.",
    ),
    "explain.panel.bess.warmth": (
        "The sensor or module looked at, the median of all sensors of the rack with their least and most, and the difference.",
        "所看感測器或模組、該櫃所有感測器之中位數與最小最大值，以及兩者之差。",
        "El sensor o módulo elegido, la mediana de todos los sensores con mínimo y máximo, y la diferencia.",
    ),
    "explain.panel.bess.play": (
        "Mean voltage of each cell in each step, less the median of all cells in that step.",
        "各步每顆電芯平均電壓減去該步所有電芯之中位數。",
        "Tensión media de cada celda en cada paso, menos la mediana de todas.",
    ),
    "explain.panel.bess.pair": (
        "Two racks in common buckets, and the first less the second.",
        "兩櫃於共同區間，及前者減後者。",
        "Dos racks en intervalos comunes, y el primero menos el segundo.",
    ),
    "explain.panel.bess.rainflow": (
        "Swings of charge of the chosen rack counted by rainflow, else the mean of the unit's racks.",
        "所選電池櫃電量擺幅之雨流計數；未選時為單元各櫃平均。",
        "Oscilaciones de carga del rack elegido contadas por rainflow; si no, la media de los racks.",
    ),
    "explain.bess.wear.mwh": (
        "Energy that went out and in over the days.",
        "各日放出與充入電量。",
        "Energía que salió y entró en los días.",
    ),
    "explain.bess.wear.cycles": (
        "Cycles counted by rainflow, halves as halves.",
        "以雨流法計數之循環，半循環計半。",
        "Ciclos contados por rainflow, los medios como medios.",
    ),
    "explain.bess.wear.deepest": ("Depth of the deepest of them.", "其中最深循環之深度。", "Profundidad del más profundo."),
    "explain.bess.wear.mean": (
        "Mean charge the cycles swung around, weighted by their depth.",
        "循環之平均電量，依深度加權。",
        "Carga media de los ciclos, ponderada por su profundidad.",
    ),
    "explain.bess.wear.rest": ("Hours in which the rack was at rest.", "電池櫃靜置時數。", "Horas en que el rack estuvo en reposo."),
    # -- converters
    "explain.panel.pcs.power": (
        "AC power, DC power and what was asked of the converter, as it tells them.",
        "變流器回報之交流、直流功率與目標功率。",
        "Potencia CA, CC y la pedida al convertidor, según las dice.",
    ),
    "explain.panel.pcs.heat": (
        "Temperatures of the converter beside the limits of the catalogue.",
        "變流器溫度與目錄限值。",
        "Temperaturas del convertidor junto a los límites del catálogo.",
    ),
    "explain.panel.pcs.currents": (
        "Currents of the three phases, and how far the furthest is from their mean.",
        "三相電流，及最遠一相偏離平均之比例。",
        "Corrientes de las tres fases, y cuánto se aparta la más lejana de su media.",
    ),
    "explain.panel.pcs.voltages": (
        "Voltages between the phases, and how far the furthest is from their mean.",
        "各線電壓，及最遠者偏離平均之比例。",
        "Tensiones entre fases, y cuánto se aparta la más lejana de su media.",
    ),
    "explain.panel.pcs.pq": (
        "Mean active and reactive power of each bucket, inside the circle of the apparent power the converter is built for.",
        "各區間平均有效與無效功率，及額定視在功率圓。",
        "Potencia activa y reactiva medias por intervalo, dentro del círculo de la aparente nominal.",
    ),
    "explain.pcs.load": (
        "AC power over the rated power of the nameplate.",
        "交流功率除以銘牌額定功率。",
        "Potencia CA entre la nominal de la placa.",
    ),
    "explain.pcs.efficiency": (
        "Power that leaves the converter over power that enters it, of readings of one time.",
        "同一時刻讀值：輸出功率除以輸入功率。",
        "Potencia que sale entre la que entra, de lecturas de un mismo momento.",
    ),
    "explain.pcs.unbalance.head": (
        "How far the phase furthest from the mean of the three currents is from it.",
        "偏離三相電流平均最多之相的偏差比例。",
        "Cuánto se aparta de la media de las tres corrientes la fase más lejana.",
    ),
    # -- inverters
    "explain.panel.daycurve": (
        "AC and DC power and light as told; power under a clear sky, and as the measured light should give.",
        "回報之交直流功率與日照；晴空功率，及實測日照應有之功率。",
        "Potencias CA y CC y luz según se dicen; la potencia con cielo claro y la que debería dar la luz medida.",
    ),
    "explain.panel.mppt": (
        "Newest voltage and current of each tracker, and their product.",
        "各 MPPT 最新電壓與電流及其乘積。",
        "Tensión y corriente más recientes de cada seguidor, y su producto.",
    ),
    "explain.panel.strings": (
        "Newest current of each string, and its distance from the median of its inverter; framed beyond a tenth.",
        "各組串最新電流，及與該逆變器中位數之差；超過一成加框。",
        "Corriente de cada string y su distancia a la mediana de su inversor; con marco desde un décimo.",
    ),
    "explain.panel.mismatch": (
        "Mean current of each string in each column, off the median string of the same instants.",
        "各欄每組串平均電流偏離同時中位組串之比例。",
        "Corriente media de cada string por columna, fuera de la mediana de los mismos instantes.",
    ),
    "explain.panel.phases": (
        "Currents and voltages of the phases as the inverter tells them.",
        "逆變器回報之各相電流與電壓。",
        "Corrientes y tensiones de fase según las dice el inversor.",
    ),
    "explain.panel.yields": (
        "The last value of the inverter's own counter of each day; without a counter its power, integrated.",
        "逆變器每日累計值之末值；無累計則由功率積分。",
        "El último valor del contador diario; sin contador, la potencia integrada.",
    ),
    "explain.panel.pvlosses": (
        "What the array could have given without its inverter's limit, and where the difference to the AC energy went: clipping above the rating, curtailment while the "
        "power was held, outage in the sun, weak strings, soiling where there is a hint, and the unexplained rest. Together they are the difference.",
        "陣列若無逆變器限制可發之量，與交流電量之差的去向：超出額定之削峰、受限之棄光、日照下停機、弱組串、有跡象之髒污與未解釋餘項；合計即為差額。",
        "Lo que el campo podría haber dado sin el límite del inversor y adónde fue la diferencia con la energía CA: recorte, limitación, parada, strings débiles, "
        "suciedad si hay indicio y el resto sin explicar. Juntas son la diferencia.",
    ),
    "explain.panel.soiling": (
        "Power over expected power of each day's clear hours, and its median decline between cleanings with a 95 % interval.",
        "每日晴空時段之功率與預期之比，及兩次清潔間之中位下降（95 % 區間）。",
        "Potencia entre la esperada en las horas claras de cada día, y su caída mediana entre limpiezas con intervalo del 95 %.",
    ),
    # -- awards and money
    "explain.panel.week": (
        "What was awarded each hour, how it was executed, its quality index, and what it earned.",
        "各時段得標、執行率、品質指標與收入。",
        "Lo adjudicado cada hora, su ejecución, su índice de calidad y lo ganado.",
    ),
    "explain.panel.planned": (
        "Power at the connection point beside the band that the award permits at the frequency of each bucket.",
        "併網點功率與得標於各區間頻率下允許之範圍。",
        "Potencia en el punto de conexión junto a la banda que permite la adjudicación a esa frecuencia.",
    ),
    "explain.panel.hour": (
        "Score of each second by how far its power is outside the permitted band; the best of w seconds rolls, the worst of the hour is its rate.",
        "每秒依功率超出允許範圍評分；取 w 秒內最佳滾動，時段執行率為其最低者。",
        "Nota de cada segundo según cuánto sale de la banda; rueda el mejor de w segundos y el peor de la hora es su tasa.",
    ),
    "explain.panel.plan": (
        "The plan that earns most at these prices, and what it does: power, charge at the end of each interval, money by kind.",
        "依此價格獲利最高之計畫：功率、各時段末電量與各項金額。",
        "El plan que más gana con estos precios: potencia, carga al final de cada intervalo y dinero por tipo.",
    ),
    "explain.cause.rate": (
        "The rolling score of this run of seconds: the worst of the hour, which is its rate.",
        "此段秒數之滾動分數：時段最低者，即執行率。",
        "La nota móvil de este tramo: la peor de la hora, que es su tasa.",
    ),
    "explain.figure.cost": (
        "What the hour earns, less what it would earn without these seconds.",
        "時段所得，減去若無此數秒之所得。",
        "Lo que gana la hora, menos lo que ganaría sin estos segundos.",
    ),
    "explain.figure.mw": (
        "Power of the award; of a lost one what was offered.",
        "得標容量；未得標者為投標容量。",
        "Potencia adjudicada; de una perdida, lo ofertado.",
    ),
    "explain.figure.price": (
        "Price of the award per MW and hour; of a lost one what was asked.",
        "得標每 MW·h 價格；未得標者為報價。",
        "Precio por MW y hora; de una perdida, lo pedido.",
    ),
    "explain.income.rate": (
        "The worst rolling score of the hour; of several hours their mean over time.",
        "時段最低滾動分數；多時段為時間平均。",
        "La peor nota móvil de la hora; de varias, su media en el tiempo.",
    ),
    "explain.income.index": (
        "The step of the rules that the execution rate reaches; of several hours their mean over time.",
        "執行率所達之指標級距；多時段為時間平均。",
        "El escalón de las reglas que alcanza la tasa; de varias horas, su media.",
    ),
    "explain.income.silent": (
        "Awarded seconds in which frequency or power was not said; each scores 0.",
        "頻率或功率缺漏之得標秒數；每秒 0 分。",
        "Segundos adjudicados sin frecuencia o potencia; cada uno puntúa 0.",
    ),
    "explain.income.capacity": (
        "Capacity price times power, index and hours.",
        "容量價格 × 容量 × 指標 × 時數。",
        "Precio de capacidad por potencia, índice y horas.",
    ),
    "explain.income.performance": (
        "Performance price of the rules times power, index and hours.",
        "規則之效能價格 × 容量 × 指標 × 時數。",
        "Precio de desempeño de las reglas por potencia, índice y horas.",
    ),
    "explain.income.energy": (
        "Mean power of each quarter times its price by direction; not multiplied by the index.",
        "每刻鐘平均功率 × 依方向之單價；不乘指標。",
        "Potencia media de cada cuarto por su precio según el sentido; sin índice.",
    ),
    "explain.income.total": (
        "The three fees together, each in hundredths of the currency.",
        "三項費用合計，各計至百分之一元。",
        "Las tres tarifas juntas, en centésimas.",
    ),
    "explain.income.judged": ("Hours that have been judged.", "已評分時數。", "Horas ya juzgadas."),
    "explain.income.low": (
        "Judged hours below 95 %: their index is less than 1.",
        "低於 95 % 的時段：指標小於 1。",
        "Horas bajo el 95 %: su índice es menor que 1.",
    ),
    "explain.income.without": (
        "Judged hours whose rules have no verified prices.",
        "規則價格未查證之時數。",
        "Horas cuyas reglas no tienen precios verificados.",
    ),
    "explain.account.sum": ("The fees of the month's awards together.", "當月得標費用合計。", "Las tarifas de las adjudicaciones del mes."),
    "explain.account.participation": (
        "What taking part in the market costs a month: a fixed part, one per MW of the largest award or offer, one per resource.",
        "參與市場每月費用：固定、最大得標或投標每 MW、每資源。",
        "Lo que cuesta participar al mes: una parte fija, otra por MW de la mayor adjudicación u oferta y otra por recurso.",
    ),
    "explain.account.rest": (
        "What was earned less the participation fee and the charge for energy lost, where its price is known.",
        "收入扣除參與費，以及單價已知時的電能損失費。",
        "Lo ganado menos la cuota de participación y, si se conoce su precio, el cargo por energía perdida.",
    ),
    "explain.account.charged": (
        "Power of the batteries integrated over the month where it charged.",
        "當月電池充電功率積分。",
        "Potencia de las baterías integrada en el mes al cargar.",
    ),
    "explain.account.discharged": (
        "Power of the batteries integrated over the month where it discharged.",
        "當月電池放電功率積分。",
        "Potencia de las baterías integrada en el mes al descargar.",
    ),
    "explain.account.lost": (
        "Energy taken at the market's meter less energy given, beyond the allowance of the rules.",
        "市場計量點取用減去饋出，超出規則允許部分。",
        "Energía tomada en el contador del mercado menos la dada, por encima de lo admitido.",
    ),
    "explain.account.loss-money": (
        "Energy charged for as lost, times its price.",
        "計費損失電能 × 單價。",
        "Energía perdida facturable por su precio.",
    ),
    "explain.trial.worst": (
        "The lowest score of a second of the test.",
        "測試中最低秒分。",
        "La nota más baja de un segundo de la prueba.",
    ),
    "explain.trial.failing": (
        "Seconds whose own score, and that of the seconds that may follow, did not pass 95.",
        "本身及可後續秒數皆未過 95 分之秒數。",
        "Segundos cuya nota, ni la de los que pueden seguir, pasó de 95.",
    ),
    "explain.figure.other-rate": (
        "The same seconds judged under the other bid.",
        "相同秒數依另一投標評分。",
        "Los mismos segundos juzgados con la otra oferta.",
    ),
    "explain.figure.other-index": (
        "The index of that rate under its rules.",
        "該執行率依其規則之指標。",
        "El índice de esa tasa según sus reglas.",
    ),
    "explain.figure.other-total": (
        "The fees of the other bid for the same seconds.",
        "另一投標於相同秒數之費用。",
        "Las tarifas de la otra oferta por los mismos segundos.",
    ),
    "explain.whatif.d-rate": ("The other execution rate less the real one.", "另一執行率減去原執行率。", "La otra tasa menos la real."),
    "explain.figure.d-total": ("The other income less the real one.", "另一收入減去原收入。", "Los otros ingresos menos los reales."),
    # -- analysis
    "explain.panel.energy": (
        "Power integrated by the trapezoid rule, split where it changes sign, by quarter, hour or day of the site.",
        "功率以梯形法積分並於變號處切分，依刻鐘、小時或日。",
        "Potencia integrada por trapecios, partida donde cambia de signo, por cuarto, hora o día del sitio.",
    ),
    "explain.panel.droop": (
        "How many awarded seconds stood at which frequency and power, and the share of those inside the envelope.",
        "得標秒數於各頻率與功率之數，及落在允許範圍內之比例。",
        "Cuántos segundos adjudicados a cada frecuencia y potencia, y qué parte dentro de la banda.",
    ),
    "explain.panel.response": (
        "Power beside what the award asks for at the frequency of each bucket: the middle of the band and its bounds.",
        "功率與得標於各區間頻率所求：範圍中點與上下界。",
        "Potencia junto a lo que pide la adjudicación a esa frecuencia: el centro de la banda y sus bordes.",
    ),
    "explain.panel.cycles": (
        "Throughput of each day over twice the nameplate energy, and the health last told that day, weighted by energy.",
        "每日吞吐量除以兩倍銘牌能量，及當日最後回報之能量加權健康狀態。",
        "Energía movida al día entre el doble de la placa, y la última salud dicha, ponderada por energía.",
    ),
    "explain.panel.rainflow": (
        "Swings of charge counted by rainflow, in classes of depth and mean charge, mean over the units.",
        "電量擺幅以雨流法計數，依深度與平均電量分級，為單元平均。",
        "Oscilaciones de carga contadas por rainflow, por profundidad y carga media, media de las unidades.",
    ),
    "explain.panel.count": (
        "Charge counted from the current, beside the charge the unit reports, and corrected where a rest voltage tells it.",
        "由電流計數之電量、單元回報之電量，及依靜置電壓校正者。",
        "Carga contada de la corriente, junto a la comunicada, y corregida donde la dice una tensión en reposo.",
    ),
    "explain.panel.resistance": (
        "Median of voltage over current steps of each day, less what the charge moved the open-circuit voltage, brought to 25 °C.",
        "每日電壓與電流階躍比之中位數，扣除開路電壓變化並換算至 25 °C。",
        "Mediana diaria de escalones de tensión entre corriente, sin el cambio de circuito abierto, llevada a 25 °C.",
    ),
    "explain.panel.comparison": (
        "A quantity of this window, and the same as long before as the windows lie apart.",
        "本期間之量測，與先前期間之同一量測。",
        "Una magnitud de esta ventana y la misma tanto antes como distan las ventanas.",
    ),
    **dict.fromkeys(
        ("explain.panel.forecast.pv", "explain.panel.forecast.load", "explain.panel.forecast.soc", "explain.panel.forecast.income"),
        (
            "What came, what is forecast with its 90 % interval by the method that was best, what was told a day before, and the best baseline.",
            "實際值、最佳方法之預測及 90 % 區間、前一日預測與最佳基準。",
            "Lo que vino, la previsión del mejor método con su intervalo del 90 %, lo dicho un día antes y la mejor referencia.",
        ),
    ),
    "explain.state.soc": ("The newest charge the battery tells.", "電池最新回報電量。", "La carga más reciente que dice la batería."),
    "explain.state.soe": (
        "Energy that can be taken out now over the rated energy.",
        "目前可放出能量除以額定能量。",
        "Energía que se puede sacar ahora entre la nominal.",
    ),
    "explain.state.soh": ("The newest health the battery tells.", "電池最新回報健康狀態。", "La salud más reciente que dice la batería."),
    "explain.state.by_capacity": (
        "Charge that flowed over wide swings, scaled to a whole one, over the rated capacity; weighted by how sure each is.",
        "大擺幅所流電量換算為完整擺幅，除以額定容量；依可信度加權。",
        "Carga que fluyó en oscilaciones anchas, llevada a una entera, entre la capacidad nominal; ponderada por su certeza.",
    ),
    "explain.figure.sure": (
        "Half of the 95 % interval: never below that of the surest swing alone.",
        "95 % 區間之半：不低於最可信擺幅者。",
        "Mitad del intervalo del 95 %: nunca menor que la de la oscilación más segura.",
    ),
    "explain.state.by_energy": (
        "Energy of discharges over wide swings, scaled to a whole one, over the installed energy.",
        "大擺幅放電能量換算為完整放電，除以裝置能量。",
        "Energía de descargas anchas, llevada a una entera, entre la instalada.",
    ),
    "explain.state.swings": (
        "How many swings the health is made of.",
        "健康狀態所依之擺幅數。",
        "De cuántas oscilaciones está hecha la salud.",
    ),
    "explain.state.efc": (
        "Charge moved over twice the capacity; energy over twice the energy where current is not told.",
        "流動電量除以兩倍容量；未回報電流時以能量計。",
        "Carga movida entre el doble de la capacidad; energía si no se dice la corriente.",
    ),
    "explain.state.milliohm": (
        "Resistance of the newest day that has enough steps of current, at 25 °C.",
        "最近有足夠電流階躍之日的 25 °C 內阻。",
        "Resistencia del último día con suficientes escalones, a 25 °C.",
    ),
    "explain.state.trend": (
        "Median slope between all pairs of days, in percent of the median in 30 days.",
        "各日兩兩斜率之中位數，以每 30 日占中位數百分比計。",
        "Pendiente mediana entre todos los pares de días, en % de la mediana en 30 días.",
    ),
    "explain.state.apart": (
        "Spread of the cell voltages while the battery rests.",
        "電池靜置時之電芯壓差。",
        "Dispersión de tensiones con la batería en reposo.",
    ),
    "explain.state.warmer": (
        "Spread of the temperatures while the battery rests.",
        "電池靜置時之溫差。",
        "Dispersión de temperaturas con la batería en reposo.",
    ),
    "explain.state.most": ("What the warranty allows.", "保固允許值。", "Lo que permite la garantía."),
    "explain.state.used": (
        "What was used of it: sums over the life, or the highest rate; a limit by the year counts the last 365 days.",
        "已使用量：全期加總或最高倍率；年度限值計近 365 天。",
        "Lo usado: sumas de toda la vida, o la mayor tasa; un límite anual cuenta los últimos 365 días.",
    ),
    "explain.state.left": (
        "Allowed less used; negative when overdrawn.",
        "允許減已用；超用為負。",
        "Lo permitido menos lo usado; negativo si se pasó.",
    ),
    "explain.state.share": ("Used over allowed.", "已用除以允許。", "Lo usado entre lo permitido."),
    "explain.state.period": ("Hours that were judged, by the quarter.", "以刻鐘計之評估時數。", "Horas juzgadas, por cuartos."),
    "explain.state.down": ("Hours in which no power was available.", "完全無可用功率之時數。", "Horas sin potencia disponible."),
    "explain.state.silent": ("Hours in which nothing was told.", "無任何資料之時數。", "Horas en que no se dijo nada."),
    "explain.state.equivalent": (
        "Unavailable hours, derates by their share: a tenth missing for 20 h are 2 h.",
        "不可用時數，降載按比例：少一成 20 小時計 2 小時。",
        "Horas no disponibles, con limitaciones por su parte: un décimo 20 h son 2 h.",
    ),
    "explain.state.excused": ("Unavailable hours that are excused.", "除外之不可用時數。", "Horas no disponibles excusadas."),
    "explain.state.by_time": (
        "Share of the hours that were not without power, excused ones given back.",
        "非完全停機之時間比例，除外時數加回。",
        "Parte de las horas con potencia, devolviendo las excusadas.",
    ),
    "explain.state.by_hours": (
        "Share of the equivalent hours, derates counted by their share, excused ones given back.",
        "等效時數比例，降載按比例，除外時數加回。",
        "Parte en horas equivalentes, limitaciones por su parte, devolviendo las excusadas.",
    ),
    "explain.state.by_interval": (
        "Mean over quarters of available over contracted power, at most 1.",
        "各刻鐘可用與約定功率之比（至多 1）之平均。",
        "Media por cuartos de la potencia disponible entre la contratada, como mucho 1.",
    ),
    "explain.state.payment": (
        "Share of the fee by interval availability: all from 98 %, two percent less for each percent missing, nothing below 70 %.",
        "依時段可用率之費用比例：98 % 起全額，每缺 1 % 減 2 %，低於 70 % 為零。",
        "Parte de la cuota por disponibilidad: toda desde 98 %, dos por ciento menos por punto, nada bajo 70 %.",
    ),
    "explain.state.racks": (
        "Racks connected over racks installed, mean over the days.",
        "已連接電池櫃占裝置數之日平均。",
        "Racks conectados entre instalados, media de los días.",
    ),
    "explain.analysis.rack.charge": (
        "Energy the unit could not charge because this rack was full first.",
        "因此櫃先滿，單元無法充入之電量。",
        "Energía que la unidad no pudo cargar porque este rack se llenó primero.",
    ),
    "explain.analysis.rack.discharge": (
        "Energy the unit could not discharge because this rack was empty first.",
        "因此櫃先空，單元無法放出之電量。",
        "Energía que la unidad no pudo descargar porque este rack se vació primero.",
    ),
    "explain.figure.worth": (
        "What one use of that energy is worth at the price of the site's record.",
        "依場站紀錄價格，使用該電量一次之價值。",
        "Lo que vale usar una vez esa energía al precio de la ficha del sitio.",
    ),
    "explain.analysis.rack.first": (
        "How much of the time this rack was the first at a limit.",
        "此櫃最先達限之時間比例。",
        "Qué parte del tiempo este rack fue el primero en un límite.",
    ),
    "explain.analysis.rack.apart": (
        "Charge of the rack less the median of its unit, mean over the window.",
        "電池櫃電量減單元中位數之期間平均。",
        "Carga del rack menos la mediana de su unidad, media de la ventana.",
    ),
    "explain.analysis.found.times": (
        "How often it was raised or seen in the window.",
        "期間內觸發或出現之次數。",
        "Cuántas veces se levantó o se vio en la ventana.",
    ),
    "explain.forecast.mae": (
        "Mean absolute error of the method used, over all steps ahead.",
        "所用方法於所有步之平均絕對誤差。",
        "Error absoluto medio del método usado, en todos los pasos.",
    ),
    "explain.forecast.near": ("The same of the first step.", "首步之誤差。", "Lo mismo del primer paso."),
    "explain.forecast.far": ("The same of the last step.", "末步之誤差。", "Lo mismo del último paso."),
    "explain.forecast.baseline_mae": ("Error of the best baseline.", "最佳基準之誤差。", "Error de la mejor referencia."),
    "explain.forecast.used": (
        "Error of whichever method had been best until then.",
        "當時最佳方法之誤差。",
        "Error del método que era mejor hasta entonces.",
    ),
    "explain.forecast.naive": (
        "Error of taking the value of a season before.",
        "直接取前一季值之誤差。",
        "Error de tomar el valor de una temporada antes.",
    ),
    "explain.forecast.saved": (
        "How much smaller the error is than the seasonal naive's.",
        "誤差較季節性單純法減少之比例。",
        "Cuánto menor es el error que el del ingenuo estacional.",
    ),
    "explain.forecast.holds": (
        "Share of what came that lay inside the interval, measured where its width was not learned.",
        "實際值落於區間內之比例，於未用於學習之資料量測。",
        "Parte de lo venido dentro del intervalo, medida donde no se aprendió su ancho.",
    ),
    "explain.forecast.total": (
        "Sum of the steps ahead with an interval of its own.",
        "各步合計及其區間。",
        "Suma de los pasos con su propio intervalo.",
    ),
    "explain.forecast.health": (
        "Years until the health has fallen to its end along its straight line.",
        "健康狀態依直線降至終點之年數。",
        "Años hasta que la salud caiga a su fin por su recta.",
    ),
    "explain.forecast.fall": ("Slope of the health over the days, by the year.", "健康狀態之年斜率。", "Pendiente de la salud, por año."),
    "explain.forecast.cycles": (
        "Years until the full cycles of its contract are used, at the pace seen.",
        "依目前速度用盡合約循環之年數。",
        "Años hasta usar los ciclos del contrato, al ritmo visto.",
    ),
    "explain.forecast.pace": (
        "Mean full cycles of a day, by the year; its interval is that of the weeks.",
        "日均等效循環換算為年；區間取自各週。",
        "Ciclos medios al día, por año; su intervalo es el de las semanas.",
    ),
    # -- alarms
    "explain.panel.alarms.card": (
        "How long the alarm stood, the value that raised it and the limit it was judged by.",
        "告警持續時間、觸發數值與判定限值。",
        "Cuánto duró la alarma, el valor que la levantó y el límite con que se juzgó.",
    ),
    "explain.panel.alarms.timeline": (
        "From when to when each alarm stood; the first of those that began together is marked.",
        "各告警起訖；同時開始者標示首個。",
        "De cuándo a cuándo estuvo cada alarma; se marca la primera de las que empezaron juntas.",
    ),
    "explain.panel.alarms.rate": (
        "Alarms raised in each ten minutes by severity; more than ten is a flood.",
        "每十分鐘各等級觸發數；超過十個為洪水。",
        "Alarmas levantadas cada diez minutos por gravedad; más de diez es avalancha.",
    ),
    "explain.alarm.lasted": ("From raised to cleared.", "自觸發至解除。", "De levantada a despejada."),
    # -- vehicles
    "explain.panel.vehicle.trace": (
        "Charge, and power as the product of mean voltage and mean current of each bucket.",
        "電量，及各區間平均電壓與電流乘積之功率。",
        "Carga, y potencia como producto de tensión y corriente medias de cada intervalo.",
    ),
    "explain.panel.vehicle.cells": (
        "Every cell voltage of the newest reading with its robust z; coloured beyond 3.5, and where a cell is balanced.",
        "最新讀值之各電芯電壓與穩健 z；超過 3.5 或均衡中者著色。",
        "Cada tensión de la última lectura con su z robusta; con color desde 3,5 y donde se equilibra.",
    ),
    "explain.panel.vehicle.temps": (
        "Every temperature of the newest reading.",
        "最新讀值之各溫度。",
        "Cada temperatura de la última lectura.",
    ),
    "explain.vehicle.power": (
        "Newest voltage times newest current of the pack.",
        "電池組最新電壓乘以電流。",
        "Tensión por corriente más recientes del pack.",
    ),
    "explain.vehicle.alerts": (
        "Which of the fixed limits the newest values are beyond, the worse of each quantity.",
        "最新值超出之固定限值，各量取較嚴重者。",
        "Qué límites fijos superan los valores más recientes, el peor de cada magnitud.",
    ),
    # -- explore, system
    "explain.panel.explore": (
        "The chosen quantities as they were told: mean, least and most of the readings of each bucket; energies per interval are summed.",
        "所選量測：各區間讀值之平均、最小、最大；區間能量則加總。",
        "Las magnitudes elegidas: media, mínimo y máximo por intervalo; las energías por intervalo se suman.",
    ),
    "explain.extent.rows": ("Readings kept of the device.", "設備已存讀值數。", "Lecturas guardadas del equipo."),
    "explain.panel.system.inflow": (
        "Readings accepted in each ten seconds of the last hour, and how late they came by the clocks of their devices.",
        "近一小時每十秒接收讀值數，及依設備時鐘之延遲。",
        "Lecturas aceptadas cada diez segundos en la última hora, y cuánto tardaron según los relojes.",
    ),
    "explain.system.kept.devices": ("Devices of this kind.", "此類設備數。", "Equipos de este tipo."),
    "explain.system.kept.hot": (
        "Rows that lie in the wide tables and are not sealed yet.",
        "仍在寬表、尚未封存之列。",
        "Filas en las tablas anchas aún sin sellar.",
    ),
    "explain.system.kept.sealed": ("Readings in compressed chunks.", "壓縮封存之讀值。", "Lecturas en bloques comprimidos."),
    "explain.system.kept.days": ("How far the readings reach back.", "讀值回溯天數。", "Hasta dónde llegan las lecturas."),
    "explain.figure.daily": (
        "Size of the sealed readings by the days they cover.",
        "封存大小除以涵蓋天數。",
        "Tamaño de lo sellado entre los días que cubre.",
    ),
    "explain.figure.size": (
        "Bytes of the sealed readings; of everything the tables as the store counts them.",
        "封存讀值之位元組；全部則為資料庫計之各表。",
        "Bytes de lo sellado; de todo, las tablas según el almacén.",
    ),
    "explain.system.foreign.count": (
        "How often a field came that nobody mapped.",
        "未對應欄位出現次數。",
        "Cuántas veces llegó un campo sin correspondencia.",
    ),
    "explain.system.screen.age": (
        "Time since the screen last said that it lives.",
        "距螢幕上次心跳之時間。",
        "Tiempo desde el último latido de la pantalla.",
    ),
    "explain.system.screen.data": (
        "Age of the newest value it showed then.",
        "當時所示最新值之年齡。",
        "Antigüedad del valor más nuevo que mostraba.",
    ),
    "explain.system.screen.load": (
        "Pictures it drew a second, and memory it held.",
        "每秒繪製影格與占用記憶體。",
        "Cuadros por segundo y memoria que ocupaba.",
    ),
    # -- devices
    "explain.panel.device.values": (
        "Every newest value the device told, in the unit of the catalogue, beside its normal range.",
        "設備所有最新值（目錄單位）及正常範圍。",
        "Cada último valor del equipo, en la unidad del catálogo, junto a su rango normal.",
    ),
    "explain.devices.power": (
        "The newest power the device tells, by its kind.",
        "設備最新回報功率，依類別。",
        "La potencia más reciente del equipo, según su tipo.",
    ),
    "explain.devices.warm": (
        "The newest temperature that tells most of the device.",
        "最能代表設備之最新溫度。",
        "La temperatura más reciente que más dice del equipo.",
    ),
    "explain.devices.alarms": ("Alarms of the device that stand.", "設備未解除之告警。", "Alarmas del equipo en pie."),
    "explain.command.col.took": (
        "Time from queueing the command to its end.",
        "命令自排入至結束之時間。",
        "Tiempo de la orden desde la cola hasta su fin.",
    ),
    "explain.twin.measured": ("What was measured last.", "最近量測值。", "Lo último medido."),
    "explain.twin.predicted": (
        "What the twin predicted for the same instant.",
        "雙生於同一時刻之預測。",
        "Lo previsto por el gemelo para el mismo instante.",
    ),
    "explain.twin.residual": ("Measured less predicted, now.", "目前量測減預測。", "Medido menos previsto, ahora."),
    "explain.twin.rmse": (
        "Root of the mean square of the residuals over the last quarter of the readings.",
        "末四分之一讀值之殘差均方根。",
        "Raíz de la media cuadrática de los residuos en el último cuarto de las lecturas.",
    ),
    "explain.twin.samples": ("Readings that were compared.", "比較之讀值數。", "Lecturas comparadas."),
    "explain.panel.device.twin.course": (
        "What was measured over the newest stretch beside what the model gives; charge estimated by a Kalman filter with two standard deviations.",
        "最近區段之量測與模型值；以卡爾曼濾波估計電量（兩倍標準差）。",
        "Lo medido en el último tramo junto al modelo; carga estimada por un filtro de Kalman con dos desviaciones.",
    ),
    "explain.panel.device.twin.parameters": (
        "Parameters of the circuit found by least squares in the battery's own history; what its current did not show is nameplate or typical.",
        "由電池自身歷史以最小平方法求得之電路參數；無法看出者取銘牌或典型值。",
        "Parámetros del circuito hallados por mínimos cuadrados en su historial; lo que no se vio es de placa o típico.",
    ),
    "explain.twin.health.voltage_bias": (
        "Mean of measured less predicted voltage, per cell.",
        "每電芯量測與預測電壓差之平均。",
        "Media de tensión medida menos prevista, por celda.",
    ),
    "explain.twin.health.resistance_growth": (
        "Resistance today over the median of the first three days on which it was found.",
        "今日內阻與最初三日中位數之比。",
        "Resistencia de hoy entre la mediana de los tres primeros días en que se halló.",
    ),
    "explain.twin.health.heat": (
        "Mean of measured less predicted temperature.",
        "量測與預測溫度差之平均。",
        "Media de temperatura medida menos prevista.",
    ),
    "explain.twin.health.charge": ("Charge reported less charge estimated.", "回報電量減估計電量。", "Carga comunicada menos estimada."),
    "explain.twin.health.consistency": (
        "Mean squared innovation of the filter over its expected variance: 1 when model and noises hold.",
        "濾波新息平方與預期變異數之比：模型與雜訊相符時為 1。",
        "Innovación cuadrática media entre su varianza esperada: 1 si modelo y ruidos valen.",
    ),
    "explain.twin.trend": (
        "Median slope over the kept days with its 95 % interval.",
        "保存日之中位斜率及 95 % 區間。",
        "Pendiente mediana de los días guardados con su intervalo del 95 %.",
    ),
    "explain.twin.limit": (
        "From which value on the indicator is to be watched, and bad.",
        "需注意與不良之門檻。",
        "Desde qué valor el indicador se vigila, y es malo.",
    ),
    "explain.twin.life": (
        "Years until 80 % of health, following calendar and cycle ageing at the duty of the last 30 days.",
        "依近 30 天使用情形之日曆與循環老化，至 80 % 健康之年數。",
        "Años hasta el 80 % de salud, con envejecimiento calendario y por ciclos al uso de los últimos 30 días.",
    ),
}
