"""What stands in deploy/: names real settings, and the programs it is for accept it. That the nginx site works is shown by
`test_two_processes.py`, which runs it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import app as composition
from services.config import SETTINGS, Config

ROOT = Path(composition.__file__).parent
UNIT = (ROOT / "deploy" / "voltdeck@.service").read_text()


def test_the_unit_starts_a_server_that_trusts_nginx_with_settings_that_exist(tmp_path):
    (line,) = [line for line in UNIT.splitlines() if line.startswith("Environment=")]
    given = dict(part.split("=", 1) for part in line.removeprefix("Environment=").split())
    assert given.keys() <= {setting.name for setting in SETTINGS}
    named = re.search(r"at least\n#\s+(.*)\n", UNIT)
    assert named
    assert set(named[1].split(", ")) <= {setting.name for setting in SETTINGS}
    keys = {"SECRET_KEY": "0123456789abcdef" * 2, "JWT_SECRET_KEY": "9" + "fedcba98" * 4, "ADMIN_PASSWORD": "correct horse"}
    config = Config.from_env(given | {"PORT": "8001", "DATA_DIR": str(tmp_path)} | keys)
    assert (config.auth_mode, config.host, config.trusted_proxies) == ("protected", "127.0.0.1", ("127.0.0.1",))


def test_the_ports_of_the_unit_are_those_that_nginx_asks():
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    started = re.search(r"systemctl enable --now (.*)", UNIT)
    assert started
    assert re.findall(r"voltdeck@(\d+)", started[1]) == re.findall(r"^\s*server 127\.0\.0\.1:(\d+)", site, re.MULTILINE)


def test_systemd_accepts_the_unit(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing")
    unit = tmp_path / "voltdeck@8001.service"
    unit.write_text(UNIT.replace("/opt/voltdeck/.venv/bin/python", sys.executable))
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr
    assert "voltdeck@8001.service" not in checked.stderr, checked.stderr
