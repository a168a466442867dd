"""The demo plant in a store: a month of history once, then one second after another. Everything it writes is marked simulated."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

from datastore.ports import Columns
from datastore.store import Store
from plant.model import DAY, MINUTE, Window
from plant.simulation import Plant, State
from services.config import Config
from services.demo_apart import Done, history
from services.demo_devices import award, design_of, devices
from services.demo_history import Part, unknown
from services.demo_live import AHEAD, STATE, LivePlant, keep

__all__ = ["LivePlant", "fill", "is_filled"]

FILL = "demo_fill"
"""Setting that tells how far the history has come: `{"until", "now", "done", "state"}`."""

Progress = Callable[[float, str], None]


def is_filled(store: Store) -> bool:
    """Whether the demo history is complete in this store."""
    kept = store.records.setting(FILL)
    return bool(kept and kept.get("done"))


def fill(store: Store, config: Config, clock: Callable[[], int], progress: Progress | None = None) -> bool:
    """Register the demo plant and load its history of `config.demo_days` days up to now. Returns whether anything was done.

    Progress is kept after every slice, so a killed fill goes on where it was; what was loaded of the slice it died in is made
    again identically and recognised. `progress(fraction, text)` is called after every slice.
    """
    say = progress or (lambda _fraction, _text: None)
    records, design = store.records, design_of(config)
    kept: dict[str, Any] = records.setting(FILL) or {}
    if kept.get("done"):
        if records.setting(STATE) is None:  # killed between the two last writes
            records.put_setting(STATE, keep(State.from_json(kept["state"]), settled=True))
        return False
    plant, resumed = Plant(design), bool(kept)
    if not kept:
        now = clock() // MINUTE * MINUTE
        state = plant.newborn((now - config.demo_days * DAY) / 1000)
        kept = {"until": now, "done": False, "state": state.to_json()}
        records.put_devices(devices(design, config))
        award(records, design, Window(now - config.demo_days * DAY, now + AHEAD))
        records.put_setting(FILL, kept)
    state, until = State.from_json(kept["state"]), int(kept["until"])
    start = int(state.born * 1000)
    say((state.at * 1000 - start) / (until - start), f"simulating {config.demo_days} days of {len(devices(design, config))} devices")
    with closing(history(design, state, until, config.site_id, told=state.at > state.born)) as told:
        while (piece := _load_slice(store, told, resumed)) is not None:
            resumed, state = False, piece.after
            records.put_setting(FILL, {"until": until, "done": False, "state": state.to_json()})
            say((piece.until - start) / (until - start), f"{(piece.until - start) / DAY:.0f} of {config.demo_days} days of history stored")
    records.put_setting(FILL, {"until": until, "done": True, "state": state.to_json()})
    records.put_setting(STATE, keep(state, settled=True))
    return True


def _load_slice(store: Store, told: Iterator[Part | Done], resumed: bool) -> Done | None:
    """Store the parts of the next slice; returns its end, None when there is no further slice."""
    end: list[Done] = []

    def parts() -> Iterator[Part]:
        for message in told:
            if isinstance(message, Done):
                end.append(message)
                return
            yield message

    load(store, unknown(store, parts()) if resumed else parts())
    return end[0] if end else None


def load(store: Store, parts: Iterable[Part]) -> None:
    """Take the bulk road, with few commits where the store offers it."""
    many: Callable[[Iterable[tuple[str, str, Columns]]], int] | None = getattr(store.telemetry, "load_many", None)
    if many is not None:
        many((part.device, part.kind, part.whole()) for part in parts)
        return
    for part in parts:
        store.telemetry.load(part.device, part.kind, part.whole())
