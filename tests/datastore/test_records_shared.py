"""Records that several processes share, and what happens when the way to them breaks. The tests never name a database: `server` is
each of those that can be shared over a network, `shared` adds the file."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, inspect, text

import datastore.open
from app import open_configured
from datastore import migrations
from datastore.backends import sql_record_database
from datastore.backends.sql_record_engines import records_engine, server_url
from datastore.backends.sql_record_tables import metadata
from datastore.backends.sql_records import SqlRecords
from datastore.open import open_records
from datastore.ports import Entry
from plant.errors import Invalid, Unavailable
from plant.model import HOUR, Alarm, Device, ScheduleEvent, User, Window
from services.config import Config

PROJECT = Path(datastore.open.__file__).parents[1]
NOON = 1_790_000_000_000
SERVERS = ("postgresql", "mariadb")
FIRE = Alarm("bess01", "bess", "HIGH_TEMP", "alarm", "61 °C", NOON)
AWARD = ScheduleEvent("dReg0.25", NOON, NOON + HOUR)


def noon() -> int:
    return NOON


@pytest.fixture(params=SERVERS)
def server(request) -> str:
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=("sqlite", *SERVERS))
def shared(request, tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'records.db'}" if request.param == "sqlite" else request.getfixturevalue(f"{request.param}_url")


@contextmanager
def opened(url: str) -> Iterator[tuple[Engine, SqlRecords]]:
    """Records with their engine at hand, to listen in."""
    engine = records_engine(url)
    migrations.upgrade(engine)
    with closing(SqlRecords(engine, noon)) as records:
        yield engine, records


def cut_connections(url: str) -> int:
    """Let the server end every other connection to this database; how many."""
    engine = records_engine(url)
    find, end = {
        "postgresql": ("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
                       "SELECT pg_terminate_backend({})"),
        "mysql": ("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()", "KILL {}"),
    }[engine.dialect.name]  # fmt: skip
    with engine.connect() as connection:
        others = connection.scalars(text(find)).all()
        for other in others:
            connection.exec_driver_sql(end.format(other))
    engine.dispose()
    return len(others)


# -- several instances ---------------------------------------------------------------------------------------------


def test_rows_survive_a_new_start_and_other_processes_are_noticed(shared, monkeypatch):
    first, second = open_records(shared, noon), open_records(shared, noon)
    try:
        assert (second.devices(), second.users(), second.setting("a"), second.revoked("t")) == ([], [], None, False)
        before = second.devices_version()
        first.put_devices([Device("bess01", "bess")])
        first.put_user(User("olga", "x"))
        first.put_setting("a", 1)
        first.revoke("t", NOON + HOUR)
        drawn = second.entries_version("commands")
        first.put_entry(Entry("commands", "c", "bess01", "queued", NOON, {}))
        monkeypatch.setattr(sql_record_database, "CACHE_TRUSTED_S", 0.0)
        assert second.devices_version() != before
        assert [device.device_id for device in second.devices()] == ["bess01"]
        assert second.user("olga") is not None
        assert second.setting("a") == 1
        assert second.revoked("t")
        assert second.entries_version("commands") != drawn
        assert [entry.id for entry in second.entries("commands")] == ["c"]
    finally:
        first.close()
        second.close()
    with closing(open_records(shared, noon)) as third:
        assert [device.device_id for device in third.devices()] == ["bess01"]


def test_a_change_of_ones_own_is_seen_at_once_and_costs_others_nothing(shared):
    with opened(shared) as (engine, records):
        asked = []
        event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, *_: asked.append(statement))
        for name in ("a", "b"):
            records.put_user(User(name, "x"))
            assert records.user(name) is not None
        asked.clear()
        for _ in range(50):
            records.user("a")
        assert len(asked) <= 1  # at most one look at the counters, when their second is over


WRITER = """
import json, sys
from datastore.open import open_records
from plant.model import Alarm, Device, User
url, me, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
records = open_records(url, lambda: 1_790_000_000_000)
print("ready", flush=True)
sys.stdin.readline()
tokens, raised, ids = [], [], []
for turn in range(turns):
    records.put_devices([Device(f"d{n}", "bess", name=me, info={"turn": turn}) for n in range(5)])
    records.put_user(User(f"user {turn}", me, roles=(me,)))
    records.put_setting("shared", {"by": me, "turn": turn})
    records.put_setting(f"own {me}", turn)
    records.put_alarm(Alarm("x", "bess", "C", "info", me, turn, id=1000 - turn))
    ids.append(records.put_alarm(Alarm("y", "bess", me, "info", "", turn)).id)
    if records.revoke(f"token {turn}", 1_790_000_100_000):
        tokens.append(turn)
    if records.raise_alarm(Alarm("z", "bess", f"code {turn}", "info", "", turn))[1]:
        raised.append(turn)
    records.audit(turn, me, "turn", "")
    records.keep_document("battery_data", {"by": me, "turn": turn}, turn)
