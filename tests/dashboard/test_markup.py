"""Inert elements travel in one piece, and what is alive stays a component."""

from typing import Any

import dash_bootstrap_components as dbc
import orjson
from dash import dcc, html, no_update

from dashboard.markup import plain, plainly


def tree(content: Any) -> Any:
    """What the only piece of `content` holds."""
    if isinstance(content, list):
        (content,) = content
    assert (content["namespace"], content["type"]) == ("voltdeck", "Markup")
    return content["props"]["tree"]


def test_elements_without_an_id_become_one_nested_list() -> None:
    table = html.Table(html.Tbody([html.Tr([html.Td("SOC"), html.Td(81.5, className="n")])]), **{"data-live": "a"})
    row = ["tr", {}, ["td", {}, "SOC"], ["td", {"className": "n"}, 81.5]]
    assert tree(plain(table)) == [["table", {"data-live": "a"}, ["tbody", {}, row]]]


def test_what_has_an_id_or_a_script_of_its_own_stays_a_component_between_pieces() -> None:
    button = html.Button("x", id={"type": "do", "id": "1"}, n_clicks=0)
    shown = plain(html.Div([html.P("a"), "b", button, html.Span(dcc.Store(id="s")), html.P("c")], className="vd"))
    assert (shown["type"], shown["namespace"], shown["props"]["className"]) == ("Div", "dash_html_components", "vd")
    first, kept, span, last = shown["props"]["children"]
    assert tree(first) == [["p", {}, "a"], "b"] and tree(last) == [["p", {}, "c"]]
    assert kept["props"] == {"children": "x", "id": {"type": "do", "id": "1"}, "n_clicks": 0}
    assert span["type"] == "Span" and span["props"]["children"]["type"] == "Store"


def test_a_title_that_names_a_card_is_inert_for_all_its_id() -> None:
    assert tree(plain(html.H2("SOC", id="title-soc"))) == [["h2", {"id": "title-soc"}, "SOC"]]


def test_a_foreign_component_keeps_its_children() -> None:
    (choice,) = plain([dbc.Label([html.Span("x")])])
    assert (choice["type"], choice["props"]["children"][0]["type"]) == ("Label", "Span")


def test_no_component_is_left_for_dash_to_look_for() -> None:
    content = plain([html.Div([html.Span(dcc.Store(id="s")), dbc.Label([html.Span("x")])], id="a"), dbc.Label(html.Span("y"))])
    assert b'"Store"' in orjson.dumps(content)


def test_nothing_is_changed_in_place() -> None:
    content = html.Div([html.P("a"), dcc.Store(id="s")])
    plain(content)
    assert isinstance(content.children[0], html.P)


def test_empty_places_and_lone_texts_are_left_as_they_are() -> None:
    assert plain([None, "text"]) == ["text"] and plain([]) == [] and plain(no_update) is no_update and plain({"a": 1}) == {"a": 1}
    assert tree(plain([html.P([None, 0])])) == [["p", {}, 0]]


def test_names_of_elements_are_tags() -> None:
    assert [one[0] for one in tree(plain([html.H2("a"), html.MapEl(), html.ObjectEl(), html.Details()]))] == [
        "h2",
        "map",
        "object",
        "details",
    ]


def test_each_output_of_a_callback_is_told_in_pieces() -> None:
    first, second, third = plainly(lambda asked: (html.P(asked), no_update, {"path": "/"}))("hello")
    assert tree(first) == [["p", {}, "hello"]] and second is no_update and third == {"path": "/"}
