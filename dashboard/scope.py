"""Scope: the one piece of view state. It lives in the URL query, so every view is a link and the back button works."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from dashboard.periods import BEFORE, DAYS, day_of, moved
from plant.model import DAY, HOUR, MINUTE, Window

WINDOWS: Mapping[str, int] = {"15m": 15 * MINUTE, "1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
STEPS: Mapping[str, int] = {"raw": 0, "1s": 1_000, "1m": MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "1d": DAY}
"""How closely a window may be looked at [ms]; "" lets the width of the picture decide."""
MOST_STEPS = 5_000
"""More points than this no picture shows; raw readings may come once a second."""
AGAINST = (BEFORE, *DAYS)
"""What a window may be compared with, beside a date or another device."""
LANGUAGES = ("en", "zh-TW", "es")
THEMES = ("dark", "light")
GLOBAL = ("window", "from", "to", "lang", "theme", "live")
"""Query names that stay when another page is opened; the others speak of one page's selection."""
SHOWN_ONLY = ("theme", "live")
"""Query names that do not change what a panel says, only how it looks."""
SHORTEST = 1_000
EARLIEST = 946_684_800_000  # 2000-01-01 UTC: the oldest instant a battery plant's log may speak of


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: BESS unit and rack (1…, None = all), a module or cell of the rack, free-form device and metric names
    (comma-separated), a what-if of market product, bid [MW], price, number of `racks`, power `limit` [kW], `charge` range [%] and `method`
    (texts, "" = as it was), what the window is compared `against` (AGAINST, a date or a device's id), how closely it is looked at (`step`,
    of STEPS), window preset, or a fixed range `start`…`end` [epoch ms UTC], and how: language, theme, live or still. Lists are narrowed by
    `kind` of device, `state` and `severity`; `alarm` is the number of the one looked at."""

    unit: int | None = None
    rack: int | None = None
    module: int | None = None
    cell: int | None = None
    device: str = ""
    metric: str = ""
    product: str = ""
    bid: str = ""
    price: str = ""
    racks: str = ""
    limit: str = ""
    charge: str = ""
    method: str = ""
    against: str = ""
    step: str = ""
    kind: str = ""
    state: str = ""
    severity: str = ""
    alarm: int | None = None
    window: str = "24h"
    start: int | None = None
    end: int | None = None
    lang: str = "en"
    theme: str = "dark"
    live: bool = True
    zone: str = "UTC"

    @property
    def is_fixed(self) -> bool:
        """Whether the window is a calendar range instead of "up to now"."""
        return self.start is not None and self.end is not None

    @property
    def follows(self) -> bool:
        """Whether charts over the window grow with the live feed."""
        return self.live and not self.is_fixed

    @property
    def devices(self) -> tuple[str, ...]:
        """The device names asked for."""
        return tuple(part for part in self.device.split(",") if part)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metric names asked for."""
        return tuple(part for part in self.metric.split(",") if part)

    def span(self, now: int) -> Window:
        """The window as instants, `now` being its end when it follows the clock [epoch ms UTC]."""
        if self.start is not None and self.end is not None:
            return Window(self.start, self.end)
        return Window(now - WINDOWS[self.window], now)

    def width(self, window: Window, lines: int = 1) -> int | None:
        """The bucket width asked for [ms, 0 = raw]; None when none is, or when a picture of that many lines would get no two points of the
        window, or too many."""
        width = STEPS.get(self.step)
        if width is None:
            return None
        count = window.length / max(1_000, width)
        return width if count >= 2 and count * lines <= MOST_STEPS * min(lines, 4) else None

    def aside(self, path: str, by: int, now: int) -> str:
        """Link to the period before (-1) or after (1) this one; one that has not begun yet is the running one."""
        window = moved(self.span(now), by, self.zone)
        return self.link(path, window=self.window) if window.start >= now else self.ranged(path, window)

    def ranged(self, path: str, window: Window) -> str:
        """Link to the same view of another range."""
        return replace(self, start=window.start, end=window.end).link(path)

    def local(self, at: Any) -> Any:
        """Epoch ms UTC (number or int64 array) → epoch ms as the site's wall clock shows it, float64: plotly knows no zones.
        One offset per call would lie across a clock change, so arrays are shifted piece by piece."""
        return shift(at, self.zone)

    def query(self, **changes: str | int | None) -> str:
        """The canonical query string with some values changed (None or "" removes one); defaults are left out."""
        values = {**self._values(), **{key.rstrip("_"): value for key, value in changes.items()}}
        if changes.keys() & {"window"} and "from_" not in changes:
            values |= {"from": None, "to": None}
        default = Scope(zone=self.zone)._values()
        return urlencode([(key, str(value)) for key, value in values.items() if value not in (None, "") and value != default.get(key)])

    def link(self, path: str, **changes: str | int | None) -> str:
        """`path` with this scope's query, ready for href; without a path the view of the page that is open."""
        query = self.query(**changes)
        return f"{path}?{query}" if query or not path else path

    def elsewhere(self, path: str) -> str:
        """Link to another page: window, language, theme and live go along, the selection stays behind."""
        view = Scope(window=self.window, start=self.start, end=self.end, lang=self.lang, theme=self.theme, live=self.live, zone=self.zone)
        return view.link(path)

    def topic(self, panel_id: str) -> str:
        """The live topic of a panel seen in this scope; equal for all viewers who see the same."""
        return f"panel:{panel_id}?{self.query(**dict.fromkeys(SHOWN_ONLY))}"

    def _values(self) -> dict[str, str | int | None]:
        zone = ZoneInfo(self.zone)
        written = [None if at is None else _write(at, zone) for at in (self.start, self.end)]
        return {
            "unit": self.unit,
            "rack": self.rack,
            "module": self.module,
            "cell": self.cell,
            "device": self.device,
            "metric": self.metric,
            "product": self.product,
            "bid": self.bid,
            "price": self.price,
            "racks": self.racks,
            "limit": self.limit,
            "charge": self.charge,
            "method": self.method,
            "against": self.against,
            "step": self.step,
            "kind": self.kind,
            "state": self.state,
            "severity": self.severity,
            "alarm": self.alarm,
            "window": self.window,
            "from": written[0],
            "to": written[1],
            "lang": self.lang,
            "theme": self.theme,
            "live": "1" if self.live else "0",
        }


