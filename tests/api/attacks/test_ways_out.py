"""No name leads to a file, and no address or host name to another server."""

import json
import re

import pytest

import app as composition
from services.config import Config
from tests.api.attacks.conftest import knock
from tests.api.conftest import ROOT

UP = [
    "..%2f..%2fapp.py",
    "%2e%2e%2f%2e%2e%2fapp.py",
    "..%5c..%5capp.py",
    "%252e%252e%252fapp.py",
    "....%2f%2fapp.py",
    "%2fetc%2fpasswd",
    "..%00",
    "file:%2f%2f%2fetc%2fpasswd",
    "..;%2fapp.py",
    "%c0%ae%c0%ae%2fapp.py",
]


@pytest.mark.parametrize("part", UP)
def test_no_id_is_a_way_to_a_file(product, root, part):
    headers = {name.lower(): value for name, value in root.items()}
    secret = product.config.data_dir / "app.py"
    secret.write_text("create_app")
    for path in (
        "/assets/{}",
        "/docs/assets/{}",
        "/panels/{}.csv",
        "/api/v1/exports/{}",
        "/api/v1/exports/{}/file",
        "/bms/{}",
        "/pcs/{}",
        "/bess/{}",
        "/_dash-component-suites/dash/{}",
        "/_dash-component-suites/{}/dash.js",
        "/kiosk/{}",
        "/api/v1/keys/{}",
        "/api/v1/devices/{}",
        "/api/vehicles/{}/latest",
    ):
        status, _, content = knock(product, "GET", path.format(part), headers)
        assert status in (303, 400, 404, 405, 422), (path, status)
        assert b"create_app" not in content and b"root:" not in content
    assert secret.exists() and knock(product, "DELETE", f"/api/v1/exports/{part}", headers)[0] in (404, 405) and secret.exists()


def test_an_archive_is_asked_by_names_it_listed_not_by_paths(tmp_path):
    (tmp_path / "in" / "BESS" / "unit1").mkdir(parents=True)
    (tmp_path / "in" / "BESS" / "unit1" / "bms1_soc.csv").write_text("ts,bms1_soc\n2025-01-01 00:00:00,50\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "bms1_soc.csv").write_text("ts,bms1_soc\n2025-01-01 00:00:00,51\n")
    (tmp_path / "in" / "BESS" / "sly").symlink_to(tmp_path / "out")
    config = Config(database_url="memory://", data_dir=tmp_path / "kept", archive_dir=tmp_path / "in", rate_limit=0)
    made = composition.create_app(config)
    try:
        client = made.flask.test_client()
        listed = [device["device_id"] for device in client.get("/bms/devices").json["devices"]]
        assert "unit1" in listed and client.get("/bms/unit1").json["data"][0]["soc"] == 50
        for name in ("..%2f..%2fout", "%2e%2e", "..%2fout", ".", "unit1%2f..%2f..%2f..%2fout"):
            assert client.get(f"/bms/{name}").status_code in (404, 308), name
    finally:
        made.close()


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "https:evil.example",
        "https:/evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "javascript:alert(1)",
        "%2f%2fevil.example",
        ".evil.example",
        "@evil.example",
    ],
)
def test_no_redirect_leaves_the_host(product, target):
    for path in (
        target,
        f"/api{target}",
        f"/login?next={target}",
        f"/kiosk?next={target}",
        f"/bess?next={target}",
        f"/kiosk/{target}",
        f"/api/health/{target}/",
        f"{target}/",
    ):
        for headers in ({"accept": "text/html"}, {"accept": "text/html", "host": "evil.example"}):
            asked = path if path.startswith("/") else f"/{path}"
            told = knock(product, "GET", asked, headers | {"x-forwarded-host": "evil.example"})[1].get("location", "/")
            assert told.startswith("/") and not re.match(r"/[\\/\t]", told), (asked, told)


def test_the_pages_after_a_login_are_those_of_this_host():
    """What `next` may be is decided by the browser: assets/plain/login.js takes a path of one slash and looks at the origin besides."""
    script = (ROOT / "dashboard" / "assets" / "plain" / "login.js").read_text()
    allowed = re.compile(re.search(r"/(\^.*?)/\.test\(wanted\)", script)[1])
    assert "target.origin === location.origin" in script
    for wanted in ("//evil", "/\\evil", "https:evil", "https://evil", "\\\\evil", "javascript:alert(1)", "", "evil"):
        assert not allowed.match(wanted), wanted
    assert allowed.match("/bess?a=b") and allowed.match("/")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "plant@evil.example", "x\ty", "", "a" * 5000, "[::1", "xn--pple-43d.com"]
)
def test_a_host_header_decides_nothing(product, client, root, host):
    for headers in ({"accept": "text/html"}, {"accept": "application/json"}):
        for path in ("/", "/login", "/openapi.json", "/api/health//", "/bess"):
            status, told, content = knock(product, "GET", path, headers | {"host": host, "x-forwarded-host": host})
            assert status < 500
            assert "evil" not in told.get("location", "") and b"evil.example" not in content
    link = client.post("/api/v1/kiosk-links", json={"name": "Wall", "pages": ["/"]}, headers=root | {"Host": "evil.example"}).json
    assert link["path"].startswith("/kiosk/") and "evil" not in json.dumps({k: v for k, v in link.items() if k != "token"})
