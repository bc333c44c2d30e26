"""Pushes of several commits: each step that would be published is judged, and each file that a commit brings."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from support import commit, git, new_repository, run_program, write_files
from support.manifests import (
    alias_yaml,
    registry_yaml,
    small_registry,
    stored_artifact,
    tag_yaml,
    version_files,
)
from support.raw_trees import commit_tree, twice

MODEL = "models/nlp/lang-id"
PRODUCTION = f"{MODEL}/aliases/production.yaml"
STAGED = {
    "registry.yaml": registry_yaml(
        stages={"production": {"require": [{"metric": "accuracy", "min": 0.9}]}}
    )
}
KEY = "-----BEGIN " + "PRIVATE KEY-----\nMIIE\n"
LARGE = "x" * ((1 << 20) + 1)


class Pushed(NamedTuple):
    code: int
    said: str


def push(folder: Path, *arguments: str) -> Pushed:
    done = subprocess.run(
        ["git", "push", *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    return Pushed(done.returncode, done.stdout.decode(errors="replace"))


@pytest.fixture(scope="module")
def made() -> list[Path]:
    """The folder with a server and a clone that those of each test are copies of, once they were made."""
    return []


@pytest.fixture
def bare(tmp_path: Path, made: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server with the hook, whose main branch is a registry with a gated stage."""
    if not made:
        made.append(_make(tmp_path_factory.mktemp("pushed")))
    return shutil.copytree(made[0] / "models.git", tmp_path / "models.git", symlinks=True)


@pytest.fixture
def clone(tmp_path: Path, made: list[Path], bare: Path) -> Path:
    """A clone of the server."""
    folder = shutil.copytree(made[0] / "registry", tmp_path / "registry", symlinks=True)
    git(folder, "remote", "set-url", "origin", str(bare))
    git(folder, "status")  # which takes note that the files were copied
    return folder


def new_server(place: Path) -> Path:
    """A server with the hook and without a commit."""
    place.mkdir()
    git(place, "init", "-q", "--bare", "--initial-branch=main")
    done = run_program("hooks", "install", "--server", str(place), cwd=place.parent)
    assert done.code == 0, done.err
    return place


def _make(place: Path) -> Path:
    bare = new_server(place / "models.git")
    files = {**small_registry(), **STAGED}
    del files[PRODUCTION]
    folder = new_repository(place / "registry", files)
    git(folder, "remote", "add", "origin", str(bare))
    first = push(folder, "-u", "origin", "main")
    assert first.code == 0, first.said
    return place


def change(folder: Path, files: dict[str, str], message: str = "Change") -> str:
    write_files(folder, files)
    return commit(folder, message)


def remove(folder: Path, path: str) -> str:
    (folder / path).unlink()
    return commit(folder, "Taken back")


def _is_refused(done: Pushed, bare: Path, tip: str) -> bool:
    return done.code != 0 and git(bare, "rev-parse", "main") == tip


def test_a_stage_set_by_hand_and_taken_back_is_refused_at_its_commit(
    clone: Path, bare: Path
) -> None:
    tip = git(bare, "rev-parse", "main")
    by_hand = change(clone, {PRODUCTION: alias_yaml("2")})
    remove(clone, PRODUCTION)
    done = push(clone)
    assert _is_refused(done, bare, tip), done.said
    assert f"remote: registry: main at {by_hand[:12]}: 1 file checked, 1 refused" in done.said
    assert f"{PRODUCTION}:3:10: refuse C406" in done.said
    assert "every commit of the main branch must pass the check" in done.said
    assert f"    try:      git reset --soft {tip[:12]} && git commit" in done.said
    # What it prints works: the two are nothing.
    git(clone, "reset", "-q", "--soft", tip[:12])
    change(clone, {"README.md": "Models.\n"})
    assert push(clone).code == 0


def test_a_gate_that_one_step_takes_away_still_holds_for_the_next(clone: Path, bare: Path) -> None:
    """Each step passes by the policy before it; the push as a whole is judged by what is published."""
    tip = git(bare, "rev-parse", "main")
    change(clone, {"registry.yaml": registry_yaml(stages={"production": {}})})
    change(clone, {PRODUCTION: alias_yaml("2")})
    done = push(clone)
    assert _is_refused(done, bare, tip), done.said
    assert f"{PRODUCTION}:3:10: refuse C406" in done.said


def test_a_name_given_and_taken_back_is_refused(clone: Path, bare: Path) -> None:
    tip = git(bare, "rev-parse", "main")
    files = version_files("3", artifacts=[stored_artifact(b"third")])
    change(clone, files)
    for path in files:
        (clone / path).unlink()
    gone = commit(clone, "Taken back")
    done = push(clone)
    assert _is_refused(done, bare, tip), done.said
    assert f"main at {gone[:12]}: " in done.said
    assert f"{MODEL}/versions/3/version.yaml" in done.said


