"""Numbers of units and racks from their ids, and words of bits in words of people."""

import pytest

from plant.numbering import numbered, unit_of
from plant.wording import function, meanings, word_text


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([], {}),
        (["bess10", "bess2", "bess01"], {1: "bess01", 2: "bess2", 10: "bess10"}),
        (["bess01", "bess1"], {1: "bess01", 2: "bess1"}),
        (["bess02", "north", "south"], {1: "north", 2: "bess02", 3: "south"}),
        (["bess0", "pack-20240601", "ZHPESS232A230002"], {1: "bess0", 2: "pack-20240601", 3: "ZHPESS232A230002"}),
    ],
)
def test_ids_keep_the_numbers_they_name_and_the_others_take_what_is_left(ids, expected):
    found = numbered(ids)
    assert found == expected
    assert list(found) == sorted(found) and sorted(found.values()) == sorted(ids)


@pytest.mark.parametrize(
    ("rack", "parent", "unit"),
    [("bess03-rack07", None, "bess03"), ("BESS3_Rack7", None, "BESS3"), ("bess03-rack07", "north", "north"), ("rack07", None, None)],
)
def test_a_rack_stands_in_its_parent_or_where_its_id_says(rack, parent, unit):
    assert unit_of(rack, parent) == unit


@pytest.mark.parametrize(
    ("word", "lang", "text"),
    [
        (0, "zh", "正常"),
        (0, "es", "Normal"),
        (5, "zh", "高溫、位元 2 (0x0005)"),
        (5, "en", "hot, bit 2 (0x0005)"),
        (-32768, "en", "bit 15 (0x8000)"),
    ],
)
def test_a_word_says_what_its_bits_mean(word, lang, text):
    info = {"words": {"battery_alarm": [{"en": "hot", "zh": "高溫"}]}}
    assert word_text(word, lang, meanings(info, "battery_alarm", lang)) == text


@pytest.mark.parametrize("info", [{}, {"words": None}, {"words": []}, {"words": {"battery_alarm": 7}}, {"words": {"battery_alarm": {}}}])
def test_a_record_that_says_nothing_useful_means_nothing(info):
    assert meanings(info, "battery_alarm") == ()
    assert function(info, "battery_alarm", 64) == ""