records.close()
print(json.dumps([tokens, raised, ids]), flush=True)
"""


def test_processes_that_write_the_same_at_once_lose_nothing_and_one_of_them_is_first(shared):
    turns, people = 12, ("ada", "bob", "eve")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, shared, me, str(turns)],
            env={"PYTHONPATH": str(PROJECT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for me in people
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    answers = []
    for writer in writers:
        out, _ = writer.communicate(timeout=100)
        assert writer.returncode == 0
        answers.append(json.loads(out))
    assert sorted(turn for tokens, _, _ in answers for turn in tokens) == list(range(turns))
    assert sorted(turn for _, raised, _ in answers for turn in raised) == list(range(turns))
    assert len({number for _, _, ids in answers for number in ids}) == turns * len(people)
    with closing(open_records(shared, noon)) as records:
        assert len({(device.name, str(device.info)) for device in records.devices()}) == 1, "a list of devices is kept whole"
        assert [device.device_id for device in records.devices()] == [f"d{n}" for n in range(5)]
        assert len({user.id for user in records.users()}) == turns
        assert all(user.roles == (user.password_hash,) for user in records.users())
        assert records.setting("shared")["turn"] == turns - 1
        assert [records.setting(f"own {me}") for me in people] == [turns - 1] * len(people)
        assert records.devices_version() == turns * len(people)
        alarms = records.alarms(limit=10_000)
        assert len([alarm for alarm in alarms if alarm.device_id == "x"]) == turns
        assert len([alarm for alarm in alarms if alarm.device_id == "y"]) == turns * len(people)
        assert len([alarm for alarm in alarms if alarm.device_id == "z"]) == turns
        assert len(records.audit_log(10_000)) == turns * len(people)
        assert len(records.documents("battery_data", limit=10_000)) == turns * len(people)


COUNTER = """
import json, sys
from dataclasses import replace
from datastore.open import open_records
from datastore.ports import Entry
from plant.errors import Conflict
url, me, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
records = open_records(url, lambda: 1_790_000_000_000)
print("ready", flush=True)
sys.stdin.readline()
taken = []
for turn in range(turns):
    try:
        records.put_entry(Entry("commands", f"turn {turn}", "bess01", me, turn, {}))
        taken.append(turn)
    except Conflict:
        pass
    while True:
        found = records.entry("commands", "counter") or Entry("commands", "counter", "", "", 0, {"n": 0})
        try:
            records.put_entry(replace(found, body={"n": found.body["n"] + 1}))
            break
        except Conflict:
            pass
