"""Anomalies in a real store: the study finds and keeps what was put in, its findings reach the analysis page in three languages, and the
alarm watch raises what rules and siblings see within five seconds."""

import numpy as np
import pytest

from dashboard.loads.findings import findings_table
from dashboard.scope import Scope
from datastore.open import open_store
from datastore.ports import Columns
from plant.alarm_wording import sentence
from plant.analysis.anomaly.finding import Finding
from plant.model import DAY, HOUR, QUARTER, Block, Device, Window
from services import anomalies
from services.alarming import AlarmWatch
from services.studies import result

NOW = 1_788_220_800_000
RACKS = [f"bess01-rack{k + 1:02d}" for k in range(6)]


@pytest.fixture
def store():
    opened = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    yield opened
    opened.close()


def six_racks(store, days: int, hot_from: int, width: int = QUARTER) -> None:
    """Racks of one unit over `days`; the fourth is 5 K too warm from `hot_from` on."""
    store.records.put_devices(
        [Device("bess01", "bess"), *(Device(name, "rack", parent="bess01", interval_s=width / 1000) for name in RACKS)]
    )
    at = np.arange(NOW - days * DAY, NOW, width, dtype=np.int64)
    load = np.sin(at / DAY * 2 * np.pi)
    for place, name in enumerate(RACKS):
        chance = np.random.default_rng(place)
        warm = np.round(26 + 2 * load + chance.normal(0, 0.1, at.size) + np.where((place == 3) & (at >= hot_from), 5.0, 0.0), 1)
        soc = np.round(50 + 20 * load + chance.normal(0, 0.1, at.size), 1)
        good = np.zeros(at.size, np.int64)
        store.telemetry.load(name, "rack", Columns(at, at + 100, good, {"cell_max_temp": warm, "soc": soc}))


def test_the_study_keeps_a_rack_that_grew_hot_and_nothing_of_the_others(store) -> None:
    pytest.importorskip("sklearn")
    six_racks(store, 9, NOW - 2 * DAY)
    anomalies.study(store, NOW, lambda share: None)
    found = anomalies.found(store)
    assert {one["device"] for one in found} == {"bess01-rack04"}
    (peers,) = [one for one in found if one["reason"] == "peers"]
    assert (peers["metric"], peers["severity"], peers["end"]) == ("cell_max_temp", "warning", None)
    assert abs(peers["start"] - (NOW - 2 * DAY)) <= HOUR
    assert peers["evidence"]["distance"] == pytest.approx(5.0, abs=0.4)
    assert result(store.records, "anomalies", "rack:bess01-rack04").body["method"] == anomalies.METHOD
    assert anomalies.found(store, Window(NOW - 9 * DAY, NOW - 5 * DAY)) == []


def test_what_is_over_is_forgotten_with_the_next_run(store) -> None:
    pytest.importorskip("sklearn")
    store.records.put_devices([Device("bess01-rack01", "rack", parent="bess01")])
    anomalies.keep_result(store.records, anomalies.STUDY, "rack:bess01-rack01", NOW - DAY, {"findings": []})
    anomalies.study(store, NOW, lambda share: None)
    assert anomalies.results(store.records, anomalies.STUDY) == []


@pytest.mark.parametrize(("lang", "word"), [("en", "from its siblings"), ("zh-TW", "偏離同類"), ("es", "de sus semejantes")])
def test_a_finding_is_a_sentence_with_its_numbers_and_leads_to_the_readings(store, lang: str, word: str) -> None:
    evidence = {"distance": 5.2, "z": 17.3, "usual": 0.1, "limit": 1.5, "times": 2.0}
    kept = {
        "device": "bess01-rack04", "kind": "rack", "metric": "cell_max_temp", "reason": "peers", "severity": "warning",
        "start": NOW - 3 * HOUR, "end": NOW - HOUR, "evidence": evidence, "part": None,
    }  # fmt: skip
    anomalies.keep_result(store.records, anomalies.STUDY, "rack:bess01-rack04", NOW, {"findings": [kept]})
    table = findings_table(store, Scope(lang=lang, zone="Asia/Taipei", start=NOW - DAY, end=NOW))
    assert word in table.columns["finding"][0] and "5.2 K" in table.columns["finding"][0] and "17.3" in table.columns["finding"][0]
    assert table.columns["times"] == [2]
    link = table.more["sheet"].links["0", "device"]
    assert link.startswith("/explore?") and "device=bess01-rack04" in link and "metric=cell_max_temp" in link


