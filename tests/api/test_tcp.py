"""S3's TCP collectors: bytes to messages without a socket, then real sockets, then the real process."""

import contextlib
import json
import math
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.collectors import collectors
from api.collectors.framing import MOST_IN_A_ROW
from api.collectors.tcp import Keeping, Senders, TcpPort
from api.collectors.tcp_monitor import Records
from api.collectors.tcp_predictor import LONGEST, Documents
from api.gauges import Gauges
from datastore.open import open_store
from plant.errors import Unavailable
from plant.model import Quality, Window
from services.battery_messages import DATA, MONITOR, PERFORMANCE, PREDICTION, SourceClocks
from services.config import Config
from tests.api.conftest import ROOT, free_port, start_server, stop_server

NOW = 1_769_256_305_250
EVERYTHING = Window(0, 2**52)
PERFORMANCE_EXAMPLE = {
    "timestamp": 1640995200.0, "pack_voltage": 355.2, "pack_current": 50.0, "cell_temp": 25.5, "capacity_remaining": 85.5,
    "cycle_count": 150, "age_months": 6.2, "health_score": 92.3,
}  # fmt: skip
PREDICTION_EXAMPLE = {"timestamp": 1640995200.0, "remaining_life_hours": 5000.0, "remaining_cycles": 850.0, "degradation_rate": 0.12}


def packet(clock, volts=355.25, amps=50.0, celsius=25.5):
    """As the document's C++ struct lies in memory."""
    return struct.pack("<ffff", clock, volts, amps, celsius)


def values(messages):
    return [dict(zip(m.block.metrics, m.block.rows[0][4:], strict=True)) for m in messages]


def through(framer, pieces):
    found = []
    for piece in pieces:
        found += framer.feed(piece, NOW)
    return found + framer.end(NOW)


def cut(data, places):
    places = sorted({place % (len(data) + 1) for place in places})
    return [data[low:high] for low, high in zip([0, *places], [*places, len(data)], strict=True)]


# the monitor's records


def test_a_record_is_four_little_endian_floats_and_becomes_a_reading_and_a_message():
    (message,) = Records(MONITOR, SourceClocks()).feed(
        b"\x00\x00\x48\x41" + b"\x00\xa0\xb1\x43" + b"\x00\x00\x48\x42" + b"\x00\x00\xcc\x41", NOW
    )
    assert values([message]) == [{"voltage": 355.25, "current": 50.0, "temperature": 25.5, "device_clock": 12.5}]
    assert message.block.rows[0][:4] == ("battery_monitor", NOW, NOW, int(Quality.CLOCK))
    assert message.form is DATA
    assert message.document == {
        "pack_voltage": 355.25, "pack_current": 50.0, "cell_temp": 25.5, "source": "battery_monitor",
        "timestamp": NOW / 1000, "device_clock": 12.5, "ts_quality": "received",
    }  # fmt: skip


def meant(value):
    """The shortest number that is this float32, found by trying, not by numpy's printing."""
    return next(short for digits in range(1, 18) if np.float32(short := float(f"{value:.{digits}g}")) == np.float32(value))


def test_numbers_are_what_the_device_meant_not_what_a_double_makes_of_them():
    (message,) = Records(MONITOR, SourceClocks()).feed(packet(12.345, 355.2, -50.1, 25.55), NOW)
    assert values([message]) == [{"voltage": 355.2, "current": -50.1, "temperature": 25.55, "device_clock": 12.345}]
    assert (message.document["pack_voltage"], message.document["device_clock"]) == (355.2, 12.345)


FLOATS = st.floats(min_value=1.0, max_value=1000.0, width=32)