def read(query: str, zone: str = "UTC") -> tuple[Scope, tuple[str, ...]]:
    """The scope a query string speaks of, and the names of the parameters that make no sense (they keep their defaults).
    Unknown names are ignored: links may carry marks of other systems."""
    is_sane = len(query) <= 8_000 and query.count("&") < 200
    given = dict(parse_qsl(query.lstrip("?"), keep_blank_values=False)) if is_sane else {}
    values: dict[str, Any] = {}
    bad = [] if is_sane else ["query"]
    for name in ("unit", "rack", "module", "cell"):
        if name in given:
            _keep(values, bad, name, _number(given[name]))
    if "alarm" in given:
        _keep(values, bad, "alarm", _number(given["alarm"], 15))
    for name in ("device", "metric", "product", "bid", "price", "racks", "limit", "charge", "method", "kind", "state", "severity"):
        if name in given:
            _keep(values, bad, name, given[name] if given[name].isprintable() and len(given[name]) <= 500 else None)
    for name, choices in (("window", tuple(WINDOWS)), ("step", tuple(STEPS)), ("lang", LANGUAGES), ("theme", THEMES), ("live", ("0", "1"))):
        if name in given:
            _keep(values, bad, name, given[name] if given[name] in choices else None)
    if "against" in given:
        _keep(values, bad, "against", given["against"] if _is_compared(given["against"], zone) else None)
    if "live" in values:
        values["live"] = values["live"] == "1"
    values |= _range(given, bad, ZoneInfo(zone))
    return Scope(zone=zone, **values), tuple(bad)


def shift(at: Any, zone: str) -> Any:
    """See `Scope.local`. Scalars give a float, arrays a float64 array."""
    import numpy as np

    instants = np.asarray(at, dtype=np.float64)
    if instants.ndim == 0:
        return float(instants) + _offset(float(instants), ZoneInfo(zone))
    if not instants.size:
        return instants
    info = ZoneInfo(zone)
    low, high = float(np.nanmin(instants)), float(np.nanmax(instants))
    if _offset(low, info) == _offset(high, info) and high - low < 45 * DAY:
        return instants + _offset(low, info)
    hours, where = np.unique(np.floor(instants / HOUR), return_inverse=True)
    return instants + np.array([_offset(float(hour) * HOUR, info) for hour in hours])[where]


def _offset(at: float, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(at / 1000, zone).utcoffset() or timedelta()
    return offset.total_seconds() * 1000


def _number(text: str, digits: int = 4) -> int | None:
    """A unit's, rack's or alarm's number, from 1, of at most so many digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits and int(text) else None


def _is_compared(text: str, zone: str) -> bool:
    """A word of AGAINST, a day within reach, or what may be a device's id."""
    if text in AGAINST:
        return True
    if day_of(text) is not None:
        return _instant(text, ZoneInfo(zone), False) is not None
    return len(text) <= 200 and text.isprintable() and not text[0].isspace()


def _keep(values: dict[str, Any], bad: list[str], name: str, value: Any) -> None:
    if value is None:
        bad.append(name)
    else:
        values[name] = value


def _range(given: Mapping[str, str], bad: list[str], zone: ZoneInfo) -> dict[str, int]:
    """`from` and `to` in the site's wall clock (a bare date as `to` includes that day), or epoch ms."""
    if not ("from" in given or "to" in given):
        return {}
    start, end = _instant(given.get("from", ""), zone, False), _instant(given.get("to", ""), zone, True)
    if start is None or end is None or end - start < SHORTEST:
        bad += [name for name, value in (("from", start), ("to", end)) if value is None] or ["from", "to"]
        return {}
    return {"start": start, "end": end}


def _instant(text: str, zone: ZoneInfo, is_end: bool) -> int | None:
    try:
        if text.isascii() and text.isdigit() and len(text) > 8:
            at = int(text)
        else:
            moment = datetime.fromisoformat(text)
            if len(text) == 10 and is_end:
                moment += timedelta(days=1)
            at = round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return at if EARLIEST <= at < 4_102_444_800_000 else None


def _write(at: int, zone: ZoneInfo) -> str:
    moment = datetime.fromtimestamp(at / 1000, zone).replace(tzinfo=None)
    return moment.isoformat(timespec="minutes" if at % MINUTE == 0 else "seconds" if at % 1000 == 0 else "milliseconds")
