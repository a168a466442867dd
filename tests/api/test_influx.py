"""Influx line protocol: read as the specification says, kept as the mapping says, through both doors."""

import gzip
import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.foreign.line_protocol import NANOSECONDS, parse
from services.config import Config
from services.foreign import Target, load, mapping_of
from services.setting import SettingError
from tests.api.conftest import flask_door, make

AT = 1_769_256_300_000  # 2026-01-24T12:05:00Z
LINE = f"battery,device=bess01,kind=bess soc=67.5,voltage=825.3 {AT}000000"


def escaped(text: str, special: str) -> str:
    return "".join(f"\\{c}" if c in special else c for c in text)


def write_line(measurement, tags, fields, stamp) -> str:
    """An independent writer, from https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/."""
    head = escaped(measurement, ", ") + "".join(f",{escaped(k, ',= ')}={escaped(v, ',= ')}" for k, v in tags.items())
    said = []
    for name, value in fields.items():
        if isinstance(value, bool):
            text = random.Random(name).choice(["t", "T", "true", "True", "TRUE"] if value else ["f", "F", "false", "False", "FALSE"])
        elif isinstance(value, int):
            text = f"{value}i" if value < 2**63 else f"{value}u"
        elif isinstance(value, float):
            text = repr(value)
        else:
            text = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        said.append(f"{escaped(name, ',= ')}={text}")
    return f"{head} {','.join(said)}" + (f" {stamp}" if stamp is not None else "")


# Names may hold anything but line ends; a backslash has no way to be told from one that escapes, so that writers leave it out.
names = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\t\\\0"), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text
)
measurements = names.filter(lambda text: not text.startswith("#"))
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=20)
values = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**64 - 1), st.booleans(), texts
)  # fmt: skip
points = st.tuples(
    measurements,
    st.dictionaries(names, names, max_size=4),
    st.dictionaries(names, values, min_size=1, max_size=5),
    st.one_of(st.none(), st.integers(-(10**17), 4 * 10**18)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(points, min_size=1, max_size=6))
def test_what_an_independent_writer_writes_is_read_as_it_was_meant(given_points):
    body = "\n".join(write_line(*point) for point in given_points).encode()
    read, broken = parse(body, 1)
    assert broken == []
    assert [(p.measurement, dict(p.tags), dict(p.fields)) for p in read] == [(m, t, f) for m, t, f, _ in given_points]
    assert [p.at for p in read] == [None if stamp is None else stamp // 1_000_000 for *_, stamp in given_points]
    for point, (_, _, fields, _) in zip(read, given_points, strict=True):
        assert [type(value) for value in point.fields.values()] == [type(value) for value in fields.values()]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_the_reader_fail(body):
    read, broken = parse(body, 1)
    assert len(read) + len(broken) <= body.count(b"\n") + 1


@pytest.mark.parametrize(
    ("line", "measurement", "tags", "fields", "at"),
    [
        # the examples of the specification
        ('myMeasurement,tag1=value1,tag2=value2 fieldKey="fieldValue" 1556813561098000000', "myMeasurement",
         {"tag1": "value1", "tag2": "value2"}, {"fieldKey": "fieldValue"}, 1556813561098),
        ('my\\ Measurement fieldKey="string value"', "my Measurement", {}, {"fieldKey": "string value"}, None),
        ('myMeasurement fieldKey="\\"string\\" within a string"', "myMeasurement", {}, {"fieldKey": '"string" within a string'}, None),
        ('myMeasurement,tag\\ Key1=tag\\ Value1,tag\\ Key2=tag\\ Value2 fieldKey=100', "myMeasurement",
         {"tag Key1": "tag Value1", "tag Key2": "tag Value2"}, {"fieldKey": 100.0}, None),
        ('myMeasurement,tagKey=🍭 fieldKey="Launch 🚀" 1556813561098000000', "myMeasurement", {"tagKey": "🍭"},
         {"fieldKey": "Launch 🚀"}, 1556813561098),
        ("m a=1i,b=12485903u,c=-1.234456e+78,d=.5,e=5.,f=1e-3", "m", {},
         {"a": 1, "b": 12485903, "c": -1.234456e78, "d": 0.5, "e": 5.0, "f": 0.001}, None),
        ('m s="a, b=c"  7000000', "m", {}, {"s": "a, b=c"}, 7),
    ],
)  # fmt: skip
def test_the_examples_of_the_specification(line, measurement, tags, fields, at):
    (point,), broken = parse(line.encode(), 1)
    assert (point.measurement, point.tags, point.fields, point.at, broken) == (measurement, tags, fields, at, [])


@pytest.mark.parametrize(
    "line",
    ["m", "m,", "m a", "m a=", "m =1", "m,t a=1", "m,t= a=1", "m,=v a=1", "m,t=1,t=2 a=1", ",t=1 a=1", "m a=1,", "m a=NaN", "m a=inf",
     "m a=1e999", "m a=1_000", "m a=0x10", "m a=1ii", "m a=1.5i", "m a=-1u", f"m a={2**63}i", f"m a={2**64}u", "m a=yes", 'm a="open',
     'm a="x"y', "m a=1 now", "m a=1 1.5", f"m a=1 {2**63}", "m a=1 2 3", "m a=١", "m a=1 ١"],
)  # fmt: skip
def test_a_line_that_makes_no_sense_is_named(line):
    read, broken = parse(f"ok a=1\n{line}\nok a=2".encode(), 1)
    assert [point.fields["a"] for point in read] == [1.0, 2.0]
    assert [fault.row for fault in broken] == [1] and broken[0].reason


SAID = st.sampled_from(["1", "1.5", "-2.", "+.5", "1e3", "1e999", "5i", "7u", "t", "nan", "", "abc", '"x"', "1.2.3", "0x1", "\u0661"])
FIELDS = st.sampled_from([("a", "b"), ("b", "a"), ("a.b", "c"), ("a", "a")])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(FIELDS, st.lists(st.sampled_from(["1", "2.5"]) | SAID, min_size=2, max_size=2)), min_size=3, max_size=8))
def test_a_line_means_the_same_whatever_came_before_it(lines):
    texts = [f"m,device=d {','.join(f'{name}={said}' for name, said in zip(names, values, strict=True))} 5" for names, values in lines]
    together = parse("\n".join(texts).encode(), 1)
    alone = [parse(text.encode(), 1) for text in texts]
    kinds = [[{name: (type(said), said) for name, said in point.fields.items()} for point in points] for points, _ in (together, *alone)]
    assert kinds[0] == [fields for found in kinds[1:] for fields in found]
    assert [one.reason for one in together[1]] == [one.reason for _, broken in alone for one in broken]


