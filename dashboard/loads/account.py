"""The accountant's view of the schedule page: the month's account line by line, and the verdicts on capability tests."""

from collections.abc import Sequence
from typing import Any

from dashboard.figures.sheet import Sheet
from dashboard.loads import settled
from dashboard.loads.awarded import SIGNS, chosen, clock, currency, day_name, judged_by
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.analysis.settlement import added
from plant.model import DAY, MINUTE, SECOND, Window
from plant.quantity import number
from plant.timeline import moment
from services.account import Account, account
from services.settling import Span
from services.trials import Judged, trials

BEFORE = 90 * DAY
"""Tests are rare: those of so long before the window are listed too."""
MOST_RUNS = 3

Row = tuple[str, float | None, str, str, int]
"""Key, amount, unit, what it was worked out from, decimals."""


def account_table(store: Store, scope: Scope) -> Table:
    """One row per line of the chosen month's account: `item`, `value` (None: not known), `unit`, `from` (rules and inputs). Empty without
    an award and without energies."""
    month = settled.month(store, chosen(store, scope).start)
    spans = settled.judged(store, month)
    told = _told(store, month, spans)
    if not told.income.hours and told.mw is None and told.charged is None:
        return Table({})
    lang, sign = scope.lang, currency(spans)
    rules = judged_by(spans)
    rows = [*_earned(told, sign, ", ".join(one.name for one in rules), lang), *_charged(told, sign, lang)]
    columns: dict[str, list[Any]] = {
        "item": [word(_TITLES.get(key, f"account.{key}"), lang) for key, *_ in rows],
        "value": [value for _, value, *_ in rows],
        "unit": [unit for _, _, unit, *_ in rows],
        "from": [how for *_, how, _ in rows],
    }
    heads = (("item", "account.item", None), ("value", "account.value", 0), ("unit", "account.unit", None), ("from", "account.from", None))
    keys = tuple(key for key, *_ in rows)
    titled = tuple((name, word(head, lang), digits) for name, head, digits in heads)
    lost = {(key, "value"): "alarm" for key, value, *_ in rows if value is not None and value < 0 and key not in _COSTS}
    spec = Sheet(titled, keys, lost, chosen="rest")
    more = {
        "sheet": spec, "rules": rules, "unit": sign, "period": Window(month.start, max(month.start + 1, min(month.end, store.clock()))),
        "observed": told.income.coverage, "observed_of": dict.fromkeys(("charged", "discharged", "lost"), told.coverage),
        "told": _made_of(told),
    }  # fmt: skip
    return Table(columns, None, any(span.event.simulated for span in spans), more)


def _made_of(told: Account) -> dict[str, list[tuple[str, float | None, str]]]:
    """What the lines of the account are worked out from, by their key."""
    one, charges = told.income, told.charges
    fees: list[tuple[str, float | None, str]] = [("F_c", one.capacity, ""), ("F_p", one.performance, ""), ("F_E", one.energy, "")]
    taking_part: list[tuple[str, float | None, str]] = [("MW", told.mw, ""), ("N", float(told.resources), "")]
    lost: list[tuple[str, float | None, str]] = [("E_ch", told.charged, ""), ("E_dis", told.discharged, ""), ("l", told.line_loss, "")]
    if charges:
        taking_part += [("a", charges.fixed, charges.name), ("b", charges.per_mw, charges.name), ("c", charges.per_resource, charges.name)]
        lost.append(("a", charges.allowance, charges.name))
    rest: list[tuple[str, float | None, str]] = [("F", one.total, ""), ("F₀", told.participation, ""), ("F_lost", told.loss_fee, "")]
    price = [("price", charges.per_kwh, charges.name)] if charges else []
    return {"sum": fees, "participation": taking_part, "rest": rest, "lost": lost, "loss-money": [("E_lost", told.lost, ""), *price]}


_kept: dict[tuple[int, int], tuple[object, int, tuple[Span, ...], Account]] = {}
OLD = 10 * MINUTE


def _told(store: Store, month: Window, spans: Sequence[Span]) -> Account:
    """The account, remembered for ten minutes while its spans are the same: the energies of the running day come from its readings."""
    now, key, own = store.clock(), (id(store.telemetry), month.start), tuple(spans)
    kept = _kept.get(key)
    if kept is None or kept[0] is not store.telemetry or not 0 <= now - kept[1] < OLD or kept[2] != own:
        if len(_kept) > 24:
            _kept.clear()
        kept = _kept[key] = (store.telemetry, now, own, account(store, month, now, spans))
    return kept[3]


_COSTS = ("participation", "loss-money")
_TITLES = {name: f"income.{name}" for name in ("capacity", "performance", "energy")}


def _earned(told: Account, sign: str, names: str, lang: str) -> list[Row]:
    one = told.income
    coverage = _percent(one.coverage)
    how = word("account.fees.how", lang, hours=number(one.hours, 0), coverage=coverage, rules=names) if one.hours else ""
    how = how or word("income.nothing", lang)
    rows: list[Row] = [(name, getattr(one, name), sign, how, 0) for name in _TITLES]
    return [*rows, ("sum", one.total, sign, word("account.sum.how", lang), 0)]


