"""The demo plant in a store: a complete, marked, crash-safe history, and a live plant that goes on without a jump."""

import multiprocessing
import time
from concurrent.futures import Future
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from datastore.backends.memory_records import MemoryRecords
from datastore.live import LiveBus
from datastore.messages import Messages
from datastore.ports import Extent
from datastore.store import Store
from plant.metrics import scalars_of, vectors_of
from plant.model import DAY, HOUR, MINUTE, Quality, Window
from plant.simulation import Plant, State
from services.config import Config
from services.demo import FILL, LivePlant, fill, is_filled
from services.demo_apart import Done, history
from services.demo_devices import design_of, devices, names
from services.demo_history import slices
from services.demo_live import AHEAD, STATE
from tests.pace import on_this_machine

NOW = 1_760_070_123_000  # 2025-10-10 04:22:03 UTC
CONFIG = Config(demo_days=2)
KEPT = ("site", "pcs05", "bess01-rack01", "bess07-rack04", "inverter02", "meter01", "bess03", "weather01")


class Recorder:
    """Remembers what some devices were told; counts everything."""

    def __init__(self, fails_after=None):
        self.loads, self.fails_after, self.parts, self.last = 0, fails_after, {}, {}

    def load(self, device_id, kind, columns):
        self.loads += 1
        if self.loads == self.fails_after:
            raise KeyboardInterrupt
        self.last[device_id] = int(columns.at[-1])
        if device_id in KEPT:
            for k, at in enumerate(columns.at.tolist()):
                self.parts.setdefault(device_id, {})[at] = (columns, k)
        return columns.at.size

    def extent(self, device_id, kind):
        last = self.last.get(device_id)
        return None if last is None else Extent(device_id, kind, 0, last)

    def bounds(self, device_id, kind):
        last = self.last.get(device_id)
        return None if last is None else (0, last)

    def told(self, device, metric):
        """(instants, values) of a metric where it speaks."""
        found = [(at, columns.values[metric][k]) for at, (columns, k) in sorted(self.parts[device].items()) if metric in columns.values]
        spoken = [(at, value) for at, value in found if not np.isnan(value).all()]
        return np.array([at for at, _ in spoken]), np.array([value for _, value in spoken])


class Inbox:
    """Stands for the intake: keeps the blocks it was given."""

    def __init__(self):
        self.blocks = []

    def submit(self, blocks):
        self.blocks.extend(blocks)
        done = Future()
        done.set_result([])
        return done


def store_of(telemetry, clock=lambda: NOW):
    records = MemoryRecords(clock)
    return Store(telemetry, records, LiveBus(), Inbox(), ZoneInfo("Asia/Taipei"), clock, Messages(records, clock))


@pytest.fixture(scope="module")
def filled():
    store = store_of(Recorder())
    steps = []
    assert fill(store, CONFIG, lambda: NOW, lambda share, text: steps.append((share, text)))
    return store, steps


def test_every_device_is_registered_with_parent_and_nameplate(filled):
    store, _ = filled
    known = {device.device_id: device for device in store.records.devices()}
    assert len(known) == 1 + 12 + 144 + 12 + 2 + 3 + 1
    assert all(device.simulated for device in known.values())
    rack = known["bess07-rack04"]
    # 252 cells × 3.2 V × 314 Ah
    assert (rack.parent, rack.rating["capacity_kwh"], rack.rating["capacity_ah"]) == ("bess07", 253.21, 314.0)
    assert known["bess07"].parent == "site"
    assert known["bess07"].rating["capacity_kwh"] == pytest.approx(12 * 253.21, abs=0.1)
    assert known["pcs07"].rating["power_kw"] == 1500


def test_history_reaches_from_its_first_minute_to_now(filled):
    store, _ = filled
    end = NOW // MINUTE * MINUTE
    at, soc = store.telemetry.told("bess03", "soc")
    assert (at[0], at[-1]) == (end - 2 * DAY + MINUTE, end)
    assert (np.diff(at) == MINUTE).all()
    assert 10 < soc.min() < soc.max() < 95


def test_the_site_is_told_every_second(filled):
    store, _ = filled
    for metric in ("frequency", "active_power", "target_power"):
        at, _ = store.telemetry.told("site", metric)
        seconds = (at[-1] - at[0]) // 1000 + 1
        assert seconds == 2 * 86_400
        assert 0.999 < at.size / seconds <= 1
    at, _ = store.telemetry.told("site", "soc")
    assert set(np.diff(at)) <= {MINUTE, 2 * MINUTE}


