"""What no callback touches, told to the browser in one piece.

Dash makes every element a component of its own that looks the whole layout over whenever anything changes: with some thousand of them
(tables, menus, tiles) a page spends its seconds there. Elements without an id are therefore sent as nested lists
`[tag, attributes, *children]` in one component, which `assets/markup.js` writes as it stands; nothing changes in the document."""

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

from dash.development.base_component import Component

HTML = "dash_html_components"
APART = {"MapEl": "map", "ObjectEl": "object"}
"""Elements whose component has another name than its tag."""
TITLE = "title-"
"""An id that begins so names a card by its title and is no callback's."""
Element = list[Any]


def plain(content: Any) -> Any:
    """`content` (a component, text, or a list of them) with everything inert in as few pieces as may be; what has an id that a callback may
    know, or lives by a script of its own, stays a component. Nothing is changed in place.

    The answer holds dicts and lists alone: with one component in it Dash would look through all of it a second time before writing."""
    return _spoken(_joined(content))


def _spoken(part: Any) -> Any:
    if isinstance(part, Component):
        told = part.to_plotly_json()
        told["props"] = {name: _spoken(value) for name, value in told["props"].items()}
        return told
    return [_spoken(one) for one in part] if isinstance(part, (list, tuple)) and _holds(part) else part


def _holds(parts: Sequence[Any]) -> bool:
    return any(isinstance(one, (Component, list, tuple)) for one in parts)


def _joined(content: Any) -> Any:
    if isinstance(content, (list, tuple)):
        return list(_runs([one for one in content if one is not None]))
    if not isinstance(content, Component):
        return content
    element = _element(content)
    if element is not None:
        return _piece([element])
    if content._namespace != HTML or not isinstance(getattr(content, "children", None), (list, tuple, Component)):
        return content
    opened = copy.copy(content)
    opened.children = _joined(content.children)
    return opened


def plainly(answer: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    """A callback with several outputs, each of them `plain`."""

    @wraps(answer)
    def told(*asked: Any) -> tuple[Any, ...]:
        return tuple(plain(output) for output in answer(*asked))

    return told


def _runs(parts: Sequence[Any]) -> Iterator[Any]:
    """Neighbours that are inert become one piece."""
    run: list[Any] = []
    for part in parts:
        inert = _inert(part)
        if inert is not None:
            run.append(inert)
            continue
        if run:
            yield _piece(run)
            run = []
        yield _joined(part)
    if run:
        yield _piece(run)


def _piece(tree: list[Any]) -> Any:
    """A text alone stays one."""
    if len(tree) == 1 and not isinstance(tree[0], list):
        return tree[0]
    return {"namespace": "voltdeck", "type": "Markup", "props": {"tree": tree}}


def _inert(part: Any) -> Any:
    """Text, number or element as it is sent; None when it is none of these."""
    return _element(part) if isinstance(part, Component) else part if isinstance(part, (str, int, float)) else None


def _element(component: Component) -> Element | None:
    """None when something in it needs to be a component."""
    if component._namespace != HTML or not str(getattr(component, "id", TITLE)).startswith(TITLE):
        return None
    attributes = {name: value for name, value in component.to_plotly_json()["props"].items() if name != "children" and value is not None}
    if attributes.keys() & {"n_clicks", "disable_n_clicks"}:
        return None
    below = getattr(component, "children", None)
    children = []
    for part in below if isinstance(below, (list, tuple)) else () if below is None else (below,):
        if part is None:
            continue
        inert = _inert(part)
        if inert is None:
            return None
        children.append(inert)
    return [APART.get(component._type, component._type.lower()), attributes, *children]
