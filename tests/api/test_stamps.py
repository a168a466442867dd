"""Many timestamps at once are read as one by one."""

import random

import pytest

from api.stamps import parse_all
from plant.timeline import iso, parse

NOON = 1_769_256_300_000  # 2026-01-24T12:05:00Z


@pytest.mark.parametrize("step", [1000, 1])
def test_a_batch_of_one_shape_reads_as_each_alone(step: int) -> None:
    texts = [iso(NOON + 250 + i * step * 37) if step == 1 else iso(NOON + i * 86_400_000) for i in range(500)]
    assert parse_all(texts) == [parse(text) for text in texts]


@pytest.mark.parametrize(
    "odd",
    [
        "2026-02-29T12:05:00Z",  # no such day
        "2026-13-01T12:05:00Z",
        "0000-01-01T00:00:00Z",  # before year 1
        "2026-01-24T25:05:00Z",
        "2026-01-24T12+05:00Z",
        "-026-01-24T12:05:00Z",
        "2026-01-24T12:05:0 Z",
        "2026-01-24T12:05:0\u0660Z",
        "yesterday, about 8 Z",
    ],
)
def test_what_cannot_be_read_alone_cannot_be_read_in_a_batch(odd: str) -> None:
    texts = [iso(NOON + i * 1000) for i in range(20)]
    with pytest.raises(ValueError):
        parse(odd)
    with pytest.raises(ValueError):
        parse_all([*texts, odd])


@pytest.mark.parametrize("odd", ["2026-01-24 12:05:00Z", "2026-01-24T12:05:00+01:00", "1769256300", "2026-01-24T12:05:00.5Z", "2026-01-24"])
def test_other_dialects_among_them_are_read_too(odd: str) -> None:
    texts = [iso(NOON + i * 1000) for i in range(20)]
    texts.insert(random.Random(1).randrange(20), odd)
    assert parse_all(texts) == [parse(text) for text in texts]
