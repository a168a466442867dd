"""Who may import whom: the arrows of the house, walked through every module, function bodies too."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "plant": {"plant"},
    "datastore": {"datastore", "plant"},
    "services": {"services", "datastore", "plant"},
    "api": {"api", "services", "datastore", "plant"},
    "dashboard": {"dashboard", "services", "datastore", "plant"},
    "pages": {"pages", "dashboard", "services", "datastore", "plant"},
    "callbacks": {"callbacks", "pages", "dashboard", "services", "datastore", "plant"},
}
# the inner rooms: pure functions that must not see where their numbers come from
PURE = {"plant/analysis": {"datastore", "services"}, "dashboard/figures": {"datastore", "services"}}
HEAVY = {"scipy", "pvlib", "sklearn", "statsmodels", "ruptures", "fpdf", "kaleido"}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str, bool]]:
    """(line, dotted name, whether at module level) of every import statement and every importlib.import_module("…") call."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield node.lineno, node.module or "", id(node) in top
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in ("import_module", "__import__"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value, False


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_what_lies_below_it(layer: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(layer)
        for line, name, _ in imports(path)
        if (head := name.split(".")[0]) in {*MAY_IMPORT, "app", "tests", "bench"} and head not in MAY_IMPORT[layer]
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_never_see_a_store(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(room)
        for line, name, _ in imports(path)
        if name.split(".")[0] in PURE[room]
    ]
    assert not wrong, "\n".join(wrong)


def test_heavy_libraries_are_imported_only_inside_functions_that_the_job_processes_run() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name} where a web process would load it"
        for layer in MAY_IMPORT
        for path in modules(layer)
        for line, name, top in imports(path)
        if (top or layer not in ("plant", "services")) and name.split(".")[0] in HEAVY
    ]
    assert not wrong, "\n".join(wrong)


def test_pyarrow_comes_without_pandas() -> None:
    """Through `datastore.arrow`: the first array made otherwise loads pandas into the serving process."""
    found = [path for layer in MAY_IMPORT for path in modules(layer) if re.search(r"^ *import pyarrow", path.read_text(), re.M)]
    assert [str(path.relative_to(ROOT)) for path in found] == ["datastore/arrow.py"]


def test_only_the_composition_root_reads_the_environment() -> None:
    wrong = []
    for layer in MAY_IMPORT:
        for path in modules(layer):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} reads the environment")
    assert not wrong, "\n".join(wrong)


def test_detectors_never_see_the_simulators_faults() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules("plant/analysis")
        for line, name, _ in imports(path)
        if name.startswith("plant.simulation")
    ]
    assert not wrong, "\n".join(wrong)
