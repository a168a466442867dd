"""The description is valid, complete, and true: schemathesis finds nothing in what the server does that it does not say."""

import json
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.generation import GenerationMode

from api import openapi
from api.errors import FAULTS
from api.routes import discover
from services.config import Config
from tests.api.conftest import make

EXAMPLES = 12
DOCUMENT = json.loads(json.dumps(openapi.document(discover())))


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("openapi")
    made = make(Config(database_url="memory://", data_dir=folder, rate_limit=0, rate_limit_ingest=0))
    from api.routes.readings import ROWS_EXAMPLE
    from api.routes.vehicles import BATCH_EXAMPLE

    client = made.flask.test_client()
    client.post("/api/telemetry", json=BATCH_EXAMPLE)
    client.post("/api/v1/readings", json=ROWS_EXAMPLE)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def described(product):
    schema = schemathesis.openapi.from_wsgi("/openapi.json", product.flask)
    schema.config.generation.allow_x00 = False
    # a window may be reversed and a metric unknown to the catalogue, which no schema can say
    schema.config.checks.positive_data_acceptance.expected_statuses = [
        "2xx",
        "3xx",
        "400",
        "401",
        "403",
        "404",
        "409",
        "413",
        "422",
        "423",
        "429",
    ]
    return schema.exclude(tag="streams").exclude(tag="auth")


CALLS = [
    (path, method.upper())
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if not {"streams", "auth"} & set(operation["tags"])
]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
@pytest.mark.parametrize(("path", "method"), CALLS)
def test_the_server_does_what_it_says(described, path, method, mode):
    operation = described[path][method]
    try:
        strategy = operation.as_strategy(generation_mode=mode)
    except Unsatisfiable:
        return

    @given(case=strategy)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def hold(case):
        case.call_and_validate(headers={"Accept-Encoding": "identity"})  # the test transport does not unpack

    try:
        hold()
    except Unsatisfiable:  # an operation without any input cannot be asked badly
        assert mode is GenerationMode.NEGATIVE


def test_the_document_is_valid_openapi_31():
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_operation_lists_its_errors_in_the_one_shape():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                if int(status) >= 400 and not path.endswith(("health", "ready")):
                    assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}, (
                        method,
                        path,
                        status,
                    )


def test_examples_fit_their_schemas():
    import jsonschema
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    registry = Registry().with_resource("", Resource(DOCUMENT, DRAFT202012))
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            bodies = [operation.get("requestBody", {})] + list(operation["responses"].values())
            for media in [m for body in bodies for m in body.get("content", {}).values()]:
                for example in media.get("examples", {}).values():
                    validator = jsonschema.Draft202012Validator(_absolute(media["schema"]), registry=registry)
                    validator.validate(example["value"])


def _absolute(schema):
    return json.loads(json.dumps(schema).replace('"$ref": "#/', '"$ref": "/#/').replace('"/#/', '"#/')) | {
        "components": DOCUMENT["components"]
    }


def test_every_route_of_the_machines_paths_is_described(product):
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    for rule in product.flask.url_map.iter_rules():
        if rule.rule.startswith(("/api", "/bms", "/health", "/metrics", "/docs", "/redoc", "/openapi")):
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                assert (method, rule.rule.replace("<", "{").replace(">", "}")) in described


def test_every_error_code_has_its_place_on_the_page(product):
    page = product.flask.test_client().get("/docs/errors").text
    for code in FAULTS:
        assert f'id="{code.lower().replace("_", "-")}"' in page


def test_a_body_that_may_be_left_out_is_described_so(product):
    client = product.flask.test_client()
    for path, required, status in (("refresh", False, 401), ("logout", False, 401), ("login/json", True, 422)):
        described = DOCUMENT["paths"][f"/api/v1/auth/{path}"]["post"]["requestBody"]["required"]
        assert (described, client.post(f"/api/v1/auth/{path}").status_code) == (required, status)
