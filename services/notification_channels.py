"""How a notification leaves: by mail or by webhook. Each call ends within its time, and says what the other side said.

Only administrators name receivers, and a plant's receivers are often in its own network, so private addresses are allowed. What is never
spoken to: link-local addresses (where clouds keep their credentials), multicast, and where a redirect points. The address that was
checked is the one that is connected to. Answers are read no further than their status line.
"""

import hashlib
import hmac
import http.client
import ipaddress
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from plant.model import SECOND
from plant.timeline import moment
from services.notification_texts import Message
from services.smtp import STARTTLS, TLS, Smtp

MAIL_TIMEOUT_S = 20.0
SIGNATURE, STAMP, DELIVERY = "X-Voltdeck-Signature", "X-Voltdeck-Timestamp", "X-Voltdeck-Delivery"


class Undelivered(Exception):
    """A message did not arrive; the text says why, without secrets. `final`: asking again would not change it."""

    def __init__(self, reason: str, final: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.final = reason, final


def send_mail(
    smtp: Smtp | None, to: Sequence[str], message: Message, site: str, now: int, timeout: float = MAIL_TIMEOUT_S,
    attached: Sequence[tuple[str, bytes]] = (),
) -> str:  # fmt: skip
    """Hand the mail to the server, with PDF files `attached` (name, content); what came of it, in a sentence. Raises Undelivered."""
    if smtp is None:
        raise Undelivered("no mail server is set: SMTP_HOST is empty")
    mail = _mail(smtp, to, message, site, now)
    for name, content in attached:
        mail.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    try:
        with _connected(smtp, timeout) as server:
            refused = server.send_message(mail, smtp.sender, list(to))
    except smtplib.SMTPAuthenticationError as error:
        raise Undelivered(f"{smtp.host} refused the login ({error.smtp_code})") from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise Undelivered(f"{smtp.host} refused all recipients ({', '.join(map(str, codes))})", min(codes, default=0) >= 500) from None
    except smtplib.SMTPResponseException as error:
        raise Undelivered(f"{smtp.host} answered {error.smtp_code}", 550 <= error.smtp_code < 560) from None
    except (smtplib.SMTPException, OSError) as error:
        raise Undelivered(f"{smtp.host}:{smtp.port}: {_reason(error)}") from None
    said = f"{smtp.host} took it for {len(to) - len(refused)} of {len(to)}"
    return said + (f"; refused: {', '.join(sorted(refused))}" if refused else "")


@contextmanager
def _connected(smtp: Smtp, timeout: float) -> Iterator[smtplib.SMTP]:
    """A connection, logged in, that is cut when the time is over: a server that sends a byte now and then would hold it for good."""
    context = ssl.create_default_context(cafile=str(smtp.ca_file) if smtp.ca_file else None)
    server = smtplib.SMTP_SSL(timeout=timeout, context=context) if smtp.security == TLS else smtplib.SMTP(timeout=timeout)
    # whom the certificate must name; given to the constructor, it would connect before anybody watches the time
    server._host = smtp.host  # type: ignore[attr-defined]
    with _deadline(timeout, lambda: server.sock):
        try:
            server.connect(smtp.host, smtp.port)
            if smtp.security == STARTTLS:
                server.starttls(context=context)
            if smtp.user:
                server.login(smtp.user, smtp.password)
            yield server
        finally:
            with suppress(smtplib.SMTPException, OSError):
                server.quit()


def _mail(smtp: Smtp, to: Sequence[str], message: Message, site: str, now: int) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = message.subject
    user, _, domain = smtp.sender.partition("@")
    mail["From"] = Address(" ".join(site.split())[:80], user, domain)
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(moment(now))
    # the same id when it is sent again: mail programs show it once
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail[DELIVERY] = message.id
    mail.set_content(message.text)
    return mail


def signature(secret: str, stamp: str, body: bytes) -> str:
    """What stands in X-Voltdeck-Signature: HMAC-SHA256 over the timestamp, a full stop and the body.

    >>> signature("It's a Secret to Everybody", "1769256600", b"{}")[:23]
    'sha256=d163ae8bbd52ea8c'
    """
    return "sha256=" + hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def send_webhook(url: str, secret: str, message: Message, now: int, timeout: float) -> str:
    """Post the message; what the receiver answered, in a sentence. Any 2xx is good. Raises Undelivered."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    stamp, body = str(now // SECOND), orjson.dumps(message.payload)
    headers: Mapping[str, str] = {
        "Content-Type": "application/json",
        "User-Agent": "Voltdeck",
        "Connection": "close",
        DELIVERY: message.id,
        STAMP: stamp,
        SIGNATURE: signature(secret, stamp, body),
    }
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    link = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        with _deadline(timeout, lambda: link.sock):
            _reach(link, host, port, secure, timeout)
            link.request("POST", path, body, dict(headers))
            status = link.getresponse().status
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise Undelivered(f"{host}:{port}: {_reason(error)}") from None
    finally:
        link.close()
    if 300 <= status < 400:
        raise Undelivered(f"{host} answered {status}: redirects are not followed")
    if not 200 <= status < 300:
        raise Undelivered(f"{host} answered {status}")
    return f"{host} answered {status}"


def _reach(link: http.client.HTTPConnection, host: str, port: int, secure: bool, timeout: float) -> None:
    """Connect to the address that was judged. Raises OSError, Undelivered."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    address = str(found[0][4][0])
    if is_withheld(address):
        raise Undelivered(f"{host} is {address}, an address that nothing is sent to", True)
    link.sock = socket.create_connection((address, port), timeout)
    if secure:
        # shaken in a step of its own: the socket that is watched must be the one that waits
        secured = ssl.create_default_context().wrap_socket(link.sock, server_hostname=host, do_handshake_on_connect=False)
        link.sock = secured
        secured.do_handshake()


def is_withheld(address: str) -> bool:
    """Whether nothing is sent to this address.

    >>> [is_withheld(a) for a in ("169.254.169.254", "::ffff:169.254.0.1", "fe80::1%eth0", "0.0.0.0", "10.0.0.5", "127.0.0.1")]
    [True, True, True, True, False, False]
    """
    found: Any = ipaddress.ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return bool(found.is_link_local or found.is_multicast or found.is_unspecified)


class _Socket(Protocol):
    def shutdown(self, how: int, /) -> None: ...


@contextmanager
def _deadline(timeout: float, found: Any) -> Iterator[None]:
    """Cut the connection that `found()` gives once `timeout` [s] is over: timeouts of sockets count from byte to byte."""
    over = threading.Event()

    def cut() -> None:
        over.set()
        link: _Socket | None = found()
        if link is not None:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(timeout, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if over.is_set():
            raise TimeoutError("timed out") from None
        raise
    finally:
        timer.cancel()


def _reason(error: BaseException) -> str:
    """Why, without what the other side wrote: that may be anything."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "it does not offer what SMTP_TLS or SMTP_USER asks for"
    if isinstance(error, smtplib.SMTPServerDisconnected | http.client.RemoteDisconnected | ConnectionResetError):
        return "it hung up"
    return (getattr(error, "strerror", None) or type(error).__name__)[:200]
