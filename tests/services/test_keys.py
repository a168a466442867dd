"""API keys: what they may do, for whom, how long, and what a store that is silent means for them."""

from dataclasses import replace

import pytest

from datastore.open import open_store
from plant.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized, Unavailable
from plant.model import User
from services import keys
from services.access import Identity
from services.keys import Keys

NOW = 1_769_256_600_000
ADMIN = Identity("root", ("admin",))


class Clock:
    def __init__(self):
        self.now = NOW
        self.seconds = 0.0

    def __call__(self):
        return self.now

    def monotonic(self):
        return self.seconds

    def pass_(self, seconds):
        self.seconds += seconds
        self.now += int(seconds * 1000)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    store = open_store("memory://", "Asia/Taipei", clock=clock)
    store.records.put_user(User("root", "x", ("admin",)))
    store.records.put_user(User("op", "x", ("operator",)))
    yield store
    store.close()


@pytest.fixture
def judge(store, clock):
    return Keys(store, "north", clock.monotonic)


def issue(store, who=ADMIN, **asked):
    return keys.issue(store, who, "north", **{"name": "gateway", "scopes": ["ingest"]} | asked)


def test_a_key_does_what_it_was_issued_for_and_nothing_else(store, judge):
    _, secret = issue(store, scopes=["ingest", "read"], devices=["bess01", "rack*"])
    caller = judge.identity(secret)
    assert caller.username == "key:gateway"
    assert (caller.may("ingest"), caller.may("read"), caller.may("command"), caller.may("self")) == (True, True, False, False)
    assert [caller.may_send_for(d) for d in ("bess01", "bess01-rack02", "bess010", "rack7", "pcs01")] == [True, True, False, True, False]
    assert not caller.may_see("overview-tiles")


def test_a_role_names_its_permissions(store, judge):
    _, secret = issue(store, scopes=[], role="device")
    assert judge.identity(secret).permissions == {"ingest", "respond"}


def test_the_secret_has_256_bits_and_only_its_hash_is_kept(store):
    key, secret = issue(store)
    assert secret.startswith(f"vd_{key.id}_") and len(secret.rsplit("_", 1)[0]) < len(secret)
    assert len(secret.removeprefix(f"vd_{key.id}_")) == 43
    kept = str(list(store.records.dump()))
    assert secret not in kept and secret.removeprefix(f"vd_{key.id}_") not in kept and key.digest in kept


