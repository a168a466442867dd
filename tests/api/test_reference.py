"""The written reference says what the declarations say, and its examples run as they stand."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import playwright
import pytest

from tests.api.conftest import ROOT, start_server, stop_server

NODE = Path(playwright.__file__).parent / "driver" / "node"
_spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
assert _spec and _spec.loader
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_reference_page_is_what_its_generator_writes(name):
    assert (ROOT / name).read_text(encoding="utf-8") == reference.PAGES[name](), "run python scripts/reference.py"


def test_every_call_and_every_metric_is_in_the_reference(product):
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert [op.name for op in product.context.operations if f"| `{op.name}` |" not in page] == []


RUNS = {"bash": ["bash", "-ec"], "python": [sys.executable, "-c"], "javascript": [str(NODE), "--input-type=module", "-e"]}


def login(server) -> str:
    """A token of the admin, whom the commands and awards of the examples need."""
    body = '{"username": "admin", "password": "correct horse battery"}'
    return json.loads(server.knock("POST", "/api/v1/auth/login/json", body, Content_Type="application/json").body)["access_token"]


@pytest.mark.server
@pytest.mark.parametrize("language", RUNS)
def test_every_example_runs_as_it_stands_and_sends_what_it_finds(tmp_path, language):
    page = (ROOT / "docs/clients.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"^## (.*?)$.*?```{language}\n(.*?)```", page, re.DOTALL | re.MULTILINE)
    assert [title for title, _ in blocks] == [family.title for family in reference.examples.FAMILIES]
    server = start_server(tmp_path)
    try:
        token = login(server)
        for title, block in blocks:
            code = block.replace("localhost:8000", f"127.0.0.1:{server.port}").replace("…", token)
            env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "client")}
            ran = subprocess.run([*RUNS[language], code], capture_output=True, text=True, timeout=60, env=env)
            assert ran.returncode == 0, (title, ran.stderr)
            assert '"error"' not in ran.stdout, (title, ran.stdout)
        noon = "from=2026-01-24T12:00:00Z&to=2026-01-24T13:00:00Z&resolution=raw"
        series = json.loads(server.knock("GET", f"/api/v1/series?device=pack01&metric=soc&{noon}").body)
        assert series["series"][0]["values"] == [67.5, 67.4]
        assert json.loads(server.knock("GET", "/api/vehicles/VIN-DEMO-001/latest").body)["power_kw"] == 22.05
    finally:
        stop_server(server)
