"""Write client/voltdeck_client.py, the typed Python client, from the OpenAPI document: `python scripts/client.py` (a test compares).

One file without dependencies, to be copied next to whatever uses it. Objects are TypedDicts, so what a server adds later does no harm.
"""

import json
import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from api import openapi  # noqa: E402
from api.routes import discover  # noqa: E402

TARGET = ROOT / "client" / "voltdeck_client.py"
GOOD = ("200", "201", "202", "204")

HEAD = '''"""Voltdeck's API as typed Python functions. Written by scripts/client.py from the OpenAPI document; copy it where you need it.

    plant = Client("http://localhost:8000", token="…")
    plant.post_api_telemetry([{"vin": "VIN-DEMO-001", "ts": "2026-01-24T12:05:00Z", "soc": 18.0}])
    plant.get_api_vehicles_vin_latest("VIN-DEMO-001")["soc"]

Every method is one operation: path parameters and body in order, query parameters by name. What the server refuses raises `Refused`,
which carries status, code, message and trace id. Needs Python 3.11 and nothing else.
"""

# ruff: noqa
from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict


class Refused(Exception):
    """The server did not do it: `status` of HTTP, `code` as on its page of error codes, `details`, and the `trace_id` of its log."""

    def __init__(self, status: int, body: Any) -> None:
        error = body.get("error", {}) if isinstance(body, dict) else {}
        self.status = status
        self.code: str = error.get("code", "")
        self.message: str = error.get("message", str(body)[:200])
        self.details: dict[str, Any] = error.get("details", {})
        self.trace_id: str = error.get("trace_id", "")
        super().__init__(f"{status} {self.code}: {self.message}")


class Transport:
    """How a request travels. `token` is an access token or an API key; `timeout` is in seconds."""

    def __init__(self, base: str = "http://localhost:8000", token: str = "", timeout: float = 30.0) -> None:
        self.base = base.rstrip("/")
        self.token = token
        self.timeout = timeout

    def _open(self, method: str, path: str, query: Mapping[str, Any], body: Any = None, media: str = "application/json") -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        text = urllib.parse.urlencode({name: _plain(value) for name, value in given.items()}, doseq=True)
        headers = {"Accept": "application/json, */*;q=0.5"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None
        if body is not None:
            headers["Content-Type"] = media
            data = body if isinstance(body, bytes) else _encoded(body, media)
        request = urllib.request.Request(f"{self.base}{path}{'?' + text if text else ''}", data, headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            with error:
                raw = error.read()
            try:
                raise Refused(error.code, json.loads(raw)) from None
            except ValueError:
                raise Refused(error.code, raw.decode("utf-8", "replace")) from None

    def _json(self, method: str, path: str, query: Mapping[str, Any], body: Any = None, media: str = "application/json") -> Any:
        with self._open(method, path, query, body, media) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None

    def _bytes(self, method: str, path: str, query: Mapping[str, Any], body: Any = None, media: str = "application/json") -> bytes:
        with self._open(method, path, query, body, media) as answer:
            return bytes(answer.read())

    def _events(self, method: str, path: str, query: Mapping[str, Any]) -> Iterator[Any]:
        """The data of server-sent events, as JSON, until the caller stops asking."""
        with self._open(method, path, query) as answer:
            for line in answer:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _encoded(body: Any, media: str) -> bytes:
    if media == "application/x-www-form-urlencoded":
        return urllib.parse.urlencode(body).encode()
    return body.encode() if isinstance(body, str) else json.dumps(body, allow_nan=False).encode()


def _part(value: Any) -> str:
    return urllib.parse.quote(str(value), safe="")

'''


