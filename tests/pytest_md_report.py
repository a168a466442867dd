"""A Markdown report of a test run, as S1 describes: `--md-report-auto` names it by the time and archives the one before,
`--md-report FILE` writes to a file of your own. `make test REPORT=1` asks for it.
"""

import platform
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

REPORTS = Path(__file__).parent / "reports"
CATEGORIES = {
    "test_health.py": "Health check endpoints",
    "test_auth.py": "Authentication endpoints",
    "test_bess.py": "BESS unit and rack alerts",
    "test_pcs.py": "PCS unit and alerts",
    "test_meters.py": "Meter info and aux data",
    "test_inverter.py": "Inverter data",
    "test_schedule.py": "Schedule and income",
    "test_analysis.py": "Power analysis",
    "test_config.py": "Sidebar and header config",
    "test_system.py": "System overview and topology",
}
"""S1's test files and what they cover; they stand in tests/api/solarhub."""
OUTCOMES = ("passed", "failed", "error", "skipped")
SLOWEST = 10


@dataclass
class MdReport:
    """Collects outcomes (with xdist those of all runners) and writes them at the end."""

    path: Path
    started: float = field(default_factory=time.time)
    outcomes: dict[str, str] = field(default_factory=dict)
    seconds: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.when == "call" or report.outcome != "passed":
            worse = report.outcome if report.when == "call" or report.outcome == "skipped" else "error"
            if self.outcomes.get(report.nodeid) not in ("failed", "error"):
                self.outcomes[report.nodeid] = worse
        if report.outcome != "passed":
            self.reasons[report.nodeid] = _reason(report)

    def pytest_sessionfinish(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text(time.time()), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"report: {self.path}")

    def text(self, now: float) -> str:
        """The whole report; `now` is when the run ended [epoch s]."""
        total = Counter(self.outcomes.values())
        lines = [
            "# Test report",
            "",
            f"- Begun {datetime.fromtimestamp(self.started).isoformat(' ', 'seconds')}, took {now - self.started:.0f} s",
        ]
        lines += [f"- Python {platform.python_version()}, {platform.system()} {platform.machine()}"]
        lines += [f"- **{len(self.outcomes)} tests**: " + ", ".join(f"{total[name]} {name}" for name in OUTCOMES), ""]
        categories, areas = self._grouped()
        lines += ["## Test categories", "", *_table("Test file", "Endpoints covered", categories), ""]
        lines += ["## By area", "", *_table("Folder", "", areas), ""]
        for title, names in (("Failures", ("failed", "error")), ("Skipped", ("skipped",))):
            found = [(test, self.reasons.get(test, "")) for test, outcome in sorted(self.outcomes.items()) if outcome in names]
            lines += [f"## {title}", "", *([f"- `{test}`: {reason}" for test, reason in found] or ["None."]), ""]
        lines += ["## Slowest", "", *[f"- {seconds:.1f} s `{test}`" for test, seconds in self.seconds.most_common(SLOWEST)], ""]
        return "\n".join(lines)

    def _grouped(self) -> tuple[dict[tuple[str, str], Counter[str]], dict[tuple[str, str], Counter[str]]]:
        categories: dict[tuple[str, str], Counter[str]] = {(name, covers): Counter() for name, covers in CATEGORIES.items()}
        areas: dict[tuple[str, str], Counter[str]] = {}
        for test, outcome in self.outcomes.items():
            file = Path(test.partition("::")[0])
            key = (file.name, CATEGORIES.get(file.name, ""))
            if file.parent.name == "solarhub" and key in categories:
                categories[key][outcome] += 1
            areas.setdefault((file.parent.as_posix(), ""), Counter())[outcome] += 1
        return categories, dict(sorted(areas.items()))


def _table(first: str, second: str, rows: dict[tuple[str, str], Counter[str]]) -> list[str]:
    head = [first, *([second] if second else []), *OUTCOMES]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for names, counts in rows.items():
        cells = [*(names if second else names[:1]), *(str(counts[outcome]) for outcome in OUTCOMES)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _reason(report: pytest.TestReport) -> str:
    """One line: why it was skipped, or the last line of what went wrong."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return next(iter(text.strip().splitlines()), "")[:200].replace("|", "\\|")


def fresh_path(folder: Path, now: datetime) -> Path:
    """Where a report of this moment goes; those before it move to the archive beside it."""
    for old in folder.glob("test_report_*.md"):
        (folder / "archive").mkdir(exist_ok=True)
        old.rename(folder / "archive" / old.name)
    return folder / f"test_report_{now:%Y-%m-%d_%H-%M-%S}.md"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("md-report")
    group.addoption("--md-report", metavar="FILE", help="write a Markdown report of the run to FILE")
    group.addoption("--md-report-auto", action="store_true", help="write it to tests/reports, named by the time; older ones are archived")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # a runner of xdist; the one that leads them reports
        return
    given = config.getoption("--md-report")
    if given or config.getoption("--md-report-auto"):
        path = Path(given) if given else fresh_path(REPORTS, datetime.now())
        config.pluginmanager.register(MdReport(path), "md-report")