def test_long_numbers_that_are_none_do_not_hold_the_reader_up():
    fields = [f"f{number}=" for number in range(40)]
    good = "m,device=a " + ",".join(f"{name}1" for name in fields)
    bad = "m,device=a " + ",".join(f"{name}{'1' * 30}" for name in fields) + "x"
    points, broken = parse("\n".join([good] * 3 + [bad] * 50).encode(), 1)  # with a pattern of many ways this would take years
    assert (len(points), len(broken)) == (3, 50)


def test_comments_and_empty_lines_say_nothing():
    read, broken = parse(b'# m a=1\n\n  \r\nm a=1\r\n#" \nm a=2\n', 1)
    assert [point.row for point in read] == [3, 5] and broken == []


def test_bytes_that_are_no_text_spoil_their_line_only():
    read, broken = parse(b"m a=1\nm,t=\xff a=1\nm,t=\xe2\x82\xac a=2", 1)
    assert [point.fields["a"] for point in read] == [1.0, 2.0]
    assert [fault.row for fault in broken] == [1]


@pytest.mark.parametrize(
    ("query", "stamp"),
    [("", AT * 10**6), ("?precision=ns", AT * 10**6), ("?precision=us", AT * 1000), ("?precision=ms", AT), ("?precision=s", AT // 1000)],
)
@pytest.mark.parametrize("path", ["/write", "/api/v2/write"])
def test_every_precision_names_the_same_instant(door, path, query, stamp):
    assert door("POST", f"{path}{query}", f"battery,device=bess01 soc=67.5 {stamp}").status == 204
    assert door("GET", "/api/v1/devices/bess01/latest").json["timestamp"] == "2026-01-24T12:05:00Z"


def test_v1_knows_minutes_and_hours(door):
    assert door("POST", "/write?precision=m", f"battery,device=bess01 soc=1 {AT // 60_000}").status == 204
    assert door("GET", "/api/v1/devices/bess01/latest").json["timestamp"] == "2026-01-24T12:05:00Z"
    assert door("POST", "/api/v2/write?precision=m", LINE).status == 400
    assert NANOSECONDS["h"] == 3600 * NANOSECONDS["s"]


def test_both_doors_keep_what_comes_and_answer_nothing(either):
    reply = either("POST", "/api/v2/write?org=o&bucket=b&precision=ns", LINE, Content_Type="text/plain; charset=utf-8")
    assert (reply.status, reply.body) == (204, b"")
    assert "content-type" not in reply.headers
    values = either("GET", "/api/v1/devices/bess01/latest?kind=bess").json["values"]
    assert (values["soc"], values["voltage"]) == (67.5, 825.3)


@pytest.mark.parametrize("media", ["", "application/x-www-form-urlencoded", "application/octet-stream", "text/plain"])
def test_what_curl_and_others_call_it_does_not_matter(either, media):
    headers = {"Content_Type": media} if media else {}
    assert either("POST", "/write?db=telegraf", LINE, **headers).status == 204
    assert either("POST", "/write", LINE, Content_Type="application/json").status == 415


def test_a_packed_body_is_unpacked(either):
    assert either("POST", "/api/v2/write", gzip.compress(LINE.encode()), Content_Encoding="gzip").status == 204
    assert either("POST", "/api/v2/write", b"\x1f\x8bnonsense", Content_Encoding="gzip").status == 400


def test_the_host_names_the_device_where_no_tag_device_does(door):
    door("POST", "/write", f"battery,host=bess07 soc=12 {AT}000000\nbattery,host=gateway,device=bess08 soc=13 {AT}000000")
    assert [door("GET", f"/api/v1/devices/{name}/latest").status for name in ("bess07", "bess08", "gateway")] == [200, 200, 404]


def test_what_telegraf_sends_of_its_host_is_counted_and_the_answer_stays_204(door):
    body = f'cpu,cpu=cpu0,host=edge usage_idle=98.2,usage_user=1.1 {AT}000000\nmem,host=edge active=1i,note="x" {AT}000000\n{LINE}'
    assert door("POST", "/write?db=telegraf", body).status == 204
    assert door("POST", "/write?db=telegraf", body).status == 204
    seen = door("GET", "/api/v1/foreign").json
    assert seen["doors"] == [{"door": "influx", "points": 6, "broken": 0, "unmapped": 8}]
    assert {(row["measurement"], row["field"]): row["count"] for row in seen["unmapped"]} == {
        ("cpu", "usage_idle"): 2, ("cpu", "usage_user"): 2, ("mem", "active"): 2, ("mem", "note"): 2,
    }  # fmt: skip
    figures = door("GET", "/metrics").body.decode()
    assert 'voltdeck_foreign_unmapped_total{door="influx"} 8.0' in figures
    assert door("GET", "/api/v1/devices/edge/latest").status == 404


def test_broken_lines_are_told_in_both_dialects_and_the_others_are_kept(either):
    reply = either("POST", "/api/v2/write", f"{LINE}\nbattery,device=bess01 soc=\nbattery soc=1")
    assert reply.status == 400
    body = reply.json
    assert body["code"] == "invalid" and body["message"].startswith("partial write: line 2: ") and "dropped=2" in body["message"]
    assert body["error"]["code"] == "PARTIAL_WRITE" and body["detail"] == body["message"]
    assert [row["index"] for row in body["error"]["details"]["rejected"]] == [1, 2]
    assert body["error"]["details"]["accepted"] == 1
    assert either("GET", "/api/v1/devices/bess01/latest?kind=bess").json["values"]["soc"] == 67.5


def test_a_body_without_one_good_line_keeps_nothing(product, door):
    reply = door("POST", "/write", "nonsense\nmore nonsense")
    assert (reply.status, reply.json["code"], reply.json["error"]["code"]) == (400, "invalid", "BAD_REQUEST")
    assert product.store.records.devices() == []


def test_an_empty_body_is_no_mistake(door):
    assert door("POST", "/write", "").status == 204


def test_errors_of_the_guard_have_influx_words_too(tmp_path):
    product = make(Config(database_url="memory://", data_dir=tmp_path, auth_mode="protected"))
    reply = flask_door(product)("POST", "/api/v2/write", LINE)
    assert (reply.status, reply.json["code"], reply.json["error"]["code"]) == (401, "unauthorized", "UNAUTHORIZED")
    product.store.close()


def test_a_device_nobody_registered_is_named_where_devices_do_not_register_themselves(tmp_path):
    product = make(Config(database_url="memory://", data_dir=tmp_path, auto_register=False, rate_limit_ingest=0))
    reply = flask_door(product)("POST", "/write", LINE)
    assert reply.status == 400 and "bess01" in reply.json["message"]
    product.store.close()


def test_the_same_line_again_changes_nothing(product, door):
    for _ in range(2):
        assert door("POST", "/write", LINE).status == 204
    assert product.store.intake.stats.accepted == 1 and product.store.intake.stats.duplicates == 1


def test_states_come_as_numbers_or_as_words(door):
    for at, said, code in ((0, "2i", 2.0), (1, '"Charging"', 2.0), (2, '"standby"', 1.0), (3, '"whatever"', None), (4, "true", 1.0)):
        device = f"pcs0{at}"
        assert door("POST", "/write", f"converter,device={device},kind=pcs mode={said},active_power=5 {AT}000000").status == 204
        assert door("GET", f"/api/v1/devices/{device}/latest").json["values"].get("mode") == code


MAPPING = """
device_tags = ["serial"]
[[field]]
measurement = "growatt"
field = "Pac"
metric = "total_active_power"
scale = 0.001
kind = "inverter"
[[field]]
field = "charge W"
metric = "power"
scale = 0.001
sign = -1
kind = "pack"
[[field]]
field = "tempF"
metric = "temperature"
scale = 0.5555555555555556
offset = -17.77777777777778
kind = "pack"
"""


@pytest.fixture
def mapped(tmp_path):
    file = tmp_path / "mapping.toml"
    file.write_text(MAPPING)
    product = make(Config(database_url="memory://", data_dir=tmp_path, rate_limit=0, rate_limit_ingest=0, foreign_mapping=file))
    yield flask_door(product)
    product.store.close()


def test_the_mapping_file_changes_names_units_and_signs(mapped):
    assert (
        mapped("POST", "/write", f"growatt,serial=inv9 Pac=12345.6 {AT}000000\nx,serial=p1 charge\\ W=2500i,tempF=77 {AT}000000").status
        == 204
    )
    assert mapped("GET", "/api/v1/devices/inv9/latest").json["values"] == {"total_active_power": 12.3456}
    assert mapped("GET", "/api/v1/devices/p1/latest").json["values"] == {"power": -2.5, "temperature": 25.0}  # 77 °F


def test_a_field_is_mapped_for_its_measurement_only(mapped):
    mapped("POST", "/write", f"other,serial=inv9 Pac=1 {AT}000000")
    assert [row["field"] for row in mapped("GET", "/api/v1/foreign").json["unmapped"]] == ["Pac"]


def test_the_mapping_that_is_shipped_takes_the_names_of_the_catalogue():
    shipped = load(None)
    assert shipped.target("anything", "soc") == Target("soc")
    assert shipped.target("anything", "cell_voltages") is None and shipped.target("anything", "usage_idle") is None
    assert replace(shipped, catalogue=False).target("anything", "soc") is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("=", "TOML"), ("colour = 1", "colour"), ("device_tags = []", "device_tags"), ("catalogue = 1", "catalogue"),
        ("[[field]]\nmetric = 'soc'", "field"), ("[[field]]\nfield = 'a'\nmetric = 'happiness'", "happiness"),
        ("[[field]]\nfield = 'a'\nmetric = 'cell_voltages'", "cell_voltages"),
        ("[[field]]\nfield = 'a'\nmetric = 'soc'\nkind = 'pcs'", "pcs"),
        ("[[field]]\nfield = 'a'\nmetric = 'soc'\nsign = 2", "sign"), ("[[field]]\nfield = 'a'\nmetric = 'soc'\nscale = 0", "scale"),
        ("[[field]]\nfield = 'a'\nmetric = 'soc'\nscale = nan", "scale"), ("[[field]]\nfield = 'a'\nmetric = 'soc'\nunit = 'W'", "unit"),
        ("[[field]]\nfield = 'a'\nmetric = 'soc'\n[[field]]\nfield = 'a'\nmetric = 'soh'", "twice"), ("field = 3", "field"),
    ],
)  # fmt: skip
def test_a_mapping_that_makes_no_sense_stops_the_start_with_one_line(tmp_path, text, named):
    file = tmp_path / "mapping.toml"
    file.write_text(text)
    with pytest.raises(SettingError) as told:
        load(file)
    assert named in str(told.value) and str(file) in str(told.value) and "\n" not in str(told.value).split(" at line")[0]


def test_a_mapping_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_an_empty_mapping_is_the_usual_one():
    assert mapping_of({}).device({"host": "a", "device": "b"}) == "b"


def test_ping_answers_as_influx_does(either):
    for method in ("GET", "HEAD"):
        reply = either(method, "/ping")
        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["x-influxdb-version"].startswith("1.8")


def test_ids_that_urls_cannot_hold_are_refused(door):
    reply = door("POST", "/write", "battery,device=a/b soc=1\nbattery,device=.. soc=1\nbattery,device=store soc=1")
    assert reply.status == 400 and len(reply.json["error"]["details"]["rejected"]) == 3


def test_json_of_the_error_page_knows_the_code(door):
    assert 'id="partial-write"' in door("GET", "/docs/errors", Accept="text/html").body.decode()
    assert json.loads(door("GET", "/openapi.json").body)["paths"]["/write"]["post"]["responses"].keys() >= {"204", "400", "401"}
