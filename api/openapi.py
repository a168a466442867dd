"""OpenAPI 3.1 from the declarations that validate: what is documented is what is checked."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from api.contract import PUBLIC, SERVICE, VERSION, Declared, Ingest, Operation
from api.errors import FAULTS, code_of_status, invalid_status

_REF = "#/components/schemas/{model}"

ERROR_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["detail", "error"],
    "properties": {
        "detail": {
            "description": "a sentence; with 422 one entry per fault",
            "anyOf": [
                {"type": "string"},
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["type", "loc", "msg", "input"],
                        "properties": {
                            "type": {"type": "string"},
                            "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                            "msg": {"type": "string"},
                            "input": {},
                        },
                    },
                },
            ],
        },
        "rate_limit": {"type": "object", "description": "with 429: limit, remaining, reset_time, window_seconds"},
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "timestamp", "trace_id", "documentation_url"],
            "properties": {
                "code": {"type": "string", "examples": sorted(FAULTS)},
                "message": {"type": "string"},
                "details": {"type": "object", "description": "for invalid input `field_errors` lists `{field, message, received_value}`"},
                "timestamp": {"type": "string", "format": "date-time"},
                "trace_id": {"type": "string"},
                "documentation_url": {"type": "string"},
            },
        },
    },
}
TAGS = (
    ("service", "Service info, health, figures"),
    ("vehicles", "Vehicles by VIN"),
    ("readings", "Readings of any device in and out"),
    ("bess", "BMS and PCS readings in batches"),
    ("battery", "Battery monitor, its performance and predictions"),
    ("solarhub", "SolarHub: system, BESS, PCS, meters, inverters, schedule, analysis, configuration"),
    ("schedule", "Awards: added, changed, removed, brought in as a table"),
    ("streams", "Live readings as server-sent events"),
    ("records", "Devices, alarms, catalogue"),
    ("devices", "Devices, their nameplates, limits and state"),
    ("telemetry", "Telemetry of a device"),
    ("fleet", "A site's batteries as one fleet"),
    ("commands", "Commands to devices and their answers"),
    ("forecasts", "What comes next, and how sure that is"),
    ("twin", "Digital twins and what-if runs of batteries"),
    ("coordinator", "A site's power over its batteries"),
    ("alarms", "Alarms and what people do about them"),
    ("annotations", "Notes on stretches of time"),
    ("exports", "Files of long histories, made apart"),
    ("foreign", "Influx line protocol, collectd: what other systems send"),
    ("grafana", "Grafana JSON data source"),
    ("auth", "Login and tokens"),
    ("access", "Users, API keys, kiosk links and screens, the audit log"),
    ("documents", "This documentation"),
)


def document(operations: Iterable[Declared]) -> dict[str, Any]:
    """The whole description as a JSON value."""
    schemas: dict[str, Any] = {"Error": dict(ERROR_SCHEMA)}
    paths: dict[str, Any] = {}
    used: set[str] = set()
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
        used.add(operation.tag)
    known = dict(TAGS)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{SERVICE} API",
            "version": VERSION,
            "description": "Telemetry of battery storage, solar plants and vehicles, in and out. "
            "Errors carry `detail` and an `error` envelope; every answer carries `X-Trace-Id`. "
            "Times in are ISO 8601 or epoch seconds or milliseconds.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": name, "description": known.get(name, name)} for name in [*[n for n in known if n in used], *sorted(used - set(known))]
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _operation(operation: Declared, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _operation_id(operation),
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": _parameters(operation, schemas),
        "responses": _responses(operation, schemas),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.access != PUBLIC:
        described["security"] = [{"bearer": []}, {"key": []}, {}]  # the empty one: AUTH_MODE=open needs no token to read or to send
    body = _body(operation, schemas)
    if body:
        described["requestBody"] = body
    return described


def _operation_id(operation: Declared) -> str:
    words = operation.path.replace("{", "").replace("}", "").replace(".", "_").replace("-", "_").strip("/").split("/")
    return "_".join([operation.method.lower(), *[w for w in words if w]]) if words != [""] else f"{operation.method.lower()}_root"


def _parameters(operation: Declared, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if operation.params is None:
        return []
    schema = operation.params.model_json_schema(ref_template=_REF)
    _name(schemas, schema.pop("$defs", {}))
    required = set(schema.get("required", ()))
    parameters = []
    for name, field in schema["properties"].items():
        field = {key: value for key, value in field.items() if key != "title"}
        in_path = name in operation.path_names
        parameter = {
            "name": name,
            "in": "path" if in_path else "query",
            "required": in_path or name in required,
            "schema": _without_null(field),
        }
        if "description" in parameter["schema"]:
            parameter["description"] = parameter["schema"].pop("description")
        if in_path:
            parameter["schema"].setdefault("minLength", 1)
        parameters.append(parameter)
    return parameters


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is there or not; it is never null."""
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1 and len(schema.get("anyOf", [])) == 2:
        rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        return {**options[0], **rest}
    return {key: value for key, value in schema.items() if not (key == "default" and value is None)}


