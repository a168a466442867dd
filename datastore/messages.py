"""Whole messages on their way into the records, with a spool of their own for the time in which these do not answer.

A message that was acknowledged is durable: in the records, or in the spool, from where it gets there in its turn. What a process that
was killed had brought over already is recognised by the next one.
"""

import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any

from datastore.backends.record_limits import check_collection, to_json
from datastore.detour import ROWS_PER_COMMIT, Detour, store_down
from datastore.ports import Records
from datastore.spool import Spool
from plant.model import Block

_BODY = ("document",)
_REMEMBERED = 2 * ROWS_PER_COMMIT


class Messages:
    """Safe to use from any thread. With a `spool`, which it closes at the end, messages are accepted while the records do not answer."""

    def __init__(self, records: Records, clock: Callable[[], int], spool: Spool | None = None) -> None:
        self._records = records
        self._kept: OrderedDict[str, None] = OrderedDict()
        self._is_first = spool is not None and not spool.is_empty  # what an earlier process left may be in the records already
        self._detour = None if spool is None else Detour(spool, self._bring, clock)

    @property
    def waiting(self) -> int:
        """Messages in the spool now."""
        return 0 if self._detour is None else self._detour.backlog.waiting

    def wait_for_spool(self, timeout_s: float) -> bool:
        """Wait until nothing is left in the spool; whether that is so."""
        return self._detour is None or self._detour.wait(timeout_s)

    def keep(self, collection: str, document: Mapping[str, Any], received: int) -> str | None:
        """Keep a message of one of `ports.DOCUMENTS`, received at [epoch ms], durably: its id, or None while it waits in the spool.
        Raises Invalid for what no store can keep, Unavailable when neither records nor spool take it."""
        check_collection(collection)
        text = to_json(dict(document), f"the {collection} document")
        waits = [[Block(collection, _BODY, [(token_hex(8), received, 0, 0, text)])]]
        if self._detour is not None and self._detour.is_open and self._detour.put(waits):
            return None
        try:
            return self._records.keep_document(collection, document, received)
        except Exception as error:
            down = store_down(error)
            if down is None or self._detour is None:
                raise
            self._detour.put(waits, down.message)
            return None

    def close(self) -> None:
        """Bring over what goes without hanging; the rest stays on disk. Idempotent."""
        if self._detour is not None:
            self._detour.close()

    def _bring(self, blocks: list[Block]) -> None:
        """From the spool into the records, each message once also when this is interrupted and called again."""
        known = self._known(blocks) if self._is_first else Counter()
        for block in blocks:
            for key, received, _, _, text in block.rows:
                if key in self._kept:
                    continue
                if known[block.kind, text]:
                    known[block.kind, text] -= 1
                else:
                    self._records.keep_document(block.kind, json.loads(text), received)
                self._kept[key] = None
                while len(self._kept) > _REMEMBERED:
                    self._kept.popitem(last=False)
        self._is_first = False

    def _known(self, blocks: list[Block]) -> Counter[tuple[str, str]]:
        """(collection, message) → how often the records have it already, of those received since the oldest of `blocks`."""
        found: Counter[tuple[str, str]] = Counter()
        for collection in {block.kind for block in blocks}:
            since = min(row[1] for block in blocks if block.kind == collection for row in block.rows)
            kept = self._records.documents(collection, since, _REMEMBERED)
            found.update((collection, to_json(dict(one), collection)) for one in kept)
        return found
