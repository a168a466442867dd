"""Rotation of a wall screen over pages: what the address asks for, and the two places that pages take turns in.

`?kiosk=1&rotate=30&pages=/,/bess,/pcs`: seconds on each page, and the pages in their order. While one place is shown the next page is laid
out in the other, unseen; `assets/wall.js` swaps them when the panels of the next one stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
from dash import dcc, html

from dashboard.words import word

FASTEST, SLOWEST, USUAL = 5, 3_600, 30
"""Seconds on one page."""
MOST = 20
FROZEN_AFTER, FROZEN_LEAST, FROZEN_MOST = 60, 10, 86_400
"""Age of the newest data [s] from which a screen says that its picture is frozen: usually, at least, at most."""
PLACES = ("a", "b")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address says beside the scope: seconds on each page (None = no rotation), pages, when the picture counts as frozen [s],
    and the names of parameters that make no sense."""

    is_kiosk: bool = False
    seconds: int | None = None
    pages: tuple[str, ...] = ()
    frozen: int = FROZEN_AFTER
    bad: tuple[str, ...] = ()


def asked(query: str, known: Sequence[str]) -> Asked:
    """Read the query of a screen; `known` are the paths it may show, and all its pages where it names none. Nonsense is left out and named.
    A page may come more than once, but not after itself."""
    given = dict(parse_qsl(query.lstrip("?"), keep_blank_values=False)) if len(query) <= 8_000 and query.count("&") < 200 else {}
    if given.get("kiosk") != "1":
        return Asked()
    bad: list[str] = []
    frozen = _seconds(given, "frozen", FROZEN_LEAST, FROZEN_MOST, bad) or FROZEN_AFTER
    if "rotate" not in given and "pages" not in given:
        return Asked(True, frozen=frozen, bad=tuple(bad))
    seconds = _seconds(given, "rotate", FASTEST, SLOWEST, bad)
    named = [path.strip().rstrip("/") or "/" for path in given.get("pages", "").split(",") if path.strip()]
    pages = [path for path in named[:MOST] if path in known] if named else list(known)[:MOST]
    if len(named) > MOST or any(path not in known for path in named):
        bad.append("pages")
    pages = [path for path, before in zip(pages, [None, *pages], strict=False) if path != before]
    while len(pages) > 1 and pages[0] == pages[-1]:
        pages.pop()
    if not named and seconds is None:
        return Asked(True, frozen=frozen, bad=tuple(bad))
    return Asked(True, (seconds or USUAL) if len(pages) > 1 else None, tuple(pages), frozen, tuple(bad))


def first(found: Asked, path: str) -> str:
    """The page that is shown at once: the one at `path` unless other pages are named."""
    return path if path in found.pages or not found.pages else found.pages[0]


def told(found: Asked, path: str, titles: Mapping[str, str], lang: str) -> str:
    """The plan as `assets/wall.js` reads it; "" without rotation."""
    if found.seconds is None:
        return ""
    pages = [[one, word(titles[one], lang)] for one in found.pages]
    return orjson.dumps({"seconds": found.seconds, "start": found.pages.index(first(found, path)), "pages": pages}).decode()


def places(cards: Sequence[Any]) -> list[Any]:
    """Both places, `cards` standing in the one that is shown at once."""
    held = {PLACES[0]: list(cards)}
    divs = [
        html.Div(held.get(name, []), id={"type": "turn", "id": name}, className="vd-grid vd-turn", **{"data-turn": name}) for name in PLACES
    ]
    return [*divs, *(dcc.Store(id={"type": "turn-ask", "id": name}) for name in PLACES)]


def _seconds(given: Mapping[str, str], name: str, least: int, most: int, bad: list[str]) -> int | None:
    text = given.get(name, "")
    if not text:
        return None
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if least <= value <= most:
        return value
    bad.append(name)
    return None
