"""WebSocket clients of a product in this process: they speak ASGI to its front door, on an event loop of their own thread."""

import asyncio
import json
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import app as composition


class Line:
    """One WebSocket. `hear` waits for the next JSON message, `closed` for the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._up: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._down: queue.Queue[dict[str, Any]] = queue.Queue()
        self._end: dict[str, Any] | None = None
        self.opening: dict[str, Any] = {}

    def tell(self, text: str | bytes) -> None:
        """Send a frame as it is."""
        frame = {"type": "websocket.receive", "text" if isinstance(text, str) else "bytes": text}
        self._loop.call_soon_threadsafe(self._up.put_nowait, frame)

    def say(self, **message: Any) -> None:
        """Send a JSON message."""
        self.tell(json.dumps(message))

    def ask(self, **message: Any) -> Any:
        """Send a JSON message; the next one heard."""
        self.say(**message)
        return self.hear()

    def hear(self, within_s: float = 10.0) -> Any:
        """The next message."""
        message = self._down.get(timeout=within_s)
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    def hear_until(self, kind: str, within_s: float = 10.0) -> Any:
        """The next message of this type."""
        until = time.monotonic() + within_s
        while (message := self.hear(until - time.monotonic()))["type"] != kind:
            pass
        return message

    def is_quiet(self) -> bool:
        """Whether nothing waits once everything that was sent has been answered."""
        return bool(self.ask(type="ping") == {"type": "pong"})

    def closed(self, within_s: float = 10.0) -> tuple[int, str]:
        """Code and reason of the end; messages before it are passed over."""
        until = time.monotonic() + within_s
        while (message := self._down.get(timeout=until - time.monotonic()))["type"] != "websocket.close":
            pass
        return message["code"], message.get("reason", "")

    async def _run(self, product: composition.App, scope: dict[str, Any]) -> None:
        self._up.put_nowait({"type": "websocket.connect"})

        async def send(message: Any) -> None:
            self._down.put(dict(message))
            if message["type"] == "websocket.close":
                self._up.put_nowait({"type": "websocket.disconnect", "code": message["code"]})

        await product.asgi(scope, self._up.get, send)


@contextmanager
def lines(product: composition.App) -> Iterator[Any]:
    """`connect(headers, path)` → an open Line; `connect` raises AssertionError with the reason where the door stays shut."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    product.asgi.hub.open(loop)
    running = []

    def connect(headers: Mapping[str, str] | None = None, path: str = "/ws/test") -> Line:
        given = {"host": "plant.local"} | dict(headers or {})
        scope = {"type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws", "path": path, "query_string": b"",
                 "raw_path": path.encode(), "root_path": "", "client": ("127.0.0.1", 1), "server": ("plant.local", 80), "subprotocols": [],
                 "headers": [(k.lower().encode(), v.encode()) for k, v in given.items()]}  # fmt: skip
        line = Line(loop)
        running.append(asyncio.run_coroutine_threadsafe(line._run(product, scope), loop))
        line.opening = line._down.get(timeout=10)
        assert line.opening["type"] == "websocket.accept", line.opening
        return line

    async def end() -> None:
        await product.asgi.hub.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    try:
        yield connect
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
