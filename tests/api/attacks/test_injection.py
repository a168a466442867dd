"""Text that means something to a database, a template, a browser, a log or a table is kept and shown as the text it is."""

import io
import json
import logging
import re
import time

import pytest

import app as composition
from plant.model import Alarm, Device, Kind
from tests.api.attacks.conftest import knock
from tests.api.conftest import ROOT
from tests.api.test_access import bearer, log_in
from tests.api.test_access_matrix import MACHINE
from tests.api.test_bodies import reading
from tests.dashboard.test_door import DRAW, SHOW, put

PAGE = {"Accept": "text/html"}
HOSTILE = [
    "'; DROP TABLE account;--",
    "' OR '1'='1",
    '" OR ""="',
    "x' UNION SELECT password_hash FROM account--",
    "%",
    "_",
    "1; ATTACH 'x' AS x",
    "{{7*7}}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{0.__class__.__init__.__globals__}",
    "%(password)s",
    "%s%n",
    "$(id)",
    "`id`",
    "|id",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    '=HYPERLINK("http://evil")',
    "\\",
    "\r\nSet-Cookie: a=b",
]


def test_hostile_text_is_kept_and_given_back_as_it_was_sent(product, client, root):
    users = {user.username for user in product.store.records.users()}
    for text in HOSTILE:
        note = {"from": 0, "to": 1, "text": f"a {text} b", "tags": [text.strip()]}
        made = client.post("/api/v1/annotations", json=note, headers=root)
        assert (made.status_code, made.json["text"], made.json["tags"]) == (201, note["text"], note["tags"])
        again = client.get(f"/api/v1/annotations/{made.json['id']}", headers=root)
        assert again.json == made.json
        assert again.headers["Content-Type"] == "application/json" and again.headers["X-Content-Type-Options"] == "nosniff"
    told = product.store.records.audit_log(1000)
    assert sum(action == "note added" for _, _, action, _ in told) >= len(HOSTILE)
    assert {user.username for user in product.store.records.users()} == users


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_a_query_finds_nothing_it_should_not(product, client, root, text):
    records = product.store.records
    if not records.alarms():
        records.put_alarm(Alarm("bess01", Kind.BESS, "soc.low", "warning", "low", 1_769_256_300_000))
        client.post("/api/v1/annotations", json={"from": 0, "to": 1, "text": "fan", "device": "bess01", "tags": ["fan"]}, headers=root)
    asked = [
        ("/api/v1/alarms", {"device": text}, "alarms"),
        ("/api/v1/alarms", {"state": text}, "alarms"),
        ("/api/v1/annotations", {"device": text}, "annotations"),
        ("/api/v1/annotations", {"tag": text}, "annotations"),
        ("/api/v1/series", {"device": text, "metric": "soc", "from": 0, "to": 1}, "series"),
        ("/api/v1/series", {"device": "bess01", "metric": text, "from": 0, "to": 1}, "series"),
        ("/api/v1/series", {"device": "bess01", "metric": "soc", "from": text, "to": 1}, "series"),
        ("/api/v1/series", {"device": "bess01", "metric": "soc", "from": 0, "to": 1, "tz": text}, "series"),
        ("/api/v1/devices", {"site_id": text}, "devices"),
        ("/api/v1/devices", {"chemistry": text}, "devices"),
        ("/api/vehicles", {"cursor": text}, "vehicles"),
        ("/api/telemetry/latest", {"vin": text}, "vin"),
        ("/api/battery-data/history", {"hours": text}, "x"),
        ("/api/v1/audit", {"cursor": text}, "entries"),
    ]
    for path, query, key in asked:
        answer = client.get(path, query_string=query, headers=root)
        found = answer.json.get(key) if answer.status_code == 200 and path != "/api/v1/annotations" else None
        assert answer.status_code in (200, 400, 404, 422) and not found, (path, query, answer.text[:300])
    assert "fan" not in client.get("/api/v1/annotations", query_string={"tag": text}, headers=root).text
    assert client.get("/api/v1/alarms", headers=root).json["alarms"]


