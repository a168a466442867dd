"""Mail to a real SMTP server and webhooks to a real HTTP server of the test's own: what arrives, and what is said when it does not."""

import hashlib
import hmac
import logging
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zoneinfo import ZoneInfo

import orjson
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from datastore.open import open_store
from plant.model import Alarm, Device
from services import notification_rules as rulebook
from services import notifying
from services.config import Config
from services.notification_channels import Undelivered, send_mail, send_webhook
from services.notification_rules import MAIL, WEBHOOK, Rule
from services.notification_texts import Event, Surroundings, compose
from services.notifying import Notifier
from services.smtp import Smtp

NOW = 1_769_256_600_000
SECRET, PASSWORD, PATH = "0123456789abcdef", "mail-s3cret", "/hook/path-s3cret"
AROUND = Surroundings("site", "Solarpark 太陽", ZoneInfo("Asia/Taipei"), "https://v.example",
                      {("b1", "bess"): Device("b1", "bess", name="BESS\r\nBcc: x@y.z")})  # fmt: skip
HOT = Alarm("b1", "bess", "CELL_MAX_TEMP_HIGH", "alarm", "", NOW, "cell_max_temp", 57.2, 55.0, id=7)
MESSAGE = compose([Event("r1.7.raised.2", "raised", HOT)], "es", AROUND, NOW)


class Mailbox:
    """What an SMTP server does with what it gets: answers of its own for some recipients."""

    def __init__(self):
        self.mails, self.refuses = [], {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


@contextmanager
def mail_server(box, **more):
    controller = Controller(box, hostname="127.0.0.1", port=0, **more)
    # aiosmtpd knocks on the port it was given; 0 means whichever is free
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        controller.port = probe.getsockname()[1]
    controller.start()
    try:
        yield Smtp("127.0.0.1", controller.port, "voltdeck@example.com", "none")
    finally:
        controller.stop()


@pytest.fixture
def box():
    return Mailbox()


def test_a_mail_arrives_whole(box):
    with mail_server(box) as smtp:
        said = send_mail(smtp, ["a@example.com", "b@example.com"], MESSAGE, "Solarpark 太陽", NOW)
    ((to, mail),) = box.mails
    assert said == "127.0.0.1 took it for 2 of 2" and to == ["a@example.com", "b@example.com"]
    assert mail["Subject"] == MESSAGE.subject and mail["Subject"].startswith("[Solarpark 太陽] Activada (Alarma): BESS Bcc: x@y.z:")
    assert mail["Bcc"] is None  # a device's name begins no header
    assert mail["Message-ID"] == "<r1.7.raised.2@example.com>" and mail["From"].addresses[0].addr_spec == "voltdeck@example.com"
    assert mail.get_content().replace("\r\n", "\n").splitlines()[-1] == "Entrega: r1.7.raised.2"
    assert "Alarma: https://v.example/alarms?alarm=7" in mail.get_content()


def test_one_refused_recipient_of_two_is_named(box):
    box.refuses = {"b@example.com": "550 nobody of that name"}
    with mail_server(box) as smtp:
        assert send_mail(smtp, ["a@example.com", "b@example.com"], MESSAGE, "S", NOW) == (
            "127.0.0.1 took it for 1 of 2; refused: b@example.com"
        )


@pytest.mark.parametrize(("answer", "final"), [("550 nobody of that name", True), ("451 try later", False)])
def test_all_recipients_refused_is_final_only_when_the_server_says_so(box, answer, final):
    box.refuses = {"a@example.com": answer}
    with mail_server(box) as smtp, pytest.raises(Undelivered) as failed:
        send_mail(smtp, ["a@example.com"], MESSAGE, "S", NOW)
    assert failed.value.final is final and answer[:3] in failed.value.reason


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost, and the context of a server that has it."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout k -out c"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "c", folder / "k")
    return folder / "c", context


def accept(user, password):
    def judge(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login.decode(), data.password.decode()) == (user, password), handled=False)

    return judge


def test_starttls_and_login(box, certificate):
    authority, context = certificate
    with mail_server(box, tls_context=context, require_starttls=True, auth_required=True, authenticator=accept("v", PASSWORD)) as smtp:
        known = replace(smtp, host="localhost", security="starttls", user="v", password=PASSWORD, ca_file=authority)
        send_mail(known, ["a@example.com"], MESSAGE, "S", NOW)
        assert len(box.mails) == 1
        with pytest.raises(Undelivered, match=r"localhost refused the login \(535\)"):
            send_mail(replace(known, password="wrong"), ["a@example.com"], MESSAGE, "S", NOW)
        with pytest.raises(Undelivered, match="certificate is not trusted"):
            send_mail(replace(known, ca_file=None), ["a@example.com"], MESSAGE, "S", NOW)
        with pytest.raises(Undelivered, match="certificate is not trusted"):
            send_mail(replace(known, host="127.0.0.1"), ["a@example.com"], MESSAGE, "S", NOW)
    assert len(box.mails) == 1


def test_a_server_without_starttls_gets_no_password(box):
    with mail_server(box) as smtp, pytest.raises(Undelivered, match="does not offer"):
        send_mail(replace(smtp, security="starttls", user="v", password=PASSWORD), ["a@example.com"], MESSAGE, "S", NOW)
    assert box.mails == []


