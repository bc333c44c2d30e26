"""Requests that are broken or hostile: each is answered in TrueFoundry's form, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, cast

import httpx
import pytest
from support.manifests import registry_yaml
from support.served_apps import ServedApp, serve_app
from support.served_registries import make_token, with_client

from registry_tool.manifests.problems import JSON
from registry_tool.server.sealing import Sealer
from registry_tool.server.service import ServiceOptions, open_service
from registry_tool.server.truefoundry import build_face

PREFIX: Final = "/api/svc/v1"
MANIFEST: Final[dict[str, JSON]] = {
    "type": "model-version",
    "name": "lang-id",
    "ml_repo": "speech",
    "metadata": {},
    "source": {"type": "external", "uri": "s3://bucket/1"},
}
UNKNOWN: Final = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def folder(make_registry: Callable[..., Path]) -> Path:
    return make_registry({"registry.yaml": registry_yaml()})


@pytest.fixture
def app(folder: Path) -> Iterator[ServedApp]:
    with serve_app(folder, build_face, prefix=PREFIX) as served:
        yield served


def nested(depth: int) -> bytes:
    return b'{"manifest": ' + b'{"a": ' * depth + b"1" + b"}" * depth + b"}"


@pytest.mark.parametrize(
    ("method", "path", "content", "statuses"),
    [
        ("PUT", "model-versions", b"\xff", {400}),
        ("PUT", "model-versions", b'{"manifest": NaN}', {400}),
        ("PUT", "model-versions", b'{"manifest": "\\ud800"}', {400, 422}),
        ("PUT", "model-versions", b'{"manifest": []}', {422}),
        ("PUT", "model-versions", b"{}", {422}),
        ("PUT", "model-versions", nested(900), {422}),
        ("PUT", "model-versions", nested(100_000), {400, 422}),
        ("PUT", "model-versions", b'{"a": "' + b"x" * 1_100_000 + b'"}', {413}),
        ("PUT", "model-versions/tags", b'{"model_version_id": 7, "tags": []}', {422}),
        ("PUT", "model-versions/tags", b'{"model_version_id": "x", "tags": ["\\u0000"]}', {422}),
        ("PUT", "model-versions/tags", b'{"model_version_id": "%s", "tags": ["a"]}' % UNKNOWN.encode(), {404}),
        ("POST", "artifact-versions/signed-urls", b'{"id": "x", "paths": [], "operation": "READ"}', {422}),
        ("POST", "artifact-versions/signed-urls", b'{"id": "x", "paths": ["a"], "operation": "COPY"}', {422}),
        ("POST", "artifact-versions/signed-urls/multipart", b'{"id": "x", "path": "a", "num_parts": 100000}', {422}),
        ("POST", "artifact-versions/files", b'{"id": "x", "limit": 0}', {422}),
        ("POST", "runs", b'{"experiment_id": "1"}', {404}),
        ("POST", "model-versions", b"{}", {405}),
        ("DELETE", "models", b"", {405}),
        ("GET", "model-versions/" + "9" * 4000, b"", {404}),
        ("GET", "models/%00", b"", {404}),
        ("GET", "ml-repos/x", b"", {404}),
        ("GET", "runs/" + UNKNOWN, b"", {404}),
    ],
)  # fmt: skip
def test_broken_requests_are_answered_in_its_form(
    app: ServedApp, method: str, path: str, content: bytes, statuses: set[int]
) -> None:
    before = app.service.snapshot.commit
    reply = app.ask(method, path, content=content)
    assert reply.status in statuses, reply.data
    assert reply.data.keys() == {"statusCode", "message"}
    assert reply.data["statusCode"] == reply.status
    assert app.service.snapshot.commit == before


def test_other_types_and_compressed_bodies_are_refused(app: ServedApp) -> None:
    for headers in ({"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"}):
        reply = app.ask("PUT", "model-versions", content=b"{}", headers=headers)
        assert (reply.status, reply.data["statusCode"]) == (415, 415)


@pytest.mark.parametrize("metadata", [{"a": {"b": [[]] * 12_000}}, json.loads("[" * 40 + "]" * 40)])
def test_data_with_too_many_levels_or_items_is_refused_or_kept_whole(
    app: ServedApp, metadata: JSON
) -> None:
    reply = app.ask("PUT", "model-versions", {"manifest": {**MANIFEST, "metadata": {"deep": metadata}}})  # fmt: skip
    if reply.status == 200:
        data = cast("dict[str, dict[str, JSON]]", reply.data["data"])
        assert data["manifest"]["metadata"] == {"deep": metadata}
    else:
        assert reply.status == 422


def test_tokens_are_needed_and_those_of_other_forms_are_refused(folder: Path, tmp_path: Path) -> None:  # fmt: skip
    tokens = tmp_path / "tokens"
    token = make_token(tokens, "read:speech")
    with open_service(folder, ServiceOptions()) as service:

        async def ask(client: httpx.AsyncClient) -> list[int]:
            found = []
            for value in ("", "x", "tfy_x", "a.b.c", token[:-1], token, f"tfy_{token}"):
                headers = {"Authorization": f"Bearer {value}"} if value else {}
                answer = await client.get(f"{PREFIX}/model-versions", headers=headers)
                if answer.status_code != 200:
                    assert answer.json()["statusCode"] == answer.status_code
                found.append(answer.status_code)
            for path in ("min-cli-version", "tenant-id"):
                answer = await client.get(f"{PREFIX}/{path}")
                found.append(answer.status_code)
            body = {"manifest": MANIFEST}
            headers = {"Authorization": f"Bearer {token}"}
            written = await client.put(f"{PREFIX}/model-versions", json=body, headers=headers)
            found.append(written.status_code)
            return found

        faces = [build_face(service)]
        assert with_client(service, ask, tokens=tokens, faces=faces) == [
            401, 401, 401, 401, 401, 200, 200, 200, 200, 403,
        ]  # fmt: skip


def test_a_repeated_put_with_its_key_gets_the_first_answer(app: ServedApp) -> None:
    body: JSON = {"manifest": {**MANIFEST, "version_alias": "v1"}}
    first = app.ask("PUT", "model-versions", body, headers={"Idempotency-Key": "one"})
    again = app.ask("PUT", "model-versions", body, headers={"Idempotency-Key": "one"})
    assert first.status == again.status == 200, again.data
    assert again.data == first.data
    other: JSON = {"manifest": MANIFEST}
    reply = app.ask("PUT", "model-versions", other, headers={"Idempotency-Key": "one"})
    assert reply.status == 422


def test_puts_at_once_get_different_numbers_and_one_gets_the_alias(app: ServedApp) -> None:
    def put(number: int) -> tuple[int, str]:
        alias: dict[str, JSON] = {"version_alias": "v1"} if number % 2 else {}
        reply = app.ask("PUT", "model-versions", {"manifest": {**MANIFEST, **alias}})
        data = reply.data.get("data")
        return reply.status, str(data["fqn"]) if isinstance(data, dict) else ""

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(put, range(8)))
    made = [fqn for status, fqn in found if status == 200]
    assert len(made) == len(set(made)) == 5
    assert sorted(status for status, _ in found) == [200] * 5 + [422] * 3


def test_time_seals_a_draft_and_then_its_framework_is_permanent(app: ServedApp) -> None:
    for _ in range(2):  # two equal ones: the second names the first
        put = app.ask("PUT", "model-versions", {"manifest": {**MANIFEST, "framework": {"type": "onnx"}}})  # fmt: skip
        assert put.status == 200
    sealed = asyncio.run(Sealer(app.service).seal_due(10**15))
    assert [str(one) for one in sealed] == ["speech/lang-id@1", "speech/lang-id@2"]
    for version in (1, 2):
        changed: JSON = {**MANIFEST, "version": version, "framework": {"type": "keras"}}
        reply = app.ask("PUT", "model-versions", {"manifest": changed})
        assert reply.status == 422
        assert str(reply.data["message"]).startswith("manifest.framework: ")


def test_a_proposal_is_seen_by_its_author(make_registry: Callable[..., Path]) -> None:
    files = {"registry.yaml": registry_yaml(), "serve.yaml": "schema: serve/v1\nwrite: branch\n"}
    with serve_app(make_registry(files), build_face, prefix=PREFIX) as app:
        before = app.service.snapshot.commit
        reply = app.ask("PUT", "model-versions", {"manifest": MANIFEST})
        assert reply.status == 200, reply.data
        assert reply.headers["registry-proposal"].startswith("serve/")
        data = cast("dict[str, JSON]", reply.data["data"])
        assert app.ask("GET", f"model-versions/{data['id']}").data["data"] == data
        assert app.service.snapshot.commit == before
