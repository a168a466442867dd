"""The mapping file: the shipped one is complete, and every mistake is one line with file, place and key."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from datastore.backends.solarhub.installation import DATABASES, SHIPPED_MAPPING, Cache, Installation, Server
from datastore.backends.solarhub.mapping import MappingError, read

BOTH = Installation(
    {"main": Server("main", "a"), "gtr": Server("gtr", "b")}, "Asia/Taipei", caches={"main": Cache("main", "c"), "gtr": Cache("gtr", "d")}
)
SOUND = """
[numbers]
n = { setting = "BESS_NUMBER", most = 2 }
[[table]]
database = "DB_NAME_BESS{n}"
table = "rack"
device = "bess{n:02d}-rack01"
kind = "rack"
time = { column = "at", form = "s" }
[table.metrics]
soc = "soc"
cell_voltages = { column = "b{m}c{c}", m = [1, 2], c = [1, 3] }
"""

SCHEDULE = '[schedule]\ndatabase = "DB_NAME_SCHEDULE"\ntable = "s"\ncolumns = { mode = "m" }\n'


def test_the_shipped_mapping_reads_all_18_databases_and_both_redis() -> None:
    layout = read(SHIPPED_MAPPING, BOTH)
    assert layout.awards is not None
    assert {table.setting for table in layout.tables} | {layout.awards.setting} == set(DATABASES)
    assert {table.server for table in layout.tables} == {one.server for one in layout.hashes} == {"main", "gtr"}
    racks = {table.thing.device_id for table in layout.tables if table.setting.startswith("DB_NAME_BESS") and table.thing.kind == "rack"}
    assert racks == {f"bess{b:02d}-rack{r:02d}" for b in range(1, 13) for r in range(1, 13)}
    places = {place.metric: place for table in layout.tables for place in table.places}
    # 21 modules of 12 cells, 16 MPPT, 32 strings, BAMS words 64…80
    sizes = {name: len(places[name].names) for name in ("cell_voltages", "mppt_voltages", "string_currents", "bams_status")}
    assert sizes == {"cell_voltages": 252, "mppt_voltages": 16, "string_currents": 32, "bams_status": 17}
    assert places["cell_voltages"].names[12] == "battery_2_cell_1_v"


def test_the_settings_say_how_many_devices_there_are() -> None:
    numbers: Mapping[str, int] = {"BESS_NUMBER": 3, "RACK_NUMBER": 2, "PCS_NUMBER": 0, "INVERTER_NUMBER": 20}
    layout = read(SHIPPED_MAPPING, replace(BOTH, numbers=numbers))
    kinds = {kind: {t.thing.device_id for t in layout.tables if t.thing.kind == kind} for kind in ("bess", "rack", "pcs", "inverter")}
    assert {kind: len(found) for kind, found in kinds.items()} == {"bess": 3, "rack": 6, "pcs": 0, "inverter": 20}


def test_the_site_and_the_types_have_the_names_of_the_settings() -> None:
    layout = read(SHIPPED_MAPPING, replace(BOTH, site_id="plant", types={"BESS_TYPE": "ESS", "PCS_TYPE": "Converter"}))
    things = {table.thing.device_id: table.thing for table in layout.tables}
    assert things["plant"].kind == "site"
    assert (things["bess03"].name, things["pcs01"].name, things["bess03"].parent) == ("ESS 03", "Converter 01", "plant")


def test_what_lies_on_a_server_that_is_not_set_is_left_out() -> None:
    layout = read(SHIPPED_MAPPING, replace(BOTH, servers={"main": Server("main", "a")}, caches={}))
    assert {table.server for table in layout.tables} == {"main"} and layout.hashes == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("soc = ", "sock = "), "table 1 (rack).metrics.sock: a rack has no metric of this name in the catalogue"),
        (("soc = ", "apparent_power = "), "table 1 (rack).metrics.apparent_power: a rack has no metric of this name in the catalogue"),
        (("DB_NAME_BESS{n}", "DB_NAME_BES{n}"), "table 1 (rack).database: DB_NAME_BES1 is none of the settings"),
        (("most = 2", "most = 13"), "table 1 (rack).database: DB_NAME_BESS13 is none of the settings DB_NAME_ESS … DB_NAME_BESS12"),
        (('"bess{n:02d}-rack01"', '"bess{k}"'), "table 1 (rack): {k} is none of bess_type, n, pcs_type, site"),
        (('"bess{n:02d}-rack01"', '"bess{n"'), "table 1 (rack): the pattern 'bess{n' is broken: expected '}' before end of string"),
        (('"bess{n:02d}-rack01"', '"bess{n.real}"'), "table 1 (rack): the pattern 'bess{n.real}' is broken: {n.real}"),
        (('"bess{n:02d}-rack01"', '"rack"'), "rack (rack).soc: is in two places, DB_NAME_BESS1 rack and DB_NAME_BESS2 rack"),
        (('kind = "rack"', 'kind = "rak"'), "table 1 (rack).kind: 'rak' is none of bess, rack, "),
        (('form = "s"', 'form = "sec"'), "table 1 (rack).time.form: 'sec' is none of s, ms, datetime, timestamp"),
        (('form = "s"', 'form = "datetime", zone = "Mars/Base"'), "table 1 (rack).time.zone: 'Mars/Base' is not an IANA"),
        (("c = [1, 3]", "c = [3, 1]"), "table 1 (rack).metrics.cell_voltages.c: must be the first and the last"),
        ((", m = [1, 2], c = [1, 3]", ""), "table 1 (rack).metrics.cell_voltages: a vector needs the range"),
        (('soc = "soc"', 'soc = { column = "soc", m = [1, 2] }'), "table 1 (rack).metrics.soc: a scalar has no range; unknown here: m"),
        (('soc = "soc"', 'soc = { column = "soc", scale = 0 }'), "table 1 (rack).metrics.soc.scale: must not be 0"),
        (('soc = "soc"', 'soc = { column = "soc", sign = 2 }'), "table 1 (rack).metrics.soc.sign: must be 1 or -1"),
        (('soc = "soc"', 'soc = { colum = "soc" }'), "table 1 (rack).metrics.soc.column: is missing"),
        (('table = "rack"', 'tabel = "rack"'), "table 1 (?).tabel: is unknown here, known are "),
        (('kind = "rack"', 'kind = "rack"\nhost = "third"'), "table 1 (rack).host: 'third' is neither main nor gtr"),
        (('[[table]]', '[table]'), "table: must be written as [[table]]"),
        ((SOUND, 'zone = "UTC"'), "table: there is none, so nothing would be read"),
        ((SOUND, "zone = "), "Invalid value (at end of document)"),
        (("most = 2", "most = 0"), "numbers.n.most: must be a whole number within 1…10000"),
        (("[numbers]", f"{SCHEDULE}[numbers]"), "schedule.columns: time_start is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_file_place_and_key(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SOUND.replace(*change))
    with pytest.raises(MappingError) as error:
        read(path, BOTH)
    assert str(error.value).startswith(f"{path}: {said}")
    assert "\n" not in str(error.value)


def test_the_example_of_these_tests_is_sound_before_it_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SOUND)
    assert [table.thing.device_id for table in read(path, BOTH).tables] == ["bess01-rack01", "bess02-rack01"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"nowhere\.toml: cannot be read: No such file or directory"):
        read(tmp_path / "nowhere.toml", BOTH)