@pytest.mark.parametrize(
    "text", ["{{3*'vx'}}", "${3*'vx'}", "{%25 for x in y %25}", "%7B%7Bconfig.items()%7D%7D", "<script>alert(1)</script>"]
)
@pytest.mark.parametrize(
    "path",
    [
        "/{}",
        "/login?lang={}",
        "/login?next={}",
        "/login?theme={}",
        "/kiosk?lang={}",
        "/kiosk/{}",
        "/bess?from={}",
        "/docs/errors?x={}",
        "/?link={}",
    ],
)
def test_no_page_runs_what_stands_in_its_address(client, root, path, text):
    for headers in (PAGE, PAGE | root):
        page = client.get(path.format(text), headers=headers)
        assert page.status_code < 500
        assert "vxvxvx" not in page.text
        assert "<script>alert(1)</script>" not in page.text and "SECRET" not in page.text


PAGES = ["/", "/login", "/kiosk", "/docs", "/redoc", "/docs/errors", "/no-such-page"]


@pytest.mark.parametrize("product", ["open"], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_every_page_forbids_scripts_that_are_not_ours(client, path):
    page = client.get(path, headers=PAGE)
    said = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    allowed = said.get("script-src", said["default-src"]).split()
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "data:", "https:", "http:"} & set(allowed)
    assert "object-src" in said or said["default-src"] == "'none'"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_scripts_and_pages_of_ours_write_text_never_markup():
    written = re.compile(
        r"\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|dangerously|DangerouslySet"
    )
    ours = [*(ROOT / "dashboard" / "assets").glob("*.js"), *(ROOT / "dashboard" / "assets" / "plain").glob("*.js")]
    ours += [path for folder in ("dashboard", "pages", "callbacks") for path in (ROOT / folder).rglob("*.py")]
    assert len(ours) > 40
    assert [(path.name, found[0]) for path in ours if (found := written.search(path.read_text()))] == []


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{7*7}}"])
def test_what_people_and_devices_wrote_is_text_in_the_dashboard(product, root, text):
    records, now = product.store.records, product.clock()
    records.put_devices([Device("bess01", Kind.BESS, text, "site", info={"chemistry": text, "firmware_version": text})])
    records.put_alarm(Alarm("bess01", Kind.BESS, "soc.low", "protection", text, now))
    product.flask.test_client(use_cookies=False).post("/api/v1/annotations", json={"from": now, "text": text, "tags": [text]}, headers=root)
    browser, csrf = log_in(product, "root")
    until = time.monotonic() + 30
    while text not in everything_shown(product, browser, csrf):  # some panels are shared by their viewers for seconds
        assert time.monotonic() < until, "it is shown nowhere"


def everything_shown(product, browser, csrf) -> str:
    """All panels of all pages as they are sent, none of them a component that would read text as markup."""
    shown = ""
    for path in product.flask.extensions["pages"]:
        page = asked(browser, csrf, page_body(path))
        panels = {one["props"]["id"]["id"] for one in components(page) if _is_panel(one)}
        for answer in (page, *(asked(browser, csrf, panel_body(panel)) for panel in sorted(panels))):
            shown += json.dumps(answer, ensure_ascii=False)
            for component in components(answer):
                assert component["type"] not in ("Markdown", "DangerouslySetInnerHTML", "Iframe", "Script"), component
                links = [component["props"].get(name) for name in ("href", "src", "srcDoc", "action")]
                assert not any(isinstance(link, str) and link.strip().lower().startswith(("javascript:", "data:text")) for link in links)
    return shown


def panel_body(panel):
    body = DRAW
    for place in (("outputs", "id", "id"), ("inputs", 1, "id", "id"), ("state", 0, "id", "id"), ("state", 0, "value", "id")):
        body = put(body, place, panel)
    return body


def asked(browser, csrf, body):
    answer = browser.post("/_dash-update-component", json=body, headers=csrf)
    assert answer.status_code in (200, 204), answer.text
    assert answer.status_code == 204 or answer.headers["Content-Type"] == "application/json"
    return answer.json if answer.status_code == 200 else {}


