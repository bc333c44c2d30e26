"""What ``--artifact`` takes: files, several of them, standard input, URLs, and what another version stores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support import Ran, run_program
from support.manifests import small_registry

from registry_tool.api.registry import WORK_TREE, open_registry
from registry_tool.errors import RefusedError, UsageError
from registry_tool.manifests.data import Data, records
from registry_tool.manifests.yaml.explain import explain

Cli = Callable[..., Ran]
ADD = ("version", "add", "nlp/lang-id", "3", "--framework", "fasttext")
SERVED = b"bytes from afar" * 100


@pytest.fixture
def root(make_registry: Callable[..., Path]) -> Path:
    return make_registry(small_registry())


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for path, data in {"weights/a.bin": b"a", "weights/b.bin": b"b", "config.json": b"{}"}.items():
        place = tmp_path / "sources" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return tmp_path / "sources"


@pytest.fixture
def web() -> Iterator[str]:
    class Files(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            if self._answer():
                self.wfile.write(SERVED)

        def _answer(self) -> bool:
            there = self.path.startswith("/model.bin")
            self.send_response(200 if there else 404)
            self.send_header("Content-Length", str(len(SERVED)) if there else "0")
            self.end_headers()
            return there

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def artifacts(root: Path, version: str = "3") -> list[Data]:
    data = explain((root / f"models/nlp/lang-id/versions/{version}/version.yaml").read_bytes()).data
    return records(data, "artifacts")


def state(root: Path) -> tuple[list[Path], list[Path]]:
    # Notes of this program on the store, such as leases, are no objects.
    return sorted((root / "models").rglob("*")), sorted((root / "storage/files").rglob("*"))


def test_several_files_and_folders_under_one_name(cli: Cli, root: Path, sources: Path) -> None:
    given = (f"model={sources / 'weights'}", f"model={sources / 'config.json'}")
    ran = cli(*ADD, *(f"--artifact={one}" for one in given), cwd=root)
    assert ran.code == 0, ran.err
    (artifact,) = artifacts(root)
    assert (artifact["path"], artifact["nfiles"]) == ("model", 3)
    assert cli("check", "--all", cwd=root).code == 0


def test_a_file_whose_name_is_none_for_an_artifact_gets_one(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    place = tmp_path / "my model.bin"
    place.write_bytes(b"weights")
    ran = cli(*ADD, "--artifact", str(place), cwd=root)
    assert ran.code == 2
    assert "'my model.bin' is not an artifact name" in ran.err
    assert "--artifact NAME=PATH" in ran.err
    assert cli(*ADD, "--artifact", f"model={place}", cwd=root).code == 0
    (artifact,) = artifacts(root)
    assert (artifact["name"], artifact["path"]) == ("model", "my model.bin")


def test_standard_input(cli: Cli, root: Path) -> None:
    ran = run_program(*ADD, "--artifact", "model.bin=-", cwd=root, stdin=b"piped" * 1000)
    assert ran.code == 0, ran.err
    (artifact,) = artifacts(root)
    assert (artifact["name"], artifact["path"], artifact["size"]) == (
        "model.bin",
        "model.bin",
        5000,
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["-"], "no file name"),
        (["model.bin=-"], "model.bin is empty"),
        (["a=-", "b=-"], "only once"),
        (["version.yaml=-"], "version.yaml"),
    ],
)
def test_standard_input_that_is_no_good(cli: Cli, root: Path, given: list[str], words: str) -> None:
    before = state(root)
    ran = run_program(*ADD, *(f"--artifact={one}" for one in given), cwd=root)
    assert ran.code in {1, 2}
    assert words in ran.err
    assert state(root) == before


def test_a_url_is_recorded(cli: Cli, root: Path) -> None:
    before = state(root)[1]
    given = ("--artifact", "s3://bucket/eval.parquet", "--track", "test=https://example.org/t.csv")
    assert cli(*ADD, *given, cwd=root).code == 0
    found = artifacts(root)
    assert [(one["name"], one["uri"], one["role"]) for one in found] == [
        ("eval.parquet", "s3://bucket/eval.parquet", "dataset"),
        ("test", "https://example.org/t.csv", "dataset"),
    ]
    assert state(root)[1] == before


def test_a_url_is_copied_when_that_is_asked_for(
    cli: Cli, root: Path, web: str, tmp_path: Path
) -> None:
    ran = cli(*ADD, "--artifact", f"model={web}/model.bin?x=1", "--copy", cwd=root)
    assert ran.code == 0, ran.err
    assert "uploaded" in ran.out
    (artifact,) = artifacts(root)
    assert (artifact["name"], artifact["path"], artifact["size"]) == (
        "model",
        "model.bin",
        len(SERVED),
    )
    assert cli("fetch", "nlp/lang-id@3", "-o", str(tmp_path / "out"), cwd=root).code == 0
    assert (tmp_path / "out" / "model.bin").read_bytes() == SERVED


def test_urls_that_cannot_be_copied(cli: Cli, root: Path, web: str) -> None:
    before = state(root)
    for given, code, words in (
        (("--track", f"{web}/nothing.bin", "--copy"), 4, "nothing.bin does not exist"),
        (("--track", "ftp://host/x.bin", "--copy"), 2, "unsupported scheme"),
        (("--track", "x=https://host/folder/", "--copy"), 2, "is a folder"),
        (("--copy",), 2, "no URL is given"),
    ):
        ran = cli(*ADD, *given, cwd=root)
        assert (ran.code, words in ran.err) == (code, True), ran.err
    assert state(root) == before


def test_what_another_version_stores_is_taken_over(
    cli: Cli, root: Path, sources: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert cli(*ADD, "--artifact", f"w={sources / 'weights'}", cwd=root).code == 0
    stored = state(root)[1]
    monkeypatch.setenv("REGISTRY_CACHE", str(tmp_path / "another"))  # nothing is here
    fourth = ("version", "add", "nlp/lang-id", "4", "--framework", "fasttext", "--param", "k=2")
    ran = cli(*fourth, "--artifact", "registry:nlp/lang-id@3/w", cwd=root)
    assert ran.code == 0, ran.err
    assert "uploaded   nothing" in ran.out
    assert artifacts(root, "4") == artifacts(root, "3")
    assert state(root)[1] == stored
    assert cli("check", "--all", cwd=root).code == 0


def test_it_gets_a_name_and_a_role_of_its_own(cli: Cli, root: Path, sources: Path) -> None:
    assert cli(*ADD, "--artifact", f"w={sources / 'weights'}", cwd=root).code == 0
    fourth = ("version", "add", "nlp/lang-id", "4", "--framework", "fasttext", "--param", "k=2")
    given = ("--artifact", "old=registry:nlp/lang-id@3/w", "--role", "old=checkpoint")
    assert cli(*fourth, *given, cwd=root).code == 0
    (artifact,) = artifacts(root, "4")
    assert (artifact["name"], artifact["role"], artifact["path"]) == (
        "old",
        "checkpoint",
        "weights",
    )


def test_what_cannot_be_taken_over(cli: Cli, root: Path) -> None:
    before = state(root)
    for given, code, words in (
        ("registry:nlp/lang-id@1/nothing", 1, "has no artifact 'nothing'"),
        ("registry:nlp/lang-id@9/model", 1, "9"),
        ("registry:nlp/lang-id@1", 2, "does not name an artifact"),
        ("registry:", 2, "does not name an artifact"),
        ("registry:nlp/lang-id@1/model", 4, "is missing in remote"),  # whose bytes are gone
    ):
        ran = cli(*ADD, "--artifact", given, cwd=root)
        assert words in ran.err
        assert ran.code in {code, 2}, given
    assert state(root) == before


def test_two_artifacts_do_not_get_one_file(cli: Cli, root: Path, sources: Path) -> None:
    upper = sources / "upper" / "CONFIG.json"
    upper.parent.mkdir()
    upper.write_bytes(b"{}")
    before = state(root)
    given = (f"a={sources / 'config.json'}", f"b={upper}")
    ran = cli(*ADD, *(f"--artifact={one}" for one in given), cwd=root)
    assert ran.code == 2
    assert "two artifacts have the path 'CONFIG.json'" in ran.err
    assert state(root) == before


def test_an_empty_file_is_refused_until_it_is_meant(cli: Cli, root: Path, tmp_path: Path) -> None:
    empty = tmp_path / "model.bin"
    empty.touch()
    before = state(root)
    ran = cli(*ADD, "--artifact", str(empty), cwd=root)
    assert (ran.code, state(root)) == (1, before)
    assert "model.bin is empty: 0 bytes" in ran.err
    assert "--allow empty" in ran.err
    assert cli(*ADD, "--artifact", str(empty), "--allow", "mislabelled", cwd=root).code == 1
    ran = cli(*ADD, "--artifact", str(empty), "--allow", "empty", cwd=root)
    assert ran.code == 0, ran.err
    assert "artifact model.bin is empty" in ran.err


def test_empty_files_in_a_folder_are_fine(cli: Cli, root: Path, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").touch()
    assert cli(*ADD, "--artifact", str(tmp_path / "package"), cwd=root).code == 0


def test_content_that_contradicts_its_name_is_refused_until_it_is_meant(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    page, folder = tmp_path / "model.onnx", tmp_path / "package"
    page.write_bytes(b"<!doctype html><title>Sign in</title>")
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
    )
    before = state(root)
    for source, words in ((page, "an HTML page"), (folder, "a Git LFS pointer")):
        ran = cli(*ADD, "--artifact", str(source), cwd=root)
        assert (ran.code, state(root)) == (1, before)
        assert words in ran.err
        assert "--allow mislabelled" in ran.err
    with open_registry(root, ref=WORK_TREE) as registry:
        draft = registry.change("Add").model("nlp/lang-id").new_version("3")
        with pytest.raises(RefusedError, match="HTML"):
            draft.upload_artifact(page)
        assert draft.upload_artifact(page, allow=["mislabelled"])[0].name == "model.onnx"
        with pytest.raises(UsageError, match="unknown"):
            draft.upload_artifact(page, name="other", allow=["everything"])
    both = ("--artifact", str(page), "--artifact", str(folder))
    ran = cli(*ADD, *both, "--allow", "mislabelled", "--allow", "empty", cwd=root)
    assert ran.code == 0, ran.err
