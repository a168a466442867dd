"""The description is valid, complete, and true: schemathesis finds nothing in what the server does that it does not say.

All of its checks run over every operation, twice: with generated cases, good and bad ones, and with the edges of every schema. What the
document cannot know is told to it here: ids of things that exist, passwords and tokens, so that good data is good and is never answered
401, 403, 404 or 409; and who calls. Each case finds the plant as it was made.
Left out are event streams, which do not end (tests/api/test_streams.py), and the long-poll of commands, which the event loop alone answers
(tests/api/pulsebms/test_commands.py).
"""

import copy
import json
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from api import openapi
from api.auth import guard_of
from api.errors import FAULTS
from api.routes import battery, discover
from api.routes.pulsebms.telemetry_bodies import FLAT_EXAMPLE
from api.routes.readings import ROWS_EXAMPLE
from api.routes.vehicles import BATCH_EXAMPLE
from datastore.ports import DRAWERS, Entry
from plant.model import HOUR, Alarm, Device, Kind, ScheduleEvent, User
from services import accounts
from services.accounts import Throttle, hash_password
from services.config import Config
from services.export_writing import put
from services.jobs import Worker
from tests.api.conftest import make

EXAMPLES = 12
DOCUMENT = json.loads(json.dumps(openapi.document(discover())))

POSITIVE = ["2xx", "400", "413", "422", "423"]
"""What good data may be answered (DECISIONS): a window may be reversed and a metric unknown to the catalogue, which no schema can say."""
STATE = ["401", "403", "404", "409"]
"""Besides, where bad data or edges are made: what is not bad in such a case may be any id, or one of an example, of a thing that is not
there any more or is taken."""
NEGATIVE = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "423", "429"]
PCS = [{"device_id": "pcs01", "timestamp": 1_769_256_300_000, "values": {"apparent_power": 50.0}, "kind": "pcs"}]
PASSWORD = "correct horse battery"
RECORDS = ("_devices", "_alarms", "_events", "_users", "_settings", "_revoked", "_entries")
"""What the records in memory keep these in."""
PARTS = 4
"""Runners that share the edges."""


def with_known_ids(document, exist, word):
    """The description with the ids of things that exist where others are 404 (those that send may register): `word` is `enum`, then there
    are no others, or `examples`."""
    document = copy.deepcopy(document)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "404" not in operation["responses"] or (method, operation["tags"]) == ("post", ["telemetry"]):
                continue
            there = exist | exist.get(path.split("/")[3 if path.startswith("/api/v1") else 1], {}) | exist.get(path, {})
            for parameter in operation["parameters"]:
                known = there.get(parameter["name"])
                if isinstance(known, str | int) and parameter["schema"].get("type") != "array":
                    parameter["schema"] = parameter["schema"] | {word: [known]}
    return document


def with_known_bodies(document, known, taken):
    """The description in which these fields of bodies have only values that are right, or none that is `taken`, and without the examples of
    answers, whose ids are those of another plant."""
    document = copy.deepcopy(document)
    for methods in document["paths"].values():
        for operation in methods.values():
            for answer in operation["responses"].values():
                for media in answer.get("content", {}).values():
                    media.pop("examples", None)
    schemas = document["components"]["schemas"]
    for (name, field), value in known.items():
        kept = schemas[name]["properties"][field]
        one = {"type": "integer" if isinstance(value, int) else "string", "enum": [value]}
        schemas[name]["properties"][field] = kept | {"items": one} if kept.get("type") == "array" else one
    for (name, field), values in taken.items():
        schemas[name]["properties"][field] |= {"not": {"enum": values}}
    return document


def printed(store, export, folder, tell):
    """In place of the press: what is asked of the doors is that they hand the file out."""
    return put(export, folder, lambda sink: {"month": "2026-01"} if sink.write(b"%PDF-1.7\n") else {})


