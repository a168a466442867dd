"""Every setting once: name, default, what it is for. `app.py` reads the environment; everything else gets a `Config`."""

import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from datastore.backends.solarhub.installation import Installation
from services import broker, smtp, solarhub_settings
from services.broker import Broker
from services.retention import rules_of
from services.setting import Setting as Setting
from services.setting import SettingError as SettingError
from services.smtp import Smtp

SETTINGS: tuple[Setting, ...] = (
    Setting("HOST", "127.0.0.1", "address to listen on; any address but loopback forces AUTH_MODE=protected", aliases=("API_HOST",)),
    Setting("PORT", "8000", "TCP port of the one HTTP server", aliases=("API_PORT",)),
    Setting("DATA_DIR", "data", "folder for the embedded store, generated secrets and spools; created when missing"),
    Setting("DATABASE_URL", "", "where readings and records are kept; empty = sqlite:///DATA_DIR/voltdeck.db", aliases=("MONGODB_URI",)),
    Setting("DATABASE_NAME", "", "database of a mongodb:// DATABASE_URL that names none"),
    Setting(
        "DOCUMENT_DAYS", "30", "how many days messages of battery monitors are kept whole, beside the readings made of them; 0 = for good"
    ),
    Setting("COMMAND_DAYS", "400", "how many days commands and allocations of power are kept; 0 = for good"),
    Setting(
        "RECORDS_URL",
        "",
        "where users, devices, alarms, awards, settings and documents are kept, when not beside the readings; empty = DATABASE_URL",
    ),
    Setting(
        "REDIS_URL",
        "",
        "Redis that several processes share for live messages, rate limits and leases, redis://:password@host:6379/0; empty = none",
        secret=True,
    ),
    Setting("APP_ENV", "development", "development, staging or production"),
    Setting("AUTH_MODE", "", "open (reads and ingest need no login; loopback only) or protected; empty = open on loopback in development"),
    Setting("ALLOW_OPEN", "0", "1 = allow AUTH_MODE=open on an address that is not loopback"),
    Setting("SECRET_KEY", "", "signs sessions and links; empty = generated once into DATA_DIR (refused in production)", secret=True),
    Setting(
        "JWT_SECRET_KEY",
        "",
        "signs tokens, at least 32 characters; empty = generated once into DATA_DIR (refused in production)",
        secret=True,
    ),
    Setting("ADMIN_PASSWORD", "", "password of the first user `admin`; empty = a random one, printed once", secret=True),
    Setting("JWT_ALGORITHM", "HS256", "how tokens are signed: HS256, HS384 or HS512"),
    Setting("ACCESS_TOKEN_EXPIRE_MINUTES", "30", "life of an access token in minutes"),
    Setting("REFRESH_TOKEN_EXPIRE_DAYS", "7", "life of a refresh token in days"),
    Setting("SITE_ID", "site", "id of the site and of its device at the connection point"),
    Setting("SITE_NAME", "Voltdeck site", "name shown in the header"),
    Setting("SITE_TZ", "Asia/Taipei", "IANA time zone of the site: calendar days, axes and exports follow it"),
    Setting("SITE_LATITUDE", "23.1", "degrees north, for the sun's position"),
    Setting("SITE_LONGITUDE", "120.3", "degrees east, for the sun's position"),
    Setting("AUTO_REGISTER", "", "1 = unknown devices register themselves; empty = 1 in open mode, 0 in protected mode"),
    Setting("RATE_LIMIT", "1000", "requests a minute per user, key or address; 0 = none"),
    Setting("RATE_LIMIT_INGEST", "60000", "ingest requests a minute per key or address; 0 = none"),
    Setting(
        "TRUSTED_PROXIES",
        "",
        "comma-separated addresses or networks of proxies whose X-Forwarded-For and -Proto are believed; empty = none",
    ),
    Setting("MAX_BODY_MB", "16", "largest request body in MiB, after unpacking"),
    Setting("CORS_ORIGINS", "", "comma-separated origins allowed to read the API; empty = all in development, none else"),
    Setting("EMBED_ORIGINS", "", "comma-separated origins that may show this site in a frame"),
    Setting("BROWSER_PATH", "", "the Chromium that draws pictures of panels on the server; empty = the one on the PATH"),
    Setting("LOG_LEVEL", "info", "debug, info, warning or error"),
    Setting(
        "SPOOL_MB",
        "512",
        "most MiB of readings that wait in DATA_DIR/spool, per process, while the store does not answer; 0 = they are refused",
    ),
    Setting("DEBUG", "", "1 = LOG_LEVEL=debug where LOG_LEVEL is not set"),
    Setting("SEAL_AFTER_HOURS", "6", "readings older than this are packed into compressed chunks"),
    Setting("RETENTION_DAYS", "", "how many days readings are kept, by kind, such as rack=90,pcs=365; kinds not named are kept for good"),
    Setting("DEMO_DAYS", "30", "days of history `python app.py demo` creates"),
    Setting("ARCHIVE_DIR", "", "folder that holds BESS/<device>/<metric>.csv, read in place beside the store; empty = none"),
    Setting("ALIGN_TOLERANCE_S", "60", "how old a sample may be [s] that still stands for an instant of a BMS or PCS reading"),
    Setting("TCP_MONITOR_PORT", "", "port on which `serve` takes the binary records of battery monitors; 0 or empty = none, `collect` takes 23456 then"),
    Setting("TCP_PREDICTOR_PORT", "", "port on which `serve` takes the JSON of battery predictors; 0 or empty = none, `collect` takes 23457 then"),
    Setting(
        "TCP_ALLOW",
        "",
        "comma-separated addresses or networks that may send to the TCP collectors beside this machine, address=name gives what a monitor sends a device of its own; empty = any in open mode, none else in protected mode",
    ),
    Setting("ARCHIVE_TZ", "UTC", "IANA time zone of times in ARCHIVE_DIR that name none"),
    *broker.MQTT_SETTINGS,
    *smtp.SMTP_SETTINGS,
    Setting("FOREIGN_MAPPING", "", "TOML file that says what fields of Influx and collectd senders mean; empty = catalogue names only"),
    Setting("EXPORTS_MB", "4096", "most MiB of export files in DATA_DIR/exports; the oldest go first"),
    Setting("EXPORT_DAYS", "7", "days after which an export and its file are removed"),
    Setting("STUDIES", "1", "1 = the job process works out forecasts, fits and findings regularly; 0 = never"),
    Setting(
        "REPORT_LANGUAGES", "en", "comma-separated languages (en, zh-TW, es) of the report that is made when a month is over; none = no report"
    ),
    Setting("REPORTS_KEPT", "36", "how many reports are kept; the oldest go first"),
    Setting("REPORT_TO", "", "comma-separated mail addresses that get the monthly report; needs SMTP_HOST"),
    *solarhub_settings.SOLARHUB_SETTINGS,
)
REPORT_LANGUAGES = ("en", "zh-TW", "es")
BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.*:_\[\]-]+\Z")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_MADE_UP = ("your-", "change", "secret", "default", "example", "dev-")
"""How the placeholders of examples begin."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in force, checked and typed. Build it with `Config.from_env`; a test may call it with keywords."""

    host: str = "127.0.0.1"
    port: int = 8000
    data_dir: Path = Path("data")
    database_url: str = field(default="sqlite:///data/voltdeck.db", repr=False)
    records_url: str = field(default="", repr=False)
    document_days: int = 30
    command_days: int = 400
    redis_url: str = field(default="", repr=False)
    app_env: str = "development"
    auth_mode: str = "open"
    secret_key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    jwt_secret_key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    admin_password: str = field(default="", repr=False)
    jwt_algorithm: str = "HS256"
    access_minutes: int = 30
    refresh_days: int = 7
    site_id: str = "site"
    site_name: str = "Voltdeck site"
    site_tz: str = "Asia/Taipei"
    site_latitude: float = 23.1
    site_longitude: float = 120.3
    auto_register: bool = True
    rate_limit: int = 1000
    rate_limit_ingest: int = 60000
    trusted_proxies: tuple[str, ...] = ()
    max_body_mb: int = 16
    cors_origins: tuple[str, ...] = ()
    embed_origins: tuple[str, ...] = ()
    browser_path: str = ""
    log_level: str = "info"
    spool_mb: int = 512
    seal_after_hours: int = 6
    retention: Mapping[str, int] = field(default_factory=dict)
    demo_days: int = 30
    archive_dir: Path | None = None
    archive_tz: str = "UTC"
    align_tolerance_s: int = 60
    tcp_monitor_port: int = 0
    tcp_predictor_port: int = 0
    tcp_allow: tuple[str, ...] = ()
    bess_number: int | None = None
    pcs_number: int | None = None
    rack_number: int | None = None
    inverter_number: int | None = None
    bess_type: str = "BESS"
    pcs_type: str = "PCS"
    cctv_url: str = ""
    foreign_mapping: Path | None = None
    exports_mb: int = 4096
    export_days: int = 7
    studies: bool = True
    report_languages: tuple[str, ...] = ("en",)
    reports_kept: int = 36
    report_to: tuple[str, ...] = ()
    solarhub: Installation | None = None
    mqtt: Broker | None = None
    smtp: Smtp | None = None
    site_url: str = ""

    @property
    def exports_dir(self) -> Path:
        """Where export files lie."""
        return self.data_dir / "exports"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Config":
        """The settings of `env`. Raises SettingError with one clear line. Creates DATA_DIR to keep generated secrets in."""
        return _Reader(env).config()

    def shown(self) -> dict[str, str]:
        """Setting → what is in force, as it would stand in `.env`: secrets hidden."""
        shown = {_NAMES.get(f.name, f.name.upper()): _written(getattr(self, f.name)) for f in fields(self)}
        hidden = dict.fromkeys(("SECRET_KEY", "JWT_SECRET_KEY", "ADMIN_PASSWORD"), "(hidden)")
        return shown | hidden | {name: without_password(shown[name]) for name in ("DATABASE_URL", "RECORDS_URL", "REDIS_URL")}


