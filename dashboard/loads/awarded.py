"""The schedule page at a glance: its tiles, and the calendar of awards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dashboard.loads import settled
from dashboard.page import Scope, Table, Tile
from dashboard.words import word
from datastore.store import Store
from plant.analysis.settlement import added
from plant.model import HOUR, MINUTE, SECOND, ScheduleEvent, Window
from plant.quantity import number
from plant.rules import TESTS, RuleSet, rules_of
from plant.timeline import moment
from services.awards import listed
from services.income import Earned, earned
from services.scoring import Seconds, hour_of, rate_of
from services.settling import Span

LEAST_RATE = 95.0
"""Below this execution rate [%] an hour's index is no longer 1."""
SIGNS = {"TWD": "NT$"}
PATH = "/schedule"


def chosen(store: Store, scope: Scope) -> Window:
    """The hour looked at: the newest that has begun in a fixed window, else the one that runs."""
    now = store.clock()
    if scope.start is None or scope.end is None:
        return hour_of(store, now - 12 * SECOND)
    return hour_of(store, max(scope.start, min(scope.end, max(now, scope.start + 1)) - 1))


def product(event: ScheduleEvent, lang: str) -> str:
    """What the market calls it."""
    rules = rules_of(event)
    return word("award.test", lang) if event.mode in TESTS else rules.title if rules else event.mode


def currency(spans: Sequence[Span]) -> str:
    """The sign of the money shown; Taiwan's when none is."""
    found = {span.rules.currency for span in spans if span.rules and span.period and span.period.fees}
    name = found.pop() if len(found) == 1 else "TWD"
    return SIGNS.get(name, name)


def judged_by(spans: Iterable[Span]) -> tuple[RuleSet, ...]:
    """The versions of the rules that these were judged by."""
    found = {rules for span in spans if span.period and (rules := span.rules)}
    return tuple(sorted(found, key=lambda rules: (rules.product, rules.valid_from)))


def clock(store: Store, at: int) -> str:
    """HH:MM of the site."""
    return f"{moment(at, store.zone):%H:%M}"


def day_name(store: Store, at: int, lang: str) -> str:
    """Weekday and date as figures."""
    here = moment(at, store.zone)
    return f"{word(f'weekday.{here.weekday()}', lang)} {here:%m-%d}"


# -- tiles ------------------------------------------------------------------------------------------------------------------


def tiles(store: Store, scope: Scope) -> Sequence[Tile]:
    """The hour that runs, today and this month. What nobody awarded, or nobody measured, is a dash."""
    now = store.clock()
    held = settled.running(store)
    month = settled.glance(store, settled.month(store, now))
    day = settled.today(store, now)
    today = [span for span in month if day.start <= span.start < day.end]
    return (*_hour_tiles(store, held, today, now, scope), *_money_tiles(today, month, scope), *_lack_tiles(held, today, month, scope))


def _hour_tiles(store: Store, held: Sequence[Seconds], today: Sequence[Span], now: int, scope: Scope) -> tuple[Tile, ...]:
    lang, rate = scope.lang, rate_of(held)
    at = int(held[-1].at[-1]) if held else None
    q = held[-1].period.q if held else None
    note = word("tile.rate.none", lang) if q is None or not held else _so_far(store, held, q, lang)
    tone = "" if rate is None else "good" if rate >= LEAST_RATE else "warning" if q is not None and q >= 0 else "alarm"
    won = [span for span in today if span.start <= now < span.end and span.state not in ("lost", "interrupted")]
    mw = sum(span.event.power for span in won) if won else None
    told = " · ".join(word("tile.award.note", lang, product=product(s.event, lang), price=number(s.event.price, 0)) for s in won)
    lost = [span for span in today if span.start <= now < span.end and not won]
    why = word(f"award.{lost[0].state}" if lost else "award.none", lang)
    share = None if rate is None else rate / 100
    return (
        Tile("rate", "tile.rate", rate, "%", 0, at, note, "bullseye", tone, share, stale_after=MINUTE),
        Tile("award", "tile.award", mw, "MW", 1, now, told or why, "award"),
        _worth_tile(held, at, lang),
    )


