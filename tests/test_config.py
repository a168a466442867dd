"""Settings: read once, checked, and every mistake is one clear line."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.config import SETTINGS, Config, SettingError, doubts


def settings(tmp_path: Path, **env: str) -> Config:
    return Config.from_env({"DATA_DIR": str(tmp_path), **env})


def test_the_defaults_are_an_open_product_on_loopback(tmp_path: Path) -> None:
    config = settings(tmp_path)
    assert (config.host, config.port, config.auth_mode, config.app_env) == ("127.0.0.1", 8000, "open", "development")
    assert config.database_url == f"sqlite:///{tmp_path}/voltdeck.db"


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"PORT": "eighty"}, "PORT"),
        ({"PORT": "70000"}, "PORT"),
        ({"SITE_TZ": "Mars/Olympus"}, "SITE_TZ"),
        ({"SITE_TZ": "/etc/passwd"}, "SITE_TZ"),
        ({"SITE_LATITUDE": "north"}, "SITE_LATITUDE"),
        ({"SITE_LATITUDE": "nan"}, "SITE_LATITUDE"),
        ({"APP_ENV": "prod"}, "APP_ENV"),
        ({"AUTH_MODE": "maybe"}, "AUTH_MODE"),
        ({"AUTH_MODE": "open", "HOST": "0.0.0.0"}, "AUTH_MODE"),
        ({"AUTH_MODE": "open", "APP_ENV": "production"}, "AUTH_MODE"),
        ({"AUTO_REGISTER": "perhaps"}, "AUTO_REGISTER"),
        ({"APP_ENV": "production"}, "SECRET_KEY"),
        ({"APP_ENV": "production", "SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"APP_ENV": "production", "SECRET_KEY": "your-secret-key-" * 3}, "SECRET_KEY"),
        ({"APP_ENV": "production", "SECRET_KEY": "Change-me-before-you-go-live-please"}, "SECRET_KEY"),
        ({"APP_ENV": "production", "SECRET_KEY": "ab" * 32}, "SECRET_KEY"),
        ({"APP_ENV": "production", "SECRET_KEY": "0123456789abcdef" * 2, "JWT_SECRET_KEY": "short"}, "JWT_SECRET_KEY"),
        (
            {
                "APP_ENV": "production",
                "ADMIN_PASSWORD": "admin",
                "SECRET_KEY": "0123456789abcdef" * 2,
                "JWT_SECRET_KEY": "9" + "fedcba98" * 4,
            },
            "ADMIN_PASSWORD",
        ),
        ({"CORS_ORIGINS": "https://a.example/path"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "hmi.example"}, "CORS_ORIGINS"),
        ({"EMBED_ORIGINS": "https://a.example; script-src *"}, "EMBED_ORIGINS"),
        ({"SITE_ID": "plant/1"}, "SITE_ID"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL"),
        ({"REDIS_URL": "http://127.0.0.1:6379/0"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://127.0.0.1:port/0"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://127.0.0.1:6379/first"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://"}, "REDIS_URL"),
        ({"TRUSTED_PROXIES": "nginx"}, "TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/33"}, "TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": "10.1.2.3/8"}, "TRUSTED_PROXIES"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(tmp_path: Path, env: dict[str, str], named: str) -> None:
    with pytest.raises(SettingError) as error:
        settings(tmp_path, **env)
    assert str(error.value).startswith(named)
    assert "\n" not in str(error.value)


def test_an_address_that_is_not_loopback_is_protected(tmp_path: Path) -> None:
    assert settings(tmp_path, HOST="0.0.0.0").auth_mode == "protected"
    assert settings(tmp_path, HOST="0.0.0.0", AUTH_MODE="open", ALLOW_OPEN="1").auth_mode == "open"


def test_protected_mode_refuses_unknown_devices_unless_told_otherwise(tmp_path: Path) -> None:
    assert not settings(tmp_path, AUTH_MODE="protected").auto_register
    assert settings(tmp_path, AUTH_MODE="protected", AUTO_REGISTER="1").auto_register


def test_the_documents_own_names_are_honoured_and_ours_win(tmp_path: Path) -> None:
    assert settings(tmp_path, API_PORT="9001").port == 9001
    assert settings(tmp_path, API_PORT="9001", PORT="9002").port == 9002


def test_generated_secrets_are_kept_and_readable_by_the_owner_only(tmp_path: Path) -> None:
    first, second = settings(tmp_path), settings(tmp_path)
    assert first.jwt_secret_key == second.jwt_secret_key
    assert len(first.jwt_secret_key) == 64
    assert (tmp_path / ".jwt_secret_key").stat().st_mode & 0o077 == 0


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    config = settings(tmp_path, ADMIN_PASSWORD="hunter2hunter2")
    assert "hunter2hunter2" not in str(config.shown()) + repr(config)
    assert config.jwt_secret_key not in str(config.shown()) + repr(config)


def test_passwords_of_databases_are_never_shown(tmp_path: Path) -> None:
    config = settings(
        tmp_path,
        DATABASE_URL="postgresql+psycopg://postgres:s3cret@battery-db:5432/battery",
        RECORDS_URL="mysql://u:s3cret@h/d?password=s3cret",
    )
    assert "s3cret" not in repr(config) + str(config.shown())
    assert config.shown()["DATABASE_URL"] == "postgresql+psycopg://postgres:(hidden)@battery-db:5432/battery"
    assert config.records_url == "mysql://u:s3cret@h/d?password=s3cret"


def test_records_are_beside_the_readings_unless_said_otherwise(tmp_path: Path) -> None:
    assert settings(tmp_path).records_url == ""


def test_a_data_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(SettingError, match="DATA_DIR"):
        Config.from_env({"DATA_DIR": str(blocked / "data")})


def test_every_setting_has_a_name_of_its_own() -> None:
    names = [name for setting in SETTINGS for name in (setting.name, *setting.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("RATELIMIT", "RATE_LIMIT"),
        ("port", "PORT"),
        ("ADMIN_PASWORD", "ADMIN_PASSWORD"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("LOGLEVEL", "LOG_LEVEL"),
    ],
)
def test_a_misspelt_setting_is_named_with_the_one_meant(name: str, meant: str) -> None:
    assert doubts({name: "1"}) == [f"{name} is not a setting; did you mean {meant}?"]


def test_what_else_is_in_the_environment_is_nobodys_business() -> None:
    others = "HOME HOSTNAME HOSTTYPE PATH PORTS LANG SHLVL PWD TERM USER LOGNAME SSH_AUTH_SOCK PYTHONPATH VIRTUAL_ENV TZ XDG_DATA_DIRS"
    assert doubts(dict.fromkeys(others.split(), "x")) == []


def test_every_name_in_the_settings_file_must_be_a_setting() -> None:
    assert doubts({"SITE_TZ": "UTC", "FLUX": "1"}, ["FLUX", "SITE_TZ"]) == ["FLUX is not a setting: it stands in .env and nothing reads it"]


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"PORT": "9002", "API_PORT": "9001"}, "PORT and API_PORT"),
        ({"ALLOW_OPEN": "1", "AUTH_MODE": "protected"}, "ALLOW_OPEN"),
        ({"ALLOW_OPEN": "1", "APP_ENV": "production"}, "ALLOW_OPEN"),
        ({"CORS_ORIGINS": "*,https://hmi.example"}, "CORS_ORIGINS"),
        ({"ADMIN_PASSWORD": "admin"}, "ADMIN_PASSWORD"),
        ({"SECRET_KEY": "k" * 40, "JWT_SECRET_KEY": "k" * 40}, "SECRET_KEY and JWT_SECRET_KEY"),
        ({"RATE_LIMIT": "5000", "RATE_LIMIT_INGEST": "100"}, "RATE_LIMIT"),
        ({"MONGODB_URI": "mongodb://h:1/battery_db", "DATABASE_NAME": "plant"}, "DATABASE_NAME=plant"),
    ],
)
def test_settings_that_contradict_each_other_are_named_without_secrets(env: dict[str, str], named: str) -> None:
    (doubt,) = doubts(env)
    assert doubt.startswith(named) and "\n" not in doubt
    assert not any(env[name] in doubt for name in ("ADMIN_PASSWORD", "SECRET_KEY") if name in env and len(env[name]) > 5)


def test_settings_that_agree_raise_no_doubt() -> None:
    assert doubts({"PORT": "9001", "API_PORT": "9001", "AUTH_MODE": "protected", "RATE_LIMIT": "0", "RATE_LIMIT_INGEST": "0"}) == []
    assert doubts({setting.name: setting.default for setting in SETTINGS}) == []
    assert doubts({"MONGODB_URI": "mongodb://h:1/?w=1", "DATABASE_NAME": "plant"}) == []
    assert doubts({"MONGODB_URI": "mongodb://h:1/battery_db", "DATABASE_NAME": "battery_db"}) == []


@pytest.mark.parametrize("url", ["redis://127.0.0.1", "rediss://:s3cret@cache.example:6380/2", "unix:///run/redis.sock", ""])
def test_addresses_of_a_redis_are_taken_as_they_are_and_shown_without_password(tmp_path: Path, url: str) -> None:
    config = settings(tmp_path, REDIS_URL=url)
    assert config.redis_url == url
    assert "s3cret" not in repr(config) + str(config.shown())
    assert config.shown()["REDIS_URL"] == url.replace("s3cret", "(hidden)")


def test_the_password_of_a_bad_redis_address_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as error:
        settings(tmp_path, REDIS_URL="redis://:s3cret@cache.example:port")
    assert "s3cret" not in str(error.value)


def test_processes_that_start_at_once_share_one_generated_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            folder = tmp_path / str(number)
            folder.mkdir()
            found = set(pool.map(lambda _, folder=folder: settings(folder).secret_key, range(8)))
            assert len(found) == 1
            assert len(found.pop()) == 64
            assert sorted(path.name for path in folder.iterdir()) == [".jwt_secret_key", ".secret_key"]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"MONGODB_URI": "mongodb://h:1/battery_db"}, "mongodb://h:1/battery_db"),
        ({"MONGODB_URI": "mongodb://h:1/battery_db", "DATABASE_NAME": "other"}, "mongodb://h:1/battery_db"),
        ({"MONGODB_URI": "mongodb://u:p@h:1/?w=majority", "DATABASE_NAME": "battery_db"}, "mongodb://u:p@h:1/battery_db?w=majority"),
        ({"MONGODB_URI": "mongodb://h:1"}, "mongodb://h:1/battery_db"),  # "DATABASE_NAME - Database name (default: battery_db)"
        ({"DATABASE_URL": "mongodb://h:1"}, "mongodb://h:1"),
        ({"DATABASE_URL": "sqlite:///x.db", "DATABASE_NAME": "battery_db"}, "sqlite:///x.db"),
    ],
)
def test_a_battery_monitor_names_its_mongodb_in_its_own_words(given, url, tmp_path):
    assert Config.from_env({"DATA_DIR": str(tmp_path), **given}).database_url == url


def test_what_is_in_force_is_shown_under_the_names_of_the_settings(tmp_path):
    shown = Config.from_env({"DATA_DIR": str(tmp_path), "RETENTION_DAYS": "rack=90", "TRUSTED_PROXIES": "10.0.0.0/8"}).shown()
    assert set(shown) <= {setting.name for setting in SETTINGS}
    assert (shown["RETENTION_DAYS"], shown["TRUSTED_PROXIES"], shown["AUTO_REGISTER"]) == ("rack=90", "10.0.0.0/8", "1")
    assert Config.from_env({name: value for name, value in shown.items() if value and value != "(hidden)"}).retention == {"rack": 90}
