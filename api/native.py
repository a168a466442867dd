"""The front door on the event loop: ingest, WebSockets and event streams are answered here, everything else goes to Flask.

Ingest operations are the same declarations that stand on the Flask door; this file only moves bytes.
"""

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import Future
from typing import Any
from urllib.parse import parse_qsl

import orjson

from api import errors
from api.body import Gone, replayed, whole
from api.contract import Answer, Batch, Context, Declared, Ingest, Operation, Waiting, keep_to_devices
from api.limits import UNLIMITED, Quota
from api.live import Hub
from api.passes import Pass, is_own, offered, stranger
from api.proxies import Proxies
from api.sockets import ENTER
from api.wsgi import cors, log, log_request, trace_id
from datastore.ports import Outcome
from plant.errors import Forbidden, PlantError, TooMany, Unauthorized, Unavailable
from services.access import Identity

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

failures = logging.getLogger("voltdeck.errors")

_SUBPROTOCOL = "voltdeck"
_BY_MESSAGE = "voltdeck.auth"
"""Who offers this subprotocol may come without a token and send it as the first message: pages of other hosts have no headers."""
LOOP_BYTES = 262_144
"""Bodies up to this size [bytes] are decoded on the event loop, larger ones on a thread, so that streams never wait for them."""


class Landing:
    """Hands results of another thread to one event loop: the loop is woken once for all futures that are resolved together."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._arrived: deque[asyncio.Future[None]] = deque()
        self._rung = False

    async def wait(self, waiting: "Future[Any]") -> Any:
        """The result of a future that another thread resolves. A client that leaves does not cancel what was accepted."""
        if not waiting.done():
            arrived = self.loop.create_future()
            waiting.add_done_callback(lambda _: self._tell(arrived))
            await arrived
        return waiting.result()

    def _tell(self, arrived: "asyncio.Future[None]") -> None:
        """On the other thread. Queued before the bell is looked at, and the bell put back before the queue is: nobody is forgotten."""
        self._arrived.append(arrived)
        if not self._rung:
            self._rung = True
            self.loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._rung = False
        while self._arrived:
            arrived = self._arrived.popleft()
            if not arrived.done():
                arrived.set_result(None)


class Places:
    """Which operations are answered on the event loop, by method and path."""

    def __init__(self, operations: Iterable[Declared]) -> None:
        self._plain: dict[tuple[str, str], Declared | None] = {}
        self._shaped: dict[str, list[tuple[re.Pattern[str], Declared]]] = {}
        for operation in operations:
            native = isinstance(operation, Ingest | Waiting) or (isinstance(operation, Operation) and operation.hot)
            if not operation.path_names:  # also those of Flask: what has a path of its own is nobody's parameter
                self._plain[operation.method, operation.path] = operation if native else None
            elif native:
                self._shaped.setdefault(operation.method, []).append((operation.matcher, operation))

    def at(self, method: str, path: str) -> tuple[Declared, dict[str, str]] | None:
        """The native operation there, and what stands in its braces."""
        if (method, path) in self._plain:
            operation = self._plain[method, path]
            return (operation, {}) if operation else None
        for matcher, operation in self._shaped.get(method, ()):
            if match := matcher.fullmatch(path):
                return operation, match.groupdict()
        return None


class Front:
    """The ASGI application. `flask` answers what is not native; `begin` and `end` are called when the server starts and stops."""

    def __init__(self, context: Context, flask: App, hub: Hub, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self.context = context
        self.flask = flask
        self.hub = hub
        self._begin, self._end = begin, end
        self._land: Landing | None = None
        self.limit = context.config.max_body_mb << 20
        self._proxies = Proxies(context.config.trusted_proxies)
        self._native = Places(context.operations)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            scope = self._proxies.seen_through(scope)
        if scope["type"] == "http":
            path = scope["path"]
            if found := self._native.at(scope["method"], path):
                await self._answer(*found, scope, receive, send)
            elif path.endswith("/stream") and (stream := self.hub.stream(path)) and scope["method"] == "GET":
                await self._stream(stream, scope, receive, send)
            else:
                await self._pass_on(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                loop = asyncio.get_running_loop()
                self.hub.open(loop)
                try:
                    await loop.run_in_executor(None, self._begin)
                except Exception as error:
                    failures.exception("the server cannot start")
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.hub.close()
                await asyncio.get_running_loop().run_in_executor(None, self._end)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, operation: Declared, parts: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """What every native operation has in common: guard, quota, errors, headers, figures, log."""
        started = time.perf_counter()
        method = scope["method"]
        headers = _headers(scope)
        trace = trace_id(headers.get("x-trace-id"))
        quota = UNLIMITED
        extra: list[tuple[str, str]] = []
        try:
            caller = await self.who(headers, operation.access, method, _address(scope))
            quota = await self._count(operation.quota, caller, scope)
            asked = scope["query_string"]
            query = parse_qsl(asked.decode("latin-1"), keep_blank_values=True) if asked else []
            if not isinstance(operation, Ingest):  # that is judged row by row
                keep_to_devices(caller, operation.access, [*parts.items(), *query])
            if isinstance(operation, Ingest):
                answer = await self._take_in(operation, parts, headers, query, receive, caller)
            elif isinstance(operation, Waiting):
                answer = await _while_there(operation.call(self.context, operation.read(parts, query), caller), receive)
            else:
                assert isinstance(operation, Operation)
                answer = await asyncio.get_running_loop().run_in_executor(None, self._ask, operation, parts, query, caller)
            status, payload, media = answer.status, answer.payload, answer.media
            extra += answer.headers
        except Gone:
            return
        except Exception as error:
            if isinstance(error, TooMany) and "rate_limit" in error.details:
                quota = Quota(error.details["rate_limit"]["limit"], 0, int(self.context.clock() // 60_000 + 1) * 60)
            status, payload, extra = self._refusal(error, scope, trace)
            media = "application/json"
        await _reply(send, status, payload, media, [("X-Trace-Id", trace), *quota.headers(), *extra, *self._cors(headers)])
        seconds = time.perf_counter() - started
        self.context.gauges.observe(operation.path, method, status, seconds)
        # What went well is counted, not logged: a plant of 200 devices would write a line every 5 ms.
        if log.isEnabledFor(logging.INFO if status >= 400 else logging.DEBUG):
            log_request(method, scope["path"], status, seconds, trace, _address(scope))

    async def _take_in(
        self,
        operation: Ingest,
        parts: dict[str, str],
        headers: dict[str, str],
        query: list[tuple[str, str]],
        receive: Receive,
        caller: Identity,
    ) -> Answer:
        body = await whole(headers, receive, self.limit)
        if len(body) <= LOOP_BYTES:
            batch, waiting = self._admit(operation, parts, headers, query, body, caller)
        else:
            loop = asyncio.get_running_loop()
            batch, waiting = await loop.run_in_executor(None, self._admit, operation, parts, headers, query, body, caller)
        outcomes = await self._landing().wait(waiting) if waiting else []
        if batch.afterwards and batch.is_followed(outcomes):
            await asyncio.get_running_loop().run_in_executor(None, batch.afterwards)
        return operation.answer(batch, outcomes)

    def _ask(self, operation: Operation, parts: dict[str, str], query: list[tuple[str, str]], caller: Identity) -> Answer:
        more = {"who": caller} if operation.asks_who else {}
        answer = operation.call(self.context, operation.read(parts, query), **more)
        return answer if isinstance(answer, Answer) else Answer(answer)

    def _landing(self) -> Landing:
        loop = asyncio.get_running_loop()
        if self._land is None or self._land.loop is not loop:
            self._land = Landing(loop)
        return self._land

    def _admit(
        self,
        operation: Ingest,
        parts: dict[str, str],
        headers: dict[str, str],
        query: list[tuple[str, str]],
        body: bytes,
        caller: Identity,
    ) -> tuple[Batch, "Future[list[Outcome]] | None"]:
        batch = operation.admit(self.context, headers, query, body, parts, caller)
        return batch, None if batch.dry_run else self.context.store.intake.submit(batch.blocks, 0)

    async def who(self, headers: dict[str, str], need: str, method: str, address: str = "") -> Identity:
        """Who is calling, if they may. Tokens are looked up on a thread, for that reads the store."""
        return await Pass(self.context, (need,), headers, address).authorize(need, method)

    async def _count(self, quota: str, caller: Identity, scope: Scope) -> Quota:
        who = caller.username or _address(scope)
        taken = self.context.limiter.take_at_once(quota, who)
        if taken is None:  # rarely, when limits are shared: on a thread, for that asks Redis
            taken = await asyncio.get_running_loop().run_in_executor(None, self.context.limiter.take, quota, who)
        if taken.refused:
            raise taken.error(self.context.clock())
        return taken

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """To Flask, once the body is here: half a request must not hold one of its threads."""
        headers = _headers(scope)
        if "content-length" not in headers and "transfer-encoding" not in headers:
            return await self.flask(scope, receive, send)
        try:
            body = await whole(headers, receive, self.limit)
        except Gone:
            return None
        except PlantError as error:
            trace = trace_id(headers.get("x-trace-id"))
            status, payload, extra = self._refusal(error, scope, trace)
            return await _reply(send, status, payload, "application/json", [("X-Trace-Id", trace), *extra, *self._cors(headers)])
        return await self.flask(scope, replayed(body, receive), send)

    def _refusal(self, error: Exception, scope: Scope, trace: str) -> tuple[int, bytes, list[tuple[str, str]]]:
        if not isinstance(error, PlantError):
            failures.exception("%s %s failed, trace %s", scope.get("method", "WS"), scope["path"], trace, exc_info=error)
            error = PlantError("The server failed; its log holds the reason under this trace id", "INTERNAL_ERROR")
        status = errors.status_of(error, scope["path"])
        content = errors.body(error, status, trace, self.context.clock(), scope["path"])
        payload = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS, default=str)
        return status, payload, errors.headers(error, status)

    def _cors(self, headers: dict[str, str]) -> list[tuple[str, str]]:
        origin = headers.get("origin")
        return cors(self.context, origin) if origin else []

    async def _stream(self, stream: Any, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        headers = _headers(scope)
        trace = trace_id(headers.get("x-trace-id"))
        extra = [("X-Trace-Id", trace), *self._cors(headers)]
        try:
            if headers.get("origin") and not is_own(headers) and not self._cors(headers):
                raise Forbidden("Pages of this origin may not listen; see CORS_ORIGINS")
            entry = Pass(self.context, (stream.access,), headers, _address(scope))
            caller = await entry.renew()
            keep_to_devices(caller, stream.access, [("device_id", stream.device_id)])
            extra += (await self._count("api", caller, scope)).headers()
            self.hub.room_for_stream()
            events = await stream.open(dict(parse_qsl(scope["query_string"].decode("latin-1"))), headers.get("last-event-id", ""))
        except Exception as error:
            status, payload, more = self._refusal(error, scope, trace)
            await _reply(send, status, payload, "application/json", [*extra, *more])
            self.context.gauges.observe(stream.route, "GET", status, time.perf_counter() - started)
            return
        head = [("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"), *extra]
        await send({"type": "http.response.start", "status": 200, "headers": _encoded(head)})
        self.context.gauges.observe(stream.route, "GET", 200, time.perf_counter() - started)
        await self.hub.run_stream(events, entry, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        choice = offered(headers)
        try:
            client = self.hub.client_id(scope["path"])
            self.hub.check_origin(headers, scope.get("scheme", "ws"))
            entry = await self._entry(headers, _address(scope), _BY_MESSAGE in choice)
        except PlantError as error:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": error.message[:120]})
            return
        # without agreement on one of those it offered a browser hangs up
        protocol = next((one for one in (_SUBPROTOCOL, _BY_MESSAGE) if one in choice), "")
        await self.hub.run_socket(client, entry, protocol, receive, send)

    async def _entry(self, headers: dict[str, str], address: str, by_message: bool) -> Pass:
        """What a socket's client comes with; nothing, where it will say who it is by its first message. Raises Unauthorized, Forbidden."""
        entry = Pass(self.context, ENTER, headers, address)
        try:
            await entry.renew()
        except Unauthorized:
            if not by_message:
                raise
            self.hub.room_for_stranger()
            entry = stranger(self.context, address)
            await entry.renew()
        return entry


async def _while_there(call: Awaitable[Answer], receive: Receive) -> Answer:
    """The answer of a call that may take long; it is cancelled when the client leaves before. Raises Gone, Unavailable when the
    server stops."""
    task, gone = asyncio.ensure_future(call), asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Gone
        return task.result()
    except asyncio.CancelledError:  # by the server: whoever waits is told, rather than cut off
        raise Unavailable("The server is stopping", retry_after=1) from None
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "unknown"


def _encoded(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]


async def _reply(send: Send, status: int, payload: bytes, media: str, headers: list[tuple[str, str]]) -> None:
    body = [] if status == 204 else [("Content-Type", media), ("Content-Length", str(len(payload)))]
    head = [*body, ("X-Content-Type-Options", "nosniff"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": _encoded(head)})
    await send({"type": "http.response.body", "body": payload})
