"""The numbers behind execution rates and money (see `dashboard.loads.explained`)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dashboard.explanations import Facts, Given, Tell
from dashboard.loads import awarded, settled
from dashboard.loads.explained_energy import stamp
from dashboard.loads.fleet import fleet, site
from dashboard.page import Scope
from dashboard.words import word
from datastore.store import Store
from plant.model import SECOND, Kind, Window
from plant.rules import RuleSet
from plant.timeline import day_start
from services.income import earned
from services.settling import Span


def _hour_of(held: Sequence[Any], store: Store) -> Window | None:
    return Window(held[0].span.start, max(int(one.at[-1]) + SECOND for one in held)) if held else None


def _judged_so_far(store: Store, scope: Scope) -> Facts:
    held = settled.running(store)
    given: list[Given] = []
    for one in held:
        who = awarded.product(one.span.event, scope.lang)
        rules = one.span.rules
        if rules is not None and rules.aggregate == "min":
            given.append(Given("min r", float(one.rolled.min()), who))
        given += [
            Given("n", float(len(one.at)), who), Given("n₁₀₀", float((one.score >= 100).sum()), who), Given("n₀", float(one.silent), who),
        ]  # fmt: skip
    seconds, silent = sum(len(one.at) for one in held), sum(one.silent for one in held)
    return Facts(
        tuple(given), _hour_of(held, store), (1 - silent / seconds) if seconds else None, None, "explain.resolution.seconds",
        _versions([one.span for one in held]), why="" if held else word("tile.rate.none", scope.lang), **_grid_metrics(store),
    )  # fmt: skip


def _versions(spans: Iterable[Span]) -> tuple[RuleSet, ...]:
    found = {span.rules for span in spans if span.rules}
    return tuple(sorted(found, key=lambda rules: (rules.product, rules.valid_from)))


def _grid_metrics(store: Store) -> dict[str, Any]:
    here = site(fleet(store, (Kind.SITE,)))
    return {"devices": (here.device_id,) if here else (), "metrics": ("frequency", "active_power")}


def _awards_now(store: Store, scope: Scope) -> Facts:
    now = store.clock()
    spans = settled.glance(store, settled.today(store, now))
    won = [span for span in spans if span.start <= now < span.end and span.state not in ("lost", "interrupted")]
    given = tuple(Given("MW", span.event.power, awarded.product(span.event, scope.lang), span.start) for span in won)
    return Facts(given, rules=_versions(won), why="" if won else word("award.none", scope.lang))


def _worth(store: Store, scope: Scope) -> Facts:
    held = settled.running(store)
    given: list[Given] = []
    for one in held:
        fees, rules, event = one.standing.now, one.span.rules, one.span.event
        if fees is None or rules is None:
            continue
        who = awarded.product(event, scope.lang)
        parts = (
            ("c", event.price), ("p", rules.performance), ("MW", event.power), ("q", one.standing.q), ("h", one.standing.of / 3600.0),
            ("F_E", fees.energy),
        )  # fmt: skip
        given += [Given(symbol, value, who) for symbol, value in parts]
    why = "" if given else word("income.unverified" if held else "tile.rate.none", scope.lang)
    window = Window(held[0].span.start, held[-1].span.end) if held else None
    return Facts(tuple(given), window, None, None, "explain.resolution.seconds", _versions([one.span for one in held]), why=why)


def _income(of_month: bool) -> Tell:
    def tell(store: Store, scope: Scope) -> Facts:
        now = store.clock()
        day, month = settled.today(store, now), settled.month(store, now)
        window = month if of_month else day
        spans = [span for span in settled.glance(store, month) if window.start <= span.start < window.end and span.period]
        groups: dict[str, list[Span]] = {}
        for span in spans:
            at = day_start(span.start, store.zone) if of_month else span.start
            name = stamp(store, at, scope, of_month) + ("" if of_month else f" {awarded.product(span.event, scope.lang)}")
            groups.setdefault(name, []).append(span)
        given = tuple(Given("Fₕ", earned(own).total, name) for name, own in groups.items())
        why = "" if spans else word("income.nothing", scope.lang)
        until = Window(window.start, min(window.end, now)) if now > window.start else window
        return Facts(given, until, earned(spans).coverage, None, "explain.resolution.seconds", awarded.judged_by(spans), why=why)

    return tell


def _missing(store: Store, scope: Scope) -> Facts:
    now = store.clock()
    day = settled.today(store, now)
    today = [span for span in settled.glance(store, day) if day.start <= span.start < day.end]
    starts = {span.start for span in today if not span.period}
    live = [one for one in settled.running(store) if one.span.start in starts]
    given = [
        Given("n₀ₕ", (1 - span.period.coverage) * (span.end - span.start) / SECOND, awarded.clock(store, span.start))
        for span in today if span.period
    ] + [Given("n₀ₕ", float(one.silent), awarded.clock(store, one.span.start)) for one in live]  # fmt: skip
    why = "" if given else word("award.none", scope.lang)
    return Facts(tuple(given), Window(day.start, now), None, None, "explain.resolution.seconds", why=why, **_grid_metrics(store))


def _low(store: Store, scope: Scope) -> Facts:
    now = store.clock()
    month = settled.month(store, now)
    spans = [span for span in settled.glance(store, month) if span.period]
    given = tuple(
        Given("rateₕ", span.period.rate, f"{stamp(store, span.start, scope, True)} {awarded.clock(store, span.start)}")
        for span in spans if span.period and span.period.rate < awarded.LEAST_RATE
    )  # fmt: skip
    why = "" if spans else word("income.nothing", scope.lang)
    return Facts(given, Window(month.start, now), earned(spans).coverage, rules=awarded.judged_by(spans), why=why)


FACTS: Mapping[str, Tell] = {
    "tile.rate": _judged_so_far,
    "tile.award": _awards_now,
    "tile.worth": _worth,
    "tile.income-day": _income(False),
    "tile.income-month": _income(True),
    "tile.silent": _missing,
    "tile.low": _low,
}
