"""Texts of what stands out: one sentence per reason, made of the numbers a detector kept: key → English, 繁體中文, español."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str, str]] = {
    "anomaly.range": (
        "{what} {value}, beyond the possible {limit}, in {count} readings",
        "{what} {value}，超出可能範圍 {limit}，共 {count} 筆讀值",
        "{what} {value}, más allá de lo posible {limit}, en {count} lecturas",
    ),
    "anomaly.rate": (
        "{what} jumped from {before} to {value} within {seconds}",
        "{what} 在 {seconds} 內由 {before} 跳至 {value}",
        "{what} saltó de {before} a {value} en {seconds}",
    ),
    "anomaly.stuck": (
        "{what} said exactly {value} in {count} readings in succession; the sensor may be stuck",
        "{what} 連續 {count} 筆讀值皆為 {value}，感測器可能卡住",
        "{what} dio exactamente {value} en {count} lecturas seguidas; el sensor puede estar bloqueado",
    ),
    "anomaly.gap": ("no readings for {seconds}", "{seconds} 無讀值", "sin lecturas durante {seconds}"),
    "anomaly.unit_kilo": (
        "{what} {value} where {usual} is expected: a thousand times too much, the unit may be wrong",
        "{what} {value}，預期為 {usual}：大了一千倍，單位可能有誤",
        "{what} {value} donde se espera {usual}: mil veces más, la unidad puede ser errónea",
    ),
    "anomaly.unit_milli": (
        "{what} {value} where {usual} is expected: a thousandth of it, the unit may be wrong",
        "{what} {value}，預期為 {usual}：僅千分之一，單位可能有誤",
        "{what} {value} donde se espera {usual}: la milésima parte, la unidad puede ser errónea",
    ),
    "anomaly.unit_fahrenheit": (
        "{what} {value} where {usual} is expected: it may be °F",
        "{what} {value}，預期為 {usual}：可能為 °F",
        "{what} {value} donde se espera {usual}: pueden ser °F",
    ),
    "anomaly.unit_kelvin": (
        "{what} {value} where {usual} is expected: it may be K",
        "{what} {value}，預期為 {usual}：可能為 K",
        "{what} {value} donde se espera {usual}: pueden ser K",
    ),
    "anomaly.unit_sign": (
        "{what} {value} where {usual} is expected: the sign may be wrong",
        "{what} {value}，預期為 {usual}：正負號可能相反",
        "{what} {value} donde se espera {usual}: el signo puede ser erróneo",
    ),
    "anomaly.clock_jump": ("its clock jumped by {seconds}", "時鐘跳動 {seconds}", "su reloj saltó {seconds}"),
    "anomaly.clock_frozen": (
        "its clock stood still for {seconds} while it was heard",
        "仍有通訊，但時鐘停止 {seconds}",
        "su reloj se detuvo {seconds} mientras se le oía",
    ),
    "anomaly.clock_drift": (
        "its clock drifts by {per_hour} an hour",
        "時鐘每小時漂移 {per_hour}",
        "su reloj se desvía {per_hour} por hora",
    ),
    "anomaly.peers": (
        "{what} up to {distance} from its siblings, beyond what is usual of it (limit {limit}, robust z {z})",
        "{what} 偏離同類最多 {distance}，超出其慣常範圍（限值 {limit}，穩健 z {z}）",
        "{what} hasta {distance} de sus semejantes, más de lo habitual en él (límite {limit}, z robusta {z})",
    ),
    "anomaly.change": (
        "{what}: its daily distance from what is expected changed for good from {before} to {after}",
        "{what}：每日偏離預期值由 {before} 持續變為 {after}",
        "{what}: su distancia diaria de lo esperado cambió de forma duradera de {before} a {after}",
    ),
    "anomaly.yield": (
        "yield per sunshine fell or rose for good from {before} to {after} of what was usual; modules may be dirty",
        "單位日照發電量由慣常的 {before} 持續變為 {after}，模組可能髒污",
        "el rendimiento por sol cambió de forma duradera del {before} al {after} de lo habitual; puede haber suciedad",
    ),
    "anomaly.joint": (
        "quantities together are unlike before, {what} most of all (score {score}, limit {limit})",
        "多項量值的組合異於以往，以 {what} 最為明顯（分數 {score}，限值 {limit}）",
        "el conjunto de magnitudes difiere de lo anterior, sobre todo {what} (puntuación {score}, límite {limit})",
    ),
    "anomaly.cell": ("cell {k}: {text}", "電芯 {k}：{text}", "celda {k}: {text}"),
    "anomaly.sensor": ("sensor {k}: {text}", "感測器 {k}：{text}", "sensor {k}: {text}"),
    "anomaly.string": ("string {k}: {text}", "組串 {k}：{text}", "cadena {k}: {text}"),
    "anomaly.module": ("module {k}: {text}", "模組 {k}：{text}", "módulo {k}: {text}"),
    "analysis.rule.range": ("range", "範圍", "rango"),
    "analysis.rule.rate": ("rate of change", "變化率", "velocidad de cambio"),
    "analysis.rule.stuck": ("stuck sensor", "感測器卡住", "sensor bloqueado"),
    "analysis.rule.gap": ("gap", "資料缺口", "hueco"),
    "analysis.rule.unit": ("unit", "單位", "unidad"),
    "analysis.rule.clock": ("clock", "時鐘", "reloj"),
    "analysis.rule.change": ("change point", "變點", "punto de cambio"),
    "analysis.rule.joint": ("all quantities together", "多變量", "todas las magnitudes"),
}
