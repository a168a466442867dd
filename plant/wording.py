"""Words of a device in words of people: what the bits that are set mean, in the languages of the SolarHub document's clients.

What a maker says his bits mean stands in the device's `info["words"]`: metric → texts, lowest bit first; for `bams_status`, of which
each word is one function of the rack, word number (64…80) → text. A text is a string, or one string per language (en, zh, es).
"""

from collections.abc import Mapping, Sequence
from typing import Any

LANGUAGES = ("zh", "en", "es")

_NORMAL: Mapping[str, str] = {"zh": "正常", "en": "Normal", "es": "Normal"}
_BIT: Mapping[str, str] = {"zh": "位元", "en": "bit", "es": "bit"}
_NONE: Mapping[str, str] = {"zh": "無位元置位", "en": "no bit set", "es": "ningún bit activo"}
_AND: Mapping[str, str] = {"zh": "、", "en": ", ", "es": ", "}


def meanings(info: Mapping[str, Any], metric: str, lang: str = "en") -> tuple[str, ...]:
    """What the bits of this word mean, lowest first; empty when nobody said so."""
    said = _said(info, metric)
    return tuple(text_in(text, lang) for text in said) if isinstance(said, (list, tuple)) else ()


def function(info: Mapping[str, Any], metric: str, place: int, lang: str = "en") -> str:
    """What the word number `place` of a row of status words is about; empty when nobody said so."""
    said = _said(info, metric)
    return text_in(said.get(str(place), ""), lang) if isinstance(said, Mapping) else ""


def word_text(word: int, lang: str, means: Sequence[str] = (), about: str = "") -> str:
    """A word as a person reads it: normal when no bit is set, else the meanings of those that are (or what the word is `about`) and the
    word itself.

    >>> word_text(0, "zh"), word_text(6, "zh", ("單體壓差過大", "溫度偏高")), word_text(2, "en"), word_text(1, "en", about="Charge")
    ('正常', '溫度偏高、位元 2 (0x0006)', 'bit 1 (0x0002)', 'Charge (0x0001)')
    """
    if not word:
        return _NORMAL[lang]
    word &= 0xFFFF if word < 0 else word  # a signed word is the same bits
    bits = [bit for bit in range(word.bit_length()) if word >> bit & 1]
    said = about or _AND[lang].join(means[bit] if bit < len(means) and means[bit] else f"{_BIT[lang]} {bit}" for bit in bits)
    return f"{said} (0x{word:04X})"


def none_set(lang: str) -> str:
    """What a word of states says when no bit is set: that is not yet "normal"."""
    return _NONE[lang]


def _said(info: Mapping[str, Any], metric: str) -> Any:
    words = info.get("words")
    return words.get(metric) if isinstance(words, Mapping) else None


def text_in(text: Any, lang: str) -> str:
    """A text that may stand in several languages, in this one; English, else any, where it does not."""
    if isinstance(text, Mapping):
        text = text.get(lang) or text.get("en") or next(iter(text.values()), "")
    return str(text)