def _worth_tile(held: Sequence[Seconds], at: int | None, lang: str) -> Tile:
    """What the hour comes to with what has happened, beside what it could have come to."""
    now_, best = ([fees for one in held if (fees := getattr(one.standing, name))] for name in ("now", "best"))
    sign = currency([replace(one.span, period=one.period) for one in held])
    if not now_:
        why = word("income.unverified" if held else "tile.rate.none", lang)
        return Tile("worth", "tile.worth", None, sign, 0, at, why, "hourglass-split")
    worth, most = added(fees.total for fees in now_), added(fees.total for fees in best)
    key = "tile.worth.note" if held[-1].span.state == "running" else "tile.worth.over"
    note = word(key, lang, best=number(most, 0), lost=number(most - worth, 0), sign=sign)
    tone = "alarm" if worth < 0 else "warning" if worth < most else "good"
    return Tile("worth", "tile.worth", worth, sign, 0, at, note, "hourglass-split", tone)


def _so_far(store: Store, held: Sequence[Seconds], q: float, lang: str) -> str:
    end = held[-1].span
    key = "tile.rate.so" if end.state == "running" else "tile.rate.over"
    return word(key, lang, q=f"{q:g}", start=clock(store, end.start), end=clock(store, end.end))


def _money_tiles(today: Sequence[Span], month: Sequence[Span], scope: Scope) -> tuple[Tile, ...]:
    sign = currency(month)
    return tuple(
        Tile(key, f"tile.{key}", told.total, sign, 0, None, _earned_note(told, scope.lang), icon, _tone(told.total))
        for key, told, icon in (("income-day", earned(today), "cash-coin"), ("income-month", earned(month), "calendar3"))
    )


def _tone(money: float | None) -> str:
    return "alarm" if money is not None and money < 0 else ""


def _earned_note(told: Earned, lang: str) -> str:
    if not told.hours:
        return word("income.nothing", lang)
    key = "income.hidden" if told.hidden else "income.hours"
    return word(key, lang, n=number(told.hours, 0 if told.hours == int(told.hours) else 1), hidden=number(told.hidden, 0))


def _lack_tiles(held: Sequence[Seconds], today: Sequence[Span], month: Sequence[Span], scope: Scope) -> tuple[Tile, ...]:
    lang, missing = scope.lang, silent(held, today)
    judged = [span for span in month if span.period]
    low = [span for span in judged if span.period and span.period.rate < LEAST_RATE]
    note = word("tile.low.note", lang, n=sum(span in low for span in today), all=len(judged)) if judged else word("income.nothing", lang)
    return (
        Tile(
            "silent",
            "tile.silent",
            missing,
            "s",
            0,
            None,
            word("tile.silent.note", lang),
            "broadcast",
            "" if missing is None else "warning" if missing else "good",
        ),
        Tile(
            "low",
            "tile.low",
            float(len(low)) if judged else None,
            "h",
            0,
            None,
            note,
            "graph-down-arrow",
            "" if not judged else "warning" if low else "good",
        ),
    )


def silent(held: Sequence[Seconds], today: Sequence[Span]) -> float | None:
    """Awarded seconds of today, up to now, in which frequency or power was not said; None before the first awarded second."""
    over = [(1 - span.period.coverage) * (span.end - span.start) / SECOND for span in today if span.period]
    starts = {span.start for span in today if not span.period}
    live = [float(one.silent) for one in held if one.span.start in starts]
    return float(round(sum(over) + sum(live))) if over or live else None


# -- calendar ----------------------------------------------------------------------------------------------------------------


