"""Notifications of alarms: rules, outbox, bundles, retries, over a real store; sent to real servers in test_notification_channels.py."""

import threading
from dataclasses import asdict, replace

import pytest

from datastore.open import open_store
from plant.errors import Invalid, NotFound, Unavailable
from plant.model import DAY, HOUR, MINUTE, SECOND, Alarm, Device
from services import notification_rules as rulebook
from services import notifying
from services.config import Config
from services.notification_channels import Undelivered
from services.notification_rules import MAIL, WEBHOOK, Rule
from services.notifying import Notifier

NOON = 1_769_227_200_000  # 2026-01-24T12:00:00+08:00, noon at the site
OPS = Rule("Ops", MAIL, ("ops@example.com",))


class Site:
    """A store whose clock stands still, a notifier on it, and the messages it sent; `fault` is raised instead while it is set."""

    def __init__(self, url="memory://"):
        self.now = NOON
        self.store = open_store(url, "Asia/Taipei", clock=lambda: self.now)
        self.config = Config(site_name="Solarpark", site_url="https://v.example")
        self.sent, self.fault = [], None
        self.notifier = self.another()
        self.store.records.put_devices([Device("bess01-rack03", "rack", name="BESS 01 Rack 03")])

    def another(self):
        """A second process, or this one after a restart."""
        return Notifier(self.store, self.config, lambda: self.now, self.send)

    def send(self, rule, message, now):
        if self.fault:
            raise self.fault
        self.sent.append((rule, message))
        return "taken"

    def rule(self, rule=OPS):
        return rulebook.add(self.store, rule, "ana")

    def raise_alarm(self, code="CELL_MAX_TEMP_HIGH", severity="alarm", device="bess01-rack03", kind="rack", **more):
        figures = {"metric": "cell_max_temp", "value": 57.2, "limit": 55.0} | more
        return self.store.records.raise_alarm(Alarm(device, kind, code, severity, "english", self.now, **figures))[0]

    def change(self, alarm, **changes):
        return self.store.records.change_alarm(alarm, replace(alarm, **changes))

    def pass_time(self, ms):
        self.now += ms
        self.notifier.step(self.now)

    @property
    def subjects(self):
        return [message.subject for _, message in self.sent]

    @property
    def states(self):
        return [one.state for one in notifying.deliveries(self.store)]


@pytest.fixture
def site():
    site = Site()
    yield site
    site.store.close()


def test_a_raised_alarm_is_told_with_device_value_limit_since_and_link(site):
    site.rule()
    alarm = site.raise_alarm()
    site.pass_time(SECOND)
    (rule, message), = site.sent
    assert rule.to == ("ops@example.com",)
    assert message.subject == "[Solarpark] Raised (Alarm): BESS 01 Rack 03: Cell maximum temperature 57.2 °C > 55.0 °C"
    assert "Device: BESS 01 Rack 03 (bess01-rack03)\n" in message.text
    assert "Value: 57.2 °C\nLimit: 55.0 °C\nSince: 2026-01-24 12:00:00 Asia/Taipei\n" in message.text
    assert f"Alarm: https://v.example/alarms?alarm={alarm.id}\n" in message.text
    assert message.payload["type"] == "alarm.raised" and message.payload["events"][0]["unit"] == "°C"


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("zh-TW", "[Solarpark] 告警發生 (告警): BESS 01 Rack 03: 電芯最高溫度 57.2 °C > 55.0 °C"),
        ("es", "[Solarpark] Activada (Alarma): BESS 01 Rack 03: Temperatura máxima de celda 57.2 °C > 55.0 °C"),
    ],
)
def test_it_is_told_in_the_language_of_the_rule(site, lang, said):
    site.rule(replace(OPS, lang=lang))
    site.raise_alarm()
    site.pass_time(SECOND)
    assert site.subjects == [said]


def test_each_thing_is_told_once_however_often_one_looks_and_after_a_restart(site):
    site.rule()
    alarm = site.raise_alarm()
    for _ in range(3):
        site.pass_time(6 * SECOND)
    site.another().step(site.now)
    assert len(site.sent) == 1
    site.change(alarm, cleared=site.now)
    site.another().step(site.now)
    site.another().step(site.now)
    assert [message.payload["type"] for _, message in site.sent] == ["alarm.raised", "alarm.cleared"]


