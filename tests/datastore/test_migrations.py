"""The way up and down between releases, on data, on every SQL database, by several processes at once, and interrupted anywhere."""

import logging
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, Table, event, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from datastore import migrations
from datastore.backends.sql_record_engines import records_engine
from datastore.backends.sql_record_tables import metadata
from datastore.backends.sql_records import SqlRecords
from datastore.ports import DRAWERS, Entry
from plant.model import HOUR, Alarm, Device, ScheduleEvent, User, Window

PROJECT = Path(migrations.__file__).parents[2]
NOON = 1_790_000_000_000
BIG = 2**53 + 1
"""Not a double."""


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request, tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'plant.db'}" if request.param == "sqlite" else request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def engine(url) -> Iterator[Engine]:
    made = records_engine(url)
    yield made
    made.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def run(engine: Engine, *statements: str) -> None:
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        for statement in statements:
            connection.exec_driver_sql(statement)


def is_complete(engine: Engine) -> bool:
    """Whether the database is exactly as the newest release wants it, with its counters and its guarded log."""
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
        counters = set(connection.scalars(text("SELECT name FROM record_version")))
    assert differences == []
    assert counters == {"devices", "users", "settings", "revoked", "alarms"}
    assert migrations.current(engine) == migrations.HEAD
    SqlRecords(engine, lambda: 0).audit(1, "olga", "login", "")
    for statement in ("DELETE FROM audit", "UPDATE audit SET who = 'nobody'"):
        with pytest.raises(DBAPIError, match="the audit log only grows"):
            run(engine, statement)
    return True


def test_a_new_database_gets_exactly_the_declared_tables(engine):
    migrations.upgrade(engine)
    assert is_complete(engine)


def test_upgrading_twice_changes_nothing(engine):
    migrations.upgrade(engine)
    records = SqlRecords(engine, lambda: 0)
    records.put_devices([Device("bess01", "bess")])
    migrations.upgrade(engine)
    assert [device.device_id for device in records.devices()] == ["bess01"]


def test_there_is_one_line_of_steps(engine):
    script = ScriptDirectory(str(migrations.FOLDER))
    steps = [step.revision for step in script.walk_revisions()]
    assert len(script.get_heads()) == 1
    assert steps == sorted(steps, reverse=True)
    assert steps[0] == migrations.HEAD
    migrations.upgrade(engine)
    assert migrations.current(engine) == script.get_current_head()


DEVICE = Device(
    "bess01", "bess", name="電🔋", parent="", interval_s=0.1, rating={"capacity_kwh": 1e308}, info={"n": BIG, "深": [{"a": None}, "\0"]}
)
ALARMS = [
    Alarm("bess01", "bess", "SILENT", "warning", "ein 'Wort'\n🔋", BIG, value=0.1, limit=-1e308, id=BIG),
    Alarm("", "bess", "", "", "", 1, cleared=2, acknowledged=3, acknowledged_by="olga", id=7),
]
AWARD = ScheduleEvent("dReg0.25", NOON, NOON + HOUR, power=0.1, price=475.5, title="得標 " * 20_000, simulated=True, index=BIG)
USER = User("ólga", "$argon2id$x", roles=("operator", "分析"), email="o@example.org", confirmed_at=BIG)


ENTRY = Entry("commands", "電🔋", "bess01", "queued", BIG, {"深": [{"a": None}, "\0", 0.1, BIG]})


def fill(engine: Engine) -> None:
    """Rows in every table that the database has, as the release kept them that made it."""
    records = SqlRecords(engine, lambda: 0)
    records.put_devices([DEVICE])
    keep(engine, "alarm", ALARMS)
    keep(engine, "schedule_event", [AWARD])
    if "document" in tables(engine):
        records.keep_document("battery_data", {"a": 1}, 1)
    if "entry" in tables(engine):
        records.put_entry(ENTRY)
    records.put_user(USER)
    records.put_setting("設定", {"n": BIG, "f": 0.1, "deep": [[None, True, "🔋"]]})
    records.revoke("token", BIG)
    records.audit(BIG, "olga", "login", "from 電" * 10_000)


