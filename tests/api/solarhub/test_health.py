"""S1's health calls: the documents' shapes, and the truth about what does not answer."""

import re
from dataclasses import replace

import pytest

from tests.api.conftest import flask_door, free_port, make


def test_service_info_has_the_documents_fields(site):
    body = site.door("GET", "/", Accept="application/json").json
    assert body["docs"] == "/docs" and body["service"] and re.fullmatch(r"\d+\.\d+\.\d+", body["version"])
    paths = body["endpoints"]
    assert {f"GET /api/v1/{path}" for path in ("bess/{bess_number}", "pcs/alert", "meters/aux", "inverter", "config/header")} <= set(paths)


def test_the_probes_answer(site):
    assert site.door("GET", "/health").json["status"] == "healthy"
    assert site.door("GET", "/health").json["timestamp"] == "2024-06-01T04:00:00Z"
    assert site.door("GET", "/health/live").status == site.door("GET", "/health/ready").status == 200


def test_detailed_has_the_documents_shape(site):
    body = site.door("GET", "/health/detailed").json
    assert {"status", "service", "version", "infrastructure", "message"} <= set(body)
    assert (body["status"], body["message"]) == ("healthy", "All systems operational")
    assert body["infrastructure"]["databases"] == {"status": "healthy", "connections": {"main": True}}
    # S1's clients read infrastructure.redis.status: it is an object without a Redis too
    assert body["infrastructure"]["redis"] == {"status": "not configured", "connections": {}}


@pytest.mark.parametrize(("port", "answers", "status"), [(6379, True, "healthy"), (None, False, "unhealthy")])
def test_detailed_tells_whether_redis_answers(site, port, answers, status):
    config = replace(site.product.config, redis_url=f"redis://127.0.0.1:{port or free_port()}/9")
    product = make(config)
    try:
        body = flask_door(product)("GET", "/health/detailed").json
        assert body["infrastructure"]["redis"] == {"status": status, "connections": {"main": answers}}
        assert body["status"] == ("healthy" if answers else "degraded")
        assert ("Redis" in body["message"]) is not answers
    finally:
        product.store.close()