@given(st.lists(st.tuples(FLOATS, FLOATS, FLOATS, FLOATS), min_size=1, max_size=12), st.lists(st.integers(0, 200), max_size=12))
def test_records_cut_anywhere_decode_the_same(records, places):
    data = b"".join(packet(*record) for record in records)
    framer = Records(MONITOR, SourceClocks())
    found = through(framer, cut(data, places))
    assert values(found) == [
        {"voltage": meant(volts), "current": meant(amps), "temperature": meant(celsius), "device_clock": meant(clock)}
        for clock, volts, amps, celsius in records
    ]
    assert framer.rejects.count == 0
    instants = [m.block.rows[0][1] for m in found]
    assert instants == [NOW + place for place in range(len(records))]  # by arrival, none on top of another
    assert [m.document["timestamp"] for m in found] == [at / 1000 for at in instants]


@pytest.mark.parametrize("size", range(1, 33))
def test_every_segment_size_decodes_the_same(size):
    data = b"".join(packet(float(i + 1), 300.0 + i) for i in range(9))
    found = through(Records(MONITOR, SourceClocks()), [data[at : at + size] for at in range(0, len(data), size)])
    assert [one["voltage"] for one in values(found)] == [300.0 + i for i in range(9)]


@pytest.mark.parametrize("start", [0.0, 1_640_995_200.0, 1_769_256_305.0], ids=["elapsed", "years ago", "now"])
def test_elapsed_seconds_and_float32_epochs_are_in_order_of_arrival_and_keep_what_the_device_said(start):
    framer = Records(MONITOR, SourceClocks())
    found = []
    for second in range(300):
        found += framer.feed(packet(start + second, 300.0 + second), NOW + 1000 * second)
    assert [m.block.rows[0][1] for m in found] == [NOW + 1000 * second for second in range(300)]
    assert [m.document["timestamp"] for m in found] == [(NOW + 1000 * second) / 1000 for second in range(300)]
    assert [one["device_clock"] for one in values(found)] == [float(np.float32(start + second)) for second in range(300)]


@pytest.mark.parametrize("rest", range(1, 16))
def test_half_a_record_at_the_end_is_dropped_and_counted(rest):
    framer = Records(MONITOR, SourceClocks())
    found = through(framer, [packet(1.0) + packet(2.0)[:rest]])
    assert (len(found), framer.rejects.count) == (1, 1)


@pytest.mark.parametrize(
    "record",
    [
        packet(math.nan),
        packet(math.inf),
        packet(-1.0),
        packet(1.0, math.inf),
        packet(1.0, 1e30),
        packet(1.0, 355.0, -1e38),
        packet(1.0, 1e-30),
        packet(1.0, math.nan, math.nan, math.nan),
        b"GET / HTTP/1.1\r\n",
        b"\xff" * 16,
    ],
)
def test_sixteen_bytes_that_are_no_measurement_are_counted_and_the_next_record_counts_again(record):
    framer = Records(MONITOR, SourceClocks())
    found = framer.feed(packet(1.0) + record + packet(2.0), NOW)
    assert ([one["device_clock"] for one in values(found)], framer.rejects.count) == ([1.0, 2.0], 1)


def test_a_sensor_that_fails_is_silent_and_the_others_are_heard():
    framer = Records(MONITOR, SourceClocks())
    assert values(framer.feed(packet(1.0, 355.25, 50.0, math.nan), NOW)) == [{"voltage": 355.25, "current": 50.0, "device_clock": 1.0}]
    assert values(framer.feed(packet(2.0, 0.0, 0.0, -400.0), NOW)) == [
        {"voltage": 0.0, "current": 0.0, "temperature": -400.0, "device_clock": 2.0}
    ]


# the predictor's objects


def sent(values_):
    return json.dumps(values_).encode()


OBJECTS = st.fixed_dictionaries(
    {"timestamp": st.just(1640995200.5), "remaining_life_hours": st.floats(0, 1e6)},
    optional={
        "anomaly_warning": st.one_of(st.text(), st.dictionaries(st.text(), st.text()), st.lists(st.fixed_dictionaries({"{": st.text()}))),
        "note": st.text(alphabet='{}[]"\\\n:, a'),
    },
)


