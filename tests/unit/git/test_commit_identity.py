"""A commit written without Git's program is the one Git's program writes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support import git, new_repository, run_git

from registry_tool.git.command import Git
from registry_tool.git.commit import build_commit, configured_identity

_TIMES = re.compile(rb"> [0-9]+ ")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "r", {"x": "1"})


def opened(folder: Path) -> Git:
    return Git(folder / ".git", folder)


def by_git(folder: Path, tree: str, parent: str, message: str) -> bytes:
    oid = run_git(folder, "commit-tree", "-p", parent, "-F", "-", tree, stdin=message.encode())
    return run_git(folder, "cat-file", "commit", oid.decode().strip())


@pytest.mark.parametrize("message", ["Add 4", "Add 4\n", "Ünï: 模型\n\nBody\n", "# no comment"])
def test_it_is_what_git_writes(message: str, repository: Path) -> None:
    tree, parent = git(repository, "rev-parse", "HEAD^{tree}"), git(repository, "rev-parse", "HEAD")
    raw = build_commit(opened(repository), tree, parent, message)
    assert raw is not None
    wanted = by_git(repository, tree, parent, message)
    assert _TIMES.sub(b"> T ", raw) == _TIMES.sub(b"> T ", wanted)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GIT_AUTHOR_DATE", "2020-01-01T00:00:00Z"),
        ("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z"),
        ("GIT_AUTHOR_NAME", " padded "),
        ("GIT_AUTHOR_NAME", "a <b"),
        ("GIT_COMMITTER_EMAIL", "<x@example.org>"),
        ("GIT_AUTHOR_NAME", "two\nlines"),
    ],
)
def test_what_is_unusual_is_left_to_git(
    variable: str, value: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    tree = git(repository, "rev-parse", "HEAD^{tree}")
    assert build_commit(opened(repository), tree, None, "x") is None


def test_an_encoding_is_left_to_git(repository: Path) -> None:
    git(repository, "config", "i18n.commitEncoding", "latin1")
    tree = git(repository, "rev-parse", "HEAD^{tree}")
    assert build_commit(opened(repository), tree, None, "x") is None


@pytest.mark.parametrize(
    "settings",
    [
        {"user.name": "One", "user.email": "one@example.org"},
        {"user.name": "One", "user.email": "one@example.org", "author.name": "Two"},
        {"user.name": "One", "committer.email": "three@example.org", "user.email": "a@example.org"},
    ],
)
def test_people_are_those_git_names(
    settings: dict[str, str], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    for key, value in settings.items():
        git(repository, "config", key, value)
    for role in ("author", "committer"):
        said = git(repository, "var", f"GIT_{role.upper()}_IDENT")
        assert configured_identity(opened(repository), role) == said.rsplit(" ", 2)[0]


def test_nobody_is_nobody(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_AUTHOR_NAME")
    assert configured_identity(opened(repository), "author") is None
    done = subprocess.run(["git", "fsck", "--strict"], cwd=repository, check=False)
    assert done.returncode == 0
