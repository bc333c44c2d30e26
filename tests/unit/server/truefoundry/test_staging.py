"""Staged files: signed addresses into the DVC remote, versions that take them, and addresses out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import pytest
from support.manifests import registry_yaml
from support.served_apps import Reply, ServedApp, serve_app

from registry_tool.manifests.problems import JSON
from registry_tool.server.files.signed_addresses import Signer
from registry_tool.server.truefoundry import build_face

PREFIX: Final = "/api/svc/v1"
FILES: Final = {"model.bin": b"\1" * 2_000_000, "code/__init__.py": b"", "code/run.py": b"print(1)\n"}  # fmt: skip
MANIFEST: Final[dict[str, JSON]] = {
    "type": "model-version",
    "name": "lang-id",
    "ml_repo": "speech",
    "metadata": {},
    "source": {"type": "truefoundry"},
}


def registry_files(folder: Path) -> dict[str, str]:
    (folder / "storage").mkdir(exist_ok=True)
    config = (
        f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {folder / 'storage'}\n"
    )
    return {"registry.yaml": registry_yaml(), ".dvc/config": config}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def folder(make_registry: Callable[..., Path], tmp_path: Path) -> Path:
    return make_registry(registry_files(tmp_path))


@pytest.fixture
def app(folder: Path) -> Iterator[ServedApp]:
    with serve_app(folder, build_face, prefix=PREFIX) as served:
        yield served


def said(reply: Reply) -> dict[str, JSON]:
    assert reply.status == 200, reply.data
    return reply.data


def stage(app: ServedApp) -> tuple[str, str]:
    found = said(app.ask("POST", "artifact-versions/stage", {"manifest": MANIFEST}))
    return str(found["id"]), str(found["storage_root"])


def sign(app: ServedApp, uuid: str, operation: str, *paths: str) -> list[str]:
    body: JSON = {"id": uuid, "operation": operation, "paths": list(paths)}
    found = said(app.ask("POST", "artifact-versions/signed-urls", body))["data"]
    urls = cast("list[dict[str, str]]", found)
    assert [one["path"] for one in urls] == list(paths)
    return [one["signed_url"] for one in urls]


def upload(app: ServedApp) -> tuple[str, str]:
    uuid, root = stage(app)
    for url, content in zip(sign(app, uuid, "WRITE", *FILES), FILES.values(), strict=True):
        reply = app.ask("PUT", url, content=content, headers={"Content-Type": ""})
        assert reply.status == 200, reply.data
        assert reply.headers["etag"] == f'"{hashlib.md5(content).hexdigest()}"'
    return uuid, root


def put(app: ServedApp, root: str, **changes: JSON) -> dict[str, JSON]:
    source: JSON = {"type": "truefoundry", "uri": root}
    body: JSON = {"manifest": {**MANIFEST, "source": source, **changes}}
    return cast("dict[str, JSON]", said(app.ask("PUT", "model-versions", body))["data"])


def listed(app: ServedApp, uuid: str, path: str = "", **more: JSON) -> list[tuple[JSON, ...]]:
    body: JSON = {"id": uuid, "path": path, **more}
    found = said(app.ask("POST", "artifact-versions/files", body))["data"]
    entries = cast("list[dict[str, JSON]]", found)
    return [(one["path"], one["is_dir"], one.get("file_size")) for one in entries]


ROOT_FILES: Final = [("code", True, None), ("model.bin", False, 2_000_000)]


def test_t26_staged_files_become_the_files_of_the_version(app: ServedApp) -> None:
    uuid, root = upload(app)
    assert listed(app, uuid) == ROOT_FILES
    version = put(app, root, framework={"type": "pytorch"})
    assert cast("dict[str, JSON]", version["manifest"])["source"] == {
        "type": "truefoundry", "uri": root,
    }  # fmt: skip
    assert version["deployable"] is True
    own = str(version["id"])
    assert listed(app, own) == ROOT_FILES
    assert listed(app, own, "code") == [("code/__init__.py", False, 0), ("code/run.py", False, 9)]
    assert listed(app, own, limit=1) == ROOT_FILES[:1]
    assert listed(app, own, limit=1, pageToken="1") == ROOT_FILES[1:]
    for url, content in zip(sign(app, own, "READ", *FILES), FILES.values(), strict=True):
        for _ in range(2):  # reading is not for one use
            reply = app.ask("GET", url)
            assert reply.status == 200
            assert int(reply.headers["content-length"]) == len(content)
    edited = put(app, root, version=1, description="Edited.", version_alias="v1")
    assert edited["id"] == own
    assert listed(app, own) == ROOT_FILES


def test_an_address_is_for_one_use_one_object_one_operation_and_one_server(app: ServedApp) -> None:
    uuid, _ = stage(app)
    one, two = sign(app, uuid, "WRITE", "a", "b")
    assert app.ask("PUT", one, content=b"a").status == 200
    used = app.ask("PUT", one, content=b"a")
    assert (used.status, used.data["message"]) == (
        403, "this address was used already; request another one",
    )  # fmt: skip
    other = one.replace("/api/svc/v1/", "/api/ml/v1/")
    assert app.ask("PUT", other, content=b"a").status == 403
    assert app.ask("GET", two).status == 403
    assert app.ask("POST", two, content=b"").status == 403
    head, _, tail = two.rpartition("/")[2].partition(".")
    first = one.rpartition("/")[2]
    for bad in (f"{head}.{first.partition('.')[2]}", head, f"{head}.{tail[:-4]}AAAA", "x" * 9000):
        reply = app.ask("PUT", f"{PREFIX}/signed/{bad}", content=b"a")
        assert reply.status == 403
    for signer, late in ((Signer(bytes(32)), 3600), (Signer(), -1)):
        made = signer.sign(
            "truefoundry", "write", f"{uuid}/c", name="A", email="a@example.org", seconds=late
        )
        assert app.ask("PUT", f"{PREFIX}/signed/{made}", content=b"a").status == 403
    exact = Signer().sign(
        "truefoundry", "write", f"{uuid}/c", name="A", email="a@example.org", length=3
    )
    for content, status in ((b"ab", 400), (b"abcd", 400), (b"abc", 200)):
        assert app.ask("PUT", f"{PREFIX}/signed/{exact}", content=content).status == status
    assert listed(app, uuid) == [("a", False, 1), ("c", False, 3)]


def test_a_file_in_parts_is_joined(app: ServedApp) -> None:
    uuid, root = stage(app)
    body: JSON = {"id": uuid, "path": "big/model.bin", "num_parts": 3}
    found = said(app.ask("POST", "artifact-versions/signed-urls/multipart", body))["data"]
    data = cast("dict[str, list[dict[str, str]]]", found)
    contents = [b"a" * 70_000, b"b" * 70_000, b"c"]
    etags = []
    for part, content in zip(data["part_signed_urls"], contents, strict=True):
        reply = app.ask("PUT", part["signed_url"], content=content)
        assert reply.status == 200, reply.data
        etags.append(reply.headers["etag"])
    finish = cast("dict[str, dict[str, str]]", found)["finalize_signed_url"]["signed_url"]

    def complete(numbers: list[int]) -> Reply:
        rows = "".join(
            f"<Part>\n<PartNumber>{n}</PartNumber>\n<ETag>{etags[n - 1]}</ETag></Part>"
            for n in numbers
        )
        xml = f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>"
        return app.ask("POST", finish, content=xml.encode(), headers={"Content-Type": ""})

    for lacking in ([], [1, 3], [2, 3]):
        assert complete(lacking).status == 400
    assert complete([1, 2, 3]).status == 200
    assert complete([1, 2, 3]).status == 403
    assert listed(app, uuid, "big") == [("big/model.bin", False, 140_001)]
    version = put(app, root)
    assert listed(app, str(version["id"]), "big") == [("big/model.bin", False, 140_001)]


@pytest.mark.parametrize("path", ["", "../x", "a/../../x", "/etc/passwd", "a//b\\c", "a\0", "%2e%2e/x", "C:/x"])  # fmt: skip
def test_paths_that_leave_the_folder_are_refused(app: ServedApp, path: str) -> None:
    uuid, _ = stage(app)
    body: JSON = {"id": uuid, "operation": "WRITE", "paths": [path]}
    assert app.ask("POST", "artifact-versions/signed-urls", body).status == 422
    parts: JSON = {"id": uuid, "path": path, "num_parts": 2}
    assert app.ask("POST", "artifact-versions/signed-urls/multipart", parts).status == 422


def test_what_does_not_exist_is_not_found(app: ServedApp) -> None:
    uuid, root = stage(app)
    unknown = "00000000-0000-0000-0000-000000000000"
    for operation in ("READ", "WRITE"):
        body: JSON = {"id": unknown, "operation": operation, "paths": ["a"]}
        assert app.ask("POST", "artifact-versions/signed-urls", body).status == 404
    assert app.ask("POST", "artifact-versions/files", {"id": unknown}).status == 404
    for uri in (root, root.replace(uuid, unknown), "s3://bucket/of/others"):
        source: JSON = {"type": "truefoundry", "uri": uri}
        reply = app.ask("PUT", "model-versions", {"manifest": {**MANIFEST, "source": source}})
        assert reply.status == 422
        assert str(reply.data["message"]).startswith("manifest.source.uri: ")
    sign(app, uuid, "WRITE", "a")
    assert said(app.ask("POST", "artifact-versions/mark-stage-failure", {"id": uuid})) == {}
    body = {"id": uuid, "operation": "WRITE", "paths": ["a"]}
    assert app.ask("POST", "artifact-versions/signed-urls", body).status == 404


def test_content_that_runs_code_is_refused_when_the_version_is_put(app: ServedApp) -> None:
    import os
    import pickle

    class Bad:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("true",)

    uuid, root = stage(app)
    (url,) = sign(app, uuid, "WRITE", "model.pkl")
    assert app.ask("PUT", url, content=pickle.dumps(Bad())).status == 200
    source: JSON = {"type": "truefoundry", "uri": root}
    reply = app.ask("PUT", "model-versions", {"manifest": {**MANIFEST, "source": source}})
    assert reply.status == 422, reply.data


def test_without_a_remote_an_upload_says_so(make_registry: Callable[..., Path]) -> None:
    bare = make_registry({"registry.yaml": registry_yaml()}, name="bare")
    with serve_app(bare, build_face, prefix=PREFIX) as app:
        uuid, _ = stage(app)
        (url,) = sign(app, uuid, "WRITE", "a")
        reply = app.ask("PUT", url, content=b"a")
        assert reply.status in {422, 501, 503}
        assert "remote" in str(reply.data["message"])