@pytest.mark.parametrize(
    "asked",
    [
        {"name": ""}, {"name": "a\r\nb"}, {"name": "x" * 65}, {"name": " a"}, {"scopes": ["fly"]}, {"scopes": ["self"]}, {"scopes": []},
        {"scopes": [], "role": "god"}, {"devices": ["a b"]}, {"devices": [""]}, {"devices": ["a*b"]},
        {"devices": ["a\n"]}, {"devices": ["d"] * 201}, {"expires": NOW}, {"expires": NOW - 1},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(store, asked):
    with pytest.raises(Invalid):
        issue(store, **asked)


def test_nobody_hands_out_more_than_they_have(store):
    with pytest.raises(Forbidden, match="users"):
        issue(store, Identity("op", ("operator",)), scopes=["read", "users"])


def test_a_key_hands_out_no_more_devices_than_its_own(store):
    maker = Identity("key:maker", (), scopes=frozenset({"keys", "ingest"}), devices=("bess01", "rack*"))
    for devices in ((), ("bess02",), ("*",), ("bess01*",), ("rac*",)):
        with pytest.raises(Forbidden):
            issue(store, maker, devices=devices)
    assert issue(store, maker, devices=["bess01-rack02", "rack1*"])[0].devices == ("bess01-rack02", "rack1*")


def test_a_key_loses_what_its_creator_loses(store, judge, clock):
    _, secret = issue(store, Identity("op", ("operator",)), scopes=["read", "command"])
    assert judge.identity(secret).permissions == {"read", "command"}
    store.records.put_user(replace(store.records.user("op"), roles=("viewer",)))
    clock.pass_(keys.TRUST_S)
    assert judge.identity(secret).permissions == {"read"}
    store.records.put_user(replace(store.records.user("op"), active=False))
    clock.pass_(keys.TRUST_S)
    with pytest.raises(Unauthorized, match="creator"):
        judge.identity(secret)


def test_a_key_of_a_key_ends_with_the_person_behind_both(store, judge, clock):
    _, first = issue(store, scopes=["keys", "read"], name="maker")
    _, second = issue(store, judge.identity(first), scopes=["read"], name="made")
    clock.pass_(keys.TRUST_S)
    assert judge.identity(second).permissions == {"read"}
    keys.revoke(store, first.split("_")[1], "root")
    clock.pass_(keys.TRUST_S)
    with pytest.raises(Unauthorized):
        judge.identity(second)


def test_a_revoked_key_is_refused_by_every_process_within_the_trust(store, judge, clock):
    key, secret = issue(store)
    judge.identity(secret)
    keys.revoke(store, key.id, "root")
    clock.pass_(keys.TRUST_S)
    with pytest.raises(Unauthorized, match="revoked"):
        judge.identity(secret)
    with pytest.raises(Unauthorized, match="revoked"):
        Keys(store, "north").identity(secret)


def test_a_key_ends_when_it_says(store, judge, clock):
    _, secret = issue(store, expires=NOW + 1000)
    assert judge.identity(secret).may("ingest")
    clock.pass_(1.0)
    with pytest.raises(Unauthorized, match="expired"):
        judge.identity(secret)


def test_the_key_of_another_site_is_refused(store):
    _, secret = issue(store)
    with pytest.raises(Unauthorized, match="another site"):
        Keys(store, "south").identity(secret)


def test_every_changed_character_makes_another_key(store, judge):
    _, secret = issue(store)
    for i in (0, 5, 16, 20, -1):
        spoilt = list(secret)
        spoilt[i] = "A" if spoilt[i] != "A" else "B"
        with pytest.raises(Unauthorized):
            judge.identity("".join(spoilt))
    for text in ("", "vd_", secret[:-1], secret + "A", secret.upper(), "vd_é" + secret[4:]):
        with pytest.raises(Unauthorized):
            judge.identity(text)


def test_two_keys_in_use_have_two_names(store):
    key, _ = issue(store)
    with pytest.raises(Conflict):
        issue(store)
    keys.revoke(store, key.id, "root")
    issue(store)


def test_revoking_is_written_down_once_and_the_unknown_is_not_found(store):
    key, _ = issue(store)
    assert keys.revoke(store, key.id, "root").revoked == keys.revoke(store, key.id, "root").revoked == NOW
    assert [action for _, _, action, _ in store.records.audit_log()] == ["key revoked", "key issued"]
    with pytest.raises(NotFound):
        keys.revoke(store, "nothing", "root")


def test_its_use_is_written_down_now_and_then(store, judge, clock):
    key, secret = issue(store)
    judge.identity(secret)
    first = store.records.entry("api_keys", key.id)
    assert first.body["last_used"] == NOW
    clock.pass_(60)
    judge.identity(secret)
    assert store.records.entry("api_keys", key.id).version == first.version
    clock.pass_(300)
    judge.identity(secret)
    assert store.records.entry("api_keys", key.id).body["last_used"] == NOW + 360_000


def test_while_the_store_is_silent_a_key_that_was_seen_still_sends_but_does_not_read(store, judge, clock, monkeypatch):
    _, secret = issue(store)
    judge.identity(secret)

    def down(*_args):
        raise Unavailable("the store does not answer")

    monkeypatch.setattr(type(store.records), "entries_version", down)
    monkeypatch.setattr(type(store.records), "user", down)
    clock.pass_(keys.TRUST_S)
    assert judge.identity(secret, spooling=True).may_send_for("bess01")
    clock.pass_(keys.TRUST_S)
    with pytest.raises(Unavailable):
        judge.identity(secret)
    with pytest.raises(Unavailable):
        Keys(store, "north").identity(secret, spooling=True)


def test_a_key_is_good_from_the_moment_it_was_issued(store, judge):
    judge.identity(issue(store, name="first")[1])
    assert judge.identity(issue(store, name="second")[1]).may("ingest")
