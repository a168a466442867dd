"""The load generator sends what it says: right counts, unique instants, identical bytes; no timing here."""

import asyncio
import json
from datetime import datetime

import pytest

from bench.load import METRICS, VEHICLES, Requests, Result, content_length, percentile, run

START = 1_790_000_000_000


def body(request: bytes) -> list[dict[str, object]]:
    head, _, rest = request.partition(b"\r\n\r\n")
    assert content_length(head) == len(rest)
    rows = json.loads(rest)
    assert isinstance(rows, list)
    return rows


@pytest.mark.parametrize("batch", [1, 100, 1000])
def test_no_vehicle_says_two_things_at_one_instant(batch: int) -> None:
    requests = Requests(batch, START)
    rounds = 3 * requests.groups
    seen = {(row["vin"], row["ts"]) for index in range(rounds) for row in body(requests.request(index))}
    assert len(seen) == rounds * batch == 3 * VEHICLES


def test_a_row_has_the_seven_metrics_of_the_document_and_a_time_with_zone() -> None:
    row = body(Requests(1, START).request(0))[0]
    assert set(row) == {"vin", "ts", *METRICS} and len(METRICS) == 7
    assert datetime.fromisoformat(str(row["ts"])).timestamp() * 1000 == START


def test_instants_follow_the_tick_and_the_vehicle() -> None:
    requests = Requests(1000, START)
    rows = body(requests.request(2))  # the second tick begins with the third thousand
    assert requests.tick_ms(2) == START + 100
    assert [datetime.fromisoformat(str(row["ts"])).timestamp() * 1000 for row in (rows[0], rows[42])] == [START + 100, START + 142]


def test_the_same_index_is_the_same_bytes_for_every_server() -> None:
    assert [Requests(100, START).request(i) for i in range(50)] == [Requests(100, START).request(i) for i in range(50)]


def test_a_batch_that_does_not_divide_the_fleet_is_refused() -> None:
    with pytest.raises(ValueError, match="does not divide"):
        Requests(7, START)


@pytest.mark.parametrize(("share", "value"), [(0.5, 51), (0.99, 100), (1.0, 100)])
def test_percentile_of_one_to_a_hundred(share: float, value: float) -> None:
    assert percentile(list(range(1, 101)), share) == value


def served(answer: bytes, most: int) -> tuple[Result, list[bytes]]:
    """A round of `most` requests on 3 connections against a server that always answers `answer`, and the bodies it received."""
    received: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                received.append(await reader.readexactly(content_length(head[:-4])))
                writer.write(answer[:20])
                await writer.drain()
                writer.write(answer[20:])
        except asyncio.IncompleteReadError:
            writer.close()

    async def scene() -> Result:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            return await run(Requests(100, START), server.sockets[0].getsockname()[1], 3, seconds=30, most=most)

    return asyncio.run(scene()), received


def test_what_was_acknowledged_is_counted() -> None:
    result, received = served(b'HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{"inserted": 100}', 25)
    assert (result.requests, result.stored, result.failed) == (25, 2500, 0)
    assert len({(row["vin"], row["ts"]) for sent in received for row in json.loads(sent)}) == 2500


def test_refusals_and_wrong_counts_are_failures() -> None:
    refused, _ = served(b"HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\n{}", 5)
    assert (refused.stored, refused.failed) == (0, 5) and refused.first_failure == "429 {}"
    partial, _ = served(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"inserted":99}', 5)
    assert (partial.stored, partial.failed) == (0, 5)
