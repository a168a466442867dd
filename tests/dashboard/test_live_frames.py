"""Frames: made for what is wanted, once, and no panel's failure stops the others."""

import logging
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest

from dashboard.live import Frames, split, start
from dashboard.page import Panel, Scope, Table
from datastore.open import open_store
from datastore.store import Store
from plant.model import Block
from services.config import Config

NOW = 1_795_276_800_000
ZONE = "Asia/Taipei"


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store("memory://", ZONE, clock=lambda: NOW)
    yield store
    store.close()


def panel(id: str, live: Any) -> Panel:
    return Panel(id, id, lambda store, scope: Table({}), lambda table, scope: None, live)


def heard(store: Store, topic: str) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = []
    store.live.subscribe(topic, lambda _, message: frames.append(orjson.loads(message)))
    return frames


def test_a_wanted_panel_gets_its_frame_with_topic_and_clock(store: Store) -> None:
    frames = heard(store, "panel:p?unit=3")
    seen: list[Scope] = []

    def live(store: Store, scope: Scope) -> dict[str, Any]:
        seen.append(scope)
        return {"at": NOW - 5, "text": {"a": "1"}}

    assert Frames(store, {"p": panel("p", live)}).step() == 1
    assert frames == [{"type": "frame", "topic": "panel:p?unit=3", "at": NOW - 5, "now": NOW, "text": {"a": "1"}}]
    assert seen == [Scope(unit=3, zone=ZONE)]


def test_two_viewers_cost_one_frame(store: Store) -> None:
    calls: list[int] = []
    viewers = [heard(store, "panel:p?") for _ in range(2)]
    Frames(store, {"p": panel("p", lambda store, scope: calls.append(1) or {})}).step()
    assert len(calls) == 1 and [len(frames) for frames in viewers] == [1, 1]


def test_nobody_looking_costs_nothing(store: Store) -> None:
    assert Frames(store, {"p": panel("p", lambda store, scope: pytest.fail("asked"))}).step() == 0


def test_missing_numbers_leave_as_null_and_arrays_as_lists(store: Store) -> None:
    frames = heard(store, "panel:p?")
    Frames(store, {"p": panel("p", lambda store, scope: {"restyle": [{"set": {"z": np.array([[1.5, np.nan]])}}]})}).step()
    assert frames[0]["restyle"] == [{"set": {"z": [[1.5, None]]}}]


def test_a_broken_panel_is_logged_once_and_the_others_go_on(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    good = heard(store, "panel:good?")
    heard(store, "panel:bad?")
    frames = Frames(store, {"bad": panel("bad", lambda store, scope: 1 / 0), "good": panel("good", lambda store, scope: {})})
    with caplog.at_level(logging.ERROR):
        assert [frames.step(), frames.step()] == [1, 1]
    assert len(good) == 2 and [record.message for record in caplog.records] == ["no frame for panel:bad?"]


@pytest.mark.parametrize("topic", ["panel:p?unit=abc", "panel:p?theme=light", "panel:p?live=0", "panel:p?nonsense=1", "panel:p"])
def test_only_the_canonical_topic_of_a_view_is_served(topic: str) -> None:
    """Else one view could be asked for under endless names, each costing a frame a second."""
    assert split(topic, ZONE) is None


def test_unknown_panels_are_left_alone(store: Store) -> None:
    heard(store, "panel:nobody?")
    assert Frames(store, {}).step() == 0


def test_a_panel_without_news_sends_nothing(store: Store) -> None:
    frames = heard(store, "panel:p?")
    assert Frames(store, {"p": panel("p", lambda store, scope: None)}).step() == 0 and frames == []


def test_the_producer_runs_until_it_is_stopped(store: Store) -> None:
    came = threading.Event()
    store.live.subscribe("panel:p?", lambda topic, message: came.set())
    frames = start(store, Config(), [panel("p", lambda store, scope: {})])
    assert came.wait(5)
    frames.stop()
    assert not any(thread.name == "frames" for thread in threading.enumerate())


def test_the_pulse_of_the_shell_tells_when_the_plant_was_last_heard(store: Store) -> None:
    from dashboard.shell import PANELS

    frames = heard(store, "panel:shell?")
    store.intake.accept([Block("bess", ("soc",), [("bess01", NOW - 3_000, NOW, 0, 55.0)])])
    Frames(store, {p.id: p for p in PANELS}).step()
    assert (frames[0]["at"], frames[0]["devices"]) == (NOW - 3_000, 1)
