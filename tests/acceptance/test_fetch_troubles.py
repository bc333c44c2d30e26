"""Fetching when something is wrong: with the bytes, with the list of files, with names."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, put_object, write_files
from support.manifests import small_registry, stored_artifact, version_files

from registry_tool.artifacts.dvc_files import dir_md5
from registry_tool.manifests.problems import JSON

Make = Callable[..., Path]
Cli = Callable[..., Ran]
FOLDER = "models/nlp/lang-id"
ODD = {
    "two words.txt": b"a",
    "ünï cöde/日本語": b"b",
    "quote'\"$(x)`": b"c",
    "-rf": b"d",
    "%2e%2e": b"e",
}
WEIGHTS = b"weights" * 400_000
ADD = ("version", "add", "nlp/lang-id", "--framework", "custom", "--commit")
MANY = 1001  # a manifest does not list so many


def shared_cache() -> Path:
    return Path(os.environ["REGISTRY_CACHE"])


def forget_everything() -> None:
    from registry_tool.artifacts.cache.locks import get_uses

    get_uses.cache_clear()  # as when the process ends
    shutil.rmtree(shared_cache(), ignore_errors=True)


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def kept() -> dict[str, bytes]:
    """What the cache has of artifacts, finished or not."""
    found = contents(shared_cache())
    return {path: data for path, data in found.items() if not path.startswith("uses/")}


@pytest.fixture
def root(make_registry: Make) -> Path:
    registry = make_registry(small_registry(versions=("1",)))
    write_files(registry, {".gitignore": "/storage\n/models/**/*.bin\n/models/**/folder\n"})
    return registry


@pytest.fixture
def add(cli: Cli, root: Path, tmp_path: Path) -> Callable[[dict[str, bytes]], None]:
    """Adds version 2: a file, or a folder of files. Then nobody has it but the remote."""

    def run(files: dict[str, bytes]) -> None:
        write_files(tmp_path / "source", files)
        alone = list(files) == ["weights.bin"]
        source = tmp_path / "source" / ("weights.bin" if alone else "folder")
        ran = cli(*ADD, "--artifact", str(source), cwd=root)
        assert ran.code == 0, ran.err
        forget_everything()

    return run


def folder_of(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"folder/{path}": data for path, data in files.items()}


def stored(root: Path, md5: str) -> Path:
    place = root / "storage" / "files" / "md5" / md5[:2] / md5[2:]
    place.chmod(0o644)
    return place


# --- bytes that are not the ones

HARMS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "flipped": (lambda data: data[:9] + bytes([data[9] ^ 1]) + data[10:], "expected md5 "),
    "truncated": (lambda data: data[:-1], "expected size 2800000, found 2799999"),
    "longer": (lambda data: data + b"!", "expected size 2800000, found more than 2800000"),
    "empty": (lambda _: b"", "expected size 2800000, found 0"),
}


@pytest.mark.parametrize("name", list(HARMS))
def test_an_object_that_is_wrong_is_not_taken(
    *, cli: Cli, root: Path, tmp_path: Path, add: Callable[[dict[str, bytes]], None], name: str
) -> None:
    harm, words = HARMS[name]
    add({"weights.bin": WEIGHTS})
    place = stored(root, hashlib.md5(WEIGHTS).hexdigest())
    place.write_bytes(harm(WEIGHTS))
    for _ in range(2):  # what the first try left does not help the second one
        ran = cli("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=root)
        assert (ran.code, ran.out) == (4, "")
        assert "weights.bin does not match its manifest" in ran.err
        assert words in ran.err
        assert f"on the remote storage ({root / 'storage'})" in ran.err
        assert "try:   nothing was written" in ran.err
        assert not (tmp_path / "out").exists()
        assert kept() == {}
    place.write_bytes(WEIGHTS)
    assert cli("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=root).code == 0


def test_an_object_that_is_gone_is_named(
    cli: Cli, root: Path, tmp_path: Path, add: Callable[[dict[str, bytes]], None]
) -> None:
    add(folder_of(ODD))
    md5 = hashlib.md5(b"b").hexdigest()
    stored(root, md5).unlink()
    ran = cli("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=root)
    assert (ran.code, ran.out) == (4, "")
    assert "folder: ünï cöde/日本語 (1 bytes) is missing from the remote storage" in ran.err
    assert md5 in ran.err
    assert "try:   ask its author to restore it: registry upload" in ran.err
    assert not (tmp_path / "out").exists()


# --- names


def test_names_arrive_as_they_are(
    cli: Cli, root: Path, tmp_path: Path, add: Callable[[dict[str, bytes]], None]
) -> None:
    add(folder_of(ODD))
    ran = cli("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out odd"), cwd=root)
    assert ran.code == 0, ran.err
    assert contents(tmp_path / "out odd" / "folder") == ODD
    for path, data in ODD.items():
        ran = cli("fetch", "nlp/lang-id@2", "--artifact", f"folder/{path}", cwd=root)
        assert Path(ran.out.rsplit("  ", 2)[0].rstrip()).read_bytes() == data
    ran = cli("verify", str(tmp_path / "out odd"), "--as", "nlp/lang-id@2", cwd=root)
    assert ran.code == 0, ran.err


def with_files(root: Path, *paths: str) -> None:
    """A version whose manifest lists these files, each of which is on the remote."""
    put_object(root, b"x")
    md5, sha256 = hashlib.md5(b"x").hexdigest(), hashlib.sha256(b"x").hexdigest()
    files: list[JSON] = [{"path": path, "size": 1, "sha256": sha256, "md5": md5} for path in paths]
    entry = stored_artifact(
        name="folder", path="folder", size=len(paths), nfiles=len(paths), files=files, md5="0" * 32 + ".dir",
    )  # fmt: skip
    write_files(root, version_files("3", artifacts=[entry]))


@pytest.mark.parametrize(
    ("paths", "code", "words"),
    [
        (["a\nb"], 1, "versions/3/version.yaml:16: artifacts[0].files[0].path"),
        (["a\x1b[2Jb"], 1, "versions/3/version.yaml:16: artifacts[0].files[0].path"),
        (["x", "../x"], 1, "versions/3/version.yaml:20: artifacts[0].files[1].path"),
        (["/x"], 1, "versions/3/version.yaml:16: artifacts[0].files[0].path"),
        (["a", "a/b"], 4, "folder lists 'a/b' below a file"),
    ],
)
def test_names_that_no_folder_may_have_are_refused(
    *, cli: Cli, root: Path, tmp_path: Path, paths: list[str], code: int, words: str
) -> None:
    with_files(root, *paths)
    ran = cli("fetch", "nlp/lang-id@3", "-o", str(tmp_path / "out" / "deep"), cwd=root)
    assert words in ran.err
    assert (ran.code, ran.out) == (code, "")
    assert "\x1b" not in ran.err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "x").exists()


# --- lists of files that lie


def listed(root: Path) -> str:
    """The name of the folder's own object."""
    pointer = (root / FOLDER / "versions/2/folder.dvc").read_text(encoding="utf-8")
    return str(re.findall(r"[0-9a-f]{32}\.dir", pointer)[0])


