"""The one way a glyph gets onto a page."""

from dash import html


def icon(name: str, label: str = "") -> html.I:
    """A bootstrap-icons glyph; without `label` it is decoration and hidden from readers."""
    said = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return html.I(className=f"bi bi-{name}", **said)
