"""What PostgreSQL and MariaDB add: lines that break, servers that are not there, tables beside those of others."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import URL, make_url

from datastore.backends import sql_tables
from datastore.backends.sql_engine import SqlEngine, open_engine
from datastore.kept.engine import Chunk, Part
from datastore.open import open_store
from plant.errors import Unavailable
from plant.model import DAY, HOUR, Block
from tests.datastore.cut_line import Line, line_to

NOON = 1_790_049_600_000
RACK = ("soc", "power")
SERVERS = ("postgresql", "mariadb")
SECRET = "open-sesame-42"


def shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def driver(url: str) -> URL:
    """For SQLAlchemy: with the driver that is installed."""
    return make_url(url).set(drivername="postgresql+psycopg" if url.startswith("postgresql") else "mysql+pymysql")


@pytest.fixture(params=SERVERS)
def empty_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_tables_url"))


@pytest.fixture
def engine(url: str) -> Iterator[SqlEngine]:
    with closing(open_engine(url)) as engine:
        yield engine


@pytest.fixture
def kill(url: str) -> Callable[[], int]:
    """Ends all connections to the database, from the server's side; how many."""
    at = make_url(url)

    def postgresql() -> int:
        others = (
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with psycopg.connect(url, autocommit=True) as server:
            return len(server.execute(others).fetchall())

    def mariadb() -> int:
        count = "SELECT id FROM information_schema.processlist WHERE db = %s"
        with closing(pymysql.connect(host=at.host or "", port=at.port or 3306, user=at.username, password=at.password or "")) as server:
            cursor = server.cursor()
            cursor.execute(count, (at.database,))
            victims = cursor.fetchall()
            for victim in victims:
                cursor.execute("KILL %s", victim)
            deadline = time.monotonic() + 5
            while cursor.execute(count, (at.database,)) and time.monotonic() < deadline:
                pass
            return len(victims)

    return postgresql if url.startswith("postgresql") else mariadb


@pytest.fixture
def connected(url: str) -> Callable[[], int]:
    """How many connections to the database the server has, besides the one that asks."""
    at = make_url(url)

    def postgresql() -> int:
        with psycopg.connect(url, autocommit=True) as server:
            others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ((count,),) = server.execute(others).fetchall()
        return int(count)

    def mariadb() -> int:
        with closing(pymysql.connect(host=at.host or "", port=at.port or 3306, user=at.username, password=at.password or "")) as server:
            return server.cursor().execute("SELECT id FROM information_schema.processlist WHERE db = %s", (at.database,))

    return postgresql if url.startswith("postgresql") else mariadb


def number(engine: SqlEngine, device_id: str = "r1") -> int:
    with engine.write() as tx:
        return tx.number_devices("rack", [device_id])[device_id]


def instants(engine: SqlEngine) -> list[int]:
    with engine.read() as tx:
        return [row[1] for row in tx.hot_rows("rack", RACK, None, 0, 1 << 50)]


def row(device: int, ts: int) -> tuple[object, ...]:
    return (device, ts, ts, 0, 1.5, None)


# -- lines that break -----------------------------------------------------------------------------------------------


def test_connections_killed_while_idle_are_replaced_without_a_word(engine: SqlEngine, kill: Callable[[], int]) -> None:
    device = number(engine)
    assert instants(engine) == []
    assert kill() == 2
    assert instants(engine) == []
    with engine.write() as tx:
        assert tx.insert_new("rack", RACK, [row(device, NOON)]) == []
    assert kill() == 2
    with engine.write() as tx:
        assert tx.insert_new("rack", RACK, [row(device, NOON), row(device, NOON + 1)]) == [0]
    assert instants(engine) == [NOON, NOON + 1]


def test_a_connection_killed_within_a_write_is_unavailable_and_keeps_nothing(engine: SqlEngine, kill: Callable[[], int]) -> None:
    device = number(engine)
    with pytest.raises(Unavailable), engine.write() as tx:
        tx.insert_new("rack", RACK, [row(device, NOON)])
        kill()
        tx.insert_new("rack", RACK, [row(device, NOON + 1)])
    assert instants(engine) == []
    with pytest.raises(Unavailable), engine.write() as tx:
        tx.insert_new("rack", RACK, [row(device, NOON)])
        kill()
    assert instants(engine) == []
    with engine.write() as tx:
        assert tx.insert_new("rack", RACK, [row(device, NOON)]) == []
    assert instants(engine) == [NOON]


def test_a_connection_killed_within_a_read_is_unavailable_and_the_next_read_answers(engine: SqlEngine, kill: Callable[[], int]) -> None:
    with pytest.raises(Unavailable), engine.read() as tx:
        tx.counters()
        kill()
        tx.counters()
    assert instants(engine) == []


@pytest.fixture
def line(url: str) -> Iterator[Line]:
    at = make_url(url)
    with line_to(at.host or "127.0.0.1", at.port or (5432 if url.startswith("postgresql") else 3306)) as line:
        yield line


def test_a_lost_answer_to_commit_is_unavailable_and_sending_again_adds_nothing(url: str, line: Line, kill: Callable[[], int]) -> None:
    through = make_url(url).set(host="127.0.0.1", port=line.port)
    if url.startswith("postgresql"):  # the line must be able to read along
        through = through.update_query_dict({"sslmode": "disable"})
    with closing(open_engine(shown(through))) as engine:
        device = number(engine)
        line.cut_at(b"COMMIT\0" if url.startswith("postgresql") else b"\x03COMMIT")
        with pytest.raises(Unavailable), engine.write() as tx:
            tx.insert_new("rack", RACK, [row(device, NOON)])
        assert line.cuts == 1
        with engine.write() as tx:
            assert tx.insert_new("rack", RACK, [row(device, NOON)]) == [0]
        assert instants(engine) == [NOON]


def test_a_writer_whose_line_broke_does_not_keep_the_turn(url: str, kill: Callable[[], int]) -> None:
    with closing(open_engine(url)) as one, closing(open_engine(url)) as other:
        device = number(one)
        with pytest.raises(Unavailable), one.write() as tx:
            tx.insert_new("rack", RACK, [row(device, NOON)])
            kill()
            with other.write() as mine:
                mine.insert_new("rack", RACK, [row(device, NOON + 1)])
            tx.count_sealed()
        assert instants(other) == [NOON + 1]


def test_many_threads_share_few_connections(engine: SqlEngine, connected: Callable[[], int]) -> None:
    together = threading.Barrier(15, timeout=60)

    def look() -> None:
        with engine.read():
            together.wait()

    threads = [threading.Thread(target=look) for _ in range(15)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deadline = time.monotonic() + 30  # the server ends in its own time what was closed here
    while (kept := connected()) > 7:
        assert time.monotonic() < deadline, kept
        time.sleep(0.05)


def test_a_fault_in_the_block_gives_the_connection_back_clean(engine: SqlEngine, kill: Callable[[], int]) -> None:
    device = number(engine)
    for _ in range(3):
        with pytest.raises(KeyError), engine.write() as tx:
            tx.insert_new("rack", RACK, [row(device, NOON)])
            raise KeyError
        with pytest.raises(KeyError), engine.read():
            raise KeyError
    assert instants(engine) == []
    assert kill() == 2


def test_a_faulty_row_is_no_outage(engine: SqlEngine) -> None:
    device = number(engine)
    for faulty in ((device, NOON, None, 0, 1.5, None), (device, NOON, NOON, 1 << 70, 1.5, None)):
        with pytest.raises(Exception) as caught, engine.write() as tx:
            tx.insert_new("rack", RACK, [faulty])
        assert not isinstance(caught.value, Unavailable)
    assert instants(engine) == []


def test_a_question_that_takes_too_long_is_unavailable_and_a_check_may_take_its_time(engine: SqlEngine, url: str) -> None:
    """The limit is 30 s; here it is made shorter, on the one connection there is."""
    limit, sleep = (
        ("SET statement_timeout = 300", "SELECT pg_sleep(20)")
        if url.startswith("postgresql")
        else (
            "SET SESSION max_statement_time = 0.3",
            "SELECT count(*) FROM information_schema.columns a, information_schema.columns b WHERE sleep(1)",
        )
    )
    with engine.read() as tx:
        tx._session.run(limit)
    begun = time.monotonic()
    with pytest.raises(Unavailable), engine.read() as tx:
        tx._session.rows(sleep)
    assert time.monotonic() - begun < 10
    for _ in range(2):
        with engine.read() as tx:
            assert tx._session.rows(_LIMITS[url.split(":")[0]]) == [(30,)]
            assert tx.figures() == []
            assert tx._session.rows(_LIMITS[url.split(":")[0]]) == [(0,)]


_LIMITS = {
    "postgresql": "SELECT extract(epoch FROM current_setting('statement_timeout')::interval)::bigint",
    "mysql": "SELECT CAST(@@max_statement_time AS INT)",
}


# -- servers that are not there -------------------------------------------------------------------------------------


def refused(url: str) -> tuple[float, str]:
    """Seconds until Unavailable, and all it says."""
    begun = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        open_engine(url)
    return time.monotonic() - begun, f"{caught.value.message} {caught.value.details}"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "timescaledb", "mysql", "mariadb", "mysql+pymysql"])
