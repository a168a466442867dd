"""Lines to a server that are cut: at a chosen word, whose answer does not arrive, or after so many bytes."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Line:
    """Forwards connections from `port` to a server. After `cut_at(word)` the next message with that word is delivered, the server's
    answer is awaited and swallowed, and the connection closed; `for_good`: no other comes through either until it is `mended`."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._word = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        self.mended = threading.Event()
        self.mended.set()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(self, word: bytes, for_good: bool = False) -> None:
        self._word = word
        if for_good:
            self.mended.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not (self._word or self.mended.is_set()):
                    client.close()
                    continue
                server = socket.create_connection(self._server)
                self._open += [client, server]
                hears = threading.Event()  # whether the client still hears the server
                hears.set()
                threading.Thread(target=self._to_server, args=(client, server, hears), daemon=True).start()
                threading.Thread(target=self._to_client, args=(server, client, hears), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket, hears: threading.Event) -> None:
        with suppress(OSError):
            while said := client.recv(1 << 16):
                if self._word and self._word in said:
                    self._word = b""
                    hears.clear()
                server.sendall(said)
            server.shutdown(socket.SHUT_WR)

    def _to_client(self, server: socket.socket, client: socket.socket, hears: threading.Event) -> None:
        with suppress(OSError):
            while answer := server.recv(1 << 16):
                if not hears.is_set():
                    self.cuts += 1
                    if not self.mended.is_set():
                        self._end_all()
                    break
                client.sendall(answer)
            client.shutdown(socket.SHUT_RDWR)

    def _end_all(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._end_all()
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def line_to(host: str, port: int) -> Iterator[Line]:
    """A line to that server."""
    line = Line(host, port)
    try:
        yield line
    finally:
        line.close()


class Proxy:
    """Stands before a server and ends all connections once, in the middle of a request or before an answer."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._asked = 0
        self._request_ends: int | None = None
        self._answer_ends: int | None = None
        self.cuts = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def cut_request(self, after: int) -> None:
        """Once so many more bytes have gone to the server."""
        self._asked, self._request_ends = 0, after

    def cut_answer(self, after: int) -> None:
        """Once the server speaks after so many more bytes have gone to it: it has done what it was asked."""
        self._asked, self._answer_ends = 0, after

    def close(self) -> None:
        self._listener.close()
        self._end_all()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._behind))
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._carry, args=(client, server, self._asks), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, self._answers), daemon=True).start()

    def _asks(self, chunk: bytes) -> int | None:
        """How much of this may pass before the cut, None for all of it."""
        self._asked += len(chunk)
        if self._request_ends is None or self._asked < self._request_ends:
            return None
        passing = len(chunk) - (self._asked - self._request_ends)
        self._request_ends = None
        return passing

    def _answers(self, _chunk: bytes) -> int | None:
        if self._answer_ends is None or self._asked < self._answer_ends:
            return None
        self._answer_ends = None
        return 0

    def _carry(self, source: socket.socket, target: socket.socket, judge: Callable[[bytes], int | None]) -> None:
        with suppress(OSError), source, target:
            while chunk := source.recv(4096):
                with self._lock:
                    passing = judge(chunk)
                if passing is not None:
                    target.sendall(chunk[:passing])
                    self.cuts += 1
                    self._end_all()
                    return
                target.sendall(chunk)

    def _end_all(self) -> None:
        with self._lock:
            ending, self._open = self._open, set()
        for one in ending:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
