"""What a setting is: one environment variable with a default and a reason."""

from dataclasses import dataclass


class SettingError(ValueError):
    """A setting makes no sense; the message is one line that names it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable. `secret` ones are never printed. `aliases` are other documents' names for it, ours wins."""

    name: str
    default: str
    help: str
    secret: bool = False
    aliases: tuple[str, ...] = ()
