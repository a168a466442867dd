"""The SolarHub document's environment table is honoured under its own names, and its passwords stay hidden."""

import re
from pathlib import Path

import pytest

from datastore.backends.solarhub.installation import SHIPPED_MAPPING
from services.config import BY_NAME, Config, SettingError, doubts

DOCUMENT = """
APP_ENV=development
DEBUG=true
SECRET_KEY=your-secret-key
DB_HOST=db.example
DB_PORT=3307
DB_USER=reader
DB_PASSWORD=main-s3cret
DB_NAME_ESS=ess
DB_NAME_SCHEDULE=schedule
DB_NAME_METER=Meter
DB_NAME_PCS=PCS
DB_NAME_INVERTER=Inverter
DB_NAME_BASELINE=BaseLine
DB_NAME_BESS1=BESS1
DB_NAME_BESS2=Other2
DB_NAME_BESS12=BESS12
DB_HOST_GTR=192.168.10.46
DB_USER_GTR=root
DB_PASSWORD_GTR=gtr-s3cret
REDIS_HOST=localhost
REDIS_PORT=6380
REDIS_PASSWORD=redis-s3cret
REDIS_HOST_GTR=192.168.10.46
REDIS_PORT_GTR=6379
REDIS_PASSWORD_GTR=redis-gtr-s3cret
BESS_NUMBER=2
PCS_NUMBER=2
RACK_NUMBER=12
INVERTER_NUMBER=2
BESS_TYPE=BESS
PCS_TYPE=PCS
JWT_SECRET_KEY=your-jwt-secret
JWT_ALGORITHM=HS256
ACCESS_TOKEN_EXPIRE_MINUTES=30
REFRESH_TOKEN_EXPIRE_DAYS=7
"""


def document() -> dict[str, str]:
    return dict(line.split("=", 1) for line in DOCUMENT.strip().splitlines())


def config(tmp_path: Path, **env: str) -> Config:
    return Config.from_env({"DATA_DIR": str(tmp_path), **env})


def test_the_documents_own_table_is_read_as_it_stands(tmp_path: Path) -> None:
    found = config(tmp_path, **document())
    hub = found.solarhub
    assert hub is not None
    main, gtr = hub.servers["main"], hub.servers["gtr"]
    assert (main.host, main.port, main.user, main.password) == ("db.example", 3307, "reader", "main-s3cret")
    assert (gtr.host, gtr.port, gtr.user, gtr.password) == ("192.168.10.46", 3307, "root", "gtr-s3cret")
    assert [(c.host, c.port, c.password) for c in hub.caches.values()] == [
        ("localhost", 6380, "redis-s3cret"),
        ("192.168.10.46", 6379, "redis-gtr-s3cret"),
    ]
    assert len(hub.databases) == 18 and hub.databases["DB_NAME_BESS2"] == "Other2" and hub.databases["DB_NAME_BESS7"] == "BESS7"
    assert hub.numbers == {"BESS_NUMBER": 2, "PCS_NUMBER": 2, "RACK_NUMBER": 12, "INVERTER_NUMBER": 2}
    assert (found.bess_number, found.rack_number, found.jwt_algorithm, found.log_level) == (2, 12, "HS256", "debug")
    assert (hub.zone, hub.site_id, hub.mapping) == ("Asia/Taipei", "site", SHIPPED_MAPPING)


def test_no_name_of_the_document_is_doubted() -> None:
    assert [line for line in doubts(document(), list(document())) if "is not a setting" in line] == []


def test_passwords_are_shown_nowhere(tmp_path: Path) -> None:
    found = config(tmp_path, **document())
    said = repr(found) + "\n".join(found.shown().values()) + str(found.solarhub)
    assert "s3cret" not in said
    assert "reader@db.example:3307" in found.shown()["DB_HOST"]
    assert all(BY_NAME[name].secret for name in document() if re.search("PASSWORD|SECRET", name))


def test_without_a_host_no_installation_is_read(tmp_path: Path) -> None:
    assert config(tmp_path).solarhub is None
    # what container engines put beside a service that is called redis
    assert config(tmp_path, REDIS_PORT="tcp://10.0.0.7:6379").solarhub is None
    assert "DB_HOST_GTR has no effect without DB_HOST, the main server of the SolarHub" in doubts({"DB_HOST_GTR": "192.168.10.46"})


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"DB_HOST": "a", "DB_PORT": "mysql"}, "DB_PORT"),
        ({"DB_HOST": "a", "DB_HOST_GTR": "b", "DB_PORT_GTR": "0"}, "DB_PORT_GTR"),
        ({"DB_HOST": "a", "REDIS_HOST": "b", "REDIS_PORT": "x"}, "REDIS_PORT"),
        ({"DB_HOST": "a", "SOLARHUB_MAPPING": "nowhere.toml"}, "SOLARHUB_MAPPING=nowhere.toml is no file"),
        ({"BESS_NUMBER": "13"}, "BESS_NUMBER"),
        ({"RACK_NUMBER": "many"}, "RACK_NUMBER"),
        ({"JWT_ALGORITHM": "none"}, "JWT_ALGORITHM"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(tmp_path: Path, env: dict[str, str], named: str) -> None:
    with pytest.raises(SettingError) as error:
        config(tmp_path, **env)
    assert str(error.value).startswith(named) and "\n" not in str(error.value)


def test_debug_asks_for_debug_lines_unless_a_level_is_set(tmp_path: Path) -> None:
    assert config(tmp_path, DEBUG="true").log_level == "debug"
    assert config(tmp_path, DEBUG="true", LOG_LEVEL="error").log_level == "error"
    assert config(tmp_path, DEBUG="express:*").log_level == "info"
