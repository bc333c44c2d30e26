"""MLSteam's calls: projects, models, versions, packages, downloads, deletions, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import httpx
import pytest
from support.manifests import alias_yaml, model_files, namespace_yaml, registry_yaml, version_files
from support.served_apps import Reply, ServedApp, serve_app
from support.served_registries import make_token, with_client

from registry_tool.access.packed_tokens import pack_token
from registry_tool.live.ids import make_namespace_uuid
from registry_tool.manifests.problems import JSON
from registry_tool.server.mlsteam import build_face, downloads
from registry_tool.server.mlsteam.description import OPERATIONS
from registry_tool.server.service import ServiceOptions, open_service

PREFIX: Final = "/api/v2"
HOME: Final = make_namespace_uuid("default")
MODELS: Final = f"projects/{HOME}/models"
BYTES: Final = {"Content-Type": "application/octet-stream"}
OLD: Final = json.dumps({"models": [{"name": "net", "version": "1", "framework": "pytorch"}]})
PACKAGE: Final = {"manifest.json": OLD.encode(), "models/net/w.txt": b"41", "hooks/load.py": b"x = 1\n"}  # fmt: skip
PLAIN: Final = {"weights.bin": b"\1" * 2_000_000, "code/run.py": b"print(1)\n"}
UNKNOWN: Final = "00000000-0000-0000-0000-000000000000"


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
    assert reply.status in {200, 201}, reply.data
    return reply.data


def listed(reply: Reply) -> list[dict[str, JSON]]:
    assert reply.status == 200, reply.data
    return cast("list[dict[str, JSON]]", reply.data)


def refused(reply: Reply, status: int) -> str:
    assert reply.status == status, reply.data
    assert reply.data.keys() == {"code", "message"}
    return str(reply.data["message"])


def add_model(app: ServedApp, name: str = "lang-id", **more: JSON) -> str:
    return str(said(app.ask("POST", MODELS, {"name": name, **more}))["uuid"])


def upload(app: ServedApp, name: str, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        said(app.ask("PUT", f"uploads/{HOME}/{name}/{path}", content=content, headers=BYTES))


def add_version(app: ServedApp, model: str, version: str, files: dict[str, bytes], **more: JSON) -> str:  # fmt: skip
    upload(app, version, files)
    body: JSON = {"version": version, "upload": version, **more}
    return str(said(app.ask("POST", f"{MODELS}/{model}/versions", body))["uuid"])


def prepare(app: ServedApp, place: str) -> str:
    return str(said(app.ask("GET", f"{place}/prepare"))["download_id"])


def contents(reply: Reply) -> dict[str, bytes]:
    assert reply.status == 200, reply.data
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# --- reading


def test_projects_are_found_by_name_and_by_owner_and_name(app: ServedApp) -> None:
    """MS-12."""
    (project,) = listed(app.ask("GET", "projects"))
    assert project == {"uuid": HOME, "name": "default", "owner": "acme-models", "description": ""}
    for name in ("default", "acme-models/default"):
        assert listed(app.ask("GET", f"projects?name={name}")) == [project]
    for name in ("other", "someone/default", "default/", "acme-models/acme-models/other"):
        assert listed(app.ask("GET", f"projects?name={name}")) == []
    assert said(app.ask("GET", f"projects/{HOME.upper()}")) == project
    assert "not found" in refused(app.ask("GET", f"projects/{UNKNOWN}"), 404)


def test_models_and_versions_are_listed_and_read_by_uuid_and_name(app: ServedApp) -> None:
    """MS-1, MS-2, MS-12."""
    model = add_model(app, description="Says a language", metadata={"a": [1, {"b": None}]})
    shown = said(app.ask("GET", f"{MODELS}/{model}"))
    assert (shown["name"], shown["description"], shown["metadata"]) == (
        "lang-id", "Says a language", {"a": [1, {"b": None}]},
    )  # fmt: skip
    assert listed(app.ask("GET", f"{MODELS}?name=lang-id")) == [shown]
    assert listed(app.ask("GET", f"{MODELS}?name=other")) == []
    version = add_version(app, model, "v 1", PLAIN, framework="pytorch.lightning", description="First", metadata={"x": 1.5})  # fmt: skip
    found = said(app.ask("GET", f"{MODELS}/{model}/versions/{version}"))
    assert listed(app.ask("GET", f"{MODELS}/{model}/versions")) == [found]
    assert {key: found[key] for key in ("version", "meta", "type", "framework", "description", "metadata", "size")} == {
        "version": "v 1", "meta": {"package": False, "encrypt": False}, "type": "plaintext",
        "framework": "pytorch.lightning", "description": "First", "metadata": {"x": 1.5}, "size": 2_000_009,
    }  # fmt: skip
    assert "already exists" in refused(
        app.ask("POST", f"{MODELS}/{model}/versions", {"version": "v 1", "upload": "v 1"}), 409
    )
    other = add_model(app, "other")
    assert "not found" in refused(app.ask("GET", f"{MODELS}/{other}/versions/{version}"), 404)
    assert "not found" in refused(app.ask("GET", f"{MODELS}/{version}"), 404)


def test_a_read_has_an_etag(app: ServedApp) -> None:
    add_model(app)
    tag = app.ask("GET", MODELS).headers["etag"]
    assert app.ask("GET", MODELS, headers={"If-None-Match": tag}).status == 304
    add_model(app, "other")
    assert app.ask("GET", MODELS, headers={"If-None-Match": tag}).status == 200


def test_a_model_is_renamed_and_described_again(app: ServedApp) -> None:
    model = add_model(app, description="Old", metadata={"a": 1})
    changed = said(app.ask("PATCH", f"{MODELS}/{model}", {"name": "Lang ID!", "description": "", "metadata": {"b": 2}}))  # fmt: skip
    assert (changed["uuid"], changed["name"], changed["description"], changed["metadata"]) == (
        model, "Lang ID!", "", {"b": 2},
    )  # fmt: skip
    assert "changes nothing" in refused(app.ask("PATCH", f"{MODELS}/{model}", {}), 400)


def test_the_description_document_gives_each_answer_a_schema(app: ServedApp) -> None:
    """MS-14: the SDK takes an answer without one for nothing, and wants plain mappings, not objects of a definition."""
    document = said(app.ask("GET", "swagger.json"))
    paths = cast("dict[str, dict[str, dict[str, JSON]]]", document["paths"])
    calls = [call for methods in paths.values() for call in methods.values()]
    assert {call["operationId"] for call in calls} == {one.name for one in OPERATIONS}
    for call in calls:
        answers = cast("dict[str, dict[str, dict[str, JSON]]]", call["responses"])
        assert answers.keys() >= {"default"}
        for answer in answers.values():
            assert "$ref" not in json.dumps(answer)
            assert answer["schema"]


# --- downloads


def test_plain_files_are_downloaded_as_one_archive(app: ServedApp) -> None:
    """MS-3, MS-13."""
    model = add_model(app)
    place = f"{MODELS}/{model}/versions/{add_version(app, model, 'v1', PLAIN)}"
    reply = app.ask("GET", f"{place}/download?download_id={prepare(app, place)}")
    assert reply.headers["content-type"] == "application/zip"
    assert contents(reply) == PLAIN


def test_a_package_is_downloaded_as_a_package(app: ServedApp) -> None:
    """MS-3, MS-7, MS-8."""
    model = add_model(app)
    version = add_version(app, model, "v1", PACKAGE, type="packaged-plaintext")
    place = f"{MODELS}/{model}/versions/{version}"
    assert said(app.ask("GET", place))["meta"] == {"package": True, "encrypt": False}
    reply = app.ask("GET", f"{place}/download?download_id={prepare(app, place)}")
    assert contents(reply) == PACKAGE
    assert next(iter(contents(reply))) == "manifest.json"
    assert reply.headers["content-disposition"] == 'attachment; filename="lang-id-v1.mlarchive"'
    whole = reply.content
    file = add_version(app, model, "v2", {"net.mlarchive": whole}, type="packaged-plaintext")
    place = f"{MODELS}/{model}/versions/{file}"
    assert app.ask("GET", f"{place}/download?download_id={prepare(app, place)}").content == whole


def test_a_download_is_for_the_version_that_was_prepared(app: ServedApp) -> None:
    model = add_model(app)
    one = f"{MODELS}/{model}/versions/{add_version(app, model, 'v1', PLAIN)}"
    two = f"{MODELS}/{model}/versions/{add_version(app, model, 'v2', {'a': b'2'})}"
    first = prepare(app, one)
    assert "another version" in refused(app.ask("GET", f"{two}/download?download_id={first}"), 404)
    for wrong in ("", "x", first[:-3] + "AAA", first[:20]):
        assert "signature" in refused(app.ask("GET", f"{one}/download?download_id={wrong}"), 403)
    assert "signature" in refused(app.ask("GET", "jobs/x"), 403)
    assert "does not exist" in refused(app.ask("GET", f"jobs/{first}"), 404)


def test_what_takes_long_is_a_job(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job is known to every server of this user, also after a restart, and ends in a download."""
    monkeypatch.setattr(downloads.DownloadCalls.__init__, "__kwdefaults__", {"patience": 0.0})
    with serve_app(folder, build_face, prefix=PREFIX) as app:
        model = add_model(app)
        place = f"{MODELS}/{model}/versions/{add_version(app, model, 'v1', PLAIN)}"
        found = said(app.ask("GET", f"{place}/prepare"))
    job = found.get("job_id")
    with serve_app(folder, build_face, prefix=PREFIX) as app:
        for _ in range(1000):
            if job is None:
                break
            state = said(app.ask("GET", f"jobs/{job}"))
            if state["state"] == "finished":
                found = cast("dict[str, JSON]", state["result"])
                break
            assert state == {"state": "running", "result": None}
        reply = app.ask("GET", f"{place}/download?download_id={found['download_id']}")
        assert contents(reply) == PLAIN