def test_what_waits_survives_a_restart_of_the_process_and_its_store(tmp_path):
    url = f"sqlite:///{tmp_path / 'v.db'}"
    first = Site(url)
    first.fault = Undelivered("nobody listens there")
    first.rule()
    first.raise_alarm()
    first.pass_time(SECOND)
    first.store.close()
    second = Site(url)
    second.now = first.now + MINUTE
    second.notifier.step(second.now)
    assert [message.id.split(".", 1)[1] for _, message in second.sent] == ["1.raised.2"]
    second.store.close()


def test_what_stood_when_the_rule_began_is_told_only_when_it_gets_worse(site):
    old = site.raise_alarm(severity="alarm")
    site.rule()
    site.pass_time(SECOND)
    assert site.sent == []
    site.change(old, severity="protection")
    site.pass_time(SECOND)
    assert [message.payload["events"][0]["severity"] for _, message in site.sent] == ["protection"]


def test_severities_kinds_and_devices_of_a_rule_choose(site):
    site.rule(replace(OPS, severities=("warning",)))
    site.rule(replace(OPS, kinds=("pcs",)))
    site.rule(replace(OPS, devices=("bess02*",)))
    only = site.rule(replace(OPS, severities=(), kinds=("rack",), devices=("bess01",)))
    site.raise_alarm()
    site.pass_time(SECOND)
    assert [rule.id for rule, _ in site.sent] == [only.id]


def test_an_alarm_that_gets_better_is_no_news_but_its_end_is(site):
    site.rule(replace(OPS, severities=("alarm", "protection")))
    alarm = site.raise_alarm(severity="protection")
    site.pass_time(SECOND)
    alarm = site.change(alarm, severity="alarm")
    site.pass_time(MINUTE)
    alarm = site.change(alarm, severity="warning")
    site.pass_time(MINUTE)
    site.change(alarm, severity="warning", cleared=site.now)
    site.pass_time(MINUTE)
    assert [message.payload["type"] for _, message in site.sent] == ["alarm.raised", "alarm.cleared"]


def test_the_end_of_what_nobody_was_told_of_is_not_told(site):
    site.rule()
    alarm = site.raise_alarm(severity="warning")
    site.pass_time(SECOND)
    site.change(alarm, cleared=site.now)
    site.pass_time(SECOND)
    assert site.sent == []


def test_an_unacknowledged_alarm_is_told_again_after_its_minutes_an_acknowledged_one_never(site):
    site.rule(replace(OPS, events=("escalated",), after_min=15))
    site.raise_alarm()
    seen = site.raise_alarm("SOC_HIGH", metric="soc")
    site.change(seen, acknowledged=site.now, acknowledged_by="eva")
    site.pass_time(15 * MINUTE - 1)
    assert site.sent == []
    site.pass_time(1)
    site.pass_time(HOUR)
    assert site.subjects == ["[Solarpark] Not acknowledged for 15 min (Alarm): BESS 01 Rack 03: "
                             "Cell maximum temperature 57.2 °C > 55.0 °C"]  # fmt: skip


def test_shelved_alarms_are_nobodys_business(site):
    site.rule(replace(OPS, events=("raised", "escalated"), after_min=1))
    alarm = site.raise_alarm()
    site.change(alarm, shelved_by="eva", shelved_until=site.now + HOUR)
    site.pass_time(30 * MINUTE)
    assert site.sent == []


def test_quiet_hours_hold_all_but_protections_until_their_end(site):
    site.rule(replace(OPS, quiet="11:30-13:00"))
    site.raise_alarm()
    site.raise_alarm("SOC_LOW", "protection", metric="soc")
    site.pass_time(SECOND)
    assert [message.payload["events"][0]["severity"] for _, message in site.sent] == ["protection"]
    site.pass_time(HOUR)  # 13:00:01
    assert [message.payload["events"][0]["severity"] for _, message in site.sent] == ["protection", "alarm"]


def test_quiet_hours_may_pass_midnight():
    rule = replace(OPS, quiet="22:00-06:00")
    store = open_store("memory://", "Asia/Taipei")
    quiet = [hour for hour in range(24) if rule.is_quiet(NOON + (hour - 12) * HOUR, store.zone)]
    assert quiet == [0, 1, 2, 3, 4, 5, 22, 23]
    store.close()


