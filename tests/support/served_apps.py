"""The server's application in this process, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from registry_tool.access.authenticate import Authenticator, local_subject
from registry_tool.access.subjects import Subject
from registry_tool.manifests.problems import JSON
from registry_tool.server.http.app import build_app
from registry_tool.server.http.faces import Face
from registry_tool.server.limits import Limits
from registry_tool.server.service import Service, ServiceOptions, open_service

__all__ = ["LOCAL", "Reply", "ServedApp", "serve_app"]

_LATER = 10.0
LOCAL = local_subject("Ada", "ada@example.org")


class Reply(NamedTuple):
    """An answer.

    Attributes:
        status: The HTTP status.
        data: The JSON of the body; the text where it is none.
        headers: The headers.
        content: The bytes of the body.
    """

    status: int
    data: dict[str, JSON]
    headers: Mapping[str, str]
    content: bytes = b""


class ServedApp:
    """A registry that is served in this process.

    Attributes:
        service: What the faces answer from.
    """

    def __init__(
        self, service: Service, build: Callable[[Service], Face], subject: Subject, prefix: str
    ) -> None:
        self.service = service
        self._prefix = prefix
        self._app = build_app(
            service,
            [build(service)],
            authenticator=Authenticator(anonymous=subject),
            limits=Limits(),
        )

    def ask(
        self,
        method: str,
        path: str,
        body: JSON = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Make one request; a path without a slash in front is below the protocol's prefix."""
        url = path if path.startswith("/") else f"{self._prefix}/{path}"
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        kind = {"Content-Type": "application/json"} if content is not None else {}

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1:8080"
            ) as client:
                given = {"content": content} if content is not None else {}
                if body is not None:
                    found = await client.request(method, url, json=body, headers=headers)
                else:
                    said = {**kind, **(headers or {})}
                    found = await client.request(
                        method, url, content=given.get("content"), headers=said
                    )
            # What goes on after an answer, in a server whose loop does not end with it.
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if others:
                await asyncio.wait(others, timeout=_LATER)
            return found

        found = asyncio.run(send())
        is_json = found.headers.get("content-type", "").startswith("application/json")
        data = found.json() if is_json and found.content else {"text": found.text}
        return Reply(found.status_code, data, found.headers, found.content)


@contextmanager
def serve_app(
    repository: Path,
    build: Callable[[Service], Face],
    *,
    prefix: str = "",
    subject: Subject = LOCAL,
    options: ServiceOptions | None = None,
) -> Iterator[ServedApp]:
    """Serve a registry in this process until the block ends."""
    with open_service(repository, options or ServiceOptions()) as service:
        yield ServedApp(service, build, subject, prefix)
