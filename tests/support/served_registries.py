"""Servers in the test's own process, and their answers without a socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import httpx

from registry_tool.access.authenticate import Authenticator, local_subject
from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.access.tokens import TokenFile, add_token
from registry_tool.server.http.app import build_app
from registry_tool.server.http.faces import Face
from registry_tool.server.limits import Limits
from registry_tool.server.service import Service

__all__ = ["LOCAL", "ask", "make_token", "wait_until", "with_client"]

T = TypeVar("T")
LOCAL = local_subject("Ada", "ada@example.org")


def make_token(path: Path, *scopes: str, name: str = "Bob") -> str:
    """A token in a file, with some scopes; its text."""
    subject = Subject(name, f"{name.lower()}@example.org", "user", parse_grants(scopes))
    return add_token(path, subject)[0]


def with_client(
    service: Service,
    work: Callable[[httpx.AsyncClient], Awaitable[T]],
    *,
    tokens: Path | None = None,
    faces: Sequence[Face] = (),
) -> T:
    """What some work with a client of a service gives."""
    who = Authenticator(anonymous=LOCAL) if tokens is None else Authenticator(TokenFile(tokens))
    app = build_app(service, faces, authenticator=who, limits=Limits(), hosts=frozenset())

    async def run() -> T:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8080"
        ) as client:
            return await work(client)

    return asyncio.run(run())


def ask(
    service: Service, path: str, *, method: str = "GET", token: str = "", tokens: Path | None = None,
    accept: str = "",
) -> httpx.Response:  # fmt: skip
    """The answer to one request."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Accept": accept} if accept else {}
    return with_client(
        service, lambda one: one.request(method, path, headers=headers), tokens=tokens
    )


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for what a thread of a server does."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen")
