"""The dataset builder at work: what is chosen is counted and weighed while it is chosen, asked for, watched, cancelled and fetched."""

from collections.abc import Mapping
from typing import Any

from dash import ALL, Dash, Input, Output, State, no_update

from callbacks import desks
from dashboard import dataset, desk, door
from dashboard.dataset import DESK, Choice
from dashboard.page import Scope
from dashboard.visitor import visitor
from dashboard.words import word
from datastore.store import Store
from plant.errors import Forbidden, Invalid, NotFound, PlantError
from services import datasets, exports
from services.config import Config
from services.exports import Export, Query

NEED = "export"
PATH = "/explore"


def wire(app: Dash, store: Store, config: Config) -> None:
    """Fill the builder by who looks, weigh what is chosen, and do what its buttons say."""
    most = config.exports_mb << 20

    def form(seen: Scope) -> Any:
        if may_export():
            return dataset.form(store, seen)
        return [] if visitor().pages is not None else desk.login("dataset.login", PATH, seen)  # nobody stands at a wall screen

    @app.callback(
        Output(f"{DESK}-size", "children"),
        Output({"type": f"{DESK}-count", "kind": ALL}, "children"),
        Input({"type": f"{DESK}-in", "field": ALL}, "value"),
        State({"type": f"{DESK}-in", "field": ALL}, "id"),
        State({"type": f"{DESK}-count", "kind": ALL}, "id"),
        State("scope", "data"),
    )
    def weigh(values: Any, ids: Any, count_ids: Any, scope: Any) -> Any:
        seen = door.seen(door.fields(scope, "scope") or {}, config.site_tz)
        kinds = [door.text((door.fields(one, "id") or {}).get("kind"), "kind") for one in count_ids]
        still: list[Any] = [no_update] * len(kinds)
        if not may_export():
            return no_update, still
        given = desk.given(ids, values)
        try:
            known = dataset.by_kind(store)
            said = dict(zip(known, dataset.counts(known, chosen(given), seen.lang), strict=True))
            still = [said.get(kind, no_update) for kind in kinds]
            query = dataset.asked(store, chosen(given), texts(given), seen.lang)
            return dataset.told(datasets.size_of(store, query, most), query, most, seen.lang), still
        except PlantError as error:
            return error.message, still

    def done(wanted: tuple[str, str], given: desk.Fields, seen: Scope) -> str:
        if not may_export():
            raise Forbidden(word("set.refused", seen.lang))
        what, about = wanted
        if what == "make":
            return make(store, dataset.asked(store, chosen(given), texts(given), seen.lang), most, seen)
        if what in ("cancel", "remove"):
            return end(store, config, about, seen)
        raise Forbidden("There is no such action")

    def listed(seen: Scope) -> Any:
        if not may_export():
            return no_update
        return dataset.files(exports.listed(store.records, visitor().username, what="series"), config.export_days, seen)

    desks.fill(app, config, DESK, PATH, form, again=False)
    desks.answer(app, store, config, DESK, done)
    desks.watch(app, config, DESK, PATH, listed)


def may_export() -> bool:
    """Whether who looks may have files of the whole plant; nobody stands at a wall screen."""
    me = visitor()
    return me.may(NEED) and me.pages is None and me.limited_to is None


def make(store: Store, query: Query, most: int, seen: Scope) -> str:
    """Ask for the file. Raises Invalid for one that breaks a limit, Conflict when too many wait."""
    size = datasets.size_of(store, query, most)
    if size.over:
        raise Invalid(dataset.told(size, query, most, seen.lang))
    exports.submit(store.records, visitor().username, query, store.clock())
    return word("dataset.asked", seen.lang)


def end(store: Store, config: Config, about: str, seen: Scope) -> str:
    """Cancel or remove one of one's own files. Raises NotFound, for another's too."""
    export: Export = exports.find(store.records, about)
    if export.owner != visitor().username or export.query.what != "series":
        raise NotFound(f"There is no export '{about[:40]}'")
    exports.cancel(store.records, config.exports_dir, export.id, store.clock())
    return word("dataset.stopped" if export.state in exports.OPEN else "dataset.gone", seen.lang)


def chosen(given: desk.Fields) -> Mapping[str, Choice]:
    """What is ticked by kind. What a browser says of its components is no more than a claim."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, value in given.items():
        what, mark, kind = name.removeprefix("every ").partition("@")
        if mark:
            ticked = [door.text(one, "value") for one in value] if isinstance(value, list) else []
            found.setdefault(kind, {}).setdefault(what, []).extend(ticked)
    return {kind: Choice(tuple(one.get("devices", ())), tuple(one.get("metrics", ()))) for kind, one in found.items()}


def texts(given: desk.Fields) -> Mapping[str, str]:
    """The other fields of the form as texts."""
    return {name: desk.line(given, name) for name in given if "@" not in name}
