"""Settings: read once, checked, and every mistake is one clear line."""

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
    ],
)
def test_settings_that_contradict_each_other_are_named_without_secrets(env: dict[str, str], named: str) -> None:
    (doubt,) = doubts(env)
    assert doubt.startswith(named) and "\n" not in doubt
    assert not any(env[name] in doubt for name in ("ADMIN_PASSWORD", "SECRET_KEY") if name in env and len(env[name]) > 5)


def test_settings_that_agree_raise_no_doubt() -> None:
    assert doubts({"PORT": "9001", "API_PORT": "9001", "AUTH_MODE": "protected", "RATE_LIMIT": "0", "RATE_LIMIT_INGEST": "0"}) == []
    assert doubts({setting.name: setting.default for setting in SETTINGS}) == []
