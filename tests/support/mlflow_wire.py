"""MLflow's protocol in this process: requests to the application, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import httpx

from registry_tool.access.authenticate import Authenticator, local_subject
from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.manifests.problems import JSON
from registry_tool.server.http.app import build_app
from registry_tool.server.limits import Limits
from registry_tool.server.mlflow.routes import build_face
from registry_tool.server.service import Service, ServiceOptions, open_service

__all__ = ["MlflowWire", "Reply", "mlflow_wire", "subject_with"]

_PREFIX = "/api/2.0/mlflow"
_HOST = "http://127.0.0.1:8080"


class Reply(NamedTuple):
    """An answer: its status and its JSON."""

    status: int
    data: dict[str, JSON]

    @property
    def said(self) -> tuple[int, str, str]:
        """Of an error: status, code, message."""
        return self.status, str(self.data.get("error_code")), str(self.data.get("message"))


class MlflowWire(NamedTuple):
    """A served registry, and how to make requests."""

    service: Service
    app: object

    def send(self, method: str, url: str, **given: object) -> httpx.Response:
        """One request to any address."""

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)  # type: ignore[arg-type]  # an ASGI application
            async with httpx.AsyncClient(transport=transport, base_url=_HOST) as client:
                return await client.request(method, url, **given)  # type: ignore[arg-type]  # as httpx takes them

        return asyncio.run(run())

    def ask(self, method: str, path: str, **fields: JSON) -> Reply:
        """One call with its fields, in the body or for GET in the query; ``ask("GET", "model-versions/get", name="x")``."""
        given: dict[str, object] = {"params" if method == "GET" else "json": fields}
        answer = self.send(method, f"{_PREFIX}/{path}", **given)
        return Reply(answer.status_code, cast("dict[str, JSON]", answer.json()))

    def model(self, name: str) -> Mapping[str, JSON]:
        """A model."""
        reply = self.ask("GET", "registered-models/get", name=name)
        return cast("Mapping[str, JSON]", reply.data["registered_model"])

    def version(self, name: str, version: str) -> Mapping[str, JSON]:
        """A version."""
        reply = self.ask("GET", "model-versions/get", name=name, version=version)
        return cast("Mapping[str, JSON]", reply.data["model_version"])


def subject_with(*scopes: str) -> Subject:
    """A subject with some scopes."""
    return Subject("Ada", "ada@example.org", "user", parse_grants(scopes))


@contextmanager
def mlflow_wire(folder: Path, subject: Subject | None = None) -> Iterator[MlflowWire]:
    """Serve a registry in this process."""
    with open_service(folder, ServiceOptions()) as service:
        service.public_url = _HOST
        authenticator = Authenticator(anonymous=subject or local_subject("Ada", "ada@example.org"))
        faces = [build_face(service)]
        app = build_app(service, faces, authenticator=authenticator, limits=Limits())
        yield MlflowWire(service, app)
