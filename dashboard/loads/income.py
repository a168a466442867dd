"""What awards earned: by hour of a day, by day of a month, and what another bid would have earned for the same seconds."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from dashboard.figures.sheet import Sheet
from dashboard.loads import settled
from dashboard.loads.awarded import LEAST_RATE, chosen, clock, currency, day_name, judged_by, product
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.analysis.replay import METHODS
from plant.model import DAY, HOUR, SECOND, Window
from plant.quantity import number
from plant.rules import product_of
from plant.timeline import day_starts, moment
from services.income import Earned, earned
from services.other_bid import MOST_MW, Bid, compared, products
from services.settling import Span

FEES = ("capacity", "performance", "energy")
LONGEST = 7 * DAY
"""At most so much of the window is judged anew for a what-if: its newest part."""
MOST_ROWS = 48
MOST_PRICE = 1e6
MOST_RACKS = 100_000.0


def day_table(store: Store, scope: Scope) -> Table:
    """One row per hour of the chosen day: `name`, `at`, execution rate [%], `capacity`, `performance` and `energy` fees (None without
    verified prices or before the hour is judged). Empty when nothing was judged."""
    day = settled.today(store, chosen(store, scope).start)
    spans = settled.judged(store, day)
    starts = list(range(day.start, day.end, HOUR))
    groups = [[span for span in spans if start <= span.start < start + HOUR] for start in starts]
    return _fees(scope, [f"{moment(at, store.zone):%H}" for at in starts], starts, groups, word("income.of-day", scope.lang))


def month_table(store: Store, scope: Scope) -> Table:
    """The same, one row per day of the chosen month."""
    month = settled.month(store, chosen(store, scope).start)
    spans = settled.judged(store, month)
    starts = day_starts(month, store.zone)
    groups = [[s for s in spans if start <= s.start < end] for start, end in zip(starts, [*starts[1:], month.end], strict=True)]
    return _fees(scope, [f"{moment(at, store.zone):%d}" for at in starts], starts, groups, word("income.of-month", scope.lang))


def _fees(scope: Scope, names: list[str], starts: list[int], groups: Sequence[Sequence[Span]], title: str) -> Table:
    told = [earned(group) for group in groups]
    if not any(one.hours for one in told):
        return Table({})
    every = [span for group in groups for span in group]
    period = Window(min(span.start for span in every), max(span.end for span in every))
    columns: dict[str, Any] = {"name": names, "at": starts, "rate": [None if one.rate is None else 100 * one.rate for one in told]}
    columns |= {fee: [getattr(one, fee) for one in told] for fee in FEES}
    hidden = sum(one.hidden for one in told)
    more = {
        "unit": currency(every),
        "period": period,
        "observed": earned(every).coverage,
        "title": title,
        "fees": {fee: word(f"income.{fee}", scope.lang) for fee in FEES},
        "rate": word("hour.rate", scope.lang),
        "hidden": word("income.no-money", scope.lang, n=number(hidden, 0)) if hidden else "",
        "units": {"rate": "%", **dict.fromkeys(FEES, currency(every))},
        "decimals": {"rate": 1, **dict.fromkeys(FEES, 0)},
        "rules": judged_by(every),
    }
    return Table(columns, None, any(span.event.simulated for span in every), more)


def fees_frame(store: Store, scope: Scope, load: Callable[[Store, Scope], Table]) -> Mapping[str, Any] | None:
    """Asks again when an hour was judged or an award changed."""
    if store.clock() // SECOND % 5:
        return None
    table = load(store, scope)
    told = tuple(tuple(table.columns.get(name, ())) for name in ("rate", *FEES))
    return {"redraw": f"{hash(told) & 0xFFFFFFFF:x}"}


# -- tables -------------------------------------------------------------------------------------------------------------------

MONEY = tuple((name, f"income.head-{name}", 0) for name in (*FEES, "total"))


def hours_table(store: Store, scope: Scope) -> Table:
    """One row per awarded hour of the chosen day and one for all: product, power [MW], price, execution rate [%], index, silent seconds,
    fees and their total, state."""
    day = settled.today(store, chosen(store, scope).start)
    spans = settled.judged(store, day)
    if not spans:
        return Table({})
    lang = scope.lang
    rows = [_hour_row(store, span, lang) for span in spans]
    rows.append({"hour": word("income.total", lang), **_sums(earned(spans)), "silent": _sum([row["silent"] for row in rows])})
    heads = (
        ("hour", "income.hour", None), ("product", "income.product", None), ("power", "income.power", 1), ("price", "income.price", 0),
        ("rate", "income.rate", 1), ("index", "income.index", 2), ("silent", "income.silent", 0), *MONEY, ("state", "income.state", None),
        ("rules", "income.rules", None),
    )  # fmt: skip
    return _sheet(rows, heads, currency(spans), lang, [f"{span.start}" for span in spans], spans)


def days_table(store: Store, scope: Scope) -> Table:
    """One row per day of the chosen month with judged hours and one for all: hours judged, execution rate [%], index, hours below 95 %,
    fees and their total, hours without verified prices."""
    month = settled.month(store, chosen(store, scope).start)
    spans = [span for span in settled.judged(store, month) if span.period]
    if not spans:
        return Table({})
    lang = scope.lang
    every = day_starts(month, store.zone)
    by_day: dict[int, list[Span]] = {}
    for span in spans:
        by_day.setdefault(every[bisect_right(every, span.start) - 1], []).append(span)
    starts, groups = list(by_day), list(by_day.values())
    rows = [_day_row(day_name(store, start, lang), group) for start, group in zip(starts, groups, strict=True)]
    rows.append(_day_row(word("income.total", lang), spans))
    heads = (
        ("day", "income.day", None), ("hours", "income.judged", 0), ("rate", "income.rate", 1), ("index", "income.index", 2),
        ("low", "income.low", 0), *MONEY, *([("hidden", "income.without", 0)] if any(row["hidden"] for row in rows) else []),
    )  # fmt: skip
    return _sheet(rows, heads, currency(spans), lang, [f"{start}" for start in starts], spans)


def _sheet(rows: list[dict[str, Any]], heads: Any, sign: str, lang: str, keys: list[str], spans: Sequence[Span]) -> Table:
    columns = {name: [row.get(name) for row in rows] for name, _, _ in heads}
    titled = tuple((name, word(key, lang, sign=sign), digits) for name, key, digits in heads)
    keys = [*keys, "total"]
    low = {(key, "rate"): "warning" for key, rate in zip(keys, columns["rate"], strict=True) if rate is not None and rate < LEAST_RATE}
    lost = {
        (key, name): "alarm"
        for name in ("total", "capacity", "performance")
        for key, n in zip(keys, columns[name], strict=True)
        if _minus(n)
    }
    spec = Sheet(titled, tuple(keys), {**low, **lost}, chosen="total")
    more: dict[str, Any] = {"sheet": spec, "rules": judged_by(spans), "unit": sign, "observed": earned(spans).coverage}
    more["period"] = Window(min(span.start for span in spans), max(span.end for span in spans))
    return Table(columns, None, any(span.event.simulated for span in spans), more)


def _minus(value: float | None) -> bool:
    return value is not None and value < 0


def _sums(told: Earned) -> dict[str, Any]:
    rate = None if told.rate is None else 100 * told.rate
    return {"rate": rate, "index": told.q, **{fee: getattr(told, fee) for fee in FEES}, "total": told.total}


def _hour_row(store: Store, span: Span, lang: str) -> dict[str, Any]:
    period, event = span.period, span.event
    silent = None if period is None else float(round((1 - period.coverage) * (span.end - span.start) / SECOND))
    state = f"doubt-{period.doubt}" if period and period.doubt else "no-money" if period and not period.fees else span.state
    return {
        "hour": f"{clock(store, span.start)}–{clock(store, span.end)}",
        "product": product(event, lang),
        "power": event.quote_capacity if span.state == "lost" else event.power,
        "price": event.quote_price if span.state == "lost" else event.price,
        "silent": silent,
        "state": word(f"state.{state}", lang),
        "rules": span.rules.name if span.rules else "",
        **_sums(earned([span])),
    }


def _day_row(name: str, spans: Sequence[Span]) -> dict[str, Any]:
    told = earned(spans)
    low = sum(span.period.rate < LEAST_RATE for span in spans if span.period)
    return {"day": name, "hours": told.hours, "low": float(low), "hidden": told.hidden, **_sums(told)}


def _sum(values: Sequence[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return sum(told) if told else None


# -- what if -------------------------------------------------------------------------------------------------------------------


def bid_of(scope: Scope, spans: Sequence[Span]) -> Bid:
    """What the scope asks for; without a product the dReg curve that was not bid."""
    names = {rules.product for rules in products(spans[0].start)} if spans else set()
    name = scope.product if scope.product in names else other_curve(spans)
    method = next((one for one in METHODS if one == scope.method), METHODS[0])
    low, high = charge_of(scope.charge)
    racks = _number(scope.racks, -1.0, MOST_RACKS)
    return Bid(
        name, _number(scope.bid, 0.0, MOST_MW), _number(scope.price, -MOST_PRICE, MOST_PRICE), None if racks is None else int(racks),
        _number(scope.limit, -1.0, MOST_MW * 1000.0), low, high, method,
    )  # fmt: skip


def charge_of(text: str) -> tuple[float | None, float | None]:
    """A range of charge [%] written `20-80`; (None, None) for anything else.

    >>> charge_of("20-80"), charge_of("80-20"), charge_of("x")
    ((20.0, 80.0), (None, None), (None, None))
    """
    low, _, high = text.replace("–", "-").partition("-")
    ends = _number(low, -1.0, 100.0), _number(high, -1.0, 100.0)
    return ends if ends[0] is not None and ends[1] is not None and 0 <= ends[0] < ends[1] else (None, None)


def other_curve(spans: Sequence[Span]) -> str:
    """The wide curve for those who mostly bid the narrow one, else the narrow one."""
    count = Counter(product_of(span.event) for span in spans)
    return "dreg0.5" if count and count.most_common(1)[0][0] == "dreg0.25" else "dreg0.25"


def _number(text: str, low: float, high: float) -> float | None:
    """A number within (low, high]; None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) and low < value <= high else None