def test_files_that_the_remote_lacks_are_told(
    app: ServedApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = add_model(app)
    place = f"{MODELS}/{model}/versions/{add_version(app, model, 'v1', PLAIN)}"
    for one in (tmp_path / "storage").rglob("*"):
        if one.is_file():
            one.unlink()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    reply = app.ask("GET", f"{place}/prepare")
    if reply.status != 200:  # the cache of this server may have been opened before
        assert "missing" in refused(reply, 503)


# --- what is no version, or no package


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"version": "v1", "upload": "none"}, 404, "has no files"),
        ({"version": "v1", "upload": "../x"}, 400, "is not a path"),
        ({"version": "v1"}, 400, "upload: the field is required"),
        ({"version": "v1", "upload": "good", "type": "zip"}, 400, "type: found"),
        ({"version": "v1", "upload": "good", "key": "secret"}, 400, "key: unknown field"),
        ({"version": "v1", "upload": "good", "framework": "mxnet"}, 400, "framework: found 'mxnet'"),
        ({"version": "v1", "upload": "good", "type": "packaged-encrypted"}, 400, "takes no key"),
        ({"version": "v1", "upload": "good", "type": "packaged-plaintext"}, 400, "the files are plaintext"),
        ({"version": "v1", "upload": "package", "type": "plaintext"}, 400, "the files are packaged-plaintext"),
        ({"version": "v1", "upload": "lies"}, 400, "has no file src/load.py"),
        ({"version": "v1", "upload": "broken"}, 400, "is not JSON"),
        ({"version": "v1", "upload": "file"}, 400, "is not a ZIP archive"),
        ({"version": "a\u202eb", "upload": "good"}, 400, ""),
    ],
)  # fmt: skip
def test_a_version_that_is_not_what_it_says_is_refused(
    app: ServedApp, body: JSON, status: int, message: str
) -> None:
    model = add_model(app)
    lie = json.dumps({"schema": "v2024.1", "version": "1", "models": [{"name": "net", "loader": "load.py"}]})  # fmt: skip
    upload(app, "good", {"a.bin": b"\1"})
    upload(app, "package", PACKAGE)
    upload(app, "lies", {**PACKAGE, "manifest.json": lie.encode()})
    upload(app, "broken", {**PACKAGE, "manifest.json": b"{"})
    upload(app, "file", {"x.mlarchive": b"nothing of the kind"})
    before = app.service.snapshot.commit
    assert message in refused(app.ask("POST", f"{MODELS}/{model}/versions", body), status)
    assert app.service.snapshot.commit == before


