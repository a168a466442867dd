"""Vectors and questions as of a moment, through the door. Numbers by hand."""

import json

import pytest

from plant.model import Block

MINUTE = 60_000
START = 1_769_256_000_000  # 2026-01-24T12:00:00Z
SPAN = "from=2026-01-24T12:00:00Z&to=2026-01-24T12:02:00Z"


@pytest.fixture
def filled(door, product):
    """Two readings of three cells in the first minute, none in the second; soc told once and corrected nine seconds later."""
    rows = [("r1", START, START, 0, [3.1, 3.2, None]), ("r1", START + 1000, START + 1000, 0, [3.3, 3.2, 3.0])]
    product.store.intake.accept([Block("rack", ("cell_voltages",), rows)])
    product.store.telemetry.append([Block("rack", ("soc",), [("r1", START, START, 0, 50.0)])])
    product.store.telemetry.append([Block("rack", ("soc",), [("r1", START, START + 9000, 0, 60.0)])])
    return door


def ask(door, query):
    return door("GET", f"/api/v1/vectors?device=r1&metric=cell_voltages&{SPAN}&{query}")


def test_a_heat_map_has_a_row_per_bucket_and_a_column_per_cell(filled):
    body = ask(filled, "points=2").json
    assert (body["from"], body["to"]) == ("2026-01-24T12:00:00Z", "2026-01-24T12:02:00Z")
    found = body["vectors"]
    assert (found["device_id"], found["metric"], found["unit"], found["view"], found["resolution_s"]) == (
        "r1",
        "cell_voltages",
        "V",
        "heatmap",
        60.0,
    )
    assert (found["timestamps"][:2], found["n"][:2]) == ([START, START + MINUTE], [2, 0])
    assert found["mean"][0] == pytest.approx([3.2, 3.2, 3.0])
    assert (found["min"][0], found["max"][0], found["mean"][1]) == ([3.1, 3.2, 3.0], [3.3, 3.2, 3.0], [None, None, None])


def test_a_distribution_counts_every_cell(filled):
    found = ask(filled, "points=2&view=distribution").json["vectors"]
    assert (found["values"], found["counts"], found["n"][0]) == ([3.0, 3.1, 3.2, 3.3], [1, 1, 2, 1], 5)
    assert found["mean"][0] == pytest.approx((3.1 + 3.2 + 3.3 + 3.2 + 3.0) / 5)
    assert {share: values[0] for share, values in found["quantiles"].items()} == pytest.approx(
        {"0": 3.0, "0.05": 3.02, "0.25": 3.1, "0.5": 3.2, "0.75": 3.2, "0.95": 3.28, "1": 3.3}
    )
    assert found["quantiles"]["0.5"][1] is None


@pytest.mark.parametrize(
    ("query", "status", "named"),
    [
        ("device=r1&metric=soc&" + SPAN, 422, "single number"),
        ("device=r1&metric=mppt_voltages&" + SPAN, 404, "mppt_voltages"),
        ("device=nobody&metric=cell_voltages&" + SPAN, 404, "nobody"),
        ("device=r1&metric=nonsense&" + SPAN, 404, "nonsense"),
        ("device=r1&metric=cell_voltages&from=2026-01-24&to=2026-01-23", 422, "later than from"),
        ("device=r1&metric=cell_voltages&from=2020-01-24&to=2026-01-23", 422, "400 days"),
        ("device=r1&metric=cell_voltages&points=0&" + SPAN, 422, "points"),
        ("device=r1&metric=cell_voltages&view=pie&" + SPAN, 422, "view"),
        ("device=r1&metric=cell_voltages&tz=Mars&" + SPAN, 422, "IANA"),
    ],
)
def test_what_makes_no_sense_is_named(filled, query, status, named):
    answer = filled("GET", f"/api/v1/vectors?{query}")
    assert answer.status == status
    assert named in json.dumps(answer.json)


def test_series_as_of_a_moment_show_what_was_known_then(filled):
    question = f"/api/v1/series?device=r1&metric=soc&{SPAN}&resolution=raw"
    assert filled("GET", question).json["series"][0]["values"] == [60.0]
    assert filled("GET", f"{question}&as_of=2026-01-24T12:00:08.999Z").json["series"][0]["values"] == [50.0]
    assert filled("GET", f"{question}&as_of=2026-01-24T11:59:59Z").json["series"][0]["values"] == []
    years = "/api/v1/series?device=r1&metric=soc&from=2024-01-01&to=2026-01-01&as_of=2026-01-24"
    assert filled("GET", years).status == 422