def test_a_server_that_is_not_there_is_unavailable_at_once_without_the_password(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    seconds, told = refused(f"{scheme}://ada:{SECRET}@127.0.0.1:{port}/plant")
    assert seconds < 6
    assert f"127.0.0.1:{port}/plant" in told
    assert SECRET not in told
    assert "\n" not in told


@pytest.mark.parametrize("scheme", SERVERS)
def test_a_server_that_takes_the_call_and_says_nothing_is_unavailable_within_six_seconds(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        seconds, told = refused(f"{scheme}://ada:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/plant")
    assert seconds < 6.5
    assert SECRET not in told


def test_a_database_or_a_user_that_does_not_exist_is_unavailable_without_the_password(empty_url: str) -> None:
    for wrong in (make_url(empty_url).set(database="nobody_made_this"), make_url(empty_url).set(username="nobody")):
        _, told = refused(shown(wrong.set(password=SECRET)))
        assert SECRET not in told


@pytest.mark.parametrize(
    "url", ["mysql://root@127.0.0.1", "oracle://a:open-sesame-42@b/c", "no url", "postgresql://a:open-sesame-42@b:port/c"]
)
def test_an_address_that_makes_no_sense_is_refused_without_the_password(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        open_engine(url)
    assert SECRET not in str(caught.value)


def test_a_closed_engine_is_unavailable(engine: SqlEngine) -> None:
    engine.close()
    with pytest.raises(Unavailable, match="closed"), engine.read():
        pass
    with pytest.raises(Unavailable, match="closed"), engine.write():
        pass


# -- tables ---------------------------------------------------------------------------------------------------------


def test_records_and_telemetry_live_in_one_database(empty_url: str) -> None:
    """Twice: the second time all tables are there."""
    for expected in (1, 0):
        with closing(open_store(empty_url, "UTC", lambda: NOON)) as store:
            (outcome,) = store.telemetry.append([Block("rack", ("soc",), [("r1", NOON, NOON, 0, 50.0)])])
            assert outcome.inserted == expected
            assert store.telemetry.latest()["r1", "rack"].values["soc"] == 50.0


def test_a_grown_catalogue_adds_its_columns_and_drops_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = sql_tables.scalars_of
    with monkeypatch.context() as before:
        before.setattr(sql_tables, "scalars_of", lambda kind: tuple(name for name in everything(kind) if name != "soh"))
        with closing(open_engine(empty_url)) as engine:
            device = number(engine)
            with engine.write() as tx:
                tx.insert_new("rack", RACK, [row(device, NOON)])
    records = create_engine(driver(empty_url))
    with records.begin() as connection:
        assert "soh" not in {column["name"] for column in inspect(connection).get_columns("reading_rack")}
        connection.execute(text("ALTER TABLE reading_rack ADD COLUMN of_a_later_release INT"))
    for soh in (None, 99.0):
        with closing(open_engine(empty_url)) as engine, engine.write() as tx:
            assert tx.hot_rows("rack", ("soc", "soh", "of_a_later_release"), None, 0, 1 << 50) == [(device, NOON, NOON, 0, 1.5, soh, None)]
            tx.update_row("rack", device, NOON, 0, {"soh": 99.0})
    records.dispose()


def test_tables_of_a_newer_release_are_refused(url: str) -> None:
    with closing(open_engine(url)) as engine, engine.write() as tx:
        tx.put_counter("layout", 0, sql_tables.LAYOUT_VERSION + 1)
    with pytest.raises(ValueError, match="newer release"):
        open_engine(url)


def test_processes_that_start_together_make_the_tables_once(empty_url: str) -> None:
    opened: list[SqlEngine] = []
    threads = [threading.Thread(target=lambda: opened.append(open_engine(empty_url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for engine in opened:
        with engine.read() as tx:
            keys = tx.metric_keys()
            assert len(set(keys.values())) == len(keys)
        engine.close()


def test_the_horizons_of_years_of_chunks_are_one_seek_a_device(url: str, engine: SqlEngine) -> None:
    """Judged by the plan and by what it reads, not by the clock."""
    devices, days = 20, 100
    with engine.write() as tx:
        keys = tx.metric_keys()
        numbers = tx.number_devices("rack", [f"r{i}" for i in range(devices)])
        blob = bytes(range(256)) * 8
        for device in numbers.values():
            for i in range(days):
                start = NOON // DAY * DAY + i * DAY
                parts = [Part(keys[name], 9, blob) for name in ("@at", "@received", "@quality", "soc")]
                tx.put_chunk(Chunk(device, start, start + 12 * HOUR, parts))
    last = NOON // DAY * DAY + (days - 1) * DAY + 12 * HOUR
    with engine.write() as tx:
        session = tx._session
        if url.startswith("mysql"):
            session.run("FLUSH STATUS")
            assert tx.horizons() == dict.fromkeys(numbers.values(), last)
            reads = session.rows("SHOW SESSION STATUS LIKE 'Handler_read%'")
            assert sum(int(count) for _, count in reads) <= 4 * devices
        else:
            session.run("ANALYZE")
            assert tx.horizons() == dict.fromkeys(numbers.values(), last)
            asked: list[tuple[str, Any]] = []
            tx._session = SimpleNamespace(rows=lambda sql, bound: asked.append((sql, bound)) or [])
            tx.horizons()
            ((sql, bound),) = asked
            plan = "\n".join(line for (line,) in session.rows(f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) {sql}", bound))
            assert "Index Scan Backward using chunk_pkey" in plan
            assert f"actual rows=1 loops={devices}" in plan
