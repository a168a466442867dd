"""Notes on stretches of time."""

import json

import pytest

from api import auth
from plant.model import Device, User

NOTE = {
    "from": "2026-01-24T08:00:00Z", "to": "2026-01-24T10:30:00Z", "device": "bess01", "metric": "cell_max_temp",
    "text": "Cooling unit serviced", "tags": ["maintenance"],
}  # fmt: skip


@pytest.fixture
def notes(product, door):
    product.store.records.put_devices([Device("bess01", "bess"), Device("bess02", "bess")])
    for role in ("operator", "analyst", "viewer"):
        product.store.records.put_user(User(role, "x", (role,)))

    def ask(method, path="", body=None, role=""):
        headers = {"Content_Type": "application/json"}
        if role:
            issued = auth.guard_of(product.flask).issue(product.store.records.user(role))
            headers["Authorization"] = f"Bearer {issued['access_token']}"
        return door(method, f"/api/v1/annotations{path}", None if body is None else json.dumps(body), **headers)

    return ask


def test_a_note_comes_back_as_it_was_written(notes):
    made = notes("POST", body=NOTE, role="analyst")
    assert made.status == 201
    assert {name: made.json[name] for name in NOTE} == NOTE
    assert made.json["author"] == "analyst"
    assert notes("GET", f"/{made.json['id']}").json == made.json
    assert notes("GET").json["annotations"] == [made.json]


def test_a_note_may_mark_one_instant_of_the_whole_plant(notes):
    made = notes("POST", body={"from": 1769256300000, "text": " Storm "}).json
    assert (made["from"], made["to"], made["device"], made["metric"], made["text"], made["tags"]) == (
        "2026-01-24T12:05:00Z", "2026-01-24T12:05:00Z", "", "", "Storm", [],
    )  # fmt: skip


def test_a_list_has_what_touches_the_window_of_the_device_and_of_the_plant(notes):
    for text, device, start, end in (
        ("before", "bess01", "01", "02"), ("into", "bess01", "01", "05"), ("plant", "", "05", "06"), ("other", "bess02", "05", "06"),
        ("at the end", "bess01", "08", "09"),
    ):  # fmt: skip
        body = {"text": text, "device": device, "from": f"2026-01-24T{start}:00:00Z", "to": f"2026-01-24T{end}:00:00Z"}
        assert notes("POST", body=body).status == 201
    listed = lambda query: [note["text"] for note in notes("GET", query).json["annotations"]]  # noqa: E731
    window = "?from=2026-01-24T05:00:00Z&to=2026-01-24T08:00:00Z"
    assert sorted(listed(window)) == ["into", "other", "plant"]
    assert sorted(listed(f"{window}&device=bess01")) == ["into", "plant"]
    assert listed("") == ["at the end", *listed("")[1:]]


def test_tags_must_all_be_there(notes):
    for tags in (["a"], ["a", "b"], []):
        notes("POST", body={"from": 1769256300000, "text": " ".join(tags) or "none", "tags": tags})
    assert [note["text"] for note in notes("GET", "?tag=a,b").json["annotations"]] == ["a b"]
    assert len(notes("GET", "?tag=a").json["annotations"]) == 2


def test_pages_follow_each_other(notes):
    for i in range(5):
        notes("POST", body={"from": 1769256300000 + 1000 * (i // 2), "text": str(i)})
    seen, query = [], "?limit=2"
    while query:
        page = notes("GET", query).json
        seen += [note["text"] for note in page["annotations"]]
        query = f"?limit=2&cursor={page['next']}" if page["next"] else ""
    assert sorted(seen) == list("01234")


def test_only_its_author_or_an_operator_removes_a_note(notes):
    made = notes("POST", body=NOTE, role="operator").json["id"]
    assert notes("DELETE", f"/{made}", role="viewer").status == 403
    assert notes("DELETE", f"/{made}", role="analyst").json["error"]["code"] == "FORBIDDEN"
    assert notes("DELETE", f"/{made}", role="operator").status == 204
    assert notes("GET", f"/{made}").status == notes("DELETE", f"/{made}", role="operator").status == 404
    other = notes("POST", body=NOTE, role="analyst").json["id"]
    assert notes("DELETE", f"/{other}", role="operator").status == 204


def test_a_note_is_changed_by_its_author_and_keeps_who_wrote_it_and_when(notes):
    made = notes("POST", body=NOTE, role="analyst").json
    said = {"from": NOTE["from"], "text": " Fan replaced ", "tags": ["grid"], "version": made["version"]}
    changed = notes("PUT", f"/{made['id']}", said, role="analyst")
    assert changed.status == 200
    assert changed.json == made | {
        "text": "Fan replaced", "to": NOTE["from"], "device": "", "metric": "", "tags": ["grid"], "version": made["version"] + 1,
    }  # fmt: skip
    assert notes("GET", f"/{made['id']}").json == changed.json
    assert notes("PUT", f"/{made['id']}", said | {"version": 2}, role="operator").json["author"] == "analyst"


def test_of_two_who_change_the_same_version_of_a_note_the_second_is_told(notes):
    made = notes("POST", body=NOTE, role="analyst").json
    path, said = f"/{made['id']}", NOTE | {"version": 1}
    assert notes("PUT", path, said | {"text": "first"}, role="operator").status == 200
    late = notes("PUT", path, said | {"text": "second"}, role="analyst")
    assert (late.status, late.json["error"]["code"]) == (409, "CONFLICT")
    assert notes("GET", path).json["text"] == "first"


def test_nobody_but_its_author_or_an_operator_changes_a_note(notes):
    made = notes("POST", body=NOTE, role="operator").json["id"]
    assert [notes("PUT", f"/{made}", NOTE | {"version": 1}, role=role).status for role in ("viewer", "analyst")] == [403, 403]
    assert notes("PUT", "/nothing", NOTE | {"version": 1}, role="operator").status == 404
    for wrong in ({}, {"version": 0}, {"version": 1, "text": " "}, {"version": 1, "to": "2026-01-24T07:59:59Z"}):
        assert notes("PUT", f"/{made}", NOTE | wrong, role="operator").status == 422
    assert notes("GET", f"/{made}").json["version"] == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"text": ""}, 422), ({"text": "  "}, 422), ({"text": "x" * 2001}, 422), ({"text": None}, 422), ({"text": "a\u0000b"}, 422),
        ({"from": "soon"}, 422), ({"from": None}, 422), ({"to": "2026-01-24T07:59:59Z"}, 422), ({"to": "NaN"}, 422),
        ({"device": "nobody"}, 404), ({"metric": "happiness"}, 404), ({"tags": ["x" * 65]}, 422), ({"tags": [""]}, 422),
        ({"tags": "a"}, 422),
        ({"tags": [str(i) for i in range(21)]}, 422),
    ],
)  # fmt: skip
def test_a_bad_note_is_refused(notes, change, status):
    assert notes("POST", body=NOTE | change).status == status
    assert notes("GET").json["annotations"] == []


def test_a_text_that_looks_like_code_stays_a_text(notes):
    text = "'; DROP TABLE entry; -- <script>alert(1)</script> {{7*7}} 電🔋"
    assert notes("GET", f"/{notes('POST', body=NOTE | {'text': text}).json['id']}").json["text"] == text