def test_good_steps_go_in_and_a_name_of_the_push_is_not_given_again(
    clone: Path, bare: Path
) -> None:
    for version in ("3", "4", "5"):
        files = version_files(version, artifacts=[stored_artifact(version.encode())])
        change(clone, files)
    done = push(clone)
    assert done.code == 0, done.said
    assert "main at" not in done.said
    assert (
        not (bare / "registry-tool" / "vanished.json")
        .read_text()
        .count(git(bare, "rev-parse", "main"))
    )


@pytest.mark.parametrize(
    "brought",
    [("notes.txt", KEY, "F111"), ("notes.txt", LARGE, "F112"), (f"{MODEL}/CARD.md", LARGE, "F112")],
)
@pytest.mark.parametrize("way", ["steps", "merge", "branch", "tag", "annotated"])
def test_what_is_brought_and_deleted_in_one_push_stays_out(
    clone: Path, bare: Path, brought: tuple[str, str, str], way: str
) -> None:
    path, text, rule = brought
    before = git(bare, "for-each-ref")
    git(clone, "switch", "-q", "-c", "side")
    wrong = change(clone, {path: text})
    remove(clone, path)
    arguments = {
        "steps": ["origin", "side:main"],
        "merge": ["origin", "main"],
        "branch": ["origin", "side"],
        "tag": ["origin", "refs/tags/kept"],
        "annotated": ["origin", "refs/tags/kept"],
    }[way]
    if way == "merge":
        git(clone, "switch", "-q", "main")
        git(clone, "merge", "-q", "--no-ff", "--no-edit", "side")
    elif way == "tag":
        git(clone, "tag", "kept")
    elif way == "annotated":
        git(clone, "tag", "-a", "-m", "kept", "kept")
    done = push(clone, *arguments)
    assert done.code != 0, done.said
    assert f"refuse {rule}" in done.said
    assert path in done.said
    assert wrong[:12] in done.said
    assert git(bare, "for-each-ref") == before


@pytest.mark.parametrize("kind", ["blob", "tree"])
def test_a_tag_of_something_else_than_a_commit(clone: Path, bare: Path, kind: str) -> None:
    write_files(clone, {"notes.txt": KEY})
    git(clone, "add", "notes.txt")
    oid = git(clone, "rev-parse", ":notes.txt") if kind == "blob" else git(clone, "write-tree")
    git(clone, "tag", "-a", "-m", "kept", "kept", oid)
    done = push(clone, "origin", "refs/tags/kept")
    assert done.code != 0
    assert "pushed without a commit: 1 file checked, 1 refused" in done.said
    assert "refuse F111" in done.said
    assert git(bare, "for-each-ref", "refs/tags") == ""
    git(clone, "tag", "-f", "kept", "HEAD:models")
    done = push(clone, "origin", "refs/tags/kept")
    assert done.code == 0, done.said


def test_what_the_server_has_already_is_not_asked_about_again(clone: Path, bare: Path) -> None:
    """A branch that came in before there was this rule; to main it may not come."""
    git(clone, "switch", "-q", "-c", "side")
    change(clone, {"notes.txt": KEY})
    remove(clone, "notes.txt")
    git(bare, "config", "registry.receive.branches", "off")
    assert push(clone, "origin", "side").code == 0
    git(bare, "config", "--unset", "registry.receive.branches")
    assert push(clone, "origin", "side:other").code == 0
    git(clone, "switch", "-q", "main")
    git(clone, "merge", "-q", "--no-ff", "--no-edit", "side")
    done = push(clone)
    assert done.code != 0
    assert "main, in commits outside the first-parent line: 1 file checked, 1 refused" in done.said


def test_a_branch_of_another_kind_keeps_its_pictures(clone: Path) -> None:
    git(clone, "switch", "-q", "--orphan", "gh-pages")
    change(clone, {"index.html": LARGE})
    done = push(clone, "origin", "gh-pages")
    assert done.code == 0, done.said


def test_the_first_push_is_judged_step_by_step(
    tmp_path: Path, make_registry: Callable[..., Path]
) -> None:
    bare = new_server(tmp_path / "models.git")
    folder = make_registry({"README.md": "Soon.\n"})
    change(folder, small_registry())
    wrong = change(folder, {f"{MODEL}/aliases/staging.yaml": alias_yaml("7")})
    remove(folder, f"{MODEL}/aliases/staging.yaml")
    git(folder, "remote", "add", "origin", str(bare))
    done = push(folder, "origin", "main")
    assert done.code != 0
    assert f"main at {wrong[:12]}: 1 file checked, 1 refused" in done.said
    git(folder, "reset", "-q", "--hard", f"{wrong}^")
    change(folder, {f"{MODEL}/tags/edge.yaml": tag_yaml("2")})
    good = push(folder, "origin", "main")
    assert good.code == 0, good.said


