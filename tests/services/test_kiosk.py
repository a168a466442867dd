"""Kiosk links: signed, for some pages of one site, until a day, revocable."""

import jwt
import pytest

from datastore.open import open_store
from plant.errors import Conflict, Invalid, NotFound, Unauthorized, Unavailable
from plant.model import DAY
from services import kiosk
from services.kiosk import Kiosk
from tests.services.test_keys import NOW, Clock

PAGES = {"/": ("overview-tiles", "overview-flow"), "/bess": ("bess-racks",), "/pcs": ("pcs-power",)}
SECRET = "s" * 40


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    store = open_store("memory://", "Asia/Taipei", clock=clock)
    yield store
    store.close()


@pytest.fixture
def links(store, clock):
    return Kiosk(store, "north", SECRET, lambda: PAGES, clock.monotonic)


def issue(links, **asked):
    return links.issue("root", **{"name": "Wall", "pages": ["/bess"]} | asked)


def test_a_link_shows_the_panels_of_its_pages_and_the_single_ones_it_names(links):
    _, token = issue(links, pages=["/"], panels=["pcs-power"])
    screen = links.identity(token)
    assert [screen.may_see(p) for p in ("overview-tiles", "overview-flow", "pcs-power", "shell", "bess-racks", "shell-alarms")] == [
        True, True, True, True, False, False,
    ]  # fmt: skip
    assert [screen.may_open(path) for path in ("/", "/pcs", "/bess", "/settings")] == [True, True, False, False]
    assert screen.permissions == {"panels"} and screen.username == "kiosk:Wall"


def test_a_link_without_pages_opens_where_its_panel_is(links):
    assert links.landing(issue(links, pages=[], panels=["pcs-power"])[0]) == "/embed/pcs-power"
    assert links.landing(issue(links, pages=["/bess", "/"])[0]) == "/bess"


@pytest.mark.parametrize(
    "asked",
    [
        {"name": ""}, {"name": "a\nb"}, {"name": "x" * 81}, {"pages": []}, {"pages": ["/nothing"]}, {"pages": ["//evil.example"]},
        {"panels": ["nothing"]}, {"expires": NOW}, {"expires": NOW + 367 * DAY}, {"pages": ["/"] * 101},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(links, asked):
    with pytest.raises(Invalid):
        issue(links, **asked)


def test_a_link_ends_when_it_says_or_when_it_is_revoked(links, clock):
    _, short = issue(links, expires=NOW + 5000)
    link, token = issue(links)
    assert link.expires == NOW + 90 * DAY
    links.identity(short)
    clock.pass_(5)
    with pytest.raises(Unauthorized, match="expired") as refused:
        links.identity(short)
    assert refused.value.code == "LINK_ENDED"
    links.revoke(link.id, "root")
    clock.pass_(kiosk.TRUST_S)
    with pytest.raises(Unauthorized, match="revoked"):
        links.identity(token)
    with pytest.raises(NotFound):
        links.revoke("nothing", "root")


def test_a_token_of_another_key_purpose_or_site_is_refused(links, store, clock):
    link, token = issue(links)
    claims = jwt.decode(token, options={"verify_signature": False})
    others = [
        jwt.encode(claims, SECRET, "HS256"),  # the server's own secret is not the links' key
        jwt.encode(claims | {"aud": "something else"}, links._key, "HS256"),
        jwt.encode(claims | {"site": "south"}, links._key, "HS256"),
        jwt.encode(claims | {"sub": "nobody"}, links._key, "HS256"),
        jwt.encode(claims, None, "none"),
        token[:-2],
        "",
        "a.b.c",
    ]
    for other in others:
        with pytest.raises(Unauthorized) as refused:
            links.identity(other)
        assert refused.value.code == "LINK_ENDED"
    for site, secret in (("south", SECRET), ("north", "t" * 40)):
        with pytest.raises(Unauthorized):
            Kiosk(store, site, secret, lambda: PAGES, clock.monotonic).identity(token)
    assert links.link(token) == link


def test_a_silent_store_does_not_end_a_link(links, store, clock, monkeypatch):
    _, token = issue(links)
    links.identity(token)

    def down(*_args):
        raise Unavailable("the store does not answer")

    monkeypatch.setattr(type(store.records), "entries_version", down)
    clock.pass_(kiosk.TRUST_S)
    assert links.identity(token).may("panels")
    with pytest.raises(Unavailable):
        Kiosk(store, "north", SECRET, lambda: PAGES, clock.monotonic).identity(token)


def test_no_token_is_kept(links, store):
    _, token = issue(links)
    assert token not in str(list(store.records.dump())) and token.split(".")[2] not in str(list(store.records.dump()))


def test_screens_report_and_are_forgotten_after_thirty_silent_days(store, clock):
    kiosk.heard(store, "kiosk:Wall", "wall-1", "Lobby", "/", 1920, 1080)
    clock.pass_(60)
    kiosk.heard(store, "kiosk:Wall", "wall-1", "Lobby", "/bess", 1920, 1080)
    kiosk.heard(store, "op", "wall-2", "", "/", 390, 844)
    assert [(s.id, s.page, s.seen) for s in kiosk.screens(store)] == [("wall-2", "/", NOW + 60_000), ("wall-1", "/bess", NOW + 60_000)]
    clock.pass_(30 * 86_400 + 1)
    assert kiosk.screens(store) == []
    with pytest.raises(Invalid):
        kiosk.heard(store, "op", "a b", "", "/", 1, 1)


def test_nobody_fills_the_store_with_screens(store):
    for i in range(kiosk.MOST_SCREENS):
        kiosk.heard(store, "kiosk:Wall", f"s{i}", "", "/", 1, 1)
    with pytest.raises(Conflict):
        kiosk.heard(store, "kiosk:Wall", "one-more", "", "/", 1, 1)
    kiosk.heard(store, "kiosk:Wall", "s7", "", "/", 1, 1)


def test_a_link_is_good_from_the_moment_it_was_issued(links):
    links.identity(issue(links)[1])
    assert links.identity(issue(links)[1]).may("panels")