def week_table(store: Store, scope: Scope) -> Table:
    """One row per hour of the seven days: `row` (hour), `column` (day), `at`, `mode`, `power` [MW], `price`, `state`, `rate` [%], `index`,
    `income`, `label` (written in the field), `mark` (rate below 95 %), `note` (a sentence), `href`. Empty without a single award."""
    hour = chosen(store, scope)
    starts = settled.week(store, hour.start)
    days = [settled.today(store, start) for start in starts]
    spans = settled.judged(store, Window(days[0].start, days[-1].end))
    if not spans:
        return Table({})
    names = (
        "row",
        "column",
        "at",
        "mode",
        "product",
        "power",
        "price",
        "state",
        "rate",
        "index",
        "income",
        "label",
        "mark",
        "note",
        "href",
    )
    columns: dict[str, list[Any]] = {name: [] for name in names}
    link = scope.link(PATH, from_="FROM", to="TO")
    for column, day in enumerate(days):
        for row, start in enumerate(range(day.start, day.end, HOUR)):
            own = [span for span in spans if start <= span.start < start + HOUR]
            cell = {"row": row, "column": column, "at": start, "href": _hour_link(store, link, start), **_cell(store, scope, start, own)}
            for name in names:
                columns[name].append(cell[name])
    place = next((i for i, at in enumerate(columns["at"]) if at == hour.start), None)
    more = {
        "days": tuple(day_name(store, start, scope.lang) for start in starts),
        "selected": None if place is None else (columns["row"][place], columns["column"][place]),
        "now": store.clock(),
        "units": {"power": "MW", "rate": "%", "income": currency(spans)},
        "decimals": {"rate": 1, "index": 2, "income": 0},
        "rules": judged_by(spans),
    }
    return Table(columns, None, any(span.event.simulated for span in spans), more)


def _hour_link(store: Store, link: str, start: int) -> str:
    """The page with this hour as its window: `link` has places for its ends, for quoting a hundred times takes its time."""
    ends = (f"{moment(at, store.zone):%Y-%m-%dT%H%%3A%M}" for at in (start, start + HOUR))
    return link.replace("=FROM", f"={next(ends)}", 1).replace("=TO", f"={next(ends)}", 1)


def _cell(store: Store, scope: Scope, start: int, own: Sequence[Span]) -> dict[str, Any]:
    lang = scope.lang
    shown = next((span for span in own if span.state not in ("lost", "interrupted")), own[0] if own else None)
    money = earned(own)
    when = f"{day_name(store, start, lang)} {clock(store, start)}–{clock(store, start + HOUR)}"
    if shown is None:
        blank = dict.fromkeys(("power", "price", "rate", "index", "income"))
        note = word("week.none", lang, when=when)
        return {"mode": "", "product": "", "state": "none", **blank, "label": "", "mark": False, "note": note}
    event, period = shown.event, shown.period
    mw = event.quote_capacity if shown.state == "lost" else event.power
    said = {"when": when, "product": product(event, lang), "mw": number(mw, 1), "price": number(event.price, 0), "sign": currency(own)}
    if period:
        said |= {"rate": number(period.rate, 0 if period.rate == int(period.rate) else 1), "q": f"{period.q:g}"}
        said |= {"money": word("income.unverified", lang) if money.total is None else f"{said['sign']} {number(money.total, 0)}"}
    return {
        "mode": event.mode,
        "product": said["product"],
        "power": mw,
        "price": event.price,
        "state": shown.state,
        "rate": period.rate if period else None,
        "index": period.q if period else None,
        "income": money.total,
        "label": {"lost": "–", "interrupted": "×", "unrecorded": "?"}.get(shown.state, f"{mw:g}"),
        "mark": period is not None and period.rate < LEAST_RATE,
        "note": word(f"week.{shown.state}", lang, **said),
    }


def week_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """Asks for the calendar again when an hour begins or is judged, or an award changes."""
    if store.clock() // SECOND % 5:
        return None
    table = week_table(store, scope)
    told = zip(table.columns.get("state", ()), table.columns.get("rate", ()), table.columns.get("power", ()), strict=True)
    return {"redraw": f"{hash(tuple(told)) & 0xFFFFFFFF:x} {chosen(store, scope).start}"}


def desk_table(store: Store, scope: Scope) -> Table:
    """The awards and offers of the chosen day as they are kept: what an operator may change. Empty when there are none."""
    day = settled.today(store, chosen(store, scope).start)
    found = [one for one in listed(store, day) if one[0].time_end > day.start]
    names = ("index", "mode", "quote_code", "start", "end", "is_get", "interrupt", "power", "price", "transfer", "source")
    rows = [
        (e.index, e.mode, e.quote_code, clock(store, e.time_start), clock(store, e.time_end))
        + (e.is_get, e.interrupt, e.power, e.price, e.transfer, source)
        for e, source in found
    ]
    return Table(dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True)) if rows else {})