_NAMES = {
    "access_minutes": "ACCESS_TOKEN_EXPIRE_MINUTES",
    "refresh_days": "REFRESH_TOKEN_EXPIRE_DAYS",
    "retention": "RETENTION_DAYS",
    "solarhub": "DB_HOST",
    "mqtt": "MQTT_URL",
    "smtp": "SMTP_HOST",
}
"""Field of Config → the setting it comes from, where that is not its name in capitals."""


def _written(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "" if value is None else str(int(value))
    if isinstance(value, Mapping):
        return ",".join(f"{name}={one}" for name, one in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def without_password(url: str) -> str:
    """The URL as it may be shown.

    >>> without_password("redis://:s3cret@cache.example:6379/0")
    'redis://:(hidden)@cache.example:6379/0'
    >>> without_password("postgresql://u:p/@ss@db.example/plant?password=s3cret&sslmode=require")
    'postgresql://u:(hidden)@db.example/plant?password=(hidden)&sslmode=require'
    """
    shown = re.sub(r"(?<=://)([^/@:]*:).*@", r"\1(hidden)@", url)
    return re.sub(r"(?i)(?<=[?&])(\w*passw(?:or)?d)=[^&]*", r"\1=(hidden)", shown)


SHORT_PASSWORD = 8


def doubts(env: Mapping[str, str], dotenv: Collection[str] = ()) -> list[str]:
    """What is odd about the settings given, one line each: names that look like ours or stand in `.env` (`dotenv`) and are none, and
    settings that contradict each other. Nothing of it stops the start; `Config.from_env` raises on what does. Secrets are not shown.

    >>> doubts({"RATELIMIT": "5", "PATH": "/bin"})
    ['RATELIMIT is not a setting; did you mean RATE_LIMIT?']
    """
    known = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}
    found = []
    for name in sorted({*env, *dotenv} - known):
        like = _like(name, known)
        if like or name in dotenv:
            found.append(f"{name} is not a setting" + (f"; did you mean {like}?" if like else ": it stands in .env and nothing reads it"))
    return found + _contradictions(_Reader(env))


def _like(name: str, known: Collection[str]) -> str | None:
    """The setting this name was probably meant to be. Short names must be the same but for case and underscores: HOME is not HOST."""
    plain = _plain(name)
    near = [(_distance(plain, _plain(other)), other) for other in known]
    distance, other = min(near)
    return other if distance == 0 or (distance <= 2 and len(plain) >= 8) else None


def _plain(name: str) -> str:
    return name.upper().replace("_", "").replace("-", "")


def _distance(a: str, b: str) -> int:
    """Levenshtein's: letters to insert, drop or change; 3 stands for more when the lengths alone say so."""
    if abs(len(a) - len(b)) > 2:
        return 3
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(last + (x != y), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def _contradictions(reader: "_Reader") -> list[str]:
    found = []
    for setting in SETTINGS:
        given = {name: value for name in (setting.name, *setting.aliases) if (value := reader.env.get(name, "").strip())}
        if len(set(given.values())) > 1:
            winner, *losers = given
            found.append(f"{winner} and {', '.join(losers)} say different things; {winner} is in force")
    if reader.flag("ALLOW_OPEN", False) and (reader.text("AUTH_MODE") == "protected" or reader.text("APP_ENV") != "development"):
        found.append("ALLOW_OPEN=1 has no effect: AUTH_MODE or APP_ENV asks for a login")
    if reader.text("CORS_ORIGINS") and "*" in reader.names("CORS_ORIGINS") and len(reader.names("CORS_ORIGINS")) > 1:
        found.append("CORS_ORIGINS names * and others; * lets every origin read")
    if 0 < len(reader.text("ADMIN_PASSWORD")) < SHORT_PASSWORD:
        found.append(f"ADMIN_PASSWORD is shorter than {SHORT_PASSWORD} characters")
    if reader.text("SECRET_KEY") and reader.text("SECRET_KEY") == reader.text("JWT_SECRET_KEY"):
        found.append("SECRET_KEY and JWT_SECRET_KEY are the same; who learns one has both")
    if _count(reader.text("RATE_LIMIT")) > _count(reader.text("RATE_LIMIT_INGEST")) > 0:
        found.append("RATE_LIMIT is larger than RATE_LIMIT_INGEST, which is meant for devices that send all the time")
    name, url = reader.text("DATABASE_NAME"), reader.text("DATABASE_URL")
    if name and url.startswith("mongodb") and reader.database_url() == url and urlsplit(url).path.strip("/") != name:
        found.append(f"DATABASE_NAME={name} and the database in the MongoDB URL differ; the one in the URL is in force")
    return found + broker.contradictions(reader.text) + smtp.contradictions(reader.text) + solarhub_settings.contradictions(reader.text)


def _count(text: str) -> int:
    return int(text) if text.isdigit() else 0


class _Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env

    def text(self, name: str) -> str:
        setting = BY_NAME[name]
        for key in (name, *setting.aliases):
            if self.env.get(key, "").strip():
                return self.env[key].strip()
        return setting.default

    def number(self, name: str, low: int, high: int) -> int:
        text = self.text(name)
        try:
            value = int(text)
        except ValueError:
            raise SettingError(f"{name}={text!r} is not a whole number") from None
        if not low <= value <= high:
            raise SettingError(f"{name}={value} is not within {low}…{high}")
        return value

    def database_url(self) -> str:
        """DATABASE_URL, completed by DATABASE_NAME where that is a MongoDB without a database; under S3's own name MONGODB_URI that is
        `battery_db` unless it is told, as its document says."""
        url, name = self.text("DATABASE_URL"), self.text("DATABASE_NAME")
        if not name and not self.env.get("DATABASE_URL", "").strip():
            name = "battery_db"
        if not name or not url.startswith("mongodb"):
            return url
        parts = urlsplit(url)
        return url if parts.path.strip("/") else urlunsplit(parts._replace(path=f"/{quote(name, safe='')}"))

    def retention(self) -> dict[str, int]:
        try:
            return rules_of(self.text("RETENTION_DAYS"))
        except ValueError as error:
            raise SettingError(f"RETENTION_DAYS: {error}") from None

    def degrees(self, name: str, limit: float) -> float:
        text = self.text(name)
        try:
            value = float(text)
        except ValueError:
            raise SettingError(f"{name}={text!r} is not a number") from None
        if not -limit <= value <= limit:
            raise SettingError(f"{name}={text} is not within ±{limit:g} degrees")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name).lower()
        if value not in choices:
            raise SettingError(f"{name}={value!r} is not one of {', '.join(c for c in choices if c)}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        text = self.text(name).lower()
        if not text:
            return default
        if text in ("1", "true", "yes", "on"):
            return True
        if text in ("0", "false", "no", "off"):
            return False
        raise SettingError(f"{name}={text!r} is neither 1 nor 0")

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())

    def _report_languages(self) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(self.names("REPORT_LANGUAGES")))
        for lang in found:
            if lang not in (*REPORT_LANGUAGES, "none"):
                raise SettingError(f"REPORT_LANGUAGES: {lang!r} is not one of {', '.join(REPORT_LANGUAGES)}, none")
        return () if "none" in found else found

    def _report_to(self) -> tuple[str, ...]:
        found = self.names("REPORT_TO")
        for address in found:
            if not smtp.ADDRESS.match(address):
                raise SettingError(f"REPORT_TO: {address!r} is not a mail address")
        if found and not self.text("SMTP_HOST"):
            raise SettingError("REPORT_TO needs a mail server: SMTP_HOST is empty")
        return found

    def origins(self, name: str) -> tuple[str, ...]:
        found = self.names(name)
        for origin in found:
            if origin != "*" and not _ORIGIN.match(origin):
                raise SettingError(f"{name}: {origin!r} is not an origin such as https://hmi.example (scheme and host, no path)")
        return found

    def config(self) -> Config:
        zone = self._zone("SITE_TZ")
        app_env = self.choice("APP_ENV", ("development", "staging", "production"))
        host = self.text("HOST")
        auth_mode = self._auth_mode(app_env, host)
        data_dir = self._data_dir()
        sizes = solarhub_settings.sizes(self.text, self.number)
        return Config(
            host=host,
            port=self.number("PORT", 1, 65535),
            data_dir=data_dir,
            database_url=self.database_url() or f"sqlite:///{data_dir / 'voltdeck.db'}",
            document_days=self.number("DOCUMENT_DAYS", 0, 36_500),
            command_days=self.number("COMMAND_DAYS", 0, 36_500),
            records_url=self.text("RECORDS_URL"),
            redis_url=self._redis_url(),
            app_env=app_env,
            auth_mode=auth_mode,
            secret_key=self._secret("SECRET_KEY", app_env, data_dir),
            jwt_secret_key=self._secret("JWT_SECRET_KEY", app_env, data_dir),
            admin_password=self._admin_password(app_env),
            jwt_algorithm=self.choice("JWT_ALGORITHM", ("hs256", "hs384", "hs512")).upper(),
            access_minutes=self.number("ACCESS_TOKEN_EXPIRE_MINUTES", 1, 1440),
            refresh_days=self.number("REFRESH_TOKEN_EXPIRE_DAYS", 1, 365),
            site_id=self._site_id(),
            site_name=self.text("SITE_NAME"),
            site_tz=zone,
            site_latitude=self.degrees("SITE_LATITUDE", 90),
            site_longitude=self.degrees("SITE_LONGITUDE", 180),
            auto_register=self.flag("AUTO_REGISTER", auth_mode == "open"),
            rate_limit=self.number("RATE_LIMIT", 0, 10**9),
            rate_limit_ingest=self.number("RATE_LIMIT_INGEST", 0, 10**9),
            trusted_proxies=self._proxies(),
            max_body_mb=self.number("MAX_BODY_MB", 1, 1024),
            cors_origins=self.origins("CORS_ORIGINS"),
            embed_origins=self.origins("EMBED_ORIGINS"),
            browser_path=self.text("BROWSER_PATH"),
            log_level=self._log_level(),
            spool_mb=self.number("SPOOL_MB", 0, 1 << 20),
            seal_after_hours=self.number("SEAL_AFTER_HOURS", 1, 24 * 365),
            retention=self.retention(),
            demo_days=self.number("DEMO_DAYS", 1, 400),
            archive_dir=Path(self.text("ARCHIVE_DIR")) if self.text("ARCHIVE_DIR") else None,
            archive_tz=self._zone("ARCHIVE_TZ"),
            align_tolerance_s=self.number("ALIGN_TOLERANCE_S", 0, 86_400),
            tcp_monitor_port=self._optional_port("TCP_MONITOR_PORT"),
            tcp_predictor_port=self._optional_port("TCP_PREDICTOR_PORT"),
            tcp_allow=self._tcp_allow(),
            bess_number=sizes.get("BESS_NUMBER"),
            pcs_number=sizes.get("PCS_NUMBER"),
            rack_number=sizes.get("RACK_NUMBER"),
            inverter_number=sizes.get("INVERTER_NUMBER"),
            bess_type=self.text("BESS_TYPE"),
            pcs_type=self.text("PCS_TYPE"),
            cctv_url=solarhub_settings.camera(self.text),
            foreign_mapping=Path(self.text("FOREIGN_MAPPING")) if self.text("FOREIGN_MAPPING") else None,
            exports_mb=self.number("EXPORTS_MB", 1, 1 << 24),
            export_days=self.number("EXPORT_DAYS", 1, 3650),
            studies=self.flag("STUDIES", True),
            report_languages=self._report_languages(),
            reports_kept=self.number("REPORTS_KEPT", 1, 1000),
            report_to=self._report_to(),
            solarhub=solarhub_settings.installation(self.text, self.number, zone, self._site_id()),
            mqtt=broker.broker_of(self.text, self._site_id(), socket.gethostname()),
            smtp=smtp.smtp_of(self.text),
            site_url=smtp.site_url(self.text),
        )

    def _auth_mode(self, app_env: str, host: str) -> str:
        asked = self.choice("AUTH_MODE", ("", "open", "protected"))
        may_open = host in LOOPBACK or self.flag("ALLOW_OPEN", False)
        if app_env in ("production", "staging") and asked == "open":
            raise SettingError(f"AUTH_MODE=open is not allowed with APP_ENV={app_env}")
        if asked == "open" and not may_open:
            raise SettingError(f"AUTH_MODE=open is not allowed on HOST={host}: use a loopback address, or set ALLOW_OPEN=1")
        if asked:
            return asked
        return "open" if app_env == "development" and may_open else "protected"

    def _redis_url(self) -> str:
        url = self.text("REDIS_URL")
        try:
            parts = urlsplit(url)
            sound = (parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0 and re.fullmatch(r"/?\d*", parts.path)) or (
                parts.scheme == "unix" and parts.path
            )
        except ValueError:  # a port that is none
            sound = False
        if url and not sound:
            raise SettingError("REDIS_URL is not the address of a Redis such as redis://:password@127.0.0.1:6379/0")
        return url

    def _proxies(self) -> tuple[str, ...]:
        found = self.names("TRUSTED_PROXIES")
        for proxy in found:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise SettingError(
                    f"TRUSTED_PROXIES: {proxy!r} is not an address such as 127.0.0.1 or a network such as 10.0.0.0/8"
                ) from None
        return found

    def _optional_port(self, name: str) -> int:
        return self.number(name, 0, 65535) if self.text(name) else 0

    def _tcp_allow(self) -> tuple[str, ...]:
        found = self.names("TCP_ALLOW")
        for entry in found:
            address, _, device = entry.partition("=")
            try:
                ipaddress.ip_network(address.strip())
            except ValueError:
                raise SettingError(f"TCP_ALLOW: {address!r} is not an address such as 10.0.0.5 or a network such as 10.0.0.0/8") from None
            if "=" in entry and not _ID.match(device.strip()):
                raise SettingError(f"TCP_ALLOW: {device!r} is not a device id")
        return found

    def _log_level(self) -> str:
        asked = self.choice("LOG_LEVEL", ("debug", "info", "warning", "error"))
        # other software uses DEBUG too, with words of its own: what is no yes is a no
        debugs = self.text("DEBUG").lower() in ("1", "true", "yes", "on")
        return "debug" if debugs and not self.env.get("LOG_LEVEL", "").strip() else asked

    def _zone(self, name: str) -> str:
        zone = self.text(name)
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise SettingError(f"{name}={zone!r} is not an IANA time zone such as Asia/Taipei") from None
        return zone

    def _site_id(self) -> str:
        value = self.text("SITE_ID")
        if not _ID.match(value):
            raise SettingError(f"SITE_ID={value!r} is not an id: up to 64 letters, digits or . _ -, beginning with a letter or digit")
        return value

    def _admin_password(self, app_env: str) -> str:
        value = self.text("ADMIN_PASSWORD")
        if value and app_env == "production" and len(value) < SHORT_PASSWORD:
            raise SettingError(f"ADMIN_PASSWORD must have at least {SHORT_PASSWORD} characters with APP_ENV=production")
        return value

    def _data_dir(self) -> Path:
        folder = Path(self.text("DATA_DIR"))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".writable-{secrets.token_hex(4)}"  # one of its own: several processes may start at once
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise SettingError(f"DATA_DIR={folder} cannot be written: {error.strerror}") from None
        return folder

    def _secret(self, name: str, app_env: str, data_dir: Path) -> str:
        value = self.text(name)
        if app_env == "production" and (len(value) < 32 or len(set(value)) < 8 or value.lower().startswith(_MADE_UP)):
            raise SettingError(f"{name} must be set to at least 32 random characters with APP_ENV=production")
        if value:
            return value
        kept = data_dir / f".{name.lower()}"
        try:
            if not kept.exists():
                # made apart and linked: of several processes that start at once all read the same, whole secret
                made = kept.with_name(f"{kept.name}.{secrets.token_hex(4)}")
                made.touch(mode=0o600)
                made.write_text(secrets.token_hex(32))
                with suppress(FileExistsError):
                    os.link(made, kept)
                made.unlink()
            return kept.read_text().strip()
        except OSError as error:
            raise SettingError(f"{name} cannot be kept in {kept}: {error.strerror}") from None