@given(
    st.lists(OBJECTS, min_size=1, max_size=6),
    st.sampled_from([b"", b"\n", b"\r\n", b" ", b"\n\n", b",\n"]),
    st.sampled_from([None, 2]),
    st.lists(st.integers(0, 1500), max_size=15),
)
@settings(deadline=None)
def test_objects_cut_anywhere_with_or_without_newlines_decode_the_same(objects, between, indent, places):
    data = between.join(json.dumps(one, indent=indent, ensure_ascii=False).encode() for one in objects)
    framer = Documents(SourceClocks())
    found = through(framer, cut(data, places))
    assert [m.document for m in found] == [one | {"source": "battery_ai_predictor"} for one in objects]
    assert framer.rejects.count == 0


@pytest.mark.parametrize("size", range(1, 40))
def test_every_segment_size_of_text_decodes_the_same(size):
    data = b"".join(sent(one) for one in (PERFORMANCE_EXAMPLE, PREDICTION_EXAMPLE, PERFORMANCE_EXAMPLE | {"note": 'a "quoted" } brace \\'}))
    framer = Documents(SourceClocks())
    found = through(framer, [data[at : at + size] for at in range(0, len(data), size)])
    assert ([m.form for m in found], framer.rejects.count) == ([PERFORMANCE, PREDICTION, PERFORMANCE], 0)


def test_performance_and_prediction_are_told_by_their_keys_and_come_from_the_predictor():
    found = through(Documents(SourceClocks()), [sent(PERFORMANCE_EXAMPLE) + b"\n" + sent(PREDICTION_EXAMPLE)])
    assert [(m.form.collection, m.source) for m in found] == [
        ("battery_performance", "battery_ai_predictor"),
        ("battery_predictions", "battery_ai_predictor"),
    ]
    assert found[0].document == PERFORMANCE_EXAMPLE | {"source": "battery_ai_predictor"}
    assert found[0].block.rows[0][1] == 1_640_995_200_000
    assert values(found)[1] == {"remaining_life_hours": 5000.0, "remaining_cycles": 850.0, "degradation_rate": 0.12}


@pytest.mark.parametrize(
    ("garbage", "rejected"),
    [
        (b"hello\r\n", 1),
        (b"}}}]]", 1),
        (b'{"broken": \n', 1),
        (b'{"a": 1\n', 1),
        (b'{"text": "no end\n', 1),
        (b"{,}", 1),
        (b'{"remaining_life_hours": NaN}', 1),
        (b'{"remaining_life_hours": "many"}', 1),
        (b'{"remaining_life_hours": 1, "timestamp": "soon"}', 1),
        (b'{"remaining_life_hours": 1, "source": "../../etc/passwd"}', 1),
        (b'{"nothing": "known"}', 1),
        (b"[1, 2]", 1),
        (b"{}", 1),
        (b"\xff\xfe\x00{\xff}", 2),
        (b"{" * 20, 20),
    ],
)
def test_garbage_is_counted_and_the_message_behind_it_is_found(garbage, rejected):
    framer = Documents(SourceClocks())
    found = through(framer, [sent(PREDICTION_EXAMPLE), garbage, sent(PREDICTION_EXAMPLE), b"\n", sent(PREDICTION_EXAMPLE)])
    if garbage == b'{"broken": \n':  # whose value the next object might be: it costs that one
        assert (len(found), framer.rejects.count) == (2, rejected)
    else:
        assert (len(found), framer.rejects.count) == (3, rejected)


def test_an_object_without_end_does_not_grow_and_what_it_swallowed_is_found():
    framer = Documents(SourceClocks())
    found = framer.feed(b'{"x": [\n', NOW)
    for _ in range(40):
        found += framer.feed(b'"' + b"x" * 5000 + b'",\n', NOW)
        assert len(framer._objects._rest) <= LONGEST + 5010
    found += through(framer, [b"\n", sent(PREDICTION_EXAMPLE), b"\n", sent(PERFORMANCE_EXAMPLE)])
    assert (found[-1].form, framer.rejects.count >= 1) == (PERFORMANCE, True)


