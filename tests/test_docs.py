"""What the documents promise is there: dependencies with reasons, licences of vendored assets, links that lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def packages() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [re.split(r"[=<>;\[ ]", line)[0] for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("package", packages())
def test_every_dependency_is_pinned_and_has_its_reason(package: str) -> None:
    pinned = re.search(rf"^{re.escape(package)}(\[\w+\])?==\S+", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned, f"{package} is not pinned"
    table = (ROOT / "docs" / "decisions.md").read_text().split("## Dependencies")[1]
    assert re.search(rf"\b{re.escape(package)}\b", table), f"docs/decisions.md gives no reason for {package}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not link.startswith(("http://", "https://")) and not (page.parent / link).exists()]
    assert not missing


def test_every_vendored_folder_has_a_licence() -> None:
    ours = ROOT / "api" / "assets"
    folders = [*(ROOT / "dashboard" / "assets" / "vendor").iterdir(), ours / "swagger-ui", ours / "redoc"]
    assert [folder.name for folder in folders if not (folder / "LICENSE").is_file()] == []


def test_the_documents_name_every_verb() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for verb in ("serve", "import", "config"):
        assert f"python app.py {verb}" in text
