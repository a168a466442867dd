"""The catalogue: every quantity once. API names, table columns, axis titles, CSV headers, alarms and docs read these lines.

Names are the field names of the interface documents (CONTRACT §8). Stored sign: discharge and export positive.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from plant.errors import MetricNotFound

BATTERY = ("bess", "rack", "pack")
PLANT = (*BATTERY, "vehicle")


@dataclass(frozen=True, slots=True)
class Metric:
    """One quantity.

    `shape` is scalar, vector, enum (a code of `states`) or bits (a word of `width` bits). `aggregation` says how buckets
    are made: mean, last, sum (energy per interval) or counter (a register that only grows). `valid` is the physically
    possible range (outside: kept, flagged); `normal` the range in which nothing needs attention, `alarm` the range outside
    which it is urgent.
    """

    name: str
    unit: str
    kinds: tuple[str, ...]
    en: str
    zh: str
    es: str
    decimals: int = 1
    aggregation: str = "mean"
    shape: str = "scalar"
    valid: tuple[float | None, float | None] = (None, None)
    normal: tuple[float | None, float | None] = (None, None)
    alarm: tuple[float | None, float | None] = (None, None)
    states: Mapping[int, str] = field(default_factory=dict)
    width: int = 0

    @property
    def is_vector(self) -> bool:
        return self.shape == "vector"

    @property
    def title(self) -> str:
        return f"{self.en} ({self.unit})" if self.unit else self.en

    def label(self, language: str = "en") -> str:
        """The name a person reads, in en, zh-TW or es."""
        return {"zh-TW": self.zh, "es": self.es}.get(language, self.en)


MODES = {0: "Off", 1: "Standby", 2: "Charging", 3: "Discharging", 4: "Fault", 5: "Maintenance"}

_METRICS: tuple[Metric, ...] = (
    # state of batteries: S0 BMSReading, S1 rack table, S2 pack, S4 vehicle
    Metric("soc", "%", (*PLANT, "site"), "State of charge", "電量狀態", "Estado de carga", valid=(0, 100), normal=(10, 95), alarm=(5, 99)),
    Metric("soh", "%", (*PLANT, "site"), "State of health", "健康狀態", "Estado de salud", 2, valid=(0, 100), normal=(80, None), alarm=(70, None)),
    Metric("voltage", "V", BATTERY, "Voltage", "電壓", "Tensión", valid=(0, 2000)),
    Metric("current", "A", BATTERY, "Current", "電流", "Corriente", 2, valid=(-20000, 20000)),
    Metric("power", "kW", BATTERY, "Power", "功率", "Potencia", valid=(-100000, 100000)),
    Metric("cell_avg_voltage", "V", PLANT, "Cell average voltage", "電芯平均電壓", "Tensión media de celda", 3, valid=(0, 6)),
    Metric("cell_max_voltage", "V", PLANT, "Cell maximum voltage", "電芯最高電壓", "Tensión máxima de celda", 3, valid=(0, 6), normal=(None, 3.6), alarm=(None, 3.65)),
    Metric("cell_min_voltage", "V", PLANT, "Cell minimum voltage", "電芯最低電壓", "Tensión mínima de celda", 3, valid=(0, 6), normal=(2.8, None), alarm=(2.5, None)),
    Metric("cell_voltage_diff", "V", PLANT, "Cell voltage spread", "電芯壓差", "Dispersión de tensión de celda", 3, valid=(0, 6), normal=(None, 0.05), alarm=(None, 0.3)),
    Metric("cell_avg_temp", "°C", PLANT, "Cell average temperature", "電芯平均溫度", "Temperatura media de celda", valid=(-60, 200), normal=(5, 45), alarm=(0, 55)),
    Metric("cell_max_temp", "°C", BATTERY, "Cell maximum temperature", "電芯最高溫度", "Temperatura máxima de celda", valid=(-60, 200), normal=(None, 40), alarm=(None, 55)),
    Metric("cell_min_temp", "°C", BATTERY, "Cell minimum temperature", "電芯最低溫度", "Temperatura mínima de celda", valid=(-60, 200), normal=(5, None), alarm=(0, None)),
    Metric("cell_temp_diff", "K", PLANT, "Cell temperature spread", "電芯溫差", "Dispersión de temperatura de celda", valid=(0, 200), normal=(None, 8), alarm=(None, 10)),
    Metric("mode", "", ("bess", "rack", "pcs", "inverter", "pack"), "Mode", "模式", "Modo", 0, "last", "enum", states=MODES),
    Metric("cell_voltages", "V", ("rack", "pack", "vehicle"), "Cell voltages", "電芯電壓", "Tensiones de celda", 3, shape="vector", valid=(0, 6)),
    Metric("cell_temperatures", "°C", ("rack", "pack", "vehicle"), "Cell temperatures", "電芯溫度", "Temperaturas de celda", 1, shape="vector", valid=(-60, 200)),
    Metric("balancing_status", "", ("rack", "pack", "vehicle"), "Balancing", "均衡狀態", "Balanceo", 0, "last", "vector", valid=(0, 1)),
    Metric("battery_protection", "", ("rack",), "Battery protection words", "電池保護字", "Palabras de protección", 0, "last", "vector"),
    Metric("battery_alarm", "", ("rack",), "Battery alarm words", "電池告警字", "Palabras de alarma", 0, "last", "vector"),
    Metric("battery_warning", "", ("rack",), "Battery warning words", "電池預警字", "Palabras de aviso", 0, "last", "vector"),
    Metric("bams_status", "", ("rack",), "BAMS status words 64…80", "BAMS 狀態字 64…80", "Palabras de estado BAMS 64…80", 0, "last", "vector"),
    # packs: S2 and S3
    Metric("temperature", "°C", ("pack",), "Temperature", "溫度", "Temperatura", valid=(-60, 200), normal=(0, 50), alarm=(-10, 60)),
    Metric("internal_resistance", "Ω", ("rack", "pack"), "Internal resistance", "內阻", "Resistencia interna", 4, valid=(0, 100)),
    Metric("communication_quality", "", ("pack",), "Communication quality", "通訊品質", "Calidad de comunicación", 2, valid=(0, 1)),
    Metric("capacity_remaining", "%", ("pack",), "Capacity remaining", "剩餘容量", "Capacidad restante", valid=(0, 100)),
    Metric("cycle_count", "", PLANT, "Cycle count", "循環次數", "Ciclos", 0, "last", valid=(0, None)),
    Metric("age_months", "months", ("pack",), "Age", "使用月數", "Edad", valid=(0, None)),
    Metric("health_score", "%", ("pack",), "Health score", "健康分數", "Índice de salud", valid=(0, 100)),
    Metric("remaining_life_hours", "h", ("pack",), "Remaining life", "剩餘壽命", "Vida restante", 0, "last", valid=(0, None)),
    Metric("remaining_cycles", "", ("pack",), "Remaining cycles", "剩餘循環", "Ciclos restantes", 0, "last", valid=(0, None)),
    Metric("degradation_rate", "", ("pack",), "Degradation rate", "劣化率", "Tasa de degradación", 3, "last"),
    Metric("device_clock", "s", ("pack",), "Device clock as sent", "裝置原始時鐘", "Reloj del equipo", 3, "last"),
    # PCS: S0 PCSReading, S1 status words
    Metric("apparent_power", "kVA", ("pcs", "meter"), "Apparent power", "視在功率", "Potencia aparente", valid=(0, None)),
    Metric("active_power", "kW", ("site", "pcs", "meter"), "Active power", "有效功率", "Potencia activa"),
    Metric("reactive_power", "kvar", ("pcs", "meter"), "Reactive power", "無效功率", "Potencia reactiva"),
    Metric("power_factor", "", ("pcs", "meter", "inverter"), "Power factor", "功率因數", "Factor de potencia", 3, valid=(-1, 1)),
    Metric("frequency", "Hz", ("site", "pcs", "meter", "inverter"), "Frequency", "頻率", "Frecuencia", 3, valid=(40, 70), normal=(59.75, 60.25), alarm=(59.5, 60.5)),
    Metric("dc_current", "A", ("pcs", "inverter"), "DC current", "直流電流", "Corriente CC", 1),
    Metric("dc_voltage", "V", ("pcs", "inverter"), "DC voltage", "直流電壓", "Tensión CC", 1, valid=(-10, 3000)),
    Metric("dc_power", "kW", ("pcs", "inverter"), "DC power", "直流功率", "Potencia CC"),
    Metric("ac_current_a", "A", ("pcs",), "AC current phase A", "A 相交流電流", "Corriente CA fase A"),
    Metric("ac_current_b", "A", ("pcs",), "AC current phase B", "B 相交流電流", "Corriente CA fase B"),
    Metric("ac_current_c", "A", ("pcs",), "AC current phase C", "C 相交流電流", "Corriente CA fase C"),
    Metric("ac_voltage_ab", "V", ("pcs",), "AC voltage A-B", "AB 線電壓", "Tensión CA A-B"),
    Metric("ac_voltage_bc", "V", ("pcs",), "AC voltage B-C", "BC 線電壓", "Tensión CA B-C"),
    Metric("ac_voltage_ca", "V", ("pcs",), "AC voltage C-A", "CA 線電壓", "Tensión CA C-A"),
    Metric("temp_environment", "°C", ("pcs",), "Environment temperature", "環境溫度", "Temperatura del entorno", valid=(-60, 200)),
    Metric("temp_ambient", "°C", ("pcs",), "Ambient temperature", "機內溫度", "Temperatura ambiente", valid=(-60, 200)),
    Metric("temp_igbt", "°C", ("pcs",), "IGBT temperature", "IGBT 溫度", "Temperatura IGBT", valid=(-60, 250), normal=(None, 85), alarm=(None, 100)),
    Metric("inverter_status", "", ("pcs",), "Inverter status word", "逆變器狀態字", "Palabra de estado", 0, "last", "bits", width=16),
    Metric("inverter_inhibits1_status", "", ("pcs",), "Inhibits word", "禁止狀態字", "Palabra de inhibiciones", 0, "last", "bits", width=16),
    Metric("environment_status", "", ("pcs",), "Environment status word", "環境狀態字", "Palabra de entorno", 0, "last", "bits", width=16),
    Metric("warning_status", "", ("pcs",), "Warning word", "警告字", "Palabra de avisos", 0, "last", "bits", width=16),
    Metric("grid_status", "", ("pcs",), "Grid status word", "電網狀態字", "Palabra de red", 0, "last", "bits", width=16),
    Metric("fault_status1", "", ("pcs",), "Fault word 1", "故障字 1", "Palabra de fallo 1", 0, "last", "bits", width=16),
    Metric("fault_status2", "", ("pcs",), "Fault word 2", "故障字 2", "Palabra de fallo 2", 0, "last", "bits", width=16),
    # inverter: S1
    Metric("nominal_active_power", "kW", ("inverter",), "Nominal active power", "額定有效功率", "Potencia activa nominal", 1, "last"),
    Metric("total_active_power", "kW", ("inverter",), "Total active power", "總有效功率", "Potencia activa total"),
    Metric("total_apparent_power", "kVA", ("inverter",), "Total apparent power", "總視在功率", "Potencia aparente total"),
    Metric("total_reactive_power", "kvar", ("inverter",), "Total reactive power", "總無效功率", "Potencia reactiva total"),
    Metric("daily_power_yields", "kWh", ("inverter",), "Yield today", "今日發電量", "Producción de hoy", 1, "last", valid=(0, None)),
    Metric("total_power_yields", "kWh", ("inverter",), "Total yield", "累計發電量", "Producción total", 1, "counter", valid=(0, None)),
    Metric("internal_temperature", "°C", ("inverter",), "Internal temperature", "內部溫度", "Temperatura interna", valid=(-60, 200), normal=(None, 70), alarm=(None, 85)),
    Metric("bus_voltage", "V", ("inverter",), "Bus voltage", "母線電壓", "Tensión de bus"),
    Metric("mppt_voltages", "V", ("inverter",), "MPPT voltages", "MPPT 電壓", "Tensiones MPPT", 1, shape="vector"),
    Metric("mppt_currents", "A", ("inverter",), "MPPT currents", "MPPT 電流", "Corrientes MPPT", 2, shape="vector"),
    Metric("string_currents", "A", ("inverter",), "String currents", "組串電流", "Corrientes de string", 2, shape="vector"),
    # meters and inverter phases: S1
    Metric("phase_a_current", "A", ("meter", "inverter"), "Phase A current", "A 相電流", "Corriente fase A"),
    Metric("phase_b_current", "A", ("meter", "inverter"), "Phase B current", "B 相電流", "Corriente fase B"),
    Metric("phase_c_current", "A", ("meter", "inverter"), "Phase C current", "C 相電流", "Corriente fase C"),
    Metric("phase_a_voltage", "V", ("meter", "inverter"), "Phase A voltage", "A 相電壓", "Tensión fase A"),
    Metric("phase_b_voltage", "V", ("meter", "inverter"), "Phase B voltage", "B 相電壓", "Tensión fase B"),
    Metric("phase_c_voltage", "V", ("meter", "inverter"), "Phase C voltage", "C 相電壓", "Tensión fase C"),
    Metric("energy_import", "kWh", ("meter",), "Imported energy", "受電電能", "Energía importada", 1, "counter", valid=(0, None)),
    Metric("energy_export", "kWh", ("meter",), "Exported energy", "售電電能", "Energía exportada", 1, "counter", valid=(0, None)),
    # weather: IEC 61724-1
    Metric("poa_irradiance", "W/m²", ("weather",), "Plane-of-array irradiance", "陣列面日照", "Irradiancia en el plano", 0, valid=(-20, 1800)),
    Metric("poa_irradiance_refcell", "W/m²", ("weather",), "Reference-cell irradiance", "參考電池日照", "Irradiancia de celda de referencia", 0, valid=(-20, 1800)),
    Metric("ghi", "W/m²", ("weather",), "Global horizontal irradiance", "水平面總日照", "Irradiancia global horizontal", 0, valid=(-20, 1800)),
    Metric("ambient_temp", "°C", ("weather", "vehicle"), "Ambient temperature", "氣溫", "Temperatura ambiente", valid=(-60, 80)),
    Metric("module_temp", "°C", ("weather",), "Module temperature", "模組溫度", "Temperatura de módulo", valid=(-60, 150)),
    Metric("refcell_temp", "°C", ("weather",), "Reference-cell temperature", "參考電池溫度", "Temperatura de celda de referencia", valid=(-60, 150)),
    Metric("wind_speed", "m/s", ("weather",), "Wind speed", "風速", "Velocidad del viento", valid=(0, 120)),
    # site
    Metric("target_power", "kW", ("site", "pcs"), "Target power", "目標功率", "Potencia objetivo"),
    Metric("aux_power", "kW", ("site",), "Auxiliary power", "廠用電功率", "Potencia auxiliar"),
    Metric("pv_power", "kW", ("site",), "PV power", "太陽能功率", "Potencia FV"),
    # vehicles: S4 and car loggers
    Metric("pack_voltage", "V", ("vehicle",), "Pack voltage", "電池組電壓", "Tensión del pack", valid=(0, 2000)),
    Metric("pack_current", "A", ("vehicle",), "Pack current", "電池組電流", "Corriente del pack", 2, valid=(-5000, 5000)),
    Metric("max_temp", "°C", ("vehicle",), "Maximum temperature", "最高溫度", "Temperatura máxima", valid=(-60, 200), normal=(None, 50), alarm=(None, 60)),
    Metric("min_temp", "°C", ("vehicle",), "Minimum temperature", "最低溫度", "Temperatura mínima", valid=(-60, 200)),
    Metric("odo_km", "km", ("vehicle",), "Odometer", "里程", "Odómetro", 1, "counter", valid=(0, None)),
    Metric("speed", "km/h", ("vehicle",), "Speed", "車速", "Velocidad", valid=(0, 500)),
    Metric("elevation", "m", ("vehicle",), "Elevation", "海拔", "Altitud", 0, valid=(-500, 9000)),
    Metric("capacity_ah", "Ah", ("vehicle",), "Battery capacity", "電池容量", "Capacidad de batería", 3, "last", valid=(0, None)),
    Metric("conductance", "%", ("vehicle",), "Conductance (Hx)", "電導 (Hx)", "Conductancia (Hx)", 2, "last"),
    Metric("motor_power", "kW", ("vehicle",), "Motor power", "馬達功率", "Potencia del motor"),
    Metric("motor_temp", "°C", ("vehicle",), "Motor temperature", "馬達溫度", "Temperatura del motor", valid=(-60, 250)),
    Metric("motor_torque", "N·m", ("vehicle",), "Motor torque", "馬達扭力", "Par motor"),
    Metric("motor_speed", "rpm", ("vehicle",), "Motor speed", "馬達轉速", "Velocidad del motor", 0),
    Metric("aux_battery_voltage", "V", ("vehicle",), "12 V battery voltage", "12 V 電瓶電壓", "Tensión batería 12 V", 2, valid=(0, 60)),
    Metric("aux_battery_current", "A", ("vehicle",), "12 V battery current", "12 V 電瓶電流", "Corriente batería 12 V", 2),
    # homes: daily energies
    Metric("home_energy", "kWh", ("home",), "Home consumption", "家庭用電", "Consumo del hogar", 1, "sum", valid=(0, None)),
    Metric("battery_energy", "kWh", ("home",), "From battery", "電池放電", "Desde la batería", 1, "sum", valid=(0, None)),
    Metric("solar_energy", "kWh", ("home",), "Solar energy", "太陽能發電", "Energía solar", 1, "sum", valid=(0, None)),
    Metric("grid_import_energy", "kWh", ("home",), "From grid", "購電", "Desde la red", 1, "sum", valid=(0, None)),
    Metric("grid_export_energy", "kWh", ("home",), "To grid", "售電", "A la red", 1, "sum", valid=(0, None)),
)


def _by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    catalogue: dict[str, Metric] = {}
    for metric in metrics:
        if metric.name in catalogue:
            raise ValueError(f"metric '{metric.name}' is defined twice")
        catalogue[metric.name] = metric
    return catalogue


CATALOGUE: Mapping[str, Metric] = _by_name(_METRICS)


def metric(name: str, kind: str | None = None) -> Metric:
    """The metric of this name; `kind` also asks that such a device has it. Raises MetricNotFound."""
    found = CATALOGUE.get(name)
    if found is None or (kind is not None and kind not in found.kinds):
        raise MetricNotFound(name, **({"kind": kind} if kind else {}))
    return found


@lru_cache(maxsize=256)
def metrics_of(kind: str) -> tuple[Metric, ...]:
    """All metrics a device of this kind may report, in catalogue order."""
    return tuple(m for m in _METRICS if kind in m.kinds)


@lru_cache(maxsize=256)
def scalars_of(kind: str) -> tuple[str, ...]:
    """Names of the metrics of `kind` that are one number each (scalar, enum, bits), in catalogue order."""
    return tuple(m.name for m in metrics_of(kind) if not m.is_vector)


@lru_cache(maxsize=256)
def vectors_of(kind: str) -> tuple[str, ...]:
    """Names of the vector metrics of `kind`, in catalogue order."""
    return tuple(m.name for m in metrics_of(kind) if m.is_vector)


KINDS: tuple[str, ...] = tuple(dict.fromkeys(kind for m in _METRICS for kind in m.kinds))
