"""The demo plant's past, simulated in a process of its own, so that simulating and storing use two processors."""

import multiprocessing
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from plant.simulation import Design, Plant, State
from services.demo_history import Part, slices


@dataclass(frozen=True, slots=True)
class Done:
    """A slice is complete: the state after it, and how far it reaches (epoch ms)."""

    after: State
    until: int


def history(design: Design, state: State, until: int, site_id: str, told: bool = False) -> Generator[Part | Done, None, None]:
    """The parts of each slice of `slices`, a Done after each, made ahead as far as a pipe and the consumer's pace allow.

    Raises what the simulation raised, and RuntimeError when its process ended before its work. Closing the iterator ends the process.
    """
    spawn = multiprocessing.get_context("spawn")
    receiving, sending = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_simulate, args=(sending, design, state, until, site_id, told), name="demo-simulation", daemon=True)
    process.start()
    sending.close()  # the other process has the only end left, so that its death is seen here
    try:
        while (message := receiving.recv()) is not None:
            if isinstance(message, Exception):
                raise message
            yield message
    except EOFError:
        raise RuntimeError("the process that simulates the plant ended before its work was done") from None
    finally:
        receiving.close()  # a process still at work fails at its next word
        process.terminate()
        process.join()
        process.close()


def _simulate(sending: Connection, design: Design, state: State, until: int, site_id: str, told: bool) -> None:
    with suppress(BrokenPipeError, KeyboardInterrupt):  # whoever wanted this is gone
        try:
            for piece in slices(Plant(design), state, until, until, site_id, told):
                for part in piece.parts:
                    sending.send(part)
                sending.send(Done(piece.after, piece.until))
            sending.send(None)
        except BrokenPipeError:
            raise
        except Exception as error:  # carried over to the process that waits for the parts
            sending.send(error)
