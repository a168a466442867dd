"""The Markdown report says what happened in a run."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

from tests.pytest_md_report import CATEGORIES, fresh_path

ROOT = Path(__file__).parent.parent
SUITE = """
import pytest
def test_good(): pass
def test_bad(): assert 1 == 2, "one is not two"
@pytest.mark.skip(reason="not today")
def test_idle(): pass
@pytest.fixture
def broken(): raise RuntimeError("no database")
def test_never(broken): pass
"""


def run(folder: Path, *options: str) -> str:
    """The report on a suite of one good, one bad, one skipped and one broken test among S1's categories."""
    suite = folder / "solarhub"
    suite.mkdir()
    (suite / "test_bess.py").write_text(SUITE)
    report = folder / "out" / "report.md"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.pytest_md_report",
        "-p",
        "no:cacheprovider",
        "-q",
        *options,
        "--md-report",
        str(report),
    ]
    done = subprocess.run([*command, "--rootdir", str(folder), "-c", "/dev/null", str(suite)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    return report.read_text()


def test_every_outcome_is_counted_in_its_category(tmp_path):
    text = run(tmp_path)
    assert "**4 tests**: 1 passed, 1 failed, 1 error, 1 skipped" in text
    assert "| test_bess.py | BESS unit and rack alerts | 1 | 1 | 1 | 1 |" in text
    assert "| test_pcs.py | PCS unit and alerts | 0 | 0 | 0 | 0 |" in text


def test_failures_and_skips_are_named_with_their_reason(tmp_path):
    failures, _, skipped = run(tmp_path).partition("## Failures")[2].partition("## Skipped")
    assert "test_bad`: AssertionError: one is not two" in failures
    assert "test_never`: RuntimeError: no database" in failures
    assert "test_idle`: not today" in skipped


def test_several_runners_make_one_report(tmp_path):
    assert "**4 tests**: 1 passed, 1 failed, 1 error, 1 skipped" in run(tmp_path, "-n", "2")


def test_the_report_before_goes_to_the_archive(tmp_path):
    first = fresh_path(tmp_path, datetime(2026, 1, 24, 12, 5, 9))
    first.write_text("old")
    second = fresh_path(tmp_path, datetime(2026, 1, 24, 12, 6, 0))
    assert second.name == "test_report_2026-01-24_12-06-00.md"
    assert (tmp_path / "archive" / "test_report_2026-01-24_12-05-09.md").read_text() == "old"
    assert not first.exists()


def test_the_ten_categories_have_their_files():
    assert len(CATEGORIES) == 10
    assert [name for name in CATEGORIES if not (ROOT / "tests" / "api" / "solarhub" / name).is_file()] == []
