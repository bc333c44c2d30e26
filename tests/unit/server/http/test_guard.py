from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router

from registry_tool.access.authenticate import Authenticator, local_subject
from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.access.tokens import TokenFile, add_token
from registry_tool.errors import ConflictError, ForbiddenError, NotFoundError, OperationalError
from registry_tool.server.http.faces import Face, Failure
from registry_tool.server.http.guard import Guard, is_local_host
from registry_tool.server.limits import Limits
from registry_tool.server.metrics import RequestMetrics

LOCAL = local_subject("Ada", "ada@example.org")
ERRORS = {
    "missing": NotFoundError("model x does not exist"),
    "forbidden": ForbiddenError("no"),
    "conflict": ConflictError("moved"),
    "down": OperationalError("the disk is full"),
    "bug": ZeroDivisionError("secret detail"),
}


async def _echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse({"name": request.state.subject.name, "size": len(body)})


async def _fail(request: Request) -> Response:
    raise ERRORS[request.path_params["how"]]


async def _open(_: Request) -> Response:
    return PlainTextResponse("OK")


def _render(failure: Failure) -> Response:
    return JSONResponse({"wire": failure.code, "message": failure.message}, failure.status)


def _client(
    *, authenticator: Authenticator | None = None, limits: Limits | None = None
) -> httpx.AsyncClient:
    routes = [
        Route("/api/echo", _echo, methods=["GET", "POST"]),
        Route("/api/fail/{how}", _fail),
        Route("/files/echo", _echo, methods=["PUT"]),
        Route("/health", _open),
    ]
    face = Face("wire", ("/api", "/files"), routes, _render, stream_paths=("/files/",))
    plain = Face("registry", (), [], _render, open_paths=frozenset({"/health"}))
    guard = Guard(
        Router(routes),
        faces=[face, plain],
        authenticator=authenticator or Authenticator(anonymous=LOCAL),
        limits=limits or Limits(max_body=100, max_upload=1000, body_seconds=0.2, idle_seconds=0.1),
        metrics=RequestMetrics(),
        hosts=frozenset(),
    )
    transport = httpx.ASGITransport(guard, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")


def _ask(
    method: str,
    path: str,
    *,
    client: httpx.AsyncClient | None = None,
    content: bytes | AsyncIterator[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with client or _client() as one:
            return await one.request(method, path, content=content, headers=headers)

    return asyncio.run(ask())


JSON = {"Content-Type": "application/json"}


def test_a_request_has_the_local_user_as_its_subject() -> None:
    found = _ask("POST", "/api/echo", content=b"{}", headers=JSON)
    assert (found.status_code, found.json()) == (200, {"name": "Ada", "size": 2})


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("missing", 404, "not_found"),
        ("forbidden", 403, "forbidden"),
        ("conflict", 409, "conflict"),
        ("down", 503, "unavailable"),
        ("bug", 500, "internal"),
    ],
)
def test_errors_are_worded_by_the_protocol(
    how: str, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "registry_tool.server")
    found = _ask("GET", f"/api/fail/{how}")
    assert (found.status_code, found.json()["wire"]) == (status, code)
    assert "secret detail" not in found.text
    assert ("Retry-After" in found.headers) is (status == 503)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "X"])
def test_unknown_methods_are_not_allowed(method: str) -> None:
    assert _ask(method, "/api/echo").status_code == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": ""},
        {**JSON, "Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_bodies_that_a_form_could_send_and_compressed_ones_are_refused(
    headers: dict[str, str],
) -> None:
    assert _ask("POST", "/api/echo", content=b"{}", headers=headers).status_code == 415


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:8080"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "models.localhost:8080"}, 200),
        ({"Host": "evil.example.org"}, 403),
        ({"Host": "localhost.example.org"}, 403),
        ({"Host": "127.0.0.1.example.org"}, 403),
        ({"Host": "10.0.0.1"}, 403),
        ({"Origin": "http://127.0.0.1:8080"}, 200),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "https://evil.example.org"}, 403),
        ({"Origin": "null"}, 403),
    ],
    ids=str,
)
def test_pages_of_other_origins_are_refused_without_tokens(
    headers: dict[str, str], status: int
) -> None:
    assert _ask("GET", "/api/echo", headers=headers).status_code == status


def test_with_tokens_every_host_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    text, _ = add_token(path, Subject("Bob", "bob@example.org", "user", parse_grants(["read"])))
    who = Authenticator(TokenFile(path))
    headers = {"Host": "models.example.org", "Authorization": f"Bearer {text}"}
    found = _ask("GET", "/api/echo", client=_client(authenticator=who), headers=headers)
    assert found.json()["name"] == "Bob"
    refused = _ask("GET", "/api/echo", client=_client(authenticator=who))
    assert refused.status_code == 401
    assert "Bearer" in refused.headers["WWW-Authenticate"]
    in_query = _ask("GET", f"/api/echo?token={text}", client=_client(authenticator=who))
    assert in_query.status_code == 401
    assert _ask("GET", "/health", client=_client(authenticator=who)).text == "OK"


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 60


async def _slow(pause: float) -> AsyncIterator[bytes]:
    for _ in range(20):
        yield b"x"
        await asyncio.sleep(pause)


def test_a_body_that_is_too_large_is_refused_by_its_length_and_while_it_arrives() -> None:
    assert _ask("POST", "/api/echo", content=b"x" * 101, headers=JSON).status_code == 413
    assert _ask("POST", "/api/echo", content=_endless(), headers=JSON).status_code == 413


def test_a_slow_body_is_refused() -> None:
    assert _ask("POST", "/api/echo", content=_slow(0.15), headers=JSON).status_code == 408
    assert _ask("POST", "/api/echo", content=_slow(0.05), headers=JSON).status_code == 408


def test_a_file_may_be_large_and_of_any_type_but_not_stall() -> None:
    headers = {"Content-Type": "application/octet-stream"}
    assert _ask("PUT", "/files/echo", content=b"x" * 999, headers=headers).json()["size"] == 999
    assert _ask("PUT", "/files/echo", content=_slow(0), headers=headers).json()["size"] == 20
    assert _ask("PUT", "/files/echo", content=_slow(0.15), headers=headers).status_code == 408
    assert _ask("PUT", "/files/echo", content=b"x" * 1001, headers=headers).status_code == 413


def test_a_subject_may_make_so_many_requests() -> None:
    async def ask() -> list[int]:
        async with _client(limits=Limits(rate=0.01, burst=2)) as client:
            return [(await client.get("/api/echo")).status_code for _ in range(3)]

    assert asyncio.run(ask()) == [200, 200, 429]


@pytest.mark.parametrize(
    "host", ["", "localhost:x", "[", "127.0.0.1@evil.org", "evil.org#localhost"]
)
def test_odd_hosts_are_not_local(host: str) -> None:
    assert not is_local_host(host)


def test_several_hosts_are_refused() -> None:
    async def ask() -> int:
        headers = [("Host", "127.0.0.1"), ("Host", "evil.example.org")]
        async with _client() as client:
            return (await client.get("/api/echo", headers=headers)).status_code

    assert asyncio.run(ask()) == 400


def test_a_broken_token_file_is_for_the_log_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "registry_tool.server")
    path = tmp_path / "tokens"
    path.write_text("{}\n")
    path.chmod(0o600)
    client = _client(authenticator=Authenticator(TokenFile(path)))
    found = _ask("GET", "/api/echo", client=client, headers={"Authorization": "Bearer x"})
    assert (found.status_code, found.json()["wire"]) == (503, "unavailable")
    assert str(path) not in found.text
    assert f"{path}:1: this line is not a token" in caplog.text
