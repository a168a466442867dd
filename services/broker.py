"""The MQTT broker that the settings name."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from services.setting import Setting, SettingError

Text = Callable[[str], str]
"""Name of a setting → its value, or its default."""

MQTT_SETTINGS: tuple[Setting, ...] = (
    Setting("MQTT_URL", "", "MQTT 5 broker, mqtt://user:password@host:1883 or mqtts://…:8883; empty = none", secret=True),
    Setting("MQTT_TOPIC", "pulsebms", "first level of all topics"),
    Setting(
        "MQTT_CLIENT_ID", "", "name of this site's session at the broker; empty = voltdeck-SITE_ID (with MQTT_GROUP: and the host's name)"
    ),
    Setting("MQTT_GROUP", "", "group of a shared subscription, for servers with one store and no common Redis; empty = none"),
    Setting("MQTT_CA_FILE", "", "certificates that vouch for the broker of a mqtts:// MQTT_URL; empty = those of the system"),
    Setting("MQTT_CERT_FILE", "", "certificate this server shows the broker; empty = none"),
    Setting("MQTT_KEY_FILE", "", "its private key"),
)
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_LEVEL = re.compile(r"[^/+#$\s\0][^/+#\s\0]{0,63}\Z")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, who we are there, and under which `topic` everything happens."""

    host: str
    port: int = 1883
    tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    topic: str = "pulsebms"
    client_id: str = "voltdeck"
    group: str = ""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


def broker_of(text: Text, site_id: str, host: str) -> Broker | None:
    """The broker that the settings name, for a server of this site on this `host`; None without MQTT_URL. Raises SettingError."""
    url = text("MQTT_URL")
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _PORTS or not parts.hostname or port == 0 or parts.path.strip("/") or parts.query:
        raise SettingError("MQTT_URL is not the address of a broker such as mqtt://user:password@127.0.0.1:1883")
    for name, shape in (("MQTT_TOPIC", _LEVEL), ("MQTT_GROUP", _LEVEL), ("MQTT_CLIENT_ID", _ID)):
        if text(name) and not shape.match(text(name)):
            raise SettingError(f"{name}={text(name)!r} cannot be used: no blanks, slashes or wildcards")
    group = text("MQTT_GROUP")
    ours = f"voltdeck-{site_id}" + (f"-{host}" if group else "")
    return Broker(
        parts.hostname,
        port or _PORTS[parts.scheme],
        parts.scheme == "mqtts",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        text("MQTT_TOPIC"),
        text("MQTT_CLIENT_ID") or re.sub(r"[^A-Za-z0-9._:-]", "-", ours)[:128],
        group,
        _file(text, "MQTT_CA_FILE"),
        _file(text, "MQTT_CERT_FILE"),
        _file(text, "MQTT_KEY_FILE"),
    )


def contradictions(text: Text) -> list[str]:
    """What is odd about these settings, one line each."""
    url, found = text("MQTT_URL"), []
    files = [name for name in ("MQTT_CA_FILE", "MQTT_CERT_FILE", "MQTT_KEY_FILE") if text(name)]
    if files and not url.startswith("mqtts://"):
        found.append(f"{', '.join(files)} have no effect: MQTT_URL does not begin with mqtts://")
    if text("MQTT_KEY_FILE") and not text("MQTT_CERT_FILE"):
        found.append("MQTT_KEY_FILE has no effect without MQTT_CERT_FILE")
    if not url and (text("MQTT_GROUP") or text("MQTT_CLIENT_ID")):
        found.append("MQTT_GROUP and MQTT_CLIENT_ID have no effect without MQTT_URL")
    return found


def _file(text: Text, name: str) -> Path | None:
    path = Path(text(name)) if text(name) else None
    if path is not None and not path.is_file():
        raise SettingError(f"{name}={path} is not a file")
    return path