def test_cell_vectors_are_hourly_then_by_the_minute(filled):
    store, _ = filled
    at, volts = store.telemetry.told("bess01-rack01", "cell_voltages")
    end = NOW // MINUTE * MINUTE
    assert volts.shape[1] == 252
    old, fresh = at[at < end - DAY], at[at >= end - DAY]
    assert (old % HOUR == 0).all()
    assert old.size >= 22
    assert fresh.size > 1400
    at, strings = store.telemetry.told("inverter02", "string_currents")
    assert strings.shape[1] == 32
    assert (at[at < end - DAY] % (15 * MINUTE) == 0).all()


def test_everything_is_marked_simulated_and_received_after_it_happened(filled):
    store, _ = filled
    for rows in store.telemetry.parts.values():
        for at, (columns, k) in list(rows.items())[:3000]:
            assert columns.quality[k] & Quality.SIMULATED
            assert columns.received[k] > at


def test_awards_cover_the_past_and_two_days_ahead(filled):
    store, _ = filled
    events = store.records.events(Window(NOW - 3 * DAY, NOW + 3 * DAY))
    starts = [event.time_start for event in events]
    assert len(set(starts)) == len(starts) >= 4 * 24 - 2
    assert max(starts) >= NOW + AHEAD - 2 * HOUR
    assert all(event.simulated for event in events)


