"""Every setting once: name, default, what it is for. `app.py` reads the environment; everything else gets a `Config`."""

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class SettingError(ValueError):
    """A setting makes no sense; the message is one line that names it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable. `secret` ones are never printed. `aliases` are other documents' names for it, ours wins."""

    name: str
    default: str
    help: str
    secret: bool = False
    aliases: tuple[str, ...] = ()


SETTINGS: tuple[Setting, ...] = (
    Setting("HOST", "127.0.0.1", "address to listen on; any address but loopback forces AUTH_MODE=protected", aliases=("API_HOST",)),
    Setting("PORT", "8000", "TCP port of the one HTTP server", aliases=("API_PORT",)),
    Setting("DATA_DIR", "data", "folder for the embedded store, generated secrets and spools; created when missing"),
    Setting("DATABASE_URL", "", "where readings and records are kept; empty = sqlite:///DATA_DIR/voltdeck.db"),
    Setting("APP_ENV", "development", "development, staging or production"),
    Setting("AUTH_MODE", "", "open (reads and ingest need no login; loopback only) or protected; empty = open on loopback in development"),
    Setting("ALLOW_OPEN", "0", "1 = allow AUTH_MODE=open on an address that is not loopback"),
    Setting("SECRET_KEY", "", "signs sessions and links; empty = generated once into DATA_DIR (refused in production)", secret=True),
    Setting("JWT_SECRET_KEY", "", "signs tokens, at least 32 characters; empty = generated once into DATA_DIR (refused in production)", secret=True),
    Setting("ADMIN_PASSWORD", "", "password of the first user `admin`; empty = a random one, printed once", secret=True),
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
    Setting("MAX_BODY_MB", "16", "largest request body in MiB, after unpacking"),
    Setting("CORS_ORIGINS", "", "comma-separated origins allowed to read the API; empty = all in development, none else"),
    Setting("EMBED_ORIGINS", "", "comma-separated origins that may show this site in a frame"),
    Setting("LOG_LEVEL", "info", "debug, info, warning or error"),
    Setting("SEAL_AFTER_HOURS", "6", "readings older than this are packed into compressed chunks"),
    Setting("DEMO_DAYS", "30", "days of history `python app.py demo` creates"),
)
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
    database_url: str = "sqlite:///data/voltdeck.db"
    app_env: str = "development"
    auth_mode: str = "open"
    secret_key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    jwt_secret_key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    admin_password: str = field(default="", repr=False)
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
    max_body_mb: int = 16
    cors_origins: tuple[str, ...] = ()
    embed_origins: tuple[str, ...] = ()
    log_level: str = "info"
    seal_after_hours: int = 6
    demo_days: int = 30

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Config":
        """The settings of `env`. Raises SettingError with one clear line. Creates DATA_DIR to keep generated secrets in."""
        return _Reader(env).config()

    def shown(self) -> dict[str, str]:
        """What is in force, for people: secrets hidden."""
        hidden = {"secret_key", "jwt_secret_key", "admin_password"}
        return {f.name: "(hidden)" if f.name in hidden else str(getattr(self, f.name)) for f in fields(self)}


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
    return found


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

    def origins(self, name: str) -> tuple[str, ...]:
        found = self.names(name)
        for origin in found:
            if origin != "*" and not _ORIGIN.match(origin):
                raise SettingError(f"{name}: {origin!r} is not an origin such as https://hmi.example (scheme and host, no path)")
        return found

    def config(self) -> Config:
        zone = self.text("SITE_TZ")
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise SettingError(f"SITE_TZ={zone!r} is not an IANA time zone such as Asia/Taipei") from None
        app_env = self.choice("APP_ENV", ("development", "staging", "production"))
        host = self.text("HOST")
        auth_mode = self._auth_mode(app_env, host)
        data_dir = self._data_dir()
        return Config(
            host=host,
            port=self.number("PORT", 1, 65535),
            data_dir=data_dir,
            database_url=self.text("DATABASE_URL") or f"sqlite:///{data_dir / 'voltdeck.db'}",
            app_env=app_env,
            auth_mode=auth_mode,
            secret_key=self._secret("SECRET_KEY", app_env, data_dir),
            jwt_secret_key=self._secret("JWT_SECRET_KEY", app_env, data_dir),
            admin_password=self._admin_password(app_env),
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
            max_body_mb=self.number("MAX_BODY_MB", 1, 1024),
            cors_origins=self.origins("CORS_ORIGINS"),
            embed_origins=self.origins("EMBED_ORIGINS"),
            log_level=self.choice("LOG_LEVEL", ("debug", "info", "warning", "error")),
            seal_after_hours=self.number("SEAL_AFTER_HOURS", 1, 24 * 365),
            demo_days=self.number("DEMO_DAYS", 1, 400),
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
            probe = folder / ".writable"
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
                kept.touch(mode=0o600)
                kept.write_text(secrets.token_hex(32))
            return kept.read_text().strip()
        except OSError as error:
            raise SettingError(f"{name} cannot be kept in {kept}: {error.strerror}") from None
