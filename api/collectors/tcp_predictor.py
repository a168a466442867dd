"""S3's battery predictors: JSON objects over TCP, with or without newlines between them; performance or prediction by their keys."""

import re
from typing import Any

import orjson

from api.collectors.framing import Rejects
from api.contract import ADDRESSABLE
from plant.errors import Invalid
from services.battery_messages import Message, SourceClocks, form_of, read

LONGEST = 65_536
"""Bytes of the longest message; more without an end is nonsense."""
_OUTSIDE = re.compile(rb"{")
_INSIDE = re.compile(rb'["{}]')
_TEXT = re.compile(rb'["\\\n]')
_BETWEEN = b" \t\r\n,;\x00"
_AGAIN = re.compile(rb"\n\s*(?={)")


class Objects:
    """Cuts a stream of bytes into JSON objects, as bytes. Knows braces and texts, not JSON: what it cuts may still be no JSON."""

    def __init__(self, rejects: Rejects) -> None:
        self._rejects = rejects
        self._rest = bytearray()
        self._restart()

    def feed(self, data: bytes) -> list[bytes]:
        """What is whole now."""
        self._rest += data
        found = []
        while (one := self._next()) is not None:
            found.append(one)
        return found

    def end(self) -> list[bytes]:
        """The stream is over: half an object is dropped, whole ones that it had swallowed are given."""
        found = []
        while self._rest and self._depth:
            self.resume("half a message at the end")
            while (one := self._next()) is not None:
                found.append(one)
        self._skip(len(self._rest))
        return found

    def resume(self, reason: str) -> None:
        """The object under way makes no sense: go on at the next one that begins a line; without one, drop all."""
        self._rejects.note(reason)
        again = _AGAIN.search(self._rest, 1)
        del self._rest[: again.end() if again else len(self._rest)]
        self._restart()

    def _restart(self) -> None:
        self._at = self._depth = 0
        self._in_text = False

    def _next(self) -> bytes | None:
        """The next object; None until more bytes come."""
        while True:
            if not self._depth and not self._begin():
                return None
            end = self._scan()
            if end is not None:
                one = bytes(self._rest[:end])
                del self._rest[:end]
                self._restart()
                return one
            if self._at < 0:
                self.resume("a text with a line break in it")
            elif len(self._rest) > LONGEST:
                self.resume(f"a message of more than {LONGEST} bytes")
            else:
                return None

    def _begin(self) -> bool:
        """Drop what stands before the next object; whether there is one."""
        brace = _OUTSIDE.search(self._rest)
        self._skip(len(self._rest) if brace is None else brace.start())
        return bool(self._rest)

    def _skip(self, count: int) -> None:
        if self._rest[:count].strip(_BETWEEN):
            self._rejects.note(f"{count} bytes that are no JSON object")
        del self._rest[:count]

    def _scan(self) -> int | None:
        """Where the object ends; None when that has not come yet, or (then `_at` is negative) cannot be."""
        while True:
            found = (_TEXT if self._in_text else _INSIDE).search(self._rest, self._at)
            if found is None:
                self._at = len(self._rest)
                return None
            sign = self._rest[found.start()]
            if sign == 0x7B and self._depth and not self._may_begin(found.start()):
                self._rejects.note("half a message")
                del self._rest[: found.start()]
                self._restart()
                continue
            if sign == 0x5C:  # a backslash takes the next byte with it
                if found.end() == len(self._rest):
                    self._at = found.start()
                    return None
                self._at = found.end() + 1
                continue
            self._at = found.end()
            if sign == 0x22:
                self._in_text = not self._in_text
            elif sign == 0x0A:
                self._at = -1
                return None
            else:
                self._depth += 1 if sign == 0x7B else -1
                if not self._depth:
                    return self._at

    def _may_begin(self, place: int) -> bool:
        """Whether an object can begin inside another one here: behind a key, or in an array."""
        while self._rest[place - 1] in b" \t\r\n":
            place -= 1
        return self._rest[place - 1] in b":,["


class Documents:
    """Bytes of one connection in, messages out. No socket in sight."""

    def __init__(self, clocks: SourceClocks) -> None:
        self._clocks = clocks
        self.rejects = Rejects()
        self._objects = Objects(self.rejects)

    def feed(self, data: bytes, received: int) -> list[Message]:
        """The messages that are whole now; all of them came at `received` [epoch ms]."""
        return self._messages(self._objects.feed(data), received)

    def end(self, received: int) -> list[Message]:
        """The connection is over: half a message is dropped."""
        return self._messages(self._objects.end(), received)

    def _messages(self, objects: list[bytes], received: int) -> list[Message]:
        found = []
        for one in objects:
            try:
                found.append(decode(one, received, self._clocks))
            except Invalid as error:
                self.rejects.note(error.message)
            else:
                self.rejects.good()
        return found


def decode(text: bytes, received: int, clocks: SourceClocks) -> Message:
    """One JSON object as the message it is. Raises Invalid."""
    try:
        body: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Invalid("braces around what is no JSON") from None
    message = read(form_of(body), body, received, clocks)
    if ADDRESSABLE.match(message.source) is None:
        raise Invalid("source: it has none of / \\ ? # % , and is not . or ..")
    return message
