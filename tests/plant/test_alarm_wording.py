"""What alarms say in the three languages: limits, words, silence, strings, and what devices say of themselves."""

import pytest

from plant.alarm_wording import LANGUAGES, sentence
from plant.analysis.alarms import limit_condition, watched
from plant.analysis.peers import charge_condition, string_conditions
from plant.metrics import CATALOGUE
from plant.model import Alarm, Kind


def alarm(code, metric="", value=None, limit=None, message="The device's own words", kind="rack"):
    return Alarm("d1", kind, code, "warning", message, 0, metric, value, limit)


def said(one, info=None):
    return [sentence(one, info or {}, lang) for lang in LANGUAGES]


@pytest.mark.parametrize("kind", list(Kind))
def test_every_limit_there_is_has_a_sentence_of_its_own_in_every_language(kind):
    for rule in watched(kind):
        for limit in rule.limits:
            found = limit_condition(limit, limit.threshold + limit.side, "d1")
            texts = said(Alarm("d1", kind, found.code, found.severity, found.message, 0, found.metric, found.value, found.limit))
            assert found.message not in texts
            assert texts == [text.replace("?", "") for text in texts]
            assert all(CATALOGUE[limit.metric].label(lang) in text for lang, text in zip(LANGUAGES, texts, strict=True))
            assert all((" > " if limit.side > 0 else " < ") in text for text in texts)


def test_a_value_at_the_limit_says_so():
    assert said(alarm("HIGH_TEMP", "max_temp", 60.0, 60.0, kind="vehicle"))[0].endswith("60.0 °C ≥ 60.0 °C")
    assert said(alarm("LOW_SOC", "soc", 10.0, 10.0, kind="vehicle"))[0].endswith("10.0 % ≤ 10.0 %")


def test_silence_and_branches():
    assert said(alarm("DEVICE_SILENT", value=75.4)) == ["No reading for 75 s", "已 75 秒無讀值", "Sin lecturas desde hace 75 s"]
    assert said(alarm("BRANCH_SILENT", value=61.0))[1] == "其下所有設備已 61 秒無回應"


def test_a_rack_apart_from_its_neighbours():
    found = charge_condition(44.9, 50.0, "d1")
    texts = said(alarm(found.code, found.metric, found.value, found.limit))
    assert texts[0] == "State of charge 5.1 points from the middle of its unit's racks (limit 3.0)"
    assert "5.1" in texts[1] and "3.0" in texts[2] and len(set(texts)) == 3


def test_an_open_string_names_itself_and_the_middle_of_the_others():
    (found,) = string_conditions([8.0, 0.0, 8.2], "d1")
    texts = said(alarm(found.code, found.metric, found.value, found.limit))
    assert texts[0] == "String 2 carries 0.0 A while the middle of the strings is 8.0 A: it may be open"
    assert texts[1] == "組串 2 電流為 0.0 A，各組串中位數為 8.0 A：可能斷路"


def test_bits_are_decoded_with_the_makers_texts():
    info = {"words": {"battery_alarm": [{"zh": "單體壓差過大", "en": "cells apart"}, "warm"]}}
    one = alarm("BATTERY_3_ALARM", "battery_alarm", 1.0, 0.0)
    assert [text.split(": ")[-1] for text in said(one, info)] == ["cells apart (0x0001)", "單體壓差過大 (0x0001)", "cells apart (0x0001)"]
    assert said(one)[0].startswith("Module 3 · ") and said(one)[1].startswith("模組 3 · ") and said(one)[2].startswith("Módulo 3 · ")


def test_a_devices_own_alarm_is_said_by_its_code_where_that_is_plain():
    one = alarm("high_temp_warning", "alarm_flags", 57.2, 55.0, "Cell temperature above warning threshold")
    assert said(one) == ["Cell temperature above warning threshold", "溫度過高 (57.2 / 55.0)", "Temperatura demasiado alta (57.2 / 55.0)"]


def test_a_code_nobody_can_read_keeps_the_devices_words_until_its_maker_translates_it():
    one = alarm("DEVICE:TEMP_001", "alarm_flags", message="Too warm in here")
    assert said(one) == ["Too warm in here"] * 3
    info = {"alarms": {"TEMP_001": {"en": "Cell too warm", "zh": "電芯過熱", "es": "Celda demasiado caliente"}}}
    assert said(one, info) == ["Cell too warm", "電芯過熱", "Celda demasiado caliente"]
