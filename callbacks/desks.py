"""What all desks share: the form is filled by who looks, a button does what it says, the answer stands above the form, and the panels that
show it are asked for again."""

from collections.abc import Callable, Sequence
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update

from dashboard import desk, door
from dashboard.scope import Scope
from datastore.store import Store
from plant.errors import PlantError
from services.config import Config

Form = Callable[[Scope], Any]
"""What this visitor finds at the desk."""
Done = Callable[[tuple[str, str], desk.Fields, Scope], Any]
"""(what, about), the fields, where → what to tell, a text or more than that. Raises PlantError."""


def plainly(error: PlantError, scope: Scope) -> Any:
    """Why it was not done."""
    return desk.told("alarm", error.message)


def wire(
    app: Dash,
    store: Store,
    config: Config,
    name: str,
    path: str,
    form: Form,
    done: Done,
    redrawn: Sequence[str] = (),
    refused: Callable[[PlantError, Scope], Any] = plainly,
) -> None:
    """The callbacks of the desk `name` on the page at `path` (`dashboard.desk.places` draws its places); `redrawn` are the panels that show
    what it changes."""
    fill(app, config, name, path, form)
    answer(app, store, config, name, done, redrawn, refused)


def fill(app: Dash, config: Config, name: str, path: str, form: Form, again: bool = True) -> None:
    """The callback that fills the desk `name` when its places are put, which a change of the scope does anew; and after each button too,
    unless what is in the form then is still the person's (`again`)."""

    put = Input(f"{name}-done", "data") if again else Input(f"{name}-said", "id")

    @app.callback(Output(f"{name}-body", "children"), put, State("scope", "data"))
    def filled(_: Any, scope: Any) -> Any:
        return _shown(path, form, scope, config)


def answer(
    app: Dash,
    store: Store,
    config: Config,
    name: str,
    done: Done,
    redrawn: Sequence[str] = (),
    refused: Callable[[PlantError, Scope], Any] = plainly,
) -> None:
    """The callback of the buttons of the desk `name`."""

    @app.callback(
        Output(f"{name}-said", "children"),
        Output(f"{name}-done", "data"),
        *(Output({"type": "redraw", "id": panel}, "data") for panel in redrawn),
        Input({"type": f"{name}-do", "what": ALL, "about": ALL}, "n_clicks"),
        State({"type": f"{name}-in", "field": ALL}, "value"),
        State({"type": f"{name}-in", "field": ALL}, "id"),
        State("scope", "data"),
        prevent_initial_call=True,
    )
    def act(_clicks: Any, values: Any, ids: Any, scope: Any) -> Any:
        wanted = desk.pressed(ctx.triggered)
        still = (no_update,) * (1 + len(redrawn))
        if wanted is None:
            return no_update, *still
        seen = door.seen(door.fields(scope, "scope") or {}, config.site_tz)
        try:
            said = done(wanted, desk.given(ids, values), seen)
        except PlantError as error:
            return refused(error, seen), *still
        token = f"{store.clock()} {wanted[0]} {wanted[1]}"
        return desk.told("good", said) if isinstance(said, str) else said, *(token,) * (1 + len(redrawn))


def watch(app: Dash, config: Config, name: str, path: str, listed: Callable[[Scope], Any]) -> None:
    """The callbacks that list the files of the desk `name` on the page at `path`: after each button, and at each tick while one is made.
    `listed` answers what is shown, or `no_update`; raises PlantError."""

    @app.callback(Output(f"{name}-files", "children"), Input(f"{name}-done", "data"), State("scope", "data"))
    def show(_done: Any, scope: Any) -> Any:
        return _shown(path, listed, scope, config)

    @app.callback(
        Output(f"{name}-files", "children", allow_duplicate=True),
        Input(f"{name}-tick", "n_intervals"),
        State("scope", "data"),
        prevent_initial_call=True,
    )
    def look(_n: Any, scope: Any) -> Any:
        return _shown(path, listed, scope, config)


def _shown(path: str, form: Form, scope: Any, config: Config) -> Any:
    """What stands at a desk of the page at `path`; nothing new once another page is shown."""
    view = door.fields(scope, "scope") or {}
    if view.get("path", path) != path:
        return no_update
    try:
        return form(door.seen(view, config.site_tz))
    except PlantError as error:
        return desk.told("alarm", error.message)
