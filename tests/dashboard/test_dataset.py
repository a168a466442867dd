"""The dataset builder without a browser: what is ticked becomes a query, limits are told in words, nobody ends another's files."""

import flask
import pytest

import callbacks
from callbacks import dataset as desk
from callbacks import reports as reports_desk
from dashboard import dataset
from dashboard.dataset import EVERY, Choice
from dashboard.page import Scope
from datastore.open import open_store
from plant.errors import Forbidden, Invalid, NotFound, Unavailable
from plant.model import Block, Device
from services import datasets, exports, reports
from services.access import ROLES, Identity
from services.config import Config

NOW = 1_795_233_600_000  # 2026-11-21 12:00 in Taipei
HOUR = 3_600_000
SCOPE = Scope(zone="Asia/Taipei")
FIELDS = {"from": "2026-11-21T10:00", "to": "2026-11-21T12:00", "zone": "Asia/Taipei", "step": "1m", "agg": "max", "form": "parquet"}
CHOSEN = {"bess": Choice(("bess02",), ("soc", "power"))}


@pytest.fixture
def store():
    opened = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    opened.records.put_devices([Device("bess01", "bess"), Device("bess02", "bess", name="Second"), Device("pcs01", "pcs")])
    rows = [("bess02", at, at, 0, 50.0) for at in range(NOW - 2 * HOUR, NOW, 60_000)]
    opened.telemetry.append([Block("bess", ("soc",), rows)])
    yield opened
    opened.close()


def as_(name, *roles):
    return Identity(name, roles, frozenset().union(*(ROLES[role].permissions for role in roles)))


@pytest.fixture
def looking():
    """Within a request of whoever is put into `flask.g`."""
    app = flask.Flask("test")
    with app.test_request_context("/explore"):
        flask.g.identity = as_("ann", "analyst")
        yield flask.g


def test_what_is_ticked_is_what_is_asked_for(store):
    query = dataset.asked(store, CHOSEN, FIELDS, "en")
    assert [column.key for column in query.columns] == [("bess02", "bess", "soc"), ("bess02", "bess", "power")]
    assert (query.start, query.end) == (NOW - 2 * HOUR, NOW)
    assert (query.resolution, query.aggregation, query.zone, query.form) == (60_000, "max", "Asia/Taipei", "parquet")


def test_all_of_a_kind_are_all_its_devices_and_no_others(store):
    query = dataset.asked(store, {"bess": Choice((EVERY,), ("soc",)), "pcs": Choice((EVERY,), ())}, FIELDS, "en")
    assert [column.device_id for column in query.columns] == ["bess01", "bess02"]


def test_the_clock_of_the_window_is_that_of_the_zone_chosen(store):
    query = dataset.asked(store, CHOSEN, FIELDS | {"zone": "UTC"}, "en")
    assert query.start == NOW - 2 * HOUR + 8 * HOUR and query.zone == "UTC"


@pytest.mark.parametrize(
    ("choices", "change", "says"),
    [
        ({}, {}, "Choose at least one device"),
        ({"bess": Choice(("bess01",), ())}, {}, "Choose at least one device"),
        ({"bess": Choice(("ghost",), ("soc",))}, {}, "Choose at least one device"),
        ({"bess": Choice(("bess01",), ("ghost",))}, {}, "Choose at least one device"),
        ({"ghost": Choice(("bess01",), ("soc",))}, {}, "Choose at least one device"),
        (CHOSEN, {"to": "2026-11-21T10:00"}, "end must lie after"),
        (CHOSEN, {"from": "tomorrow"}, "end must lie after"),
        (CHOSEN, {"from": ""}, "end must lie after"),
        (CHOSEN, {"step": "7m"}, "no such"),
        (CHOSEN, {"form": "exe"}, "no such"),
        (CHOSEN, {"zone": "Mars"}, "no such"),
    ],
)
def test_nonsense_is_refused_in_words(store, choices, change, says):
    with pytest.raises(Invalid, match=says):
        dataset.asked(store, choices, FIELDS | change, "en")


def test_size_is_told_before_asking(store):
    query = dataset.asked(store, CHOSEN, FIELDS, "en")
    size = datasets.size_of(store, query, 1 << 30)
    assert (size.rows, size.cells) == (120, 120)
    assert dataset.told(size, query, 1 << 30, "en").startswith("2 columns, at most 120 rows, about ")
    assert "at most" not in dataset.told(datasets.Size(1, 1, 9 << 30, "large"), query, 1 << 30, "en")


