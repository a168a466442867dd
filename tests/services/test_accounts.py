"""Users: passwords, throttling, the first start, the `user` verb."""

import io
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from datastore.open import open_store
from plant.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthorized
from services.accounts import Accounts, Throttle, add_user, change_user, ensure_admin, hash_password, run_user_command
from services.config import Config

SECRET = "correct horse"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now=1_769_256_600_000):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    store = open_store("memory://", "Asia/Taipei", clock=clock)
    yield store
    store.close()


@pytest.fixture
def accounts(store, clock):
    add_user(store, "ann", SECRET, ["operator"])
    return Accounts(store.records, clock)


def actions(store):
    return [(who, action) for _, who, action, _ in store.records.audit_log()]


def test_the_first_start_makes_up_a_password_that_is_shown_once(store):
    password = ensure_admin(store, Config())
    assert password and len(password) >= 12
    assert Accounts(store.records, store.clock).login("admin", password, "::1").roles == ("admin",)
    assert ensure_admin(store, Config()) is None


def test_the_first_start_uses_the_configured_password_and_prints_nothing(store):
    assert ensure_admin(store, Config(admin_password="from the environment")) is None
    assert Accounts(store.records, store.clock).login("admin", "from the environment", "::1").username == "admin"


def test_of_processes_that_start_at_once_one_makes_the_admin_and_shows_the_password_that_holds(tmp_path):
    stores = [open_store(f"sqlite:///{tmp_path / 'shared.db'}", "Asia/Taipei") for _ in range(3)]
    try:
        with ThreadPoolExecutor(3) as pool:
            passwords = [password for password in pool.map(lambda store: ensure_admin(store, Config()), stores) if password]
        assert len(passwords) == 1
        assert Accounts(stores[0].records, stores[0].clock).login("admin", passwords[0], "::1").roles == ("admin",)
    finally:
        for store in stores:
            store.close()


def test_an_operator_added_before_the_first_start_does_not_keep_the_admin_away(store):
    add_user(store, "ann", SECRET, ["operator"])
    assert ensure_admin(store, Config())
    assert [user.username for user in store.records.users()] == ["admin", "ann"]


def test_a_store_with_an_admin_gets_no_other(store):
    add_user(store, "ann", SECRET, ["admin"])
    assert ensure_admin(store, Config()) is None
    assert [user.username for user in store.records.users()] == ["ann"]


def test_passwords_are_kept_as_argon2id(store, accounts):
    assert store.records.user("ann").password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("password", ["short", "", "x" * 257])
def test_a_password_has_eight_to_256_characters(password):
    with pytest.raises(Invalid, match="8 to 256"):
        hash_password(password)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ann", "wrong horse"),
        ("bob", SECRET),
        ("ann", ""),
        ("", ""),
        ("ann\0", SECRET),
        ("\ud800", SECRET),
        ("ann", "\ud800"),
        ("a" * 5000, "b" * 500_000),
    ],
)
def test_a_wrong_login_says_the_same_whoever_it_was(accounts, name, password):
    with pytest.raises(Unauthorized, match="Incorrect username or password"):
        accounts.login(name, password, "10.0.0.1")


def test_an_unknown_user_takes_as_long_as_a_wrong_password(accounts):
    def seconds(name):
        best = 9.0
        for attempt in range(3):
            start = time.perf_counter()
            with pytest.raises(Unauthorized):
                accounts.login(name, "wrong horse", f"10.0.1.{attempt}")
            best = min(best, time.perf_counter() - start)
        return best

    seconds("nobody")  # makes the decoy hash
    assert seconds("nobody") > seconds("ann") / 3


def test_an_inactive_user_with_the_right_password_is_forbidden(store, accounts):
    change_user(store, "ann", active=False)
    with pytest.raises(Forbidden, match="Inactive"):
        accounts.login("ann", SECRET, "10.0.0.1")


def test_an_inactive_user_with_a_wrong_password_learns_nothing(store, accounts):
    change_user(store, "ann", active=False)
    with pytest.raises(Unauthorized):
        accounts.login("ann", "wrong horse", "10.0.0.1")