def test_mail_without_a_server_or_to_a_dead_one_says_so():
    with pytest.raises(Undelivered, match="SMTP_HOST is empty"):
        send_mail(None, ["a@example.com"], MESSAGE, "S", NOW)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Undelivered, match="nobody listens there"):
        send_mail(Smtp("127.0.0.1", port, "v@example.com", "none"), ["a@example.com"], MESSAGE, "S", NOW)


@contextmanager
def dripping(first=b""):
    """A server that begins with `first`, sends a byte every 50 ms, and never comes to an end."""

    class Drip(socketserver.BaseRequestHandler):
        def handle(self):
            try:
                self.request.sendall(first)
                while True:
                    self.request.sendall(b"2")
                    time.sleep(0.05)
            except OSError:
                pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drip) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_receiver_that_drips_is_cut_off_in_time():
    with dripping() as port, dripping(b"\x16\x03\x03\x40\x00") as secure:  # the head of a long TLS record
        begun = time.monotonic()
        with pytest.raises(Undelivered, match="no answer in time"):
            send_webhook(f"http://127.0.0.1:{port}/", SECRET, MESSAGE, NOW, 0.3)
        with pytest.raises(Undelivered, match="no answer in time"):
            send_mail(Smtp("127.0.0.1", port, "v@example.com", "none"), ["a@example.com"], MESSAGE, "S", NOW, 0.3)
        with pytest.raises(Undelivered, match="no answer in time"):
            send_webhook(f"https://127.0.0.1:{secure}/", SECRET, MESSAGE, NOW, 0.3)
        assert time.monotonic() - begun < 2.5


class Receiver(ThreadingHTTPServer):
    """Keeps what is posted; answers `status` with `headers`, after `wait` [s]."""

    daemon_threads = True

    def __init__(self):
        self.got, self.status, self.headers, self.wait = [], 204, {}, 0.0
        super().__init__(("127.0.0.1", 0), _Post)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}{PATH}"


class _Post(BaseHTTPRequestHandler):
    def do_POST(self):
        server = self.server
        server.got.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        time.sleep(server.wait)
        self.send_response(server.status)
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_a_webhook_is_posted_signed_and_with_its_id(receiver):
    assert send_webhook(receiver.url + "?a=b", SECRET, MESSAGE, NOW, 5) == "127.0.0.1 answered 204"
    ((path, headers, body),) = receiver.got
    assert path == PATH + "?a=b" and headers["Content-Type"] == "application/json" and headers["X-Voltdeck-Delivery"] == "r1.7.raised.2"
    stamp = headers["X-Voltdeck-Timestamp"]
    expected = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert stamp == "1769256600" and headers["X-Voltdeck-Signature"] == f"sha256={expected}"
    told = orjson.loads(body)
    assert (told["id"], told["type"], told["site"]["name"]) == ("r1.7.raised.2", "alarm.raised", "Solarpark 太陽")
    assert (told["events"][0]["value"], told["events"][0]["limit"], told["events"][0]["raised"]) == (57.2, 55.0, "2026-01-24T12:10:00Z")


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_what_a_receiver_refuses_is_not_delivered_and_may_be_tried_again(receiver, status):
    receiver.status = status
    with pytest.raises(Undelivered, match=f"127.0.0.1 answered {status}") as failed:
        send_webhook(receiver.url, SECRET, MESSAGE, NOW, 5)
    assert not failed.value.final


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(receiver, status):
    receiver.status, receiver.headers = status, {"Location": "/elsewhere"}
    with pytest.raises(Undelivered, match="redirects are not followed"):
        send_webhook(receiver.url, SECRET, MESSAGE, NOW, 5)
    assert [path for path, _, _ in receiver.got] == [PATH]


def test_a_slow_receiver_costs_no_more_than_its_time(receiver):
    receiver.wait = 2.0
    begun = time.monotonic()
    with pytest.raises(Undelivered, match="no answer in time"):
        send_webhook(receiver.url, SECRET, MESSAGE, NOW, 0.3)
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]", "0.0.0.0", "224.0.0.1"])
def test_addresses_that_nothing_is_sent_to(host):
    with pytest.raises(Undelivered, match="nothing is sent to") as failed:
        send_webhook(f"http://{host}/latest/meta-data", SECRET, MESSAGE, NOW, 1)
    assert failed.value.final


def test_secrets_stand_in_no_log_line_and_no_record_of_a_delivery(receiver, caplog):
    """From the rule to the failed delivery, by mail and by webhook, with everything logged."""
    caplog.set_level(logging.DEBUG)
    receiver.status = 500
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        dead = probe.getsockname()[1]
    config = Config(smtp=Smtp("127.0.0.1", dead, "v@example.com", "none", "v", PASSWORD))
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    try:
        for rule in (Rule("Hook", WEBHOOK, url=receiver.url, secret=SECRET), Rule("Mail", MAIL, ("a@example.com",))):
            made = rulebook.add(store, rule, "ana")
            assert notifying.try_out(store, config, made.id, "ana")[0] is False
        store.records.raise_alarm(replace(HOT, id=None))
        Notifier(store, config, lambda: NOW).step(NOW)
        told = notifying.deliveries(store)
        said = caplog.text + repr(config) + str(config.shown()) + str(store.records.audit_log()) + repr(told)
    finally:
        store.close()
    assert {one.said for one in told} == {"127.0.0.1 answered 500", f"127.0.0.1:{dead}: nobody listens there"}
    assert "not delivered" in caplog.text
    assert not [secret for secret in (SECRET, PASSWORD, "path-s3cret") if secret in said]