def test_progress_ends_at_one(filled):
    store, steps = filled
    shares = [share for share, _ in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert is_filled(store)


def test_a_second_fill_does_nothing(filled):
    store, _ = filled
    loads = store.telemetry.loads
    assert fill(store, CONFIG, lambda: NOW + DAY) is False
    assert store.telemetry.loads == loads


def test_a_killed_fill_goes_on_and_ends_the_same(filled):
    whole, _ = filled
    broken = store_of(Recorder(fails_after=260))
    with pytest.raises(KeyboardInterrupt):
        fill(broken, CONFIG, lambda: NOW)
    assert not is_filled(broken)
    assert broken.records.setting(STATE) is None
    broken.telemetry.fails_after = None
    assert fill(broken, CONFIG, lambda: NOW + 5 * MINUTE)
    assert broken.records.setting(STATE) == whole.records.setting(STATE)
    for device, metric in (
        ("site", "active_power"),
        ("bess01-rack01", "voltage"),
        ("meter01", "energy_export"),
        ("inverter02", "dc_power"),
    ):
        (at, values), (at_again, again) = whole.telemetry.told(device, metric), broken.telemetry.told(device, metric)
        assert np.array_equal(at, at_again)
        assert np.array_equal(values, again)
    assert broken.telemetry.loads == whole.telemetry.loads + 1  # nothing but the part it died in was loaded again
    assert len(broken.records.events(Window(NOW - 3 * DAY, NOW + 3 * DAY))) == len(
        whole.records.events(Window(NOW - 3 * DAY, NOW + 3 * DAY))
    )


def test_a_fill_killed_between_its_last_two_writes_still_leaves_a_state(filled):
    store, _ = filled
    other = store_of(Recorder())
    other.records.put_setting(FILL, store.records.setting(FILL))
    assert fill(other, CONFIG, lambda: NOW) is False
    assert other.records.setting(STATE) == store.records.setting(STATE)


def test_history_made_apart_is_that_of_the_slices_and_tells_its_ends():
    design = design_of(CONFIG)
    start, until = Plant(design).newborn(1_760_052_600), (1_760_052_600 + 3600) * 1000
    here = [(piece.until, list(piece.parts)) for piece in slices(Plant(design), start, until, until, "site")]
    apart = list(history(design, start, until, "site"))
    assert [message.until for message in apart if isinstance(message, Done)] == [end for end, _ in here]
    parts = [part for _, piece in here for part in piece]
    sent = [message for message in apart if not isinstance(message, Done)]
    assert [(part.device, part.kind) for part in sent] == [(part.device, part.kind) for part in parts]
    for mine, theirs in zip(parts, sent, strict=True):
        for (name, column), other in zip(mine.whole().values.items(), theirs.whole().values.values(), strict=True):
            assert np.array_equal(column, other, equal_nan=True), name


def test_what_goes_wrong_apart_is_raised_here():
    design = design_of(CONFIG)
    broken = replace(Plant(design).newborn(1_760_052_600), soc=np.zeros(5))
    with pytest.raises(ValueError, match="5"):
        list(history(design, broken, (1_760_052_600 + 3600) * 1000, "site"))


def test_a_history_that_is_not_wanted_any_more_ends_its_process():
    design = design_of(CONFIG)
    made = history(design, Plant(design).newborn(1_760_052_600), (1_760_052_600 + 86_400) * 1000, "site")
    next(made)
    assert simulations() == 1
    made.close()
    assert simulations() == 0


def simulations() -> int:
    """How many processes simulate now; others may calculate for other tests."""
    return sum(child.name == "demo-simulation" for child in multiprocessing.active_children())


def test_no_second_is_told_twice_or_left_out_at_midnight():
    plant, told = Plant(design_of(CONFIG)), []
    start = plant.newborn(1_760_052_600)  # 23:30 UTC
    for piece in slices(plant, start, (1_760_052_600 + 3600) * 1000, NOW, "site"):
        told += [part.scalars.at for part in piece.parts if part.device == "site"]
    at = np.concatenate(told)
    assert np.unique(at).size == at.size
    assert 3590 <= at.size <= 3600
    assert (told[0] < 1_760_054_400_000).all()
    assert (told[1] >= 1_760_054_400_000).all()


# --- alive


def live_on(filled, at=NOW):
    store = store_of(Recorder(), lambda: at)
    store.records.put_setting(STATE, filled[0].records.setting(STATE))
    return store, LivePlant(store, CONFIG, lambda: at)


def test_a_tick_tells_every_device_all_its_scalars(filled):
    store, live = live_on(filled)
    state = live.tick(State.from_json(store.records.setting(STATE)))
    heard = {}
    for block in store.intake.blocks:
        heard.setdefault(block.kind, []).append(block)
    ids = names(design_of(CONFIG), "site")
    for kind, blocks in heard.items():
        assert set(blocks[0].metrics) == set(scalars_of(kind))
        assert {row[0] for row in blocks[0].rows} <= set(ids[kind])
        for device, at, received, quality, *values in blocks[0].rows:
            assert (at, quality, len(values)) == (int(state.at) * 1000, Quality.SIMULATED, len(blocks[0].metrics)), device
            assert received >= at
    assert sum(len(blocks[0].rows) for blocks in heard.values()) > 160


def test_vectors_come_every_ten_seconds(filled):
    store, live = live_on(filled)
    state = State.from_json(store.records.setting(STATE))
    for _ in range(20):
        state = live.tick(state)
    vectors = [
        block for block in store.intake.blocks if block.metrics == vectors_of("rack") or set(block.metrics) == set(vectors_of("rack"))
    ]
    assert [block.rows[0][1] % 10_000 for block in vectors] == [0, 0]
    assert len(vectors[0].rows[0][4 + vectors[0].metrics.index("cell_voltages")]) == 252


def test_the_live_plant_goes_on_where_history_ended(filled):
    store, live = live_on(filled)
    history = filled[0].telemetry
    state = live.tick(State.from_json(store.records.setting(STATE)))
    by_kind = {block.kind: block for block in store.intake.blocks}

    def now(kind, device, metric):
        block = by_kind[kind]
        row = next(row for row in block.rows if row[0] == device)
        return row[4 + block.metrics.index(metric)]

    assert int(state.at) * 1000 == NOW // MINUTE * MINUTE + 1000
    for kind, device, metric, jump in (
        ("bess", "bess03", "soc", 0.3),
        ("bess", "bess03", "cell_avg_temp", 0.3),
        ("site", "site", "frequency", 0.05),
        ("meter", "meter01", "energy_export", 5.0),
        ("inverter", "inverter02", "total_power_yields", 1.0),
    ):
        _, values = history.told(device, metric)
        assert abs(now(kind, device, metric) - values[-1]) <= jump, metric


def test_a_tick_is_cheap(filled):
    store, live = live_on(filled)
    state = live.tick(State.from_json(store.records.setting(STATE)))
    begin = time.process_time()
    for _ in range(20):
        state = live.tick(state)
    assert (time.process_time() - begin) / 20 < on_this_machine(0.030)


def test_missed_time_is_made_up_by_the_minute(filled):
    later = NOW + 3 * HOUR
    store, live = live_on(filled, later)
    state = live._make_up(live._resume())
    assert int(state.at) * 1000 == later // MINUTE * MINUTE
    at, _ = store.telemetry.told("bess03", "soc")
    assert at[0] == NOW // MINUTE * MINUTE + MINUTE
    assert (np.diff(at) == MINUTE).all()
    seconds, _ = store.telemetry.told("site", "frequency")
    assert seconds.size > 3 * 3600 - 120 - 30
    assert store.records.setting(STATE)["at"] == state.at


def test_after_a_kill_the_last_minute_is_told_again_alike(filled):
    store, live = live_on(filled)
    state = State.from_json(store.records.setting(STATE))
    for _ in range(3):
        state = live.tick(state)
    first = {(row[0], row[1]): row[4:] for block in store.intake.blocks if block.kind == "bess" for row in block.rows}
    assert store.records.setting(STATE)["settled"] is False
    later, again = live_on(filled, NOW + HOUR)
    later.records.put_setting(STATE, {**filled[0].records.setting(STATE), "settled": False})
    again._make_up(again._resume())
    told = {(row[0], row[1]): row[4:] for block in later.intake.blocks if block.kind == "bess" for row in block.rows}
    assert len({at for _, at in told}) == 60
    assert all(told[key] == values for key, values in first.items())


def test_no_more_than_the_demo_length_is_made_up_and_it_begins_without_a_jolt(filled):
    later = NOW + 90 * DAY
    store, live = live_on(filled, later)
    live._make_up(live._resume())
    at, soc = store.telemetry.told("bess03", "soc")
    assert at[0] == later // MINUTE * MINUTE - 2 * DAY + MINUTE
    assert at[-1] == later // MINUTE * MINUTE
    # the charge is the one the plant aims at at that hour: 12:22 local, on the way from 42 % at 10 h to 66 % at 13 h
    assert soc[0] == pytest.approx(42 + 24 * (2 + 22 / 60) / 3, abs=2)
    assert np.abs(np.diff(soc)).max() < 1


def test_started_stopped_and_started_again_it_loses_nothing(filled):
    start = time.time()
    shift = int(time.time() * 1000) - (NOW // MINUTE * MINUTE + 5_000)
    clock = lambda: int(time.time() * 1000) - shift  # noqa: E731
    store = replace(store_of(Recorder()), clock=clock)
    store.records.put_setting(STATE, filled[0].records.setting(STATE))
    for _ in range(2):
        live = LivePlant(store, CONFIG, clock)
        live.start()
        time.sleep(0.6)
        live.stop()
    assert time.time() - start < 20
    instants = sorted({block.rows[0][1] for block in store.intake.blocks if block.kind == "meter"})
    assert len(instants) >= 5
    assert (np.diff(instants) == 1000).all()
    assert store.records.setting(STATE)["at"] * 1000 == instants[-1]


def test_what_a_gateway_keeps_back_comes_late_and_marked(filled, monkeypatch):
    store, live = live_on(filled)
    from plant.simulation import faults

    calls = iter([3.0, 2.0, 1.0] + [0.0] * 9)

    def held(seconds, _seed, count):
        wait = np.zeros((seconds.size, count))
        wait[:, 2] = next(calls)
        return wait

    monkeypatch.setattr(faults, "unit_held", held)
    monkeypatch.setattr(faults, "rack_silent", lambda seconds, _seed, count: np.zeros((seconds.size, count), bool))
    state = State.from_json(store.records.setting(STATE))
    for _ in range(5):
        state = live.tick(state)
    rows = [
        row
        for block in store.intake.blocks
        if block.kind == "rack" and "soc" in block.metrics
        for row in block.rows
        if row[0] == "bess03-rack01"
    ]
    assert sorted(row[1] for row in rows) == [int(state.at) * 1000 - 1000 * k for k in (4, 3, 2, 1, 0)]
    assert [bool(row[3] & Quality.LATE) for row in sorted(rows, key=lambda row: row[1])] == [True, True, True, False, False]


def test_devices_follow_the_configured_site():
    config = Config(site_id="kaohsiung", site_name="Kaohsiung 1")
    found = devices(design_of(config), config)
    assert (found[0].device_id, found[0].name) == ("kaohsiung", "Kaohsiung 1")
    assert {d.site_id for d in found} == {"kaohsiung"}
    assert found[1].parent == "kaohsiung"