def test_five_failures_from_one_address_close_the_door_for_five_minutes(accounts, clock):
    for _ in range(5):
        with pytest.raises(Unauthorized):
            accounts.login("ann", "wrong horse", "10.0.0.1")
    with pytest.raises(TooMany) as refused:
        accounts.login("ann", SECRET, "10.0.0.1")
    assert refused.value.details["retry_after"] == 300
    assert accounts.login("ann", SECRET, "10.0.0.2").username == "ann"  # another address is another guesser
    clock.now += 300_000
    assert accounts.login("ann", SECRET, "10.0.0.1").username == "ann"


def test_a_right_password_forgets_the_failures(accounts):
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(Unauthorized):
                accounts.login("ann", "wrong horse", "10.0.0.1")
        accounts.login("ann", SECRET, "10.0.0.1")


def test_one_address_cannot_try_many_users(clock):
    throttle = Throttle(clock, per_address=10)
    for number in range(10):
        throttle.attempt(f"user{number}", "10.0.0.1")
    with pytest.raises(TooMany):
        throttle.attempt("user10", "10.0.0.1")


def test_the_throttle_forgets_rather_than_grows(clock):
    throttle = Throttle(clock, most_keys=100)
    for number in range(1000):
        throttle.attempt(f"user{number}", f"10.0.{number // 256}.{number % 256}")
    assert len(throttle._failures) <= 103


def test_logins_are_written_down_without_secrets_or_mistyped_names(store, accounts):
    accounts.login("ann", SECRET, "10.0.0.1")
    for name in ("ann", "hunter2-typed-into-the-wrong-field"):
        with pytest.raises(Unauthorized):
            accounts.login(name, "wrong horse", "10.0.0.1")
    assert actions(store)[:3] == [("(unknown)", "login failed"), ("ann", "login failed"), ("ann", "login")]
    log = str(store.records.audit_log())
    assert SECRET not in log and "wrong horse" not in log and "hunter2" not in log and "argon2" not in log


def test_the_last_admin_stays(store):
    add_user(store, "root", SECRET, ["admin"])
    for change in ({"active": False}, {"roles": ["viewer"]}):
        with pytest.raises(Conflict, match="last active admin"):
            change_user(store, "root", **change)
    add_user(store, "ann", SECRET, ["admin"])
    assert change_user(store, "root", active=False).active is False


@pytest.mark.parametrize(
    ("name", "roles", "error"),
    [
        ("ann", ["viewer"], Conflict),
        ("", ["viewer"], Invalid),
        ("a b", ["viewer"], Invalid),
        ("bob", ["owner"], Invalid),
        ("bob", [], Invalid),
    ],
)
def test_a_bad_user_is_refused(store, accounts, name, roles, error):
    with pytest.raises(error):
        add_user(store, name, SECRET, roles)


def test_an_unknown_user_cannot_be_changed(store):
    with pytest.raises(NotFound):
        change_user(store, "nobody", active=False)


def test_the_user_verb_lives_a_whole_life(store, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    assert run_user_command(store, ["add", "ann", "--role", "operator", "--role", "analyst", "--email", "ann@example.com"]) == 0
    assert run_user_command(store, ["roles", "ann", "viewer"]) == 0
    assert run_user_command(store, ["disable", "ann"]) == 0
    assert run_user_command(store, ["list"]) == 0
    shown = capsys.readouterr().out
    assert "added ann (operator, analyst)" in shown and SECRET not in shown
    assert shown.splitlines()[-1].split() == ["ann", "disabled", "viewer"]
    assert run_user_command(store, ["enable", "ann"]) == 0
    assert run_user_command(store, ["password", "ann", "--random"]) == 0
    fresh = capsys.readouterr().out.rsplit(": ", 1)[1].strip()
    assert Accounts(store.records, store.clock).login("ann", fresh, "::1").email == "ann@example.com"


def test_the_user_verb_fails_with_one_clear_line(store, monkeypatch, capsys):
    assert run_user_command(store, ["disable", "nobody"]) == 1
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert run_user_command(store, ["add", "ann"]) == 1
    assert capsys.readouterr().err.splitlines() == ["user disable: User 'nobody' not found", "user add: A password has 8 to 256 characters"]
