"""What may come through Dash's own endpoint. Dash trusts its renderer: an unknown output or a value in another shape raises inside it.
Here every request is held against the callbacks that exist first, so that whatever a client sends is answered 4xx."""

from collections.abc import Mapping
from typing import Any, NoReturn

import flask
import orjson
from dash import Dash

from dashboard.scope import Scope, read

ENDPOINT = "/_dash-update-component"
LARGEST = 256 * 1024
"""Bytes of a request: a long link and a page's controls are a few KB."""
DEEPEST = 24
"""Levels of lists and objects; Dash nests no deeper than eight."""
WILDCARDS = (["MATCH"], ["ALL"], ["ALLSMALLER"])


def install(server: flask.Flask, app: Dash) -> None:
    """Put the checks before Dash's view."""
    view = server.view_functions[ENDPOINT]

    def dispatch(**path: str) -> Any:
        check(_body(), app.callback_map)
        return view(**path)

    server.view_functions[ENDPOINT] = dispatch


def _body() -> Any:
    if (flask.request.content_length or 0) > LARGEST:
        flask.abort(413)
    if not flask.request.is_json:
        flask.abort(415, "Send `Content-Type: application/json`.")
    raw = flask.request.get_data()
    if len(raw) > LARGEST:
        flask.abort(413)
    try:
        return orjson.loads(raw)  # stricter than Dash's reading: no NaN, no lone surrogates, no bytes that are no UTF-8
    except orjson.JSONDecodeError as problem:
        flask.abort(400, f"The body is not valid JSON: {problem}")


def check(body: Any, callbacks: Mapping[str, Mapping[str, Any]]) -> None:
    """Aborts with 422 unless `body` asks for a callback of the server with the inputs, states and outputs that this one has."""
    if not isinstance(body, dict):
        _refuse("the body is not an object")
    if _depth(body) > DEEPEST:
        _refuse("the body is nested too deep")
    output = body.get("output")
    found = callbacks.get(output) if isinstance(output, str) else None
    if found is None or "callback" not in found:
        _refuse("there is no such output")
    for part, known in (("inputs", "inputs"), ("state", "state")):
        _check_values(part, body.get(part, []), found[known])
    changed = body.get("changedPropIds", [])
    if not isinstance(changed, list) or not all(isinstance(one, str) for one in changed):
        _refuse("'changedPropIds' is not a list of texts")
    _check_outputs(body.get("outputs"), str(output))


def _check_values(part: str, given: Any, known: list[Mapping[str, str]]) -> None:
    if not isinstance(given, list) or len(given) != len(known):
        _refuse(f"'{part}' is not a list of {len(known)}")
    for one, wanted in zip(given, known, strict=True):
        if not _is(one, wanted["id"], wanted["property"]):
            _refuse(f"'{part}' does not hold {wanted['id']}.{wanted['property']}")


def _check_outputs(given: Any, output: str) -> None:
    """`..a.x...b.y..` are several outputs, anything else is one."""
    several = output.startswith("..")
    names = output[2:-2].split("...") if several else [output]
    shown = given if several else [given]
    if not isinstance(shown, list) or len(shown) != len(names):
        _refuse(f"'outputs' is not {'a list of ' if several else ''}{len(names)}")
    for one, name in zip(shown, names, strict=True):
        known, _, prop = name.rpartition(".")
        if not _is(one, known, prop):
            _refuse(f"'outputs' does not hold {name}")


def _is(given: Any, known: str, prop: str) -> bool:
    """Whether `given` names the property of a component, or, where the id is a pattern, of one that fits it (of any number for ALL)."""
    pattern = orjson.loads(known) if known.startswith("{") else known
    if isinstance(pattern, dict) and ["ALL"] in pattern.values():
        return isinstance(given, list) and all(_names(one, pattern, prop) for one in given)
    return _names(given, pattern, prop)


def _names(given: Any, pattern: Any, prop: str) -> bool:
    if not isinstance(given, dict) or given.get("property") != prop:
        return False
    id = given.get("id")
    if not isinstance(pattern, dict):
        return bool(id == pattern)
    return isinstance(id, dict) and id.keys() == pattern.keys() and all(_fits(id[key], wanted) for key, wanted in pattern.items())


def _fits(value: Any, wanted: Any) -> bool:
    return isinstance(value, str) if wanted in WILDCARDS else bool(value == wanted)


def _depth(value: Any) -> int:
    """Levels of lists and objects in a value; orjson has bounded them already."""
    level, depth = [value], 0
    while level:
        depth += 1
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list)))
        level = [child for children in inner for child in children]
    return depth


def text(value: Any, name: str) -> str:
    """A value that has to be text (None counts as empty). Aborts with 422 for anything else."""
    if value is not None and not isinstance(value, str):
        _refuse(f"'{name}' is not text")
    return value or ""


def fields(value: Any, name: str) -> Mapping[str, Any] | None:
    """A value that has to be an object or None. Aborts with 422 for anything else."""
    if value is not None and not isinstance(value, dict):
        _refuse(f"'{name}' is not an object")
    return value


def seen(view: Mapping[str, Any], zone: str) -> Scope:
    """What the page's `scope` store (`view`) says is looked at, in the site's zone. Aborts with 422 when its query is not text."""
    return read(text(view.get("query"), "query"), zone)[0]


def _refuse(reason: str) -> NoReturn:
    flask.abort(422, f"This is no request of the dashboard: {reason}.")
