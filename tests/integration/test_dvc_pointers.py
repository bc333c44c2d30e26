"""Pointers as DVC takes them: what the check accepts, a real ``dvc pull`` restores from the registry's own remote."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.schema import COMPILED_SINGLE_STAGE_SCHEMA
from ruamel.yaml import YAML
from support import Ran, commit, git, new_repository, put_object, write_files
from support.manifests import MODEL_BYTES, small_registry

Cli = Callable[..., Ran]
FOLDER = "models/nlp/lang-id/versions/1"
POINTER = f"{FOLDER}/model.bin.dvc"
MD5 = hashlib.md5(MODEL_BYTES).hexdigest()
OUT = f"outs:\n- md5: {MD5}\n  size: {len(MODEL_BYTES)}\n  hash: md5\n  path: model.bin\n"
CONFIG = (
    "[core]\nremote = storage\n['remote \"storage\"']\nurl = ../../storage\n"
    "['remote \"Team/Storage\"']\nurl = ../../storage\n"
)
IGNORED = "/models/**/*.bin\n/.dvc/config.local\n/.dvc/tmp\n/.dvc/cache\n"

# name -> (what is written, where `dvc pull` puts the bytes; empty where the check refuses it)
POINTERS = {
    "as dvc add writes it": (OUT, "model.bin"),
    "with CR LF": (OUT.replace("\n", "\r\n"), "model.bin"),
    "a working folder of itself": (f"wdir: .\n{OUT}", "model.bin"),
    "a working folder below": (f"wdir: sub/folder\n{OUT}", "sub/folder/model.bin"),
    "a working folder written at length": (f"wdir: ./sub/\n{OUT}", "sub/model.bin"),
    "a remote with a slash": (f"{OUT}  remote: team/storage\n", "model.bin"),
    "of import-url": (
        f"md5: {MD5}\nfrozen: true\ndeps:\n- etag: 9b2cf535\n  size: 3\n  path: https://h.example.org/m\n{OUT}",
        "model.bin",
    ),
    "of import-db": (f"frozen: true\ndeps:\n- db:\n    query: SELECT 1\n    file_format: csv\n{OUT}", "model.bin"),
    "always changed": (f"always_changed: true\n{OUT}", "model.bin"),
    "a working folder above": (f"wdir: ..\n{OUT}", ""),
    "a working folder elsewhere": (f"wdir: sub/../../2\n{OUT}", ""),
    "a working folder that is absolute": (f"wdir: /tmp\n{OUT}", ""),
    "a working folder of evidence": (f"wdir: evidence\n{OUT}", ""),
    "of import": (
        f"frozen: true\ndeps:\n- path: m\n  repo:\n    url: https://h.example.org/r\n    rev_lock: {'a' * 40}\n{OUT}",
        "",
    ),
}  # fmt: skip


def dvc(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {**small_registry(versions=("1",)), ".dvc/config": CONFIG, ".gitignore": IGNORED}
    put_object(tmp_path, MODEL_BYTES)
    return new_repository(tmp_path / "registry", files)


@pytest.mark.parametrize("name", POINTERS)
def test_what_is_accepted_is_what_dvc_restores(cli: Cli, root: Path, name: str) -> None:
    text, place = POINTERS[name]
    COMPILED_SINGLE_STAGE_SCHEMA(YAML(typ="safe").load(text))  # DVC reads all of them
    git(root, "config", "core.autocrlf", "false")
    (root / POINTER).write_bytes(text.encode())
    git(root, "checkout", "-q", "--orphan", "fresh")  # nothing is frozen yet
    git(root, "branch", "-D", "main")
    commit(root, "All")
    ran = cli("check", "--all", cwd=root)
    assert (ran.code == 0) == bool(place), ran.out
    if not place:
        assert f"{POINTER}:" in ran.out
        return
    pulled = dvc(root, "pull", POINTER)
    assert (root / FOLDER / place).exists(), pulled.stderr
    assert (root / FOLDER / place).read_bytes() == MODEL_BYTES
    assert cli("fetch", "nlp/lang-id@1", "-o", "out", cwd=root).code == 0


def test_what_dvc_import_wrote_is_converted_by_the_command_that_the_finding_names(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    other = new_repository(tmp_path / "other", {"README.md": "x\n"})
    assert dvc(other, "init", "-q").returncode == 0
    (other / "data.bin").write_bytes(MODEL_BYTES)
    dvc(other, "add", "-q", "data.bin")
    dvc(other, "remote", "add", "-q", "-d", "theirs", str(tmp_path / "theirs"))
    dvc(other, "push", "-q")
    commit(other, "Data")
    (root / POINTER).unlink()
    (tmp_path / "storage").rename(tmp_path / "was")
    imported = dvc(root / FOLDER, "import", "-q", str(other), "data.bin", "-o", "model.bin")
    assert imported.returncode == 0, imported.stderr
    (root / FOLDER / ".gitignore").unlink(missing_ok=True)
    git(root, "checkout", "-q", "--orphan", "fresh")
    git(root, "branch", "-D", "main")
    commit(root, "Imported")
    ran = cli("check", "--all", cwd=root)
    assert "fetches this file only from another repository" in ran.out
    command = next(line for line in ran.out.splitlines() if "dvc remove" in line)
    words = command.partition("try:")[2].strip()
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["sh", "-c", f"PATH={path}:$PATH; {words}"], cwd=root, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    commit(root, "Converted")
    assert cli("check", "--all", cwd=root).code == 0
    (tmp_path / "other").rename(tmp_path / "gone")
    (tmp_path / "theirs").rename(tmp_path / "gone too")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(root), str(clone))
    assert dvc(clone, "pull", POINTER).returncode == 0
    assert (clone / FOLDER / "model.bin").read_bytes() == MODEL_BYTES


def test_a_lock_file_with_cr_lf_is_read(cli: Cli, root: Path) -> None:
    assert cli("lock", "nlp/lang-id@1", cwd=root).code == 0
    lock = root / "registry.lock"
    lock.write_bytes(lock.read_bytes().replace(b"\n", b"\r\n"))
    ran = cli("fetch", "--locked", "-o", "out", cwd=root)
    assert ran.code == 0, ran.err
    write_files(root, {"broken.lock": "schema: lock/v1\rpins: []\r"})
    assert cli("fetch", "--locked", "broken.lock", "-o", "out", cwd=root).code == 2
