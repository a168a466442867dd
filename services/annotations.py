"""Notes people write on stretches of time: a test, a repair, a storm. Charts and Grafana show them."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from datastore.backends.record_limits import is_text
from datastore.ports import Entry, Records
from datastore.store import Store
from plant.errors import Conflict, DeviceNotFound, Invalid, NotFound
from plant.metrics import metric
from plant.model import Annotation, Window
from plant.timeline import EARLIEST, LATEST
from services.access import Identity

LONGEST_TEXT = 2_000
MOST_TAGS = 20
LONGEST_TAG = 64
_DRAWER = "annotations"
_MOST = 100_000

Place = tuple[int, str]
"""(start [epoch ms], id): annotations are listed by it, newest first."""


def may_change(who: Identity, note: Annotation) -> bool:
    """Whether this caller may change or remove the note: one's own, everybody's who looks after alarms."""
    return who.may("annotate") and (note.author in ("", who.username) or who.may("alarms"))


def add(store: Store, given: Annotation) -> Annotation:
    """Keep a note; returns it with its id and the time it was written. Raises Invalid, DeviceNotFound, MetricNotFound."""
    note = replace(_checked(store, given), created=store.clock(), id=secrets.token_hex(8))
    kept = store.records.put_entry(_entry(note))
    store.records.audit(note.created, note.author or "(anonymous)", "note added", f"{note.id}: {note.text[:200]}")
    return _note(kept)


def edit(store: Store, given: Annotation, who: str) -> Annotation:
    """The note with the id of `given` as `given` says it, but for its author and when it was written, provided that it still has the
    version of `given`. Raises NotFound, Conflict when somebody else was faster, and what `add` raises."""
    kept = find(store.records, given.id)
    note = replace(_checked(store, given), author=kept.author, created=kept.created)
    if kept.version != note.version:
        raise Conflict(f"Annotation '{kept.id}' was changed meanwhile", version=kept.version)
    entry = store.records.put_entry(_entry(note))
    store.records.audit(store.clock(), who or "(anonymous)", "note changed", f"{note.id}: {note.text[:200]}")
    return _note(entry)


def _checked(store: Store, given: Annotation) -> Annotation:
    text, tags = given.text.strip(), tuple(dict.fromkeys(tag.strip() for tag in given.tags))
    if not 0 < len(text) <= LONGEST_TEXT:
        raise Invalid(f"A note has 1 to {LONGEST_TEXT} characters")
    if not all(map(is_text, (text, *tags))):
        raise Invalid("The note contains NUL or half a surrogate pair")
    if len(tags) > MOST_TAGS or not all(0 < len(tag) <= LONGEST_TAG for tag in tags):
        raise Invalid(f"A note has at most {MOST_TAGS} tags of 1 to {LONGEST_TAG} characters")
    if not EARLIEST <= given.start <= given.end <= LATEST:
        raise Invalid("A note begins before it ends")
    if given.device_id and all(device.device_id != given.device_id for device in store.records.devices()):
        raise DeviceNotFound(given.device_id)
    if given.metric:
        metric(given.metric)
    return replace(given, text=text, tags=tags)


def find(records: Records, annotation_id: str) -> Annotation:
    """The note with this id. Raises NotFound."""
    entry = records.entry(_DRAWER, annotation_id) if 0 < len(annotation_id) <= 64 else None
    if entry is None:
        raise NotFound(f"There is no annotation '{annotation_id[:40]}'", annotation_id=annotation_id[:40])
    return _note(entry)


def listed(
    records: Records,
    window: Window | None = None,
    device_id: str | None = None,
    tags: Sequence[str] = (),
    limit: int = _MOST,
    after: Place | None = None,
) -> tuple[list[Annotation], Place | None]:
    """At most `limit` notes that touch the window, newest first, behind `after`, and the place of the last one when there are more.
    With `device_id` those of this device and those of the whole plant; with `tags` those that have all of them."""
    before = None if window is None else Window(EARLIEST, window.end)
    kept = records.entries(_DRAWER, window=before, limit=_MOST)
    notes = [_note(entry) for entry in kept if device_id is None or entry.subject in ("", device_id)]
    fits = [
        note
        for note in notes
        if (window is None or note.end >= window.start) and set(tags) <= set(note.tags) and (after is None or (note.start, note.id) < after)
    ]
    more = (fits[limit - 1].start, fits[limit - 1].id) if len(fits) > limit else None
    return fits[:limit], more


def version(records: Records) -> int:
    """Grows with every note that is written, changed or removed."""
    return records.entries_version(_DRAWER)


def remove(store: Store, annotation_id: str, who: str) -> None:
    """Forget a note. Raises NotFound."""
    note = find(store.records, annotation_id)
    store.records.drop_entry(_DRAWER, annotation_id)
    store.records.audit(store.clock(), who or "(anonymous)", "note removed", f"{note.id}: {note.text[:200]}")


def _entry(note: Annotation) -> Entry:
    body = {
        "end": note.end, "text": note.text, "author": note.author, "metric": note.metric, "tags": list(note.tags), "created": note.created,
    }  # fmt: skip
    return Entry(_DRAWER, note.id, note.device_id, "", note.start, body, note.version)


def _note(entry: Entry) -> Annotation:
    said = entry.body
    about = (said["end"], said["text"], said["author"], entry.subject, said["metric"], tuple(said["tags"]), said["created"])
    return Annotation(entry.at, *about, entry.id, entry.version)
