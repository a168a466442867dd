"""Every interface text exists in all three languages and says the same."""

import ast
import string
from pathlib import Path

import pytest

from dashboard.scope import LANGUAGES
from dashboard.words import SHELL, WORDS, _merge, word

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("key", WORDS)
def test_each_text_is_written_in_every_language(key: str) -> None:
    texts = WORDS[key]
    assert len(texts) == len(LANGUAGES) and all(text.strip() for text in texts)
    gaps = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in texts]
    assert gaps[0] == gaps[1] == gaps[2]


def test_chinese_sentences_use_chinese_punctuation() -> None:
    def is_han(character: str) -> bool:
        return "\u4e00" <= character <= "\u9fff"

    wrong = [key for key, (_, zh, _) in SHELL.items() for a, b in zip(zh, zh[1:], strict=False) if is_han(a) and b in ",:;" and zh]
    assert wrong == []


@pytest.mark.parametrize("path", [*(ROOT / "dashboard").glob("*.py"), *(ROOT / "callbacks").glob("*.py")], ids=lambda p: p.name)
def test_every_key_asked_for_is_written(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    asked = {n.args[0].value for n in calls if n.func.id == "word" and n.args and isinstance(n.args[0], ast.Constant)}  # type: ignore[attr-defined]
    assert asked <= WORDS.keys()


def test_a_text_is_filled_in() -> None:
    assert word("age.s", "es", n=3) == "hace 3 s"


def test_what_nobody_wrote_is_plain_text() -> None:
    assert word("bess01", "zh-TW") == "bess01"


def test_two_texts_for_one_key_stop_the_start() -> None:
    with pytest.raises(ValueError, match="'a' is written twice"):
        _merge({"a": ("x", "y", "z")}, {"a": ("other", "y", "z")})