class Plant:
    """The product with one of each thing that has an id, and how to put it back to that."""

    def __init__(self, product):
        self.product = product
        self.records = product.store.records
        self._put_users()
        self.tokens = guard_of(product.flask).issue(self.records.user("root"))
        self.session = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        self.exist = self._filled()
        folder = product.config.exports_dir
        made = (f"{self.exist['export_id']}.csv", f"{self.exist['report_id']}.pdf")
        self._files = {folder / name: (folder / name).read_bytes() for name in made}
        self._kept = {name: dict(value) for name, value in vars(self.records).items() if name in RECORDS}
        assert len(self._kept) == len(RECORDS)

    def _filled(self):
        self.records.put_devices([Device("site", Kind.SITE, "Site"), Device("pack01", Kind.PACK, "Pack", "site", "site")])
        self.records.put_devices([Device("sun01", Kind.INVERTER)])
        message = FLAT_EXAMPLE | {"device_id": "pack01"}
        for operation in battery.OPERATIONS:
            if operation.method == "POST":
                assert self._post(operation.path.removeprefix("/api/"), operation.body_example).status_code == 200
        batches = (("telemetry", BATCH_EXAMPLE), ("v1/readings", ROWS_EXAMPLE), ("v1/readings", PCS), ("v1/telemetry/pack01", message))
        for path, batch in batches:
            assert self._post(path, batch).status_code in (200, 201)
        self.records.put_alarm(Alarm("pack01", Kind.PACK, "soc.low", "warning", "low", self.product.clock()))
        self.records.put_events([ScheduleEvent("dreg", 0, HOUR, index=1)])
        demand = {"total_power_target": -1000.0, "duration_minutes": 1440.0, "flexibility": 0.1, "priority": "high"}
        assert self._post("v1/fleet/site/allocation", {"demand": demand}).status_code == 200
        made = {name: self._make(path, body, name) for name, path, body in (
            ("annotation_id", "annotations", {"from": "2026-01-24T12:00:00Z", "text": "Fan replaced"}),
            ("export_id", "exports", {"devices": ["bess01"], "metrics": ["soc"], "from": 1, "to": 2, "format": "csv"}),
            ("report_id", "reports", {"month": "2026-01", "charts": False}),
            ("keys", "keys", {"name": "gateway", "scopes": ["ingest"]}),
            ("rule", "notifications/rules", {"name": "Nobody", "channel": "webhook", "url": "http://127.0.0.1:9/", "events": ["raised"]}),
            ("kiosk-links", "kiosk-links", {"name": "Wall", "pages": ["/"]}),
            ("command_id", "commands/pack01", {"command_type": "emergency_shutdown", "parameters": {}}),
        )}  # fmt: skip
        assert Worker(self.product.store, self.product.config.exports_dir, days=7, most_bytes=10**9, press=printed).work() == 2
        return made | {
            "pcs": {"device_id": "pcs01"}, "keys": {"id": made["keys"]}, "kiosk-links": {"id": made["kiosk-links"]},
            "notifications": {"id": made["rule"]}, "plan_id": self._planned(), "commands": {"device_id": "pack01"},
            "/api/v1/devices/{device_id}/latest": {"kind": "bess"},
            "series": {"device": "bess01", "metric": "soc"}, "vectors": {"device": "bess01-rack01", "metric": "cell_voltages"},
            "pv": {"device": "sun01"},
            "device_id": "bess01", "vin": BATCH_EXAMPLE[0]["vin"], "alarm_id": "1", "site_id": "site", "username": "olga", "index": 1,
            "name": "documents.css",
        }  # fmt: skip

    def _planned(self):
        """A plan that trades in the hour after the next."""
        now = self.product.clock()
        start = (now // HOUR + 2) * HOUR
        hour = {"start_ms": start, "end_ms": start + HOUR, "reason": "", "power_kw": 500.0, "price": 40.0, "offered_mw": 0.0}
        body = {"day": "2026-01-24", "from_ms": start, "to_ms": start + HOUR, "assumptions": {}, "hours": [hour]}
        self.records.put_entry(Entry("plans", "plan_1", "site", "open", now, body))
        return "plan_1"

    def bodies(self):
        """Model and field of it → the value that is right."""
        return {
            ("Login", "username"): "root", ("Login", "password"): PASSWORD, ("Refresh", "refresh_token"): self.tokens["refresh_token"],
            ("OwnPassword", "old_password"): PASSWORD, ("Note", "device"): "bess01", ("Note", "metric"): "soc",
            ("NoteChange", "device"): "bess01", ("NoteChange", "metric"): "soc", ("NoteChange", "version"): 1,
            ("Order", "devices"): "bess01", ("Order", "metrics"): "soc", ("GrafanaTarget", "target"): "bess01.soc",
        }  # fmt: skip

    def taken(self):
        """Model and field of it → the names that something here has already: hypothesis draws them too, since it reads our constants."""
        devices = [device.device_id for device in self.records.devices()]
        return {
            ("NewKey", "name"): ["gateway"], ("NewUser", "username"): ["root", "olga"],
            ("NewDevice", "device_id"): devices, ("Registration", "device_id"): devices,
        }  # fmt: skip

    def _make(self, path, body, name):
        answer = self._post(f"v1/{path}", body)
        assert answer.status_code in (201, 202), answer.text
        return answer.json["command_id" if name == "command_id" else "id"]

    def _post(self, path, body):
        return self.product.flask.test_client().post(f"/api/{path}", json=body, headers=self.session)

    def _put_users(self):
        for name, role in (("root", "admin"), ("olga", "operator")):
            self.records.put_user(User(name, hash_password(PASSWORD), (role,)))

    def restore(self):
        """What the case before has made, changed or removed is again as it was. Readings stay: they refuse nothing."""
        now = vars(self.records)
        if all(now[name] == kept for name, kept in self._kept.items()):
            return
        now.update({name: dict(kept) for name, kept in self._kept.items()})
        self.records.put_devices([])  # who remembers devices or entries reads them again
        for drawer in DRAWERS:
            self.records.drop_entry(drawer, "")
        for path, content in self._files.items():
            path.write_bytes(content)


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("openapi")
    made = make(Config(database_url="memory://", data_dir=folder, rate_limit=0, rate_limit_ingest=0))
    endless = 10**9  # guesses: every case here is one
    guard_of(made.flask).accounts.throttle = Throttle(made.clock, per_pair=endless, per_address=endless, per_user=endless)
    with pytest.MonkeyPatch.context() as patched:  # what hashing costs is no matter here
        patched.setattr(accounts, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield made
    made.store.close()


@pytest.fixture(scope="module")
def plant(product):
    return Plant(product)


@pytest.fixture(scope="module")
def described(plant):
    """By mode: for good data the description in which only what exists has an id or a password, for bad data the one we publish."""
    return {mode: _described(plant, mode) for mode in ("positive", "negative")}


def _described(plant, mode):
    import schemathesis  # not at the top: every runner would load it to see whose tests these are

    document = with_known_ids(DOCUMENT, plant.exist, "enum" if mode == "positive" else "examples")
    if mode == "positive":
        document = with_known_bodies(document, plant.bodies(), plant.taken())
    text = json.dumps(document).encode()

    def wsgi(environ, start_response):
        if environ["PATH_INFO"] == "/known.json":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [text]
        plant.restore()
        wanted = "refresh_token" if environ["PATH_INFO"].endswith("/auth/refresh") else "access_token"  # it may come without a body
        environ.setdefault("HTTP_AUTHORIZATION", f"Bearer {plant.tokens[wanted]}")
        environ["HTTP_ACCEPT_ENCODING"] = "identity"  # the test transport does not unpack
        answer = plant.product.flask(environ, start_response)
        try:
            return [b"".join(answer)]
        finally:
            answer.close()  # a file, for one

    schema = schemathesis.openapi.from_wsgi("/known.json", wsgi)
    schema.config.generation.allow_x00 = False
    schema.config.checks.positive_data_acceptance.expected_statuses = POSITIVE if mode == "positive" else [*POSITIVE, *STATE]
    schema.config.checks.negative_data_rejection.expected_statuses = NEGATIVE
    return schema.exclude(tag="streams").exclude(path_regex="/next$")


CALLS = [
    (path, method.upper())
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if "streams" not in operation["tags"] and not path.endswith("/next")
]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["positive", "negative"], ids=["good", "bad"])
@pytest.mark.parametrize(("path", "method"), CALLS)
def test_the_server_does_what_it_says(described, path, method, mode):
    from schemathesis.generation import GenerationMode

    try:
        strategy = described[mode][path][method].as_strategy(generation_mode=GenerationMode(mode))
    except Unsatisfiable:
        return

    @given(case=strategy)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def hold(case):
        case.call_and_validate()

    try:
        hold()
    except Unsatisfiable:  # an operation without any input cannot be asked badly
        assert mode == "negative"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_edge_of_a_schema_is_answered_otherwise_than_it_says(plant, part):
    """Every bound, type, missing and repeated field, header and method, one at a time: some 10,000 requests in all."""
    from schemathesis.engine import Status, from_schema
    from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished
    from schemathesis.generation import GenerationMode

    found, asked = [], 0
    for mode in ("positive", "negative"):
        schema = _described(plant, mode)
        config = schema.config
        config.generation.modes = [GenerationMode(mode)]
        config.checks.positive_data_acceptance.expected_statuses = [*POSITIVE, *STATE]
        config.phases.fuzzing.enabled = config.phases.stateful.enabled = False
        config.continue_on_failure = True
        chosen = schema.include(name=[f"{method} {path}" for path, method in CALLS[part::PARTS]])
        for event in from_schema(chosen).execute():
            if isinstance(event, NonFatalError | FatalError):
                found.append(repr(event))
            elif isinstance(event, ScenarioFinished):
                cases = event.recorder.cases
                asked += len(cases)
                checks = [(id, check) for id, several in event.recorder.checks.items() for check in several]
                found += [
                    f"{cases[id].value.as_curl_command()}: {check.failure_info.failure}"
                    for id, check in checks
                    if check.status == Status.FAILURE
                ]
    assert found == [], "\n\n".join(found)
    assert asked > 1000


def test_the_document_is_valid_openapi_31():
    from openapi_spec_validator import OpenAPIV31SpecValidator

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