def test_more_than_five_in_a_minute_become_one_message_and_the_next_waits_a_minute(site):
    site.rule()
    for number in range(5):
        site.raise_alarm(f"A{number}_HIGH")
    site.pass_time(SECOND)
    assert len(site.sent) == 5
    for number in range(60):
        site.raise_alarm(f"B{number}_HIGH")
    site.pass_time(SECOND)
    assert len(site.sent) == 6
    bundle = site.sent[-1][1]
    assert bundle.subject == "[Solarpark] 60 alarm events, the worst: Alarm"
    assert bundle.payload["count"] == 60 and len(bundle.payload["events"]) == 50 and "and 10 more" in bundle.text
    for number in range(60):
        site.raise_alarm(f"C{number}_HIGH")
    site.pass_time(30 * SECOND)
    assert len(site.sent) == 6
    site.pass_time(31 * SECOND)
    assert [message.payload["count"] for _, message in site.sent[6:]] == [60]


def test_a_failing_receiver_is_asked_again_with_growing_pauses_under_the_same_id(site):
    site.rule()
    site.fault = Undelivered("host answered 503")
    site.raise_alarm()
    tried = []
    for _ in range(700):
        before = notifying.deliveries(site.store)
        site.pass_time(SECOND)
        after = notifying.deliveries(site.store)
        if after and (not before or before[0].tries != after[0].tries):
            tried.append((site.now - NOON) // SECOND)
    assert tried == [1, 11, 41, 101, 401]  # pauses of 10, 30, 60 and 300 s
    assert (notifying.deliveries(site.store)[0].state, notifying.deliveries(site.store)[0].said) == ("waiting", "host answered 503")
    site.fault = None
    site.pass_time(HOUR)
    assert [message.id.split(".", 1)[1] for _, message in site.sent] == ["1.raised.2"] and site.states == ["sent"]


def test_after_a_day_it_is_given_up_and_says_why(site):
    site.rule()
    site.fault = Undelivered("nobody listens there")
    site.raise_alarm()
    site.pass_time(SECOND)
    site.pass_time(DAY)
    site.pass_time(HOUR)
    (one,) = notifying.deliveries(site.store)
    assert one.state == "failed" and "24 h" in one.said and "nobody listens there" in one.said


def test_what_can_never_arrive_is_not_tried_again(site):
    site.rule()
    site.fault = Undelivered("refused all recipients (550)", final=True)
    site.raise_alarm()
    site.pass_time(SECOND)
    site.fault = None
    site.pass_time(HOUR)
    assert site.states == ["failed"] and site.sent == []


def test_a_receiver_that_fails_does_not_hold_up_another(site):
    bad = site.rule(replace(OPS, name="A", to=("bad@example.com",)))
    site.rule(replace(OPS, name="B"))
    plain = site.send

    def send(rule, message, now):
        if rule.id == bad.id:
            raise Undelivered("host answered 500")
        return plain(rule, message, now)

    site.notifier = Notifier(site.store, site.config, lambda: site.now, send)
    site.raise_alarm()
    site.pass_time(SECOND)
    assert len(site.sent) == 1


def test_what_a_process_took_and_never_finished_is_sent_by_another(site):
    site.rule()
    site.fault = RuntimeError("killed")
    site.raise_alarm()
    site.pass_time(SECOND)
    site.fault, other = None, site.another()
    other.step(site.now + MINUTE)
    assert site.sent == []  # the claim still holds
    site.now += 2 * MINUTE
    other.step(site.now)
    assert len(site.sent) == 1


def test_two_processes_send_each_message_once(site):
    site.rule()
    other = site.another()
    other.step(site.now)
    for number in range(4):
        site.raise_alarm(f"A{number}_HIGH")
    waiting = {}
    plain = site.send

    def both(rule, message, now):
        waiting.setdefault("stepped", other.step(site.now))  # the other one looks while this one sends
        return plain(rule, message, now)

    site.notifier = Notifier(site.store, site.config, lambda: site.now, both)
    site.pass_time(SECOND)
    assert len(site.sent) == len({message.id for _, message in site.sent}) == 4


def test_the_outbox_is_bounded_the_oldest_is_given_up(site, monkeypatch):
    monkeypatch.setattr(notifying, "MOST_WAITING", 10)
    site.rule()
    site.fault = Undelivered("nobody listens there")
    for number in range(14):
        site.raise_alarm(f"A{number}_HIGH")
        site.pass_time(1)
    site.pass_time(1)
    states = {one.alarm_id: one.state for one in notifying.deliveries(site.store)}
    assert [number for number, state in states.items() if state == "failed"] == [4, 3, 2, 1]


def test_a_removed_or_paused_rule_tells_nothing_more(site):
    rule = site.rule()
    site.fault = Undelivered("nobody listens there")
    site.raise_alarm()
    site.pass_time(SECOND)
    rulebook.switch(site.store, rule.id, False, "ana")
    site.fault = None
    site.raise_alarm("SOC_HIGH", metric="soc")
    site.pass_time(HOUR)
    assert site.sent == [] and site.states == ["failed"]
    rulebook.switch(site.store, rule.id, True, "ana")
    site.pass_time(SECOND)
    assert site.sent == []  # what stood when it was resumed is no news


def test_while_the_store_is_away_nothing_is_lost(site, monkeypatch):
    site.rule()
    site.pass_time(SECOND)
    site.raise_alarm()

    def away(*_a, **_k):
        raise Unavailable("the store does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(site.store.records, "put_entry", away)
        with pytest.raises(Unavailable):
            site.pass_time(SECOND)
    site.pass_time(SECOND)
    assert len(site.sent) == 1


def test_an_alarm_on_the_bus_is_told_without_waiting_for_the_next_look(site):
    site.rule()
    site.notifier.start()
    try:
        told = []
        arrived = threading.Event()
        site.notifier._send = lambda rule, message, now: (told.append(message), arrived.set(), "taken")[2]
        site.store.live.publish("alarms", site.raise_alarm())
        assert arrived.wait(3)
    finally:
        site.notifier.stop()


def test_old_deliveries_are_forgotten_but_not_of_alarms_that_stand(site):
    site.rule()
    stands = site.raise_alarm()
    over = site.raise_alarm("SOC_HIGH", metric="soc")
    site.pass_time(SECOND)
    site.change(over, cleared=site.now)
    site.pass_time(SECOND)
    site.pass_time(31 * DAY)
    assert {one.alarm_id for one in notifying.deliveries(site.store)} == {stands.id}
    site.pass_time(HOUR)
    assert len(site.sent) == 3


def test_a_test_message_says_that_it_is_one_and_what_came_of_it(site):
    rule = site.rule()
    assert notifying.try_out(site.store, site.config, rule.id, "ana", site.send) == (True, "taken")
    assert "This is a test" in site.sent[0][1].text
    site.fault = Undelivered("nobody listens there")
    assert notifying.try_out(site.store, site.config, rule.id, "ana", site.send) == (False, "nobody listens there")
    with pytest.raises(NotFound):
        notifying.try_out(site.store, site.config, "none", "ana", site.send)


HOOK = Rule("Hook", WEBHOOK, url="https://hooks.example/s3cr3t-path", secret="0123456789abcdef-secret")


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (replace(OPS, to=()), "to"),
        (replace(OPS, to=("a@b.c\nBcc: x@y.z",)), "to"),
        (replace(OPS, to=("Ops <a@b.c>",)), "to"),
        (replace(OPS, name=" "), "name"),
        (replace(OPS, events=()), "events"),
        (replace(OPS, severities=("loud",)), "severities"),
        (replace(OPS, kinds=("tank",)), "kinds"),
        (replace(OPS, quiet="22:00"), "quiet"),
        (replace(OPS, quiet="08:00-08:00"), "quiet"),
        (replace(OPS, after_min=0), "after_min"),
        (replace(HOOK, url="ftp://hooks.example/"), "url"),
        (replace(HOOK, url="https://user:pass@hooks.example/"), "url"),
        (replace(HOOK, url="https://hooks.example/\r\nX: y"), "url"),
        (replace(HOOK, url="https://hooks.example:99999/"), "url"),
        (replace(HOOK, secret="short"), "secret"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_field(site, rule, field):
    with pytest.raises(Invalid) as refused:
        site.rule(rule)
    assert [fault["field"] for fault in refused.value.details["field_errors"]] == [field]


def test_a_change_without_address_and_secret_keeps_them(site):
    made = site.rule(HOOK)
    kept = rulebook.change(site.store, made.id, replace(HOOK, name="Other", url="", secret=""), "ana")
    assert (kept.name, kept.url, kept.secret) == ("Other", HOOK.url, HOOK.secret)


def test_a_webhook_without_a_secret_gets_one_of_its_own(site):
    made = [site.rule(replace(HOOK, secret="")) for _ in range(2)]
    assert made[0].secret != made[1].secret and len(made[0].secret) >= 32


def test_secrets_stand_in_no_representation_and_no_audit_line(site):
    made = site.rule(HOOK)
    rulebook.switch(site.store, made.id, False, "ana")
    told = repr(made) + str(site.store.records.audit_log())
    assert "s3cr3t-path" not in told and HOOK.secret not in told and "hooks.example" in told
    assert asdict(made)["secret"] == HOOK.secret  # it is kept, since messages are signed with it
