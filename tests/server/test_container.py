"""What the container files say holds against the project. No container engine runs here: what they call is run without one."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import app as composition
from services.config import SETTINGS, Config
from tests.api.conftest import free_port, start_server, stop_server

ROOT = Path(composition.__file__).parent
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE = yaml.safe_load((ROOT / "deploy" / "docker-compose.yml").read_text())
NAMES = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}


def instructions(word: str) -> list[str]:
    """What follows each instruction of this name."""
    return [line.split(None, 1)[1] for line in DOCKERFILE.splitlines() if line.startswith(f"{word} ")]


def test_everything_copied_into_the_image_is_there():
    copied = [shlex.split(copy)[:-1] for copy in instructions("COPY") if not copy.startswith("--from")]
    assert [source for sources in copied for source in sources if not (ROOT / source).exists()] == []


def test_every_package_the_product_imports_is_copied():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert packages <= {copy.split()[0] for copy in instructions("COPY")}


def test_the_image_runs_as_a_user_without_rights():
    assert DOCKERFILE.index("\nUSER voltdeck") < DOCKERFILE.index("\nENTRYPOINT")
    assert instructions("USER") == ["voltdeck"]


def test_the_settings_of_the_image_make_sense(tmp_path):
    (line,) = instructions("ENV")
    given = dict(part.split("=", 1) for part in line.split())
    assert {name for name in given if not name.startswith("PYTHON")} <= NAMES
    config = Config.from_env(given | {"DATA_DIR": str(tmp_path)})
    assert (config.host, config.auth_mode) == ("0.0.0.0", "protected")


@pytest.mark.server
def test_the_health_check_tells_a_living_server_from_none(tmp_path):
    check = re.search(r"CMD (\[.*\])", instructions("HEALTHCHECK")[0])
    assert check
    command = [sys.executable, *yaml.safe_load(check[1])[1:]]
    running = start_server(tmp_path)
    try:
        assert subprocess.run(command, env={"PORT": str(running.port)}, capture_output=True, timeout=30).returncode == 0
    finally:
        stop_server(running)
    assert subprocess.run(command, env={"PORT": str(free_port())}, capture_output=True, timeout=30).returncode != 0


def test_compose_sets_settings_that_exist_and_publishes_on_this_machine_alone():
    assert set(COMPOSE["services"]["battery-api"]["environment"]) <= NAMES
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert "127.0.0.1:5434:5432" in ports  # the document's
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_compose_as_it_stands_starts_an_open_server(tmp_path):
    given = {
        name: re.sub(r"\$\{\w+:?-?([^}]*)\}", r"\1", re.sub(r"\$\{POSTGRES_PASSWORD:-(\w+)\}", r"\1", value))
        for name, value in COMPOSE["services"]["battery-api"]["environment"].items()
    }
    assert given["DATABASE_URL"] == "postgresql+psycopg://postgres:postgres@battery-db:5432/battery"
    assert Config.from_env(given | {"HOST": "0.0.0.0", "DATA_DIR": str(tmp_path)}).auth_mode == "open"


def test_every_part_that_is_asked_to_wait_for_another_can():
    for name, service in COMPOSE["services"].items():
        for other in service.get("depends_on", ()):
            assert other in COMPOSE["services"], name
    assert COMPOSE["services"]["battery-api"]["depends_on"]["battery-db"]["condition"] == "service_healthy"
    assert "healthcheck" in COMPOSE["services"]["battery-db"]
    profiles = {profile for service in COMPOSE["services"].values() for profile in service.get("profiles", ())}
    assert profiles == {"redis", "mosquitto", "mongodb", "nginx"}


def test_the_site_of_the_container_asks_the_service():
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    script = COMPOSE["services"]["nginx"]["command"][2]
    edit = script.split(">", 1)[0].replace("/site.conf", "-")
    made = subprocess.run(["sh", "-c", edit], input=site, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^\s*server (\S+);", made, re.MULTILINE) == ["battery-api:8000"]
    assert made.count("\n") == site.count("\n") - 1