def test_half_an_object_at_the_end_is_dropped_and_counted():
    data = sent(PREDICTION_EXAMPLE)
    for end in range(1, len(data)):
        framer = Documents(SourceClocks())
        assert (len(through(framer, [data, data[:end]])), framer.rejects.count) == (1, 1)


def test_a_flood_of_braces_takes_no_time():
    framer = Documents(SourceClocks())
    begun = time.monotonic()
    for _ in range(30):
        framer.feed(b"{" * 65_536, NOW)
        framer.feed(b'{"a":[' * 10_000, NOW)
    assert framer.rejects.too_many
    assert time.monotonic() - begun < 20


# who may send


@pytest.mark.parametrize(
    ("entries", "is_open", "address", "may"),
    [
        ((), False, "127.0.0.1", True),
        ((), False, "::1", True),
        ((), False, "::ffff:127.0.0.1", True),
        ((), False, "10.0.0.5", False),
        ((), True, "10.0.0.5", True),
        (("10.0.0.0/8",), False, "10.0.0.5", True),
        (("10.0.0.0/8",), False, "::ffff:10.0.0.5", True),
        (("10.0.0.0/8",), False, "11.0.0.5", False),
        (("10.0.0.0/8",), True, "11.0.0.5", False),
        (("10.0.0.5",), False, "10.0.0.6", False),
        (("fd00::/8",), False, "fd00::1%eth0", True),
        (("10.0.0.5=pack-7",), False, "10.0.0.5", True),
    ],
)
def test_who_may_send(entries, is_open, address, may):
    assert Senders(entries, is_open).may(address) is may


def test_a_sender_can_have_a_device_of_its_own():
    senders = Senders(("10.0.0.5=pack-7", "10.0.0.0/8"))
    assert [senders.device(address) for address in ("10.0.0.5", "10.0.0.6", "127.0.0.1")] == ["pack-7", "", ""]


# real sockets


@pytest.fixture
def store(tmp_path):
    made = open_store(f"sqlite:///{tmp_path}/x.db", "UTC")
    yield made
    made.close()


@contextlib.contextmanager
def listening(store, **settings_):
    config = Config(tcp_monitor_port=free_port(), tcp_predictor_port=free_port(), **settings_)
    gauges = Gauges(store.intake, store.clock)
    running = [one.start() for one in collectors(config, store, gauges)]
    try:
        yield config, gauges, [one for one in running if isinstance(one, TcpPort)]
    finally:
        for one in running:
            one.stop()


def wait_for(condition):
    """A socket has no event to give to the other side: it is asked."""
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def say(port, *pieces):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.sendall(piece)