def page_body(path):
    return put(SHOW, ("inputs", 0, "value"), path)


def _is_panel(component):
    about = component["props"].get("id")
    return isinstance(about, dict) and about.get("type") == "panel"


def components(value):
    """Every component in an answer of Dash."""
    if isinstance(value, dict):
        if {"type", "namespace", "props"} <= value.keys():
            yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from components(inner)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "bess01\t=1"])
def test_no_table_begins_a_cell_with_a_formula(product, client, root, name):
    sent = client.post("/api/v1/readings", json=[reading(device_id=name, timestamp=1)], headers=root)
    if sent.status_code == 200:
        query = {"device": name, "metric": "soc", "from": 0, "to": 10, "resolution": "raw", "format": "csv"}
        table = client.get("/api/v1/series", query_string=query, headers=root)
        assert not re.search(r"(^|,)\"?[=+@\t-](?![\d.]+(,|$))", table.text.splitlines()[0]), table.text


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\u2028", "\x85", "\r\n\r\n<html>"])
def test_no_header_can_be_broken_in_two(product, ending):
    forged = f"x{ending}Set-Cookie: stolen=1"
    quoted = "".join(f"%{byte:02x}" for byte in forged.encode())
    for path in (
        "/api/health/{}",
        "/api/health//?x={}",
        "/{}/",
        "//{}",
        "/kiosk/{}",
        "/login?next={}",
        "/api/v1/exports/{}/file",
        "/panels/{}.csv",
        "/docs/assets/{}",
        "/assets/{}",
        "/api/vehicles?cursor={}",
        "/?kiosk=1&link={}",
        "/bess?from={}",
    ):
        for headers in (MACHINE, PAGE, PAGE | bearer(product)):
            status, told, _ = knock(product, "GET", path.format(quoted), {name.lower(): value for name, value in headers.items()})
            assert status < 500 and "set-cookie" not in told
            assert not any(re.search(r"[\r\n]", value) for value in told.values())
    echoed = {"x-trace-id": forged, "origin": forged, "access-control-request-method": forged, "access-control-request-headers": forged}
    for method in ("OPTIONS", "GET", "POST"):
        for path in ("/api/v1/readings", "/api/v1/alarms", "/"):
            status, told, _ = knock(product, method, path, {k: v.encode("utf-8").decode("latin-1") for k, v in echoed.items()})
            assert status < 500 and "set-cookie" not in told
            assert not any(re.search(r"[\r\n]", value) for value in told.values()), (method, path, told)


def test_nothing_a_caller_says_begins_a_line_of_the_log(product, client, root):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(composition.JsonLines())
    logger = logging.getLogger()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    forged = 'x\r\n{"level": "forged"}\u2028{"level": "forged"}\x85'
    try:
        for path in ("/api/v1/exports/", "/api/v1/commands/bess01/", "/api/v1/keys/", "/bms/", "/panels/", "/no/"):
            client.get(path + "x%0d%0a%7B%22level%22:%22forged%22%7D", headers=root | {"User-Agent": "a\tb"})
        client.post("/api/v1/annotations", json={"from": 0, "text": forged, "tags": [forged]}, headers=root)
        client.post("/api/v1/commands/bess01", json={"command_type": forged, "parameters": {forged: forged}}, headers=root)
        client.post("/api/v1/keys", json={"name": forged, "scopes": ["ingest"]}, headers=root)
        client.post("/api/v2/write", data=f"battery,device={forged} soc=1", content_type="text/plain", headers=root)
        client.post("/api/v1/collectd", json=[{"host": forged, "plugin": "a", "type": "b", "values": [1]}], headers=root)
        client.post("/api/v1/readings", json=[reading(device_id=forged)], headers=root)
        client.post("/api/v1/screens/heartbeat", json={"screen": "w", "page": forged, "name": forged}, headers=root)
        client.post("/api/v1/auth/login/json", json={"username": forged, "password": forged})
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    lines = [json.loads(line) for line in written.getvalue().split("\n") if line]
    assert len(lines) > 5 and not any(line["level"] == "forged" for line in lines)
