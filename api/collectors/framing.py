"""What all framers share: how bad input is counted, and when a connection has sent too much of it."""

from dataclasses import dataclass

MOST_IN_A_ROW = 100
"""After so much nonsense without one good message between, a connection is closed: whoever sends there speaks another language."""


@dataclass(slots=True)
class Rejects:
    """Bad input of one connection: how much since its begin and since the last good message, and what was wrong last (never the
    bytes themselves)."""

    count: int = 0
    in_a_row: int = 0
    last: str = ""

    def note(self, reason: str) -> None:
        """One more."""
        self.count += 1
        self.in_a_row += 1
        self.last = reason

    def good(self) -> None:
        """A message made sense."""
        self.in_a_row = 0

    @property
    def too_many(self) -> bool:
        """Whether it is time to hang up."""
        return self.in_a_row >= MOST_IN_A_ROW