def test_two_monitors_and_a_predictor_at_once_lose_nothing(store):
    with listening(store, tcp_allow=()) as (config, gauges, ports):
        data = [b"".join(packet(float(i + 1), 100.0 * who + i) for i in range(1, 90)) for who in (1, 3)]
        predictions = [sent(PREDICTION_EXAMPLE | {"timestamp": 1_700_000_000.5 + i}) for i in range(50)]
        threads = [threading.Thread(target=say, args=(config.tcp_monitor_port, *cut(one, range(7, 2000, 13)))) for one in data]
        threads.append(threading.Thread(target=say, args=(config.tcp_predictor_port, *predictions)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: [port.figures.messages for port in ports] == [178, 50] and not any(p.figures.connections for p in ports))
        volts = store.telemetry.columns(MONITOR, "pack", ["voltage"], EVERYTHING).values["voltage"].tolist()
        assert sorted(volts) == sorted([100.0 * who + i for who in (1, 3) for i in range(1, 90)])
        for who in (1, 3):  # each in its own order
            mine = [v for v in volts if 100 * who < v < 100 * who + 90]
            assert mine == sorted(mine)
        assert store.telemetry.extent("battery_ai_predictor", "pack").rows["remaining_cycles"] == 50
        assert len(store.records.documents("battery_data", 0, 1000)) == 178
        assert len(store.records.documents("battery_predictions", 0, 1000)) == 50
        figures = gauges.exposition().decode()
        assert 'voltdeck_tcp_messages_total{port="monitor"} 178.0' in figures
        assert 'voltdeck_tcp_messages_total{port="predictor"} 50.0' in figures


def test_garbage_ends_its_own_connection_and_no_other(store):
    with (
        listening(store) as (config, gauges, (monitor, predictor)),
        socket.create_connection(("127.0.0.1", config.tcp_monitor_port)) as good,
    ):
        good.sendall(packet(1.0)[:9])
        with socket.create_connection(("127.0.0.1", config.tcp_monitor_port)) as bad:
            bad.settimeout(20)
            with contextlib.suppress(ConnectionError):
                bad.sendall(b"\xff" * 16 * (MOST_IN_A_ROW + 5))
                assert bad.recv(1) == b""  # hung up
        wait_for(lambda: monitor.figures.connections == 1)
        good.sendall(packet(1.0)[9:])
        wait_for(lambda: monitor.figures.messages == 1)
        assert monitor.figures.rejects >= MOST_IN_A_ROW
        assert 'voltdeck_tcp_connections{port="monitor"} 1.0' in gauges.exposition().decode()


class Nobody(Senders):
    """What `Senders` says of an address that is not listed; a test has no other machine to call from."""

    def may(self, address):
        return False


def test_a_stranger_is_hung_up_on(store):
    with listening(store) as (config, gauges, (monitor, _)):
        monitor._senders = Nobody()
        with socket.create_connection(("127.0.0.1", config.tcp_monitor_port)) as client, contextlib.suppress(ConnectionError):
            client.settimeout(20)
            client.sendall(packet(1.0))
            assert client.recv(1) == b""
        wait_for(lambda: monitor.figures.refused == 1)
        assert (monitor.figures.messages, monitor.figures.connections) == (0, 0)
        assert 'voltdeck_tcp_refused_total{port="monitor"} 1.0' in gauges.exposition().decode()


def test_a_port_that_is_taken_is_named(store):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (monitor,) = collectors(Config(tcp_monitor_port=taken.getsockname()[1]), store)
        with pytest.raises(Unavailable, match="TCP_MONITOR_PORT"):
            monitor.start()


def test_a_port_that_was_stopped_can_be_started_again(store):
    """As the lease comes and goes among processes."""
    (monitor,) = collectors(Config(tcp_monitor_port=free_port()), store)
    for times in range(1, 4):
        monitor.start()
        say(monitor.port, packet(float(times)))
        wait_for(lambda times=times: monitor.figures.messages == times)
        monitor.stop()
        with pytest.raises(ConnectionRefusedError):
            say(monitor.port, packet(9.0))
    monitor.start().stop()
    assert len(store.records.documents("battery_data")) == 3


def test_without_ports_nothing_listens_and_alone_the_documents_ports_do(store):
    assert [one for one in collectors(Config(), store) if isinstance(one, TcpPort)] == []
    assert [one.port for one in collectors(Config(), store, alone=True) if isinstance(one, TcpPort)] == [23456, 23457]


def test_messages_the_store_cannot_take_now_are_taken_up_where_it_stopped(store):
    framer = Records(MONITOR, SourceClocks())
    keeping = Keeping(store, framer.feed(b"".join(packet(float(i)) for i in range(1, 6)), NOW))
    kept, real = [], store.messages.keep

    def stubborn(collection, document, received):
        if len(kept) == 3 and not keeping_again:
            raise Unavailable("the store is away")
        kept.append(document["device_clock"])
        return real(collection, document, received)

    keeping_again = False
    object.__setattr__(store, "messages", type("Stubborn", (), {"keep": staticmethod(stubborn), "close": store.messages.close})())
    with pytest.raises(Unavailable):
        keeping.run()
    assert (keeping.kept, keeping.left) == (3, 2)
    keeping_again = True
    keeping.run()
    assert (kept, keeping.left) == ([1.0, 2.0, 3.0, 4.0, 5.0], 0)
    assert store.telemetry.extent(MONITOR, "pack").rows["voltage"] == 5


def test_an_unknown_source_is_rejected_and_the_others_are_kept(tmp_path):
    store = open_store("memory://", "UTC", auto_register=False)
    from plant.model import Device

    store.records.put_devices([Device("known", "pack")])
    with listening(store) as (config, _, (_, predictor)):
        say(config.tcp_predictor_port, *(sent(PREDICTION_EXAMPLE | {"source": who}) for who in ("known", "stranger", "devices")))
        wait_for(lambda: predictor.figures.messages + predictor.figures.rejects == 3)
        assert (predictor.figures.messages, predictor.figures.rejects) == (1, 2)
        assert [one["source"] for one in store.records.documents("battery_predictions")] == ["known"]
    store.close()


# the real process


@contextlib.contextmanager
def collecting(folder):
    ports = free_port(), free_port()
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")} | {
        "DATA_DIR": str(folder), "TCP_MONITOR_PORT": str(ports[0]), "TCP_PREDICTOR_PORT": str(ports[1]), "LOG_LEVEL": "info",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "collect"], env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        for _ in ports:
            line = process.stdout.readline()
            assert b"Voltdeck collects:" in line, (line, process.stderr.read() if process.poll() is not None else b"")
        yield process, ports
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def documents(folder, collection):
    with contextlib.closing(sqlite3.connect(f"file:{folder}/voltdeck.db?mode=ro", uri=True)) as database:
        return database.execute("select count(*) from document where collection = ?", (collection,)).fetchone()[0]


