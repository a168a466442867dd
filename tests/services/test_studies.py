"""Studies: when they are due, what becomes of one that fails, and that results are read as they were kept."""

import sys
import types

import pytest

from datastore.open import open_store
from plant.errors import Unavailable
from services import jobs, studies
from services.studies import Stopped, Study

HOUR = 3_600_000


class Clock:
    now = 1_769_212_800_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    opened = open_store(f"sqlite:///{tmp_path / 'plant.db'}", "Asia/Taipei", clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def work(monkeypatch):
    """Functions by name in a module that studies can name."""
    module = types.ModuleType("studies_of_this_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def add(name, function, every_s=3600):
        setattr(module, name, function)
        return Study(name, every_s, f"{module.__name__}:{name}")

    return add


def nothing(store, now, tell):
    tell(1.0)


def told(_share):
    pass


def test_a_study_is_due_at_first_and_again_when_its_time_has_passed(store, clock, work):
    study = work("hourly", nothing)
    assert studies.due(store.records, clock.now, [study]) == [study]
    assert studies.perform(store, study, told)
    assert studies.due(store.records, clock.now + HOUR - 1, [study]) == []
    assert studies.due(store.records, clock.now + HOUR, [study]) == [study]


def test_the_longest_overdue_comes_first(store, clock, work):
    early, late = work("early", nothing, 60), work("late", nothing, 600)
    for study in (early, late):
        studies.perform(store, study, told)
    assert studies.due(store.records, clock.now + HOUR, [late, early]) == [early, late]


def test_what_was_asked_for_is_due_at_once(store, clock, work):
    study = work("hourly", nothing)
    studies.perform(store, study, told)
    studies.request(store.records, "hourly", clock.now + 5)
    assert studies.due(store.records, clock.now + 5, [study]) == [study]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unavailable("the meter does not answer"), "the meter does not answer"),
        (ZeroDivisionError("1/0"), "ZeroDivisionError; the server's log says more"),
    ],
)
def test_one_that_fails_says_why_and_waits_for_its_next_time(store, clock, work, error, reason):
    def fails(store, now, tell):
        raise error

    study = work("fails", fails)
    assert not studies.perform(store, study, told)
    assert studies.standing(store.records)["fails"]["reason"] == reason
    assert studies.due(store.records, clock.now, [study]) == []


def test_one_that_kills_its_process_is_not_begun_again_at_once(store, clock, work):
    def killed(store, now, tell):
        raise SystemExit

    study = work("killed", killed)
    with pytest.raises(SystemExit):
        studies.perform(store, study, told)
    assert studies.due(store.records, clock.now, [study]) == []


def test_one_that_was_stopped_is_due_again(store, clock, work):
    def stop(_share):
        raise Stopped

    study = work("long", nothing)
    with pytest.raises(Stopped):
        studies.perform(store, study, stop)
    assert studies.due(store.records, clock.now, [study]) == [study]


def test_a_result_replaces_the_one_before_and_is_read_as_it_was_kept(store, clock):
    studies.keep_result(store.records, "forecast", "bess01", clock.now, {"mae": 1.5})
    studies.keep_result(store.records, "forecast", "bess01", clock.now + 1, {"mae": 1.25, "method": "persistence"})
    studies.keep_result(store.records, "forecast", "bess02", clock.now, {"mae": None})
    studies.keep_result(store.records, "other", "bess01", clock.now, {})
    kept = studies.result(store.records, "forecast", "bess01")
    assert (kept.at, kept.body) == (clock.now + 1, {"mae": 1.25, "method": "persistence"})
    assert {entry.subject for entry in studies.results(store.records, "forecast")} == {"bess01", "bess02"}
    studies.drop_result(store.records, "forecast", "bess01")
    assert studies.result(store.records, "forecast", "bess01") is None


def test_the_job_process_does_what_is_due_once(store, clock, work, tmp_path, monkeypatch):
    done = []
    study = work("counted", lambda store, now, tell: done.append(now))
    monkeypatch.setattr(studies, "STUDIES", (study,))
    for _ in range(2):
        jobs.Worker(store, tmp_path / "exports", 7, 1 << 30, studying=True).work()
    assert done == [clock.now]
    clock.now += HOUR
    jobs.Worker(store, tmp_path / "exports", 7, 1 << 30, studying=False).work()
    assert len(done) == 1
    jobs.Worker(store, tmp_path / "exports", 7, 1 << 30, studying=True).work()
    assert done == [clock.now - HOUR, clock.now]


def test_every_study_of_the_product_names_a_function_that_is_there():
    import importlib

    for study in studies.STUDIES:
        module, _, name = study.function.partition(":")
        assert callable(getattr(importlib.import_module(module), name)), study
    assert len({study.name for study in studies.STUDIES}) == len(studies.STUDIES)
