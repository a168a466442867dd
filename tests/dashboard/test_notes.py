"""Notes on charts: they stand where they were written, say what was written as text, and are changed only by whom they belong to."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import flask
import pytest

from callbacks import notes as note_desk
from dashboard import desk
from dashboard.book import bind, discover
from dashboard.exports import viewed
from dashboard.figures.lines import lines
from dashboard.figures.notes import Mark, said
from dashboard.loads import notes
from dashboard.page import Panel, Scope, Table
from datastore.open import open_store
from datastore.store import Store
from plant.errors import Conflict, DeviceNotFound, Forbidden, Invalid, NotFound
from plant.model import HOUR, MINUTE, QUARTER, Annotation, Block, Device
from services import annotations
from services.access import Identity
from services.availability import EXCUSES, excused

NOW = 1_795_233_600_000
"""2026-11-21 12:00 in Taipei, 04:00 UTC."""
LOCAL = 8 * HOUR
SCOPE = Scope(zone="Asia/Taipei", window="24h", device="bess01-rack07", metric="soc")
ADMIN, ANALYST, OTHER, VIEWER = (Identity(name, (role,)) for name, role in (
    ("root", "admin"), ("ada", "analyst"), ("eve", "analyst"), ("vic", "viewer"),
))  # fmt: skip
CODE = "<script>alert(1)</script> %{y} & <b>bold</b>"


@pytest.fixture
def store() -> Iterator[Store]:
    made = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    made.records.put_devices([Device("bess01", "bess"), Device("bess02", "bess"), Device("bess01-rack07", "rack", parent="bess01")])
    rows = [("bess01-rack07", NOW - m * MINUTE, NOW - m * MINUTE, 0, 50.0) for m in range(60, 0, -1)]
    made.telemetry.append([Block("rack", ("soc",), rows)])
    yield made
    made.close()


@pytest.fixture(autouse=True)
def request_of() -> Iterator[Any]:
    """A request whose caller can be set: `request_of(identity)`."""
    with flask.Flask("test").test_request_context():

        def caller(identity: Identity) -> None:
            flask.g.identity = identity

        caller(ANALYST)
        yield caller


def write(store: Store, text: str, ago: int = HOUR, lasted: int = 0, device: str = "", **more: Any) -> Annotation:
    return annotations.add(store, Annotation(NOW - ago, NOW - ago + lasted, text, "ada", device, **more))


def chart(store: Store, scope: Scope = SCOPE) -> tuple[Any, Any]:
    panel = bind(discover()).panels["explore-chart"]
    table = panel.load(store, scope)
    return table, panel.draw(table, scope)


def test_a_chart_without_notes_has_neither_marks_nor_a_legend_entry(store: Store) -> None:
    write(store, "of another device", device="bess02")
    write(store, "before the window", 30 * HOUR, HOUR)
    table, figure = chart(store)
    assert "notes" not in table.more
    assert not figure["layout"]["shapes"] and all(trace.get("legendgroup") != "notes" for trace in figure["data"])


def test_everybody_who_sees_a_live_chart_gets_a_note_with_the_next_frame(store: Store) -> None:
    panel = bind(discover()).panels["explore-chart"]
    assert panel.live

    def token() -> Any:
        told = panel.live(store, SCOPE) or {}
        return told.get("redraw")

    before = token()
    assert before is not None and token() == before
    note = write(store, "somebody else's")
    written = token()
    assert written != before
    annotations.remove(store, note.id, "ann")
    assert token() not in (before, written)


def test_a_chart_without_news_does_not_count_as_fresh_because_of_its_notes(store: Store) -> None:
    panel = Panel("x", "x", lambda store, scope: Table({}), lines, lambda store, scope: None)
    assert (notes.annotated(panel).live or print)(store, SCOPE) == {"at": 0, "redraw": " 0"}
    assert notes.annotated(replace(panel, live=None)).live is None


def test_notes_of_the_device_of_what_it_is_part_of_and_of_the_plant_stand_on_its_chart(store: Store) -> None:
    for text, device in (("rack", "bess01-rack07"), ("unit", "bess01"), ("plant", ""), ("neighbour", "bess02")):
        write(store, text, device=device)
    write(store, "its SOC", device="bess01-rack07", metric="soc")
    write(store, "its current", device="bess01-rack07", metric="current")
    table, _ = chart(store)
    assert {mark.text for mark in table.more["notes"]} == {"rack", "unit", "plant", "its SOC"}


def test_a_stretch_is_a_band_and_an_instant_a_line_by_the_clock_of_the_site(store: Store) -> None:
    write(store, "instant", 3 * HOUR)
    write(store, "stretch", 30 * HOUR, 28 * HOUR)
    _, figure = chart(store)
    band, line = sorted(figure["layout"]["shapes"], key=lambda shape: shape["type"], reverse=True)
    assert (band["type"], band["x0"], band["x1"]) == ("rect", NOW - 30 * HOUR + LOCAL, NOW - 2 * HOUR + LOCAL)
    assert (line["type"], line["x0"], line["x1"]) == ("line", NOW - 3 * HOUR + LOCAL, NOW - 3 * HOUR + LOCAL)
    marks = [trace for trace in figure["data"] if trace.get("legendgroup") == "notes"]
    assert [trace["showlegend"] for trace in marks] == [True, False] and figure["layout"]["showlegend"]
    assert figure["data"][0]["name"] and "legendgroup" not in figure["data"][0], "live frames extend the lines by index"
    seen = next(trace for trace in marks if trace["hovertext"][0].startswith("stretch"))
    # of the stretch 22 of 24 hours are seen: all its places lie in them, the sign in their middle
    assert min(seen["x"]) > NOW - 24 * HOUR + LOCAL and max(seen["x"]) < NOW - 2 * HOUR + LOCAL
    assert abs(seen["x"][seen["marker"]["size"].index(9)] - (NOW - 13 * HOUR + LOCAL)) <= HOUR


def test_what_looks_like_code_is_shown_as_text(store: Store) -> None:
    write(store, CODE)
    _, figure = chart(store)
    mark = figure["data"][-1]
    assert mark["hovertext"][0].startswith("&lt;script&gt;alert(1)&lt;/script&gt; %{y} &amp; &lt;b&gt;bold&lt;/b&gt;")
    assert mark["hovertemplate"] == "%{hovertext}<extra></extra>", "what people wrote is never part of a template"
    texts = [one.children for one in walk(note_desk.form(store, SCOPE)) if getattr(one, "className", "") == "vd-note-text"]
    assert texts == [CODE]


def test_under_the_pointer_a_long_note_is_cut() -> None:
    told = said(Mark("1", NOW, NOW, "bess01", "", "word " * 400, "ada", ("grid",)))
    assert len(told.split("<br>")) == 7 and " …<br>ada · bess01 · grid" in told


def test_the_receipt_of_a_chart_and_the_table_of_the_list_tell_the_notes(store: Store) -> None:
    write(store, "Fan replaced", 2 * HOUR, HOUR, "bess01", tags=("grid",))
    book = bind(discover())
    [note] = viewed(store, book.panels["explore-chart"], SCOPE, NOW).receipt("csv", {"name": "Site"}, "", "")["annotations"]
    assert (note["text"], note["author"], note["device"], note["tags"]) == ("Fan replaced", "ada", "bess01", ["grid"])
    assert (note["from"]["utc"], note["to"]["local"]) == ("2026-11-21T02:00:00.000Z", "2026-11-21T11:00:00.000+08:00")
    head, row = viewed(store, book.panels["explore-notes"], SCOPE, NOW).file("csv").decode("utf-8-sig").split("\r\n")[:2]
    assert head == "Time (Asia/Taipei),Time (UTC),End (Asia/Taipei),End (UTC),Device,Quantity,Author,Note,Tags"
    assert row.endswith("bess01,,ada,Fan replaced,grid")


def walk(part: Any) -> Iterator[Any]:
    if isinstance(part, list | tuple):
        for one in part:
            yield from walk(one)
    elif part is not None and not isinstance(part, str):
        yield part
        yield from walk(getattr(part, "children", None))


def fields(about: str, **said: str) -> dict[str, str]:
    form = {"text": "Storm", "device": "", "start": "2026-11-21T09:00:00", "end": "2026-11-21T10:00:00", "excuse": "none", "tags": ""}
    return {f"{name}@{about}": value for name, value in (form | said).items()}


def test_a_note_is_written_changed_and_removed_at_the_desk(store: Store) -> None:
    note_desk.done(store, ("add", "new:0"), fields("new", device="bess01", excuse="grid", tags="storm, line 3,,storm"), SCOPE)
    [note] = annotations.listed(store.records)[0]
    assert (note.start, note.end) == (NOW - 3 * HOUR, NOW - 2 * HOUR)
    assert (note.text, note.author, note.device_id, note.tags) == ("Storm", "ada", "bess01", ("grid", "storm", "line 3"))
    note_desk.done(store, ("edit", f"{note.id}:1"), fields(note.id, text="Calm", end="", excuse="none"), SCOPE)
    [changed] = annotations.listed(store.records)[0]
    assert (changed.text, changed.start, changed.end, changed.tags, changed.version) == ("Calm", note.start, note.start, (), 2)
    with pytest.raises(Conflict, match="reload the page"):
        note_desk.done(store, ("edit", f"{note.id}:1"), fields(note.id, text="late"), SCOPE)
    note_desk.done(store, ("remove", f"{note.id}:2"), {}, SCOPE)
    assert annotations.listed(store.records)[0] == []
    with pytest.raises(NotFound):
        note_desk.done(store, ("remove", f"{note.id}:2"), {}, SCOPE)
    assert sorted(row[2] for row in store.records.audit_log(limit=9)) == ["note added", "note changed", "note removed"]


def test_another_persons_note_is_changed_by_who_looks_after_alarms_only(store: Store, request_of: Any) -> None:
    note = write(store, "mine", metric="soc")
    for who, offers in ((OTHER, 0), (ANALYST, 1), (ADMIN, 1), (VIEWER, 0)):
        request_of(who)
        ids = [one.id for one in walk(note_desk.form(store, SCOPE)) if isinstance(getattr(one, "id", None), dict)]
        assert sum(one.get("what") == "edit" for one in ids) == offers
        assert sum(one.get("what") == "add" for one in ids) == (who is not VIEWER)
        if not offers:
            for what in ("edit", "remove"):
                with pytest.raises(Forbidden):
                    note_desk.done(store, (what, f"{note.id}:1"), fields(note.id), SCOPE)
    request_of(VIEWER)
    with pytest.raises(Forbidden):
        note_desk.done(store, ("add", "new:0"), fields("new"), SCOPE)
    request_of(ADMIN)
    note_desk.done(store, ("edit", f"{note.id}:1"), fields(note.id, text="theirs"), SCOPE)
    kept = annotations.find(store.records, note.id)
    assert (kept.text, kept.author, kept.metric) == ("theirs", "ada", "soc")


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"text": " "}, Invalid), ({"text": "x" * 2001}, Invalid), ({"start": "soon"}, Invalid), ({"end": "2026-11-21T08:59:59"}, Invalid),
        ({"device": "nobody"}, DeviceNotFound), ({"tags": "y" * 65}, Invalid), ({"tags": ",".join(map(str, range(21)))}, Invalid),
    ],
)  # fmt: skip
def test_a_form_that_makes_no_sense_is_refused(store: Store, said: dict[str, str], wrong: type[Exception]) -> None:
    with pytest.raises(wrong):
        note_desk.done(store, ("add", "new:0"), fields("new", **said), SCOPE)
    assert annotations.listed(store.records)[0] == []


@pytest.mark.parametrize("excuse", EXCUSES)
def test_each_excuse_offered_excuses_the_quarters_the_note_touches(store: Store, excuse: str) -> None:
    import numpy as np

    note_desk.done(store, ("add", "new:0"), fields("new", device="bess01", excuse=excuse, end="2026-11-21T09:20:00"), SCOPE)
    grid = np.arange(NOW - 4 * HOUR, NOW, QUARTER)
    assert np.flatnonzero(excused(store, grid, ["bess01"])).tolist() == [4, 5]  # 09:00 and 09:15 of 08:00…12:00
    assert not excused(store, grid, ["bess02"]).any()


def test_a_clicked_instant_is_read_as_the_browser_tells_it() -> None:
    tell = lambda x: note_desk.clicked_at({"points": [{"x": x}]})  # noqa: E731
    assert tell("2026-11-21 09:30") == tell("2026-11-21 09:30:00.4000"[:23]) == "2026-11-21T09:30:00"
    assert tell(NOW + LOCAL) == "2026-11-21T12:00:00"
    for nonsense in (None, True, [], "now", 1e300, float("-1e18")):
        assert tell(nonsense) is None
    assert [note_desk.clicked_at(one) for one in (None, {}, {"points": []}, {"points": ["x"]}, {"points": 3})] == [None] * 5


def test_the_newest_notes_are_drawn_and_listed(store: Store) -> None:
    for n in range(notes.MARKED + 2):
        write(store, str(n), 2 * HOUR - n * MINUTE)
    table, _ = chart(store)
    assert [mark.text for mark in table.more["notes"]] == [str(n) for n in range(notes.MARKED + 1, 1, -1)]
    assert notes.notes_table(store, SCOPE).columns["text"] == [str(n) for n in range(notes.MARKED + 1, -1, -1)]


def button(what, about, count):
    """A button in `ctx.triggered`."""
    return {"prop_id": f'{{"about":"{about}","type":"x-do","what":"{what}"}}.n_clicks', "value": count}


@pytest.mark.parametrize(
    ("triggered", "pressed"),
    [
        ([], None),
        ([{"prop_id": ".", "value": None}], None),
        ([button("remove", "2", None)], None),
        ([button("remove", "2", 0)], None),
        ([button("remove", "a.b", 1)], ("remove", "a.b")),
        ([button("remove", "2", 0), button("make", "", 3)], ("make", "")),  # drawn in the moment of the press
        ([button("make", "", 3), button("remove", "2", 0)], ("make", "")),
    ],
)
def test_of_buttons_that_come_together_the_one_with_a_count_was_pressed(triggered, pressed):
    assert desk.pressed(triggered) == pressed