records.close()
print(json.dumps(taken), flush=True)
"""


@pytest.fixture(params=("sqlite", *SERVERS, "mongodb"))
def anywhere(request, tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'records.db'}" if request.param == "sqlite" else request.getfixturevalue(f"{request.param}_url")


def test_of_processes_that_take_or_change_the_same_entry_at_once_one_does(anywhere):
    turns, people = 20, ("ada", "bob", "eve")
    counters = [
        subprocess.Popen(
            [sys.executable, "-c", COUNTER, anywhere, me, str(turns)],
            env={"PYTHONPATH": str(PROJECT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for me in people
    ]  # fmt: skip
    for counter in counters:
        assert counter.stdout.readline() == "ready\n"
    for counter in counters:
        counter.stdin.write("go\n")
        counter.stdin.flush()
    taken = {}
    for me, counter in zip(people, counters, strict=True):
        out, _ = counter.communicate(timeout=100)
        assert counter.returncode == 0
        taken[me] = json.loads(out)
    assert sorted(turn for turns_ in taken.values() for turn in turns_) == list(range(turns)), "each id was taken once"
    with closing(open_records(anywhere, noon)) as records:
        counted = records.entry("commands", "counter")
        assert (counted.body, counted.version) == ({"n": turns * len(people)}, turns * len(people))
        for me in people:
            assert sorted(entry.at for entry in records.entries("commands", states=(me,))) == taken[me]
        assert records.entries_version("commands") == turns * (len(people) + 1)


def test_writers_that_wait_for_each_other_both_succeed(server):
    """Each has changed the award that the other wants next: the database ends one of them, which then begins again."""
    with opened(server) as (one, first), opened(server) as (other, second):
        kept = first.put_events([AWARD, AWARD])
        both_changed_one = threading.Barrier(2, timeout=20)
        conflicts: list[str] = []
        for engine in (one, other):
            changes = []

            def meet(_connection, _cursor, statement, *_rest, changes=changes) -> None:
                if statement.startswith("UPDATE"):
                    changes.append(statement)
                    if len(changes) == 1:
                        both_changed_one.wait()

            event.listen(engine, "after_cursor_execute", meet)
            event.listen(engine, "handle_error", lambda context: conflicts.append(str(context.original_exception)))
        heard = []
        threads = [
            threading.Thread(target=lambda: heard.append(first.put_events([replace(award, title="first") for award in kept]))),
            threading.Thread(target=lambda: heard.append(second.put_events([replace(award, title="second") for award in reversed(kept)]))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(heard) == 2
        assert len(conflicts) == 1
        titles = {award.title for award in first.events(Window(NOON, NOON + 1))}
        assert len(titles) == 1, "all or none"


def test_a_dump_shows_one_moment_while_others_write(shared):
    with opened(shared) as (_, records), opened(shared) as (_, other):
        for number in range(3):
            records.put_devices([Device(f"d{number}", "bess")])
            records.audit(number, "olga", "login", "")
        dump = records.dump()
        rows = [next(dump)]
        other.put_devices([Device("late", "bess")])
        other.audit(9, "late", "login", "")
        rows += dump
        assert [row["device_id"] for table, row in rows if table == "registered_device"] == ["d0", "d1", "d2"]
        assert [row["at"] for table, row in rows if table == "audit"] == [0, 1, 2]
        assert len(list(records.dump())) == 8


def test_a_dump_that_nobody_reads_to_its_end_holds_nobody_up(shared):
    with opened(shared) as (_, records):
        records.put_devices([Device("a", "bess"), Device("b", "bess")])
        dump = records.dump()
        next(dump)
        dump.close()
        records.put_devices([Device("c", "bess")])
        assert len(list(records.dump())) == 3


def test_records_may_live_elsewhere_than_readings(server, tmp_path):
    readings = tmp_path / "plant.db"
    store = open_configured(Config.from_env({"DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{readings}", "RECORDS_URL": server}))
    store.records.put_setting("where", "there")
    store.close()
    with closing(open_records(server, noon)) as records:
        assert records.setting("where") == "there"
    engine = records_engine(f"sqlite:///{readings}")
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    assert "metric_key" in found
    assert not found & set(metadata.tables)


# -- connections that break ----------------------------------------------------------------------------------------


def test_a_connection_that_was_dropped_is_replaced(server):
    with opened(server) as (_, records):
        records.put_devices([Device("bess01", "bess")])
        for again in range(3):
            assert cut_connections(server) > 0
            records.put_setting("again", again)
            assert cut_connections(server) > 0
            records.ping()
            assert records.setting("again") == again


def cut_once_before(engine: Engine, url: str, verb: str) -> list[str]:
    """The next statement that begins with `verb` finds its connection cut. The statements it happened to."""
    met: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def cut(_connection, _cursor, statement, *_rest) -> None:
        if not met and statement.startswith(verb):
            met.append(statement)
            assert cut_connections(url) > 0

    return met


def test_a_question_is_asked_again_when_the_connection_breaks(server):
    with opened(server) as (engine, records):
        kept = records.put_alarm(FIRE)
        met = cut_once_before(engine, server, "SELECT alarm")
        assert records.alarms() == [kept]
        assert len(met) == 1


@pytest.mark.parametrize("verb", ["UPDATE record_version", "UPDATE registered_device", "INSERT INTO registered_device"])
def test_a_write_begins_again_when_the_connection_breaks_in_the_middle(server, verb):
    with opened(server) as (engine, records):
        met = cut_once_before(engine, server, verb)
        records.put_devices([Device("a", "bess"), Device("b", "bess")])
        assert len(met) == 1
        assert [device.device_id for device in records.devices()] == ["a", "b"]
        assert records.devices_version() == 1


def test_a_write_whose_commit_went_unanswered_is_reported_and_never_doubled(server):
    with opened(server) as (engine, records):
        event.listen(engine, "commit", lambda _connection: cut_connections(server), once=True)
        with pytest.raises(Unavailable, match="may or may not be kept"):
            records.audit(NOON, "olga", "login", "")
        assert len(records.audit_log()) <= 1
        records.audit(NOON, "olga", "login", "again")
        assert records.audit_log(1) == [(NOON, "olga", "login", "again")]


class Road:
    """A TCP road to a server that can be closed, and open again, or lead nowhere while it looks open."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._to = to
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.silent = False
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self._open.append(near)
            if self.silent:
                continue
            far = socket.create_connection(self._to)
            self._open.append(far)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while chunk := source.recv(65_536):
                sink.sendall(chunk)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                end.close()

    def close(self) -> None:
        """End all connections and refuse new ones."""
        for end in (self._listener, *self._open):
            hang_up(end)
        self._open.clear()

    def reopen(self) -> None:
        """Take connections again, at the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()


def hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@pytest.fixture
def road(server) -> Iterator[tuple[str, Road]]:
    url = server_url(server)
    made = Road((url.host or "127.0.0.1", url.port or {"postgresql": 5432, "mysql": 3306}[url.get_backend_name()]))
    yield url.set(host="127.0.0.1", port=made.port).render_as_string(hide_password=False), made
    made.close()


def test_a_server_that_went_away_is_unavailable_and_found_again_when_it_is_back(road):
    url, way = road
    with opened(url) as (_, records):
        records.put_user(User("olga", "x"))
        way.close()
        for ask in (records.ping, lambda: records.put_setting("a", 1), records.alarms, lambda: records.audit(NOON, "a", "b", "c")):
            began = time.monotonic()
            with pytest.raises(Unavailable) as refusal:
                ask()
            assert time.monotonic() - began < 6
            assert len(refusal.value.message.splitlines()) == 1
        way.reopen()
        records.ping()
        records.put_setting("a", 2)
        assert records.setting("a") == 2
        assert [user.username for user in records.users()] == ["olga"]


def test_all_who_wait_for_a_silent_server_are_told_together(road, monkeypatch):
    url, way = road
    monkeypatch.setattr(sql_record_database, "CACHE_TRUSTED_S", 0.0)
    with opened(url) as (_, records):
        way.close()
        way.silent = True
        way.reopen()
        refusals: list[str] = []

        def ask() -> None:
            try:
                records.devices()
            except Unavailable as error:
                refusals.append(error.message)

        threads = [threading.Thread(target=ask) for _ in range(5)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - began < 11  # not one time-out after the other
        assert len(refusals) == 5


ABSENT = {
    "refused": lambda port: f"127.0.0.1:{port}",
    "unknown host": lambda port: "no-such-host.invalid",
}


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "mysql", "mariadb+pymysql"])
@pytest.mark.parametrize("where", ABSENT)
def test_a_server_that_is_not_there_is_unavailable_within_seconds_without_the_password(scheme, where):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(Unavailable) as refusal:
        open_records(f"{scheme}://plant:geh%40im@{ABSENT[where](port)}/voltdeck", noon)
    assert time.monotonic() - began < 6
    message = str(refusal.value)
    assert len(message.splitlines()) == 1
    assert "geh@im" not in message and "geh%40im" not in message


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_says_nothing_is_unavailable_within_seconds(scheme):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            open_records(f"{scheme}://plant:geheim@127.0.0.1:{silent.getsockname()[1]}/voltdeck", noon)
        assert time.monotonic() - began < 6


def test_a_database_that_is_not_there_is_named_without_the_password(server):
    url = server_url(server).set(database="nowhere_to_be_found", password="geheim").render_as_string(hide_password=False)
    with pytest.raises(Unavailable) as refusal:
        open_records(url, noon)
    assert "geheim" not in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_database_without_our_tables_says_so_and_shows_no_values(server):
    with opened(server) as (engine, records):
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE account"))
        with pytest.raises(Unavailable) as refusal:
            records.put_user(User("olga", "the secret hash"))
        assert "account" in refusal.value.message
        assert "the secret hash" not in refusal.value.message + str(refusal.value.__cause__)


def test_what_the_database_itself_refuses_is_invalid(server):
    with opened(server) as (_, records), pytest.raises(Invalid):
        records.put_devices([Device("bess01", "bess", sign=10**6)])


# -- a file --------------------------------------------------------------------------------------------------------


def test_a_file_that_is_gone_says_so(tmp_path):
    records = open_records(f"sqlite:///{tmp_path / 'records.db'}", noon)
    records.ping()
    (tmp_path / "records.db").rename(tmp_path / "elsewhere.db")
    with pytest.raises(Unavailable, match="gone"):
        records.ping()
    records.close()


def test_a_damaged_file_says_so(tmp_path):
    records = open_records(f"sqlite:///{tmp_path / 'records.db'}", noon)
    records.close()
    path = tmp_path / "records.db"
    path.write_bytes(b"this is no database at all" * 400)
    for extra in ("records.db-wal", "records.db-shm"):
        (tmp_path / extra).unlink(missing_ok=True)
    engine = records_engine(f"sqlite:///{path}")
    with closing(SqlRecords(engine, noon, path)) as damaged, pytest.raises(Unavailable, match="not a database"):
        damaged.audit(NOON, "olga", "login", "")


# -- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (
            "postgresql+psycopg://postgres:postgres@battery-db:5432/battery",
            "postgresql+psycopg://postgres:postgres@battery-db:5432/battery",
        ),
        ("postgresql://postgres:postgres@localhost:5434/battery", "postgresql+psycopg://postgres:postgres@localhost:5434/battery"),
        ("postgres://u@h/d?sslmode=require", "postgresql+psycopg://u@h/d?sslmode=require"),
        ("postgresql+psycopg2://u:p%40@h/d", "postgresql+psycopg://u:p%40@h/d"),
        ("postgresql+asyncpg://u@h/d", "postgresql+psycopg://u@h/d"),
        ("mysql+pymysql://u@h:3307/d?charset=utf8mb4", "mysql+pymysql://u@h:3307/d?charset=utf8mb4"),
        ("mariadb+pymysql://u@h/d", "mysql+pymysql://u@h/d"),
    ],
)
def test_the_drivers_of_others_are_taken_for_ours(given, used):
    assert server_url(given).render_as_string(hide_password=False) == used


@pytest.mark.parametrize(
    "url", ["postgresql://plant:geheim@host", "oracle://plant:geheim@host/x", "postgresql://plant:geheim@host:port/x", "geheim"]
)
def test_an_address_that_makes_no_sense_is_refused_without_repeating_it(url):
    with pytest.raises(ValueError) as refusal:
        server_url(url)
    assert "geheim" not in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1
