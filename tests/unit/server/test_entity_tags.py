from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from registry_tool.access.authenticate import local_subject
from registry_tool.server.entity_tags import EntityTags
from registry_tool.server.faces import Face, Failure


def _render(failure: Failure) -> Response:
    return JSONResponse({}, failure.status)


@dataclass
class _Served:
    """An application whose state and subject a test changes; it counts the answers that are made."""

    commit: str = "one"
    address: str = "http://localhost"
    subject: str = "Ada"
    made: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        self.made.append(request.url.path)
        headers = {"ETag": '"own"'} if "own" in request.url.path else {}
        return JSONResponse({}, 404 if "missing" in request.url.path else 200, headers)

    def ask(self, path: str, *, method: str = "GET", **headers: str) -> httpx.Response:
        route = Route("/{path:path}", self.answer, methods=["GET", "POST"])
        faces = [Face("wire", ("/api",), [], _render, stream_paths=("/api/files",))]
        tags = EntityTags(
            Router([route]), faces=faces, commit=lambda: self.commit, address=lambda: self.address
        )

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = {"subject": local_subject(self.subject, "a@example.org")}
            await tags(scope, receive, send)

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(run())


def test_an_unchanged_answer_is_not_made_again() -> None:
    served = _Served()
    tag = served.ask("/api/list?size=3").headers["ETag"]
    again = served.ask("/api/list?size=3", **{"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert len(served.made) == 1


@pytest.mark.parametrize("change", ["commit", "address", "subject"])
def test_another_state_or_subject_has_another_tag(change: str) -> None:
    served = _Served()
    tag = served.ask("/api/list").headers["ETag"]
    setattr(served, change, "other")
    assert served.ask("/api/list", **{"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/api/files/x", "/api/missing"])
def test_what_is_no_published_state_has_no_tag(path: str) -> None:
    assert "ETag" not in _Served().ask(path).headers


def test_writes_have_no_tag_and_are_not_304() -> None:
    served = _Served()
    tag = served.ask("/api/list").headers["ETag"]
    done = served.ask("/api/list", method="POST", **{"If-None-Match": tag})
    assert done.status_code == 200
    assert "ETag" not in done.headers


def test_a_protocol_may_have_its_own_tags() -> None:
    assert _Served().ask("/api/own").headers.get_list("ETag") == ['"own"']
