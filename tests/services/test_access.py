"""The table of roles (DECISIONS: "Roles"): each role does exactly what the page says."""

import pytest

from services.access import OPEN, PERMISSIONS, ROLES, Identity, anonymous, local_path, may

# From DECISIONS: viewer reads; analyst + exports, annotations, what-if; operator + commands, alarms, schedule, devices, safety;
# admin + users, keys, settings, links; device writes telemetry, status and responses; kiosk reads its pages' panels.
FIRST_ROLE = {
    "read": "viewer",
    "panels": "viewer",
    "export": "analyst",
    "annotate": "analyst",
    "simulate": "analyst",
    "command": "operator",
    "alarms": "operator",
    "schedule": "operator",
    "devices": "operator",
    "safety": "operator",
    "ingest": "operator",
    "respond": "operator",
    "users": "admin",
    "keys": "admin",
    "settings": "admin",
    "links": "admin",
    "audit": "admin",
}
LADDER = ("viewer", "analyst", "operator", "admin")


@pytest.mark.parametrize(("permission", "first"), FIRST_ROLE.items())
def test_each_rung_of_the_ladder_adds_what_the_page_says(permission, first):
    allowed = [may([role], permission) for role in LADDER]
    assert allowed == [LADDER.index(role) >= LADDER.index(first) for role in LADDER]


def test_the_table_here_covers_every_permission():
    assert set(FIRST_ROLE) | {"self"} == set(PERMISSIONS)


def test_a_device_only_writes():
    assert ROLES["device"].permissions == {"self", "ingest", "respond"}


def test_a_kiosk_only_sees_panels():
    assert ROLES["kiosk"].permissions == {"self", "panels"}


def test_roles_granted_are_permissions_that_exist():
    assert all(role.permissions <= set(PERMISSIONS) for role in ROLES.values())
    assert set(PERMISSIONS) >= OPEN


def test_role_numbers_are_unique():
    assert len({role.number for role in ROLES.values()}) == len(ROLES)


def test_an_unknown_role_grants_nothing():
    assert not may(["owner"], "read")


@pytest.mark.parametrize("permission", ["command", "alarms", "schedule", "safety", "users", "keys", "settings", "links", "self"])
def test_open_mode_still_asks_for_a_token_for_changes(permission):
    assert not anonymous("open").may(permission)


@pytest.mark.parametrize("permission", ["read", "panels", "ingest"])
def test_open_mode_reads_and_takes_readings_from_anyone(permission):
    assert anonymous("open").may(permission)


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_protected_mode_gives_strangers_nothing(permission):
    assert not anonymous("protected").may(permission)


def test_a_device_speaks_for_itself_and_its_parts_only():
    device = Identity("bess01", ("device",))
    assert [device.may_send_for(d) for d in ("bess01", "bess01-rack03", "bess010", "bess02")] == [True, True, False, False]


def test_an_operator_sends_for_any_device_and_a_viewer_for_none():
    assert Identity("op", ("operator",)).may_send_for("bess02")
    assert not Identity("eve", ("viewer",)).may_send_for("bess02")


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "", "evil", "/a\nb", "/\t/evil"]
)
def test_next_never_leads_to_another_host(target):
    assert local_path(target) == "/"


def test_next_keeps_path_and_query():
    assert local_path("/bess?unit=3&rack=7") == "/bess?unit=3&rack=7"