LIES: dict[str, tuple[Callable[[list[dict[str, str]]], object], str]] = {
    "other bytes": (lambda files: [*files[:-1], {**files[-1], "md5": files[0]["md5"]}], "expected md5"),
    "one file less": (lambda files: files[:-1], "expected md5"),
    "another place": (lambda files: [{**files[0], "relpath": "../../x"}, *files[1:]], "expected md5"),
    "no list": (lambda _: {"a": 1}, "expected md5"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(LIES))
def test_a_list_of_files_that_lies_is_refused(
    *, cli: Cli, root: Path, tmp_path: Path, add: Callable[[dict[str, bytes]], None], name: str
) -> None:
    lie, words = LIES[name]
    add(folder_of({f"{number:04}": b"%d" % number for number in range(MANY)}))
    place = stored(root, listed(root))
    place.write_text(json.dumps(lie(json.loads(place.read_bytes()))))
    ran = cli("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=root)
    assert (ran.code, ran.out) == (4, "")
    assert "folder: its list of files" in ran.err
    assert words in ran.err
    assert not (tmp_path / "out").exists()
    assert kept() == {}


def test_a_list_that_its_pointer_and_manifest_agree_with_is_refused_by_its_bytes(
    cli: Cli, root: Path, tmp_path: Path, add: Callable[[dict[str, bytes]], None]
) -> None:
    """Who may write the registry and the remote still has to say the sha256 of all of it."""
    add(folder_of({f"{number:04}": b"%d" % number for number in range(MANY)}))
    old = listed(root)
    files = json.loads(stored(root, old).read_bytes())
    files[3]["md5"], files[4]["md5"] = files[4]["md5"], files[3]["md5"]
    data = json.dumps(files).encode()
    new = dir_md5(data)
    place = root / "storage/files/md5" / new[:2] / new[2:]
    write_files(root, {str(place.relative_to(root)): data})
    for name in ("version.yaml", "folder.dvc"):
        file = root / FOLDER / "versions/2" / name
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    ran = cli("fetch", "nlp/lang-id@2", "-o", str(tmp_path / "out"), cwd=root)
    assert (ran.code, ran.out) == (4, "")
    assert "folder does not match its manifest: expected sha256" in ran.err
    assert not (tmp_path / "out").exists()


# --- what needs one more step


def test_what_is_encrypted_is_said_to_be(cli: Cli, root: Path) -> None:
    sealed: dict[str, JSON] = {
        "format": "age", "recipient": "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        "packing": "none", "path": "plain", "size": 3, "sha256": "0" * 64,
    }  # fmt: skip
    put_object(root, b"age")
    write_files(root, version_files("3", artifacts=[stored_artifact(b"age", encryption=sealed)]))
    ran = cli("fetch", "nlp/lang-id@3", cwd=root)
    assert ran.code == 0, ran.err
    assert ran.err == "note:  model is encrypted: registry decrypt nlp/lang-id@3 -o DIR\n"
    ran = cli("fetch", "nlp/lang-id@3", "--format", "json", cwd=root)
    assert (ran.err, json.loads(ran.out)["artifacts"][0]["encrypted"]) == ("", True)
