"""Commits as pages show them: one that was just made, and those that another user made in between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from registry_tool.api.registry import Registry
from registry_tool.errors import GitError, NotFoundError
from registry_tool.git.command import Git

__all__ = ["CommitView", "is_commit_id", "list_commits_of", "view_commit"]

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FORMAT = "--format=%H%x00%an%x00%cI%x00%s"
_SEPARATORS = _FORMAT.count("%x00")
_MOST = 5


@dataclass(frozen=True)
class CommitView:
    """A commit.

    Attributes:
        commit: The full id.
        author: Its author's name.
        at: When, RFC 3339.
        message: The first line.
        paths: The files that it changes.
    """

    commit: str
    author: str
    at: str
    message: str
    paths: tuple[str, ...] = ()


def _log(git: Git, *arguments: str) -> list[CommitView]:
    said = git.run("log", "--no-show-signature", "--no-color", _FORMAT, *arguments)
    found = []
    for line in said.decode("utf-8", "replace").split("\n"):
        if line.count("\0") == _SEPARATORS:
            commit, author, at, message = line.split("\0")
            found.append(CommitView(commit, author, at, message))
    return found


def is_commit_id(text: str) -> bool:
    """True for the full id of a commit, of whatever repository."""
    return _ID.fullmatch(text) is not None


def view_commit(registry: Registry, commit: str) -> CommitView:
    """A commit of the registry, with its files.

    Raises:
        NotFoundError: There is no such commit.
    """
    git = registry.repository.git
    if not is_commit_id(commit):
        raise NotFoundError("this is not a commit")
    try:
        head = _log(git, "-1", commit)[0]
        names = git.run(
            "diff-tree", "-r", "-m", "--first-parent", "--no-commit-id", "--name-only", "-z", "--root", commit,
        ).decode("utf-8", "replace")  # fmt: skip
    except GitError as exc:
        raise NotFoundError(f"the registry has no commit {commit[:12]}") from exc
    return replace(head, paths=tuple(filter(None, names.split("\0"))))


def list_commits_of(
    registry: Registry, since: str, tip: str, paths: Sequence[str]
) -> list[CommitView]:
    """The newest commits after one up to another that change some files; at most five."""
    git = registry.repository.git
    if not (is_commit_id(since) and is_commit_id(tip)):
        return []
    try:
        return _log(git, f"-{_MOST}", f"{since}..{tip}", "--", *paths)
    except GitError:
        return []  # the branch was rewound
