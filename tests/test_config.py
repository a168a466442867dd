"""Settings: read once, checked, and every mistake is one clear line."""

from pathlib import Path

import pytest

from services.config import SETTINGS, Config, SettingError


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
