"""What several change at once is not lost."""

from dataclasses import replace

import pytest

from datastore.backends.memory_records import MemoryRecords
from plant.model import Alarm
from services.open_alarms import amend

FIRE = Alarm("bess01", "bess", "HIGH_TEMP", "alarm", "61 °C", 1_000)


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords(lambda: 5_000)


def test_an_acknowledgement_made_meanwhile_stays_when_the_alarm_clears(records):
    read = records.put_alarm(FIRE)
    records.put_alarm(replace(read, acknowledged=2_000, acknowledged_by="ana"))
    over = amend(records, read, lambda was: replace(was, cleared=3_000))
    assert over == records.alarm(read.id) == replace(read, acknowledged=2_000, acknowledged_by="ana", cleared=3_000)


def test_one_that_another_cleared_first_stays_as_that_one_left_it(records):
    read = records.put_alarm(FIRE)
    cleared = records.put_alarm(replace(read, cleared=2_000))
    assert amend(records, read, lambda was: replace(was, cleared=3_000)) is None
    assert records.alarm(read.id) == cleared


def test_one_that_is_not_kept_any_more_is_over(records):
    assert amend(records, replace(FIRE, id=99), lambda was: replace(was, cleared=3_000)) is None
