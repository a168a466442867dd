"""Voltdeck's API as typed Python functions. Written by scripts/client.py from the OpenAPI document; copy it where you need it.

    plant = Client("http://localhost:8000", token="…")
    plant.post_api_telemetry([{"vin": "VIN-DEMO-001", "ts": "2026-01-24T12:05:00Z", "soc": 18.0}])
    plant.get_api_vehicles_vin_latest("VIN-DEMO-001")["soc"]

Every method is one operation: path parameters and body in order, query parameters by name. What the server refuses raises `Refused`,
which carries status, code, message and trace id. Needs Python 3.11 and nothing else.
"""

# ruff: noqa
from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict


class Refused(Exception):
    """The server did not do it: `status` of HTTP, `code` as on its page of error codes, `details`, and the `trace_id` of its log."""

    def __init__(self, status: int, body: Any) -> None:
        error = body.get("error", {}) if isinstance(body, dict) else {}
        self.status = status
        self.code: str = error.get("code", "")
        self.message: str = error.get("message", str(body)[:200])
        self.details: dict[str, Any] = error.get("details", {})
        self.trace_id: str = error.get("trace_id", "")
        super().__init__(f"{status} {self.code}: {self.message}")


class Transport:
    """How a request travels. `token` is an access token or an API key; `timeout` is in seconds."""

    def __init__(self, base: str = "http://localhost:8000", token: str = "", timeout: float = 30.0) -> None:
        self.base = base.rstrip("/")
        self.token = token
        self.timeout = timeout

    def _open(self, method: str, path: str, query: Mapping[str, Any], body: Any = None, media: str = "application/json") -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        text = urllib.parse.urlencode({name: _plain(value) for name, value in given.items()}, doseq=True)
        headers = {"Accept": "application/json, */*;q=0.5"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None
        if body is not None:
            headers["Content-Type"] = media
            data = body if isinstance(body, bytes) else _encoded(body, media)
        request = urllib.request.Request(f"{self.base}{path}{'?' + text if text else ''}", data, headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            with error:
                raw = error.read()
            try:
                raise Refused(error.code, json.loads(raw)) from None
            except ValueError:
                raise Refused(error.code, raw.decode("utf-8", "replace")) from None

    def _json(self, method: str, path: str, query: Mapping[str, Any], body: Any = None, media: str = "application/json") -> Any:
        with self._open(method, path, query, body, media) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None

    def _bytes(self, method: str, path: str, query: Mapping[str, Any], body: Any = None, media: str = "application/json") -> bytes:
        with self._open(method, path, query, body, media) as answer:
            return bytes(answer.read())

    def _events(self, method: str, path: str, query: Mapping[str, Any]) -> Iterator[Any]:
        """The data of server-sent events, as JSON, until the caller stops asking."""
        with self._open(method, path, query) as answer:
            for line in answer:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _encoded(body: Any, media: str) -> bytes:
    if media == "application/x-www-form-urlencoded":
        return urllib.parse.urlencode(body).encode()
    return body.encode() if isinstance(body, str) else json.dumps(body, allow_nan=False).encode()


def _part(value: Any) -> str:
    return urllib.parse.quote(str(value), safe="")


class AcceptedBody(TypedDict):
    accepted: int
    duplicates: int
    rejected: list[RejectedBody]
    dry_run: NotRequired[bool]


class AccountBody(TypedDict):
    id: int | None
    username: str
    email: str
    roles: list[str]
    active: bool
    created: str | None


class AlarmBody(TypedDict):
    id: int | None
    device_id: str
    kind: str
    code: str
    severity: str
    state: str
    message: str
    metric: str
    value: float | None
    limit: float | None
    raised: str
    cleared: str | None
    acknowledged: str | None
    acknowledged_by: str
    shelved_until: str | None
    shelved_by: str
    simulated: bool
    details: dict[str, Any]


class AlarmsBody(TypedDict):
    alarms: list[AlarmBody]
    next: str | None


class AlertBody(TypedDict):
    code: str
    severity: str
    message: str


class AllocatedDeviceBody(TypedDict):
    device_id: str
    allocated_power: float
    max_power: float
    confidence: float | None
    constraints_active: list[str]
    expected_soc: float | None


class AllocationBody(TypedDict):
    schema_version: str
    timestamp: str
    allocation_id: str
    site_id: str
    demand: AllocationDemandBody
    allocation: AllocationFiguresBody
    forecasts: AllocationForecastsBody


class AllocationDemandBody(TypedDict):
    total_power_target: float
    duration_minutes: float
    flexibility: float
    priority: Literal['low', 'normal', 'high', 'critical']


class AllocationFiguresBody(TypedDict):
    optimization_method: str
    total_allocated: float
    feasible: bool
    binding_constraints: list[str]
    explanation: str | None
    efficiency_score: float | None
    devices: list[AllocatedDeviceBody]


class AllocationForecastsBody(TypedDict):
    degradation_impact: dict[str, float | None]
    efficiency_prediction: float | None
    completion_probability: float | None


class AllocationRequest(TypedDict):
    demand: DemandRequest


class AnomaliesBody(TypedDict):
    vin: str
    anomalies: list[AnomalyBody]


class AnomalyBody(TypedDict):
    ts: str
    code: str
    severity: str
    message: str
    value: float


class AuditBody(TypedDict):
    entries: list[AuditRow]
    next: str | None


class AuditRow(TypedDict):
    at: str
    who: str
    action: str
    what: str


class AuxBody(TypedDict):
    data: AuxChartBody | AuxSummaryBody
    data_type: Literal['chart', 'summary']
    status: str


class AuxChartBody(TypedDict):
    timestamps: list[int]
    power: list[float | None]


class AuxSummaryBody(TypedDict):
    total_energy: float | None
    avg_power: float | None
    max_power: float | None
    min_power: float | None
    coverage: float


class BESSBatch(TypedDict):
    device_id: str
    batch_size: int
    total_records: int
    data: list[BESSReading]


class BESSReading(TypedDict):
    timestamp: str
    bms_soc: float | None
    bms_soh: float | None
    bms_voltage: float | None
    bms_current: float | None
    bms_cell_avg_voltage: float | None
    bms_cell_avg_temp: float | None
    bms_cell_max_voltage: float | None
    bms_cell_min_voltage: float | None
    bms_cell_voltage_diff: float | None
    bms_cell_temp_diff: float | None
    pcs_apparent_power: float | None
    pcs_dc_current: float | None
    pcs_dc_voltage: float | None
    pcs_ac_current_a: float | None
    pcs_ac_current_b: float | None
    pcs_ac_current_c: float | None
    pcs_ac_voltage_ab: float | None
    pcs_ac_voltage_bc: float | None
    pcs_ac_voltage_ca: float | None
    pcs_temp_environment: float | None
    pcs_temp_ambient: float | None
    pcs_temp_igbt: float | None


class BMSBatch(TypedDict):
    device_id: str
    batch_size: int
    total_records: int
    data: list[BMSReading]


class BMSReading(TypedDict):
    timestamp: str
    soc: float | None
    soh: float | None
    voltage: float | None
    current: float | None
    cell_avg_voltage: float | None
    cell_avg_temp: float | None
    cell_max_voltage: float | None
    cell_min_voltage: float | None
    cell_voltage_diff: float | None
    cell_temp_diff: float | None


class BaselineBody(TypedDict):
    energy: float
    service: float
    wear: float
    total: float
    feasible: bool


class BatteryDashboard(TypedDict):
    battery_data: dict[str, Any] | None
    performance: dict[str, Any] | None
    prediction: dict[str, Any] | None
    specs: dict[str, Any] | None
    thresholds: dict[str, dict[str, Any]]


class BatteryData(TypedDict):
    timestamp: NotRequired[float | str | float | Literal[None, False, '']]
    pack_voltage: float
    pack_current: float
    cell_temp: float
    source: NotRequired[str | Literal[None, '']]


class BatteryPerformance(TypedDict):
    timestamp: NotRequired[float | str | float | Literal[None, False, '']]
    pack_voltage: float
    pack_current: float
    cell_temp: float
    capacity_remaining: float
    cycle_count: float
    age_months: float
    health_score: float
    source: NotRequired[str | Literal[None, '']]


class BatteryPrediction(TypedDict):
    timestamp: NotRequired[float | str | float | Literal[None, False, '']]
    remaining_life_hours: float
    remaining_cycles: float
    degradation_rate: float
    source: NotRequired[str | Literal[None, '']]


class Beat(TypedDict):
    screen: str
    name: NotRequired[str]
    page: NotRequired[str]
    width: NotRequired[int]
    height: NotRequired[int]
    build: NotRequired[str]
    age: NotRequired[int | None]
    fps: NotRequired[float | None]
    memory: NotRequired[float | None]


class BeatBody(TypedDict):
    screen: str
    who: str
    name: str
    page: str
    width: int
    height: int
    seen: str
    build: str
    age: int | None
    fps: float | None
    memory: float | None
    server_build: str


class CatalogueBody(TypedDict):
    metrics: list[MetricBody]


class CauseBody(TypedDict):
    start: str
    end: str
    kind: str
    rolling: float
    silent_s: int
    at: str | None
    away_kw: float
    frequency: float | None
    power_kw: float | None
    late_s: int
    soc: float | None


class ChecksBody(TypedDict):
    required: bool
    constraints: dict[str, float]


class ColumnBody(TypedDict):
    name: str
    device_id: str
    kind: str
    metric: str
    unit: str
    aggregation: str
    filled: int
    coverage: float | None


class CommandAcceptedBody(TypedDict):
    command_id: str
    status: Literal['queued', 'acknowledged', 'executing', 'completed', 'failed', 'timeout']
    message: str
    estimated_completion: str


class CommandBody(TypedDict):
    command_type: Literal['start_charge', 'stop_charge', 'start_discharge', 'stop_discharge', 'emergency_shutdown', 'update_parameters', 'request_status']
    parameters: NotRequired[dict[str, Any]]
    timeout_seconds: NotRequired[int]
    priority: NotRequired[Literal['low', 'normal', 'high']]
    metadata: NotRequired[dict[str, Any]]


class CommandHistoryBody(TypedDict):
    device_id: str
    commands: list[CommandView]
    next: str | None


class CommandMessage(TypedDict):
    schema_version: str
    command_id: str
    timestamp: str
    source: str
    device_id: str
    sequence_number: int
    expires_at: str
    command: OrderBody
    safety_checks: ChecksBody
    metadata: dict[str, Any]


class CommandResponseBody(TypedDict):
    status: Literal['acknowledged', 'executing', 'completed', 'failed']
    message: NotRequired[str]
    result: NotRequired[dict[str, Any] | None]


class CommandView(TypedDict):
    command_id: str
    device_id: str
    command_type: Literal['start_charge', 'stop_charge', 'start_discharge', 'stop_discharge', 'emergency_shutdown', 'update_parameters', 'request_status']
    parameters: dict[str, Any]
    priority: str
    source: str
    status: Literal['queued', 'acknowledged', 'executing', 'completed', 'failed', 'timeout']
    message: str
    result: dict[str, Any] | None
    timeout_seconds: int
    sequence_number: int
    queued_at: str
    acknowledged_at: str | None
    started_at: str | None
    ended_at: str | None
    deadline: str
    late_response: LateBody | None


class CommentBody(TypedDict):
    id: str
    alarm_id: int
    author: str
    timestamp: str
    text: str


class CoordinatedUnit(TypedDict):
    device_id: str
    soc: float
    soh: NotRequired[float]
    power_capability: float
    energy_capacity: float
    max_charge_power: NotRequired[float | None]
    max_discharge_power: NotRequired[float | None]
    voltage: NotRequired[float | None]
    max_current: NotRequired[float | None]
    temperature: NotRequired[float | None]
    max_temperature: NotRequired[float | None]
    min_temperature: NotRequired[float | None]
    min_soc: NotRequired[float]
    max_soc: NotRequired[float]
    chemistry: NotRequired[Literal['LFP', 'NMC', 'LCO', 'NCA']]
    min_power: NotRequired[float]
    standby_power: NotRequired[float]
    current_power: NotRequired[float | None]
    ramp_rate: NotRequired[float | None]


class CoordinationBody(TypedDict):
    status: Literal['success']
    timestamp: str
    optimization_method: str
    total_demand_kw: float
    total_allocated_kw: float
    total_allocated: float
    unserved_kw: float
    feasible: bool
    binding_constraints: list[str]
    explanation: str | None
    efficiency_score: float | None
    allocations: list[AllocatedDeviceBody]
    forecasts: AllocationForecastsBody


class CoordinationRequest(TypedDict):
    devices: list[CoordinatedUnit]
    power_demand: DemandNow
    market_data: NotRequired[dict[str, Any] | None]


class DailyBody(TypedDict):
    date: str
    hourly_data: list[HourRow]
    total_capacity_fee: float | None
    total_efficiency_fee: float | None
    total_energy_service_fee: float | None
    total_income: float | None
    avg_exec_rate: float | None
    avg_performance_index: float | None
    settled_hours: float
    unverified_hours: float
    currency: str
    status: str


class DatabasesBody(TypedDict):
    status: str
    connections: dict[str, bool]


class DayRow(TypedDict):
    date: str
    capacity_fee: float | None
    efficiency_fee: float | None
    energy_service_fee: float | None
    income: float | None
    exec_rate: float | None
    performance_index: float | None
    settled_hours: float


class DeliveriesBody(TypedDict):
    deliveries: list[DeliveryBody]


class DeliveryBody(TypedDict):
    id: str
    rule: str
    event: str
    alarm_id: int | None
    device_id: str
    severity: str
    state: str
    timestamp: str
    queued: str
    tries: int
    message: str
    bundled: int


class DemandNow(TypedDict):
    current_demand_kw: float
    duration_minutes: NotRequired[float]
    ramp_seconds: NotRequired[float]
    flexibility: NotRequired[float]


class DemandRequest(TypedDict):
    total_power_target: float
    duration_minutes: NotRequired[float]
    ramp_seconds: NotRequired[float]
    flexibility: NotRequired[float]
    priority: NotRequired[Literal['low', 'normal', 'high', 'critical']]


class DetailedBody(TypedDict):
    status: str
    service: str
    version: str
    infrastructure: InfrastructureBody
    message: str


class DeviceChange(TypedDict):
    name: NotRequired[str | None]
    site_id: NotRequired[str | None]
    chemistry: NotRequired[Literal['LFP', 'NMC', 'LCO', 'NCA'] | None]
    location: NotRequired[str | DeviceSpot | None]
    specifications: NotRequired[Specifications | None]
    safety_constraints: NotRequired[SafetyConstraints | None]
    status: NotRequired[Literal['online', 'maintenance'] | None]


class DeviceSafetyBody(TypedDict):
    max_cell_voltage: float | None
    min_cell_voltage: float | None
    max_charge_current: float | None
    max_discharge_current: float | None
    temperature_limits: TemperatureLimitsBody
    max_temperature: NotRequired[float]
    min_soc: NotRequired[float]
    max_soc: NotRequired[float]


class DeviceSpot(TypedDict):
    latitude: NotRequired[float | None]
    longitude: NotRequired[float | None]
    name: NotRequired[str | None]


class DeviceStatusBody(TypedDict):
    status: Literal['online', 'offline', 'error', 'maintenance']
    last_seen: str | None
    current_soc: float | None
    current_soh: float | None
    active_alarms: list[str]


class DoorBody(TypedDict):
    door: str
    points: int
    broken: int
    unmapped: int


class Error(TypedDict):
    detail: str | list[dict[str, Any]]
    rate_limit: NotRequired[dict[str, Any]]
    error: dict[str, Any]


class ErrorBody(TypedDict):
    mae: float | None
    baseline_mae: float | None
    seasonal_mae: float | None
    by_step: list[float | None]
    baseline_by_step: list[float | None]
    methods: dict[str, float | None]
    used_mae: float | None
    used_seasonal_mae: float | None
    skill: float | None
    signal: bool | None
    coverage: float | None
    origins: int


class EventAnswer(TypedDict):
    status: str
    event: EventRow


class EventBody(TypedDict):
    mode: Literal['dreg', 'dreg0.25', 'dreg0.5', 'edreg', 'sreg', 'spinning', 'supplemental', 'efr', 'test_mode', 'step', 'scan', 'full_power', 'arbitrage', 'spinning_call', 'supplemental_call']
    time_number: NotRequired[int | None]
    time_start: NotRequired[str | int | None]
    time_end: NotRequired[str | int | None]
    time_date: NotRequired[str | int | None]
    is_get: NotRequired[bool]
    interrupt: NotRequired[bool]
    quote_capacity: NotRequired[float | None]
    power: NotRequired[float]
    price: NotRequired[float]
    quote_price: NotRequired[float | None]
    quote_code: NotRequired[str]
    title: NotRequired[str]
    description: NotRequired[str]
    transfer: NotRequired[float]
    simulated: NotRequired[bool | None]
    source: NotRequired[str | None]
    index: NotRequired[int | None]


class EventRow(TypedDict):
    index: int | None
    mode: str
    time_number: int
    time_start: str
    time_end: str
    time_date: str
    is_get: bool
    interrupt: bool
    quote_capacity: float
    power: float
    price: float
    quote_price: float
    quote_code: str
    title: str
    description: str
    transfer: float
    simulated: bool
    source: str


class EventsAnswer(TypedDict):
    status: str
    events: list[EventRow]
    total_count: int


ExportBody = TypedDict('ExportBody', {'from': 'str', 'to': 'str', 'id': 'str', 'state': 'str', 'progress': 'float', 'rows': 'int', 'created': 'str', 'started': 'str | None', 'finished': 'str | None', 'reason': 'str', 'format': 'str', 'zone': 'str', 'resolution_s': 'float', 'columns': 'int', 'file': 'str | None', 'receipt': 'ReceiptBody | None'})


class ExportsBody(TypedDict):
    exports: list[ExportBody]


class FeesBody(TypedDict):
    capacity: float
    performance: float
    energy: float
    total: float


class FiguresBody(TypedDict):
    active_devices: int
    messages_per_second: float
    response_time_ms: float | None
    error_rate: float


class FleetAlarmsBody(TypedDict):
    site_id: str
    alarms: list[FleetSiteAlarmBody]
    total: int
    by_severity: dict[str, int]


class FleetBatteryBody(TypedDict):
    device_id: str
    status: Literal['online', 'offline', 'error', 'maintenance']
    soc: float | None
    power: float | None
    alarm_count: int
    name: str
    device_type: str
    soh: float | None
    capacity_kwh: float | None
    last_seen: str | None


class FleetDevicesBody(TypedDict):
    site_id: str
    devices: list[FleetBatteryBody]
    total: int
    limit: int
    offset: int


class FleetFigureBody(TypedDict):
    value: float | None
    reason: str


class FleetFiguresBody(TypedDict):
    total_devices: int
    online_devices: int
    total_capacity: float | None
    available_capacity: float | None
    total_power: float | None
    average_soc: float | None
    mean_soc: float | None
    average_soh: float | None
    active_alarms: int


class FleetMemberBody(TypedDict):
    device_id: str
    status: Literal['online', 'offline', 'error', 'maintenance']
    soc: float | None
    power: float | None
    alarm_count: int


class FleetOptimizationBody(TypedDict):
    active_policy: str | None
    performance_score: float | None
    next_update: str | None


class FleetPerformanceBody(TypedDict):
    site_id: str
    period: str
    start_time: str
    end_time: str
    energy_discharged_kwh: float | None
    energy_charged_kwh: float | None
    coverage: float
    round_trip_efficiency: FleetFigureBody
    equivalent_cycles: FleetFigureBody
    availability: FleetFigureBody
    alarms_raised: int
    optimization: FleetOptimizationBody


class FleetSiteAlarmBody(TypedDict):
    alarm_id: int | None
    code: str
    severity: Literal['info', 'warning', 'critical']
    state: str
    message: str
    value: float | None
    threshold: float | None
    timestamp: str
    cleared: str | None
    acknowledged_by: str
    device_id: str


class FleetStatusBody(TypedDict):
    type: Literal['fleet_status']
    timestamp: str
    site_id: str | None
    summary: FleetFiguresBody
    devices: list[FleetMemberBody]
    optimization: FleetOptimizationBody


class FleetSummaryBody(TypedDict):
    total_devices: int
    online_devices: int
    total_capacity: float | None
    available_capacity: float | None
    total_power: float | None
    average_soc: float | None
    mean_soc: float | None
    average_soh: float | None
    active_alarms: int
    site_id: str
    timestamp: str
    by_status: dict[str, int]


class ForecastBody(TypedDict):
    target: NotRequired[str]
    device: NotRequired[str]
    made: NotRequired[str]
    simulated: NotRequired[bool]
    level: NotRequired[float]
    reason: NotRequired[str]
    metric: NotRequired[str]
    unit: NotRequired[str]
    method: NotRequired[str]
    baseline: NotRequired[str]
    points: NotRequired[list[PointBody]]
    total: NotRequired[SumBody | None]
    error: NotRequired[ErrorBody]
    trained: NotRequired[TrainedBody]
    by_health: NotRequired[LifeBody]
    by_cycles: NotRequired[LifeBody]


class ForecastsBody(TypedDict):
    forecasts: list[ForecastBody]


class FreqPowerBody(TypedDict):
    date_period: int
    select_time: str | None
    select_mode: str
    frequency_data: list[list[float | None]]
    power_data: list[list[float | None]]
    baseline_data: list[list[float | None]]
    droop_data: list[list[float | None]]
    status: str


class FreshKey(TypedDict):
    id: str
    name: str
    owner: str
    scopes: list[str]
    devices: list[str]
    site_id: str
    state: str
    created: str
    expires: str | None
    last_used: str | None
    revoked: str | None
    key: str


class FreshLink(TypedDict):
    id: str
    name: str
    owner: str
    pages: list[str]
    panels: list[str]
    site_id: str
    state: str
    created: str
    expires: str
    revoked: str | None
    token: str
    path: str


class FreshRule(TypedDict):
    id: str
    name: str
    channel: str
    to: list[str]
    url: str
    timeout_s: int
    lang: str
    severities: list[str]
    kinds: list[str]
    devices: list[str]
    events: list[str]
    after_min: int
    quiet: str
    active: bool
    since: str
    secret: str


class FreshTokens(TypedDict):
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


class GoodbyeBody(TypedDict):
    message: str
    status: str


class GrafanaAnnotation(TypedDict):
    name: NotRequired[str]
    query: NotRequired[str | None]


GrafanaAsk = dict[str, Any]


class GrafanaChoiceBody(TypedDict):
    __text: str
    __value: str


class GrafanaColumnBody(TypedDict):
    text: str
    type: str


class GrafanaEventBody(TypedDict):
    annotation: dict[str, Any]
    time: int
    timeEnd: int
    title: str
    text: str
    tags: list[str]


class GrafanaEvents(TypedDict):
    range: GrafanaRange
    annotation: GrafanaAnnotation


class GrafanaFilter(TypedDict):
    key: Literal['device', 'kind', 'site']
    operator: Literal['=', '!=']
    value: str


class GrafanaKey(TypedDict):
    key: Literal['device', 'kind', 'site']


class GrafanaMetricBody(TypedDict):
    label: str
    value: str
    payloads: list[dict[str, Any]]


class GrafanaPayload(TypedDict):
    agg: NotRequired[Literal['mean', 'min', 'max', 'last', 'sum'] | None]


class GrafanaQuery(TypedDict):
    range: GrafanaRange
    targets: list[GrafanaTarget]
    maxDataPoints: NotRequired[int]
    adhocFilters: NotRequired[list[GrafanaFilter]]


GrafanaRange = TypedDict('GrafanaRange', {'from': 'str | float', 'to': 'str | float'})


class GrafanaSearch(TypedDict):
    target: NotRequired[str | None]


class GrafanaSeriesBody(TypedDict):
    target: str
    refId: str
    datapoints: list[list[Any]]


class GrafanaTableBody(TypedDict):
    type: str
    refId: str
    columns: list[GrafanaColumnBody]
    rows: list[list[float | int | None]]


class GrafanaTagBody(TypedDict):
    type: str
    text: str


class GrafanaTarget(TypedDict):
    target: NotRequired[str | None]
    refId: NotRequired[str]
    type: NotRequired[Literal['timeserie', 'timeseries', 'table', '']]
    hide: NotRequired[bool | None]
    payload: NotRequired[GrafanaPayload | Literal[''] | None]


class GrafanaValueBody(TypedDict):
    text: str


class GrafanaVariable(TypedDict):
    payload: NotRequired[GrafanaSearch | Literal[''] | None]


class HeaderBody(TypedDict):
    protection_info: HeaderNoticesBody
    warning_info: HeaderNoticesBody
    fault_info: HeaderNoticesBody
    status: str


class HeaderNoticesBody(TypedDict):
    count: int
    items: list[str]


class HealthBody(TypedDict):
    status: str
    service: str
    version: str
    timestamp: str
    database: str


class HistoryBody(TypedDict):
    vin: str
    history: list[SampleBody]
    next: int | None


class HourRow(TypedDict):
    hour: int
    capacity_fee: float | None
    efficiency_fee: float | None
    energy_service_fee: float | None
    exec_rate: float | None
    performance_index: float | None
    mode: str | None
    power: float | None
    state: str
    coverage: float | None


class InOutBody(TypedDict):
    select_date: str
    data_type: str
    data: list[InOutRow]
    total_discharge: float | None
    total_charge: float | None
    status: str


class InOutRow(TypedDict):
    timestamp: str
    discharge: float | None
    charge: float | None


class InfoBody(TypedDict):
    service: str
    version: str
    docs: str
    status: str
    endpoints: dict[str, str]


class InfrastructureBody(TypedDict):
    databases: DatabasesBody
    spool: SpoolBody | None
    redis: DatabasesBody


class InsertedBody(TypedDict):
    inserted: NotRequired[int]
    duplicates: NotRequired[int]


class InverterBody(TypedDict):
    inverter_data: InverterFiguresBody
    mppt_data: list[TrackerBody]
    string_currents: list[StringBody]
    phase_data: list[PhaseBody]
    timestamp: str | None
    stale: bool
    status: str


class InverterFiguresBody(TypedDict):
    nominal_active_power: float | None
    total_active_power: float | None
    total_apparent_power: float | None
    total_reactive_power: float | None
    daily_power_yields: float | None
    total_power_yields: float | None
    internal_temperature: float | None
    bus_voltage: float | None
    dc_power: float | None


class JudgedBody(TypedDict):
    product: str
    power: float
    rate: float
    index: float
    fees: FeesBody | None
    rules: str


class KeyBody(TypedDict):
    id: str
    name: str
    owner: str
    scopes: list[str]
    devices: list[str]
    site_id: str
    state: str
    created: str
    expires: str | None
    last_used: str | None
    revoked: str | None


class KeysBody(TypedDict):
    keys: list[KeyBody]


class KioskLinkBody(TypedDict):
    id: str
    name: str
    owner: str
    pages: list[str]
    panels: list[str]
    site_id: str
    state: str
    created: str
    expires: str
    revoked: str | None


class LackBody(TypedDict):
    what: Literal['low', 'high', 'power-out', 'power-in', 'end']
    at: str
    amount: float
    message: str


class LateBody(TypedDict):
    status: str
    message: str
    result: dict[str, Any] | None
    at: str


class LatestBody(TypedDict):
    vin: str
    ts: str
    soc: float | None
    soh: float | None
    pack_voltage: float | None
    pack_current: float | None
    power_kw: float | None
    max_temp: float | None
    min_temp: float | None
    odo_km: float | None
    alerts: list[AlertBody]


class LifeBody(TypedDict):
    years: float | None
    low: float | None
    high: float | None
    rate: float | None
    days: int
    reason: str


class LimitReachedBody(TypedDict):
    step: int
    limit: str
    requested_power: float
    delivered_power: float


class LinksBody(TypedDict):
    links: list[KioskLinkBody]


class LiveBody(TypedDict):
    status: str


class Login(TypedDict):
    username: str
    password: str
    session: NotRequired[bool]


class LooseSpecifications(TypedDict):
    chemistry: NotRequired[Literal['LFP', 'NMC', 'LCO', 'NCA'] | None]
    capacity_kwh: NotRequired[float | None]
    max_power: NotRequired[float | None]
    voltage_nominal: NotRequired[float | None]


class LossBody(TypedDict):
    start_date: str
    daily_data: list[LossRow]
    total_discharge: float | None
    total_charge: float | None
    total_loss: float | None
    avg_efficiency: float | None
    total_aux: float | None
    status: str


class LossRow(TypedDict):
    date: str
    discharge_energy: float | None
    charge_energy: float | None
    loss: float | None
    efficiency: float | None
    aux_consumption: float | None
    coverage: float | None
    method: str | None


class LossesBody(TypedDict):
    clipping: float
    curtailment: float
    outage: float
    mismatch: float | None
    soiling: float | None
    other: float


class MeasuredBody(TypedDict):
    status: str
    version: str
    timestamp: str
    uptime_seconds: float
    services: dict[str, str]
    metrics: FiguresBody


class MeasuredUnit(TypedDict):
    device_id: str
    available_metrics: list[str]
    total_rows_per_metric: dict[str, int]


class MeasuredUnits(TypedDict):
    devices: list[MeasuredUnit]


class MeterBody(TypedDict):
    meter_id: int
    phase_a_current: float | None
    phase_b_current: float | None
    phase_c_current: float | None
    phase_a_voltage: float | None
    phase_b_voltage: float | None
    phase_c_voltage: float | None
    active_power: float | None
    reactive_power: float | None
    apparent_power: float | None
    frequency: float | None
    power_factor: float | None


class MetersBody(TypedDict):
    meters: list[MeterBody]
    meter_count: int
    total_power: float | None
    timestamp: str | None
    stale: list[int]
    status: str


class MetricBody(TypedDict):
    name: str
    unit: str
    kinds: list[str]
    shape: str
    aggregation: str
    decimals: int
    label: dict[str, str]
    valid: list[float | None]
    normal: list[float | None]
    alarm: list[float | None]
    states: dict[str, str]


class MoneyBody(TypedDict):
    energy: float
    service: float
    wear: float
    total: float


class MonthlyBody(TypedDict):
    year: int
    month: int
    daily_data: list[DayRow]
    days_with_data: int
    total_capacity_fee: float | None
    total_efficiency_fee: float | None
    total_energy_service_fee: float | None
    total_income: float | None
    avg_exec_rate: float | None
    avg_performance_index: float | None
    settled_hours: float
    unverified_hours: float
    currency: str
    status: str


class Nameplate(TypedDict):
    nominal_capacity: float
    nominal_voltage: float
    max_charge_power: NotRequired[float | None]
    max_discharge_power: NotRequired[float | None]
    series_cells: int
    parallel_cells: int
    capacity_kwh: NotRequired[float | None]
    min_power: NotRequired[float | None]
    standby_power: NotRequired[float | None]
    ramp_rate: NotRequired[float | None]


class NameplateBody(TypedDict):
    nominal_capacity: float | None
    nominal_voltage: float | None
    max_charge_power: float | None
    max_discharge_power: float | None
    series_cells: int | None
    parallel_cells: int | None
    capacity_kwh: float | None


class NewDevice(TypedDict):
    device_id: str
    site_id: str
    name: str
    chemistry: Literal['LFP', 'NMC', 'LCO', 'NCA']
    specifications: Nameplate
    safety_constraints: NotRequired[SafetyConstraints | None]


class NewKey(TypedDict):
    name: str
    scopes: NotRequired[list[str]]
    role: NotRequired[str]
    devices: NotRequired[list[str]]
    expires: NotRequired[str | float | None]


class NewLink(TypedDict):
    name: str
    pages: NotRequired[list[str]]
    panels: NotRequired[list[str]]
    expires: NotRequired[str | float | None]


class NewUser(TypedDict):
    username: str
    password: str
    roles: NotRequired[list[str]]
    email: NotRequired[str]


class NewestBody(TypedDict):
    device_id: str
    kind: str
    timestamp: str
    age_s: float
    quality: list[str]
    values: dict[str, Any]


class NextBody(TypedDict):
    command: CommandMessage | None


Note = TypedDict('Note', {'text': 'str', 'from': 'str | float', 'to': 'NotRequired[str | float | None]', 'device': 'NotRequired[str]', 'metric': 'NotRequired[str]', 'tags': 'NotRequired[list[str]]'})


NoteBody = TypedDict('NoteBody', {'from': 'str', 'to': 'str', 'id': 'str', 'device': 'str', 'metric': 'str', 'text': 'str', 'author': 'str', 'tags': 'list[str]', 'created': 'str', 'version': 'int'})


NoteChange = TypedDict('NoteChange', {'text': 'str', 'from': 'str | float', 'to': 'NotRequired[str | float | None]', 'device': 'NotRequired[str]', 'metric': 'NotRequired[str]', 'tags': 'NotRequired[list[str]]', 'version': 'int'})


class NotesBody(TypedDict):
    annotations: list[NoteBody]
    next: str | None


Order = TypedDict('Order', {'devices': 'list[str]', 'metrics': 'list[str]', 'from': 'str | float', 'to': 'str | float', 'resolution': "NotRequired[Literal['raw', '1s', '1m', '15m', '1h', '1d']]", 'agg': "NotRequired[Literal['mean', 'min', 'max', 'last', 'sum'] | None]", 'tz': 'NotRequired[str | None]', 'format': "NotRequired[Literal['csv', 'csv.gz', 'parquet', 'arrow', 'xlsx']]"})


class OrderBody(TypedDict):
    type: str
    priority: str
    timeout_seconds: int
    parameters: dict[str, Any]


class OwnPassword(TypedDict):
    old_password: str
    new_password: str


class PCSBatch(TypedDict):
    device_id: str
    batch_size: int
    total_records: int
    data: list[PCSReading]


class PCSReading(TypedDict):
    timestamp: str
    apparent_power: float | None
    dc_current: float | None
    dc_voltage: float | None
    ac_current_a: float | None
    ac_current_b: float | None
    ac_current_c: float | None
    ac_voltage_ab: float | None
    ac_voltage_bc: float | None
    ac_voltage_ca: float | None
    temp_environment: float | None
    temp_ambient: float | None
    temp_igbt: float | None


class PairBody(TypedDict):
    start: str
    end: str
    was: JudgedBody
    would: JudgedBody


class PcsAlertBody(TypedDict):
    inverter_status: str | None
    inverter_inhibits1_status: str | None
    environment_status: str | None
    warning_status: str | None
    grid_status: str | None
    fault_status1: str | None
    fault_status2: str | None
    status: str
    timestamp: str | None
    stale: list[int]


class PcsUnitBody(TypedDict):
    inverter_status: str | None
    inverter_inhibits1_status: str | None
    environment_status: str | None
    warning_status: str | None
    grid_status: str | None
    fault_status1: str | None
    fault_status2: str | None
    status: str
    pcs_number: int
    timestamp: str | None
    stale: bool
    mode: str | None
    apparent_power: float | None
    dc_current: float | None
    dc_voltage: float | None
    ac_current_a: float | None
    ac_current_b: float | None
    ac_current_c: float | None
    ac_voltage_ab: float | None
    ac_voltage_bc: float | None
    ac_voltage_ca: float | None
    temp_environment: float | None
    temp_ambient: float | None
    temp_igbt: float | None


class PhaseBody(TypedDict):
    phase: str
    voltage: float | None
    current: float | None


class PlanAcceptedBody(TypedDict):
    plan_id: str
    events: list[int]


PlanBody = TypedDict('PlanBody', {'from': 'str', 'to': 'str', 'plan_id': 'str', 'site_id': 'str', 'day': 'str', 'made': 'str', 'currency': 'str', 'optimization_method': "Literal['milp', 'greedy']", 'optimality_gap': 'float', 'feasible': 'bool', 'lacks': 'list[LackBody]', 'income': 'MoneyBody', 'baselines': 'dict[str, BaselineBody]', 'assumptions': 'dict[str, Any]', 'hours': 'list[PlanHourBody]'})


class PlanHourBody(TypedDict):
    start: str
    end: str
    price: float
    power_kw: float
    soc_start: float
    soc_end: float
    awarded_mw: float
    offered_mw: float
    energy: float
    service: float
    wear: float
    reason: Literal['awarded', 'offered', 'paid-to-charge', 'cheap', 'dear', 'empty', 'full', 'no-spread']


class PlanOffer(TypedDict):
    product: str
    price: NotRequired[float]
    most_mw: float
    least_mw: NotRequired[float]


class PlanRequest(TypedDict):
    day: str
    site_id: NotRequired[str | None]
    soc_min: NotRequired[float]
    soc_max: NotRequired[float]
    soc_start: NotRequired[float | None]
    soc_end: NotRequired[float | None]
    round_trip_efficiency: NotRequired[float]
    wear_per_mwh: NotRequired[float]
    sustain_hours: NotRequired[float]
    offer: NotRequired[PlanOffer | None]


class PointBody(TypedDict):
    at: str
    value: float | None
    low: float | None
    high: float | None
    baseline: float | None


class PriceBody(TypedDict):
    start: str
    end: str
    price: float


class PriceItem(TypedDict):
    start: str | float
    end: NotRequired[str | float | None]
    price: float


class PricesBody(TypedDict):
    currency: str
    prices: list[PriceBody]


class PricesKeptBody(TypedDict):
    kept: int


class PricesRequest(TypedDict):
    currency: str
    prices: list[PriceItem]


class PulseDeviceBody(TypedDict):
    device_id: str
    site_id: str
    name: str
    device_type: str
    parent: str | None
    chemistry: Literal['LFP', 'NMC', 'LCO', 'NCA'] | None
    location: Any
    firmware_version: str | None
    specifications: NameplateBody
    current_status: DeviceStatusBody
    safety_constraints: DeviceSafetyBody


class PulseDevicesBody(TypedDict):
    devices: list[PulseDeviceBody]
    total: int
    limit: int
    offset: int


class PvDayBody(TypedDict):
    day: str
    start: str
    end: str
    energy_kwh: float | None
    hours: float
    specific_yield: float | None
    insolation_kwh_m2: float | None
    lit_energy_kwh: float | None
    lit_hours: float
    performance_ratio: float | None
    corrected_performance_ratio: float | None
    clear_sky_energy_kwh: float | None
    clear_sky_ratio: float | None
    potential_kwh: float | None
    losses_kwh: LossesBody | None
    light: str | None
    assumed: list[str]
    reason: str | None


class PvDaysBody(TypedDict):
    device_id: str
    zone: str
    days: list[PvDayBody]
    soiling: SoilingBody | None


class RackAlertBody(TypedDict):
    rack_number: str
    battery_alerts: dict[str, str | None]
    bams_alerts: dict[str, str | None]
    timestamp: str | None
    stale: list[int]
    reported_by: dict[str, list[int]]
    status: str


class RackTableBody(TypedDict):
    bess_number: int
    table_head: list[str]
    data: list[dict[str, str | None]]
    timestamp: str | None
    stale: list[str]
    status: str


class RateBody(TypedDict):
    date: str
    data_type: str
    data: list[list[float]]
    resolution_s: int
    status: str


class ReadyBody(TypedDict):
    status: NotRequired[str]
    reason: NotRequired[str]


ReceiptBody = TypedDict('ReceiptBody', {'from': 'str', 'to': 'str', 'export_id': 'str', 'file': 'str', 'bytes': 'int', 'sha256': 'str', 'rows': 'int', 'zone': 'str', 'resolution_s': 'float', 'format': 'str', 'requested': 'str', 'product': 'str', 'permalink': 'str | None', 'columns': 'list[ColumnBody]'})


class Refresh(TypedDict):
    refresh_token: NotRequired[str | None]


class Registration(TypedDict):
    device_id: str
    device_type: NotRequired[str]
    site_id: NotRequired[str | None]
    name: NotRequired[str | None]
    location: NotRequired[str | DeviceSpot | None]
    specifications: NotRequired[LooseSpecifications | None]
    safety_constraints: NotRequired[SafetyConstraints | None]


class RejectedBody(TypedDict):
    index: int
    field: str
    reason: str


class Remark(TypedDict):
    text: str


class RemovedDeviceBody(TypedDict):
    device_id: str
    status: Literal['deleted']
    message: str


class ReplayBody(TypedDict):
    simulated: bool
    method: str
    cut_s: int
    missing: list[str]
    was: float | None
    would: float | None
    spans: list[PairBody]


ReportBody = TypedDict('ReportBody', {'from': 'str', 'to': 'str', 'id': 'str', 'month': 'str', 'language': 'str', 'state': 'str', 'progress': 'float', 'planned': 'bool', 'owner': 'str', 'created': 'str', 'finished': 'str | None', 'reason': 'str', 'zone': 'str', 'file': 'str | None', 'receipt': 'ReportReceipt | None'})


class ReportOrder(TypedDict):
    month: str
    language: NotRequired[Literal['en', 'zh-TW', 'es']]
    charts: NotRequired[bool]


ReportReceipt = TypedDict('ReportReceipt', {'from': 'str', 'to': 'str', 'export_id': 'NotRequired[str]', 'file': 'NotRequired[str]', 'bytes': 'NotRequired[int]', 'sha256': 'NotRequired[str]', 'zone': 'NotRequired[str]', 'format': 'NotRequired[str]', 'requested': 'NotRequired[str]', 'product': 'NotRequired[str]', 'month': 'NotRequired[str]', 'language': 'NotRequired[str]', 'charts': 'NotRequired[int]', 'pages': 'NotRequired[int]', 'mailed': 'NotRequired[str]'})


class ReportsBody(TypedDict):
    reports: list[ReportBody]


class RoleBody(TypedDict):
    id: int
    name: str
    description: str


class RuleBody(TypedDict):
    name: str
    channel: Literal['mail', 'webhook']
    to: NotRequired[list[str]]
    url: NotRequired[str]
    secret: NotRequired[str]
    timeout_s: NotRequired[int]
    lang: NotRequired[Literal['en', 'zh-TW', 'es']]
    severities: NotRequired[list[Literal['info', 'warning', 'alarm', 'protection']]]
    kinds: NotRequired[list[str]]
    devices: NotRequired[list[str]]
    events: NotRequired[list[Literal['raised', 'cleared', 'escalated']]]
    after_min: NotRequired[int]
    quiet: NotRequired[str]
    active: NotRequired[bool]


class RulesBody(TypedDict):
    rules: list[ShownRule]
    mail: bool


class SafetyConstraints(TypedDict):
    max_cell_voltage: NotRequired[float | None]
    min_cell_voltage: NotRequired[float | None]
    max_charge_current: NotRequired[float | None]
    max_discharge_current: NotRequired[float | None]
    temperature_limits: NotRequired[TemperatureLimits | None]
    max_temperature: NotRequired[float | None]
    min_soc: NotRequired[float | None]
    max_soc: NotRequired[float | None]


class SafetyOfDeviceBody(TypedDict):
    device_id: str
    safety_constraints: DeviceSafetyBody


class SampleBody(TypedDict):
    ts: str
    soc: float | None
    soh: float | None
    pack_voltage: float | None
    pack_current: float | None
    power_kw: float | None
    max_temp: float | None
    min_temp: float | None
    odo_km: float | None


class ScheduleBody(TypedDict):
    events: list[EventRow]
    mode: str
    weeks: int
    total_count: int
    status: str


class ScreenBody(TypedDict):
    screen: str
    who: str
    name: str
    page: str
    width: int
    height: int
    seen: str
    build: str
    age: int | None
    fps: float | None
    memory: float | None


class ScreensBody(TypedDict):
    screens: list[ScreenBody]


class Seen(TypedDict):
    comment: NotRequired[str]


class SeenBody(TypedDict):
    doors: list[DoorBody]
    unmapped: list[UnknownBody]
    unnamed: int


class SeriesBody(TypedDict):
    device_id: NotRequired[str]
    metric: NotRequired[str]
    unit: NotRequired[str]
    aggregation: NotRequired[str]
    coverage: NotRequired[float]
    timestamps: NotRequired[list[int]]
    values: NotRequired[list[float | None]]
    min: NotRequired[list[float | None]]
    max: NotRequired[list[float | None]]


class SettlementBody(TypedDict):
    spans: list[SpanBody]
    total: float | None


class Shelf(TypedDict):
    minutes: NotRequired[float | None]
    until: NotRequired[str | float | None]
    reason: NotRequired[str]


class ShortBody(TypedDict):
    status: str
    db: str


class ShownRule(TypedDict):
    id: str
    name: str
    channel: str
    to: list[str]
    url: str
    timeout_s: int
    lang: str
    severities: list[str]
    kinds: list[str]
    devices: list[str]
    events: list[str]
    after_min: int
    quiet: str
    active: bool
    since: str


class SidebarBody(TypedDict):
    bess_type: str
    bess_number: int
    pcs_number: int
    inverter_number: int
    rack_number: int
    number_of_devices: int
    cctv_url: str | None
    status: str


class SimulatedParameterBody(TypedDict):
    value: float
    source: str


class SimulationBody(TypedDict):
    device_id: str
    chemistry: Literal['LFP', 'NMC', 'LCO', 'NCA']
    model: str
    time_steps: list[float]
    voltage_profile: list[float]
    current_profile: list[float]
    soc_profile: list[float]
    temperature_profile: list[float]
    power_profile: list[float]
    limits_reached: list[LimitReachedBody]
    energy_lost_wh: float
    parameters: dict[str, SimulatedParameterBody]
    ignored_parameters: list[str]


class SimulationParameters(TypedDict):
    capacity_ah: NotRequired[float | None]
    nominal_capacity: NotRequired[float | None]
    capacity_kwh: NotRequired[float | None]
    nominal_voltage: NotRequired[float | None]
    series_cells: NotRequired[int | None]
    r0_ohm: NotRequired[float | None]
    r1_ohm: NotRequired[float | None]
    tau_s: NotRequired[float | None]
    heat_capacity_j_k: NotRequired[float | None]
    cooling_s: NotRequired[float | None]
    surroundings_c: NotRequired[float | None]
    min_cell_voltage: NotRequired[float | None]
    max_cell_voltage: NotRequired[float | None]
    max_charge_current: NotRequired[float | None]
    max_discharge_current: NotRequired[float | None]
    max_charge_power: NotRequired[float | None]
    max_discharge_power: NotRequired[float | None]
    min_soc: NotRequired[float | None]
    max_soc: NotRequired[float | None]
    max_temperature: NotRequired[float | None]
    min_temperature: NotRequired[float | None]


class SimulationRequest(TypedDict):
    device_id: str
    chemistry: NotRequired[Literal['LFP', 'NMC', 'LCO', 'NCA'] | None]
    current_soc: NotRequired[float | None]
    current_soh: NotRequired[float | None]
    temperature: NotRequired[float | None]
    power_profile: list[float]
    time_steps: list[float]
    model_parameters: NotRequired[SimulationParameters]


class SoilingBody(TypedDict):
    rate: float | None
    low: float | None
    high: float | None
    clear_days: int
    reason: str | None


class SpanBody(TypedDict):
    start: str
    end: str
    product: str
    power: float
    price: float
    state: str
    rules: str | None
    verified: bool | None
    rate: float | None
    index: float | None
    fees: FeesBody | None
    coverage: float | None
    doubt: str
    standing: StandingBody | None


class Specifications(TypedDict):
    nominal_capacity: NotRequired[float | None]
    nominal_voltage: NotRequired[float | None]
    max_charge_power: NotRequired[float | None]
    max_discharge_power: NotRequired[float | None]
    series_cells: NotRequired[int | None]
    parallel_cells: NotRequired[int | None]
    capacity_kwh: NotRequired[float | None]
    min_power: NotRequired[float | None]
    standby_power: NotRequired[float | None]
    ramp_rate: NotRequired[float | None]


class SpoolBody(TypedDict):
    status: str
    reason: str
    readings: int
    bytes: int
    limit_bytes: int
    oldest_age_s: float | None
    refused: int
    damaged: int


class SpooledBody(TypedDict):
    accepted: int
    duplicates: int
    rejected: list[RejectedBody]
    spooled: int


class SpooledSamplesBody(TypedDict):
    spooled: int
    inserted: int


class StandingBody(TypedDict):
    seconds: int
    of: int
    rate: float
    index: float
    earns: FeesBody | None
    best: FeesBody | None
    without_worst: FeesBody | None
    lost: float | None
    causes: list[CauseBody]
    causes_total: int


class StoredMessage(TypedDict):
    message: str
    id: str


class StoryBody(TypedDict):
    alarm: AlarmBody
    comments: list[CommentBody]


class StringBody(TypedDict):
    string_id: int
    current: float | None


class SumBody(TypedDict):
    value: float | None
    low: float | None
    high: float | None
    unit: str


class SummaryBody(TypedDict):
    vin: str
    from_ts: str
    to_ts: str
    samples: int
    soc_min: float | None
    soc_max: float | None
    temp_max: float | None
    temp_min: float | None


class SystemOverviewBody(TypedDict):
    segment: str
    active_power: float | None
    target_power: float | None
    battery_power: float | None
    pv_power: float | None
    aux_power: float | None
    frequency: float | None
    soc: float | None
    soh: float | None
    bess_number: int
    pcs_number: int
    inverter_number: int
    rack_number: int
    device_count: int
    online_count: int
    alarm_count: int
    timestamp: str | None
    stale: list[str]
    status: str


class TelemetryAlarmBody(TypedDict):
    alarm_id: int | None
    code: str
    severity: Literal['info', 'warning', 'critical']
    state: str
    message: str
    value: float | None
    threshold: float | None
    timestamp: str
    cleared: str | None
    acknowledged_by: str


class TelemetryAlarmsBody(TypedDict):
    device_id: str
    alarms: list[TelemetryAlarmBody]
    total: int


class TelemetryCellsBody(TypedDict):
    count: int
    voltages: list[float | None] | None
    temperatures: list[float | None] | None
    balancing_status: list[float | None] | None


class TelemetryEnergyBody(TypedDict):
    discharged_kwh: float | None
    charged_kwh: float | None
    coverage: float


class TelemetryHistoryBody(TypedDict):
    device_id: str
    start_time: str
    end_time: str
    resolution: Literal['raw', 'minute', 'hour', 'day']
    data_points: int
    metrics: TelemetryMetricsBody
    statistics: dict[str, TelemetryStatisticsBody]
    next: NotRequired[int | None]


class TelemetryLatestBody(TypedDict):
    device_id: str
    site_id: str
    timestamp: str
    age_s: float
    measurements: dict[str, float | None]
    cells: TelemetryCellsBody | None
    operational_state: str | None
    alarm_flags: list[str]


class TelemetryMetricsBody(TypedDict):
    timestamps: list[str]
    voltage: NotRequired[list[float | None]]
    current: NotRequired[list[float | None]]
    power: NotRequired[list[float | None]]
    temperature: NotRequired[list[float | None]]
    soc: NotRequired[list[float | None]]
    soh: NotRequired[list[float | None]]


class TelemetrySpooledBody(TypedDict):
    spooled: int
    device_id: str


class TelemetryStatisticsBody(TypedDict):
    min: float | None
    max: float | None
    avg: float | None
    std: float | None


class TelemetryStoredBody(TypedDict):
    status: Literal['success']
    device_id: str
    timestamp: str
    stored: int
    duplicates: int
    ignored: NotRequired[list[str]]


class TelemetrySummaryBody(TypedDict):
    device_id: str
    period: str
    start_time: str
    end_time: str
    readings: int
    statistics: dict[str, TelemetryStatisticsBody]
    energy: TelemetryEnergyBody
    alarms: int


class TemperatureLimits(TypedDict):
    max: NotRequired[float | None]
    min: NotRequired[float | None]


class TemperatureLimitsBody(TypedDict):
    max: float | None
    min: float | None


class TokenBody(TypedDict):
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    status: str


class TopologyBody(TypedDict):
    nodes: list[TopologyNodeBody]
    links: list[TopologyLinkBody]
    timestamp: str
    status: str


class TopologyLinkBody(TypedDict):
    source: str
    target: str
    status: str


class TopologyNodeBody(TypedDict):
    id: str
    name: str
    type: str
    status: str
    ip: str
    port: NotRequired[int]


class TrackerBody(TypedDict):
    mppt_id: int
    voltage: float | None
    current: float | None
    power: float | None


TrainedBody = TypedDict('TrainedBody', {'from': 'str', 'to': 'str', 'count': 'int'})


class TriedBody(TypedDict):
    delivered: bool
    message: str


class TwinBody(TypedDict):
    device_id: str
    timestamp: str | None
    chemistry: Literal['LFP', 'NMC', 'LCO', 'NCA'] | None
    model: str
    state: TwinStateBody
    predicted: TwinFiguresBody
    measured: TwinFiguresBody
    residual: TwinFiguresBody
    rmse: TwinFiguresBody
    bias: TwinFiguresBody
    parameters: dict[str, TwinParameterBody]
    window: TwinWindowBody
    reason: str
    examined: str | None
    estimate: TwinEstimateBody | None
    health: list[TwinIndicatorBody]
    remaining_life: TwinLifeBody | None
    remaining_life_reason: str


class TwinEstimateBody(TypedDict):
    timestamp: str
    soc: float
    soc_standard_deviation: float
    soc_reported: float | None
    slow_voltage: float
    ocv_offset: float
    temperature: float | None
    innovation: float | None
    innovation_memory: float | None


class TwinFiguresBody(TypedDict):
    voltage: float | None
    temperature: float | None
    soc: float | None


class TwinIndicatorBody(TypedDict):
    name: str
    value: float | None
    unit: str
    state: str
    watch: float
    bad: float
    trend: float | None
    trend_uncertainty: float | None
    reason: str


class TwinLifeBody(TypedDict):
    years: float | None
    low: float
    high: float | None
    soh: float
    soh_source: str
    calendar_loss: float
    cycle_loss: float
    scale: float
    scaled_by_history: bool
    model: str


class TwinParameterBody(TypedDict):
    value: float
    source: str
    standard_error: float | None


class TwinStateBody(TypedDict):
    soc: float | None
    soh: float | None
    voltage: float | None
    current: float | None
    power: float | None
    temperature: float | None
    open_circuit_voltage: float | None
    capacity_ah: float | None
    soh_by_capacity: float | None


class TwinWindowBody(TypedDict):
    start_time: str
    end_time: str
    readings: int
    judged_from: str | None


class UnknownBody(TypedDict):
    door: str
    measurement: str
    field: str
    count: int
    last: str


class UserBody(TypedDict):
    id: int | None
    username: str
    email: str
    active: bool
    confirmed_at: str | None
    roles: list[RoleBody]
    status: str


class UserChange(TypedDict):
    password: NotRequired[str | None]
    roles: NotRequired[list[str] | None]
    active: NotRequired[bool | None]
    email: NotRequired[str | None]


class UsersBody(TypedDict):
    users: list[AccountBody]


VectorsAnswer = TypedDict('VectorsAnswer', {'from': 'str', 'to': 'str', 'vectors': 'VectorsBody'})


class VectorsBody(TypedDict):
    device_id: NotRequired[str]
    metric: NotRequired[str]
    unit: NotRequired[str]
    view: NotRequired[str]
    zone: NotRequired[str]
    resolution_s: NotRequired[float]
    timestamps: NotRequired[list[int]]
    n: NotRequired[list[int]]
    mean: NotRequired[list[list[float | None]] | list[float | None]]
    min: NotRequired[list[list[float | None]]]
    max: NotRequired[list[list[float | None]]]
    quantiles: NotRequired[dict[str, list[float | None]]]
    values: NotRequired[list[float]]
    counts: NotRequired[list[int]]


class VehicleBody(TypedDict):
    vin: str
    ts: str
    soc: float | None
    soh: float | None
    alerts: list[AlertBody]


class VehiclesBody(TypedDict):
    vehicles: list[VehicleBody]
    next: str | None


class WaitingMessage(TypedDict):
    message: str
    spooled: int


_Answer = TypedDict('_Answer', {'from': 'str', 'to': 'str', 'zone': 'str', 'resolution_s': 'float', 'series': 'list[SeriesBody]'})


class Client(Transport):
    """Every operation of the API."""

    def get_api_v1_alarms(self, *, state: Literal['active', 'acknowledged', 'shelved', 'cleared'] | None = None, severity: Literal['info', 'warning', 'alarm', 'protection'] | None = None, device: str | None = None, from_: str | float | None = None, to: str | float | None = None, limit: int | None = None, cursor: str | None = None) -> AlarmsBody:
        """Alarms, newest first."""
        answer: AlarmsBody = self._json('GET', '/api/v1/alarms', {'state': state, 'severity': severity, 'device': device, 'from': from_, 'to': to, 'limit': limit, 'cursor': cursor})
        return answer

    def get_api_v1_alarms_alarm_id(self, alarm_id: str) -> StoryBody:
        """One alarm with its comments."""
        answer: StoryBody = self._json('GET', f'/api/v1/alarms/{_part(alarm_id)}', {})
        return answer

    def post_api_v1_alarms_alarm_id_ack(self, alarm_id: str, body: Seen | None = None) -> AlarmBody:
        """Acknowledge an alarm."""
        answer: AlarmBody = self._json('POST', f'/api/v1/alarms/{_part(alarm_id)}/ack', {}, body, 'application/json')
        return answer

    def post_api_v1_alarms_alarm_id_shelve(self, alarm_id: str, body: Shelf) -> AlarmBody:
        """Put an alarm aside for a while."""
        answer: AlarmBody = self._json('POST', f'/api/v1/alarms/{_part(alarm_id)}/shelve', {}, body, 'application/json')
        return answer

    def post_api_v1_alarms_alarm_id_comment(self, alarm_id: str, body: Remark) -> CommentBody:
        """Write something about an alarm."""
        answer: CommentBody = self._json('POST', f'/api/v1/alarms/{_part(alarm_id)}/comment', {}, body, 'application/json')
        return answer

    def get_api_v1_annotations(self, *, device: str | None = None, tag: list[str] | None = None, from_: str | float | None = None, to: str | float | None = None, limit: int | None = None, cursor: str | None = None) -> NotesBody:
        """Notes on stretches of time, newest first."""
        answer: NotesBody = self._json('GET', '/api/v1/annotations', {'device': device, 'tag': tag, 'from': from_, 'to': to, 'limit': limit, 'cursor': cursor})
        return answer

    def post_api_v1_annotations(self, body: Note) -> NoteBody:
        """Write a note."""
        answer: NoteBody = self._json('POST', '/api/v1/annotations', {}, body, 'application/json')
        return answer

    def get_api_v1_annotations_annotation_id(self, annotation_id: str) -> NoteBody:
        """One note."""
        answer: NoteBody = self._json('GET', f'/api/v1/annotations/{_part(annotation_id)}', {})
        return answer

    def put_api_v1_annotations_annotation_id(self, annotation_id: str, body: NoteChange) -> NoteBody:
        """Change a note."""
        answer: NoteBody = self._json('PUT', f'/api/v1/annotations/{_part(annotation_id)}', {}, body, 'application/json')
        return answer

    def delete_api_v1_annotations_annotation_id(self, annotation_id: str) -> None:
        """Remove a note."""
        self._json('DELETE', f'/api/v1/annotations/{_part(annotation_id)}', {})

    def post_api_v1_auth_login(self, body: Login) -> TokenBody:
        """Log in with a form."""
        answer: TokenBody = self._json('POST', '/api/v1/auth/login', {}, body, 'application/x-www-form-urlencoded')
        return answer

    def post_api_v1_auth_login_json(self, body: Login) -> TokenBody:
        """Log in with JSON."""
        answer: TokenBody = self._json('POST', '/api/v1/auth/login/json', {}, body, 'application/json')
        return answer

    def post_api_v1_auth_refresh(self, body: Refresh | None = None) -> TokenBody:
        """New tokens for a refresh token."""
        answer: TokenBody = self._json('POST', '/api/v1/auth/refresh', {}, body, 'application/json')
        return answer

    def get_api_v1_auth_me(self) -> UserBody:
        """The account of the caller."""
        answer: UserBody = self._json('GET', '/api/v1/auth/me', {})
        return answer

    def post_api_v1_auth_logout(self, body: Refresh | None = None) -> GoodbyeBody:
        """Revoke the tokens of this session."""
        answer: GoodbyeBody = self._json('POST', '/api/v1/auth/logout', {}, body, 'application/json')
        return answer

    def post_api_battery_data(self, body: BatteryData) -> StoredMessage | WaitingMessage:
        """Store battery data."""
        answer: StoredMessage | WaitingMessage = self._json('POST', '/api/battery-data', {}, body, 'application/json')
        return answer

    def get_api_battery_data_latest(self) -> dict[str, Any]:
        """The newest battery data."""
        answer: dict[str, Any] = self._json('GET', '/api/battery-data/latest', {})
        return answer

    def get_api_battery_data_history(self, *, hours: float | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """Past battery data, newest first."""
        answer: list[dict[str, Any]] = self._json('GET', '/api/battery-data/history', {'hours': hours, 'limit': limit})
        return answer

    def post_api_battery_performance(self, body: BatteryPerformance) -> StoredMessage | WaitingMessage:
        """Store battery performance."""
        answer: StoredMessage | WaitingMessage = self._json('POST', '/api/battery-performance', {}, body, 'application/json')
        return answer

    def get_api_battery_performance_latest(self) -> dict[str, Any]:
        """The newest battery performance."""
        answer: dict[str, Any] = self._json('GET', '/api/battery-performance/latest', {})
        return answer

    def get_api_battery_performance_history(self, *, hours: float | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """Past battery performance, newest first."""
        answer: list[dict[str, Any]] = self._json('GET', '/api/battery-performance/history', {'hours': hours, 'limit': limit})
        return answer

    def post_api_battery_prediction(self, body: BatteryPrediction) -> StoredMessage | WaitingMessage:
        """Store battery prediction."""
        answer: StoredMessage | WaitingMessage = self._json('POST', '/api/battery-prediction', {}, body, 'application/json')
        return answer

    def get_api_battery_prediction_latest(self) -> dict[str, Any]:
        """The newest battery prediction."""
        answer: dict[str, Any] = self._json('GET', '/api/battery-prediction/latest', {})
        return answer

    def get_api_battery_prediction_history(self, *, hours: float | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """Past battery prediction, newest first."""
        answer: list[dict[str, Any]] = self._json('GET', '/api/battery-prediction/history', {'hours': hours, 'limit': limit})
        return answer

    def get_api_dashboard(self) -> BatteryDashboard:
        """The newest battery data, performance and prediction, with nameplate and limits."""
        answer: BatteryDashboard = self._json('GET', '/api/dashboard', {})
        return answer

    def get_bms_devices(self) -> MeasuredUnits:
        """Devices with BMS data, and how many rows of each metric."""
        answer: MeasuredUnits = self._json('GET', '/bms/devices', {})
        return answer

    def get_bms_device_id(self, device_id: str, *, batch_size: int | None = None, skip: int | None = None, date: str | None = None) -> BMSBatch:
        """BMS readings of a device in batches."""
        answer: BMSBatch = self._json('GET', f'/bms/{_part(device_id)}', {'batch_size': batch_size, 'skip': skip, 'date': date})
        return answer

    def get_pcs_devices(self) -> MeasuredUnits:
        """Devices with PCS data, and how many rows of each metric."""
        answer: MeasuredUnits = self._json('GET', '/pcs/devices', {})
        return answer

    def get_pcs_device_id(self, device_id: str, *, batch_size: int | None = None, skip: int | None = None, date: str | None = None) -> PCSBatch:
        """PCS readings of a device in batches."""
        answer: PCSBatch = self._json('GET', f'/pcs/{_part(device_id)}', {'batch_size': batch_size, 'skip': skip, 'date': date})
        return answer

    def get_bess_devices(self) -> MeasuredUnits:
        """Devices with BMS and PCS data, and how many rows of each metric."""
        answer: MeasuredUnits = self._json('GET', '/bess/devices', {})
        return answer

    def get_bess_device_id(self, device_id: str, *, batch_size: int | None = None, skip: int | None = None, date: str | None = None) -> BESSBatch:
        """BMS and PCS readings of a device in batches."""
        answer: BESSBatch = self._json('GET', f'/bess/{_part(device_id)}', {'batch_size': batch_size, 'skip': skip, 'date': date})
        return answer

    def post_api_v1_exports(self, body: Order) -> ExportBody:
        """Ask for a file of any length."""
        answer: ExportBody = self._json('POST', '/api/v1/exports', {}, body, 'application/json')
        return answer

    def get_api_v1_exports(self, *, state: Literal['queued', 'running', 'done', 'failed', 'cancelled', 'expired'] | None = None) -> ExportsBody:
        """The caller's exports, newest first."""
        answer: ExportsBody = self._json('GET', '/api/v1/exports', {'state': state})
        return answer

    def get_api_v1_exports_export_id(self, export_id: str) -> ExportBody:
        """How far an export is."""
        answer: ExportBody = self._json('GET', f'/api/v1/exports/{_part(export_id)}', {})
        return answer

    def delete_api_v1_exports_export_id(self, export_id: str) -> None:
        """Cancel an export, or remove a finished one."""
        self._json('DELETE', f'/api/v1/exports/{_part(export_id)}', {})

    def get_api_v1_exports_export_id_file(self, export_id: str) -> bytes:
        """The finished file."""
        return self._bytes('GET', f'/api/v1/exports/{_part(export_id)}/file', {})

    def get_api_v1_forecasts(self, *, target: Literal['load', 'pv', 'soc', 'price', 'income', 'home', 'life'] | None = None, device: str | None = None) -> ForecastsBody:
        """What comes next, with intervals and errors."""
        answer: ForecastsBody = self._json('GET', '/api/v1/forecasts', {'target': target, 'device': device})
        return answer

    def post_api_v1_collectd(self, body: Sequence[dict[str, Any]]) -> AcceptedBody | SpooledBody:
        """collectd value lists, as its write_http plugin sends JSON."""
        answer: AcceptedBody | SpooledBody = self._json('POST', '/api/v1/collectd', {}, body, 'application/json')
        return answer

    def get_api_v1_foreign(self) -> SeenBody:
        """What came through the doors of foreign formats, and what nobody knew."""
        answer: SeenBody = self._json('GET', '/api/v1/foreign', {})
        return answer

    def get_grafana(self) -> dict[str, str]:
        """Whether the data source is there."""
        answer: dict[str, str] = self._json('GET', '/grafana/', {})
        return answer

    def post_grafana_search(self, body: GrafanaSearch | None = None) -> list[str]:
        """Targets (simple-json)."""
        answer: list[str] = self._json('POST', '/grafana/search', {}, body, 'application/json')
        return answer

    def post_grafana_metrics(self, body: GrafanaAsk | None = None) -> list[GrafanaMetricBody]:
        """Targets (simpod)."""
        answer: list[GrafanaMetricBody] = self._json('POST', '/grafana/metrics', {}, body, 'application/json')
        return answer

    def post_grafana_variable(self, body: GrafanaVariable | None = None) -> list[GrafanaChoiceBody]:
        """Values of a variable (simpod)."""
        answer: list[GrafanaChoiceBody] = self._json('POST', '/grafana/variable', {}, body, 'application/json')
        return answer

    def post_grafana_query(self, body: GrafanaQuery) -> list[GrafanaSeriesBody | GrafanaTableBody]:
        """What a panel draws."""
        answer: list[GrafanaSeriesBody | GrafanaTableBody] = self._json('POST', '/grafana/query', {}, body, 'application/json')
        return answer

    def post_grafana_annotations(self, body: GrafanaEvents) -> list[GrafanaEventBody]:
        """Alarms and notes as annotations."""
        answer: list[GrafanaEventBody] = self._json('POST', '/grafana/annotations', {}, body, 'application/json')
        return answer

    def post_grafana_tag_keys(self, body: GrafanaAsk | None = None) -> list[GrafanaTagBody]:
        """Keys of ad hoc filters."""
        answer: list[GrafanaTagBody] = self._json('POST', '/grafana/tag-keys', {}, body, 'application/json')
        return answer

    def post_grafana_tag_values(self, body: GrafanaKey) -> list[GrafanaValueBody]:
        """Values of an ad hoc filter."""
        answer: list[GrafanaValueBody] = self._json('POST', '/grafana/tag-values', {}, body, 'application/json')
        return answer

    def post_api_v2_write(self, body: str | bytes | None = None, *, precision: Literal['ns', 'us', 'ms', 's'] | None = None, org: str | None = None, bucket: str | None = None) -> None:
        """Influx line protocol, as InfluxDB 2 takes it."""
        self._json('POST', '/api/v2/write', {'precision': precision, 'org': org, 'bucket': bucket}, body, 'text/plain')

    def post_write(self, body: str | bytes | None = None, *, precision: Literal['ns', 'n', 'us', 'u', 'µ', 'ms', 's', 'm', 'h'] | None = None, db: str | None = None, rp: str | None = None) -> None:
        """Influx line protocol, as InfluxDB 1 takes it."""
        self._json('POST', '/write', {'precision': precision, 'db': db, 'rp': rp}, body, 'text/plain')

    def get_ping(self, *, verbose: str | None = None) -> None:
        """Whether anybody is there, as InfluxDB answers it."""
        self._json('GET', '/ping', {'verbose': verbose})

    def get_api_v1_keys(self) -> KeysBody:
        """All API keys, without their secrets."""
        answer: KeysBody = self._json('GET', '/api/v1/keys', {})
        return answer

    def post_api_v1_keys(self, body: NewKey) -> FreshKey:
        """Issue an API key; its secret is shown only now."""
        answer: FreshKey = self._json('POST', '/api/v1/keys', {}, body, 'application/json')
        return answer

    def delete_api_v1_keys_id(self, id: str) -> KeyBody:
        """Revoke an API key."""
        answer: KeyBody = self._json('DELETE', f'/api/v1/keys/{_part(id)}', {})
        return answer

    def get_api_v1_kiosk_links(self) -> LinksBody:
        """All kiosk links, without their tokens."""
        answer: LinksBody = self._json('GET', '/api/v1/kiosk-links', {})
        return answer

    def post_api_v1_kiosk_links(self, body: NewLink) -> FreshLink:
        """Issue a kiosk link; its token is shown only now."""
        answer: FreshLink = self._json('POST', '/api/v1/kiosk-links', {}, body, 'application/json')
        return answer

    def delete_api_v1_kiosk_links_id(self, id: str) -> KioskLinkBody:
        """Revoke a kiosk link."""
        answer: KioskLinkBody = self._json('DELETE', f'/api/v1/kiosk-links/{_part(id)}', {})
        return answer

    def post_api_v1_screens_heartbeat(self, body: Beat) -> BeatBody:
        """A screen says that it is there."""
        answer: BeatBody = self._json('POST', '/api/v1/screens/heartbeat', {}, body, 'application/json')
        return answer

    def get_api_v1_screens(self) -> ScreensBody:
        """Screens that reported in the last 30 days."""
        answer: ScreensBody = self._json('GET', '/api/v1/screens', {})
        return answer

    def get_api_v1_notifications_rules(self) -> RulesBody:
        """Rules that tell people and machines of alarms."""
        answer: RulesBody = self._json('GET', '/api/v1/notifications/rules', {})
        return answer

    def post_api_v1_notifications_rules(self, body: RuleBody) -> FreshRule:
        """Add a notification rule."""
        answer: FreshRule = self._json('POST', '/api/v1/notifications/rules', {}, body, 'application/json')
        return answer

    def put_api_v1_notifications_rules_id(self, id: str, body: RuleBody) -> ShownRule:
        """Change a notification rule."""
        answer: ShownRule = self._json('PUT', f'/api/v1/notifications/rules/{_part(id)}', {}, body, 'application/json')
        return answer

    def delete_api_v1_notifications_rules_id(self, id: str) -> ShownRule:
        """Remove a notification rule."""
        answer: ShownRule = self._json('DELETE', f'/api/v1/notifications/rules/{_part(id)}', {})
        return answer

    def post_api_v1_notifications_rules_id_test(self, id: str) -> TriedBody:
        """Send a test message and say what came of it."""
        answer: TriedBody = self._json('POST', f'/api/v1/notifications/rules/{_part(id)}/test', {})
        return answer

    def get_api_v1_notifications(self, *, rule: str | None = None, state: Literal['waiting', 'sent', 'failed'] | None = None, limit: int | None = None) -> DeliveriesBody:
        """How notifications stand: waiting, sent, failed and why."""
        answer: DeliveriesBody = self._json('GET', '/api/v1/notifications', {'rule': rule, 'state': state, 'limit': limit})
        return answer

    def put_api_v1_prices(self, body: PricesRequest) -> PricesKeptBody:
        """Bring energy prices."""
        answer: PricesKeptBody = self._json('PUT', '/api/v1/prices', {}, body, 'application/json')
        return answer

    def get_api_v1_prices(self, *, from_: str | float | None = None, to: str | float | None = None) -> PricesBody:
        """Energy prices."""
        answer: PricesBody = self._json('GET', '/api/v1/prices', {'from': from_, 'to': to})
        return answer

    def post_api_v1_plan(self, body: PlanRequest) -> PlanBody:
        """Plan the batteries over a day with prices."""
        answer: PlanBody = self._json('POST', '/api/v1/plan', {}, body, 'application/json')
        return answer

    def post_api_v1_plan_plan_id_accept(self, plan_id: str) -> PlanAcceptedBody:
        """Write a plan into the schedule."""
        answer: PlanAcceptedBody = self._json('POST', f'/api/v1/plan/{_part(plan_id)}/accept', {})
        return answer

    def post_api_v1_commands_device_id(self, device_id: str, body: CommandBody) -> CommandAcceptedBody:
        """Tell a device to do something."""
        answer: CommandAcceptedBody = self._json('POST', f'/api/v1/commands/{_part(device_id)}', {}, body, 'application/json')
        return answer

    def get_api_v1_commands_device_id(self, device_id: str, *, limit: int | None = None, cursor: str | None = None, status: Literal['queued', 'acknowledged', 'executing', 'completed', 'failed', 'timeout'] | None = None) -> CommandHistoryBody:
        """Commands of a device, newest first."""
        answer: CommandHistoryBody = self._json('GET', f'/api/v1/commands/{_part(device_id)}', {'limit': limit, 'cursor': cursor, 'status': status})
        return answer

    def get_api_v1_commands_device_id_next(self, device_id: str, *, wait: float | None = None) -> NextBody:
        """What a device should do next; waits for it."""
        answer: NextBody = self._json('GET', f'/api/v1/commands/{_part(device_id)}/next', {'wait': wait})
        return answer

    def get_api_v1_commands_device_id_command_id(self, device_id: str, command_id: str) -> CommandView:
        """One command and what became of it."""
        answer: CommandView = self._json('GET', f'/api/v1/commands/{_part(device_id)}/{_part(command_id)}', {})
        return answer

    def post_api_v1_commands_device_id_command_id_response(self, device_id: str, command_id: str, body: CommandResponseBody) -> CommandView:
        """A device answers a command."""
        answer: CommandView = self._json('POST', f'/api/v1/commands/{_part(device_id)}/{_part(command_id)}/response', {}, body, 'application/json')
        return answer

    def post_api_v1_fleet_site_id_allocation(self, site_id: str, body: AllocationRequest) -> AllocationBody:
        """Allocate a power target to the batteries of a site."""
        answer: AllocationBody = self._json('POST', f'/api/v1/fleet/{_part(site_id)}/allocation', {}, body, 'application/json')
        return answer

    def get_api_v1_fleet_site_id_allocation_current(self, site_id: str) -> AllocationBody:
        """The allocation in force at a site."""
        answer: AllocationBody = self._json('GET', f'/api/v1/fleet/{_part(site_id)}/allocation/current', {})
        return answer

    def post_api_v1_coordinate(self, body: CoordinationRequest) -> CoordinationBody:
        """Split a demand over the batteries of the request."""
        answer: CoordinationBody = self._json('POST', '/api/v1/coordinate', {}, body, 'application/json')
        return answer

    def post_coordinate(self, body: CoordinationRequest) -> CoordinationBody:
        """Split a demand over the batteries of the request."""
        answer: CoordinationBody = self._json('POST', '/coordinate', {}, body, 'application/json')
        return answer

    def post_api_v1_devices(self, body: NewDevice) -> PulseDeviceBody:
        """Create a device."""
        answer: PulseDeviceBody = self._json('POST', '/api/v1/devices', {}, body, 'application/json')
        return answer

    def get_api_v1_devices(self, *, site_id: str | None = None, status: Literal['online', 'offline', 'error', 'maintenance'] | None = None, chemistry: Literal['LFP', 'NMC', 'LCO', 'NCA'] | None = None, limit: int | None = None, offset: int | None = None) -> PulseDevicesBody:
        """Devices, page by page."""
        answer: PulseDevicesBody = self._json('GET', '/api/v1/devices', {'site_id': site_id, 'status': status, 'chemistry': chemistry, 'limit': limit, 'offset': offset})
        return answer

    def post_api_v1_devices_register(self, body: Registration) -> PulseDeviceBody:
        """Register a device that introduces itself."""
        answer: PulseDeviceBody = self._json('POST', '/api/v1/devices/register', {}, body, 'application/json')
        return answer

    def post_devices_register(self, body: Registration) -> PulseDeviceBody:
        """Register a device that introduces itself."""
        answer: PulseDeviceBody = self._json('POST', '/devices/register', {}, body, 'application/json')
        return answer

    def get_api_v1_devices_device_id(self, device_id: str) -> PulseDeviceBody:
        """Configuration and state of a device."""
        answer: PulseDeviceBody = self._json('GET', f'/api/v1/devices/{_part(device_id)}', {})
        return answer

    def put_api_v1_devices_device_id(self, device_id: str, body: DeviceChange) -> PulseDeviceBody:
        """Change a device; `maintenance` locks it."""
        answer: PulseDeviceBody = self._json('PUT', f'/api/v1/devices/{_part(device_id)}', {}, body, 'application/json')
        return answer

    def delete_api_v1_devices_device_id(self, device_id: str) -> RemovedDeviceBody:
        """Take a device out of service; its readings are kept."""
        answer: RemovedDeviceBody = self._json('DELETE', f'/api/v1/devices/{_part(device_id)}', {})
        return answer

    def get_api_v1_devices_device_id_safety(self, device_id: str) -> SafetyOfDeviceBody:
        """Safety limits of a device."""
        answer: SafetyOfDeviceBody = self._json('GET', f'/api/v1/devices/{_part(device_id)}/safety', {})
        return answer

    def put_api_v1_devices_device_id_safety(self, device_id: str, body: SafetyConstraints) -> SafetyOfDeviceBody:
        """Change safety limits of a device."""
        answer: SafetyOfDeviceBody = self._json('PUT', f'/api/v1/devices/{_part(device_id)}/safety', {}, body, 'application/json')
        return answer

    def get_api_v1_fleet_status(self, *, site_id: str | None = None) -> FleetStatusBody:
        """The fleet of all sites now, or of one."""
        answer: FleetStatusBody = self._json('GET', '/api/v1/fleet/status', {'site_id': site_id})
        return answer

    def get_fleet_status(self, *, site_id: str | None = None) -> FleetStatusBody:
        """The fleet of all sites now, or of one."""
        answer: FleetStatusBody = self._json('GET', '/fleet/status', {'site_id': site_id})
        return answer

    def get_api_v1_fleet_site_id_status(self, site_id: str) -> FleetStatusBody:
        """The fleet of a site now."""
        answer: FleetStatusBody = self._json('GET', f'/api/v1/fleet/{_part(site_id)}/status', {})
        return answer

    def get_api_v1_fleet_site_id_summary(self, site_id: str) -> FleetSummaryBody:
        """The fleet's figures now."""
        answer: FleetSummaryBody = self._json('GET', f'/api/v1/fleet/{_part(site_id)}/summary', {})
        return answer

    def get_api_v1_fleet_site_id_devices(self, site_id: str, *, status: Literal['online', 'offline', 'error', 'maintenance'] | None = None, limit: int | None = None, offset: int | None = None) -> FleetDevicesBody:
        """The fleet's batteries, page by page."""
        answer: FleetDevicesBody = self._json('GET', f'/api/v1/fleet/{_part(site_id)}/devices', {'status': status, 'limit': limit, 'offset': offset})
        return answer

    def get_api_v1_fleet_site_id_alarms(self, site_id: str, *, start_time: str | float | None = None, end_time: str | float | None = None, severity: Literal['info', 'warning', 'critical'] | None = None, limit: int | None = None) -> FleetAlarmsBody:
        """Alarms of all devices of a site."""
        answer: FleetAlarmsBody = self._json('GET', f'/api/v1/fleet/{_part(site_id)}/alarms', {'start_time': start_time, 'end_time': end_time, 'severity': severity, 'limit': limit})
        return answer

    def get_api_v1_fleet_site_id_performance(self, site_id: str, *, period: Literal['1h', '24h', '7d', '30d'] | None = None) -> FleetPerformanceBody:
        """Energies, efficiency and availability of a fleet over the last hour, day, week or month."""
        answer: FleetPerformanceBody = self._json('GET', f'/api/v1/fleet/{_part(site_id)}/performance', {'period': period})
        return answer

    def post_api_v1_simulate(self, body: SimulationRequest) -> SimulationBody:
        """What a battery will do when asked for a profile of powers."""
        answer: SimulationBody = self._json('POST', '/api/v1/simulate', {}, body, 'application/json')
        return answer

    def post_simulate(self, body: SimulationRequest) -> SimulationBody:
        """What a battery will do when asked for a profile of powers."""
        answer: SimulationBody = self._json('POST', '/simulate', {}, body, 'application/json')
        return answer

    def post_api_v1_telemetry_store(self, body: dict[str, Any]) -> TelemetryStoredBody | TelemetrySpooledBody:
        """Store one message of a device, which names it."""
        answer: TelemetryStoredBody | TelemetrySpooledBody = self._json('POST', '/api/v1/telemetry/store', {}, body, 'application/json')
        return answer

    def post_telemetry_store(self, body: dict[str, Any]) -> TelemetryStoredBody | TelemetrySpooledBody:
        """Store one message of a device, which names it."""
        answer: TelemetryStoredBody | TelemetrySpooledBody = self._json('POST', '/telemetry/store', {}, body, 'application/json')
        return answer

    def post_api_v1_telemetry_device_id(self, device_id: str, body: dict[str, Any]) -> TelemetryStoredBody | TelemetrySpooledBody:
        """Store one message of a device."""
        answer: TelemetryStoredBody | TelemetrySpooledBody = self._json('POST', f'/api/v1/telemetry/{_part(device_id)}', {}, body, 'application/json')
        return answer

    def get_api_v1_telemetry_device_id(self, device_id: str, *, start_time: str | float | None = None, end_time: str | float | None = None, resolution: Literal['raw', 'minute', 'hour', 'day'] | None = None, metrics: list[Literal['voltage', 'current', 'power', 'temperature', 'soc', 'soh']] | None = None, limit: int | None = None, cursor: int | None = None) -> TelemetryHistoryBody:
        """What a device measured over a window."""
        answer: TelemetryHistoryBody = self._json('GET', f'/api/v1/telemetry/{_part(device_id)}', {'start_time': start_time, 'end_time': end_time, 'resolution': resolution, 'metrics': metrics, 'limit': limit, 'cursor': cursor})
        return answer

    def get_api_v1_telemetry_device_id_latest(self, device_id: str) -> TelemetryLatestBody:
        """What a device said last."""
        answer: TelemetryLatestBody = self._json('GET', f'/api/v1/telemetry/{_part(device_id)}/latest', {})
        return answer

    def get_api_v1_telemetry_device_id_summary(self, device_id: str, *, period: Literal['1h', '24h', '7d', '30d'] | None = None) -> TelemetrySummaryBody:
        """Statistics and energy of a device over the last hour, day, week or month."""
        answer: TelemetrySummaryBody = self._json('GET', f'/api/v1/telemetry/{_part(device_id)}/summary', {'period': period})
        return answer

    def get_api_v1_telemetry_device_id_alarms(self, device_id: str, *, start_time: str | float | None = None, end_time: str | float | None = None, severity: Literal['info', 'warning', 'critical'] | None = None, limit: int | None = None) -> TelemetryAlarmsBody:
        """Alarms of a device."""
        answer: TelemetryAlarmsBody = self._json('GET', f'/api/v1/telemetry/{_part(device_id)}/alarms', {'start_time': start_time, 'end_time': end_time, 'severity': severity, 'limit': limit})
        return answer

    def get_api_v1_twin_device_id(self, device_id: str, *, hours: float | None = None) -> TwinBody:
        """A battery's digital twin: state, predicted and measured voltage and temperature, residuals."""
        answer: TwinBody = self._json('GET', f'/api/v1/twin/{_part(device_id)}', {'hours': hours})
        return answer

    def get_api_v1_pv_days(self, *, device: str, from_: str | float, to: str | float) -> PvDaysBody:
        """An inverter's days: yield, performance ratio, losses by kind."""
        answer: PvDaysBody = self._json('GET', '/api/v1/pv/days', {'device': device, 'from': from_, 'to': to})
        return answer

    def post_api_v1_readings(self, body: Sequence[dict[str, Any]] | dict[str, Any], *, dry_run: bool | None = None) -> AcceptedBody | SpooledBody:
        """Store readings of any devices; good rows are kept, bad ones reported."""
        answer: AcceptedBody | SpooledBody = self._json('POST', '/api/v1/readings', {'dry_run': dry_run}, body, 'application/json')
        return answer

    def get_api_v1_metrics_catalogue(self) -> CatalogueBody:
        """Every quantity, with unit and range."""
        answer: CatalogueBody = self._json('GET', '/api/v1/metrics/catalogue', {})
        return answer

    def get_api_v1_devices_device_id_latest(self, device_id: str, *, kind: str | None = None) -> NewestBody:
        """Newest values of a device."""
        answer: NewestBody = self._json('GET', f'/api/v1/devices/{_part(device_id)}/latest', {'kind': kind})
        return answer

    def post_api_v1_reports(self, body: ReportOrder) -> ReportBody:
        """Ask for the report of a month."""
        answer: ReportBody = self._json('POST', '/api/v1/reports', {}, body, 'application/json')
        return answer

    def get_api_v1_reports(self) -> ReportsBody:
        """The reports of the site, newest first."""
        answer: ReportsBody = self._json('GET', '/api/v1/reports', {})
        return answer

    def get_api_v1_reports_report_id(self, report_id: str) -> ReportBody:
        """How far a report is."""
        answer: ReportBody = self._json('GET', f'/api/v1/reports/{_part(report_id)}', {})
        return answer

    def delete_api_v1_reports_report_id(self, report_id: str) -> None:
        """Cancel a report, or remove a finished one."""
        self._json('DELETE', f'/api/v1/reports/{_part(report_id)}', {})

    def get_api_v1_reports_report_id_file(self, report_id: str) -> bytes:
        """The finished PDF."""
        return self._bytes('GET', f'/api/v1/reports/{_part(report_id)}/file', {})

    def get_root(self) -> InfoBody:
        """Service info for programs; browsers get the dashboard."""
        answer: InfoBody = self._json('GET', '/', {})
        return answer

    def get_health(self) -> HealthBody:
        """Is the process running."""
        answer: HealthBody = self._json('GET', '/health', {})
        return answer

    def get_health_live(self) -> LiveBody:
        """Liveness probe."""
        answer: LiveBody = self._json('GET', '/health/live', {})
        return answer

    def get_health_ready(self) -> ReadyBody:
        """Readiness probe."""
        answer: ReadyBody = self._json('GET', '/health/ready', {})
        return answer

    def get_health_detailed(self) -> DetailedBody:
        """State of every part."""
        answer: DetailedBody = self._json('GET', '/health/detailed', {})
        return answer

    def get_api_health(self) -> ShortBody:
        """Health of API and database."""
        answer: ShortBody = self._json('GET', '/api/health', {})
        return answer

    def get_api_v1_health(self) -> MeasuredBody:
        """Health with figures."""
        answer: MeasuredBody = self._json('GET', '/api/v1/health', {})
        return answer

    def get_metrics(self) -> bytes:
        """Figures for Prometheus."""
        return self._bytes('GET', '/metrics', {})

    def get_api_v1_series(self, *, device: str, metric: str, from_: str | float, to: str | float, points: int | None = None, resolution: Literal['raw', '1m', '15m', '1h', '1d'] | None = None, agg: Literal['mean', 'min', 'max', 'last', 'sum'] | None = None, tz: str | None = None, as_of: str | float | None = None, format: Literal['json', 'csv', 'parquet', 'arrow', 'xlsx'] | None = None) -> _Answer:
        """History in buckets, as JSON or as a file."""
        answer: _Answer = self._json('GET', '/api/v1/series', {'device': device, 'metric': metric, 'from': from_, 'to': to, 'points': points, 'resolution': resolution, 'agg': agg, 'tz': tz, 'as_of': as_of, 'format': format})
        return answer

    def get_api_v1_series_file(self, *, device: str, metric: str, from_: str | float, to: str | float, points: int | None = None, resolution: Literal['raw', '1m', '15m', '1h', '1d'] | None = None, agg: Literal['mean', 'min', 'max', 'last', 'sum'] | None = None, tz: str | None = None, as_of: str | float | None = None, format: Literal['json', 'csv', 'parquet', 'arrow', 'xlsx'] | None = None) -> bytes:
        """History in buckets, as JSON or as a file. As bytes, in the format asked for."""
        return self._bytes('GET', '/api/v1/series', {'device': device, 'metric': metric, 'from': from_, 'to': to, 'points': points, 'resolution': resolution, 'agg': agg, 'tz': tz, 'as_of': as_of, 'format': format})

    def get_api_v1_settlement(self, *, from_: str | float | None = None, to: str | float | None = None) -> SettlementBody:
        """How awarded hours stand."""
        answer: SettlementBody = self._json('GET', '/api/v1/settlement', {'from': from_, 'to': to})
        return answer

    def get_api_v1_settlement_replay(self, *, from_: str | float | None = None, to: str | float | None = None, product: Literal['dreg0.25', 'dreg0.5', 'edreg', 'efr1', 'efr2', 'sreg', None] | None = None, power: float | None = None, price: float | None = None, racks: int | None = None, limit: float | None = None, soc_min: float | None = None, soc_max: float | None = None, method: Literal['measured', 'controlled'] | None = None) -> ReplayBody:
        """Awarded hours under another bid or limit."""
        answer: ReplayBody = self._json('GET', '/api/v1/settlement/replay', {'from': from_, 'to': to, 'product': product, 'power': power, 'price': price, 'racks': racks, 'limit': limit, 'soc_min': soc_min, 'soc_max': soc_max, 'method': method})
        return answer

    def get_api_v1_analysis_power_loss(self, *, start_time: str) -> LossBody:
        """Losses and efficiency by day."""
        answer: LossBody = self._json('GET', '/api/v1/analysis/power-loss', {'start_time': start_time})
        return answer

    def get_api_v1_analysis_power_io(self, *, select_time: str, data_type: Literal['daily', 'monthly'] | None = None) -> InOutBody:
        """Energy out and in by hour or day."""
        answer: InOutBody = self._json('GET', '/api/v1/analysis/power-io', {'select_time': select_time, 'data_type': data_type})
        return answer

    def get_api_v1_analysis_freq_power(self, *, date_period: int, select_time: str | None = None, select_mode: Literal['normalMode', 'selectTimeMode'] | None = None) -> FreqPowerBody:
        """Frequency, power and what the frequency asks for."""
        answer: FreqPowerBody = self._json('GET', '/api/v1/analysis/freq-power', {'date_period': date_period, 'select_time': select_time, 'select_mode': select_mode})
        return answer

    def get_api_v1_bess_bess_number(self, bess_number: int) -> RackTableBody:
        """A BESS unit as a table of its racks."""
        answer: RackTableBody = self._json('GET', f'/api/v1/bess/{_part(bess_number)}', {})
        return answer

    def get_api_v1_bess_alert_rack_rack_number(self, rack_number: str, *, bess: int | None = None, lang: Literal['zh', 'zh-TW', 'en', 'es'] | None = None) -> RackAlertBody:
        """Alerts of a rack's batteries and BAMS."""
        answer: RackAlertBody = self._json('GET', f'/api/v1/bess/alert/rack/{_part(rack_number)}', {'bess': bess, 'lang': lang})
        return answer

    def get_api_v1_config_sidebar(self) -> SidebarBody:
        """How large the plant is."""
        answer: SidebarBody = self._json('GET', '/api/v1/config/sidebar', {})
        return answer

    def get_api_v1_config_header(self) -> HeaderBody:
        """What asks for attention."""
        answer: HeaderBody = self._json('GET', '/api/v1/config/header', {})
        return answer

    def get_api_v1_inverter(self, *, number: int | None = None) -> InverterBody:
        """An inverter: figures, MPPT, strings, phases."""
        answer: InverterBody = self._json('GET', '/api/v1/inverter', {'number': number})
        return answer

    def get_api_v1_meters(self) -> MetersBody:
        """All meters."""
        answer: MetersBody = self._json('GET', '/api/v1/meters', {})
        return answer

    def get_api_v1_meters_aux(self, *, time: str | None = None, data_type: Literal['chart', 'summary'] | None = None) -> AuxBody:
        """The auxiliary feeder on one day."""
        answer: AuxBody = self._json('GET', '/api/v1/meters/aux', {'time': time, 'data_type': data_type})
        return answer

    def get_api_v1_pcs_pcs_number(self, pcs_number: int) -> PcsUnitBody:
        """A PCS unit."""
        answer: PcsUnitBody = self._json('GET', f'/api/v1/pcs/{_part(pcs_number)}', {})
        return answer

    def get_api_v1_pcs_alert(self, *, pcs: int | None = None) -> PcsAlertBody:
        """Status words of the PCS."""
        answer: PcsAlertBody = self._json('GET', '/api/v1/pcs/alert', {'pcs': pcs})
        return answer

    def get_api_v1_schedule(self, *, mode: Literal['all', 'dreg', 'dreg0.25', 'dreg0.5', 'edreg', 'sreg', 'spinning', 'supplemental', 'efr', 'test_mode', 'step', 'scan', 'full_power', 'arbitrage', 'spinning_call', 'supplemental_call'] | None = None, weeks: int | None = None) -> ScheduleBody:
        """Awards and offers."""
        answer: ScheduleBody = self._json('GET', '/api/v1/schedule', {'mode': mode, 'weeks': weeks})
        return answer

    def get_api_v1_schedule_income_daily(self, *, start_time: str | None = None) -> DailyBody:
        """Income of a day by hour."""
        answer: DailyBody = self._json('GET', '/api/v1/schedule/income/daily', {'start_time': start_time})
        return answer

    def get_api_v1_schedule_income_monthly(self, *, start_time: str) -> MonthlyBody:
        """Income of a month by day."""
        answer: MonthlyBody = self._json('GET', '/api/v1/schedule/income/monthly', {'start_time': start_time})
        return answer

    def get_api_v1_schedule_exec_rate(self, *, date: str, data_type: Literal['exec_rate', 'roll_exec_rate', 'hour_exec_rate'] | None = None, minutes: int | None = None) -> RateBody:
        """Execution rate as a series."""
        answer: RateBody = self._json('GET', '/api/v1/schedule/exec-rate', {'date': date, 'data_type': data_type, 'minutes': minutes})
        return answer

    def post_api_v1_schedule_events(self, body: dict[str, Any] | Sequence[dict[str, Any]]) -> EventsAnswer:
        """Add awards, all or none."""
        answer: EventsAnswer = self._json('POST', '/api/v1/schedule/events', {}, body, 'application/json')
        return answer

    def post_api_v1_schedule_events_import(self, body: str | bytes) -> EventsAnswer:
        """Add awards from a table (CSV), all or none."""
        answer: EventsAnswer = self._json('POST', '/api/v1/schedule/events/import', {}, body, 'text/csv')
        return answer

    def put_api_v1_schedule_events_index(self, index: int, body: EventBody) -> EventAnswer:
        """Replace an award."""
        answer: EventAnswer = self._json('PUT', f'/api/v1/schedule/events/{_part(index)}', {}, body, 'application/json')
        return answer

    def delete_api_v1_schedule_events_index(self, index: int) -> EventAnswer:
        """Remove an award."""
        answer: EventAnswer = self._json('DELETE', f'/api/v1/schedule/events/{_part(index)}', {})
        return answer

    def get_api_v1_system_overview(self) -> SystemOverviewBody:
        """The plant in a few figures."""
        answer: SystemOverviewBody = self._json('GET', '/api/v1/system/overview', {})
        return answer

    def get_api_v1_system_topology(self) -> TopologyBody:
        """The stores configured and whether they answer."""
        answer: TopologyBody = self._json('GET', '/api/v1/system/topology', {})
        return answer

    def get_bms_device_id_stream(self, device_id: str, *, interval: float | None = None) -> Iterator[Any]:
        """Live BMS readings as server-sent events."""
        return self._events('GET', f'/bms/{_part(device_id)}/stream', {'interval': interval})

    def get_pcs_device_id_stream(self, device_id: str, *, interval: float | None = None) -> Iterator[Any]:
        """Live PCS readings as server-sent events."""
        return self._events('GET', f'/pcs/{_part(device_id)}/stream', {'interval': interval})

    def get_bess_device_id_stream(self, device_id: str, *, interval: float | None = None) -> Iterator[Any]:
        """Live BMS and PCS readings as server-sent events."""
        return self._events('GET', f'/bess/{_part(device_id)}/stream', {'interval': interval})

    def get_api_v1_users(self) -> UsersBody:
        """All users."""
        answer: UsersBody = self._json('GET', '/api/v1/users', {})
        return answer

    def post_api_v1_users(self, body: NewUser) -> AccountBody:
        """Add a user."""
        answer: AccountBody = self._json('POST', '/api/v1/users', {}, body, 'application/json')
        return answer

    def get_api_v1_users_username(self, username: str) -> AccountBody:
        """One user."""
        answer: AccountBody = self._json('GET', f'/api/v1/users/{_part(username)}', {})
        return answer

    def put_api_v1_users_username(self, username: str, body: UserChange) -> AccountBody:
        """Change roles, password, e-mail, or let in and shut out."""
        answer: AccountBody = self._json('PUT', f'/api/v1/users/{_part(username)}', {}, body, 'application/json')
        return answer

    def delete_api_v1_users_username(self, username: str) -> AccountBody:
        """Shut a user out."""
        answer: AccountBody = self._json('DELETE', f'/api/v1/users/{_part(username)}', {})
        return answer

    def put_api_v1_auth_password(self, body: OwnPassword) -> FreshTokens:
        """One's own new password."""
        answer: FreshTokens = self._json('PUT', '/api/v1/auth/password', {}, body, 'application/json')
        return answer

    def get_api_v1_audit(self, *, limit: int | None = None, cursor: str | None = None) -> AuditBody:
        """Who did what, newest first."""
        answer: AuditBody = self._json('GET', '/api/v1/audit', {'limit': limit, 'cursor': cursor})
        return answer

    def get_api_v1_vectors(self, *, device: str, metric: str, from_: str | float, to: str | float, points: int | None = None, view: Literal['heatmap', 'distribution'] | None = None, tz: str | None = None, as_of: str | float | None = None) -> VectorsAnswer:
        """Cells, strings or MPPTs over time: heat map or distribution."""
        answer: VectorsAnswer = self._json('GET', '/api/v1/vectors', {'device': device, 'metric': metric, 'from': from_, 'to': to, 'points': points, 'view': view, 'tz': tz, 'as_of': as_of})
        return answer

    def post_api_telemetry(self, body: Sequence[dict[str, Any]]) -> InsertedBody | SpooledSamplesBody:
        """Store a batch of vehicle samples, all or none."""
        answer: InsertedBody | SpooledSamplesBody = self._json('POST', '/api/telemetry', {}, body, 'application/json')
        return answer

    def post_api_telemetry_ingest(self, body: Sequence[dict[str, Any]]) -> InsertedBody | SpooledSamplesBody:
        """Store a batch of vehicle samples, all or none."""
        answer: InsertedBody | SpooledSamplesBody = self._json('POST', '/api/telemetry/ingest', {}, body, 'application/json')
        return answer

    def get_api_vehicles(self, *, limit: int | None = None, cursor: str | None = None) -> VehiclesBody:
        """All vehicles with their newest state."""
        answer: VehiclesBody = self._json('GET', '/api/vehicles', {'limit': limit, 'cursor': cursor})
        return answer

    def get_api_vehicles_vin_latest(self, vin: str) -> LatestBody:
        """Newest state of a vehicle."""
        answer: LatestBody = self._json('GET', f'/api/vehicles/{_part(vin)}/latest', {})
        return answer

    def get_api_telemetry_latest(self, *, vin: str) -> LatestBody:
        """Newest state of a vehicle, VIN as parameter."""
        answer: LatestBody = self._json('GET', '/api/telemetry/latest', {'vin': vin})
        return answer

    def get_api_vehicles_vin_summary(self, vin: str, *, from_ts: str | float, to_ts: str | float) -> SummaryBody:
        """Extremes of a vehicle over a window."""
        answer: SummaryBody = self._json('GET', f'/api/vehicles/{_part(vin)}/summary', {'from_ts': from_ts, 'to_ts': to_ts})
        return answer

    def get_api_telemetry_summary(self, *, vin: str, from_ts: str | float, to_ts: str | float) -> SummaryBody:
        """Extremes of a vehicle over a window, VIN as parameter."""
        answer: SummaryBody = self._json('GET', '/api/telemetry/summary', {'vin': vin, 'from_ts': from_ts, 'to_ts': to_ts})
        return answer

    def get_api_vehicles_vin_anomalies(self, vin: str, *, from_ts: str | float | None = None, to_ts: str | float | None = None) -> AnomaliesBody:
        """Samples that break a rule."""
        answer: AnomaliesBody = self._json('GET', f'/api/vehicles/{_part(vin)}/anomalies', {'from_ts': from_ts, 'to_ts': to_ts})
        return answer

    def get_api_vehicles_vin_history(self, vin: str, *, from_ts: str | float | None = None, to_ts: str | float | None = None, limit: int | None = None, cursor: int | None = None) -> HistoryBody:
        """Samples of a vehicle, page by page."""
        answer: HistoryBody = self._json('GET', f'/api/vehicles/{_part(vin)}/history', {'from_ts': from_ts, 'to_ts': to_ts, 'limit': limit, 'cursor': cursor})
        return answer
