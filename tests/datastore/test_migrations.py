"""The way up and down between releases, on data, from anywhere, by two processes at once."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from datastore import migrations
from datastore.backends.sql_record_tables import metadata
from datastore.backends.sql_records import SqlRecords, sqlite_engine
from plant.model import Alarm, Device, User

PROJECT = Path(migrations.__file__).parents[2]


@pytest.fixture
def engine(tmp_path):
    made = sqlite_engine(tmp_path / "plant.db")
    yield made
    made.dispose()


def tables(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')")}
    connection.close()
    return found


def test_a_new_database_gets_exactly_the_declared_tables(engine):
    migrations.upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_upgrading_twice_changes_nothing(engine, tmp_path):
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


def test_every_step_goes_down_and_up_again_on_data(engine, tmp_path):
    migrations.upgrade(engine)
    records = SqlRecords(engine, lambda: 0)
    records.put_devices([Device("bess01", "bess")])
    records.put_alarm(Alarm("bess01", "bess", "SILENT", "warning", "no reading", 1))
    records.put_user(User("olga", "x"))
    records.audit(1, "olga", "login", "")
    for step in ScriptDirectory(str(migrations.FOLDER)).walk_revisions():
        migrations.downgrade(engine, str(step.down_revision or "base"))
        assert migrations.current(engine) == step.down_revision
    assert tables(tmp_path / "plant.db") <= {"alembic_version", "sqlite_sequence"}
    migrations.upgrade(engine)
    assert SqlRecords(engine, lambda: 0).devices() == []


def test_a_database_of_a_newer_release_is_refused(engine):
    migrations.upgrade(engine)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ValueError, match="revision 9999, this release knows 0001: use the newer release"):
        migrations.upgrade(engine)


def test_migrating_leaves_foreign_tables_alone(engine, tmp_path):
    with sqlite3.connect(tmp_path / "plant.db") as connection:
        connection.execute("CREATE TABLE bess (ts INTEGER, device INTEGER)")
        connection.execute("INSERT INTO bess VALUES (1, 2)")
    connection.close()
    migrations.upgrade(engine)
    migrations.downgrade(engine, "base")
    assert "bess" in tables(tmp_path / "plant.db")


def test_a_step_that_fails_leaves_the_database_as_it_was(engine, tmp_path):
    with sqlite3.connect(tmp_path / "plant.db") as connection:
        connection.execute("CREATE TABLE audit (x INTEGER)")  # in the way of the first step's last table but one
    connection.close()
    with pytest.raises(Exception, match="audit already exists"):
        migrations.upgrade(engine)
    assert tables(tmp_path / "plant.db") == {"audit"}
    assert migrations.current(engine) is None


def test_the_audit_log_only_grows_whatever_tool_opens_the_file(engine, tmp_path):
    migrations.upgrade(engine)
    SqlRecords(engine, lambda: 0).audit(1, "olga", "login", "")
    connection = sqlite3.connect(tmp_path / "plant.db")
    for statement in ("DELETE FROM audit", "UPDATE audit SET who = 'nobody'"):
        with pytest.raises(sqlite3.IntegrityError, match="the audit log only grows"):
            connection.execute(statement)
    connection.close()


STARTER = """
import sys
from pathlib import Path
from datastore import migrations
from datastore.backends.sql_records import SqlRecords, sqlite_engine
from plant.model import Device
print("ready", flush=True)
sys.stdin.readline()
engine = sqlite_engine(Path(sys.argv[1]))
migrations.upgrade(engine)
SqlRecords(engine, lambda: 0).put_devices([Device(sys.argv[2], "bess")])
print(migrations.current(engine), flush=True)
"""


def test_processes_that_start_at_once_do_not_collide(tmp_path):
    """From a folder without alembic.ini, as a service starts."""
    path = tmp_path / "plant.db"
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", STARTER, str(path), f"d{number}"],
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
        out, _ = starter.communicate(timeout=60)
        assert (starter.returncode, out) == (0, "0001\n")
    engine = sqlite_engine(path)
    assert [device.device_id for device in SqlRecords(engine, lambda: 0).devices()] == ["d0", "d1", "d2", "d3"]
    engine.dispose()