@pytest.mark.parametrize("path", ["../x", "a/../../x", "a/%2e%2e/x", "a\\b", "a/b%00c", "%5c", "a/%0ab"])  # fmt: skip
def test_an_upload_stays_in_its_place(app: ServedApp, path: str) -> None:
    reply = app.ask("PUT", f"uploads/{HOME}/{path}", content=b"1", headers=BYTES)
    assert reply.status in {400, 404, 405}
    assert reply.data.keys() == {"code", "message"}


ENCRYPTION: Final[JSON] = {
    "name": "model", "role": "model", "path": "model.tar.age", "size": 1, "sha256": "0" * 64, "md5": "0" * 32,
    "encryption": {
        "format": "age", "recipient": "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "packing": "tar",
        "path": "model", "size": 1, "sha256": "0" * 64, "nfiles": 1,
    },
}  # fmt: skip


def test_an_encrypted_version_is_refused_with_the_command_that_opens_it(
    make_registry: Callable[..., Path], tmp_path: Path
) -> None:
    files = {**registry_files(tmp_path), "models/nlp/namespace.yaml": namespace_yaml(), **model_files(), **version_files("2", artifacts=[ENCRYPTION])}  # fmt: skip
    with serve_app(make_registry(files), build_face, prefix=PREFIX) as app:
        models = f"projects/{make_namespace_uuid('nlp')}/models"
        (model,) = listed(app.ask("GET", models))
        versions = f"{models}/{model['uuid']}/versions"
        found = next(one for one in listed(app.ask("GET", versions)) if one["version"] == "2")
        assert (found["type"], found["meta"]) == ("packaged-encrypted", {"package": True, "encrypt": True})  # fmt: skip
        message = refused(app.ask("GET", f"{versions}/{found['uuid']}/prepare?req=KEY"), 403)
        assert "registry decrypt nlp/lang-id@2 -o DIR" in message