def test_the_hook_of_a_clone_says_the_same_before_the_push(clone: Path) -> None:
    done = run_program("hooks", "install", cwd=clone)
    assert done.code == 0, done.err
    git(clone, "config", "core.hooksPath", "nowhere")  # an editor that skips the hook pre-commit
    by_hand = change(clone, {PRODUCTION: alias_yaml("2")})
    remove(clone, PRODUCTION)
    git(clone, "config", "--unset", "core.hooksPath")
    said = push(clone).said
    assert f"registry: main at {by_hand[:12]}: 1 file checked, 1 refused" in said
    assert "stopped, nothing was pushed" in said
    assert "remote:" not in said
    git(clone, "reset", "-q", "--hard", "origin/main")
    git(clone, "switch", "-q", "-c", "idea")
    git(clone, "config", "core.hooksPath", "nowhere")
    change(clone, {"notes.txt": KEY})
    remove(clone, "notes.txt")
    git(clone, "config", "--unset", "core.hooksPath")
    said = push(clone, "origin", "idea").said
    assert "refuse F111" in said
    assert "stopped, nothing was pushed" in said


@pytest.mark.parametrize("fsck", ["true", "false"])
def test_a_tree_with_two_entries_of_one_name_does_not_go_in(
    clone: Path, bare: Path, fsck: str
) -> None:
    git(bare, "config", "receive.fsckObjects", fsck)
    tip = git(bare, "rev-parse", "main")
    other = git(clone, "rev-parse", "HEAD:models/nlp")
    made = twice(clone, "models", other)
    done = push(clone, "origin", f"{made}:refs/heads/main")
    assert _is_refused(done, bare, tip), done.said
    assert ("F116" if fsck == "false" else "duplicateEntries") in done.said
    # Taken back by the next commit, it is refused all the same.
    back = commit_tree(clone, git(clone, "rev-parse", "HEAD^{tree}"), made)
    done = push(clone, "origin", f"{back}:refs/heads/main")
    assert _is_refused(done, bare, tip), done.said
    assert ("F116" if fsck == "false" else "duplicateEntries") in done.said


def test_a_tag_with_the_name_of_the_main_branch_is_refused(clone: Path, bare: Path) -> None:
    """With it, `registry list --ref main` and every program that opens `ref="main"` would be told of two meanings."""
    git(clone, "tag", "main")
    done = push(clone, "origin", "refs/tags/main")
    assert done.code != 0
    assert "refs/tags/main: this ref would make the name of the main branch ambiguous" in done.said
    assert git(bare, "tag", "--list") == ""
    git(clone, "tag", "-d", "main")
    git(clone, "tag", "v1")
    assert push(clone, "origin", "refs/tags/v1").code == 0


@pytest.mark.parametrize(
    "line", ["lang-id/\n", f"/{MODEL}/versions/2/\n", f"/{MODEL}/versions/?\n"]
)
def test_a_line_that_hides_one_model_or_version_from_dvc_is_refused(
    clone: Path, bare: Path, line: str
) -> None:
    tip = git(bare, "rev-parse", "main")
    change(clone, {".dvcignore": line})
    done = push(clone)
    assert _is_refused(done, bare, tip), done.said
    assert f".dvcignore:1:1: refuse C423 .dvcignore makes DVC ignore {MODEL}/" in done.said


@pytest.mark.parametrize("ref", ["refs/notes/commits", "refs/tags/note", "refs/pull/1/head"])
def test_a_secret_comes_in_on_no_ref_that_shares_no_history(
    clone: Path, bare: Path, ref: str
) -> None:
    (clone / "secret").write_text(KEY, encoding="ascii")
    git(clone, "notes", "add", "-F", "secret")
    done = push(clone, "--no-verify", "origin", f"refs/notes/commits:{ref}")
    assert done.code != 0
    assert "refuse F111 the file contains a private key" in done.said
    assert git(bare, "for-each-ref", ref) == ""
    git(clone, "update-ref", "-d", "refs/notes/commits")
    git(clone, "notes", "add", "-m", "Reviewed by Ada.")
    assert push(clone, "origin", f"refs/notes/commits:{ref}").code == 0


def test_a_push_that_takes_longer_than_the_server_waits_is_refused(
    clone: Path, bare: Path, tmp_path: Path
) -> None:
    """Git prepends its own folder of programs to the PATH of hooks, so a slow Git is put there."""
    programs = Path(git(clone, "--exec-path"))
    slow = tmp_path / "programs"
    slow.mkdir()
    for program in programs.iterdir():
        (slow / program.name).symlink_to(program)
    (slow / "git").unlink(missing_ok=True)
    (slow / "git").write_text(
        "#!/bin/sh\n"
        '[ -z "$GIT_QUARANTINE_PATH" ] || case " $* " in *" cat-file "*) exec sleep 60 ;; esac\n'
        f'exec "{programs}/git" "$@"\n'
    )
    (slow / "git").chmod(0o755)
    git(bare, "config", "registry.receive.timeLimit", "2")
    tip = git(bare, "rev-parse", "main")
    change(clone, {"README.md": "Models.\n"})
    done = subprocess.run(
        ["git", "push"],
        cwd=clone, env={**os.environ, "GIT_EXEC_PATH": str(slow)}, timeout=100, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert _is_refused(Pushed(done.returncode, done.stdout), bare, tip), done.stdout
    assert "checking the push took longer than 2 seconds" in done.stdout
    assert "git config registry.receive.timeLimit 8" in done.stdout
    git(bare, "config", "registry.receive.timeLimit", "600")
    assert push(clone).code == 0
