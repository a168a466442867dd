"""Request bodies on the event loop: read whole, in bounded time and memory, before anybody works for them.

A client that sends half a request then costs one coroutine, not one of Flask's threads.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from api import errors

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PATIENCE_S = 30.0
"""A body must be complete this long after its headers [s]."""
DRAIN_S = 5.0
DRAINED = 8
"""A body past the limit is read on and thrown away up to this many times the limit, or this long [s]: a client that is still sending
would see a broken connection instead of the answer."""


class Gone(Exception):
    """The client went away before its body had arrived."""


async def whole(headers: Mapping[str, str], receive: Receive, limit: int, patience: float = PATIENCE_S) -> bytes:
    """The whole body, at most `limit` bytes. `headers` have lower-case names. Raises Gone, and PlantError when it is too large or
    does not arrive within `patience` seconds."""
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise errors.too_large(limit)
    message = await _within(receive, patience) if length != "0" else await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise errors.too_large(limit)
        return body
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            parts.clear()
            await _drain(message, receive, DRAINED * limit)
            raise errors.too_large(limit)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await _within(receive, until - loop.time())


async def _within(receive: Receive, seconds: float) -> Message:
    try:
        async with asyncio.timeout(seconds):
            return await receive()
    except TimeoutError:
        raise errors.TooSlow("The body did not arrive in time") from None


async def _drain(message: Message, receive: Receive, most: int) -> None:
    try:
        async with asyncio.timeout(DRAIN_S):
            while message.get("more_body") and most > 0:
                message = await receive()
                most -= len(message.get("body", b""))
    except TimeoutError:
        return


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives `body` in one piece, then what the connection says."""
    waiting = True

    async def again() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again
