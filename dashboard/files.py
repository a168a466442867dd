"""What can be taken away from a panel: one small menu in its head. Items and addresses are written in the browser (`assets/files.js`),
for a card outlives many views and few menus are ever opened; pictures are made there, too."""

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
SAID = {"copied": "files.copied", "failed": "files.failed", "refused": "wall.embed.failed"}


def menu(panel: Panel, scope: Scope) -> html.Details:
    """The panel's menu, whose items come when it is opened: they are the same for all panels (`items`)."""
    lang, title = scope.lang, word(panel.title, scope.lang)
    said = f"{word('files', lang)}: {title}"
    summary = html.Summary(icon("download"), className="vd-tool", title=word("files", lang), **{"aria-label": said})
    marks = {"data-files": panel.id, "data-name": slug(panel.id), "data-title": title}
    place = html.Div(className="vd-pop vd-list", role="group", **{"aria-label": said})
    return html.Details([summary, place], className="vd-menu vd-files", **marks)


def items(lang: str) -> html.Div:
    """What every menu offers this visitor: files, pictures and receipt for those who may export, a link for everybody."""
    inner: list[Any] = []
    if visitor().may("export"):
        inner += [_file(form, f".{form}", lang) for form in FORMS]
        inner += [_button(picture, f"files.{picture}", lang) for picture in PICTURES]
        inner.append(_file("receipt", ".receipt.json", lang))
        raw = html.Span([icon("square"), html.Span(word("files.raw", lang))])
        inner.append(html.Button(raw, type="button", className="vd-files-raw", **{"data-file": "raw", "aria-pressed": "false"}))
    inner.append(_button("link", "files.link", lang))
    if may_share(visitor()):
        inner += [_button(f"embed-{what}", f"files.embed.{what}", lang) for what in ("link", "code")]
    marks = {f"data-{name}": word(text, lang) for name, text in SAID.items()}
    if visitor().may("links"):
        marks["data-issues"] = "1"
    return html.Div(inner, className="vd-files-items", hidden=True, **marks)


def may_share(me: Identity) -> bool:
    """Whether `me` may put a panel into a frame elsewhere: with a link of its own, or where panels are open to everybody."""
    return me.may("links") or "panels" in me.granted


def _file(form: str, ending: str, lang: str) -> html.A:
    shown = [icon(ICONS[form]), html.Span(word(f"files.{form}", lang))]
    return html.A(shown, download="", **{"data-file": form, "data-ending": ending})


def _button(what: str, text: str, lang: str) -> html.Button:
    return html.Button([icon(ICONS[what]), html.Span(word(text, lang))], type="button", **{"data-file": what})
