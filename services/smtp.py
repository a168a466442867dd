"""The mail server that the settings name."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from services.setting import Setting, SettingError

Text = Callable[[str], str]
"""Name of a setting → its value, or its default."""

SMTP_SETTINGS: tuple[Setting, ...] = (
    Setting("SMTP_HOST", "", "mail server that takes notifications of alarms; empty = no mail"),
    Setting("SMTP_PORT", "", "its port; empty = 587, with SMTP_TLS=tls 465, with none 25"),
    Setting("SMTP_TLS", "starttls", "starttls, tls (from the first byte) or none; certificates are always checked"),
    Setting("SMTP_CA_FILE", "", "certificates that vouch for the mail server; empty = those of the system"),
    Setting("SMTP_USER", "", "login at the mail server; empty = none"),
    Setting("SMTP_PASSWORD", "", "its password", secret=True),
    Setting("SMTP_FROM", "", "sender of the mails, voltdeck@example.com; needed with SMTP_HOST"),
    Setting("SITE_URL", "", "address under which people reach this server, https://voltdeck.example; for the links in notifications"),
)
STARTTLS, TLS, PLAIN = "starttls", "tls", "none"
_PORTS = {STARTTLS: 587, TLS: 465, PLAIN: 25}
_URL = re.compile(r"https?://[A-Za-z0-9.:_\[\]-]+(/[A-Za-z0-9._~/-]*)?\Z")
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z", re.ASCII)
"""A plain mail address: nothing in it can begin a header or a second recipient."""


@dataclass(frozen=True, slots=True)
class Smtp:
    """Where mail goes and who we are there; `security` is starttls, tls or none."""

    host: str
    port: int
    sender: str
    security: str = STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None


def smtp_of(text: Text) -> Smtp | None:
    """The mail server that the settings name; None without SMTP_HOST. Raises SettingError."""
    host, security = text("SMTP_HOST"), text("SMTP_TLS").lower()
    if not host:
        return None
    if security not in _PORTS:
        raise SettingError(f"SMTP_TLS={security!r} is not one of starttls, tls, none")
    port = text("SMTP_PORT")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise SettingError(f"SMTP_PORT={port!r} is not a port within 1…65535")
    sender = text("SMTP_FROM")
    if not ADDRESS.match(sender):
        raise SettingError(f"SMTP_FROM={sender!r} is not a mail address; it is needed with SMTP_HOST")
    if bool(text("SMTP_USER")) != bool(text("SMTP_PASSWORD")):
        raise SettingError("SMTP_USER and SMTP_PASSWORD go together: give both or neither")
    ca_file = Path(text("SMTP_CA_FILE")) if text("SMTP_CA_FILE") else None
    if ca_file is not None and not ca_file.is_file():
        raise SettingError(f"SMTP_CA_FILE={ca_file} is not a file")
    return Smtp(host, int(port) if port else _PORTS[security], sender, security, text("SMTP_USER"), text("SMTP_PASSWORD"), ca_file)


def site_url(text: Text) -> str:
    """SITE_URL without a slash at its end. Raises SettingError."""
    url = text("SITE_URL").rstrip("/")
    if url and not _URL.match(url):
        raise SettingError("SITE_URL is not an address such as https://voltdeck.example")
    return url


def contradictions(text: Text) -> list[str]:
    """What is odd about these settings, one line each."""
    found = []
    given = [name for name in ("SMTP_PORT", "SMTP_USER", "SMTP_PASSWORD", "SMTP_FROM", "SMTP_CA_FILE") if text(name)]
    if given and not text("SMTP_HOST"):
        found.append(f"{', '.join(given)} have no effect without SMTP_HOST")
    if text("SMTP_HOST") and text("SMTP_PASSWORD") and text("SMTP_TLS").lower() == PLAIN:
        found.append("SMTP_TLS=none sends the password of SMTP_USER in the clear")
    if text("SMTP_HOST") and not text("SITE_URL"):
        found.append("notifications carry no link to the alarm: SITE_URL is empty")
    return found
