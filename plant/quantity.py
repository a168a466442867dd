"""Numbers and quantities as a person reads them."""

import math

DASH = "—"
MINUS = "−"


def number(value: float | None, decimals: int = 1) -> str:
    """Thousands separated, a true minus sign, a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:,.{decimals}f}"
    if text.startswith("-"):
        return MINUS + text[1:] if float(text.replace(",", "")) else text[1:]
    return text


def quantity(value: float | None, unit: str, decimals: int = 1) -> str:
    """A number with its unit; a lone dash when not known."""
    text = number(value, decimals)
    return text if text == DASH or not unit else f"{text} {unit}"