def _body(operation: Declared, schemas: dict[str, Any]) -> dict[str, Any] | None:
    if isinstance(operation, Ingest):
        content = {}
        for media, schema in operation.body_schema.items():
            content[media] = {"schema": schema}
            if media in operation.body_examples:
                content[media]["examples"] = {"document": {"value": operation.body_examples[media]}}
        return {"required": not operation.empty_is_good, "content": content}
    if isinstance(operation, Operation) and operation.body is not None:
        entry: dict[str, Any] = {"schema": _schema(operation.body, schemas, "validation")}
        if operation.body_example is not None:
            entry["examples"] = {"document": {"value": operation.body_example}}
        return {"required": not operation.optional, "content": {operation.body_media: entry}}
    return None


def _responses(operation: Declared, schemas: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media in operation.media:
        content[media] = {"schema": {} if operation.reply is None else _schema(operation.reply, schemas, "serialization")}
        if operation.example is not None:
            content[media]["examples"] = {"document": {"value": operation.example}}
    headers = {"X-Trace-Id": {"description": "the id of this request in the log", "schema": {"type": "string"}}}
    if operation.quota:
        headers |= {f"X-RateLimit-{name}": {"description": text, "schema": {"type": "integer"}} for name, text in _LIMITS}
    responses: dict[str, Any] = {str(operation.status): {"description": "Good", "content": content, "headers": headers}}
    if operation.spooled is not None:
        responses["202"] = {
            "description": "The store does not answer: the readings wait on disk, nothing need be sent again",
            "content": {
                "application/json": {
                    "schema": _schema(operation.spooled, schemas, "serialization"),
                    "examples": {"document": {"value": operation.spooled_example}},
                }
            },
            "headers": headers,
        }
    if isinstance(operation, Operation) and operation.tagged:
        responses["304"] = {"description": "You have this answer already: your If-None-Match names its ETag"}
    general = {401, 403} if operation.access != PUBLIC else set()
    if operation.quota:
        general.add(429)
    if operation.access != PUBLIC:
        general.add(503)
    if isinstance(operation, Ingest) or (isinstance(operation, Operation) and operation.body is not None):
        general |= {413, 415}
    for status in sorted({*operation.errors, *general}):
        if status == 422:
            status = invalid_status(operation.path)
        responses[str(status)] = {
            "description": _meaning(status),
            "content": {"application/json": {"schema": _error_schema(operation, status, schemas)}},
        }
    return responses


def _error_schema(operation: Declared, status: int, schemas: dict[str, Any]) -> dict[str, Any]:
    error = {"$ref": "#/components/schemas/Error"}
    if status == 503 and operation.access == PUBLIC and operation.reply is not None:
        return _schema(operation.reply, schemas, "serialization")  # health checks say in their own shape that something is down
    return error


_LIMITS = (("Limit", "requests per 60 s"), ("Remaining", "requests left"), ("Reset", "epoch second at which the window ends"))


def _meaning(status: int) -> str:
    return FAULTS[code_of_status(status)].meaning


def _schema(of: Any, schemas: dict[str, Any], mode: Any) -> dict[str, Any]:
    schema = TypeAdapter(of).json_schema(ref_template=_REF, mode=mode)
    _name(schemas, schema.pop("$defs", {}))
    title = schema.get("title")
    if schema.get("type") == "object" and "properties" in schema and title:
        _name(schemas, {title: schema})
        return {"$ref": _REF.format(model=title)}
    return schema


def _name(schemas: dict[str, Any], found: Mapping[str, Any]) -> None:
    """Put schemas under their names. Raises ValueError when another one has the name: of two classes called alike one would be lost."""
    for name, schema in found.items():
        if schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two types of bodies or parameters are called {name}")
