"""`app.py solarhub check` says of each table what is there and what is not."""

from dataclasses import replace
from pathlib import Path

import pytest

from datastore.backends.solarhub.checking import check
from datastore.backends.solarhub.installation import Cache, Installation
from plant.model import DAY
from services.solarhub import run_solarhub_command
from tests.conftest import RedisServer
from tests.datastore.solarhub.conftest import Machine
from tests.datastore.solarhub.installation import START_UTC
from tests.datastore.solarhub.test_faults import hashes

TABLE = """
[[table]]
database = "DB_NAME_ESS"
table = "{table}"
device = "meter-{table}"
kind = "meter"
time = {{ column = "at", form = "s" }}
[table.metrics]
active_power = "p"
frequency = "f"
"""


def test_the_documents_installation_is_sound(document: Installation, redis_server: RedisServer) -> None:
    hashes(redis_server, START_UTC)
    caches = {"main": Cache("main", "127.0.0.1", redis_server.port)}
    lines = [str(finding) for finding in check(replace(document, caches=caches), START_UTC)]
    said = "BESS2.rack12 → bess02-rack12: 110 rows, 2024-05-31T16:00:00Z … 2024-05-31T17:59:00Z"
    assert next(line for line in lines if line.endswith(said)).startswith("ok ")
    assert any(line.startswith("ok ") and line.endswith("→ schedule: 3 events from a year ago to a year ahead") for line in lines)
    assert any(line.startswith("ok ") and line.endswith(": 1 of 26 keys have values") for line in lines)
    assert [line for line in lines if not line.startswith("ok ")] == []
    # four meters may be there, one is
    assert any("3 devices that the mapping allows have no rows" in line for line in lines)


def test_what_is_missing_is_named(
    machine: Machine, database: str, document: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.toml"
    path.write_text("".join(TABLE.format(table=table) for table in ("good", "lacks", "slow", "empty", "timeless", "none")))
    machine.run(
        [
            f"USE `{database}`",
            *(f"CREATE TABLE {name} (at INT PRIMARY KEY, p DOUBLE, f DOUBLE)" for name in ("good", "empty")),
            "CREATE TABLE lacks (at INT PRIMARY KEY, p DOUBLE)",
            "CREATE TABLE slow (at INT, p DOUBLE, f DOUBLE)",
            "CREATE TABLE timeless (p DOUBLE, f DOUBLE)",
            *(f"INSERT INTO {name} (at, p) VALUES (1717171200, 1)" for name in ("good", "lacks", "slow")),
        ]
    )
    installation = replace(document, databases={**document.databases, "DB_NAME_ESS": database}, mapping=path)
    assert run_solarhub_command(installation, ["check"], lambda: START_UTC + DAY) == 1
    said = {line.split(": ")[0].split("-")[-1]: line.split(": ", 1) for line in capsys.readouterr().out.splitlines()}
    once = "1 rows, 2024-05-31T16:00:00Z … 2024-05-31T16:00:00Z"
    assert said["good"][1] == once and said["good"][0].startswith("ok ")
    assert said["lacks"][1] == f"{once}, without column f"
    assert said["slow"][1] == f"{once}, no index on at: every question reads the whole table"
    assert said["empty"][1] == "no rows"
    assert said["timeless"][1] == "without column at: it cannot be read"
    assert said["none"][1] == "there is no such table"
    assert [name for name, (head, _) in said.items() if head.startswith("ok ")] == ["good"]


def test_a_database_that_does_not_answer_is_named_for_each_of_its_tables(document: Installation, machine: Machine) -> None:
    installation = replace(document, databases={**document.databases, "DB_NAME_BESS2": "vd_nowhere"})
    lines = [str(finding) for finding in check(installation, START_UTC)]
    down = [line for line in lines if "Unknown database 'vd_nowhere'" in line]
    assert len(down) == 13 and all(line.startswith("LOOK ") for line in down)
    assert any("bess01-rack01: 110 rows" in line for line in lines)


def test_without_a_host_there_is_nothing_to_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_solarhub_command(None, ["check"], lambda: 0) == 1
    assert "DB_HOST is not set" in capsys.readouterr().out
