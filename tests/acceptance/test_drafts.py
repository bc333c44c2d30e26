"""Drafts by the program: added, shown, fetched by plain DVC, kept by gc, changed, deleted, sealed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import Ran, git, run_program

import registry_tool as registry
from registry_tool.edits.drafts import DraftChanges

LANG = "nlp/lang-id"
TOP = f"models/{LANG}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A registry with version 1, and draft 2 with a model, a reserved tag and a reserved alias."""
    root = tmp_path / "registry"
    for name in ("one", "two", "more"):
        (tmp_path / f"{name}.bin").write_text(name * 40)
    remote = str(tmp_path / "store")
    ran = run_program("init", str(root), "--name", "acme", "--remote", remote, cwd=tmp_path)
    assert ran.code == 0, ran.err
    about = ("--task", "lid", "--owner", "@acme/speech", "--description", "X")
    add = ("version", "add", LANG, "--framework", "custom", "--artifact")
    run(root, "model", "add", LANG, *about, "--commit")
    run(root, *add, str(tmp_path / "one.bin"), "--commit")
    draft = ("--draft", "--alias", "candidate", "--tag", "v2", "--commit")
    run(root, *add, str(tmp_path / "two.bin"), *draft)
    return root


def run(root: Path, *words: str, code: int = 0) -> Ran:
    ran = run_program(*words, cwd=root)
    assert ran.code == code, (words, ran.out, ran.err)
    return ran


def test_a_draft_is_visible_and_not_served(root: Path, tmp_path: Path) -> None:
    assert f"{LANG}@2" in run(root, "list", "--drafts").out
    (row,) = json.loads(run(root, "list", "--drafts", "--format", "json").out)
    assert (row["version"], row["has_model"], row["aliases"]) == ("2", True, ["candidate"])
    shown = json.loads(run(root, "show", f"{LANG}@2", "--format", "json").out)
    assert (shown["state"], shown["reserved"]) == (
        "draft", {"tags": ["v2"], "aliases": ["candidate"]},
    )  # fmt: skip
    assert json.loads(run(root, "resolve", LANG, "--format", "json").out)["version"] == "1"
    for name in ("2", "v2", "candidate"):
        for words in (("resolve",), ("fetch", "-o", str(tmp_path / "out"))):
            ran = run(root, words[0], f"{LANG}@{name}", *words[1:], code=2)
            assert "registry seal nlp/lang-id@2" in ran.err
    run(root, "withdraw", f"{LANG}@2", "--reason", "Wrong.", code=2)
    ran = run(root, "alias", "set", f"{LANG}@1", "candidate", code=1)
    assert "reserved for the draft" in ran.err
    run(root, "check", "--all")


def test_plain_dvc_and_gc_know_drafts(root: Path, tmp_path: Path) -> None:
    plain, store = tmp_path / "plain", tmp_path / "store"
    before = sorted(path for path in (store / "files").rglob("*") if path.is_file())
    git(tmp_path, "clone", "--quiet", str(root), str(plain))
    dvc = Path(sys.executable).parent / "dvc"
    for words in (("pull", "-q"), ("gc", "-q", "-w", "-c", "-f")):
        subprocess.run([str(dvc), *words], cwd=plain, check=True)
    assert (plain / f"{TOP}/drafts/2/two.bin").read_text() == "two" * 40
    assert not git(plain, "status", "--porcelain")
    run(root, "gc")
    assert sorted(path for path in (store / "files").rglob("*") if path.is_file()) == before
    run(root, "check", "--all", "--remote")
    (found,) = (path for path in before if path.read_text() == "two" * 40)
    found.unlink()
    ran = run(root, "check", "--all", "--remote", code=1)
    assert f"{TOP}/drafts/2/version.yaml" in ran.out + ran.err
    run(root, "upload", f"{LANG}@2", str(tmp_path / "two.bin"))
    run(root, "check", "--all", "--remote")


def test_a_draft_changes_until_it_is_sealed(root: Path) -> None:
    with registry.open(root) as reg:
        changes = DraftChanges({"description": "Better."}, metrics=[{"key": "f1", "value": 0.9}])
        reg.edit_draft(f"{LANG}@2", changes, commit=True)
    record = (root / f"{TOP}/drafts/2/version.yaml").read_bytes()
    ran = run(root, "alias", "set", f"{LANG}@2", "best", "--commit")
    assert ran.out.startswith("Seal nlp/lang-id@2 as best\n")
    assert (root / f"{TOP}/versions/2/version.yaml").read_bytes() == record
    assert not (root / f"{TOP}/drafts").exists()
    for name in ("best", "candidate", "v2", "latest"):
        found = json.loads(run(root, "resolve", f"{LANG}@{name}", "--format", "json").out)
        assert found["version"] == "2"
    run(root, "check", "--all")
    assert not git(root, "status", "--porcelain")
    history = run(root, "history", f"{LANG}@2").out
    assert "draft nlp/lang-id@2 added" in history
    assert "version nlp/lang-id@2 added" in history
    assert "already sealed" in run(root, "seal", f"{LANG}@2").out
    # Back again, by hand.
    git(root, "mv", f"{TOP}/versions/2", f"{TOP}/drafts")
    git(root, "branch", "published", "HEAD")
    git(root, "config", "registry.published", "published")
    (root / f"{TOP}/drafts/2").mkdir()
    for path in [*(root / f"{TOP}/drafts").glob("*.*")]:
        path.rename(root / f"{TOP}/drafts/2" / path.name)
    git(root, "add", "--all")
    assert "makes it a draft again" in run(root, "check", "--staged", code=1).out


def test_a_deleted_draft_gives_up_its_names_but_not_its_number(root: Path, tmp_path: Path) -> None:
    run(root, "delete", f"{LANG}@2", "--reason", "Half done.", "--commit")
    assert not (root / f"{TOP}/drafts").exists()
    assert "Add draft nlp/lang-id@3" in run(root, "version", "add", LANG, "--draft", "--commit").out
    run(root, "alias", "set", f"{LANG}@1", "candidate", "--commit")
    ran = run(root, "version", "add", LANG, "2", "--draft", code=1)
    assert "C403" in ran.out + ran.err


def test_time_seals_no_draft_without_a_model(root: Path) -> None:
    run(root, "version", "add", LANG, "--draft", "--commit")
    assert "no draft is ready" in run(root, "seal", "--all-older-than", "1d").out
    run(root, "seal", "--all-older-than", "0s", "--commit")
    (row,) = json.loads(run(root, "list", "--drafts", "--format", "json").out)
    assert (row["version"], row["has_model"]) == ("3", False)
    run(root, "seal", code=2)
    run(root, "seal", "--all-older-than", "soon", code=2)
