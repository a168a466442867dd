"""What stood out as a table; that nothing did is good news and said so."""

from dash import html

from dashboard.cards import icon
from dashboard.figures.sheet import sheet
from dashboard.page import Table
from dashboard.scope import Scope
from dashboard.words import word


def findings(table: Table, scope: Scope) -> html.Div:
    """`table.more["sheet"]` is the Sheet of the findings; without any, a calm sentence, unless all of the window lies `ahead`. How many
    more there are stands below."""
    if table.more.get("ahead"):
        return html.Div([icon("inbox"), html.Span(word("panel.empty", scope.lang))], className="vd-calm")
    if table.is_empty:
        return calm(word("analysis.found.none", scope.lang), scope)
    left = table.more["more"]
    rest = html.P(word("analysis.found.more", scope.lang, n=left), className="vd-faint") if left > 0 else None
    return html.Div([sheet(table, scope), rest])


def calm(text: str, scope: Scope) -> html.Div:
    """Nothing to complain of, said in `text`; without a text there is nobody to say it of."""
    sign, said = ("check-circle", text) if text else ("inbox", word("panel.empty.now", scope.lang))
    return html.Div([icon(sign), html.Span(said)], className="vd-calm")