@pytest.mark.parametrize("lang", ["en", "zh-TW", "es"])
def test_the_form_begins_with_what_the_page_shows(store, lang):
    scope = Scope(zone="Asia/Taipei", lang=lang, device="bess02", metric="soc", start=NOW - HOUR, end=NOW)
    kinds, how, _ = dataset.form(store, scope)
    bess, pcs = kinds.children
    assert (bess.open, pcs.open) == (True, False)
    named = [part for part in bess._traverse() if isinstance(getattr(part, "id", None), dict)]
    ticked = {part.id["field"]: part.value for part in named if part.id["type"] == "dataset-in" and part.value}
    assert ticked == {"devices@bess": ["bess02"], "metrics@bess": ["soc"]}
    values = {part.id["field"]: part.value for part in how._traverse() if isinstance(getattr(part, "id", None), dict)}
    assert (values["from"], values["to"], values["zone"]) == ("2026-11-21T11:00", "2026-11-21T12:00", "Asia/Taipei")
    assert dataset.counts(dataset.by_kind(store), CHOSEN, "en") == ["1 of 2 devices · 2 metrics", "Devices: 1"]


def test_without_a_choice_the_form_begins_with_what_the_chart_shows_anyway(store):
    form = dataset.form(store, Scope(zone="Asia/Taipei", device="bess02"))
    fields = {
        part.id["field"]: part.value for part in form[0]._traverse() if isinstance(getattr(part, "id", None), dict) and "field" in part.id
    }
    assert (fields["devices@bess"], fields["metrics@bess"]) == (["bess02"], ["soc"])


def test_one_asks_lists_and_ends_only_ones_own(store, looking, tmp_path):
    config = Config(data_dir=tmp_path)
    desk.make(store, dataset.asked(store, CHOSEN, FIELDS, "en"), 1 << 30, SCOPE)
    (mine,) = exports.listed(store.records, "ann", what="series")
    looking.identity = as_("eve", "analyst")
    with pytest.raises(NotFound):
        desk.end(store, config, mine.id, SCOPE)
    looking.identity = as_("ann", "analyst")
    assert desk.end(store, config, mine.id, SCOPE) == "The file is cancelled."
    assert exports.find(store.records, mine.id).state == "cancelled"
    assert desk.end(store, config, mine.id, SCOPE) == "The file is removed."
    with pytest.raises(Invalid, match="more than the"):
        desk.make(store, dataset.asked(store, CHOSEN, FIELDS, "en"), 10, SCOPE)


def test_files_say_how_far_they_are(store, looking):
    desk.make(store, dataset.asked(store, CHOSEN, FIELDS, "en"), 1 << 30, SCOPE)
    drawn = repr(dataset.files(exports.listed(store.records, "ann"), 7, SCOPE))
    assert "Waiting" in drawn and "Progress" in drawn and "disabled=False" in drawn and "Cancel" in drawn
    (one,) = exports.listed(store.records, "ann")
    exports.keep(store.records, exports.replace(one, state="done", progress=1.0, rows=120, receipt={"bytes": 2_500}))
    drawn = repr(dataset.files(exports.listed(store.records, "ann"), 7, SCOPE))
    parts = (f"/api/v1/exports/{one.id}/file", "120 rows", "2 kB", "kept until 2026-11-28", "disabled=True")
    assert [part for part in parts if part not in drawn] == []


@pytest.mark.parametrize("who", [Identity(), as_("vera", "viewer"), as_("bess01", "device")])
def test_who_may_not_export_gets_no_form(store, looking, who):
    looking.identity = who
    assert not desk.may_export()


def test_a_report_is_asked_for_and_removed_by_who_asked(store, looking, tmp_path, monkeypatch):
    monkeypatch.setattr("services.pictures.browser", lambda path: "/usr/bin/chromium")
    config = Config(data_dir=tmp_path)
    assert reports_desk.make(store, config, "2026-10", "es", SCOPE) == "The report of 2026-10 is being made."
    (made,) = exports.listed(store.records, None, what="report")
    assert (made.owner, made.query.lang) == ("ann", "es")
    looking.identity = as_("eve", "analyst")
    with pytest.raises(Forbidden):
        reports_desk.end(store, config, made.id, SCOPE)
    looking.identity = as_("root", "admin")
    reports_desk.end(store, config, made.id, SCOPE)
    assert exports.find(store.records, made.id).state == "cancelled"
    for month, lang in (("2027-01", "en"), ("2026-10", "fr"), ("x", "en")):
        with pytest.raises(Invalid):
            reports_desk.make(store, config, month, lang, SCOPE)


def test_without_chromium_the_package_is_named(store, looking, tmp_path):
    with pytest.raises(Unavailable, match="chromium"):
        reports_desk.make(store, Config(data_dir=tmp_path, browser_path="/nowhere/chromium"), "2026-10", "en", SCOPE)
    assert exports.listed(store.records, None) == []


def test_months_of_the_form_are_months_there_are(store):
    from dashboard.reports_desk import months

    listed = months(store)
    assert listed[:3] == ["2026-11", "2026-10", "2026-09"] and listed[11:13] == ["2025-12", "2025-11"] and len(listed) == 24
    assert [reports.month_of(one, store) for one in listed]


def test_the_callbacks_are_mounted_once(store, tmp_path):
    app = callbacks.mount(flask.Flask("test"), store, Config(data_dir=tmp_path))
    assert sum("dataset-size" in name for name in app.callback_map) == 1