def keep(engine: Engine, name: str, given: Sequence[Alarm | ScheduleEvent]) -> None:
    """Past the code of this release, which says more than earlier tables hold."""
    table = Table(name, MetaData(), autoload_with=engine)
    there = columns(engine, {name})[name]
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        for each in given:
            row = asdict(each)
            connection.execute(insert(table).values({column: row[column] for column in there}))


def columns(engine: Engine, names: set[str]) -> dict[str, list[str]]:
    return {name: sorted(column["name"] for column in inspect(engine).get_columns(name)) for name in names}


def rows(engine: Engine, wanted: dict[str, list[str]]) -> dict[str, list[Any]]:
    """All rows of these tables, column by column, as the database itself tells them."""
    found = {}
    with engine.connect() as connection:
        for name in sorted(wanted):
            table = Table(name, MetaData(), autoload_with=connection)
            found[name] = sorted(map(repr, connection.execute(select(*(table.c[column] for column in wanted[name])))))
    return found


@pytest.mark.parametrize("release", ["0001", "0002"])
def test_the_way_up_and_down_and_up_loses_nothing_of_an_earlier_release(engine, release):
    migrations.upgrade(engine, release)
    its = columns(engine, tables(engine) - {"alembic_version"})
    fill(engine)
    before = rows(engine, its)
    assert all(before.values()), "a table without rows proves nothing"
    for _ in range(2):
        migrations.upgrade(engine)
        use_what_is_new(engine, release)
        after = rows(engine, its)
        assert set(after.pop("record_version")) > set(before["record_version"])
        assert after == {name: kept for name, kept in before.items() if name != "record_version"}
        migrations.downgrade(engine, release)
        assert columns(engine, tables(engine) - {"alembic_version"}) == its
        assert rows(engine, its) == before
    migrations.upgrade(engine)
    records = SqlRecords(engine, lambda: 0)
    assert records.devices() == [DEVICE]
    assert records.alarms(("active", "cleared")) == ALARMS
    assert records.events(Window(NOON, NOON + 1)) == [AWARD]
    assert [(user.username, user.roles, user.confirmed_at) for user in records.users()] == [(USER.username, USER.roles, BIG)]
    assert records.setting("設定") == {"n": BIG, "f": 0.1, "deep": [[None, True, "🔋"]]}
    assert records.revoked("token")
    assert records.audit_log() == [(BIG, "olga", "login", "from 電" * 10_000)]
    assert records.documents("battery_data") == ([] if release == "0001" else [{"a": 1}])
    assert [records.entries(drawer) for drawer in DRAWERS] == [[]] * len(DRAWERS)
    assert [records.entries_version(drawer) for drawer in DRAWERS] == [0] * len(DRAWERS)
    records.close()


def use_what_is_new(engine: Engine, release: str) -> None:
    """Keep what the earlier release has no place for."""
    records = SqlRecords(engine, lambda: 0)
    if release == "0001":
        records.keep_document("battery_data", {"a": 1}, 1)
    shelved = replace(ALARMS[0], shelved_by="olga", shelved_until=BIG)
    assert records.alarms(("active",)) == ALARMS[:1], "nobody had put it aside"
    records.put_alarm(shelved)
    assert records.alarms(("active",)) == [shelved]
    assert records.event(BIG) == AWARD, "nothing was transferred"
    records.put_events([replace(AWARD, transfer=2.5)])
    assert records.event(BIG).transfer == 2.5
    for drawer in DRAWERS:
        records.put_entry(replace(ENTRY, drawer=drawer))
        assert records.entries(drawer) == [replace(ENTRY, drawer=drawer, version=1)]


