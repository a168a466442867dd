"""What happens in the browser alone: theme and language on the document, controls into the URL, who is filled when."""

from dash import ALL, ClientsideFunction, Dash, Input, Output, State


def wire(app: Dash) -> None:
    """Clientside functions live in `dashboard/assets/`: no inline script, no server round trip."""
    app.clientside_callback(ClientsideFunction("voltdeck", "apply"), Output("applied", "children"), Input("scope", "data"))
    app.clientside_callback(
        ClientsideFunction("voltdeck", "choose"),
        Output("applied", "title"),
        Input({"type": "control", "id": ALL}, "value"),
        Input({"type": "controls", "id": ALL}, "value"),
        State("scope", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("voltdeck", "fill"),
        Output({"type": "scope", "id": ALL}, "data"),
        Input("scope", "data"),
        Input({"type": "scope", "id": ALL}, "id"),
        State({"type": "scope", "id": ALL}, "data"),
    )