# --- deletion


def test_a_deletion_needs_its_name_and_frees_the_name(app: ServedApp) -> None:
    """MS-21."""
    model = add_model(app)
    version = add_version(app, model, "v1", PLAIN)
    place = f"{MODELS}/{model}/versions/{version}"
    for confirm in ("", "?confirm=v2", "?confirm=V1"):
        assert "confirm=v1" in refused(app.ask("DELETE", f"{place}{confirm}"), 400)
    assert said(app.ask("DELETE", f"{place}?confirm=v1&reason=twice")) == {}
    assert "not found" in refused(app.ask("GET", place), 404)
    again = said(app.ask("POST", f"{MODELS}/{model}/versions", {"version": "v1", "upload": "v1"}))
    assert (again["version"], again["uuid"] != version) == ("v1", True)
    assert "confirm=lang-id" in refused(app.ask("DELETE", f"{MODELS}/{model}"), 400)
    assert said(app.ask("DELETE", f"{MODELS}/{model}?confirm=lang-id")) == {}
    assert listed(app.ask("GET", MODELS)) == []
    assert add_model(app) != model


def test_a_version_with_an_alias_is_in_use(make_registry: Callable[..., Path], tmp_path: Path) -> None:  # fmt: skip
    alias = {"models/nlp/lang-id/aliases/best.yaml": alias_yaml()}
    files = {
        **registry_files(tmp_path),
        "models/nlp/namespace.yaml": namespace_yaml(),
        **model_files(),
        **version_files("1"),
        **alias,
    }
    with serve_app(make_registry(files), build_face, prefix=PREFIX) as app:
        models = f"projects/{make_namespace_uuid('nlp')}/models"
        (model,) = listed(app.ask("GET", models))
        place = f"{models}/{model['uuid']}"
        (version,) = listed(app.ask("GET", f"{place}/versions"))
        assert version["aliases"] == ["best"]
        message = refused(app.ask("DELETE", f"{place}/versions/{version['uuid']}?confirm=1"), 409)
        assert "registry alias set nlp/lang-id@VERSION best" in message
        assert "in use" in refused(app.ask("DELETE", f"{place}?confirm=lang-id"), 409)


# --- tokens


def test_a_token_in_three_parts_is_the_token_of_this_server(folder: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    writer, stranger = make_token(tokens, "write", name="Bob"), make_token(tokens, "read:cv", name="Eve")  # fmt: skip
    with open_service(folder, ServiceOptions()) as service:

        async def ask(client: httpx.AsyncClient) -> list[int]:
            found = []
            texts = [
                pack_token(writer), pack_token(writer, "http://x"), writer, f"a.b.{writer}", f"tfy_{writer}",
                pack_token("x"), f"a.{writer}", f"{writer}.a.b", f"a.b.c.{writer}", "..", "",
            ]  # fmt: skip
            for text in texts:
                headers = {"Authorization": f"Bearer {text}"}
                found.append((await client.get(f"{PREFIX}/projects", headers=headers)).status_code)
            found.append((await client.get(f"{PREFIX}/swagger.json")).status_code)
            hidden = {"Authorization": f"Bearer {pack_token(stranger)}"}
            assert (await client.get(f"{PREFIX}/projects", headers=hidden)).json() == []
            found.append((await client.get(f"{PREFIX}/{MODELS}", headers=hidden)).status_code)
            return found

        statuses = with_client(service, ask, tokens=tokens, faces=[build_face(service)])
    assert statuses == [200] * 5 + [401] * 6 + [200, 404]
