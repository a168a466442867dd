"""What the card behind a figure is made of: the symbols of its formula, the numbers that went in, and the circumstances of both."""

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.scope import Scope
from datastore.store import Store
from plant.metrics import CATALOGUE
from plant.model import Window
from plant.rules import RuleSet


@dataclass(frozen=True, slots=True)
class Quantity:
    """One symbol of a formula: `of` a metric of the catalogue or a word key, `teller` the word key of who tells it; `unit` where the
    catalogue does not say (¤ is the currency of the figure), `own_decimals` likewise."""

    symbol: str
    of: str
    teller: str
    own_unit: str = ""
    own_decimals: int = 2

    @property
    def unit(self) -> str:
        """As written beside its values."""
        return self.own_unit or (CATALOGUE[self.of].unit if self.of in CATALOGUE else "")

    @property
    def decimals(self) -> int:
        """Of its values."""
        return CATALOGUE[self.of].decimals if self.of in CATALOGUE else self.own_decimals


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a figure comes about. `source` names a standard, `limits` are word keys of what is left out or may mislead."""

    formula: str
    inputs: tuple[Quantity, ...]
    source: str = ""
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """One number that went in: for which `symbol`, whose it is (a device, a part of the period; "" where the symbol says all), and from
    when [epoch ms UTC]. `value` None = not told. `unit` and `decimals` where they are not those of the symbol (lines of several)."""

    symbol: str
    value: float | None
    who: str = ""
    at: int | None = None
    unit: str = ""
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What went into a figure: the numbers; over which `window` (None = now) with which `coverage` (0…1); how many of how many devices
    are in it (`heard`); made from what (`resolution`, a word key); the versions of the `rules`; which `variant` of the formula (text);
    `why` there is no figure (text). `devices` and scalar `metrics` can be looked at in Explore. `is_now`: of the newest readings, whether
    or not their instants are told."""

    given: tuple[Given, ...] = ()
    window: Window | None = None
    coverage: float | None = None
    heard: tuple[int, int] | None = None
    resolution: str = ""
    rules: tuple[RuleSet, ...] = ()
    variant: str = ""
    why: str = ""
    devices: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    is_now: bool = False


Tell = Callable[[Store, Scope], Facts]
"""What tells the numbers behind one figure. Raises Unavailable."""


def q(symbol: str, of: str, teller: str, unit: str = "", decimals: int = 2) -> Quantity:
    """`of` a metric of the catalogue, else the word `explain.of.<of>`; told by the word `explain.by.<teller>`."""
    return Quantity(symbol, of if of in CATALOGUE else f"explain.of.{of}", f"explain.by.{teller}", unit, decimals)


def limits(*names: str) -> tuple[str, ...]:
    """The words `explain.limit.<name>`."""
    return tuple(f"explain.limit.{name}" for name in names)