def _charged(told: Account, sign: str, lang: str) -> list[Row]:
    charges = told.charges
    name = charges.name if charges else ""
    if charges and told.mw is not None:
        parts = {part: number(getattr(charges, part), 0) for part in ("fixed", "per_mw", "per_resource")}
        how = word("account.participation.how", lang, mw=number(told.mw, 1), resources=told.resources, rules=name, **parts)
    else:
        how = word("account.no-award", lang)
    sign = SIGNS.get(charges.currency, charges.currency) if charges else sign
    fee = None if told.participation is None else -told.participation
    loss_fee = None if told.loss_fee is None else -told.loss_fee
    rest = None if fee is None or told.income.total is None else added((told.income.total, fee, loss_fee or 0.0))
    of_rest = "account.rest.how" if loss_fee is None else "account.rest.whole"
    price = word("account.no-price", lang)
    if charges and charges.per_kwh is not None:
        price = word("account.price.how", lang, price=f"{charges.per_kwh:g}", unit=sign, rules=name)
    energy = word("account.no-energy" if told.charged is None else "account.energy.how", lang, coverage=_percent(told.coverage))
    loss = f"{number(100 * told.line_loss, 2)} %" if told.line_loss is not None else word("account.loss.unknown", lang)
    allowance = number(100 * charges.allowance, 0) if charges else ""
    lost = word("account.lost.how", lang, loss=loss, allowance=allowance, rules=name) if told.lost is not None else energy
    return [
        ("participation", fee, sign, how, 0),
        ("rest", rest, sign, word(of_rest, lang), 0),
        ("charged", told.charged, "kWh", energy, 0),
        ("discharged", told.discharged, "kWh", energy, 0),
        ("lost", told.lost, "kWh", lost, 0),
        ("loss-money", loss_fee, sign, price, 0),
    ]


def _percent(share: float | None) -> str:
    """A share in %, never rounded up to a whole one."""
    return "—" if share is None else number(int(1000 * share) / 10, 1)


def trial_table(store: Store, scope: Scope) -> Table:
    """One row per capability test of the window and the 90 days before, newest first: `when`, `product` with its rule set, `verdict`,
    `why`, worst score [%], number of failing seconds and where they lie."""
    now = store.clock()
    window = scope.span(now)
    found = trials(store, settled.HERE, Window(window.start - BEFORE, max(window.end, window.start + 1)), now)
    if not found:
        return Table({})
    lang = scope.lang
    names = ("when", "product", "verdict", "why", "worst", "failing", "at")
    rows = [_trial_row(store, one, lang) for one in found]
    columns = {name: [row[name] for row in rows] for name in names if name != "at"} | {"where": [row["at"] for row in rows]}
    digits = {"worst": 0, "failing": 0}
    heads = tuple(("where" if name == "at" else name, word(f"trial.{name}", lang), digits.get(name)) for name in names)
    keys = tuple(map(str, range(len(rows))))
    tones = {"passed": "good", "failed": "alarm", "not assessable": "warning"}
    marks = {(key, "verdict"): tones[one.result.verdict] for key, one in zip(keys, found, strict=True) if one.result}
    rules = tuple({one.rules: None for one in found if one.rules})
    return Table(columns, None, any(one.event.simulated for one in found), {"sheet": Sheet(heads, keys, marks), "rules": rules})


def _trial_row(store: Store, one: Judged, lang: str) -> dict[str, Any]:
    event, result = one.event, one.result
    mw = event.power or event.quote_capacity
    when = f"{day_name(store, event.time_start, lang)} {clock(store, event.time_start)}"
    return {
        "when": f"{when} · {word(f'trial.{event.mode}', lang)} · {number(mw, 1)} MW",
        "product": one.rules.name if one.rules else "",
        "verdict": word(f"verdict.{result.verdict if result else 'none'}", lang),
        "why": _why(one, lang),
        "worst": result.worst if result else None,
        "failing": float(len(result.failing)) if result else None,
        "at": _runs(store, one, lang),
    }


def _why(one: Judged, lang: str) -> str:
    result, trial = one.result, one.rules.trial(one.event.mode) if one.rules else None
    if result is None or trial is None:
        return word(f"trial.why.{one.why}", lang)
    low, high = result.seen or (float("nan"), float("nan"))
    first, last = trial.hz or (0.0, 0.0)
    return word(
        f"trial.why.{result.reason or 'passed'}", lang, least=f"{trial.least:g}", seconds=trial.duration_s, low=number(low, 2),
        high=number(high, 2), from_=number(first, 2), to=number(last, 2), speed=f"{trial.hz_s:g}",
    )  # fmt: skip


def _runs(store: Store, one: Judged, lang: str) -> str:
    runs = one.failing
    ends = ((_second(store, start), _second(store, end - SECOND)) for start, end in runs[:MOST_RUNS])
    told = [first if first == last else f"{first}–{last}" for first, last in ends]
    more = [word("trial.more", lang, n=len(runs) - MOST_RUNS)] if len(runs) > MOST_RUNS else []
    return ", ".join([*told, *more])


def _second(store: Store, at: int) -> str:
    return f"{moment(at, store.zone):%H:%M:%S}"
