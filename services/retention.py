"""How long readings are kept, by kind: the setting RETENTION_DAYS, as `rack=90, pcs=365`. What it does not name is kept for good.
Messages and commands have settings of their own."""

import logging
from collections.abc import Mapping

from datastore.ports import DOCUMENTS
from datastore.store import Store
from plant.metrics import KINDS
from plant.model import DAY

log = logging.getLogger(__name__)

OLD_DRAWERS = ("commands", "allocations")
"""Entries of which only the recent ones are looked at."""


def rules_of(text: str) -> dict[str, int]:
    """Kind → days. Raises ValueError, with one line, for what makes no sense.

    >>> rules_of("rack=90, pcs=365")
    {'rack': 90, 'pcs': 365}
    """
    rules: dict[str, int] = {}
    for rule in filter(None, (part.strip() for part in text.split(","))):
        kind, _, days = (part.strip() for part in rule.partition("="))
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not a kind of device; there are {', '.join(KINDS)}")
        if not (days.isascii() and days.isdigit()) or not 1 <= int(days) <= 36_500:
            raise ValueError(f"{rule!r} needs whole days from 1 to 36500, such as {kind}=90")
        if kind in rules:
            raise ValueError(f"{kind!r} is given twice")
        rules[kind] = int(days)
    return rules


def before(days: int, now: int) -> int:
    """Readings older than this go: whole UTC days, so that chunks go whole."""
    return (now - days * DAY) // DAY * DAY


def apply(store: Store, rules: Mapping[str, int], document_days: int, now: int, command_days: int = 0) -> int:
    """Drop what the rules no longer keep, whole messages older than `document_days` and commands and allocations older than
    `command_days` (0: none); how many rows, chunks, messages and entries."""
    dropped = 0
    for kind, days in rules.items():
        count = store.telemetry.forget(kind, before(days, now))
        if count:
            log.info("retention: %d rows and chunks of %s older than %d days dropped", count, kind, days)
        dropped += count
    for collection in DOCUMENTS if document_days else ():
        dropped += store.records.forget_documents(collection, now - document_days * DAY)
    for drawer in OLD_DRAWERS if command_days else ():
        dropped += store.records.forget_entries(drawer, now - command_days * DAY)
    return dropped
