"""``/health``, ``/status``, ``/metrics`` and ``/events``, over a real bare repository."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.served_registries import ask, make_token
from support.written_trains import alias_request, bare_registry, version_request

from registry_tool.server.service import Service, ServiceOptions, open_service

LINES = "application/x-ndjson"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(bare_registry(tmp_path), ServiceOptions()) as found:
        yield found


def _events(found: httpx.Response) -> list[dict[str, str]]:
    return [json.loads(line) for line in found.text.splitlines()]


def test_health_needs_no_token_and_all_else_does(service: Service, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    text = make_token(tokens, "read:cv")
    assert ask(service, "/health", tokens=tokens).text == "OK"
    for path in ("/status", "/metrics", "/events", "/none"):
        refused = ask(service, path, tokens=tokens, token="wrong")
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthenticated")
    status = ask(service, "/status", tokens=tokens, token=text).json()
    assert (status["models"], status["problems"]) == (0, {})


def test_metrics_are_for_those_who_read_all(service: Service, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    some, every = make_token(tokens, "read:nlp"), make_token(tokens, "read")
    assert ask(service, "/metrics", tokens=tokens, token=some).status_code == 403
    found = ask(service, "/metrics", tokens=tokens, token=every)
    line = 'registry_requests_total{api="registry",method="GET",status="403"} 1.0'
    assert line in found.text
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_paths_and_methods_that_are_none(service: Service) -> None:
    assert ask(service, "/none").status_code == 404
    assert ask(service, "/health/").status_code == 404
    refused = ask(service, "/status", method="POST")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    assert ask(service, "/status", method="HEAD").status_code == 200
    assert ask(service, "/%00%0d%0aX:%20y").status_code == 404


def test_events_go_on_after_an_id(service: Service, tmp_path: Path) -> None:
    start = service.snapshot.commit
    asyncio.run(service.write(version_request(1)))
    asyncio.run(service.write(alias_request("candidate", "3")))
    every = _events(ask(service, f"/events?since={start}", accept=LINES))
    assert [one["type"] for one in every] == [
        "registry.version.added.v1",
        "registry.alias.added.v1",
    ]
    after = _events(ask(service, f"/events?since={every[0]['id']}", accept=LINES))
    assert after == every[1:]
    with open_service(service.registry.source, ServiceOptions(read_only=True)) as again:
        assert _events(ask(again, f"/events?since={every[0]['id']}", accept=LINES)) == after
    tokens = tmp_path / "tokens"
    own, other = make_token(tokens, "read:nlp"), make_token(tokens, "read:cv")
    path = f"/events?since={start}"
    assert _events(ask(service, path, tokens=tokens, token=own, accept=LINES)) == every
    assert _events(ask(service, path, tokens=tokens, token=other, accept=LINES)) == []


@pytest.mark.parametrize(
    ("position", "status"),
    [
        ("x", 400),
        ("main", 400),
        ("--all", 400),
        ("0" * 40, 404),
        ("0" * 40 + ":models/x", 404),
        ("TIP:models/none", 404),
        ("ROOT:models/nlp/namespace.yaml", 200),
    ],
)
def test_positions_that_are_none_are_refused(service: Service, position: str, status: int) -> None:
    tip = service.snapshot.commit
    written = position.replace("TIP", tip).replace("ROOT", tip)
    for accept in (LINES, "text/event-stream") if status != 200 else (LINES,):
        found = ask(service, f"/events?since={written}", accept=accept)
        assert found.status_code == status, found.text
