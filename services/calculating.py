"""Calculations with heavy libraries (solvers, fits, sun models) that a request waits for: done by a process that stands by with them
loaded, so that the web process stays small and its interpreter free.

One calculation at a time; one that takes too long is ended with its process, and the next begins another. The process ends when nothing was
asked for a while, and when the process that began it is gone."""

import atexit
import contextlib
import importlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from plant.errors import Invalid, PlantError, Unavailable

log = logging.getLogger(__name__)

IDLE_S = 600.0
TIMEOUT_S = 15.0
_LOOK_S = 5.0
_FAMILIES = ("plant.", "services.")


class Calculator:
    """Runs `module:function` of `plant` or `services` with plain arguments (numbers, texts, lists, numpy arrays) and gives back what it
    returns."""

    def __init__(self, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._turn = threading.Lock()
        self._child: SpawnProcess | None = None
        self._line: Connection | None = None
        self._used = 0.0
        self._watching = False

    def run(self, function: str, arguments: Mapping[str, Any], timeout_s: float = TIMEOUT_S) -> Any:
        """Raises what the function raises where that is a `PlantError`; Unavailable when it took longer than `timeout_s` (the wait for
        others included), failed otherwise, or its process ended."""
        until = time.monotonic() + timeout_s
        if not self._turn.acquire(timeout=timeout_s):
            raise Unavailable("the calculation process is busy; try again", retry_after=5)
        try:
            line = self._ready()
            line.send((function, dict(arguments)))
            if not line.poll(max(until - time.monotonic(), 0.0)):
                self._end()
                raise Unavailable(f"the calculation took longer than {timeout_s:g} s and was ended")
            good, answer = line.recv()
        except (EOFError, OSError) as error:
            self._end()
            raise Unavailable("the calculation process ended before it answered") from error
        finally:
            self._used = time.monotonic()
            self._turn.release()
        if not good:
            raise answer
        return answer

    def close(self) -> None:
        """End the process; the next calculation begins another."""
        with self._turn:
            self._end()

    def _ready(self) -> Connection:
        if self._child is not None and self._line is not None and self._child.is_alive():
            return self._line
        self._end()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._child = context.Process(target=_serve, args=(theirs, os.getpid()), name="calculations", daemon=True)
        self._child.start()
        theirs.close()
        self._line = ours
        if not self._watching:
            self._watching = True
            threading.Thread(target=self._watch, name="calculations", daemon=True).start()
        return ours

    def _end(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._child is not None:
            self._child.kill()
            self._child.join(5)
        self._line = self._child = None

    def _watch(self) -> None:
        """Ends a process that nobody asks any more."""
        while True:
            time.sleep(min(_LOOK_S, self._idle_s))
            with self._turn:
                if self._child is not None and time.monotonic() - self._used >= self._idle_s:
                    self._end()
                if self._child is None:
                    self._watching = False
                    return


CALCULATOR = Calculator()
"""The one of this process: pages and doors ask it."""
atexit.register(CALCULATOR.close)


def _serve(line: Connection, parent: int) -> None:
    """The calculation process itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which tells us
    with contextlib.suppress(OSError):
        os.nice(5)  # the server's streams come first
    while True:
        while not line.poll(_LOOK_S):
            if os.getppid() != parent:
                return
        try:
            function, arguments = line.recv()
        except (EOFError, OSError):
            return
        answer = _answer(function, arguments)
        try:
            line.send(answer)
        except (BrokenPipeError, OSError):
            return
        except Exception as error:  # it returned what cannot be sent
            line.send((False, Unavailable(f"the calculation gave back what cannot be sent: {type(error).__name__}")))


def _answer(function: str, arguments: Mapping[str, Any]) -> tuple[bool, Any]:
    module, _, name = function.partition(":")
    if not module.startswith(_FAMILIES) or not name:
        return False, Invalid(f"'{function}' is no calculation")
    try:
        return True, getattr(importlib.import_module(module), name)(**arguments)
    except PlantError as error:
        return False, error
    except Exception as error:
        log.exception("calculation %s failed", function)
        return False, Unavailable(f"the calculation failed: {type(error).__name__}; the server's log says more")
