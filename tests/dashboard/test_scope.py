"""The scope lives in the URL: what is written is read back, nonsense is named and left out."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.scope import LANGUAGES, THEMES, WINDOWS, Scope, read, shift
from plant.model import Window

TAIPEI = "Asia/Taipei"  # UTC+8, no clock changes
NOON = int(datetime(2026, 11, 21, 4, tzinfo=UTC).timestamp() * 1000)  # 12:00 in Taipei

scopes = st.builds(
    Scope,
    unit=st.none() | st.integers(1, 9999),
    rack=st.none() | st.integers(1, 9999),
    module=st.none() | st.integers(1, 9999),
    cell=st.none() | st.integers(1, 9999),
    device=st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=40),
    metric=st.sampled_from(["", "soc", "soc,soh"]),
    window=st.sampled_from(sorted(WINDOWS)),
    lang=st.sampled_from(LANGUAGES),
    theme=st.sampled_from(THEMES),
    live=st.booleans(),
    zone=st.just(TAIPEI),
)


@given(scopes)
def test_a_scope_written_as_a_query_is_read_back(scope: Scope) -> None:
    assert read(scope.query(), TAIPEI) == (scope, ())


@given(st.text(max_size=300))
def test_no_query_breaks_the_reader(query: str) -> None:
    scope, _ = read(query, TAIPEI)
    assert scope.span(NOON).length > 0


def test_defaults_are_left_out_of_the_query() -> None:
    assert Scope().query() == ""
    assert Scope(unit=3, rack=7, lang="es", theme="light", live=False).query() == "unit=3&rack=7&lang=es&theme=light&live=0"


@pytest.mark.parametrize(
    ("query", "bad"),
    [
        ("unit=abc", ("unit",)),
        ("unit=0&rack=-1", ("unit", "rack")),
        ("unit=３", ("unit",)),
        ("window=2h&theme=pink&lang=xx&live=maybe", ("window", "lang", "theme", "live")),
        ("from=yesterday&to=2026-11-21", ("from",)),
        ("from=2026-11-21", ("to",)),
        ("from=2026-11-21&to=2026-11-19", ("from", "to")),
        ("from=0001-01-01&to=9999-12-31", ("from", "to")),
        ("metric=a%00b", ("metric",)),
        ("x" * 9000, ("query",)),
    ],
)
def test_nonsense_is_named_and_keeps_its_default(query: str, bad: tuple[str, ...]) -> None:
    scope, named = read(query, TAIPEI)
    assert (scope, named) == (Scope(zone=TAIPEI), bad)


def test_unknown_names_belong_to_others_and_are_ignored() -> None:
    assert read("?utm_source=mail&unit=3", TAIPEI) == (Scope(unit=3, zone=TAIPEI), ())


def test_a_calendar_range_covers_whole_days_of_the_site() -> None:
    scope, _ = read("from=2026-11-19&to=2026-11-20", TAIPEI)
    midnight = int(datetime(2026, 11, 18, 16, tzinfo=UTC).timestamp() * 1000)
    assert scope.span(NOON) == Window(midnight, midnight + 2 * 86_400_000)
    assert scope.is_fixed and not scope.follows
    assert read(scope.query(), TAIPEI)[0] == scope


def test_a_day_with_a_clock_change_is_25_hours_long() -> None:
    scope, _ = read("from=2026-10-25&to=2026-10-25", "Europe/Berlin")
    assert scope.span(NOON).length == 25 * 3_600_000


def test_a_window_ends_now() -> None:
    assert Scope(window="1h").span(NOON) == Window(NOON - 3_600_000, NOON)


def test_choosing_a_window_leaves_the_range() -> None:
    scope, _ = read("from=2026-11-19&to=2026-11-20&unit=2", TAIPEI)
    assert scope.query(window="7d") == "unit=2&window=7d"


def test_another_page_keeps_the_window_and_the_look_but_not_the_selection() -> None:
    assert Scope(unit=3, metric="soc", window="7d", lang="es").elsewhere("/explore") == "/explore?window=7d&lang=es"


def test_viewers_in_different_colours_share_a_topic() -> None:
    assert Scope(unit=3, theme="light").topic("p") == Scope(unit=3).topic("p") == "panel:p?unit=3"
    assert Scope(unit=3, lang="es").topic("p") != Scope(unit=3).topic("p")


def test_instants_are_shown_on_the_wall_clock_of_the_site() -> None:
    assert shift(NOON, TAIPEI) == NOON + 8 * 3_600_000
    assert shift(np.array([NOON, NOON + 1]), TAIPEI).tolist() == [NOON + 28_800_000.0, NOON + 28_800_001.0]


def test_a_shift_follows_the_clock_change() -> None:
    before, after = (int(datetime(2026, 10, 25, h, tzinfo=UTC).timestamp() * 1000) for h in (0, 2))  # CEST until 01:00 UTC
    assert (shift(np.array([before, after]), "Europe/Berlin") - [before, after]).tolist() == [7_200_000, 3_600_000]


def test_a_shift_over_half_a_year_is_exact_at_both_ends_and_between() -> None:
    at = np.array([int(datetime(2026, month, 15, tzinfo=UTC).timestamp() * 1000) for month in (1, 7, 12)])
    assert (shift(at, "Europe/Berlin") - at).tolist() == [3_600_000, 7_200_000, 3_600_000]


def test_an_empty_column_stays_empty() -> None:
    assert shift(np.array([]), TAIPEI).size == 0
