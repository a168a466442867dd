"""The card behind a figure: formula, what went into it with numbers and ages, coverage, source, rules, and where to look further."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from dashboard.cards import tile_text
from dashboard.explanations import EXPLANATIONS, READING, Explanation, Facts, Given, Quantity, about, how, parts, title
from dashboard.figures.alarm_card import facts as pairs_of
from dashboard.icons import icon
from dashboard.page import Panel, Scope, Tile
from dashboard.words import word
from plant.metrics import CATALOGUE
from plant.model import DAY, HOUR, MINUTE
from plant.quantity import number, quantity
from plant.rules import RuleSet
from plant.timeline import moment

MOST_DEVICES = 12
"""So many lead on to Explore: more lines nobody can tell apart."""
MOST_ROWS = 24
"""Values of one symbol that are listed; the file of the panel and Explore have all of them."""


def card(panel: Panel, tile: Tile, told: Facts, scope: Scope, now: int, may_export: bool) -> html.Div:
    """All of it. `now` [epoch ms] is when it was worked out: the figures in it do not move. A tile without a key stands for a panel, or a
    part of one, that is explained row by row; its title is the key of its explanation."""
    lang, one = scope.lang, about(tile.title)
    return html.Div(
        [
            _head(title(tile.title, lang), lang),
            _figure(tile) if tile.key else None,
            html.P(word(tile.note, lang), className="vd-faint") if tile.note else None,
            html.H3(word("explain.formula", lang)),
            html.Div([html.Div(symbols(line)) for line in one.formula.split(";  ")], className="vd-formula"),
            html.P(word(how(tile.title), lang)),
            html.H3(word("explain.inputs", lang)),
            _inputs(one, told, scope, now, tile.unit),
            pairs_of([*_ranges(tile.title, lang), *_circumstances(one, told, scope, now)]),
            *(_rule(rules, scope) for rules in told.rules),
            html.H3(word("explain.limits", lang)) if one.limits else None,
            html.Ul([html.Li(word(limit, lang)) for limit in one.limits]) if one.limits else None,
            *_others(panel, tile, lang),
            html.Div(_links(panel, told, scope, may_export), className="vd-links"),
        ],
        className="vd-explained-body",
    )


def _figure(tile: Tile) -> html.Div:
    unit = html.Span(tile.unit, className="vd-unit") if tile.unit else None
    return html.Div([html.Span(tile_text(tile), className="vd-number"), unit], className="vd-tile-value")


def index(panel: Panel, scope: Scope) -> html.Div:
    """Of a panel whose figures have cards of their own, and it has none: which they are."""
    lang = scope.lang
    return html.Div(
        [_head(word(panel.title, lang), lang), html.P(word("explain.parts.which", lang)), _chips(panel, "", lang)],
        className="vd-explained-body",
    )


def _others(panel: Panel, tile: Tile, lang: str) -> list[Any]:
    """The other figures of the panel, each a button."""
    if tile.key or not parts(panel.id):
        return []
    return [html.H3(word("explain.parts", lang)), _chips(panel, tile.title, lang)]


def _chips(panel: Panel, shown: str, lang: str) -> html.Div:
    keys = {"": panel.title} if panel.title in EXPLANATIONS else {}
    keys |= {name: one.key for name, one in parts(panel.id).items()}
    chips = [
        html.Button(
            title(key, lang), type="button", className="vd-chip",
            **{"data-explain": f"{panel.id}:{name}", **({"aria-current": "true"} if key == shown else {})},
        )
        for name, key in keys.items()
    ]  # fmt: skip
    return html.Div(chips, className="vd-chips")


def _ranges(key: str, lang: str) -> list[tuple[str, str]]:
    """Of a reading: which values the catalogue thinks possible and normal."""
    if not key.startswith(READING):
        return []
    about_it = CATALOGUE[key.removeprefix(READING)]
    valid, normal = (_range(bounds, about_it.unit, about_it.decimals) for bounds in (about_it.valid, about_it.normal))
    return [(word("explain.range", lang), word("explain.range.of", lang, valid=valid, normal=normal))]


def _range(bounds: tuple[float | None, float | None], unit: str, decimals: int) -> str:
    low, high = bounds
    if low is None and high is None:
        return "—"
    if low is None or high is None:
        return f"≤ {quantity(high, unit, decimals)}" if low is None else f"≥ {quantity(low, unit, decimals)}"
    return f"{number(low, decimals)} … {quantity(high, unit, decimals)}"


def failed(reason: str, trace: str, scope: Scope) -> html.Div:
    """Why there is no card, and under which trace id the log tells more."""
    lang = scope.lang
    said = html.P([f"{word(reason, lang)}. ", html.Code(f"{word('panel.trace', lang)} {trace}")], role="alert")
    return html.Div([_head(word("explain", lang), lang), said], className="vd-explained-body")


def _head(title: str, lang: str) -> html.Header:
    close = html.Button(
        icon("x-lg"), type="button", className="vd-tool", title=word("explain.close", lang),
        **{"aria-label": word("explain.close", lang), "data-explain-close": "1"},
    )  # fmt: skip
    return html.Header([html.H2(title, id="explain-title"), close])


def _inputs(about: Explanation, told: Facts, scope: Scope, now: int, currency: str) -> html.Table:
    """The symbols of the formula that have values, each with its own rows; those told by the same devices share them. Where no symbol has
    a value, the symbols alone."""
    used = {given.symbol for given in told.given}
    shown = [one for one in about.inputs if one.symbol in used] or list(about.inputs)
    by_symbol = {one.symbol: [given for given in told.given if given.symbol == one.symbol] for one in shown}
    tellers = {tuple(given.who for given in own) for own in by_symbol.values()}
    if len(shown) > 1 and len(tellers) == 1 and len(min(tellers)) > 1:
        return _side_by_side(shown, by_symbol, scope, now, currency)
    groups = [_group(one, by_symbol[one.symbol], scope, now, currency) for one in shown]
    return html.Table(groups, className="vd-inputs")


def _group(one: Quantity, given: Sequence[Given], scope: Scope, now: int, currency: str) -> html.Tbody:
    lang = scope.lang
    title = _title(one, lang)
    if len(given) == 1:
        title.append(html.Span(f" · {given[0].who}") if given[0].who else None)
        return html.Tbody(
            [html.Tr([html.Th(symbols(one.symbol), scope="row"), html.Td(title), *_value(one, given[0], scope, now, currency)])]
        )
    head = html.Tr([html.Th(symbols(one.symbol), scope="rowgroup"), html.Td(title, colSpan=3)])
    rows = [html.Tr([html.Td(), html.Td(each.who), *_value(one, each, scope, now, currency)]) for each in given[:MOST_ROWS]]
    if not given:
        rows = [html.Tr([html.Td(), html.Td(word("explain.none", lang), className="vd-faint", colSpan=3)])]
    if len(given) > MOST_ROWS:
        rows.append(html.Tr([html.Td(), html.Td(_rest(len(given), lang), className="vd-faint", colSpan=3)]))
    return html.Tbody([head, *rows])


def _side_by_side(shown: Sequence[Quantity], given: Mapping[str, list[Given]], scope: Scope, now: int, currency: str) -> html.Table:
    """What the symbols are, then a row for each device with a column for each symbol."""
    lang, columns = scope.lang, [given[one.symbol] for one in shown]
    legend = [html.Tr([html.Th(symbols(one.symbol), scope="row"), html.Td(_title(one, lang), colSpan=len(shown) + 1)]) for one in shown]
    head = html.Tr([html.Td(), *(html.Th(symbols(one.symbol), scope="col", className="vd-figure") for one in shown), html.Td()])
    rows = []
    for row in list(zip(*columns, strict=True))[:MOST_ROWS]:
        when = max((part.at for part in row if part.at is not None), default=None)
        values = [html.Td(_number(one, part, currency), className="vd-figure") for one, part in zip(shown, row, strict=True)]
        rows.append(html.Tr([html.Td(row[0].who), *values, html.Td(_when(when, scope, now), className="vd-faint")]))
    if len(columns[0]) > MOST_ROWS:
        rows.append(html.Tr(html.Td(_rest(len(columns[0]), lang), className="vd-faint", colSpan=len(shown) + 2)))
    return html.Table([html.Tbody(legend), html.Tbody([head, *rows])], className="vd-inputs")


def _title(one: Quantity, lang: str) -> list[Any]:
    name = CATALOGUE[one.of].label(lang) if one.of in CATALOGUE else word(one.of, lang)
    return [html.Span(name), html.Span(f" · {word(one.teller, lang)}", className="vd-faint")]


def _rest(count: int, lang: str) -> str:
    return word("explain.more", lang, n=count - MOST_ROWS)


def _value(one: Quantity, given: Given, scope: Scope, now: int, currency: str) -> list[html.Td]:
    """The number, and from when it is."""
    return [html.Td(_number(one, given, currency), className="vd-figure"), html.Td(_when(given.at, scope, now), className="vd-faint")]


def _number(one: Quantity, given: Given, currency: str) -> str:
    """Counts and the like without decimals."""
    is_whole = given.value is not None and one.of not in CATALOGUE and given.value == int(given.value)
    decimals = one.decimals if given.decimals is None else given.decimals
    return quantity(given.value, given.unit or one.unit.replace("¤", currency), 0 if is_whole else decimals)


def _when(at: int | None, scope: Scope, now: int) -> list[Any]:
    if at is None:
        return []
    return [f"{moment(at, ZoneInfo(scope.zone)):%H:%M:%S}", html.Span(f" {age(now - at, scope.lang)}")]


def symbols(text: str) -> list[Any]:
    """A formula with its indices set low: `E_ch` has the index ch."""
    parts = re.split(r"_([A-Za-z]+)", text)
    return [html.Sub(part) if place % 2 else part for place, part in enumerate(parts) if part]


def age(ms: int, lang: str) -> str:
    """How long ago, in the largest unit that fits."""
    for unit, length in (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", 1000)):
        if ms >= length:
            return word(f"age.{unit}", lang, n=ms // length)
    return word("age.now", lang)


def _circumstances(about: Explanation, told: Facts, scope: Scope, now: int) -> list[tuple[str, str]]:
    lang, zone = scope.lang, ZoneInfo(scope.zone)
    span = word("explain.now", lang)
    if told.window is not None:
        span = f"{moment(told.window.start, zone):%Y-%m-%d %H:%M} – {moment(told.window.end, zone):%Y-%m-%d %H:%M}"
    ages = [given.at for given in told.given if given.at is not None]
    found = [
        ("explain.why", told.why),
        ("explain.variant", told.variant),
        ("explain.window", span if told.window or ages or told.is_now else ""),
        ("explain.coverage", f"{number(100 * told.coverage, 1)} %" if told.coverage is not None else ""),
        ("explain.heard", word("explain.heard.of", lang, heard=told.heard[0], asked=told.heard[1]) if told.heard else ""),
        ("explain.resolution", word(told.resolution, lang) if told.resolution else ""),
        ("explain.source", about.source),
        ("explain.at", f"{moment(now, zone):%Y-%m-%d %H:%M:%S} ({scope.zone})"),
    ]
    return [(word(name, lang), value) for name, value in found if value]


def _rule(rules: RuleSet, scope: Scope) -> html.P:
    """Which version of the rules judged, and where its numbers are from."""
    key = "explain.rules.of" if rules.verified else "explain.rules.unverified"
    said = word(key, scope.lang, title=rules.title, date=f"{rules.since}")
    name = html.Span(f"{word('explain.rules', scope.lang)}: ", className="vd-faint")
    return html.P([name, html.Strong(said), html.Small(rules.source, className="vd-faint") if rules.source else None], className="vd-rules")


def _links(panel: Panel, told: Facts, scope: Scope, may_export: bool) -> list[Any]:
    """To Explore with the same inputs over the same time, and to the panel's file."""
    lang, found = scope.lang, []
    if told.devices and told.metrics:
        view = Scope(window=scope.window, start=scope.start, end=scope.end, lang=lang, theme=scope.theme, live=scope.live, zone=scope.zone)
        chosen = {"device": ",".join(dict.fromkeys(told.devices[:MOST_DEVICES])), "metric": ",".join(told.metrics)}
        if told.window is not None:
            view = Scope(start=told.window.start, end=told.window.end, lang=lang, theme=scope.theme, zone=scope.zone)
        found.append(html.A([icon("graph-up"), word("explain.explore", lang)], href=view.link("/explore", **chosen), **{"data-nav": "1"}))
    if panel.files and may_export:
        for ending, key in (("csv", "explain.file"), ("receipt.json", "explain.receipt")):
            href = scope.link(f"/panels/{panel.id}.{ending}", theme=None, live=None)
            found.append(html.A([icon("download"), word(key, lang)], href=href, download=""))
    return found