@pytest.mark.server
def test_what_the_process_took_is_there_after_it_was_killed(tmp_path):
    with collecting(tmp_path) as (process, (monitor, predictor)), socket.create_connection(("127.0.0.1", monitor)) as client:
        for i in range(1, 41):
            client.sendall(packet(float(i), 300.0 + i))
        say(predictor, sent(PERFORMANCE_EXAMPLE), sent(PREDICTION_EXAMPLE))
        wait_for(lambda: documents(tmp_path, "battery_data") == 40 and documents(tmp_path, "battery_predictions") == 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    store = open_store(f"sqlite:///{tmp_path}/voltdeck.db", "UTC")
    found = store.telemetry.columns(MONITOR, "pack", ["voltage"], EVERYTHING)
    assert found.values["voltage"].tolist() == [300.0 + i for i in range(1, 41)]
    assert store.telemetry.latest([("battery_ai_predictor", "pack")])["battery_ai_predictor", "pack"].values["remaining_cycles"] == 850.0
    store.close()


@pytest.mark.server
def test_told_to_stop_it_keeps_what_it_has_read_and_ends_well(tmp_path):
    with collecting(tmp_path) as (process, (monitor, _)):
        say(monitor, b"".join(packet(float(i), 300.0 + i) for i in range(1, 201)))
        wait_for(lambda: documents(tmp_path, "battery_data") > 0)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, b"Traceback" in err) == (0, False)
    assert documents(tmp_path, "battery_data") == 200


@pytest.mark.server
@pytest.mark.slow
def test_of_two_servers_that_share_a_redis_one_listens_and_the_other_takes_over(tmp_path, redis_server):
    port = free_port()
    shared = {"REDIS_URL": redis_server.url, "TCP_MONITOR_PORT": str(port), "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    servers = [start_server(tmp_path, **shared) for _ in range(2)]
    try:

        def listeners():
            figures = [server.knock("GET", "/metrics").body.decode() for server in servers]
            return ['voltdeck_tcp_messages_total{port="monitor"} 1.0' in one for one in figures]

        def heard(clock):
            with contextlib.suppress(ConnectionError):
                say(port, packet(clock))
                return True
            return False

        wait_for(lambda: heard(1.0))
        wait_for(lambda: sum(listeners()) == 1)
        killed = servers.pop(listeners().index(True)).process
        killed.kill()
        killed.communicate()
        until = time.monotonic() + 60  # a lease that nobody gave back runs out
        while not heard(2.0):
            assert time.monotonic() < until
            time.sleep(0.2)
        wait_for(lambda: listeners() == [True])
    finally:
        for server in servers:
            stop_server(server)