def what_if_table(store: Store, scope: Scope) -> Table:
    """One row per judged hour of the window (of many, per day) and one for all: execution rate [%], index and income as they were, under
    the other bid, and the differences."""
    now = store.clock()
    asked = scope.span(now)
    window = Window(max(asked.start, asked.end - LONGEST), asked.end)
    real = [span for span in settled.judged(store, window) if span.period]
    if not real:
        return Table({})
    bid = bid_of(scope, real)
    replayed = compared(store, settled.HERE, window, now, bid, real)
    pairs = replayed.pairs
    if not pairs:
        return Table({})
    lang = scope.lang
    by_day = len(pairs) > MOST_ROWS
    groups: dict[str, list[tuple[Span, Span]]] = {}
    for pair in pairs:
        name = day_name(store, pair[0].start, lang)
        groups.setdefault(name if by_day else f"{name} {clock(store, pair[0].start)}", []).append(pair)
    rows = [_pair_row(name, group, lang) for name, group in groups.items()]
    rows.append(_pair_row(word("income.total", lang), pairs, lang))
    sign = currency(real)
    heads = (
        ("hour", "income.day" if by_day else "income.hour", None), ("was", "whatif.was", None), ("rate", "whatif.rate", 1),
        ("index", "whatif.index", 2), ("total", "whatif.total", 0), ("would", "whatif.would", None), ("other rate", "whatif.other-rate", 1),
        ("other index", "whatif.other-index", 2), ("other total", "whatif.other-total", 0), ("d rate", "whatif.d-rate", 1),
        ("d total", "whatif.d-total", 0),
    )  # fmt: skip
    columns = {name: [row[name] for row in rows] for name, _, _ in heads}
    keys = tuple(map(str, range(len(rows))))
    better = {
        (key, name): "good" if value > 0 else "warning"
        for name in ("d rate", "d total")
        for key, value in zip(keys, columns[name], strict=True)
        if value
    }
    spec = Sheet(tuple((name, word(key, lang, sign=sign), digits) for name, key, digits in heads), keys, better, chosen=keys[-1])
    known = [(rules.product, rules.title) for rules in products(real[0].start)]
    auto = next((title for name, title in known if name == other_curve(real)), "")
    more = {"sheet": spec, "products": known, "auto": auto, "cut": window.start > asked.start, "days": LONGEST // DAY}
    more |= {"method": bid.method, "methods": METHODS, "touched": replayed.cut, "installed": replayed.installed}
    more |= {"missing": replayed.missing, "limited": bid.is_limited, "names": ", ".join(one.name for one in judged_by(s for _, s in pairs))}
    more |= {"rules": judged_by(side for pair in pairs for side in pair), "unit": sign, "period": window, "observed": earned(real).coverage}
    return Table(columns, None, any(span.event.simulated for span in real), more)


def _pair_row(name: str, pairs: Sequence[tuple[Span, Span]], lang: str) -> dict[str, Any]:
    was, would = (_sums(earned(side)) for side in zip(*pairs, strict=True))
    return {
        "hour": name,
        "was": _who([one for one, _ in pairs], lang),
        **{key: was[key] for key in ("rate", "index", "total")},
        "would": _who([one for _, one in pairs], lang),
        **{f"other {key}": would[key] for key in ("rate", "index", "total")},
        **{f"d {key}": None if was[key] is None or would[key] is None else would[key] - was[key] for key in ("rate", "total")},
    }


def _who(spans: Sequence[Span], lang: str) -> str:
    """Products and powers of these, the most frequent ones first."""
    told = Counter(f"{product(span.event, lang)} {span.event.power:g} MW" for span in spans)
    return ", ".join(name for name, _ in told.most_common(2)) + (", …" if len(told) > 2 else "")