def python_type(schema: Mapping[str, Any]) -> str:
    """The annotation of a JSON schema."""
    if "$ref" in schema:
        return class_name(schema["$ref"].rpartition("/")[2])
    if "enum" in schema or "const" in schema:
        return f"Literal[{', '.join(map(repr, schema.get('enum', [schema.get('const')])))}]"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(dict.fromkeys(python_type(option) for option in schema[key]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(dict.fromkeys(python_type({**schema, "type": one}) for one in kind))
    if kind == "array":
        return f"list[{python_type(schema.get('items', {}))}]"
    if kind == "object":
        more = schema.get("additionalProperties")
        return f"dict[str, {python_type(more) if isinstance(more, dict) else 'Any'}]"
    return {"string": "str", "number": "float", "integer": "int", "boolean": "bool", "null": "None"}.get(str(kind), "Any")


def class_name(name: str) -> str:
    """A component's name as a Python name."""
    return re.sub(r"\W", "_", name)


def typed_dicts(schemas: Mapping[str, Any]) -> Iterator[str]:
    """One definition per component; forward references are text, so their order does not matter."""
    for name, schema in sorted(schemas.items()):
        fields = {key: _field(value, key in schema.get("required", ())) for key, value in schema.get("properties", {}).items()}
        if schema.get("type") != "object" or not fields:
            yield f"{class_name(name)} = {python_type(schema)}\n"
        elif all(key.isidentifier() and not keyword.iskeyword(key) for key in fields):
            lines = "".join(f"    {key}: {kind}\n" for key, kind in fields.items())
            yield f"class {class_name(name)}(TypedDict):\n{lines}"
        else:
            inside = ", ".join(f"{key!r}: {kind!r}" for key, kind in fields.items())
            yield f"{class_name(name)} = TypedDict({class_name(name)!r}, {{{inside}}})\n"


def _field(schema: Mapping[str, Any], required: bool) -> str:
    kind = python_type(schema)
    return kind if required else f"NotRequired[{kind}]"


def methods(document: Mapping[str, Any]) -> Iterator[str]:
    """One method per operation that a program calls."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "documents" not in operation["tags"]:
                yield _method(method.upper(), path, operation)
                if _also_as_file(operation):
                    yield _method(method.upper(), path, {**operation, "operationId": f"{operation['operationId']}_file"}, as_file=True)


def _also_as_file(operation: Mapping[str, Any]) -> bool:
    contents = [response.get("content", {}) for response in operation["responses"].values()]
    return any(len(content) > 1 and "application/json" in content for content in contents)


def _method(method: str, path: str, operation: Mapping[str, Any], as_file: bool = False) -> str:
    parameters = operation["parameters"]
    positional = [f"{_name(p['name'])}: {python_type(p['schema'])}" for p in parameters if p["in"] == "path"]
    query = [p for p in parameters if p["in"] == "query"]
    media, body = _body(operation)
    if body:
        positional.append(body)
    named = [f"{_name(p['name'])}: {_query_type(p)}" for p in sorted(query, key=lambda p: not p["required"])]
    signature = ", ".join(["self", *positional, *(["*"] if named else []), *named])
    returns, how = ("bytes", "_bytes") if as_file else _returns(operation)
    where = "f" + repr(re.sub(r"{(\w+)}", lambda found: "{_part(" + _name(found[1]) + ")}", path)) if "{" in path else repr(path)
    asked = "{" + ", ".join(f"{p['name']!r}: {_name(p['name'])}" for p in query) + "}"
    more = f", body, {media!r}" if body else ""
    call = f"self.{how}({method!r}, {where}, {asked}{more})"
    lines = [
        f"    def {operation['operationId']}({signature}) -> {returns}:",
        f'        """{_sentence(operation)}{" As bytes, in the format asked for." if as_file else ""}"""',
    ]
    if how == "_json" and returns not in ("Any", "None"):
        return "\n".join([*lines, f"        answer: {returns} = {call}", "        return answer"]) + "\n"
    return "\n".join([*lines, f"        {call}" if returns == "None" else f"        return {call}"]) + "\n"


def _sentence(operation: Mapping[str, Any]) -> str:
    return str(operation["summary"]).replace("\\", "\\\\").rstrip(".") + "."


def _name(name: str) -> str:
    plain = re.sub(r"\W", "_", name)
    return f"{plain}_" if keyword.iskeyword(plain) or plain in ("self", "body") else plain


def _query_type(parameter: Mapping[str, Any]) -> str:
    kind = python_type(parameter["schema"])
    return kind if parameter["required"] else f"{kind} | None = None"


def _body(operation: Mapping[str, Any]) -> tuple[str, str]:
    """Media type and parameter of the body; both empty when there is none."""
    described = operation.get("requestBody")
    if not described:
        return "", ""
    media, entry = next(iter(described["content"].items()))
    kind = python_type(entry.get("schema", {})) if "json" in media or "form" in media else "str | bytes"
    kind = re.sub(r"\blist\[", "Sequence[", kind)  # callers may send tuples
    return media, f"body: {kind}" if described["required"] else f"body: {kind} | None = None"


def _returns(operation: Mapping[str, Any]) -> tuple[str, str]:
    """What the good answers are, and how they are read."""
    found = [response for status, response in operation["responses"].items() if status in GOOD]
    kinds: list[str] = []
    for response in found:
        content = response.get("content", {})
        if any("event-stream" in media for media in content):
            return "Iterator[Any]", "_events"
        if content and "application/json" not in content:
            return "bytes", "_bytes"
        kinds.append(python_type(content["application/json"].get("schema", {})) if content else "None")
    return " | ".join(dict.fromkeys(kinds)) or "None", "_json"


def client() -> str:
    """The whole file."""
    document = json.loads(json.dumps(openapi.document(discover())))
    types = "\n\n".join(typed_dicts(document["components"]["schemas"]))
    body = "\n".join(methods(document))
    return f'{HEAD}\n{types}\n\nclass Client(Transport):\n    """Every operation of the API."""\n\n{body}'


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(client(), encoding="utf-8")