def test_an_earlier_release_goes_on_writing_while_this_one_starts(engine):
    migrations.upgrade(engine)
    columns_then = "device_id, kind, code, severity, message, raised, metric, acknowledged_by, simulated"
    run(engine, f"INSERT INTO alarm ({columns_then}) VALUES ('b', 'bess', 'C', 'info', '', 1, '', '', false)")
    (alarm,) = SqlRecords(engine, lambda: 0).alarms()
    assert (alarm.shelved_by, alarm.shelved_until) == ("", None)


def test_every_step_goes_down_to_nothing_and_up_again(engine):
    migrations.upgrade(engine)
    fill(engine)
    for step in ScriptDirectory(str(migrations.FOLDER)).walk_revisions():
        migrations.downgrade(engine, str(step.down_revision or "base"))
        assert migrations.current(engine) == step.down_revision
    assert tables(engine) == {"alembic_version"}
    migrations.upgrade(engine)
    assert is_complete(engine)
    assert SqlRecords(engine, lambda: 0).devices() == []


def test_a_database_of_a_newer_release_is_refused(engine):
    migrations.upgrade(engine)
    run(engine, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ValueError, match="revision 9999, this release knows 0004: use the newer release"):
        migrations.upgrade(engine)


def test_migrating_leaves_foreign_tables_alone(engine):
    run(engine, "CREATE TABLE bess (ts INTEGER, device INTEGER)", "INSERT INTO bess VALUES (1, 2)")
    migrations.upgrade(engine)
    migrations.downgrade(engine, "base")
    assert rows(engine, {"bess": ["device", "ts"]}) == {"bess": ["(2, 1)"]}


@pytest.mark.parametrize(("name", "before_it"), [("audit", None), ("document", "0001"), ("entry", "0002")])
def test_a_table_of_somebody_else_is_named_and_nothing_is_touched(engine, name, before_it):
    if before_it:
        migrations.upgrade(engine, before_it)
    run(engine, f"CREATE TABLE {name} (x INTEGER)")
    before = tables(engine)
    with pytest.raises(
        ValueError, match=f"^a table '{name}' that is not ours exists already: give the records a database of their own \\(RECORDS_URL\\)$"
    ):
        migrations.upgrade(engine)
    assert tables(engine) - {"alembic_version"} == before - {"alembic_version"}
    assert migrations.current(engine) == before_it


# -- interrupted ---------------------------------------------------------------------------------------------------


class Interrupted(Exception):
    pass


def interrupt(engine: Engine, at: int) -> list[str]:
    """Raise before the statement number `at` (from 0) that changes something; the list names those that were reached."""
    reached: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def count(_connection, _cursor, statement, *_rest) -> None:
        if statement.split()[0] in ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE"):
            reached.append(statement)
            if len(reached) == at + 1:
                raise Interrupted(statement)

    return reached


def statements_of(engine: Engine, act) -> int:
    reached = interrupt(engine, 10**6)
    act(engine)
    return len(reached)


@pytest.mark.slow
def test_a_way_up_that_was_interrupted_anywhere_is_completed_by_the_next_start(url):
    engine = records_engine(url)
    transactional = engine.dialect.name != "mysql"
    migrations.upgrade(engine)
    migrations.downgrade(engine, "base")  # the table of Alembic itself stays
    number = statements_of(engine, migrations.upgrade)
    assert number > 15
    assert is_complete(engine)
    migrations.downgrade(engine, "base")
    engine.dispose()
    for at in range(number):
        broken = records_engine(url)
        interrupt(broken, at)
        with pytest.raises(Interrupted):
            migrations.upgrade(broken)
        if transactional:
            assert tables(broken) == {"alembic_version"}, "as it was"
        broken.dispose()
        if transactional and at < number - 1:  # the next one starts where this one did
            continue
        again = records_engine(url)
        migrations.upgrade(again)
        assert is_complete(again)
        migrations.downgrade(again, "base")
        again.dispose()