@pytest.mark.parametrize(("reason", "rule"), [(reason, reason.partition("_")[0]) for reason in anomalies.REASONS])
def test_every_reason_has_its_sentence_and_rule_in_every_language(store, reason: str, rule: str) -> None:
    evidence = dict.fromkeys(("value", "limit", "count", "before", "after", "seconds", "usual", "per_hour", "distance", "z", "score"), 1.0)
    kept = {
        "device": "r", "kind": "rack", "metric": "soc", "reason": reason, "severity": "info", "start": NOW - HOUR, "end": None,
        "evidence": evidence, "part": None,
    }  # fmt: skip
    anomalies.keep_result(store.records, anomalies.STUDY, "rack:r", NOW, {"findings": [kept]})
    for lang in ("en", "zh-TW", "es"):
        table = findings_table(store, Scope(lang=lang, zone="Asia/Taipei", start=NOW - DAY, end=NOW))
        (text,), (named,) = table.columns["finding"], table.columns["rule"]
        assert "{" not in text and "anomaly." not in text and "analysis.rule" not in named


class Watched:
    """Six racks that speak each second to a real store, and the real alarm watch."""

    def __init__(self) -> None:
        self.now = NOW
        self.store = open_store("memory://", "Asia/Taipei", clock=lambda: self.now)
        self.store.records.put_devices([Device("bess01", "bess"), *(Device(name, "rack", parent="bess01") for name in RACKS)])
        self.watch = AlarmWatch(self.store, lambda: self.now)
        self.chance = np.random.default_rng(3)

    def second(self, **wrong: float):
        rows = []
        for place, name in enumerate(RACKS):
            values = {"soc": 50.0, "voltage": 830.0, "current": 60.0, "cell_max_temp": 27.0}
            values = {metric: float(round(x + self.chance.normal(0, 0.1), 1)) for metric, x in values.items()}
            if place == 3:
                values |= wrong
            rows.append((name, self.now, self.now, 0, *values.values()))
        self.store.intake.accept([Block("rack", ("soc", "voltage", "current", "cell_max_temp"), rows)])
        written = self.watch.step(self.now)
        self.now += 1000
        return written


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"cell_max_temp": 34.0}, "CELL_MAX_TEMP_DEVIATES"),
        ({"cell_max_temp": 80.6}, "CELL_MAX_TEMP_UNIT"),
        ({"current": -60.0}, "CURRENT_UNIT"),
        ({"voltage": 830_000.0}, "VOLTAGE_UNIT"),
        ({"soc": 250.0}, "SOC_IMPLAUSIBLE"),
    ],
)
def test_the_alarm_watch_raises_it_within_five_seconds_of_the_first_wrong_reading_and_clears_it(wrong, code: str) -> None:
    plant = Watched()
    try:
        for _ in range(15):
            assert plant.second() == []
        begun = plant.now
        raised = [alarm for _ in range(5) for alarm in plant.second(**wrong)]
        (alarm,) = [one for one in raised if one.code == code]
        assert (alarm.device_id, alarm.raised - begun) == ("bess01-rack04", 2000)
        assert all("{" not in sentence(alarm, {}, lang) for lang in ("en", "zh-TW", "es"))
        for _ in range(12 * 2):
            plant.second()
        assert code not in {one.code for one in plant.store.records.alarms()}
    finally:
        plant.store.close()


def test_what_shows_over_weeks_is_looked_at_in_every_sixth_run_and_kept_between(store, monkeypatch) -> None:
    six_racks(store, 1, NOW)
    looked: list[int] = []
    hot = Finding(
        "bess01-rack04", "rack", "soh", "peers", "warning", NOW - 5 * DAY, None, {"distance": 5.0, "z": 9.0, "usual": 0.1, "limit": 4.0}
    )

    def slowly(store, kind, devices, now):
        looked.append(now)
        return [hot] if now < NOW + 3 * HOUR else []

    monkeypatch.setattr(anomalies, "_slowly", slowly)
    heard = []
    for hour in range(12):
        anomalies.study(store, NOW + hour * HOUR, lambda share: None)
        heard.append(any(one["metric"] == "soh" for one in anomalies.found(store)))
    turns = [NOW + hour * HOUR for hour in range(1, 12) if (NOW // HOUR + hour) % anomalies.TURNS == 0]
    assert looked == [NOW, *turns] and 1 <= len(turns) <= 2
    last = next((at for at in turns if at >= NOW + 3 * HOUR), NOW + 12 * HOUR)  # found until somebody looks again and finds it gone
    assert heard == [NOW + hour * HOUR < last for hour in range(12)]


def test_cells_read_in_pieces_are_the_first_reading_of_each_hour(store) -> None:
    at = np.arange(NOW - 3 * DAY, NOW, 7 * 60_000, dtype=np.int64)
    volts = np.round(3.3 + np.arange(at.size)[:, None] * 1e-5 + np.arange(4) * 1e-3, 5)
    rack = Device("r", "rack", interval_s=420.0)
    store.records.put_devices([rack])
    store.telemetry.load("r", "rack", Columns(at, at, np.zeros(at.size, np.int64), {"cell_voltages": volts}))
    when, table = anomalies._thinned(store, rack, "cell_voltages", HOUR, NOW)
    first = np.array([np.flatnonzero(at // HOUR == hour)[0] for hour in range(int(at[0] // HOUR), NOW // HOUR)])
    assert when.tolist() == at[first].tolist()
    assert table.tolist() == volts[first].tolist()
