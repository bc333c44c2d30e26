"""Plain DVC and this package read what the other wrote."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.fetching import fetch

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.dvc_files import Pointer, pointer_from_data, render_pointer
from registry_tool.artifacts.remotes.base import Remote, object_path
from registry_tool.artifacts.remotes.config import DvcSettings
from registry_tool.artifacts.remotes.open import open_remote
from registry_tool.artifacts.transfer.ingest import FILES_LIMIT, IngestedBlob, ingest
from registry_tool.artifacts.transfer.upload import upload

DVC = Path(sys.executable).with_name("dvc")
FOLDER = {
    "config.json": b"{}",
    "weights/a.bin": b"a" * 5000,
    "weights/empty": b"",
    "ünï cöde": b"x",
}
VERSION = "models/nlp/lang-id/versions/1"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    (tmp_path / "home").mkdir()
    environment = {
        "PATH": f"{DVC.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_NO_ANALYTICS": "true",
        "DVC_SITE_CACHE_DIR": str(tmp_path / "site"),
        "DVC_SYSTEM_CONFIG_DIR": str(tmp_path / "system"),
        "PYTHONWARNINGS": "ignore",
        "REGISTRY_NEW_PASSPHRASE": "correct horse battery",
    } | {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Test"), ("EMAIL", "test@example.org"))
    }

    def run(*command: str, cwd: Path) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def registry(tmp_path: Path, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "global"))
    root = tmp_path / "registry"
    (root / VERSION).mkdir(parents=True)
    run("git", "init", "-q", ".", cwd=root)
    run("dvc", "init", "-q", cwd=root)
    run("dvc", "remote", "add", "-q", "-d", "storage", "../store", cwd=root)
    return root


def remote_of(root: Path) -> Remote:
    settings = DvcSettings(
        config=(root / ".dvc/config").read_bytes(),
        local_config=root / ".dvc/config.local",
        root=root,
    )
    return open_remote(settings)


def make(root: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def pointer_of(path: Path) -> Pointer:
    data: dict[str, object] = YAML(typ="safe").load(path.read_bytes())
    return pointer_from_data(data)


def publish(root: Path, source: Path, cache: Cache) -> IngestedBlob:
    ingested = ingest(source, cache=cache)
    upload(ingested, remote_of(root))
    pointer = Pointer(source.name, ingested.md5, ingested.size, nfiles=ingested.nfiles)
    (root / VERSION / f"{source.name}.dvc").write_bytes(render_pointer(pointer))
    return ingested


def test_plain_dvc_pull_restores_what_we_published(
    tmp_path: Path, registry: Path, run: Callable[..., str]
) -> None:
    cache = Cache(tmp_path / "cache")
    model, folder = tmp_path / "model.bin", make(tmp_path / "a folder", FOLDER)
    model.write_bytes(b"weights" * 1000)
    many = make(tmp_path / "many", {f"{n:04}": b"%d" % n for n in range(FILES_LIMIT + 1)})
    for source in (model, folder, many):
        publish(registry, source, cache)
    run("git", "add", "-A", cwd=registry)
    run("git", "commit", "-qm", "Publish", cwd=registry)
    run("git", "clone", "-q", str(registry), "clone", cwd=tmp_path)
    clone = tmp_path / "clone"
    for name in ("model.bin", "a folder", "many"):
        run("dvc", "pull", "-q", f"{VERSION}/{name}.dvc", cwd=clone)
    assert (clone / VERSION / "model.bin").read_bytes() == model.read_bytes()
    assert contents(clone / VERSION / "a folder") == FOLDER
    assert contents(clone / VERSION / "many") == contents(many)


@pytest.mark.parametrize("name", ["model.bin", "folder"])
def test_we_fetch_what_dvc_added_and_pushed(
    tmp_path: Path, registry: Path, run: Callable[..., str], name: str
) -> None:
    source = registry / VERSION / name
    if name == "folder":
        make(source, FOLDER)
    else:
        source.write_bytes(b"weights" * 1000)
    run("dvc", "add", "-q", f"{VERSION}/{name}", cwd=registry)
    run("dvc", "push", "-q", f"{VERSION}/{name}.dvc", cwd=registry)

    theirs = (registry / VERSION / f"{name}.dvc").read_bytes()
    pointer = pointer_of(registry / VERSION / f"{name}.dvc")
    ours = ingest(source, cache=Cache(tmp_path / "author"))
    assert (pointer.path, pointer.md5, pointer.size, pointer.nfiles) == (
        name,
        ours.md5,
        ours.size,
        ours.nfiles,
    )
    assert render_pointer(pointer) == theirs
    own_object = ours.blobs[-1][1].read_bytes()
    assert (tmp_path / "store" / object_path(ours.md5)).read_bytes() == own_object

    entry = {"path": name, **ours.describe()}
    reader = Cache(tmp_path / "reader")
    path = fetch(entry, lambda: remote_of(registry), reader)
    assert (
        (contents(path) == FOLDER)
        if name == "folder"
        else (path.read_bytes() == source.read_bytes())
    )


def test_dvc_sees_our_objects_on_the_remote(
    tmp_path: Path, registry: Path, run: Callable[..., str]
) -> None:
    source = make(registry / VERSION / "folder", FOLDER)
    publish(registry, source, Cache(tmp_path / "cache"))
    run("dvc", "commit", "-q", "-f", f"{VERSION}/folder.dvc", cwd=registry)
    before = contents(tmp_path / "store")
    assert "up to date" in run("dvc", "push", f"{VERSION}/folder.dvc", cwd=registry)
    assert contents(tmp_path / "store") == before


def test_we_read_the_old_layout_of_dvc_2(tmp_path: Path, registry: Path) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights")
    ours = ingest(source, cache=Cache(tmp_path / "author"))
    old = tmp_path / "store" / ours.md5[:2] / ours.md5[2:]
    old.parent.mkdir(parents=True)
    old.write_bytes(source.read_bytes())
    path = fetch(
        {"path": "model.bin", **ours.describe()},
        lambda: remote_of(registry),
        Cache(tmp_path / "reader"),
    )
    assert path.read_bytes() == b"weights"


def test_plain_dvc_pull_of_everything_succeeds_after_an_erasure(
    tmp_path: Path, registry: Path, run: Callable[..., str]
) -> None:
    (registry / VERSION).rmdir()
    (registry / VERSION).parent.rmdir()
    manifests = {
        "registry.yaml": b"schema: registry/v1\nname: acme\nremote: storage\n",
        ".gitignore": b"/models/**/*.bin\n/models/**/folder\n",
    }
    make(registry, manifests)
    run("git", "add", "-A", cwd=registry)
    run("git", "commit", "-qm", "Start", cwd=registry)
    run("git", "branch", "-m", "main", cwd=registry)
    model, folder = tmp_path / "model.bin", make(tmp_path / "folder", FOLDER)
    about = ("--task", "ocr", "--owner", "speech", "--description", "Reads.", "--commit")
    run("registry", "model", "add", "nlp/lang-id", *about, cwd=registry)
    for content in (b"first" * 100, b"second" * 100):
        model.write_bytes(content)
        artifacts = ("--artifact", str(model), "--artifact", str(folder))
        run("registry", "version", "add", "nlp/lang-id", *artifacts, "--framework", "onnx", "--commit", cwd=registry)  # fmt: skip
    before = contents(tmp_path / "store")
    for path in (tmp_path / "store").rglob("*"):
        # A purge keeps what was uploaded in the second of the erasure or later.
        os.utime(path, (time.time() - 60, time.time() - 60))

    erase = ("registry", "erase", "nlp/lang-id@1")
    run(*erase, "--reason", "By law.", "--yes", "--commit", cwd=registry)
    for step in ("before the purge", "after it"):
        clone = tmp_path / step
        run("git", "clone", "-q", str(registry), str(clone), cwd=tmp_path)
        (clone / ".dvc/config.local").write_text(
            f"['remote \"storage\"']\n    url = {tmp_path / 'store'}\n"
        )
        run("dvc", "pull", "-q", cwd=clone)
        second = clone / VERSION.replace("/1", "/2")
        assert (second / "model.bin").read_bytes() == b"second" * 100
        assert contents(second / "folder") == FOLDER
        assert {p.name for p in (clone / VERSION).iterdir()} == {"version.yaml", "status.yaml"}
        run(*erase, "--purge", "--yes", cwd=registry)
    after = contents(tmp_path / "store")
    assert set(before.values()) - set(after.values()) == {b"first" * 100}
    assert len(before) - len(after) == 1


def objects(store: Path) -> dict[str, bytes]:
    """What DVC keeps there; notes of this program lie apart."""
    return contents(store / "files")


def a_whole_registry(tmp_path: Path, run: Callable[..., str], *options: str) -> Path:
    """A registry as `registry init` lays it: several models, a folder, an erased and an encrypted version."""
    root = tmp_path / "whole"
    files = {name: tmp_path / f"{name}.bin" for name in ("one", "two", "three")}
    for name, place in files.items():
        place.write_bytes(name.encode() * 500)
    folder = make(tmp_path / "folder", FOLDER | {"inner.dvc": b"no pointer", "version.yaml": b"x"})
    run(
        "registry",
        "init",
        str(root),
        "--name",
        "acme",
        "--remote",
        str(tmp_path / "store"),
        *options,
        cwd=tmp_path,
    )
    about = ("--task", "ocr", "--owner", "speech", "--description", "Reads.", "--commit")
    for model in ("nlp/lang-id", "nlp/other", "vision/ocr"):
        run("registry", "model", "add", model, *about, cwd=root)
    add = ("registry", "version", "add")
    rest = ("--framework", "custom", "--commit")
    run(
        *add,
        "nlp/lang-id",
        "--artifact",
        str(files["one"]),
        "--artifact",
        str(folder),
        *rest,
        cwd=root,
    )
    run(*add, "nlp/lang-id", "--artifact", str(files["two"]), *rest, cwd=root)
    run(
        *add,
        "nlp/other",
        "--artifact",
        str(files["three"]),
        "--encrypt-passphrase",
        *rest,
        cwd=root,
    )
    run(*add, "vision/ocr", "--artifact", str(folder), "--metric", "a=1", *rest, cwd=root)
    run("registry", "erase", "nlp/lang-id@2", "--reason", "By law.", "--yes", "--commit", cwd=root)
    return root


@pytest.mark.parametrize("options", [(), ("--shard", "2")], ids=["flat", "sharded"])
def test_plain_dvc_takes_everything_along_from_a_fresh_starter(
    tmp_path: Path, run: Callable[..., str], options: tuple[str, ...]
) -> None:
    root, plain = a_whole_registry(tmp_path, run, *options), tmp_path / "plain"
    assert run("git", "status", "--porcelain", cwd=root) == ""
    before = objects(tmp_path / "store")
    two = {path: data for path, data in before.items() if data == b"two" * 500}
    assert (len(before), len(two)) == (9, 1)
    run("git", "clone", "-q", str(root), str(plain), cwd=tmp_path)
    run("dvc", "pull", "-q", cwd=plain)
    assert run("git", "status", "--porcelain", cwd=plain) == ""
    assert "up to date" in run("dvc", "status", cwd=plain)
    listed = set(run("dvc", "list", ".", "-R", "--dvc-only", cwd=plain).splitlines())
    homes = {Path(path).name: str(Path(path).parent) for path in listed}
    assert {Path(path).name for path in listed} >= {
        "one.bin",
        "three.bin.age",
        "a.bin",
        "inner.dvc",
    }
    assert len(listed) == 2 + 2 * 6
    assert (plain / homes["one.bin"] / "one.bin").read_bytes() == b"one" * 500
    assert (plain / homes["one.bin"] / "folder/ünï cöde").read_bytes() == b"x"

    run("dvc", "remote", "add", "-q", "other", str(tmp_path / "other"), cwd=plain)
    run("dvc", "push", "-q", "-r", "other", cwd=plain)
    needed = {path: data for path, data in before.items() if path not in two}
    assert objects(tmp_path / "other") == needed
    for checkout in (plain, root):
        run("dvc", "gc", "-q", "-w", "-c", "-f", cwd=checkout)
        assert objects(tmp_path / "store") == needed
    # Everything is ignored that was pulled, nothing among the manifests is.
    assert run("git", "status", "--porcelain", cwd=root) == ""
    assert "no problems found" in run("registry", "check", "--all", cwd=root)
