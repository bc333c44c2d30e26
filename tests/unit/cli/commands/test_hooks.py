"""``registry hooks``: in clones, on servers, and as Git calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, run_program
from support.manifests import small_registry

Run = Callable[..., Ran]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "--bare", "--initial-branch=main", "models.git")
    return tmp_path / "models.git"


def test_a_server_is_set_up_and_looked_at(cli: Run, bare: Path, tmp_path: Path) -> None:
    before = cli("hooks", "status", "--server", "models.git", cwd=tmp_path)
    assert before.code == 1
    assert f"{bare}/hooks/pre-receive: missing\n" in before.out
    assert "receive.fsckObjects: not set, so Git accepts malformed objects" in before.out
    assert f"    try:      git -C {bare} config receive.fsckObjects true" in before.out
    made = cli("hooks", "install", "--server", "models.git", cwd=tmp_path)
    assert made.code == 0
    assert f"{bare}/hooks/pre-receive: installed" in made.out
    assert "guards main: HEAD of" in made.out
    assert "git config receive.fsckObjects true: set" in made.out
    after = cli("hooks", "status", "--server", str(bare), cwd=tmp_path)
    assert (after.code, after.out) == (0, f"{bare}/hooks/pre-receive: installed\n")
    script = bare / "hooks/pre-receive"
    script.write_text(script.read_text() + "exit 0\n")
    edited = cli("hooks", "status", "--server", str(bare), cwd=tmp_path)
    assert edited.code == 1
    assert "differs from what this release writes" in edited.out
    mended = cli("hooks", "install", "--server", str(bare), cwd=tmp_path)
    assert "had been edited, and was restored" in mended.out


def test_a_clone_is_looked_at(cli: Run, make_registry: Callable[..., Path]) -> None:
    folder = make_registry(small_registry())
    assert cli("hooks", "status", cwd=folder).code == 1
    assert cli("hooks", "install", cwd=folder).code == 0
    assert cli("hooks", "status", cwd=folder).out.count("installed") == 3


def test_a_head_that_names_no_branch_there_is_said(
    cli: Run, bare: Path, make_registry: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_registry(small_registry())
    git(folder, "push", "-q", str(bare), "main:trunk")
    made = cli("hooks", "install", "--server", str(bare), cwd=tmp_path)
    assert made.code == 0
    assert "git symbolic-ref HEAD refs/heads/NAME" in made.err


def test_a_folder_inside_a_repository_is_not_it(cli: Run, bare: Path, tmp_path: Path) -> None:
    for wrong in ("models.git/refs", "models.gti", ".", "/dev/null"):
        done = cli("hooks", "install", "--server", wrong, cwd=tmp_path)
        assert done.code == 2
        assert "is not a Git repository" in done.err
        assert "git init --bare" in done.err
    assert not (bare / "hooks/pre-receive").exists()


def test_what_git_calls_is_not_listed(cli: Run, tmp_path: Path) -> None:
    shown = cli("hooks", "--help", cwd=tmp_path).out
    assert "install" in shown
    assert "receive" not in shown.split("Commands:")[1]
    assert "Commands: install, status." in cli("hooks", "remove", cwd=tmp_path).err


def test_what_only_git_calls_says_so(tmp_path: Path) -> None:
    for command in (["receive"], ["send", "--", "origin"]):
        done = run_program("hooks", *command, cwd=tmp_path)
        assert done.code not in (0, 1)
        assert "registry: the push cannot be checked, so it is refused" in done.err
        assert "Traceback" not in done.err


def test_garbage_on_standard_input_refuses(bare: Path) -> None:
    here = {"GIT_DIR": str(bare)}
    for data in (b"main", b"a b refs/heads/main\n", b"\xff\xff\n"):
        done = run_program("hooks", "receive", cwd=bare, env=here, stdin=data)
        assert done.code == 2
        assert "so it is refused" in done.err
    nothing = run_program("hooks", "receive", cwd=bare, env=here)
    assert (nothing.code, nothing.err) == (0, "")


def test_objects_that_are_not_there_refuse(bare: Path) -> None:
    line = f"{'0' * 40} {'a' * 40} refs/heads/main\n".encode()
    done = run_program("hooks", "receive", cwd=bare, env={"GIT_DIR": str(bare)}, stdin=line)
    assert done.code == 1
    assert "registry: main: aaaaaaaaaaaa is nothing, not a commit" in done.err