def break_off_the_way_down(url: str, at: int) -> None:
    """From the newest release, before the statement number `at`; where that can be undone it is as if nobody had begun."""
    whole = records_engine(url)
    migrations.upgrade(whole)
    whole.dispose()
    broken = records_engine(url)
    interrupt(broken, at)
    with pytest.raises(Interrupted):
        migrations.downgrade(broken, "base")
    if broken.dialect.name != "mysql":
        assert is_complete(broken), "as it was"
    broken.dispose()


@pytest.mark.slow
def test_a_way_down_that_was_interrupted_anywhere_can_be_taken_up_or_down(url):
    engine = records_engine(url)
    transactional = engine.dialect.name != "mysql"
    migrations.upgrade(engine)
    number = statements_of(engine, lambda each: migrations.downgrade(each, "base"))
    assert number > 8
    engine.dispose()
    for at in range(number):
        if transactional and at < number - 1:
            break_off_the_way_down(url, at)  # both ways begin where they would have begun: once is enough
            continue
        for way in (migrations.upgrade, lambda each: migrations.downgrade(each, "base")):
            break_off_the_way_down(url, at)
            again = records_engine(url)
            way(again)
            migrations.upgrade(again)
            assert is_complete(again)
            again.dispose()


DIES = """
import os, signal, sys
from sqlalchemy import event
from datastore import migrations
from datastore.backends.sql_record_engines import records_engine
engine = records_engine(sys.argv[1])
def die(connection, cursor, statement, *rest):
    if statement.split()[:3] == ["CREATE", "TABLE", sys.argv[2]]:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(engine, "after_cursor_execute", die)
migrations.upgrade(engine)
"""


@pytest.mark.parametrize("table", ["alembic_version", "audit", "setting", "document", "entry"])
def test_a_process_killed_while_it_migrates_holds_nobody_up(engine, url, table):
    died = subprocess.run([sys.executable, "-c", DIES, url, table], env={"PYTHONPATH": str(PROJECT)}, timeout=60)
    assert died.returncode == -signal.SIGKILL
    migrations.upgrade(engine)
    assert is_complete(engine)


STARTER = """
import sys
from datastore import migrations
from datastore.backends.sql_record_engines import records_engine
from datastore.backends.sql_records import SqlRecords
from plant.model import Device
print("ready", flush=True)
sys.stdin.readline()
engine = records_engine(sys.argv[1])
migrations.upgrade(engine)
SqlRecords(engine, lambda: 0).put_devices([Device(sys.argv[2], "bess")])
print(migrations.current(engine), flush=True)
"""


def test_processes_that_start_at_once_do_not_collide(engine, url, tmp_path):
    """From a folder without alembic.ini, as a service starts."""
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", STARTER, url, f"d{number}"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(PROJECT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for starter in starters:
        assert starter.stdout.readline() == "ready\n"
    for starter in starters:
        starter.stdin.write("go\n")
        starter.stdin.flush()
    for starter in starters:
        out, _ = starter.communicate(timeout=100)
        assert (starter.returncode, out) == (0, "0004\n")
    assert [device.device_id for device in SqlRecords(engine, lambda: 0).devices()] == ["d0", "d1", "d2", "d3"]


def test_a_user_who_may_not_create_triggers_gets_the_tables_and_is_told(mariadb_url, caplog):
    """Managed databases with a binary log refuse triggers to all but their operator."""
    owner = records_engine(mariadb_url)
    user, password = f"voltdeck_{os.getpid()}", secrets.token_hex(8)
    run(
        owner,
        f"CREATE USER '{user}'@'%%' IDENTIFIED BY '{password}'",
        f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON `{owner.url.database}`.* TO '{user}'@'%%'",
    )
    try:
        poor = records_engine(owner.url.set(username=user, password=password).render_as_string(hide_password=False))
        with caplog.at_level(logging.WARNING):
            migrations.upgrade(poor)
        assert "may not create triggers" in caplog.text
        SqlRecords(poor, lambda: 0).audit(1, "olga", "login", "")
        poor.dispose()
    finally:
        run(owner, f"DROP USER '{user}'@'%%'")
        owner.dispose()
