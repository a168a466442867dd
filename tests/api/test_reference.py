"""The written reference says what the declarations say, and its examples run as they stand."""

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.api.conftest import ROOT

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


def _example(language: str, port: int) -> str:
    text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1].replace("localhost:8000", f"127.0.0.1:{port}")


@pytest.mark.server
def test_the_python_example_stores_and_finds_its_readings(server):
    ran = subprocess.run([sys.executable, "-c", _example("python", server.port)], capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "[67.5, 67.4]"


@pytest.mark.server
def test_the_shell_example_stores_and_finds_its_readings(server):
    ran = subprocess.run(["bash", "-ec", _example("bash", server.port)], capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    assert '"values":[67.5,67.4]' in ran.stdout
