"""What can be taken away from a panel: one small menu in its head. The addresses are completed in the browser (`assets/files.js`), for a
card outlives many views; pictures are made there, too."""

from typing import Any

from dash import html

from dashboard.exports import slug
from dashboard.icons import icon
from dashboard.page import Panel, Scope
from dashboard.visitor import visitor
from dashboard.words import word
from services.access import Identity
from services.cells import FORMS

ICONS = {
    "csv": "filetype-csv",
    "xlsx": "file-earmark-spreadsheet",
    "parquet": "file-earmark-binary",
    "png": "image",
    "svg": "filetype-svg",
    "receipt": "receipt",
    "link": "link-45deg",
    "embed-link": "window",
    "embed-code": "code-slash",
}
PICTURES = ("png", "svg")


def menu(panel: Panel, scope: Scope) -> html.Details:
    """Files, pictures and receipt for those who may export, a link for everybody."""
    lang, title = scope.lang, word(panel.title, scope.lang)
    inner: list[Any] = []
    if visitor().may("export"):
        inner += [_file(panel, form, f".{form}", scope) for form in FORMS]
        inner += [_button(picture, f"files.{picture}", lang) for picture in PICTURES]
        inner.append(_file(panel, "receipt", ".receipt.json", scope))
        raw = html.Span([icon("square"), html.Span(word("files.raw", lang))])
        inner.append(html.Button(raw, type="button", className="vd-files-raw", **{"data-file": "raw", "aria-pressed": "false"}))
    inner.append(_button("link", "files.link", lang))
    if may_share(visitor()):
        inner += [_button(f"embed-{what}", f"files.embed.{what}", lang) for what in ("link", "code")]
    said = f"{word('files', lang)}: {title}"
    summary = html.Summary(icon("download"), className="vd-tool", title=word("files", lang), **{"aria-label": said})
    marks = {"data-files": panel.id, "data-name": slug(panel.id), "data-title": title, "data-copied": word("files.copied", lang)}
    marks |= {"data-failed": word("files.failed", lang), "data-refused": word("wall.embed.failed", lang)}
    if visitor().may("links"):
        marks["data-issues"] = "1"
    return html.Details(
        [summary, html.Div(inner, className="vd-pop vd-list", role="group", **{"aria-label": said})], className="vd-menu vd-files", **marks
    )


def may_share(me: Identity) -> bool:
    """Whether `me` may put a panel into a frame elsewhere: with a link of its own, or where panels are open to everybody."""
    return me.may("links") or "panels" in me.granted


def _file(panel: Panel, form: str, ending: str, scope: Scope) -> html.A:
    path = f"/panels/{panel.id}{ending}"
    shown = [icon(ICONS[form]), html.Span(word(f"files.{form}", scope.lang))]
    return html.A(shown, href=scope.link(path, theme=None, live=None), download="", **{"data-file": form, "data-path": path})


def _button(what: str, text: str, lang: str) -> html.Button:
    return html.Button([icon(ICONS[what]), html.Span(word(text, lang))], type="button", **{"data-file": what})
