"""The command line: what cannot work says so in one line and ends with a code that is not zero; settings have their order."""

import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import app as composition
from services.config import SETTINGS
from tests.api.conftest import ROOT, start_server, stop_server


def run(*arguments: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder), "DATABASE_URL": "memory://"}
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py"), *arguments],
        env=kept | env,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode != 0
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    for word in words:
        assert word in line


def test_a_taken_port_is_one_clear_line(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        refused(run("serve", "--port", port, folder=tmp_path), "PORT", port)


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"PORT": "banana"}, ["PORT", "banana"]),
        ({"PORT": "70000"}, ["PORT", "70000"]),
        ({"SITE_TZ": "Mars/Olympus"}, ["SITE_TZ", "Mars/Olympus"]),
        ({"AUTH_MODE": "maybe"}, ["AUTH_MODE"]),
        ({"HOST": "0.0.0.0", "AUTH_MODE": "open"}, ["AUTH_MODE", "0.0.0.0"]),
        ({"APP_ENV": "production"}, ["SECRET_KEY", "32"]),
        ({"DATABASE_URL": "cassandra://x"}, ["DATABASE_URL", "cassandra"]),
        ({"DATABASE_URL": "nonsense"}, ["DATABASE_URL"]),
        ({"DATA_DIR": "/proc/nowhere"}, ["DATA_DIR", "/proc/nowhere"]),
    ],
    ids=str,
)
def test_a_wrong_setting_is_one_clear_line(tmp_path, env, words):
    refused(run("serve", "--port", "8119", folder=tmp_path, **env) if "PORT" not in env else run("serve", folder=tmp_path, **env), *words)


def test_flags_beat_the_environment_which_beats_the_file(tmp_path):
    (tmp_path / ".env").write_text("SITE_NAME=from file\nSITE_ID=file\nRATE_LIMIT=5\n")
    shown = run("config", "--site-id", "flag", folder=tmp_path, SITE_NAME="from environment", SITE_ID="environment").stdout
    assert "SITE_ID=flag" in shown
    assert "SITE_NAME=from environment" in shown
    assert "RATE_LIMIT=5" in shown


def test_config_hides_secrets(tmp_path):
    shown = run("config", folder=tmp_path, ADMIN_PASSWORD="very secret indeed", SECRET_KEY="s" * 40).stdout
    assert "ADMIN_PASSWORD=(hidden)" in shown
    assert "very secret" not in shown and "ssss" not in shown


def test_the_example_file_documents_every_setting():
    text = (ROOT / ".env.example").read_text()
    assert text == composition.env_example()
    for setting in SETTINGS:
        assert f"{setting.name}=" in text and setting.help in text


def test_importing_the_module_does_nothing(tmp_path):
    code = "import sys, app; assert 'flask' not in sys.modules and not app._made; print('quiet')"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert result.stdout == "quiet\n"
    assert list(tmp_path.iterdir()) == []


def test_a_log_line_is_one_json_object():
    import json

    record = logging.LogRecord("voltdeck.access", logging.INFO, "", 0, '{"path": "/health", "trace_id": "t"}', (), None)
    line = json.loads(composition.JsonLines().format(record))
    assert (line["level"], line["path"], line["trace_id"]) == ("info", "/health", "t")


@pytest.mark.server
def test_the_server_stops_when_told_and_says_nothing_wrong(tmp_path):
    running = start_server(tmp_path)
    assert running.knock("GET", "/health").json["status"] == "healthy"
    code, err = stop_server(running)
    assert (code, err) == (0, b"")


@pytest.mark.server
def test_the_log_line_of_a_request_carries_its_trace_id(tmp_path):
    running = start_server(tmp_path, LOG_LEVEL="info")
    running.knock("GET", "/api/health", X_Trace_Id="trace_in_the_log")
    running.knock("POST", "/api/telemetry", "[]", X_Trace_Id="trace_of_ingest")
    _, err = stop_server(running)
    assert b"trace_in_the_log" in err and b"trace_of_ingest" in err


def test_files_are_imported_into_the_store_and_a_second_time_changes_nothing(tmp_path):
    url = f"sqlite:///{tmp_path / 'kept.db'}"
    file = ROOT / "tests" / "data" / "powerwall_home_daily.csv"
    first = run("import", str(file), folder=tmp_path, DATABASE_URL=url)
    assert first.returncode in (0, 1), first.stderr
    again = run("import", str(file), folder=tmp_path, DATABASE_URL=url)
    assert " 0 new, 0 completed, 0 corrected" in again.stdout


def test_users_are_managed_from_the_command_line(tmp_path):
    url = f"sqlite:///{tmp_path / 'kept.db'}"
    assert run("user", "--help", folder=tmp_path, DATABASE_URL=url).returncode == 0
    assert run("user", "list", folder=tmp_path, DATABASE_URL=url).returncode == 0
