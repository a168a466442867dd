"""What the racks report of themselves: open alarms of a unit or rack, and the words of its modules and of its BAMS in words of people."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.figures import sheet
from dashboard.figures.sheet import Sheet
from dashboard.loads.alarm_words import WORDING, sentence
from dashboard.loads.archive import site_second
from dashboard.loads.cells import KINDS, Holder, holder
from dashboard.loads.fleet import Fleet, fleet
from dashboard.loads.units import chosen_unit, rack_name, racks, unit_label
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant import wording
from plant.analysis.alarms import SEVERITIES
from plant.metrics import metric
from plant.model import Device, Kind
from plant.solarhub import BAMS, BATTERY_WORDS

TONES = {"protection": "protection", "alarm": "alarm", "warning": "warning"}
MOST = 50
_OPEN = ("active", "acknowledged")


def alarm_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per open alarm of the rack looked at, or of the unit and all its racks without one, the worst and newest first:
    `who`, `severity`, `said`, `raised` (site time), `state`. Empty when nothing is open; `more["quiet"]` says of whom."""
    plant = fleet(store, KINDS)
    unit = chosen_unit(plant, scope)
    if unit is None:
        return Table({})
    found = racks(plant, unit[1])
    if scope.rack is not None:
        found = {number: rack for number, rack in found.items() if number == scope.rack}
    names = {(rack.device_id, rack.kind): rack_name(number, scope.lang) for number, rack in found.items()}
    if scope.rack is None:
        names[unit[1].device_id, unit[1].kind] = unit_label(*unit, scope.lang)
    info = {(one.device_id, one.kind): one.info for one in (*found.values(), unit[1])}
    rows = [one for one in store.records.alarms(_OPEN, limit=2_000) if (one.device_id, one.kind) in names]
    rows.sort(key=lambda one: (-SEVERITIES.get(one.severity, 0), -one.raised))
    lang, keys = scope.lang, tuple(str(one.id) for one in rows[:MOST])
    who = unit_label(*unit, lang) if scope.rack is None else f"{unit_label(*unit, lang)} · {rack_name(scope.rack, lang)}"
    if not rows:
        return Table({}, more={"quiet": word("bess.alarms.none", lang, who=who)})
    columns: dict[str, list[Any]] = {
        "who": [names[one.device_id, one.kind] for one in rows[:MOST]],
        "severity": [word(f"severity.{one.severity}", lang) for one in rows[:MOST]],
        "said": [sentence(one, info[one.device_id, one.kind], lang) for one in rows[:MOST]],
        "raised": [site_second(one.raised, store) for one in rows[:MOST]],
        "state": [word(f"alarm.state.{'shelved' if one.is_shelved(plant.now) else one.state}", lang) for one in rows[:MOST]],
    }
    heads = {"who": "control.rack", "severity": "alarm.severity", "said": "alarm.said", "raised": "alarm.raised", "state": "alarm.state"}
    parts = tuple((name, word(head, lang), None) for name, head in heads.items())
    tones = {(str(one.id), "severity"): one.severity for one in rows[:MOST]}
    links = {(str(one.id), "said"): scope.elsewhere("/alarms") + _and(scope.elsewhere("/alarms"), f"alarm={one.id}") for one in rows[:MOST]}
    return Table(columns, plant.now, all(one.simulated for one in rows), {"sheet": Sheet(parts, keys, tones, links)})


def _and(link: str, more: str) -> str:
    return f"{'&' if '?' in link else '?'}{more}"


def alarm_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Asks for the table again when another alarm stands."""
    table = alarm_table(store, scope)
    spec: Sheet | None = table.more.get("sheet")
    return {"redraw": "" if spec is None else f"{spec.keys} {table.columns['state']}"}


def module_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per module of the rack looked at: `module`, `protection`, `alarm`, `warning`: `正常`, or what the bits that are set
    mean; None for what was never said."""
    plant = fleet(store, KINDS)
    found = holder(plant, scope)
    said = {what: _vector(plant, found, name) for what, name in BATTERY_WORDS.items()}
    count = max((len(values) for values, _ in said.values()), default=0)
    if found is None or count == 0:
        return Table({})
    lang = scope.lang
    keys = tuple(str(n + 1) for n in range(count))
    columns: dict[str, list[Any]] = {"module": [f"{word('name.module', lang)} {key}" for key in keys]}
    tones: dict[tuple[str, str], str] = {}
    for what, (values, _) in said.items():
        means = wording.meanings(found.device.info, BATTERY_WORDS[what], _wording(lang))
        columns[what] = [_text(values[n] if n < len(values) else None, lang, means) for n in range(count)]
        tones |= {(keys[n], what): TONES[what] for n, value in enumerate(values) if value and value == value}
    stale = [what for what, (values, at) in said.items() if values and plant.is_stale(found.device, at)]
    tones |= {(key, what): "stale" for key in keys for what in stale}
    heads = {what: metric(name).label(lang) for what, name in BATTERY_WORDS.items()}
    parts = (("module", found.name, None), *((what, heads[what], None) for what in BATTERY_WORDS))
    links = {(key, "module"): found.link(scope, module=int(key)) for key in keys}
    spec = Sheet(parts, keys, tones, links, str(scope.module or ""))
    return Table(columns, max(at for values, at in said.values() if values), plant.is_simulated([found.device]), {"sheet": spec})


def bams_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per status word of the rack's BAMS (S1's 64…80): `word`, `about` (what it is of, where the maker says so),
    `state`: `正常`, or what is set."""
    plant = fleet(store, KINDS)
    found = holder(plant, scope)
    values, at = _vector(plant, found, "bams_status")
    if found is None or not values:
        return Table({})
    lang, numbers = scope.lang, [BAMS[0] + place for place in range(len(values))]
    about = [wording.function(found.device.info, "bams_status", number, _wording(lang)) for number in numbers]
    keys = tuple(map(str, numbers))
    columns: dict[str, list[Any]] = {
        "word": [f"BAMS {number}" for number in numbers],
        "about": [text or None for text in about],
        "state": [_text(value, lang, (), text) for value, text in zip(values, about, strict=True)],
    }
    is_old = plant.is_stale(found.device, at)
    loud = [key for key, value in zip(keys, values, strict=True) if is_old or (value and value == value)]
    tones = {(key, "state"): "stale" if is_old else "warning" for key in loud}
    heads = (("word", found.name), ("about", word("bess.bams.about", lang)), ("state", word("alarm.state", lang)))
    spec = Sheet(tuple((name, head, None) for name, head in heads), keys, tones)
    return Table(columns, at, plant.is_simulated([found.device]), {"sheet": spec})


def words_frame(table: Table) -> Mapping[str, Any] | None:
    """The texts; when one comes to stand out, the table is asked for again."""
    return None if table.is_empty else sheet.frame(table)


def module_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest words of the modules."""
    return words_frame(module_table(store, scope))


def bams_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The newest words of the BAMS."""
    return words_frame(bams_table(store, scope))


def _vector(plant: Fleet, found: Holder | None, name: str) -> tuple[list[float], int]:
    device: Device | None = found.device if found and found.device.kind == Kind.RACK else None
    return plant.vector(device, name) or ([], 0)


def _wording(lang: str) -> str:
    return WORDING.get(lang, lang)


def _text(value: float | None, lang: str, means: Sequence[str], about: str = "") -> str | None:
    """A word as text; None when it was not said."""
    return None if value is None or value != value else wording.word_text(int(value), _wording(lang), means, about)
